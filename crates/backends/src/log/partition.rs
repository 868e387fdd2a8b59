//! One partition: the single-threaded core that writes. No thread, no clock, no randomness of its own,
//! so that a seed can replay it. [`super::writer`] puts a thread and group commit around it.

use super::block::{BlockHeader, Encoded};
use super::options::TopicOptions;
use super::reader::{State, View, corrupt, io_error};
use super::recovery;
use super::segment::{Index, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, file_name};
use super::small_file::{self, ReplaceError};
use disk::{Disk, DiskFile};
use model::{Entropy, Offset, Partition, Topic};
use ports::LogError;
use ports::log::{Bounds, Records, Retained};
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// What consumers committed: `group offset` per line.
pub(super) const CONSUMERS_FILE: &str = "consumers";

/// Up to which offset the partition was durable when this was written: `end offset`.
pub(super) const DURABLE_FILE: &str = "durable";

/// Where a partition lives and what it is made of.
#[derive(Clone)]
pub struct Home {
    /// The disk under it.
    pub disk: Arc<dyn Disk>,
    /// The folder of the log; the partition has a folder of its own below.
    pub dir: PathBuf,
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: Partition,
    /// Limits.
    pub options: TopicOptions,
    /// Draws the mark of each segment: not to be guessed by senders.
    pub entropy: Arc<dyn Entropy>,
}

impl Home {
    /// The folder of the partition.
    pub fn partition_dir(&self) -> PathBuf {
        self.dir.join(self.topic.as_str()).join(self.partition.0.to_string())
    }

