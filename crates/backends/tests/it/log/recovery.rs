//! Damage: what a crash explains is cut, what it does not explain is named, nothing panics.

use super::{DIR, encoded, home, read_all};
use disk::simulated::SimDisk;
use huecry_backends::log::{Encoded, PartitionLog};
use model::Offset;
use ports::LogError;
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 48;

fn partition_dir() -> PathBuf {
    Path::new(DIR).join("raw/0")
}

fn segment(base: u64) -> PathBuf {
    partition_dir().join(format!("{base:020}.segment"))
}

/// Four groups of one record of 100 bytes each, in one segment; then the process is killed.
fn four_groups() -> (SimDisk, Vec<u8>) {
    let disk = SimDisk::new(1);
    let mut log = PartitionLog::open(home(&disk, 1)).unwrap();
    for i in 0..4_u8 {
        log.append_group(&[encoded([[i; 100]])]).unwrap();
    }
    drop(log);
    let content = disk.content(&segment(0)).unwrap();
    (disk, content)
}

/// The bytes of one of those groups: header, table, record.
const GROUP_BYTES: usize = 48 + 8 + 100;

fn open_with(content: &[u8]) -> Result<Vec<Vec<u8>>, LogError> {
    let disk = SimDisk::new(2);
    disk.install(&segment(0), content);
    let log = PartitionLog::open(home(&disk, 2))?;
    read_all(&log)
}

#[test]
fn damage_in_the_last_group_is_a_torn_tail_and_is_cut() {
    let (_, content) = four_groups();
    assert_eq!(content.len(), HEADER_BYTES + 4 * GROUP_BYTES);
    let last = HEADER_BYTES + 3 * GROUP_BYTES;
    for at in last..content.len() {
        let mut flipped = content.clone();
        flipped[at] ^= 0x10;
        let records = open_with(&flipped).unwrap();
        assert_eq!(records, [[0; 100], [1; 100], [2; 100]], "byte {at} flipped");
        let records = open_with(&content[..at]).unwrap();
        assert_eq!(records, [[0; 100], [1; 100], [2; 100]], "cut at byte {at}");
    }
    let mut longer = content.clone();
    longer.extend([0; 700]);
    assert_eq!(open_with(&longer).unwrap().len(), 4, "zeros after the end are a torn tail");
}

#[test]
fn damage_before_the_last_group_is_refused_with_file_and_byte() {
    let (_, content) = four_groups();
    for at in HEADER_BYTES..HEADER_BYTES + 3 * GROUP_BYTES {
        let mut flipped = content.clone();
        flipped[at] ^= 0x10;
        let block_at = (at - HEADER_BYTES) / GROUP_BYTES * GROUP_BYTES + HEADER_BYTES;
        match open_with(&flipped) {
            Err(LogError::Corrupt { file, at_bytes, .. }) => {
                assert_eq!((file, at_bytes), (segment(0), block_at as u64), "byte {at} flipped");
            }
            other => panic!("byte {at} flipped: {other:?}"),
        }
    }
    for at in 0..HEADER_BYTES {
        let mut flipped = content.clone();
        flipped[at] ^= 0x10;
        let result = open_with(&flipped);
        let harmless = (44..HEADER_BYTES).contains(&at) && result.is_ok();
        assert!(harmless || matches!(result, Err(LogError::Corrupt { .. })), "byte {at}: {result:?}");
    }
}

/// The disk may have kept the later blocks of an unfinished group and lost the first.
#[test]
fn later_blocks_of_the_same_group_are_no_proof() {
    let disk = SimDisk::new(1);
    let mut log = PartitionLog::open(home(&disk, 1)).unwrap();
    log.append_group(&[encoded([[0; 100]])]).unwrap();
    let group: Vec<Encoded> = (1..4_u8).map(|i| encoded([[i; 100]])).collect();
    log.append_group(&group).unwrap();
    drop(log);
    let mut content = disk.content(&segment(0)).unwrap();
    content[HEADER_BYTES + GROUP_BYTES + 70] ^= 1;
    assert_eq!(open_with(&content).unwrap(), [[0; 100]]);
}

#[test]
fn after_a_clean_close_or_a_commit_a_lost_tail_is_refused() {
    for by_commit in [false, true] {
        let disk = SimDisk::new(1);
        let mut log = PartitionLog::open(home(&disk, 1)).unwrap();
        for i in 0..4_u8 {
            log.append_group(&[encoded([[i; 100]])]).unwrap();
        }
        if by_commit {
            log.set_consumers(&[("reader".to_owned(), Some(4))]).unwrap();
        } else {
            log.close().unwrap();
        }
        drop(log);
        let content = disk.content(&segment(0)).unwrap();
        disk.install(&segment(0), &content[..content.len() - 1]);
        let error = PartitionLog::open(home(&disk, 2)).err().unwrap();
        assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
        assert_eq!(disk.content(&segment(0)).unwrap().len(), content.len() - 1, "nothing was cut");
    }
}

