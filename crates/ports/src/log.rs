//! The durable log: topics of dense, numbered, opaque records, split into partitions.
//!
//! One capability, one promise, one conformance suite ([`conformance`]) that every backend runs.

pub mod conformance;
mod error;
mod records;

pub use error::LogError;
pub use records::{BATCH_BYTES_MAX, RECORD_BYTES_MAX, RECORD_OVERHEAD_BYTES, RecordBatch, Records};

use async_trait::async_trait;
use model::{Offset, Partition, Topic};

/// Longest name of a consumer group, in bytes.
pub const GROUP_NAME_BYTES_MAX: usize = 64;

/// What a partition holds: every offset in `start..end` can be read, and nothing else can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest record still kept.
    pub start: Offset,
    /// One past the newest durable record; the offset the next record will get.
    pub end: Offset,
}

impl Bounds {
    /// How many records the partition holds.
    pub const fn records(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }
}

/// What one run of [`Log::retain`] removed, over all topics and partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Whole segments deleted.
    pub segments_deleted: u64,
    /// Bytes given back to the disk.
    pub bytes_deleted: u64,
}

/// The durable log.
///
/// # The promise
///
/// - **Acknowledged** means: [`append`](Log::append) returned `Ok`. From that moment every record of
///   the batch survives the death of the process, of the kernel and of the power supply, as long as
///   the storage keeps what it confirmed to `fdatasync` (for a replicated backend: as long as the
///   quorum does). An acknowledged record is given back byte for byte, at the offset that was
///   returned, until retention removes it. It is never removed otherwise.
/// - **Readers see only durable records.** [`read`](Log::read), [`bounds`](Log::bounds) and
///   [`wait_for`](Log::wait_for) never show a record that a power cut could still take back. What was
///   read once can be read again.
/// - **Offsets are dense**: the records of a partition are numbered 0, 1, 2, … without a gap, in the
///   order in which they were made durable, and a number is never given twice. The records of one
///   batch stand next to each other, in order.
/// - **Not acknowledged** (an error, a future dropped before it resolved, a crash) means *unknown*,
///   not *absent*: none, some leading records, or all of the batch may be found later, each whole,
///   never torn, never altered. A sender that sends again must expect duplicates, which the consumer
///   recognises by identity. Only these errors promise that nothing of the batch is or will be on the
///   log: [`DiskFull`](LogError::DiskFull), [`Overloaded`](LogError::Overloaded),
///   [`TooLarge`](LogError::TooLarge), [`NoSuchPartition`](LogError::NoSuchPartition).
/// - **A failed fsync is never retried.** After one, the kernel may have thrown the unwritten pages
///   away and call the next fsync a success. The partition is poisoned: the waiting senders and all
///   later ones get [`Poisoned`](LogError::Poisoned), readers go on with what was durable before, and
///   appends work again only after the log was opened anew and its tail was checked.
/// - **Damage is never silent.** Unacknowledged remains of a crash are cut from the tail when the log
///   is opened. Damage that can be told from such remains is an error that names file and byte, when
///   opening or when reading; it is not skipped.
/// - **Retention never passes the slowest registered consumer**, whatever the limits of size and age.
/// - **Memory is bounded.** Past the limit of bytes in flight, appends are refused at once with
///   [`Overloaded`](LogError::Overloaded); they do not queue.
///
/// Implementations are shared as `Arc<dyn Log>`. Futures may be dropped at any time.
#[async_trait]
pub trait Log: Send + Sync {
    /// How many partitions `topic` has: they are numbered `0..partitions`. Never zero, never shrinks.
    fn partitions(&self, topic: Topic) -> u32;

    /// Appends `batch` and resolves when it is durable, with the offset of its first record; the
    /// record at index `i` has the offset `first + i`. An empty batch resolves at once with the end.
    ///
    /// `appended_at_ms` is the caller's clock (Unix, milliseconds); retention by age compares it.
    ///
    /// # Errors
    /// Any of [`LogError`] except `Trimmed`, `Ahead` and those on consumers; see *the promise* for what
    /// an error says about the records.
    async fn append(
        &self,
        topic: Topic,
        partition: Partition,
        batch: RecordBatch,
        appended_at_ms: i64,
    ) -> Result<Offset, LogError>;

