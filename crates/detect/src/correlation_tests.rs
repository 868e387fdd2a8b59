//! A correlation's own tests: series of events, and whether it must fire.

use crate::correlations::Correlations;
use crate::detector::{Detector, Hit, Scratch, Vocabulary as Names};
use crate::routes::EventLogRoutes;
use crate::rule_tests::RuleTestResult;
use crate::view::Seen;
use model::{FieldTable, Tape, Vocabulary};
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
    /// How it ended.
    pub result: RuleTestResult,
}

/// How records are read, and the buffers for it.
pub(crate) struct Bench<'a, F> {
    detector: &'a Detector,
    /// The detector's, or its with one thing changed.
    correlations: &'a Correlations,
    vendor_fields: &'a FieldTable,
    ocsf_fields: &'a FieldTable,
    event_log: &'a EventLogRoutes,
    vocabulary_of: F,
    tape: Tape,
    scratch: Scratch,
}

impl Detector {
    /// Runs the tests of every correlation, with the tables that the rules were loaded with. Each event of a series is
    /// shown to the rules that the correlation, or one that it names, takes matches of.
    pub fn run_series_tests<'v>(
        &self,
        vendor_fields: &FieldTable,
        ocsf_fields: &FieldTable,
        event_log: &EventLogRoutes,
        vocabulary_of: impl Fn(&Rule) -> Option<&'v Vocabulary>,
    ) -> Vec<SeriesTestOutcome> {
        let tables = [vendor_fields, ocsf_fields];
        let mut bench = Bench::new(self, &self.correlations, tables, event_log, vocabulary_of);
        let mut outcomes = Vec::new();
        for (correlation, linked) in self.correlations.set().all().iter().enumerate() {
            for test in &linked.rule.tests {
                let result = match bench.fires(correlation, test) {
                    Ok(fired) if fired == test.matches => RuleTestResult::Passed,
                    Ok(matched) => RuleTestResult::Failed { matched },
                    Err(reason) => RuleTestResult::Invalid { reason },
                };
                outcomes.push(SeriesTestOutcome {
                    correlation,
                    name: test.name.clone(),
                    line: test.line,
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

impl<'a, 'v, F: Fn(&Rule) -> Option<&'v Vocabulary>> Bench<'a, F> {
    pub(crate) fn new(
        detector: &'a Detector,
        correlations: &'a Correlations,
        [vendor_fields, ocsf_fields]: [&'a FieldTable; 2],
        event_log: &'a EventLogRoutes,
        vocabulary_of: F,
    ) -> Self {
        let (tape, scratch) = (Tape::new(), Scratch::default());
        Bench { detector, correlations, vendor_fields, ocsf_fields, event_log, vocabulary_of, tape, scratch }
    }

    /// Whether the correlation at a place fires in the series.
    pub(crate) fn fires(&mut self, correlation: usize, test: &SeriesTest) -> Result<bool, String> {
        let set = self.correlations.set();
        let mut below = BTreeSet::new();
        self.correlations.bases_below(correlation, &mut below);
        let options = Options { state_bytes_max: usize::MAX, ..Options::default() };
        let mut correlator = Correlator::new(Arc::clone(set), Feeds::default(), options);
        let (mut firings, mut entries, mut number) = (Vec::new(), Vec::new(), 0_u64);
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
                        self.entries(hit, rule, &record, event_ref, &mut entries)?;
                    }
                }
            }
        }
        let now = sigma::correlation::Advance { now_ms: 0, until: None, marks: &[] };
        correlator.advance(now, entries.into_iter().map(|entry| (Lane::Live, entry)), &mut firings);
        correlator.flush(&mut firings);
        Ok(firings.iter().any(|firing| firing.correlation == correlation))
    }

    /// Appends the matches that a record is by way of one rule.
    fn entries(
        &mut self,
        hit: Hit,
        rule: &Rule,
        record: &str,
        event: EventRef,
        out: &mut Vec<Entry>,
    ) -> Result<(), String> {
        let (fields, names, scratch) = match hit.vocabulary {
            Names::Vendor => (self.vendor_fields, (self.vocabulary_of)(rule), &mut self.scratch.vendor),
            Names::Ocsf => (self.ocsf_fields, None, &mut self.scratch.ocsf),
        };
        let view = self.tape.parse_as(fields, names, record.as_bytes()).map_err(|error| error.to_string())?;
        let renames = match hit.vocabulary {
            Names::Vendor => self.event_log.of(&view).names_for(hit.index),
            Names::Ocsf => None,
        };
        let seen = renames.map_or(Seen::plain(view), |names| Seen::renamed(view, names));
        if self.detector.set(hit.vocabulary).matches_rule(hit.index, &seen, scratch) {
            self.correlations.entries(hit, &seen, event, out);
        }
        Ok(())
    }
}
