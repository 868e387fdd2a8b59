//! A worker at its requests: before each one it says in the store that it is still at it, and sends none that is not its
//! own to send any more.

use super::advance::BUSY_MS;
use crate::connector::{Answer, Remote, Request, Unanswered};
use crate::service::Responder;
use model::{ContainmentId, Lease};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::runtime::Handle;

/// What was said so lately is not said again, in milliseconds: with it a request is still shorter than [`BUSY_MS`], and a
/// step that is answered at once writes nothing more to the store.
const RENEW_AFTER_MS: i64 = BUSY_MS / 10;

/// Says that the worker is still at it; false if it is another's by now.
pub(super) type StillMine = Arc<dyn Fn() -> bool + Send + Sync>;

/// Where a worker's requests go.
pub(super) struct Watched<'r> {
    pub(super) remote: &'r dyn Remote,
    pub(super) still_mine: Option<&'r StillMine>,
}

impl Remote for Watched<'_> {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        if self.still_mine.is_some_and(|still_mine| !still_mine()) {
            return Err(Unanswered::NotSent(
                "its worker was too slow, and another one goes on with it".to_owned(),
            ));
        }
        self.remote.send(request)
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
