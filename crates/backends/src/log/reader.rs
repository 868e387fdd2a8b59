//! What readers see of a partition: only what is durable. Never waits for the writer.

use super::block::{BLOCK_HEADER_BYTES, BlockHeader, Damage, check_record};
use super::locked;
use super::segment::{Look, Segment, walk};
use bytes::Bytes;
use disk::{Disk, DiskFile};
use model::{Offset, Partition, Topic};
use ports::LogError;
use ports::log::{BATCH_BYTES_MAX, Bounds, Records};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// Least bytes that one read asks of the disk: the blocks before the first record wanted are in it too.
const CHUNK_BYTES_MIN: usize = 128 * 1024;

/// Most files of older segments kept open for readers.
const OPEN_FILES_MAX: usize = 4;

/// Whether more records can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Poisoned,
    Closed,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub end: u64,
    pub state: State,
}

/// The readers' side of a partition.
pub(super) struct View {
    pub topic: Topic,
    pub partition: Partition,
    pub(super) segments: RwLock<Vec<Arc<Segment>>>,
    pub(super) consumers: RwLock<BTreeMap<String, u64>>,
    pub(super) tail: watch::Sender<Tail>,
    disk: Arc<dyn Disk>,
    open_files: Mutex<Vec<(u64, Arc<dyn DiskFile>)>>,
}

impl View {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        topic: Topic,
        partition: Partition,
        segments: Vec<Arc<Segment>>,
        consumers: BTreeMap<String, u64>,
        end: u64,
    ) -> Self {
        Self {
            topic,
            partition,
            segments: RwLock::new(segments),
            consumers: RwLock::new(consumers),
            tail: watch::Sender::new(Tail { end, state: State::Open }),
            disk,
            open_files: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        let end = self.tail.borrow().end;
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        Bounds { start: Offset(segments.first().map_or(end, |s| s.header.base_offset)), end: Offset(end) }
    }

    pub(super) fn committed(&self, group: &str) -> Option<Offset> {
        let consumers = self.consumers.read().unwrap_or_else(PoisonError::into_inner);
        consumers.get(group).copied().map(Offset)
    }

    pub(super) fn set_state(&self, state: State) {
        self.tail.send_modify(|tail| tail.state = state);
    }

    pub(super) fn closed_error(&self) -> Result<(), LogError> {
        match self.tail.borrow().state {
            State::Open => Ok(()),
            State::Closed => Err(LogError::Closed),
            State::Poisoned => Err(LogError::Poisoned { topic: self.topic, partition: self.partition }),
        }
    }

    pub(super) async fn wait_for(&self, offset: u64) -> Result<Offset, LogError> {
        let mut tail = self.tail.subscribe();
        let seen = tail.wait_for(|tail| tail.end > offset || tail.state != State::Open).await;
        let seen = *seen.map_err(|_| LogError::Closed)?;
        if seen.end > offset {
            return Ok(Offset(seen.end));
        }
        self.closed_error().and(Err(LogError::Closed))
    }

    pub(super) fn read(&self, from: u64, bytes_max: usize) -> Result<Records, LogError> {
        // The end is taken before the extents: they can only have grown since.
        let end = self.tail.borrow().end;
        if from > end {
            return Err(LogError::Ahead { end: Offset(end) });
        }
        let (segment, next_base) = {
            let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
            let after = segments.partition_point(|s| s.header.base_offset <= from);
            let Some(i) = after.checked_sub(1) else { return Err(self.trimmed()) };
            (Arc::clone(&segments[i]), segments.get(after).map(|s| s.header.base_offset))
        };
        if from == end {
            return Ok(Records::empty(Offset(from)));
        }
        let file = match self.file_of(&segment) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.bounds().start.0 > from => {
                return Err(self.trimmed());
            }
            Err(error) => return Err(io_error("open", &segment, error)),
        };
        let start_at = match segment.locate(from) {
            Some(at) => at,
            None => index_older(&segment, &*file, next_base, from)?,
        };
        let bytes_max = bytes_max.min(BATCH_BYTES_MAX);
        Reading { segment: &segment, file: &*file, from, bytes_max, at: start_at }.run()
    }

    fn trimmed(&self) -> LogError {
        LogError::Trimmed { start: self.bounds().start }
    }

    fn file_of(&self, segment: &Segment) -> io::Result<Arc<dyn DiskFile>> {
        let base = segment.header.base_offset;
        let mut open = locked(&self.open_files);
        if let Some(i) = open.iter().position(|(b, _)| *b == base) {
            let entry = open.remove(i);
            let file = Arc::clone(&entry.1);
            open.push(entry);
            return Ok(file);
        }
        let file = self.disk.open(&segment.path)?;
        if open.len() == OPEN_FILES_MAX {
            open.remove(0);
        }
        open.push((base, Arc::clone(&file)));
        Ok(file)
    }

    /// Lets go of the file of a segment that was removed.
    pub(super) fn forget_file(&self, base: u64) {
        locked(&self.open_files).retain(|(b, _)| *b != base);
    }
}

