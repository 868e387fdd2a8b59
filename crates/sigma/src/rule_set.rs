//! Rules compiled into one program, and the program run over events.

use std::sync::Arc;

use crate::error::RuleError;
use crate::logsource::Logsource;
use crate::matching;
use crate::program::{Builder, Program, RuleProgram};
use crate::route::{Route, RouteProgram};
use crate::rule::Rule;
use crate::scratch::MatchScratch;
use crate::single::Run;
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
        self.route_of(&self.picked(wanted))
    }

    /// [`Self::route_where`], sharing the program of a known route of this set that has the same rules. A new one is
    /// added to those known.
    pub fn route_among(&self, known: &mut Vec<Route>, wanted: impl Fn(&Rule) -> bool) -> Route {
        let picked = self.picked(wanted);
        let same = |route: &&Route| route.rules().iter().map(|rule| rule.0).eq(picked.iter().copied());
        if let Some(route) = known.iter().find(same) {
            return route.clone();
        }
        let route = self.route_of(&picked);
        known.push(route.clone());
        route
    }

    fn picked(&self, wanted: impl Fn(&Rule) -> bool) -> Vec<u32> {
        self.rules.iter().zip(0_u32..).filter(|(rule, _)| wanted(rule)).map(|(_, index)| index).collect()
    }

    /// A route over every rule, whatever its logsource: for tests of rules in isolation.
    pub fn route_all(&self) -> Route {
        self.route_where(|_| true)
    }

    fn route_of(&self, rules: &[u32]) -> Route {
        Route { program: Arc::new(RouteProgram::new(&self.program, &self.programs, rules)) }
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
        matching::run(route, view, scratch, hit);
    }

    /// Whether one rule matches an event, whatever its logsource. `false` for an index of another
    /// set.
    pub fn matches_rule(&self, rule: RuleIndex, view: &impl EventView, scratch: &mut MatchScratch) -> bool {
        let mut run = Run::begin(&self.program, view, &mut scratch.single);
        self.programs.get(rule.0 as usize).is_some_and(|program| run.node(program.root, None))
    }
}
