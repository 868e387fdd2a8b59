//! The worker of one partition: read, run, write, commit.

use super::CONSUMER;
use super::batch::{BatchResult, Run};
use super::correlator::{Correlation, CorrelatorWorker};
use super::lake_feed::{Fed, LakeFeed};
use super::matches::Matches;
use super::recent::RecentIds;
use super::telemetry::{CodeLabel, PartitionLabel, Telemetry};
use crate::engine::Scratch;
use crate::rollout::{Generation, Live};
use model::{Clock, Offset, Partition, Topic};
use normalize::RawData;
use ports::store::StoreError;
use ports::{Lake, Log, LogError, RecordBatch, Records, Store};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Most bytes that a worker reads at once.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Records back that a redelivery is recognised; as many are read at start before the position.
const RECENT_RECORDS_MAX: u64 = 1 << 17;
/// How long, in milliseconds, the log may not hear what retention may take (each time is an fsync).
const FLOOR_MS_MAX: i64 = 60_000;
/// Longest time that an idle worker does nothing else.
const IDLE_WAIT_MAX: Duration = Duration::from_secs(30);
/// A lake that failed is left alone for so many times the pause before another try of anything else.
const LAKE_RETRY_PAUSES: u32 = 5;

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The log.
    #[error("log: {0}")]
    Log(#[from] LogError),
    /// The store.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The store knows of records that the log does not have.
    #[error(
        "partition {partition} was worked on up to record {stored}, but the log ends at {end}: \
         do log and state belong together?"
    )]
    LogBehindStore {
        /// The partition.
        partition: u32,
        /// The store's position.
        stored: u64,
        /// The log's end.
        end: u64,
    },
    /// The kept state of correlations cannot be read, and is not damaged.
    #[error(
        "partition {partition}: the state of correlations cannot be read: {source}; see to the disk, or remove the file \
         to read the topic of matches again from its start"
    )]
    State {
        /// The partition of matches.
        partition: u32,
        /// Why.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a worker: {0}")]
    Thread(#[from] std::io::Error),
    /// A finding could not be written as JSON.
    #[error("cannot write a finding: {0}")]
    Json(#[from] serde_json::Error),
}

/// What the workers share.
#[derive(Clone)]
pub struct Options {
    /// Mappings and rules in force.
    pub live: Arc<Live>,
    /// Where records come from and findings go.
    pub log: Arc<dyn Log>,
    /// Where positions and the index of dead letters are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where every event is kept, if anywhere.
    pub lake: Option<Arc<dyn Lake>>,
    /// Pause before a failed step is tried again.
    pub retry_pause: Duration,
    /// How correlations run.
    pub correlation: Correlation,
    /// Counters.
    pub telemetry: Telemetry,
}

/// The running workers.
#[derive(Debug)]
pub struct Pipeline {
    workers: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts one worker for each partition of the raw topic, and one correlator for each of the topic of matches; they
    /// end when `shutdown` is cancelled.
    ///
    /// # Errors
    /// [`PipelineError`] when a position cannot be found or a thread not be started.
    pub async fn start(options: &Options, shutdown: &CancellationToken) -> Result<Self, PipelineError> {
        let mut workers = Vec::new();
        for number in 0..options.log.partitions(Topic::Raw) {
            let partition = Partition(number);
            let next = start_offset(options, partition).await?;
            let mut worker = Worker::new(options.clone(), partition, next);
            let (runtime, shutdown) = (Handle::current(), shutdown.clone());
            let thread = std::thread::Builder::new().name(format!("pipeline-{number}"));
            workers.push(thread.spawn(move || worker.run(&runtime, &shutdown))?);
        }
        for number in 0..options.log.partitions(Topic::Match) {
            let mut correlator = CorrelatorWorker::new(options.clone(), Partition(number)).await?;
            let (runtime, shutdown) = (Handle::current(), shutdown.clone());
            let thread = std::thread::Builder::new().name(format!("correlator-{number}"));
            workers.push(thread.spawn(move || correlator.run(&runtime, &shutdown))?);
        }
        Ok(Self { workers })
    }

    /// Waits until every worker has finished its batch.
    pub fn join(self) {
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a pipeline worker panicked");
            }
        }
    }
}

