//! Actions on targets: planned, approved, applied, verified, taken back.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{AuditRecord, Containment, ContainmentId, ContainmentState, IncidentId, Lease, RunPlace};

/// Most targets that [`ReadContainments::targets_since`] names.
pub const TARGETS_SINCE_MAX: u32 = 10_000;

/// Which containments; all that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainmentFilter {
    /// In one of these states; empty for any.
    pub states: Vec<ContainmentState>,
    /// For this incident.
    pub incident: Option<IncidentId>,
    /// Of this action.
    pub action: Option<String>,
    /// On the target of this name.
    pub target: Option<String>,
}

/// Reads containments.
#[async_trait]
pub trait ReadContainments: Send {
    /// The containment.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: ContainmentId) -> Result<Option<Containment>, StoreError>;

    /// Containments, the newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(
        &mut self,
        filter: &ContainmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Containment>, StoreError>;

    /// The one that a command of a run made.
    ///
    /// # Errors
    /// As all reads.
    async fn of_task(&mut self, task: RunPlace) -> Result<Option<Containment>, StoreError>;

    /// The one of this action on this target that is under way.
    ///
    /// # Errors
    /// As all reads.
    async fn under_way(&mut self, action: &str, target: &str) -> Result<Option<ContainmentId>, StoreError>;

    /// When this action was asked for since `since_ms`, and on what; what was denied, expired or called off is left out.
    /// At most [`TARGETS_SINCE_MAX`], the newest.
    ///
    /// # Errors
    /// As all reads.
    async fn targets_since(&mut self, action: &str, since_ms: i64) -> Result<Vec<(i64, String)>, StoreError>;

    /// When this action was last begun to be applied since `since_ms`, and on what, however long before it was asked for. At most
    /// [`TARGETS_SINCE_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn applied_since(&mut self, action: &str, since_ms: i64) -> Result<Vec<(i64, String)>, StoreError>;

    /// When [`Containments::take`] next gives one, at the latest; also when a lease ends that was not given back, of it or
    /// of another one of its connector.
    ///
    /// # Errors
    /// As all reads.
    async fn next_due(&mut self) -> Result<Option<i64>, StoreError>;
}

/// Changes containments. Audit records are about the containment's id.
#[async_trait]
pub trait Containments: ReadContainments {
    /// Adds one, at version 1.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the id, the command of a run, or if one of this action on this target is under way;
    /// [`StoreError::AuditMismatch`]; [`StoreError::BadQuery`] for one that is not at rest and has nothing due.
    async fn add(&mut self, containment: &Containment, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Replaces what can change (plan and facts, decision and votes, state, history and progress, what is due, the lease)
    /// if the stored one is at `containment.version`; returns the new version. `audit` is `None` for what nobody
    /// decided and nothing came of, such as another try.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], and as [`add`](Self::add).
    async fn replace(
        &mut self,
        containment: &Containment,
        audit: Option<&AuditRecord>,
    ) -> Result<u64, StoreError>;

    /// Gives the lease to one that is due and that nobody works on, and returns it with it. Who holds it alone may take its
    /// next step, until it ends.
    ///
    /// No two are worked on at a time that are of one connector (what `action` has before its dot): a system that does not
    /// answer holds up nothing but its own. A lease that ends at `busy_after_ms` or before was not
    /// [renewed](Self::renew) for longer than a request takes, so its worker is gone: it keeps its row, and no other one.
    /// What is to be taken back, or whose time is over, comes before everything else; then what has been due longest.
    ///
    /// # Errors
    /// As all changes.
    async fn take(
        &mut self,
        lease: Lease,
        now_ms: i64,
        busy_after_ms: i64,
    ) -> Result<Option<Containment>, StoreError>;

    /// Lets the lease of that id end when `lease` does, if that is later; returns whether it is still held, and had not
    /// ended at `now_ms`. Its worker is still at it, and nothing else has changed: the version stays.
    ///
    /// # Errors
    /// As all changes.
    async fn renew(&mut self, id: ContainmentId, lease: Lease, now_ms: i64) -> Result<bool, StoreError>;
}
