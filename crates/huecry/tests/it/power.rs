//! Power cuts, kills and failing fsyncs under everything at once: log, lake and audit tree stand on one simulated
//! disk, beside a SQLite that keeps what it committed. After each, counts equal the log's, the audit log verifies,
//! checkpoints never go back, and every report that was acknowledged is there, once.

use crate::lake_events::of_files;
use crate::pipeline_faults::{MARKED_EVERY, MARKED_RULE, record_with};
use crate::reports_power::{Desk, Reporters};
use audit::copy::{CopyWriter, lines_up_to, tiles_of};
use audit::verify::{Kept, verify};
use audit::{Prover, SignedCheckpoint, Signer};
use backends::log::{FileLog, Options as LogOptions, TopicOptions};
use backends::sqlite::SqliteStore;
use backends::tiles::FileTiles;
use disk::simulated::{Dice, Faults, SimDisk};
use huecry::engine::Engine;
use huecry::pipeline::{self, Pipeline};
use huecry::rollout::{Generation, Live};
use lake::{FileLake, Snapshots};
use model::{
    AuditRecord, Clock, Entropy, Finding, Offset, Partition, Principal, SeededEntropy, SystemClock, Topic,
};
use ports::log::RecordBatch;
use ports::store::Counters;
use ports::{Lake, Log, Store, TileStore};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const LIVES: u64 = 4;
const ROUNDS_PER_LIFE: u64 = 25;
const PARTITIONS: u32 = 2;
/// Longest time that a life may need to come to rest on a disk that works.
const REST: Duration = Duration::from_secs(60);

/// What outlives a power cut: the disk's durable bytes, the store, and what senders and witnesses were told.
struct World {
    seed: u64,
    disk: SimDisk,
    dice: Dice,
    home: tempfile::TempDir,
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    signer: Arc<Signer>,
    engine: Arc<Engine>,
    /// Ids of the records that were acknowledged.
    acknowledged: BTreeSet<u64>,
    tried: u64,
    seen: Vec<SignedCheckpoint>,
    /// From which of them on the log was not verified yet.
    verified: usize,
    reporters: Reporters,
    /// Records of reports that are on the log once more than needed.
    doubled: u64,
}

/// A record on the log, by what it was when it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    /// A trail's record with that number.
    Record(u64),
    /// The report of that id.
    Report(String),
}

/// The parts of one life of the process.
struct Process {
    log: Arc<dyn Log>,
    lake: FileLake,
    tiles: Arc<dyn TileStore>,
    pipeline: Pipeline,
    reports: Desk,
    tasks: tokio::task::JoinSet<()>,
    shutdown: CancellationToken,
}

