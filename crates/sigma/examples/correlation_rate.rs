//! How fast matches are correlated: `cargo run -p huecry-sigma --profile demo --example correlation_rate`.
//!
//! `value_count` with 7,200 distinct values in the window, the hardest the specification's examples come near: a match a
//! second, each with another value, over two hours. The matches come as the records of the log that a pipeline writes;
//! reading them is timed too. CPU seconds of the process (user and system), from `/proc`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

extern crate huecry_sigma as sigma;

use sigma::correlation::{
    Advance, BaseRule, CorrelationSet, Correlator, Entry, EntryValue, EventRef, Feeds, Lane, MatchRecord,
    Options, RecordWriter, StreamMark,
};
use sigma::{Document, parse_documents};
use std::sync::Arc;

const MATCHES: u64 = 2_000_000;
const BATCH: u64 = 1_000;
const DISTINCT: u64 = 7_200;

fn main() {
    for (what, threshold, groups, values) in [
        ("each value new, never enough", 100_000, 1, u64::MAX),
        ("each value new, fires every two hours", DISTINCT, 1, u64::MAX),
        ("values that come again, never enough", 100_000, 1, DISTINCT),
        ("ten groups at once, each value new", 100_000, 10, u64::MAX),
    ] {
        run(what, threshold, groups, values);
    }
}

fn run(what: &str, threshold: u64, groups: u64, values: u64) {
    let text = format!(
        "title: T\ncorrelation: {{type: value_count, rules: [base], group-by: [g], timespan: 2h, condition: {{field: v, gte: {threshold}}}}}\n"
    );
    let Ok(Document::Correlation(rule)) = parse_documents(&text, "f").remove(0) else {
        panic!("no correlation")
    };
    let base = BaseRule { id: None, name: Some("base"), hash: [0; 32] };
    let (set, errors) = CorrelationSet::link(vec![*rule], &[base]);
    assert!(errors.is_empty(), "{errors:?}");
    let set = Arc::new(set);
    let mut feeds = Feeds::default();
    feeds.add("okta/okta", 0);
    let records: Vec<Vec<u8>> =
        (0..MATCHES / BATCH).map(|batch| record(&set, batch, groups, values)).collect();
    let mut correlator = Correlator::new(Arc::clone(&set), feeds, Options::default());
    let (mut firings, before) = (Vec::new(), cpu_seconds());
    for bytes in &records {
        let mut record = MatchRecord::decode(bytes, &set).unwrap();
        let entries = std::mem::take(&mut record.entries);
        correlator.advance(record.advance(), entries, &mut firings);
    }
    let seconds = cpu_seconds() - before;
    let counts = correlator.counts();
    assert_eq!((counts.taken, counts.late, counts.evicted_groups), (MATCHES, 0, 0));
    println!(
        "{what}: {:.0} matches/s of one core, {:.2} us each; {} firings, state {} KiB, snapshot {} KiB",
        MATCHES as f64 / seconds,
        seconds * 1e6 / MATCHES as f64,
        firings.len(),
        correlator.state_bytes() >> 10,
        correlator.encode().len() >> 10,
    );
}

fn record(set: &CorrelationSet, batch: u64, groups: u64, values: u64) -> Vec<u8> {
    let mut writer = RecordWriter::default();
    let mut latest_ms = 0;
    for number in batch * BATCH..(batch + 1) * BATCH {
        let time_ms = (number / groups * 1_000) as i64;
        latest_ms = time_ms;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let entry = Entry {
            correlation: 0,
            position: 0,
            event: EventRef { time_ms, id, at: (0, number) },
            group: [format!("198.51.100.{}", number % groups).into_boxed_str()].into(),
            value: EntryValue::Text(format!("user{}@example.org", number / groups % values).into()),
            carried: Box::default(),
        };
        writer.push(set, Lane::Live, &entry);
    }
    let marks = [StreamMark {
        source: "okta".into(),
        partition: 0,
        logsource: "okta/okta".into(),
        latest_ms: [Some(latest_ms), None],
    }];
    let mut bytes = Vec::new();
    let until = Some((0, (batch + 1) * BATCH));
    writer.finish(Advance { now_ms: batch as i64, until, marks: &marks }, &mut bytes);
    bytes
}

/// User and system CPU seconds of this process (proc(5): fields 14 and 15, in hundredths).
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
