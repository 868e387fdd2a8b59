//! The worker of runs: takes the one that has been due longest, does its one next thing, writes what came of it.

use super::people::Told;
use super::start::{Beginning, StartRunRequest, moved};
use super::walk::{Walk, Way, short};
use super::{Machine, Outcome, handler_limit_ms, http, names, script};
use crate::actor::Actor;
use crate::connector::{Answer, Method, Request, Unanswered};
use crate::contain::{ContainRequest, Preview};
use crate::error::RespondError;
use crate::playbook::{Playbook, StepKind, read};
use crate::sandbox::{Ran, Sandbox, SandboxError};
use crate::service::Responder;
use model::{IncidentId, Lease, LeaseId, Run, RunId, RunPlace, RunState, RunStep, StepState};
use ports::store::{StoreError, UnitOfWork};
use serde_json::json;

/// What a worker has done for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMoved {
    /// Which.
    pub id: RunId,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// Where it stood.
    pub from: RunState,
    /// Where it stands.
    pub to: RunState,
    /// The step that was done something about, and where it stands.
    pub step: Option<(u32, StepState)>,
    /// What is wrong, in words.
    pub problem: Option<String>,
}

/// What has to wait for the remote side.
pub(super) enum AtRemote {
    /// Looks, and plans.
    Plan(Box<ContainRequest>),
    /// Sends a request of a playbook's own.
    Send(Request),
    /// Runs a script in a sandbox.
    Script(Sandbox, String),
}

/// What came of it.
enum Came {
    Planned(Box<(ContainRequest, Result<Preview, RespondError>)>),
    Answered { changes: bool, came: Result<Answer, Unanswered> },
    Ran(Result<Ran, SandboxError>),
}

impl Responder {
    /// Does the one next thing of the run that has been due longest; `None` if none is.
    ///
    /// # Errors
    /// [`RespondError::Store`]; then whatever was begun is taken up again when the lease has ended.
    pub async fn advance_run(&self) -> Result<Option<RunMoved>, RespondError> {
        let now_ms = self.now_ms();
        let id = LeaseId::new(&*self.options.clock, &*self.options.entropy);
        let lease = Lease { id, until_ms: now_ms.saturating_add(self.options.times.lease_ms) };
        let mut unit = self.options.store.begin().await?;
        let Some(run) = unit.runs().take(lease, now_ms).await? else { return Ok(None) };
        let from = run.state;
        let mut walk = match self.walk(&mut *unit, run.id).await {
            Ok(walk) => walk,
            Err(error @ RespondError::Store(_)) => return Err(error),
            Err(error) => return self.give_up(unit, run, &error.to_string()).await.map(Some),
        };
        if now_ms >= walk.run.deadline_at_ms {
            return self.run_out(unit, walk, from).await.map(Some);
        }
        walk.begin_tasks(now_ms);
        walk.close(now_ms);
        let task = walk.due(now_ms).map(|step| step.task);
        let at_remote = match task {
            Some(task) => self.step(&mut *unit, &mut walk, task).await?,
            None => None,
        };
        if at_remote.is_none() {
            walk.run.lease = None;
        }
        self.write_step(&mut *unit, &mut walk, (task, at_remote.as_ref())).await?;
        unit.commit().await?;
        let (Some(task), Some(at_remote)) = (task, at_remote) else {
            return Ok(Some(moved(&walk.run, from, task.and_then(|task| walk.step_of(task)))));
        };
        if self.now_ms() >= lease.until_ms {
            // the store kept us waiting for so long that another worker may be at it
            return Ok(Some(moved(&walk.run, from, walk.step_of(task))));
        }
        let came = self.wait_for_step(at_remote).await?;
        self.write_came(&walk.run, (lease, task), came).await.map(Some)
    }

    /// The time of a run is over: its handler has it, once and for a time of its own, or it has failed.
    async fn run_out(
        &self,
        mut unit: Box<dyn UnitOfWork>,
        mut walk: Walk,
        from: RunState,
    ) -> Result<RunMoved, RespondError> {
        walk.run.lease = None;
        walk.run_out(self.now_ms());
        let action = if walk.run.state == RunState::Running { "run.handle" } else { "run.end" };
        self.write_walk(&mut *unit, &mut walk, Some(Told::new(&Actor::system(), action, 0))).await?;
        unit.commit().await?;
        Ok(moved(&walk.run, from, None))
    }

