//! What comes of reports for everybody: notices to moderators, digests, thanks.

use crate::appeals::person_of;
use crate::{Actor, DecisionError, Error, ReportDesk};
use model::{Credit, Digest, DigestId, DigestState, NoticeId, PersonId, ReportNotice};
use ports::store::StoreError;
use serde_json::{Value, json};

/// Longest name that somebody is thanked under, in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;
/// Longest time that a digest is about, in milliseconds.
pub const DIGEST_MS_MAX: i64 = 366 * 86_400_000;

impl ReportDesk {
    /// Notes that somebody looked at a notice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn acknowledge_notice(&self, actor: &Actor, id: NoticeId) -> Result<ReportNotice, Error> {
        let mut unit = self.options.store.begin().await?;
        let audit = self.record(actor, "report_notice.acknowledge", id);
        unit.notices().acknowledge(id, &actor.principal, audit.at_ms, &audit).await?;
        let notice = unit.notices().get(id).await?.ok_or_else(|| StoreError::not_found("notice", id))?;
        unit.commit().await?;
        Ok(notice)
    }

    /// Keeps a draft of a digest; what it says is made by [`crate::digest`].
    ///
    /// # Errors
    /// [`Error::Digest`] for a time that is none.
    pub async fn keep_draft(
        &self,
        actor: &Actor,
        (from_ms, to_ms): (i64, i64),
        content: Value,
    ) -> Result<Digest, Error> {
        check_time(from_ms, to_ms)?;
        let digest = Digest {
            id: DigestId::new(&*self.options.clock, &*self.options.entropy),
            from_ms,
            to_ms,
            content,
            state: DigestState::Draft,
            drafted_by: actor.principal.clone(),
            created_at_ms: self.options.clock.now_ms(),
            published_by: None,
            published_at_ms: None,
            region: "default".to_owned(),
        };
        let mut audit = self.record(actor, "digest.draft", digest.id);
        audit.after = json!({ "from_ms": from_ms, "to_ms": to_ms });
        let mut unit = self.options.store.begin().await?;
        unit.digests().add(&digest, &audit).await?;
        unit.commit().await?;
        Ok(digest)
    }

    /// Publishes a draft as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for one that was published.
    pub async fn publish_digest(&self, actor: &Actor, id: DigestId) -> Result<Digest, Error> {
        let mut unit = self.options.store.begin().await?;
        let draft = unit.digests().get(id).await?.filter(|digest| digest.state == DigestState::Draft);
        let draft = draft.ok_or_else(|| StoreError::not_found("draft of a digest", id))?;
        let audit = self.record(actor, "digest.publish", id);
        let digest = Digest {
            state: DigestState::Published,
            published_by: Some(actor.principal.clone()),
            published_at_ms: Some(audit.at_ms),
            ..draft
        };
        unit.digests().publish(&digest, &audit).await?;
        unit.commit().await?;
        Ok(digest)
    }

    /// Writes how a person wants to be thanked.
    ///
    /// # Errors
    /// [`DecisionError::NotAPerson`], [`DecisionError::Text`].
    pub async fn set_credit(
        &self,
        actor: &Actor,
        display_name: Option<String>,
        shown: bool,
    ) -> Result<Credit, Error> {
        let person = person_of(actor, "say how to be thanked")?;
        if let Some(name) = &display_name {
            let good = !name.trim().is_empty() && !name.contains(char::is_control);
            if !good || name.chars().count() > DISPLAY_NAME_CHARS_MAX {
                let bytes_max = DISPLAY_NAME_CHARS_MAX;
                return Err(DecisionError::Text { what: "a name to be thanked under", bytes_max }.into());
            }
        }
        let region = self.region_of(person).await?;
        let credit =
            Credit { person, display_name, shown, region, updated_at_ms: self.options.clock.now_ms() };
        let mut audit = self.record(actor, "credit.set", person);
        audit.after = json!({ "shown": shown });
        let mut unit = self.options.store.begin().await?;
        unit.credits().set(&credit, &audit).await?;
        unit.commit().await?;
        Ok(credit)
    }

    async fn region_of(&self, person: PersonId) -> Result<String, Error> {
        let found = self.options.store.read().await?.people().get(person).await?;
        Ok(found.map_or_else(|| "default".to_owned(), |person| person.region))
    }
}

/// Refuses a time that ends before it begins, or is too long.
pub(crate) fn check_time(from_ms: i64, to_ms: i64) -> Result<(), Error> {
    if from_ms < to_ms && to_ms.saturating_sub(from_ms) <= DIGEST_MS_MAX {
        return Ok(());
    }
    let reason = "a digest is about a time that ends after it begins and is at most 366 days long";
    Err(Error::Digest { reason: reason.to_owned() })
}
