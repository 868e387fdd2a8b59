//! A whole server in this process.

use crate::contain_kit::Containment;
use crate::http::{Request, request};
use access::{
    Caller, Denials, Directory, Gate, NewAuthority, Oidc, OidcSettings, People, Policies,
    Registry as AccessRegistry, RoleSet, Scope, ScopeSet, Sealer, Secret, SessionTimes, Sessions,
    SourceSettings,
};
use backends::log::FileLog;
use backends::sqlite::SqliteStore;
use huecry_server::{
    App, CatalogService, Options, Outcome, Parts, Pasted, PublicServices, RefusedRule, Replay, ReplayedField,
    ReportOptions, ReportParts, RuleActivity, RuleBook, RuleExplanation, RuleState, Rules, RulesError,
    RulesReloaded, ServiceCatalog, ServiceClaims, Telemetry, Tuning, serve,
};
use model::{
    Clock, Entity, EntityKind, EventId, Finding, FindingId, Incident, IncidentId, ManualClock, MatchedField,
    Offset, Ownership, Partition, Position, Principal, RawRecord, SeededEntropy, Severity, SourceName,
    Status, TokenId, Topic,
};
use ports::{Log, Store};
use prometheus_client::registry::Registry;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
pub(crate) const HOOK_SECRET: &str = "It's a Secret to Everybody";

struct TwoRules;

pub(crate) const RULE_ID: &str = "d5a1e0d2-0000-4000-8000-000000000001";

fn root_used() -> RuleState {
    RuleState {
        id: RULE_ID.into(),
        title: "Root used".into(),
        level: "high".into(),
        file: "aws/root.yml".into(),
        stage: "active",
        decided_stage: "active",
        tests: "passed",
        matches: 3,
        last_match_ms: Some(NOW_MS),
        ..RuleState::default()
    }
}

fn known(rule_id: &str) -> Result<RuleState, RulesError> {
    if rule_id == RULE_ID { Ok(root_used()) } else { Err(RulesError::NotFound(rule_id.to_owned())) }
}

#[async_trait::async_trait]
impl Rules for TwoRules {
    async fn book(&self) -> Result<RuleBook, RulesError> {
        let reason = "unknown modifier".to_owned();
        let refused = RefusedRule { file: "bad.yml".into(), line: Some(7), reason };
        Ok(RuleBook { loaded: vec![root_used()], refused: vec![refused], ..RuleBook::default() })
    }
    async fn activity(&self, rule_id: &str) -> Result<RuleActivity, RulesError> {
        Ok(RuleActivity { rule: known(rule_id)?, days: Vec::new(), samples: Vec::new() })
    }
    async fn reload(&self, by: &Caller) -> Result<RulesReloaded, RulesError> {
        Ok(RulesReloaded { rule_set: by.principal.name().to_owned(), loaded: 1, ..RulesReloaded::default() })
    }
    async fn stage(
        &self,
        _: &Caller,
        rule_id: &str,
        stage: model::Stage,
        reason: &str,
    ) -> Result<RuleState, RulesError> {
        if reason == "its tests fail" {
            return Err(RulesError::Refused("1 of the 2 tests fail".to_owned()));
        }
        Ok(RuleState { stage: stage.as_str(), stage_reason: reason.to_owned(), ..known(rule_id)? })
    }
    async fn replay(&self, finding: &Finding, personal: bool) -> Result<Replay, RulesError> {
        if finding.source == "gone" {
            return Err(RulesError::RecordGone);
        }
        let field = ReplayedField {
            selection: "s".to_owned(),
            field: "userName".to_owned(),
            value: if personal { "ana" } else { "masked:0" }.to_owned(),
        };
        let finding_id = Some(finding.id.to_string());
        Ok(Replay { reproduced: true, finding_id, matched: vec![field], ..Replay::default() })
    }
    async fn explain(&self, rule_id: &str, pasted: Pasted) -> Result<RuleExplanation, RulesError> {
        let kind = match &pasted {
            Pasted::Record { kind: Some(kind), .. } if kind == "unknown" => {
                return Err(RulesError::UnknownKind { kind: kind.clone(), known: "okta".to_owned() });
            }
            Pasted::Record { body, .. } if body == b"busy" => {
                return Err(RulesError::TooManyTrials { running: 2 });
            }
            Pasted::Record { kind, source, body } => {
                Some(format!("{kind:?} {source:?} {}", String::from_utf8_lossy(body)))
            }
            Pasted::Event(_) => None,
        };
        let RuleState { id, title, file, .. } = known(rule_id)?;
        Ok(RuleExplanation {
            rule_id: id,
            title,
            file,
            line: 1,
            outcome: Outcome::NoMatch,
            kind,
            logsource: None,
            rule_logsource: None,
            refusal: None,
            explanation: None,
            correlation: None,
        })
    }
    async fn tune(&self, rule_id: &str) -> Result<Tuning, RulesError> {
        if rule_id == "busy" {
            return Err(RulesError::Busy { running: 1 });
        }
        Ok(Tuning { rule_id: known(rule_id)?.id, ..Tuning::default() })
    }
}

