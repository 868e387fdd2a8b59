//! Asking for a containment: look, plan, protection, limits, and who decides.

use super::bound::Bound;
use super::record::Record;
use super::step;
use crate::actor::Actor;
use crate::connector::{Act, Asked, MAIL_ACTION, Outcome, Values};
use crate::decision::{Confidence, Decision, Question, ReporterTier, Signal, decide};
use crate::error::RespondError;
use crate::plan::{BlastRadius, Plan, PlanHash};
use crate::protect::Target;
use crate::service::Responder;
use model::{
    Containment, ContainmentDecision, ContainmentId, ContainmentState, IncidentId, Progress, RunPlace,
};
use ports::store::{ContainmentFilter, PageRequest, UnitOfWork};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most containments of one action on one target that are looked through for one with the same inputs.
const HELD_MAX: u32 = 50;

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 2_000;

/// What calls for the action, as far as the table of decisions asks. The caller has found it out (from the finding, the
/// rule, the reporter's record); who asks does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// How sure it is.
    pub confidence: Confidence,
    /// What calls for it.
    pub signal: Signal,
    /// Who reported, if somebody did.
    pub reporter: ReporterTier,
}

impl Default for Grounds {
    /// What nothing is known of: people decide.
    fn default() -> Self {
        Self { confidence: Confidence::Low, signal: Signal::ReportAlone, reporter: ReporterTier::Newcomer }
    }
}

/// Asks for an action on a target.
#[derive(Debug, Clone)]
pub struct ContainRequest {
    /// Who asks.
    pub actor: Actor,
    /// Others who have part in that, by id (the reporter, the author of a run): none of them approves it.
    pub requesters: BTreeSet<String>,
    /// The connector's action: `aws.deactivate_key`.
    pub action: String,
    /// The target's name at the system that knows it.
    pub target: String,
    /// Whose it is, as far as who asks knows; the look finds more.
    pub belongs_to: Vec<Target>,
    /// What else the action is told, by name.
    pub inputs: Values,
    /// After what time it is taken back, in milliseconds; the action's default if not said.
    pub ttl_ms: Option<u64>,
    /// What else would feel it.
    pub blast_radius: BlastRadius,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// The command of a run that it is for.
    pub task: Option<RunPlace>,
    /// Where it must be kept.
    pub region: String,
    /// What calls for it.
    pub grounds: Grounds,
    /// Functions of which each must be among those who approve.
    pub quorum: BTreeSet<String>,
    /// How long people are asked, in milliseconds; [`crate::times::Times::approval_wait_ms`] if not said.
    pub wait_ms: Option<i64>,
    /// The hash of the plan that who asks has seen; another one is refused then.
    pub seen: Option<PlanHash>,
    /// Why.
    pub reason: String,
}

/// What would be done, and who would decide; nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The plan.
    pub plan: Plan,
    /// Its hash, for [`ContainRequest::seen`].
    pub hash: PlanHash,
    /// Who decides.
    pub decision: Decision,
    /// What the look found.
    pub facts: Values,
}

impl Responder {
    /// Looks and plans; changes and stores nothing.
    ///
    /// # Errors
    /// [`RespondError::Act`] for what is protected or of another form, [`RespondError::UnknownInput`],
    /// [`RespondError::Already`] where it is in effect, [`RespondError::LookRefused`] where there is nothing to do or it
    /// may not be, [`RespondError::Later`].
    pub async fn preview(&self, request: &ContainRequest) -> Result<Preview, RespondError> {
        let bound = Bound::new(&*self.options.setup, request)?;
        let now_ms = self.now_ms();
        let asked = Asked {
            inputs: request.inputs.clone(),
            ttl_ms: request.ttl_ms,
            blast_radius: request.blast_radius.clone(),
            incident: request.incident.map(|id| id.to_string()).unwrap_or_default(),
            about: Vec::new(),
        };
        let (outcome, plan) =
            self.at_remote(move |remote| bound.look_and_plan(remote, asked, now_ms)).await??;
        let facts = match outcome {
            Outcome::Done(facts) => facts,
            Outcome::Refused(reason) if self.is_already(request).await? || self.is_held(request).await? => {
                return Err(RespondError::Already(reason));
            }
            Outcome::Refused(reason) | Outcome::Partly(reason) => {
                return Err(RespondError::LookRefused(reason));
            }
            Outcome::Later(reason) | Outcome::Unknown(reason) => return Err(RespondError::Later(reason)),
        };
        let plan = plan.ok_or_else(|| RespondError::LookRefused("there is no plan".to_owned()))?;
        let question = question(&plan, &request.grounds);
        Ok(Preview { hash: plan.hash(), decision: decide(&question), facts, plan })
    }

