//! The rows: which events meet which rules, and by which way.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use detect::{Detector, EventLogRoutes, Hit, Routes, Scratch};
use model::{Enrichment, FieldTable, Tape};
use serde_json::{Value as Json, json};

use crate::{Options, events};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    folders: &'static [&'static str],
    events: Events,
    way: Way,
    /// How many rules there are at least: re-keyed ones are added.
    rules: usize,
}

#[derive(Clone, Copy)]
enum Events {
    Windows,
    /// Each repetition different: what a memory of values gains on real traffic, not on a loop.
    WindowsVaried,
    CloudTrail,
}

#[derive(Clone, Copy)]
enum Way {
    /// By channel and event id.
    EventLog,
    /// The logsource aws/cloudtrail.
    CloudTrail,
    /// Every rule on every event.
    All,
}

const WINDOWS: &[&str] = &[
    "sigma/rules/windows",
    "sigma/rules-emerging-threats",
    "sigma/rules-threat-hunting",
    "sigma/rules/category",
];
const CLOUD: &[&str] = &["sigma/rules/cloud", "sigma/rules/application", "sigma/rules/identity"];
const EVERY: &[&str] =
    &["sigma/rules", "sigma/rules-emerging-threats", "sigma/rules-threat-hunting", "sigma/rules-compliance"];

const fn row(
    name: &'static str,
    folders: &'static [&'static str],
    events: Events,
    way: Way,
    rules: usize,
) -> Row {
    Row { name, folders, events, way, rules }
}

pub(crate) const ROWS: [Row; 9] = [
    row("windows_routed", WINDOWS, Events::Windows, Way::EventLog, 0),
    row("windows_routed_varied", WINDOWS, Events::WindowsVaried, Way::EventLog, 0),
    row("windows_routed_3000", WINDOWS, Events::Windows, Way::EventLog, 3_000),
    row("windows_routed_10000", WINDOWS, Events::Windows, Way::EventLog, 10_000),
    row("cloudtrail_routed", CLOUD, Events::CloudTrail, Way::CloudTrail, 0),
    row("cloudtrail_cloud_rules", CLOUD, Events::CloudTrail, Way::All, 0),
    row("cloudtrail_all_rules", EVERY, Events::CloudTrail, Way::All, 0),
    row("cloudtrail_all_rules_10000", EVERY, Events::CloudTrail, Way::All, 10_000),
    row("windows_all_rules_unrouted", WINDOWS, Events::Windows, Way::All, 0),
];

/// How a record finds its rules.
enum Router {
    EventLog(Box<EventLogRoutes>),
    One(Box<Routes>),
}

