//! What hostile questions do to ingestion: records per second into a lake, with and without them, in turns.

use crate::Failed;
use crate::ask::{ask, open, options};
use crate::fill::{Cost, Maker, feed};
use crate::hostile::{HOSTILE, TIME_MS_MAX};
use crate::process::{peak_mib, thread_seconds};
use crate::records;
use lake::sql::SqlEngine;
use lake::{FileLake, Options};
use model::Partition;
use ports::query::Format;
use ports::{Lake, LakeWriter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Clients that ask without a pause while a turn lasts.
const CLIENTS: usize = 100;
/// Events that are made ready before the clock starts, and fed again and again.
const EVENTS: usize = 40_000;

/// What one turn did.
struct Turn {
    events: u64,
    wall_s: f64,
    cpu_s: f64,
    waited_s: f64,
}

pub(crate) fn run(dir: &Path, seconds: u64, turns: u32) -> Result<(), Failed> {
    let asked = open(dir)?;
    let engine = Arc::new(SqlEngine::start(options(&asked))?);
    let events = Maker::new(records::acme(10_000_000))?.next(EVENTS);
    let fed = std::env::temp_dir().join(format!("huecry-lake-bench-{}", std::process::id()));
    let lake = FileLake::open(&Options::new(&fed))?;
    let mut writer = lake.writer(Partition(0))?;
    let (mut at, mut answers) = (0, 0);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for turn in 0..2 * turns {
        let is_hostile = turn % 2 == 1;
        let clients = is_hostile.then(|| Clients::start(&engine));
        let done = ingest(&lake, &mut *writer, &events, &mut at, Duration::from_secs(seconds))?;
        println!(
            "{:<8}{:>9.0} events/s, {:>6.2} us CPU an event, waited for a processor {:>4.1} % of the time",
            if is_hostile { "with" } else { "without" },
            done.events as f64 / done.wall_s,
            1e6 * done.cpu_s / done.events as f64,
            100.0 * done.waited_s / done.wall_s,
        );
        let turns = if is_hostile { &mut with } else { &mut without };
        turns.push(done);
        answers += clients.map_or(0, Clients::stop);
    }
    // the median: a merge of the fed lake falls into one turn or another
    let rate = |turns: &[Turn]| median(turns.iter().map(|turn| turn.events as f64 / turn.wall_s));
    let cpu = |turns: &[Turn]| median(turns.iter().map(|turn| turn.cpu_s / turn.events as f64));
    println!("rate with / without, of medians      {:.3}", rate(&with) / rate(&without));
    println!("CPU an event, the same            {:.3}", cpu(&with) / cpu(&without));
    println!("{answers} questions ended; peak memory {} MiB", peak_mib());
    lake.close()?;
    std::fs::remove_dir_all(fed)?;
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = values.len().saturating_sub(1) / 2;
    f64::midpoint(values[lower], values[upper])
}

fn ingest(
    lake: &FileLake,
    writer: &mut dyn LakeWriter,
    events: &[crate::fill::Ready],
    at: &mut u64,
    time: Duration,
) -> Result<Turn, Failed> {
    let (began, before, first) = (Instant::now(), thread_seconds(), *at);
    let mut cost = Cost::default();
    while began.elapsed() < time {
        *at = feed(lake, writer, events, *at, &mut cost)?;
        cost.maintain(lake, 0)?;
    }
    let after = thread_seconds();
    Ok(Turn {
        events: *at - first,
        wall_s: began.elapsed().as_secs_f64(),
        cpu_s: after[0] - before[0],
        waited_s: after[1] - before[1],
    })
}

/// A thread that plays a hundred clients.
struct Clients {
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Clients {
    fn start(engine: &Arc<SqlEngine>) -> Self {
        let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (engine, stopping, counted) = (Arc::clone(engine), Arc::clone(&stop), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            let clients = (0..CLIENTS).map(|number| client(&engine, number, &stopping, &counted));
            runtime.block_on(futures::future::join_all(clients));
        });
        Self { stop, ended, thread }
    }

    /// Says how many questions ended.
    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.ended.load(Ordering::Relaxed)
    }
}

/// Asks without a pause, and comes again when it is told to.
async fn client(engine: &SqlEngine, number: usize, stop: &AtomicBool, ended: &AtomicU64) {
    let (_, sql) = HOSTILE[number % HOSTILE.len()];
    while !stop.load(Ordering::Relaxed) {
        let end = ask(engine, sql, Format::Ndjson, true, TIME_MS_MAX).await;
        ended.fetch_add(1, Ordering::Relaxed);
        if let Err(ports::QueryError::TooMany { retry_after_ms, .. }) = end {
            tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
        }
    }
}