/// Builds the index of a segment that was there before the log was opened, and checks that it reaches
/// to where the next one begins.
fn index_older(
    segment: &Segment,
    file: &dyn DiskFile,
    next_base: Option<u64>,
    from: u64,
) -> Result<u64, LogError> {
    let bytes = segment.durable_bytes();
    let walk = walk(file, &segment.header, bytes, Look::Headers).map_err(|e| io_error("read", segment, e))?;
    if let Some(damage) = walk.damage {
        return Err(corrupt(segment, walk.end_at, damage));
    }
    if next_base.is_some_and(|base| base != walk.end_offset) {
        return Err(corrupt(segment, walk.end_at, "the next segment begins at another offset"));
    }
    segment.set_index(walk.index);
    segment.locate(from).ok_or_else(|| corrupt(segment, walk.end_at, "the segment has no index"))
}

pub(super) fn corrupt(segment: &Segment, at_bytes: u64, reason: impl Into<String>) -> LogError {
    LogError::Corrupt { file: segment.path.clone(), at_bytes, reason: reason.into() }
}

pub(super) fn io_error(verb: &str, segment: &Segment, error: io::Error) -> LogError {
    LogError::io(format!("{verb} {}", segment.path.display()), error)
}

/// One read: whole blocks are loaded, the records wanted are checked and their places noted.
struct Reading<'a> {
    segment: &'a Segment,
    file: &'a dyn DiskFile,
    from: u64,
    bytes_max: usize,
    at: u64,
}

/// What stands at the beginning of a chunk.
enum Step {
    /// A whole block, of so many bytes, with an end offset.
    Block(BlockHeader),
    /// More bytes are needed to see it whole.
    Needs(usize),
}

impl Reading<'_> {
    fn run(mut self) -> Result<Records, LogError> {
        let durable_bytes = self.segment.durable_bytes();
        let mut chunk_bytes = self.bytes_max.max(CHUNK_BYTES_MIN);
        loop {
            let room = durable_bytes.saturating_sub(self.at);
            let mut chunk = vec![0; (chunk_bytes as u64).min(room) as usize];
            self.file.read_at(&mut chunk, self.at).map_err(|e| io_error("read", self.segment, e))?;
            let (records, skipped, needs) = self.collect(&chunk)?;
            if let Some((first, spans)) = records {
                return Records::new(Offset(first), Bytes::from(chunk), spans);
            }
            if needs as u64 > room.saturating_sub(skipped as u64) {
                return Err(corrupt(self.segment, self.at + skipped as u64, "a block is cut off"));
            }
            self.at += skipped as u64;
            chunk_bytes = needs.max(self.bytes_max).max(CHUNK_BYTES_MIN);
        }
    }

    /// The records wanted in the chunk; without any, how many bytes to skip and how many to load then.
    #[allow(clippy::type_complexity, reason = "used once, just above")]
    fn collect(&self, chunk: &[u8]) -> Result<(Option<(u64, Vec<(u32, u32)>)>, usize, usize), LogError> {
        let (mut at, mut sum, mut first, mut spans) = (0, 0, None, Vec::new());
        loop {
            let damaged = |damage| corrupt(self.segment, self.at + at as u64, damage);
            let block = match self.step(&chunk[at..]).map_err(damaged)? {
                Step::Needs(bytes) => return Ok((first.map(|first| (first, spans)), at, bytes)),
                Step::Block(block) => block,
            };
            let whole = &chunk[at..at + block.total_bytes()];
            if block.end_offset() > self.from {
                let expected = first.map_or(self.from, |first| first + spans.len() as u64);
                if block.base_offset > expected {
                    return Err(damaged("a block does not have the offset that follows"));
                }
                let skip = self.from.saturating_sub(block.base_offset) as usize;
                for (range, crc) in block.records(whole).map_err(damaged)?.skip(skip) {
                    sum += range.len();
                    if first.is_some() && sum > self.bytes_max {
                        return Ok((first.map(|first| (first, spans)), at, 0));
                    }
                    first = first.or(Some(block.base_offset + skip as u64));
                    check_record(&whole[range.clone()], crc).map_err(damaged)?;
                    spans.push(((at + range.start) as u32, (at + range.end) as u32));
                }
            }
            at += whole.len();
        }
    }

    fn step(&self, rest: &[u8]) -> Result<Step, Damage> {
        if rest.len() < BLOCK_HEADER_BYTES {
            return Ok(Step::Needs(BLOCK_HEADER_BYTES));
        }
        let block = BlockHeader::decode(rest, self.segment.header.mark)?;
        if block.total_bytes() > rest.len() {
            return Ok(Step::Needs(block.total_bytes()));
        }
        Ok(Step::Block(block))
    }
}
