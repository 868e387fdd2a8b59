//! How many reports a second are taken in, durably, on a real SQLite file: 64 who send one after the other, for 10 s.
//!
//! `cargo run --profile demo --workspace --example report_rate [SECONDS [FOLDER]]`
//!
//! Everything runs that runs in the product but HTTP: forms, masking, rates, the group commit, the publisher to a real log,
//! the watch for rings.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use backends::blobs::FileBlobs;
use backends::log::{FileLog, Options as LogOptions};
use backends::sqlite::SqliteStore;
use huecry::reports::Masking;
use model::{Channel, Clock, Entropy, Principal, ReportContext, Reporter, SeededEntropy, SystemClock};
use ports::{Log, Store};
use report::form::Forms;
use report::policy::Policy;
use report::provenance::Credential;
use report::{
    DeskOptions, Feed, IntakeOptions, Options, PublisherOptions, ReceiptKey, Service, Submission, Telemetry,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const SUBMITTERS: usize = 64;

async fn service(dir: &Path) -> Service {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
        (Arc::new(SystemClock), Arc::new(SeededEntropy::new(SystemClock.now_ms() as u64)));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_path(&dir.join("huecry.db")).await.unwrap());
    let log: Arc<dyn Log> =
        Arc::new(FileLog::open(&LogOptions::new(dir.join("log")), Arc::clone(&entropy)).unwrap());
    let (forms, mask, telemetry) =
        (Arc::new(Forms::shipped().unwrap()), Arc::new(Masking::shipped().unwrap()), Telemetry::default());
    Service::new(Options {
        intake: IntakeOptions {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            mask: Arc::clone(&mask) as _,
            forms: Arc::clone(&forms),
            receipt_key: ReceiptKey([1; 32]),
            update_due_ms: 1,
            telemetry: telemetry.clone(),
        },
        desk: DeskOptions {
            store: Arc::clone(&store),
            blobs: Arc::new(FileBlobs::open(dir.join("blobs")).unwrap()),
            clock: Arc::clone(&clock),
            entropy,
            mask,
            forms: Arc::clone(&forms),
            policy: Arc::new(Policy::shipped().unwrap()),
            update_due_ms: 1,
            appeal_due_ms: 1,
            digest_k: 5,
            attachment_bytes_max: 1,
            guest_bytes_max: 1 << 30,
            accept_by_automation: true,
            feed: Feed::default(),
            telemetry: telemetry.clone(),
        },
        publisher: PublisherOptions { log, store, clock, forms, telemetry },
    })
}

fn submission(number: u64) -> Submission {
    let text = format!(
        "the build {number} of checkout pushed an image that nobody had asked for, \
         from a branch of jane.quendel{number}@corp.example's fork at 81.2.69.142, as the log says"
    );
    let fields =
        [("what_happened".to_owned(), text.into()), ("repository".to_owned(), "acme/checkout".into())];
    Submission {
        form: "suspicious-ci".to_owned(),
        service: Some(format!("service-{}", number % 200)),
        title: None,
        fields: fields.into_iter().collect(),
        context: ReportContext::default(),
        signed_commit: None,
        reporter: Reporter::Anonymous,
        principal: Principal::Guest,
        credential: Credential::None,
        channel: Channel::Web,
        address: None,
        request_id: None,
        related: None,
        client_masked: 0,
        region: "default".to_owned(),
        once: None,
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(10, |seconds| seconds.parse().unwrap());
    let dir = tempfile::tempdir_in(arguments.next().unwrap_or_else(|| ".".to_owned())).unwrap();
    let (service, shutdown) = (service(dir.path()).await, CancellationToken::new());
    let intake = service.intake();
    let running = tokio::spawn(service.run(shutdown.clone()));
    let (taken, number) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (begun, end) = (Instant::now(), Instant::now() + Duration::from_secs(seconds));
    let submitters: Vec<_> = (0..SUBMITTERS)
        .map(|_| {
            let (intake, taken, number) = (Arc::clone(&intake), Arc::clone(&taken), Arc::clone(&number));
            tokio::spawn(async move {
                let mut waits_us = Vec::new();
                while Instant::now() < end {
                    let sent = Instant::now();
                    intake.submit(submission(number.fetch_add(1, Ordering::Relaxed))).await.unwrap();
                    waits_us.push(sent.elapsed().as_micros() as u64);
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                waits_us
            })
        })
        .collect();
    let mut waits_us = Vec::new();
    for submitter in submitters {
        waits_us.extend(submitter.await.unwrap());
    }
    let took_s = begun.elapsed().as_secs_f64();
    waits_us.sort_unstable();
    let at = |share: f64| waits_us[((waits_us.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let taken = taken.load(Ordering::Relaxed);
    println!(
        "{SUBMITTERS} submitters, {took_s:.1} s: {taken} reports, {:.0} reports/s held; wait p50 {:.1} ms, p99 {:.1} ms",
        taken as f64 / took_s,
        at(0.5),
        at(0.99),
    );
    shutdown.cancel();
    running.await.unwrap();
}
