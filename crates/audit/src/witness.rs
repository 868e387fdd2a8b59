//! Where checkpoints are kept by others: whoever has one can later tell a forked or shortened log.

use crate::telemetry::{Telemetry, WitnessLabel};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Takes checkpoints to somewhere else.
#[async_trait]
pub trait Witness: Send + Sync {
    /// What it is, for metrics and the server's own log: `command`, `file`.
    fn name(&self) -> &'static str;

    /// Takes a signed note. A slow witness misses notes and gets the newest: it covers those between.
    ///
    /// # Errors
    /// Why it was not taken, in words; it is not given again, the next one is.
    async fn take(&self, note: &str) -> Result<(), String>;
}

/// Gives each new note to `witness` until `end`, and then the last one. Never holds up signing.
pub(crate) async fn attend(
    witness: Arc<dyn Witness>,
    mut notes: watch::Receiver<String>,
    end: CancellationToken,
    telemetry: Telemetry,
) {
    loop {
        let is_new = tokio::select! {
            biased;
            changed = notes.changed() => changed.is_ok(),
            () = end.cancelled() => false,
        };
        if !is_new {
            return;
        }
        let note = notes.borrow_and_update().clone();
        if let Err(reason) = witness.take(&note).await {
            let name = witness.name();
            telemetry.witness_failures.get_or_create(&WitnessLabel { witness: name }).inc();
            tracing::warn!(witness = name, reason, "a witness did not take a checkpoint");
        }
    }
}
