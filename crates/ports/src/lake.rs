//! The lake: every event, for years, as columns that a query can filter on, with the untouched record.
//!
//! One capability, one promise, one conformance suite ([`conformance`]) that every backend runs.

pub mod conformance;

use model::{ColumnValues, Enrichment, EventId, Offset, Partition, RawRecord};
use std::fmt;
use std::sync::Arc;

/// One event as the lake keeps it, borrowed while it is written.
///
/// The OCSF event as a whole and what the mapping left over (`unmapped`) are not kept: both are computed from
/// `record` when they are read.
#[derive(Debug, Clone, Copy)]
pub struct LakeRow<'a> {
    /// Where its raw record stands in the partition.
    pub offset: Offset,
    /// Its derived identity.
    pub event_id: EventId,
    /// OCSF `time`, milliseconds since the epoch.
    pub time_ms: i64,
    /// OCSF `class_uid`.
    pub class_uid: u32,
    /// The promoted values.
    pub columns: &'a ColumnValues,
    /// What the enrich pass knew.
    pub enrichment: Enrichment<'a>,
    /// The record as it came, UTF-8.
    pub record: RawRecord<'a>,
}

/// What a lake is asked to remove: events of a class older than a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// OCSF class; `None` is every class that no other rule names.
    pub class_uid: Option<u32>,
    /// Kept for so long after OCSF `time`, in milliseconds. Removed in whole days (UTC), not before.
    pub age_ms_max: i64,
}

/// What one run of [`Lake::maintain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Small files that were merged away.
    pub files_merged: u64,
    /// Files that were removed because all their events were too old.
    pub files_expired: u64,
    /// Events in them.
    pub events_expired: u64,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LakeSize {
    /// Listed files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events in them.
    pub events: u64,
    /// Events that are not in a file yet.
    pub fresh_events: u64,
}

/// Why the lake did not do what it was asked. Cheap to clone.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// No space. Nothing is lost: the events stay on the log, and the writer tries again.
    #[error("the disk of the lake is full; free space or lower its retention")]
    DiskFull,
    /// Too much waits to be written; the writer must wait. Nothing was taken.
    #[error("the lake is behind its disk; try again in {retry_after_ms} ms")]
    Behind {
        /// An estimate of when there is room again.
        retry_after_ms: u64,
    },
    /// A batch does not begin where the last one ended.
    #[error("partition {partition}: a batch from record {from} was given, the next is {next}")]
    OutOfOrder {
        /// The partition.
        partition: u32,
        /// Where the batch begins.
        from: u64,
        /// Where it should.
        next: u64,
    },
    /// Stored bytes are damaged. The lake never drops what is listed by itself.
    #[error("{file} is damaged: {reason}; restore it from a backup, or let the log be read again")]
    Corrupt {
        /// The damaged file, below the lake's folder.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// Another process has the lake open.
    #[error("the lake in {dir} is in use by another process")]
    Locked {
        /// The folder.
        dir: String,
    },
    /// The operating system or the network refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The cause.
        source: Arc<std::io::Error>,
    },
    /// The lake was closed.
    #[error("the lake is closed")]
    Closed,
}

/// The lake.
///
/// # The promise
///
/// - **The position is the manifest's last row.** [`position`](Lake::position) of a partition of `[raw]` is the
///   offset after the last event that is durable in a listed file. A row of the manifest (offset range, file
///   and its hash) is written only after file and folder are durable; **a file that is not listed is
///   garbage** and is removed when the lake is opened. So after any crash the writer re-reads `[raw]` from the
///   position and the lake holds each event exactly once: none lost, none twice.
/// - **Fresh events are visible.** What [`LakeWriter::commit`] took is in the next snapshot of a reader, whether
///   or not it is in a file yet.
/// - **A reader's snapshot does not move.** Files that are merged or expired meanwhile stay readable until the
///   last snapshot that holds them is dropped.
/// - **Merging changes no event.** It moves events into fewer, sorted files by region, day and class; the
///   manifest exchanges the files in one row.
/// - **Regions do not mix.** No file holds events of two regions.
/// - **Memory is bounded.** Past the limit of bytes that wait, [`LakeWriter::commit`] answers
///   [`Behind`](LakeError::Behind); the log keeps what waits.
///
/// Calls may block the thread for disk work; they are made from worker threads.
pub trait Lake: Send + Sync + fmt::Debug {
    /// Where the writer of this partition of `[raw]` must go on after a restart: zero for a new lake.
    fn position(&self, partition: Partition) -> Offset;

    /// The one writer of a partition. Take [`position`](Self::position) after it: what an earlier writer committed
    /// is made durable first, or if that fails forgotten, so that the new one goes on at the position. The earlier
    /// one gets [`LakeError::OutOfOrder`] or [`LakeError::Closed`] from then on.
    ///
    /// # Errors
    /// [`LakeError::Closed`].
    fn writer(&self, partition: Partition) -> Result<Box<dyn LakeWriter>, LakeError>;

    /// Makes everything durable that was committed.
    ///
    /// # Errors
    /// [`LakeError::DiskFull`], [`LakeError::Io`]: what was not written waits, and is tried again.
    fn flush(&self) -> Result<(), LakeError>;

    /// Writes what waited long enough, merges small files and applies retention; called every second or so.
    /// Bounded work a call.
    ///
    /// # Errors
    /// The first error met; safe to call again.
    fn maintain(&self, now_ms: i64, retention: &[RetentionRule]) -> Result<Maintained, LakeError>;

    /// How much is kept.
    fn size(&self) -> LakeSize;

    /// Flushes and refuses all further writes.
    ///
    /// # Errors
    /// As [`flush`](Lake::flush).
    fn close(&self) -> Result<(), LakeError>;
}

/// Writes the events of one partition, in the order of their offsets.
pub trait LakeWriter: Send {
    /// Adds an event to the batch that is being made. It is not visible yet.
    fn push(&mut self, row: &LakeRow<'_>);

    /// Takes the batch: it covers the offsets `from..next`, of which those that gave no event (dead letters,
    /// redeliveries) have no row. The batch is then visible, and durable some time later.
    ///
    /// # Errors
    /// [`LakeError::OutOfOrder`] if `from` is before where the last batch ended (at first: the position); it is
    /// after that only where retention took records from the log before the lake got them;
    /// [`LakeError::Behind`] or [`LakeError::DiskFull`] when there is no room: the batch is kept, and the same
    /// call can be made again. Other errors: the batch is dropped.
    fn commit(&mut self, from: Offset, next: Offset, now_ms: i64) -> Result<(), LakeError>;

    /// Drops the batch that is being made.
    fn discard(&mut self);
}
