//! Mutation testing of correlations: would a correlation's tests notice if it were wrong?
//!
//! Each change ([`sigma::correlation::mutations`]) is linked in the correlation's place and shown the series of its
//! tests. A test tells the two apart where the changed one ends otherwise than the test says. No series are searched for
//! that would: a threshold, a timespan, a group always have one, so that what no test kills has survived.

use crate::correlation_tests::Bench;
use crate::correlations::Correlations;
use crate::detector::Detector;
use crate::mutation::Standing;
use crate::reading::{Known, Reading};
use sigma::correlation::{CorrelationMutation, CorrelationRule, mutations};
use std::collections::{BTreeSet, HashSet};

/// What a correlation's tests are worth.
#[derive(Debug, Clone)]
pub struct CorrelationMutations {
    /// Its place in [`Correlations::set`].
    pub correlation: usize,
    /// Whether its tests could be judged.
    pub standing: Standing,
    /// Changes that a test notices.
    pub killed: usize,
    /// Changes that no test notices.
    pub survivors: Vec<CorrelationMutation>,
    /// Changes that give no correlation, such as one whose condition names a rule that is gone.
    pub refused: usize,
}

impl CorrelationMutations {
    /// Killed changes in percent; `None` where there are none or the tests fail.
    pub fn score(&self) -> Option<f64> {
        let made = self.killed + self.survivors.len();
        (made > 0 && self.standing != Standing::Failing).then(|| 100.0 * self.killed as f64 / made as f64)
    }
}

impl Detector {
    /// Judges the tests of the correlation at a place of the set; `None` where there is none. `reading` has the tables
    /// that the rules were loaded with.
    pub fn mutate_correlation(
        &self,
        correlation: usize,
        reading: &Reading<'_>,
    ) -> Option<CorrelationMutations> {
        let linked = self.correlations().set().get(correlation)?;
        let rule = &linked.rule;
        let mut judged = CorrelationMutations {
            correlation,
            standing: if rule.tests.is_empty() { Standing::Untested } else { Standing::Judged },
            killed: 0,
            survivors: Vec::new(),
            refused: 0,
        };
        if !self.end_as_said(self.correlations(), correlation, rule, reading) {
            return Some(CorrelationMutations { standing: Standing::Failing, ..judged });
        }
        // two changes with one meaning would count one gap of the tests twice
        let mut meanings = HashSet::from([linked.hash]);
        for mutation in mutations(rule) {
            let Some((changed, place)) = self.with_changed(correlation, &mutation.changed, reading) else {
                judged.refused += 1;
                continue;
            };
            let is_new = changed.set().get(place).is_some_and(|changed| meanings.insert(changed.hash));
            if !is_new {
                continue;
            }
            if self.end_as_said(&changed, place, rule, reading) {
                judged.survivors.push(mutation);
            } else {
                judged.killed += 1;
            }
        }
        Some(judged)
    }

    /// A changed correlation with those that it is made of, and the place where it stands; `None` where it is refused.
    fn with_changed(
        &self,
        correlation: usize,
        changed: &CorrelationRule,
        reading: &Reading<'_>,
    ) -> Option<(Correlations, usize)> {
        let mut below = BTreeSet::new();
        self.correlations().correlations_below(correlation, &mut below);
        let rules = below.into_iter().filter_map(|at| {
            let linked = self.correlations().set().get(at)?;
            let rule = if at == correlation { changed } else { &linked.rule };
            Some(CorrelationRule { tests: Vec::new(), ..rule.clone() })
        });
        let interners: [&mut dyn sigma::FieldInterner; 2] =
            [&mut Known(reading.vendor_fields), &mut Known(reading.ocsf_fields)];
        let sets = [&self.vendor, &self.ocsf];
        let (correlations, _) = self.correlations().link_again(rules.collect(), sets, interners);
        let is_it = |rule: &CorrelationRule| (&rule.file, rule.line) == (&changed.file, changed.line);
        let place = correlations.set().all().iter().position(|linked| is_it(&linked.rule))?;
        Some((correlations, place))
    }

    /// Whether every test of `rule` ends as it says, with the correlation at a place of these.
    fn end_as_said(
        &self,
        correlations: &Correlations,
        place: usize,
        rule: &CorrelationRule,
        reading: &Reading<'_>,
    ) -> bool {
        let mut bench = Bench::new(self, correlations, reading);
        rule.tests.iter().all(|test| bench.run(place, test).is_ok_and(|series| series.fired == test.matches))
    }
}
