//! Rules compiled into one program, and the program run over events.

use std::collections::HashMap;
use std::ops::ControlFlow;

use foldhash::fast::FixedState;

use crate::error::RuleError;
use crate::logsource::Logsource;
use crate::predicate::{Form, Predicate};
use crate::program::{Builder, Node, NodeId, Program, RuleProgram};
use crate::rule::Rule;
use crate::scratch::MatchScratch;
use crate::value::{EventView, FieldInterner};

/// A rule of a [`RuleSet`], by its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub u32);

/// Compiled rules. Immutable: share it between threads, each with its own [`MatchScratch`].
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) rules: Vec<Rule>,
    pub(crate) programs: Vec<RuleProgram>,
    pub(crate) program: Program,
}

/// The rules for one kind of source, with an index by the values they require. Made once per
/// source by [`RuleSet::route`]; good only for the set that made it.
#[derive(Clone, Debug)]
pub struct Route {
    rules: Vec<RuleIndex>,
    indexes: Vec<ValueIndex>,
    /// Rules that no index finds: they are tried on every event.
    unindexed: Vec<u32>,
}

/// Rules by a value that the event must have in one field.
#[derive(Clone, Debug)]
struct ValueIndex {
    slot: u32,
    rules: HashMap<String, Vec<u32>, FixedState>,
}

impl Route {
    /// The rules of the route, in the order of the set.
    pub fn rules(&self) -> &[RuleIndex] {
        &self.rules
    }

    /// How many of the rules are tried on every event, because no equality on a field is
    /// necessary for them.
    pub fn unindexed_rules(&self) -> usize {
        self.unindexed.len()
    }
}

impl RuleSet {
    /// Compiles rules over the caller's fields. A rule that cannot be compiled is left out and
    /// reported; the order of the others is kept.
    pub fn compile(rules: Vec<Rule>, interner: &mut impl FieldInterner) -> (RuleSet, Vec<RuleError>) {
        let mut builder = Builder::new(interner);
        let (mut kept, mut programs, mut errors) = (Vec::with_capacity(rules.len()), Vec::new(), Vec::new());
        for rule in rules {
            match builder.add(&rule) {
                Ok(program) => {
                    programs.push(program);
                    kept.push(rule);
                }
                Err(fault) => errors.push(fault.in_file(&rule.file)),
            }
        }
        (RuleSet { rules: kept, programs, program: builder.program }, errors)
    }

    /// Every rule, by [`RuleIndex`].
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// One rule; `None` for an index of another set.
    pub fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index.0 as usize)
    }

    /// How many distinct predicates the rules ask.
    pub fn predicate_count(&self) -> usize {
        self.program.predicates.len()
    }

    /// The rules that apply to events of a source (see [`Logsource::applies_to`]).
    pub fn route(&self, source: &Logsource) -> Route {
        self.route_where(|rule| rule.logsource.applies_to(source))
    }

    /// The rules that the caller picks.
    pub fn route_where(&self, wanted: impl Fn(&Rule) -> bool) -> Route {
        let picked = self.rules.iter().zip(0_u32..).filter(|(rule, _)| wanted(rule));
        self.route_of(picked.map(|(_, index)| index).collect())
    }

    /// A route over every rule, whatever its logsource: for tests of rules in isolation.
    pub fn route_all(&self) -> Route {
        self.route_of((0..self.rules.len() as u32).collect())
    }

    fn route_of(&self, rules: Vec<u32>) -> Route {
        let selectivity = self.selectivity(&rules);
        let mut indexes: Vec<ValueIndex> = Vec::new();
        let mut unindexed = Vec::new();
        for &rule in &rules {
            let guards = self.programs.get(rule as usize).map_or(&[][..], |program| &program.guards);
            let best = guards.iter().max_by_key(|guard| {
                (selectivity.get(&guard.slot).copied().unwrap_or(0), std::cmp::Reverse(guard.slot))
            });
            let Some(guard) = best else {
                unindexed.push(rule);
                continue;
            };
            let at = indexes.iter().position(|index| index.slot == guard.slot).unwrap_or_else(|| {
                indexes.push(ValueIndex { slot: guard.slot, rules: HashMap::default() });
                indexes.len() - 1
            });
            if let Some(index) = indexes.get_mut(at) {
                for text in &guard.texts {
                    index.rules.entry(text.clone()).or_default().push(rule);
                }
            }
        }
        Route { rules: rules.into_iter().map(RuleIndex).collect(), indexes, unindexed }
    }

    /// Distinct values that the rules' guards ask of each slot: the more there are, the fewer
    /// rules one event touches through an index on it.
    fn selectivity(&self, rules: &[u32]) -> HashMap<u32, usize, FixedState> {
        let mut values: HashMap<u32, Vec<&str>, FixedState> = HashMap::default();
        for program in rules.iter().filter_map(|rule| self.programs.get(*rule as usize)) {
            for guard in &program.guards {
                values.entry(guard.slot).or_default().extend(guard.texts.iter().map(String::as_str));
            }
        }
        values
            .into_iter()
            .map(|(slot, mut texts)| {
                texts.sort_unstable();
                texts.dedup();
                (slot, texts.len())
            })
            .collect()
    }

    /// Runs a route over an event and calls `hit` for each rule that matches, in the order of the
    /// set. Does not allocate once the scratch has grown.
    pub fn matches(
        &self,
        route: &Route,
        view: &impl EventView,
        scratch: &mut MatchScratch,
        hit: &mut impl FnMut(RuleIndex),
    ) {
        let mut run = Run::begin(&self.program, view, scratch);
        run.collect_candidates(route);
        let mut candidates = std::mem::take(&mut run.scratch.candidates);
        for &rule in &candidates {
            if self.programs.get(rule as usize).is_some_and(|program| run.node(program.root)) {
                hit(RuleIndex(rule));
            }
        }
        candidates.clear();
        run.scratch.candidates = candidates;
    }

    /// Whether one rule matches an event, whatever its logsource. `false` for an index of another
    /// set.
    pub fn matches_rule(&self, rule: RuleIndex, view: &impl EventView, scratch: &mut MatchScratch) -> bool {
        let mut run = Run::begin(&self.program, view, scratch);
        self.programs.get(rule.0 as usize).is_some_and(|program| run.node(program.root))
    }
}

