//! Which rules are worth trying on an event: each rule has a guard, predicates of which one must hold for it to
//! match, chosen so that as few events as possible satisfy it.

use crate::pattern::Pattern;
use crate::predicate::Predicate;
use crate::program::{Node, NodeId, PredicateId};
use crate::route::{LocalPredicate, RouteProgram};
use crate::rule::Quantifier;

/// What one look-up of a value costs, in trials of a rule.
const LOOKUP_COST: f64 = 0.7;

/// The guards of a route's rules, by predicate.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The slots whose values are looked up in every event.
    pub(crate) active: Vec<u32>,
    /// Rules without a guard.
    pub(crate) unguarded: Vec<u32>,
    /// By predicate, where its rules begin in [`Self::rules`]; one more at the end.
    offsets: Vec<u32>,
    rules: Vec<u32>,
}

/// How often predicates held in the events looked at.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u32,
    /// By predicate of the route.
    pub(crate) held: Vec<u32>,
    /// By slot of the route: how many values it had.
    pub(crate) values: Vec<u32>,
}

impl Counts {
    /// Gives old events half the weight.
    pub(crate) fn fade(&mut self) {
        self.events /= 2;
        self.held.iter_mut().chain(&mut self.values).for_each(|count| *count /= 2);
    }

    fn of(&self, predicate: PredicateId, program: &RouteProgram) -> f64 {
        let guess = program.guesses.get(predicate as usize).copied().unwrap_or(1.0);
        let held = self.held.get(predicate as usize).copied().unwrap_or(0);
        // As if the guess had been seen in one event.
        (f64::from(held) + guess) / (f64::from(self.events) + 1.0)
    }
}

/// How often a predicate may hold, before anything is known of the events.
pub(crate) fn guess(predicate: &Predicate) -> f64 {
    let of_pattern = |pattern: &Pattern| match pattern {
        Pattern::Any => 1.0,
        Pattern::Exact(_) => 0.002,
        Pattern::Prefix(text) | Pattern::Suffix(text) => 0.004 + 0.2 / (text.len() as f64).powi(2),
        Pattern::Contains(text) => 0.004 + 0.5 / (text.len() as f64).powi(2),
        Pattern::Glob(_) => 0.01,
    };
    let sum: f64 = match predicate {
        Predicate::Text(text) => text.patterns().map(|(pattern, _)| of_pattern(pattern)).sum(),
        Predicate::Regex(_) => 0.02,
        Predicate::Network(_) | Predicate::Order(..) | Predicate::Time(..) => 0.3,
        Predicate::SameAs { .. } | Predicate::Exists | Predicate::Null => 1.0,
    };
    sum.min(1.0)
}

/// A guard and how often it holds.
#[derive(Clone, Debug)]
struct Guard {
    predicates: Vec<PredicateId>,
    cost: f64,
}

/// Guards of the nodes at hand, with some slots left out.
struct Chooser<'c> {
    program: &'c RouteProgram,
    counts: &'c Counts,
    /// By slot: not to be looked up.
    without: Vec<bool>,
}

