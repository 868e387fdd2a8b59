//! The suite that every backend of [`Log`] runs: what the trait promises, as far as it can be seen
//! from outside without breaking the storage.
//!
//! A backend's test gives [`run`] a [`Bench`] and drives the future on its runtime. A check that fails
//! panics with the promise that was broken.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test suite: a broken promise is a panic")]

use super::{Bounds, GROUP_NAME_BYTES_MAX, Log, LogError, RECORD_BYTES_MAX, RecordBatch};
use async_trait::async_trait;
use model::{Offset, Partition, Topic};
use std::sync::Arc;

/// What the suite needs of a backend under test.
#[async_trait]
pub trait Bench: Send + Sync {
    /// An empty log with at least two partitions of [`Topic::Raw`], whose retention keeps, of
    /// [`Topic::Finding`], records for [`AGE_MS_MAX`] in segments of at most [`SEGMENT_BYTES_MAX`].
    async fn create(&self) -> Arc<dyn Log>;

    /// Opens anew what [`create`](Self::create) made last; every handle to it is dropped before.
    async fn reopen(&self) -> Arc<dyn Log>;
}

/// The retention by age of [`Topic::Finding`] in the suite.
pub const AGE_MS_MAX: i64 = 1_000;

/// The segment size of [`Topic::Finding`] in the suite.
pub const SEGMENT_BYTES_MAX: u64 = 4 * 1024;

const P0: Partition = Partition(0);
const READ_BYTES: usize = 1024 * 1024;

/// Runs every check, each on a log of its own.
pub async fn run(bench: &dyn Bench) {
    what_is_acknowledged_is_read_back_also_after_reopening(bench).await;
    offsets_are_dense_and_batches_stay_together(bench).await;
    a_read_keeps_to_its_bytes_and_gives_at_least_one(bench).await;
    partitions_and_topics_do_not_mix(bench).await;
    bad_arguments_get_clear_errors(bench).await;
    waiting_ends_when_the_record_is_durable(bench).await;
    consumers_go_on_where_they_committed(bench).await;
    retention_by_age_never_passes_a_consumer(bench).await;
    a_closed_log_refuses_appends_and_keeps_its_records(bench).await;
    large_records_and_batches_come_back_whole(bench).await;
}

fn batch<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> RecordBatch {
    let mut batch = RecordBatch::new();
    for record in records {
        batch.push(record.as_ref()).unwrap();
    }
    batch
}

async fn read_all(log: &dyn Log, topic: Topic, partition: Partition) -> Vec<(u64, Vec<u8>)> {
    let Bounds { start, end } = log.bounds(topic, partition).await.unwrap();
    let (mut all, mut from) = (Vec::new(), start);
    while from < end {
        let records = log.read(topic, partition, from, READ_BYTES).await.unwrap();
        assert!(!records.is_empty(), "a read below the end gives at least one record");
        assert_eq!(records.first(), from, "a read begins where it was asked to");
        all.extend(records.iter().map(|(offset, record)| (offset.0, record.to_vec())));
        from = records.next();
    }
    all
}

fn numbered<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> Vec<(u64, Vec<u8>)> {
    (0..).zip(records.into_iter().map(|record| record.as_ref().to_vec())).collect()
}

async fn what_is_acknowledged_is_read_back_also_after_reopening(bench: &dyn Bench) {
    let log = bench.create().await;
    let bounds = log.bounds(Topic::Raw, P0).await.unwrap();
    assert_eq!(bounds, Bounds { start: Offset(0), end: Offset(0) }, "a new partition is empty");
    assert!(log.read(Topic::Raw, P0, Offset(0), 10).await.unwrap().is_empty());
    assert_eq!(log.append(Topic::Raw, P0, batch(["a", "", "ccc"]), 1).await.unwrap(), Offset(0));
    assert_eq!(log.append(Topic::Raw, P0, batch([b"\0\xff"]), 2).await.unwrap(), Offset(3));
    let expected = numbered([&b"a"[..], b"", b"ccc", b"\0\xff"]);
    assert_eq!(read_all(&*log, Topic::Raw, P0).await, expected);
    drop(log);
    let log = bench.reopen().await;
    assert_eq!(read_all(&*log, Topic::Raw, P0).await, expected, "reopening changes nothing");
    assert_eq!(log.append(Topic::Raw, P0, batch(["e"]), 3).await.unwrap(), Offset(4));
    assert_eq!(read_all(&*log, Topic::Raw, P0).await.len(), 5);
}

