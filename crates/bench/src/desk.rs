//! The desk over HTTP: what a queue of a million findings and the form of a report answer, while records come in at a
//! third of the most that the server can take.

use crate::load::{Doors, full_speed, paced, quantile_ms};
use crate::process::peak_bytes;
use crate::server::Server;
use crate::whole_way::{PACED_BATCH, bodies, doors, wait_finished};
use crate::{Args, Failed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// Records that go in while the desk is asked, of those that could.
const INGEST_SHARE: f64 = 1.0 / 3.0;
/// A round asks every question once; with fewer rounds a 95th percentile says nothing.
const ROUNDS_MIN: usize = 20;
/// Questions of a form while somebody types, and incidents that are opened, in each round.
const TYPED_IN_ROUND: usize = 5;
const ORDERS: [&str; 4] = ["severity", "updated", "created", "findings"];
/// Names and values of a query.
type Query = &'static [(&'static str, &'static str)];

/// What a queue is narrowed by: many incidents, few and none; words in all, in most and in few of them.
const NARROWED: &[(&str, Query)] = &[
    ("all", &[]),
    ("open", &[("status", "new,in_progress,on_hold")]),
    ("new, grave", &[("status", "new"), ("severity_min", "high")]),
    ("low or medium", &[("severity", "low,medium")]),
    ("mine", &[("assignee", "person-7")]),
    ("nobody's, open", &[("assignee", "nobody"), ("status", "new,in_progress,on_hold")]),
    ("of a service", &[("service", "service-7")]),
    ("of a rule", &[("rule", "00000000-0000-4000-8000-000000000077")]),
    ("of a source", &[("source", "source-2")]),
    ("of a source and a rule", &[("source", "source-2"), ("rule", "00000000-0000-4000-8000-000000000009")]),
    ("judged benign", &[("verdict", "benign")]),
    ("entity", &[("entity", "host-77.acme.example")]),
    ("text, in all", &[("q", "unusual")]),
    ("text, in all, open", &[("q", "unusual"), ("status", "new,in_progress,on_hold")]),
    ("text, 5 hits", &[("q", "person-777")]),
    ("text, an address", &[("q", "198.51.77.")]),
    ("text, a rule's title", &[("q", "\"rule number 123\"")]),
    ("text, in most", &[("q", "\"number 1\"")]),
    ("text, in most, open", &[("q", "\"number 1\""), ("status", "new,in_progress,on_hold")]),
    ("two words", &[("q", "person-1234 bucket-1")]),
    ("text, none", &[("q", "zebra")]),
];

/// What is promised of a question, in milliseconds.
fn promised_ms(question: &str) -> f64 {
    match question {
        "services while typing" => 30.0,
        "related while typing" => 150.0,
        _ => 100.0,
    }
}

pub(crate) struct Desk {
    services: u32,
    maximum: f64,
    rate: f64,
    ack_p99_ms: f64,
    rounds: usize,
    /// Of each question, sorted.
    took: BTreeMap<String, Vec<Duration>>,
    peak_bytes: u64,
}

pub(crate) fn measure(args: &Args, state: &Path, rules: &[(String, String)]) -> Result<Desk, Failed> {
    let server = start(args, state, rules)?;
    let doors = doors(&server, args.senders)?;
    let mut records = acme::bench_records(7, u64::MAX);
    let started = Instant::now();
    full_speed(&doors, &bodies(&mut records, args.records, args.batch))?;
    wait_finished(&server, args.records)?;
    let maximum = args.records as f64 / started.elapsed().as_secs_f64();
    let rate = maximum * INGEST_SHARE;
    let bodies = bodies(&mut records, (rate * args.paced_seconds as f64) as u64, PACED_BATCH);
    // the first of each question finds nothing in memory, as after a start; it is not counted
    let mut asker = Asker::new(&server, args.services);
    asker.round()?;
    asker.took.clear();
    let (rounds, acknowledged) = beside_ingest(&doors, &bodies, rate, &mut asker)?;
    if rounds < ROUNDS_MIN {
        return Err(format!("{rounds} rounds in the time: ask for more with --paced-seconds").into());
    }
    if asker.related == 0 {
        return Err("no draft of a report has anything to do with an open incident".into());
    }
    let mut took = asker.took;
    took.values_mut().for_each(|times| times.sort_unstable());
    let (services, peak_bytes) = (args.services, peak_bytes(server.pid())?);
    Ok(Desk {
        services,
        maximum,
        rate,
        ack_p99_ms: quantile_ms(&acknowledged, 0.99),
        rounds,
        took,
        peak_bytes,
    })
}

/// A server with a copy of the state and a catalogue.
fn start(args: &Args, state: &Path, rules: &[(String, String)]) -> Result<Server, Failed> {
    let folder = Server::folder()?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    std::fs::copy(state, data.join("state.db"))?;
    let catalog = folder.path().join("services.yaml");
    std::fs::write(&catalog, catalogue(args.services)?)?;
    let more = format!("[enrich]\ncatalog = [{catalog:?}]\n");
    let server = Server::start_in(folder, &args.huecry, rules, &more)?;
    let found = server.get("reports/services", &[("q", &service(args.services / 2))])?;
    if found["items"].as_array().is_none_or(Vec::is_empty) {
        return Err("the catalogue's services are not found".into());
    }
    Ok(server)
}

fn service(number: u32) -> String {
    const AREAS: [&str; 8] =
        ["checkout", "payments", "login", "search", "warehouse", "shipping", "ledger", "support"];
    const PARTS: [&str; 7] = ["worker", "gateway", "indexer", "cache", "portal", "export", "scheduler"];
    format!("{}-{}-{number:05}", AREAS[number as usize % AREAS.len()], PARTS[number as usize % PARTS.len()])
}

fn catalogue(services: u32) -> Result<String, fmt::Error> {
    let mut text = "services:\n".to_owned();
    for number in 0..services {
        writeln!(text, "  - {{name: {}, owner: \"@acme/team-{}\"}}", service(number), number % 500)?;
    }
    Ok(text)
}

/// Asks round after round for as long as the records take to be sent; how many rounds, and how long senders waited.
fn beside_ingest(
    doors: &Doors,
    bodies: &[Vec<u8>],
    rate: f64,
    asker: &mut Asker<'_>,
) -> Result<(usize, Vec<Duration>), Failed> {
    std::thread::scope(|scope| {
        let ingest = scope.spawn(|| paced(doors, bodies, rate / PACED_BATCH as f64));
        let mut rounds = 0;
        while !ingest.is_finished() {
            asker.round()?;
            rounds += 1;
        }
        let acknowledged = ingest.join().map_err(|_| "the ingest panicked")??;
        Ok((rounds, acknowledged))
    })
}

/// One person at the desk.
struct Asker<'s> {
    server: &'s Server,
    services: u32,
    round: usize,
    /// Where each list goes on.
    after: BTreeMap<String, String>,
    /// Incidents that lists showed.
    seen: Vec<String>,
    /// Related incidents that the form was shown.
    related: usize,
    took: BTreeMap<String, Vec<Duration>>,
}

