//! What the lake costs: CPU per event for taking, flushing and merging, bytes per event at rest, peak memory.
//!
//! `cargo run -p huecry-lake --profile bench-release --example lake_throughput -- [EVENTS] [play]`
//!
//! The records are CloudTrail records: those of `acme::bench_records`, about 1.2 KB each, in which no id, key,
//! user or token ever comes twice; or with `play` those of `acme::Acme`, people and machines at work. The
//! promoted values are read from them before the clock starts.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use acme::{Acme, Record, Source, bench_records};
use huecry_lake::{FileLake, Options, Snapshots};
use model::{ColumnId, ColumnValues, Enrichment, EventId, Offset, Partition, RawRecord, column_of};
use parquet::file::reader::{FileReader, SerializedFileReader};
use ports::lake::Maintained;
use ports::{Lake, LakeRow, LakeWriter};
use std::collections::BTreeMap;
use std::time::Instant;

const EVENTS: u64 = 1_000_000;
/// The end of a play: 2026-01-05T00:00:00Z.
const END_MS: i64 = 1_767_571_200_000;
/// Made before the clock starts.
const EVENTS_AT_ONCE: u64 = 8_000;
/// As the pipeline commits.
const BATCH_EVENTS: usize = 800;

struct Prepared {
    id: String,
    time_ms: i64,
    body: String,
    columns: ColumnValues,
}

/// Text after `"name":"`, up to the quote: good enough for records that are known.
fn value<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let at = body.find(&format!("\"{name}\":\""))? + name.len() + 4;
    body[at..].split('"').next()
}

fn prepare(id: String, time_ms: i64, body: String) -> Prepared {
    let mut columns = ColumnValues::default();
    let column = |path: &str| -> ColumnId { column_of(path).unwrap() };
    for (path, member) in [
        ("metadata.original_event_uid", "eventID"),
        ("metadata.correlation_uid", "requestID"),
        ("cloud.account.uid", "recipientAccountId"),
        ("cloud.region", "awsRegion"),
        ("api.service.name", "eventSource"),
        ("api.operation", "eventName"),
        ("actor.user.name", "userName"),
        ("actor.user.uid", "arn"),
        ("actor.user.credential_uid", "accessKeyId"),
        ("src_endpoint.ip", "sourceIPAddress"),
        ("http_request.user_agent", "userAgent"),
        ("status_code", "errorCode"),
    ] {
        if let Some(text) = value(&body, member) {
            columns.put_text(column(path), text);
        }
    }
    for (path, number) in [("activity_id", body.len() as i64 % 5), ("severity_id", 1), ("status_id", 1)] {
        columns.put_int(column(path), number);
    }
    columns.put_text(column("metadata.product.name"), "CloudTrail");
    Prepared { id, time_ms, body, columns }
}

/// Time that this thread had a processor, in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

fn peak_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

fn feed(
    lake: &FileLake,
    writer: &mut dyn LakeWriter,
    events: &[Prepared],
    from: u64,
    seconds: &mut [f64; 2],
) {
    let mut at = from;
    for batch in events.chunks(BATCH_EVENTS) {
        let start = cpu_seconds();
        for (offset, event) in (at..).zip(batch) {
            writer.push(&LakeRow {
                offset: Offset(offset),
                event_id: EventId::of_source_id("aws-prod", &event.id),
                time_ms: event.time_ms,
                class_uid: 6003,
                columns: &event.columns,
                enrichment: Enrichment::default(),
                record: RawRecord {
                    source: "aws-prod",
                    kind: "aws_cloudtrail",
                    event_type: None,
                    delivery_id: None,
                    region: "default",
                    received_at_ms: event.time_ms + 300_000,
                    body: event.body.as_bytes(),
                },
            });
        }
        let next = at + batch.len() as u64;
        writer.commit(Offset(at), Offset(next), 0).unwrap();
        at = next;
        let committed = cpu_seconds();
        if lake.size().fresh_events >= 16_000 {
            lake.flush().unwrap();
        }
        seconds[0] += committed - start;
        seconds[1] += cpu_seconds() - committed;
    }
}

