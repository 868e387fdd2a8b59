//! Takes findings off the log, and does what orders say.

use super::order::Order;
use crate::decision::ReporterTier;
use crate::service::Responder;
use memchr::memmem;
use model::{ContainmentId, Finding, IncidentId, LedgerEntry, Offset, Partition, RunId, Topic};
use ports::Log;
use ports::log::{LogError, Records};
use ports::store::{Counters, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The name of this consumer, on the log and in the store.
pub const CONSUMER: &str = "automation";

/// How old a finding may be to be acted on by itself, in milliseconds: what is older was missed, and is for people.
pub const AGE_MS_MAX: i64 = 15 * 60_000;

/// How long ago what a finding tells may have happened, in milliseconds: a source that is connected late, or sent anew, tells
/// of what people have dealt with long ago.
pub const EVENT_AGE_MS_MAX: i64 = 24 * 60 * 60_000;

const BATCH_BYTES_MAX: usize = 4 << 20;
/// Orders of one batch that are carried out at once: one system that does not answer holds up none but its own.
const ORDERS_AT_ONCE: usize = 32;
/// The pause after an error of store or log.
const ERROR_PAUSE: Duration = Duration::from_secs(2);
/// So often the log hears what retention may take.
const LOG_COMMIT_EVERY: Duration = Duration::from_secs(60);

/// What carries out orders.
#[derive(Clone)]
pub struct AutomationOptions {
    /// Where findings come from.
    pub log: Arc<dyn Log>,
    /// What asks and begins.
    pub responder: Responder,
    /// What to do.
    pub orders: Arc<dyn Orders>,
    /// What a reporter's ledger says of them, for a category, at a time in milliseconds: where one is known for what was made up,
    /// automation waits for people.
    pub reporter_tier: fn(&[LedgerEntry], &str, i64) -> ReporterTier,
}

/// The orders of the operator, as they are now: each by a name of its own. Asked anew for each batch of findings. Whether there are
/// any does not change.
pub trait Orders: Send + Sync {
    /// All of them.
    fn orders(&self) -> Arc<[Order]>;
}

impl Orders for Arc<[Order]> {
    fn orders(&self) -> Arc<[Order]> {
        Arc::clone(self)
    }
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A containment was asked for: applied at once, or waiting for people.
    Asked(ContainmentId),
    /// A run began.
    Begun(RunId),
    /// Nothing was asked for, and the incident says why.
    Refused(String),
    /// The finding was too old.
    Late,
    /// It was done before, or is in effect already.
    Already,
}

impl Outcome {
    /// The name in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked(_) => "asked",
            Self::Begun(_) => "begun",
            Self::Refused(_) => "refused",
            Self::Late => "late",
            Self::Already => "already",
        }
    }
}