/// `checkout`, `team-x/till` and `wiki`.
struct ThreeServices;

impl ServiceCatalog for ThreeServices {
    fn page(&self, words: &[String], after: Option<&str>, items_max: usize) -> Vec<CatalogService> {
        let names = ["checkout", "team-x/till", "wiki"].into_iter();
        let names = names.filter(|name| after.is_none_or(|after| *name > after));
        let names = names.filter(|name| words.iter().all(|word| name.contains(word.as_str())));
        let service = |name: &str| CatalogService {
            name: name.to_owned(),
            owner: (name == "checkout").then(|| "@acme/payments".to_owned()),
            team: (name == "checkout").then(|| "payments".to_owned()),
            ..CatalogService::default()
        };
        names.take(items_max).map(service).collect()
    }
    fn get(&self, name: &str) -> Option<(CatalogService, ServiceClaims)> {
        let found = self.page(&[], None, 9).into_iter().find(|service| service.name == name)?;
        Some((found, ServiceClaims { hosts: vec!["till-*".to_owned()], ..ServiceClaims::default() }))
    }
}

/// The kinds of record that sources may be of here.
const KINDS: [&str; 4] = ["aws_cloudtrail", "okta", "github", "syslog"];

pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) access: Arc<AccessRegistry>,
    pub(crate) audit: audit::Service,
    pub(crate) app: App,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) entropy: Arc<SeededEntropy>,
    guests: std::sync::atomic::AtomicU32,
    folder: tempfile::TempDir,
}

/// Puts something around a port.
type Wrap<T> = Box<dyn FnOnce(Arc<T>) -> Arc<T>>;

/// What a test changes about the server.
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) ingest: ingest::Options,
    pub(crate) wrap_log: Wrap<dyn Log>,
    pub(crate) query: Option<Arc<dyn ports::Query>>,
    pub(crate) oidc: Vec<OidcSettings>,
    pub(crate) public_url: Option<String>,
    pub(crate) now_ms: i64,
    /// What the installation wants of reports; `None` takes none.
    pub(crate) reports: Option<ReportOptions>,
    /// What can be contained.
    pub(crate) containment: Containment,
    /// Puts something around the store that handlers see.
    pub(crate) wrap_store: Wrap<dyn Store>,
    /// Where this server's own threads log to.
    pub(crate) log: Option<tracing::Dispatch>,
    /// Where to listen; anywhere if not said.
    pub(crate) listener: Option<std::net::TcpListener>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            options: Options::default(),
            ingest: ingest::Options::default(),
            wrap_log: Box::new(|log| log),
            query: None,
            oidc: Vec::new(),
            public_url: None,
            now_ms: NOW_MS,
            reports: Some(ReportOptions {
                public_services: PublicServices::Named(["checkout".to_owned()].into()),
                attachment_bytes_max: 64 * 1024,
                ..ReportOptions::default()
            }),
            containment: Containment::default(),
            wrap_store: Box::new(|store| store),
            log: None,
            listener: None,
        }
    }
}

/// Who knows whom.
struct Doors {
    directory: Arc<Directory>,
    sessions: Arc<Sessions>,
    people: Arc<People>,
}

