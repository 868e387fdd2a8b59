//! A pipeline whose log, store and lake fail at any step, also after they did what was asked.

use crate::lake_events::events_of;
use async_trait::async_trait;
use backends::log::{FileLog, Options as LogOptions, TopicOptions};
use backends::sqlite::SqliteStore;
use huecry::engine::Engine;
use huecry::pipeline::{self, Options, Pipeline};
use huecry::rollout::{Generation, Live};
use lake::FileLake;
use model::{Entropy, Finding, Offset, Partition, RawRecord, SeededEntropy, SystemClock, Topic};
use ports::lake::{LakeSize, Maintained, RetentionRule};
use ports::log::{Bounds, RecordBatch, Records, Retained};
use ports::store::{
    Appeals, Attachments, Audit, ChangeSeq, Changes, Comments, Containments, Counters, Credits, DeadLetters,
    Delegations, Digests, Findings, Idempotency, Incidents, Letters, Links, Moves, Notices, People,
    Positions, ReadLedger, ReportMessages, Reports, Rules, Runs, Sessions, Snapshot, Sources, Tokens,
    UnitOfWork, Views,
};
use ports::{Lake, LakeError, LakeRow, LakeWriter, Log, LogError, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const RECORDS: u64 = 400;
pub(crate) const MARKED_EVERY: u64 = 10;
/// Of 100 calls that write, so many fail.
const FAILURES_PERCENT: u8 = 30;

/// Fires on a record of [`record_with`] whose number is a multiple of [`MARKED_EVERY`].
pub(crate) const MARKED_RULE: &str = r"
title: Marked record
id: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11
status: test
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
level: high
";

/// When calls fail.
#[derive(Debug)]
pub(crate) struct Faults {
    entropy: SeededEntropy,
    pub(crate) met: AtomicU64,
}

/// What becomes of one call.
#[derive(PartialEq)]
enum Fate {
    Works,
    /// It fails, and nothing was done.
    Fails,
    /// It does what was asked, and the answer is lost.
    FailsAfterwards,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { entropy: SeededEntropy::new(seed), met: AtomicU64::new(0) }
    }

    fn fate(&self) -> Fate {
        let mut dice = [0; 2];
        self.entropy.fill(&mut dice);
        if dice[0] % 100 >= FAILURES_PERCENT {
            return Fate::Works;
        }
        self.met.fetch_add(1, Ordering::Relaxed);
        if dice[1].is_multiple_of(2) { Fate::Fails } else { Fate::FailsAfterwards }
    }
}

fn log_fault() -> LogError {
    LogError::io("a test", std::io::Error::other("the disk failed"))
}

fn store_fault() -> StoreError {
    StoreError::Backend { doing: "a test", source: "the disk failed".into() }
}

pub(crate) struct FaultyLog(pub(crate) Arc<dyn Log>, pub(crate) Arc<Faults>);

#[async_trait]
impl Log for FaultyLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.0.partitions(topic)
    }
    async fn append(&self, t: Topic, p: Partition, batch: RecordBatch, ms: i64) -> Result<Offset, LogError> {
        let fate = self.1.fate();
        if fate == Fate::Fails {
            return Err(log_fault());
        }
        let done = self.0.append(t, p, batch, ms).await;
        if fate == Fate::FailsAfterwards { Err(log_fault()) } else { done }
    }
    async fn read(&self, t: Topic, p: Partition, from: Offset, bytes: usize) -> Result<Records, LogError> {
        // what is read for a finding is one record
        if bytes == 1 && self.1.fate() != Fate::Works {
            return Err(log_fault());
        }
        // small batches, so that there are many
        self.0.read(t, p, from, bytes.min(8_000)).await
    }
    async fn bounds(&self, t: Topic, p: Partition) -> Result<Bounds, LogError> {
        self.0.bounds(t, p).await
    }
    async fn wait_for(&self, t: Topic, p: Partition, offset: Offset) -> Result<Offset, LogError> {
        self.0.wait_for(t, p, offset).await
    }
    async fn register(&self, group: &str, t: Topic, p: Partition) -> Result<Offset, LogError> {
        self.0.register(group, t, p).await
    }
    async fn commit(&self, _: &str, _: Topic, _: Partition, _: Offset) -> Result<(), LogError> {
        // the floor of retention can never be written here
        Err(log_fault())
    }
    async fn committed(&self, group: &str, t: Topic, p: Partition) -> Result<Option<Offset>, LogError> {
        self.0.committed(group, t, p).await
    }
    async fn unregister(&self, group: &str, t: Topic, p: Partition) -> Result<(), LogError> {
        self.0.unregister(group, t, p).await
    }
    async fn retain(&self, now_ms: i64) -> Result<Retained, LogError> {
        self.0.retain(now_ms).await
    }
    async fn close(&self) -> Result<(), LogError> {
        self.0.close().await
    }
}