    /// Ends a run that this program cannot read any more: it must not wait for ever, nor keep others waiting.
    async fn give_up(
        &self,
        mut unit: Box<dyn UnitOfWork>,
        mut run: Run,
        problem: &str,
    ) -> Result<RunMoved, RespondError> {
        let (now_ms, from, actor) = (self.now_ms(), run.state, Actor::system());
        let mut steps = unit.runs().steps(run.id, true).await?;
        for step in &mut steps {
            (step.state, step.ended_at_ms) = (StepState::Stopped, Some(now_ms));
            (step.by, step.reason) = (Some(actor.principal.clone()), Some(problem.to_owned()));
        }
        (run.state, run.problem) = (RunState::Failed, Some(problem.to_owned()));
        (run.due_at_ms, run.ended_at_ms, run.lease) = (None, Some(now_ms), None);
        let mut audit = self.run_audit(&run, &actor, "run.end");
        audit.reason = Some(problem.to_owned());
        unit.runs().replace(&run, &steps, Some(&audit)).await?;
        let told = crate::letter::of_run(&run, now_ms).into_iter().collect();
        self.write_letters_once(&mut *unit, &run, told).await?;
        if let Some(parent) = run.parent {
            unit.runs().wake(parent, now_ms).await?;
        }
        unit.commit().await?;
        Ok(moved(&run, from, None))
    }

    /// A step that ended, and the run with it, has its record, and so has what is about to be sent and changes something; what
    /// was only looked at has none.
    async fn write_step(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        (task, at_remote): (Option<u32>, Option<&AtRemote>),
    ) -> Result<(), RespondError> {
        let ended = task.filter(|task| {
            walk.changed.contains(task) && walk.step_of(*task).is_some_and(|step| step.ended_at_ms.is_some())
        });
        let actor = Actor::system();
        let told = match (task, at_remote) {
            (Some(task), Some(AtRemote::Send(request))) if request.method != Method::Get => {
                let sent = json!({
                    "method": request.method.as_str(),
                    "url": short(&request.url),
                    "body": request.body.as_deref().map(short),
                });
                Some(Told { more: vec![("request", sent)], ..Told::new(&actor, "run.send", task) })
            }
            _ => ended.map(|task| Told::new(&actor, "run.step", task)),
        };
        let has_ended = walk.run.state != RunState::Running;
        let told = told.or_else(|| has_ended.then_some(Told::new(&actor, "run.end", 0)));
        self.write_walk(unit, walk, told).await
    }

    /// What is due of a step, as far as it needs no remote side; the rest is returned.
    async fn step(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        task: u32,
    ) -> Result<Option<AtRemote>, RespondError> {
        let now_ms = self.now_ms();
        let Some(step) = walk.step_of(task).cloned() else { return Ok(None) };
        if now_ms >= step.deadline_at_ms {
            let untold = match step.child {
                Some(child) => untold(unit, child).await?,
                None => None,
            };
            late(walk, &step, untold, now_ms);
            return Ok(None);
        }
        if step.state == StepState::Unknown {
            walk.change(task, |step| step.due_at_ms = step.deadline_at_ms);
            return Ok(None);
        }
        if step.state == StepState::Delayed {
            if let Err(problem) = walk.begin_command(task, now_ms) {
                fail(walk, task, problem, now_ms);
            }
            return Ok(None);
        }
        match walk.way(&step) {
            Way::Action => self.action(unit, walk, &step).await,
            Way::Http => Ok(self.send(walk, &step)),
            Way::Script => Ok(self.script(walk, &step)),
            Way::Playbook => self.call(unit, walk, &step).await.map(|()| None),
            Way::Person | Way::Refused => {
                walk.change(task, |step| step.due_at_ms = step.deadline_at_ms);
                Ok(None)
            }
        }
    }

