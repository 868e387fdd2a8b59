//! What a worker tells correlations: the matches of a batch, and how far its streams have come.

use crate::engine::Engine;
use model::{Partition, RawRecord};
use normalize::{EventSummary, LogsourceId};
use sigma::correlation::{Advance, CorrelationSet, Entry, Lane, RecordWriter, StreamMark};
use std::hash::Hasher;

/// A record of matches is ended at this size, after the event at hand.
const RECORD_BYTES: usize = 4 << 20;
/// Past this size matches of the event at hand are left out, and told: the log takes no record that is much larger.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// How often, in milliseconds, streams without matches say how far they have come.
const MARKS_MS_MIN: i64 = 1_000;
/// Stands after each value of a group: no text has it.
const AFTER_VALUE: u8 = 0xff;

/// One stream of a partition: a source's events of one logsource.
#[derive(Debug)]
struct Stream {
    source: String,
    logsource: LogsourceId,
    latest_ms: [Option<i64>; 2],
}

/// Collects the matches of a worker's batches.
#[derive(Debug)]
pub(crate) struct Matches {
    partition: Partition,
    /// An event is history if it is older than this when the door takes it, milliseconds.
    past_after_ms: i64,
    streams: Vec<Stream>,
    /// Whether a stream has come further since that was last written, and when that was.
    advanced: bool,
    told_ms: i64,
    /// By partition of the topic.
    writers: Vec<RecordWriter>,
    entries: Vec<Entry>,
    /// Records to append, in order.
    pub(crate) records: Vec<(Partition, Vec<u8>)>,
}

/// FNV-1a: the same in every process, and partitions need no more.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        // the low bits decide, so the high ones are folded in
        self.0 ^ self.0 >> 32
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// The partition of a match: by its correlation and group; for one in a chain, by the chain alone, since the group of one
/// is not that of the next.
pub(crate) fn partition_of(set: &CorrelationSet, entry: &Entry, partitions: u32) -> Partition {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    if let Some(linked) = set.get(entry.correlation) {
        if linked.is_chained() {
            hash.write(set.family_key(linked.family()).unwrap_or(linked.key()));
        } else {
            hash.write(linked.key());
            for value in entry.group.iter() {
                hash.write(value.as_bytes());
                hash.write_u8(AFTER_VALUE);
            }
        }
    }
    Partition((hash.finish() % u64::from(partitions.max(1))) as u32)
}

impl Matches {
    pub(crate) fn new(partition: Partition, partitions: u32, past_after_ms: i64) -> Self {
        Self {
            partition,
            past_after_ms,
            streams: Vec::new(),
            advanced: false,
            told_ms: i64::MIN,
            writers: (0..partitions).map(|_| RecordWriter::default()).collect(),
            entries: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Forgets the records of the last batch.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }

    /// Where to put the matches of the event at hand.
    pub(crate) fn entries(&mut self) -> &mut Vec<Entry> {
        &mut self.entries
    }

    /// Ends an event: notes its time, and sorts its matches by partition.
    pub(crate) fn event(
        &mut self,
        engine: &Engine,
        record: &RawRecord<'_>,
        summary: &EventSummary,
        (offset, now_ms): (u64, i64),
    ) {
        if !engine.feeds_correlations(summary.logsource) {
            self.entries.clear();
            return;
        }
        let occurred_ms = occurred_ms(summary, record);
        let is_past = record.received_at_ms.saturating_sub(occurred_ms) > self.past_after_ms;
        let lane = if is_past { Lane::Past } else { Lane::Live };
        self.note(record.source, summary.logsource, lane, occurred_ms);
        if self.entries.is_empty() {
            return;
        }
        let set = engine.detector().correlations().set();
        let (mut entries, mut left_out) = (std::mem::take(&mut self.entries), 0_usize);
        for entry in entries.drain(..) {
            let partition = partition_of(set, &entry, self.writers.len() as u32);
            match self.writers.get_mut(partition.0 as usize) {
                Some(writer) if writer.bytes() < RECORD_BYTES_MAX => writer.push(set, lane, &entry),
                _ => left_out += 1,
            }
        }
        self.entries = entries;
        if left_out > 0 {
            let (partition, source) = (self.partition.0, record.source);
            tracing::warn!(
                partition,
                offset,
                source,
                left_out,
                "an event is too many matches for correlations"
            );
        }
        if self.writers.iter().any(|writer| writer.bytes() >= RECORD_BYTES) {
            self.end_records(engine, now_ms, offset + 1);
        }
    }

    fn note(&mut self, source: &str, logsource: LogsourceId, lane: Lane, time_ms: i64) {
        let is_same = |stream: &Stream| stream.logsource == logsource && stream.source == source;
        let at = self.streams.iter().position(is_same).unwrap_or_else(|| {
            self.streams.push(Stream { source: source.to_owned(), logsource, latest_ms: [None; 2] });
            self.streams.len() - 1
        });
        if let Some(stream) = self.streams.get_mut(at) {
            let latest = &mut stream.latest_ms[lane as usize];
            if latest.is_none_or(|known| known < time_ms) {
                *latest = Some(time_ms);
                self.advanced = true;
            }
        }
    }

    /// Ends a batch: everything before `next` was worked on. Where there are matches, and once in a while without, every
    /// partition hears how far the streams have come.
    pub(crate) fn end(&mut self, engine: &Engine, now_ms: i64, next: u64) {
        let matched = self.writers.iter().any(|writer| !writer.is_empty());
        let due = self.advanced && now_ms.saturating_sub(self.told_ms) >= MARKS_MS_MIN;
        if matched || due {
            self.end_records(engine, now_ms, next);
        }
    }

    fn end_records(&mut self, engine: &Engine, now_ms: i64, next: u64) {
        let marks: Vec<_> = self
            .streams
            .iter()
            .map(|stream| StreamMark {
                source: stream.source.clone(),
                partition: self.partition.0,
                logsource: engine.logsource_name(stream.logsource).to_owned(),
                latest_ms: stream.latest_ms,
            })
            .collect();
        let advance = Advance { now_ms, until: Some((self.partition.0, next)), marks: &marks };
        for (number, writer) in (0..).zip(&mut self.writers) {
            let mut record = Vec::new();
            writer.finish(advance, &mut record);
            self.records.push((Partition(number), record));
        }
        // told once: heard again with a live event, it would hold an older import against a newer one's time
        self.streams.iter_mut().for_each(|stream| stream.latest_ms[Lane::Past as usize] = None);
        (self.advanced, self.told_ms) = (false, now_ms);
    }
}

/// When an event happened; one from the future counts as of its receipt, as in its matches.
fn occurred_ms(summary: &EventSummary, record: &RawRecord<'_>) -> i64 {
    summary.time_ms.min(record.received_at_ms)
}
