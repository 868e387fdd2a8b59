//! Who may answer for whom.

use super::StoreError;
use async_trait::async_trait;
use model::{AuditRecord, Delegation, DelegationId};

/// Most delegations of one person that count at a time; further ones are refused.
pub const DELEGATIONS_MAX: u32 = 20;

/// Reads delegations.
#[async_trait]
pub trait ReadDelegations: Send {
    /// The delegation.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: DelegationId) -> Result<Option<Delegation>, StoreError>;

    /// Those that this person has given or been given and that count at `now_ms`, the one that ends last first.
    ///
    /// # Errors
    /// As all reads.
    async fn of_person(&mut self, person: &str, now_ms: i64) -> Result<Vec<Delegation>, StoreError>;
}

/// Changes delegations. Audit records are about the delegation's id.
#[async_trait]
pub trait Delegations: ReadDelegations {
    /// Adds one.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::AuditMismatch`]; [`StoreError::BadQuery`] past [`DELEGATIONS_MAX`] of one
    /// person that count when it is given.
    async fn add(&mut self, delegation: &Delegation, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Takes one back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for one that is not there or was taken back, [`StoreError::AuditMismatch`].
    async fn end(&mut self, id: DelegationId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError>;
}