pub(crate) struct FaultyStore(pub(crate) Arc<dyn Store>, pub(crate) Arc<Faults>);

#[async_trait]
impl Store for FaultyStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        if self.1.fate() != Fate::Works {
            return Err(StoreError::Busy);
        }
        Ok(Box::new(FaultyUnit(self.0.begin().await?, Arc::clone(&self.1))))
    }
    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.0.read().await
    }
    async fn wait_for_change(&self, after: ChangeSeq) -> Result<ChangeSeq, StoreError> {
        self.0.wait_for_change(after).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.0.check().await
    }
    async fn close(&self) {
        self.0.close().await;
    }
}

struct FaultyUnit(Box<dyn UnitOfWork>, Arc<Faults>);

#[async_trait]
impl UnitOfWork for FaultyUnit {
    fn incidents(&mut self) -> &mut dyn Incidents {
        self.0.incidents()
    }
    fn findings(&mut self) -> &mut dyn Findings {
        self.0.findings()
    }
    fn comments(&mut self) -> &mut dyn Comments {
        self.0.comments()
    }
    fn tokens(&mut self) -> &mut dyn Tokens {
        self.0.tokens()
    }
    fn sources(&mut self) -> &mut dyn Sources {
        self.0.sources()
    }
    fn people(&mut self) -> &mut dyn People {
        self.0.people()
    }
    fn sessions(&mut self) -> &mut dyn Sessions {
        self.0.sessions()
    }
    fn links(&mut self) -> &mut dyn Links {
        self.0.links()
    }
    fn rules(&mut self) -> &mut dyn Rules {
        self.0.rules()
    }
    fn positions(&mut self) -> &mut dyn Positions {
        self.0.positions()
    }
    fn dead_letters(&mut self) -> &mut dyn DeadLetters {
        self.0.dead_letters()
    }
    fn idempotency(&mut self) -> &mut dyn Idempotency {
        self.0.idempotency()
    }
    fn audit(&mut self) -> &mut dyn Audit {
        self.0.audit()
    }
    fn changes(&mut self) -> &mut dyn Changes {
        self.0.changes()
    }
    fn moves(&mut self) -> &mut dyn Moves {
        self.0.moves()
    }
    fn views(&mut self) -> &mut dyn Views {
        self.0.views()
    }
    fn reports(&mut self) -> &mut dyn Reports {
        self.0.reports()
    }
    fn report_messages(&mut self) -> &mut dyn ReportMessages {
        self.0.report_messages()
    }
    fn attachments(&mut self) -> &mut dyn Attachments {
        self.0.attachments()
    }
    fn appeals(&mut self) -> &mut dyn Appeals {
        self.0.appeals()
    }
    fn ledger(&mut self) -> &mut dyn ReadLedger {
        self.0.ledger()
    }
    fn notices(&mut self) -> &mut dyn Notices {
        self.0.notices()
    }
    fn digests(&mut self) -> &mut dyn Digests {
        self.0.digests()
    }
    fn credits(&mut self) -> &mut dyn Credits {
        self.0.credits()
    }
    fn containments(&mut self) -> &mut dyn Containments {
        self.0.containments()
    }
    fn runs(&mut self) -> &mut dyn Runs {
        self.0.runs()
    }
    fn delegations(&mut self) -> &mut dyn Delegations {
        self.0.delegations()
    }
    fn letters(&mut self) -> &mut dyn Letters {
        self.0.letters()
    }
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self(unit, faults) = *self;
        let fate = faults.fate();
        if fate == Fate::Fails {
            return Err(store_fault());
        }
        let done = unit.commit().await;
        if fate == Fate::FailsAfterwards { Err(store_fault()) } else { done }
    }
}

