//! Reports to the log: as records at once, as findings when they are accepted.
//!
//! A reconciler: it looks for what is not known to be on the log, puts it there, and notes that. A crash in between
//! puts it there twice, under one identity, which is once for everybody who reads.

use crate::finding::{KIND, SOURCE, finding_of, record_body};
use crate::form::Forms;
use crate::{Error, Telemetry};
use model::{Clock, FindingId, Offset, Partition, Position, RawRecord, Report, ReportId, Topic};
use ports::log::RecordBatch;
use ports::store::Store;
use ports::{Log, LogError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Most reports of one step.
pub const PUBLISHED_AT_ONCE_MAX: u32 = 256;
/// So often it looks, also when nobody woke it.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Waits after failures double up to this.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(10);
const RETRY_WAIT_MIN: Duration = Duration::from_millis(100);

/// What the publisher works with.
#[derive(Clone)]
pub struct PublisherOptions {
    /// Where reports go.
    pub log: Arc<dyn Log>,
    /// Where reports are.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Kinds of reports.
    pub forms: Arc<Forms>,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// Puts reports on the log.
pub struct Publisher {
    options: PublisherOptions,
    wake: Arc<Notify>,
    /// Who looks at what was published.
    watch: Option<mpsc::Sender<Vec<Report>>>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published {
    /// Reports put on the log as records.
    pub records: usize,
    /// Accepted reports put on the log as findings.
    pub findings: usize,
}

impl Published {
    /// Whether there may be more.
    const fn is_full(self) -> bool {
        let max = PUBLISHED_AT_ONCE_MAX as usize;
        self.records >= max || self.findings >= max
    }
}

/// A batch of one partition, and whose records are in it, in order.
struct Lot<T> {
    batch: RecordBatch,
    of: Vec<T>,
}

impl<T> Default for Lot<T> {
    fn default() -> Self {
        Self { batch: RecordBatch::new(), of: Vec::new() }
    }
}

/// What is to be appended, by partition. A partition has as many lots as its records need batches.
struct Lots<T> {
    /// Those that hold as much as a batch may.
    full: Vec<(Partition, Lot<T>)>,
    open: BTreeMap<Partition, Lot<T>>,
}

impl<T> Lots<T> {
    const fn new() -> Self {
        Self { full: Vec::new(), open: BTreeMap::new() }
    }

    /// Adds what `write` pushes, which is one record, to the partition's lot, or to the next one where that is full.
    fn push(
        &mut self,
        partition: Partition,
        of: T,
        write: impl Fn(&mut RecordBatch) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let lot = self.open.entry(partition).or_default();
        match write(&mut lot.batch) {
            Err(LogError::TooLarge { .. }) if !lot.batch.is_empty() => {
                self.full.push((partition, std::mem::take(lot)));
                write(&mut lot.batch)?;
            }
            written => written?,
        }
        lot.of.push(of);
        Ok(())
    }

    /// Those with records; the ones of a partition in the order that they were begun.
    fn into_all(self) -> impl Iterator<Item = (Partition, Lot<T>)> {
        self.full.into_iter().chain(self.open).filter(|(_, lot)| !lot.of.is_empty())
    }
}

impl Publisher {
    /// A publisher that is woken by `wake`.
    pub const fn new(options: PublisherOptions, wake: Arc<Notify>) -> Self {
        Self { options, wake, watch: None }
    }

    /// The same, with somebody who looks at each report once it is on the log.
    #[must_use]
    pub(crate) fn watched_by(self, watch: mpsc::Sender<Vec<Report>>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Works until `shutdown`. What is left then is done at the next start.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut wait = RETRY_WAIT_MIN;
        loop {
            let idle = match self.step().await {
                Ok(published) => {
                    wait = RETRY_WAIT_MIN;
                    if published.is_full() { Duration::ZERO } else { LOOK_EVERY }
                }
                Err(error) => {
                    self.options.telemetry.publish_failures.inc();
                    tracing::warn!(%error, "reports wait to be published");
                    let this = wait;
                    wait = (wait * 2).min(RETRY_WAIT_MAX);
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(this) => {}
                    }
                    Duration::ZERO
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.wake.notified(), if !idle.is_zero() => {}
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    /// Puts on the log what is not known to be there: at most [`PUBLISHED_AT_ONCE_MAX`] records and as many findings.
    ///
    /// # Errors
    /// [`Error`]; then it is there, or not, or half: the next step sees to it.
    pub async fn step(&self) -> Result<Published, Error> {
        Ok(Published { records: self.records().await?, findings: self.findings().await? })
    }

    async fn records(&self) -> Result<usize, Error> {
        let waiting = self.options.store.read().await?.reports().unpublished(PUBLISHED_AT_ONCE_MAX).await?;
        self.options.telemetry.unpublished.set(waiting.len() as i64);
        if waiting.is_empty() {
            return Ok(0);
        }
        let mut lots = Lots::new();
        for report in &waiting {
            let partition = self.partition(Topic::Raw, report);
            lots.push(partition, report.id, |batch| push_record(batch, report))?;
        }
        let mut places = Vec::with_capacity(waiting.len());
        for (partition, lot) in lots.into_all() {
            let first = self.append(Topic::Raw, partition, lot.batch).await?;
            let at = |(i, id): (usize, ReportId)| {
                let offset = Offset(first.0 + i as u64);
                (id, Position { topic: Topic::Raw, partition, offset })
            };
            places.extend(lot.of.into_iter().enumerate().map(at));
        }
        let mut unit = self.options.store.begin().await?;
        unit.reports().published(&places).await?;
        unit.commit().await?;
        self.options.telemetry.published.inc_by(places.len() as u64);
        self.options.telemetry.unpublished.set(0);
        let published = places.len();
        if let Some(watch) = &self.watch {
            // nobody looks any more: the product stops
            let _ = watch.send(waiting).await;
        }
        Ok(published)
    }

    async fn findings(&self) -> Result<usize, Error> {
        let waiting = self.options.store.read().await?.reports().unraised(PUBLISHED_AT_ONCE_MAX).await?;
        let mut lots: Lots<(ReportId, FindingId)> = Lots::new();
        for (report, position) in &waiting {
            let form = self.options.forms.get(&report.form);
            let Some(finding) = finding_of(report, form, *position) else { continue };
            let partition = self.partition(Topic::Finding, report);
            let body =
                serde_json::to_vec(&finding).map_err(|e| LogError::BadOptions { reason: e.to_string() })?;
            lots.push(partition, (report.id, finding.id), |batch| batch.push(&body))?;
        }
        let mut raised = Vec::with_capacity(waiting.len());
        for (partition, lot) in lots.into_all() {
            self.append(Topic::Finding, partition, lot.batch).await?;
            raised.extend(lot.of);
        }
        if !raised.is_empty() {
            let mut unit = self.options.store.begin().await?;
            unit.reports().raised(&raised, self.options.clock.now_ms()).await?;
            unit.commit().await?;
            self.options.telemetry.raised.inc_by(raised.len() as u64);
        }
        Ok(raised.len())
    }

    async fn append(
        &self,
        topic: Topic,
        partition: Partition,
        batch: RecordBatch,
    ) -> Result<Offset, LogError> {
        self.options.log.append(topic, partition, batch, self.options.clock.now_ms()).await
    }

    /// Reports on one service keep their order.
    fn partition(&self, topic: Topic, report: &Report) -> Partition {
        let service = report.service.as_deref().unwrap_or_default();
        let digest: [u8; 32] =
            Sha256::new().chain_update(SOURCE).chain_update([0]).chain_update(service).finalize().into();
        let number = digest.iter().take(8).fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        Partition((number % u64::from(self.options.log.partitions(topic).max(1))) as u32)
    }
}

fn push_record(batch: &mut RecordBatch, report: &Report) -> Result<(), LogError> {
    let body = record_body(report).to_string();
    let id = report.id.to_string();
    let record = RawRecord {
        source: SOURCE,
        kind: KIND,
        event_type: Some(&report.form),
        delivery_id: Some(&id),
        region: &report.region,
        received_at_ms: report.created_at_ms,
        body: body.as_bytes(),
    };
    batch.push_with(|out| record.encode(out))
}
