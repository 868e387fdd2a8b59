//! Correlations in the product: the demo's attacks are found, and neither faults nor kills lose or double a finding.

use crate::kill::{counters, records_on};
use crate::pipeline_faults::{Faults, FaultyLog, FaultyStore, read_findings};
use crate::program::{Server, huecry};
use backends::log::{FileLog, Options, TopicOptions};
use backends::sqlite::SqliteStore;
use disk::simulated::SimDisk;
use huecry::content::builtin_rules;
use huecry::engine::{Engine, Scratch, Wanted};
use huecry::pipeline::{self, CORRELATOR, Correlation, Pipeline};
use huecry::rollout::{Generation, Live};
use model::{Entropy, Finding, Offset, Partition, Position, RawRecord, SeededEntropy, SystemClock, Topic};
use normalize::RawData;
use ports::log::RecordBatch;
use ports::store::{FindingFilter, PageRequest};
use ports::{Log, Store};
use sigma::correlation::{Advance, CorrelationSet, Correlator, Lane, MatchRecord, RecordWriter};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const DAY_MS: i64 = 86_400_000;
const END_MS: i64 = 1_767_225_600_000;

/// What correlations of the built-in rules come to over records: title, and the label of the record that completed each.
fn correlated(records: &[acme::Record]) -> Vec<(String, Option<acme::Attack>)> {
    let rules = builtin_rules();
    let rules = rules.iter().map(|file| (file.name.as_str(), file.text.as_deref().unwrap()));
    let (engine, report) = Engine::load(rules).unwrap();
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let correlations = engine.detector().correlations();
    for (hit, rule) in engine.detector().rules().filter(|(hit, _)| correlations.takes(*hit)) {
        let daily = rule.level == Some(sigma::Level::Informational);
        assert!(!daily || correlations.is_silent(hit), "{} raises findings of daily life", rule.title);
    }
    let set = Arc::clone(correlations.set());
    let mut correlator = Correlator::new(Arc::clone(&set), engine.feeds(), Default::default());
    let (mut scratch, mut entries) = (Scratch::new(RawData::Exclude), Vec::new());
    for (number, record) in (0..).zip(records) {
        let (kind, event_type) = match record.source {
            acme::Source::AwsCloudtrail => ("aws_cloudtrail", None),
            acme::Source::Okta => ("okta", None),
            acme::Source::GithubAudit => ("github", None),
            acme::Source::GithubWebhook { event } => ("github", Some(event)),
        };
        let raw = RawRecord {
            source: kind,
            kind,
            event_type,
            delivery_id: Some(&record.id),
            region: "default",
            received_at_ms: END_MS,
            body: record.body.as_bytes(),
        };
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        let all = |_: &normalize::EventSummary| Wanted::EventAndRules;
        let _ = engine.process(&raw, position, &mut scratch, all, |_| {}, |hit| hit.entries(&mut entries));
    }
    let mut firings = Vec::new();
    let now = Advance { now_ms: 0, until: None, marks: &[] };
    let mut writer = RecordWriter::default();
    for some in entries.chunks(1_000) {
        // by way of the log's records, as in the product
        some.iter().for_each(|entry| writer.push(&set, Lane::Live, entry));
        let mut bytes = Vec::new();
        writer.finish(now, &mut bytes);
        let read = MatchRecord::decode(&bytes, &set).unwrap();
        assert_eq!(read.entries.len(), some.len());
        correlator.advance(now, read.entries, &mut firings);
    }
    correlator.flush(&mut firings);
    let heard = firings.iter().filter_map(|firing| {
        let linked = set.get(firing.correlation).filter(|linked| !linked.silent)?;
        Some((linked.rule.title.clone(), records[firing.last.at.1 as usize].label))
    });
    heard.collect()
}

