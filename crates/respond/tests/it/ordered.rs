//! What standing orders may do and what not, against a real log and store.

use crate::durable::kit::{Kit, MINUTE_MS, SURE, request, setup, vote};
use backends::log::{FileLog, Options};
use model::{
    Comment, ContainmentState as State, Entity, EntityKind, Finding, Incident, IncidentId, LetterAbout,
    LetterKind, Partition, SeededEntropy, Severity, Stage, Topic,
};
use ports::Log;
use ports::log::RecordBatch;
use ports::store::PageRequest;
use ports::store::conformance::Bench;
use respond::automatic::{
    AGE_MS_MAX, Automated, Automation, AutomationOptions, CONSUMER, Deed, EVENT_AGE_MS_MAX, Order, Outcome,
    Wanted,
};
use respond::contain::ContainRequest;
use respond::window::Limit;
use respond::{FixedSetup, Responder, ResponderOptions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The source whose word is enough, and the rule.
const SOURCE: &str = "trail";
const RULE: &str = "27f12671-087d-4145-ab44-87009bfd8d20";
const PARTITION: Partition = Partition(0);
/// An answer comes in this time, or never.
const ANSWER: Duration = Duration::from_secs(20);

pub(crate) fn order(action: &str) -> Order {
    Order {
        name: format!("always {action}"),
        rule: RULE.to_owned(),
        sources: [SOURCE.to_owned()].into(),
        deed: Deed::Action {
            action: action.to_owned(),
            target: Wanted::read("{credential}").unwrap(),
            inputs: BTreeMap::new(),
            ttl_ms: None,
        },
    }
}

/// Standing orders at work.
pub(crate) struct Ordered {
    pub(crate) kit: Kit,
    log: Arc<dyn Log>,
    bench: Bench,
    told: UnboundedReceiver<Automated>,
    shutdown: CancellationToken,
    worker: Option<JoinHandle<()>>,
    _dir: TempDir,
}

/// Nobody is known.
fn newcomer(_: &[model::LedgerEntry], _: &str, _: i64) -> respond::decision::ReporterTier {
    respond::decision::ReporterTier::Newcomer
}

impl Ordered {
    pub(crate) async fn with(setup: FixedSetup, orders: Vec<Order>) -> Self {
        let kit = Kit::with(setup).await;
        let dir = tempfile::tempdir().unwrap();
        let log = FileLog::open(&Options::new(dir.path()), Arc::new(SeededEntropy::new(3))).unwrap();
        let log: Arc<dyn Log> = Arc::new(log);
        let (tell, told) = unbounded_channel();
        let shutdown = CancellationToken::new();
        let automation = Automation::new(AutomationOptions {
            log: Arc::clone(&log),
            responder: kit.responder.clone(),
            orders: Arc::new(Arc::<[Order]>::from(orders)),
            reporter_tier: newcomer,
        });
        let stop = shutdown.clone();
        let worker = tokio::spawn(async move {
            automation.run(PARTITION, &stop, |done| drop(tell.send(done))).await;
        });
        let this = Self { kit, log, bench: Bench::new(11), told, shutdown, worker: Some(worker), _dir: dir };
        // orders are for what comes after them
        this.until_at(0).await;
        this
    }

    pub(crate) async fn new(orders: Vec<Order>) -> Self {
        Self::with(setup("http://toy.example"), orders).await
    }

    /// Waits until everything before that offset is dealt with.
    async fn until_at(&self, offset: u64) {
        for _ in 0..2_000 {
            let mut view = self.kit.store.read().await.unwrap();
            let at = view.positions().get(CONSUMER, Topic::Finding, PARTITION).await.unwrap();
            if at.is_some_and(|at| at.next.0 >= offset) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to {offset}");
    }

    /// A finding of the rule, of the source, about this credential.
    pub(crate) fn finding(&self, number: u64, credential: &str) -> Finding {
        let entity = |kind, value: &str| Entity { kind, value: value.to_owned() };
        Finding {
            rule_id: RULE.to_owned(),
            source: SOURCE.to_owned(),
            entities: vec![
                entity(EntityKind::Actor, &format!("robot{number}")),
                entity(EntityKind::Credential, credential),
            ],
            ..self.bench.finding(number, "robot", self.kit.now_ms(), Severity::High)
        }
    }

    /// What triage does with it.
    pub(crate) async fn opened(&self, finding: &Finding) -> Incident {
        let mut unit = self.kit.store.begin().await.unwrap();
        let incident = self.bench.open(&mut *unit, finding).await;
        unit.commit().await.unwrap();
        incident
    }

    async fn append(&self, finding: &Finding) -> u64 {
        let bytes = serde_json::to_vec(finding).unwrap();
        let mut batch = RecordBatch::with_capacity(1, bytes.len());
        batch.push(&bytes).unwrap();
        self.log.append(Topic::Finding, PARTITION, batch, self.kit.now_ms()).await.unwrap().0
    }

    async fn told(&mut self) -> Automated {
        tokio::time::timeout(ANSWER, self.told.recv()).await.unwrap().unwrap()
    }

    /// What comes of a finding that triage has put into an incident.
    pub(crate) async fn comes_of(&mut self, finding: &Finding) -> (Outcome, IncidentId) {
        let incident = self.opened(finding).await.id;
        self.append(finding).await;
        let told = self.told().await;
        assert_eq!(told.incident, Some(incident), "{told:?}");
        (told.outcome, incident)
    }

    /// Nothing comes of it: no order is for it.
    async fn passes_by(&mut self, what: &str, finding: &Finding) {
        self.opened(finding).await;
        let at = self.append(finding).await;
        self.until_at(at + 1).await;
        assert!(self.told.try_recv().is_err(), "{what}");
    }

    async fn comments(&self, incident: IncidentId) -> Vec<Comment> {
        let mut view = self.kit.store.read().await.unwrap();
        view.comments().of_incident(incident, &PageRequest::first(50)).await.unwrap().items
    }

    /// It was refused, and the incident says so, once.
    async fn refused(&mut self, finding: &Finding, because: &str) {
        let (outcome, incident) = self.comes_of(finding).await;
        let Outcome::Refused(why) = &outcome else { panic!("{because}: {outcome:?}") };
        assert!(why.contains(because), "{because}: {why}");
        let comments = self.comments(incident).await;
        assert_eq!(comments.len(), 1, "{because}: {comments:?}");
        assert!(comments[0].text.contains(because) && comments[0].author == "Hue & Cry", "{comments:?}");
        let mut view = self.kit.store.read().await.unwrap();
        let letters = view.letters().about(LetterAbout::Incident(incident)).await.unwrap();
        let kinds: Vec<LetterKind> = letters.iter().map(|letter| letter.kind).collect();
        assert_eq!(kinds, [LetterKind::NotContained], "{because}: people are told");
    }

    async fn states(&self) -> Vec<(String, State)> {
        self.kit.containments().await.into_iter().map(|one| (one.target, one.state)).collect()
    }

    pub(crate) async fn end(mut self) -> Kit {
        self.shutdown.cancel();
        if let Some(worker) = self.worker.take() {
            worker.await.unwrap();
        }
        self.kit
    }
}

#[tokio::test]
async fn what_disturbs_little_is_applied_and_all_else_waits_for_people() {
    for (action, state, people) in [
        ("toy.low_lock", State::Verified, 0),
        ("toy.lock", State::AwaitingApproval, 1),
        ("toy.hard_lock", State::AwaitingApproval, 2),
        // what cannot be taken back, and what does not end by itself
        ("toy.zap", State::AwaitingApproval, 2),
        ("toy.forever", State::AwaitingApproval, 1),
    ] {
        let mut ordered = Ordered::new(vec![order(action)]).await;
        let (outcome, incident) = ordered.comes_of(&ordered.finding(1, "a")).await;
        let Outcome::Asked(id) = outcome else { panic!("{action}: {outcome:?}") };
        let kit = ordered.end().await;
        kit.work().await;
        let made = kit.get(id).await;
        assert_eq!((made.state, made.decision.people), (state, people), "{action}: {made:?}");
        assert_eq!(made.incident, Some(incident));
        assert_eq!(kit.emulator.effects().is_empty(), state != State::Verified, "{action}");
    }
}

#[tokio::test]
async fn no_order_is_for_other_sources_rules_or_trials() {
    let mut ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    let of = |number, change: fn(&mut Finding)| {
        let mut finding = ordered.finding(number, "a");
        change(&mut finding);
        finding
    };
    let all = [
        ("a source that is not authoritative", of(1, |one| one.source = "generic".to_owned())),
        ("reports", of(2, |one| one.source = "reports".to_owned())),
        (
            "a rule that is not named",
            of(3, |one| one.rule_id = "27f12671-087d-4145-ab44-000000000000".to_owned()),
        ),
        (
            "another rule, which tells of it",
            of(4, |one| {
                one.rule_id = "r1".to_owned();
                one.rule_title = RULE.to_owned();
            }),
        ),
        ("a rule in shadow", of(5, |one| one.stage = Stage::Shadow)),
        ("a rule on trial", of(6, |one| one.stage = Stage::Canary)),
    ];
    for (what, finding) in &all {
        ordered.passes_by(what, finding).await;
    }
    let (outcome, _) = ordered.comes_of(&ordered.finding(7, "a")).await;
    assert!(matches!(outcome, Outcome::Asked(_)), "and it does work: {outcome:?}");
    assert_eq!(ordered.states().await.len(), 1);
}

#[tokio::test]
async fn what_is_old_is_for_people() {
    let mut ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    let now_ms = ordered.kit.now_ms();
    let just = Finding {
        detected_at_ms: now_ms - AGE_MS_MAX,
        time_ms: now_ms - EVENT_AGE_MS_MAX,
        ..ordered.finding(1, "just")
    };
    let (outcome, _) = ordered.comes_of(&just).await;
    assert!(matches!(outcome, Outcome::Asked(_)), "{outcome:?}");
    let found = Finding { detected_at_ms: now_ms - AGE_MS_MAX - 1, ..ordered.finding(2, "found") };
    let happened = Finding { time_ms: now_ms - EVENT_AGE_MS_MAX - 1, ..ordered.finding(3, "happened") };
    for finding in [found, happened] {
        let (outcome, incident) = ordered.comes_of(&finding).await;
        assert_eq!(outcome, Outcome::Late, "{finding:?}");
        let comments = ordered.comments(incident).await;
        assert!(comments.len() == 1 && comments[0].text.contains("too old"), "{comments:?}");
    }
    assert_eq!(ordered.states().await.len(), 1);
}

#[tokio::test]
async fn what_people_have_not_decided_is_theirs_and_what_they_have_is_done() {
    let mut ordered = Ordered::new(vec![order("toy.lock")]).await;
    let by_hand = ContainRequest { grounds: SURE, ..request("toy.lock", "a") };
    let asked = ordered.kit.responder.request(&by_hand).await.unwrap();
    ordered.refused(&ordered.finding(1, "a"), "decide on that one").await;
    ordered.kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    let (outcome, incident) = ordered.comes_of(&ordered.finding(2, "a")).await;
    assert_eq!(outcome, Outcome::Already, "it is about to be");
    assert!(ordered.comments(incident).await.is_empty());
    ordered.kit.work().await;
    assert_eq!(ordered.comes_of(&ordered.finding(3, "a")).await.0, Outcome::Already, "it is");
    assert_eq!(ordered.states().await, [("a".to_owned(), State::Verified)]);
    assert_eq!(ordered.kit.emulator.effects(), ["lock a"]);
}

#[tokio::test]
async fn what_is_in_effect_without_an_end_is_not_asked_for_again() {
    let mut ordered = Ordered::new(vec![order("toy.forever")]).await;
    let (outcome, _) = ordered.comes_of(&ordered.finding(1, "a")).await;
    let Outcome::Asked(id) = outcome else { panic!("{outcome:?}") };
    ordered.kit.responder.vote(&vote("bob", &ordered.kit.get(id).await)).await.unwrap();
    ordered.kit.work().await;
    let (outcome, incident) = ordered.comes_of(&ordered.finding(2, "a")).await;
    assert_eq!(outcome, Outcome::Already);
    assert!(ordered.comments(incident).await.is_empty(), "there is nothing to say");
    assert_eq!(ordered.kit.emulator.effects(), ["lock a"]);
}

#[tokio::test]
async fn what_is_protected_stays_so_for_orders() {
    let mut ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    ordered.refused(&ordered.finding(1, "ci-deploy"), "is protected").await;
    // whose it is, only the look finds
    ordered.kit.emulator.with(|state| state.things.insert("key".into(), ("open".into(), "CI-deploy".into())));
    ordered.refused(&ordered.finding(2, "key"), "is protected").await;
    ordered.refused(&ordered.finding(3, "../ci-deploy"), "").await;
    assert!(ordered.states().await.is_empty() && ordered.kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn a_rule_that_is_wrong_locks_out_a_few_by_orders_too() {
    let mut fixed = setup("http://toy.example");
    fixed.limit = Limit { targets_max: 2, window_ms: 10 * MINUTE_MS };
    let mut ordered = Ordered::with(fixed, vec![order("toy.low_lock")]).await;
    for (number, target) in [(1, "a"), (2, "b")] {
        let (outcome, _) = ordered.comes_of(&ordered.finding(number, target)).await;
        assert!(matches!(outcome, Outcome::Asked(_)), "{outcome:?}");
    }
    ordered.refused(&ordered.finding(3, "c"), "the most that are allowed").await;
    assert_eq!(ordered.states().await.len(), 2);
}

#[tokio::test]
async fn a_finding_is_acted_on_once_and_what_was_taken_back_stays_so() {
    let mut ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    let finding = ordered.finding(1, "a");
    let (outcome, _) = ordered.comes_of(&finding).await;
    let Outcome::Asked(id) = outcome else { panic!("{outcome:?}") };
    ordered.kit.work().await;
    // the same again, while it is in effect and after it was taken back
    ordered.append(&finding).await;
    assert_eq!(ordered.told().await.outcome, Outcome::Already);
    ordered.kit.responder.undo(&crate::durable::kit::undo("kim", id)).await.unwrap();
    ordered.kit.work().await;
    ordered.append(&finding).await;
    assert_eq!(ordered.told().await.outcome, Outcome::Already);
    assert_eq!(ordered.states().await, [("a".to_owned(), State::Reverted)]);
    // a further finding of the same is one more reason
    let (outcome, _) = ordered.comes_of(&ordered.finding(2, "a")).await;
    assert!(matches!(outcome, Outcome::Asked(_)), "{outcome:?}");
}

#[tokio::test]
async fn two_orders_for_one_finding_are_each_carried_out() {
    let mut ordered = Ordered::new(vec![order("toy.low_lock"), order("toy.token")]).await;
    let finding = ordered.finding(1, "a");
    ordered.opened(&finding).await;
    ordered.append(&finding).await;
    for _ in 0..2 {
        let told = ordered.told().await;
        assert!(matches!(told.outcome, Outcome::Asked(_)), "{told:?}");
    }
    assert_eq!(ordered.states().await.len(), 2);
}

#[tokio::test]
async fn what_stands_in_no_incident_is_not_acted_on() {
    let mut ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    ordered.append(&ordered.finding(1, "a")).await;
    // triage is only slow
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(ordered.told.try_recv().is_err() && ordered.states().await.is_empty(), "it waits");
    let incident = ordered.opened(&ordered.finding(1, "a")).await;
    let told = ordered.told().await;
    assert!(matches!(told.outcome, Outcome::Asked(_)) && told.incident == Some(incident.id), "{told:?}");
    // and here it never comes
    ordered.append(&ordered.finding(2, "b")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    ordered.kit.clock.advance_ms(AGE_MS_MAX + MINUTE_MS);
    let told = ordered.told().await;
    assert_eq!((told.incident, told.outcome), (None, Outcome::Late));
    assert_eq!(ordered.states().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_for_stands_on_the_incident() {
    let elsewhere = Order { name: "elsewhere".to_owned(), ..order("none.lock") };
    let mut ordered = Ordered::new(vec![elsewhere]).await;
    ordered.refused(&ordered.finding(1, "a"), "no connector").await;
    let mut ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    let about_nothing = Finding {
        entities: vec![Entity { kind: EntityKind::Actor, value: "robot".to_owned() }],
        ..ordered.finding(2, "a")
    };
    ordered.refused(&about_nothing, "nothing that could be the target").await;
    // somebody did it by hand, and its file does not say that this can be told
    ordered.kit.emulator.with(|state| state.things.insert("b".into(), ("locked".into(), "nobody".into())));
    ordered.refused(&ordered.finding(3, "b"), "nothing was done").await;
    assert!(ordered.states().await.is_empty());
}

#[tokio::test]
async fn an_order_carries_on_where_another_process_has_stopped() {
    let ordered = Ordered::new(vec![order("toy.low_lock")]).await;
    let finding = ordered.finding(1, "a");
    ordered.opened(&finding).await;
    let log = Arc::clone(&ordered.log);
    ordered.shutdown.cancel();
    ordered.append(&finding).await;
    let Ordered { kit, worker, _dir: dir, .. } = ordered;
    worker.unwrap().await.unwrap();
    let entropy = Arc::new(SeededEntropy::new(99));
    let responder = Responder::new(ResponderOptions { entropy, ..kit.options.clone() });
    let (tell, mut told) = unbounded_channel();
    let orders = Arc::new(Arc::<[Order]>::from([order("toy.low_lock")]));
    let automation = Automation::new(AutomationOptions { log, responder, orders, reporter_tier: newcomer });
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let worker = tokio::spawn(async move {
        automation.run(PARTITION, &stop, |done| drop(tell.send(done))).await;
    });
    let done: Automated = tokio::time::timeout(ANSWER, told.recv()).await.unwrap().unwrap();
    assert!(matches!(done.outcome, Outcome::Asked(_)), "{done:?}");
    shutdown.cancel();
    worker.await.unwrap();
    assert_eq!(kit.containments().await.len(), 1);
    drop(dir);
}
