//! Which rules are worth trying on an event: each rule has a guard, predicates of which one must hold for it to
//! match, chosen so that as few events as possible satisfy it.

use std::rc::Rc;

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
///
/// Rules share nodes, and a node may be a member of many: each is worked out once for a choice of slots, or time would
/// grow with the number of ways to it.
struct Chooser<'c> {
    program: &'c RouteProgram,
    counts: &'c Counts,
    /// By slot: not to be looked up.
    without: Vec<bool>,
    /// Counts the choices of slots.
    choice: u32,
    /// By node: the choice it was worked out for, and its guard.
    known: Vec<(u32, Option<Rc<Guard>>)>,
    /// Nodes worked out so far.
    worked_out: usize,
}

impl Plan {
    pub(crate) fn new(program: &RouteProgram, counts: &Counts) -> Plan {
        let mut chooser = Chooser::new(program, counts);
        let mut guards: Vec<Option<Rc<Guard>>> =
            program.roots.iter().map(|root| chooser.guard(*root)).collect();
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

impl<'c> Chooser<'c> {
    fn new(program: &'c RouteProgram, counts: &'c Counts) -> Self {
        Chooser {
            program,
            counts,
            without: vec![false; program.slots.len()],
            choice: 1,
            known: vec![(0, None); program.nodes.len()],
            worked_out: 0,
        }
    }

    /// The best guard of a node: of a conjunction the rarest member's, of a disjunction all members' together; a
    /// negation has none.
    fn guard(&mut self, node: NodeId) -> Option<Rc<Guard>> {
        let (choice, guard) = self.known.get(node as usize)?;
        if *choice == self.choice {
            return guard.clone();
        }
        let guard = self.work_out(node);
        if let Some(known) = self.known.get_mut(node as usize) {
            *known = (self.choice, guard.clone());
        }
        guard
    }

    fn work_out(&mut self, node: NodeId) -> Option<Rc<Guard>> {
        self.worked_out += 1;
        let program = self.program;
        match program.nodes.get(node as usize)? {
            Node::Predicate(id) => match program.predicates.get(*id as usize)? {
                LocalPredicate::Value { slot } if !*self.without.get(*slot as usize)? => {
                    let cost = self.counts.of(*id, program);
                    Some(Rc::new(Guard { predicates: vec![*id], cost }))
                }
                _ => None,
            },
            &Node::All { from, to } => {
                let guards = program.members(from, to).iter().filter_map(|member| self.guard(*member));
                guards.min_by(|a, b| a.cost.total_cmp(&b.cost))
            }
            &Node::Any { from, to } => {
                let mut predicates = Vec::new();
                for member in program.members(from, to) {
                    predicates.extend_from_slice(&self.guard(*member)?.predicates);
                }
                predicates.sort_unstable();
                predicates.dedup();
                let cost = predicates.iter().map(|id| self.counts.of(*id, program)).sum();
                (!predicates.is_empty()).then(|| Rc::new(Guard { predicates, cost }))
            }
            // What holds of one element holds of some value of the whole field.
            &Node::Elements { quantifier: Quantifier::Any | Quantifier::All, body, .. } => self.guard(body),
            Node::Elements { .. } | Node::Not(_) => None,
        }
    }

    /// Leaves out the slots that guard so few rules that trying those by other guards costs less than looking
    /// the slot up in every event.
    fn drop_dear_slots(&mut self, guards: &mut [Option<Rc<Guard>>]) {
        let mut by_slot: Vec<Vec<u32>> = vec![Vec::new(); self.program.slots.len()];
        for (guard, rule) in guards.iter().zip(0..) {
            for predicate in guard.iter().flat_map(|guard| guard.predicates.iter()) {
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
            let others: Vec<Option<Rc<Guard>>> = rules
                .iter()
                .map(|rule| {
                    let root = *self.program.roots.get(*rule as usize)?;
                    self.guard(root)
                })
                .collect();
            let cost = |guard: Option<&Rc<Guard>>| guard.map_or(1.0, |guard| guard.cost);
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
            // each slot is tried once and at most taken back, so that the number does not come round
            self.choice += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes a level, each made of both below: 2⁶⁰ ways from the top to the bottom.
    #[test]
    fn a_node_with_many_ways_to_it_is_worked_out_once() {
        const LEVELS: u32 = 60;
        let mut program = RouteProgram {
            predicates: vec![LocalPredicate::Value { slot: 0 }; 2],
            nodes: vec![Node::Predicate(0), Node::Predicate(1)],
            values: 2,
            guesses: vec![0.25, 0.5],
            ..RouteProgram::default()
        };
        program.slots.push(crate::route::RouteSlot {
            field: None,
            index: crate::field_index::FieldIndex::new(std::iter::empty()),
        });
        for level in 0..LEVELS {
            let from = program.members.len() as u32;
            program.members.extend([2 * level, 2 * level + 1]);
            let (any, all) = (Node::Any { from, to: from + 2 }, Node::All { from, to: from + 2 });
            program.nodes.extend([any, all]);
        }
        program.roots = vec![2 * LEVELS];
        let counts = Counts::default();
        let mut chooser = Chooser::new(&program, &counts);
        let guard = chooser.guard(2 * LEVELS).unwrap();
        assert_eq!(guard.predicates, [0, 1], "each predicate once, however many ways lead to it");
        assert!((guard.cost - 0.75).abs() < 1e-9, "{}", guard.cost);
        assert!(
            chooser.worked_out <= program.nodes.len(),
            "{} of {}",
            chooser.worked_out,
            program.nodes.len()
        );
        let plan = Plan::new(&program, &counts);
        assert!(plan.unguarded == [0] || plan.rules(0) == [0], "{plan:?}");
    }
}
