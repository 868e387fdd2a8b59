//! Whatever lies in the folder of a partition, opening it ends in a log or in an error: no panic, no
//! endless loop, and what was opened can be read, appended to, and opened again.

#![no_main]

use disk::simulated::SimDisk;
use backends::log::{Encoded, Home, PartitionLog, TopicOptions};
use libfuzzer_sys::fuzz_target;
use model::{Partition, SeededEntropy, Topic};
use ports::RecordBatch;
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/log";
const NEW: &[u8] = b"new";

fuzz_target!(|input: &[u8]| {
    let disk = SimDisk::new(1);
    let Some((&how, rest)) = input.split_first() else { return };
    if how & 1 == 0 {
        arbitrary_files(&disk, rest);
    } else {
        damaged_files(&disk, rest);
    }
    let Some((mut expected, whole)) = open_read_append(&disk) else { return };
    if whole {
        expected.push(NEW.to_vec());
    }
    let again = open_read_append(&disk);
    assert_eq!(again, Some((expected, whole)), "opening it twice gives two answers");
});

fn home(disk: &SimDisk) -> Home {
    Home {
        disk: Arc::new(disk.clone()),
        dir: DIR.into(),
        topic: Topic::Raw,
        partition: Partition(0),
        options: TopicOptions { segment_bytes_max: 1024, ..TopicOptions::default() },
        entropy: Arc::new(SeededEntropy::new(1)),
    }
}

/// Files with any content: a quarter of the input each.
fn arbitrary_files(disk: &SimDisk, input: &[u8]) {
    let names = ["00000000000000000000.segment", "00000000000000000007.segment", "consumers", "durable"];
    let quarter = input.len() / names.len();
    for (i, name) in names.iter().enumerate() {
        let content = &input[i * quarter..(i + 1) * quarter];
        if !content.is_empty() {
            disk.install(&Path::new(DIR).join("raw/0").join(name), content);
        }
    }
}

/// A real log, in which each three bytes of the input (place, place, value) overwrite a byte, and the
/// first two cut the last file.
fn damaged_files(disk: &SimDisk, input: &[u8]) {
    let Ok(mut log) = PartitionLog::open(home(disk)) else { return };
    for i in 0..12_u8 {
        let group: Vec<Encoded> = (0..=i % 3).map(|n| batch(&[i; 90], n + 1)).collect();
        assert!(log.append_group(&group).is_ok());
    }
    drop(log);
    let segments = disk.paths().into_iter().filter(|path| path.extension().is_some_and(|e| e == "segment"));
    let segments: Vec<_> = segments.collect();
    let Some(last) = segments.last() else { return };
    let Some(mut content) = disk.content(last) else { return };
    let mut edits = input.chunks_exact(3);
    if let Some(cut) = edits.next() {
        let keep = usize::from(u16::from_le_bytes([cut[0], cut[1]]));
        content.resize(keep.min(content.len() + 200), cut[2]);
    }
    for edit in edits {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % content.len().max(1);
        if let Some(byte) = content.get_mut(at) {
            *byte = edit[2];
        }
    }
    disk.install(last, &content);
}

fn batch(record: &[u8], records: u8) -> Encoded {
    let mut batch = RecordBatch::new();
    for _ in 0..records {
        assert!(batch.push(record).is_ok());
    }
    Encoded::new(batch, 0)
}

/// What can be read, up to the first error, and whether there was none; then appends a record and reads
/// it back.
fn open_read_append(disk: &SimDisk) -> Option<(Vec<Vec<u8>>, bool)> {
    let mut log = PartitionLog::open(home(disk)).ok()?;
    let bounds = log.bounds();
    let (mut all, mut from) = (Vec::new(), bounds.start);
    let mut whole = true;
    while from < bounds.end && whole {
        match log.read(from, 500) {
            Ok(records) => {
                assert!(!records.is_empty() && records.first() == from, "no progress");
                all.extend(records.iter().map(|(_, record)| record.to_vec()));
                from = records.next();
            }
            Err(_) => whole = false,
        }
    }
    assert!(log.read(bounds.end, 1).is_ok_and(|records| records.is_empty()));
    let appended = log.append_group(&[batch(NEW, 1)]);
    assert!(appended.is_ok_and(|first| first == bounds.end));
    assert!(log.read(bounds.end, 1).is_ok_and(|records| records.get(0) == Some(NEW)));
    Some((all, whole))
}
