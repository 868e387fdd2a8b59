//! What a playbook asks of connectors: whether they have it.

use crate::connector::{ActionSpec, Connector, Values};
use crate::impact::Reversibility;
use crate::playbook::{ActionCall, Complaint, Gravity, Identifier, Playbook, StepKind};
use crate::run::{DEPTH_MAX, RUNS_BELOW_MAX};
use regex::Regex;
use std::collections::BTreeSet;

/// Everything that a playbook asks of connectors and they do not have: actions, inputs, times. Errors only: a run would
/// come to the step and fail.
pub fn check(playbook: &Playbook, connectors: &[Connector]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (id, step) in &playbook.steps {
        let StepKind::Action { commands, .. } = &step.kind else { continue };
        for (at, call) in commands.iter().enumerate().filter_map(|(at, one)| Some((at, one.call.as_ref()?))) {
            let wrong = match find(call, connectors) {
                Ok(action) => faults(call, action),
                Err(message) => vec![message],
            };
            let pointer = format!("/workflow/{id}/commands/{at}/command");
            complaints.extend(wrong.into_iter().map(|message| Complaint {
                gravity: Gravity::Error,
                pointer: pointer.clone(),
                message,
            }));
        }
    }
    complaints
}

/// Where a playbook comes to call itself, by itself or by `others`. Warnings: whether a run comes to it a condition may say,
/// and runs call each other to a depth and a number only.
pub fn rounds(playbook: &Playbook, others: &[Playbook]) -> Vec<Complaint> {
    let comes_back = |first: &Identifier| {
        let (mut ahead, mut seen) = (vec![first], BTreeSet::new());
        while let Some(id) = ahead.pop() {
            if *id == playbook.id {
                return true;
            }
            if seen.insert(id) {
                let next = others.iter().filter(|other| other.id == *id).flat_map(called_by);
                ahead.extend(next.map(|(_, called)| called));
            }
        }
        false
    };
    let back = called_by(playbook).filter(|(_, id)| comes_back(id));
    let warning = |(step, _): (&Identifier, &Identifier)| Complaint {
        gravity: Gravity::Warning,
        pointer: format!("/workflow/{step}/playbook_id"),
        message: format!(
            "the playbook comes to call itself by this: runs call each other at most {DEPTH_MAX} deep, and one run no more \
             than {RUNS_BELOW_MAX} with all that those call"
        ),
    };
    back.map(warning).collect()
}

/// The steps that call a playbook, each with which.
fn called_by(playbook: &Playbook) -> impl Iterator<Item = (&Identifier, &Identifier)> {
    playbook.steps.iter().filter_map(|(id, step)| match &step.kind {
        StepKind::PlaybookAction { playbook, .. } => Some((id, playbook)),
        _ => None,
    })
}

/// Why a call with its values put in cannot be bound to the action that it names, if so.
pub fn unfit(call: &ActionCall, connectors: &[Connector]) -> Option<String> {
    let action = match find(call, connectors) {
        Ok(action) => action,
        Err(message) => return Some(message),
    };
    let inputs: Values = call.inputs.clone();
    let target = action.target_values(&call.target).map(drop);
    target.and_then(|()| action.input_values(&inputs).map(drop)).err().map(|error| error.to_string())
}

fn find<'c>(call: &ActionCall, connectors: &'c [Connector]) -> Result<&'c ActionSpec, String> {
    let (name, action) = call.names();
    let connector = connectors.iter().find(|connector| connector.connector == name);
    let connector = connector.ok_or_else(|| {
        let all: Vec<_> = connectors.iter().map(|connector| connector.connector.as_str()).collect();
        format!("there is no connector {name}; there are {}", all.join(", "))
    })?;
    connector.actions.get(action).ok_or_else(|| {
        let all: Vec<_> = connector.actions.keys().map(String::as_str).collect();
        format!("{name} has no action {action}; it has {}", all.join(", "))
    })
}

fn faults(call: &ActionCall, action: &ActionSpec) -> Vec<String> {
    let mut faults = Vec::new();
    for name in call.inputs.keys().filter(|name| !action.inputs.contains_key(*name)) {
        let all: Vec<_> = action.inputs.keys().map(String::as_str).collect();
        let known =
            if all.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", all.join(", ")) };
        faults.push(format!("{} has no input {name}; {known}", call.action));
    }
    for (name, _) in action.inputs.iter().filter(|(_, input)| input.default.is_none()) {
        if !call.inputs.contains_key(name) {
            faults.push(format!("{} needs {name}=…", call.action));
        }
    }
    if call.ttl_ms.is_some() && action.reversibility != Reversibility::Reversible {
        let what = action.reversibility.as_str();
        faults.push(format!("{} is {what}: it is not taken back, and has no ttl", call.action));
    }
    for (name, text) in call.literals() {
        let pattern = match name {
            "target" => Some(&action.target_pattern),
            name => action.inputs.get(name).map(|input| &input.pattern),
        };
        let fits = |pattern: &&String| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
        if let Some(pattern) = pattern.filter(|pattern| !fits(pattern)) {
            faults.push(format!("{name}={text} is not of the form {pattern}"));
        }
    }
    faults
}