impl Doors {
    fn of(
        store: &Arc<dyn Store>,
        clock: &Arc<ManualClock>,
        entropy: &Arc<SeededEntropy>,
        sealer: &Sealer,
        oidc: &[OidcSettings],
    ) -> Self {
        let policies = Arc::new(Policies::builtin().unwrap());
        let directory = Directory::new(store.clone(), clock.clone(), sealer.clone(), policies);
        let directory = Arc::new(directory);
        let times = SessionTimes::default();
        let sessions = Sessions::new(store.clone(), directory.clone(), clock.clone(), entropy.clone(), times);
        let sessions = Arc::new(sessions);
        let people =
            People::new(store.clone(), directory.clone(), sessions.clone(), clock.clone(), entropy.clone())
                .with_issuers(oidc.iter().map(|settings| settings.issuer.clone()));
        Self { directory, sessions, people: Arc::new(people) }
    }
}

impl Server {
    /// A server with sources `trail` (CloudTrail), `okta`, `github` (both with a secret) and `syslog`.
    pub(crate) fn start() -> Self {
        Self::start_with(Setup::default())
    }

    pub(crate) fn start_with(setup: Setup) -> Self {
        let runtime = runtime(setup.log.clone());
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(setup.now_ms));
        let entropy = Arc::new(SeededEntropy::new(42));
        let mut options = backends::log::Options::new(folder.path().join("log"));
        let four = backends::log::TopicOptions { partitions: 4, ..Default::default() };
        options.topics.insert(Topic::Raw, four);
        let log = (setup.wrap_log)(Arc::new(FileLog::open(&options, entropy.clone()).unwrap()));
        let store = runtime.block_on(SqliteStore::open_path(&folder.path().join("state.db"))).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let store = (setup.wrap_store)(store);
        let sealer = Sealer::new(&[7; 32]);
        let doors = Doors::of(&store, &clock, &entropy, &sealer, &setup.oidc);
        let of_settings = |settings: OidcSettings| {
            Arc::new(Oidc::new(settings, clock.clone(), entropy.clone(), sealer.clone()).unwrap())
        };
        let oidc = setup.oidc.into_iter().map(of_settings).collect();
        let Doors { directory, sessions, people } = doors;
        let access =
            AccessRegistry::new(store.clone(), directory.clone(), clock.clone(), entropy.clone(), sealer)
                .with_kinds(KINDS.map(str::to_owned));
        let access = Arc::new(access);
        let mut metrics = Registry::default();
        let (telemetry, doors) = (Telemetry::default(), ingest::Telemetry::default());
        telemetry.register(&mut metrics);
        doors.register(&mut metrics);
        let (signer, tiles, audit) = auditing(&store, &clock, folder.path());
        runtime.block_on(audit.step()).unwrap();
        let shutdown = CancellationToken::new();
        let of_reports = |options| reports(&store, &log, &clock, &entropy, folder.path(), options);
        let reports = setup.reports.map(of_reports).map(|(parts, service)| {
            runtime.spawn(service.run(shutdown.clone()));
            Arc::new(parts)
        });
        let containment = setup.containment.parts(&store, &clock, &entropy, &mut metrics);
        let app = App::new(Parts {
            log: log.clone(),
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            ingest: Arc::new(ingest::Service::new(log.clone(), clock.clone(), doors, setup.ingest)),
            gate: Arc::new(Gate::new(directory.clone(), sessions.clone())),
            denials: Arc::new(Denials::new(store.clone(), clock.clone(), entropy.clone())),
            people,
            sessions,
            oidc,
            public_url: setup.public_url,
            directory,
            access: access.clone(),
            desk: triage::Desk::new(store.clone(), clock.clone(), entropy.clone()),
            query: setup.query,
            audit: audit::Prover::new(tiles.clone(), signer.public().clone()),
            eraser: audit::Eraser::new(store.clone(), clock.clone(), entropy.clone()),
            rules: Arc::new(TwoRules),
            services: Arc::new(ThreeServices),
            reports,
            containment: Some(Arc::new(containment)),
            metrics: Arc::new(metrics),
            telemetry,
            options: setup.options,
            shutdown,
        });
        let listener = setup.listener.unwrap_or_else(|| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        listener.set_nonblocking(true).unwrap();
        let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) }).unwrap();
        let (at, guests) = (listener.local_addr().unwrap(), Default::default());
        runtime.spawn(serve(listener, app.clone()));
        Self { at, log, store, clock, access, audit, app, runtime, entropy, guests, folder }.with_sources()
    }

    fn with_sources(self) -> Self {
        let sources = [
            ("trail", "aws_cloudtrail", None),
            ("okta", "okta", Some(HOOK_SECRET)),
            ("github", "github", Some(HOOK_SECRET)),
            ("syslog", "syslog", None),
        ];
        for (name, kind, secret) in sources {
            self.add_source(name, kind, secret);
        }
        self
    }

    pub(crate) fn caller() -> Caller {
        let principal = Principal::Local { account: "test".into() };
        Caller { principal, scopes: ScopeSet::all(), origin: None, request_id: None }
    }

    pub(crate) fn add_source(&self, name: &str, kind: &str, secret: Option<&str>) {
        let name = SourceName::new(name).unwrap();
        let (kind, secret) = (kind.to_owned(), secret.map(str::to_owned));
        let settings = SourceSettings { name, kind, region: None, secret };
        self.runtime.block_on(self.access.add_source(&Self::caller(), settings)).unwrap();
    }

    pub(crate) fn issue(&self, authority: NewAuthority, expires_at_ms: Option<i64>) -> (TokenId, Secret) {
        let caller = Self::caller();
        let issued = self.access.issue(&caller, "tester", authority, expires_at_ms);
        let (token, secret) = self.runtime.block_on(issued).unwrap();
        (token.id, secret)
    }

    /// A fresh token of a source.
    pub(crate) fn source_token(&self, source: &str) -> String {
        let authority = NewAuthority::Source(SourceName::new(source).unwrap());
        self.issue(authority, None).1.reveal().to_owned()
    }

    /// A fresh API token.
    pub(crate) fn api_token(&self, scopes: &[Scope]) -> String {
        self.issue(NewAuthority::Api(scopes.iter().copied().collect()), None).1.reveal().to_owned()
    }

    pub(crate) fn admin_token(&self) -> String {
        self.api_token(Scope::ALL)
    }

    /// A one-time link's secret.
    pub(crate) fn link(&self, roles: &[access::Role]) -> String {
        let roles: RoleSet = roles.iter().copied().collect();
        let caller = Self::caller();
        // the first is `guest`, others are numbered: nobody new is called as somebody is
        let number = self.guests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = if number == 0 { "guest".to_owned() } else { format!("guest {}", number + 1) };
        let made = self.app.people.make_link(&caller, &name, roles);
        self.runtime.block_on(made).unwrap().1.reveal().to_owned()
    }

    /// Somebody signed in by a link, with these roles.
    pub(crate) fn sign_in(&self, roles: &[access::Role]) -> crate::people::Browser {
        crate::people::Browser::sign_in(self, &self.link(roles))
    }

    /// The file of the state.
    pub(crate) fn state_file(&self) -> std::path::PathBuf {
        self.folder.path().join("state.db")
    }

    /// Waits for what happens beside a request.
    pub(crate) fn until(&self, done: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if done() {
                return;
            }
            std::thread::yield_now();
        }
        panic!("it did not happen");
    }

    /// Every raw record on the log: source, event type, delivery id, body.
    pub(crate) fn raw(&self) -> Vec<Raw> {
        let mut found = Vec::new();
        for partition in 0..self.log.partitions(Topic::Raw) {
            let partition = Partition(partition);
            let mut from = Offset(0);
            loop {
                let read = self.log.read(Topic::Raw, partition, from, 8 << 20);
                let records = self.runtime.block_on(read).unwrap();
                for (offset, bytes) in records.iter() {
                    let record = RawRecord::decode(bytes).unwrap();
                    assert_eq!(record.received_at_ms, self.clock.now_ms(), "the door's own clock counts");
                    found.push(Raw {
                        position: Position::new(Topic::Raw, partition, offset),
                        source: record.source.to_owned(),
                        event_type: record.event_type.map(str::to_owned),
                        delivery_id: record.delivery_id.map(str::to_owned),
                        body: record.body.to_vec(),
                    });
                }
                if records.is_empty() {
                    break;
                }
                from = records.next();
            }
        }
        found
    }

    /// The bodies on the log, as text.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.raw().iter().map(|raw| String::from_utf8_lossy(&raw.body).into_owned()).collect()
    }

    pub(crate) fn post<'r>(&self, path: &'r str) -> Request<'r> {
        request("POST", path)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> crate::http::Answer {
        request("GET", path).bearer(token).send(self.at)
    }

    /// Stores an incident with one finding.
    pub(crate) fn open_incident(&self, number: u8) -> IncidentId {
        self.open(finding(number), Ownership { owner: Some("@acme/payments".into()), ..Ownership::default() })
    }

    /// The same, with a finding whose record stands at `position`.
    pub(crate) fn open_incident_at(&self, number: u8, position: Position) -> IncidentId {
        let ownership = Ownership { owner: Some("@acme/payments".into()), ..Ownership::default() };
        self.open(Finding { position, ..finding(number) }, ownership)
    }

    /// Stores an incident of a team with one finding, whose id is the second.
    pub(crate) fn open_incident_of(&self, number: u8, team: &str) -> (IncidentId, String) {
        let finding = finding(number);
        let name = finding.id.to_string();
        (self.open(finding, Ownership { team: Some(team.into()), ..Ownership::default() }), name)
    }

    /// The same, about what another incident was about.
    pub(crate) fn open_incident_after(&self, number: u8, related: IncidentId) -> IncidentId {
        self.open_with(finding(number), |incident| incident.related = Some(related))
    }

    /// Stores an incident that only this person may see and work on, beside admins; at version 3.
    pub(crate) fn open_restricted(&self, number: u8, person: &str) -> IncidentId {
        let id = self.open(finding(number), Ownership::default());
        let audit = |action: &str| {
            let principal = Principal::System { part: "test".into() };
            model::AuditRecord::new(&*self.clock, &*self.entropy, principal, action, id)
        };
        let assignee = Some(Some(person.to_owned()));
        let edit = ports::store::IncidentEdit { assignee, ..Default::default() };
        self.runtime.block_on(async {
            let mut unit = self.store.begin().await.unwrap();
            let restricted = model::Visibility::Restricted;
            unit.incidents().set_visibility(id, 1, restricted, 1, &audit("test")).await.unwrap();
            unit.incidents().edit(id, 2, &edit, 1, &audit("test")).await.unwrap();
            unit.commit().await.unwrap();
        });
        id
    }

    /// Stores an incident about a service.
    pub(crate) fn open_incident_about(&self, number: u8, service: &str) -> IncidentId {
        self.open(finding(number), Ownership { service: Some(service.to_owned()), ..Ownership::default() })
    }

    pub(crate) fn open(&self, finding: Finding, ownership: Ownership) -> IncidentId {
        self.open_with(finding, |incident| incident.ownership = ownership)
    }

    fn open_with(&self, finding: Finding, with: impl FnOnce(&mut Incident)) -> IncidentId {
        let id = IncidentId::new(&*self.clock, &*self.entropy);
        let mut incident = incident(id, &finding);
        with(&mut incident);
        let principal = Principal::System { part: "triage".into() };
        let audit = model::AuditRecord::new(&*self.clock, &*self.entropy, principal, "incident.open", id);
        self.runtime.block_on(async {
            let mut unit = self.store.begin().await.unwrap();
            unit.incidents().open(&incident, &finding.entities, &audit).await.unwrap();
            unit.findings().insert(&[(&finding, id)]).await.unwrap();
            unit.commit().await.unwrap();
        });
        id
    }
}

