//! Taking back, calling off, and saying what nobody else can tell.

use super::approve::person;
use super::record::Record;
use super::request::check_reason;
use super::step;
use crate::actor::Actor;
use crate::error::RespondError;
use crate::service::Responder;
use model::{Containment, ContainmentId, ContainmentState};
use ports::store::UnitOfWork;
use serde_json::json;

/// Takes a containment back, or calls it off before anything was sent.
#[derive(Debug, Clone)]
pub struct UndoRequest {
    /// Who: a person.
    pub actor: Actor,
    /// What.
    pub containment: ContainmentId,
    /// Why.
    pub reason: String,
}

/// Says what nobody could tell.
#[derive(Debug, Clone)]
pub struct SettleRequest {
    /// Who: a person who has looked.
    pub actor: Actor,
    /// What.
    pub containment: ContainmentId,
    /// Whether it happened: whether it is in effect, or, where it was to be taken back, whether it is.
    pub happened: bool,
    /// What they have seen.
    pub reason: String,
}

impl Responder {
    /// Takes it back: what was not sent is called off, what is in effect is due to be reverted at once, what is being
    /// applied is as soon as that is done.
    ///
    /// # Errors
    /// [`RespondError::NotReversible`], [`RespondError::State`] at an end, [`RespondError::NoPerson`],
    /// [`RespondError::Reason`], [`RespondError::Store`].
    pub async fn undo(&self, request: &UndoRequest) -> Result<Containment, RespondError> {
        person(&request.actor)?;
        check_reason(&request.reason)?;
        let mut unit = self.options.store.begin().await?;
        let mut containment = Self::stored(&mut *unit, request.containment).await?;
        self.check_seen(containment.version)?;
        self.undo_in(&mut *unit, &mut containment, &request.actor, &request.reason).await?;
        unit.commit().await?;
        Ok(containment)
    }

    async fn undo_in(
        &self,
        unit: &mut dyn UnitOfWork,
        containment: &mut Containment,
        actor: &Actor,
        reason: &str,
    ) -> Result<(), RespondError> {
        let (before, now_ms) = (containment.state, self.now_ms());
        let Some(action) = step::undone(containment, &actor.principal, reason, now_ms)? else {
            return Ok(());
        };
        let record = Record::of(actor, action).because(reason);
        self.write(unit, containment, before, Some(record)).await
    }

    /// Calls off what a run has asked for, if nothing of it was sent yet; what was sent goes on and ends by itself.
    pub(crate) async fn call_off_in(
        &self,
        unit: &mut dyn UnitOfWork,
        id: ContainmentId,
        reason: &str,
    ) -> Result<(), RespondError> {
        let mut containment = Self::stored(unit, id).await?;
        let is_open = matches!(
            containment.state,
            ContainmentState::Planned | ContainmentState::AwaitingApproval | ContainmentState::Approved
        );
        if is_open || (containment.state == ContainmentState::Applying && !containment.progress.sent) {
            self.undo_in(unit, &mut containment, &Actor::system(), reason).await?;
        }
        Ok(())
    }

    /// Takes a person's word on what nobody could tell.
    ///
    /// # Errors
    /// [`RespondError::State`] where it is known, [`RespondError::NoPerson`], [`RespondError::Reason`],
    /// [`RespondError::Store`].
    pub async fn settle(&self, request: &SettleRequest) -> Result<Containment, RespondError> {
        person(&request.actor)?;
        check_reason(&request.reason)?;
        let mut unit = self.options.store.begin().await?;
        let mut containment = Self::stored(&mut *unit, request.containment).await?;
        self.check_seen(containment.version)?;
        let before = containment.state;
        if before != ContainmentState::Unknown {
            return Err(RespondError::State { state: before, why: "it is known what is so" });
        }
        let by = &request.actor.principal;
        let said = (by, request.reason.as_str());
        step::settled(&mut containment, request.happened, said, self.now_ms(), &self.options.times);
        let record = Record {
            after: json!({ "happened": request.happened }),
            ..Record::of(&request.actor, "containment.settle")
        };
        self.write(&mut *unit, &mut containment, before, Some(record.because(&request.reason))).await?;
        unit.commit().await?;
        Ok(containment)
    }
}
