//! What people do in a run: tick a step, leave it out, say what nobody can tell, stop the run.

use super::ask::is_own;
use super::walk::{Enabled, Walk, said};
use super::{Outcome, start::RunView};
use crate::actor::Actor;
use crate::contain::{check_reason, person};
use crate::error::RespondError;
use crate::letter;
use crate::service::Responder;
use model::{RunId, RunState, RunStep, StepState};
use ports::store::{StoreError, UnitOfWork};
use serde_json::{Value, json};

/// What a person says of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done; with values for the variables that the step gives (`out_args`), by name.
    Done(Vec<(String, String)>),
    /// It is left out, and the run goes on as if it had been done.
    Skipped,
    /// It could not be done.
    Failed,
}

impl Answer {
    /// What the audit log has of it.
    fn told(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Done(values) => vec![("answer", json!("done")), ("values", said(values))],
            Self::Skipped => vec![("answer", json!("skipped"))],
            Self::Failed => vec![("answer", json!("failed"))],
        }
    }
}

/// Answers for a step that waits for a person, or of which nobody can tell what came.
#[derive(Debug, Clone)]
pub struct AnswerRequest {
    /// Who: a person.
    pub actor: Actor,
    /// The run.
    pub run: RunId,
    /// The number of the step in it.
    pub task: u32,
    /// What they say.
    pub answer: Answer,
    /// Why; must be said of what was not done.
    pub reason: Option<String>,
}

/// Stops a run where it stands, without its handler. What it has applied stays, until its own time is over or somebody takes it back.
#[derive(Debug, Clone)]
pub struct StopRequest {
    /// Who: a person.
    pub actor: Actor,
    /// The run.
    pub run: RunId,
    /// Why.
    pub reason: String,
}

/// What the audit log is told of what a hand has done.
pub(super) struct Told<'t> {
    pub(super) actor: &'t Actor,
    pub(super) action: &'static str,
    /// The task that it is about, if it is about one.
    pub(super) task: u32,
    /// What it says beside where run and step stand, by name.
    pub(super) more: Vec<(&'static str, Value)>,
}

impl<'t> Told<'t> {
    pub(super) const fn new(actor: &'t Actor, action: &'static str, task: u32) -> Self {
        Self { actor, action, task, more: Vec::new() }
    }
}

impl Responder {
    /// Takes a person's answer for a step. Who answers has part in what the run asks for from then on.
    ///
    /// # Errors
    /// [`RespondError::NoSuchStep`], [`RespondError::BadValue`], [`RespondError::NoPerson`], [`RespondError::Reason`],
    /// [`RespondError::Store`].
    pub async fn answer_step(&self, request: &AnswerRequest) -> Result<RunView, RespondError> {
        let person = person(&request.actor)?;
        if !matches!(request.answer, Answer::Done(_)) || request.reason.is_some() {
            check_reason(request.reason.as_deref().unwrap_or_default())?;
        }
        let mut unit = self.options.store.begin().await?;
        let mut walk = self.walk(&mut *unit, request.run).await?;
        self.check_seen(walk.run.version)?;
        let now_ms = self.now_ms();
        let step = walk.step_of(request.task);
        let waits = step.is_some_and(|step| {
            matches!(step.state, StepState::AwaitingPerson | StepState::Unknown)
                && now_ms < step.deadline_at_ms
        });
        if !waits || walk.run.state != RunState::Running {
            return Err(RespondError::NoSuchStep(format!("{} step {}", request.run, request.task)));
        }
        if let (Answer::Done(values), Some(step)) = (&request.answer, step) {
            walk.check_given(step, values)?;
        }
        walk.has_part(person);
        let (by, reason) = (&request.actor.principal, request.reason.clone());
        match &request.answer {
            Answer::Done(values) => {
                walk.succeed(request.task, values.clone(), (by, reason, StepState::Succeeded), now_ms);
            }
            Answer::Skipped => {
                walk.succeed(request.task, Vec::new(), (by, reason, StepState::Skipped), now_ms);
            }
            Answer::Failed => {
                let problem = reason.unwrap_or_default();
                walk.settle(request.task, Outcome::Failure(problem), (by, StepState::Failed), now_ms);
            }
        }
        let told =
            Told { more: request.answer.told(), ..Told::new(&request.actor, "run.answer", request.task) };
        self.write_walk(&mut *unit, &mut walk, Some(told)).await?;
        let steps = unit.runs().steps(request.run, false).await?;
        unit.commit().await?;
        Ok(RunView { run: walk.run, steps })
    }