impl World {
    async fn new(seed: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open_path(&home.path().join("state.db")).await.unwrap());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let reporters = Reporters::new(seed, &store, &entropy, home.path());
        let (engine, report) = Engine::load([("marked.yml", MARKED_RULE)]).unwrap();
        assert_eq!(report.loaded, 1);
        Self {
            seed,
            disk: SimDisk::new(seed),
            dice: Dice::new(seed ^ 0xB1AC),
            home,
            store,
            entropy,
            signer: Arc::new(Signer::new(&[9; 32], Some("example.com/audit")).unwrap()),
            engine: Arc::new(engine),
            acknowledged: BTreeSet::new(),
            tried: 0,
            seen: Vec::new(),
            verified: 0,
            reporters,
            doubled: 0,
        }
    }

    async fn start(&mut self) -> Process {
        let disk = || Arc::new(self.disk.clone());
        let mut options = LogOptions::new("/log");
        let raw = TopicOptions { partitions: PARTITIONS, ..TopicOptions::default() };
        options.topics.insert(Topic::Raw, raw);
        let log: Arc<dyn Log> =
            Arc::new(FileLog::open_on(disk(), &options, Arc::clone(&self.entropy)).unwrap());
        let lake_options =
            lake::Options { flush_bytes: 20_000, waiting_bytes_max: 200_000, ..lake::Options::new("/lake") };
        let lake = FileLake::open_on(disk(), &lake_options).unwrap();
        let tiles: Arc<dyn TileStore> = Arc::new(FileTiles::on(disk(), "/audit"));
        let shutdown = CancellationToken::new();
        let pipeline = Pipeline::start(&self.pipeline(&log, &lake), &shutdown).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        let (triage, stop) = (triage::Service::new(self.triage(&log)), shutdown.clone());
        tasks.spawn(async move { drop(triage.run(stop).await) });
        let reports = self.reporters.start(&log);
        Process { log, lake, tiles, pipeline, reports, tasks, shutdown }
    }

    fn pipeline(&self, log: &Arc<dyn Log>, lake: &FileLake) -> pipeline::Options {
        pipeline::Options {
            live: Arc::new(Live::new(Generation::all_active(Arc::clone(&self.engine)))),
            log: Arc::clone(log),
            store: Arc::clone(&self.store),
            clock: Arc::new(SystemClock),
            lake: Some(Arc::new(lake.clone())),
            retry_pause: Duration::from_millis(1),
            correlation: pipeline::Correlation::default(),
            telemetry: pipeline::Telemetry::default(),
        }
    }

    fn triage(&self, log: &Arc<dyn Log>) -> triage::Options {
        triage::Options {
            log: Arc::clone(log),
            store: Arc::clone(&self.store),
            clock: Arc::new(SystemClock),
            entropy: Arc::clone(&self.entropy),
            grouping: triage::Grouping { window_ms: 3_600_000 },
            telemetry: triage::Telemetry::default(),
        }
    }

    fn audit(&self, tiles: &Arc<dyn TileStore>) -> audit::Service {
        audit::Service::new(audit::Options {
            store: Arc::clone(&self.store),
            tiles: Arc::clone(tiles),
            signer: Arc::clone(&self.signer),
            clock: Arc::new(SystemClock),
            witnesses: Vec::new(),
            telemetry: audit::Telemetry::default(),
        })
    }

    /// Starts everything, works until the power or the process goes, and ends everything.
    async fn round(&mut self, ops_max: usize) {
        self.disk.set_faults(Faults::default());
        // what was signed in the last life; all of them at rest
        self.verify_audit(self.verified).await;
        self.verified = self.seen.len().saturating_sub(1);
        let mut process = self.start().await;
        self.check_head(&process);
        self.reporters.check_fresh(&*process.log).await;
        self.disk.set_faults(Faults {
            power_cut_after_ops: Some(self.dice.below(ops_max) as u64),
            sync_failures_per_1000: if self.dice.chance(15) { 30 } else { 0 },
            capacity_bytes: None,
        });
        let audit = self.audit(&process.tiles);
        for _ in 0..40 {
            if self.disk.is_off() {
                break;
            }
            self.send(&*process.log).await;
            self.change().await;
            self.reporters.act(&mut process.reports, &mut self.dice).await;
            if let Ok(Some(head)) = audit.step().await {
                self.seen.push(head);
            }
            if self.dice.chance(30) {
                drop(process.lake.flush());
            }
            if self.dice.chance(10) {
                drop(process.lake.maintain(SystemClock.now_ms(), &[]));
            }
        }
        self.end(process).await;
    }

    /// Gives one of the partitions a few records, and remembers those that were acknowledged.
    async fn send(&mut self, log: &dyn Log) {
        let mut batch = RecordBatch::new();
        let first = self.tried;
        self.tried += 1 + self.dice.below(12) as u64;
        (first..self.tried).for_each(|id| record_with(&mut batch, id));
        let partition = Partition(self.dice.below(PARTITIONS as usize) as u32);
        if log.append(Topic::Raw, partition, batch, 1).await.is_ok() {
            self.acknowledged.extend(first..self.tried);
        }
    }

    /// A change with its audit record.
    async fn change(&self) {
        let by = Principal::Local { account: "ana".into() };
        let record = AuditRecord::new(&SystemClock, &*self.entropy, by, "incident.assign", "inc_1");
        let mut unit = self.store.begin().await.unwrap();
        unit.audit().add(&record).await.unwrap();
        unit.commit().await.unwrap();
    }

    async fn end(&mut self, mut process: Process) {
        let kill = self.dice.chance(20);
        if kill {
            self.disk.kill_process();
        } else {
            self.disk.power_cut();
        }
        self.reporters.cut(process.reports).await;
        process.shutdown.cancel();
        while process.tasks.join_next().await.is_some() {}
        tokio::task::spawn_blocking(move || process.pipeline.join()).await.unwrap();
        drop(process.log.close().await);
        drop(process.lake);
    }

    /// What witnesses have seen is there still.
    fn check_head(&self, process: &Process) {
        let Some(seen) = self.seen.last() else { return };
        let prover = Prover::new(Arc::clone(&process.tiles), self.signer.public().clone());
        let head = prover.checkpoint().unwrap().checkpoint;
        let (is, was) = ((head.size, head.time_ms), (seen.checkpoint.size, seen.checkpoint.time_ms));
        assert!(is >= was, "seed {}: the checkpoint went from {was:?} to {is:?}", self.seed);
    }

    /// On a disk that works: everything comes to rest, and all counts agree.
    async fn rest(&mut self) -> u64 {
        self.disk.set_faults(Faults::default());
        let mut process = self.start().await;
        let seed = self.seed;
        let published = async {
            while !self.reporters.is_published(&mut process.reports).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let published = tokio::time::timeout(REST, published).await;
        published.unwrap_or_else(|_| panic!("seed {seed}: not all reports came to the log"));
        let mut raw = BTreeMap::new();
        for partition in (0..PARTITIONS).map(Partition) {
            raw.insert(partition, sent_of(&*process.log, partition).await);
        }
        let quiet = async {
            while !self.is_at_rest(&process, &raw).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let quiet = tokio::time::timeout(REST, quiet).await;
        quiet.unwrap_or_else(|_| panic!("seed {seed}: it never came to rest"));
        self.compare(&process, &raw).await;
        self.end(process).await;
        let prover = self.verify_audit(0).await;
        self.reporters.check_proofs(&prover);
        raw.values().map(|ids| ids.len() as u64).sum()
    }

    async fn is_at_rest(&self, process: &Process, raw: &BTreeMap<Partition, Vec<Sent>>) -> bool {
        drop(process.lake.flush());
        for (&partition, ids) in raw {
            let all = Offset(ids.len() as u64);
            if self.counters(partition).await.0 < all || process.lake.position(partition) < all {
                return false;
            }
        }
        let mut view = self.store.read().await.unwrap();
        let expected = findings_of(&*process.log).await.len() as u64;
        view.findings().count().await.unwrap() >= expected
    }

    async fn counters(&self, partition: Partition) -> (Offset, Counters) {
        let mut view = self.store.read().await.unwrap();
        let known = view.positions().get(pipeline::CONSUMER, Topic::Raw, partition).await.unwrap();
        known.map_or((Offset(0), Counters::default()), |known| (known.next, known.counters))
    }

    async fn compare(&mut self, process: &Process, raw: &BTreeMap<Partition, Vec<Sent>>) {
        let seed = self.seed;
        let (mut logged, mut reports) = (BTreeSet::new(), BTreeSet::new());
        for sent in raw.values().flatten() {
            match sent {
                Sent::Record(number) => drop(logged.insert(*number)),
                Sent::Report(id) => drop(reports.insert(id.clone())),
            }
        }
        let lost: Vec<_> = self.acknowledged.difference(&logged).collect();
        assert!(lost.is_empty(), "seed {seed}: acknowledged, and not on the log: {lost:?}");
        for (&partition, ids) in raw {
            let (_, counted) = self.counters(partition).await;
            let (all, distinct) = (ids.len() as u64, ids.iter().collect::<BTreeSet<_>>().len() as u64);
            // a report whose place on the log nobody could note is put there again
            let duplicates = all - distinct;
            self.doubled += duplicates;
            let expected = Counters { accepted: all, stored: distinct, dead_lettered: 0, duplicates };
            assert_eq!(counted, expected, "seed {seed}, partition {}", partition.0);
        }
        process.lake.flush().unwrap();
        let snapshot = process.lake.snapshot();
        let read = |path: &Path| self.disk.content(path).unwrap();
        let events = of_files(read, &snapshot);
        let all = logged.len() + reports.len();
        assert_eq!(events.len(), all, "seed {seed}: the lake has each event once");
        let distinct: BTreeSet<_> = events.iter().map(|(_, id)| id).collect();
        assert_eq!(distinct.len(), all, "seed {seed}: an event is in the lake twice");
        let marked = logged.iter().filter(|id| id.is_multiple_of(MARKED_EVERY)).count();
        let findings = findings_of(&*process.log).await;
        let accepted = self.reporters.compare(&*process.log, &reports, &events).await;
        let expected = marked + accepted;
        assert_eq!(findings.len(), expected, "seed {seed}: one for each marked record and accepted report");
        let mut view = self.store.read().await.unwrap();
        assert_eq!(
            view.findings().count().await.unwrap(),
            expected as u64,
            "seed {seed}: each in one incident"
        );
    }

    /// The log of changes verifies against the checkpoints seen from the `since`th on; nothing else runs meanwhile.
    async fn verify_audit(&mut self, since: usize) -> Prover {
        let tiles: Arc<dyn TileStore> = Arc::new(FileTiles::on(Arc::new(self.disk.clone()), "/audit"));
        let audit = self.audit(&tiles);
        while let Some(head) = audit.step().await.unwrap() {
            self.seen.push(head);
        }
        let prover = Prover::new(tiles, self.signer.public().clone());
        if self.seen.is_empty() {
            return prover;
        }
        let copy = self.home.path().join(format!("copy {}", self.seen.len()));
        copy_audit(&*self.store, &prover, &copy).await;
        let kept: Vec<_> = self.seen.iter().enumerate().skip(since).map(kept).collect();
        let report = verify(&copy, self.signer.public(), &kept).unwrap();
        assert!(report.is_clean(), "seed {}: {report:#?}", self.seed);
        let count = self.store.read().await.unwrap().audit().count().await.unwrap();
        assert_eq!(prover.checkpoint().unwrap().checkpoint.size, count, "seed {}: all is signed", self.seed);
        std::fs::remove_dir_all(&copy).unwrap();
        prover
    }
}

fn kept((at, signed): (usize, &SignedCheckpoint)) -> Kept {
    Kept { place: format!("kept {at}"), note: signed.note.clone() }
}

async fn copy_audit(store: &dyn Store, prover: &Prover, dir: &Path) {
    let head = prover.checkpoint().unwrap();
    let mut writer = CopyWriter::create(dir).unwrap();
    let mut view = store.read().await.unwrap();
    let mut from = 0;
    while let page = view.audit().entries(from, 500).await.unwrap()
        && let Some(last) = page.last()
    {
        from = last.entry.index + 1;
        let signed = page.iter().filter(|stored| stored.entry.index < head.checkpoint.size);
        signed.for_each(|stored| writer.record(&stored.entry).unwrap());
    }
    for tile in tiles_of(head.checkpoint.size) {
        if let Some(content) = prover.tile(&tile.path()).unwrap() {
            writer.tile(tile, &content).unwrap();
        }
    }
    for day in prover.days().unwrap() {
        let lines = prover.day(&day).unwrap().unwrap();
        writer.day(&day, lines_up_to(&lines, &head).0).unwrap();
    }
    writer.finish(&head, prover.key()).unwrap();
}

/// A partition's records, in their order.
async fn sent_of(log: &dyn Log, partition: Partition) -> Vec<Sent> {
    let (mut sent, mut at) = (Vec::new(), Offset(0));
    loop {
        let records = log.read(Topic::Raw, partition, at, 1 << 20).await.unwrap();
        if records.is_empty() {
            return sent;
        }
        for (_, bytes) in records.iter() {
            let record = model::RawRecord::decode(bytes).unwrap();
            if record.source == report::SOURCE {
                sent.push(Sent::Report(record.delivery_id.unwrap().to_owned()));
                continue;
            }
            let body: serde_json::Value = serde_json::from_slice(record.body).unwrap();
            sent.push(Sent::Record(body["eventID"].as_str().unwrap().parse().unwrap()));
        }
        at = records.next();
    }
}

/// The identities of all findings; a redelivery has the identity of what it repeats.
async fn findings_of(log: &dyn Log) -> BTreeSet<model::FindingId> {
    let mut ids = BTreeSet::new();
    for partition in (0..log.partitions(Topic::Finding)).map(Partition) {
        let mut at = Offset(0);
        loop {
            let records = log.read(Topic::Finding, partition, at, 1 << 20).await.unwrap();
            if records.is_empty() {
                break;
            }
            let of = |bytes: &[u8]| serde_json::from_slice::<Finding>(bytes).unwrap().id;
            ids.extend(records.iter().map(|(_, bytes)| of(bytes)));
            at = records.next();
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn after_power_cuts_under_everything_all_counts_agree() {
    let (mut records, mut tried, mut checkpoints) = (0, 0, 0);
    let (mut reports, mut accepted, mut cut_off, mut repeated, mut doubled) = (0, 0, 0, 0, 0);
    for seed in 0..LIVES {
        let mut world = World::new(seed).await;
        for round in 0..ROUNDS_PER_LIFE {
            world.round([40, 200, 1_000][round as usize % 3]).await;
        }
        records += world.rest().await;
        tried += world.tried;
        checkpoints += world.seen.len();
        let counts = world.reporters.counts();
        reports += counts.0;
        accepted += counts.1;
        cut_off += world.reporters.cut_off;
        repeated += world.reporters.repeated;
        doubled += world.doubled;
    }
    eprintln!("{tried} records sent, {records} records and reports on the log, {checkpoints} checkpoints");
    eprintln!(
        "{reports} reports acknowledged, {accepted} accepted; {cut_off} answers cut off, {repeated} of them sent again and \
         there already, {doubled} put on the log twice"
    );
    assert!(records > 500 && checkpoints > 50, "too little was done to prove anything");
    assert!(reports > 500 && accepted > 50 && cut_off > 20, "too few reports to prove anything");
}