#[derive(Debug)]
struct FaultyLake(FileLake, Arc<Faults>);

impl Lake for FaultyLake {
    fn position(&self, partition: Partition) -> Offset {
        self.0.position(partition)
    }
    fn writer(&self, partition: Partition) -> Result<Box<dyn LakeWriter>, LakeError> {
        if self.1.fate() != Fate::Works {
            return Err(LakeError::DiskFull);
        }
        Ok(Box::new(FaultyWriter(self.0.writer(partition)?, Arc::clone(&self.1))))
    }
    fn flush(&self) -> Result<(), LakeError> {
        let fate = self.1.fate();
        if fate == Fate::Fails {
            return Err(LakeError::DiskFull);
        }
        let done = self.0.flush();
        if fate == Fate::FailsAfterwards { Err(LakeError::DiskFull) } else { done }
    }
    fn maintain(&self, now_ms: i64, retention: &[RetentionRule]) -> Result<Maintained, LakeError> {
        self.0.maintain(now_ms, retention)
    }
    fn size(&self) -> LakeSize {
        self.0.size()
    }
    fn close(&self) -> Result<(), LakeError> {
        self.0.close()
    }
}

struct FaultyWriter(Box<dyn LakeWriter>, Arc<Faults>);

impl LakeWriter for FaultyWriter {
    fn push(&mut self, row: &LakeRow<'_>) {
        self.0.push(row);
    }
    fn commit(&mut self, from: Offset, next: Offset, now_ms: i64) -> Result<(), LakeError> {
        match self.1.fate() {
            Fate::Works => self.0.commit(from, next, now_ms),
            Fate::Fails if next.0.is_multiple_of(2) => Err(LakeError::Behind { retry_after_ms: 1 }),
            Fate::Fails => Err(LakeError::DiskFull),
            Fate::FailsAfterwards => {
                self.0.commit(from, next, now_ms)?;
                Err(LakeError::DiskFull)
            }
        }
    }
    fn discard(&mut self) {
        self.0.discard();
    }
}

/// Record `number`: each third is a redelivery of the one before, some are of no known kind.
fn append(batch: &mut RecordBatch, number: u64) {
    let id = if number % 3 == 1 { number - 1 } else { number };
    let kind = if number % 50 == 2 { "no_such_kind" } else { "aws_cloudtrail" };
    push(batch, kind, id);
}

/// A record of CloudTrail with this number as its id.
pub(crate) fn record_with(batch: &mut RecordBatch, id: u64) {
    push(batch, "aws_cloudtrail", id);
}

fn push(batch: &mut RecordBatch, kind: &str, id: u64) {
    let name = if id.is_multiple_of(MARKED_EVERY) { "StopLogging" } else { "DescribeInstances" };
    let body = format!(
        r#"{{"eventVersion":"1.08","eventID":"{id}","eventName":"{name}","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","userIdentity":{{"type":"IAMUser","userName":"ana"}}}}"#
    );
    let record = RawRecord {
        source: "trail",
        kind,
        event_type: None,
        delivery_id: None,
        region: "default",
        received_at_ms: 1,
        body: body.as_bytes(),
    };
    batch.push_with(|out| record.encode(out)).unwrap();
}

pub(crate) async fn read_findings(log: &dyn Log) -> Vec<Finding> {
    let (mut found, mut at) = (Vec::new(), Offset(0));
    loop {
        let records = log.read(Topic::Finding, Partition(0), at, 1 << 20).await.unwrap();
        if records.is_empty() {
            return found;
        }
        found.extend(records.iter().map(|(_, bytes)| serde_json::from_slice::<Finding>(bytes).unwrap()));
        at = records.next();
    }
}