impl Row {
    pub(crate) fn measure(&self, options: &Options) -> Json {
        let events = match self.events {
            Events::Windows => events::repeated(&events::windows(&options.shared), options.events),
            Events::WindowsVaried => events::varied(&events::windows(&options.shared), options.events),
            Events::CloudTrail => events::repeated(&events::cloudtrail(&options.shared), options.events),
        };
        let texts = self.rule_texts(&options.shared);
        let rss_before = rss_bytes();
        let started = Instant::now();
        let (mut fields, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let texts = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let (detector, report) = Detector::load(texts, &mut fields, &mut ocsf);
        let router = match self.way {
            Way::EventLog => Router::EventLog(Box::new(EventLogRoutes::new(&detector, &mut fields))),
            Way::CloudTrail => {
                Router::One(Box::new(detector.route(&sigma::Logsource::of("aws", "cloudtrail"))))
            }
            Way::All => Router::One(Box::new(detector.route_all())),
        };
        let load_ms = started.elapsed().as_millis() as u64;
        let mut bench = Bench {
            detector: &detector,
            router: &router,
            fields: &fields,
            tape: Tape::new(),
            scratch: Scratch::default(),
        };
        if let Some(folder) = &options.write {
            self.write(folder, &events, &mut bench);
        }
        let mut matches = 0_u64;
        bench.round(&events, true, &mut |_, _| matches += 1);
        let parse_s = cpu_s(|| (0..options.rounds).for_each(|_| bench.round(&events, false, &mut |_, _| ())));
        let mut again = 0_u64;
        let whole_s =
            cpu_s(|| (0..options.rounds).for_each(|_| bench.round(&events, true, &mut |_, _| again += 1)));
        assert_eq!(again, matches * options.rounds as u64, "a round is as another");
        let count = (events.len() * options.rounds) as f64;
        let bytes: usize = events.iter().map(String::len).sum();
        json!({
            "name": self.name,
            "rules": report.loaded,
            "rules_refused": report.refused.len(),
            "events": events.len(),
            "event_bytes": bytes / events.len(),
            "events_per_cpu_s": (count / whole_s) as u64,
            "parse_only_per_cpu_s": (count / parse_s) as u64,
            "match_us": ((whole_s - parse_s) * 1e8 / count).round() / 100.0,
            "matches": matches,
            "rss_bytes": rss_bytes().saturating_sub(rss_before),
            "load_ms": load_ms,
        })
    }

    fn rule_texts(&self, shared: &Path) -> Vec<(String, String)> {
        let paths = self.folders.iter().flat_map(|folder| events::files(&shared.join(folder), ".yml"));
        let texts: Vec<(String, String)> = paths
            .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
            .filter(|(_, text)| {
                self.name.starts_with("cloud")
                    || text.contains("product: windows")
                    || text.contains("  category:")
            })
            .collect();
        let mut all = texts.clone();
        let mut turn = 0;
        while all.len() < self.rules {
            turn += 1;
            let missing = self.rules - all.len();
            all.extend(
                texts
                    .iter()
                    .take(missing)
                    .map(|(name, text)| (format!("{name}#{turn}"), rekeyed(text, turn))),
            );
        }
        all
    }

    /// The events, and what matches each.
    fn write(&self, folder: &Path, events: &[String], bench: &mut Bench<'_>) {
        std::fs::create_dir_all(folder).unwrap();
        let create = |ending: &str| {
            let file = std::fs::File::create(folder.join(format!("{}.{ending}", self.name))).unwrap();
            std::io::BufWriter::new(file)
        };
        let mut lines = create("jsonl");
        events.iter().for_each(|event| writeln!(lines, "{event}").unwrap());
        let mut found = Vec::new();
        bench.round(events, true, &mut |at, hit| found.push((at, hit)));
        let mut matches = create("matches.tsv");
        for (at, hit) in found {
            let rule = bench.detector.rule(hit).unwrap();
            writeln!(matches, "{at}\t{}", rule.id.as_deref().unwrap_or(&rule.title)).unwrap();
        }
    }
}

/// The rule with another id and with other texts in its detection: as many predicates again.
fn rekeyed(text: &str, turn: usize) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut in_detection = false;
    for line in text.lines() {
        if !line.starts_with(' ') && !line.starts_with('#') && !line.is_empty() {
            in_detection = line.starts_with("detection:");
        }
        if let Some(id) = line.strip_prefix("id: ") {
            out.push_str(&format!("id: {turn:08x}{}", id.get(8..).unwrap_or_default()));
        } else if in_detection
            && line.ends_with('\'')
            && !line.contains("|re")
            && !line.contains("cidr")
            && !line.contains("*'")
        {
            out.push_str(&format!("{}q{turn}'", &line[..line.len() - 1]));
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

struct Bench<'b> {
    detector: &'b Detector,
    router: &'b Router,
    fields: &'b FieldTable,
    tape: Tape,
    scratch: Scratch,
}

impl Bench<'_> {
    fn round(&mut self, events: &[String], matching: bool, hit: &mut impl FnMut(usize, Hit)) {
        let known = Enrichment::default();
        for (at, event) in events.iter().enumerate() {
            let record = self.tape.parse(self.fields, event.as_bytes()).unwrap();
            if !matching {
                std::hint::black_box(&record);
                continue;
            }
            let routes = match self.router {
                Router::EventLog(routes) => routes.of(&record),
                Router::One(routes) => routes,
            };
            self.detector
                .detect(routes, (&record, None), &known, &mut self.scratch, &mut |found| hit(at, found));
        }
    }
}

/// Seconds that this thread had on a processor meanwhile (`/proc`, Linux).
fn cpu_s(work: impl FnOnce()) -> f64 {
    let now = || -> f64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let before = now();
    work();
    now() - before
}

fn rss_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
