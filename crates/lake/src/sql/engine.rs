//! Runs questions: when, for how long, with how much.

use super::answer::Writer;
use super::catalog::Names;
use super::files::{Footers, SnapshotFiles};
use super::mask::{MASK_KEY_BYTES, Masker};
use super::shape::Workshop;
use super::table::View;
use super::telemetry::{OutcomeLabels, Telemetry};
use super::{Class, check, error, plan, session, stop};
use crate::snapshot::Snapshots;
use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use model::Clock;
use ports::query::{Chunks, Derive, Question, Reader};
use ports::{Query, QueryError};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use thread_priority::ThreadPriority;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// Stack of a query thread: planning recurses on what a question nests. Only what is used takes memory.
const STACK_BYTES: usize = 64 << 20;
/// Chunks of an answer that wait for its reader.
const CHUNKS_WAITING_MAX: usize = 2;
/// What a client that was turned away is told to wait, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

/// How questions are run.
pub struct Options {
    /// Threads that work on questions.
    pub threads: usize,
    /// Whether they take only what others leave of the processors (nice 19).
    pub yields: bool,
    /// Questions that run at once.
    pub concurrent_max: usize,
    /// Questions that wait for one of those to end; more are turned away at once.
    pub waiting_max: usize,
    /// Longest such wait, in milliseconds.
    pub wait_ms_max: u64,
    /// Most rows of an answer.
    pub rows_max: u64,
    /// Longest time of a question, in milliseconds.
    pub time_ms_max: u64,
    /// Most memory of one question, in bytes, as DataFusion's operators account for it.
    pub memory_bytes_max: usize,
    /// The classes that have views.
    pub classes: Vec<Class>,
    /// The secret under which personal values become tokens.
    pub mask_key: [u8; MASK_KEY_BYTES],
    /// Gives the lake at a moment.
    pub snapshots: Arc<dyn Snapshots>,
    /// Computes `event` and `unmapped`; both are null without.
    pub derive: Option<Arc<dyn Derive>>,
    /// The time, for `now()`.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub telemetry: Telemetry,
}

impl Options {
    /// The usual bounds over `snapshots`: half of the cores, four questions at once, 256 MiB each.
    pub fn new(snapshots: Arc<dyn Snapshots>, clock: Arc<dyn Clock>, mask_key: [u8; MASK_KEY_BYTES]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            threads: (cores / 2).max(1),
            yields: true,
            concurrent_max: 4,
            waiting_max: 16,
            wait_ms_max: 5_000,
            rows_max: 1_000_000,
            time_ms_max: 60_000,
            memory_bytes_max: 256 << 20,
            classes: Vec::new(),
            mask_key,
            snapshots,
            derive: None,
            clock,
            telemetry: Telemetry::default(),
        }
    }
}

/// Answers questions over the lake's snapshots.
pub struct SqlEngine {
    shared: Arc<Shared>,
    running: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    bounds: EngineBounds,
    /// Taken when the engine is dropped: a runtime must not be waited for on a thread of another.
    runtime: Option<Runtime>,
}

#[derive(Debug, Clone, Copy)]
struct EngineBounds {
    concurrent_max: usize,
    waiting_max: usize,
    wait_ms_max: u64,
    rows_max: u64,
    time_ms_max: u64,
}

/// What every question uses.
struct Shared {
    snapshots: Arc<dyn Snapshots>,
    workshop: Arc<Workshop>,
    footers: Arc<Footers>,
    clock: Arc<dyn Clock>,
    telemetry: Telemetry,
    partitions: usize,
    memory_bytes_max: usize,
}

impl fmt::Debug for SqlEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlEngine").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl Drop for SqlEngine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl SqlEngine {
    /// Starts the threads.
    ///
    /// # Errors
    /// The operating system's, when it gives no threads.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let (threads, yields) = (options.threads.max(1), options.yields);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("query")
            .thread_stack_size(STACK_BYTES)
            .on_thread_start(move || yields.then(yield_to_others).unwrap_or_default())
            .enable_time()
            .build()?;
        let workshop = Workshop {
            masker: Masker::new(&options.mask_key),
            classes: options.classes,
            derive: options.derive,
        };
        let shared = Shared {
            snapshots: options.snapshots,
            workshop: Arc::new(workshop),
            footers: Arc::default(),
            clock: options.clock,
            telemetry: options.telemetry,
            partitions: threads,
            memory_bytes_max: options.memory_bytes_max,
        };
        let bounds = EngineBounds {
            concurrent_max: options.concurrent_max.max(1),
            waiting_max: options.waiting_max,
            wait_ms_max: options.wait_ms_max,
            rows_max: options.rows_max,
            time_ms_max: options.time_ms_max,
        };
        Ok(Self {
            shared: Arc::new(shared),
            running: Arc::new(Semaphore::new(bounds.concurrent_max)),
            waiting: Arc::default(),
            bounds,
            runtime: Some(runtime),
        })
    }

    /// Waits for one's turn.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let too_many = QueryError::TooMany {
            running: u32::try_from(self.bounds.concurrent_max).unwrap_or(u32::MAX),
            retry_after_ms: RETRY_AFTER_MS,
        };
        let _waiting = Waiting::enter(&self.waiting, self.bounds.waiting_max).ok_or(too_many.clone())?;
        let wait = Duration::from_millis(self.bounds.wait_ms_max);
        match tokio::time::timeout(wait, Arc::clone(&self.running).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(too_many),
        }
    }
}