async fn start_offset(options: &Options, partition: Partition) -> Result<Offset, PipelineError> {
    let floor = options.log.register(CONSUMER, Topic::Raw, partition).await?;
    let end = options.log.bounds(Topic::Raw, partition).await?.end;
    let known = options.store.read().await?.positions().get(CONSUMER, Topic::Raw, partition).await?;
    let next = known.map_or(floor, |position| position.next);
    if next > end {
        return Err(PipelineError::LogBehindStore { partition: partition.0, stored: next.0, end: end.0 });
    }
    Ok(next)
}

fn lake_pause(options: &Options) -> Duration {
    options.retry_pause * LAKE_RETRY_PAUSES
}

struct Worker {
    options: Options,
    partition: Partition,
    /// The next record to read.
    next: Offset,
    /// Records before this one had their effects: their findings are written, their counters stored.
    stored: Offset,
    lake: LakeFeed,
    /// What the batch in work is matched by.
    generation: Arc<Generation>,
    scratch: Scratch,
    recent: RecentIds,
    matches: Matches,
    result: BatchResult,
    /// What the log was told that this consumer no longer needs, and when.
    floor: Option<Offset>,
    floor_at_ms: i64,
}

impl Worker {
    fn new(options: Options, partition: Partition, stored: Offset) -> Self {
        Self {
            floor: None,
            floor_at_ms: options.clock.now_ms(),
            generation: options.live.current(),
            lake: LakeFeed::new(options.lake.clone(), partition, lake_pause(&options).as_millis() as i64),
            matches: Matches::new(
                partition,
                options.log.partitions(Topic::Match),
                options.correlation.past_after_ms,
            ),
            options,
            partition,
            next: stored,
            stored,
            scratch: Scratch::new(RawData::Exclude),
            recent: RecentIds::new(RECENT_RECORDS_MAX),
            result: BatchResult::default(),
        }
    }

    fn run(&mut self, runtime: &Handle, shutdown: &CancellationToken) {
        let partition = self.partition.0;
        while let Err(error) = runtime.block_on(self.begin()) {
            tracing::error!(partition, %error, "cannot read the log before the position");
            if self.pause(runtime, shutdown) {
                return;
            }
        }
        tracing::info!(partition, next = self.next.0, stored = self.stored.0, "pipeline worker started");
        while !shutdown.is_cancelled() {
            let step = self.step(runtime, shutdown);
            if let Err(error) = step {
                tracing::error!(partition, next = self.next.0, %error, "pipeline step failed, trying again");
                if self.pause(runtime, shutdown) {
                    break;
                }
            }
            self.tell_log(runtime, false);
        }
        self.tell_log(runtime, true);
        tracing::info!(partition, next = self.next.0, "pipeline worker stopped");
    }

    /// Goes to where lake and store both have everything before, with the ids of the records before that.
    async fn begin(&mut self) -> Result<(), PipelineError> {
        let start = self.options.log.bounds(Topic::Raw, self.partition).await?.start;
        let lake = self.lake.attach(self.options.clock.now_ms());
        // a lake that lost its folder begins with what the log still has
        self.next = lake.map_or(self.stored, |position| position.min(self.stored)).max(start);
        let refilled = self.refill(start).await;
        if refilled.is_err() {
            self.lake.detach(self.options.clock.now_ms());
        }
        refilled
    }

    /// Lets retention take what is worked off, once in a while. Only the floor of retention hangs on it, so
    /// that a failure is told and later will do.
    fn tell_log(&mut self, runtime: &Handle, now: bool) {
        let now_ms = self.options.clock.now_ms();
        let used = self.lake.position().map_or(self.stored, |lake| lake.min(self.stored));
        if self.floor == Some(used) || !now && now_ms - self.floor_at_ms < FLOOR_MS_MAX {
            return;
        }
        self.floor_at_ms = now_ms;
        let Options { log, .. } = &self.options;
        match runtime.block_on(log.commit(CONSUMER, Topic::Raw, self.partition, used)) {
            Ok(()) => self.floor = Some(used),
            Err(error) => {
                let partition = self.partition.0;
                tracing::warn!(partition, %error, "the log was not told what the pipeline has used");
            }
        }
    }

