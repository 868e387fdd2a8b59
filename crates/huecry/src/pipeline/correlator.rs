//! The correlator of one partition of `[match]`: matches in, findings out, its state kept beside
//! (docs/adr/0019-correlation.md).
//!
//! **Invariant:** its state is a function of the records of its partition. What else it acts on, the passing of time, it
//! writes there first. So whoever reads the partition again, from any snapshot on, comes to the same findings, with the
//! same ids.
//!
//! **Invariant:** findings are durable before a snapshot says that their matches were read.
//!
//! **Invariant:** how often each correlation fired is stored with how far that was counted, in one transaction: what is
//! judged again after a crash is not counted again.

use super::patience::Patience;
use super::snapshot::{Snapshot, SnapshotFile};
use super::tally::Tally;
use super::telemetry::PartitionLabel;
use super::worker::{Options, PipelineError, append_json};
use crate::engine::{Engine, Scratch};
use crate::rollout::{Generation, Place};
use model::{EventId, Finding, Offset, Partition, Position, RawRecord, Stage, Topic};
use normalize::RawData;
use ports::LogError;
use ports::log::{RecordBatch, Records};
use ports::store::Counters;
use sigma::correlation::{Advance, Correlator, Counts, Firing, MatchRecord, RecordWriter};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The consumer's name on the log.
pub const CORRELATOR: &str = "correlator";
/// Most bytes read at once.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// A part of the idle time-out: so often time is written down while matches wait for it.
const TICK_PART: i64 = 4;

/// Tries to read a kept state that cannot be read for the moment.
const STATE_TRIES_MAX: u32 = 6;

/// The program ends before something could be done.
struct ShuttingDown;

/// How correlations run.
#[derive(Clone)]
pub struct Correlation {
    /// Where states are kept; `None` reads the topic from its start each time.
    pub dir: Option<PathBuf>,
    /// The disk under it.
    pub disk: Arc<dyn disk::Disk>,
    /// Lateness, idle time-out, memory of each partition.
    pub options: sigma::correlation::Options,
    /// By product: a lateness of its own for what happens now, milliseconds.
    pub lateness_ms_by_product: BTreeMap<String, i64>,
    /// An event that is older than this when the door takes it is history, milliseconds.
    pub past_after_ms: i64,
    /// Least time between two snapshots, milliseconds.
    pub snapshot_ms_min: i64,
}

impl Default for Correlation {
    fn default() -> Self {
        Self {
            dir: None,
            disk: Arc::new(disk::OsDisk),
            options: sigma::correlation::Options::default(),
            lateness_ms_by_product: BTreeMap::new(),
            past_after_ms: 3_600_000,
            snapshot_ms_min: 10_000,
        }
    }
}

/// The worker of one partition.
pub(crate) struct CorrelatorWorker {
    options: Options,
    partition: Partition,
    /// Whose correlations run.
    generation: Arc<Generation>,
    correlator: Correlator,
    file: Option<SnapshotFile>,
    next: Offset,
    /// Firings of records before this one were counted in the store.
    counted_to: Offset,
    /// What the batch in work came to, by correlation and day.
    tally: Tally,
    /// Up to where the last snapshot was taken, and when.
    kept: Option<Offset>,
    kept_at_ms: i64,
    /// When time was last written down, by records or ticks.
    told_ms: i64,
    counted: Counts,
    scratch: Scratch,
}

impl CorrelatorWorker {
    pub(crate) async fn new(options: Options, partition: Partition) -> Result<Self, PipelineError> {
        options.log.register(CORRELATOR, Topic::Match, partition).await?;
        let (generation, wanted) = (options.live.current(), &options.correlation);
        let correlator = correlator_of(&generation.engine, wanted);
        let file = wanted.dir.as_ref().map(|dir| SnapshotFile::new(Arc::clone(&wanted.disk), dir, partition));
        let now_ms = options.clock.now_ms();
        let mut worker = Self {
            options,
            partition,
            generation,
            correlator,
            file,
            next: Offset(0),
            counted_to: Offset(0),
            tally: Tally::default(),
            kept: None,
            kept_at_ms: now_ms,
            told_ms: now_ms,
            counted: Counts::default(),
            scratch: Scratch::new(RawData::Exclude),
        };
        worker.recover().await?;
        Ok(worker)
    }

