//! Responders on a real store, against an emulator, with a clock that is moved.

use super::emulator::{Emulator, connector};
use backends::sqlite::SqliteStore;
use model::{
    Clock, Containment, ContainmentId, ContainmentState, Entropy, ManualClock, Principal, Run, RunState,
    SeededEntropy, StepState,
};
use ports::Store;
use ports::store::{AuditFilter, ContainmentFilter, PageRequest, RunFilter};
use respond::connector::{Remote, Values};
use respond::contain::{ContainRequest, Grounds, UndoRequest, VoteRequest};
use respond::decision::{Confidence, ReporterTier, Signal};
use respond::plan::{BlastRadius, PlanHash};
use respond::protect::{Protected, Protection, TargetKind};
use respond::run::{Answer, AnswerRequest, StartRunRequest};
use respond::window::Limit;
use respond::{Actor, Connection, FixedSetup, RespondError, Responder, ResponderOptions, Times};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The file of an empty store.
static EMPTY: tokio::sync::OnceCell<Vec<u8>> = tokio::sync::OnceCell::const_new();

pub(crate) const NOW_MS: i64 = 1_795_000_000_000;
pub(crate) const MINUTE_MS: i64 = 60_000;

pub(crate) struct Kit {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) emulator: Emulator,
    pub(crate) responder: Responder,
    pub(crate) options: ResponderOptions,
}

/// What the operator has set, for the emulator at this address.
pub(crate) fn setup(url: &str) -> FixedSetup {
    let settings = Values::from([("toy_url".to_owned(), url.to_owned())]);
    let toy = Connection::new(Arc::new(connector()), Arc::new(settings));
    let protected = [Protected {
        kind: TargetKind::Account,
        pattern: "ci-*".to_owned(),
        reason: "deploys stop without it".to_owned(),
    }];
    FixedSetup {
        connections: BTreeMap::from([("toy".to_owned(), toy)]),
        protection: Arc::new(Protection::new(&protected).unwrap()),
        limit: Limit { targets_max: 1_000, window_ms: 60 * MINUTE_MS },
        hosts: BTreeSet::from([url.split_once("://").unwrap().1.to_owned()]),
        playbooks: BTreeMap::new(),
    }
}

pub(crate) fn options(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    remote: Arc<dyn Remote>,
    setup: FixedSetup,
) -> ResponderOptions {
    ResponderOptions { store, clock, entropy, remote, setup: Arc::new(setup), times: Times::default() }
}

pub(crate) async fn open(dir: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open_path(&dir.join("state.db")).await.unwrap())
}

/// The same, without waiting for the disk: what is cut off here is the worker, not the machine.
async fn quick(dir: &Path) -> Arc<dyn Store> {
    // made once and copied: the tests that cut workers off make hundreds
    let made = EMPTY.get_or_init(async || {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).await.close().await;
        std::fs::read(dir.path().join("state.db")).unwrap()
    });
    std::fs::write(dir.join("state.db"), made.await).unwrap();
    let store = SqliteStore::open_path(&dir.join("state.db")).await.unwrap();
    sqlx::query("PRAGMA synchronous = OFF").execute(store.writer()).await.unwrap();
    Arc::new(store)
}

impl Kit {
    pub(crate) async fn new() -> Self {
        Self::with(setup("http://toy.example")).await
    }

    pub(crate) async fn with(setup: FixedSetup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let (store, emulator) = (quick(dir.path()).await, Emulator::default());
        let (time, entropy): (Arc<dyn Clock>, _) = (clock.clone(), Arc::new(SeededEntropy::new(7)));
        let options = options(Arc::clone(&store), time, entropy, Arc::new(emulator.clone()), setup);
        let responder = Responder::new(options.clone());
        Self { dir, clock, store, emulator, responder, options }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) async fn get(&self, id: ContainmentId) -> Containment {
        self.responder.get(id).await.unwrap()
    }

    /// Does what is due now.
    pub(crate) async fn work(&self) {
        self.responder.advance_all(1_000).await.unwrap();
        self.check().await;
    }

    /// Lets time go by, with what is due at each moment.
    pub(crate) async fn pass(&self, ms: i64) {
        let until_ms = self.now_ms() + ms;
        self.work().await;
        while let Some(due_ms) = self.responder.next_due().await.unwrap().filter(|due_ms| *due_ms <= until_ms)
        {
            self.clock.advance_ms((due_ms - self.now_ms()).max(1));
            self.work().await;
        }
        self.clock.advance_ms(until_ms - self.now_ms());
    }

    pub(crate) async fn containments(&self) -> Vec<Containment> {
        self.responder.list(&ContainmentFilter::default(), &PageRequest::first(500)).await.unwrap().items
    }

    pub(crate) async fn runs(&self) -> Vec<Run> {
        self.responder.runs(&RunFilter::default(), &PageRequest::first(500)).await.unwrap().items
    }

