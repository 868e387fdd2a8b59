//! Incidents and the comments on them.

use super::{Facets, Moment, Page, PageRequest, StoreError, TimelineOrder, Visible};
use async_trait::async_trait;
use model::{
    AuditRecord, Comment, CommentId, Entity, FindingId, Incident, IncidentId, Ownership, Severity, Status,
    Verdict, Visibility,
};

/// What findings are grouped by: the region, because data of two regions never meets in one case, and the
/// entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// Where the data must be kept.
    pub region: String,
    /// The entity that the findings share.
    pub entity: Entity,
}

/// An incident that findings may join, with what machines need to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    /// The case.
    pub incident: Incident,
    /// The severity of the finding that gives the title, before any raise.
    pub gravest_severity: Severity,
    /// The event time of that finding, milliseconds since the epoch.
    pub gravest_time_ms: i64,
    /// Severity and event time of the finding that tells whose it is ([`Incident::owned_by`]).
    pub owned_rank: Option<(Severity, i64)>,
    /// Whether a person has decided or said anything on it; such a one is never merged away.
    pub touched_by_people: bool,
    /// Further groups of those asked for whose findings go to it, because a person merged incidents of theirs into it.
    pub via: Vec<GroupKey>,
}

impl OpenIncident {
    /// The group that it belongs to.
    pub fn group(&self) -> GroupKey {
        GroupKey { region: self.incident.region.clone(), entity: self.incident.group.clone() }
    }
}

/// The machine's fields of an incident: [`Incidents::observe`] writes these and no other.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineUpdate {
    /// The case.
    pub id: IncidentId,
    /// From the gravest finding.
    pub title: String,
    /// From the findings.
    pub machine_severity: Severity,
    /// The finding that gives the title.
    pub gravest: FindingId,
    /// The earliest finding's event time, milliseconds since the epoch.
    pub first_seen_ms: i64,
    /// The latest finding's event time.
    pub last_seen_ms: i64,
    /// How many findings it has.
    pub findings: u64,
    /// The rules that hit.
    pub rules: Vec<String>,
    /// Their tactics.
    pub tactics: Vec<String>,
    /// Whose service it is about.
    pub ownership: Ownership,
    /// The finding that tells so.
    pub owned_by: Option<FindingId>,
    /// Entities of newly joined findings, to be found by; those already known may be left out.
    pub entities: Vec<Entity>,
    /// Now.
    pub updated_at_ms: i64,
}

/// The people's fields of an incident: `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentEdit {
    /// Where the work stands.
    pub status: Option<Status>,
    /// Who has it; `Some(None)` gives it back to nobody.
    pub assignee: Option<Option<String>>,
    /// What counts instead of the machine's severity; `Some(None)` lets the machine's count again.
    pub severity_override: Option<Option<Severity>>,
    /// What it turned out to be.
    pub verdict: Option<Option<Verdict>>,
}

/// By who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssigneeFilter {
    /// Nobody.
    Nobody,
    /// This person.
    Is(String),
}

/// Which incidents; all conditions hold together, an empty filter is all of them. Those merged into another
/// are never listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentFilter {
    /// Any of these; empty for any.
    pub statuses: Vec<Status>,
    /// Any of these, as it counts; empty for any.
    pub severities: Vec<Severity>,
    /// Any of these; empty for any.
    pub verdicts: Vec<Verdict>,
    /// Any of these services; `""` is those without; empty for any.
    pub services: Vec<String>,
    /// It has findings of any of these rules, by UUID; empty for any.
    pub rules: Vec<String>,
    /// It has findings of any of these kinds of source (of a source that is gone: its name); empty for any.
    pub sources: Vec<String>,
    /// Each of its words and phrases ([`needles`](super::needles)) stands in the title of a rule or in an entity (of which machines make
    /// the incident's title), in the title that a person gave, or in a comment; letters are compared as
    /// [`other_case`](super::other_case) says.
    pub text: Option<String>,
    /// At least so severe, as it counts.
    pub severity_min: Option<Severity>,
    /// By who has it.
    pub assignee: Option<AssigneeFilter>,
    /// One of its findings names this entity, of any kind when the kind is not given.
    pub entity: Option<String>,
    /// The title contains this text, compared in the same way; at least 3 characters.
    pub title_contains: Option<String>,
    /// Opened at or after, milliseconds since the epoch.
    pub created_from_ms: Option<i64>,
    /// Opened before.
    pub created_until_ms: Option<i64>,
    /// Only what the asker may see; `None` for machines, which see all.
    pub visible: Option<Visible>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncidentOrder {
    /// The gravest first, of these the latest seen: the queue of work.
    #[default]
    Severity,
    /// The last changed first.
    Updated,
    /// The last opened first.
    Created,
    /// The one with most findings first.
    Findings,
}

impl IncidentOrder {
    /// Every order.
    pub const ALL: [IncidentOrder; 4] = [Self::Severity, Self::Updated, Self::Created, Self::Findings];
}

