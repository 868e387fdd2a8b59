//! Beginning a run.

use super::walk::{DEPTH_MAX, Enabled, Walk, said};
use super::{Machine, RUN_MS_MAX, RunMoved, run_limit_ms};
use crate::actor::Actor;
use crate::contain::Grounds;
use crate::contain::check_reason;
use crate::error::RespondError;
use crate::playbook::read;
use crate::service::Responder;
use model::{AuditRecord, IncidentId, Run, RunId, RunPlace, RunState, RunStep};
use ports::store::{Page, PageRequest, RunFilter, StoreError, UnitOfWork};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most runs below one that nobody called: those that it calls, and those that they call.
pub const RUNS_BELOW_MAX: u64 = 200;

/// Begins a run of a playbook.
#[derive(Debug, Clone)]
pub struct StartRunRequest {
    /// Who begins it.
    pub actor: Actor,
    /// Others who have part in that, by id; none of them approves its actions.
    pub requesters: BTreeSet<String>,
    /// The playbook's text. It is kept with the run: no edit of the file changes a run under way.
    pub playbook: Arc<str>,
    /// Values for variables of the playbook, by name (`__key__`).
    pub values: Vec<(String, String)>,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// Where it must be kept.
    pub region: String,
    /// What its actions are decided by.
    pub grounds: Grounds,
    /// After what time it is over and its handler has it, in milliseconds; [`run_limit_ms`] of its playbook if not said,
    /// at most [`RUN_MS_MAX`].
    pub limit_ms: Option<i64>,
    /// Why.
    pub reason: String,
}

/// A run with its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView {
    /// The run.
    pub run: Run,
    /// Its steps, in the order in which it came to them.
    pub steps: Vec<RunStep>,
}

/// What a run is begun for.
pub(super) struct Beginning<'b> {
    pub(super) parent: Option<(&'b Run, RunPlace)>,
    pub(super) request: &'b StartRunRequest,
}

impl Responder {
    /// Begins a run; its first steps are due at once.
    ///
    /// # Errors
    /// [`RespondError::Playbook`], [`RespondError::Barred`], [`RespondError::Variable`], [`RespondError::Nobody`],
    /// [`RespondError::Reason`], [`RespondError::Store`].
    pub async fn start_run(&self, request: &StartRunRequest) -> Result<Run, RespondError> {
        let mut unit = self.options.store.begin().await?;
        let run = self.begin_run(&mut *unit, request).await?;
        unit.commit().await?;
        Ok(run)
    }

    /// As [`start_run`](Self::start_run), as part of a unit that the caller commits.
    ///
    /// # Errors
    /// As [`start_run`](Self::start_run).
    pub async fn begin_run(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &StartRunRequest,
    ) -> Result<Run, RespondError> {
        self.start_run_in(unit, Beginning { parent: None, request }).await
    }

    pub(super) async fn start_run_in(
        &self,
        unit: &mut dyn UnitOfWork,
        Beginning { parent, request }: Beginning<'_>,
    ) -> Result<Run, RespondError> {
        check_reason(&request.reason)?;
        let key = request.actor.key().ok_or(RespondError::Nobody)?;
        let now_ms = self.now_ms();
        let (playbook, _) = read(&request.playbook)?;
        if let Some(why) = playbook.barred(now_ms) {
            return Err(RespondError::Barred(why));
        }
        let depth = parent.map_or(0, |(run, _)| run.depth + 1);
        if depth > DEPTH_MAX {
            return Err(RespondError::TooDeep(DEPTH_MAX));
        }
        if let Some((run, _)) = parent {
            may_call(unit, run).await?;
        }
        let machine = Machine::begin(&playbook, &request.values)?;
        let limit_ms = request.limit_ms.unwrap_or_else(|| run_limit_ms(&playbook)).clamp(1, RUN_MS_MAX);
        let mut requesters = request.requesters.clone();
        requesters.insert(key);
        let run = Run {
            id: RunId::new(&*self.options.clock, &*self.options.entropy),
            region: request.region.clone(),
            incident: request.incident,
            parent: parent.map(|(_, place)| place),
            depth,
            playbook: playbook.id.to_string(),
            name: playbook.name.clone(),
            modified_at_ms: playbook.modified_at_ms,
            playbook_sha256: Sha256::digest(request.playbook.as_bytes()).into(),
            requester: request.actor.principal.clone(),
            requesters: requesters.into_iter().collect(),
            reason: request.reason.clone(),
            grounds: serde_json::to_value(request.grounds).unwrap_or_default(),
            state: RunState::Running,
            machine: Value::Null,
            problem: None,
            due_at_ms: Some(now_ms),
            deadline_at_ms: now_ms.saturating_add(limit_ms),
            lease: None,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            ended_at_ms: None,
            version: 1,
        };
        let enabled = Enabled::of(&*self.options.setup);
        let mut walk = Walk { run, playbook, machine, steps: Vec::new(), changed: BTreeSet::new(), enabled };
        // a question that has no answer takes it to its handler before anything is begun
        walk.give_handler_time(false, now_ms);
        walk.store_machine()?;
        let audit = AuditRecord {
            after: json!({
                "playbook": walk.run.playbook, "name": walk.run.name, "values": said(&request.values),
            }),
            reason: Some(request.reason.clone()),
            ..self.run_audit(&walk.run, &request.actor, "run.start")
        };
        unit.runs().begin(&walk.run, &request.playbook, &audit).await?;
        Ok(walk.run)
    }

    pub(super) fn run_audit(&self, run: &Run, actor: &Actor, action: &str) -> AuditRecord {
        let (clock, entropy) = (&*self.options.clock, &*self.options.entropy);
        AuditRecord {
            origin: actor.origin.clone(),
            request_id: actor.request_id.clone(),
            ..AuditRecord::new(clock, entropy, actor.principal.clone(), action, run.id)
        }
    }

    /// The run with its steps.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] among those of the store.
    pub async fn run(&self, id: RunId) -> Result<RunView, RespondError> {
        let mut view = self.options.store.read().await?;
        let run = view.runs().get(id).await?.ok_or_else(|| StoreError::not_found("run", id))?;
        let steps = view.runs().steps(id, false).await?;
        Ok(RunView { run, steps })
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// [`RespondError::Store`].
    pub async fn runs(&self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, RespondError> {
        Ok(self.options.store.read().await?.runs().list(filter, page).await?)
    }
}

/// Whether the run may call one more.
async fn may_call(unit: &mut dyn UnitOfWork, run: &Run) -> Result<(), RespondError> {
    let mut first = run.clone();
    while let Some(parent) = first.parent {
        let above = unit.runs().get(parent.run).await?;
        first = above.ok_or_else(|| StoreError::not_found("run", parent.run))?;
    }
    if unit.runs().below(first.id).await? >= RUNS_BELOW_MAX {
        return Err(RespondError::TooManyCalled(RUNS_BELOW_MAX));
    }
    Ok(())
}

/// What a worker has done for a run.
pub(super) fn moved(run: &Run, from: RunState, step: Option<&RunStep>) -> RunMoved {
    RunMoved {
        id: run.id,
        incident: run.incident,
        from,
        to: run.state,
        step: step.map(|step| (step.task, step.state)),
        problem: run.problem.clone(),
    }
}