    /// Sends a request; what may have been sent before is not sent again where it changes something.
    fn send(&self, walk: &mut Walk, step: &RunStep) -> Option<AtRemote> {
        let now_ms = self.now_ms();
        if step.sent && walk.changes(step) {
            let problem = "the request may have been sent; nobody can tell what came of it";
            walk.unknown(step.task, problem, now_ms);
            return None;
        }
        let request = match http_request(self, walk, step) {
            Ok(request) => request,
            Err(problem) => {
                fail(walk, step.task, problem, now_ms);
                return None;
            }
        };
        let until_ms = now_ms.saturating_add(self.options.times.lease_ms);
        walk.change(step.task, |step| {
            step.sent = true;
            step.tries += 1;
            step.due_at_ms = until_ms;
        });
        Some(AtRemote::Send(request))
    }

    /// Runs a script, and again if nobody has told what came of it: it can do nothing outside.
    fn script(&self, walk: &mut Walk, step: &RunStep) -> Option<AtRemote> {
        let now_ms = self.now_ms();
        let Some(sandbox) = self.options.setup.sandbox() else {
            fail(walk, step.task, "there is no sandbox for scripts any more".to_owned(), now_ms);
            return None;
        };
        let until_ms = now_ms.saturating_add(self.options.times.lease_ms);
        walk.change(step.task, |step| {
            step.tries += 1;
            step.due_at_ms = until_ms;
        });
        Some(AtRemote::Script(sandbox, step.text.clone()))
    }

    fn ran(&self, walk: &mut Walk, step: &RunStep, came: Result<Ran, SandboxError>) {
        let now_ms = self.now_ms();
        let out_args = match walk.definition(step).map(|definition| &definition.kind) {
            Some(StepKind::Action { out_args, .. }) => out_args.clone(),
            _ => Vec::new(),
        };
        match came.map(|ran| script::values(&ran, &out_args)) {
            Ok(Ok(values)) => succeed(walk, step.task, values, now_ms),
            Ok(Err(problem)) => fail(walk, step.task, problem, now_ms),
            Err(error) => self.later(walk, step, error.to_string()),
        }
    }

    /// Begins another run, or sees what came of it.
    async fn call(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        step: &RunStep,
    ) -> Result<(), RespondError> {
        let now_ms = self.now_ms();
        let Some(child) = step.child else {
            match self.begin_child(unit, walk, step).await {
                Ok(run) => walk.change(step.task, |step| {
                    step.child = Some(run.id);
                    step.due_at_ms = step.deadline_at_ms;
                }),
                Err(error @ RespondError::Store(_)) => return Err(error),
                Err(error) => fail(walk, step.task, error.to_string(), now_ms),
            }
            return Ok(());
        };
        let child = unit.runs().get(child).await?.ok_or_else(|| StoreError::not_found("run", child))?;
        if child.state != RunState::Running {
            walk.has_parts_of(&child);
        }
        match child.state {
            RunState::Running => walk.change(step.task, |step| step.due_at_ms = step.deadline_at_ms),
            RunState::Completed | RunState::Handled => {
                let machine = serde_json::from_value(child.machine).ok();
                let values = machine.map(|machine| values_out(walk, step, &machine)).unwrap_or_default();
                succeed(walk, step.task, values, now_ms);
            }
            RunState::Failed | RunState::Stopped => {
                let problem = child.problem.unwrap_or_else(|| child.state.as_str().to_owned());
                if is_untold(&child.machine) {
                    walk.abandon(step.task, &format!("{}: {problem}", child.id), now_ms);
                    return Ok(());
                }
                fail(walk, step.task, format!("{}: {problem}", child.id), now_ms);
            }
        }
        Ok(())
    }

