//! What happened: the feed of changes, answers kept for repeated requests.

use super::StoreError;
use async_trait::async_trait;
use model::IncidentId;
use serde::{Deserialize, Serialize};

/// The number of a change: grows with each, in the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeSeq(pub u64);

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// A finding was stored.
    #[serde(rename = "finding.added")]
    FindingAdded,
    /// An incident was opened.
    #[serde(rename = "incident.opened")]
    IncidentOpened,
    /// An incident's fields changed, by machine or person.
    #[serde(rename = "incident.updated")]
    IncidentUpdated,
    /// An incident was merged into another.
    #[serde(rename = "incident.merged")]
    IncidentMerged,
    /// A comment was added.
    #[serde(rename = "comment.added")]
    CommentAdded,
    /// A containment for an incident was asked for, or went on.
    #[serde(rename = "containment.changed")]
    ContainmentChanged,
    /// A run for an incident began, or went on.
    #[serde(rename = "run.changed")]
    RunChanged,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [ChangeKind; 7] = [
        Self::FindingAdded,
        Self::IncidentOpened,
        Self::IncidentUpdated,
        Self::IncidentMerged,
        Self::CommentAdded,
        Self::ContainmentChanged,
        Self::RunChanged,
    ];

    /// The name in the API; the SSE event type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FindingAdded => "finding.added",
            Self::IncidentOpened => "incident.opened",
            Self::IncidentUpdated => "incident.updated",
            Self::IncidentMerged => "incident.merged",
            Self::CommentAdded => "comment.added",
            Self::ContainmentChanged => "containment.changed",
            Self::RunChanged => "run.changed",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == name)
    }
}

/// One change: what to read anew, not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its number; the SSE event id.
    pub seq: ChangeSeq,
    /// What changed.
    pub kind: ChangeKind,
    /// The id of what changed, in its text form.
    pub object: String,
    /// The incident concerned.
    pub incident: IncidentId,
    /// Where the data must be kept.
    pub region: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

/// Reads the feed of changes.
#[async_trait]
pub trait ReadChanges: Send {
    /// At most `items_max` changes after `after`, in order.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn after(&mut self, after: ChangeSeq, items_max: u32) -> Result<Vec<Change>, StoreError>;

    /// The numbers of the oldest change kept and of the newest; `None` before the first. A client that comes
    /// back with a number before the oldest has missed some and must load anew.
    ///
    /// # Errors
    /// As all reads.
    async fn bounds(&mut self) -> Result<Option<(ChangeSeq, ChangeSeq)>, StoreError>;
}

/// Keeps the feed short. Changes are written by the methods that make them.
#[async_trait]
pub trait Changes: ReadChanges {
    /// Forgets all but the newest `keep` changes; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn prune(&mut self, keep: u64) -> Result<u64, StoreError>;
}

/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The answer to a request that carried an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// SHA-256 of method, path and body: the same key with another request is a mistake of the client.
    pub request_sha256: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// When it may be forgotten, milliseconds since the epoch.
    pub expires_at_ms: i64,
}

/// Reads stored answers.
#[async_trait]
pub trait ReadIdempotency: Send {
    /// The answer given to this principal (the id of its token) for this key, unless it expired.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(
        &mut self,
        principal: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<StoredResponse>, StoreError>;
}

/// Stores answers, in the transaction of the change they answer.
#[async_trait]
pub trait Idempotency: ReadIdempotency {
    /// Stores an answer; an expired one of the same key is replaced.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::BadQuery`] for a key that is empty or too long.
    async fn put(
        &mut self,
        principal: &str,
        key: &str,
        response: &StoredResponse,
        now_ms: i64,
    ) -> Result<(), StoreError>;

    /// Forgets at most `items_max` expired answers; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn expire(&mut self, now_ms: i64, items_max: u32) -> Result<u64, StoreError>;
}