impl Plan {
    pub(crate) fn new(program: &RouteProgram, counts: &Counts) -> Plan {
        let mut chooser = Chooser { program, counts, without: vec![false; program.slots.len()] };
        let mut guards: Vec<Option<Guard>> = program.roots.iter().map(|root| chooser.guard(*root)).collect();
        chooser.drop_dear_slots(&mut guards);
        let mut plan = Plan::default();
        let mut pairs: Vec<(PredicateId, u32)> = Vec::new();
        let mut active = vec![false; program.slots.len()];
        for (guard, rule) in guards.iter().zip(0_u32..) {
            let Some(guard) = guard else {
                plan.unguarded.push(rule);
                continue;
            };
            for &predicate in &guard.predicates {
                pairs.push((predicate, rule));
                if let Some(active) = active.get_mut(program.slot_of(predicate) as usize) {
                    *active = true;
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        plan.active = (0..).zip(active).filter(|(_, active)| *active).map(|(slot, _)| slot).collect();
        let mut at = 0;
        for predicate in 0..program.values {
            plan.offsets.push(at as u32);
            at += pairs.get(at..).unwrap_or_default().iter().take_while(|(p, _)| *p == predicate).count();
        }
        plan.offsets.push(at as u32);
        plan.rules = pairs.into_iter().map(|(_, rule)| rule).collect();
        plan
    }

    /// The rules to try when a predicate holds.
    pub(crate) fn rules(&self, predicate: PredicateId) -> &[u32] {
        let at = predicate as usize;
        let (Some(&from), Some(&to)) = (self.offsets.get(at), self.offsets.get(at + 1)) else { return &[] };
        self.rules.get(from as usize..to as usize).unwrap_or_default()
    }
}

impl Chooser<'_> {
    /// The best guard of a node: of a conjunction the rarest member's, of a disjunction all members' together; a
    /// negation has none.
    fn guard(&self, node: NodeId) -> Option<Guard> {
        match self.program.nodes.get(node as usize)? {
            Node::Predicate(id) => match self.program.predicates.get(*id as usize)? {
                LocalPredicate::Value { slot } if !*self.without.get(*slot as usize)? => {
                    let cost = self.counts.of(*id, self.program);
                    Some(Guard { predicates: vec![*id], cost })
                }
                _ => None,
            },
            &Node::All { from, to } => {
                let guards = self.program.members(from, to).iter().filter_map(|member| self.guard(*member));
                guards.min_by(|a, b| a.cost.total_cmp(&b.cost))
            }
            &Node::Any { from, to } => {
                let mut all = Guard { predicates: Vec::new(), cost: 0.0 };
                for member in self.program.members(from, to) {
                    let guard = self.guard(*member)?;
                    all.predicates.extend(guard.predicates);
                    all.cost += guard.cost;
                }
                (!all.predicates.is_empty()).then_some(all)
            }
            // What holds of one element holds of some value of the whole field.
            &Node::Elements { quantifier: Quantifier::Any | Quantifier::All, body, .. } => self.guard(body),
            Node::Elements { .. } | Node::Not(_) => None,
        }
    }

    /// Leaves out the slots that guard so few rules that trying those by other guards costs less than looking
    /// the slot up in every event.
    fn drop_dear_slots(&mut self, guards: &mut [Option<Guard>]) {
        let mut by_slot: Vec<Vec<u32>> = vec![Vec::new(); self.program.slots.len()];
        for (guard, rule) in guards.iter().zip(0..) {
            for predicate in guard.iter().flat_map(|guard| &guard.predicates) {
                if let Some(rules) = by_slot.get_mut(self.program.slot_of(*predicate) as usize)
                    && rules.last() != Some(&rule)
                {
                    rules.push(rule);
                }
            }
        }
        let mut order: Vec<u32> = (0..by_slot.len() as u32).collect();
        order.sort_by_key(|slot| by_slot.get(*slot as usize).map_or(0, Vec::len));
        let events = f64::from(self.counts.events) + 1.0;
        for slot in order {
            let at = slot as usize;
            let rules = by_slot.get(at).map_or(&[][..], Vec::as_slice);
            let lookups = (self.counts.values.get(at).map_or(0.0, |n| f64::from(*n)) + 1.0) / events;
            if rules.is_empty() || rules.len() > 64 {
                continue;
            }
            self.set_without(at, true);
            let others: Vec<Option<Guard>> = rules
                .iter()
                .map(|rule| self.program.roots.get(*rule as usize).and_then(|root| self.guard(*root)))
                .collect();
            let cost = |guard: Option<&Guard>| guard.map_or(1.0, |guard| guard.cost);
            let before: f64 =
                rules.iter().map(|r| cost(guards.get(*r as usize).and_then(Option::as_ref))).sum();
            let after: f64 = others.iter().map(|guard| cost(guard.as_ref())).sum();
            if after - before < lookups * LOOKUP_COST {
                for (rule, other) in rules.iter().zip(others) {
                    if let Some(guard) = guards.get_mut(*rule as usize) {
                        *guard = other;
                    }
                }
            } else {
                self.set_without(at, false);
            }
        }
    }

    fn set_without(&mut self, slot: usize, value: bool) {
        if let Some(without) = self.without.get_mut(slot) {
            *without = value;
        }
    }
}