fn main() {
    let events = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(EVENTS);
    let dir = std::env::temp_dir().join(format!("lake-throughput-{}", std::process::id()));
    let lake = FileLake::open(&Options::new(&dir)).unwrap();
    let mut records: Box<dyn Iterator<Item = Record>> =
        if std::env::args().nth(2).is_some_and(|arg| arg == "play") {
            let play = Acme::new(7, END_MS, 3, 300.0);
            Box::new(play.filter(|record| record.source == Source::AwsCloudtrail))
        } else {
            Box::new(bench_records(7, events))
        };
    let mut writer = lake.writer(Partition(0)).unwrap();
    let (mut raw_bytes, mut done) = (0, 0);
    let (mut taking, mut merging, mut merged, started) = ([0.0; 2], 0.0, 0, Instant::now());
    while done < events {
        let count = EVENTS_AT_ONCE.min(events - done) as usize;
        let part: Vec<Prepared> = records
            .by_ref()
            .take(count)
            .map(|record| prepare(record.id, record.time_ms, record.body))
            .collect();
        if part.is_empty() {
            break;
        }
        let count = part.len();
        raw_bytes += part.iter().map(|event| event.body.len()).sum::<usize>();
        feed(&lake, &mut *writer, &part, done, &mut taking);
        done += count as u64;
        let start = cpu_seconds();
        merged += lake.maintain(0, &[]).unwrap().files_merged;
        merging += cpu_seconds() - start;
    }
    let events = done;
    let per_event = |seconds: f64| 1e6 * seconds / events as f64;
    println!("{events} events of {} bytes on average", raw_bytes as u64 / events);
    println!("push and commit   {:>6.2} us/event", per_event(taking[0]));
    println!("flush             {:>6.2} us/event", per_event(taking[1]));
    lake.flush().unwrap();
    print_size(&lake, "first levels      ", raw_bytes);
    let start = cpu_seconds();
    loop {
        let round = lake.maintain(86_400_000, &[]).unwrap();
        if round == Maintained::default() {
            break;
        }
        merged += round.files_merged;
    }
    merging += cpu_seconds() - start;
    println!("merge             {:>6.2} us/event, {merged} files merged away", per_event(merging));
    print_size(&lake, "at rest           ", raw_bytes);
    println!("peak memory       {:>6} MiB; {:.1} s in all", peak_mib(), started.elapsed().as_secs_f64());
    print_columns(&lake);
    lake.close().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

/// The columns that take most, over all listed files.
fn print_columns(lake: &FileLake) {
    let (mut bytes, mut events) = (BTreeMap::<String, i64>::new(), 0);
    for file in &lake.snapshot().files {
        let reader = SerializedFileReader::new(std::fs::File::open(&file.path).unwrap()).unwrap();
        events += file.rows;
        for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let bloom = i64::from(column.bloom_filter_length().unwrap_or_default());
            *bytes.entry(column.column_path().string()).or_default() += column.compressed_size() + bloom;
        }
    }
    let mut columns: Vec<_> = bytes.into_iter().collect();
    columns.sort_by_key(|(_, bytes)| -bytes);
    for (name, bytes) in columns.iter().take(12) {
        println!("    {name:<30}{:>6.1} bytes/event", *bytes as f64 / events as f64);
    }
}

fn print_size(lake: &FileLake, what: &str, raw_bytes: usize) {
    let size = lake.size();
    let (bytes, events) = (size.bytes as f64, size.events.max(1) as f64);
    let percent = 100.0 * bytes / raw_bytes as f64;
    println!("{what}{:>6.1} bytes/event, {percent:.1} % of raw, {} files", bytes / events, size.files);
}
