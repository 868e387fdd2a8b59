//! Power cuts, kills, failing fsyncs and full disks at any moment of commit, flush, merge, expiry and of the
//! manifest being written anew: after each, every event is there once, up to the position, which never goes back.

use crate::conformance::eager;
use crate::events::{DAY_MS, NOW_MS, event, feed, kind_of};
use crate::reading;
use disk::simulated::{Dice, Faults, SimDisk};
use huecry_lake::{FileLake, Options, Snapshots};
use model::{Offset, Partition};
use ports::lake::RetentionRule;
use ports::lake::conformance::Seen;
use ports::{Lake, LakeError};
use std::sync::Arc;

/// Times the lives of both tests: more than a thousand.
const CUTS_PER_LIFE: u64 = 20;
const PARTITIONS: u32 = 2;
const LARGEST_BATCH: u64 = 6;

#[derive(Default)]
struct Met {
    cuts: u64,
    kills: u64,
    failed_flushes: u64,
    full: u64,
    merged: u64,
    expired: u64,
    cuts_in_open: u64,
}

struct Life {
    seed: u64,
    disk: SimDisk,
    dice: Dice,
    now_ms: i64,
    /// The last position that was seen of each partition.
    durable: [u64; PARTITIONS as usize],
    /// Events that are older may be gone.
    expired_before_ms: i64,
    met: Met,
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            disk: SimDisk::new(seed),
            dice: Dice::new(seed ^ 0x1A4E),
            now_ms: NOW_MS,
            durable: [0; PARTITIONS as usize],
            expired_before_ms: i64::MIN,
            met: Met::default(),
        }
    }

    fn options(&self) -> Options {
        Options { flush_bytes: 400_000, waiting_bytes_max: 800_000, manifest_rows_spare: 2, ..eager("/lake") }
    }

    fn open(&self) -> Result<FileLake, LakeError> {
        FileLake::open_on(Arc::new(self.disk.clone()), &self.options())
    }

    /// Opens, checks, works until the power or the process goes.
    fn round(&mut self) {
        self.maybe_cut_during_open();
        let lake = self.open().unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        self.check(&lake);
        let most = [100, 500, 2_000][self.dice.below(3)];
        let contents = self.disk.paths().into_iter().filter_map(|path| self.disk.content(&path));
        let used = contents.map(|content| content.len() as u64).sum::<u64>();
        self.disk.set_faults(Faults {
            power_cut_after_ops: Some(self.dice.below(most) as u64),
            sync_failures_per_1000: if self.dice.chance(15) { 100 } else { 0 },
            capacity_bytes: self.dice.chance(20).then(|| used + self.dice.below(60_000) as u64),
        });
        self.work(&lake);
        drop(lake);
        // a killed process first, now and then, so that the page cache meets the power cut later
        if self.dice.chance(20) {
            self.met.kills += 1;
            self.disk.kill_process();
        } else {
            self.met.cuts += 1;
            self.disk.power_cut();
        }
    }

    fn maybe_cut_during_open(&mut self) {
        while self.dice.chance(20) {
            let ops = Some(self.dice.below(30) as u64);
            self.disk.set_faults(Faults { power_cut_after_ops: ops, ..Faults::default() });
            if let Err(error) = self.open() {
                assert!(self.disk.is_off(), "seed {}: {error}", self.seed);
            }
            self.disk.power_cut();
            self.met.cuts += 1;
            self.met.cuts_in_open += 1;
        }
    }

    fn work(&mut self, lake: &FileLake) {
        let mut writers: Vec<_> = (0..PARTITIONS).map(|p| lake.writer(Partition(p)).unwrap()).collect();
        let mut next: Vec<u64> = (0..PARTITIONS).map(|p| lake.position(Partition(p)).0).collect();
        for _ in 0..60 {
            if self.disk.is_off() {
                return;
            }
            match self.dice.below(10) {
                0..=4 => {
                    let p = self.dice.below(PARTITIONS as usize);
                    let end = next[p] + 1 + self.dice.below(LARGEST_BATCH as usize) as u64;
                    if self.note(feed(&mut *writers[p], Partition(p as u32), next[p]..end, self.now_ms)) {
                        next[p] = end;
                    } else {
                        writers[p].discard();
                    }
                }
                5..=6 => {
                    if !self.note(lake.flush()) {
                        self.met.failed_flushes += 1;
                    }
                }
                _ => self.maintain(lake),
            }
            self.check_seen(lake, &next);
            if self.dice.chance(2) {
                return;
            }
        }
    }

    fn maintain(&mut self, lake: &FileLake) {
        self.now_ms += self.dice.below(3_600_000) as i64;
        let rules = if self.dice.chance(25) {
            let age_ms_max = 4 * 3_600_000;
            // whole days: a day that is so long over
            self.expired_before_ms = self.expired_before_ms.max(self.now_ms - age_ms_max);
            vec![RetentionRule { class_uid: None, age_ms_max }]
        } else {
            Vec::new()
        };
        match lake.maintain(self.now_ms, &rules) {
            Ok(done) => {
                self.met.merged += done.files_merged;
                self.met.expired += done.events_expired;
            }
            Err(error) => drop(self.note(Err(error))),
        }
    }

    /// Only what the disk did may go wrong.
    fn note(&mut self, result: Result<(), LakeError>) -> bool {
        match result {
            Ok(()) => return true,
            Err(LakeError::DiskFull) => {
                self.met.full += 1;
                if self.dice.chance(30) {
                    self.disk.set_faults(Faults { power_cut_after_ops: Some(20), ..Faults::default() });
                }
            }
            Err(LakeError::Io { .. }) => {}
            Err(error) => panic!("seed {}: {error}", self.seed),
        }
        false
    }

    /// While it runs: all that was committed is visible, once.
    fn check_seen(&mut self, lake: &FileLake, next: &[u64]) {
        if !self.disk.is_off() && self.dice.chance(10) {
            self.compare(lake, next);
        }
        for (p, durable) in self.durable.iter_mut().enumerate() {
            *durable = (*durable).max(lake.position(Partition(p as u32)).0);
        }
    }

    /// After recovery: all up to the position, which did not go back; nothing else, and no other file.
    fn check(&mut self, lake: &FileLake) {
        let positions: Vec<u64> = (0..PARTITIONS).map(|p| lake.position(Partition(p)).0).collect();
        for (position, durable) in positions.iter().zip(&mut self.durable) {
            assert!(
                *position >= *durable,
                "seed {}: a position went from {durable} to {position}",
                self.seed
            );
            *durable = *position;
        }
        self.compare(lake, &positions);
        let files = self.disk.paths().into_iter().filter(|path| path.extension() == Some("parquet".as_ref()));
        assert_eq!(files.count() as u64, lake.size().files, "seed {}: a file that nothing lists", self.seed);
    }

    fn compare(&mut self, lake: &FileLake, next: &[u64]) {
        let snapshot = lake.snapshot();
        let mut seen = reading::all(|path| self.disk.content(path).unwrap(), &snapshot);
        seen.sort();
        assert!(
            seen.windows(2).all(|pair| pair[0] != pair[1]),
            "seed {}: an event is there twice",
            self.seed
        );
        let old = self.expired_before_ms;
        let all = (0..PARTITIONS)
            .zip(next)
            .flat_map(|(p, &next)| (0..next).map(move |offset| event(p, offset, kind_of(offset))));
        let (mut rest, mut missing) = (seen.iter().peekable(), Vec::new());
        for expected in all {
            if rest.peek() == Some(&&expected) {
                rest.next();
            } else {
                missing.push(expected);
            }
        }
        assert_eq!(rest.next(), None, "seed {}: an event that was never committed", self.seed);
        let lost: Vec<&Seen> = missing.iter().filter(|event| event.time_ms >= old).collect();
        assert!(lost.is_empty(), "seed {}: lost {lost:?}", self.seed);
    }
}