/// Makes the calling thread take only what others leave of a processor (nice 19): a question can wait, and what a
/// sender sends cannot.
fn yield_to_others() {
    if let Err(error) = ThreadPriority::Min.set_for_current() {
        tracing::warn!(?error, "queries run at the priority of ingestion");
    }
}

/// A place among those that wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let entered =
            waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < max).then(|| now + 1));
        entered.ok().map(|_| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a question's task says to its reader; `None` is the end.
type Message = Result<Option<Bytes>, QueryError>;

/// When a question must have its answer, or need not any more.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    send: mpsc::WeakSender<Message>,
}

impl Deadline {
    /// Whether there is no use in going on.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.at || self.send.upgrade().is_none_or(|send| send.is_closed())
    }
}

/// Ends the task when the answer is dropped.
struct StopOnDrop(AbortHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait]
impl Query for SqlEngine {
    async fn ask(&self, reader: &Reader, mut question: Question) -> Result<Chunks, QueryError> {
        let telemetry = &self.shared.telemetry;
        let turn = self.turn().await.inspect_err(|error| telemetry.count(outcome_of(error)))?;
        let bounds = &mut question.bounds;
        bounds.rows_max = bounds.rows_max.min(self.bounds.rows_max);
        bounds.time_ms_max = bounds.time_ms_max.min(self.bounds.time_ms_max);
        let time_ms_max = bounds.time_ms_max;
        let deadline = Instant::now() + Duration::from_millis(time_ms_max);
        let (send, mut receive) = mpsc::channel::<Message>(CHUNKS_WAITING_MAX);
        let Some(runtime) = &self.runtime else {
            return Err(QueryError::Failed("the engine has ended".into()));
        };
        let task =
            runtime.spawn(answer(Arc::clone(&self.shared), reader.clone(), question, deadline, send, turn));
        let stop = StopOnDrop(task.abort_handle());
        let first = next(&mut receive, deadline, time_ms_max).await?;
        let rest = futures::stream::unfold(Some((receive, stop)), move |state| async move {
            let (mut receive, stop) = state?;
            match next(&mut receive, deadline, time_ms_max).await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some((receive, stop)))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        match first {
            Some(bytes) => Ok(Box::pin(futures::stream::iter([Ok(bytes)]).chain(rest))),
            None => Ok(Box::pin(futures::stream::empty())),
        }
    }
}

/// The next message. The reader keeps the time, too: a task that does not yield cannot.
async fn next(receive: &mut mpsc::Receiver<Message>, deadline: Instant, time_ms_max: u64) -> Message {
    match timeout_at(deadline, receive.recv()).await {
        Ok(Some(message)) => message,
        Ok(None) => Err(QueryError::Failed("the query ended before its answer did".into())),
        Err(_) => Err(QueryError::TooSlow { time_ms_max }),
    }
}

/// Counts a question when it ends, however it ends.
struct Account {
    telemetry: Telemetry,
    bytes_read: Arc<AtomicU64>,
    began: Instant,
    outcome: &'static str,
}

impl Account {
    fn open(telemetry: &Telemetry) -> Self {
        telemetry.running.inc();
        let bytes_read = Arc::default();
        Self { telemetry: telemetry.clone(), bytes_read, began: Instant::now(), outcome: "dropped" }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.telemetry.running.dec();
        self.telemetry.read_bytes.inc_by(self.bytes_read.load(Ordering::Relaxed));
        self.telemetry.duration_seconds.observe(self.began.elapsed().as_secs_f64());
        self.telemetry.count(self.outcome);
    }
}

impl Telemetry {
    fn count(&self, outcome: &'static str) {
        self.queries.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}

fn outcome_of(error: &QueryError) -> &'static str {
    match error {
        QueryError::Invalid(_) => "invalid",
        QueryError::Forbidden(_) => "forbidden",
        QueryError::TooSlow { .. } => "too_slow",
        QueryError::TooMuchMemory { .. } => "too_much_memory",
        QueryError::TooMany { .. } => "too_many",
        _ => "failed",
    }
}

/// The task of one question.
async fn answer(
    shared: Arc<Shared>,
    reader: Reader,
    question: Question,
    deadline: Instant,
    send: mpsc::Sender<Message>,
    turn: OwnedSemaphorePermit,
) {
    let mut account = Account::open(&shared.telemetry);
    let time_ms_max = question.bounds.time_ms_max;
    let bytes_read = Arc::clone(&account.bytes_read);
    let stop = Arc::new(Deadline { at: deadline, send: send.downgrade() });
    let work = produce(&shared, reader, question, bytes_read, &send, &stop);
    let mut ended = timeout_at(deadline, work).await.unwrap_or(Err(QueryError::TooSlow { time_ms_max }));
    if ended.is_err() && Instant::now() >= deadline {
        ended = Err(QueryError::TooSlow { time_ms_max });
    }
    account.outcome = match &ended {
        Ok(Heard::ToTheEnd) => "answered",
        Ok(Heard::NoLonger) => "dropped",
        Err(error) => outcome_of(error),
    };
    if let Err(QueryError::Failed(reason)) = &ended {
        tracing::error!(reason, "a query failed");
    }
    drop(account);
    drop(turn);
    // nobody listens any more if this fails
    let _ = send.send(ended.map(|_| None)).await;
}

/// Whether an answer found its reader.
enum Heard {
    ToTheEnd,
    NoLonger,
}

async fn produce(
    shared: &Shared,
    reader: Reader,
    question: Question,
    bytes_read: Arc<AtomicU64>,
    send: &mpsc::Sender<Message>,
    stop: &Arc<Deadline>,
) -> Result<Heard, QueryError> {
    let of = |error: DataFusionError| error::of(&error, shared.memory_bytes_max as u64);
    let mut rows = shared.rows(reader, &question, bytes_read, stop).await?;
    let mut left = question.bounds.rows_max;
    let mut writer = Writer::new(question.format, &rows.schema()).map_err(of)?;
    let mut truncated = false;
    let mut ready = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch: RecordBatch = batch.map_err(of)?;
        let taken = batch.num_rows().min(usize::try_from(left).unwrap_or(usize::MAX));
        truncated |= taken < batch.num_rows();
        left -= taken as u64;
        for slice in slices(&batch, taken) {
            writer.write(&slice, &mut |chunk| ready.push(chunk)).map_err(of)?;
            for chunk in ready.drain(..) {
                if send.send(Ok(Some(chunk))).await.is_err() {
                    return Ok(Heard::NoLonger);
                }
            }
        }
        if truncated {
            break;
        }
    }
    let last = writer.finish(truncated).map_err(of)?;
    Ok(if send.send(Ok(Some(last))).await.is_ok() { Heard::ToTheEnd } else { Heard::NoLonger })
}

