//! Mutation testing of rules: would a rule's tests notice if the rule were wrong?
//!
//! Each change of a rule ([`sigma::mutations`]) is run against the rule's tests. A change that a test notices is
//! *killed*. For one that none notices, events are searched for that tell it from the rule ([`probe`]): with one, the
//! change has *survived*, and the event is the test that should exist; without, it is reported as *equivalent as far
//! as was searched*, and does not count in the score. Where a whole part of the rule is gone and nothing tells that apart,
//! it has survived all the same: the part is needless, or nobody showed what it is for. Only the changes of one rule are
//! compiled at a time.

use crate::detector::{Detector, Hit};
use crate::reading::{Known, Read, Reading};
use model::Tape;
use probe::{Bases, Change, Probe};
use sigma::{MatchScratch, Mutation, Operator, Rule, RuleIndex, RuleSet};
use std::ops::ControlFlow;

mod probe;
mod samples;
mod together;

pub use probe::FieldChange;

/// Changes compiled at a time.
const COMPILED_MUTATIONS_MAX: usize = 64;
/// Events tried, for all changes compiled at a time together, with one thing of the event changed.
const PLAIN_PROBES_MAX: usize = 4_000;
/// Events tried, for each change that is left, with two things of the event changed.
const PAIRED_PROBES_MAX: usize = 2_000;

/// What a rule's tests are worth.
#[derive(Debug, Clone)]
pub struct RuleMutations {
    /// The rule.
    pub rule: Hit,
    /// Whether its tests could be judged.
    pub standing: Standing,
    /// Changes that a test notices.
    pub killed: usize,
    /// Changes that no test notices, though one could; and parts of the rule that nothing shows to be needed.
    pub survivors: Vec<Survivor>,
    /// Other changes that no event was found to tell from the rule.
    pub equivalent: Vec<Mutation>,
    /// Changes past [`sigma::limits::MUTATIONS_PER_RULE_MAX`], which were not made.
    pub left_out: usize,
}

/// Whether a rule's tests could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They were.
    Judged,
    /// It has none.
    Untested,
    /// They fail on the rule itself, so nothing follows from them.
    Failing,
}

/// A change that no test notices.
#[derive(Debug, Clone)]
pub struct Survivor {
    /// The change.
    pub mutation: Mutation,
    /// The test that would notice it; `None` where none was found for a part of the rule that is gone.
    pub missing: Option<MissingTest>,
}

/// A test that a rule should have.
#[derive(Debug, Clone)]
pub struct MissingTest {
    /// The rule's test whose event it begins with; none: an empty event.
    pub like: Option<String>,
    /// What is different in its event.
    pub changes: Vec<FieldChange>,
    /// The event.
    pub event: serde_json::Value,
    /// What the rule says of it.
    pub matches: bool,
}

impl RuleMutations {
    /// Killed changes in percent of those that an event can tell from the rule; `None` where there is none of those
    /// or the tests fail.
    pub fn score(&self) -> Option<f64> {
        let told_apart = self.killed + self.survivors.len();
        (told_apart > 0 && self.standing != Standing::Failing)
            .then(|| 100.0 * self.killed as f64 / told_apart as f64)
    }
}

/// A few changed rules, compiled beside the rule itself.
struct Compiled<'r> {
    set: RuleSet,
    /// Of each rule of the set but the first, in order.
    mutations: Vec<&'r Mutation>,
}

/// The rule itself, in a compiled set.
const ITSELF: RuleIndex = RuleIndex(0);

impl<'r> Compiled<'r> {
    /// A change that gives no rule is left out: a tool that refuses it would have told its author.
    fn new(rule: &Rule, mutations: &'r [Mutation], interner: &mut Known<'_>) -> Self {
        let mut rules = vec![Rule { title: String::new(), tests: Vec::new(), ..rule.clone() }];
        for (at, mutation) in mutations.iter().enumerate() {
            // the title says later which of them were compiled
            rules.extend(mutation.of(rule).map(|changed| Rule { title: at.to_string(), ..changed }));
        }
        let (set, _) = RuleSet::compile(rules, interner);
        let kept =
            set.rules().iter().skip(1).filter_map(|rule| mutations.get(rule.title.parse::<usize>().ok()?));
        let mutations = kept.collect();
        Self { set, mutations }
    }
}

impl Detector {
    /// Judges the tests of one rule; `None` for another detector's hit.
    pub fn mutate(&self, hit: Hit, reading: &Reading<'_>) -> Option<RuleMutations> {
        let rule = self.rule(hit)?;
        let found = sigma::mutations(rule);
        let mut judged = RuleMutations {
            rule: hit,
            standing: if rule.tests.is_empty() { Standing::Untested } else { Standing::Judged },
            killed: 0,
            survivors: Vec::new(),
            equivalent: Vec::new(),
            left_out: found.left_out,
        };
        let mut judge = Judge {
            hit,
            rule,
            reading,
            bases: Bases::of(rule),
            tape: Tape::new(),
            scratch: MatchScratch::default(),
        };
        for mutations in found.list.chunks(COMPILED_MUTATIONS_MAX) {
            let compiled = Compiled::new(rule, mutations, &mut Known(reading.fields(hit.vocabulary)));
            if !judge.tests_pass(&compiled) {
                return Some(RuleMutations { standing: Standing::Failing, ..judged });
            }
            judge.run(&compiled, &mut judged);
        }
        Some(judged)
    }
}

/// Runs changed rules of one rule over events.
struct Judge<'j, 'r> {
    hit: Hit,
    rule: &'j Rule,
    reading: &'j Reading<'r>,
    bases: Bases,
    tape: Tape,
    scratch: MatchScratch,
}