    async fn begin_child(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &Walk,
        step: &RunStep,
    ) -> Result<Run, RespondError> {
        let kind = walk.definition(step).map(|definition| &definition.kind);
        let Some(StepKind::PlaybookAction { playbook, version_ms, in_args, .. }) = kind else {
            return Err(RespondError::NoSuchStep(step.step.clone()));
        };
        let text = self.options.setup.playbook(playbook.as_str(), *version_ms);
        let text = text.ok_or_else(|| RespondError::NoPlaybook(playbook.to_string()))?;
        let (called, _) = read(&text)?;
        let values = in_args.iter().filter(|name| called.variables.get(name).is_some()).filter_map(|name| {
            let variable = walk.machine.variables().get(name)?;
            Some((name.clone(), variable.value.clone()?))
        });
        let left_ms = step.deadline_at_ms.saturating_sub(self.now_ms());
        let request = StartRunRequest {
            actor: Actor { principal: walk.run.requester.clone(), origin: None, request_id: None },
            requesters: walk.run.requesters.iter().cloned().collect(),
            playbook: text,
            limit_ms: Some(child_limit_ms(&called, left_ms)),
            values: values.collect(),
            incident: walk.run.incident,
            region: walk.run.region.clone(),
            grounds: walk.grounds(),
            reason: walk.run.reason.clone(),
        };
        let parent = Some((&walk.run, place(step)));
        self.start_run_in(unit, Beginning { parent, request: &request }).await
    }

    async fn wait_for_step(&self, at_remote: AtRemote) -> Result<Came, RespondError> {
        match at_remote {
            AtRemote::Plan(request) => {
                let preview = self.check_and_preview(&request).await;
                Ok(Came::Planned(Box::new((*request, preview))))
            }
            AtRemote::Send(request) => {
                let changes = request.method != Method::Get;
                let came = self.at_remote(move |remote| remote.send(&request)).await?;
                Ok(Came::Answered { changes, came })
            }
            AtRemote::Script(sandbox, script) => {
                Ok(Came::Ran(self.at_remote(move |_| sandbox.run(&script)).await?))
            }
        }
    }

    /// Writes what came of it, unless another worker has taken over or the step has ended meanwhile.
    async fn write_came(
        &self,
        before: &Run,
        (lease, task): (Lease, u32),
        came: Came,
    ) -> Result<RunMoved, RespondError> {
        let mut unit = self.options.store.begin().await?;
        let mut walk = self.walk(&mut *unit, before.id).await?;
        if walk.run.lease.map(|held| held.id) != Some(lease.id) || walk.run.state != RunState::Running {
            return Ok(moved(&walk.run, before.state, None));
        }
        walk.run.lease = None;
        let step = walk.step_of(task).cloned().filter(|step| step.state == StepState::Running);
        if let Some(step) = step {
            match came {
                Came::Planned(planned) => {
                    self.asked_for(&mut *unit, &mut walk, &step, *planned).await?;
                }
                Came::Answered { changes, came } => self.answered(&mut walk, &step, changes, came),
                Came::Ran(came) => self.ran(&mut walk, &step, came),
            }
        }
        self.write_step(&mut *unit, &mut walk, (Some(task), None)).await?;
        unit.commit().await?;
        Ok(moved(&walk.run, before.state, walk.step_of(task)))
    }

    fn answered(&self, walk: &mut Walk, step: &RunStep, changes: bool, came: Result<Answer, Unanswered>) {
        let now_ms = self.now_ms();
        match came {
            Ok(answer) => match answer.status {
                200..=299 => succeed(walk, step.task, Vec::new(), now_ms),
                408 | 425 | 429 => self.later(walk, step, format!("status {}", answer.status)),
                500..=599 if changes => {
                    walk.unknown(step.task, &format!("status {}", answer.status), now_ms);
                }
                500 | 502..=504 => self.later(walk, step, format!("status {}", answer.status)),
                status => fail(walk, step.task, format!("status {status}"), now_ms),
            },
            Err(Unanswered::Refused(reason)) => fail(walk, step.task, reason, now_ms),
            Err(Unanswered::Lost(reason)) if changes => walk.unknown(step.task, &reason, now_ms),
            Err(Unanswered::Lost(reason) | Unanswered::NotSent(reason)) => self.later(walk, step, reason),
        }
    }

