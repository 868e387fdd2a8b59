//! Findings that go from one incident to another, and back: merges, splits; and links between incidents.

use super::{MachineUpdate, StoreError};
use async_trait::async_trait;
use model::{AuditRecord, FindingId, Incident, IncidentId};

/// Most links of one incident.
pub const LINKS_MAX: usize = 200;
/// Most incidents that are named as merged into one.
pub const MERGED_SHOWN_MAX: usize = 200;

/// What an incident is to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// They have to do with each other.
    Related,
    /// The other one is the cause.
    CausedBy,
    /// The other one is the same case; both stay.
    DuplicateOf,
}

impl LinkKind {
    /// Every kind.
    pub const ALL: [LinkKind; 3] = [Self::Related, Self::CausedBy, Self::DuplicateOf];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Related => "related",
            Self::CausedBy => "caused_by",
            Self::DuplicateOf => "duplicate_of",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A link: `incident` is `kind` `other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentLink {
    /// The one that was linked.
    pub incident: IncidentId,
    /// To what.
    pub other: IncidentId,
    /// How.
    pub kind: LinkKind,
    /// Who said so.
    pub author: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

/// A change of two incidents that people made: the version of the first that they saw, and a record for each.
#[derive(Debug, Clone, Copy)]
pub struct Regrouping<'a> {
    /// The version that was seen; `None` is whatever it is now.
    pub version: Option<u64>,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// About the first incident.
    pub audit: &'a AuditRecord,
    /// About the other one.
    pub other_audit: &'a AuditRecord,
}

/// Reads how incidents belong together.
#[async_trait]
pub trait ReadMoves: Send {
    /// The incident that has the findings of `id` now: itself, or the last of those it was merged into.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn survivor(&mut self, id: IncidentId) -> Result<IncidentId, StoreError>;

    /// The incidents that were merged into `id` directly, at most [`MERGED_SHOWN_MAX`], the oldest first.
    ///
    /// # Errors
    /// As all reads.
    async fn merged_into(&mut self, id: IncidentId) -> Result<Vec<Incident>, StoreError>;

    /// The links of `id` in either direction, the oldest first.
    ///
    /// # Errors
    /// As all reads.
    async fn links(&mut self, id: IncidentId) -> Result<Vec<IncidentLink>, StoreError>;
}

/// Moves findings and links incidents, as people say. Every move is kept and can be taken back.
///
/// Counts, times, titles and the like are the caller's to [`rewrite`](Moves::rewrite) afterwards: they follow from
/// the findings, and the store does not know how.
#[async_trait]
pub trait Moves: ReadMoves {
    /// Merges `from` into `into`, whoever worked on them. Both are a version further then. Findings of the group of
    /// `from` that come later belong to `into` ([`super::ReadIncidents::open_in_groups`]). Returns how many findings moved.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`] (merged ones, too), [`StoreError::AuditMismatch`].
    async fn merge(
        &mut self,
        from: IncidentId,
        into: IncidentId,
        regrouping: Regrouping<'_>,
    ) -> Result<u64, StoreError>;

    /// Takes the last merge of `id` back, by whomever. It gets from `survivor` what it held when it was merged, save
    /// what was moved on since by a split or another unmerge, and what came since about its own group, unless both are of
    /// one group. Returns how many findings moved.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`] when it is not merged into `survivor`,
    /// [`StoreError::AuditMismatch`].
    async fn unmerge(
        &mut self,
        id: IncidentId,
        survivor: IncidentId,
        regrouping: Regrouping<'_>,
    ) -> Result<u64, StoreError>;

    /// Opens `new` with some findings of `from`, and with its visibility, assignee and the title that a person gave it. Both are worked on by
    /// people from then on, so that no machine merges them. The other record is about `new`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`] when `from` does not hold one of the findings,
    /// [`StoreError::Exists`], [`StoreError::AuditMismatch`].
    async fn split(
        &mut self,
        from: IncidentId,
        new: &Incident,
        findings: &[FindingId],
        regrouping: Regrouping<'_>,
    ) -> Result<(), StoreError>;

    /// Writes the machine's fields as [`observe`](super::Incidents::observe) does, but what the incident is found by
    /// (entities, rules, sources) becomes what is given and what its findings have, and nothing else.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn rewrite(&mut self, update: &MachineUpdate) -> Result<(), StoreError>;

    /// Links two incidents. The record is about the first. Saying it again changes nothing; false then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::BadQuery`] past [`LINKS_MAX`]; [`StoreError::AuditMismatch`].
    async fn link(&mut self, link: &IncidentLink, audit: &AuditRecord) -> Result<bool, StoreError>;

    /// Takes all links between two incidents back; returns them.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none; [`StoreError::AuditMismatch`] unless the record is about `id`.
    async fn unlink(
        &mut self,
        id: IncidentId,
        other: IncidentId,
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;
}
