//! The rules for one kind of source, compiled into a program of their own.

use std::sync::Arc;

use crate::field_index::FieldIndex;
use crate::lower::Place;
use crate::plan::{self, Counts, Plan};
use crate::predicate::Predicate;
use crate::program::{Node, NodeId, PredicateId, Program, RuleProgram};
use crate::rule_set::RuleIndex;
use crate::value::FieldId;

/// The rules for one kind of source. Made once per source by [`crate::RuleSet::route`]; good only for the set that
/// made it. A clone shares the program.
#[derive(Clone, Debug)]
pub struct Route {
    pub(crate) program: Arc<RouteProgram>,
}

impl Route {
    /// The rules of the route, in the order of the set.
    pub fn rules(&self) -> &[RuleIndex] {
        &self.program.rules
    }

    /// How many of the rules are tried on every event, because no value of a field is necessary for them.
    pub fn unindexed_rules(&self) -> usize {
        Plan::new(&self.program, &Counts::default()).unguarded.len()
    }
}

/// What the rules of a route ask, numbered anew from zero: slots, predicates (those about one value first, by
/// slot), nodes.
#[derive(Debug, Default)]
pub(crate) struct RouteProgram {
    pub(crate) rules: Vec<RuleIndex>,
    /// By rule of the route.
    pub(crate) roots: Vec<NodeId>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) members: Vec<NodeId>,
    pub(crate) slots: Vec<RouteSlot>,
    pub(crate) predicates: Vec<LocalPredicate>,
    /// How many of the predicates are about one value.
    pub(crate) values: u32,
    /// By predicate about a value: how often it may hold.
    pub(crate) guesses: Vec<f64>,
}

/// A field that the rules read.
#[derive(Debug)]
pub(crate) struct RouteSlot {
    /// `None` for every string and number of the event.
    pub(crate) field: Option<FieldId>,
    pub(crate) index: FieldIndex,
}

/// What a predicate needs to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LocalPredicate {
    /// Whether the look-up of some value of the slot found it.
    Value { slot: u32 },
    /// Whether the field is there.
    Exists { slot: u32 },
    /// Whether it is not there, or has a null.
    Null { slot: u32 },
    /// Whether some value stands so to some value of the other slot.
    SameAs { slot: u32, other: u32, place: Place, cased: bool },
}

impl RouteProgram {
    pub(crate) fn new(program: &Program, programs: &[RuleProgram], rules: &[u32]) -> RouteProgram {
        let roots: Vec<NodeId> =
            rules.iter().filter_map(|rule| programs.get(*rule as usize)).map(|rule| rule.root).collect();
        let reached = reached_nodes(program, &roots);
        let mut numbers = Numbers::new(program, &reached);
        let mut route = RouteProgram {
            rules: rules.iter().map(|rule| RuleIndex(*rule)).collect(),
            values: numbers.values,
            ..RouteProgram::default()
        };
        route.add_predicates(program, &mut numbers);
        let mut node_numbers = vec![0; program.nodes.len()];
        // Members have smaller numbers than their node, so they are done before it.
        for &node in &reached {
            let number = |id: &NodeId| node_numbers.get(*id as usize).copied().unwrap_or_default();
            let local = match program.nodes.get(node as usize) {
                Some(Node::Predicate(id)) => Node::Predicate(numbers.of(*id)),
                Some(Node::Not(inner)) => Node::Not(number(inner)),
                Some(&(Node::All { from, to } | Node::Any { from, to })) => {
                    let start = route.members.len() as u32;
                    route.members.extend(program.members(from, to).iter().map(number));
                    let end = route.members.len() as u32;
                    match program.nodes.get(node as usize) {
                        Some(Node::All { .. }) => Node::All { from: start, to: end },
                        _ => Node::Any { from: start, to: end },
                    }
                }
                Some(&Node::Elements { slot, quantifier, body }) => {
                    Node::Elements { slot: numbers.slot(slot), quantifier, body: number(&body) }
                }
                None => continue,
            };
            if let Some(known) = node_numbers.get_mut(node as usize) {
                *known = route.nodes.len() as NodeId;
            }
            route.nodes.push(local);
        }
        route.roots =
            roots.iter().map(|root| node_numbers.get(*root as usize).copied().unwrap_or_default()).collect();
        route
    }

    fn add_predicates(&mut self, program: &Program, numbers: &mut Numbers) {
        let mut by_slot: Vec<Vec<(PredicateId, &Predicate)>> = vec![Vec::new(); numbers.slots.len()];
        for (&id, local) in numbers.order.iter().zip(0_u32..) {
            let Some(bound) = program.predicates.get(id as usize) else { continue };
            let slot = numbers.slot(bound.slot);
            self.predicates.push(match &bound.predicate {
                Predicate::Exists => LocalPredicate::Exists { slot },
                Predicate::Null => LocalPredicate::Null { slot },
                Predicate::SameAs { other, place, cased } => {
                    LocalPredicate::SameAs { slot, other: numbers.slot(*other), place: *place, cased: *cased }
                }
                predicate => {
                    self.guesses.push(plan::guess(predicate));
                    if let Some(predicates) = by_slot.get_mut(slot as usize) {
                        predicates.push((local, predicate));
                    }
                    LocalPredicate::Value { slot }
                }
            });
        }
        for (slot, predicates) in numbers.slots.iter().zip(by_slot) {
            let field = program.slots.get(*slot as usize).and_then(|slot| slot.id);
            self.slots.push(RouteSlot { field, index: FieldIndex::new(predicates.into_iter()) });
        }
    }

