//! How fast triage is, and how fast its lists are in a large store:
//! `cargo run --profile demo -p huecry-triage --example triage_rate -- 50000 1000000`
//! (findings to triage, then incidents to fill the store up to).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints, and stops at what fails"
)]

#[path = "../tests/it/log.rs"]
mod log;

use backends::sqlite::SqliteStore;
use huecry_triage::{Grouping, Options, Service, Telemetry};
use log::MemoryLog;
use model::{Finding, FindingId, Partition, SeededEntropy, Severity, Status, SystemClock, Topic};
use ports::log::RecordBatch;
use ports::store::conformance::Bench;
use ports::store::{AssigneeFilter, IncidentFilter, IncidentOrder, PageRequest};
use ports::{Log, Store};
use std::sync::Arc;
use std::time::Instant;

const ENTITIES: u64 = 2_000;

/// A finding with an event of about 1.2 KB.
fn finding(bench: &Bench, number: u64) -> Finding {
    let entity = format!("arn:aws:iam::123456789012:user/user-{}", bench.below(ENTITIES));
    let severity = Severity::ALL[bench.below(5) as usize];
    let rule = bench.below(250);
    let plain = bench.finding(number, &entity, 1_700_000_000_000 + number as i64 * 500, severity);
    Finding {
        id: FindingId::of_rule(&format!("rule-{rule}"), &[0; 32], plain.event_id),
        rule_id: format!("rule-{rule}"),
        rule_title: format!("Something that rule {rule} looks for"),
        event: serde_json::json!({ "class_uid": 3002, "text": "x".repeat(1_100) }),
        ..plain
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().unwrap());
    let (findings, incidents) = (arguments.next().unwrap_or(50_000), arguments.next().unwrap_or(0));
    let dir = tempfile::tempdir_in(".").unwrap();
    let store = Arc::new(SqliteStore::open_path(&dir.path().join("rate.db")).await.unwrap());
    triage(&store, findings).await;
    if incidents > 0 {
        fill(&store, incidents).await;
        lists(&store).await;
    }
}

async fn triage(store: &Arc<SqliteStore>, findings: u64) {
    let (log, bench) = (Arc::new(MemoryLog::new(1)), Bench::new(1));
    for first in (0..findings).step_by(500) {
        let mut batch = RecordBatch::new();
        for number in first..(first + 500).min(findings) {
            batch.push(&serde_json::to_vec(&finding(&bench, number)).unwrap()).unwrap();
        }
        log.append(Topic::Finding, Partition(0), batch, 0).await.unwrap();
    }
    let service = Service::new(Options {
        log,
        store: store.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(3)),
        grouping: Grouping::default(),
        telemetry: Telemetry::default(),
    });
    let (began, mut opened, mut slowest_ms) = (Instant::now(), 0, 0);
    loop {
        let step = Instant::now();
        let stepped = service.step(Partition(0)).await.unwrap();
        slowest_ms = slowest_ms.max(step.elapsed().as_millis());
        opened += stepped.opened;
        if stepped.counters.accepted == 0 {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{findings} findings in {seconds:.2} s: {:.0}/s; {opened} incidents; slowest batch {slowest_ms} ms",
        findings as f64 / seconds
    );
}

/// Incidents by plain SQL: closed ones mostly, as in an old store.
async fn fill(store: &SqliteStore, incidents: u64) {
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         INSERT INTO incidents (id, region, title, machine_severity, gravest, group_kind, group_value, \
         first_seen_ms, last_seen_ms, findings, rules, tactics, status, assignee, created_at_ms, updated_at_ms) \
         SELECT randomblob(16), 'default', 'Rule ' || (i % 250) || ': user-' || (i % 40000), \
         1 + abs(random()) % 5, randomblob(16), 'actor', 'user-' || (i % 40000), i, i, 1, '[]', '[]', \
         CASE WHEN i % 200 = 0 THEN 1 ELSE 5 END, CASE WHEN i % 3 = 0 THEN 'person-' || (i % 40) END, i, i FROM n",
    )
    .bind(incidents as i64)
    .execute(store.writer())
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO incident_entities SELECT group_value, group_kind, seq, region FROM incidents WHERE true \
         ON CONFLICT DO NOTHING",
    )
    .execute(store.writer())
    .await
    .unwrap();
    println!("filled with {incidents} incidents");
}

async fn lists(store: &SqliteStore) {
    let base = IncidentFilter::default;
    let text = |text: &str| IncidentFilter { title_contains: Some(text.to_owned()), ..base() };
    let entity = |entity: &str| IncidentFilter { entity: Some(entity.to_owned()), ..base() };
    let filters = [
        ("all", base()),
        ("new", IncidentFilter { statuses: vec![Status::New], ..base() }),
        ("critical", IncidentFilter { severity_min: Some(Severity::Critical), ..base() }),
        (
            "of a person",
            IncidentFilter { assignee: Some(AssigneeFilter::Is("person-7".to_owned())), ..base() },
        ),
        ("of nobody", IncidentFilter { assignee: Some(AssigneeFilter::Nobody), ..base() }),
        ("entity", entity("user-77")),
        ("entity that is not there", entity("nobody")),
        ("text, dense", text("user")),
        ("text, 4000 hits", text("rule 77:")),
        ("text, none", text("zebra")),
        ("short time", IncidentFilter { created_until_ms: Some(2_000), ..base() }),
        (
            "new, high, dense text",
            IncidentFilter {
                statuses: vec![Status::New],
                severity_min: Some(Severity::High),
                title_contains: Some("user-1".to_owned()),
                ..base()
            },
        ),
    ];
    for (name, filter) in &filters {
        for order in [IncidentOrder::Severity, IncidentOrder::Updated] {
            let (mut page, mut slowest_ms, mut items) = (PageRequest::first(50), 0.0_f64, 0);
            for _ in 0..5 {
                let began = Instant::now();
                let mut view = store.read().await.unwrap();
                let answer = view.incidents().list(filter, order, &page).await.unwrap();
                slowest_ms = slowest_ms.max(began.elapsed().as_secs_f64() * 1e3);
                items += answer.items.len();
                let Some(next) = answer.next else { break };
                page.after = Some(next);
            }
            println!("{name:>26} {order:?}: {items} items, slowest page {slowest_ms:.1} ms");
        }
    }
}