/// One run over one event.
pub(crate) struct Run<'a, V> {
    pub(crate) program: &'a Program,
    pub(crate) view: &'a V,
    pub(crate) scratch: &'a mut MatchScratch,
}

impl<'a, V: EventView> Run<'a, V> {
    pub(crate) fn begin(program: &'a Program, view: &'a V, scratch: &'a mut MatchScratch) -> Self {
        scratch.begin(program.predicates.len(), program.slots.len());
        Run { program, view, scratch }
    }

    /// The rules worth trying, each once, in order.
    fn collect_candidates(&mut self, route: &Route) {
        let mut candidates = std::mem::take(&mut self.scratch.candidates);
        candidates.extend_from_slice(&route.unindexed);
        for index in &route.indexes {
            self.load(index.slot);
            for (_, folded) in self.scratch.texts(index.slot) {
                if let Some(rules) = index.rules.get(folded) {
                    candidates.extend_from_slice(rules);
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        self.scratch.candidates = candidates;
    }

    pub(crate) fn load(&mut self, slot: u32) {
        if let Some(known) = self.program.slots.get(slot as usize) {
            self.scratch.load(slot, known, self.view);
        }
    }

    /// Recursion is as deep as the rule's nesting, which the parser bounds.
    pub(crate) fn node(&mut self, id: NodeId) -> bool {
        let program = self.program;
        match program.nodes.get(id as usize) {
            Some(Node::Predicate(predicate)) => self.predicate(*predicate),
            Some(Node::Not(inner)) => !self.node(*inner),
            Some(&Node::All { from, to }) => {
                program.members(from, to).iter().all(|member| self.node(*member))
            }
            Some(&Node::Any { from, to }) => {
                program.members(from, to).iter().any(|member| self.node(*member))
            }
            None => false,
        }
    }

    /// Asks each predicate at most once an event.
    pub(crate) fn predicate(&mut self, id: u32) -> bool {
        if let Some(answer) = self.scratch.answer(id) {
            return answer;
        }
        let answer = self.ask(id);
        self.scratch.remember(id, answer);
        answer
    }

    fn ask(&mut self, id: u32) -> bool {
        let program = self.program;
        let Some(bound) = program.predicates.get(id as usize) else { return false };
        match &bound.predicate {
            Predicate::Exists => self.exists(bound.slot),
            Predicate::Null => {
                self.load(bound.slot);
                self.scratch.has_null(bound.slot) || !self.exists(bound.slot)
            }
            Predicate::SameAs { other, .. } => {
                self.load(bound.slot);
                self.load(*other);
                let found = self.each_text(bound.slot, &bound.predicate, |_| ControlFlow::Break(()));
                found.is_break()
            }
            predicate => {
                self.load(bound.slot);
                self.each_text(bound.slot, predicate, |_| ControlFlow::Break(())).is_break()
            }
        }
    }

    fn exists(&self, slot: u32) -> bool {
        let id = self.program.slots.get(slot as usize).and_then(|known| known.id);
        id.is_some_and(|field| self.view.exists(field))
    }

    /// Calls `found` with each text (as it is in the event) of loaded slots that answers the
    /// predicate.
    pub(crate) fn each_text(
        &self,
        slot: u32,
        predicate: &Predicate,
        mut found: impl FnMut(&str) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let form = predicate.reads();
        let pick = |(raw, folded)| if form == Form::Raw { raw } else { folded };
        for texts in self.scratch.texts(slot) {
            let holds = match predicate {
                Predicate::SameAs { other, place, .. } => {
                    self.scratch.texts(*other).any(|others| place.holds(pick(texts), pick(others)))
                }
                predicate => predicate.holds_for(pick(texts)),
            };
            if holds {
                found(texts.0)?;
            }
        }
        ControlFlow::Continue(())
    }
}
