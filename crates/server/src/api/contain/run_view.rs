//! How runs look. Times are RFC 3339, in UTC.

use super::asker::Asker;
use super::sight;
use super::view::ByView;
use crate::api::reports::view::time;
use crate::problem::Problem;
use access::Scope;
use model::{RunState, RunStep, StepState};
use ports::Snapshot;
use respond::playbook::StepKind;
use respond::run::{End, Machine, RunView};
use serde::Serialize;
use utoipa::ToSchema;

/// How a run ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunEnd {
    /// `completed`, `handled`, `failed` or `stopped`.
    ended: &'static str,
    /// The step that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A step of a run; each turn of a loop is one of its own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunStepView {
    /// Its number in the run.
    task: u32,
    /// Its name in the playbook.
    step: String,
    /// What people call it.
    name: String,
    /// What is done now: the type of the command, or `playbook`.
    kind: String,
    /// What is to be done, with the values of variables put in.
    text: String,
    /// `delayed`, `running`, `awaiting_person`, `unknown`, `succeeded`, `skipped`, `failed` or `stopped`.
    state: &'static str,
    /// The containment that it waits for, its own or one that others had asked for: `act_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    containment: Option<String>,
    /// The run that it called: `run_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    child: Option<String>,
    /// When the run came to it.
    begun_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// By when it has failed unless it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// By whom it was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<ByView>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Whether a person left it out.
    skipped: bool,
    /// The variables that an answer gives, where a person is waited for. Not in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    out_args: Vec<String>,
}

/// What the asker can do now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunCan {
    /// Stop it.
    stop: bool,
    /// Answer steps that wait for a person.
    answer: bool,
}

/// One execution of a playbook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunShown {
    /// `run_…`
    id: String,
    /// The playbook: `playbook--…`.
    playbook: String,
    /// What people call the playbook.
    playbook_name: String,
    /// `running`, `completed`, `handled`, `failed` or `stopped`.
    state: &'static str,
    /// `inc_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    /// Why, in the words of who began it.
    reason: String,
    /// Who began it.
    requested_by: ByView,
    /// The run that called it: `run_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// When it began.
    started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// When its time is over; the handler of its playbook has some of its own then.
    ends_by: String,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<RunEnd>,
    /// Send it back in `If-Match`.
    version: u64,
    /// Its steps, in the order in which it came to them.
    steps: Vec<RunStepView>,
    /// What the asker can do now.
    can: RunCan,
}

impl RunStepView {
    fn of(step: &RunStep) -> Self {
        Self {
            task: step.task,
            step: step.step.clone(),
            name: step.name.clone(),
            kind: step.kind.clone(),
            text: step.text.clone(),
            state: step.state.as_str(),
            containment: step.containment.map(|id| id.to_string()),
            child: step.child.map(|id| id.to_string()),
            begun_at: time(step.begun_at_ms),
            ended_at: step.ended_at_ms.map(time),
            due_at: step.ended_at_ms.is_none().then(|| time(step.deadline_at_ms)),
            by: step.by.as_ref().map(Into::into),
            reason: step.reason.clone(),
            skipped: step.state == StepState::Skipped,
            out_args: Vec::new(),
        }
    }
}

fn end(run: &model::Run) -> Option<RunEnd> {
    if run.state == RunState::Running {
        return None;
    }
    let machine: Option<Machine> = serde_json::from_value(run.machine.clone()).ok();
    let (step, reason) = match machine.as_ref().and_then(Machine::end) {
        Some(End::Handled { step, reason } | End::Failed { step, reason }) => {
            (Some(step.to_string()), Some(reason.clone()))
        }
        Some(End::Stopped { reason }) => (None, Some(reason.clone())),
        Some(End::Completed) => (None, None),
        None => (None, run.problem.clone()),
    };
    Some(RunEnd { ended: run.state.as_str(), step, reason })
}

impl RunShown {
    pub(super) fn of(asker: &Asker, RunView { run, steps }: &RunView) -> Self {
        let may = run.state == RunState::Running && asker.decides(Scope::ContainmentsRequest);
        let waits =
            steps.iter().any(|step| matches!(step.state, StepState::AwaitingPerson | StepState::Unknown));
        Self {
            id: run.id.to_string(),
            playbook: run.playbook.clone(),
            playbook_name: run.name.clone(),
            state: run.state.as_str(),
            incident: run.incident.map(|id| id.to_string()),
            reason: run.reason.clone(),
            requested_by: (&run.requester).into(),
            parent: run.parent.map(|parent| parent.run.to_string()),
            started_at: time(run.created_at_ms),
            ended_at: run.ended_at_ms.map(time),
            ends_by: time(run.deadline_at_ms),
            end: end(run),
            version: run.version,
            steps: steps.iter().map(RunStepView::of).collect(),
            can: RunCan { stop: may, answer: may && waits },
        }
    }
}

impl RunShown {
    /// As [`of`](Self::of), without the names of containments that do not exist for the asker: a step may wait for one
    /// that others have asked for, for an incident of theirs.
    pub(super) async fn seen(
        asker: &Asker,
        snapshot: &mut dyn Snapshot,
        view: &RunView,
    ) -> Result<Self, Problem> {
        let mut shown = Self::of(asker, view);
        if asker.admitted.visible.is_everything() {
            return Ok(shown);
        }
        for (step, shown) in view.steps.iter().zip(&mut shown.steps) {
            let Some(id) = step.containment else { continue };
            let found = snapshot.containments().get(id).await?;
            let is_seen = match found {
                Some(found) => sight::sees(asker, snapshot, found.incident).await?,
                None => false,
            };
            if !is_seen {
                shown.containment = None;
            }
        }
        Ok(shown)
    }
}

/// A run by itself, with the variables that answers give.
pub(super) async fn whole(
    asker: &Asker,
    snapshot: &mut dyn Snapshot,
    view: &RunView,
) -> Result<RunShown, Problem> {
    let mut shown = RunShown::seen(asker, snapshot, view).await?;
    if !shown.can.answer {
        return Ok(shown);
    }
    let text = snapshot.runs().playbook(&view.run.playbook_sha256).await?;
    let playbook = text.and_then(|text| Some(respond::playbook::read(&text).ok()?.0));
    for (step, shown) in view.steps.iter().zip(&mut shown.steps) {
        if !matches!(step.state, StepState::AwaitingPerson | StepState::Unknown) {
            continue;
        }
        let id = step.step.parse().ok();
        let definition = playbook.as_ref().zip(id.as_ref()).and_then(|(playbook, id)| playbook.step(id));
        if let Some(StepKind::Action { out_args, .. }) = definition.map(|definition| &definition.kind) {
            shown.out_args.clone_from(out_args);
        }
    }
    Ok(shown)
}
