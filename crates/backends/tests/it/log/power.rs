//! Promise 1: an acknowledged record is never lost. Ten thousand seeded power cuts, and the same
//! through threads and group commit.

use super::{DIR, P0, batch, encoded, home, read_all, small_options};
use disk::simulated::{Dice, Faults, SimDisk};
use huecry_backends::log::{FileLog, PartitionLog};
use model::{Offset, SeededEntropy, Topic};
use ports::{Log, LogError};
use std::collections::BTreeMap;
use std::sync::Arc;

const LIVES: u64 = 500;
const CUTS_PER_LIFE: u64 = 20;

/// What must be, and what may be, on the log.
#[derive(Default)]
struct Truth {
    /// Offset of the first record of `durable`.
    start: u64,
    /// Acknowledged, or seen by a reader.
    durable: Vec<Vec<u8>>,
    /// Sent and not acknowledged, in order; some leading ones may turn up.
    unknown: Vec<Vec<u8>>,
    /// The last confirmed commit of the consumer, and those that were tried after it.
    committed: Vec<Option<Offset>>,
}

#[derive(Default)]
struct Seen {
    cuts: u64,
    kills: u64,
    poisoned: u64,
    full: u64,
    survived_unacknowledged: u64,
    trimmed: u64,
}

struct Life {
    seed: u64,
    disk: SimDisk,
    dice: Dice,
    truth: Truth,
    seen: Seen,
    serial: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let truth = Truth { committed: vec![None], ..Truth::default() };
        let (disk, dice) = (SimDisk::new(seed), Dice::new(seed ^ 0xD1CE));
        Self { seed, disk, dice, truth, seen: Seen::default(), serial: 0 }
    }

    fn group(&mut self) -> Vec<Vec<Vec<u8>>> {
        let batches = 1 + self.dice.below(4);
        (0..batches).map(|_| (0..1 + self.dice.below(5)).map(|_| self.record()).collect()).collect()
    }

    fn record(&mut self) -> Vec<u8> {
        self.serial += 1;
        let bytes = [0, 10, 100, 700, 2_500][self.dice.below(5)];
        let mut record = self.serial.to_le_bytes().to_vec();
        record.extend((0..bytes).map(|i| (self.serial as usize * 31 + i) as u8));
        record
    }

    /// Opens, checks, works until the power or the process goes.
    fn round(&mut self) {
        self.maybe_cut_during_open();
        let log = PartitionLog::open(home(&self.disk, self.seed ^ self.serial));
        let mut log = log.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        self.check(&log);
        self.disk.set_faults(Faults {
            power_cut_after_ops: Some(self.dice.below(60) as u64),
            sync_failures_per_1000: if self.dice.chance(10) { 100 } else { 0 },
            capacity_bytes: self.dice.chance(10).then(|| 5_000 + self.dice.below(30_000) as u64),
        });
        while !self.disk.is_off() {
            match self.dice.below(10) {
                0 => self.commit(&mut log),
                1 => self.retain(&mut log),
                _ => self.append(&mut log),
            }
            if self.dice.chance(20) {
                self.check_visible(&log);
            }
            if self.dice.chance(2) || (self.dice.chance(50) && log.bounds().end.0 > 400) {
                break; // killed instead
            }
        }
        drop(log);
        // a killed process first, now and then, so that the page cache meets the power cut later
        if self.dice.chance(15) {
            self.seen.kills += 1;
            self.disk.kill_process();
        } else {
            self.seen.cuts += 1;
            self.disk.power_cut();
        }
    }

    fn maybe_cut_during_open(&mut self) {
        while self.dice.chance(15) {
            let ops = Some(self.dice.below(25) as u64);
            self.disk.set_faults(Faults { power_cut_after_ops: ops, ..Faults::default() });
            drop(PartitionLog::open(home(&self.disk, self.seed)));
            self.disk.power_cut();
            self.seen.cuts += 1;
        }
    }

    fn append(&mut self, log: &mut PartitionLog) {
        let group = self.group();
        let encoded: Vec<_> = group.iter().map(encoded).collect();
        let end = log.bounds().end;
        match log.append_group(&encoded) {
            Ok(first) => {
                assert_eq!(first, end, "offsets are dense");
                assert_eq!(self.truth.unknown.len(), 0, "nothing is acknowledged after an unknown");
                self.truth.durable.extend(group.into_iter().flatten());
                assert_eq!(log.bounds().end.0, self.truth.start + self.truth.durable.len() as u64);
            }
            Err(LogError::DiskFull) => {
                self.seen.full += 1;
                if self.dice.chance(30) {
                    self.disk.set_faults(Faults { power_cut_after_ops: Some(20), ..Faults::default() });
                }
            }
            Err(error) => {
                let poisoned = matches!(error, LogError::Poisoned { .. });
                self.seen.poisoned += u64::from(poisoned);
                let first_unknown = self.truth.unknown.is_empty();
                if first_unknown {
                    self.truth.unknown.extend(group.into_iter().flatten());
                }
                assert_eq!(log.bounds().end, end, "what is not acknowledged is not shown");
            }
        }
    }

    fn commit(&mut self, log: &mut PartitionLog) {
        let bounds = log.bounds();
        let next = Offset(bounds.start.0 + self.dice.below(bounds.records() as usize + 1) as u64);
        log.check_commit(next).unwrap();
        match log.set_consumers(&[("reader".to_owned(), Some(next.0))]) {
            Ok(()) => self.truth.committed = vec![Some(next)],
            Err(_) => self.truth.committed.push(Some(next)),
        }
        let shown = log.committed("reader");
        assert!(self.truth.committed.contains(&shown), "{shown:?} of {:?}", self.truth.committed);
    }

    /// Retention by size; the consumer, once it is there, is never passed.
    fn retain(&mut self, log: &mut PartitionLog) {
        let floor = log.committed("reader");
        let trimmed = log.retain(0);
        let start = log.bounds().start;
        if let Some(floor) = floor {
            assert!(start <= floor.max(Offset(self.truth.start)), "retention passed the consumer");
        }
        if trimmed.is_ok() {
            let gone = (start.0 - self.truth.start) as usize;
            self.truth.durable.drain(..gone);
            self.truth.start = start.0;
            self.seen.trimmed += gone as u64;
        }
    }

    /// While it runs: readers see all that is acknowledged and nothing else.
    fn check_visible(&mut self, log: &PartitionLog) {
        if self.disk.is_off() {
            return;
        }
        match read_all(log) {
            Ok(records) => {
                let skip = (log.bounds().start.0 - self.truth.start) as usize;
                assert!(records[..] == self.truth.durable[skip..], "seed {}: readers see else", self.seed);
            }
            Err(error) => assert!(self.disk.is_off(), "seed {}: {error}", self.seed),
        }
    }

    /// After recovery: everything acknowledged, then some leading part of the unknown, nothing else.
    fn check(&mut self, log: &PartitionLog) {
        let seed = self.seed;
        let records = read_all(log).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let start = log.bounds().start.0;
        // a removal may have happened before the power went, or a segment may have come back
        if start > self.truth.start {
            // without a consumer nothing held retention back
            let mut floors = self.truth.committed.iter();
            let allowed = floors.any(|floor| floor.is_none_or(|floor| start <= floor.0));
            assert!(allowed, "seed {seed}: retention passed the consumer");
            self.truth.durable.drain(..(start - self.truth.start) as usize);
            self.truth.start = start;
        }
        assert_eq!(start, self.truth.start, "seed {seed}: the start went back");
        let known = self.truth.durable.len();
        assert!(records.len() >= known, "seed {seed}: {} of {known} records left", records.len());
        assert!(records[..known] == self.truth.durable[..], "seed {seed}: an acknowledged record changed");
        let more = &records[known..];
        assert!(self.truth.unknown.starts_with(more), "seed {seed}: a record nobody sent, or a gap");
        self.seen.survived_unacknowledged += more.len() as u64;
        self.truth.durable = records;
        self.truth.unknown.clear();
        let committed = log.committed("reader");
        assert!(self.truth.committed.contains(&committed), "seed {seed}: {committed:?} never committed");
        self.truth.committed = vec![committed];
    }
}

