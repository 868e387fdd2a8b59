//! What people report in a world whose power goes: the real intake, desk and publisher on its log and its store, and
//! what must be true of every report that was acknowledged.
//!
//! A cut ends everything of reports wherever it is: half a transaction, half an append, an answer that nobody hears.

use audit::Prover;
use audit::tree::inclusion_root;
use backends::blobs::FileBlobs;
use disk::simulated::Dice;
use huecry::reports::Masking;
use model::{
    Channel, Clock, DecisionKind, Entropy, PersonId, Principal, RawRecord, Report, ReportContext, ReportId,
    Reporter, SystemClock, Ulid,
};
use ports::store::{OnceKey, PageRequest, Recorded, ReportFilter, Snapshot};
use ports::{Log, Store};
use report::form::Forms;
use report::policy::Policy;
use report::provenance::Credential;
use report::{
    Actor, DecisionRequest, DeskOptions, Feed, Filed, Intake, IntakeError, IntakeOptions, Options,
    PublisherOptions, ReceiptKey, ReportDesk, Service, Submission, Telemetry,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const DAY_MS: i64 = 86_400_000;
/// Services that are reported on, so that reports go to every partition.
const SERVICES: u64 = 7;
/// Every so-many-th report is sent without a key: it cannot be sent again.
const KEYLESS_EVERY: u64 = 4;

/// What a sender was told.
struct Receipt {
    /// Of the secret that they hold.
    secret_sha256: [u8; 32],
    /// Where the record stands; not told again of a report that was sent twice.
    recorded: Option<Recorded>,
}

/// Everybody who reports, through all lives of the process.
pub(crate) struct Reporters {
    seed: u64,
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    forms: Arc<Forms>,
    policy: Arc<Policy>,
    mask: Arc<Masking>,
    blobs: PathBuf,
    /// Numbers that were sent; each is one report, however often it was sent.
    tried: u64,
    /// Numbers with a key whose sender heard nothing.
    unanswered: Vec<u64>,
    acknowledged: BTreeMap<u64, ReportId>,
    receipts: BTreeMap<ReportId, Receipt>,
    /// Acknowledged since the last check.
    fresh: Vec<ReportId>,
    /// Those whose acceptance was acknowledged.
    accepted: BTreeSet<ReportId>,
    /// How many answers were cut off.
    pub(crate) cut_off: u64,
    /// How many were sent twice and found to be there.
    pub(crate) repeated: u64,
}

/// What takes reports in, in one life of the process.
pub(crate) struct Desk {
    intake: Arc<Intake>,
    desk: ReportDesk,
    work: JoinSet<()>,
    /// Senders who wait for their answer.
    senders: JoinSet<(u64, Result<Filed, IntakeError>)>,
}

impl Reporters {
    pub(crate) fn new(
        seed: u64,
        store: &Arc<dyn Store>,
        entropy: &Arc<dyn Entropy>,
        home: &std::path::Path,
    ) -> Self {
        Self {
            seed,
            store: Arc::clone(store),
            entropy: Arc::clone(entropy),
            forms: Arc::new(Forms::shipped().unwrap()),
            policy: Arc::new(Policy::shipped().unwrap()),
            mask: Arc::new(Masking::shipped().unwrap()),
            blobs: home.join("blobs"),
            tried: 0,
            unanswered: Vec::new(),
            acknowledged: BTreeMap::new(),
            receipts: BTreeMap::new(),
            fresh: Vec::new(),
            accepted: BTreeSet::new(),
            cut_off: 0,
            repeated: 0,
        }
    }

    /// How many reports were acknowledged, and how many acceptances.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.acknowledged.len(), self.accepted.len())
    }

    /// Starts all that takes reports in; who heard nothing before sends again.
    pub(crate) fn start(&mut self, log: &Arc<dyn Log>) -> Desk {
        let service = Service::new(self.options(log));
        let (intake, desk) = (service.intake(), service.desk());
        let mut work = JoinSet::new();
        work.spawn(service.run(CancellationToken::new()));
        let mut desk = Desk { intake, desk, work, senders: JoinSet::new() };
        for number in std::mem::take(&mut self.unanswered) {
            desk.send(number);
        }
        desk
    }

    fn options(&self, log: &Arc<dyn Log>) -> Options {
        let (store, mask) = (Arc::clone(&self.store), Arc::clone(&self.mask));
        let (clock, telemetry): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), Telemetry::default());
        let forms = Arc::clone(&self.forms);
        Options {
            intake: IntakeOptions {
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&self.entropy),
                mask: Arc::clone(&mask) as _,
                forms: Arc::clone(&forms),
                receipt_key: ReceiptKey([7; 32]),
                update_due_ms: 3 * DAY_MS,
                telemetry: telemetry.clone(),
            },
            desk: DeskOptions {
                store: Arc::clone(&store),
                blobs: Arc::new(FileBlobs::open(&self.blobs).unwrap()),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&self.entropy),
                mask,
                forms: Arc::clone(&forms),
                policy: Arc::clone(&self.policy),
                update_due_ms: 3 * DAY_MS,
                appeal_due_ms: 7 * DAY_MS,
                digest_k: 5,
                attachment_bytes_max: 1 << 20,
                guest_bytes_max: 1 << 30,
                accept_by_automation: false,
                feed: Feed::default(),
                telemetry: telemetry.clone(),
            },
            publisher: PublisherOptions { log: Arc::clone(log), store, clock, forms, telemetry },
        }
    }

    /// Some report, and hear what became of earlier ones; sometimes somebody accepts one.
    pub(crate) async fn act(&mut self, desk: &mut Desk, dice: &mut Dice) {
        let first = self.tried;
        self.tried += dice.below(5) as u64;
        (first..self.tried).for_each(|number| desk.send(number));
        while let Some(answered) = desk.senders.try_join_next() {
            self.hear(answered.unwrap());
        }
        if dice.chance(30) && !self.fresh.is_empty() {
            let id = self.fresh[dice.below(self.fresh.len())];
            self.accept(desk, id).await;
        }
    }

    fn hear(&mut self, (number, answer): (u64, Result<Filed, IntakeError>)) {
        let Ok(filed) = answer else {
            self.cut_off += 1;
            self.unanswered.extend((!number.is_multiple_of(KEYLESS_EVERY)).then_some(number));
            return;
        };
        let id = filed.report.id;
        let receipt = Receipt { secret_sha256: filed.secret.sha256(), recorded: filed.recorded };
        self.repeated += u64::from(filed.repeated);
        let earlier = self.acknowledged.insert(number, id);
        assert!(earlier.is_none(), "seed {}: number {number} was answered twice", self.seed);
        let earlier = self.receipts.insert(id, receipt);
        assert!(earlier.is_none(), "seed {}: {id} was given to two senders", self.seed);
        self.fresh.push(id);
    }

    async fn accept(&mut self, desk: &Desk, id: ReportId) {
        let report = self.store.read().await.unwrap().reports().get(id).await.unwrap();
        let report =
            report.unwrap_or_else(|| panic!("seed {}: {id} was acknowledged and is lost", self.seed));
        let principal = Principal::Person { id: PersonId(Ulid(2)).to_string(), name: "Mona".to_owned() };
        let request = DecisionRequest {
            actor: Actor { principal, origin: None, request_id: None },
            report: id,
            version: report.version,
            kind: DecisionKind::Accept,
            incident: None,
            severity: None,
            reason: None,
            note: String::new(),
            lesson: None,
            template: None,
        };
        // decided before, or changed meanwhile: then somebody else's word counts
        if desk.desk.decide(&request).await.is_ok() {
            self.accepted.insert(id);
        }
    }

    /// Ends everything at once, and hears what was answered until then.
    pub(crate) async fn cut(&mut self, mut desk: Desk) {
        desk.work.shutdown().await;
        while let Some(answered) = desk.senders.join_next().await {
            self.hear(answered.unwrap());
        }
    }

    /// After a cut: every report that was acknowledged since the one before is there, its receipt opens it, its record stands
    /// where it was said to, and what counts as published is on the log.
    pub(crate) async fn check_fresh(&mut self, log: &dyn Log) {
        let fresh = std::mem::take(&mut self.fresh);
        let mut view = self.store.read().await.unwrap();
        for id in fresh {
            self.check(&mut *view, log, id).await;
        }
    }

    async fn check(&self, view: &mut dyn Snapshot, log: &dyn Log, id: ReportId) -> Report {
        let (seed, receipt) = (self.seed, &self.receipts[&id]);
        let opened = view.reports().by_receipt(&receipt.secret_sha256).await.unwrap();
        let report = opened.unwrap_or_else(|| panic!("seed {seed}: the receipt of {id} opens nothing"));
        assert_eq!(report.id, id, "seed {seed}: a receipt opens its report");
        let record = view.audit().entry(report.submit_record).await.unwrap().unwrap();
        if let Some(told) = receipt.recorded {
            let is = (record.entry.index, record.leaf_hash);
            assert_eq!(is, (told.index, told.leaf_hash), "seed {seed}: the record of {id} moved");
        }
        if let Some(at) = view.reports().position(id).await.unwrap() {
            let read = log.read(at.topic, at.partition, at.offset, 1).await.unwrap();
            let record =
                read.get(0).unwrap_or_else(|| panic!("seed {seed}: {id} is published and not there"));
            let there = RawRecord::decode(record).unwrap().delivery_id.map(str::to_owned);
            assert_eq!(there, Some(id.to_string()), "seed {seed}: another record stands where {id} should");
        }
        report
    }

    /// Whether all is on the log that should be.
    pub(crate) async fn is_published(&self, desk: &mut Desk) -> bool {
        while let Some(answered) = desk.senders.try_join_next() {
            assert!(answered.unwrap().1.is_ok(), "seed {}: nothing is in the way", self.seed);
        }
        let mut view = self.store.read().await.unwrap();
        desk.senders.is_empty()
            && view.reports().unpublished(1).await.unwrap().is_empty()
            && view.reports().unraised(1).await.unwrap().is_empty()
    }

    /// At rest: each number is one report, acknowledged or not; each report is one event of the lake and is on the log; each
    /// acceptance is one finding in one incident. Returns how many findings there are of reports.
    pub(crate) async fn compare(
        &self,
        log: &dyn Log,
        on_log: &BTreeSet<String>,
        in_lake: &[(i64, String)],
    ) -> usize {
        let seed = self.seed;
        let mut view = self.store.read().await.unwrap();
        let reports = all(&mut *view).await;
        let mut numbers = BTreeMap::new();
        for report in &reports {
            let earlier = numbers.insert(number_of(report), report.id);
            assert_eq!(earlier, None, "seed {seed}: number {} is there twice", number_of(report));
        }
        for (number, id) in &self.acknowledged {
            assert_eq!(numbers.get(number), Some(id), "seed {seed}: {number} was acknowledged and is lost");
            self.check(&mut *view, log, *id).await;
        }
        let stored: BTreeSet<String> = reports.iter().map(|report| report.id.to_string()).collect();
        assert_eq!(on_log, &stored, "seed {seed}: what is stored is on the log, and nothing else");
        let mut events = BTreeMap::<&str, u32>::new();
        in_lake.iter().for_each(|(_, id)| *events.entry(id).or_default() += 1);
        let mut accepted = 0;
        for report in &reports {
            let event = report::event_id(report).to_string();
            assert_eq!(events.get(event.as_str()), Some(&1), "seed {seed}: {} is one event", report.id);
            let Some(finding) = report.finding else {
                assert!(!self.accepted.contains(&report.id), "seed {seed}: {} was accepted", report.id);
                continue;
            };
            accepted += 1;
            let incident = view.findings().incident_of(finding).await.unwrap();
            assert!(incident.is_some(), "seed {seed}: the finding of {} is in an incident", report.id);
        }
        accepted
    }

    /// Every receipt's record is proved to be in the signed tree.
    pub(crate) fn check_proofs(&self, prover: &Prover) {
        for recorded in self.receipts.values().filter_map(|receipt| receipt.recorded) {
            let proof = prover.inclusion(recorded.index, None).unwrap();
            let root = inclusion_root(&recorded.leaf_hash, recorded.index, proof.size, &proof.path);
            assert_eq!(root, Some(proof.checkpoint.checkpoint.root), "seed {}", self.seed);
        }
    }
}