#[test]
fn the_attacks_of_the_demo_are_found_and_honest_work_is_not() {
    use acme::{Acme, Attack};
    let records: Vec<_> = Acme::new(1, END_MS, 90, 1.0).collect();
    let begins = |attack: Attack| {
        let days: BTreeSet<_> =
            records.iter().filter(|r| r.label == Some(attack)).map(|r| r.time_ms / DAY_MS).collect();
        days.len()
    };
    let found = correlated(&records);
    let count =
        |title: &str, attack| found.iter().filter(|f| **f == (title.to_owned(), Some(attack))).count();
    for (title, attack) in [
        ("Sign-ins as many different Okta users failed from one address", Attack::CredentialStuffing),
        ("A sign-in to Okta worked from an address that had tried many users", Attack::CredentialStuffing),
        ("An Okta user denied several push requests", Attack::CredentialStuffing),
        ("Many AWS calls of one identity were denied", Attack::LeakedKey),
    ] {
        assert!(begins(attack) > 0, "the demo plays {attack:?}");
        assert!(count(title, attack) >= begins(attack), "{title}: {found:?}");
    }
    let honest: Vec<_> = found.iter().filter(|(_, label)| label.is_none()).collect();
    assert!(honest.len() <= 3, "{honest:?}");
}

#[test]
fn files_are_correlated_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, trail) = (folder.path().join("marked.yml"), folder.path().join("trail.json"));
    std::fs::write(&rules, RULES).unwrap();
    let records = |count: u64| (0..count).map(|n| record(n * USERS, 0, "StopLogging")).collect::<Vec<_>>();
    for (count, matches) in [(9, 0), (10, 1), (40, 1)] {
        // files come in any order
        let mut lines = records(count);
        lines.reverse();
        std::fs::write(&trail, lines.join("\n")).unwrap();
        let mut command = huecry();
        command.args(["rules", "match", "--json", "--source", "aws_cloudtrail", "--rules"]);
        let output = command.arg(&rules).arg(&trail).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let titles: Vec<_> = text.lines().filter(|line| line.contains("Many marked records")).collect();
        assert_eq!((titles.len(), text.lines().count()), (matches, matches), "{count}: {text}");
    }
}

const ROUNDS_MAX: u64 = 400;
const RECORDS: u64 = 1_200;