    /// Whether it is in effect already, where a look has found nothing to do; false where the connector does not say.
    async fn is_already(&self, request: &ContainRequest) -> Result<bool, RespondError> {
        let setup = &*self.options.setup;
        let Some((connection, action)) = request
            .action
            .split_once('.')
            .and_then(|(name, action)| Some((setup.connection(name)?, action.to_owned())))
        else {
            return Ok(false);
        };
        let (protection, now_ms, request) = (setup.protection(), self.now_ms(), request.clone());
        let already = self.at_remote(move |remote| {
            let act = Act::bind(
                &connection.connector,
                &action,
                (&request.target, request.belongs_to),
                (&connection.settings, &request.inputs),
                &protection,
            )?;
            act.already(connection.remote(remote), now_ms)
        });
        Ok(already.await??)
    }

    /// Whether it is in effect by a containment that has no end, or was kept without one: nothing is under way then, and
    /// its own proof, with what was found when it was applied, tells whether it still holds.
    async fn is_held(&self, request: &ContainRequest) -> Result<bool, RespondError> {
        let filter = ContainmentFilter {
            states: vec![ContainmentState::Verified],
            action: Some(request.action.clone()),
            target: Some(request.target.clone()),
            ..ContainmentFilter::default()
        };
        let page = PageRequest::first(HELD_MAX);
        let found = self.options.store.read().await?.containments().list(&filter, &page).await?.items;
        let same = |held: &Containment| held.is_at_rest() && held.inputs == request.inputs;
        let Some(held) = found.into_iter().find(same) else { return Ok(false) };
        let Ok(bound) = Bound::stored(&*self.options.setup, &held, true) else { return Ok(false) };
        let now_ms = self.now_ms();
        let proof = self.at_remote(move |remote| bound.verify(remote, &held.facts, now_ms)).await?;
        Ok(matches!(proof, Ok(Outcome::Done(_))))
    }

    /// Looks, plans, and asks whoever decides: it is then approved, or people are asked. Nothing is applied yet; what is
    /// approved is due at once.
    ///
    /// # Errors
    /// As [`preview`](Self::preview); [`RespondError::TooMany`], [`RespondError::UnderWay`], [`RespondError::OtherPlan`],
    /// [`RespondError::BadRequest`], [`RespondError::Nobody`], [`RespondError::Reason`], [`RespondError::Store`].
    pub async fn request(&self, request: &ContainRequest) -> Result<Containment, RespondError> {
        let preview = self.check_and_preview(request).await?;
        let mut unit = self.options.store.begin().await?;
        let containment = self.request_in(&mut *unit, request, preview).await?;
        unit.commit().await?;
        Ok(containment)
    }