    /// Takes up the kept state. Without one that can be used, the topic is read from its start.
    async fn recover(&mut self) -> Result<(), PipelineError> {
        let (partition, bounds) =
            (self.partition.0, self.options.log.bounds(Topic::Match, self.partition).await?);
        self.next = bounds.start;
        let counted = self
            .options
            .store
            .read()
            .await?
            .positions()
            .get(CORRELATOR, Topic::Match, self.partition)
            .await?;
        self.counted_to = counted.map_or(Offset(0), |position| position.next);
        let Some(kept) = self.kept_state().await? else { return Ok(()) };
        if kept.next > bounds.end {
            let (state, end) = (kept.next.0, bounds.end.0);
            tracing::error!(
                partition,
                state,
                end,
                "the state of correlations is ahead of the log: do they belong together?"
            );
            return Ok(());
        }
        if let Err(error) = self.correlator.restore(&kept.state) {
            tracing::warn!(partition, %error, "the state of correlations is of another version; their topic is read again");
            return Ok(());
        }
        if kept.next < bounds.start {
            self.missed(kept.next, bounds.start);
        }
        self.next = kept.next.max(bounds.start);
        self.kept = Some(kept.next);
        Ok(())
    }

    /// The state as it was kept. A damaged one is none, and the topic is read again; one that cannot be read now is tried
    /// again, and not taken for lost: a timespan may be longer than the topic is kept.
    async fn kept_state(&self) -> Result<Option<Snapshot>, PipelineError> {
        let Some(file) = &self.file else { return Ok(None) };
        let (partition, mut patience) = (self.partition.0, Patience::new(self.options.retry_pause));
        loop {
            match file.read() {
                Ok(kept) => return Ok(kept),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    tracing::error!(partition, %error, "the state of correlations is damaged; their topic is read again");
                    return Ok(None);
                }
                Err(source) if patience.tries() >= STATE_TRIES_MAX => {
                    return Err(PipelineError::State { partition, source });
                }
                Err(error) => {
                    self.options.telemetry.correlator.retries.inc();
                    tracing::warn!(partition, %error, "the state of correlations cannot be read, trying again");
                    tokio::time::sleep(patience.next()).await;
                }
            }
        }
    }

    /// Tells of matches that retention took unread.
    fn missed(&self, next: Offset, start: Offset) {
        let (partition, lost) = (self.partition.0, start.0.saturating_sub(next.0));
        self.options.telemetry.correlator.lost.inc_by(lost);
        tracing::error!(partition, lost, "matches were removed before correlations saw them");
    }

    /// Goes on with the rules in force. What is kept of correlations that mean the same is kept.
    fn take_up(&mut self) {
        let current = self.options.live.current();
        let before = std::mem::replace(&mut self.generation, current);
        if Arc::ptr_eq(&self.generation.engine, &before.engine) {
            return;
        }
        let state = self.correlator.encode();
        self.correlator = correlator_of(&self.generation.engine, &self.options.correlation);
        self.scratch.renew(RawData::Exclude);
        if let Err(error) = self.correlator.restore(&state) {
            tracing::error!(partition = self.partition.0, %error, "the state of correlations did not outlive a reload");
        }
        self.counted = Counts::default();
    }

    pub(crate) fn run(&mut self, runtime: &Handle, shutdown: &CancellationToken) {
        let partition = self.partition.0;
        tracing::info!(partition, next = self.next.0, "correlator started");
        while !shutdown.is_cancelled() {
            if let Err(error) = self.step(runtime, shutdown) {
                tracing::error!(partition, next = self.next.0, %error, "correlator step failed, trying again");
                if self.pause(runtime, shutdown) {
                    break;
                }
            }
            if self.options.clock.now_ms() - self.kept_at_ms >= self.options.correlation.snapshot_ms_min {
                self.keep(runtime);
            }
        }
        self.keep(runtime);
        tracing::info!(partition, next = self.next.0, "correlator stopped");
    }

    fn pause(&self, runtime: &Handle, shutdown: &CancellationToken) -> bool {
        let pause = self.options.retry_pause;
        runtime.block_on(async { tokio::time::timeout(pause, shutdown.cancelled()).await.is_ok() })
    }

    fn step(&mut self, runtime: &Handle, shutdown: &CancellationToken) -> Result<(), PipelineError> {
        let Some(records) = runtime.block_on(self.read(shutdown))? else {
            return runtime.block_on(self.tick());
        };
        self.take_up();
        let firings = self.judge(&records);
        let Some(findings) = self.findings(runtime, shutdown, &firings) else {
            return Ok(());
        };
        self.note(findings.len());
        // what was judged is judged: from here the findings must be written
        let (mut patience, mut are_written) = (Patience::new(self.options.retry_pause), false);
        while let Err(error) = runtime.block_on(self.write(&findings, &mut are_written, records.next())) {
            self.options.telemetry.correlator.retries.inc();
            tracing::error!(partition = self.partition.0, %error, "cannot write a correlation's findings, trying again");
            if patience.wait(runtime, shutdown) {
                self.leave_unfinished();
                return Ok(());
            }
        }
        if !self.tally.is_empty() {
            self.options.live.matched.notify_one();
        }
        self.next = records.next();
        Ok(())
    }

    /// Ends in the middle of a batch: the next start reads its matches again, since no snapshot has passed them.
    fn leave_unfinished(&mut self) {
        self.file = None;
    }

    /// Takes the matches of a batch; what fired, and with which record of the batch.
    fn judge(&mut self, records: &Records) -> Vec<(Offset, i64, Firing)> {
        let (mut judged, mut firings) = (Vec::new(), Vec::new());
        for (offset, bytes) in records.iter() {
            match MatchRecord::decode(bytes, self.correlator.set()) {
                Ok(mut record) => {
                    self.told_ms = self.told_ms.max(record.now_ms);
                    let entries = std::mem::take(&mut record.entries);
                    self.correlator.advance(record.advance(), entries, &mut firings);
                    judged.extend(firings.drain(..).map(|firing| (offset, record.now_ms, firing)));
                }
                Err(error) => {
                    let (partition, offset) = (self.partition.0, offset.0);
                    tracing::error!(partition, offset, %error, "a record of matches cannot be read and is passed over");
                }
            }
        }
        judged
    }

    /// The next batch; `None` when there is none for a while, or when shutting down.
    async fn read(&mut self, shutdown: &CancellationToken) -> Result<Option<Records>, PipelineError> {
        let log = &self.options.log;
        let end = log.bounds(Topic::Match, self.partition).await?.end;
        let label = PartitionLabel { partition: self.partition.0 };
        let lag = i64::try_from(end.0.saturating_sub(self.next.0)).unwrap_or(i64::MAX);
        self.options.telemetry.correlator.lag.get_or_create(&label).set(lag);
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(self.tick_every()) => return Ok(None),
            waited = log.wait_for(Topic::Match, self.partition, self.next) => waited?,
        };
        match log.read(Topic::Match, self.partition, self.next, BATCH_BYTES_MAX).await {
            Err(LogError::Trimmed { start }) if start > self.next => {
                self.missed(self.next, start);
                self.next = start;
                Ok(None)
            }
            read => Ok(Some(read?).filter(|records| !records.is_empty())),
        }
    }

    fn tick_every(&self) -> Duration {
        let idle_ms = self.options.correlation.options.idle_ms;
        Duration::from_millis((idle_ms / TICK_PART).clamp(50, 30_000).unsigned_abs())
    }

    /// Writes down that time passed, where something waits for it.
    async fn tick(&mut self) -> Result<(), PipelineError> {
        let now_ms = self.options.clock.now_ms();
        if !self.correlator.is_waiting_for_time()
            || now_ms.saturating_sub(self.told_ms) < self.tick_every().as_millis() as i64
        {
            return Ok(());
        }
        let (mut record, mut batch) = (Vec::new(), RecordBatch::new());
        RecordWriter::default().finish(Advance { now_ms, until: None, marks: &[] }, &mut record);
        batch.push(&record)?;
        self.options.log.append(Topic::Match, self.partition, batch, now_ms).await?;
        self.told_ms = now_ms;
        Ok(())
    }

    /// Writes the findings unless they are written, then counts what fired, with how far that was counted.
    async fn write(
        &mut self,
        findings: &[Finding],
        are_written: &mut bool,
        next: Offset,
    ) -> Result<(), PipelineError> {
        let (log, now_ms) = (&*self.options.log, self.options.clock.now_ms());
        if !*are_written {
            append_json(log, Topic::Finding, self.partition, findings.iter(), now_ms).await?;
            *are_written = true;
        }
        if self.tally.is_empty() {
            return Ok(());
        }
        let mut unit = self.options.store.begin().await?;
        let known = unit.positions().get(CORRELATOR, Topic::Match, self.partition).await?;
        // a try before may have been stored, and only its answer was lost
        let counted_to = known.map_or(self.counted_to, |position| position.next);
        if counted_to < next {
            unit.rules().matched(&self.tally.rows(&self.generation, now_ms)).await?;
            let range = (counted_to, next);
            let nothing = Counters::default();
            unit.positions().advance(CORRELATOR, Topic::Match, self.partition, range, nothing).await?;
            unit.commit().await?;
        }
        self.counted_to = counted_to.max(next);
        Ok(())
    }

    /// The findings of what fired, which is counted besides; `None` when shutting down before all their records were read.
    fn findings(
        &mut self,
        runtime: &Handle,
        shutdown: &CancellationToken,
        firings: &[(Offset, i64, Firing)],
    ) -> Option<Vec<Finding>> {
        let mut findings = Vec::new();
        self.tally.clear();
        for (offset, counted_ms, firing) in firings {
            let set = self.correlator.set();
            let is_silent = set.get(firing.correlation).is_none_or(|linked| linked.silent);
            let stage = self.generation.correlation_stage(firing.correlation);
            let raises = stage != Stage::Shadow && !is_silent;
            if *offset >= self.counted_to {
                let event = (EventId(firing.last.id), firing.last.time_ms);
                self.tally.note(Place::Correlation(firing.correlation), raises, event, *counted_ms);
            }
            if !raises {
                continue;
            }
            let position = Position::new(Topic::Raw, Partition(firing.last.at.0), Offset(firing.last.at.1));
            let Ok(read) = self.fetch(runtime, shutdown, position) else {
                self.leave_unfinished();
                return None;
            };
            let bytes = read.as_ref().and_then(|records| records.get(0));
            let record = bytes.and_then(|bytes| RawRecord::decode(bytes).ok());
            let now_ms = self.options.clock.now_ms();
            let engine = &self.generation.engine;
            let finding = engine.correlation_finding(firing, record.as_ref(), now_ms, &mut self.scratch);
            findings.extend(finding.map(|mut finding| {
                self.generation.mark(&mut finding, stage);
                finding
            }));
        }
        Some(findings)
    }

    /// The record at a position; `None` only where the log says that it is gone. Whatever else keeps it from being read is
    /// waited for: a finding without its record would say less for ever.
    fn fetch(
        &self,
        runtime: &Handle,
        shutdown: &CancellationToken,
        position: Position,
    ) -> Result<Option<Records>, ShuttingDown> {
        let mut patience = Patience::new(self.options.retry_pause);
        let telemetry = &self.options.telemetry.correlator;
        loop {
            // one record is read: the least that the log gives at once
            let read = self.options.log.read(Topic::Raw, position.partition, position.offset, 1);
            match runtime.block_on(read) {
                Ok(records) => return Ok(Some(records)),
                Err(LogError::Trimmed { .. } | LogError::Ahead { .. } | LogError::NoSuchPartition { .. }) => {
                    telemetry.records_gone.inc();
                    return Ok(None);
                }
                Err(error) => {
                    telemetry.retries.inc();
                    tracing::warn!(partition = self.partition.0, %position, %error,
                        "the record of a correlation's finding cannot be read, trying again");
                    if patience.wait(runtime, shutdown) {
                        return Err(ShuttingDown);
                    }
                }
            }
        }
    }

    fn note(&mut self, findings: usize) {
        let telemetry = &self.options.telemetry.correlator;
        telemetry.findings.inc_by(findings as u64);
        let (now, before) = (self.correlator.counts(), self.counted);
        telemetry.matches.inc_by(now.taken - before.taken);
        telemetry.late.inc_by(now.late - before.late);
        telemetry.duplicates.inc_by(now.duplicates - before.duplicates);
        telemetry.evicted.inc_by(now.evicted_groups - before.evicted_groups);
        telemetry.forced.inc_by(now.forced_releases - before.forced_releases);
        self.counted = now;
        let label = PartitionLabel { partition: self.partition.0 };
        let bytes = i64::try_from(self.correlator.state_bytes()).unwrap_or(i64::MAX);
        telemetry.state_bytes.get_or_create(&label).set(bytes);
    }

    /// Keeps the state, if it has changed, and lets retention take what it has seen. A failure is told, and the next
    /// time will do.
    fn keep(&mut self, runtime: &Handle) {
        self.kept_at_ms = self.options.clock.now_ms();
        let Some(file) = &self.file else { return };
        if self.kept == Some(self.next) {
            return;
        }
        let snapshot = Snapshot { next: self.next, state: self.correlator.encode() };
        if let Err(error) = file.write(&snapshot) {
            self.options.telemetry.correlator.snapshot_failures.inc();
            tracing::warn!(partition = self.partition.0, %error, "the state of correlations was not kept");
            return;
        }
        self.kept = Some(self.next);
        let commit = self.options.log.commit(CORRELATOR, Topic::Match, self.partition, self.next);
        if let Err(error) = runtime.block_on(commit) {
            tracing::warn!(partition = self.partition.0, %error, "the log was not told what correlations have used");
        }
    }
}

fn correlator_of(engine: &Engine, wanted: &Correlation) -> Correlator {
    let set = Arc::clone(engine.detector().correlations().set());
    let mut feeds = engine.feeds();
    for (product, lateness_ms) in &wanted.lateness_ms_by_product {
        let of_product = |logsource: &str| logsource.split('/').next() == Some(product.as_str());
        feeds.allow(of_product, *lateness_ms);
    }
    Correlator::new(set, feeds, wanted.options)
}
