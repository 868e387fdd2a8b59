//! The process whose disk loses power: it works on a store as the product does and says what is held.

use super::trace::HELD;
use huecry_backends::sqlite::SqliteStore;
use model::{Finding, Severity};
use ports::Store;
use ports::store::NewReport;
use ports::store::conformance::{Bench, new_report};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub(super) const DIR_VARIABLE: &str = "HUECRY_TEST_POWER_DIR";
pub(super) const LIFE_VARIABLE: &str = "HUECRY_TEST_POWER_LIFE";
pub(super) const SYNC_VARIABLE: &str = "HUECRY_TEST_POWER_SYNC";
/// How this test is named for the runner.
pub(super) const NAME: &str = "power_cut::child::child";

/// Where the store is; its folder is not there at first.
pub(super) const STORE: &str = "state/huecry.db";
/// Units of one life, which [`WRITERS`] share.
pub(super) const UNITS_PER_LIFE: u64 = 40;
const WRITERS: u64 = 4;
/// After so many the store is closed and opened again. The others fill more than the 1,000 pages of 4 KiB at which SQLite
/// moves the write-ahead log into the file.
const UNITS_BEFORE_CLOSING: u64 = 10;
/// This one, of the third life, alone is longer than that.
const LARGE_UNIT: u64 = 2 * UNITS_PER_LIFE + 21;
const LARGE_BYTES: usize = 4_300_000;

/// How many reports belong to `unit`.
pub(super) const fn reports_of(unit: u64) -> u64 {
    2 + unit * 7 % 5
}

/// Whether `unit` also opens an incident.
pub(super) const fn opens_incident(unit: u64) -> bool {
    unit % 4 == 1
}

/// Not a test by itself: what the parent starts under strace.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let life: u64 = std::env::var(LIFE_VARIABLE).unwrap().parse().unwrap();
    let path = Path::new(&dir).join(STORE);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(&path).await;
        work(Arc::clone(&store), life, 0..UNITS_BEFORE_CLOSING).await;
        store.close().await;
        let store = open(&path).await;
        work(Arc::clone(&store), life, UNITS_BEFORE_CLOSING..UNITS_PER_LIFE).await;
        if life % 2 == 1 {
            store.close().await;
        }
    });
}

/// The product's store; or one that syncs less, so that the test is seen to find what that loses.
async fn open(path: &Path) -> Arc<SqliteStore> {
    let store = SqliteStore::open_path(path).await.unwrap();
    let less = match std::env::var(SYNC_VARIABLE).as_deref() {
        Ok("NORMAL") => "PRAGMA synchronous = NORMAL",
        Ok("OFF") => "PRAGMA synchronous = OFF",
        _ => return Arc::new(store),
    };
    sqlx::query(less).execute(store.writer()).await.unwrap();
    Arc::new(store)
}

async fn work(store: Arc<SqliteStore>, life: u64, units: std::ops::Range<u64>) {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, units) = (Arc::clone(&store), units.clone());
            tokio::spawn(async move {
                for unit in units.filter(|unit| unit % WRITERS == writer) {
                    hold(&store, life * UNITS_PER_LIFE + unit).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Commits a unit whose rows belong together, acknowledges it, and reads beside the other writers.
async fn hold(store: &SqliteStore, unit: u64) {
    let bench = Bench::new(1 + unit);
    let reports: Vec<NewReport> = (0..reports_of(unit)).map(|part| report(&bench, unit, part)).collect();
    let mut work = store.begin().await.unwrap();
    work.reports().submit(&reports).await.unwrap();
    if opens_incident(unit) {
        bench.open(&mut *work, &finding(&bench, unit)).await;
    }
    work.commit().await.unwrap();
    std::io::stdout().lock().write_all(format!("{HELD}{unit}\n").as_bytes()).unwrap();
    let mut view = store.read().await.unwrap();
    assert!(view.reports().get(reports[0].report.id).await.unwrap().is_some());
}

fn report(bench: &Bench, unit: u64, part: u64) -> NewReport {
    let mut new = new_report(bench, part as u8);
    new.report.title = format!("{unit}/{part}");
    new.report.text = format!("{unit}/{part} ").repeat(1 + (unit * 131 + part * 17) as usize % 1_200);
    new.report.receipt_sha256[..8].copy_from_slice(&unit.to_le_bytes());
    new
}

fn finding(bench: &Bench, unit: u64) -> Finding {
    let mut finding = bench.finding(unit, &format!("unit-{unit}"), 1, Severity::Medium);
    if unit == LARGE_UNIT {
        finding.event = serde_json::json!({ "text": "x".repeat(LARGE_BYTES) });
    }
    finding
}
