//! Where consumers of the log stand, and the index of what they could not use.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{AuditRecord, DeadLetter, Offset, Partition, Position, Topic};
use serde::{Deserialize, Serialize};

/// What a consumer did with its records: `accepted = stored + dead_lettered + duplicates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Records taken from the log.
    pub accepted: u64,
    /// Records with an effect.
    pub stored: u64,
    /// Records that could not be used.
    pub dead_lettered: u64,
    /// Records whose effect was there already.
    pub duplicates: u64,
}

/// Where a consumer stands in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerPosition {
    /// The consumer, such as `triage`.
    pub consumer: String,
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: Partition,
    /// The first offset that it has not used.
    pub next: Offset,
    /// Since it began.
    pub counters: Counters,
}

/// Reads positions.
#[async_trait]
pub trait ReadPositions: Send {
    /// Where the consumer stands; `None` if it never moved.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(
        &mut self,
        consumer: &str,
        topic: Topic,
        partition: Partition,
    ) -> Result<Option<ConsumerPosition>, StoreError>;

    /// All consumers, by name, topic and partition.
    ///
    /// # Errors
    /// As all reads.
    async fn list(&mut self) -> Result<Vec<ConsumerPosition>, StoreError>;
}

/// Moves positions.
#[async_trait]
pub trait Positions: ReadPositions {
    /// Moves a consumer from `from` to `next` and adds to its counters, in the transaction of the effect.
    ///
    /// It is a fence besides: a second copy of the consumer that read the same records stands elsewhere by
    /// now, is refused, and its effects with it. A consumer that is not known yet may start anywhere.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the offset where it stands.
    async fn advance(
        &mut self,
        consumer: &str,
        topic: Topic,
        partition: Partition,
        (from, next): (Offset, Offset),
        counted: Counters,
    ) -> Result<(), StoreError>;
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterStatus {
    /// Nobody has looked.
    Open,
    /// Driven again; refused once more, it is open again.
    Retried,
    /// Done with.
    Resolved,
}

impl DeadLetterStatus {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Retried => "retried",
            Self::Resolved => "resolved",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Retried, Self::Resolved].into_iter().find(|s| s.as_str() == name)
    }
}

/// A dead letter with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterRow {
    /// The letter, named by the position of its raw record.
    pub letter: DeadLetter,
    /// Where the data must be kept.
    pub region: String,
    /// What became of it.
    pub status: DeadLetterStatus,
    /// How often the record was refused.
    pub refused: u64,
    /// When anything about it last changed, milliseconds since the epoch.
    pub updated_at_ms: i64,
}

/// Which dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterFilter {
    /// In this status.
    pub status: Option<DeadLetterStatus>,
    /// Of this source.
    pub source: Option<String>,
    /// With this code.
    pub code: Option<String>,
}

/// Reads dead letters.
#[async_trait]
pub trait ReadDeadLetters: Send {
    /// The dead letter of this raw record.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, raw: Position) -> Result<Option<DeadLetterRow>, StoreError>;

    /// Dead letters, the latest refused first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(
        &mut self,
        filter: &DeadLetterFilter,
        page: &PageRequest,
    ) -> Result<Page<DeadLetterRow>, StoreError>;

    /// How many are in each status; those without any are left out.
    ///
    /// # Errors
    /// As all reads.
    async fn count_by_status(&mut self) -> Result<Vec<(DeadLetterStatus, u64)>, StoreError>;
}

/// Changes dead letters.
#[async_trait]
pub trait DeadLetters: ReadDeadLetters {
    /// Notes refused records, by the position of the raw record. The same refusal (same time) again changes
    /// nothing; a later one opens the letter again with the new reason.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn record(&mut self, letters: &[DeadLetter], region: &str) -> Result<(), StoreError>;

    /// Sets what became of it. The audit record is about the position's text (`raw/0/42`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn set_status(
        &mut self,
        raw: Position,
        status: DeadLetterStatus,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;
}