    /// Stops a run, and the runs that it called; calls off what it has asked for and nobody has sent yet.
    ///
    /// # Errors
    /// [`RespondError::NoSuchStep`] at its end, [`RespondError::NoPerson`], [`RespondError::Reason`],
    /// [`RespondError::Store`].
    pub async fn stop_run(&self, request: &StopRequest) -> Result<RunView, RespondError> {
        let person = person(&request.actor)?;
        check_reason(&request.reason)?;
        let mut unit = self.options.store.begin().await?;
        let mut walk = self.walk(&mut *unit, request.run).await?;
        self.check_seen(walk.run.version)?;
        if walk.run.state != RunState::Running {
            return Err(RespondError::NoSuchStep(format!("{} has ended", request.run)));
        }
        // a run that called this one goes on by that
        walk.has_part(person);
        self.stop_in(&mut *unit, walk, &request.actor, &request.reason).await?;
        let run = unit.runs().get(request.run).await?;
        let run = run.ok_or_else(|| StoreError::not_found("run", request.run))?;
        let steps = unit.runs().steps(request.run, false).await?;
        unit.commit().await?;
        Ok(RunView { run, steps })
    }

    /// Stops a run as part of a unit.
    pub(super) async fn stop_in(
        &self,
        unit: &mut dyn UnitOfWork,
        mut walk: Walk,
        actor: &Actor,
        reason: &str,
    ) -> Result<(), RespondError> {
        walk.machine.stop(reason);
        walk.close(self.now_ms());
        self.write_walk(unit, &mut walk, Some(Told::new(actor, "run.stop", 0))).await
    }

    /// A run with its playbook and its open steps.
    pub(super) async fn walk(&self, unit: &mut dyn UnitOfWork, id: RunId) -> Result<Walk, RespondError> {
        let run = unit.runs().get(id).await?.ok_or_else(|| StoreError::not_found("run", id))?;
        let text = unit.runs().playbook(&run.playbook_sha256).await?;
        let text = text.ok_or_else(|| StoreError::not_found("playbook of run", id))?;
        let steps = unit.runs().steps(id, true).await?;
        Walk::of(run, &text, steps, Enabled::of(&*self.options.setup))
    }

    /// Writes what a hand has done: the run, its steps, what ends with them; wakes the run that waits for it.
    pub(super) async fn write_walk(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        told: Option<Told<'_>>,
    ) -> Result<(), RespondError> {
        let now_ms = self.now_ms();
        walk.store_machine()?;
        walk.run.updated_at_ms = now_ms;
        walk.run.due_at_ms = walk.due_at_ms();
        let audit = told.map(|Told { actor, action, task, more }| {
            let mut audit = self.run_audit(&walk.run, actor, action);
            let step = walk.step_of(task);
            audit.reason = step.and_then(|step| step.reason.clone()).or_else(|| walk.run.problem.clone());
            if step.is_none() && audit.reason.is_none() {
                audit.reason = walk.machine.handling().map(|(step, reason)| format!("{step}: {reason}"));
            }
            audit.after = json!({
                "state": walk.run.state.as_str(),
                "task": step.map(|step| step.task),
                "step": step.map(|step| &step.step),
                "outcome": step.map(|step| step.state.as_str()),
                "containment": step.and_then(|step| step.containment),
            });
            for (name, value) in more {
                audit.after[name] = value;
            }
            audit
        });
        let steps = walk.changed_steps();
        walk.run.version = unit.runs().replace(&walk.run, &steps, audit.as_ref()).await?;
        walk.changed.clear();
        let mut occasions = letter::of_steps(&steps, now_ms);
        occasions.extend(letter::of_run(&walk.run, now_ms));
        self.write_letters_once(unit, &walk.run, occasions).await?;
        let over = steps.iter().filter(|step| matches!(step.state, StepState::Stopped | StepState::Failed));
        for step in over {
            self.let_go(unit, step, &format!("{} has ended without it", walk.run.id)).await?;
        }
        if let Some(parent) = walk.run.parent.filter(|_| walk.run.state != RunState::Running) {
            unit.runs().wake(parent, now_ms).await?;
        }
        Ok(())
    }

    /// Nobody waits any more for what a step has begun. What others have asked for stays theirs.
    async fn let_go(
        &self,
        unit: &mut dyn UnitOfWork,
        step: &RunStep,
        reason: &str,
    ) -> Result<(), RespondError> {
        if let Some(id) = step.containment {
            let containment = unit.containments().get(id).await?;
            if containment.is_some_and(|containment| is_own(step, &containment)) {
                self.call_off_in(unit, id, reason).await?;
            }
        }
        if let Some(id) = step.child {
            let walk = match self.walk(unit, id).await {
                Ok(walk) => walk,
                Err(error @ RespondError::Store(_)) => return Err(error),
                // one that cannot be read any more ends by itself, when it is due
                Err(_) => return Ok(()),
            };
            if walk.run.state == RunState::Running {
                Box::pin(self.stop_in(unit, walk, &Actor::system(), reason)).await?;
            }
        }
        Ok(())
    }
}
