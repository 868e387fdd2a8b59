//! Rules that are loaded again, staged and held to their budgets while events run.

use backends::log::{FileLog, Options as LogOptions, TopicOptions};
use backends::sqlite::SqliteStore;
use enrich::Enricher;
use huecry::config::{NewRuleStageConfig, RulesConfig};
use huecry::pipeline::{self, Pipeline};
use huecry::rollout::{self, LoadedBy, Rollout};
use model::{
    Clock, Finding, ManualClock, Offset, Partition, RawRecord, SeededEntropy, Severity, Stage, SystemClock,
    Topic,
};
use ports::log::RecordBatch;
use ports::store::AuditFilter;
use ports::{Log, Store};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PARTITIONS: u32 = 2;

struct World {
    folder: tempfile::TempDir,
    log: Arc<dyn Log>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl World {
    async fn new(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = LogOptions::new(folder.path().join("log"));
        options.topics.insert(Topic::Raw, TopicOptions { partitions: PARTITIONS, ..TopicOptions::default() });
        let log: Arc<dyn Log> = Arc::new(FileLog::open(&options, Arc::new(SeededEntropy::new(1))).unwrap());
        let store = SqliteStore::open_path(&folder.path().join("state.db")).await.unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        Self { folder, log, store: Arc::new(store), clock }
    }

    fn rules(&self) -> std::path::PathBuf {
        self.folder.path().join("rules")
    }

    async fn rollout(&self, config: RulesConfig) -> Arc<Rollout> {
        let config = RulesConfig { builtin: false, dirs: vec![self.rules()], ..config };
        let options = rollout::Options {
            config,
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            entropy: Arc::new(SeededEntropy::new(2)),
            enricher: Arc::new(Enricher::default()),
            telemetry: rollout::Telemetry::default(),
        };
        Rollout::start(options).await.unwrap()
    }

    async fn pipeline(&self, rollout: &Rollout, shutdown: &CancellationToken) -> Pipeline {
        let options = pipeline::Options {
            live: Arc::clone(rollout.live()),
            log: Arc::clone(&self.log),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            lake: None,
            retry_pause: Duration::from_millis(1),
            correlation: pipeline::Correlation {
                // what came is judged as soon as nothing more comes for a moment
                options: sigma::correlation::Options {
                    lateness_ms: [0, 0],
                    idle_ms: 200,
                    warmup_ms: 0,
                    ..Default::default()
                },
                ..pipeline::Correlation::default()
            },
            telemetry: pipeline::Telemetry::default(),
        };
        Pipeline::start(&options, shutdown).await.unwrap()
    }

    async fn append(&self, numbers: std::ops::Range<u64>, partition: u32) {
        let mut batch = RecordBatch::new();
        numbers.for_each(|number| push(&mut batch, number));
        self.log.append(Topic::Raw, Partition(partition), batch, 1).await.unwrap();
    }

    /// Waits until the workers have gone through `records` of each partition.
    async fn worked_off(&self, records: &[u64]) {
        let wait = async {
            for (partition, records) in (0..).zip(records) {
                loop {
                    let mut view = self.store.read().await.unwrap();
                    let at = view
                        .positions()
                        .get(pipeline::CONSUMER, Topic::Raw, Partition(partition))
                        .await
                        .unwrap();
                    if at.is_some_and(|at| at.next >= Offset(*records)) || *records == 0 {
                        break;
                    }
                    drop(view);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(120), wait).await.expect("it never came to the end");
    }

    async fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for partition in 0..self.log.partitions(Topic::Finding) {
            let mut at = Offset(0);
            loop {
                let read = self.log.read(Topic::Finding, Partition(partition), at, 4 << 20).await.unwrap();
                if read.is_empty() {
                    break;
                }
                found.extend(read.iter().map(|(_, bytes)| serde_json::from_slice::<Finding>(bytes).unwrap()));
                at = read.next();
            }
        }
        found
    }

    async fn audit(&self, action: &str) -> Vec<model::AuditRecord> {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let page = ports::store::PageRequest::first(500);
        self.store.read().await.unwrap().audit().list(&filter, &page).await.unwrap().items
    }
}

/// Record `number`, that many seconds after the first.
fn push_timed(batch: &mut RecordBatch, number: u64) {
    let at = jiff::Timestamp::from_second(1_772_359_200 + number as i64).unwrap();
    let body = format!(
        r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"{at}","awsRegion":"eu-west-1","userIdentity":{{"type":"IAMUser","userName":"ana"}}}}"#
    );
    let record = RawRecord {
        source: "trail",
        kind: "aws_cloudtrail",
        event_type: None,
        delivery_id: None,
        region: "default",
        received_at_ms: at.as_millisecond(),
        body: body.as_bytes(),
    };
    batch.push_with(|out| record.encode(out)).unwrap();
}