async fn offsets_are_dense_and_batches_stay_together(bench: &dyn Bench) {
    let log = bench.create().await;
    let mut senders = Vec::new();
    for sender in 0..8 {
        let log = Arc::clone(&log);
        senders.push(tokio::spawn(async move {
            let mut firsts = Vec::new();
            for i in 0..20 {
                let records = (0..3).map(|part| format!("{sender}/{i}/{part}"));
                firsts.push((log.append(Topic::Raw, P0, batch(records), 0).await.unwrap(), i));
            }
            (sender, firsts)
        }));
    }
    let mut expected = vec![Vec::new(); 8 * 20 * 3];
    for task in senders {
        let (sender, firsts) = task.await.unwrap();
        assert!(firsts.is_sorted(), "a sender's own batches keep their order");
        for (first, i) in firsts {
            for part in 0..3 {
                let place = &mut expected[first.0 as usize + part];
                assert!(place.is_empty(), "an offset is given once");
                *place = format!("{sender}/{i}/{part}").into_bytes();
            }
        }
    }
    assert_eq!(read_all(&*log, Topic::Raw, P0).await, numbered(expected));
}

async fn a_read_keeps_to_its_bytes_and_gives_at_least_one(bench: &dyn Bench) {
    let log = bench.create().await;
    log.append(Topic::Raw, P0, batch([[1; 100], [2; 100], [3; 100]]), 0).await.unwrap();
    log.append(Topic::Raw, P0, batch([[4; 100]]), 0).await.unwrap();
    for (from, bytes_max, least, most) in [
        (0, 0, 1, 1),
        (0, 99, 1, 1),
        (0, 199, 1, 1),
        (0, 200, 1, 2),
        (1, 1000, 1, 3),
        (3, 1, 1, 1),
        (4, 1000, 0, 0),
    ] {
        let records = log.read(Topic::Raw, P0, Offset(from), bytes_max).await.unwrap();
        let count = records.len();
        assert!((least..=most).contains(&count), "{count} records from {from} in {bytes_max} bytes");
        for (offset, record) in records.iter() {
            assert_eq!(record, [offset.0 as u8 + 1; 100]);
        }
    }
}

async fn partitions_and_topics_do_not_mix(bench: &dyn Bench) {
    let log = bench.create().await;
    assert!(log.partitions(Topic::Raw) >= 2, "the bench has two raw partitions");
    for topic in Topic::ALL {
        assert!(log.partitions(topic) >= 1);
    }
    log.append(Topic::Raw, P0, batch(["raw 0"]), 0).await.unwrap();
    log.append(Topic::Raw, Partition(1), batch(["raw 1"]), 0).await.unwrap();
    log.append(Topic::DeadLetter, P0, batch(["dead"]), 0).await.unwrap();
    assert_eq!(read_all(&*log, Topic::Raw, P0).await, numbered(["raw 0"]));
    assert_eq!(read_all(&*log, Topic::Raw, Partition(1)).await, numbered(["raw 1"]));
    assert_eq!(read_all(&*log, Topic::DeadLetter, P0).await, numbered(["dead"]));
    assert_eq!(read_all(&*log, Topic::Finding, P0).await, []);
}

