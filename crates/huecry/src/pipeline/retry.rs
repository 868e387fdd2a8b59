//! Drives dead letters again with the mappings and rules in force.

use super::batch::bounded;
use super::worker::{Options, PipelineError, append_json};
use crate::engine::Scratch;
use model::{AuditRecord, Position, RawRecord, Topic};
use normalize::RawData;
use ports::store::{DeadLetterStatus, StoreError};

/// Why a dead letter could not be driven again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is no such dead letter.
    #[error("there is no dead letter at {0}")]
    NotFound(Position),
    /// Its raw record is gone.
    #[error("the raw record at {0} is no longer on the log: retention removed it")]
    Trimmed(Position),
    /// It still cannot become an event.
    #[error("{reason}")]
    Refused {
        /// Stable code.
        code: String,
        /// What is wrong.
        reason: String,
    },
    /// Log or store.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl From<StoreError> for RetryError {
    fn from(error: StoreError) -> Self {
        Self::Pipeline(error.into())
    }
}

impl From<ports::LogError> for RetryError {
    fn from(error: ports::LogError) -> Self {
        Self::Pipeline(error.into())
    }
}

/// Drives dead letters again.
#[derive(Clone)]
pub struct Retrier(pub Options);

impl Retrier {
    /// Runs the raw record at `position` again, at its own position, so that its ids are the ones it would
    /// have had. `audit` becomes the record of the change.
    ///
    /// # Errors
    /// [`RetryError`]; a refusal leaves the dead letter open and is recorded as retried.
    pub async fn retry(&self, position: Position, audit: &AuditRecord) -> Result<(), RetryError> {
        let Options { engine, stats, log, store, clock, .. } = &self.0;
        if store.read().await?.dead_letters().get(position).await?.is_none() {
            return Err(RetryError::NotFound(position));
        }
        let records = match log.read(position.topic, position.partition, position.offset, 1).await {
            Ok(records) => records,
            Err(ports::LogError::Trimmed { .. }) => return Err(RetryError::Trimmed(position)),
            Err(error) => return Err(error.into()),
        };
        let bytes = records.get(0).unwrap_or_default();
        let now_ms = clock.now_ms();
        let (mut scratch, mut findings) = (Scratch::new(RawData::Exclude), Vec::new());
        let outcome = RawRecord::decode(bytes)
            .map_err(|error| ("record_unreadable".to_owned(), error.to_string()))
            .and_then(|record| {
                engine
                    .process(
                        &record,
                        position,
                        &mut scratch,
                        |_| true,
                        |matched| {
                            stats.note(matched.hit, now_ms);
                            findings.extend(matched.finding(now_ms).map(bounded));
                        },
                    )
                    .map_err(|refusal| (refusal.code.as_str().to_owned(), refusal.reason))
            });
        append_json(&**log, Topic::Finding, position.partition, findings.iter(), now_ms).await?;
        let status = if outcome.is_ok() { DeadLetterStatus::Resolved } else { DeadLetterStatus::Retried };
        let mut unit = store.begin().await?;
        unit.dead_letters().set_status(position, status, now_ms, audit).await?;
        unit.commit().await?;
        outcome.map(|_| ()).map_err(|(code, reason)| RetryError::Refused { code, reason })
    }
}