#[test]
fn ten_thousand_power_cuts_lose_nothing_acknowledged() {
    let mut total = Seen::default();
    let mut records = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        while life.seen.cuts < CUTS_PER_LIFE {
            life.round();
        }
        let log = PartitionLog::open(home(&life.disk, seed)).unwrap();
        life.check(&log);
        records += life.truth.start + life.truth.durable.len() as u64;
        total.cuts += life.seen.cuts;
        total.kills += life.seen.kills;
        total.poisoned += life.seen.poisoned;
        total.full += life.seen.full;
        total.survived_unacknowledged += life.seen.survived_unacknowledged;
        total.trimmed += life.seen.trimmed;
    }
    println!(
        "{} power cuts, {} kills, {} appends to poisoned partitions, {} to a full disk; \
         {records} records durable, {} of them never acknowledged, {} trimmed",
        total.cuts, total.kills, total.poisoned, total.full, total.survived_unacknowledged, total.trimmed
    );
    assert!(total.cuts >= LIVES * CUTS_PER_LIFE);
    for (what, count) in [
        ("kills", total.kills),
        ("poisoned", total.poisoned),
        ("full", total.full),
        ("unacknowledged survivors", total.survived_unacknowledged),
        ("trimmed", total.trimmed),
        ("records", records),
    ] {
        assert!(count > 100, "the simulation hardly met: {what} ({count})");
    }
}

