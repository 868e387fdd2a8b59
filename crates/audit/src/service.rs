//! Takes records from the store into the tree, in order, and signs: within a second of a new record, and every
//! fifty seconds when there is none.

use crate::checkpoint::{SignedCheckpoint, Signer};
use crate::sequencer::Sequencer;
use crate::telemetry::Telemetry;
use crate::witness::{Witness, attend};
use crate::{Error, Refusal};
use model::Clock;
use ports::store::{PAGE_ITEMS_MAX, StoredEntry};
use ports::{Store, TileStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// How often the store is asked for new records: often enough to sign within a second, seldom enough that a busy
/// day's checkpoints (172,800 of 350 bytes) stay below the largest file that is read.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long to wait after a failed step.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How old the newest checkpoint may get: below the minute that is promised.
const IDLE_MS_MAX: i64 = 50_000;
/// Most records of one step.
const STEP_ENTRIES_MAX: usize = 4_096;
/// How long witnesses get at shutdown.
const WITNESS_DRAIN_MAX: Duration = Duration::from_secs(2);

/// What the service works with.
pub struct Options {
    /// Where records come from.
    pub store: Arc<dyn Store>,
    /// Where the tree stands.
    pub tiles: Arc<dyn TileStore>,
    /// What it is signed with.
    pub signer: Arc<Signer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who else keeps checkpoints.
    pub witnesses: Vec<Arc<dyn Witness>>,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// The service. One per tree.
pub struct Service {
    options: Options,
    state: Mutex<State>,
    notes: watch::Sender<String>,
}

#[derive(Default)]
struct State {
    /// `None` before the first step and after a failed one.
    sequencer: Option<Sequencer>,
    /// What the clock showed at the last signature; the checkpoint's own time never goes back.
    signed_at_ms: i64,
}

impl Service {
    /// A service that has not looked at anything yet.
    pub fn new(options: Options) -> Self {
        Self { options, state: Mutex::default(), notes: watch::Sender::default() }
    }

    /// Works until `shutdown`; then once more, so that what was recorded is signed. Errors are told and tried
    /// again, they never end the node: the records are safe in the store.
    pub async fn run(&self, shutdown: CancellationToken) {
        let (mut witnesses, end) = (JoinSet::new(), CancellationToken::new());
        for witness in &self.options.witnesses {
            let (notes, telemetry) = (self.notes.subscribe(), self.options.telemetry.clone());
            witnesses.spawn(attend(Arc::clone(witness), notes, end.clone(), telemetry));
        }
        let mut told = String::new();
        while !shutdown.is_cancelled() {
            let pause = self.look(&mut told).await;
            shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        self.look(&mut told).await;
        end.cancel();
        let drained = async { while witnesses.join_next().await.is_some() {} };
        if tokio::time::timeout(WITNESS_DRAIN_MAX, drained).await.is_err() {
            tracing::warn!("a witness was cut off at shutdown");
        }
    }

    /// One step, its outcome counted; returns how long to wait. `told` is the error that was told last.
    async fn look(&self, told: &mut String) -> Duration {
        let telemetry = &self.options.telemetry;
        match self.step().await {
            Ok(_) => {
                telemetry.refused.set(0);
                told.clear();
                LOOK_EVERY
            }
            Err(error) => {
                telemetry.failures.inc();
                telemetry.refused.set(i64::from(matches!(error, Error::Refused(_) | Error::Tile { .. })));
                let text = error.to_string();
                if *told != text {
                    tracing::error!(error = text, "the audit log was not signed");
                    *told = text;
                }
                PAUSE_AFTER_FAILURE
            }
        }
    }

    /// Takes what is new and signs, if there is something new or the last signature is old.
    ///
    /// # Errors
    /// [`Error`]; the next step reads everything anew.
    pub async fn step(&self) -> Result<Option<SignedCheckpoint>, Error> {
        let mut state = self.state.lock().await;
        // if this future is dropped or fails, the next step opens anew
        let sequencer = match state.sequencer.take() {
            Some(sequencer) => sequencer,
            None => self.open().await?,
        };
        let now_ms = self.options.clock.now_ms();
        let entries = self.new_entries(sequencer.size()).await?;
        let age_ms = now_ms - state.signed_at_ms;
        let is_due = sequencer.head().is_none() || !(0..IDLE_MS_MAX).contains(&age_ms);
        if entries.is_empty() && !is_due {
            state.sequencer = Some(sequencer);
            return Ok(None);
        }
        let stepped = spawn_blocking(move || {
            let mut sequencer = sequencer;
            let head = sequencer.step(&entries, now_ms)?.clone();
            Ok::<_, Error>((sequencer, head))
        });
        let (sequencer, head) = stepped.await.map_err(|e| Error::Interrupted(e.to_string()))??;
        state.sequencer = Some(sequencer);
        state.signed_at_ms = now_ms;
        self.publish(&head, now_ms);
        Ok(Some(head))
    }

    async fn open(&self) -> Result<Sequencer, Error> {
        let (tiles, signer) = (Arc::clone(&self.options.tiles), Arc::clone(&self.options.signer));
        let opened = spawn_blocking(move || Sequencer::open(tiles, signer)).await;
        let sequencer = opened.map_err(|e| Error::Interrupted(e.to_string()))??;
        self.compare_last_rows(&sequencer).await?;
        Ok(sequencer)
    }

    /// The rows behind the last, partial tile must still be those that were signed. Older ones are for
    /// `huecry audit verify`.
    async fn compare_last_rows(&self, sequencer: &Sequencer) -> Result<(), Error> {
        let leaves = sequencer.last_leaves();
        let first = sequencer.size() - leaves.len() as u64;
        let rows = self.options.store.read().await?.audit().entries(first, PAGE_ITEMS_MAX).await?;
        for (at, hash) in leaves.iter().enumerate() {
            let index = first + at as u64;
            let Some(row) = rows.get(at) else {
                return Err(Refusal::RowsMissing { size: sequencer.size(), rows: index }.into());
            };
            if row.entry.index != index {
                return Err(Refusal::RowOrder { index }.into());
            }
            if row.entry.leaf_hash() != *hash {
                return Err(Refusal::RowChanged { index }.into());
            }
        }
        Ok(())
    }

    async fn new_entries(&self, from: u64) -> Result<Vec<StoredEntry>, Error> {
        let mut view = self.options.store.read().await?;
        let rows = view.audit().count().await?;
        if rows < from {
            return Err(Refusal::RowsMissing { size: from, rows }.into());
        }
        let mut entries = Vec::new();
        while entries.len() < STEP_ENTRIES_MAX {
            let page = view.audit().entries(from + entries.len() as u64, PAGE_ITEMS_MAX).await?;
            if page.is_empty() {
                break;
            }
            entries.extend(page);
        }
        Ok(entries)
    }

    fn publish(&self, head: &SignedCheckpoint, now_ms: i64) {
        let (telemetry, checkpoint) = (&self.options.telemetry, &head.checkpoint);
        let back_ms = checkpoint.time_ms - now_ms;
        if back_ms > 0 {
            tracing::warn!(back_ms, "the clock stands before the time that was signed last");
        }
        telemetry.clock_set_back.set(back_ms);
        telemetry.checkpoints.inc();
        telemetry.leaves.set(checkpoint.size as i64);
        telemetry.checkpoint_time.set(checkpoint.time_ms);
        self.notes.send_replace(head.note.clone());
        tracing::debug!(size = checkpoint.size, "audit log signed");
    }
}