/// Puts records of two sources on the log, each in a partition of its own, the second ten minutes behind.
async fn fill(log: &dyn Log, records: impl Iterator<Item = (u64, i64, &'static str)> + Clone) {
    for source in 0..2 {
        let mut batch = RecordBatch::new();
        for (number, later_s, name) in records.clone().filter(|(number, ..)| number % 2 == source) {
            let body = record(number, later_s, name);
            let raw = RawRecord {
                source: if source == 0 { "trail" } else { "other-trail" },
                kind: "aws_cloudtrail",
                event_type: None,
                delivery_id: None,
                region: "default",
                received_at_ms: (BEGIN_S + number as i64 + later_s + 600 * source as i64) * 1_000,
                body: body.as_bytes(),
            };
            batch.push_with(|out| raw.encode(out)).unwrap();
        }
        log.append(Topic::Raw, Partition(source as u32), batch, 1).await.unwrap();
    }
}

/// Whether every partition of matches has heard of both sources.
async fn both_are_heard_of(log: &dyn Log) -> bool {
    let set = CorrelationSet::default();
    for partition in [0, 1].map(Partition) {
        let records = log.read(Topic::Match, partition, Offset(0), 1 << 20).await.unwrap();
        let read = records.iter().map(|(_, bytes)| MatchRecord::decode(bytes, &set).unwrap());
        let sources: BTreeSet<_> = read.flat_map(|record| record.marks).map(|mark| mark.source).collect();
        if sources.len() < 2 {
            return false;
        }
    }
    true
}

/// Time comes from events alone, and a snapshot is taken at each turn.
fn by_events_alone(snapshots: &SimDisk) -> Correlation {
    Correlation {
        dir: Some("/states".into()),
        disk: Arc::new(snapshots.clone()),
        options: sigma::correlation::Options {
            lateness_ms: [30_000, 30_000],
            idle_ms: 100_000_000,
            warmup_ms: 0,
            state_bytes_max: 64 << 20,
        },
        snapshot_ms_min: 0,
        ..Correlation::default()
    }
}

/// Log and store fail at any call, also after doing what was asked; the pipeline is stopped again and again, and the disk
/// under the snapshots loses its power each time.
#[tokio::test(flavor = "multi_thread")]
async fn neither_faults_nor_power_cuts_change_what_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().join("log"));
    for topic in [Topic::Raw, Topic::Match] {
        options.topics.insert(topic, TopicOptions { partitions: 2, ..TopicOptions::default() });
    }
    let log: Arc<dyn Log> = Arc::new(FileLog::open(&options, Arc::new(SeededEntropy::new(1))).unwrap());
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open_path(&folder.path().join("state.db")).await.unwrap());
    // long before: nothing but that there are two
    fill(&*log, (RECORDS..RECORDS + 2).map(|number| (number, -100_000, "DescribeInstances"))).await;
    let (engine, report) = Engine::load([("marked.yml", RULES)]).unwrap();
    assert_eq!((report.loaded, report.refused.len()), (2, 0));
    let live = Arc::new(Live::new(Generation::all_active(Arc::new(engine))));
    let (faults, snapshots) = (Arc::new(Faults::new(7)), SimDisk::new(3));
    let expected = expected(0..RECORDS);
    assert!(expected.len() > 10, "{expected:?}");
    let (mut quiet_rounds, mut restored, mut filled) = (0, 0, false);
    for round in 0..ROUNDS_MAX {
        let running = pipeline::Options {
            live: Arc::clone(&live),
            log: Arc::new(FaultyLog(Arc::clone(&log), Arc::clone(&faults))),
            store: Arc::new(FaultyStore(Arc::clone(&store), Arc::clone(&faults))),
            clock: Arc::new(SystemClock),
            lake: None,
            retry_pause: Duration::from_millis(1),
            correlation: by_events_alone(&snapshots),
            telemetry: pipeline::Telemetry::default(),
        };
        restored += u64::from(!snapshots.paths().is_empty());
        let shutdown = CancellationToken::new();
        let workers = Pipeline::start(&running, &shutdown).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5 + round % 40)).await;
        shutdown.cancel();
        tokio::task::spawn_blocking(move || workers.join()).await.unwrap();
        snapshots.power_cut();
        let found: BTreeSet<_> = read_findings(&*log).await.iter().map(found_by).collect();
        assert!(found.is_subset(&expected), "{:?}", found.difference(&expected).collect::<Vec<_>>());
        if !filled && both_are_heard_of(&*log).await {
            filled = true;
            fill(&*log, (0..RECORDS).map(|number| (number, 0, "StopLogging"))).await;
            // and records that time passes with
            let end = RECORDS + 2..RECORDS + 4;
            fill(&*log, end.map(|number| (number, 7_200, "DescribeInstances"))).await;
        }
        quiet_rounds += u64::from(found == expected);
        if quiet_rounds > 5 {
            break;
        }
    }
    let findings = read_findings(&*log).await;
    assert_eq!(findings.iter().map(found_by).collect::<BTreeSet<_>>(), expected);
    let ids: BTreeSet<_> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids.len(), expected.len(), "found again, a finding has the same id");
    assert!(
        findings
            .iter()
            .all(|f| f.rule_title == "Many marked records" && f.entities[0].value.starts_with('u'))
    );
    let mut view = store.read().await.unwrap();
    let days = view.rules().days("0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f12", 1_000).await.unwrap();
    let counted: (u64, u64) =
        (days.iter().map(|day| day.matches).sum(), days.iter().map(|day| day.findings).sum());
    assert_eq!(counted, (expected.len() as u64, expected.len() as u64), "each is counted once");
    assert!(restored > 5 && faults.met.load(Ordering::Relaxed) > 20, "too little happened to prove anything");
}