    /// Fills the memory of recent ids from the records before the position.
    async fn refill(&mut self, start: Offset) -> Result<(), PipelineError> {
        self.recent.clear();
        let log = Arc::clone(&self.options.log);
        let mut at = start.max(Offset(self.next.0.saturating_sub(RECENT_RECORDS_MAX)));
        while at < self.next {
            let records = log.read(Topic::Raw, self.partition, at, BATCH_BYTES_MAX).await?;
            if records.is_empty() {
                break;
            }
            let (partition, until) = (self.partition, self.next);
            self.borrow().0.remember(partition, &records, until);
            at = records.next();
        }
        Ok(())
    }

    /// The parts of a run, borrowed side by side.
    fn borrow(&mut self) -> (Run<'_>, &mut BatchResult) {
        let (now_ms, effects_from) = (self.options.clock.now_ms(), self.stored);
        let Self { generation, scratch, recent, lake, matches, result, .. } = self;
        (Run { generation, scratch, recent, lake, matches, effects_from, now_ms }, result)
    }

    /// Takes what is in force, once for a whole batch.
    fn take_generation(&mut self) {
        let current = self.options.live.current();
        if !Arc::ptr_eq(&current.engine, &self.generation.engine) {
            self.scratch.renew(RawData::Exclude);
        }
        self.generation = current;
    }

    fn step(&mut self, runtime: &Handle, shutdown: &CancellationToken) -> Result<(), PipelineError> {
        if self.lake.is_due(self.options.clock.now_ms()) {
            runtime.block_on(self.begin())?;
        }
        let Some(records) = runtime.block_on(self.read(shutdown))? else { return Ok(()) };
        self.result.clear();
        self.matches.clear();
        self.lake.discard();
        self.take_generation();
        let partition = self.partition;
        let (mut run, result) = self.borrow();
        run.batch(partition, &records, result);
        // From here the batch must be written: the ids it brought are in the memory of recent ids.
        while let Err(error) = runtime.block_on(self.write(&records)) {
            tracing::error!(partition = partition.0, %error, "cannot write a batch's results, trying again");
            self.failing(true);
            match runtime.block_on(self.stored_next()) {
                // it was written, and only the answer was lost
                Ok(Some(stored)) if stored == records.next() => break,
                // somebody else went on meanwhile: so does this worker, from there
                Ok(Some(stored)) if stored > self.stored => {
                    self.stored = stored;
                    return runtime.block_on(self.begin());
                }
                _ => {}
            }
            if self.pause(runtime, shutdown) {
                return Ok(());
            }
        }
        self.failing(false);
        if self.stored < records.next() {
            self.stored = records.next();
            self.count();
            if !self.result.tally.is_empty() {
                self.options.live.matched.notify_one();
            }
        }
        if self.feed(runtime, shutdown, records.next()) {
            self.next = records.next();
        }
        Ok(())
    }

    /// Gives the batch to the lake; false when shutting down before it took it.
    fn feed(&mut self, runtime: &Handle, shutdown: &CancellationToken, until: Offset) -> bool {
        loop {
            match self.lake.commit(self.next, until, self.options.clock.now_ms()) {
                Fed::Done | Fed::Lost => return true,
                Fed::Wait(ms) => {
                    self.options.telemetry.lake_waits.inc();
                    if self.pause_for(runtime, shutdown, Duration::from_millis(ms)) {
                        return false;
                    }
                }
            }
        }
    }

    /// Sleeps before another try; true when shutting down.
    fn pause(&self, runtime: &Handle, shutdown: &CancellationToken) -> bool {
        self.pause_for(runtime, shutdown, self.options.retry_pause)
    }

    fn pause_for(&self, runtime: &Handle, shutdown: &CancellationToken, pause: Duration) -> bool {
        runtime.block_on(async { tokio::time::timeout(pause, shutdown.cancelled()).await.is_ok() })
    }

    /// Where the store stands.
    async fn stored_next(&self) -> Result<Option<Offset>, PipelineError> {
        let mut view = self.options.store.read().await?;
        let known = view.positions().get(CONSUMER, Topic::Raw, self.partition).await?;
        Ok(known.map(|position| position.next))
    }

