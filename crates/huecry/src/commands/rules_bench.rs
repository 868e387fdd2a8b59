//! `huecry rules bench`: how noisy rules are, and how fast.

use super::load_engine;
use super::rules_match::{Matcher, Tally};
use crate::config::EnrichConfig;
use crate::content::RuleFile;
use crate::cpu_time;
use crate::engine::Engine;
use crate::enrichment;
use crate::exit::{Exit, Failure};
use crate::reader::{ReadError, read_records};
use crate::terminal;
use acme::Acme;
use ingest::Kind;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// The demo organisation's days and end: fixed, so that two runs compare.
const ACME_DAYS: u32 = 90;
const ACME_SEED: u64 = 1;
const ACME_END_MS: i64 = 1_767_225_600_000;

#[derive(Serialize)]
struct Answer {
    data: String,
    findings_per_1000_events: f64,
    #[serde(flatten)]
    tally: Tally,
    /// The noisiest rules first.
    rules_by_matches: Vec<(String, u64)>,
}

pub(super) fn run(
    rules: &[RuleFile],
    kind: Option<&str>,
    files: &[PathBuf],
    enrich: &EnrichConfig,
    json: bool,
) -> Result<Exit, Failure> {
    let (engine, report) = load_engine(rules)?;
    super::rules_match::note_refused(&report);
    let engine = engine.with_enricher(enrichment::offline(enrich));
    let mut by_rule = BTreeMap::new();
    let (data, tally) = if files.is_empty() {
        let data = format!("the demo organisation's benign part, {ACME_DAYS} days, seed {ACME_SEED}");
        (data, acme_benign(&engine, &mut by_rule))
    } else {
        (format!("{} paths", files.len()), from_files(&engine, kind, files, &mut by_rule)?)
    };
    let mut rules_by_matches: Vec<(String, u64)> = by_rule.into_iter().collect();
    rules_by_matches.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let findings_per_1000_events = 1_000.0 * tally.matches as f64 / (tally.events.max(1)) as f64;
    print(&Answer { data, findings_per_1000_events, tally, rules_by_matches }, json);
    Ok(Exit::Done)
}

fn acme_benign(engine: &Engine, by_rule: &mut BTreeMap<String, u64>) -> Tally {
    // generated first, so that the clocks measure rules and not the generator
    let records: Vec<acme::Record> =
        Acme::new(ACME_SEED, ACME_END_MS, ACME_DAYS, 1.0).benign_only().collect();
    let mut matcher = Matcher::new(engine, None);
    let (started, cpu_before) = (Instant::now(), cpu_time::own_seconds());
    for record in &records {
        let event_type = match record.source {
            acme::Source::GithubWebhook { event } => Some(event),
            _ => None,
        };
        matcher.record(record.body.as_bytes(), event_type, |_, rule| {
            *by_rule.entry(rule.title.clone()).or_default() += 1;
        });
    }
    matcher.correlate(|_, rule| *by_rule.entry(rule.title.clone()).or_default() += 1);
    matcher.finish(started, cpu_before)
}

fn from_files(
    engine: &Engine,
    kind: Option<&str>,
    files: &[PathBuf],
    by_rule: &mut BTreeMap<String, u64>,
) -> Result<Tally, Failure> {
    let mut matcher = Matcher::new(engine, kind);
    let (started, cpu_before) = (Instant::now(), cpu_time::own_seconds());
    for file in super::record_files(files)? {
        let envelope = Kind::of(kind.unwrap_or("aws_cloudtrail"));
        let notes = read_records(&file, envelope, &mut |records| -> Result<(), ReadError> {
            for record in records {
                matcher.record(record, None, |_, rule| {
                    *by_rule.entry(rule.title.clone()).or_default() += 1;
                });
            }
            Ok(())
        })?;
        super::say(&notes);
    }
    matcher.correlate(|_, rule| *by_rule.entry(rule.title.clone()).or_default() += 1);
    Ok(matcher.finish(started, cpu_before))
}

fn print(answer: &Answer, json: bool) {
    if json {
        terminal::line(serde_json::to_string(answer).unwrap_or_default());
        return;
    }
    let Tally { events, matches, rules, events_per_second, .. } = answer.tally;
    terminal::line(format_args!("data: {}", answer.data));
    terminal::line(format_args!(
        "{events} events, {rules} rules, {matches} findings: {:.2} per 1,000 events; {events_per_second:.0} events/s",
        answer.findings_per_1000_events
    ));
    let rows: Vec<_> =
        answer.rules_by_matches.iter().map(|(title, n)| vec![n.to_string(), title.clone()]).collect();
    if !rows.is_empty() {
        terminal::line(terminal::table(&["findings", "rule"], &rows));
    }
}