pub(crate) struct Raw {
    pub(crate) position: Position,
    pub(crate) source: String,
    pub(crate) event_type: Option<String>,
    pub(crate) delivery_id: Option<String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn finding(number: u8) -> Finding {
    let event_id = EventId::of_source_id("trail", &number.to_string());
    let entity = Entity { kind: EntityKind::Actor, value: format!("user-{number}") };
    let matched = MatchedField { selection: "sel".into(), field: "eventName".into(), value: "X".into() };
    Finding {
        id: FindingId::of_rule("d5a1e0d2", &[0; 32], event_id),
        rule_id: "d5a1e0d2-0000-4000-8000-000000000001".into(),
        rule_title: format!("Root used {number}"),
        rule_hash: "00".repeat(32),
        engine_version: "0.1.0".into(),
        severity: Severity::ALL[usize::from(number) % 5],
        tags: vec!["attack.t1078".into()],
        event_id,
        position: Position::new(Topic::Raw, Partition(0), Offset(u64::from(number))),
        further_events: Vec::new(),
        source: "trail".into(),
        region: "default".into(),
        time_ms: NOW_MS,
        received_at_ms: NOW_MS,
        detected_at_ms: NOW_MS + i64::from(number),
        entities: vec![entity],
        ownership: Ownership::default(),
        rule_set: String::new(),
        stage: model::Stage::Active,
        matched: vec![matched],
        event: serde_json::json!({ "class_uid": 6003 }),
    }
}

fn incident(id: IncidentId, finding: &Finding) -> Incident {
    Incident {
        id,
        title: finding.rule_title.clone(),
        title_override: None,
        machine_severity: finding.severity,
        severity_override: None,
        visibility: model::Visibility::Everyone,
        status: Status::New,
        assignee: None,
        verdict: None,
        group: finding.entities[0].clone(),
        region: "default".into(),
        first_seen_ms: finding.time_ms,
        last_seen_ms: finding.time_ms,
        created_at_ms: NOW_MS,
        updated_at_ms: NOW_MS,
        findings: 1,
        gravest: finding.id,
        rules: vec![finding.rule_id.clone()],
        tactics: vec!["attack.initial_access".into()],
        ownership: Ownership::default(),
        owned_by: Some(finding.id),
        related: None,
        merged_into: None,
        version: 1,
    }
}

fn runtime(log: Option<tracing::Dispatch>) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(log) = log {
        // the threads live as long as the test
        builder.on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&log)));
    }
    builder.worker_threads(2).enable_all().build().unwrap()
}