    /// Shows whether results can be written.
    fn failing(&self, failing: bool) {
        let label = PartitionLabel { partition: self.partition.0 };
        self.options.telemetry.failing.get_or_create(&label).set(i64::from(failing));
    }

    /// The next batch; `None` when there is none for a while, or when shutting down.
    async fn read(&mut self, shutdown: &CancellationToken) -> Result<Option<Records>, PipelineError> {
        let log = &self.options.log;
        let end = log.bounds(Topic::Raw, self.partition).await?.end;
        let label = PartitionLabel { partition: self.partition.0 };
        let lag = i64::try_from(end.0.saturating_sub(self.next.0)).unwrap_or(i64::MAX);
        self.options.telemetry.lag.get_or_create(&label).set(lag);
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(lake_pause(&self.options)), if self.lake.is_detached() => return Ok(None),
            () = tokio::time::sleep(IDLE_WAIT_MAX) => return Ok(None),
            waited = log.wait_for(Topic::Raw, self.partition, self.next) => waited?,
        };
        let records = log.read(Topic::Raw, self.partition, self.next, BATCH_BYTES_MAX).await?;
        Ok((!records.is_empty()).then_some(records))
    }

    /// Findings, matches and dead letters, then one transaction; see the module's invariant. Doing a part of it
    /// again has the same effect, since everything written has a derived identity.
    async fn write(&mut self, records: &Records) -> Result<(), PipelineError> {
        if records.next() <= self.stored {
            return Ok(());
        }
        let Options { log, store, clock, .. } = &self.options;
        let now_ms = clock.now_ms();
        append_json(&**log, Topic::Finding, self.partition, self.result.findings.iter(), now_ms).await?;
        for (partition, record) in &self.matches.records {
            let mut batch = RecordBatch::default();
            batch.push(record)?;
            log.append(Topic::Match, *partition, batch, now_ms).await?;
        }
        let letters = self.result.dead_letters.iter().map(|(letter, _)| letter);
        append_json(&**log, Topic::DeadLetter, self.partition, letters, now_ms).await?;
        let mut unit = store.begin().await?;
        let letters = &self.result.dead_letters;
        for same_region in letters.chunk_by(|(_, a), (_, b)| a == b) {
            let region = same_region.first().map_or("default", |(_, region)| region.as_str());
            let rows: Vec<_> = same_region.iter().map(|(letter, _)| letter.clone()).collect();
            unit.dead_letters().record(&rows, region).await?;
        }
        let matches = self.result.tally.rows(&self.generation, now_ms);
        unit.rules().matched(&matches).await?;
        let range = (self.stored, records.next());
        unit.positions().advance(CONSUMER, Topic::Raw, self.partition, range, self.result.counters).await?;
        unit.commit().await?;
        Ok(())
    }

    fn count(&self) {
        let Telemetry { events, duplicates, findings, dead_letters, .. } = &self.options.telemetry;
        events.inc_by(self.result.counters.stored);
        duplicates.inc_by(self.result.counters.duplicates);
        findings.inc_by(self.result.findings.len() as u64);
        for (letter, _) in &self.result.dead_letters {
            let known = normalize::RefusalCode::ALL.into_iter().map(|code| code.as_str());
            let code = known.into_iter().find(|code| *code == letter.code).unwrap_or("record_unreadable");
            dead_letters.get_or_create(&CodeLabel { code }).inc();
        }
    }
}

/// Appends each item as JSON, in as many batches as it takes.
pub(super) async fn append_json<T: serde::Serialize>(
    log: &dyn Log,
    topic: Topic,
    near: Partition,
    items: impl Iterator<Item = T>,
    now_ms: i64,
) -> Result<(), PipelineError> {
    let partition = Partition(near.0 % log.partitions(topic));
    let mut batch = RecordBatch::default();
    for item in items {
        let json = serde_json::to_vec(&item)?;
        if !batch.is_empty() && batch.check(json.len()).is_err() {
            log.append(topic, partition, std::mem::take(&mut batch), now_ms).await?;
        }
        batch.push(&json)?;
    }
    if !batch.is_empty() {
        log.append(topic, partition, batch, now_ms).await?;
    }
    Ok(())
}
