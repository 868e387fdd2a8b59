//! How fast the queue of work is in a large store, against its promise:
//! `cargo run --profile demo -p huecry-backends --example desk_at_scale -- 100000 10 40 10`
//! (incidents, findings of each, rounds of each question, commits a second meanwhile). It fails if the slowest twentieth of
//! any question takes longer than [`P95_MS_MAX`]. Processor time has that of the commits in it.
//!
//! With a fifth argument, a file, it only fills that: a state for `huecry-bench --state FILE`, which asks over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints, and stops at what fails"
)]

use huecry_backends::sqlite::SqliteStore;
use model::{Entity, EntityKind, Finding, FindingId, Incident, Ownership, Severity, Status};
use ports::store::conformance::{Bench, update_of};
use ports::store::{
    AssigneeFilter, AuditFilter, IncidentFilter, IncidentOrder, MachineUpdate, PageRequest, TimelineOrder,
};
use ports::{Snapshot, Store};
use std::cell::Cell;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The promise, in milliseconds.
const P95_MS_MAX: f64 = 100.0;
/// Incidents of one unit of work while the store is filled.
const BATCH: u64 = 100;
/// Findings of one unit of work while it is asked, and incidents that they join.
const WRITTEN: (u64, u64) = (100, 10);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let kept = std::env::args().nth(5);
    let mut arguments = std::env::args().skip(1).take(4).map(|argument| argument.parse::<u64>().unwrap());
    let (incidents, each, rounds, commits_per_s) = (
        arguments.next().unwrap_or(100_000),
        arguments.next().unwrap_or(10),
        arguments.next().unwrap_or(40) as usize,
        arguments.next().unwrap_or(0),
    );
    let dir = tempfile::tempdir_in(".").unwrap();
    let path = kept.as_ref().map_or_else(|| dir.path().join("desk.db"), Into::into);
    let store = SqliteStore::open_path(&path).await.unwrap();
    let opened = fill(&store, incidents, each).await;
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    println!("the file has {} MB", bytes / 1_000_000);
    if kept.is_some() {
        return ExitCode::SUCCESS;
    }
    let written = Cell::new(0);
    let slowest = match commits_per_s {
        0 => ask(&store, &opened, rounds).await,
        _ => tokio::select! {
            slowest = ask(&store, &opened, rounds) => slowest,
            () = write_on(&store, &opened, (each, commits_per_s), &written) => unreachable!("it writes on"),
        },
    };
    println!("{} findings were written meanwhile, {commits_per_s} commits a second", written.get());
    println!("slowest p95: {slowest:.1} ms, promised {P95_MS_MAX} ms");
    if slowest < P95_MS_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn entity(kind: EntityKind, value: String) -> Entity {
    Entity { kind, value }
}

/// A finding of incident `number`, with an event of about 600 bytes.
fn finding(bench: &Bench, number: u64, at: u64, each: u64) -> Finding {
    let person = format!("arn:aws:iam::123456789012:user/person-{}", number % 20_000);
    let time_ms = 1_700_000_000_000 + number as i64 * 20_000 + at as i64 * 60_000;
    let plain = bench.finding(number * each + at, &person, time_ms, Severity::ALL[bench.below(5) as usize]);
    // an incident is of one to three rules
    let rule = (number * 7 + at % (1 + number % 3) * 31) % 250;
    let entities = vec![
        entity(EntityKind::Actor, person),
        entity(EntityKind::Address, format!("198.51.{}.{}", number % 250, bench.below(2) + number % 200)),
        entity(EntityKind::Resource, format!("bucket-{}", number % 3_000)),
        entity(EntityKind::Host, format!("host-{}.acme.example", number % 5_000)),
    ];
    let service = (!number.is_multiple_of(4)).then(|| format!("service-{}", number % 120));
    Finding {
        id: FindingId::of_rule(&format!("rule-{rule}"), &[0; 32], plain.event_id),
        rule_id: format!("00000000-0000-4000-8000-{rule:012}"),
        rule_title: format!("Something unusual that rule number {rule} looks for"),
        source: format!("source-{}", number % 6),
        entities,
        ownership: Ownership { service, owner: Some("@acme/team".to_owned()), ..Ownership::default() },
        event: serde_json::json!({ "class_uid": 6003, "text": "x".repeat(500) }),
        ..plain
    }
}