/// Rows that are written at once, so that an answer's bytes wait in memory by the piece.
const SLICE_ROWS: usize = 256;

fn slices(batch: &RecordBatch, rows: usize) -> impl Iterator<Item = RecordBatch> {
    (0..rows).step_by(SLICE_ROWS).map(move |from| batch.slice(from, SLICE_ROWS.min(rows - from)))
}

impl Shared {
    /// Plans a question and begins it.
    async fn rows(
        &self,
        reader: Reader,
        question: &Question,
        bytes_read: Arc<AtomicU64>,
        deadline: &Arc<Deadline>,
    ) -> Result<SendableRecordBatchStream, QueryError> {
        let statement = check::statement(&question.sql, &question.parameters)?;
        let of = |error: DataFusionError| error::of(&error, self.memory_bytes_max as u64);
        let snapshot = Arc::new(self.snapshots.snapshot());
        let files = SnapshotFiles::new(Arc::clone(&snapshot), Arc::clone(&self.footers), bytes_read);
        let view = View::new(reader, snapshot, Arc::new(files), Arc::clone(&self.workshop));
        let names = Names::new(Arc::new(view));
        let state = session::session(names, self.partitions, self.memory_bytes_max, self.clock.now_ms());
        let state = state.map_err(of)?;
        let read_only =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let logical = state.statement_to_plan(statement).await.map_err(of)?;
        read_only.verify_plan(&logical).map_err(|error| QueryError::Forbidden(error::first_line(&error)))?;
        // one more than asked for, to know whether there are more
        let rows = usize::try_from(question.bounds.rows_max.saturating_add(1)).ok();
        let limited: PlanResult<_> =
            LogicalPlanBuilder::from(logical).limit(0, rows).and_then(|plan| plan.build());
        let optimized = state.optimize(&limited.map_err(of)?).map_err(of)?;
        plan::check(&optimized)?;
        let physical = state.query_planner().create_physical_plan(&optimized, &state).await.map_err(of)?;
        let physical = stop::interruptible(physical, deadline).map_err(of)?;
        execute_stream(physical, state.task_ctx()).map_err(of)
    }
}
