//! One decision on many incidents.

use crate::desk::{Actor, CommentRequest, Desk, EditRequest};
use crate::{Error, check_comment};
use model::{Incident, IncidentId};
use ports::store::{IncidentEdit, StoreError, UnitOfWork};
use std::collections::BTreeMap;

/// Most incidents of one decision.
pub const BULK_INCIDENTS_MAX: usize = 200;

/// A decision on many incidents.
#[derive(Debug, Clone)]
pub struct BulkRequest {
    /// Who decides, and why.
    pub actor: Actor,
    /// On what.
    pub incidents: Vec<IncidentId>,
    /// What each shall be.
    pub edit: IncidentEdit,
    /// What is said on each of them.
    pub comment: Option<String>,
    /// The versions that the person saw; those not named are decided on as they are.
    pub versions: BTreeMap<IncidentId, u64>,
}

impl Desk {
    /// Decides on each incident by itself, as part of a unit that the caller commits: those that may not be decided so
    /// say why and are left as they are; the others are written, each with its own record.
    ///
    /// # Errors
    /// What fails for all: the store.
    pub async fn bulk_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &BulkRequest,
    ) -> Result<Vec<(IncidentId, Result<Incident, Error>)>, StoreError> {
        let mut outcomes = Vec::with_capacity(request.incidents.len());
        for &id in &request.incidents {
            let outcome = match self.bulk_one(unit, request, id).await {
                Err(Error::Store(error)) if !is_of_one(&error) => return Err(error),
                outcome => outcome,
            };
            outcomes.push((id, outcome));
        }
        Ok(outcomes)
    }

    async fn bulk_one(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &BulkRequest,
        id: IncidentId,
    ) -> Result<Incident, Error> {
        let incident = self.read(unit, id).await?;
        // before anything is written, so that an incident is never half decided
        if let Some(text) = &request.comment {
            check_comment(&incident, text)?;
        }
        let Actor { principal, reason, origin, request_id } = request.actor.clone();
        let edit = EditRequest {
            principal: principal.clone(),
            incident: id,
            version: request.versions.get(&id).copied().unwrap_or(incident.version),
            edit: request.edit.clone(),
            reason,
            origin: origin.clone(),
            request_id: request_id.clone(),
        };
        let mut edited = self.edit_in(unit, &edit).await?;
        if let Some(text) = request.comment.clone() {
            let comment = CommentRequest { principal, incident: id, text, origin, request_id };
            let comment = self.comment_in(unit, &comment).await?;
            edited.updated_at_ms = edited.updated_at_ms.max(comment.created_at_ms);
        }
        Ok(edited)
    }
}

/// Whether an error says something of one incident only, and nothing was written for it.
const fn is_of_one(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. } | StoreError::Conflict { .. })
}