    /// Reads records from `from` on: at least one if there is one, and then as many as are at hand
    /// while their sum stays within `bytes_max`. Empty if and only if `from` is the end.
    ///
    /// The embedded backend may block the thread for one disk read of about `bytes_max` bytes.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] below the start, [`LogError::Ahead`] past the end,
    /// [`LogError::Corrupt`] where stored bytes do not match their checksum.
    async fn read(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Records, LogError>;

    /// The offsets that can be read now.
    ///
    /// # Errors
    /// [`LogError::NoSuchPartition`]; a remote backend also [`LogError::Io`].
    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, LogError>;

    /// Sleeps until the record at `offset` is durable, and returns the end then.
    ///
    /// # Errors
    /// [`LogError::Closed`] or [`LogError::Poisoned`] when that record can no longer come.
    async fn wait_for(&self, topic: Topic, partition: Partition, offset: Offset) -> Result<Offset, LogError>;

    /// Makes `group` a registered consumer of the partition, durably, and returns where it goes on:
    /// its last commit, or the start of the partition if it is new.
    ///
    /// From then on retention keeps every record at or after the group's commit.
    ///
    /// # Errors
    /// [`LogError::BadGroupName`] unless the name is 1 to [`GROUP_NAME_BYTES_MAX`] of `a-z0-9_-`.
    async fn register(&self, group: &str, topic: Topic, partition: Partition) -> Result<Offset, LogError>;

    /// Says that `group` no longer needs any record before `next`; durable when it returns.
    ///
    /// A consumer whose position lives with its effect commits here rarely (each commit is an fsync of
    /// its own): this is the floor of retention, not the consumer's memory. A commit may go back, as
    /// far as the start, to replay.
    ///
    /// # Errors
    /// [`LogError::NoSuchConsumer`] if it never registered, [`LogError::Trimmed`] below the start,
    /// [`LogError::Ahead`] past the end.
    async fn commit(
        &self,
        group: &str,
        topic: Topic,
        partition: Partition,
        next: Offset,
    ) -> Result<(), LogError>;

    /// The last commit of `group`, or `None` if it is not registered.
    ///
    /// # Errors
    /// [`LogError::NoSuchPartition`]; a remote backend also [`LogError::Io`].
    async fn committed(
        &self,
        group: &str,
        topic: Topic,
        partition: Partition,
    ) -> Result<Option<Offset>, LogError>;

    /// Forgets `group`: it no longer holds back retention. Does nothing if it is not registered.
    ///
    /// # Errors
    /// As [`register`](Log::register).
    async fn unregister(&self, group: &str, topic: Topic, partition: Partition) -> Result<(), LogError>;

    /// Applies the retention limits of every topic, in whole segments, oldest first.
    ///
    /// # Errors
    /// The first error met; partitions after it may not have been visited. Safe to call again.
    async fn retain(&self, now_ms: i64) -> Result<Retained, LogError>;

    /// Makes durable what is queued, marks the log as cleanly closed, and refuses all further appends
    /// with [`LogError::Closed`]. Reads go on working until the log is dropped.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] or [`LogError::Io`] if the mark could not be written: no loss, only a
    /// slower and less certain next start.
    async fn close(&self) -> Result<(), LogError>;
}

/// Checks the name of a consumer group; every backend calls this, so that all accept the same names.
///
/// # Errors
/// [`LogError::BadGroupName`].
pub fn check_group_name(group: &str) -> Result<(), LogError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    let length_ok = (1..=GROUP_NAME_BYTES_MAX).contains(&group.len());
    if length_ok && group.bytes().all(allowed) {
        Ok(())
    } else {
        Err(LogError::BadGroupName { group: group.chars().take(GROUP_NAME_BYTES_MAX).collect() })
    }
}
