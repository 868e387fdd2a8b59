//! People's decisions on incidents: each checked, versioned, and recorded in the same transaction.

use crate::{Error, RegroupLimits, check_comment, decide};
use model::{AuditRecord, Clock, Comment, CommentId, Entropy, Incident, IncidentId, Principal};
use ports::store::{COMMENT_ACTION, IncidentEdit, Store, StoreError, UnitOfWork};
use serde_json::json;
use std::sync::Arc;

/// Where people's decisions are taken. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    pub(crate) limits: RegroupLimits,
}

/// A decision on an incident: assign, set the status, override the severity, set the verdict, in any mix.
#[derive(Debug, Clone)]
pub struct EditRequest {
    /// Who decides.
    pub principal: Principal,
    /// On what.
    pub incident: IncidentId,
    /// The version that the person saw.
    pub version: u64,
    /// What it shall be.
    pub edit: IncidentEdit,
    /// Why; needed for another severity and for opening again.
    pub reason: Option<String>,
    /// The address that it came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}

/// Who acts, and from where; for records.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// The address that it came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}

/// A comment on an incident.
#[derive(Debug, Clone)]
pub struct CommentRequest {
    /// Who speaks.
    pub principal: Principal,
    /// On what.
    pub incident: IncidentId,
    /// Markdown.
    pub text: String,
    /// The address that it came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}

impl Desk {
    /// A desk at `store`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy, limits: RegroupLimits::default() }
    }

    /// The same with other bounds of moves of findings.
    #[must_use]
    pub fn with_limits(self, limits: RegroupLimits) -> Self {
        Self { limits, ..self }
    }

    /// Takes a decision; returns the incident as it is then. Nothing is written when all is as wanted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] with the current version,
    /// [`crate::DecisionError`].
    pub async fn edit(&self, request: &EditRequest) -> Result<Incident, Error> {
        let mut unit = self.store.begin().await?;
        let incident = self.edit_in(&mut *unit, request).await?;
        unit.commit().await?;
        Ok(incident)
    }

    /// As [`edit`](Self::edit), as part of a unit that the caller commits, such as with the stored answer of
    /// an idempotent request.
    ///
    /// # Errors
    /// As [`edit`](Self::edit).
    pub async fn edit_in(&self, unit: &mut dyn UnitOfWork, request: &EditRequest) -> Result<Incident, Error> {
        let incident = self.read(unit, request.incident).await?;
        if incident.version != request.version {
            return Err(StoreError::Conflict { current: incident.version }.into());
        }
        let Some(decided) = decide(&incident, &request.edit, request.reason.as_deref())? else {
            return Ok(incident);
        };
        let mut audit = self.record(&request.actor(), decided.action, incident.id);
        (audit.before, audit.after) = (decided.before, decided.after);
        let at_ms = audit.at_ms;
        Ok(unit.incidents().edit(incident.id, request.version, &decided.edit, at_ms, &audit).await?)
    }

    /// Adds a comment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`crate::DecisionError`].
    pub async fn comment(&self, request: &CommentRequest) -> Result<Comment, Error> {
        let mut unit = self.store.begin().await?;
        let comment = self.comment_in(&mut *unit, request).await?;
        unit.commit().await?;
        Ok(comment)
    }

    /// As [`comment`](Self::comment), as part of a unit that the caller commits.
    ///
    /// # Errors
    /// As [`comment`](Self::comment).
    pub async fn comment_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &CommentRequest,
    ) -> Result<Comment, Error> {
        let incident = self.read(unit, request.incident).await?;
        check_comment(&incident, &request.text)?;
        let comment = Comment {
            id: CommentId::new(&*self.clock, &*self.entropy),
            incident: incident.id,
            author: request.principal.name().to_owned(),
            text: request.text.clone(),
            created_at_ms: self.clock.now_ms(),
        };
        // the text itself stays with the comment, so that erasing it never touches the record
        let mut audit = self.record(&request.actor(), COMMENT_ACTION, incident.id);
        audit.after = json!({ "comment": comment.id, "bytes": comment.text.len() });
        unit.comments().add(&comment, &audit).await?;
        Ok(comment)
    }

    pub(crate) async fn read(
        &self,
        unit: &mut dyn UnitOfWork,
        id: IncidentId,
    ) -> Result<Incident, StoreError> {
        unit.incidents().get(id).await?.ok_or_else(|| StoreError::not_found("incident", id))
    }

    pub(crate) fn fresh_id(&self) -> IncidentId {
        IncidentId::new(&*self.clock, &*self.entropy)
    }

    /// A record of now that says nothing yet of before and after.
    pub(crate) fn record(&self, actor: &Actor, action: &str, object: impl ToString) -> AuditRecord {
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        AuditRecord {
            reason: actor.reason.clone(),
            origin: actor.origin.clone(),
            request_id: actor.request_id.clone(),
            ..AuditRecord::new(clock, entropy, actor.principal.clone(), action, object)
        }
    }
}

impl EditRequest {
    fn actor(&self) -> Actor {
        Actor {
            principal: self.principal.clone(),
            reason: self.reason.clone(),
            origin: self.origin.clone(),
            request_id: self.request_id.clone(),
        }
    }
}

impl CommentRequest {
    fn actor(&self) -> Actor {
        let (origin, request_id) = (self.origin.clone(), self.request_id.clone());
        Actor { principal: self.principal.clone(), reason: None, origin, request_id }
    }
}