#[test]
fn damage_in_an_older_segment_is_named_when_it_is_read() {
    let disk = SimDisk::new(1);
    let mut log = PartitionLog::open(home(&disk, 1)).unwrap();
    for i in 0..12_u8 {
        log.append_group(&[encoded([[i; 1000]])]).unwrap();
    }
    drop(log);
    let mut content = disk.content(&segment(0)).unwrap();
    let (second, file) = (HEADER_BYTES + 48 + 8 + 1000, segment(0));
    content[second + 500] ^= 1;
    disk.install(&file, &content);
    let log = PartitionLog::open(home(&disk, 2)).unwrap();
    assert_eq!(log.read(Offset(0), 1000).unwrap().get(0), Some(&[0; 1000][..]), "before the damage");
    match log.read(Offset(1), 1000) {
        Err(LogError::Corrupt { file: named, at_bytes, .. }) => {
            assert_eq!((named, at_bytes), (file.clone(), second as u64));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.read(Offset(2), 1000).unwrap().get(0), Some(&[2; 1000][..]), "after the damage");
    drop(log);
    disk.install(&file, &content[..second]);
    let log = PartitionLog::open(home(&disk, 3)).unwrap();
    let error = log.read(Offset(0), 1000).unwrap_err();
    assert!(matches!(error, LogError::Corrupt { .. }), "an older segment that ends early: {error}");
}

/// A record that contains what looks like a block proves nothing: the mark is not to be guessed.
#[test]
fn a_forged_block_in_a_record_does_not_stop_recovery() {
    let (_, other) = four_groups();
    let disk = SimDisk::new(1);
    let mut log = PartitionLog::open(home(&disk, 99)).unwrap();
    log.append_group(&[encoded([[0; 100]])]).unwrap();
    log.append_group(&[encoded([&other[HEADER_BYTES..]])]).unwrap();
    drop(log);
    let mut content = disk.content(&segment(0)).unwrap();
    content[HEADER_BYTES + GROUP_BYTES + 9] ^= 1;
    assert_eq!(open_with(&content).unwrap(), [[0; 100]]);
}

#[test]
fn a_damaged_consumer_file_is_refused() {
    let (disk, _) = four_groups();
    let mut log = PartitionLog::open(home(&disk, 1)).unwrap();
    log.set_consumers(&[("reader".to_owned(), Some(2))]).unwrap();
    drop(log);
    let path = partition_dir().join("consumers");
    let good = disk.content(&path).unwrap();
    for at in 0..good.len() - 1 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        disk.install(&path, &bad);
        let error = PartitionLog::open(home(&disk, 2)).err().unwrap();
        assert!(matches!(error, LogError::Corrupt { .. }), "byte {at}: {error}");
    }
    disk.install(&path, &good);
    assert_eq!(PartitionLog::open(home(&disk, 2)).unwrap().committed("reader"), Some(Offset(2)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_opened_or_refused(
        content in vec(any::<u8>(), 0..3_000),
        keep in 0..2_000_usize,
        base in 0..3_u64,
        small in vec(any::<u8>(), 0..80),
    ) {
        let (_, good) = four_groups();
        let mixed: Vec<u8> = good.iter().take(keep).chain(&content).copied().collect();
        for bytes in [&content, &mixed] {
            let disk = SimDisk::new(1);
            disk.install(&segment(base), bytes);
            disk.install(&segment(5), &content);
            if !small.is_empty() {
                disk.install(&partition_dir().join("consumers"), &small);
            }
            if let Ok(log) = PartitionLog::open(home(&disk, 1)) {
                drop(read_all(&log));
            }
            drop(open_with(bytes));
        }
    }

    /// Flipped bits and cuts anywhere: what is read is a prefix of what was written, or an error.
    #[test]
    fn damage_never_shows_a_record_that_was_not_written(
        flips in vec((0..HEADER_BYTES + 4 * GROUP_BYTES, 0..8_u32), 0..4),
        cut in prop::option::of(0..HEADER_BYTES + 4 * GROUP_BYTES),
    ) {
        let (_, mut content) = four_groups();
        for (at, bit) in flips {
            content[at] ^= 1 << bit;
        }
        content.truncate(cut.unwrap_or(content.len()));
        if let Ok(records) = open_with(&content) {
            let written: Vec<Vec<u8>> = (0..4_u8).map(|i| vec![i; 100]).collect();
            prop_assert!(written.starts_with(&records));
        }
    }
}
