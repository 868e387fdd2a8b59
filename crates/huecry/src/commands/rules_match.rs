//! `huecry rules match`: records of files through rules, one JSON line a match.

use super::load_engine;
use crate::config::EnrichConfig;
use crate::content::RuleFile;
use crate::cpu_time;
use crate::engine::{Engine, Scratch, Wanted};
use crate::enrichment;
use crate::exit::{Exit, Failure};
use crate::kind_guess::KindGuess;
use crate::reader::{Notes, ReadError, read_records};
use crate::terminal;
use detect::LoadReport;
use ingest::Kind;
use model::{Offset, Partition, Position, RawRecord, Topic};
use normalize::RawData;
use serde::Serialize;
use sigma::correlation::{Advance, CorrelationRule, Correlator, Entry, Firing, Lane, Linked, Options};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// When records of files count as received, milliseconds since the epoch: the end of 9999, so that none is from the
/// future.
const NEVER_BEFORE_MS: i64 = 253_402_300_799_000;

/// Memory for the matches of correlations, which wait for the last record.
const STATE_BYTES_MAX: usize = 512 << 20;

/// What a run over records comes to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    pub(super) events: u64,
    pub(super) dead_lettered: u64,
    /// Places of files that could not be read.
    pub(super) damaged: u64,
    pub(super) matches: u64,
    pub(super) matched_events: u64,
    pub(super) rules: usize,
    pub(super) wall_seconds: f64,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) events_per_second: f64,
}

/// Records through the engine, one after the other, with one thread.
pub(super) struct Matcher<'e> {
    engine: &'e Engine,
    scratch: Scratch,
    guess: KindGuess,
    kind: Option<&'e str>,
    correlations: Correlated,
    pub(super) tally: Tally,
}

/// What correlations make of the records: judged at the end, in the order of event time.
pub(super) struct Correlated {
    correlator: Correlator,
    /// The matches of the record in work.
    pub(super) entries: Vec<Entry>,
    firings: Vec<Firing>,
}

impl Correlated {
    /// `state_bytes_max` is the memory for matches, which wait for the last record.
    pub(super) fn new(engine: &Engine, state_bytes_max: usize) -> Self {
        let set = std::sync::Arc::clone(engine.detector().correlations().set());
        let options = Options { state_bytes_max, ..Options::default() };
        Self {
            correlator: Correlator::new(set, engine.feeds(), options),
            entries: Vec::new(),
            firings: Vec::new(),
        }
    }

    /// Hands over the matches of one record.
    pub(super) fn record(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        let now = Advance { now_ms: 0, until: None, marks: &[] };
        let entries = self.entries.drain(..).map(|entry| (Lane::Live, entry));
        self.correlator.advance(now, entries, &mut self.firings);
    }

    /// Judges, now that every record was seen; `on_firing` gets what raises a finding.
    pub(super) fn judge(&mut self, mut on_firing: impl FnMut(&Firing, &Linked)) {
        self.correlator.flush(&mut self.firings);
        let set = self.correlator.set();
        for firing in self.firings.drain(..) {
            if let Some(linked) = set.get(firing.correlation).filter(|linked| !linked.silent) {
                on_firing(&firing, linked);
            }
        }
    }

    /// Matches that were not weighed and groups that were forgotten, for the limit of memory.
    pub(super) fn left_out(&self) -> u64 {
        let counts = self.correlator.counts();
        counts.late + counts.evicted_groups
    }
}

impl<'e> Matcher<'e> {
    pub(super) fn new(engine: &'e Engine, kind: Option<&'e str>) -> Self {
        let detector = engine.detector();
        let rules = detector.rules().count() + detector.correlations().set().all().len();
        let tally = Tally { rules, ..Tally::default() };
        let correlations = Correlated::new(engine, STATE_BYTES_MAX);
        let scratch = Scratch::new(RawData::Exclude);
        Self { engine, scratch, guess: KindGuess::new(), kind, correlations, tally }
    }

    /// Judges correlations, now that every record was seen; `on_firing` gets the number of the record that completed
    /// each, and the rule.
    pub(super) fn correlate(&mut self, mut on_firing: impl FnMut(u64, &CorrelationRule)) {
        let matches = &mut self.tally.matches;
        self.correlations.judge(|firing, linked| {
            *matches += 1;
            on_firing(firing.last.at.1, &linked.rule);
        });
    }