fn push(batch: &mut RecordBatch, number: u64) {
    let body = format!(
        r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","userIdentity":{{"type":"IAMUser","userName":"ana"}}}}"#
    );
    let record = RawRecord {
        source: "trail",
        kind: "aws_cloudtrail",
        event_type: None,
        delivery_id: None,
        region: "default",
        received_at_ms: 1,
        body: body.as_bytes(),
    };
    batch.push_with(|out| record.encode(out)).unwrap();
}

const TEST: &str = "tests: [{name: t, event: {eventName: StopLogging}, matches: true}, \
    {name: u, event: {eventName: Nothing}, matches: false}]\n";

fn rule(id: &str, title: &str, value: &str, rest: &str) -> String {
    format!(
        "title: {title}\nid: {id}\nlevel: high\nlogsource: {{product: aws, service: cloudtrail}}\n\
         detection: {{s: {{eventName: [StopLogging, {value}]}}, condition: s}}\n{rest}"
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// Ids of the marker rules.
const MARKERS: [&str; 3] = ["marker-a", "marker-b", "marker-c"];
const RELOADS: u64 = 1_000;
/// Records of one batch that is fed.
const FED_AT_ONCE: u64 = 20;

/// One generation: each marker rule in a file of its own, all with the generation in title and detection.
fn write_generation(folder: &Path, generation: u64) {
    for id in MARKERS {
        let text = rule(id, &format!("generation {generation}"), &format!("G{generation}"), "");
        write(folder, &format!("{id}.yml"), &text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_reloads_lose_double_and_mix_nothing() {
    let world = Arc::new(World::new(Arc::new(SystemClock)).await);
    write_generation(&world.rules(), 0);
    let rollout = world.rollout(RulesConfig::default()).await;
    let shutdown = CancellationToken::new();
    let running = world.pipeline(&rollout, &shutdown).await;

    let done = Arc::new(AtomicBool::new(false));
    let feeding = tokio::spawn({
        let (world, done) = (Arc::clone(&world), Arc::clone(&done));
        async move {
            let (mut fed, mut of_partition) = (0, vec![0; PARTITIONS as usize]);
            while !done.load(Ordering::Relaxed) {
                let partition = (fed / FED_AT_ONCE) as u32 % PARTITIONS;
                world.append(fed..fed + FED_AT_ONCE, partition).await;
                fed += FED_AT_ONCE;
                of_partition[partition as usize] += FED_AT_ONCE;
                // as fast as they are worked off, so that batches stay many
                world
                    .worked_off(&of_partition.iter().map(|n: &u64| n.saturating_sub(400)).collect::<Vec<_>>())
                    .await;
            }
            (fed, of_partition)
        }
    });
    for generation in 1..=RELOADS {
        write_generation(&world.rules(), generation);
        let outcome = rollout.reload(&LoadedBy::system()).await.unwrap();
        assert_eq!((outcome.altered.len(), outcome.added.len(), outcome.removed.len()), (3, 0, 0));
    }
    done.store(true, Ordering::Relaxed);
    let (fed, of_partition) = feeding.await.unwrap();
    world.worked_off(&of_partition).await;
    shutdown.cancel();
    tokio::task::spawn_blocking(move || running.join()).await.unwrap();

    let mut by_event: BTreeMap<_, Vec<Finding>> = BTreeMap::new();
    for finding in world.findings().await {
        by_event.entry(finding.event_id.0).or_default().push(finding);
    }
    assert_eq!(by_event.len() as u64, fed, "no event is lost");
    let mut generations = BTreeSet::new();
    for findings in by_event.values() {
        let rules: BTreeSet<_> = findings.iter().map(|finding| finding.rule_id.as_str()).collect();
        assert_eq!((rules.len(), findings.len()), (MARKERS.len(), MARKERS.len()), "each rule once");
        let of: BTreeSet<_> = findings.iter().map(|f| (f.rule_title.clone(), f.rule_set.clone())).collect();
        assert_eq!(of.len(), 1, "one generation matched the event: {of:?}");
        generations.extend(of);
    }
    assert!(
        generations.len() > 20,
        "{} generations saw events: too few to prove anything",
        generations.len()
    );
    let mut view = world.store.read().await.unwrap();
    for row in view.rules().list().await.unwrap() {
        assert_eq!(row.matches, fed, "{} was counted once for each event", row.rule_id);
    }
    drop(view);
    let last = world.audit("rules.load").await.remove(0);
    assert_eq!(last.after["changed_count"], 3);
    assert_eq!(last.after["rule_set"], rollout.live().current().word);
    eprintln!("{fed} events, {} of {RELOADS} generations saw some", generations.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_broken_files_are_named_and_the_rest_is_in_force() {
    let world = World::new(Arc::new(SystemClock)).await;
    write(&world.rules(), "good.yml", &rule("good", "Good", "X", TEST));
    let rollout = world.rollout(RulesConfig::default()).await;
    (0..50).for_each(|n| write(&world.rules(), &format!("bad-{n}.yml"), &rule("x", "Bad", "{", "")));
    write(&world.rules(), "more.yml", &rule("more", "More", "X", TEST));
    let outcome = rollout.reload(&LoadedBy::system()).await.unwrap();
    assert_eq!((outcome.added, outcome.removed.len()), (vec!["more".to_owned()], 0));
    let generation = rollout.live().current();
    assert_eq!(generation.rules().len(), 2);
    let named: BTreeSet<_> = generation.report.refused.iter().map(|error| error.file.to_string()).collect();
    assert_eq!(named.len(), 50);
    assert!(!rollout.reload(&LoadedBy::system()).await.unwrap().changed, "the same files change nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_decide_how_far_findings_go() {
    let world = World::new(Arc::new(ManualClock::at(1_772_400_000_000))).await;
    write(&world.rules(), "active.yml", &rule("active", "Active", "X", TEST));
    let rollout = world.rollout(RulesConfig::default()).await;
    write(&world.rules(), "untested.yml", &rule("untested", "Untested", "X", ""));
    let fails = TEST.replace("StopLogging", "Other");
    write(&world.rules(), "failing.yml", &rule("failing", "Failing", "X", &fails));
    write(&world.rules(), "canary.yml", &rule("canary", "Canary", "X", TEST));
    rollout.reload(&LoadedBy::system()).await.unwrap();
    let stages = |rollout: &Rollout| -> BTreeMap<String, Stage> {
        rollout.live().current().rules().iter().map(|rule| (rule.rule_id.clone(), rule.stage)).collect()
    };
    rollout.stage("CANARY", Stage::Canary, "on trial", &LoadedBy::system()).await.unwrap();
    let refused = rollout.stage("failing", Stage::Active, "now", &LoadedBy::system()).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("1 of the 2 tests")));
    let unknown = rollout.stage("nobody", Stage::Active, "now", &LoadedBy::system()).await;
    assert!(unknown.is_err_and(|error| error.to_string().contains("nobody")));
    let expected = [
        ("active", Stage::Active),
        ("canary", Stage::Canary),
        ("failing", Stage::Shadow),
        ("untested", Stage::Shadow),
    ];
    assert_eq!(stages(&rollout), BTreeMap::from(expected.map(|(id, stage)| (id.to_owned(), stage))));

    let shutdown = CancellationToken::new();
    let running = world.pipeline(&rollout, &shutdown).await;
    world.append(0..10, 0).await;
    world.worked_off(&[10, 0]).await;
    shutdown.cancel();
    tokio::task::spawn_blocking(move || running.join()).await.unwrap();
    let of = |rule: &str, findings: &[Finding]| -> Vec<(Severity, Stage)> {
        findings.iter().filter(|f| f.rule_id == rule).map(|f| (f.severity, f.stage)).collect()
    };
    let findings = world.findings().await;
    assert_eq!(of("active", &findings), vec![(Severity::High, Stage::Active); 10]);
    assert_eq!(of("canary", &findings), vec![(Severity::Low, Stage::Canary); 10]);
    assert_eq!(findings.len(), 20, "what is in shadow raises nothing");
    let mut view = world.store.read().await.unwrap();
    let untested = view.rules().get("untested").await.unwrap().unwrap();
    assert_eq!((untested.matches, untested.last_matched_at_ms), (10, Some(1_772_400_000_000)));
    assert_eq!(view.rules().samples("untested").await.unwrap().len(), 5);
    assert_eq!(view.rules().days("untested", 9).await.unwrap()[0].findings, 0);
    drop(view);
    let staged = world.audit("rule.stage").await;
    assert_eq!(staged.len(), 1, "what was refused is no change");
    assert_eq!((staged[0].object.as_str(), &staged[0].after["stage"]), ("rule:canary", &json!("canary")));
    // another process finds what was decided
    drop(rollout);
    let again = world.rollout(RulesConfig::default()).await;
    assert_eq!(stages(&again)["canary"], Stage::Canary);
    assert_eq!(world.audit("rules.load").await.len(), 2, "the same rules at a start are no change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_over_its_budget_goes_back_to_shadow() {
    let world = World::new(Arc::new(SystemClock)).await;
    write(&world.rules(), "loud.yml", &rule("loud", "Loud", "X", TEST));
    write(&world.rules(), "own.yml", &rule("own", "Own", "X", &format!("alert_budget: 1000\n{TEST}")));
    let config = RulesConfig {
        alert_budget_per_day: Some(30),
        new_rule_stage: NewRuleStageConfig::Canary,
        ..RulesConfig::default()
    };
    let rollout = world.rollout(config).await;
    let shutdown = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&rollout).run(shutdown.clone()));
    let running = world.pipeline(&rollout, &shutdown).await;
    world.append(0..30, 0).await;
    world.worked_off(&[30, 0]).await;
    assert_eq!(rollout.enforce_budgets().await.unwrap(), 0, "thirty are within the budget");
    world.append(30..31, 0).await;
    let stage = |id: &str| rollout.live().current().rule_by_id(id).unwrap().stage;
    let demoted = async {
        while stage("loud") != Stage::Shadow {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), demoted).await.expect("it was never sent back");
    assert_eq!(stage("own"), Stage::Active, "its own budget counts");
    world.append(31..40, 0).await;
    world.worked_off(&[40, 0]).await;
    let of = |findings: &[Finding], rule: &str| findings.iter().filter(|f| f.rule_id == rule).count();
    let findings = world.findings().await;
    assert_eq!((of(&findings, "loud"), of(&findings, "own")), (31, 40));
    let audit = world.audit("rule.stage").await.remove(0);
    assert_eq!(audit.principal.name(), "rules");
    assert_eq!((&audit.after["findings"], &audit.after["alert_budget"]), (&json!(31), &json!(30)));
    assert!(audit.reason.is_some_and(|why| why.contains("31 findings on 1970-01-01")));

    // a person's word begins a new count
    rollout.stage("loud", Stage::Active, "mended", &LoadedBy::system()).await.unwrap();
    assert_eq!(rollout.enforce_budgets().await.unwrap(), 0);
    shutdown.cancel();
    tokio::task::spawn_blocking(move || running.join()).await.unwrap();
    watching.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_are_loaded_by_themselves() {
    let world = World::new(Arc::new(SystemClock)).await;
    write(&world.rules(), "a.yml", &rule("a", "A", "X", TEST));
    let rollout = world.rollout(RulesConfig { reload_interval_s: 1, ..RulesConfig::default() }).await;
    let shutdown = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&rollout).run(shutdown.clone()));
    write(&world.rules(), "b.yml", &rule("b", "B", "X", TEST));
    let seen = async {
        while rollout.live().current().rules().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("the file was never loaded");
    shutdown.cancel();
    watching.await.unwrap().unwrap();
    let record = world.audit("rules.load").await.remove(0);
    assert_eq!(record.after["added"][0]["rule"], "b");
    assert!(record.before["rule_set"].is_string());
}

/// A correlation that fires for each event that its rule matches.
fn each(id: &str, base: &str, rest: &str) -> String {
    format!(
        "title: {id}\nid: {id}\nlevel: high\ncorrelation: {{type: event_count, rules: [{base}], group-by: [eventID], timespan: 5m, condition: {{gte: 1}}}}\n{rest}"
    )
}

const SERIES: &str = "tests: [{name: t, matches: true, events: [{event: {eventName: StopLogging, eventID: '1'}}]}, \
     {name: u, matches: false, events: [{event: {eventName: Nothing, eventID: '1'}}]}]\n";

impl World {
    async fn append_timed(&self, numbers: std::ops::Range<u64>) {
        let mut batch = RecordBatch::new();
        numbers.for_each(|number| push_timed(&mut batch, number));
        self.log.append(Topic::Raw, Partition(0), batch, 1).await.unwrap();
    }

    /// Matches and findings of a rule over all days.
    async fn counted(&self, rule: &str) -> (u64, u64) {
        let days = self.store.read().await.unwrap().rules().days(rule, 1_000).await.unwrap();
        (days.iter().map(|day| day.matches).sum(), days.iter().map(|day| day.findings).sum())
    }

    /// Waits until a rule was counted so often.
    async fn counted_up_to(&self, rule: &str, matches: u64) {
        let wait = async {
            while self.counted(rule).await.0 < matches {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it was never counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn correlations_have_stage_counts_and_budget() {
    let world = World::new(Arc::new(ManualClock::at(1_772_400_000_000))).await;
    write(&world.rules(), "base.yml", &rule("base", "Base", "X", TEST));
    write(&world.rules(), "each.yml", &each("each", "base", &format!("alert_budget: 12\n{SERIES}")));
    let failing = TEST.replace("StopLogging", "Other");
    write(&world.rules(), "failing.yml", &rule("failing", "Failing", "X", &failing));
    write(&world.rules(), "over.yml", &each("over-failing", "failing", ""));
    let rollout = world.rollout(RulesConfig::default()).await;
    let stage_of = |id: &str| rollout.live().current().rule_by_id(id).unwrap().stage;
    assert_eq!(stage_of("each"), Stage::Active);
    let held = rollout.live().current();
    let over = held.rule_by_id("over-failing").unwrap();
    assert_eq!((over.decided, over.stage), (Stage::Active, Stage::Shadow), "its rule's own tests fail");
    assert_eq!(held.held_by(over).map(|rule| rule.rule_id.as_str()), Some("failing"));

    let by = LoadedBy::system();
    rollout.stage("each", Stage::Shadow, "on trial", &by).await.unwrap();
    let shutdown = CancellationToken::new();
    let running = world.pipeline(&rollout, &shutdown).await;
    world.append_timed(0..10).await;
    world.counted_up_to("each", 10).await;
    assert_eq!(world.counted("each").await, (10, 0), "one in shadow is counted and raises nothing");
    let of = |findings: &[Finding], rule: &str| findings.iter().filter(|f| f.rule_id == rule).count();
    let findings = world.findings().await;
    assert_eq!((of(&findings, "each"), of(&findings, "base")), (0, 10), "its rule speaks for itself");
    assert!(!world.store.read().await.unwrap().rules().samples("each").await.unwrap().is_empty());

    rollout.stage("each", Stage::Canary, "trusted", &by).await.unwrap();
    world.append_timed(10..22).await;
    world.counted_up_to("each", 22).await;
    assert_eq!(world.counted("each").await, (22, 12));
    let findings = world.findings().await;
    let mine: Vec<_> =
        findings.iter().filter(|f| f.rule_id == "each").map(|f| (f.severity, f.stage)).collect();
    assert_eq!(mine, vec![(Severity::Low, Stage::Canary); 12]);
    assert_eq!(of(&findings, "base"), 10, "the correlation takes its place");
    assert_eq!(rollout.enforce_budgets().await.unwrap(), 0, "twelve are within the budget");
    world.append_timed(22..23).await;
    world.counted_up_to("each", 23).await;
    assert_eq!((rollout.enforce_budgets().await.unwrap(), stage_of("each")), (1, Stage::Shadow));
    let audit = world.audit("rule.stage").await.remove(0);
    assert_eq!((audit.object.as_str(), &audit.after["findings"]), ("rule:each", &json!(13)));

    shutdown.cancel();
    tokio::task::spawn_blocking(move || running.join()).await.unwrap();
    assert_eq!(world.counted("failing").await.0, 23, "a rule whose tests fail is counted");
    assert_eq!(world.counted("over-failing").await, (0, 0), "and feeds nothing");
    // what was counted is not counted again by another process, which judges from the topic's start
    let shutdown = CancellationToken::new();
    let running = world.pipeline(&rollout, &shutdown).await;
    world.append_timed(23..25).await;
    world.counted_up_to("each", 25).await;
    assert_eq!(world.counted("each").await.0, 25);
    shutdown.cancel();
    tokio::task::spawn_blocking(move || running.join()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_comes_into_force_though_nobody_waits_for_it() {
    let world = World::new(Arc::new(SystemClock)).await;
    write(&world.rules(), "a.yml", &rule("a", "A", "X", TEST));
    let rollout = world.rollout(RulesConfig::default()).await;
    let mut deciding = Box::pin({
        let rollout = Arc::clone(&rollout);
        async move { rollout.stage("a", Stage::Canary, "on trial", &LoadedBy::system()).await }
    });
    // begun, and given up, as a request whose sender hangs up
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(deciding.as_mut().poll(context))).await;
    assert!(begun.is_pending(), "it was done at once: nothing is proven");
    drop(deciding);
    let in_force = async {
        while rollout.live().current().rule_by_id("a").unwrap().stage != Stage::Canary {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), in_force).await.expect("it never came into force");
    let row = world.store.read().await.unwrap().rules().get("a").await.unwrap().unwrap();
    assert_eq!((row.stage, row.reason.as_str()), (Stage::Canary, "on trial"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_nothing_ran_is_in_the_audit_log() {
    let world = World::new(Arc::new(SystemClock)).await;
    write(&world.rules(), "a.yml", &rule("a", "A", "X", TEST));
    let first = world.rollout(RulesConfig::default()).await.live().current().word.clone();
    assert_eq!(world.audit("rules.load").await.len(), 1);
    world.rollout(RulesConfig::default()).await;
    assert_eq!(world.audit("rules.load").await.len(), 1, "the same texts are no change");
    // a filter changes no rule's hash in the store, and what is found
    let filter = "title: F\nlogsource: {product: aws}\nfilter: {rules: any, known: {userName: ci}, condition: not known}\n";
    write(&world.rules(), "f.yml", filter);
    let title = rule("a", "Other title", "X", TEST);
    write(&world.rules(), "a.yml", &title);
    let second = world.rollout(RulesConfig::default()).await.live().current().word.clone();
    let records = world.audit("rules.load").await;
    assert_eq!(records.len(), 2);
    assert_eq!(
        (&records[0].before["rule_set"], &records[0].after["rule_set"]),
        (&json!(first), &json!(second))
    );
    std::fs::remove_file(world.rules().join("f.yml")).unwrap();
    world.rollout(RulesConfig::default()).await;
    assert_eq!(world.audit("rules.load").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_breaks_a_rules_tests_is_told_and_the_rule_goes_on() {
    let world = World::new(Arc::new(SystemClock)).await;
    write(&world.rules(), "a.yml", &rule("a", "A", "X", TEST));
    let rollout = world.rollout(RulesConfig::default()).await;
    let filter = "title: F\nlogsource: {product: aws}\nfilter: {rules: any, known: {eventName: StopLogging}, condition: not known}\n";
    write(&world.rules(), "f.yml", filter);
    rollout.reload(&LoadedBy::system()).await.unwrap();
    let generation = rollout.live().current();
    let rule = generation.rule_by_id("a").unwrap();
    assert_eq!((rule.stage, rule.tests.as_str()), (Stage::Active, "passed"));
    let refused: Vec<_> = generation.report.refused.iter().collect();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].file.ends_with("f.yml") && refused[0].reason.contains("a.yml:1"), "{}", refused[0]);
}
