//! Workers: they do what is due, until they are told to stop.

use crate::service::{Advanced, Responder};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest that a worker sleeps: what people ask for meanwhile (an approval, an undo) waits no longer.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// The pause where something is due and nothing can be taken: another worker is at that system, and goes on with it.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// The pause after an error of the store.
const ERROR_PAUSE: Duration = Duration::from_secs(2);

/// Steps that are taken without looking whether to stop.
const STEPS_AT_ONCE: usize = 32;

/// Most workers of containments in one process: the systems that may leave them waiting at one time without holding up any
/// other.
pub const CONTAINMENT_WORKERS_MAX: usize = 16;

/// Workers of runs in one process.
pub const RUN_WORKERS: usize = 8;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Whatever is due: containments before runs.
    All,
    /// The steps of containments.
    Containments,
    /// The steps of runs.
    Runs,
}

/// The workers of one process that has so many connectors set up: one for each, up to [`CONTAINMENT_WORKERS_MAX`], and
/// [`RUN_WORKERS`]. Since no two work at one connector at a time, there is always one for a system that answers; and what
/// runs look at keeps nothing from being taken back.
pub fn crew(connectors: usize) -> Vec<Duty> {
    let containments = connectors.clamp(1, CONTAINMENT_WORKERS_MAX);
    let mut crew = vec![Duty::Containments; containments];
    crew.extend([Duty::Runs; RUN_WORKERS]);
    crew
}

impl Responder {
    /// Does what is due until `shutdown`, and tells of each thing that was done. As many of these at once as [`crew`] has
    /// keep a slow system from holding up others; they may be in one process or in several.
    pub async fn work(&self, shutdown: CancellationToken, tell: impl Fn(&Advanced) + Send + Sync) {
        self.work_at(Duty::All, shutdown, tell).await;
    }

    /// As [`work`](Self::work), for what is of this duty.
    pub async fn work_at(
        &self,
        duty: Duty,
        shutdown: CancellationToken,
        tell: impl Fn(&Advanced) + Send + Sync,
    ) {
        while !shutdown.is_cancelled() {
            let pause = match self.some(duty, &shutdown, &tell).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "a response step failed; it is taken up again");
                    ERROR_PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn some(
        &self,
        duty: Duty,
        shutdown: &CancellationToken,
        tell: &(impl Fn(&Advanced) + Send + Sync),
    ) -> Result<Duration, crate::RespondError> {
        for _ in 0..STEPS_AT_ONCE {
            // what was begun is seen through: a step that is dropped half way waits for its lease to end
            let Some(advanced) = self.advance_duty(duty).await? else {
                let due_ms = self.next_due_of(duty).await?.unwrap_or(i64::MAX);
                let wait_ms = due_ms.saturating_sub(self.now_ms()).max(0).unsigned_abs();
                return Ok(Duration::from_millis(wait_ms).clamp(BUSY_PAUSE, SLEEP_MAX));
            };
            tell(&advanced);
            if shutdown.is_cancelled() {
                break;
            }
        }
        Ok(Duration::ZERO)
    }

    async fn advance_duty(&self, duty: Duty) -> Result<Option<Advanced>, crate::RespondError> {
        Ok(match duty {
            Duty::All => self.advance().await?,
            Duty::Containments => self.advance_containment().await?.map(Advanced::Containment),
            Duty::Runs => self.advance_run().await?.map(Advanced::Run),
        })
    }

    async fn next_due_of(&self, duty: Duty) -> Result<Option<i64>, crate::RespondError> {
        if duty == Duty::All {
            return self.next_due().await;
        }
        let mut view = self.options().store.read().await?;
        Ok(match duty {
            Duty::All | Duty::Containments => view.containments().next_due().await?,
            Duty::Runs => view.runs().next_due().await?,
        })
    }
}