fn lives(seeds: std::ops::Range<u64>) {
    let mut total = Met::default();
    let mut events = 0;
    for seed in seeds {
        let mut life = Life::new(seed);
        while life.met.cuts < CUTS_PER_LIFE {
            life.round();
        }
        let lake = life.open().unwrap();
        life.check(&lake);
        events += life.durable.iter().sum::<u64>();
        total.cuts += life.met.cuts;
        total.kills += life.met.kills;
        total.failed_flushes += life.met.failed_flushes;
        total.full += life.met.full;
        total.merged += life.met.merged;
        total.expired += life.met.expired;
        total.cuts_in_open += life.met.cuts_in_open;
    }
    println!(
        "{} power cuts ({} while opening), {} kills; {} failed flushes, {} times full; {events} events durable, \
         {} files merged away, {} events expired",
        total.cuts,
        total.cuts_in_open,
        total.kills,
        total.failed_flushes,
        total.full,
        total.merged,
        total.expired
    );
    for (what, count) in [
        ("kills", total.kills),
        ("failed flushes", total.failed_flushes),
        ("full disks", total.full),
        ("merged files", total.merged),
        ("expired events", total.expired),
        ("cuts while opening", total.cuts_in_open),
        ("events", events),
    ] {
        assert!(count > 10, "the simulation hardly met: {what} ({count})");
    }
}

