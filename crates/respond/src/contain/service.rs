//! The service of containments.

use super::error::ContainError;
use super::setup::Setup;
use super::times::Times;
use crate::connector::Remote;
use model::{Clock, Containment, ContainmentId, Entropy};
use ports::store::{ContainmentFilter, Page, PageRequest, Store, StoreError, UnitOfWork};
use std::sync::Arc;

/// What containments work with.
#[derive(Clone)]
pub struct ContainOptions {
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

/// Everything that can be asked of containments. Cheap to clone; any number of them work on one store.
#[derive(Clone)]
pub struct Containments {
    pub(crate) options: ContainOptions,
}

impl Containments {
    /// The service.
    pub const fn new(options: ContainOptions) -> Self {
        Self { options }
    }

    /// The containment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] among those of the store.
    pub async fn get(&self, id: ContainmentId) -> Result<Containment, ContainError> {
        let found = self.options.store.read().await?.containments().get(id).await?;
        Ok(found.ok_or_else(|| StoreError::not_found("containment", id))?)
    }

    /// Containments, the newest first.
    ///
    /// # Errors
    /// [`ContainError::Store`].
    pub async fn list(
        &self,
        filter: &ContainmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Containment>, ContainError> {
        Ok(self.options.store.read().await?.containments().list(filter, page).await?)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    pub(crate) async fn stored(
        unit: &mut dyn UnitOfWork,
        id: ContainmentId,
    ) -> Result<Containment, ContainError> {
        let found = unit.containments().get(id).await?;
        Ok(found.ok_or_else(|| StoreError::not_found("containment", id))?)
    }

    /// Does something that waits for the remote side, on a thread of its own.
    pub(crate) async fn at_remote<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Remote) -> T + Send + 'static,
    ) -> Result<T, ContainError> {
        let remote = Arc::clone(&self.options.remote);
        let work = tokio::task::spawn_blocking(move || work(&*remote));
        work.await.map_err(|error| ContainError::CutOff(error.to_string()))
    }
}
