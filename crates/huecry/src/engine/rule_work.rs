//! What people who write rules ask of the engine; nothing of it is on the way of events.

use super::{Engine, Scratch};
use crate::kind_guess::KindGuess;
use detect::{CorrelationMutations, Hit, Reading, RuleMutations, RuleReach, Vocabulary};
use model::RawRecord;
use normalize::{LogsourceId, RawData};
use sigma::{Explanation, RuleIndex, RuleTest};
use std::cell::RefCell;
use std::collections::HashMap;

impl Engine {
    /// Calls `work` with what rules are read by outside the pipeline.
    pub(super) fn reading<T>(&self, work: impl FnOnce(&Reading<'_>) -> T) -> T {
        let guess = RefCell::new((KindGuess::new(), Scratch::new(RawData::Exclude)));
        work(&Reading {
            vendor_fields: &self.record_fields,
            ocsf_fields: &self.event_fields,
            event_log: &self.event_log,
            vocabulary_of: &|rule| self.vocabulary_of(rule),
            may_be_for: &|hit, record| {
                // nothing within asks again
                let Ok(mut guess) = guess.try_borrow_mut() else { return true };
                let (kinds, scratch) = &mut *guess;
                kinds.told(record).is_none_or(|kind| self.may_be_for(hit, kind, record, scratch))
            },
        })
    }

    /// Whether a record of a kind can have a logsource that the rule is for. Tests show parts of records: it may lack what
    /// an event requires, and of one that no mapping reads every logsource of the kind counts.
    fn may_be_for(&self, hit: Hit, kind: &str, body: &[u8], scratch: &mut Scratch) -> bool {
        let (source, region) = (kind, "default");
        let (event_type, delivery_id, received_at_ms) = (None, None, 0);
        let record = RawRecord { source, kind, event_type, delivery_id, region, received_at_ms, body };
        let is_it = |rule: RuleIndex| rule == hit.index;
        let has = |logsource: LogsourceId| match self.routes.get(usize::from(logsource.0)) {
            Some(Some(fixed)) => fixed.vendor_rules().any(is_it),
            // its channel says which
            Some(None) => self.event_log.iter().any(|routes| routes.vendor_rules().any(is_it)),
            None => false,
        };
        let Scratch { decoded, record_tape, .. } = scratch;
        let fitting = self.parse(&record, decoded, record_tape);
        match fitting.and_then(|view| self.normalizer().fitting_logsources(&record, &view)) {
            Ok(logsources) => logsources.into_iter().any(has),
            Err(_) => self.normalizer().logsources_of(kind).any(has),
        }
    }

    /// Judges the tests of a rule; `None` for another engine's.
    pub fn mutate_rule(&self, hit: Hit) -> Option<RuleMutations> {
        self.reading(|reading| self.detector.mutate(hit, reading))
    }

    /// Judges the tests of the correlation at a place of the set; `None` where there is none.
    pub fn mutate_correlation(&self, correlation: usize) -> Option<CorrelationMutations> {
        self.reading(|reading| self.detector.mutate_correlation(correlation, reading))
    }

    /// Why a rule's own test ended as it did.
    ///
    /// # Errors
    /// Why the test's event is none.
    pub fn explain_test(&self, hit: Hit, test: &RuleTest) -> Result<Explanation, String> {
        self.reading(|reading| self.detector.explain_test(hit, test, reading))
    }

    /// Every rule and correlation with the kinds of record that it sees; [`detect::ANY_SOURCE`] for rules on normalized events.
    pub fn rule_reach(&self) -> Vec<RuleReach<'_>> {
        let mut kinds_of: HashMap<RuleIndex, Vec<&str>> = HashMap::new();
        for kind in self.normalizer().kinds() {
            for logsource in self.normalizer().logsources_of(kind) {
                let rules: Vec<RuleIndex> = match self.routes.get(usize::from(logsource.0)) {
                    Some(Some(fixed)) => fixed.vendor_rules().collect(),
                    Some(None) => self.event_log.iter().flat_map(detect::Routes::vendor_rules).collect(),
                    None => Vec::new(),
                };
                for rule in rules {
                    let kinds = kinds_of.entry(rule).or_default();
                    if !kinds.contains(&kind) {
                        kinds.push(kind);
                    }
                }
            }
        }
        let kinds = |hit: Hit| match hit.vocabulary {
            Vocabulary::Ocsf => vec![detect::ANY_SOURCE],
            Vocabulary::Vendor => kinds_of.get(&hit.index).cloned().unwrap_or_default(),
        };
        let rules: Vec<(Hit, RuleReach<'_>)> =
            self.detector.rules().map(|(hit, rule)| (hit, RuleReach::of_rule(rule, kinds(hit)))).collect();
        let all = self.detector.correlations().set().all();
        let correlations: Vec<RuleReach<'_>> = all
            .iter()
            .enumerate()
            .map(|(at, linked)| {
                let bases = self.detector.rules_of_correlation(at);
                let of = rules.iter().filter(|(hit, _)| bases.contains(hit)).map(|(_, reach)| reach);
                RuleReach::of_correlation(&linked.rule, &of.collect::<Vec<_>>())
            })
            .collect();
        rules.into_iter().map(|(_, reach)| reach).chain(correlations).collect()
    }
}
