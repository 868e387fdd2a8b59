//! How long a form waits while somebody types: autocomplete over 100,000 services, related incidents over 100,000 open ones.
//!
//! `cargo run --locked --profile demo -p huecry-report --example latency [SERVICES [INCIDENTS]]`
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a measuring program: this is its output

// As its users in the workspace call it.
extern crate huecry_report as report;

use model::{Entropy, IncidentId, SeededEntropy, Ulid};
use report::related::{OpenIncident, RelatedIndex, RelatedQuery};
use report::service_index::{Audience, IndexedService, ServiceIndex};
use std::time::{Duration, Instant};

const COUNT_DEFAULT: usize = 100_000;
const QUESTIONS: usize = 1_000;
const NOW_MS: i64 = 1_800_000_000_000;

const AREAS: &[&str] = &[
    "checkout",
    "payments",
    "login",
    "search",
    "catalogue",
    "cart",
    "warehouse",
    "shipping",
    "returns",
    "fraud",
    "mail",
    "push",
    "image",
    "video",
    "data",
    "feature",
    "api",
    "billing",
    "hr",
    "wiki",
    "build",
    "artifact",
    "secrets",
    "identity",
    "session",
    "rate",
    "geo",
    "price",
    "recommendation",
    "loyalty",
    "partner",
    "tax",
    "ledger",
    "invoice",
    "support",
];
const PARTS: &[&str] = &[
    "service",
    "worker",
    "gateway",
    "indexer",
    "sender",
    "store",
    "cache",
    "proxy",
    "engine",
    "portal",
    "sync",
    "export",
    "import",
    "stream",
    "batch",
    "ui",
    "admin",
    "scheduler",
    "consumer",
    "monitor",
];
const WORDS: &[&str] = &[
    "suspicious",
    "access",
    "key",
    "used",
    "country",
    "login",
    "console",
    "runner",
    "contacted",
    "unknown",
    "host",
    "dependency",
    "script",
    "database",
    "dump",
    "downloaded",
    "phishing",
    "page",
    "branch",
    "protection",
    "disabled",
    "certificate",
    "expired",
    "token",
    "leaked",
    "repository",
    "public",
    "bucket",
    "policy",
    "changed",
    "admin",
    "role",
    "assumed",
    "laptop",
    "process",
    "injected",
    "beacon",
    "query",
    "volume",
    "spike",
    "failed",
    "attempts",
    "mfa",
    "fatigue",
];

struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, n: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % n as u64) as usize
    }

    fn pick(&self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn service(&self, number: usize) -> String {
        format!("{}-{}-{number:05}", self.pick(AREAS), self.pick(PARTS))
    }

    fn sentence(&self, words: usize) -> String {
        (0..words).map(|_| self.pick(WORDS)).collect::<Vec<_>>().join(" ")
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap_or(COUNT_DEFAULT));
    let services = arguments.next().unwrap_or(COUNT_DEFAULT);
    let incidents = arguments.next().unwrap_or(COUNT_DEFAULT);
    let chance = Chance(SeededEntropy::new(7));
    autocomplete(services, &chance);
    related(incidents, &chance);
}

fn autocomplete(count: usize, chance: &Chance) {
    let names: Vec<String> = (0..count).map(|number| chance.service(number)).collect();
    let began = Instant::now();
    let services = names.iter().map(|name| IndexedService {
        name: name.clone(),
        owner: Some("team".into()),
        public: false,
    });
    let index = ServiceIndex::new(services);
    println!("autocomplete: {count} services indexed in {:.0} ms", ms(began.elapsed()));
    let mut typed: Vec<String> = Vec::with_capacity(QUESTIONS);
    for question in 0..QUESTIONS {
        let name = &names[chance.below(names.len())];
        let mut letters: Vec<char> = name.chars().collect();
        // a beginning, a name with a slip, or a word from inside
        match question % 3 {
            0 => letters.truncate(1 + chance.below(letters.len())),
            1 => {
                let at = chance.below(letters.len() - 1);
                letters.swap(at, at + 1);
            }
            _ => drop(letters.drain(..name.find('-').unwrap_or(0) + 1)),
        }
        typed.push(letters.into_iter().collect());
    }
    let took = measured(&typed, |typed| index.search(typed, 8, Audience::Insider).len());
    print("autocomplete", took);
}

fn related(count: usize, chance: &Chance) {
    let began = Instant::now();
    let mut index = RelatedIndex::new();
    for number in 0..count {
        index.upsert(OpenIncident {
            id: IncidentId(Ulid(number as u128)),
            text: chance.sentence(10),
            service: (number % 2 == 0).then(|| chance.service(chance.below(2_000))),
            entities: vec![
                format!("host-{}", chance.below(20_000)),
                format!("acme/{}", chance.service(chance.below(500))),
            ],
            updated_at_ms: NOW_MS - chance.below(1_000_000_000) as i64,
        });
    }
    println!("related: {count} open incidents indexed in {:.0} ms", ms(began.elapsed()));
    let questions: Vec<(String, Option<String>)> = (0..QUESTIONS)
        .map(|question| {
            let mut text = chance.sentence(3 + chance.below(60));
            if question % 3 == 0 {
                text.push_str(&format!(" on host-{}", chance.below(20_000)));
            }
            (text, (question % 2 == 0).then(|| chance.service(chance.below(2_000))))
        })
        .collect();
    let took = measured(&questions, |(text, service)| {
        let query = RelatedQuery { text, service: service.as_deref(), now_ms: NOW_MS };
        index.rank(&query, 3, |id| id.0.0 % 10 != 0).len()
    });
    print("related", took);
}

fn measured<Q>(questions: &[Q], ask: impl Fn(&Q) -> usize) -> Vec<Duration> {
    let mut answers = 0;
    let mut took: Vec<Duration> = questions
        .iter()
        .map(|question| {
            let began = Instant::now();
            answers += ask(question);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("{} questions, {:.1} answers each", questions.len(), answers as f64 / questions.len() as f64);
    took
}

fn print(what: &str, took: Vec<Duration>) {
    let at = |percent: usize| ms(took[(took.len() - 1) * percent / 100]);
    println!(
        "{what}: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
        at(50),
        at(95),
        at(99),
        at(100)
    );
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
