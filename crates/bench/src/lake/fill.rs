//! Fills a lake as the pipeline would, and says what it cost.

use crate::Failed;
use crate::process::{peak_mib, thread_cpu};
use crate::records::{self, Records, Sent};
use huecry::engine::{Engine, Scratch, Wanted};
use lake::{FileLake, Options};
use model::{ColumnValues, Enrichment, EventId, Offset, Partition, Position, RawRecord, Topic};
use normalize::RawData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use ports::lake::Maintained;
use ports::{Lake, LakeRow, LakeWriter};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Events that are made ready before the clock starts.
const EVENTS_AT_ONCE: usize = 8_000;
/// As the pipeline commits.
const BATCH_EVENTS: usize = 800;
/// Events in memory that are written to a file.
const FLUSH_EVENTS: u64 = 16_000;
/// What a door adds between an event and its receipt, in milliseconds.
const RECEIVED_AFTER_MS: i64 = 300_000;
/// A line says how far it is, each time so many are done.
const EVENTS_OF_A_LINE: u64 = 500_000;
/// Everything rests by then: a day after the time that the lake was told before.
const LATER_MS: i64 = 86_400_000;

/// An event as the pipeline gives it to the lake.
pub(crate) struct Ready {
    event_id: EventId,
    time_ms: i64,
    class_uid: u32,
    columns: ColumnValues,
    sent: Sent,
}

/// Makes events of records, untimed.
pub(crate) struct Maker {
    engine: Engine,
    scratch: Scratch,
    records: Records,
    offset: u64,
    pub(crate) refused: u64,
}

impl Maker {
    pub(crate) fn new(records: Records) -> Result<Self, Failed> {
        let (engine, _) = Engine::load([]).map_err(|errors| format!("{errors:?}"))?;
        Ok(Self { engine, scratch: Scratch::new(RawData::Exclude), records, offset: 0, refused: 0 })
    }

    /// The next events, `count` or fewer at the end.
    pub(crate) fn next(&mut self, count: usize) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(count);
        while ready.len() < count {
            let Some(sent) = self.records.next() else { break };
            let position =
                Position { topic: Topic::Raw, partition: Partition(0), offset: Offset(self.offset) };
            let record = record_of(&sent);
            let mut columns = None;
            let keep = |row: &LakeRow<'_>| columns = Some(row.columns.clone());
            let made =
                self.engine.process(&record, position, &mut self.scratch, |_| Wanted::Event, keep, |_| {});
            match (made, columns) {
                (Ok(event), Some(columns)) => {
                    let (event_id, time_ms, class_uid) = (event.event_id, event.time_ms, event.class_uid);
                    ready.push(Ready { event_id, time_ms, class_uid, columns, sent });
                    self.offset += 1;
                }
                _ => self.refused += 1,
            }
        }
        ready
    }
}

fn record_of(sent: &Sent) -> RawRecord<'_> {
    RawRecord {
        source: sent.source,
        kind: sent.kind,
        event_type: sent.event_type,
        delivery_id: sent.delivery_id.as_deref(),
        region: "default",
        received_at_ms: sent.time_ms + RECEIVED_AFTER_MS,
        body: sent.body.as_bytes(),
    }
}

/// Gives events to the lake in batches, as the pipeline does; what follows `from` is the offset after the last.
pub(crate) fn feed(
    lake: &FileLake,
    writer: &mut dyn LakeWriter,
    events: &[Ready],
    from: u64,
    cost: &mut Cost,
) -> Result<u64, Failed> {
    let mut at = from;
    for batch in events.chunks(BATCH_EVENTS) {
        let began = thread_cpu();
        for (offset, event) in (at..).zip(batch) {
            writer.push(&LakeRow {
                offset: Offset(offset),
                event_id: event.event_id,
                time_ms: event.time_ms,
                class_uid: event.class_uid,
                columns: &event.columns,
                enrichment: Enrichment::default(),
                record: record_of(&event.sent),
            });
        }
        let next = at + batch.len() as u64;
        writer.commit(Offset(at), Offset(next), 0)?;
        at = next;
        let committed = thread_cpu();
        if lake.size().fresh_events >= FLUSH_EVENTS {
            lake.flush()?;
        }
        cost.taking_s += committed - began;
        cost.flushing_s += thread_cpu() - committed;
    }
    Ok(at)
}

/// Seconds of CPU, and files.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    pub(crate) taking_s: f64,
    pub(crate) flushing_s: f64,
    pub(crate) merging_s: f64,
    pub(crate) merged: u64,
}