async fn bad_arguments_get_clear_errors(bench: &dyn Bench) {
    let log = bench.create().await;
    let nowhere = Partition(log.partitions(Topic::Raw));
    let error = log.append(Topic::Raw, nowhere, batch(["x"]), 0).await.unwrap_err();
    assert!(matches!(error, LogError::NoSuchPartition { .. }), "{error}");
    let error = log.bounds(Topic::Raw, nowhere).await.unwrap_err();
    assert!(matches!(error, LogError::NoSuchPartition { .. }), "{error}");
    let error = log.read(Topic::Raw, P0, Offset(1), 10).await.unwrap_err();
    assert!(matches!(error, LogError::Ahead { end: Offset(0) }), "{error}");
    let end = log.append(Topic::Raw, P0, RecordBatch::new(), 0).await.unwrap();
    assert_eq!(end, Offset(0), "an empty batch resolves with the end");
    let long = "x".repeat(GROUP_NAME_BYTES_MAX + 1);
    for name in ["", "Upper", "a b", "../x", "a\n", &long] {
        let error = log.register(name, Topic::Raw, P0).await.unwrap_err();
        assert!(matches!(error, LogError::BadGroupName { .. }), "{name:?}: {error}");
    }
    let error = log.commit("stranger", Topic::Raw, P0, Offset(0)).await.unwrap_err();
    assert!(matches!(error, LogError::NoSuchConsumer { .. }), "{error}");
    assert_eq!(log.committed("stranger", Topic::Raw, P0).await.unwrap(), None);
    log.unregister("stranger", Topic::Raw, P0).await.unwrap();
    log.register("reader", Topic::Raw, P0).await.unwrap();
    let error = log.commit("reader", Topic::Raw, P0, Offset(1)).await.unwrap_err();
    assert!(matches!(error, LogError::Ahead { end: Offset(0) }), "{error}");
}

async fn waiting_ends_when_the_record_is_durable(bench: &dyn Bench) {
    let log = bench.create().await;
    let waiting = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let end = log.wait_for(Topic::Raw, P0, Offset(1)).await.unwrap();
            (end, log.read(Topic::Raw, P0, Offset(1), 10).await.unwrap().get(0).map(<[u8]>::to_vec))
        })
    };
    log.append(Topic::Raw, P0, batch(["zero"]), 0).await.unwrap();
    log.append(Topic::Raw, P0, batch(["one"]), 0).await.unwrap();
    let (end, record) = waiting.await.unwrap();
    assert_eq!((end, record), (Offset(2), Some(b"one".to_vec())));
    assert_eq!(log.wait_for(Topic::Raw, P0, Offset(0)).await.unwrap(), Offset(2), "it is there already");
    let waiting = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.wait_for(Topic::Raw, P0, Offset(2)).await })
    };
    log.close().await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, LogError::Closed), "{error}");
}

async fn consumers_go_on_where_they_committed(bench: &dyn Bench) {
    let log = bench.create().await;
    log.append(Topic::Raw, P0, batch(["a", "b", "c"]), 0).await.unwrap();
    assert_eq!(log.register("pipeline", Topic::Raw, P0).await.unwrap(), Offset(0), "new: from the start");
    log.register("other", Topic::Raw, P0).await.unwrap();
    log.register("leaver", Topic::Raw, P0).await.unwrap();
    log.commit("pipeline", Topic::Raw, P0, Offset(3)).await.unwrap();
    log.commit("pipeline", Topic::Raw, P0, Offset(2)).await.unwrap();
    log.unregister("leaver", Topic::Raw, P0).await.unwrap();
    drop(log);
    let log = bench.reopen().await;
    assert_eq!(log.committed("pipeline", Topic::Raw, P0).await.unwrap(), Some(Offset(2)));
    assert_eq!(log.committed("other", Topic::Raw, P0).await.unwrap(), Some(Offset(0)));
    assert_eq!(log.committed("leaver", Topic::Raw, P0).await.unwrap(), None);
    assert_eq!(log.committed("pipeline", Topic::Finding, P0).await.unwrap(), None, "per partition");
    assert_eq!(log.register("pipeline", Topic::Raw, P0).await.unwrap(), Offset(2), "registered before");
}