#[test]
fn the_same_seed_runs_the_same() {
    let run = |seed| {
        let mut life = Life::new(seed);
        while life.seen.cuts < 10 {
            life.round();
        }
        let files: BTreeMap<_, _> =
            life.disk.paths().into_iter().map(|path| (path.clone(), life.disk.content(&path))).collect();
        (files, life.serial)
    };
    assert!(run(7) == run(7), "a simulation that cannot be replayed proves nothing");
    assert!(run(7) != run(8));
}

/// Threads, group commit and the async trait, with the power going in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_by_the_threaded_log_survives_power_cuts() {
    let mut acknowledged_in_all = 0;
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let mut acknowledged: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for life in 0..4_u64 {
            let entropy = Arc::new(SeededEntropy::new(seed * 10 + life));
            let log = FileLog::open_on(Arc::new(disk.clone()), &small_options(), entropy).unwrap();
            check_threaded(&log, &acknowledged, seed).await;
            let ops = Some(5 + seed % 40);
            disk.set_faults(Faults { power_cut_after_ops: ops, ..Faults::default() });
            for (first, records) in send_until_dark(Arc::new(log), life).await {
                acknowledged.extend((first.0..).zip(records));
            }
            disk.power_cut();
        }
        acknowledged_in_all += acknowledged.len();
    }
    assert!(acknowledged_in_all > 1_000, "only {acknowledged_in_all} acknowledged");
}

async fn check_threaded(log: &FileLog, acknowledged: &BTreeMap<u64, Vec<u8>>, seed: u64) {
    let end = log.bounds(Topic::Raw, P0).await.unwrap().end;
    let mut from = Offset(0);
    let mut found = BTreeMap::new();
    while from < end {
        let records = log.read(Topic::Raw, P0, from, 4_000).await.unwrap();
        found.extend(records.iter().map(|(offset, record)| (offset.0, record.to_vec())));
        from = records.next();
    }
    for (offset, record) in acknowledged {
        assert_eq!(found.get(offset), Some(record), "seed {seed}: {DIR} lost offset {offset}");
    }
}

type Acknowledged = Vec<(Offset, Vec<Vec<u8>>)>;

async fn send_until_dark(log: Arc<FileLog>, life: u64) -> Acknowledged {
    let senders = (0..4).map(|sender| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for i in 0..10_000_u32 {
                let records: Vec<Vec<u8>> =
                    (0..3).map(|part| format!("{life}/{sender}/{i}/{part}").into_bytes()).collect();
                match log.append(Topic::Raw, P0, batch(&records), 0).await {
                    Ok(first) => acknowledged.push((first, records)),
                    Err(_) => break,
                }
            }
            acknowledged
        })
    });
    let mut all = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        all.extend(sender.await.unwrap());
    }
    all
}