impl Cost {
    fn text(&self, events: u64) -> String {
        let each = |seconds: f64| 1e6 * seconds / events.max(1) as f64;
        let (taking, flushing, merging) = (each(self.taking_s), each(self.flushing_s), each(self.merging_s));
        format!("us/event: push and commit {taking:.2}, flush {flushing:.2}, merge {merging:.2}")
    }

    pub(crate) fn maintain(&mut self, lake: &FileLake, now_ms: i64) -> Result<bool, Failed> {
        let began = thread_cpu();
        let round = lake.maintain(now_ms, &[])?;
        self.merging_s += thread_cpu() - began;
        self.merged += round.files_merged;
        Ok(round != Maintained::default())
    }
}

pub(crate) fn run(dir: &Path, events: u64, records: &str, source: Option<&str>) -> Result<(), Failed> {
    if dir.exists() {
        return Err(format!("{} exists already", dir.display()).into());
    }
    let began = Instant::now();
    let mut records = match records {
        "acme" => records::acme(events),
        "distinct" => records::distinct(events),
        corpus => records::real(Path::new(corpus), events)?,
    };
    if let Some(source) = source.map(str::to_owned) {
        records = Box::new(records.filter(move |sent| sent.source == source));
    }
    let mut maker = Maker::new(records)?;
    let lake = FileLake::open(&Options::new(dir))?;
    let mut writer = lake.writer(Partition(0))?;
    let (mut cost, mut done, mut raw) = (Cost::default(), 0, BTreeMap::<&str, [u64; 2]>::new());
    loop {
        let part = maker.next(EVENTS_AT_ONCE);
        if part.is_empty() {
            break;
        }
        for event in &part {
            let [events, bytes] = raw.entry(event.sent.source).or_default();
            (*events, *bytes) = (*events + 1, *bytes + event.sent.body.len() as u64);
        }
        let before = done / EVENTS_OF_A_LINE;
        done = feed(&lake, &mut *writer, &part, done, &mut cost)?;
        cost.maintain(&lake, 0)?;
        if done / EVENTS_OF_A_LINE > before {
            println!("{done} events, {} bytes, {}", lake.size().bytes, cost.text(done));
        }
    }
    lake.flush()?;
    let raw_bytes: u64 = raw.values().map(|[_, bytes]| bytes).sum();
    println!("{done} events of {} bytes on average, {} refused", raw_bytes / done.max(1), maker.refused);
    for (source, [events, bytes]) in &raw {
        println!("    {source:<16}{events:>10} of {:>6} bytes", bytes / events);
    }
    print_size(&lake, "as loaded         ", raw_bytes);
    while cost.maintain(&lake, LATER_MS)? {}
    println!("cost              {}, {} files merged away", cost.text(done), cost.merged);
    print_size(&lake, "at rest           ", raw_bytes);
    println!("peak memory       {:>6} MiB; {:.0} s in all", peak_mib(), began.elapsed().as_secs_f64());
    print_columns(&lake)?;
    lake.close()?;
    Ok(())
}

fn print_size(lake: &FileLake, what: &str, raw_bytes: u64) {
    let size = lake.size();
    let (bytes, events) = (size.bytes as f64, size.events.max(1) as f64);
    let percent = 100.0 * bytes / raw_bytes.max(1) as f64;
    println!("{what}{:>6.1} bytes/event, {percent:.2} % of raw, {} files", bytes / events, size.files);
}

/// The columns that take most, over all listed files, and all Bloom filters.
fn print_columns(lake: &FileLake) -> Result<(), Failed> {
    use lake::Snapshots;
    let (mut bytes, mut events, mut rest) = (BTreeMap::<String, i64>::new(), 0, 0);
    for file in &lake.snapshot().files {
        let reader = SerializedFileReader::new(std::fs::File::open(&file.path)?)?;
        events += file.rows;
        rest += file.bytes as i64;
        for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let bloom = i64::from(column.bloom_filter_length().unwrap_or_default());
            *bytes.entry(column.column_path().string()).or_default() += column.compressed_size();
            *bytes.entry("(Bloom filters)".into()).or_default() += bloom;
            rest -= column.compressed_size() + bloom;
        }
    }
    bytes.insert("(footers, page index)".into(), rest);
    let mut columns: Vec<_> = bytes.into_iter().collect();
    columns.sort_by_key(|(_, bytes)| -bytes);
    for (name, bytes) in columns.iter().take(16) {
        println!("    {name:<30}{:>6.1} bytes/event", *bytes as f64 / events.max(1) as f64);
    }
    Ok(())
}
