//! Keeping what is in effect for longer, or until somebody takes it back.
//!
//! A time-to-live guards against forgotten containments; it must not hand a stolen key back to whoever stole it. Before it
//! ends people are told ([`step::tell_end`]), and anybody who may decide can give it more time.

use super::approve::person;
use super::record::Record;
use super::request::check_reason;
use super::step;
use crate::actor::Actor;
use crate::error::RespondError;
use crate::service::Responder;
use model::{Containment, ContainmentId, ContainmentState};
use ports::store::{ContainmentFilter, PAGE_ITEMS_MAX, PageRequest, UnitOfWork};
use serde_json::json;

/// The longest that those who asked for a containment keep it by themselves, from now on, in milliseconds: what was approved
/// had an end, and more than this is for somebody else to say.
pub const OWN_KEEP_MS_MAX: u64 = 24 * 60 * 60_000;

/// Keeps a containment that is in effect.
#[derive(Debug, Clone)]
pub struct KeepRequest {
    /// Who: a person.
    pub actor: Actor,
    /// What.
    pub containment: ContainmentId,
    /// For how long from now on, in milliseconds, within [`TTL_MS`](crate::plan::TTL_MS); without an end if not said, which
    /// those who asked for it do not decide.
    pub for_ms: Option<u64>,
    /// Why.
    pub reason: String,
}

impl Responder {
    /// Gives it another end, or none: it is then in effect until somebody takes it back.
    ///
    /// # Errors
    /// [`RespondError::State`] where it is not in effect, [`RespondError::NotReversible`] for what has no end,
    /// [`RespondError::BadTime`], [`RespondError::OwnKeep`], [`RespondError::NoPerson`], [`RespondError::Reason`],
    /// [`RespondError::Store`].
    pub async fn keep(&self, request: &KeepRequest) -> Result<Containment, RespondError> {
        let keeper = person(&request.actor)?;
        check_reason(&request.reason)?;
        let range = crate::plan::TTL_MS;
        if request.for_ms.is_some_and(|for_ms| !range.contains(&for_ms)) {
            return Err(RespondError::BadTime);
        }
        let mut unit = self.options.store.begin().await?;
        let mut containment = Self::stored(&mut *unit, request.containment).await?;
        self.check_seen(containment.version)?;
        let is_own = containment.requesters.contains(&keeper);
        if is_own && request.for_ms.is_none_or(|for_ms| for_ms > OWN_KEEP_MS_MAX) {
            return Err(RespondError::OwnKeep);
        }
        self.keep_in(&mut *unit, &mut containment, request).await?;
        unit.commit().await?;
        Ok(containment)
    }

    async fn keep_in(
        &self,
        unit: &mut dyn UnitOfWork,
        containment: &mut Containment,
        request: &KeepRequest,
    ) -> Result<(), RespondError> {
        let (before, now_ms) = (containment.state, self.now_ms());
        let was = containment.revert_at_ms;
        let until_ms = request.for_ms.map(|ms| now_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
        let by = &request.actor.principal;
        step::kept_until(containment, until_ms, (by, &request.reason), now_ms, &self.options.times)?;
        let record = Record {
            after: json!({ "revert_at_ms": until_ms, "revert_at_ms_before": was }),
            ..Record::of(&request.actor, "containment.keep")
        };
        self.write(unit, containment, before, Some(record.because(&request.reason))).await
    }

    /// What has destroyed its target for good leaves nothing to take back: what else is in effect on that target at the same
    /// system has no end any more, rather than failing to end again and again.
    pub(super) async fn keep_what_it_outlives(
        &self,
        unit: &mut dyn UnitOfWork,
        containment: &Containment,
    ) -> Result<(), RespondError> {
        let (connector, action) = containment.action.split_once('.').unwrap_or_default();
        let connection = self.options.setup.connection(connector);
        let spec = connection.as_ref().and_then(|connection| connection.connector.actions.get(action));
        if !spec.is_some_and(|spec| spec.destroys_target) {
            return Ok(());
        }
        let filter = ContainmentFilter {
            states: vec![ContainmentState::Verified],
            target: Some(containment.target.clone()),
            ..ContainmentFilter::default()
        };
        let others = unit.containments().list(&filter, &PageRequest::first(PAGE_ITEMS_MAX)).await?.items;
        let same_system = |other: &Containment| {
            other.action.split_once('.').is_some_and(|(name, _)| name == connector)
                && other.target_kind == containment.target_kind
                && other.revert_at_ms.is_some()
        };
        for mut other in others.into_iter().filter(same_system) {
            let request = KeepRequest {
                actor: Actor::system(),
                containment: other.id,
                for_ms: None,
                reason: format!(
                    "{} has destroyed the target, and leaves nothing to take back",
                    containment.id
                ),
            };
            Box::pin(self.keep_in(unit, &mut other, &request)).await?;
        }
        Ok(())
    }
}
