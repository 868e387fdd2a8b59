//! `kill -9` while reports come in: what was acknowledged is there, once, and on the log, once by its derived id.

use crate::kit::{options, reports_on, submission};
use model::{EventId, Reporter, SystemClock};
use ports::store::{PageRequest, ReportFilter};
use report::{Publisher, SOURCE, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const KILLS: u64 = 24;
const SUBMITTERS: usize = 16;
const DIR_VARIABLE: &str = "HUECRY_TEST_REPORTS_DIR";
const SEED_VARIABLE: &str = "HUECRY_TEST_REPORTS_SEED";

/// Not a test by itself: what the parent below starts and kills.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let seed = std::env::var(SEED_VARIABLE).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let entropy = Arc::new(model::SeededEntropy::new(seed));
        let service = Service::new(options(Path::new(&dir), Arc::new(SystemClock), entropy).await);
        let intake = service.intake();
        for _ in 0..SUBMITTERS {
            let intake = Arc::clone(&intake);
            tokio::spawn(async move {
                loop {
                    let filed = intake.submit(submission(Reporter::Anonymous)).await.unwrap();
                    let line = format!("ACKNOWLEDGED {}\n", filed.report.id);
                    if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
                        return; // the parent is gone
                    }
                }
            });
        }
        service.run(CancellationToken::new()).await;
    });
}

/// What the child acknowledged until it was killed.
fn run_and_kill(dir: &Path, seed: u64, acknowledged_before_kill: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .env(SEED_VARIABLE, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut acknowledged, mut killed, mut line) = (Vec::new(), false, String::new());
    loop {
        if acknowledged.len() as u64 >= acknowledged_before_kill && !killed {
            child.kill().unwrap(); // SIGKILL; what is in the pipe by then was acknowledged too
            killed = true;
        }
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        if let Some((_, id)) = line.trim_end().split_once("ACKNOWLEDGED ") {
            acknowledged.push(id.to_owned());
        }
    }
    assert!(killed, "the child ended by itself");
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for kill in 0..KILLS {
        // some at once, some after several units
        let before = 1 + kill * 37 % 211;
        let (path, seed) = (dir.path().to_owned(), 1_000 + kill);
        let ran = tokio::task::spawn_blocking(move || run_and_kill(&path, seed, before)).await.unwrap();
        let count = ran.len();
        let before = acknowledged.len();
        acknowledged.extend(ran);
        assert_eq!(acknowledged.len(), before + count, "no id is acknowledged twice");
    }
    assert!(acknowledged.len() as u64 > 10 * KILLS, "only {} were acknowledged", acknowledged.len());
    let options = options(dir.path(), Arc::new(SystemClock), Arc::new(model::SeededEntropy::new(1))).await;
    let (store, log) = (Arc::clone(&options.publisher.store), Arc::clone(&options.publisher.log));
    let publisher = Publisher::new(options.publisher, Arc::new(Notify::new()));
    while publisher.step().await.unwrap().records > 0 {}
    let (mut stored, mut page) = (BTreeMap::new(), PageRequest::first(500));
    loop {
        let found =
            store.read().await.unwrap().reports().list(&ReportFilter::default(), &page).await.unwrap();
        for report in found.items {
            let again = stored.insert(report.id.to_string(), report.submit_record);
            assert_eq!(again, None, "{} is there twice", report.id);
        }
        let Some(next) = found.next else { break };
        page = PageRequest::after(500, next);
    }
    for id in &acknowledged {
        assert!(stored.contains_key(id), "{id} was acknowledged and is lost");
    }
    let mut view = store.read().await.unwrap();
    // so many alike look arranged: the watch may have told so
    let notices = view.notices().list().await.unwrap().len();
    let records = view.audit().count().await.unwrap() as usize;
    assert_eq!(records, stored.len() + notices, "one record each, and one for each notice");
    let on_log = reports_on(&*log).await;
    let events: BTreeSet<EventId> = on_log.iter().map(|id| EventId::of_source_id(SOURCE, id)).collect();
    let expected: BTreeSet<EventId> = stored.keys().map(|id| EventId::of_source_id(SOURCE, id)).collect();
    assert_eq!(events, expected, "each report is one event");
    println!(
        "{} acknowledged, {} stored, {} records on the log",
        acknowledged.len(),
        stored.len(),
        on_log.len()
    );
}
