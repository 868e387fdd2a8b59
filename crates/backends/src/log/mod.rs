//! The embedded durable log: the `file:` backend of [`ports::Log`].
//!
//! ```text
//! <dir>/lock                                      held while open
//! <dir>/<topic>/<partition>/<base offset>.segment the records
//!                          /consumers             what groups committed
//!                          /durable               a lower bound of the end, for recovery
//! ```
//! [`PartitionLog`] is the single-threaded core over a [`disk::Disk`]; [`FileLog`] gives each partition a
//! thread and group commit. The format, and why recovery may cut what it cuts: ADR 0006.

mod block;
mod options;
mod partition;
mod reader;
mod recovery;
mod segment;
mod small_file;
mod writer;

pub use block::Encoded;
pub use options::{Options, TopicOptions};
pub use partition::{Home, PartitionLog};

use async_trait::async_trait;
use disk::{Disk, DiskLock, OsDisk, create_dir_durably};
use model::{Entropy, Offset, Partition, Topic};
use ports::LogError;
use ports::log::{Bounds, RecordBatch, Records, Retained, check_group_name};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use writer::{ConsumerChange, InFlight, Writer};

/// A guard whose data is whole even if a holder panicked: every holder leaves it consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The embedded log. One process at a time may have a folder open.
///
/// Dropping it waits until what is queued is durable; [`ports::Log::close`] first makes the next start
/// certain that nothing is missing.
pub struct FileLog {
    topics: BTreeMap<Topic, Vec<Writer>>,
}

impl FileLog {
    /// Opens the log on the disk of the operating system, creating it if it is not there.
    ///
    /// # Errors
    /// [`LogError::Locked`], [`LogError::BadOptions`], [`LogError::Corrupt`], [`LogError::Io`].
    pub fn open(options: &Options, entropy: Arc<dyn Entropy>) -> Result<Self, LogError> {
        Self::open_on(Arc::new(OsDisk), options, entropy)
    }

    /// Opens the log on this disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: &Options,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LogError> {
        options.check()?;
        let lock = lock_dir(&*disk, &options.dir)?;
        let in_flight = Arc::new(InFlight::new(options.in_flight_bytes_max));
        let mut topics = BTreeMap::new();
        for topic in Topic::ALL {
            let mut writers = Vec::new();
            for partition in 0..partitions(&*disk, options, topic)? {
                let home = Home {
                    disk: Arc::clone(&disk),
                    dir: options.dir.clone(),
                    topic,
                    partition: Partition(partition),
                    options: options.topic(topic),
                    entropy: Arc::clone(&entropy),
                };
                let log = PartitionLog::open(home)?;
                let (in_flight, lock) = (Arc::clone(&in_flight), Arc::clone(&lock));
                let writer = Writer::start(log, in_flight, options.group_bytes_max, lock)
                    .map_err(|error| LogError::io("start the thread of a partition", error))?;
                writers.push(writer);
            }
            topics.insert(topic, writers);
        }
        Ok(Self { topics })
    }

    fn writer(&self, topic: Topic, partition: Partition) -> Result<&Writer, LogError> {
        let writers = self.topics.get(&topic).map(Vec::as_slice).unwrap_or_default();
        writers.get(partition.0 as usize).ok_or(LogError::NoSuchPartition { topic, partition })
    }

    fn writers(&self) -> impl Iterator<Item = &Writer> {
        self.topics.values().flatten()
    }
}

fn lock_dir(disk: &dyn Disk, dir: &Path) -> Result<Arc<DiskLock>, LogError> {
    let doing = |error| LogError::io(format!("create the folder {}", dir.display()), error);
    create_dir_durably(disk, dir).map_err(doing)?;
    let lock = disk.lock(&dir.join("lock"));
    let lock = lock.map_err(|error| LogError::io(format!("lock {}", dir.display()), error))?;
    let lock = lock.ok_or_else(|| LogError::Locked { dir: dir.to_owned() })?;
    Ok(Arc::new(lock))
}

/// As many as the options say, but never fewer than are there.
fn partitions(disk: &dyn Disk, options: &Options, topic: Topic) -> Result<u32, LogError> {
    let dir = options.dir.join(topic.as_str());
    let names = match disk.list(&dir) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(LogError::io(format!("list {}", dir.display()), error)),
    };
    let there = names.iter().filter_map(|name| name.parse::<u32>().ok()).max().map_or(0, |max| max + 1);
    Ok(there.max(options.topic(topic).partitions))
}

#[async_trait]
impl ports::Log for FileLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.topics.get(&topic).map_or(0, |writers| writers.len() as u32)
    }

    async fn append(
        &self,
        topic: Topic,
        partition: Partition,
        batch: RecordBatch,
        appended_at_ms: i64,
    ) -> Result<Offset, LogError> {
        let writer = self.writer(topic, partition)?;
        if batch.is_empty() {
            return writer.view.closed_error().map(|()| writer.view.bounds().end);
        }
        writer.append(Encoded::new(batch, appended_at_ms)).await
    }

    async fn read(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Records, LogError> {
        self.writer(topic, partition)?.view.read(from.0, bytes_max)
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, LogError> {
        Ok(self.writer(topic, partition)?.view.bounds())
    }

    async fn wait_for(&self, topic: Topic, partition: Partition, offset: Offset) -> Result<Offset, LogError> {
        self.writer(topic, partition)?.view.wait_for(offset.0).await
    }

    async fn register(&self, group: &str, topic: Topic, partition: Partition) -> Result<Offset, LogError> {
        check_group_name(group)?;
        let change = ConsumerChange::Register(group.to_owned());
        self.writer(topic, partition)?.set_consumer(change).await
    }

    async fn commit(
        &self,
        group: &str,
        topic: Topic,
        partition: Partition,
        next: Offset,
    ) -> Result<(), LogError> {
        check_group_name(group)?;
        let change = ConsumerChange::Commit(group.to_owned(), next);
        self.writer(topic, partition)?.set_consumer(change).await.map(drop)
    }

    async fn committed(
        &self,
        group: &str,
        topic: Topic,
        partition: Partition,
    ) -> Result<Option<Offset>, LogError> {
        Ok(self.writer(topic, partition)?.view.committed(group))
    }

    async fn unregister(&self, group: &str, topic: Topic, partition: Partition) -> Result<(), LogError> {
        check_group_name(group)?;
        let change = ConsumerChange::Unregister(group.to_owned());
        self.writer(topic, partition)?.set_consumer(change).await.map(drop)
    }

    async fn retain(&self, now_ms: i64) -> Result<Retained, LogError> {
        let mut all = Retained::default();
        for writer in self.writers() {
            let retained = writer.retain(now_ms).await?;
            all.segments_deleted += retained.segments_deleted;
            all.bytes_deleted += retained.bytes_deleted;
        }
        Ok(all)
    }

    async fn close(&self) -> Result<(), LogError> {
        let mut result = Ok(());
        for writer in self.writers() {
            match writer.close().await {
                Ok(()) | Err(LogError::Closed) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }
}
