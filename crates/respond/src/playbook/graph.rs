//! What holds of a workflow as a whole: names that name something, and ways that end.

use super::complaint::Complaints;
use super::object::below;
use super::variable::references;
use super::{Identifier, Playbook, Step, StepKind};
use std::collections::BTreeSet;

impl Step {
    /// Every step that may come of it, with the property that names it.
    pub fn exits(&self) -> Vec<(String, &Identifier)> {
        let next = [
            ("on_completion", &self.on_completion),
            ("on_success", &self.on_success),
            ("on_failure", &self.on_failure),
        ];
        let mut exits: Vec<(String, &Identifier)> =
            next.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id.as_ref()?))).collect();
        match &self.kind {
            StepKind::Parallel { branches } => {
                exits.extend(branches.iter().enumerate().map(|(at, id)| (format!("next_steps/{at}"), id)));
            }
            StepKind::If { on_true, on_false, .. } => {
                exits.push(("on_true".to_owned(), on_true));
                exits.extend(on_false.as_ref().map(|id| ("on_false".to_owned(), id)));
            }
            StepKind::While { on_true, .. } => exits.push(("on_true".to_owned(), on_true)),
            StepKind::Switch { cases, .. } => {
                exits.extend(cases.iter().map(|(value, id)| (below("cases", value), id)));
            }
            StepKind::Start | StepKind::End | StepKind::Action { .. } | StepKind::PlaybookAction { .. } => {}
        }
        exits
    }
}

pub(super) fn check(playbook: &Playbook, complaints: &mut Complaints) {
    starts(playbook, complaints);
    for (id, step) in &playbook.steps {
        let pointer = below("/workflow", id.as_str());
        for (name, exit) in step.exits() {
            if !playbook.steps.contains_key(exit) {
                complaints.error(format!("{pointer}/{name}"), format!("there is no step {exit}"));
            }
        }
        parties(playbook, step, &pointer, complaints);
        variables(playbook, step, &pointer, complaints);
    }
    for party in playbook.agents.values().chain(playbook.targets.values()) {
        if let Some(id) =
            party.authentication.as_ref().filter(|id| !playbook.authentication.contains_key(*id))
        {
            complaints.error("/authentication_info_definitions", format!("{id} is named and not defined"));
        }
    }
    reached(playbook, complaints);
}

fn starts(playbook: &Playbook, complaints: &mut Complaints) {
    match playbook.steps.get(&playbook.start).map(|step| &step.kind) {
        None => complaints.error("/workflow_start", format!("there is no step {}", playbook.start)),
        Some(StepKind::Start) => {}
        // section 3.1 wants a start step; playbooks in use begin with what is done first
        Some(kind) => {
            complaints.warn(
                "/workflow_start",
                format!("it begins with a step of type {:?}, not \"start\"", kind.as_str()),
            );
        }
    }
    if let Some(id) = playbook.exception.as_ref().filter(|id| !playbook.steps.contains_key(*id)) {
        complaints.warn(
            "/workflow_exception",
            format!("there is no step {id}: a failure that no step takes ends the run"),
        );
    }
    if !playbook.steps.values().any(|step| matches!(step.kind, StepKind::End)) {
        complaints.warn(
            "/workflow",
            "there is no end: it ends where nothing comes next, or at the bound of its steps",
        );
    }
}

fn parties(playbook: &Playbook, step: &Step, pointer: &str, complaints: &mut Complaints) {
    let StepKind::Action { agent, targets, .. } = &step.kind else { return };
    if !playbook.agents.contains_key(agent) {
        complaints.error(format!("{pointer}/agent"), format!("there is no agent {agent}"));
    }
    for (at, target) in targets.iter().enumerate() {
        // an agent may be what is acted on
        if !playbook.targets.contains_key(target) && !playbook.agents.contains_key(target) {
            complaints.error(format!("{pointer}/targets/{at}"), format!("there is no target {target}"));
        }
    }
}

/// Names of variables that nobody has declared: each would stop the run when it comes to it.
fn variables(playbook: &Playbook, step: &Step, pointer: &str, complaints: &mut Complaints) {
    let declared = step.variables.over(&playbook.variables);
    let mut named = |name: &str, at: &str| {
        if declared.get(name).is_none() {
            complaints.error(format!("{pointer}/{at}"), format!("there is no variable {name}"));
        }
    };
    match &step.kind {
        StepKind::Action { commands, in_args, out_args, .. } => {
            for (at, command) in commands.iter().enumerate() {
                let texts = command.properties.as_object().into_iter().flatten();
                for (key, text) in texts.filter_map(|(key, value)| Some((key, value.as_str()?))) {
                    references(text).for_each(|name| named(name, &format!("commands/{at}/{key}")));
                }
            }
            in_args.iter().for_each(|name| named(name, "in_args"));
            out_args.iter().for_each(|name| named(name, "out_args"));
        }
        StepKind::PlaybookAction { in_args, out_args, .. } => {
            in_args.iter().for_each(|name| named(name, "in_args"));
            out_args.iter().for_each(|name| named(name, "out_args"));
        }
        StepKind::If { condition, .. } | StepKind::While { condition, .. } => {
            condition.names().into_iter().for_each(|name| named(name, "condition"));
        }
        StepKind::Switch { switch, .. } => references(switch).for_each(|name| named(name, "switch")),
        StepKind::Start | StepKind::End | StepKind::Parallel { .. } => {}
    }
}

/// Steps that nothing leads to, and ways round that no question ends.
fn reached(playbook: &Playbook, complaints: &mut Complaints) {
    let mut seen: BTreeSet<&Identifier> = BTreeSet::new();
    let mut ahead: Vec<&Identifier> =
        std::iter::once(&playbook.start).chain(playbook.exception.as_ref()).collect();
    while let Some(id) = ahead.pop() {
        if let Some(step) = playbook.steps.get(id).filter(|_| seen.insert(id)) {
            ahead.extend(step.exits().into_iter().map(|(_, id)| id));
        }
    }
    for id in playbook.steps.keys().filter(|id| !seen.contains(id)) {
        complaints.warn(below("/workflow", id.as_str()), "nothing leads to this step");
    }
    for id in seen {
        if is_round(playbook, id) {
            let message =
                "it comes back to itself whatever happens; the run is ended at the bound of its steps";
            complaints.warn(below("/workflow", id.as_str()), message);
        }
    }
}

/// Whether the ways on from `id` that need no failure and no question lead back to it.
fn is_round(playbook: &Playbook, id: &Identifier) -> bool {
    let next = |id: &Identifier| {
        let step = playbook.steps.get(id)?;
        step.on_completion.as_ref().or(step.on_success.as_ref())
    };
    let mut at = next(id);
    for _ in 0..playbook.steps.len() {
        match at {
            Some(step) if step == id => return true,
            Some(step) => at = next(step),
            None => return false,
        }
    }
    false
}
