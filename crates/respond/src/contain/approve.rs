//! People's answers, and applying without them.

use super::delegate::named;
use super::record::{Record, hex};
use super::request::check_reason;
use super::step;
use crate::actor::Actor;
use crate::approval::{Standing, Vote, Voter};
use crate::error::RespondError;
use crate::impact::Reversibility;
use crate::plan::{Plan, PlanHash};
use crate::service::Responder;
use model::{Containment, ContainmentId, ContainmentState, Principal};
use ports::store::UnitOfWork;
use serde_json::json;

/// Somebody's answer.
#[derive(Debug, Clone)]
pub struct VoteRequest {
    /// Who answers: a person.
    pub actor: Actor,
    /// What they are now: roles and teams. The caller has looked, not who answers.
    pub functions: std::collections::BTreeSet<String>,
    /// On what.
    pub containment: ContainmentId,
    /// The hash of the plan that they saw.
    pub plan: PlanHash,
    /// Yes or no.
    pub approves: bool,
    /// For whom, by the person's id, if not for themselves; by a delegation that is stored and counts.
    pub on_behalf_of: Option<String>,
    /// Why; must be said for a no.
    pub reason: Option<String>,
}

/// Applies without the approvals.
#[derive(Debug, Clone)]
pub struct BreakGlassRequest {
    /// Who: a person.
    pub actor: Actor,
    /// What.
    pub containment: ContainmentId,
    /// The hash of the plan that they saw.
    pub plan: PlanHash,
    /// Why.
    pub reason: String,
}

impl Responder {
    /// Counts an answer. The last that is needed approves it, one no denies it.
    ///
    /// # Errors
    /// [`RespondError::Vote`], [`RespondError::State`], [`RespondError::NoPerson`], [`RespondError::Reason`] for a no
    /// without one, [`RespondError::Store`].
    pub async fn vote(&self, request: &VoteRequest) -> Result<Containment, RespondError> {
        let person = person(&request.actor)?;
        if !request.approves || request.reason.is_some() {
            check_reason(request.reason.as_deref().unwrap_or_default())?;
        }
        let mut unit = self.options.store.begin().await?;
        let mut containment = Self::stored(&mut *unit, request.containment).await?;
        self.check_seen(containment.version)?;
        let (before, now_ms) = (containment.state, self.now_ms());
        if before != ContainmentState::AwaitingApproval {
            return Err(RespondError::State { state: before, why: "nobody is asked any more" });
        }
        let delegation = match &request.on_behalf_of {
            Some(from) => Some(self.delegated(&mut *unit, from, &person).await?),
            None => None,
        };
        let mut record = self.vote_record(&mut *unit, request).await?;
        let gone = self.withdrawn(&mut *unit, &containment).await?;
        if !gone.is_empty() {
            containment.votes.retain(|vote| !gone.contains(&vote.person));
            record.after["withdrawn"] = json!(gone);
        }
        let asked = step::asked(&containment);
        let mut votes = step::votes(&containment);
        let vote = Vote {
            voter: Voter { person, functions: request.functions.clone() },
            plan: request.plan,
            approves: request.approves,
            at_ms: now_ms,
            delegation,
        };
        asked.admit(&votes, &vote)?;
        containment.votes.push(step::kept(&vote, request.reason.clone()));
        votes.push(vote);
        let standing = asked.standing(&votes, now_ms);
        let by = &request.actor.principal;
        match standing {
            Standing::Approved => step::approve(&mut containment, by, request.reason.clone(), now_ms),
            Standing::Denied => {
                step::end(&mut containment, ContainmentState::Denied, by, request.reason.clone(), now_ms)
            }
            Standing::Waiting { .. } => {}
        }
        self.write(&mut *unit, &mut containment, before, Some(record)).await?;
        unit.commit().await?;
        Ok(containment)
    }

    /// What the audit log has of an answer; of one for somebody else, whose it is.
    async fn vote_record(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &VoteRequest,
    ) -> Result<Record, RespondError> {
        let action = if request.approves { "containment.approve" } else { "containment.deny" };
        let name = match &request.on_behalf_of {
            Some(from) => named(unit, from).await?.map(|from| from.name),
            None => None,
        };
        Ok(Record {
            reason: request.reason.clone(),
            after: json!({ "answer": request.approves, "for": request.on_behalf_of, "for_name": name }),
            ..Record::of(&request.actor, action)
        })
    }

    /// Lets it be applied without the approvals that it waits for, on a person's word. Never what cannot be taken back; and
    /// what is protected is not applied by this either: it never came so far, and is held against the list again.
    ///
    /// # Errors
    /// [`RespondError::GlassHolds`], [`RespondError::State`], [`RespondError::OtherPlan`], [`RespondError::NoPerson`],
    /// [`RespondError::Reason`], [`RespondError::Store`].
    pub async fn break_glass(&self, request: &BreakGlassRequest) -> Result<Containment, RespondError> {
        person(&request.actor)?;
        check_reason(&request.reason)?;
        let mut unit = self.options.store.begin().await?;
        let mut containment = Self::stored(&mut *unit, request.containment).await?;
        self.check_seen(containment.version)?;
        let (before, now_ms) = (containment.state, self.now_ms());
        if before != ContainmentState::AwaitingApproval || now_ms >= containment.decision.expires_at_ms {
            return Err(RespondError::State { state: before, why: "it does not wait for approvals" });
        }
        if request.plan.0 != containment.plan_sha256 {
            return Err(RespondError::OtherPlan);
        }
        let plan: Option<Plan> = serde_json::from_value(containment.plan.clone()).ok();
        if plan.is_none_or(|plan| plan.reversibility == Reversibility::Irreversible) {
            return Err(RespondError::GlassHolds);
        }
        containment.progress.broken_glass = Some((request.actor.principal.clone(), request.reason.clone()));
        step::approve(&mut containment, &request.actor.principal, Some(request.reason.clone()), now_ms);
        let record = Record {
            after: json!({ "approvals_missing": true, "votes": containment.votes.len(), "plan": hex(&containment.plan_sha256) }),
            ..Record::of(&request.actor, "containment.break_glass")
        };
        self.write(&mut *unit, &mut containment, before, Some(record.because(&request.reason))).await?;
        unit.commit().await?;
        Ok(containment)
    }
}

/// The id of the person who acts.
pub(crate) fn person(actor: &Actor) -> Result<String, RespondError> {
    match &actor.principal {
        Principal::Person { .. } | Principal::Local { .. } => actor.key().ok_or(RespondError::NoPerson),
        _ => Err(RespondError::NoPerson),
    }
}