/// Fills the store by the way that triage takes. People's decisions come by plain SQL: they are seldom.
async fn fill(store: &SqliteStore, incidents: u64, each: u64) -> Vec<Incident> {
    let (bench, began) = (Bench::new(1), Instant::now());
    let mut opened = Vec::new();
    for first in (0..incidents).step_by(BATCH as usize) {
        let mut unit = store.begin().await.unwrap();
        let mut rows = Vec::new();
        for number in first..(first + BATCH).min(incidents) {
            bench.clock.advance_ms(20_000);
            let findings: Vec<_> = (0..each).map(|at| finding(&bench, number, at, each)).collect();
            let mut incident = bench.incident(&findings[0]);
            incident.title = format!("{}: {}", findings[0].rule_title, findings[0].entities[0].value);
            incident.findings = each - number % each.min(7);
            incident.rules = findings.iter().map(|f| f.rule_id.clone()).collect();
            incident.rules.sort();
            incident.rules.dedup();
            let entities: Vec<_> = findings.iter().flat_map(|f| f.entities.clone()).collect();
            unit.incidents().open(&incident, &entities, &bench.audit(incident.id)).await.unwrap();
            rows.extend(findings.into_iter().map(|finding| (finding, incident.id)));
            opened.push(incident);
        }
        let rows: Vec<_> = rows.iter().map(|(finding, id)| (finding, *id)).collect();
        unit.findings().insert(&rows).await.unwrap();
        unit.commit().await.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    let findings = incidents * each;
    println!(
        "{incidents} incidents with {findings} findings in {seconds:.0} s: {:.0} findings/s",
        findings as f64 / seconds
    );
    // nine of ten are closed; two of a hundred are open, and somebody has two of three
    let decided = Instant::now();
    sqlx::query(
        "UPDATE incidents SET status = CASE WHEN seq % 50 = 0 THEN 1 + seq / 50 % 3 WHEN seq % 12 = 0 THEN 4 ELSE 5 END, \
         assignee = CASE WHEN seq % 3 > 0 THEN 'person-' || (seq % 41) END, \
         verdict = CASE WHEN seq % 50 = 0 THEN NULL ELSE 1 + seq % 10 END",
    )
    .execute(store.writer())
    .await
    .unwrap();
    println!("decided in {:.0} s", decided.elapsed().as_secs_f64());
    opened
}

/// Goes on writing: findings join incidents, as triage writes them.
async fn write_on(
    store: &SqliteStore,
    opened: &[Incident],
    (each, commits_per_s): (u64, u64),
    written: &Cell<u64>,
) {
    let bench = Bench::new(2);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / commits_per_s as u32);
    for round in 0_u64.. {
        pace.tick().await;
        let (findings, incidents) = WRITTEN;
        let mut unit = store.begin().await.unwrap();
        let (mut rows, mut updates) = (Vec::new(), Vec::new());
        for at in 0..incidents {
            let number = (round * incidents + at) * 7_919 % opened.len() as u64;
            let incident = &opened[number as usize];
            // numbers that the store was not filled with
            let late = each + round * findings + at * (findings / incidents);
            let joined = (late..late + findings / incidents).map(|at| finding(&bench, number, at, 1 << 32));
            rows.extend(joined.map(|finding| (finding, incident.id)));
            updates.push(MachineUpdate { findings: late, ..update_of(incident) });
        }
        let pairs: Vec<_> = rows.iter().map(|(finding, id)| (finding, *id)).collect();
        unit.findings().insert(&pairs).await.unwrap();
        unit.incidents().observe(&updates).await.unwrap();
        unit.commit().await.unwrap();
        written.set(written.get() + findings);
    }
}

fn filters() -> Vec<(&'static str, IncidentFilter)> {
    let base = IncidentFilter::default;
    let open = || vec![Status::New, Status::InProgress, Status::OnHold];
    let words = |text: &str| IncidentFilter { text: Some(text.to_owned()), ..base() };
    let rule = |rule: u64| vec![format!("00000000-0000-4000-8000-{rule:012}")];
    let mine = || Some(AssigneeFilter::Is("person-7".to_owned()));
    vec![
        ("all", base()),
        ("open", IncidentFilter { statuses: open(), ..base() }),
        (
            "new, grave",
            IncidentFilter { statuses: vec![Status::New], severity_min: Some(Severity::High), ..base() },
        ),
        ("low or medium", IncidentFilter { severities: vec![Severity::Low, Severity::Medium], ..base() }),
        ("mine", IncidentFilter { assignee: mine(), ..base() }),
        (
            "nobody's, open",
            IncidentFilter { assignee: Some(AssigneeFilter::Nobody), statuses: open(), ..base() },
        ),
        ("of a service", IncidentFilter { services: vec!["service-7".to_owned()], ..base() }),
        ("of no service, open", IncidentFilter { services: vec![String::new()], statuses: open(), ..base() }),
        ("of a rule", IncidentFilter { rules: rule(77), ..base() }),
        (
            "of three rules, open",
            IncidentFilter { rules: [rule(1), rule(2), rule(3)].concat(), statuses: open(), ..base() },
        ),
        ("of a source", IncidentFilter { sources: vec!["source-2".to_owned()], ..base() }),
        (
            "of a source and a rule",
            IncidentFilter { sources: vec!["source-2".to_owned()], rules: rule(9), ..base() },
        ),
        ("judged benign", IncidentFilter { verdicts: vec![model::Verdict::Benign], ..base() }),
        ("entity", IncidentFilter { entity: Some("host-77.acme.example".to_owned()), ..base() }),
        ("entity that is not there", IncidentFilter { entity: Some("nobody".to_owned()), ..base() }),
        ("text, in all", words("unusual")),
        ("text, in all, open", IncidentFilter { statuses: open(), ..words("unusual") }),
        ("text, 5 hits", words("person-777")),
        ("text, an address", words("198.51.77.")),
        ("text, a rule's title", words("\"rule number 123\"")),
        // a word that most rules have, but not all
        ("text, in most", words("\"number 1\"")),
        ("text, in most, open", IncidentFilter { statuses: open(), ..words("\"number 1\"") }),
        ("two words", words("person-1234 bucket-1")),
        ("text beyond ASCII, none", words("MÜLLER")),
        ("text, none", words("zebra")),
        (
            "text, mine, grave",
            IncidentFilter { assignee: mine(), severity_min: Some(Severity::Critical), ..words("host-7") },
        ),
        (
            "last hour",
            IncidentFilter { created_from_ms: Some(1_700_000_000_000 + 99_800 * 20_000), ..base() },
        ),
    ]
}