impl<'s> Asker<'s> {
    fn new(server: &'s Server, services: u32) -> Self {
        let (after, seen, took) = Default::default();
        Self { server, services, round: 0, after, seen, related: 0, took }
    }

    fn ask(&mut self, name: String, ask: impl Fn(&Server) -> Result<Value, Failed>) -> Result<Value, Failed> {
        let began = Instant::now();
        let answer = ask(self.server).map_err(|error| format!("{name}: {error}"))?;
        self.took.entry(name).or_default().push(began.elapsed());
        Ok(answer)
    }

    fn round(&mut self) -> Result<(), Failed> {
        for (name, query) in NARROWED {
            for order in ORDERS {
                self.list(&format!("list {name}, by {order}"), query, order)?;
            }
            self.ask(format!("facets {name}"), |server| server.get("incidents/facets", query))?;
        }
        for at in 0..TYPED_IN_ROUND {
            let number = self.round * TYPED_IN_ROUND + at;
            self.incident(number)?;
            self.typed(number)?;
        }
        self.round += 1;
        Ok(())
    }

    /// The next page of a list, or its first again.
    fn list(&mut self, name: &str, query: Query, order: &str) -> Result<(), Failed> {
        let after = self.after.remove(name);
        let mut query: Vec<(&str, &str)> = query.iter().copied().chain([("order", order)]).collect();
        query.extend(after.as_deref().map(|after| ("after", after)));
        let answer = self.ask(name.to_owned(), |server| server.get("incidents", &query))?;
        if let Some(next) = answer["next"].as_str() {
            self.after.insert(name.to_owned(), next.to_owned());
        }
        let ids = answer["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
        self.seen.extend(ids.take(2).map(str::to_owned));
        Ok(())
    }

    /// What the page of an incident asks for.
    fn incident(&mut self, number: usize) -> Result<(), Failed> {
        let id =
            self.seen.get(number * 7_919 % self.seen.len().max(1)).ok_or("no list showed an incident")?;
        for part in ["", "/timeline", "/graph"] {
            let path = format!("incidents/{id}{part}");
            let began = Instant::now();
            self.server.get(&path, &[])?;
            self.took.entry(format!("incident{part}")).or_default().push(began.elapsed());
        }
        Ok(())
    }

    /// What the form of a report asks for while somebody types.
    fn typed(&mut self, number: usize) -> Result<(), Failed> {
        let name = service((number as u32 * 7_919) % self.services.max(1));
        let typed = match number % 3 {
            0 => name.get(..4 + number % 8),
            1 => name.split_once('-').map(|(_, part)| part),
            _ => Some(name.as_str()),
        };
        let typed = typed.unwrap_or(&name).replace("ck", "kc");
        self.ask("services while typing".to_owned(), |server| {
            server.get("reports/services", &[("q", &typed)])
        })?;
        let text = format!(
            "Something unusual: rule number {} fired for person-{} on host-{}.acme.example, who says it was not them",
            number % 250,
            number * 31 % 20_000,
            number * 17 % 5_000
        );
        let draft = json!({ "form": "suspicious-activity", "service": format!("service-{}", number % 120), "text": text });
        let related =
            self.ask("related while typing".to_owned(), |server| server.post("reports/related", &draft))?;
        self.related += related["items"].as_array().map_or(0, Vec::len);
        Ok(())
    }
}

impl Desk {
    /// Whether every question kept what is promised of it.
    pub(crate) fn is_kept(&self) -> bool {
        self.took.iter().all(|(name, times)| quantile_ms(times, 0.95) < promised_ms(name))
    }
}

impl fmt::Display for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nthe desk over HTTP, {} services, {:.0} records/s coming in ({:.0} at most), each question {} times or more",
            self.services, self.rate, self.maximum, self.rounds
        )?;
        writeln!(f, "       p50      p95    worst  (ms)")?;
        for (name, times) in &self.took {
            let [median, p95, worst] = [0.5, 0.95, 1.0].map(|part| quantile_ms(times, part));
            let mark = if p95 < promised_ms(name) { "" } else { "  ← more than promised" };
            writeln!(f, "  {median:>8.1} {p95:>8.1} {worst:>8.1}  {name}{mark}")?;
        }
        writeln!(f, "  senders waited for an acknowledgement: p99 {:.1} ms", self.ack_p99_ms)?;
        write!(f, "  peak memory of the server {:.0} MB", self.peak_bytes as f64 / 1e6)
    }
}
