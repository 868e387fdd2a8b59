//! Why a rule matched: the fields and values its selections found. Only on hits; this allocates.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::condition::Expression;
use crate::limits::{EXPLAINED_FIELDS_MAX, EXPLAINED_VALUE_BYTES_MAX};
use crate::predicate::Predicate;
use crate::program::{Node, NodeId};
use crate::rule::Rule;
use crate::rule_set::{RuleIndex, RuleSet};
use crate::scratch::MatchScratch;
use crate::single::Run;
use crate::value::{EventView, Places};

/// A value of the event that a selection asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MatchedField {
    /// The selection.
    pub selection: String,
    /// The field as the rule writes it; `None` for a keyword.
    pub field: Option<String>,
    /// The value in the event, cut at [`EXPLAINED_VALUE_BYTES_MAX`]; `None` where the presence or
    /// absence of the field itself was asked for.
    pub value: Option<String>,
}

impl RuleSet {
    /// What of the event made a rule match: for each selection that holds and that the condition
    /// asks for (not one it excludes), the fields and values found; at most
    /// [`EXPLAINED_FIELDS_MAX`]. Empty for a rule that does not match.
    pub fn matched_fields(
        &self,
        rule: RuleIndex,
        view: &impl EventView,
        scratch: &mut MatchScratch,
    ) -> Vec<MatchedField> {
        let at = rule.0 as usize;
        let (Some(rule), Some(program)) = (self.rules.get(at), self.programs.get(at)) else {
            return Vec::new();
        };
        let mut run = Run::begin(&self.program, view, &mut scratch.single);
        if !run.node(program.root, None) {
            return Vec::new();
        }
        let wanted = wanted_selections(rule);
        let mut out = Vec::new();
        for (selection, &node) in rule.detection.selections.iter().zip(&program.selections) {
            if wanted.contains(selection.name.as_str()) && run.node(node, None) {
                explain(&mut run, node, None, &selection.name, &mut out);
            }
        }
        let mut seen = HashSet::new();
        out.retain(|field| seen.insert(field.clone()));
        out.truncate(EXPLAINED_FIELDS_MAX);
        out
    }
}

/// The selections that the condition asks for an even number of negations deep.
fn wanted_selections(rule: &Rule) -> HashSet<&str> {
    fn walk<'r>(expression: &Expression, negated: bool, rule: &'r Rule, wanted: &mut HashSet<&'r str>) {
        let named = rule.detection.selections.iter().map(|selection| selection.name.as_str());
        match expression {
            Expression::Selection(name) if !negated => wanted.extend(named.filter(|known| known == name)),
            Expression::Of { target, .. } if !negated => {
                wanted.extend(named.filter(|known| target.includes(known)));
            }
            Expression::Selection(_) | Expression::Of { .. } => {}
            Expression::Not(inner) => walk(inner, !negated, rule, wanted),
            Expression::And(members) | Expression::Or(members) => {
                members.iter().for_each(|member| walk(member, negated, rule, wanted));
            }
        }
    }
    let mut wanted = HashSet::new();
    for condition in &rule.detection.conditions {
        walk(&condition.expression, false, rule, &mut wanted);
    }
    wanted
}

fn explain<V: EventView>(
    run: &mut Run<'_, V>,
    node: NodeId,
    within: Option<Places>,
    selection: &str,
    out: &mut Vec<MatchedField>,
) {
    let program = run.program;
    match program.nodes.get(node as usize) {
        Some(Node::Predicate(id)) => explain_predicate(run, *id, within, selection, out),
        Some(&Node::All { from, to } | &Node::Any { from, to }) => {
            for &member in program.members(from, to) {
                if out.len() < EXPLAINED_FIELDS_MAX && run.node(member, within) {
                    explain(run, member, within, selection, out);
                }
            }
        }
        Some(Node::Not(inner)) => {
            if let Some(Node::Predicate(id)) = program.nodes.get(*inner as usize)
                && let Some(bound) = program.predicates.get(*id as usize)
            {
                out.push(matched(run, selection, bound.slot, None));
            }
        }
        Some(&Node::Elements { slot, body, .. }) => {
            let elements = run.elements(slot, within);
            let found = elements.into_iter().find(|element| run.node(body, Some(*element)));
            match found {
                Some(element) => explain(run, body, Some(element), selection, out),
                None => out.push(matched(run, selection, slot, None)),
            }
        }
        None => {}
    }
}

fn explain_predicate<V: EventView>(
    run: &mut Run<'_, V>,
    id: u32,
    within: Option<Places>,
    selection: &str,
    out: &mut Vec<MatchedField>,
) {
    let program = run.program;
    let Some(bound) = program.predicates.get(id as usize) else { return };
    if !run.predicate(id, within) {
        return;
    }
    if matches!(bound.predicate, Predicate::Exists | Predicate::Null) {
        out.push(matched(run, selection, bound.slot, None));
        return;
    }
    let mut values = Vec::new();
    let _ = run.each_text(bound.slot, &bound.predicate, within, |text| {
        values.push(cut(text).to_owned());
        if values.len() < EXPLAINED_FIELDS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    out.extend(values.into_iter().map(|value| matched(run, selection, bound.slot, Some(value))));
}

fn matched<V>(run: &Run<'_, V>, selection: &str, slot: u32, value: Option<String>) -> MatchedField {
    let name = run.program.slots.get(slot as usize).map(|slot| slot.name.as_str()).unwrap_or_default();
    MatchedField {
        selection: selection.to_owned(),
        field: (!name.is_empty()).then(|| name.to_owned()),
        value,
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(EXPLAINED_VALUE_BYTES_MAX)).unwrap_or(text)
}
