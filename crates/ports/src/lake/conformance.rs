//! The suite that every backend of [`Lake`] runs: what the trait promises, as far as it can be seen from
//! outside without breaking the storage.
//!
//! A backend's test gives [`run`] a [`Bench`]. A check that fails panics with the promise that was broken.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test suite: a broken promise is a panic")]

use super::{Lake, LakeError, LakeRow, LakeWriter, RetentionRule};
use model::{COLUMNS, ColumnValues, Enrichment, EventId, Offset, Partition, RawRecord, column_of};
use std::sync::Arc;

/// One event as it is read back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Partition of `[raw]`.
    pub partition: u32,
    /// Offset there.
    pub offset: u64,
    /// Its identity.
    pub event_id: EventId,
    /// OCSF `time`.
    pub time_ms: i64,
    /// OCSF `class_uid`.
    pub class_uid: u32,
    /// Its region.
    pub region: String,
    /// Its source.
    pub source: String,
    /// The service that the enrichment named.
    pub service: Option<String>,
    /// Each promoted column with a value, as text.
    pub columns: Vec<(&'static str, String)>,
    /// The record.
    pub raw: String,
}

/// What the suite needs of a backend under test.
pub trait Bench {
    /// An empty lake, which merges as soon as [`Lake::maintain`] finds two files of one kind.
    fn create(&self) -> Arc<dyn Lake>;

    /// Opens anew what [`create`](Self::create) made last; every handle to it is dropped before, without
    /// [`Lake::close`] if the check wants a crash.
    fn reopen(&self) -> Arc<dyn Lake>;

    /// All events that a reader sees now, of the lake that was made or opened last.
    fn seen(&self) -> Vec<Seen>;

    /// A moment of the lake that a reader holds on to; calling it reads the events.
    fn hold(&self) -> Box<dyn FnOnce() -> Vec<Seen>>;
}

/// How long [`Lake::maintain`] is given to have merged everything: far beyond any limit of age.
const MUCH_LATER_MS: i64 = 10 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// 2026-01-05T00:00:00Z.
const NOW_MS: i64 = 1_767_571_200_000;
const P0: Partition = Partition(0);
const P1: Partition = Partition(1);

/// Runs every check, each on a lake of its own.
pub fn run(bench: &dyn Bench) {
    what_is_committed_is_seen_at_once_and_what_is_pushed_is_not(bench);
    every_value_comes_back(bench);
    the_position_is_what_is_durable(bench);
    what_was_not_durable_is_fed_again_after_a_crash(bench);
    batches_follow_each_other(bench);
    a_new_writer_takes_over(bench);
    offsets_without_events_move_the_position(bench);
    maintaining_changes_no_event(bench);
    a_held_moment_survives_merging_and_expiry(bench);
    retention_is_by_class_and_whole_days(bench);
    a_closed_lake_refuses_writers_and_keeps_its_events(bench);
}

/// The event that the suite makes of a partition's offset.
fn event(partition: Partition, offset: u64) -> Seen {
    let class_uid = [6003, 3002, 1007][offset as usize % 3];
    let columns = vec![
        ("activity_id", offset.to_string()),
        ("api_operation", format!("Get{}", offset % 5)),
        ("src_endpoint_ip", format!("192.0.2.{}", offset % 200)),
    ];
    Seen {
        partition: partition.0,
        offset,
        event_id: EventId([partition.0 as u8 ^ offset as u8; 16]),
        // not in the order of the offsets
        time_ms: NOW_MS + (offset as i64 * 7_919 % 100) * 60_000,
        class_uid,
        region: ["default", "eu"][offset as usize % 2].to_owned(),
        source: "aws-prod".to_owned(),
        service: offset.is_multiple_of(3).then(|| "payments".to_owned()),
        columns,
        raw: format!("{{\"n\":{offset},\"text\":\"ä \\\" {}\"}}", "x".repeat(offset as usize % 300)),
    }
}

/// Pushes an event.
fn push(writer: &mut dyn LakeWriter, event: &Seen) {
    let mut columns = ColumnValues::default();
    for (name, value) in &event.columns {
        let column = COLUMNS.iter().find(|column| column.name == *name).and_then(|c| column_of(c.path));
        match value.parse() {
            Ok(number) => columns.put_int(column.unwrap(), number),
            Err(_) => columns.put_text(column.unwrap(), value),
        }
    }
    writer.push(&LakeRow {
        offset: Offset(event.offset),
        event_id: event.event_id,
        time_ms: event.time_ms,
        class_uid: event.class_uid,
        columns: &columns,
        enrichment: Enrichment { service: event.service.as_deref(), ..Enrichment::default() },
        record: RawRecord {
            source: &event.source,
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: None,
            region: &event.region,
            received_at_ms: NOW_MS + DAY_MS,
            body: event.raw.as_bytes(),
        },
    });
}

