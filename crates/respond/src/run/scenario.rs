//! Scenarios: what comes of each task, and which way a run takes then. Nothing is done.

use super::{End, Machine, Outcome};
use crate::calls;
use crate::connector::Connector;
use crate::playbook::{Identifier, Playbook, Step, StepKind};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest file of scenarios, in bytes.
pub const SCENARIO_BYTES_MAX: usize = 1 << 20;

/// Scenarios of one playbook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenarios {
    /// The name of the playbook's file, without its ending.
    pub playbook: String,
    /// Each by itself.
    pub scenarios: Vec<Scenario>,
}

/// One course of events.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What happens, in a sentence.
    pub name: String,
    /// Values of the playbook's variables at the beginning.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// What comes of tasks, in this order.
    #[serde(default)]
    pub outcomes: Vec<Told>,
    /// The names of the steps that are begun, in their order; those without a name are passed over.
    pub trail: Vec<String>,
    /// `completed`, or `handled` or `failed` with a colon and the name of the step that failed.
    pub end: String,
}

/// What comes of one task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The name of its step, which must be waiting.
    pub step: String,
    /// How.
    #[serde(flatten)]
    pub outcome: ToldOutcome,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldOutcome {
    /// Well, and with these values of variables.
    Success(BTreeMap<String, String>),
    /// Not, for this reason.
    Failure(String),
    /// Not within its time; the text is for readers.
    Timeout(String),
}

/// A scenario is not as it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scenario}: {reason}")]
pub struct Mismatch {
    /// Its name.
    pub scenario: String,
    /// What is otherwise.
    pub reason: String,
}

/// Reads scenarios from YAML.
///
/// # Errors
/// Why the text has none.
pub fn read_scenarios(text: &str) -> Result<Scenarios, String> {
    if text.len() > SCENARIO_BYTES_MAX {
        return Err(format!("it has more than {SCENARIO_BYTES_MAX} bytes"));
    }
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Takes a run through as the scenario tells it. Actions that go well get their values, and are held against connectors.
///
/// # Errors
/// [`Mismatch`] with the first difference.
pub fn play(playbook: &Playbook, connectors: &[Connector], scenario: &Scenario) -> Result<(), Mismatch> {
    let mismatch = |reason: String| Mismatch { scenario: scenario.name.clone(), reason };
    let values: Vec<(String, String)> =
        scenario.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut machine =
        Machine::begin(playbook, &values).map_err(|error| mismatch(format!("it does not begin: {error}")))?;
    let mut trail = machine.take_trail();
    for told in &scenario.outcomes {
        settle(playbook, connectors, &mut machine, told).map_err(mismatch)?;
        trail.extend(machine.take_trail());
    }
    let names: Vec<&str> =
        trail.iter().map(|id| name(playbook, id)).filter(|name| !name.is_empty()).collect();
    if names != scenario.trail {
        return Err(mismatch(format!("the way was {names:?}, not {:?}", scenario.trail)));
    }
    let end = match machine.end() {
        Some(End::Completed) => "completed".to_owned(),
        Some(End::Handled { step, .. }) => format!("handled: {}", name(playbook, step)),
        Some(End::Failed { step, .. }) => format!("failed: {}", name(playbook, step)),
        Some(End::Stopped { .. }) => "stopped".to_owned(),
        None => {
            let waiting: Vec<_> = machine.tasks().iter().map(|task| name(playbook, &task.step)).collect();
            return Err(mismatch(format!("it waits for {waiting:?}, and nothing is told of these")));
        }
    };
    if end == scenario.end {
        Ok(())
    } else {
        Err(mismatch(format!("it ended as {end:?}, not {:?}", scenario.end)))
    }
}

fn name<'p>(playbook: &'p Playbook, id: &Identifier) -> &'p str {
    playbook.step(id).map(|step| step.name.as_str()).unwrap_or_default()
}

fn settle(
    playbook: &Playbook,
    connectors: &[Connector],
    machine: &mut Machine,
    told: &Told,
) -> Result<(), String> {
    let tasks = machine.tasks();
    let task = tasks.iter().find(|task| name(playbook, &task.step) == told.step).ok_or_else(|| {
        let waiting: Vec<_> = tasks.iter().map(|task| name(playbook, &task.step)).collect();
        format!("{:?} is not waited for, but {waiting:?}", told.step)
    })?;
    // what cannot be asked for does not go well
    let goes_well = matches!(told.outcome, ToldOutcome::Success(_));
    if let Some(step) = playbook.step(&task.step).filter(|_| goes_well) {
        can_be_asked(machine, connectors, step)?;
    }
    let outcome = match &told.outcome {
        ToldOutcome::Success(values) => {
            Outcome::Success(values.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        ToldOutcome::Failure(reason) => Outcome::Failure(reason.clone()),
        ToldOutcome::Timeout(_) => Outcome::Failure("it took too long".to_owned()),
    };
    machine.settle(playbook, task.number, outcome).map_err(|error| error.to_string())
}

/// Whether every action of a step can be asked for with the values that there are now.
fn can_be_asked(machine: &Machine, connectors: &[Connector], step: &Step) -> Result<(), String> {
    let StepKind::Action { commands, .. } = &step.kind else { return Ok(()) };
    let variables = step.variables.over(machine.variables());
    for call in commands.iter().filter_map(|command| command.call.as_ref()) {
        let refused = |reason: String| format!("{:?} cannot be asked for: {reason}", step.name);
        let call = call.resolved(&variables).map_err(|error| refused(error.to_string()))?;
        if let Some(reason) = calls::unfit(&call, connectors) {
            return Err(refused(reason));
        }
    }
    Ok(())
}