impl Judge<'_, '_> {
    /// Which rules of a set match an event; empty where it is none. None does where the event is no record that the rule
    /// is for; of an event that all of them match, or none, that is not asked, since it tells nothing apart.
    fn probed(&mut self, set: &RuleSet, event: &serde_json::Value, wanted: &[RuleIndex]) -> Vec<bool> {
        let (mut outcomes, is_for_rule, record) = self.held(set, event, wanted);
        let is_told_apart = outcomes.iter().any(|matched| Some(matched) != outcomes.first());
        if is_told_apart && !(is_for_rule && self.reading.is_of_its_kind(self.hit, record.as_bytes())) {
            outcomes.fill(false);
        }
        outcomes
    }

    /// The same of a test's event, where every outcome counts.
    fn outcomes(&mut self, set: &RuleSet, event: &serde_json::Value, wanted: &[RuleIndex]) -> Vec<bool> {
        let (mut outcomes, is_for_rule, record) = self.held(set, event, wanted);
        let any = outcomes.contains(&true);
        if any && !(is_for_rule && self.reading.is_of_its_kind(self.hit, record.as_bytes())) {
            outcomes.fill(false);
        }
        outcomes
    }

    /// Which detections hold, whether its channel says that the rule sees it, and the event as a record.
    fn held(
        &mut self,
        set: &RuleSet,
        event: &serde_json::Value,
        wanted: &[RuleIndex],
    ) -> (Vec<bool>, bool, String) {
        let record = event.to_string();
        let (outcomes, is_for_rule) =
            match self.reading.read((self.hit, self.rule), record.as_bytes(), &mut self.tape) {
                Ok(Read { seen, is_for_rule }) => {
                    let held = wanted.iter().map(|index| set.matches_rule(*index, &seen, &mut self.scratch));
                    (held.collect(), is_for_rule)
                }
                Err(_) => (Vec::new(), false),
            };
        (outcomes, is_for_rule, record)
    }

    fn tests_pass(&mut self, compiled: &Compiled<'_>) -> bool {
        let rule = self.rule;
        rule.tests.iter().all(|test| self.outcomes(&compiled.set, &test.event, &[ITSELF]) == [test.matches])
    }

    fn run(&mut self, compiled: &Compiled<'_>, judged: &mut RuleMutations) {
        let mut alive: Vec<RuleIndex> = (1..=compiled.mutations.len() as u32).map(RuleIndex).collect();
        let rule = self.rule;
        for test in &rule.tests {
            let outcomes = self.outcomes(&compiled.set, &test.event, &alive);
            let mut outcomes = outcomes.into_iter();
            alive.retain(|_| outcomes.next().is_none_or(|matched| matched == test.matches));
        }
        judged.killed += compiled.mutations.len() - alive.len();
        let mut missing = self.probe_all(compiled, &mut alive);
        for index in alive {
            missing.push((index, self.probe_pairs(compiled, index)));
        }
        missing.sort_by_key(|(index, _)| *index);
        for (index, missing) in missing {
            let Some(&mutation) = compiled.mutations.get(index.0 as usize - 1) else { continue };
            match missing {
                None if !takes_a_part(mutation.operator) => judged.equivalent.push(mutation.clone()),
                missing => judged.survivors.push(Survivor { mutation: mutation.clone(), missing }),
            }
        }
    }

    /// Tries events with one thing changed on all that are alive, and takes out those told from the rule.
    fn probe_all(
        &mut self,
        compiled: &Compiled<'_>,
        alive: &mut Vec<RuleIndex>,
    ) -> Vec<(RuleIndex, Option<MissingTest>)> {
        let mut told = Vec::new();
        let bases = std::mem::take(&mut self.bases);
        let mut left = PLAIN_PROBES_MAX;
        let _ = bases.each(&mut |probe| {
            if alive.is_empty() || left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            let event = probe.event();
            let wanted: Vec<RuleIndex> = std::iter::once(ITSELF).chain(alive.iter().copied()).collect();
            let outcomes = self.probed(&compiled.set, &event, &wanted);
            let Some((&matches, others)) = outcomes.split_first() else { return ControlFlow::Continue(()) };
            let apart = |at: usize| others.get(at).is_some_and(|outcome| *outcome != matches);
            let mut at = 0;
            alive.retain(|index| {
                let is_apart = apart(at);
                at += 1;
                if is_apart {
                    told.push((*index, Some(missing_test(&probe, event.clone(), matches))));
                }
                !is_apart
            });
            ControlFlow::Continue(())
        });
        self.bases = bases;
        told
    }

    /// Tries events with two things changed, one of them on a field that the change bears on.
    fn probe_pairs(&mut self, compiled: &Compiled<'_>, index: RuleIndex) -> Option<MissingTest> {
        let mutation = compiled.mutations.get(index.0 as usize - 1)?;
        let bases = std::mem::take(&mut self.bases);
        let bears = |change: &Change| change.touches(&mutation.fields);
        let (mut left, mut told) = (PAIRED_PROBES_MAX, None);
        let _ = bases.each_pair(&bears, &mut |probe| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            let event = probe.event();
            match self.probed(&compiled.set, &event, &[ITSELF, index]).as_slice() {
                [own, other] if own != other => {
                    told = Some(missing_test(&probe, event, *own));
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        });
        self.bases = bases;
        told
    }
}

/// Whether the change takes a selection, a filter, an alternative or a condition out of the rule.
const fn takes_a_part(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::DropSelection | Operator::DropFilter | Operator::DropAlternative | Operator::DropCondition
    )
}

fn missing_test(probe: &Probe<'_>, event: serde_json::Value, matches: bool) -> MissingTest {
    MissingTest { like: probe.like.map(str::to_owned), changes: probe.changes(), event, matches }
}
