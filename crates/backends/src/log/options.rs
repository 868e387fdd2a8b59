//! The limits of the embedded log, each with its unit in its name.

use model::Topic;
use ports::LogError;
use ports::log::BATCH_BYTES_MAX;
use std::collections::BTreeMap;
use std::path::PathBuf;

const MIB: u64 = 1024 * 1024;

/// Positions in a segment are 32 bits wide; the last group may reach past the limit.
const SEGMENT_BYTES_LIMIT: u64 = 1024 * MIB;

/// Each partition has a thread of its own.
const PARTITIONS_LIMIT: u32 = 256;

/// How the embedded log is laid out and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its folder; created if it is not there.
    pub dir: PathBuf,
    /// Per topic; a topic that is not named has the defaults.
    pub topics: BTreeMap<Topic, TopicOptions>,
    /// Most bytes, over all partitions, that wait to become durable; further appends are refused with
    /// [`LogError::Overloaded`]. At least one of the largest batches, with its headers.
    pub in_flight_bytes_max: usize,
    /// Most bytes made durable by one sync; a single larger batch is a group of its own.
    pub group_bytes_max: usize,
}

impl Options {
    /// The defaults, in this folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            topics: BTreeMap::new(),
            in_flight_bytes_max: 2 * BATCH_BYTES_MAX,
            group_bytes_max: 8 * MIB as usize,
        }
    }

    /// The options of one topic.
    pub fn topic(&self, topic: Topic) -> TopicOptions {
        self.topics.get(&topic).cloned().unwrap_or_default()
    }

    /// Whether they can work.
    ///
    /// # Errors
    /// [`LogError::BadOptions`] with what to change.
    pub fn check(&self) -> Result<(), LogError> {
        let refuse = |reason: String| Err(LogError::BadOptions { reason });
        let in_flight_bytes_min = BATCH_BYTES_MAX + MIB as usize;
        if self.in_flight_bytes_max < in_flight_bytes_min {
            return refuse(format!("in_flight_bytes_max must be at least {in_flight_bytes_min}"));
        }
        for topic in Topic::ALL {
            let options = self.topic(topic);
            if !(1..=PARTITIONS_LIMIT).contains(&options.partitions) {
                return refuse(format!("{topic}: partitions must be 1 to {PARTITIONS_LIMIT}"));
            }
            if !(1..=SEGMENT_BYTES_LIMIT).contains(&options.segment_bytes_max) {
                return refuse(format!("{topic}: segment_bytes_max must be 1 to {SEGMENT_BYTES_LIMIT}"));
            }
            if options.age_ms_max.is_some_and(|age| age <= 0) {
                return refuse(format!("{topic}: age_ms_max must be more than 0"));
            }
        }
        Ok(())
    }
}

/// How one topic is split and how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOptions {
    /// How many partitions; may grow later. Fewer than are on the disk are taken as those on the disk.
    pub partitions: u32,
    /// A segment that would grow past this is followed by a new one; the unit of retention.
    pub segment_bytes_max: u64,
    /// A segment whose newest record is older than this is removed; `None` keeps all.
    pub age_ms_max: Option<i64>,
    /// The oldest segments go while a partition is larger than this; `None` keeps all.
    pub partition_bytes_max: Option<u64>,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self { partitions: 1, segment_bytes_max: 128 * MIB, age_ms_max: None, partition_bytes_max: None }
    }
}
