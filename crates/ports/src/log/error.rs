//! What can go wrong on the log.

use model::{Offset, Partition, Topic};
use std::path::PathBuf;
use std::sync::Arc;

/// Why the log did not do what it was asked. Cheap to clone: one failed fsync answers many senders.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// No space for the records; nothing of them was kept. At the HTTP edge: 503.
    #[error("the disk of the log is full; free space or lower its retention, then send again")]
    DiskFull,
    /// Too many bytes wait to become durable; nothing was kept. At the HTTP edge: 429 with Retry-After.
    #[error("the log is behind its disk; send again in {retry_after_ms} ms")]
    Overloaded {
        /// An estimate of when there is room again.
        retry_after_ms: u64,
    },
    /// An fsync failed, now or earlier; the partition takes no more appends until the log is reopened.
    #[error(
        "an fsync of {topic}/{} failed; what was acknowledged is safe, but nothing more can be \
         appended until the disk is checked and the process restarted",
        partition.0
    )]
    Poisoned {
        /// Of the poisoned partition.
        topic: Topic,
        /// The poisoned partition.
        partition: Partition,
    },
    /// The offset was removed by retention.
    #[error("records before offset {} were removed by retention; go on from there", start.0)]
    Trimmed {
        /// The oldest offset that can be read.
        start: Offset,
    },
    /// The offset lies past the end.
    #[error("the partition ends at offset {}, before the offset asked for", end.0)]
    Ahead {
        /// The offset that the next record will get.
        end: Offset,
    },
    /// One record, or all of one batch, is over the limit; nothing was kept. At the HTTP edge: 413.
    #[error("{bytes} bytes in one record or batch, the limit is {bytes_max}")]
    TooLarge {
        /// What was given.
        bytes: usize,
        /// [`RECORD_BYTES_MAX`](crate::log::RECORD_BYTES_MAX) or
        /// [`BATCH_BYTES_MAX`](crate::log::BATCH_BYTES_MAX).
        bytes_max: usize,
    },
    /// The topic has fewer partitions than that.
    #[error("topic {topic} has no partition {}", partition.0)]
    NoSuchPartition {
        /// Of the partition asked for.
        topic: Topic,
        /// What was asked for.
        partition: Partition,
    },
    /// A commit by a group that never registered.
    #[error("consumer group {group} is not registered on this partition; register it first")]
    NoSuchConsumer {
        /// The name given.
        group: String,
    },
    /// The name of a consumer group is not 1 to 64 of `a-z0-9_-`.
    #[error("consumer group {group:?}: use 1 to 64 characters of a-z, 0-9, _ and -")]
    BadGroupName {
        /// The name given, cut to the length allowed.
        group: String,
    },
    /// Stored bytes are damaged in a way that no crash explains. The log never repairs this by itself.
    #[error(
        "{} is damaged at byte {at_bytes}: {reason}; restore it from a replica or backup \
         (the log does not drop acknowledged records by itself)",
        file.display()
    )]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in it.
        at_bytes: u64,
        /// What does not fit.
        reason: String,
    },
    /// Another process has the log open.
    #[error("{} is in use by another process; stop it, or give this one another folder", dir.display())]
    Locked {
        /// The folder of the log.
        dir: PathBuf,
    },
    /// The options given cannot work.
    #[error("log options: {reason}")]
    BadOptions {
        /// What to change.
        reason: String,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// The operating system or the network refused. The records may or may not be there.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The cause.
        source: Arc<std::io::Error>,
    },
}

impl LogError {
    /// An [`LogError::Io`] with its context.
    pub fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { doing: doing.into(), source: Arc::new(source) }
    }
}
