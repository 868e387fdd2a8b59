//! A run as a worker has it in hand: row, playbook, machine, open steps. Pure.

use super::script::{self, BASH, SSH, SSH_CONNECTOR};
use super::{End, Machine, Outcome, PEOPLE_MS_DEFAULT, Task, delay_ms, handler_limit_ms, limit_ms};
use crate::connector::{Method, Values};
use crate::contain::Grounds;
use crate::decision::Signal;
use crate::error::RespondError;
use crate::playbook::{
    ACTION_COMMAND, ActionCall, Command, Identifier, Playbook, Step, StepKind, Variables, read,
};
use crate::setup::Setup;
use model::{Principal, Run, RunState, RunStep, StepState};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Most characters of a value in an audit record.
const SAID_CHARS_MAX: usize = 1_000;

/// Most runs above a run.
pub const DEPTH_MAX: u32 = 4;

/// What is done in a task that calls another playbook.
pub(super) const PLAYBOOK: &str = "playbook";

pub(super) struct Walk {
    pub(super) run: Run,
    pub(super) playbook: Playbook,
    pub(super) machine: Machine,
    /// Those that have not ended, and those that ended in this hand.
    pub(super) steps: Vec<RunStep>,
    /// The numbers of those that are to be written.
    pub(super) changed: BTreeSet<u32>,
    /// What the operator has enabled.
    pub(super) enabled: Enabled,
}

/// Commands that machines do only where the operator has enabled them.
#[derive(Debug, Clone, Default)]
pub(super) struct Enabled {
    /// How hosts are reached, where commands are run on them.
    ssh: Option<Values>,
    /// Whether scripts are run in a sandbox.
    bash: bool,
}

impl Enabled {
    pub(super) fn of(setup: &dyn Setup) -> Self {
        let ssh = setup.connection(SSH_CONNECTOR);
        let ssh = ssh.map(|connection| connection.connector.values(&connection.settings));
        Self { ssh, bash: setup.sandbox().is_some() }
    }
}

/// How a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By a containment.
    Action,
    /// By a person.
    Person,
    /// By a request.
    Http,
    /// By a script in a sandbox.
    Script,
    /// By another run.
    Playbook,
    /// Not at all.
    Refused,
}

impl Walk {
    pub(super) fn of(
        run: Run,
        text: &str,
        steps: Vec<RunStep>,
        enabled: Enabled,
    ) -> Result<Self, RespondError> {
        let (playbook, _) = read(text)?;
        let machine = serde_json::from_value(run.machine.clone())
            .map_err(|error| RespondError::CutOff(format!("the stored machine cannot be read: {error}")))?;
        Ok(Self { run, playbook, machine, steps, changed: BTreeSet::new(), enabled })
    }

    pub(super) fn store_machine(&mut self) -> Result<(), RespondError> {
        self.run.machine =
            serde_json::to_value(&self.machine).map_err(|error| RespondError::CutOff(error.to_string()))?;
        Ok(())
    }

    pub(super) fn step_of(&self, task: u32) -> Option<&RunStep> {
        self.steps.iter().find(|step| step.task == task)
    }

