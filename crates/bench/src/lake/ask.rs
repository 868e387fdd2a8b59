//! Asks a lake, and counts bytes read; the CPU seconds are those of the process.

use crate::Failed;
use crate::process::peak_mib;
use futures::StreamExt;
use lake::sql::{MASK_KEY_BYTES, Options, SqlEngine, Telemetry};
use lake::{FileLake, Snapshots};
use model::SystemClock;
use ports::query::{Bounds, Format, Question, Reader};
use ports::{Query, QueryError};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[derive(Deserialize)]
struct Asked {
    name: String,
    sql: String,
    times: u64,
}

/// A question may take as long as it takes here, in milliseconds.
const TIME_MS_MAX: u64 = 3_600_000;

/// The lake in a folder, opened as the product opens it.
pub(crate) fn open(dir: &Path) -> Result<Arc<FileLake>, Failed> {
    if !dir.is_dir() {
        return Err(format!("there is no lake in {}", dir.display()).into());
    }
    Ok(Arc::new(FileLake::open(&lake::Options::new(dir))?))
}

pub(crate) fn options(lake: &Arc<FileLake>) -> Options {
    let snapshots: Arc<dyn Snapshots> = Arc::clone(lake) as _;
    Options::new(snapshots, Arc::new(SystemClock), [1; MASK_KEY_BYTES])
}

/// Asks and reads the answer; gives its bytes.
pub(crate) async fn ask(
    engine: &SqlEngine,
    sql: &str,
    format: Format,
    personal: bool,
    time_ms_max: u64,
) -> Result<Vec<u8>, QueryError> {
    let bounds = Bounds { rows_max: u64::MAX, time_ms_max };
    let question = Question { sql: sql.into(), parameters: vec![], format, bounds };
    let reader = Reader { personal, regions: None, sources: None };
    let mut chunks = engine.ask(&reader, question).await?;
    let mut out = Vec::new();
    while let Some(chunk) = chunks.next().await {
        out.extend_from_slice(&chunk?);
    }
    Ok(out)
}

pub(crate) fn run(dir: &Path, questions: &Path, masked: bool) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lake = open(dir)?;
    let questions: Vec<Asked> = serde_json::from_slice(&std::fs::read(questions)?)?;
    for asked in questions {
        let telemetry = Telemetry::default();
        // a new engine for each, so that no footer is known yet the first time
        let options = Options { telemetry: telemetry.clone(), time_ms_max: TIME_MS_MAX, ..options(&lake) };
        let engine = SqlEngine::start(options)?;
        let mut runs = Vec::new();
        for _ in 0..asked.times.max(1) {
            let (began, read) = (Instant::now(), telemetry.read_bytes.get());
            let work = ask(&engine, &asked.sql, Format::Json, !masked, TIME_MS_MAX);
            let answer = runtime.block_on(work)?;
            let wall_s = began.elapsed().as_secs_f64();
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            let rows = answer["rows"].as_array().map_or(0, Vec::len);
            let read_bytes = telemetry.read_bytes.get() - read;
            runs.push(json!({ "rows": rows, "wall_s": wall_s, "read_bytes": read_bytes }));
        }
        println!("{}", json!({ "name": asked.name, "runs": runs, "peak_mib": peak_mib() }));
    }
    Ok(())
}
