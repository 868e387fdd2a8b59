//! Findings off the log, into incidents: one batch, one transaction.

use crate::placement::{Component, components};
use crate::telemetry::PartitionLabel;
use crate::{Case, Error, Grouping, Telemetry, group_of};
use model::{
    AuditRecord, Clock, DeadLetter, Entropy, Finding, IncidentId, Offset, Partition, Position, Principal,
    Topic,
};
use ports::Log;
use ports::log::Records;
use ports::store::{Counters, GroupKey, Store, StoreError, UnitOfWork};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The name of this consumer, on the log and in the store.
pub const CONSUMER: &str = "triage";
/// Most findings of one transaction: others who write wait no longer than it takes.
pub const BATCH_FINDINGS_MAX: usize = 500;
/// Most bytes of one read.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// So long, in milliseconds, may pass until the log hears what retention may take (each time is an fsync).
const LOG_COMMIT_MS_MAX: i64 = 60_000;
/// Waits after failures double up to this.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(10);
const RETRY_WAIT_MIN: Duration = Duration::from_millis(100);

/// What triage works with.
#[derive(Clone)]
pub struct Options {
    /// Where findings come from.
    pub log: Arc<dyn Log>,
    /// Where incidents go.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// Which findings belong together.
    pub grouping: Grouping,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// What one batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stepped {
    /// What became of the records; all zero when there were none.
    pub counters: Counters,
    /// Incidents opened.
    pub opened: u64,
    /// Incidents absorbed by others.
    pub merged: u64,
}

/// Takes findings off the log for ever.
pub struct Service {
    options: Options,
}

impl Service {
    /// A service that has not begun.
    pub const fn new(options: Options) -> Self {
        Self { options }
    }