    /// What must hold at every moment.
    pub(crate) async fn check(&self) {
        for containment in self.containments().await {
            assert_eq!(containment.is_at_rest(), containment.due_at_ms.is_none(), "{containment:?}");
        }
        for run in self.runs().await {
            assert_eq!(run.state == RunState::Running, run.due_at_ms.is_some(), "{run:?}");
            assert!(run.due_at_ms.is_none_or(|due_ms| due_ms <= run.deadline_at_ms), "{run:?}");
        }
    }

    /// The actions of audit records about it, the first one first.
    pub(crate) async fn trail(&self, object: impl ToString) -> Vec<String> {
        let filter = AuditFilter { object: Some(object.to_string()), ..AuditFilter::default() };
        let mut view = self.store.read().await.unwrap();
        let page = view.audit().list(&filter, &PageRequest::first(500)).await.unwrap();
        page.items.into_iter().rev().map(|record| record.action).collect()
    }

    pub(crate) async fn request(&self, action: &str, target: &str) -> Result<Containment, RespondError> {
        self.responder.request(&request(action, target)).await
    }

    /// Asked for, approved, applied and verified.
    pub(crate) async fn verified(&self, action: &str, target: &str) -> Containment {
        let asked = self.request(action, target).await.unwrap();
        for who in ["bob", "eve"] {
            if self.get(asked.id).await.state == ContainmentState::AwaitingApproval {
                self.responder.vote(&vote(who, &asked)).await.unwrap();
            }
        }
        self.work().await;
        let now = self.get(asked.id).await;
        assert_eq!(now.state, ContainmentState::Verified, "{now:?}");
        now
    }

    /// People do whatever waits for them: approve, do by hand, look and say what is so.
    pub(crate) async fn people(&self, responder: &Responder) -> Result<bool, RespondError> {
        let mut did = false;
        for containment in self.containments().await {
            match containment.state {
                ContainmentState::AwaitingApproval => {
                    for who in ["bob", "eve"] {
                        let now = self.get(containment.id).await;
                        if now.state == ContainmentState::AwaitingApproval
                            && !now.votes.iter().any(|vote| vote.person == format!("per_{who}"))
                        {
                            responder.vote(&vote(who, &now)).await?;
                            did = true;
                        }
                    }
                }
                ContainmentState::Unknown => {
                    let locked = self.emulator.is_locked(&containment.target);
                    let happened = locked != containment.progress.reverting;
                    let settle = respond::contain::SettleRequest {
                        actor: actor("bob"),
                        containment: containment.id,
                        happened,
                        reason: "I looked".to_owned(),
                    };
                    responder.settle(&settle).await?;
                    did = true;
                }
                _ => {}
            }
        }
        for run in self.runs().await {
            for step in self.responder.run(run.id).await?.steps {
                let answer = match step.state {
                    StepState::AwaitingPerson => Answer::Done(Vec::new()),
                    StepState::Unknown => {
                        let arrived = self.emulator.effects().iter().any(|one| one.starts_with("note "));
                        if arrived { Answer::Done(Vec::new()) } else { Answer::Failed }
                    }
                    _ => continue,
                };
                let reason = Some("I looked".to_owned());
                let request =
                    AnswerRequest { actor: actor("bob"), run: run.id, task: step.task, answer, reason };
                responder.answer_step(&request).await?;
                did = true;
            }
        }
        Ok(did)
    }
}

pub(crate) fn actor(name: &str) -> Actor {
    let principal = Principal::Person { id: format!("per_{name}"), name: name.to_owned() };
    Actor { principal, origin: Some("192.0.2.1".to_owned()), request_id: None }
}

/// What an authoritative source is sure of.
pub(crate) const SURE: Grounds =
    Grounds { confidence: Confidence::High, signal: Signal::Corroborated, reporter: ReporterTier::Regular };

pub(crate) fn request(action: &str, target: &str) -> ContainRequest {
    ContainRequest {
        actor: actor("ann"),
        requesters: BTreeSet::new(),
        action: action.to_owned(),
        target: target.to_owned(),
        belongs_to: Vec::new(),
        inputs: Values::new(),
        ttl_ms: None,
        blast_radius: BlastRadius::default(),
        incident: None,
        task: None,
        region: "default".to_owned(),
        grounds: SURE,
        quorum: BTreeSet::new(),
        wait_ms: None,
        seen: None,
        reason: "the key leaked".to_owned(),
    }
}

pub(crate) fn vote(who: &str, containment: &Containment) -> VoteRequest {
    VoteRequest {
        actor: actor(who),
        functions: BTreeSet::from(["responder".to_owned()]),
        containment: containment.id,
        plan: PlanHash(containment.plan_sha256),
        approves: true,
        on_behalf_of: None,
        reason: None,
    }
}

pub(crate) fn undo(who: &str, id: ContainmentId) -> UndoRequest {
    UndoRequest { actor: actor(who), containment: id, reason: "it was a test".to_owned() }
}

pub(crate) fn start(playbook: &str) -> StartRunRequest {
    StartRunRequest {
        actor: actor("ann"),
        requesters: BTreeSet::new(),
        playbook: playbook.into(),
        values: Vec::new(),
        incident: None,
        region: "default".to_owned(),
        grounds: SURE,
        limit_ms: None,
        reason: "the key leaked".to_owned(),
    }
}
