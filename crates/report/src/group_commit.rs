//! Many who wait, one transaction: a bounded queue of new reports, written together.

use crate::{IntakeError, Telemetry};
use ports::store::{NewReport, OnceKey, REPORTS_SUBMITTED_MAX, Recorded, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Most reports that wait; what comes then is told to come again.
pub const QUEUE_REPORTS_MAX: usize = 1024;
/// So long the first report of a unit waits for others.
pub const LINGER_MAX: Duration = Duration::from_millis(5);
/// What somebody who cannot be served waits, in seconds.
pub const RETRY_AFTER_S: u32 = 2;

/// What became of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    /// It is there now.
    New(Recorded),
    /// It was there already, under the same key.
    Repeated(Box<model::Report>),
}

/// A report and who waits for it.
struct Waiting {
    report: NewReport,
    answer: oneshot::Sender<Result<Written, IntakeError>>,
}

/// The end of the queue where reports are put. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue(mpsc::Sender<Waiting>);

/// The end where they are taken.
pub(crate) struct Writer {
    queue: mpsc::Receiver<Waiting>,
    store: Arc<dyn Store>,
    wake: Arc<Notify>,
    telemetry: Telemetry,
}

/// A queue; `wake` is told after each unit.
pub(crate) fn queue(store: Arc<dyn Store>, wake: Arc<Notify>, telemetry: Telemetry) -> (Queue, Writer) {
    let (sender, queue) = mpsc::channel(QUEUE_REPORTS_MAX);
    (Queue(sender), Writer { queue, store, wake, telemetry })
}

impl Queue {
    /// Puts a report in and waits until it is durable.
    pub(crate) async fn put(&self, report: NewReport) -> Result<Written, IntakeError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Waiting { report, answer }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => IntakeError::Busy { retry_after_s: RETRY_AFTER_S },
            mpsc::error::TrySendError::Closed(_) => IntakeError::Closed,
        })?;
        answered.await.unwrap_or(Err(IntakeError::Closed))
    }
}

impl Writer {
    /// Writes until `shutdown`, and then what is queued.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut batch = Vec::with_capacity(REPORTS_SUBMITTED_MAX);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                taken = self.queue.recv_many(&mut batch, REPORTS_SUBMITTED_MAX) => if taken == 0 { return },
            }
            self.linger(&mut batch).await;
            self.write(&mut batch).await;
        }
        self.queue.close();
        while self.queue.recv_many(&mut batch, REPORTS_SUBMITTED_MAX).await > 0 {
            self.write(&mut batch).await;
        }
    }

    /// Takes what comes within [`LINGER_MAX`], until a unit is full.
    async fn linger(&mut self, batch: &mut Vec<Waiting>) {
        let until = tokio::time::Instant::now() + LINGER_MAX;
        while batch.len() < REPORTS_SUBMITTED_MAX {
            let room = REPORTS_SUBMITTED_MAX - batch.len();
            match tokio::time::timeout_at(until, self.queue.recv_many(batch, room)).await {
                Ok(taken) if taken > 0 => {}
                _ => return,
            }
        }
    }

    /// Writes a batch in one unit and answers everybody.
    async fn write(&self, batch: &mut Vec<Waiting>) {
        let (reports, answers): (Vec<NewReport>, Vec<_>) =
            batch.drain(..).map(|waiting| (waiting.report, waiting.answer)).unzip();
        let count = reports.len() as u64;
        match self.write_all(reports).await {
            Ok(written) => {
                let new = written.iter().filter(|one| matches!(one, Ok(Written::New(_)))).count() as u64;
                self.telemetry.received.inc_by(new);
                self.telemetry.units.inc();
                self.wake.notify_one();
                for (answer, written) in answers.into_iter().zip(written) {
                    // who gave up waiting can send it again under the same key
                    let _ = answer.send(written);
                }
            }
            Err(error) => {
                tracing::error!(%error, reports = count, "reports could not be written");
                self.telemetry.failures.inc();
                answers.into_iter().for_each(|answer| drop(answer.send(Err(not_written(&error)))));
            }
        }
    }

    /// Every report of a unit with what became of it, in order.
    async fn write_all(
        &self,
        reports: Vec<NewReport>,
    ) -> Result<Vec<Result<Written, IntakeError>>, StoreError> {
        let mut unit = self.store.begin().await?;
        let mut results: Vec<Option<Result<Written, IntakeError>>> = Vec::with_capacity(reports.len());
        let (mut new, mut places) = (Vec::with_capacity(reports.len()), Vec::with_capacity(reports.len()));
        let mut keys: HashMap<[u8; 32], (usize, OnceKey)> = HashMap::new();
        let mut twins = Vec::new();
        for report in reports {
            let place = results.len();
            results.push(None);
            if let Some(once) = report.once {
                if let Some(&(first, earlier)) = keys.get(&once.key_sha256) {
                    twins.push((place, first, earlier.request_sha256 == once.request_sha256));
                    continue;
                }
                if let Some((stored, request_sha256)) = unit.reports().by_once(&once.key_sha256).await? {
                    results[place] = Some(same(request_sha256 == once.request_sha256, stored));
                    continue;
                }
                keys.insert(once.key_sha256, (new.len(), once));
            }
            new.push(report);
            places.push(place);
        }
        if !new.is_empty() {
            let recorded = unit.reports().submit(&new).await?;
            unit.commit().await?;
            for (place, recorded) in places.into_iter().zip(recorded) {
                results[place] = Some(Ok(Written::New(recorded)));
            }
        }
        for (place, first, fits) in twins {
            results[place] = new.get(first).map(|first| same(fits, first.report.clone()));
        }
        Ok(results.into_iter().map(|result| result.unwrap_or(Err(IntakeError::Closed))).collect())
    }
}

/// The answer to a request whose key is known.
fn same(fits: bool, report: model::Report) -> Result<Written, IntakeError> {
    if fits { Ok(Written::Repeated(Box::new(report))) } else { Err(IntakeError::OnceReused) }
}

fn not_written(error: &StoreError) -> IntakeError {
    let passing = matches!(error, StoreError::Busy | StoreError::DiskFull);
    IntakeError::NotWritten { reason: error.to_string(), passing }
}
