//! Counts what waits for people: reporters who should have heard by now, and what automation accepted and nobody reviewed.

use crate::{Error, Telemetry};
use model::Clock;
use ports::Store;
use ports::store::ReportFilter;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// So often it is counted.
pub const COUNT_EVERY: Duration = Duration::from_secs(60);

/// Counts the backlog into two gauges.
#[derive(Clone)]
pub struct Backlog {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    telemetry: Telemetry,
}

impl Backlog {
    /// Of that store.
    pub const fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, telemetry: Telemetry) -> Self {
        Self { store, clock, telemetry }
    }

    /// Counts now, and each [`COUNT_EVERY`] until `shutdown`.
    pub async fn run(&self, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.count().await {
                tracing::warn!(%error, "what waits was not counted");
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(COUNT_EVERY) => {}
            }
        }
    }

    /// Counts once.
    ///
    /// # Errors
    /// As all reads; the gauges stay as they are then.
    pub async fn count(&self) -> Result<(), Error> {
        let overdue = ReportFilter { due_before_ms: Some(self.clock.now_ms()), ..ReportFilter::default() };
        let unreviewed = ReportFilter { unreviewed: true, ..ReportFilter::default() };
        self.telemetry.overdue.set(self.number(&overdue).await?);
        self.telemetry.unreviewed.set(self.number(&unreviewed).await?);
        Ok(())
    }

    async fn number(&self, filter: &ReportFilter) -> Result<i64, Error> {
        let counts = self.store.read().await?.reports().counts(filter).await?;
        let sum: u64 = counts.into_iter().map(|(_, count)| count).sum();
        Ok(i64::try_from(sum).unwrap_or(i64::MAX))
    }
}