/// Whom a finding is about, and when it was complete.
fn found_by(finding: &Finding) -> (String, i64) {
    let group = finding.matched.iter().find(|row| row.selection == "group-by").unwrap();
    (group.value.clone(), finding.time_ms)
}

const KILLS: u64 = 20;
const BATCH: u64 = 20;
const USERS: u64 = 7;
/// Of a user, so many within so many seconds.
const WANTED: usize = 10;
const SPAN_S: i64 = 300;
/// 2026-03-01T10:00:00Z.
const BEGIN_S: i64 = 1_772_359_200;

const RULES: &str = r"
title: Marked record
id: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11
name: marked
status: test
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
level: high
---
title: Many marked records
id: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f12
status: test
correlation: {type: event_count, rules: [marked], group-by: [userIdentity.userName], timespan: 300s, condition: {gte: 10}}
level: high
";

/// A second, a number: the same record each time it is asked for.
fn record(number: u64, later_s: i64, name: &str) -> String {
    let time = jiff::Timestamp::from_second(BEGIN_S + number as i64 + later_s).unwrap();
    format!(
        r#"{{"eventVersion":"1.08","eventID":"{number:08}-0000-4000-8000-000000000000","eventName":"{name}","eventSource":"cloudtrail.amazonaws.com","eventTime":"{time}","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userIdentity":{{"type":"IAMUser","userName":"u{user}","accountId":"111122223333"}},"recipientAccountId":"111122223333"}}"#,
        user = number % USERS
    )
}

/// Sends batches in order until told to stop; one without an answer is sent again first.
fn send(
    server: &Server,
    token: &str,
    (next, unanswered): &mut (u64, Option<u64>),
    stop: &AtomicBool,
    sent: &AtomicU64,
) {
    while !stop.load(Ordering::Relaxed) {
        let first = unanswered.take().unwrap_or(*next);
        *next = (*next).max(first + BATCH);
        let body: Vec<String> = (first..first + BATCH).map(|n| record(n, 0, "StopLogging")).collect();
        match server.post("/api/v1/ingest/trail", token, body.join("\n").as_bytes()) {
            Ok((200..300, _)) => _ = sent.fetch_add(1, Ordering::Relaxed),
            _ => *unanswered = Some(first),
        }
    }
}

#[test]
fn kills_neither_lose_nor_double_what_a_correlation_finds() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("marked.yml"), RULES).unwrap();
    // time comes from the events alone; snapshots are taken all the time, so that kills meet each of their steps
    let config = format!(
        "[rules]\nbuiltin = false\ndirs = [{:?}]\n[correlation]\nidle_s = 100000\npast_after_s = 1000000000\nlateness_s = 30\nwarmup_s = 0\nsnapshot_interval_s = 0\n",
        rules.display().to_string()
    );
    let entropy = SeededEntropy::new(23);
    let (mut state, mut token) = ((0, None), String::new());
    for _ in 0..KILLS {
        let server = Server::start_with(folder.path(), &config);
        if token.is_empty() {
            token = server.add_source("trail", "aws_cloudtrail");
        }
        let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| send(&server, &token, &mut state, &stop, &sent));
            let mut random = [0; 1];
            entropy.fill(&mut random);
            while sent.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(u64::from(random[0]) * 2));
            stop.store(true, Ordering::Relaxed);
            let pid = server.pid().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        });
        server.kill();
    }
    let server = Server::start_with(folder.path(), &config);
    let (next, unanswered) = state;
    if let Some(first) = unanswered {
        let body: Vec<String> = (first..first + BATCH).map(|n| record(n, 0, "StopLogging")).collect();
        assert!(server.post("/api/v1/ingest/trail", &token, body.join("\n").as_bytes()).unwrap().0 < 300);
    }
    // a day later: time has passed everything before
    let last = record(next, DAY_MS / 1_000, "DescribeInstances");
    assert!(server.post("/api/v1/ingest/trail", &token, last.as_bytes()).unwrap().0 < 300);
    assert!(server.stop().success());
    let data = folder.path().join("data");
    let caught_up = (0..30).any(|_| {
        let server = Server::start_with(folder.path(), &config);
        std::thread::sleep(Duration::from_secs(2));
        assert!(server.stop().success(), "a graceful stop");
        correlations_stand_at_the_end(&data)
    });
    assert!(caught_up, "correlations never reached the end; see {}", folder.path().display());
    verify(&data, next);
}