// two halves, so that they run side by side

#[test]
fn power_cuts_lose_nothing_and_double_nothing() {
    lives(0..26);
}

#[test]
fn more_power_cuts_lose_nothing_and_double_nothing() {
    lives(1_000..1_026);
}

#[test]
fn a_row_that_could_not_be_written_is_written_once_the_disk_has_room() {
    let disk = SimDisk::new(3);
    let lake = FileLake::open_on(Arc::new(disk.clone()), &eager("/lake")).unwrap();
    let mut writer = lake.writer(Partition(0)).unwrap();
    feed(&mut *writer, Partition(0), 0..5, NOW_MS).unwrap();
    disk.set_faults(Faults { capacity_bytes: Some(10_000), ..Faults::default() });
    for _ in 0..3 {
        let error = lake.flush().unwrap_err();
        assert!(matches!(error, LakeError::DiskFull), "{error}");
        assert_eq!(lake.position(Partition(0)), Offset(0));
        assert_eq!(lake.size().fresh_events, 5, "what is not in a file stays visible");
    }
    disk.set_faults(Faults::default());
    lake.maintain(NOW_MS + DAY_MS, &[]).unwrap();
    assert_eq!(lake.position(Partition(0)), Offset(5));
    assert_eq!(reading::all(|path| disk.content(path).unwrap(), &lake.snapshot()).len(), 5);
}

#[test]
fn a_writer_waits_when_there_is_no_room_and_its_batch_is_kept() {
    let disk = SimDisk::new(4);
    let options = Options { waiting_bytes_max: 200_000, ..eager("/lake") };
    let lake = FileLake::open_on(Arc::new(disk.clone()), &options).unwrap();
    let mut writer = lake.writer(Partition(0)).unwrap();
    disk.set_faults(Faults { capacity_bytes: Some(10_000), ..Faults::default() });
    let mut next = 0;
    let error = loop {
        match feed(&mut *writer, Partition(0), next..next + 50, NOW_MS) {
            Ok(()) => next += 50,
            Err(error) => break error,
        }
        assert!(next < 100_000, "memory is bounded");
    };
    assert!(matches!(error, LakeError::DiskFull), "{error}");
    disk.set_faults(Faults::default());
    writer.commit(Offset(next), Offset(next + 50), NOW_MS).unwrap();
    lake.flush().unwrap();
    assert_eq!(lake.position(Partition(0)), Offset(next + 50));
    assert_eq!(reading::all(|path| disk.content(path).unwrap(), &lake.snapshot()).len() as u64, next + 50);
}
