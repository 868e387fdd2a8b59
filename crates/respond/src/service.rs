//! The service: everything that can be asked of those who respond.
//!
//! API, chat and command line ask the same: [`crate::contain`] has what is asked of containments, [`crate::run`] what is
//! asked of runs.

use crate::connector::Remote;
use crate::contain::Moved;
use crate::error::RespondError;
use crate::run::RunMoved;
use crate::setup::Setup;
use crate::times::Times;
use model::{Clock, Containment, ContainmentId, Entropy};
use ports::store::{ContainmentFilter, Page, PageRequest, Store, StoreError, UnitOfWork};
use std::sync::Arc;

/// What it works with.
#[derive(Clone)]
pub struct ResponderOptions {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// Where requests go.
    pub remote: Arc<dyn Remote>,
    /// What the operator has set.
    pub setup: Arc<dyn Setup>,
    /// How long things may take.
    pub times: Times,
}

/// What a worker has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advanced {
    /// Of a containment.
    Containment(Moved),
    /// Of a run.
    Run(RunMoved),
}

/// Everything that can be asked of those who respond. Cheap to clone; any number of them work on one store.
#[derive(Clone)]
pub struct Responder {
    pub(crate) options: ResponderOptions,
    /// The version that who asks has seen.
    seen: Option<u64>,
}

impl Responder {
    /// The service.
    pub const fn new(options: ResponderOptions) -> Self {
        Self { options, seen: None }
    }

    /// The same for somebody who has seen this version of the containment or run that they ask about: of another one what
    /// is asked is refused as [`StoreError::Conflict`], in the transaction that would have done it.
    #[must_use]
    pub fn seen(&self, version: u64) -> Self {
        Self { options: self.options.clone(), seen: Some(version) }
    }

    pub(crate) fn check_seen(&self, current: u64) -> Result<(), RespondError> {
        match self.seen {
            Some(seen) if seen != current => Err(StoreError::Conflict { current }.into()),
            _ => Ok(()),
        }
    }

    /// What it works with.
    pub const fn options(&self) -> &ResponderOptions {
        &self.options
    }

    /// The containment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] among those of the store.
    pub async fn get(&self, id: ContainmentId) -> Result<Containment, RespondError> {
        let found = self.options.store.read().await?.containments().get(id).await?;
        Ok(found.ok_or_else(|| StoreError::not_found("containment", id))?)
    }

    /// Containments, the newest first.
    ///
    /// # Errors
    /// [`RespondError::Store`].
    pub async fn list(
        &self,
        filter: &ContainmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Containment>, RespondError> {
        Ok(self.options.store.read().await?.containments().list(filter, page).await?)
    }

    /// Does the one next thing of a containment or a run that is due; `None` if nothing is. Any number of workers may do
    /// this at once.
    ///
    /// # Errors
    /// [`RespondError::Store`]; then whatever was begun is taken up again when the lease has ended.
    pub async fn advance(&self) -> Result<Option<Advanced>, RespondError> {
        if let Some(moved) = self.advance_containment().await? {
            return Ok(Some(Advanced::Containment(moved)));
        }
        Ok(self.advance_run().await?.map(Advanced::Run))
    }

    /// Does what is due until nothing is, at most so many steps; returns what was done.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub async fn advance_all(&self, steps_max: usize) -> Result<Vec<Advanced>, RespondError> {
        let mut all = Vec::new();
        while all.len() < steps_max
            && let Some(moved) = self.advance().await?
        {
            all.push(moved);
        }
        Ok(all)
    }

    /// When something is due next, milliseconds since the epoch; in the past if it is.
    ///
    /// # Errors
    /// [`RespondError::Store`].
    pub async fn next_due(&self) -> Result<Option<i64>, RespondError> {
        let mut view = self.options.store.read().await?;
        let (one, other) = (view.containments().next_due().await?, view.runs().next_due().await?);
        Ok(one.into_iter().chain(other).min())
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    pub(crate) async fn stored(
        unit: &mut dyn UnitOfWork,
        id: ContainmentId,
    ) -> Result<Containment, RespondError> {
        let found = unit.containments().get(id).await?;
        Ok(found.ok_or_else(|| StoreError::not_found("containment", id))?)
    }

    /// Does something that waits for the remote side, on a thread of its own.
    pub(crate) async fn at_remote<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Remote) -> T + Send + 'static,
    ) -> Result<T, RespondError> {
        let remote = Arc::clone(&self.options.remote);
        let work = tokio::task::spawn_blocking(move || work(&*remote));
        work.await.map_err(|error| RespondError::CutOff(error.to_string()))
    }
}
