//! Reports on a real store and a real log, with a mask that knows addresses of e-mail only.

use backends::blobs::FileBlobs;
use backends::log::{FileLog, Options as LogOptions};
use backends::sqlite::SqliteStore;
use model::{
    Channel, Clock, Entropy, ManualClock, Partition, PersonId, Principal, RawRecord, ReportContext, ReportId,
    Reporter, SeededEntropy, TokenId, Topic, Ulid,
};
use ports::store::conformance::Bench;
use ports::store::{Person, Token, TokenKind, UnitOfWork};
use ports::{Blobs, Log, Mask, MaskRefused, Masked, Store};
use prometheus_client::registry::Registry;
use report::form::Forms;
use report::policy::Policy;
use report::provenance::Credential;
use report::{
    Actor, Backlog, DecisionRequest, DeskOptions, Feed, Filed, Intake, IntakeOptions, Options, Publisher,
    PublisherOptions, ReceiptKey, ReportDesk, Service, Submission, Telemetry,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) const NOW_MS: i64 = 1_790_000_000_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Masks words with an `@`.
pub(crate) struct AtMask;

impl Mask for AtMask {
    fn mask(&self, text: &str) -> Result<Masked, MaskRefused> {
        let mut masked = Masked::default();
        for (place, word) in text.split(' ').enumerate() {
            if place > 0 {
                masked.text.push(' ');
            }
            if word.contains('@') {
                masked.count += 1;
                masked.text.push_str("[email 1]");
            } else {
                masked.text.push_str(word);
            }
        }
        masked.kinds.extend((masked.count > 0).then(|| "email".to_owned()));
        Ok(masked)
    }
}

pub(crate) struct Kit {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) desk: ReportDesk,
    options: Options,
    shutdown: CancellationToken,
}

pub(crate) fn state_file(dir: &Path) -> PathBuf {
    dir.join("state/huecry.db")
}

/// What the service works with, in that folder.
pub(crate) async fn options(dir: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Options {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_path(&state_file(dir)).await.unwrap());
    let log: Arc<dyn Log> =
        Arc::new(FileLog::open(&LogOptions::new(dir.join("log")), Arc::clone(&entropy)).unwrap());
    let blobs: Arc<dyn Blobs> = Arc::new(FileBlobs::open(dir.join("blobs")).unwrap());
    let (mask, forms): (Arc<dyn Mask>, _) = (Arc::new(AtMask), Arc::new(Forms::shipped().unwrap()));
    let telemetry = Telemetry::default();
    Options {
        intake: IntakeOptions {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            mask: Arc::clone(&mask),
            forms: Arc::clone(&forms),
            receipt_key: ReceiptKey([7; 32]),
            update_due_ms: 3 * DAY_MS,
            telemetry: telemetry.clone(),
        },
        desk: DeskOptions {
            store: Arc::clone(&store),
            blobs,
            clock: Arc::clone(&clock),
            entropy,
            mask,
            forms: Arc::clone(&forms),
            policy: Arc::new(Policy::shipped().unwrap()),
            update_due_ms: 3 * DAY_MS,
            appeal_due_ms: 7 * DAY_MS,
            digest_k: 3,
            attachment_bytes_max: 1 << 20,
            guest_bytes_max: 1 << 30,
            accept_by_automation: true,
            feed: Feed::default(),
            telemetry: telemetry.clone(),
        },
        publisher: PublisherOptions { log, store, clock, forms, telemetry },
    }
}

impl Kit {
    /// An empty store and log; reports are taken in, and published when [`publisher`](Self::publisher) is asked to.
    pub(crate) async fn new() -> Self {
        Self::begun(false).await
    }

    /// The same, with everything running by itself.
    pub(crate) async fn running() -> Self {
        Self::begun(true).await
    }

    async fn begun(whole: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let options = options(dir.path(), Arc::clone(&clock) as _, Arc::new(SeededEntropy::new(5))).await;
        let service = Service::new(options.clone());
        let (intake, desk, shutdown) = (service.intake(), service.desk(), CancellationToken::new());
        if whole {
            tokio::spawn(service.run(shutdown.clone()));
        } else {
            tokio::spawn(service.run_intake(shutdown.clone()));
        }
        let (store, log) = (Arc::clone(&options.publisher.store), Arc::clone(&options.publisher.log));
        Self { dir, clock, store, log, intake, desk, options, shutdown }
    }

    /// Starts everything once more, as after a restart.
    pub(crate) fn start_whole(&self) {
        tokio::spawn(Service::new(self.options.clone()).run(self.shutdown.clone()));
    }

    pub(crate) fn publisher(&self) -> Publisher {
        Publisher::new(self.options.publisher.clone(), Arc::new(Notify::new()))
    }

    pub(crate) fn publisher_on(&self, log: Arc<dyn Log>, store: Arc<dyn Store>) -> Publisher {
        let options = PublisherOptions { log, store, ..self.options.publisher.clone() };
        Publisher::new(options, Arc::new(Notify::new()))
    }

    /// What waits for people, counted now; as it stands in the metrics.
    pub(crate) async fn counted(&self, gauge: &str) -> i64 {
        let PublisherOptions { store, clock, telemetry, .. } = &self.options.publisher;
        Backlog::new(Arc::clone(store), Arc::clone(clock), telemetry.clone()).count().await.unwrap();
        self.metric(gauge)
    }