impl Desk {
    fn send(&mut self, number: u64) {
        let intake = Arc::clone(&self.intake);
        self.senders.spawn(async move { (number, intake.submit(submission(number)).await) });
    }
}

fn submission(number: u64) -> Submission {
    let fields = json!({ "what_happened": "the build pushed an image that nobody had asked for",
        "repository": format!("acme/service-{}", number % SERVICES) });
    let named = number.is_multiple_of(3);
    let key: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
    Submission {
        form: "suspicious-ci".to_owned(),
        service: Some(format!("service-{}", number % SERVICES)),
        title: None,
        fields: fields.as_object().unwrap().clone(),
        context: ReportContext { branch: Some(format!("case/n{number}")), ..ReportContext::default() },
        signed_commit: None,
        principal: Principal::Guest,
        reporter: if named { Reporter::Person { id: PersonId(Ulid(1)) } } else { Reporter::Anonymous },
        credential: if named { Credential::Session { sso: true } } else { Credential::None },
        channel: Channel::Web,
        address: None,
        request_id: None,
        related: None,
        client_masked: 0,
        region: "default".to_owned(),
        once: (!number.is_multiple_of(KEYLESS_EVERY))
            .then_some(OnceKey { key_sha256: key, request_sha256: key }),
    }
}

fn number_of(report: &Report) -> u64 {
    let branch = report.context.branch.as_deref().unwrap();
    branch.strip_prefix("case/n").unwrap_or_else(|| panic!("{branch}")).parse().unwrap()
}

async fn all(view: &mut dyn Snapshot) -> Vec<Report> {
    let (mut reports, mut page) = (Vec::new(), PageRequest::first(500));
    loop {
        let found = view.reports().list(&ReportFilter::default(), &page).await.unwrap();
        reports.extend(found.items);
        let Some(next) = found.next else { return reports };
        page = PageRequest::after(500, next);
    }
}