async fn counters(store: &dyn Store) -> (Offset, Counters) {
    let mut view = store.read().await.unwrap();
    let known = view.positions().get(pipeline::CONSUMER, Topic::Raw, Partition(0)).await.unwrap();
    known.map_or((Offset(0), Counters::default()), |known| (known.next, known.counters))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_every_record_has_its_effect_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = LogOptions::new(folder.path().join("log"));
    options.topics.insert(Topic::Raw, TopicOptions::default());
    let log: Arc<dyn Log> = Arc::new(FileLog::open(&options, Arc::new(SeededEntropy::new(1))).unwrap());
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open_path(&folder.path().join("state.db")).await.unwrap());
    let lake = FileLake::open(&lake::Options::new(folder.path().join("lake"))).unwrap();
    let mut batch = RecordBatch::new();
    (0..RECORDS).for_each(|number| append(&mut batch, number));
    log.append(Topic::Raw, Partition(0), batch, 1).await.unwrap();

    let faults = Arc::new(Faults::new(5));
    let (engine, report) = Engine::load([("marked.yml", MARKED_RULE)]).unwrap();
    assert_eq!(report.loaded, 1);
    let options = Options {
        live: Arc::new(Live::new(Generation::all_active(Arc::new(engine)))),
        log: Arc::new(FaultyLog(Arc::clone(&log), Arc::clone(&faults))),
        store: Arc::new(FaultyStore(Arc::clone(&store), Arc::clone(&faults))),
        clock: Arc::new(SystemClock),
        lake: Some(Arc::new(FaultyLake(lake.clone(), Arc::clone(&faults)))),
        retry_pause: Duration::from_millis(1),
        correlation: pipeline::Correlation::default(),
        telemetry: pipeline::Telemetry::default(),
    };
    let shutdown = CancellationToken::new();
    let running = Pipeline::start(&options, &shutdown).await.unwrap();
    let worked_off = async {
        while counters(&*store).await.0 < Offset(RECORDS) || lake.position(Partition(0)) < Offset(RECORDS) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            lake.flush().unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), worked_off).await.expect("it never came to the end");
    shutdown.cancel();
    tokio::task::spawn_blocking(move || running.join()).await.unwrap();

    assert!(faults.met.load(Ordering::Relaxed) > 20, "too few faults were met to prove anything");
    let dead = (0..RECORDS).filter(|n| n % 50 == 2).count() as u64;
    let ids: BTreeSet<u64> =
        (0..RECORDS).filter(|n| n % 50 != 2).map(|n| if n % 3 == 1 { n - 1 } else { n }).collect();
    let (_, counted) = counters(&*store).await;
    let (accepted, stored) = (RECORDS, ids.len() as u64);
    let duplicates = RECORDS - dead - stored;
    assert_eq!(counted, Counters { accepted, stored, dead_lettered: dead, duplicates });
    let findings: BTreeSet<_> = read_findings(&*log).await.into_iter().map(|finding| finding.id).collect();
    let marked = ids.iter().filter(|id| id.is_multiple_of(MARKED_EVERY)).count();
    assert_eq!(findings.len(), marked, "one identity for each marked record");
    let first: BTreeSet<_> = ids.iter().map(|id| *id as i64).collect();
    let kept = events_of(&lake);
    assert_eq!(kept.len(), ids.len(), "each event is in the lake once");
    // of a record and its redelivery right after it the lake has the first, unless that is a dead letter
    let earliest = |at: i64| first.contains(&at) || (at % 50 == 3);
    assert!(kept.iter().all(|(at, _)| earliest(*at)), "{kept:?}");
    assert_eq!(kept.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), ids.len());
    let page = ports::store::PageRequest::first(500);
    let letters = store.read().await.unwrap().dead_letters().list(&Default::default(), &page).await.unwrap();
    assert_eq!(letters.items.len() as u64, dead);
    assert!(letters.items.iter().all(|item| item.refused == 1), "a dead letter was counted twice");
}