    /// Works until `shutdown`, one task a partition. A batch that has begun is finished or rolled back.
    ///
    /// Groups may meet across partitions: each batch reads and writes its groups in one transaction, and the
    /// store lets only one at a time, so two partitions never open the same incident twice.
    ///
    /// # Errors
    /// The first error that waiting does not mend.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let this = Arc::new(self);
        let mut partitions = JoinSet::new();
        for partition in (0..this.options.log.partitions(Topic::Finding)).map(Partition) {
            let (this, shutdown) = (Arc::clone(&this), shutdown.clone());
            partitions.spawn(async move { this.run_partition(partition, &shutdown).await });
        }
        while let Some(ended) = partitions.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error),
                Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn run_partition(&self, partition: Partition, shutdown: &CancellationToken) -> Result<(), Error> {
        let mut wait = RETRY_WAIT_MIN;
        let mut floor = None;
        loop {
            let Some(worked) = shutdown.run_until_cancelled(self.work(partition, &mut floor)).await else {
                // only the floor of retention: when it cannot be written now, the next run does
                if let Err(error) = self.tell_log(partition, &mut floor).await {
                    tracing::warn!(partition = partition.0, %error, "the log was not told what triage has used");
                }
                return Ok(());
            };
            match worked {
                Err(error) if error.is_passing() => {
                    self.options.telemetry.failures.inc();
                    tracing::warn!(partition = partition.0, %error, wait_ms = wait.as_millis(), "triage waits");
                    if shutdown.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                        return Ok(());
                    }
                    wait = (wait * 2).min(RETRY_WAIT_MAX);
                }
                Err(error) => return Err(error),
                Ok(()) => wait = RETRY_WAIT_MIN,
            }
        }
    }

    /// Works off what is there and waits for more; once in a while tells the log what it no longer needs.
    /// `floor` is `None` before this consumer is registered.
    async fn work(&self, partition: Partition, floor: &mut Option<Floor>) -> Result<(), Error> {
        let log = &self.options.log;
        if floor.is_none() {
            let told = log.register(CONSUMER, Topic::Finding, partition).await?;
            *floor = Some(Floor { told, at_ms: self.options.clock.now_ms() });
        }
        while self.step(partition).await?.counters.accepted > 0 {
            self.tell_log_if_due(partition, floor).await?;
        }
        self.tell_log_if_due(partition, floor).await?;
        let (_, next) = self.position(partition).await?;
        let wait = Duration::from_millis(LOG_COMMIT_MS_MAX.unsigned_abs());
        let more = log.wait_for(Topic::Finding, partition, next);
        tokio::time::timeout(wait, more).await.map_or(Ok(()), |there| there.map(drop)).map_err(Error::from)
    }

    async fn tell_log_if_due(&self, partition: Partition, floor: &mut Option<Floor>) -> Result<(), Error> {
        let due = |floor: &Floor| self.options.clock.now_ms() - floor.at_ms >= LOG_COMMIT_MS_MAX;
        if floor.as_ref().is_some_and(due) { self.tell_log(partition, floor).await } else { Ok(()) }
    }

    /// Lets retention take what is worked off.
    async fn tell_log(&self, partition: Partition, floor: &mut Option<Floor>) -> Result<(), Error> {
        let Some(floor) = floor else { return Ok(()) };
        let (_, next) = self.position(partition).await?;
        if floor.told < next {
            self.options.log.commit(CONSUMER, Topic::Finding, partition, next).await?;
        }
        *floor = Floor { told: next, at_ms: self.options.clock.now_ms() };
        Ok(())
    }

    /// Where this consumer stands, and from where it reads on: the same, unless records were removed.
    async fn position(&self, partition: Partition) -> Result<(Offset, Offset), Error> {
        let stored =
            self.options.store.read().await?.positions().get(CONSUMER, Topic::Finding, partition).await?;
        let bounds = self.options.log.bounds(Topic::Finding, partition).await?;
        let stored = stored.map_or(bounds.start, |position| position.next);
        if stored > bounds.end {
            return Err(Error::LogBehindStore { partition, stored, end: bounds.end });
        }
        if stored < bounds.start {
            let lost = bounds.start.0 - stored.0;
            tracing::error!(partition = partition.0, lost, "findings were removed before triage saw them");
        }
        Ok((stored, stored.max(bounds.start)))
    }

    /// Takes the next batch, at most [`BATCH_FINDINGS_MAX`], and stores it with the position after it.
    ///
    /// # Errors
    /// [`Error`]; nothing was stored then.
    pub async fn step(&self, partition: Partition) -> Result<Stepped, Error> {
        let (from, read_from) = self.position(partition).await?;
        let log = &self.options.log;
        let records = log.read(Topic::Finding, partition, read_from, BATCH_BYTES_MAX).await?;
        let label = PartitionLabel { partition: partition.0 };
        let lag = log.bounds(Topic::Finding, partition).await?.end.0.saturating_sub(read_from.0);
        if records.is_empty() {
            self.options.telemetry.lag.get_or_create(&label).set(0);
            return Ok(Stepped::default());
        }
        let batch = self.parse(partition, &records);
        let mut unit = self.options.store.begin().await?;
        let stepped = self.write(&mut *unit, &batch).await?;
        let moved = (from, batch.next);
        unit.positions().advance(CONSUMER, Topic::Finding, partition, moved, stepped.counters).await?;
        unit.commit().await?;
        let lag = lag.saturating_sub(stepped.counters.accepted);
        self.options.telemetry.lag.get_or_create(&label).set(i64::try_from(lag).unwrap_or(i64::MAX));
        self.count(&stepped);
        Ok(stepped)
    }

    fn count(&self, stepped: &Stepped) {
        let Telemetry { findings, duplicates, dead_letters, opened, merged, .. } = &self.options.telemetry;
        findings.inc_by(stepped.counters.stored);
        duplicates.inc_by(stepped.counters.duplicates);
        dead_letters.inc_by(stepped.counters.dead_lettered);
        opened.inc_by(stepped.opened);
        merged.inc_by(stepped.merged);
    }

    /// Reads the records. What is no finding, such as one of a newer version, becomes a dead letter.
    fn parse(&self, partition: Partition, records: &Records) -> Batch {
        let mut batch = Batch { findings: Vec::new(), broken: Vec::new(), next: records.first() };
        for (offset, bytes) in records.iter().take(BATCH_FINDINGS_MAX) {
            batch.next = offset.next();
            match serde_json::from_slice::<Finding>(bytes) {
                Ok(finding) => batch.findings.push(finding),
                Err(error) => batch.broken.push(DeadLetter {
                    position: Position::new(Topic::Finding, partition, offset),
                    source: CONSUMER.to_owned(),
                    kind: "finding".to_owned(),
                    code: "finding_invalid".to_owned(),
                    reason: error.to_string(),
                    received_at_ms: self.options.clock.now_ms(),
                    at_ms: self.options.clock.now_ms(),
                }),
            }
        }
        batch
    }

    async fn write(&self, unit: &mut dyn UnitOfWork, batch: &Batch) -> Result<Stepped, StoreError> {
        let ids: Vec<_> = batch.findings.iter().map(|finding| finding.id).collect();
        let mut seen: HashSet<_> = unit.findings().known(&ids).await?;
        let mut fresh: Vec<&Finding> =
            batch.findings.iter().filter(|finding| seen.insert(finding.id)).collect();
        fresh.sort_unstable_by_key(|finding| (finding.time_ms, finding.id));
        let stored = fresh.len() as u64;
        let dead_lettered = batch.broken.len() as u64;
        let duplicates = batch.findings.len() as u64 - stored;
        let counters =
            Counters { accepted: stored + duplicates + dead_lettered, stored, dead_lettered, duplicates };
        let mut stepped = Stepped { counters, ..Stepped::default() };

        let mut groups: BTreeMap<GroupKey, Vec<usize>> = BTreeMap::new();
        for (index, finding) in fresh.iter().enumerate() {
            groups.entry(group_of(finding)).or_default().push(index);
        }
        let groups: Vec<_> = groups.into_iter().collect();
        let keys: Vec<_> = groups.iter().map(|(key, _)| key.clone()).collect();
        let open = unit.incidents().open_in_groups(&keys).await?;
        let mut rows = Vec::with_capacity(fresh.len());
        let mut updates = Vec::new();
        for Component { mut cases, findings } in components(&groups, &open) {
            for (index, number) in findings {
                let fresh_id = || IncidentId::new(&*self.options.clock, &*self.options.entropy);
                cases.place(self.options.grouping, (number, &keys[number]), (index, fresh[index]), fresh_id);
            }
            for (case, joined) in cases.changed() {
                rows.extend(joined.into_iter().map(|index| (fresh[index], case.id)));
                self.write_case(unit, &case, &mut stepped).await?;
                if case.stored {
                    updates.push(case.update(self.options.clock.now_ms()));
                }
            }
        }
        unit.findings().insert(&rows).await?;
        unit.incidents().observe(&updates).await?;
        unit.dead_letters().record(&batch.broken, "default").await?;
        Ok(stepped)
    }

    /// Opens a new case, and merges into it, or into a known one, what it absorbed.
    async fn write_case(
        &self,
        unit: &mut dyn UnitOfWork,
        case: &Case,
        stepped: &mut Stepped,
    ) -> Result<(), StoreError> {
        let now_ms = self.options.clock.now_ms();
        if !case.stored {
            let related = unit.incidents().latest_in_group(&case.group).await?;
            let incident = case.incident(related, now_ms);
            let after = json!({ "title": incident.title, "severity": incident.machine_severity,
                "gravest": incident.gravest, "related": related });
            let audit = self.record("incident.open", case.id, (Value::Null, after), now_ms);
            unit.incidents().open(&incident, &case.entities(), &audit).await?;
            stepped.opened += 1;
        }
        for &from in &case.absorbed {
            let values = (json!({ "merged_into": null }), json!({ "merged_into": case.id }));
            let mut audit = self.record("incident.merge", from, values, now_ms);
            audit.reason = Some("a finding between them shows that they are one".to_owned());
            unit.incidents().merge(from, case.id, now_ms, &audit).await?;
            stepped.merged += 1;
        }
        Ok(())
    }

    fn record(
        &self,
        action: &str,
        object: IncidentId,
        (before, after): (Value, Value),
        at_ms: i64,
    ) -> AuditRecord {
        let (clock, entropy) = (&*self.options.clock, &*self.options.entropy);
        let principal = Principal::System { part: CONSUMER.to_owned() };
        AuditRecord { at_ms, before, after, ..AuditRecord::new(clock, entropy, principal, action, object) }
    }
}

/// What the log was told that this consumer no longer needs.
struct Floor {
    told: Offset,
    at_ms: i64,
}

/// Records of the log, read.
struct Batch {
    findings: Vec<Finding>,
    broken: Vec<DeadLetter>,
    next: Offset,
}
