//! A correlation's own tests: series of events, and whether it must fire.

use crate::correlations::Correlations;
use crate::detector::{Detector, Hit, Scratch};
use crate::reading::Reading;
use crate::rule_tests::RuleTestResult;
use model::Tape;
use sigma::Rule;
use sigma::correlation::{Correlator, Entry, EventRef, Feeds, Lane, Options, SeriesTest};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One test of one correlation.
#[derive(Debug, Clone)]
pub struct SeriesTestOutcome {
    /// The correlation's place in [`crate::Correlations::set`].
    pub correlation: usize,
    /// The test's name.
    pub name: String,
    /// Its line in the rule's file.
    pub line: u32,
    /// Whether the correlation must fire.
    pub matches: bool,
    /// How it ended.
    pub result: RuleTestResult,
}

/// How records are read, and the buffers for it.
pub(crate) struct Bench<'a, 'r> {
    detector: &'a Detector,
    /// The detector's, or its with one thing changed.
    correlations: &'a Correlations,
    reading: &'a Reading<'r>,
    tape: Tape,
    scratch: Scratch,
}

/// What came of a series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Series {
    /// Whether the correlation fired.
    pub(crate) fired: bool,
    /// Whether a rule would have matched a record that it is not for.
    has_strangers: bool,
}

impl Series {
    fn result(self, must_fire: bool) -> RuleTestResult {
        RuleTestResult::of(must_fire, self.fired, self.fired || self.has_strangers)
    }
}

impl Detector {
    /// Runs the tests of every correlation. Each event of a series is shown to the rules that the correlation, or one that
    /// it names, takes matches of.
    pub fn run_series_tests(&self, reading: &Reading<'_>) -> Vec<SeriesTestOutcome> {
        let mut bench = Bench::new(self, &self.correlations, reading);
        let mut outcomes = Vec::new();
        for (correlation, linked) in self.correlations.set().all().iter().enumerate() {
            for test in &linked.rule.tests {
                let result = match bench.run(correlation, test) {
                    Ok(series) => series.result(test.matches),
                    Err(reason) => RuleTestResult::Invalid { reason },
                };
                outcomes.push(SeriesTestOutcome {
                    correlation,
                    name: test.name.clone(),
                    line: test.line,
                    matches: test.matches,
                    result,
                });
            }
        }
        outcomes
    }

    /// The rules whose matches the correlation at this place of the set takes, also by way of others.
    pub fn rules_of_correlation(&self, correlation: usize) -> Vec<Hit> {
        let mut below = BTreeSet::new();
        self.correlations.bases_below(correlation, &mut below);
        below.into_iter().map(|base| self.correlations.hit(base)).collect()
    }
}

impl<'a, 'r> Bench<'a, 'r> {
    pub(crate) fn new(
        detector: &'a Detector,
        correlations: &'a Correlations,
        reading: &'a Reading<'r>,
    ) -> Self {
        let (tape, scratch) = (Tape::new(), Scratch::default());
        Bench { detector, correlations, reading, tape, scratch }
    }

    /// What the correlation at a place makes of the series.
    pub(crate) fn run(&mut self, correlation: usize, test: &SeriesTest) -> Result<Series, String> {
        let set = self.correlations.set();
        let mut below = BTreeSet::new();
        self.correlations.bases_below(correlation, &mut below);
        let options = Options { state_bytes_max: usize::MAX, ..Options::default() };
        let mut correlator = Correlator::new(Arc::clone(set), Feeds::default(), options);
        let (mut firings, mut entries, mut number) = (Vec::new(), Vec::new(), 0_u64);
        let mut has_strangers = false;
        for event in &test.events {
            for repetition in 0..event.repeat {
                let record = event.instance(repetition).to_string();
                let mut id = [0; 16];
                id[8..].copy_from_slice(&number.to_be_bytes());
                let time_ms = event.at_ms + event.every_ms * i64::from(repetition);
                let event_ref = EventRef { time_ms, id, at: (0, number) };
                number += 1;
                for base in &below {
                    let hit = self.correlations.hit(*base);
                    let Some(rule) = self.detector.rule(hit) else { continue };
                    let is_for = |source: &sigma::Logsource| rule.logsource.applies_to(source);
                    if event.logsource.as_ref().is_none_or(is_for) {
                        has_strangers |= !self.entries((hit, rule), &record, event_ref, &mut entries)?;
                    }
                }
            }
        }
        let now = sigma::correlation::Advance { now_ms: 0, until: None, marks: &[] };
        correlator.advance(now, entries.into_iter().map(|entry| (Lane::Live, entry)), &mut firings);
        correlator.flush(&mut firings);
        let fired = firings.iter().any(|firing| firing.correlation == correlation);
        Ok(Series { fired, has_strangers })
    }

    /// Appends the matches that a record is by way of one rule; false where it would be one and the rule is not for it.
    fn entries(
        &mut self,
        (hit, rule): (Hit, &Rule),
        record: &str,
        event: EventRef,
        out: &mut Vec<Entry>,
    ) -> Result<bool, String> {
        let read = self.reading.read((hit, rule), record.as_bytes(), &mut self.tape)?;
        if !self.detector.holds(hit, &read.seen, &mut self.scratch) {
            return Ok(true);
        }
        let is_seen = read.is_for_rule && self.reading.is_of_its_kind(hit, record.as_bytes());
        if is_seen {
            self.correlations.entries(hit, &read.seen, event, out);
        }
        Ok(is_seen)
    }
}
