//! The embedded log: the suite of its port, a model, power cuts, bit rot, a full disk, `kill -9`.

mod conformance;
mod faults;
mod kill;
mod power;
mod recovery;
mod sequences;

use disk::simulated::SimDisk;
use huecry_backends::log::{Encoded, Home, Options, PartitionLog, TopicOptions};
use model::{Offset, Partition, SeededEntropy, Topic};
use ports::{LogError, RecordBatch};
use std::path::PathBuf;
use std::sync::Arc;

const DIR: &str = "/var/log";
const P0: Partition = Partition(0);

/// A partition with small segments on a simulated disk.
fn home(disk: &SimDisk, seed: u64) -> Home {
    Home {
        disk: Arc::new(disk.clone()),
        dir: PathBuf::from(DIR),
        topic: Topic::Raw,
        partition: P0,
        options: TopicOptions {
            segment_bytes_max: 4 * 1024,
            partition_bytes_max: Some(24 * 1024),
            ..TopicOptions::default()
        },
        entropy: Arc::new(SeededEntropy::new(seed)),
    }
}

/// A log whose segments are small and whose partitions are two.
fn small_options() -> Options {
    let topic = TopicOptions { partitions: 2, segment_bytes_max: 8 * 1024, ..TopicOptions::default() };
    let mut options = Options::new(DIR);
    options.topics.insert(Topic::Raw, topic);
    options
}

fn batch<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> RecordBatch {
    let mut batch = RecordBatch::new();
    for record in records {
        batch.push(record.as_ref()).unwrap();
    }
    batch
}

fn encoded<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> Encoded {
    Encoded::new(batch(records), 0)
}

/// Every record of the partition, or the first error; checks that offsets are dense.
fn read_all(log: &PartitionLog) -> Result<Vec<Vec<u8>>, LogError> {
    let (mut all, bounds) = (Vec::new(), log.bounds());
    let mut from = bounds.start;
    while from < bounds.end {
        let records = log.read(from, 2_000)?;
        assert_eq!(records.first(), from);
        assert!(!records.is_empty(), "a read below the end gives a record");
        all.extend(records.iter().map(|(_, record)| record.to_vec()));
        from = records.next();
    }
    assert_eq!(from, bounds.end);
    assert!(log.read(bounds.end, 10)?.is_empty());
    assert!(matches!(log.read(Offset(bounds.end.0 + 1), 10), Err(LogError::Ahead { .. })));
    Ok(all)
}