    fn mark(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The writer's side of a partition.
pub struct PartitionLog {
    home: Home,
    dir: PathBuf,
    view: Arc<View>,
    active: Active,
    next_offset: u64,
}

/// The segment that takes the appends.
pub(super) struct Active {
    pub segment: Arc<Segment>,
    pub file: Arc<dyn DiskFile>,
    /// Everything before this is durable; nothing after it is shown to readers.
    pub durable_bytes: u64,
    pub newest_ms: i64,
}

/// How a step that failed leaves the partition.
enum Fault {
    /// As it was before: the step can be tried again.
    Undone(LogError),
    /// Unknown: poisoned.
    Poison(LogError),
}

impl PartitionLog {
    /// Opens the partition, after cutting what an unfinished write left at its tail.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] for damage that a crash does not explain; [`LogError::Io`].
    pub fn open(home: Home) -> Result<Self, LogError> {
        let dir = home.partition_dir();
        let found = recovery::recover(&home, &dir)?;
        let (next_offset, consumers) = (found.end_offset, found.consumers);
        let (mut segments, active) = (found.closed, found.active);
        let active = match active {
            Some(active) => active,
            None => create_segment(&home, &dir, next_offset, i64::MIN).map_err(Fault::into_error)?,
        };
        segments.push(Arc::clone(&active.segment));
        let disk = Arc::clone(&home.disk);
        let view = View::new(disk, home.topic, home.partition, segments, consumers, next_offset);
        let log = Self { home, dir, view: Arc::new(view), active, next_offset };
        log.note_durable_end()?;
        Ok(log)
    }

    pub(super) fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Writes a group of batches with one write and one sync, then shows them to readers. Returns the
    /// offset of the first record; the batches follow each other in order.
    ///
    /// # Errors
    /// [`LogError::DiskFull`]: nothing of the group is on the log. [`LogError::Poisoned`]: unknown, and
    /// no append will work before the log is opened anew. [`LogError::Io`]: nothing of the group.
    pub fn append_group(&mut self, group: &[Encoded]) -> Result<Offset, LogError> {
        self.view.closed_error()?;
        let bytes: u64 = group.iter().map(Encoded::file_bytes).sum();
        let used = self.active.durable_bytes;
        if used > SEGMENT_HEADER_BYTES as u64 && used + bytes > self.home.options.segment_bytes_max {
            self.roll()?;
        }
        let first = self.next_offset;
        let places = self.write(group).or_else(|fault| self.settle(fault))?;
        if let Err(error) = self.active.file.sync_data() {
            return self.settle(Fault::Poison(io_error("sync", &self.active.segment, error)));
        }
        self.active.durable_bytes += bytes;
        self.next_offset += group.iter().map(Encoded::records).sum::<u64>();
        self.active.segment.publish(self.active.durable_bytes, &places);
        self.view.tail.send_modify(|tail| tail.end = self.next_offset);
        Ok(Offset(first))
    }

    /// Writes the group after the durable bytes, without a sync. Returns where each block begins.
    fn write(&mut self, group: &[Encoded]) -> Result<Vec<(u64, u64)>, Fault> {
        let mark = self.active.segment.header.mark;
        let group_start = self.active.durable_bytes as u32;
        let (mut offset, mut at) = (self.next_offset, self.active.durable_bytes);
        let (mut headers, mut places) = (Vec::new(), Vec::new());
        for block in group.iter().flat_map(Encoded::blocks) {
            let header = BlockHeader {
                base_offset: offset,
                appended_at_ms: block.appended_at_ms,
                group_start,
                count: block.count,
                payload_bytes: block.payload.len() as u32,
                table_crc: block.table_crc,
            };
            headers.push(header.encode(mark));
            places.push((offset, at));
            offset = header.end_offset();
            at += header.total_bytes() as u64;
            self.active.newest_ms = self.active.newest_ms.max(block.appended_at_ms);
        }
        let blocks = headers.iter().zip(group.iter().flat_map(Encoded::blocks));
        let mut parts: Vec<IoSlice<'_>> = blocks
            .flat_map(|(header, block)| [header.as_slice(), block.table, block.payload])
            .map(IoSlice::new)
            .collect();
        match self.active.file.write_at(self.active.durable_bytes, &mut parts) {
            Ok(()) => Ok(places),
            Err(error) => Err(self.cut_back(error)),
        }
    }

    /// Takes back the bytes of a failed write, durably, so that none of them can come up later.
    fn cut_back(&self, error: io::Error) -> Fault {
        let (file, segment) = (&self.active.file, &self.active.segment);
        let cut = file.truncate(self.active.durable_bytes).and_then(|()| file.sync_data());
        match cut {
            Ok(()) => Fault::Undone(write_error(error, segment)),
            Err(error) => Fault::Poison(io_error("cut back", segment, error)),
        }
    }

    fn settle<T>(&self, fault: Fault) -> Result<T, LogError> {
        let error = match fault {
            Fault::Undone(error) => return Err(error),
            Fault::Poison(error) => error,
        };
        tracing::error!(topic = %self.home.topic, partition = self.home.partition.0, %error, "log partition poisoned");
        self.view.set_state(State::Poisoned);
        self.view.closed_error().and(Err(error))
    }

    /// Ends the active segment and begins the next one.
    fn roll(&mut self) -> Result<(), LogError> {
        let created = create_segment(&self.home, &self.dir, self.next_offset, self.active.newest_ms);
        self.active = created.or_else(|fault| self.settle(fault))?;
        let mut segments = self.view.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(Arc::clone(&self.active.segment));
        Ok(())
    }

    /// Registers, commits and forgets consumers, all in one durable replacement of the small file.
    /// `None` forgets the group. Call only with offsets that [`check_commit`](Self::check_commit) let pass.
    ///
    /// # Errors
    /// [`LogError::DiskFull`], [`LogError::Io`]: nothing changed. [`LogError::Poisoned`].
    pub fn set_consumers(&mut self, changes: &[(String, Option<u64>)]) -> Result<(), LogError> {
        self.view.closed_error()?;
        let mut consumers = self.consumers();
        for (group, next) in changes {
            match next {
                Some(next) => consumers.insert(group.clone(), *next),
                None => consumers.remove(group),
            };
        }
        self.replace(CONSUMERS_FILE, &small_file::format_offsets(&consumers))?;
        *self.view.consumers.write().unwrap_or_else(PoisonError::into_inner) = consumers;
        Ok(())
    }

    /// Whether a consumer may commit `next`.
    ///
    /// # Errors
    /// [`LogError::Trimmed`], [`LogError::Ahead`].
    pub fn check_commit(&self, next: Offset) -> Result<(), LogError> {
        match self.view.bounds() {
            Bounds { start, .. } if next < start => Err(LogError::Trimmed { start }),
            Bounds { end, .. } if next > end => Err(LogError::Ahead { end }),
            Bounds { .. } => Ok(()),
        }
    }

    fn consumers(&self) -> BTreeMap<String, u64> {
        self.view.consumers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, name: &str, lines: &str) -> Result<(), LogError> {
        let doing = || format!("replace {}", self.dir.join(name).display());
        match small_file::replace(&*self.home.disk, &self.dir, name, lines) {
            Ok(()) => Ok(()),
            Err(ReplaceError::Write(error)) if is_full(&error) => Err(LogError::DiskFull),
            Err(ReplaceError::Write(error)) => Err(LogError::io(doing(), error)),
            Err(ReplaceError::Sync(error)) => self.settle(Fault::Poison(LogError::io(doing(), error))),
        }
    }

    /// Removes whole segments past the limits, oldest first, as far as every consumer has read.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Poisoned`]; what was removed before stays removed.
    pub fn retain(&mut self, now_ms: i64) -> Result<Retained, LogError> {
        self.view.closed_error()?;
        let floor = self.consumers().values().copied().min().unwrap_or(u64::MAX);
        let oldest_ms = self.home.options.age_ms_max.map(|age| now_ms.saturating_sub(age));
        let too_old = |newest_ms: i64| oldest_ms.is_some_and(|oldest| newest_ms < oldest);
        let holds_records = self.active.durable_bytes > SEGMENT_HEADER_BYTES as u64;
        if holds_records && too_old(self.active.newest_ms) && floor >= self.next_offset {
            self.roll()?; // else the last records of a quiet partition would never go
        }
        let mut retained = Retained::default();
        loop {
            let mut segments = self.view.segments.write().unwrap_or_else(PoisonError::into_inner);
            let total_bytes: u64 = segments.iter().map(|s| s.durable_bytes()).sum();
            let (Some(oldest), Some(next)) = (segments.first(), segments.get(1)) else { break };
            let too_many = self.home.options.partition_bytes_max.is_some_and(|max| total_bytes > max);
            if next.header.base_offset > floor || !(too_many || too_old(next.header.previous_newest_ms)) {
                break;
            }
            let oldest = Arc::clone(oldest);
            segments.remove(0); // readers see `Trimmed` before the file goes
            drop(segments);
            self.remove_segment(&oldest)?;
            retained.segments_deleted += 1;
            retained.bytes_deleted += oldest.durable_bytes();
        }
        Ok(retained)
    }

    /// Each removal is durable before the next one, so that a power cut never leaves a hole.
    fn remove_segment(&self, segment: &Segment) -> Result<(), LogError> {
        self.view.forget_file(segment.header.base_offset);
        // A file that stays would come back below a hole, once later ones are removed: no more appends.
        let removed = self.home.disk.remove(&segment.path).and_then(|()| self.home.disk.sync_dir(&self.dir));
        removed.or_else(|error| self.settle(Fault::Poison(io_error("remove", segment, error))))
    }

    fn note_durable_end(&self) -> Result<(), LogError> {
        self.replace(DURABLE_FILE, &format!("end {}\n", self.next_offset))
    }

    /// Notes that everything is durable, and refuses all that would change the partition from now on.
    ///
    /// # Errors
    /// [`LogError::Poisoned`], [`LogError::Io`]: the note was not written.
    pub fn close(&mut self) -> Result<(), LogError> {
        self.view.closed_error()?;
        let noted = self.note_durable_end();
        if self.view.closed_error().is_ok() {
            self.view.set_state(State::Closed);
        }
        noted
    }

    /// The offsets that can be read.
    pub fn bounds(&self) -> Bounds {
        self.view.bounds()
    }

    /// As [`ports::Log::read`].
    ///
    /// # Errors
    /// As [`ports::Log::read`].
    pub fn read(&self, from: Offset, bytes_max: usize) -> Result<Records, LogError> {
        self.view.read(from.0, bytes_max)
    }

    /// The last commit of a consumer.
    pub fn committed(&self, group: &str) -> Option<Offset> {
        self.view.committed(group)
    }
}

impl Fault {
    fn into_error(self) -> LogError {
        match self {
            Self::Undone(error) | Self::Poison(error) => error,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

fn write_error(error: io::Error, segment: &Segment) -> LogError {
    if is_full(&error) { LogError::DiskFull } else { io_error("write", segment, error) }
}

/// Creates a segment whose header and name are durable before anything is written to it.
fn create_segment(
    home: &Home,
    dir: &std::path::Path,
    base_offset: u64,
    previous_newest_ms: i64,
) -> Result<Active, Fault> {
    let header = SegmentHeader { base_offset, mark: home.mark(), previous_newest_ms };
    let path = dir.join(file_name(base_offset));
    let segment = Segment::new(path.clone(), header, SEGMENT_HEADER_BYTES as u64);
    let bytes = header.encode(home.topic, home.partition);
    let written = home.disk.create(&path).and_then(|file| {
        file.write_at(0, &mut [IoSlice::new(&bytes)])?;
        Ok(file)
    });
    let file = match written {
        Ok(file) => file,
        Err(error) => {
            // A stray file with this name would contradict what the old segment takes from now on.
            let removed = match home.disk.remove(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            };
            return Err(match removed.and_then(|()| home.disk.sync_dir(dir)) {
                Ok(()) => Fault::Undone(write_error(error, &segment)),
                Err(error) => Fault::Poison(io_error("remove", &segment, error)),
            });
        }
    };
    if let Err(error) = file.sync_data().and_then(|()| home.disk.sync_dir(dir)) {
        return Err(Fault::Poison(io_error("sync", &segment, error)));
    }
    segment.set_index(Index::default());
    let durable_bytes = SEGMENT_HEADER_BYTES as u64;
    Ok(Active { segment: Arc::new(segment), file, durable_bytes, newest_ms: i64::MIN })
}

/// [`corrupt`] for a file that is not a segment.
pub(super) fn corrupt_file(file: PathBuf, reason: impl Into<String>) -> LogError {
    LogError::Corrupt { file, at_bytes: 0, reason: reason.into() }
}

/// A segment whose recovered end does not reach what is known to have been durable.
pub(super) fn ends_early(segment: &Segment, at_bytes: u64, end: u64, known: u64) -> LogError {
    corrupt(segment, at_bytes, format!("it ends at offset {end}, but offset {known} was durable before"))
}
