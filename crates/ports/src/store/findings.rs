//! Findings, each in exactly one incident.

use super::{Page, PageRequest, StoreError, Visible};
use async_trait::async_trait;
use model::{Finding, FindingId, IncidentId, Membership, Severity};
use std::collections::HashSet;

/// Which findings; all conditions hold together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingFilter {
    /// Of this rule, by its UUID.
    pub rule_id: Option<String>,
    /// Of this source.
    pub source: Option<String>,
    /// At least so severe.
    pub severity_min: Option<Severity>,
    /// Only those of incidents that the asker may see; `None` for machines, which see all.
    pub visible: Option<Visible>,
}

/// What many findings come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingsOutline {
    /// How many.
    pub findings: u64,
    /// The earliest event time, milliseconds since the epoch.
    pub first_seen_ms: i64,
    /// The latest.
    pub last_seen_ms: i64,
    /// One of the gravest of each rule, the gravest rules first; at most [`model::INCIDENT_RULES_MAX`].
    pub telling: Vec<FindingId>,
}

/// Reads findings.
#[async_trait]
pub trait ReadFindings: Send {
    /// The finding.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: FindingId) -> Result<Option<Finding>, StoreError>;

    /// The incident that holds the finding.
    ///
    /// # Errors
    /// As all reads.
    async fn incident_of(&mut self, id: FindingId) -> Result<Option<IncidentId>, StoreError>;

    /// Which of these are stored.
    ///
    /// # Errors
    /// As all reads.
    async fn known(&mut self, ids: &[FindingId]) -> Result<HashSet<FindingId>, StoreError>;

    /// The findings of an incident, by event time, then id.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn of_incident(&mut self, id: IncidentId, page: &PageRequest) -> Result<Page<Finding>, StoreError>;

    /// What the findings of an incident come to, without their bodies; for incidents with more findings than are read
    /// one by one.
    ///
    /// # Errors
    /// As all reads.
    async fn outline(&mut self, id: IncidentId) -> Result<FindingsOutline, StoreError>;

    /// Findings, the latest detected first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(&mut self, filter: &FindingFilter, page: &PageRequest)
    -> Result<Page<Finding>, StoreError>;

    /// How many there are.
    ///
    /// # Errors
    /// As all reads.
    async fn count(&mut self) -> Result<u64, StoreError>;
}

/// Stores findings.
#[async_trait]
pub trait Findings: ReadFindings {
    /// Stores findings with their incidents, and returns where new ones went. One whose id is known changes
    /// nothing, neither itself nor where it belongs. The incident's counts are the caller's to
    /// [`observe`](super::Incidents::observe).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an incident.
    async fn insert(&mut self, findings: &[(&Finding, IncidentId)]) -> Result<Vec<Membership>, StoreError>;
}
