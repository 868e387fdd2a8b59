//! Any sequence of operations does what a plain vector would do.

use super::{encoded, home, read_all};
use disk::simulated::SimDisk;
use huecry_backends::log::PartitionLog;
use model::Offset;
use ports::LogError;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// One group of batches of records of these lengths.
    Append(Vec<Vec<usize>>),
    /// Read from a place in the partition (a share of 0 to 1, or past the end), so many bytes.
    Read(f64, usize),
    Commit(f64),
    Unregister,
    Retain,
    /// Open anew, after closing or as if killed.
    Reopen {
        closed: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let record = prop_oneof![4 => 0..200_usize, 1 => 0..6_000_usize];
    prop_oneof![
        6 => vec(vec(record, 1..6), 1..4).prop_map(Step::Append),
        4 => (0.0..1.1, 0..9_000_usize).prop_map(|(at, bytes)| Step::Read(at, bytes)),
        1 => (0.0..1.1).prop_map(Step::Commit),
        1 => Just(Step::Unregister),
        1 => Just(Step::Retain),
        1 => any::<bool>().prop_map(|closed| Step::Reopen { closed }),
    ]
}

struct Model {
    start: u64,
    records: Vec<Vec<u8>>,
    committed: Option<u64>,
    serial: u8,
}

impl Model {
    fn end(&self) -> u64 {
        self.start + self.records.len() as u64
    }

    fn place(&self, share: f64) -> u64 {
        (self.end() as f64 * share) as u64
    }

    fn record(&mut self, bytes: usize) -> Vec<u8> {
        self.serial = self.serial.wrapping_add(1);
        vec![self.serial; bytes]
    }

    fn append(&mut self, log: &mut PartitionLog, lengths: &[Vec<usize>]) {
        let batches: Vec<Vec<Vec<u8>>> =
            lengths.iter().map(|batch| batch.iter().map(|&bytes| self.record(bytes)).collect()).collect();
        let group: Vec<_> = batches.iter().map(encoded).collect();
        assert_eq!(log.append_group(&group).unwrap(), Offset(self.end()));
        self.records.extend(batches.into_iter().flatten());
    }

    fn read(&self, log: &PartitionLog, from: u64, bytes_max: usize) {
        let read = log.read(Offset(from), bytes_max);
        if from < self.start {
            return assert!(matches!(read, Err(LogError::Trimmed { start }) if start.0 == self.start));
        }
        if from > self.end() {
            return assert!(matches!(read, Err(LogError::Ahead { end }) if end.0 == self.end()));
        }
        let read = read.unwrap();
        assert_eq!(read.first(), Offset(from));
        assert_eq!(read.is_empty(), from == self.end());
        assert!(read.len() <= 1 || read.bytes() <= bytes_max, "{} of {bytes_max} bytes", read.bytes());
        for (offset, record) in read.iter() {
            assert!(record == self.records[(offset.0 - self.start) as usize], "record {offset:?} differs");
        }
    }

    fn commit(&mut self, log: &mut PartitionLog, next: u64) {
        let checked = log.check_commit(Offset(next));
        assert_eq!(checked.is_ok(), (self.start..=self.end()).contains(&next), "{checked:?}");
        if checked.is_ok() {
            log.set_consumers(&[("reader".to_owned(), Some(next))]).unwrap();
            self.committed = Some(next);
        }
    }

    fn retain(&mut self, log: &mut PartitionLog) {
        let before = log.bounds();
        let retained = log.retain(0).unwrap();
        let start = log.bounds().start.0;
        assert!(start <= self.committed.unwrap_or(u64::MAX).max(self.start), "passed the consumer");
        assert_eq!(retained.segments_deleted > 0, start > before.start.0);
        self.records.drain(..(start - self.start) as usize);
        self.start = start;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_sequence_of_operations_does_what_a_vector_would(steps in vec(step(), 1..60)) {
        let disk = SimDisk::new(1);
        let mut log = PartitionLog::open(home(&disk, 0)).unwrap();
        let mut model = Model { start: 0, records: Vec::new(), committed: None, serial: 0 };
        for (i, step) in steps.iter().enumerate() {
            match step {
                Step::Append(lengths) => model.append(&mut log, lengths),
                Step::Read(share, bytes_max) => model.read(&log, model.place(*share), *bytes_max),
                Step::Commit(share) => model.commit(&mut log, model.place(*share)),
                Step::Unregister => {
                    log.set_consumers(&[("reader".to_owned(), None)]).unwrap();
                    model.committed = None;
                }
                Step::Retain => model.retain(&mut log),
                Step::Reopen { closed } => {
                    if *closed {
                        log.close().unwrap();
                        prop_assert!(matches!(log.append_group(&[encoded(["x"])]), Err(LogError::Closed)));
                    }
                    drop(log);
                    disk.kill_process();
                    log = PartitionLog::open(home(&disk, i as u64)).unwrap();
                    let records = read_all(&log).unwrap();
                    prop_assert!(records == model.records, "reopening changed the records");
                }
            }
            prop_assert_eq!(log.bounds().start.0, model.start);
            prop_assert_eq!(log.bounds().end.0, model.end());
            prop_assert_eq!(log.committed("reader").map(|next| next.0), model.committed);
        }
        prop_assert!(read_all(&log).unwrap() == model.records);
    }
}
