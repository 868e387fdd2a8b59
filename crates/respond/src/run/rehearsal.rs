//! A run as if everything went well: what would be done, in which order, without doing it.

use super::{End, Machine, Outcome, delay_ms, limit_ms};
use crate::playbook::{Identifier, Playbook, StepKind, VariableError};

/// Most tasks of a rehearsal that are told one by one.
const TOLD_MAX: usize = 1_000;

/// One task that would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The step.
    pub step: Identifier,
    /// What people call it.
    pub name: String,
    /// What would be done, with the values of variables put in; or why that cannot be said.
    pub commands: Vec<Result<String, String>>,
    /// The wait before it, in milliseconds.
    pub delay_ms: u64,
    /// After what time it would have failed, in milliseconds.
    pub limit_ms: u64,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// The tasks in the order in which they would begin; at most 1,000 of them.
    pub tasks: Vec<Rehearsed>,
    /// How many steps would be begun, those of loops each time.
    pub taken: u32,
    /// How it would end.
    pub end: Option<End>,
}

/// Takes a run through.
///
/// # Errors
/// [`VariableError`] for a value that a variable does not take.
pub fn rehearse(playbook: &Playbook, values: &[(String, String)]) -> Result<Rehearsal, VariableError> {
    let mut machine = Machine::begin(playbook, values)?;
    let mut told = Vec::new();
    while let Some(task) = machine.tasks().into_iter().min_by_key(|task| task.number) {
        if told.len() < TOLD_MAX {
            told.extend(describe(playbook, &machine, &task.step));
        }
        // the number is of a task that waits
        if machine.settle(playbook, task.number, Outcome::Success(Vec::new())).is_err() {
            break;
        }
    }
    Ok(Rehearsal { tasks: told, taken: machine.taken(), end: machine.end().cloned() })
}

fn describe(playbook: &Playbook, machine: &Machine, id: &Identifier) -> Option<Rehearsed> {
    let step = playbook.step(id)?;
    let commands = match &step.kind {
        StepKind::Action { commands, .. } => commands
            .iter()
            .map(|command| {
                let text = command.text.as_deref().unwrap_or("(encoded)");
                let resolved = machine.resolve(step, text).map_err(|error| error.to_string())?;
                Ok(format!("{}: {resolved}", command.kind))
            })
            .collect(),
        StepKind::PlaybookAction { playbook, .. } => vec![Ok(format!("run {playbook}"))],
        _ => Vec::new(),
    };
    let name = if step.name.is_empty() { id.to_string() } else { step.name.clone() };
    Some(Rehearsed {
        step: id.clone(),
        name,
        commands,
        delay_ms: delay_ms(step),
        limit_ms: limit_ms(playbook, step),
    })
}