/// An order met a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automated {
    /// Which order.
    pub order: String,
    /// The incident of the finding.
    pub incident: Option<IncidentId>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Why it waits, and tries again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halted {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries out standing orders for ever.
#[derive(Clone)]
pub struct Automation {
    pub(super) options: Arc<AutomationOptions>,
}

impl Automation {
    /// One that has not begun.
    pub fn new(options: AutomationOptions) -> Self {
        Self { options: Arc::new(options) }
    }

    /// Works on one partition of findings until `shutdown`, and tells what came of each order. What was half done then is
    /// done at the next start, if it is not too late. Without orders the log is told that nothing is needed of it.
    pub async fn run(
        &self,
        partition: Partition,
        shutdown: &CancellationToken,
        tell: impl Fn(Automated) + Send + Sync,
    ) {
        let mut told_ms = None;
        loop {
            let worked = shutdown.run_until_cancelled(self.work(partition, &mut told_ms, &tell)).await;
            match worked {
                None => return,
                Some(Ok(Standing::Idle)) => return,
                Some(Ok(Standing::Goes)) => {}
                Some(Err(error)) => {
                    tracing::warn!(partition = partition.0, %error, "standing orders wait");
                    if shutdown.run_until_cancelled(tokio::time::sleep(ERROR_PAUSE)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Works off what is there, and waits for more.
    async fn work(
        &self,
        partition: Partition,
        told_ms: &mut Option<i64>,
        tell: &(impl Fn(Automated) + Send + Sync),
    ) -> Result<Standing, Halted> {
        let log = &self.options.log;
        if self.options.orders.orders().is_empty() {
            log.unregister(CONSUMER, Topic::Finding, partition).await?;
            return Ok(Standing::Idle);
        }
        let now_ms = || self.options.responder.options().clock.now_ms();
        if told_ms.is_none() {
            log.register(CONSUMER, Topic::Finding, partition).await?;
            *told_ms = Some(now_ms());
        }
        while self.step(partition, tell).await? > 0 {}
        let (_, next) = self.position(partition).await?;
        // only the floor of retention, and an fsync each time
        if told_ms.is_some_and(|told_ms| now_ms() - told_ms >= LOG_COMMIT_EVERY.as_millis() as i64) {
            log.commit(CONSUMER, Topic::Finding, partition, next).await?;
            *told_ms = Some(now_ms());
        }
        let more = log.wait_for(Topic::Finding, partition, next);
        if let Ok(there) = tokio::time::timeout(LOG_COMMIT_EVERY, more).await {
            there?;
        }
        Ok(Standing::Goes)
    }

    /// Where this consumer stands, and from where it reads on. One that is new begins at the end: orders are for what
    /// comes after them.
    async fn position(&self, partition: Partition) -> Result<(Offset, Offset), Halted> {
        let bounds = self.options.log.bounds(Topic::Finding, partition).await?;
        let store = &self.options.responder.options().store;
        let stored = store.read().await?.positions().get(CONSUMER, Topic::Finding, partition).await?;
        let Some(stored) = stored.map(|position| position.next) else {
            let mut unit = store.begin().await?;
            let start = (bounds.end, bounds.end);
            unit.positions().advance(CONSUMER, Topic::Finding, partition, start, Counters::default()).await?;
            unit.commit().await?;
            return Ok(start);
        };
        Ok((stored, stored.max(bounds.start)))
    }

    /// Takes the next records; returns how many. An order that was carried out is remembered in its own transaction, so
    /// that records that are read again do nothing again.
    async fn step(
        &self,
        partition: Partition,
        tell: &(impl Fn(Automated) + Send + Sync),
    ) -> Result<u64, Halted> {
        let (from, read_from) = self.position(partition).await?;
        let records = self.options.log.read(Topic::Finding, partition, read_from, BATCH_BYTES_MAX).await?;
        if records.is_empty() {
            return Ok(0);
        }
        let orders = self.options.orders.orders();
        let (next, accepted, findings) = meant(&orders, &records);
        self.carry_out_all(&orders, findings, tell).await?;
        let counters = Counters { accepted, stored: accepted, ..Counters::default() };
        let mut unit = self.options.responder.options().store.begin().await?;
        unit.positions().advance(CONSUMER, Topic::Finding, partition, (from, next), counters).await?;
        unit.commit().await?;
        Ok(accepted)
    }

    /// All orders that are for these findings, at once.
    async fn carry_out_all(
        &self,
        orders: &[Order],
        findings: Vec<Finding>,
        tell: &(impl Fn(Automated) + Send + Sync),
    ) -> Result<(), Halted> {
        let places = Arc::new(Semaphore::new(ORDERS_AT_ONCE));
        let mut carried = JoinSet::new();
        for finding in findings.into_iter().map(Arc::new) {
            for order in orders.iter().filter(|order| order.is_for(&finding)) {
                let (this, order) = (self.clone(), order.clone());
                let (places, finding) = (Arc::clone(&places), Arc::clone(&finding));
                carried.spawn(async move {
                    // it is closed by nobody
                    let _place = places.acquire().await;
                    this.carry_out(&order, &finding).await
                });
            }
        }
        while let Some(done) = carried.join_next().await {
            match done {
                Ok(done) => tell(done?),
                Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// The findings that some order may be for; the others are not even read as JSON.
fn meant(orders: &[Order], records: &Records) -> (Offset, u64, Vec<Finding>) {
    // ids of rules are told with letters of one case, whichever
    let spelled = orders.iter().flat_map(|order| {
        [order.rule.clone(), order.rule.to_ascii_lowercase(), order.rule.to_ascii_uppercase()]
    });
    let spelled: BTreeSet<String> = spelled.collect();
    let rules: Vec<_> = spelled.iter().map(|rule| memmem::Finder::new(rule.as_bytes())).collect();
    let (mut next, mut accepted, mut findings) = (records.first(), 0, Vec::new());
    for (offset, bytes) in records.iter() {
        (next, accepted) = (offset.next(), accepted + 1);
        if rules.iter().any(|rule| rule.find(bytes).is_some()) {
            // what is no finding is a dead letter of triage
            findings.extend(serde_json::from_slice::<Finding>(bytes).ok());
        }
    }
    (next, accepted, findings)
}

enum Standing {
    /// There is more to come.
    Goes,
    /// There are no orders.
    Idle,
}
