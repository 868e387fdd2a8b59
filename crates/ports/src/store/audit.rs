//! Audit records: who did what. Each has its number and its leaf from the transaction that made it.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{AuditEntry, AuditField, AuditId, AuditRecord, Hash};

/// Which audit records; all that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// About this object.
    pub object: Option<String>,
    /// By this principal, by [`model::Principal::name`].
    pub principal: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Not before this time, milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// Before this time, milliseconds since the epoch.
    pub until_ms: Option<i64>,
}

/// An entry with the leaf hash that was stored beside it. They fit unless someone changed one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry.
    pub entry: AuditEntry,
    /// The hash as it was stored.
    pub leaf_hash: Hash,
}

/// Reads audit records.
#[async_trait]
pub trait ReadAudit: Send {
    /// The record.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: AuditId) -> Result<Option<AuditRecord>, StoreError>;

    /// Records, the newest first. A time range costs no more than its ends, a page no more than its items.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError>;

    /// How many records there are; the next one gets this number.
    ///
    /// # Errors
    /// As all reads.
    async fn count(&mut self) -> Result<u64, StoreError>;

    /// At most `items_max` entries from number `from` on, in order. Of a store that nobody tampered with they
    /// have no gap.
    ///
    /// # Errors
    /// As all reads.
    async fn entries(&mut self, from: u64, items_max: u32) -> Result<Vec<StoredEntry>, StoreError>;

    /// The entry of that record.
    ///
    /// # Errors
    /// As all reads.
    async fn entry(&mut self, id: AuditId) -> Result<Option<StoredEntry>, StoreError>;
}

/// Writes audit records of what changes outside the store; changes inside take theirs along.
#[async_trait]
pub trait Audit: ReadAudit {
    /// Adds a record: gives it the next number, a time not before that of the record before, and its leaf.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; [`StoreError::BadQuery`] for an action that is empty or longer than
    /// [`model::ACTION_BYTES_MAX`].
    async fn add(&mut self, record: &AuditRecord) -> Result<(), StoreError>;

    /// Drops values and salts of these fields of a record, for ever; returns how many there were to drop. The
    /// leaf stays what it was. `audit` is the record of the erasure: its object is the record's id, its
    /// `after` names the fields, so that a verifier can tell an erasure from a theft.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`]; [`StoreError::BadQuery`] for the object and the
    /// fields that a record of an erasure names.
    async fn erase(
        &mut self,
        id: AuditId,
        fields: &[AuditField],
        audit: &AuditRecord,
    ) -> Result<u32, StoreError>;
}

/// The action of the record of an erasure; what such a record names cannot be erased.
pub const ERASE_ACTION: &str = "audit.erase";
