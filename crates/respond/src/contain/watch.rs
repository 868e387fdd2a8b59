//! A worker at its requests: before each one, and while it waits for the answer, it says in the store that it is still at
//! it, and sends none that is not its own to send any more.

use super::advance::BUSY_MS;
use crate::connector::{Answer, HostCommand, Remote, Request, Unanswered};
use crate::service::Responder;
use model::{ContainmentId, Lease};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use tokio::runtime::Handle;

/// What was said so lately is not said again, in milliseconds: often enough within [`BUSY_MS`], and a step that is answered
/// at once writes nothing more to the store.
const RENEW_AFTER_MS: i64 = BUSY_MS / 10;

/// How often one thinks of saying so while a request is under way.
const BEAT: Duration = Duration::from_millis(500);

/// Says that the worker is still at it; false if it is another's by now.
pub(super) type StillMine = Arc<dyn Fn() -> bool + Send + Sync>;

/// Where a worker's requests go.
pub(super) struct Watched<'r> {
    pub(super) remote: &'r dyn Remote,
    pub(super) still_mine: Option<&'r StillMine>,
}

impl Remote for Watched<'_> {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        self.at_it(|| self.remote.send(request))
    }

    fn run(&self, command: &HostCommand) -> Result<Answer, Unanswered> {
        self.at_it(|| self.remote.run(command))
    }
}

impl Watched<'_> {
    /// Waits for an answer, and says meanwhile that the worker is still at it.
    fn at_it(&self, ask: impl FnOnce() -> Result<Answer, Unanswered>) -> Result<Answer, Unanswered> {
        let Some(still_mine) = self.still_mine else { return ask() };
        if !still_mine() {
            return Err(Unanswered::NotSent(
                "its worker was too slow, and another one goes on with it".to_owned(),
            ));
        }
        std::thread::scope(|scope| {
            let (answered, waits) = channel::<()>();
            let beat = scope.spawn(move || {
                // what is under way cannot be called back; whose it is counts when its outcome is written
                while waits.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) && still_mine() {}
            });
            let answer = ask();
            drop(answered);
            // a runtime that ends meanwhile is no fault of the answer
            let _ = beat.join();
            answer
        })
    }
}

impl Responder {
    /// For the thread that sends; not to be called on one of the runtime's own.
    pub(super) fn still_mine(&self, id: ContainmentId, lease: Lease) -> StillMine {
        let (this, runtime) = (self.clone(), Handle::current());
        let until_ms = AtomicI64::new(lease.until_ms);
        Arc::new(move || {
            let now_ms = this.now_ms();
            let longer = Lease { until_ms: now_ms.saturating_add(this.options.times.lease_ms), ..lease };
            let held_until_ms = until_ms.load(Ordering::Relaxed);
            if longer.until_ms.saturating_sub(held_until_ms) < RENEW_AFTER_MS {
                return true;
            }
            match runtime.block_on(this.renew(id, longer, now_ms)) {
                Ok(true) => {
                    until_ms.store(longer.until_ms, Ordering::Relaxed);
                    true
                }
                Ok(false) => false,
                // what was said last still holds
                Err(error) => {
                    tracing::warn!(%id, %error, "nobody could be told that a step goes on");
                    now_ms < held_until_ms
                }
            }
        })
    }

    async fn renew(
        &self,
        id: ContainmentId,
        lease: Lease,
        now_ms: i64,
    ) -> Result<bool, ports::store::StoreError> {
        let mut unit = self.options.store.begin().await?;
        let is_held = unit.containments().renew(id, lease, now_ms).await?;
        unit.commit().await?;
        Ok(is_held)
    }
}