async fn retention_by_age_never_passes_a_consumer(bench: &dyn Bench) {
    let log = bench.create().await;
    log.register("slow", Topic::Finding, P0).await.unwrap();
    for i in 0..20_i64 {
        log.append(Topic::Finding, P0, batch([[i as u8; 1024]]), i * 100).await.unwrap();
    }
    let nothing_yet = log.retain(20 * 100).await.unwrap();
    assert_eq!(nothing_yet.segments_deleted, 0, "the slow consumer holds everything");
    log.commit("slow", Topic::Finding, P0, Offset(9)).await.unwrap();
    let retained = log.retain(1_000_000).await.unwrap();
    let Bounds { start, end } = log.bounds(Topic::Finding, P0).await.unwrap();
    assert!(retained.segments_deleted > 0 && retained.bytes_deleted > 0, "{retained:?}");
    assert!((Offset(1)..=Offset(9)).contains(&start), "start {start:?} passed the consumer at 9");
    assert_eq!(end, Offset(20));
    let error = log.read(Topic::Finding, P0, Offset(0), 10).await.unwrap_err();
    assert!(matches!(error, LogError::Trimmed { start: s } if s == start), "{error}");
    let error = log.commit("slow", Topic::Finding, P0, Offset(0)).await.unwrap_err();
    assert!(matches!(error, LogError::Trimmed { .. }), "{error}");
    for (offset, record) in read_all(&*log, Topic::Finding, P0).await {
        assert_eq!(record, [offset as u8; 1024]);
    }
    log.unregister("slow", Topic::Finding, P0).await.unwrap();
    log.retain(1_000_000).await.unwrap();
    let empty = Bounds { start: Offset(20), end: Offset(20) };
    assert_eq!(log.bounds(Topic::Finding, P0).await.unwrap(), empty, "all are too old, none is held");
    assert_eq!(log.append(Topic::Finding, P0, batch(["next"]), 1_000_000).await.unwrap(), Offset(20));
    drop(log);
    let log = bench.reopen().await;
    assert_eq!(read_all(&*log, Topic::Finding, P0).await, [(20, b"next".to_vec())]);
    assert_eq!(log.register("late", Topic::Finding, P0).await.unwrap(), Offset(20));
}

async fn a_closed_log_refuses_appends_and_keeps_its_records(bench: &dyn Bench) {
    let log = bench.create().await;
    log.append(Topic::Raw, P0, batch(["kept"]), 0).await.unwrap();
    log.close().await.unwrap();
    log.close().await.unwrap();
    let error = log.append(Topic::Raw, P0, batch(["late"]), 0).await.unwrap_err();
    assert!(matches!(error, LogError::Closed), "{error}");
    assert_eq!(read_all(&*log, Topic::Raw, P0).await, numbered(["kept"]));
    drop(log);
    let log = bench.reopen().await;
    assert_eq!(read_all(&*log, Topic::Raw, P0).await, numbered(["kept"]));
    assert_eq!(log.append(Topic::Raw, P0, batch(["again"]), 0).await.unwrap(), Offset(1));
}

async fn large_records_and_batches_come_back_whole(bench: &dyn Bench) {
    let log = bench.create().await;
    let patterned = |seed: usize, bytes: usize| -> Vec<u8> {
        (0..bytes).map(|i| (i.wrapping_mul(31).wrapping_add(seed * 7 + i / 251)) as u8).collect()
    };
    let mut records: Vec<Vec<u8>> = (0..700).map(|i| patterned(i, i * 13 % 9_000)).collect();
    records.push(patterned(1, RECORD_BYTES_MAX));
    records.push(patterned(2, 5));
    log.append(Topic::Raw, P0, batch(&records), 0).await.unwrap();
    assert!(read_all(&*log, Topic::Raw, P0).await == numbered(&records), "large records differ");
    for (i, record) in records.iter().enumerate().step_by(97) {
        let read = log.read(Topic::Raw, P0, Offset(i as u64), 1).await.unwrap();
        assert_eq!(read.get(0), Some(&record[..]), "record {i} read by itself");
    }
}
