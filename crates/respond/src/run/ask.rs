//! Steps that ask for an action: they ask for a containment and go on when it has taken effect.
//!
//! Where the same is under way already, asked for by somebody else, a step waits for that one as for its own. It stays
//! theirs: a run that ends calls it off no more than it takes it back. Whose one is stands in its
//! [`Containment::task`].

use super::advance::{AtRemote, fail, place};
use super::walk::Walk;
use crate::actor::Actor;
use crate::contain::{ContainRequest, Preview};
use crate::error::RespondError;
use crate::plan::BlastRadius;
use crate::service::Responder;
use model::{Containment, ContainmentState, IncidentId, RunStep, StepState};
use ports::store::{StoreError, UnitOfWork};
use std::collections::BTreeSet;

/// How often a step looks at what others have asked for and it waits for, should nothing wake it, in milliseconds.
const OTHERS_LOOK_MS: i64 = 60_000;

/// Whether the containment was asked for by what the step does now.
pub(super) fn is_own(step: &RunStep, containment: &Containment) -> bool {
    containment.task == Some(place(step))
}

/// Where the containment of others stands, for a step that wants the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// It is in effect.
    InEffect,
    /// It may come to that.
    OnItsWay,
    /// It is being taken back, or will be as soon as it is in effect.
    GoingAway,
}

impl Others {
    fn of(containment: &Containment) -> Self {
        let progress = &containment.progress;
        match containment.state {
            ContainmentState::Verified => Self::InEffect,
            ContainmentState::Reverting => Self::GoingAway,
            _ if progress.undo.is_some() || progress.reverting => Self::GoingAway,
            _ => Self::OnItsWay,
        }
    }
}

impl Responder {
    /// Asks for a containment, or sees what came of it.
    pub(super) async fn action(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        step: &RunStep,
    ) -> Result<Option<AtRemote>, RespondError> {
        let now_ms = self.now_ms();
        let Some(id) = step.containment else { return self.ask(unit, walk, step).await };
        let containment = unit.containments().get(id).await?;
        let containment = containment.ok_or_else(|| StoreError::not_found("containment", id))?;
        let is_own = is_own(step, &containment);
        let took_effect =
            containment.history.iter().any(|transition| transition.state == ContainmentState::Verified);
        if took_effect {
            let reason = (!is_own).then(|| "others had asked for the same, and it took effect".to_owned());
            succeed(walk, step.task, reason, now_ms);
        } else if is_own && found_otherwise(&containment) {
            // somebody may have done it by hand meanwhile
            return self.ask(unit, walk, step).await;
        } else if !is_own && ended_without_a_no(&containment) {
            // that was about theirs; what this run asks for is for its own people to decide
            walk.change(step.task, |step| step.containment = None);
            return self.ask(unit, walk, &RunStep { containment: None, ..step.clone() }).await;
        } else if containment.state.is_end() {
            fail(walk, step.task, why_it_ended(&containment, is_own), now_ms);
        } else {
            let next_ms = if is_own { i64::MAX } else { self.next_look_at_others_ms() };
            walk.change(step.task, |step| step.due_at_ms = step.deadline_at_ms.min(next_ms));
        }
        Ok(None)
    }

    /// What it asks for is looked at and planned.
    async fn ask(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        step: &RunStep,
    ) -> Result<Option<AtRemote>, RespondError> {
        let now_ms = self.now_ms();
        let felt = felt(unit, walk.run.incident).await?;
        match action_request(walk, step, felt, now_ms) {
            Ok(request) => return Ok(Some(AtRemote::Plan(Box::new(request)))),
            Err(problem) => fail(walk, step.task, problem, now_ms),
        }
        Ok(None)
    }

    /// What came of asking.
    pub(super) async fn asked_for(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        step: &RunStep,
        (request, preview): (ContainRequest, Result<Preview, RespondError>),
    ) -> Result<(), RespondError> {
        if let Some(id) = step.containment {
            let containment = unit.containments().get(id).await?;
            let containment = containment.ok_or_else(|| StoreError::not_found("containment", id))?;
            self.looked_again(walk, step, &containment, preview.err());
            return Ok(());
        }
        let made = match preview {
            Ok(preview) => self.request_in(unit, &request, preview).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(containment) => walk.change(step.task, |step| {
                step.containment = Some(containment.id);
                step.due_at_ms = step.deadline_at_ms;
            }),
            Err(RespondError::Later(reason)) => self.later(walk, step, reason),
            Err(error @ RespondError::Store(_)) => return Err(error),
            Err(
                error @ (RespondError::UnderWay(_) | RespondError::Already(_) | RespondError::LookRefused(_)),
            ) => self.not_asked_for(unit, walk, (step, &request), error).await?,
            Err(error) => fail(walk, step.task, error.to_string(), self.now_ms()),
        }
        Ok(())
    }

    /// A further look at what was found otherwise than it was planned: where it is in effect by now, nothing is left to do.
    fn looked_again(
        &self,
        walk: &mut Walk,
        step: &RunStep,
        containment: &Containment,
        refused: Option<RespondError>,
    ) {
        let now_ms = self.now_ms();
        match refused {
            Some(RespondError::Later(reason)) => self.later(walk, step, reason),
            Some(RespondError::Already(reason)) => {
                let reason = format!("it came into effect by others: {reason}");
                succeed(walk, step.task, Some(reason), now_ms);
            }
            _ => fail(walk, step.task, why_it_ended(containment, true), now_ms),
        }
    }

