//! Letting another answer, for a time.

use super::approve::person;
use super::request::check_reason;
use crate::actor::Actor;
use crate::approval::{self, VoteRefused, Voter};
use crate::error::RespondError;
use crate::service::Responder;
use crate::setup::Setup;
use model::{AuditRecord, Containment, Delegation, DelegationId, PersonId};
use ports::store::{StoreError, UnitOfWork};
use serde_json::{Value, json};
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
    /// Until when, milliseconds since the epoch; at most [`DELEGATION_MS_MAX`] from now.
    pub until_ms: i64,
    /// Where it must be kept.
    pub region: String,
    /// Why.
    pub reason: String,
}

impl Responder {
    /// Lets another answer. That one lets nobody else do so for the same person: what is given is one's own answer.
    ///
    /// # Errors
    /// [`RespondError::NoPerson`], [`RespondError::Reason`], [`RespondError::BadDelegation`], [`RespondError::NoDelegate`],
    /// [`RespondError::Store`].
    pub async fn delegate(&self, request: &DelegateRequest) -> Result<Delegation, RespondError> {
        let from = person(&request.actor)?;
        check_reason(&request.reason)?;
        let is_to_another = !request.to.trim().is_empty() && request.to != from;
        let now_ms = self.now_ms();
        let for_ms = request.until_ms.saturating_sub(now_ms);
        if !is_to_another || !(1..=DELEGATION_MS_MAX).contains(&for_ms) {
            return Err(RespondError::BadDelegation);
        }
        let delegation = Delegation {
            id: DelegationId::new(&*self.options.clock, &*self.options.entropy),
            from,
            to: request.to.clone(),
            until_ms: request.until_ms,
            reason: request.reason.clone(),
            created_at_ms: now_ms,
            ended_at_ms: None,
            region: request.region.clone(),
        };
        let mut unit = self.options.store.begin().await?;
        let setup = &*self.options.setup;
        let is_there = named(&mut *unit, &delegation.to).await?.is_some_and(|to| to.may_answer(setup));
        if !is_there {
            return Err(RespondError::NoDelegate);
        }
        let mut audit = self.delegation_audit(&request.actor, "delegation.give", delegation.id);
        audit.after = told(&mut *unit, &delegation).await?;
        audit.reason = Some(request.reason.clone());
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
        let found = found.filter(|delegation| delegation.from == who || delegation.to == who);
        let found = found.ok_or_else(|| StoreError::not_found("delegation of yours", id))?;
        let mut audit = self.delegation_audit(actor, "delegation.end", id);
        audit.before = told(&mut *unit, &found).await?;
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
        let known = named(unit, from).await?.filter(|from| from.may_answer(&*self.options.setup));
        let known = known.ok_or(VoteRefused::NotDelegated)?;
        let from = Voter { person: given.from, functions: known.functions };
        Ok(approval::Delegation { from, to: given.to, until_ms: given.until_ms })
    }

    /// Whose yes does not count any more: who may not approve by now, or has been kept out, and who answered for somebody of whom
    /// that is so, or who has taken that back since, or never let them. A delegation whose time ran out after it was used stands.
    pub(super) async fn withdrawn(
        &self,
        unit: &mut dyn UnitOfWork,
        containment: &Containment,
    ) -> Result<Vec<String>, RespondError> {
        let mut gone = Vec::new();
        for vote in containment.votes.iter().filter(|vote| vote.approves) {
            let voter = named(unit, &vote.person).await?;
            if voter.is_none_or(|voter| !voter.may_answer(&*self.options.setup)) {
                gone.push(vote.person.clone());
                continue;
            }
            let Some(by) = &vote.delegation else { continue };
            let given = unit.delegations().of_person(&vote.person, vote.at_ms).await?;
            let stands = given.iter().any(|given| {
                given.from == by.from
                    && given.to == vote.person
                    && given.until_ms == by.until_ms
                    && given.created_at_ms <= vote.at_ms
            });
            let giver = named(unit, &by.from).await?;
            if !stands || giver.is_none_or(|giver| !giver.may_answer(&*self.options.setup)) {
                gone.push(vote.person.clone());
            }
        }
        Ok(gone)
    }
}

/// Somebody, as the store knows them now.
pub(super) struct Named {
    pub(super) name: String,
    functions: BTreeSet<String>,
    /// They are here, and not kept out.
    is_here: bool,
    /// Their roles; of whom no store keeps, that is not known.
    roles: Option<Vec<String>>,
}

impl Named {
    /// Whether they may answer by themselves.
    fn may_answer(&self, setup: &dyn Setup) -> bool {
        self.is_here && self.roles.as_ref().is_none_or(|roles| setup.may_approve(roles))
    }
}

/// The person of that id, if there is one. Whom no store keeps (an account of the machine itself) is called by their id.
pub(super) async fn named(unit: &mut dyn UnitOfWork, id: &str) -> Result<Option<Named>, StoreError> {
    let Ok(person) = id.parse::<PersonId>() else {
        let name = id.to_owned();
        return Ok(Some(Named { name, functions: BTreeSet::new(), is_here: true, roles: None }));
    };
    let person = unit.people().get(person).await?;
    Ok(person.map(|person| Named {
        is_here: !person.disabled && person.left_at_ms.is_none(),
        name: person.name,
        roles: Some(person.roles.clone()),
        functions: person.roles.into_iter().chain(person.teams).collect(),
    }))
}

/// What the audit log has of a delegation: who and whom, by their names too.
async fn told(unit: &mut dyn UnitOfWork, of: &Delegation) -> Result<Value, StoreError> {
    let from = named(unit, &of.from).await?.map(|from| from.name);
    let to = named(unit, &of.to).await?.map(|to| to.name);
    let until_ms = of.until_ms;
    Ok(json!({ "from": of.from, "from_name": from, "to": of.to, "to_name": to, "until_ms": until_ms }))
}
