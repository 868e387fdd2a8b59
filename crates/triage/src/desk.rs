//! People's decisions on incidents: each checked, versioned, and recorded in the same transaction.

use crate::{Error, check_comment, decide};
use model::{AuditRecord, Clock, Comment, CommentId, Entropy, Incident, IncidentId, Principal};
use ports::store::{IncidentEdit, Store, StoreError, UnitOfWork};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where people's decisions are taken. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
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
        Self { store, clock, entropy }
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
        let (values, reason) = ((decided.before, decided.after), request.reason.clone());
        let mut audit = self.record(&request.principal, decided.action, incident.id, values);
        (audit.reason, audit.request_id) = (reason, request.request_id.clone());
        audit.origin.clone_from(&request.origin);
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
        let values = (Value::Null, json!({ "comment": comment.id, "bytes": comment.text.len() }));
        let mut audit = self.record(&request.principal, "incident.comment", incident.id, values);
        audit.request_id.clone_from(&request.request_id);
        audit.origin.clone_from(&request.origin);
        unit.comments().add(&comment, &audit).await?;
        Ok(comment)
    }

    async fn read(&self, unit: &mut dyn UnitOfWork, id: IncidentId) -> Result<Incident, StoreError> {
        unit.incidents().get(id).await?.ok_or_else(|| StoreError::not_found("incident", id))
    }

    fn record(
        &self,
        principal: &Principal,
        action: &str,
        object: IncidentId,
        (before, after): (Value, Value),
    ) -> AuditRecord {
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        AuditRecord { before, after, ..AuditRecord::new(clock, entropy, principal.clone(), action, object) }
    }
}
