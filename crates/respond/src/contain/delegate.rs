//! Letting another answer, for a time.

use super::approve::person;
use super::request::check_reason;
use crate::actor::Actor;
use crate::approval::{self, VoteRefused, Voter};
use crate::error::RespondError;
use crate::service::Responder;
use model::{AuditRecord, Delegation, DelegationId, PersonId};
use ports::store::{StoreError, UnitOfWork};
use serde_json::json;
use std::collections::BTreeSet;

/// Longest time of a delegation, in milliseconds.
pub const DELEGATION_MS_MAX: i64 = 30 * 24 * 60 * 60_000;

/// Lets another person answer.
#[derive(Debug, Clone)]
pub struct DelegateRequest {
    /// Who lets: a person. Nobody lets others answer for a third.
    pub actor: Actor,
    /// Whom, by the person's id.
    pub to: String,
    /// For how long, in milliseconds; at most [`DELEGATION_MS_MAX`].
    pub for_ms: i64,
    /// Where it must be kept.
    pub region: String,
    /// Why.
    pub reason: String,
}

impl Responder {
    /// Lets another answer.
    ///
    /// # Errors
    /// [`RespondError::NoPerson`], [`RespondError::Reason`], [`RespondError::BadDelegation`], [`RespondError::Store`].
    pub async fn delegate(&self, request: &DelegateRequest) -> Result<Delegation, RespondError> {
        let from = person(&request.actor)?;
        check_reason(&request.reason)?;
        let is_to_another = !request.to.trim().is_empty() && request.to != from;
        if !is_to_another || !(1..=DELEGATION_MS_MAX).contains(&request.for_ms) {
            return Err(RespondError::BadDelegation);
        }
        let now_ms = self.now_ms();
        let delegation = Delegation {
            id: DelegationId::new(&*self.options.clock, &*self.options.entropy),
            from,
            to: request.to.clone(),
            until_ms: now_ms.saturating_add(request.for_ms),
            reason: request.reason.clone(),
            created_at_ms: now_ms,
            ended_at_ms: None,
            region: request.region.clone(),
        };
        let mut audit = self.delegation_audit(&request.actor, "delegation.give", delegation.id);
        audit.after = json!({ "to": delegation.to, "until_ms": delegation.until_ms });
        audit.reason = Some(request.reason.clone());
        let mut unit = self.options.store.begin().await?;
        unit.delegations().add(&delegation, &audit).await?;
        unit.commit().await?;
        Ok(delegation)
    }

    /// Takes a delegation back, or gives it back: either of the two does it.
    ///
    /// # Errors
    /// [`RespondError::NoPerson`]; [`StoreError::NotFound`] also for one that is of others.
    pub async fn end_delegation(&self, actor: &Actor, id: DelegationId) -> Result<(), RespondError> {
        let who = person(actor)?;
        let mut unit = self.options.store.begin().await?;
        let found = unit.delegations().get(id).await?;
        if !found.is_some_and(|delegation| delegation.from == who || delegation.to == who) {
            return Err(StoreError::not_found("delegation", id).into());
        }
        let audit = self.delegation_audit(actor, "delegation.end", id);
        unit.delegations().end(id, self.now_ms(), &audit).await?;
        Ok(unit.commit().await?)
    }

    /// What the person has given and been given and still counts.
    ///
    /// # Errors
    /// [`RespondError::Store`].
    pub async fn delegations(&self, person: &str) -> Result<Vec<Delegation>, RespondError> {
        let now_ms = self.now_ms();
        Ok(self.options.store.read().await?.delegations().of_person(person, now_ms).await?)
    }

    fn delegation_audit(&self, actor: &Actor, action: &str, id: DelegationId) -> AuditRecord {
        let (clock, entropy) = (&*self.options.clock, &*self.options.entropy);
        AuditRecord {
            origin: actor.origin.clone(),
            request_id: actor.request_id.clone(),
            ..AuditRecord::new(clock, entropy, actor.principal.clone(), action, id)
        }
    }

    /// The delegation by which `to` answers for `from`, with what `from` is now.
    pub(super) async fn delegated(
        &self,
        unit: &mut dyn UnitOfWork,
        from: &str,
        to: &str,
    ) -> Result<approval::Delegation, RespondError> {
        let given = unit.delegations().of_person(to, self.now_ms()).await?;
        let given = given.into_iter().find(|given| given.from == from && given.to == to);
        let given = given.ok_or(VoteRefused::NotDelegated)?;
        let mut functions = BTreeSet::new();
        if let Ok(id) = from.parse::<PersonId>() {
            let known = unit.people().get(id).await?;
            let known = known.filter(|person| !person.disabled && person.left_at_ms.is_none());
            let known = known.ok_or(VoteRefused::NotDelegated)?;
            functions.extend(known.roles.into_iter().chain(known.teams));
        }
        let from = Voter { person: given.from, functions };
        Ok(approval::Delegation { from, to: given.to, until_ms: given.until_ms })
    }
}