    /// A metric's value.
    pub(crate) fn metric(&self, name: &str) -> i64 {
        let (mut registry, mut text) = (Registry::default(), String::new());
        self.options.publisher.telemetry.register(&mut registry);
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    pub(crate) async fn submit(&self, reporter: Reporter) -> Filed {
        self.intake.submit(submission(reporter)).await.unwrap()
    }

    /// The decision on the report as it is now.
    pub(crate) async fn request(&self, id: ReportId, kind: model::DecisionKind, by: &str) -> DecisionRequest {
        let report = self.report(id).await;
        DecisionRequest {
            actor: person(by),
            report: id,
            version: report.version,
            kind,
            incident: None,
            severity: None,
            reason: None,
            note: "thank you".to_owned(),
            lesson: None,
            template: None,
        }
    }

    pub(crate) async fn report(&self, id: ReportId) -> model::Report {
        self.store.read().await.unwrap().reports().get(id).await.unwrap().unwrap()
    }

    pub(crate) fn blobs(&self) -> &dyn Blobs {
        &*self.options.desk.blobs
    }

    pub(crate) async fn unit(&self) -> Box<dyn UnitOfWork> {
        self.store.begin().await.unwrap()
    }

    pub(crate) async fn ledger(&self, id: ReportId) -> Vec<model::LedgerEntry> {
        self.store.read().await.unwrap().ledger().of_report(id).await.unwrap()
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Somebody of that name; the same name is the same person.
pub(crate) fn person_id(name: &str) -> PersonId {
    PersonId(Ulid(name.bytes().fold(1, |id, byte| id << 8 | u128::from(byte))))
}

pub(crate) fn person(name: &str) -> Actor {
    let principal = Principal::Person { id: person_id(name).to_string(), name: name.to_owned() };
    Actor { principal, origin: Some("192.0.2.7".to_owned()), request_id: None }
}

pub(crate) fn reporter(name: &str) -> Reporter {
    Reporter::Person { id: person_id(name) }
}

/// Somebody of that name, known to the store, who acts by a token of theirs.
pub(crate) async fn by_token_of(kit: &Kit, name: &str) -> Actor {
    let token = Token {
        id: TokenId(Ulid(77)),
        secret_sha256: [1; 32],
        kind: TokenKind::Api,
        name: format!("{name}'s laptop"),
        scopes: vec!["reports:moderate".to_owned()],
        source: None,
        person: Some(person_id(name)),
        region: "default".to_owned(),
        created_at_ms: 1,
        expires_at_ms: None,
        revoked_at_ms: None,
        last_used_at_ms: None,
    };
    let stored = Person {
        id: person_id(name),
        name: name.to_owned(),
        email: None,
        roles: Vec::new(),
        teams: Vec::new(),
        services: Vec::new(),
        disabled: false,
        identity: None,
        region: "default".to_owned(),
        created_at_ms: 1,
        updated_at_ms: 1,
        signed_in_at_ms: None,
        left_at_ms: None,
        version: 1,
    };
    let mut unit = kit.unit().await;
    unit.people().add(&stored, &Bench::new(1).audit(stored.id)).await.unwrap();
    unit.tokens().add(&token, &Bench::new(2).audit(token.id)).await.unwrap();
    unit.commit().await.unwrap();
    let principal = Principal::Token { id: token.id.to_string(), name: token.name };
    Actor { principal, origin: None, request_id: None }
}

/// A report as a form sends it.
pub(crate) fn submission(reporter: Reporter) -> Submission {
    let fields = json!({ "what_happened": "the build of checkout pushed an image that nobody had asked for",
        "repository": "acme/checkout" });
    let named = reporter != Reporter::Anonymous;
    Submission {
        form: "suspicious-ci".to_owned(),
        service: Some("checkout".to_owned()),
        title: None,
        fields: fields.as_object().unwrap().clone(),
        context: ReportContext::default(),
        signed_commit: None,
        principal: Principal::Person { id: "per_x".to_owned(), name: "Rita".to_owned() },
        reporter,
        credential: if named { Credential::Session { sso: true } } else { Credential::None },
        channel: Channel::Web,
        address: None,
        request_id: None,
        related: None,
        client_masked: 1,
        region: "default".to_owned(),
        once: None,
    }
}

/// Every record of a topic, in the order of partitions and offsets.
pub(crate) async fn records(log: &dyn Log, topic: Topic) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for partition in (0..log.partitions(topic)).map(Partition) {
        let mut next = log.bounds(topic, partition).await.unwrap().start;
        loop {
            let read = log.read(topic, partition, next, 1 << 20).await.unwrap();
            if read.is_empty() {
                break;
            }
            all.extend(read.iter().map(|(_, record)| record.to_vec()));
            next = read.next();
        }
    }
    all
}

/// The reports on the log, by id, as often as they are there.
pub(crate) async fn reports_on(log: &dyn Log) -> Vec<String> {
    let raw = records(log, Topic::Raw).await;
    raw.iter().map(|record| RawRecord::decode(record).unwrap().delivery_id.unwrap().to_owned()).collect()
}