/// Pushes and commits the events of these offsets.
fn feed(writer: &mut dyn LakeWriter, partition: Partition, offsets: std::ops::Range<u64>) {
    offsets.clone().for_each(|offset| push(writer, &event(partition, offset)));
    writer.commit(Offset(offsets.start), Offset(offsets.end), NOW_MS).unwrap();
}

fn events(partition: Partition, offsets: std::ops::Range<u64>) -> Vec<Seen> {
    offsets.map(|offset| event(partition, offset)).collect()
}

fn seen(bench: &dyn Bench) -> Vec<Seen> {
    let mut seen = bench.seen();
    seen.sort();
    seen
}

/// Maintains until nothing is left to do.
fn maintain(lake: &dyn Lake, now_ms: i64, retention: &[RetentionRule]) -> u64 {
    let mut expired = 0;
    for _ in 0..100 {
        let done = lake.maintain(now_ms, retention).unwrap();
        expired += done.events_expired;
        if done == super::Maintained::default() {
            return expired;
        }
    }
    panic!("maintaining comes to an end");
}

fn what_is_committed_is_seen_at_once_and_what_is_pushed_is_not(bench: &dyn Bench) {
    let lake = bench.create();
    assert_eq!(bench.seen(), [], "a new lake is empty");
    assert_eq!(lake.position(P0), Offset(0));
    let mut writer = lake.writer(P0).unwrap();
    push(&mut *writer, &event(P0, 0));
    assert_eq!(bench.seen(), [], "what is not committed is not seen");
    writer.discard();
    feed(&mut *writer, P0, 0..2);
    assert_eq!(seen(bench), events(P0, 0..2), "what is committed is seen");
    assert_eq!(lake.size().fresh_events + lake.size().events, 2);
}

fn every_value_comes_back(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    feed(&mut *writer, P0, 0..500);
    assert_eq!(seen(bench), events(P0, 0..500), "before it is in a file");
    lake.flush().unwrap();
    assert_eq!(seen(bench), events(P0, 0..500), "from a file");
    maintain(&*lake, NOW_MS + MUCH_LATER_MS, &[]);
    assert_eq!(seen(bench), events(P0, 0..500), "from a merged file");
}

fn the_position_is_what_is_durable(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    feed(&mut *writer, P0, 0..10);
    lake.flush().unwrap();
    assert_eq!(lake.position(P0), Offset(10), "what was flushed is durable");
    assert_eq!(lake.position(P1), Offset(0), "partitions have positions of their own");
    feed(&mut *writer, P0, 10..20);
    lake.close().unwrap();
    assert_eq!(lake.position(P0), Offset(20), "closing makes all durable");
    drop((writer, lake));
    let lake = bench.reopen();
    assert_eq!(lake.position(P0), Offset(20), "reopening changes nothing");
    assert_eq!(seen(bench), events(P0, 0..20));
}

fn what_was_not_durable_is_fed_again_after_a_crash(bench: &dyn Bench) {
    let mut lake = bench.create();
    for _ in 0..4 {
        let from = lake.position(P0).0;
        let mut writer = lake.writer(P0).unwrap();
        feed(&mut *writer, P0, from..from + 7);
        lake.flush().unwrap();
        feed(&mut *writer, P0, from + 7..from + 12);
        assert_eq!(seen(bench), events(P0, 0..from + 12), "none lost, none twice");
        drop((writer, lake));
        lake = bench.reopen();
        assert!(lake.position(P0) >= Offset(from + 7), "what was durable stays");
        assert_eq!(seen(bench), events(P0, 0..lake.position(P0).0), "the position says what there is");
    }
}

fn batches_follow_each_other(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    feed(&mut *writer, P0, 0..3);
    for (from, next) in [(0, 3), (2, 4), (4, 5), (3, 2)] {
        push(&mut *writer, &event(P0, from));
        let error = writer.commit(Offset(from), Offset(next), NOW_MS).unwrap_err();
        let expected = LakeError::OutOfOrder { partition: 0, from, next: 3 };
        assert_eq!(error.to_string(), expected.to_string(), "{from}..{next}");
    }
    feed(&mut *writer, P0, 3..5);
    assert_eq!(seen(bench), events(P0, 0..5), "a refused batch leaves nothing behind");
}

fn a_new_writer_takes_over(bench: &dyn Bench) {
    let lake = bench.create();
    let mut first = lake.writer(P0).unwrap();
    feed(&mut *first, P0, 0..3);
    let mut second = lake.writer(P0).unwrap();
    let position = lake.position(P0).0;
    feed(&mut *second, P0, position..6);
    assert_eq!(seen(bench), events(P0, 0..6), "the new writer goes on at the position");
    push(&mut *first, &event(P0, 6));
    let error = first.commit(Offset(6), Offset(7), NOW_MS).unwrap_err();
    assert!(matches!(error, LakeError::OutOfOrder { .. } | LakeError::Closed), "{error}");
    feed(&mut *second, P0, 6..7);
    assert_eq!(seen(bench), events(P0, 0..7), "the old writer changes nothing");
}

