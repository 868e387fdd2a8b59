//! SIGKILL under load, again and again: nothing acknowledged is lost, nothing takes effect twice.

use crate::audit::{Auditor, all_signed};
use crate::lake_events::events_of;
use crate::program::Server;
use backends::log::{FileLog, Options};
use backends::sqlite::SqliteStore;
use lake::FileLake;
use model::{Entropy, Partition, RawRecord, SeededEntropy, Topic};
use ports::store::{AuditFilter, Counters, FindingFilter, PageRequest};
use ports::{Lake, Log, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const KILLS: u64 = 100;
const BATCH: u64 = 20;
/// Every so-many-th record makes a finding.
const MARKED_EVERY: u64 = 10;

const RULE: &str = r"
title: Marked record
id: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11
status: test
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
level: high
";

fn record(number: u64) -> String {
    let name = if number.is_multiple_of(MARKED_EVERY) { "StopLogging" } else { "DescribeInstances" };
    format!(
        r#"{{"eventVersion":"1.08","eventID":"{number:08}-0000-4000-8000-000000000000","eventName":"{name}","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2","userIdentity":{{"type":"IAMUser","userName":"u{user}","arn":"arn:aws:iam::111122223333:user/u{user}","accountId":"111122223333"}},"recipientAccountId":"111122223333","eventType":"AwsApiCall","managementEvent":true,"readOnly":false}}"#,
        user = number % 7
    )
}

/// Makes tokens until told to stop: each is a change with an audit record. Returns how many were acknowledged.
fn make_tokens(server: &Server, round: u64, stop: &AtomicBool) -> u64 {
    let mut acknowledged = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("token {round}.{acknowledged}");
        let new = serde_json::json!({ "name": name, "scopes": ["metrics:read"] }).to_string();
        if let Ok((201, _)) = server.post("/api/v1/tokens", &server.admin, new.as_bytes()) {
            acknowledged += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    acknowledged
}

/// Sends batches until told to stop; a batch without an answer is sent again, as senders do.
struct Sender {
    next: u64,
    acknowledged: BTreeSet<u64>,
    unanswered: Option<u64>,
}

impl Sender {
    fn run(&mut self, server: &Server, token: &str, stop: &AtomicBool, batches: &AtomicU64) {
        while !stop.load(Ordering::Relaxed) {
            let first = self.unanswered.take().unwrap_or(self.next);
            self.next = self.next.max(first + BATCH);
            let body: Vec<String> = (first..first + BATCH).map(record).collect();
            let answer = server.post("/api/v1/ingest/trail", token, body.join("\n").as_bytes());
            match answer {
                Ok((status, _)) if (200..300).contains(&status) => {
                    self.acknowledged.extend(first..first + BATCH);
                    batches.fetch_add(1, Ordering::Relaxed);
                }
                _ => self.unanswered = Some(first),
            }
        }
    }
}

#[test]
fn a_hundred_kills_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("marked.yml"), RULE).unwrap();
    let entropy = SeededEntropy::new(11);
    let mut sender = Sender { next: 0, acknowledged: BTreeSet::new(), unanswered: None };
    let mut token = String::new();
    let mut auditor = Auditor::new(&folder.path().join("auditor"));
    let mut changes = 0;
    for round in 0..KILLS {
        let server = Server::start(folder.path(), Some(&rules));
        if token.is_empty() {
            token = server.add_source("trail", "aws_cloudtrail");
        }
        // the log as the kill before left it, with a checkpoint from before that kill
        all_signed(&server);
        assert!(
            auditor.audit(&server) >= changes,
            "acknowledged changes are signed, however the server ended"
        );
        let (stop, batches) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| sender.run(&server, &token, &stop, &batches));
            let tokens = scope.spawn(|| make_tokens(&server, round, &stop));
            let mut random = [0; 1];
            entropy.fill(&mut random);
            // let at least one batch through, then a random while longer
            while batches.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(u64::from(random[0]) / 4));
            stop.store(true, Ordering::Relaxed);
            kill_now(&server);
            changes += tokens.join().unwrap();
        });
        server.kill();
    }
    let data = folder.path().join("data");
    let caught_up = (0..30).any(|_| {
        let server = Server::start(folder.path(), Some(&rules));
        std::thread::sleep(Duration::from_secs(4));
        assert!(server.stop().success(), "a graceful stop");
        consumers_stand_at_the_ends(&data)
    });
    assert!(caught_up, "pipeline and triage never reached the ends; see {}", folder.path().display());
    verify(&data, &sender.acknowledged);
    let server = Server::start(folder.path(), Some(&rules));
    let recorded = all_signed(&server);
    assert_eq!(auditor.audit(&server), recorded, "every record is signed");
    auditor.judge_with_all();
    server.kill();
    let tokens = tokens_recorded(&data);
    // the two of the set-up, and in each round at most one whose answer was cut off
    assert!(
        (changes + 2..=changes + 2 + KILLS).contains(&tokens),
        "{changes} acknowledged, {tokens} recorded"
    );
    eprintln!(
        "{KILLS} kills: {recorded} audit records signed, {changes} tokens acknowledged, {tokens} recorded"
    );
}