/// Whether everything sent was matched, correlated and triaged.
fn correlations_stand_at_the_end(data: &Path) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = FileLog::open(&Options::new(data.join("log")), Arc::new(SeededEntropy::new(1))).unwrap();
        let mut all = true;
        for partition in (0..log.partitions(Topic::Match)).map(Partition) {
            let end = log.bounds(Topic::Match, partition).await.unwrap().end;
            all &= log.committed(CORRELATOR, Topic::Match, partition).await.unwrap() == Some(end);
        }
        let store = SqliteStore::open_path(&data.join("state.db")).await.unwrap();
        let positions = store.read().await.unwrap().positions().list().await.unwrap();
        for topic in [Topic::Raw, Topic::Finding] {
            for partition in (0..log.partitions(topic)).map(Partition) {
                let end = log.bounds(topic, partition).await.unwrap().end;
                let stands =
                    |p: &&ports::store::ConsumerPosition| p.topic == topic && p.partition == partition;
                all &= positions.iter().find(stands).map_or(0, |p| p.next.0) == end.0;
            }
        }
        all
    })
}

/// By the definition: when each user's records were enough, and no finding within the timespan before.
fn expected(numbers: impl Iterator<Item = u64>) -> BTreeSet<(String, i64)> {
    let mut times: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for number in numbers {
        times.entry(number % USERS).or_default().push(BEGIN_S + number as i64);
    }
    let mut found = BTreeSet::new();
    for (user, times) in times {
        let mut fired = i64::MIN;
        for (at, time) in times.iter().enumerate() {
            let within = times[..=at].iter().filter(|other| **other >= time - SPAN_S).count();
            if within >= WANTED && time.saturating_sub(fired) > SPAN_S {
                fired = *time;
                found.insert((format!("u{user}"), time * 1_000));
            }
        }
    }
    found
}

fn verify(data: &Path, next: u64) {
    let counted = counters(data);
    assert_eq!(counted.accepted, counted.stored + counted.dead_lettered + counted.duplicates);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = FileLog::open(&Options::new(data.join("log")), Arc::new(SeededEntropy::new(1))).unwrap();
        let on_log = records_on(&log).await;
        let expected = expected(on_log.keys().copied().filter(|number| *number < next));
        assert!(expected.len() > 3, "too little was sent to prove anything: {next}");
        let store = SqliteStore::open_path(&data.join("state.db")).await.unwrap();
        let mut read = store.read().await.unwrap();
        let (mut findings, mut page): (Vec<Finding>, _) = (Vec::new(), PageRequest::first(100));
        loop {
            let found = read.findings().list(&FindingFilter::default(), &page).await.unwrap();
            findings.extend(found.items);
            let Some(after) = found.next else { break };
            page = PageRequest::after(100, after);
        }
        assert!(findings.iter().all(|f| f.rule_title == "Many marked records"), "the rule itself is silent");
        let found: BTreeSet<_> = findings.iter().map(found_by).collect();
        assert_eq!(found.len(), findings.len(), "none is there twice");
        assert_eq!(found, expected);
        eprintln!("{KILLS} kills: {} records, {} findings", on_log.len(), findings.len());
    });
}