    /// There was nothing to ask for: it is so already, or others have asked for it, or it cannot be.
    async fn not_asked_for(
        &self,
        unit: &mut dyn UnitOfWork,
        walk: &mut Walk,
        (step, request): (&RunStep, &ContainRequest),
        error: RespondError,
    ) -> Result<(), RespondError> {
        let (now_ms, task) = (self.now_ms(), step.task);
        let other = match unit.containments().under_way(&request.action, &request.target).await? {
            Some(id) => unit.containments().get(id).await?,
            None => None,
        };
        let looks_so = !matches!(error, RespondError::UnderWay(_));
        match other.as_ref().map(|other| (Others::of(other), other)) {
            // when it is gone there is a further look, and it is asked for anew
            Some((Others::GoingAway, _)) => {
                self.later(walk, step, "others are taking the same back just now".to_owned());
            }
            Some((Others::InEffect, other))
                if looks_so && other.inputs == request.inputs && self.may_be_so(&error, &request.action) =>
            {
                let reason = "others had asked for the same, and it is in effect".to_owned();
                succeed(walk, task, Some(reason), now_ms);
            }
            Some((Others::InEffect, _)) if !looks_so => {
                let problem = "the same stands as in effect, and a look finds that it is not any more";
                fail(walk, task, problem.to_owned(), now_ms);
            }
            Some((Others::OnItsWay, other)) if other.inputs == request.inputs => {
                self.wait_for_others(walk, step, other);
            }
            Some((Others::OnItsWay, _)) if !looks_so => {
                let reason = "others have asked for the same, with other inputs".to_owned();
                self.later(walk, step, reason);
            }
            _ => match error {
                RespondError::Already(reason) => {
                    let reason = format!("it is in effect already: {reason}");
                    succeed(walk, task, Some(reason), now_ms);
                }
                error => fail(walk, task, error.to_string(), now_ms),
            },
        }
        Ok(())
    }

    /// Whether a refusal leaves room for it to be in effect: one that came after the action's own proof was looked at, and
    /// did not hold, does not.
    fn may_be_so(&self, error: &RespondError, action: &str) -> bool {
        let (connector, name) = action.split_once('.').unwrap_or_default();
        let connection = self.options.setup.connection(connector);
        let spec = connection.as_ref().and_then(|connection| connection.connector.actions.get(name));
        let was_proved_otherwise = spec.is_some_and(|spec| spec.verify_tells_already);
        matches!(error, RespondError::Already(_)) || !was_proved_otherwise
    }

    fn wait_for_others(&self, walk: &mut Walk, step: &RunStep, other: &Containment) {
        let next_ms = self.next_look_at_others_ms();
        walk.change(step.task, |step| {
            step.containment = Some(other.id);
            step.reason = Some("others have asked for the same: it waits for that".to_owned());
            step.due_at_ms = step.deadline_at_ms.min(next_ms);
        });
    }

    /// A step that waits for what others have asked for is woken when that moves; and looks now and then, since not
    /// everything that people do there wakes it.
    fn next_look_at_others_ms(&self) -> i64 {
        self.now_ms().saturating_add(OTHERS_LOOK_MS)
    }
}

/// Whether a look right before it was applied ended it; then nothing of it was sent.
fn found_otherwise(containment: &Containment) -> bool {
    let was_applied =
        containment.history.iter().any(|transition| transition.state == ContainmentState::Applying);
    containment.state == ContainmentState::Failed && !was_applied
}

/// Whether it came to nothing, and nobody has said that it shall not be.
fn ended_without_a_no(containment: &Containment) -> bool {
    use ContainmentState as S;
    matches!(containment.state, S::Cancelled | S::Expired | S::Failed)
}

/// Whose service would feel what is done for the incident.
async fn felt(unit: &mut dyn UnitOfWork, incident: Option<IncidentId>) -> Result<BlastRadius, RespondError> {
    let Some(id) = incident else { return Ok(BlastRadius::default()) };
    let incident = unit.incidents().get(id).await?;
    Ok(incident.map(|incident| BlastRadius::of_incident(&incident)).unwrap_or_default())
}

/// Why it did not take effect. What people said of a containment of others may be about an incident that those who see the
/// run do not.
fn why_it_ended(containment: &Containment, is_own: bool) -> String {
    let state = containment.state.as_str();
    if !is_own {
        return format!("others had asked for the same, and it is {state}");
    }
    let last = containment.history.last().and_then(|transition| transition.reason.clone());
    format!("{state}: {}", last.unwrap_or_default())
}

fn succeed(walk: &mut Walk, task: u32, reason: Option<String>, now_ms: i64) {
    let by = Actor::system().principal;
    walk.succeed(task, Vec::new(), (&by, reason, StepState::Succeeded), now_ms);
}

fn action_request(
    walk: &Walk,
    step: &RunStep,
    blast_radius: BlastRadius,
    now_ms: i64,
) -> Result<ContainRequest, String> {
    let asked = walk.call(step)?;
    let wait_ms = step.deadline_at_ms.saturating_sub(now_ms).min(crate::approval::WAIT_MS_MAX);
    Ok(ContainRequest {
        actor: Actor { principal: walk.run.requester.clone(), origin: None, request_id: None },
        requesters: walk.run.requesters.iter().cloned().collect(),
        action: asked.action,
        target: asked.target,
        belongs_to: Vec::new(),
        inputs: asked.inputs,
        ttl_ms: asked.ttl_ms,
        blast_radius,
        incident: walk.run.incident,
        task: Some(place(step)),
        region: walk.run.region.clone(),
        grounds: walk.grounds(),
        quorum: BTreeSet::new(),
        wait_ms: Some(wait_ms),
        seen: None,
        reason: format!("{} of {}: {}", step.name, walk.run.id, walk.run.reason)
            .chars()
            .take(crate::contain::REASON_CHARS_MAX)
            .collect(),
    })
}