    pub(crate) fn members(&self, from: u32, to: u32) -> &[NodeId] {
        self.members.get(from as usize..to as usize).unwrap_or_default()
    }

    /// The slot of a predicate about a value.
    pub(crate) fn slot_of(&self, predicate: PredicateId) -> u32 {
        match self.predicates.get(predicate as usize) {
            Some(
                LocalPredicate::Value { slot }
                | LocalPredicate::Exists { slot }
                | LocalPredicate::Null { slot }
                | LocalPredicate::SameAs { slot, .. },
            ) => *slot,
            None => 0,
        }
    }
}

/// The nodes below the roots, in ascending order.
fn reached_nodes(program: &Program, roots: &[NodeId]) -> Vec<NodeId> {
    let mut is_reached = vec![false; program.nodes.len()];
    let mut stack = roots.to_vec();
    while let Some(node) = stack.pop() {
        let Some(reached) = is_reached.get_mut(node as usize) else { continue };
        if std::mem::replace(reached, true) {
            continue;
        }
        match program.nodes.get(node as usize) {
            Some(Node::Not(inner) | Node::Elements { body: inner, .. }) => stack.push(*inner),
            Some(&(Node::All { from, to } | Node::Any { from, to })) => {
                stack.extend_from_slice(program.members(from, to));
            }
            Some(Node::Predicate(_)) | None => {}
        }
    }
    is_reached.iter().zip(0..).filter(|(reached, _)| **reached).map(|(_, node)| node).collect()
}

/// The numbers that predicates and slots of the whole set have in the route.
struct Numbers {
    /// Predicates of the set, by their number in the route.
    order: Vec<PredicateId>,
    of: Vec<PredicateId>,
    values: u32,
    /// Slots of the set, by their number in the route.
    slots: Vec<u32>,
    slot_of: Vec<u32>,
}

impl Numbers {
    fn new(program: &Program, reached: &[NodeId]) -> Numbers {
        let mut order: Vec<PredicateId> = reached
            .iter()
            .filter_map(|node| match program.nodes.get(*node as usize) {
                Some(Node::Predicate(id)) => Some(*id),
                _ => None,
            })
            .collect();
        let about_field = |id: PredicateId| {
            let predicate = program.predicates.get(id as usize).map(|bound| &bound.predicate);
            matches!(predicate, Some(Predicate::SameAs { .. } | Predicate::Exists | Predicate::Null))
        };
        let slot = |id: PredicateId| program.predicates.get(id as usize).map_or(0, |bound| bound.slot);
        order.sort_unstable_by_key(|id| (about_field(*id), slot(*id), *id));
        order.dedup();
        let values = order.iter().filter(|id| !about_field(**id)).count() as u32;
        let mut of = vec![0; program.predicates.len()];
        for (id, local) in order.iter().zip(0..) {
            if let Some(known) = of.get_mut(*id as usize) {
                *known = local;
            }
        }
        let arrays = reached.iter().filter_map(|node| match program.nodes.get(*node as usize) {
            Some(Node::Elements { slot, .. }) => Some(*slot),
            _ => None,
        });
        let arrays = arrays.collect();
        Numbers { order, of, values, ..Numbers::empty(program) }.with_slots(program, arrays)
    }

    fn empty(program: &Program) -> Numbers {
        let slot_of = vec![0; program.slots.len()];
        Numbers { order: Vec::new(), of: Vec::new(), values: 0, slots: Vec::new(), slot_of }
    }

    /// `slots` are those of the arrays whose elements are asked; those of the predicates are added.
    fn with_slots(mut self, program: &Program, mut slots: Vec<u32>) -> Numbers {
        for bound in self.order.iter().filter_map(|id| program.predicates.get(*id as usize)) {
            slots.push(bound.slot);
            if let Predicate::SameAs { other, .. } = &bound.predicate {
                slots.push(*other);
            }
        }
        slots.sort_unstable();
        slots.dedup();
        for (slot, local) in slots.iter().zip(0..) {
            if let Some(known) = self.slot_of.get_mut(*slot as usize) {
                *known = local;
            }
        }
        self.slots = slots;
        self
    }

    fn of(&self, predicate: PredicateId) -> PredicateId {
        self.of.get(predicate as usize).copied().unwrap_or_default()
    }

    fn slot(&self, slot: u32) -> u32 {
        self.slot_of.get(slot as usize).copied().unwrap_or_default()
    }
}