/// Asks everything, prints how long it took, and returns the slowest p95.
async fn ask(store: &SqliteStore, opened: &[Incident], rounds: usize) -> f64 {
    let mut slowest = 0.0_f64;
    for (name, filter) in filters() {
        for order in IncidentOrder::ALL {
            let (mut times, mut page) = (Vec::new(), PageRequest::first(50));
            for _ in 0..rounds {
                let began = Stopwatch::start();
                let mut view = store.read().await.unwrap();
                let answer = view.incidents().list(&filter, order, &page).await.unwrap();
                let rules: Vec<_> = answer.items.iter().flat_map(|incident| incident.rules.clone()).collect();
                view.incidents().rule_titles(&rules).await.unwrap();
                times.push(began.stop());
                page.after = answer.next;
            }
            slowest = slowest.max(told(&format!("list {name}, by {order:?}"), &mut times));
        }
        let (mut times, mut total, mut exact) = (Vec::new(), 0, true);
        for _ in 0..rounds {
            let began = Stopwatch::start();
            let facets = store.read().await.unwrap().incidents().facets(&filter).await.unwrap();
            times.push(began.stop());
            (total, exact) = (facets.total, facets.exact);
        }
        let counted = if exact { "" } else { ", not exact" };
        slowest = slowest.max(told(&format!("facets {name} ({total}{counted})"), &mut times));
    }
    let mut times = Vec::new();
    for round in 0..rounds * 4 {
        let began = Stopwatch::start();
        let mut view = store.read().await.unwrap();
        whole(&mut *view, &opened[round * 7_919 % opened.len()]).await;
        times.push(began.stop());
    }
    slowest.max(told("an incident with all that belongs to it", &mut times))
}

/// What the page of an incident asks for.
async fn whole(view: &mut dyn Snapshot, incident: &Incident) {
    let (id, page) = (incident.id, PageRequest::first(50));
    let found = view.incidents().get(id).await.unwrap().unwrap();
    view.incidents().rule_titles(&found.rules).await.unwrap();
    view.findings().of_incident(id, &page).await.unwrap();
    view.comments().of_incident(id, &page).await.unwrap();
    let about = AuditFilter { object: Some(id.to_string()), ..AuditFilter::default() };
    view.audit().list(&about, &page).await.unwrap();
    view.moves().links(id).await.unwrap();
    view.moves().merged_into(id).await.unwrap();
    view.incidents().timeline(id, TimelineOrder::NewestFirst, &page).await.unwrap();
}

/// Prints the median, the 95th percentile and the worst, and the 95th percentile of processor time, which does not
/// depend on what else the machine does; returns the second.
fn told(name: &str, times: &mut [Took]) -> f64 {
    let at = |times: &[Took], part: f64, of: fn(&Took) -> f64| {
        let mut sorted: Vec<_> = times.iter().map(of).collect();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * part) as usize]
    };
    let wall: fn(&Took) -> f64 = |took| took.wall_ms;
    let p95 = at(times, 0.95, wall);
    let cpu = at(times, 0.95, |took| took.cpu_ms);
    println!("{:>8.1} {p95:>8.1} {:>8.1} {cpu:>8.1}  {name}", at(times, 0.5, wall), at(times, 1.0, wall));
    p95
}

/// How long one question took, in milliseconds.
struct Took {
    wall_ms: f64,
    cpu_ms: f64,
}

struct Stopwatch {
    began: Instant,
    cpu_ms: f64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { began: Instant::now(), cpu_ms: cpu_ms() }
    }

    fn stop(&self) -> Took {
        Took { wall_ms: self.began.elapsed().as_secs_f64() * 1e3, cpu_ms: cpu_ms() - self.cpu_ms }
    }
}

/// Processor time of all threads of this process so far (proc(5), `schedstat`); 0 where there is none to read.
fn cpu_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let of_task = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(|task| of_task(task.ok()?.path())).sum::<f64>() / 1e6
}