type Auditing = (Arc<audit::Signer>, Arc<backends::tiles::FileTiles>, audit::Service);

fn auditing(store: &Arc<dyn Store>, clock: &Arc<ManualClock>, folder: &std::path::Path) -> Auditing {
    let signer = Arc::new(audit::Signer::new(&[7; 32], Some("example.com/audit")).unwrap());
    let tiles = Arc::new(backends::tiles::FileTiles::new(folder.join("audit")));
    let audit = audit::Service::new(audit::Options {
        store: store.clone(),
        tiles: tiles.clone(),
        signer: signer.clone(),
        clock: clock.clone(),
        witnesses: Vec::new(),
        telemetry: audit::Telemetry::default(),
    });
    (signer, tiles, audit)
}

/// Hides what looks like an e-mail address.
struct Mailless;

impl ports::Mask for Mailless {
    fn mask(&self, text: &str) -> Result<ports::Masked, ports::MaskRefused> {
        let mut masked = ports::Masked::default();
        for word in text.split_inclusive([' ', '\n']) {
            if word.contains('@') {
                masked.text.push_str("[email:1] ");
                masked.count += 1;
                masked.kinds = vec!["email".to_owned()];
            } else {
                masked.text.push_str(word);
            }
        }
        Ok(masked)
    }
}

