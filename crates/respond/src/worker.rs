//! Workers: they do what is due, until they are told to stop.

use crate::service::{Advanced, Responder};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest that a worker sleeps: what people ask for meanwhile (an approval, an undo) waits no longer.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// The pause after an error of the store.
const ERROR_PAUSE: Duration = Duration::from_secs(2);

/// Steps that are taken without looking whether to stop.
const STEPS_AT_ONCE: usize = 32;

impl Responder {
    /// Does what is due until `shutdown`, and tells of each thing that was done. Some of these at once keep one slow system
    /// from holding up all others; they may be in one process or in several.
    pub async fn work(&self, shutdown: CancellationToken, tell: impl Fn(&Advanced) + Send + Sync) {
        while !shutdown.is_cancelled() {
            let pause = match self.some(&shutdown, &tell).await {
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
        shutdown: &CancellationToken,
        tell: &(impl Fn(&Advanced) + Send + Sync),
    ) -> Result<Duration, crate::RespondError> {
        for _ in 0..STEPS_AT_ONCE {
            // what was begun is seen through: a step that is dropped half way waits for its lease to end
            let Some(advanced) = self.advance().await? else {
                let due_ms = self.next_due().await?.unwrap_or(i64::MAX);
                let wait_ms = due_ms.saturating_sub(self.now_ms()).max(1).unsigned_abs();
                return Ok(Duration::from_millis(wait_ms).min(SLEEP_MAX));
            };
            tell(&advanced);
            if shutdown.is_cancelled() {
                break;
            }
        }
        Ok(Duration::ZERO)
    }
}
