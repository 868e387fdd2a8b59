//! Executions of playbooks.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{AuditRecord, ContainmentId, IncidentId, Lease, Run, RunId, RunPlace, RunState, RunStep};

/// Which runs; all that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// In one of these states; empty for any.
    pub states: Vec<RunState>,
    /// For this incident.
    pub incident: Option<IncidentId>,
    /// Of this playbook, by its id.
    pub playbook: Option<String>,
}

/// Reads runs.
#[async_trait]
pub trait ReadRuns: Send {
    /// The run.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: RunId) -> Result<Option<Run>, StoreError>;

    /// Runs, the newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(&mut self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, StoreError>;

    /// The run that a command of another one began.
    ///
    /// # Errors
    /// As all reads.
    async fn of_task(&mut self, task: RunPlace) -> Result<Option<Run>, StoreError>;

    /// The steps of a run in the order in which it came to them. `open` for those alone that have not ended.
    ///
    /// # Errors
    /// As all reads.
    async fn steps(&mut self, id: RunId, open: bool) -> Result<Vec<RunStep>, StoreError>;

    /// The text of the playbook of that hash, as it was when a run of it began.
    ///
    /// # Errors
    /// As all reads.
    async fn playbook(&mut self, sha256: &[u8; 32]) -> Result<Option<String>, StoreError>;

    /// How many runs were called by commands of this one, and by commands of those, ended or not.
    ///
    /// # Errors
    /// As all reads.
    async fn below(&mut self, id: RunId) -> Result<u64, StoreError>;

    /// When the next one is due that nobody works on; also when a lease ends that was not given back.
    ///
    /// # Errors
    /// As all reads.
    async fn next_due(&mut self) -> Result<Option<i64>, StoreError>;
}

/// Changes runs. Audit records are about the run's id.
#[async_trait]
pub trait Runs: ReadRuns {
    /// Adds one, at version 1, with the text of its playbook.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the id or the command of another run; [`StoreError::AuditMismatch`];
    /// [`StoreError::BadQuery`] for one that goes on and has nothing due.
    async fn begin(&mut self, run: &Run, playbook: &str, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Replaces what can change (state, machine, problem, who has part in it and what it is decided by, what is due and until
    /// when, the lease) if the stored one is at
    /// `run.version`, and writes these steps, by their numbers; returns the new version. `audit` is `None` for what
    /// nobody decided and nothing came of.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], and as [`begin`](Self::begin).
    async fn replace(
        &mut self,
        run: &Run,
        steps: &[RunStep],
        audit: Option<&AuditRecord>,
    ) -> Result<u64, StoreError>;

    /// Gives the lease to the one that has been due longest and that nobody works on, and returns it with it.
    ///
    /// # Errors
    /// As all changes.
    async fn take(&mut self, lease: Lease, now_ms: i64) -> Result<Option<Run>, StoreError>;

    /// Makes the run due at `at_ms` if it goes on and would be due later: what it waits for has ended. So does each of
    /// its open steps of that task.
    ///
    /// # Errors
    /// As all changes.
    async fn wake(&mut self, task: RunPlace, at_ms: i64) -> Result<(), StoreError>;

    /// The same for every run of which an open step waits for this containment, whoever asked for that.
    ///
    /// # Errors
    /// As all changes.
    async fn wake_waiting(&mut self, containment: ContainmentId, at_ms: i64) -> Result<(), StoreError>;
}