    /// What of a [`request`](Self::request) needs no store.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn check_and_preview(&self, request: &ContainRequest) -> Result<Preview, RespondError> {
        check_reason(&request.reason)?;
        request.actor.key().ok_or(RespondError::Nobody)?;
        let preview = self.preview(request).await?;
        if request.seen.is_some_and(|seen| seen != preview.hash) {
            return Err(RespondError::OtherPlan);
        }
        Ok(preview)
    }

    /// As [`request`](Self::request), as part of a unit that the caller commits.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn request_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &ContainRequest,
        preview: Preview,
    ) -> Result<Containment, RespondError> {
        let now_ms = self.now_ms();
        let limit = self.options.setup.limit(&request.action);
        let since_ms = now_ms.saturating_sub(limit.window_ms);
        let past = unit.containments().targets_since(&request.action, since_ms).await?;
        let of_past = past.iter().map(|(at_ms, target)| (*at_ms, target.as_str()));
        // what is asked by itself and has an effect each time is counted each time
        if request.action == MAIL_ACTION && request.actor.principal == Actor::system().principal {
            limit.admit_each(of_past.map(|(at_ms, _)| at_ms), now_ms)?;
        } else {
            limit.admit(of_past, &request.target, now_ms)?;
        }
        if let Some(other) = unit.containments().under_way(&request.action, &request.target).await? {
            return Err(RespondError::UnderWay(other));
        }
        let mut containment = self.planned(request, &preview, now_ms)?;
        let planned =
            Record { after: containment.plan.clone(), ..Record::of(&request.actor, "containment.plan") };
        let planned = self.audit(&containment, planned.because(&request.reason));
        unit.containments().add(&containment, &planned).await?;
        containment.version = 1;
        let (actor, action) = match preview.decision {
            Decision::Automatic => (Actor::system(), "containment.approve"),
            Decision::Approval { .. } => (request.actor.clone(), "containment.ask"),
        };
        let before = containment.state;
        step::decided(&mut containment, &actor.principal, now_ms);
        self.write(unit, &mut containment, before, Some(Record::of(&actor, action))).await?;
        Ok(containment)
    }

    fn planned(
        &self,
        request: &ContainRequest,
        preview: &Preview,
        now_ms: i64,
    ) -> Result<Containment, RespondError> {
        let people = match preview.decision {
            Decision::Automatic => 0,
            Decision::Approval { people } => people,
        };
        let mut requesters = request.requesters.clone();
        requesters.extend(request.actor.key());
        let mut quorum = self.options.setup.quorum(&request.action, preview.plan.impact);
        quorum.extend(request.quorum.iter().cloned());
        let wait_ms = request.wait_ms.unwrap_or(self.options.times.approval_wait_ms);
        let decision = ContainmentDecision {
            asked: named(&question(&preview.plan, &request.grounds)),
            people,
            quorum: if people > 0 { quorum.into_iter().collect() } else { Vec::new() },
            asked_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(wait_ms),
        };
        let plan = serde_json::to_value(&preview.plan).map_err(|e| RespondError::CutOff(e.to_string()))?;
        let mut containment = Containment {
            id: ContainmentId::new(&*self.options.clock, &*self.options.entropy),
            region: request.region.clone(),
            incident: request.incident,
            task: request.task,
            action: request.action.clone(),
            target_kind: preview.plan.target.kind.as_str().to_owned(),
            target: request.target.clone(),
            inputs: request.inputs.clone(),
            plan,
            plan_sha256: preview.hash.0,
            requester: request.actor.principal.clone(),
            requesters: requesters.into_iter().collect(),
            reason: request.reason.clone(),
            decision,
            votes: Vec::new(),
            facts: preview.facts.clone(),
            state: ContainmentState::Planned,
            history: Vec::new(),
            progress: Progress::default(),
            ttl_ms: preview.plan.ttl_ms,
            revert_at_ms: None,
            due_at_ms: Some(now_ms),
            lease: None,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            version: 1,
        };
        step::begin(&mut containment, now_ms);
        if people > 0 {
            step::asked(&containment).check()?;
        }
        Ok(containment)
    }
}

/// What the table of decisions is asked.
pub(crate) fn question(plan: &Plan, grounds: &Grounds) -> Question {
    Question {
        impact: plan.impact,
        reversibility: plan.reversibility,
        confidence: grounds.confidence,
        signal: grounds.signal,
        has_ttl: plan.ttl_ms.is_some(),
        reporter: grounds.reporter,
    }
}

fn named(question: &Question) -> BTreeMap<String, String> {
    let snake = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    BTreeMap::from([
        ("impact".to_owned(), question.impact.as_str().to_owned()),
        ("reversibility".to_owned(), question.reversibility.as_str().to_owned()),
        ("confidence".to_owned(), snake(serde_json::to_value(question.confidence))),
        ("signal".to_owned(), snake(serde_json::to_value(question.signal))),
        ("reporter".to_owned(), snake(serde_json::to_value(question.reporter))),
        ("has_ttl".to_owned(), question.has_ttl.to_string()),
    ])
}

/// Refuses a reason that says nothing, or too much.
pub(crate) fn check_reason(reason: &str) -> Result<(), RespondError> {
    let is_said = !reason.trim().is_empty() && reason.chars().count() <= REASON_CHARS_MAX;
    if is_said { Ok(()) } else { Err(RespondError::Reason) }
}