/// Reads incidents.
#[async_trait]
pub trait ReadIncidents: Send {
    /// The incident, merged or not.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: IncidentId) -> Result<Option<Incident>, StoreError>;

    /// A page of incidents. Fast at a million of them.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`], [`StoreError::BadQuery`].
    async fn list(
        &mut self,
        filter: &IncidentFilter,
        order: IncidentOrder,
        page: &PageRequest,
    ) -> Result<Page<Incident>, StoreError>;

    /// How many incidents stand in each status; those without any are left out.
    ///
    /// # Errors
    /// As all reads.
    async fn count_by_status(&mut self) -> Result<Vec<(Status, u64)>, StoreError>;

    /// How many incidents fit, and how many of them have each value of each facet. A facet's own filter does not
    /// count for it, so that it shows what else could be chosen. Fast at a million of them.
    ///
    /// # Errors
    /// [`StoreError::BadQuery`].
    async fn facets(&mut self, filter: &IncidentFilter) -> Result<Facets, StoreError>;

    /// How many open incidents each of these services has that the asker may see, by the services' order; at most
    /// [`PAGE_ITEMS_MAX`](super::PAGE_ITEMS_MAX) services. Fast at a million incidents.
    ///
    /// # Errors
    /// [`StoreError::BadQuery`] for more services.
    async fn open_of_services(
        &mut self,
        services: &[String],
        visible: &Visible,
    ) -> Result<Vec<u64>, StoreError>;

    /// The titles under which findings of these rules came, the rule's UUID first; a rule that was renamed has several.
    ///
    /// # Errors
    /// As all reads.
    async fn rule_titles(&mut self, rules: &[String]) -> Result<Vec<(String, String)>, StoreError>;

    /// What happened to an incident: its findings by event time, what people said, and what was done to it.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn timeline(
        &mut self,
        id: IncidentId,
        order: TimelineOrder,
        page: &PageRequest,
    ) -> Result<Page<Moment>, StoreError>;

    /// The open, unmerged incidents of these groups, by first seen, then id; each says its group. Those into which
    /// people merged incidents of these groups are among them ([`OpenIncident::via`]).
    ///
    /// # Errors
    /// As all reads.
    async fn open_in_groups(&mut self, groups: &[GroupKey]) -> Result<Vec<OpenIncident>, StoreError>;

    /// The latest seen unmerged incident of a group, open or not.
    ///
    /// # Errors
    /// As all reads.
    async fn latest_in_group(&mut self, group: &GroupKey) -> Result<Option<IncidentId>, StoreError>;
}

/// Changes incidents.
#[async_trait]
pub trait Incidents: ReadIncidents {
    /// Opens an incident. The people's fields start at *new*, unassigned, without verdict and override, at
    /// version 1, whatever `incident` says in them. `entities` are those it can be found by.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::AuditMismatch`].
    async fn open(
        &mut self,
        incident: &Incident,
        entities: &[Entity],
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;

    /// Writes the machine's fields of some incidents. The version stays: it counts people's changes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn observe(&mut self, updates: &[MachineUpdate]) -> Result<(), StoreError>;

    /// For machines: moves the findings of `from` to `into` and marks `from` as merged. What was moved is kept, so
    /// that [`Moves::unmerge`](super::Moves::unmerge) can give it back. Returns how many were moved.
    ///
    /// # Errors
    /// [`StoreError::TouchedByPeople`], [`StoreError::NotFound`], [`StoreError::AuditMismatch`] unless the
    /// record is about `from`.
    async fn merge(
        &mut self,
        from: IncidentId,
        into: IncidentId,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<u64, StoreError>;

    /// Writes people's fields if the incident is at `version`, and returns it as it is then.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn edit(
        &mut self,
        id: IncidentId,
        version: u64,
        edit: &IncidentEdit,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<Incident, StoreError>;

    /// Says who may see an incident and all that were merged into it, if it is at `version`, and returns it as it is
    /// then.
    ///
    /// # Errors
    /// As [`edit`](Self::edit).
    async fn set_visibility(
        &mut self,
        id: IncidentId,
        version: u64,
        visibility: Visibility,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<Incident, StoreError>;
}

/// Reads comments.
#[async_trait]
pub trait ReadComments: Send {
    /// The comment.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: CommentId) -> Result<Option<Comment>, StoreError>;

    /// The comments on an incident, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn of_incident(&mut self, id: IncidentId, page: &PageRequest) -> Result<Page<Comment>, StoreError>;
}

/// Writes comments.
#[async_trait]
pub trait Comments: ReadComments {
    /// Adds a comment. The audit record is about the incident. The incident's version stays: two people may
    /// speak at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the incident, [`StoreError::Exists`], [`StoreError::AuditMismatch`].
    async fn add(&mut self, comment: &Comment, audit: &AuditRecord) -> Result<(), StoreError>;
}