    /// Runs one record; `on_match` gets the record's number, from 1, and each rule.
    pub(super) fn record(
        &mut self,
        body: &[u8],
        event_type: Option<&str>,
        mut on_match: impl FnMut(u64, &sigma::Rule),
    ) {
        self.tally.events += 1;
        let number = self.tally.events;
        let kind = self.kind.unwrap_or_else(|| self.guess.of(body));
        let record = RawRecord {
            source: kind,
            kind,
            event_type,
            delivery_id: None,
            region: "default",
            received_at_ms: NEVER_BEFORE_MS,
            body,
        };
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        let (mut matches, entries) = (0, &mut self.correlations.entries);
        let outcome = self.engine.process(
            &record,
            position,
            &mut self.scratch,
            |_| Wanted::EventAndRules,
            |_| (),
            |matched| {
                matched.entries(entries);
                if matched.is_silent() {
                    return;
                }
                matches += 1;
                if let Some(rule) = matched.rule() {
                    on_match(number, rule);
                }
            },
        );
        self.correlations.record();
        self.tally.dead_lettered += u64::from(outcome.is_err());
        self.tally.matches += matches;
        self.tally.matched_events += u64::from(matches > 0);
    }

    /// Notes how long it took, from the two clocks' readings at the start.
    pub(super) fn finish(mut self, started: Instant, cpu_before: Option<f64>) -> Tally {
        self.tally.wall_seconds = started.elapsed().as_secs_f64();
        self.tally.cpu_seconds = cpu_time::own_seconds().zip(cpu_before).map(|(now, before)| now - before);
        self.tally.events_per_second = self.tally.events as f64 / self.tally.wall_seconds.max(1e-9);
        self.tally
    }
}

/// Says that rules do not run, where any do not.
pub(super) fn note_refused(report: &LoadReport) {
    if !report.refused.is_empty() {
        let count = report.refused.len();
        terminal::note(format_args!("{count} rules refused; `huecry rules load` says why"));
    }
}

#[derive(Serialize)]
struct MatchLine<'a> {
    event: u64,
    rule_id: Option<&'a str>,
    title: &'a str,
    level: Option<sigma::Level>,
}

enum Stop {
    Unreadable(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

pub(super) fn run(
    rules: &[RuleFile],
    kind: Option<&str>,
    files: &[PathBuf],
    enrich: &EnrichConfig,
    json: bool,
) -> Result<Exit, Failure> {
    let (engine, report) = load_engine(rules)?;
    let engine = engine.with_enricher(enrichment::offline(enrich));
    note_refused(&report);
    let mut matcher = Matcher::new(&engine, kind);
    let mut out = terminal::stdout();
    let (started, cpu_before) = (Instant::now(), cpu_time::own_seconds());
    let mut unreadable = 0;
    let mut notes = Notes::default();
    for file in super::record_files(files)? {
        let envelope = Kind::of(kind.unwrap_or("aws_cloudtrail"));
        let read = read_records(&file, envelope, &mut |records| -> Result<(), Stop> {
            for record in records {
                matcher.record(record, None, |event, rule| {
                    let (rule_id, title) = (rule.id.as_deref(), rule.title.as_str());
                    let line = MatchLine { event, rule_id, title, level: rule.level };
                    // a closed pipe ends the output, not the count
                    let _ = serde_json::to_writer(&mut out, &line).map(|()| out.write_all(b"\n"));
                });
            }
            Ok(())
        });
        match read {
            Ok(of_file) => notes.add(of_file),
            Err(Stop::Unreadable(error)) => {
                unreadable += 1;
                terminal::note(format_args!("error: {error}"));
            }
        }
    }
    matcher.correlate(|event, rule| {
        let (rule_id, title) = (rule.id.as_deref(), rule.title.as_str());
        let line = MatchLine { event, rule_id, title, level: rule.level };
        let _ = serde_json::to_writer(&mut out, &line).map(|()| out.write_all(b"\n"));
    });
    let _ = out.flush();
    super::say(&notes);
    matcher.tally.damaged = notes.damage.count;
    let tally = matcher.finish(started, cpu_before);
    summary(&tally, json);
    Ok(if unreadable == 0 { Exit::Done } else { Exit::Faults })
}

fn summary(tally: &Tally, json: bool) {
    if json {
        terminal::note(serde_json::to_string(tally).unwrap_or_default());
        return;
    }
    let cpu = tally.cpu_seconds.map(|s| format!("{s:.2}")).unwrap_or_else(|| "unknown".to_owned());
    terminal::note(format_args!(
        "{} events, {} matches on {} events by {} rules, {} dead-lettered; {:.0} events/s, {cpu} CPU seconds",
        tally.events,
        tally.matches,
        tally.matched_events,
        tally.rules,
        tally.dead_lettered,
        tally.events_per_second
    ));
}