    /// It had no effect, and is tried again; the step's own time ends that.
    pub(super) fn later(&self, walk: &mut Walk, step: &RunStep, reason: String) {
        let now_ms = self.now_ms();
        let (tries, asks) = (step.tries.max(1), walk.way(step) == Way::Action);
        let due_at_ms = now_ms.saturating_add(self.options.times.wait_ms(tries));
        walk.change(step.task, |step| {
            step.sent = false;
            // what was sent was counted then
            step.tries = tries + u32::from(asks);
            step.due_at_ms = due_at_ms;
            step.reason = Some(reason);
        });
    }
}

/// Which command of which run.
pub(super) fn place(step: &RunStep) -> RunPlace {
    RunPlace { run: step.run, task: step.task, command: step.command }
}

pub(super) fn fail(walk: &mut Walk, task: u32, problem: String, now_ms: i64) {
    let by = Actor::system().principal;
    walk.settle(task, Outcome::Failure(problem), (&by, StepState::Failed), now_ms);
}

fn succeed(walk: &mut Walk, task: u32, values: Vec<(String, String)>, now_ms: i64) {
    let by = Actor::system().principal;
    walk.succeed(task, values, (&by, None, StepState::Succeeded), now_ms);
}

/// How long a run that a step calls may take, in milliseconds: what the step has left, less what the run's handler may
/// need. Half of it at the least, so that a long handler leaves time for what it is about.
fn child_limit_ms(called: &Playbook, left_ms: i64) -> i64 {
    let handler_ms = handler_limit_ms(called).unwrap_or_default();
    left_ms.saturating_sub(handler_ms).max(left_ms / 2)
}

/// What of a run that was called nobody has said whether it happened, if there is something.
async fn untold(unit: &mut dyn UnitOfWork, called: RunId) -> Result<Option<String>, StoreError> {
    let Some(run) = unit.runs().get(called).await? else { return Ok(None) };
    let steps = unit.runs().steps(called, true).await?;
    let waits = steps.iter().any(|step| step.state == StepState::Unknown);
    Ok((waits || is_untold(&run.machine)).then(|| format!("a step of {called}")))
}

fn is_untold(machine: &serde_json::Value) -> bool {
    // only that of it is read: one that cannot be read as a whole is no reason to act on it either
    machine.get("untold").and_then(serde_json::Value::as_bool).unwrap_or_default()
}

/// The time of a step is over. Of what may have had its effect that makes no failure.
fn late(walk: &mut Walk, step: &RunStep, untold: Option<String>, now_ms: i64) {
    let limit_ms = step.deadline_at_ms.saturating_sub(step.starts_at_ms);
    let own = || step.reason.clone().filter(|_| step.state == StepState::Unknown);
    if let Some(reason) = untold.or_else(own) {
        walk.abandon(step.task, &reason, now_ms);
    } else if step.sent && walk.changes(step) {
        // whoever sent it was cut off
        let reason = format!("its {limit_ms} ms are over, and nobody can tell what came of the request");
        walk.unknown(step.task, &reason, now_ms);
    } else {
        fail(walk, step.task, format!("it took longer than {limit_ms} ms"), now_ms);
    }
}

/// The request of a step. One that changes something names nothing that is protected.
fn http_request(responder: &Responder, walk: &Walk, step: &RunStep) -> Result<Request, String> {
    let (definition, command) =
        walk.definition(step).zip(walk.command(step)).ok_or("there is no such step")?;
    let setup = &responder.options.setup;
    let request = http::request(
        &walk.playbook,
        definition,
        command,
        |host| setup.allows_host(host),
        |text| walk.machine.resolve(definition, text).map_err(|error| error.to_string()),
    )?;
    if request.method != Method::Get {
        names::spare(&setup.protection(), &request, names::values(command, &walk.variables(step)))?;
    }
    Ok(request)
}

/// What a called run gives back.
fn values_out(walk: &Walk, step: &RunStep, child: &Machine) -> Vec<(String, String)> {
    let kind = walk.definition(step).map(|definition| &definition.kind);
    let Some(StepKind::PlaybookAction { out_args, .. }) = kind else { return Vec::new() };
    let values = out_args.iter().filter_map(|name| {
        let variable = child.variables().get(name)?;
        Some((name.clone(), variable.value.clone()?))
    });
    values.collect()
}
