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

/// The partition of a match: by its correlation and group; for a correlation over correlations, and what it is made of, by
/// that correlation alone, since the group of one is not that of the next. Other correlations have no say in it.
pub(crate) fn partition_of(set: &CorrelationSet, entry: &Entry, partitions: u32) -> Partition {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    if let Some(linked) = set.get(entry.correlation) {
        hash.write(linked.route());
        if !linked.is_chained() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Scratch, Wanted};
    use model::{Offset, Position, Topic};
    use normalize::RawData;
    use sigma::correlation::{Correlator, Firing, MatchRecord, Options};
    use std::sync::Arc;

    const PARTITIONS: u32 = 4;
    /// 2026-03-01T10:00:00Z.
    const BEGIN_MS: i64 = 1_772_359_200_000;
    const HOUR_MS: i64 = 3_600_000;

    const BASE: &str = "title: Stopped\nname: stopped\nlogsource: {product: aws, service: cloudtrail}\n\
        detection: {s: {eventName: StopLogging}, condition: s}\n---\n\
        title: Deleted\nname: deleted\nlogsource: {product: aws, service: cloudtrail}\n\
        detection: {s: {eventName: DeleteTrail}, condition: s}\n---\n\
        title: Many\nid: many-id\nname: many\ncorrelation: {type: event_count, rules: [stopped], group-by: [userIdentity.userName], timespan: 10m, condition: {gte: 6}}\n";
    const CHAIN: &str = "---\ntitle: Then\nid: then-id\ngenerate: true\ncorrelation: {type: temporal_ordered, rules: [many, deleted], group-by: [userIdentity.userName], timespan: 1h}\n";

    fn engine(rules: &str) -> Engine {
        let (engine, report) = Engine::load([("r.yml", rules)]).unwrap();
        assert_eq!(report.refused, []);
        engine
    }

    /// Takes one event of a user through an engine.
    fn event(
        engine: &Engine,
        matches: &mut Matches,
        number: u64,
        user: u64,
        (sent_ms, taken_ms): (i64, i64),
    ) {
        let time = jiff::Timestamp::from_millisecond(sent_ms).unwrap();
        let body = format!(
            r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"{time}","awsRegion":"eu-west-1","userIdentity":{{"type":"IAMUser","userName":"u{user}"}}}}"#
        );
        let record = RawRecord {
            source: "trail",
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: taken_ms,
            body: body.as_bytes(),
        };
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        let mut scratch = Scratch::new(RawData::Exclude);
        let all = |_: &EventSummary| Wanted::EventAndRules;
        let entries = matches.entries();
        let summary =
            engine.process(&record, position, &mut scratch, all, |_| {}, |hit| hit.entries(entries)).unwrap();
        matches.event(engine, &record, &summary, (number, taken_ms));
    }

    fn correlator(engine: &Engine) -> Correlator {
        let options = Options { lateness_ms: [0, 0], warmup_ms: 0, ..Options::default() };
        Correlator::new(Arc::clone(engine.detector().correlations().set()), engine.feeds(), options)
    }

    /// Whom the correlation `Many` fired for, over its partitions, where the rules become others at some events.
    fn found(reloads: &[(u64, &str)]) -> Vec<(String, i64)> {
        let mut now = engine(BASE);
        let mut matches = Matches::new(Partition(0), PARTITIONS, HOUR_MS);
        let mut partitions: Vec<_> = (0..PARTITIONS).map(|_| correlator(&now)).collect();
        let mut found = Vec::new();
        for number in 0..200 {
            if let Some((_, rules)) = reloads.iter().find(|(at, _)| *at == number) {
                now = engine(rules);
                for one in &mut partitions {
                    let kept = one.encode();
                    *one = correlator(&now);
                    one.restore(&kept).unwrap();
                }
            }
            let time_ms = BEGIN_MS + number as i64 * 10_000;
            event(&now, &mut matches, number, number % 7, (time_ms, time_ms));
            matches.end(&now, time_ms, number + 1);
            let mut firings = Vec::new();
            for (partition, bytes) in matches.records.drain(..) {
                let one = &mut partitions[partition.0 as usize];
                let mut record = MatchRecord::decode(&bytes, one.set()).unwrap();
                let entries = std::mem::take(&mut record.entries);
                one.advance(record.advance(), entries, &mut firings);
            }
            let set = now.detector().correlations().set();
            let is_many = |firing: &Firing| set.get(firing.correlation).unwrap().rule.title == "Many";
            found.extend(
                firings.iter().filter(|f| is_many(f)).map(|f| (f.group[0].to_string(), f.last.time_ms)),
            );
        }
        found
    }

    #[test]
    fn a_reload_in_an_open_window_finds_what_it_found_without() {
        let chained = format!("{BASE}{CHAIN}");
        let changed = chained.replace("timespan: 1h", "timespan: 2h");
        let without = found(&[]);
        assert!(without.len() > 10, "{without:?}");
        for reloads in [
            vec![(20, chained.as_str())],
            vec![(20, chained.as_str()), (50, changed.as_str()), (90, BASE)],
            vec![(33, changed.as_str()), (34, BASE), (35, chained.as_str())],
        ] {
            assert_eq!(
                found(&reloads),
                without,
                "{:?}",
                reloads.iter().map(|(at, _)| at).collect::<Vec<_>>()
            );
        }
    }

    /// The marks of the record for partition 0, and the matches of all, after these events.
    fn told(matches: &mut Matches, engine: &Engine, now_ms: i64, next: u64) -> Vec<[Option<i64>; 2]> {
        matches.clear();
        matches.end(engine, now_ms, next);
        let set = engine.detector().correlations().set();
        let (_, bytes) = matches.records.first().expect("there is something to tell");
        MatchRecord::decode(bytes, set).unwrap().marks.iter().map(|mark| mark.latest_ms).collect()
    }

    #[test]
    fn how_far_an_import_came_is_told_once() {
        let engine = engine(BASE);
        let mut matches = Matches::new(Partition(0), PARTITIONS, HOUR_MS);
        let (now_ms, past_ms) = (BEGIN_MS, BEGIN_MS - 90 * 24 * HOUR_MS);
        event(&engine, &mut matches, 0, 1, (past_ms, now_ms));
        assert_eq!(told(&mut matches, &engine, now_ms, 1), [[None, Some(past_ms)]]);
        // a live event of the same stream says nothing of the import: else one that begins earlier would be late at once
        event(&engine, &mut matches, 1, 1, (now_ms, now_ms));
        assert_eq!(told(&mut matches, &engine, now_ms, 2), [[Some(now_ms), None]]);
        let older_ms = past_ms - 200 * 24 * HOUR_MS;
        event(&engine, &mut matches, 2, 1, (older_ms, now_ms));
        assert_eq!(told(&mut matches, &engine, now_ms, 3), [[Some(now_ms), Some(older_ms)]]);
    }

    #[test]
    fn an_older_import_after_a_newer_one_is_judged_in_its_own_time() {
        let engine = engine(BASE);
        let mut matches = Matches::new(Partition(0), 1, HOUR_MS);
        let mut one = correlator(&engine);
        let idle_ms = Options::default().idle_ms;
        let (mut now_ms, mut number, mut fired) = (BEGIN_MS, 0, Vec::new());
        for days_ago in [30, 300] {
            let begin_ms = BEGIN_MS - days_ago * 24 * HOUR_MS;
            for later_s in 0..6 {
                event(&engine, &mut matches, number, 1, (begin_ms + later_s * 1_000, now_ms));
                number += 1;
            }
            // live events go on, and time passes until the import is over
            for _ in 0..4 {
                event(&engine, &mut matches, number, 100 + number, (now_ms, now_ms));
                number += 1;
                matches.clear();
                matches.end(&engine, now_ms, number);
                for (_, bytes) in &matches.records {
                    let mut record = MatchRecord::decode(bytes, one.set()).unwrap();
                    let entries = std::mem::take(&mut record.entries);
                    one.advance(record.advance(), entries, &mut fired);
                }
                now_ms += idle_ms / 2;
            }
        }
        let days: Vec<_> =
            fired.iter().map(|f| (BEGIN_MS - f.last.time_ms + 10_000) / (24 * HOUR_MS)).collect();
        assert_eq!((days, one.counts().late), (vec![30, 300], 0));
    }
}