/// How many tokens the audit record knows of; each has its row.
fn tokens_recorded(data: &Path) -> u64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open_path(&data.join("state.db")).await.unwrap();
        let mut view = store.read().await.unwrap();
        let filter = AuditFilter { action: Some("token.issue".to_owned()), ..AuditFilter::default() };
        let (mut records, mut page) = (0, PageRequest::first(500));
        loop {
            let found = view.audit().list(&filter, &page).await.unwrap();
            records += found.items.len() as u64;
            let Some(next) = found.next else { break };
            page = PageRequest::after(500, next);
        }
        let mut rows = 0;
        page = PageRequest::first(500);
        loop {
            let found = view.tokens().list(&page).await.unwrap();
            rows += found.items.len() as u64;
            let Some(next) = found.next else { break };
            page = PageRequest::after(500, next);
        }
        assert_eq!(records, rows, "each token has its record, each record its token");
        records
    })
}

/// Whether pipeline and triage have worked off everything on their topics.
fn consumers_stand_at_the_ends(data: &Path) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = FileLog::open(&Options::new(data.join("log")), Arc::new(SeededEntropy::new(1))).unwrap();
        let store = SqliteStore::open_path(&data.join("state.db")).await.unwrap();
        let positions = store.read().await.unwrap().positions().list().await.unwrap();
        let mut all = true;
        for topic in [Topic::Raw, Topic::Finding] {
            for partition in (0..log.partitions(topic)).map(Partition) {
                let end = log.bounds(topic, partition).await.unwrap().end;
                let stands =
                    |p: &&ports::store::ConsumerPosition| p.topic == topic && p.partition == partition;
                let next = positions.iter().find(stands).map_or(0, |p| p.next.0);
                all &= next == end.0;
            }
        }
        all
    })
}

/// The signal itself, while the sender still has a request under way.
fn kill_now(server: &Server) {
    let pid = server.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
}

fn verify(data: &Path, acknowledged: &BTreeSet<u64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = FileLog::open(&Options::new(data.join("log")), Arc::new(SeededEntropy::new(1))).unwrap();
        let on_log = records_on(&log).await;
        let lost: Vec<_> = acknowledged.iter().filter(|n| !on_log.contains_key(n)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let total: u64 = on_log.values().sum();

        let store = SqliteStore::open_path(&data.join("state.db")).await.unwrap();
        let mut read = store.read().await.unwrap();
        let positions = read.positions().list().await.unwrap();
        let raw: Vec<_> = positions.iter().filter(|p| p.topic == Topic::Raw).collect();
        let sum = |f: fn(&ports::store::Counters) -> u64| raw.iter().map(|p| f(&p.counters)).sum::<u64>();
        let (accepted, stored) = (sum(|c| c.accepted), sum(|c| c.stored));
        let (dead, duplicates) = (sum(|c| c.dead_lettered), sum(|c| c.duplicates));
        assert_eq!(accepted, total, "every record on the log was counted once");
        assert_eq!(accepted, stored + dead + duplicates);
        assert_eq!(dead, 0);
        assert_eq!(stored, on_log.len() as u64, "each distinct record was stored once");

        let lake = FileLake::open(&lake::Options::new(data.join("lake"))).unwrap();
        let kept: BTreeSet<_> = events_of(&lake).into_iter().map(|(_, id)| id).collect();
        assert_eq!(kept.len() as u64, stored, "each stored event is in the lake");
        assert_eq!(lake.size().events, stored, "none is there twice");

        let marked = on_log.keys().filter(|n| n.is_multiple_of(MARKED_EVERY)).count() as u64;
        let findings = read.findings().count().await.unwrap();
        assert_eq!(findings, marked, "one finding for each marked record");
        let page = PageRequest::first(10);
        let some = read.findings().list(&FindingFilter::default(), &page).await.unwrap();
        assert!(some.items.iter().all(|f| f.rule_title == "Marked record"));
        eprintln!(
            "{KILLS} kills: {} acknowledged, {total} on the log, {stored} stored, {duplicates} duplicates, {findings} findings",
            acknowledged.len()
        );
    });
}

/// How many records stand on the raw topic of a data folder that no server has open.
pub(crate) fn records_counted(data: &Path) -> u64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = FileLog::open(&Options::new(data.join("log")), Arc::new(SeededEntropy::new(1))).unwrap();
        let mut count = 0;
        for partition in (0..log.partitions(Topic::Raw)).map(Partition) {
            count += log.bounds(Topic::Raw, partition).await.unwrap().records();
        }
        count
    })
}

/// What the pipeline counted, over all partitions of a data folder that no server has open.
pub(crate) fn counters(data: &Path) -> Counters {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open_path(&data.join("state.db")).await.unwrap();
        let positions = store.read().await.unwrap().positions().list().await.unwrap();
        let mut sum = Counters::default();
        for of in positions.iter().filter(|p| p.topic == Topic::Raw).map(|p| p.counters) {
            sum.accepted += of.accepted;
            sum.stored += of.stored;
            sum.dead_lettered += of.dead_lettered;
            sum.duplicates += of.duplicates;
        }
        sum
    })
}

/// How often each numbered record stands on the raw topic.
pub(crate) async fn records_on(log: &FileLog) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    for partition in 0..log.partitions(Topic::Raw) {
        let partition = Partition(partition);
        let mut at = log.bounds(Topic::Raw, partition).await.unwrap().start;
        loop {
            let records = log.read(Topic::Raw, partition, at, 1 << 20).await.unwrap();
            if records.is_empty() {
                break;
            }
            for (_, bytes) in records.iter() {
                let record = RawRecord::decode(bytes).unwrap();
                let body: serde_json::Value = serde_json::from_slice(record.body).unwrap();
                let id = body["eventID"].as_str().unwrap();
                *found.entry(id[..8].parse().unwrap()).or_default() += 1;
            }
            at = records.next();
        }
    }
    found
}