fn reports(
    store: &Arc<dyn Store>,
    log: &Arc<dyn Log>,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    folder: &std::path::Path,
    options: ReportOptions,
) -> (ReportParts, report::Service) {
    const DAY_MS: i64 = 86_400_000;
    let forms = Arc::new(report::form::Forms::shipped().unwrap());
    let policy = Arc::new(report::policy::Policy::shipped().unwrap());
    let (mask, telemetry) = (Arc::new(Mailless), report::Telemetry::default());
    let service = report::Service::new(report::Options {
        intake: report::IntakeOptions {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            mask: mask.clone(),
            forms: forms.clone(),
            receipt_key: report::ReceiptKey([9; 32]),
            update_due_ms: 3 * DAY_MS,
            telemetry: telemetry.clone(),
        },
        desk: report::DeskOptions {
            store: store.clone(),
            blobs: Arc::new(backends::blobs::FileBlobs::open(folder.join("blobs")).unwrap()),
            clock: clock.clone(),
            entropy: entropy.clone(),
            mask,
            forms: forms.clone(),
            policy: policy.clone(),
            update_due_ms: 3 * DAY_MS,
            appeal_due_ms: 7 * DAY_MS,
            digest_k: 5,
            attachment_bytes_max: options.attachment_bytes_max,
            guest_bytes_max: 256 * 1024,
            accept_by_automation: false,
            feed: report::Feed::default(),
            telemetry: telemetry.clone(),
        },
        publisher: report::PublisherOptions {
            log: log.clone(),
            store: store.clone(),
            clock: clock.clone(),
            forms: forms.clone(),
            telemetry,
        },
    });
    let links = report::link::LinkKeys::new(&[[5; 32]]).unwrap();
    (ReportParts { intake: service.intake(), desk: service.desk(), forms, policy, links, options }, service)
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