    pub(super) fn change(&mut self, task: u32, how: impl FnOnce(&mut RunStep)) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.task == task) {
            how(step);
            self.changed.insert(task);
        }
    }

    /// The playbook's step of a step of the run.
    pub(super) fn definition(&self, step: &RunStep) -> Option<&Step> {
        self.playbook.step(&step.step.parse::<Identifier>().ok()?)
    }

    /// The command that a step is at.
    pub(super) fn command(&self, step: &RunStep) -> Option<&Command> {
        match &self.definition(step)?.kind {
            StepKind::Action { commands, .. } => commands.get(step.command as usize),
            _ => None,
        }
    }

    fn commands(&self, step: &RunStep) -> usize {
        match self.definition(step).map(|definition| &definition.kind) {
            Some(StepKind::Action { commands, .. }) => commands.len(),
            _ => 1,
        }
    }

    /// How the command that a step is at is done.
    pub(super) fn way(&self, step: &RunStep) -> Way {
        let Some(definition) = self.definition(step) else { return Way::Refused };
        let StepKind::Action { agent, .. } = &definition.kind else { return Way::Playbook };
        let Some(command) = self.command(step) else { return Way::Refused };
        if command.kind == ACTION_COMMAND {
            return Way::Action;
        }
        let agent = self.playbook.agents.get(agent);
        let by_people = agent.is_some_and(|agent| agent.is_people() || !agent.is_known());
        if command.kind == "manual" || !command.is_known() || by_people {
            Way::Person
        } else {
            match command.kind.as_str() {
                "http-api" => Way::Http,
                SSH if self.enabled.ssh.is_some() => Way::Action,
                BASH if self.enabled.bash => Way::Script,
                _ => Way::Refused,
            }
        }
    }

    /// Whether the command that a step is at is a request that changes something.
    pub(super) fn changes(&self, step: &RunStep) -> bool {
        let text = self.command(step).and_then(|command| command.text.as_deref()).unwrap_or_default();
        self.way(step) == Way::Http && text.split_ascii_whitespace().next() != Some(Method::Get.as_str())
    }

    /// What its actions are decided by.
    pub(super) fn grounds(&self) -> Grounds {
        grounds(&self.run)
    }

    /// Somebody has said something of which it depends what the run does from here on: what it asks for then is asked for by
    /// them too, and is no word of the source that it began with.
    pub(super) fn has_part(&mut self, who: String) {
        self.has_parts([who], Signal::Uncorroborated);
    }

    /// What a run that was called came to says how this one goes on: those who had part in it have part here.
    pub(super) fn has_parts_of(&mut self, called: &Run) {
        self.has_parts(called.requesters.iter().cloned(), grounds(called).signal);
    }

    fn has_parts(&mut self, who: impl IntoIterator<Item = String>, signal_max: Signal) {
        let mut all: BTreeSet<String> = std::mem::take(&mut self.run.requesters).into_iter().collect();
        all.extend(who);
        self.run.requesters = all.into_iter().collect();
        let grounds = self.grounds();
        let grounds = Grounds { signal: grounds.signal.min(signal_max), ..grounds };
        self.run.grounds = serde_json::to_value(grounds).unwrap_or_default();
    }

    /// The variables as a step has them.
    pub(super) fn variables(&self, step: &RunStep) -> Variables {
        let own = self.definition(step).map(|definition| definition.variables.clone());
        own.unwrap_or_default().over(self.machine.variables())
    }

    /// The action that the command asks for which a step is at.
    pub(super) fn call(&self, step: &RunStep) -> Result<ActionCall, String> {
        let (definition, command) =
            self.definition(step).zip(self.command(step)).ok_or("there is no such step")?;
        let variables = self.variables(step);
        match (&command.call, &self.enabled.ssh) {
            (Some(call), _) => call.resolved(&variables).map_err(|error| error.to_string()),
            (None, Some(settings)) if command.kind == SSH => {
                script::call(&self.playbook, definition, command, &variables, settings)
            }
            _ => Err("it asks for no action".to_owned()),
        }
    }

    /// What a command says, for whoever does it.
    fn text(&self, step: &RunStep, command: &Command) -> Result<String, String> {
        let (way, variables) = (self.way(step), self.variables(step));
        let text = command.text.as_deref().unwrap_or(&command.description);
        match way {
            // a person is asked also where not everything is known
            Way::Person => Ok(variables.show(text)),
            Way::Action | Way::Script if command.call.is_none() => script::script(command, &variables),
            _ => variables.resolve(text).map_err(|error| error.to_string()),
        }
    }

    /// Whether a person may give these values with a step: it names them as what comes out, and the variables take them.
    pub(super) fn check_given(
        &self,
        step: &RunStep,
        values: &[(String, String)],
    ) -> Result<(), RespondError> {
        let definition = self.definition(step);
        let out_args = match definition.map(|definition| &definition.kind) {
            Some(StepKind::Action { out_args, .. }) => out_args.as_slice(),
            _ => &[],
        };
        if let Some((name, _)) = values.iter().find(|(name, _)| !out_args.contains(name)) {
            return Err(RespondError::BadValue(name.clone()));
        }
        self.machine.check_values(definition, values).map_err(RespondError::BadValue)
    }

    /// Begins the tasks that the machine has come to.
    pub(super) fn begin_tasks(&mut self, now_ms: i64) {
        for Task { number, step } in self.machine.tasks() {
            if self.step_of(number).is_some() {
                continue;
            }
            let Some(definition) = self.playbook.step(&step) else { continue };
            let starts_at_ms = later(now_ms, delay_ms(definition));
            let deadline_at_ms = later(starts_at_ms, limit_ms(&self.playbook, definition));
            let name = if definition.name.is_empty() { step.to_string() } else { definition.name.clone() };
            self.steps.push(RunStep {
                run: self.run.id,
                task: number,
                step: step.to_string(),
                name,
                kind: definition.kind.as_str().to_owned(),
                text: String::new(),
                state: StepState::Delayed,
                command: 0,
                tries: 0,
                sent: false,
                containment: None,
                child: None,
                begun_at_ms: now_ms,
                starts_at_ms,
                due_at_ms: starts_at_ms,
                deadline_at_ms: deadline_at_ms.min(self.run.deadline_at_ms),
                ended_at_ms: None,
                by: None,
                reason: None,
                region: self.run.region.clone(),
            });
            self.changed.insert(number);
        }
    }

    /// The command that the step is at begins now.
    pub(super) fn begin_command(&mut self, task: u32, now_ms: i64) -> Result<(), String> {
        let Some(step) = self.step_of(task) else { return Ok(()) };
        let way = self.way(step);
        let (kind, text) = match (self.command(step), self.definition(step).map(|step| &step.kind)) {
            (_, Some(StepKind::PlaybookAction { playbook, .. })) => {
                (PLAYBOOK.to_owned(), playbook.to_string())
            }
            (Some(command), _) => (command.kind.clone(), self.text(step, command)?),
            _ => return Err("there is no such step".to_owned()),
        };
        if way == Way::Refused {
            return Err(format!("commands of type {kind:?} are not executed here: nobody has enabled them"));
        }
        self.change(task, |step| {
            (step.kind, step.text) = (kind, text);
            (step.tries, step.sent) = (0, false);
            (step.containment, step.child) = (None, None);
            let by_person = way == Way::Person;
            step.state = if by_person { StepState::AwaitingPerson } else { StepState::Running };
            step.due_at_ms = if by_person { step.deadline_at_ms } else { now_ms };
        });
        Ok(())
    }

    /// A command went well: the next one begins, or the step ends. `as_state` is how it ends.
    pub(super) fn succeed(
        &mut self,
        task: u32,
        values: Vec<(String, String)>,
        (by, reason, as_state): (&Principal, Option<String>, StepState),
        now_ms: i64,
    ) {
        let Some(step) = self.step_of(task) else { return };
        if step.command as usize + 1 < self.commands(step) {
            // the commands after it know what it gives
            let definition = self.definition(step).cloned();
            if let Err(problem) = self.machine.assign(definition.as_ref(), &values) {
                return self.settle(task, Outcome::Failure(problem), (by, StepState::Failed), now_ms);
            }
            self.change(task, |step| {
                step.command += 1;
                step.reason.clone_from(&reason);
            });
            if let Err(problem) = self.begin_command(task, now_ms) {
                self.settle(task, Outcome::Failure(problem), (by, StepState::Failed), now_ms);
            }
            return;
        }
        let definition = self.definition(step);
        if let Err(problem) = self.machine.check_values(definition, &values) {
            return self.settle(task, Outcome::Failure(problem), (by, StepState::Failed), now_ms);
        }
        self.change(task, |step| step.reason = reason);
        self.settle(task, Outcome::Success(values), (by, as_state), now_ms);
    }

    /// Ends a step and lets the machine go on.
    pub(super) fn settle(
        &mut self,
        task: u32,
        outcome: Outcome,
        (by, state): (&Principal, StepState),
        now_ms: i64,
    ) {
        let problem = if let Outcome::Failure(problem) = &outcome { Some(problem.clone()) } else { None };
        self.change(task, |step| {
            end_step(step, state, by, now_ms);
            if problem.is_some() {
                step.reason.clone_from(&problem);
            }
        });
        let was_handling = self.machine.handling().is_some();
        // a task that the machine does not wait for changes nothing there
        let _ = self.machine.settle(&self.playbook, task, outcome);
        self.give_handler_time(was_handling, now_ms);
        self.begin_tasks(now_ms);
        self.close(now_ms);
    }

    /// Nobody can tell what came of a request that may have been sent: a person is asked, for as long as people have, or as
    /// the run has.
    pub(super) fn unknown(&mut self, task: u32, reason: &str, now_ms: i64) {
        let until_ms = later(now_ms, PEOPLE_MS_DEFAULT).min(self.run.deadline_at_ms);
        self.change(task, |step| {
            step.state = StepState::Unknown;
            step.deadline_at_ms = step.deadline_at_ms.max(until_ms);
            step.due_at_ms = step.deadline_at_ms;
            step.reason = Some(reason.to_owned());
        });
    }

    /// Nobody has said what came of it: the run's handler has it, and not what the step does on a failure.
    pub(super) fn abandon(&mut self, task: u32, reason: &str, now_ms: i64) {
        let problem = format!("nobody has said what came of it, and it may have happened: {reason}");
        let by = crate::actor::Actor::system().principal;
        self.change(task, |step| {
            end_step(step, StepState::Failed, &by, now_ms);
            step.reason = Some(problem.clone());
        });
        let was_handling = self.machine.handling().is_some();
        // a task that the machine does not wait for changes nothing there
        let _ = self.machine.abandon(&self.playbook, task, &problem);
        self.give_handler_time(was_handling, now_ms);
        self.begin_tasks(now_ms);
        self.close(now_ms);
    }

    /// The time of the run is over: its handler has it, or it ends.
    pub(super) fn run_out(&mut self, now_ms: i64) {
        let (was_handling, mut reason) = match self.machine.handling() {
            Some((step, reason)) => {
                (true, format!("the time of the handler is over; before, {step}: {reason}"))
            }
            None => (false, "the time of the run is over".to_owned()),
        };
        for step in self.steps.iter().filter(|step| step.state == StepState::Unknown) {
            reason =
                format!("{reason}; what came of {:?} nobody has said, and it may have happened", step.name);
        }
        let is_untold = self.steps.iter().any(|step| step.state == StepState::Unknown);
        self.machine.run_out(&self.playbook, &reason, is_untold);
        self.give_handler_time(was_handling, now_ms);
        self.begin_tasks(now_ms);
        self.close(now_ms);
    }

    /// A handler that has begun now has a time of its own, however late that is.
    pub(super) fn give_handler_time(&mut self, was_handling: bool, now_ms: i64) {
        if was_handling || self.machine.handling().is_none() {
            return;
        }
        let until_ms = now_ms.saturating_add(handler_limit_ms(&self.playbook).unwrap_or_default());
        self.run.deadline_at_ms = self.run.deadline_at_ms.max(until_ms);
    }

    /// What an end of the machine comes to; steps that are open then are over.
    pub(super) fn close(&mut self, now_ms: i64) {
        let waiting: BTreeSet<u32> = self.machine.tasks().iter().map(|task| task.number).collect();
        let by = crate::actor::Actor::system().principal;
        let over: Vec<u32> = self
            .steps
            .iter()
            .filter(|step| step.ended_at_ms.is_none() && !waiting.contains(&step.task))
            .map(|step| step.task)
            .collect();
        for task in over {
            self.change(task, |step| {
                let before = step.reason.take().filter(|_| step.state == StepState::Unknown);
                end_step(step, StepState::Stopped, &by, now_ms);
                let left = "the run went on without it";
                step.reason = Some(match before {
                    Some(before) => format!("{left}, and it may have happened: {before}"),
                    None => left.to_owned(),
                });
            });
        }
        let Some(end) = self.machine.end() else { return };
        let (state, problem) = match end {
            End::Completed => (RunState::Completed, None),
            End::Handled { step, reason } => (RunState::Handled, Some(format!("{step}: {reason}"))),
            End::Failed { step, reason } => (RunState::Failed, Some(format!("{step}: {reason}"))),
            End::Stopped { reason } => (RunState::Stopped, Some(reason.clone())),
        };
        (self.run.state, self.run.problem) = (state, problem);
        self.run.ended_at_ms = Some(now_ms);
    }

    /// When something is due next: a step, or the end of the run's own time.
    pub(super) fn due_at_ms(&self) -> Option<i64> {
        if self.run.state != RunState::Running {
            return None;
        }
        let open = self.steps.iter().filter(|step| step.ended_at_ms.is_none());
        let due = open.map(|step| step.due_at_ms.min(step.deadline_at_ms)).min();
        Some(due.unwrap_or(i64::MIN).min(self.run.deadline_at_ms))
    }

    /// The open step that has been due longest at `now_ms`.
    pub(super) fn due(&self, now_ms: i64) -> Option<&RunStep> {
        let open = self.steps.iter().filter(|step| step.ended_at_ms.is_none());
        open.filter(|step| step.due_at_ms.min(step.deadline_at_ms) <= now_ms)
            .min_by_key(|step| (step.due_at_ms.min(step.deadline_at_ms), step.task))
    }

    pub(super) fn changed_steps(&self) -> Vec<RunStep> {
        self.steps.iter().filter(|step| self.changed.contains(&step.task)).cloned().collect()
    }
}

fn grounds(run: &Run) -> Grounds {
    // what cannot be read is for people
    serde_json::from_value(run.grounds.clone()).unwrap_or_default()
}

/// Values as the audit log has them.
pub(super) fn said(values: &[(String, String)]) -> Value {
    let said = values.iter().map(|(name, value)| (name.clone(), Value::String(short(value))));
    Value::Object(said.collect::<Map<_, _>>())
}

/// A text as the audit log has it: of a long one the beginning, and how long it is.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(SAID_CHARS_MAX) {
        Some((at, _)) => format!("{}… ({} bytes in all)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

fn end_step(step: &mut RunStep, state: StepState, by: &Principal, now_ms: i64) {
    step.state = state;
    step.ended_at_ms = Some(now_ms);
    step.by = Some(by.clone());
}

fn later(at_ms: i64, by_ms: u64) -> i64 {
    at_ms.saturating_add(i64::try_from(by_ms).unwrap_or(i64::MAX))
}