fn offsets_without_events_move_the_position(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    writer.commit(Offset(0), Offset(4), NOW_MS).unwrap();
    push(&mut *writer, &event(P0, 5));
    writer.commit(Offset(4), Offset(9), NOW_MS).unwrap();
    writer.commit(Offset(9), Offset(9), NOW_MS).unwrap();
    lake.flush().unwrap();
    drop((writer, lake));
    let lake = bench.reopen();
    assert_eq!(lake.position(P0), Offset(9));
    assert_eq!(seen(bench), events(P0, 5..6));
}

fn maintaining_changes_no_event(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writers = [lake.writer(P0).unwrap(), lake.writer(P1).unwrap()];
    for round in 0..5 {
        for (partition, writer) in [P0, P1].into_iter().zip(&mut writers) {
            feed(&mut **writer, partition, round * 20..round * 20 + 20);
        }
        lake.flush().unwrap();
    }
    let files = lake.size().files;
    maintain(&*lake, NOW_MS + MUCH_LATER_MS, &[]);
    let mut expected = events(P0, 0..100);
    expected.extend(events(P1, 0..100));
    assert_eq!(seen(bench), expected, "merging changes no event");
    // three classes in two regions on one day
    assert!(lake.size().files <= 6, "{files} files became {}", lake.size().files);
    assert_eq!((lake.size().events, lake.size().fresh_events), (200, 0));
    drop((writers, lake));
    let lake = bench.reopen();
    assert_eq!(seen(bench), expected, "merged files are durable");
    assert_eq!((lake.position(P0), lake.position(P1)), (Offset(100), Offset(100)));
}

fn a_held_moment_survives_merging_and_expiry(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    for round in 0..4 {
        feed(&mut *writer, P0, round * 10..round * 10 + 10);
        lake.flush().unwrap();
    }
    feed(&mut *writer, P0, 40..45);
    let held = [bench.hold(), bench.hold()];
    maintain(&*lake, NOW_MS + MUCH_LATER_MS, &[]);
    let merged = bench.hold();
    maintain(&*lake, NOW_MS + MUCH_LATER_MS, &[RetentionRule { class_uid: None, age_ms_max: 0 }]);
    assert_eq!(bench.seen(), [], "all is too old");
    for read in held.into_iter().chain([merged]) {
        let mut seen = read();
        seen.sort();
        assert_eq!(seen, events(P0, 0..45), "a moment that is held does not move");
    }
}

fn retention_is_by_class_and_whole_days(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    feed(&mut *writer, P0, 0..30);
    lake.flush().unwrap();
    maintain(&*lake, NOW_MS + MUCH_LATER_MS, &[]);
    let rules = [
        RetentionRule { class_uid: Some(6003), age_ms_max: 20 * DAY_MS },
        RetentionRule { class_uid: None, age_ms_max: 12 * DAY_MS },
    ];
    let over_ms = NOW_MS + DAY_MS;
    let expired = maintain(&*lake, over_ms + 12 * DAY_MS - 1, &rules);
    assert_eq!((expired, bench.seen().len()), (0, 30), "not before the day is so long over");
    let expired = maintain(&*lake, over_ms + 12 * DAY_MS, &rules);
    let kept: Vec<Seen> = events(P0, 0..30).into_iter().filter(|event| event.class_uid == 6003).collect();
    assert_eq!((expired, seen(bench)), (20, kept), "a class with a rule of its own keeps to it");
    assert_eq!(lake.position(P0), Offset(30), "the position does not move back");
    assert_eq!(maintain(&*lake, over_ms + 20 * DAY_MS, &rules), 10);
    drop((writer, lake));
    let lake = bench.reopen();
    assert_eq!((bench.seen(), lake.position(P0)), (Vec::new(), Offset(30)), "what expired stays away");
}

fn a_closed_lake_refuses_writers_and_keeps_its_events(bench: &dyn Bench) {
    let lake = bench.create();
    let mut writer = lake.writer(P0).unwrap();
    feed(&mut *writer, P0, 0..3);
    lake.close().unwrap();
    push(&mut *writer, &event(P0, 3));
    let error = writer.commit(Offset(3), Offset(4), NOW_MS).unwrap_err();
    assert!(matches!(error, LakeError::Closed), "{error}");
    assert!(matches!(lake.writer(P0), Err(LakeError::Closed)), "a closed lake gives no writer");
    assert_eq!(seen(bench), events(P0, 0..3));
}
