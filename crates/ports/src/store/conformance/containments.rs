//! Containments and runs: one worker at a time, nothing without something due.

use super::bench::Bench;
use crate::store::{ContainmentFilter, DELEGATIONS_MAX, PageRequest, RunFilter, Store, StoreError};
use model::{
    Containment, ContainmentDecision, ContainmentId, ContainmentState, Delegation, DelegationId, IncidentId,
    Lease, LeaseId, Principal, Progress, Run, RunId, RunPlace, RunState, RunStep, StepState, Transition,
    Ulid,
};
use serde_json::json;
use std::collections::BTreeMap;

fn ana() -> Principal {
    Principal::Person { id: "per_1".to_owned(), name: "ana".to_owned() }
}

fn containment(bench: &Bench, target: &str, incident: Option<IncidentId>, at_ms: i64) -> Containment {
    Containment {
        id: ContainmentId::new(&bench.clock, &bench.entropy),
        region: "default".to_owned(),
        incident,
        task: None,
        action: "aws.deactivate_key".to_owned(),
        target_kind: "credential".to_owned(),
        target: target.to_owned(),
        inputs: BTreeMap::from([("note".to_owned(), "x".to_owned())]),
        plan: json!({ "action": "aws.deactivate_key", "changes": [] }),
        plan_sha256: [7; 32],
        requester: ana(),
        requesters: vec!["per_1".to_owned()],
        reason: "leaked".to_owned(),
        decision: ContainmentDecision {
            people: 1,
            expires_at_ms: at_ms + 50,
            ..ContainmentDecision::default()
        },
        votes: Vec::new(),
        facts: BTreeMap::from([("user".to_owned(), "ci".to_owned())]),
        state: ContainmentState::AwaitingApproval,
        history: vec![Transition { state: ContainmentState::Planned, at_ms, by: ana(), reason: None }],
        progress: Progress::default(),
        ttl_ms: Some(60_000),
        revert_at_ms: None,
        due_at_ms: Some(at_ms + 50),
        lease: None,
        created_at_ms: at_ms,
        updated_at_ms: at_ms,
        version: 1,
    }
}

fn lease(bench: &Bench, until_ms: i64) -> Lease {
    Lease { id: LeaseId::new(&bench.clock, &bench.entropy), until_ms }
}

async fn added(bench: &Bench, store: &dyn Store, all: &[&Containment]) {
    let mut unit = store.begin().await.unwrap();
    for one in all {
        unit.containments().add(one, &bench.audit(one.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
}

/// Stored as they are, found by every filter, one of an action and target at a time.
pub async fn containments_are_listed(store: &dyn Store) {
    let bench = Bench::new(101);
    let incident = bench.opened(store, 1, "ci").await.id;
    let one = containment(&bench, "AKIA1", Some(incident), 100);
    let two = containment(&bench, "AKIA2", None, 200);
    added(&bench, store, &[&one, &two]).await;
    let mut view = store.read().await.unwrap();
    assert_eq!(view.containments().get(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(view.containments().get(ContainmentId(Ulid(1))).await.unwrap(), None);
    let any = ContainmentFilter::default();
    let first = view.containments().list(&any, &PageRequest::first(1)).await.unwrap();
    assert_eq!(first.items, std::slice::from_ref(&two));
    let rest = PageRequest::after(9, first.next.unwrap());
    assert_eq!(view.containments().list(&any, &rest).await.unwrap().items, std::slice::from_ref(&one));
    for (filter, found) in [
        (ContainmentFilter { incident: Some(incident), ..any.clone() }, vec![one.clone()]),
        (ContainmentFilter { target: Some("AKIA2".to_owned()), ..any.clone() }, vec![two.clone()]),
        (ContainmentFilter { action: Some("okta.x".to_owned()), ..any.clone() }, vec![]),
        (ContainmentFilter { states: vec![ContainmentState::Verified], ..any.clone() }, vec![]),
        (
            ContainmentFilter { states: vec![ContainmentState::AwaitingApproval], ..any.clone() },
            vec![two.clone(), one.clone()],
        ),
    ] {
        let page = PageRequest::first(9);
        assert_eq!(view.containments().list(&filter, &page).await.unwrap().items, found, "{filter:?}");
    }
    assert_eq!(view.containments().under_way(&one.action, "AKIA1").await.unwrap(), Some(one.id));
    assert_eq!(view.containments().under_way(&one.action, "AKIA9").await.unwrap(), None);
    let targets = view.containments().targets_since(&one.action, 100).await.unwrap();
    assert_eq!(targets, [(200, "AKIA2".to_owned())]);
    drop(view);

    let twin = containment(&bench, "AKIA1", None, 300);
    let mut unit = store.begin().await.unwrap();
    let refused = unit.containments().add(&twin, &bench.audit(twin.id)).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
    drop(unit);
    // what was called off leaves room for the next, and counts for no limit
    let off = Containment { state: ContainmentState::Cancelled, due_at_ms: None, ..one.clone() };
    let mut unit = store.begin().await.unwrap();
    unit.containments().replace(&off, Some(&bench.audit(one.id))).await.unwrap();
    unit.commit().await.unwrap();
    added(&bench, store, &[&twin]).await;
    let mut view = store.read().await.unwrap();
    assert_eq!(view.containments().targets_since(&one.action, 0).await.unwrap().len(), 2);
}

/// When each was last begun to be applied, however early it was asked for; and what is for an incident, with all that was merged
/// into that.
pub async fn containments_are_counted_and_follow_their_incident(store: &dyn Store) {
    let bench = Bench::new(106);
    let (first, second) = (bench.opened(store, 1, "ci").await.id, bench.opened(store, 2, "cd").await.id);
    let applied = |target: &str, incident, at_ms: i64| {
        let made = containment(&bench, target, incident, 100);
        let applying = Transition { state: ContainmentState::Applying, at_ms, by: ana(), reason: None };
        let history = made.history.iter().cloned().chain([applying]).collect();
        Containment { history, updated_at_ms: at_ms, ..made }
    };
    let (early, late) = (applied("AKIA1", Some(first), 150), applied("AKIA2", None, 900));
    let (waiting, of_second) = (containment(&bench, "AKIA3", None, 950), applied("AKIA4", Some(second), 160));
    added(&bench, store, &[&early, &late, &waiting, &of_second]).await;
    let mut view = store.read().await.unwrap();
    let since = view.containments().applied_since(&early.action, 500).await.unwrap();
    assert_eq!(since, [(900, "AKIA2".to_owned())]);
    assert_eq!(view.containments().applied_since(&early.action, 155).await.unwrap().len(), 2);
    assert_eq!(view.containments().applied_since("okta.suspend_user", 0).await.unwrap(), []);
    drop(view);
    super::desk::merge(store, &bench, first, second).await;
    let mut view = store.read().await.unwrap();
    let of = async |view: &mut dyn crate::store::Snapshot, incident| {
        let filter = ContainmentFilter { incident: Some(incident), ..ContainmentFilter::default() };
        let page = view.containments().list(&filter, &PageRequest::first(9)).await.unwrap();
        page.items.into_iter().map(|one| one.target).collect::<Vec<_>>()
    };
    let mut all = of(&mut *view, second).await;
    all.sort();
    assert_eq!(all, ["AKIA1", "AKIA4"]);
    assert_eq!(of(&mut *view, first).await, ["AKIA1"]);
}

/// Who takes one has it alone until the lease ends; stale changes are refused.
pub async fn containments_are_taken_by_one(store: &dyn Store) {
    let bench = Bench::new(102);
    let late = containment(&bench, "AKIA1", None, 100);
    let soon =
        Containment { action: "okta.suspend_user".to_owned(), ..containment(&bench, "AKIA2", None, 50) };
    added(&bench, store, &[&late, &soon]).await;
    let mut view = store.read().await.unwrap();
    assert_eq!(view.containments().next_due().await.unwrap(), Some(100));
    drop(view);
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.containments().take(lease(&bench, 900), 99, 0).await.unwrap(), None, "nothing is due");
    let (mine, yours) = (lease(&bench, 900), lease(&bench, 950));
    let taken = unit.containments().take(mine, 200, 0).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.lease, taken.version), (soon.id, Some(mine), 2));
    let other = unit.containments().take(yours, 200, 0).await.unwrap().unwrap();
    assert_eq!(other.id, late.id);
    assert_eq!(unit.containments().take(lease(&bench, 999), 899, 0).await.unwrap(), None, "both are taken");
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.containments().next_due().await.unwrap(), Some(900), "when the first lease ends");
    drop(view);
    let mut unit = store.begin().await.unwrap();
    let stale = unit.containments().replace(&soon, None).await;
    assert!(matches!(stale, Err(StoreError::Conflict { current: 2 })), "{stale:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let again = unit.containments().take(lease(&bench, 2_000), 900, 0).await.unwrap().unwrap();
    assert_eq!(again.id, soon.id, "its worker has lost it");
    let given_back = Containment { lease: None, due_at_ms: Some(5_000), ..again.clone() };
    assert_eq!(unit.containments().replace(&given_back, None).await.unwrap(), 4);
    unit.commit().await.unwrap();
}

/// No two of one connector are worked on at a time, so that a system that does not answer holds up its own alone.
pub async fn one_of_a_connector_is_taken_at_a_time(store: &dyn Store) {
    let bench = Bench::new(107);
    let of = |action: &str, target: &str, at_ms: i64| Containment {
        action: action.to_owned(),
        ..containment(&bench, target, None, at_ms)
    };
    let (one, two) = (of("aws.deactivate_key", "AKIA1", 10), of("aws.deny_user", "ci", 20));
    let (far, near) = (of("aws_s3.block_public_access", "logs", 30), of("awsome", "x", 40));
    added(&bench, store, &[&one, &two, &far, &near]).await;
    let mut unit = store.begin().await.unwrap();
    let mut taken = Vec::new();
    for until_ms in [900, 910, 920] {
        taken.push(unit.containments().take(lease(&bench, until_ms), 500, 0).await.unwrap().unwrap());
    }
    let ids: Vec<_> = taken.iter().map(|one| one.id).collect();
    assert_eq!(ids, [one.id, far.id, near.id], "names that begin alike are of different connectors");
    assert_eq!(unit.containments().take(lease(&bench, 930), 500, 0).await.unwrap(), None);
    assert_eq!(unit.containments().next_due().await.unwrap(), Some(900), "when its connector is free again");
    unit.commit().await.unwrap();
    // given back, the next of that connector can be taken
    let given_back = Containment { lease: None, due_at_ms: Some(5_000), ..taken.remove(0) };
    let mut unit = store.begin().await.unwrap();
    unit.containments().replace(&given_back, None).await.unwrap();
    assert_eq!(unit.containments().next_due().await.unwrap(), Some(70));
    let next = unit.containments().take(lease(&bench, 940), 500, 0).await.unwrap().unwrap();
    assert_eq!(next.id, two.id);
    // a lease that was not given back holds it up until it ends, and no longer
    let held = unit.containments().take(lease(&bench, 9_000), 939, 0).await.unwrap().unwrap();
    assert_eq!(held.id, far.id);
    let again = unit.containments().take(lease(&bench, 9_000), 940, 0).await.unwrap().unwrap();
    assert_eq!(again.id, two.id);
    // nor one of a worker that has been at it for longer than a request takes
    let back = Containment { lease: None, due_at_ms: Some(700), ..given_back };
    let back = Containment { version: back.version + 1, ..back };
    unit.containments().replace(&back, None).await.unwrap();
    let free = unit.containments().take(lease(&bench, 9_500), 950, 8_999).await.unwrap().unwrap();
    assert_eq!(free.id, near.id);
    assert_eq!(unit.containments().take(lease(&bench, 9_500), 950, 8_999).await.unwrap(), None);
    let beside = unit.containments().take(lease(&bench, 9_500), 950, 9_000).await.unwrap().unwrap();
    assert_eq!(beside.id, one.id);
    unit.commit().await.unwrap();
}

/// Who says that it is still at it keeps its row, and others from its connector; who has lost it does not get it back.
pub async fn a_lease_is_renewed_while_it_is_held(store: &dyn Store) {
    let bench = Bench::new(109);
    let (one, two) = (containment(&bench, "AKIA1", None, 10), containment(&bench, "AKIA2", None, 20));
    added(&bench, store, &[&one, &two]).await;
    let mine = lease(&bench, 900);
    let mut unit = store.begin().await.unwrap();
    let taken = unit.containments().take(mine, 500, 0).await.unwrap().unwrap();
    let longer = Lease { until_ms: 1_900, ..mine };
    assert!(unit.containments().renew(taken.id, longer, 899).await.unwrap());
    // never shorter, and nobody who has looked at it sees a change
    assert!(unit.containments().renew(taken.id, Lease { until_ms: 5, ..mine }, 900).await.unwrap());
    let stored = unit.containments().get(taken.id).await.unwrap().unwrap();
    assert_eq!((stored.lease, stored.version), (Some(longer), taken.version));
    assert!(!unit.containments().renew(two.id, longer, 900).await.unwrap(), "that one was never taken");
    assert!(
        !unit.containments().renew(taken.id, lease(&bench, 9_000), 900).await.unwrap(),
        "another's lease"
    );
    // busy since it was renewed, not since it was taken
    assert_eq!(unit.containments().take(lease(&bench, 2_000), 1_000, 1_899).await.unwrap(), None);
    assert!(unit.containments().take(lease(&bench, 2_000), 1_000, 1_900).await.unwrap().is_some());
    assert!(
        !unit.containments().renew(taken.id, Lease { until_ms: 9_000, ..mine }, 1_900).await.unwrap(),
        "ended"
    );
    let given_back = Containment { lease: None, due_at_ms: Some(5_000), ..stored };
    unit.containments().replace(&given_back, None).await.unwrap();
    assert!(!unit.containments().renew(taken.id, longer, 900).await.unwrap(), "given back");
    unit.commit().await.unwrap();
}

/// What is to be taken back, or whose time is over, comes before what has been due longer.
pub async fn what_is_taken_back_is_taken_first(store: &dyn Store) {
    let bench = Bench::new(108);
    let of = |target: &str, state, at_ms: i64| Containment {
        action: format!("{target}.lock"),
        state,
        ..containment(&bench, target, None, at_ms)
    };
    let wanted = |progress: Progress, one: Containment| Containment { progress, ..one };
    let undo = Progress { undo: Some((ana(), "a test".to_owned())), ..Progress::default() };
    let all = [
        of("a", ContainmentState::Applying, 1),
        of("b", ContainmentState::AwaitingApproval, 2),
        of("c", ContainmentState::Reverting, 60),
        Containment { revert_at_ms: Some(150), ..of("d", ContainmentState::Verified, 70) },
        wanted(undo, of("e", ContainmentState::Applying, 80)),
        wanted(Progress { reverting: true, ..Progress::default() }, of("f", ContainmentState::Unknown, 90)),
        Containment { revert_at_ms: Some(9_000), ..of("g", ContainmentState::Unknown, 3) },
    ];
    added(&bench, store, &all.iter().collect::<Vec<_>>()).await;
    let mut unit = store.begin().await.unwrap();
    let mut order = String::new();
    while let Some(taken) = unit.containments().take(lease(&bench, 5_000), 200, 0).await.unwrap() {
        order.push_str(&taken.target);
    }
    assert_eq!(order, "cdefabg");
}

/// Whatever is not at rest has something due, and what is at rest has not.
pub async fn what_is_not_at_rest_has_something_due(store: &dyn Store) {
    let bench = Bench::new(103);
    let incident = bench.opened(store, 1, "ci").await.id;
    for &state in ContainmentState::ALL {
        for revert_at_ms in [None, Some(500)] {
            for due_at_ms in [None, Some(400)] {
                let one = Containment {
                    state,
                    revert_at_ms,
                    due_at_ms,
                    ..containment(&bench, "AKIA1", Some(incident), 100)
                };
                let mut unit = store.begin().await.unwrap();
                let came = unit.containments().add(&one, &bench.audit(one.id)).await;
                let fits = one.is_at_rest() == due_at_ms.is_none();
                assert_eq!(came.is_ok(), fits, "{state:?} {revert_at_ms:?} {due_at_ms:?}: {came:?}");
            }
        }
    }
    let other = containment(&bench, "AKIA1", None, 100);
    let mut unit = store.begin().await.unwrap();
    let mismatch = unit.containments().add(&other, &bench.audit("act_other")).await;
    assert!(matches!(mismatch, Err(StoreError::AuditMismatch { .. })), "{mismatch:?}");
}

fn run(bench: &Bench, parent: Option<RunPlace>, at_ms: i64) -> Run {
    Run {
        id: RunId::new(&bench.clock, &bench.entropy),
        region: "default".to_owned(),
        incident: None,
        parent,
        depth: u32::from(parent.is_some()),
        playbook: "playbook--1".to_owned(),
        name: "Leaked key".to_owned(),
        modified_at_ms: 1,
        playbook_sha256: [9; 32],
        requester: ana(),
        requesters: vec!["per_1".to_owned()],
        reason: "leaked".to_owned(),
        grounds: json!({}),
        state: RunState::Running,
        machine: json!({ "root": 1 }),
        problem: None,
        due_at_ms: Some(at_ms),
        deadline_at_ms: at_ms + 1_000,
        lease: None,
        created_at_ms: at_ms,
        updated_at_ms: at_ms,
        ended_at_ms: None,
        version: 1,
    }
}

fn step(run: &Run, task: u32) -> RunStep {
    RunStep {
        run: run.id,
        task,
        step: format!("action--{task}"),
        name: format!("Step {task}"),
        kind: "manual".to_owned(),
        text: "look".to_owned(),
        state: StepState::AwaitingPerson,
        command: 0,
        tries: 0,
        sent: false,
        containment: None,
        child: None,
        begun_at_ms: 1,
        starts_at_ms: 2,
        due_at_ms: 700,
        deadline_at_ms: 800,
        ended_at_ms: None,
        by: None,
        reason: None,
        region: "default".to_owned(),
    }
}

/// A run has the text of its playbook, its steps in order, and one run of each command.
pub async fn runs_keep_their_playbook(store: &dyn Store) {
    let bench = Bench::new(104);
    let one = run(&bench, None, 100);
    let place = RunPlace { run: one.id, task: 3, command: 1 };
    let child = run(&bench, Some(place), 200);
    let mut unit = store.begin().await.unwrap();
    for begun in [&one, &child] {
        unit.runs().begin(begun, "the text", &bench.audit(begun.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let steps = [step(&one, 2), step(&one, 1)];
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.runs().replace(&one, &steps, None).await.unwrap(), 2);
    let ended = RunStep {
        state: StepState::Skipped,
        ended_at_ms: Some(9),
        by: Some(ana()),
        reason: Some("not here".to_owned()),
        ..step(&one, 1)
    };
    let second = Run {
        version: 2,
        requesters: vec!["per_1".to_owned(), "per_2".to_owned()],
        grounds: json!({ "signal": "uncorroborated" }),
        ..one.clone()
    };
    let audit = bench.audit(one.id);
    assert_eq!(unit.runs().replace(&second, std::slice::from_ref(&ended), Some(&audit)).await.unwrap(), 3);
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.runs().get(child.id).await.unwrap(), Some(child.clone()));
    let kept = view.runs().get(one.id).await.unwrap().unwrap();
    assert_eq!((kept.requesters, kept.grounds), (second.requesters, second.grounds));
    assert_eq!(view.runs().playbook(&[9; 32]).await.unwrap().as_deref(), Some("the text"));
    assert_eq!(view.runs().playbook(&[8; 32]).await.unwrap(), None);
    assert_eq!(view.runs().steps(one.id, false).await.unwrap(), [ended, step(&one, 2)]);
    assert_eq!(view.runs().steps(one.id, true).await.unwrap(), [step(&one, 2)]);
    assert_eq!(view.runs().of_task(place).await.unwrap().map(|run| run.id), Some(child.id));
    assert_eq!(view.runs().of_task(RunPlace { command: 0, ..place }).await.unwrap(), None);
    for (filter, ids) in [
        (RunFilter::default(), vec![child.id, one.id]),
        (RunFilter { states: vec![RunState::Failed], ..RunFilter::default() }, vec![]),
        (RunFilter { playbook: Some("playbook--2".to_owned()), ..RunFilter::default() }, vec![]),
    ] {
        let page = view.runs().list(&filter, &PageRequest::first(9)).await.unwrap();
        assert_eq!(page.items.iter().map(|run| run.id).collect::<Vec<_>>(), ids, "{filter:?}");
    }
    assert_eq!(view.runs().below(one.id).await.unwrap(), 1);
    drop(view);
    let mut unit = store.begin().await.unwrap();
    let grandchild = run(&bench, Some(RunPlace { run: child.id, task: 1, command: 0 }), 250);
    unit.runs().begin(&grandchild, "the text", &bench.audit(grandchild.id)).await.unwrap();
    for (above, below) in [(one.id, 2), (child.id, 1), (grandchild.id, 0)] {
        assert_eq!(unit.runs().below(above).await.unwrap(), below);
    }
    drop(unit);
    let twin = run(&bench, Some(place), 300);
    let mut unit = store.begin().await.unwrap();
    let refused = unit.runs().begin(&twin, "the text", &bench.audit(twin.id)).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
}

/// Who takes a run has it alone; what it waits for wakes it; at its end nothing does.
pub async fn runs_are_taken_by_one(store: &dyn Store) {
    let bench = Bench::new(105);
    let one = run(&bench, None, 500);
    let mut unit = store.begin().await.unwrap();
    unit.runs().begin(&one, "the text", &bench.audit(one.id)).await.unwrap();
    unit.runs().replace(&one, &[step(&one, 1), step(&one, 2)], None).await.unwrap();
    assert_eq!(unit.runs().take(lease(&bench, 900), 499).await.unwrap(), None);
    let place = RunPlace { run: one.id, task: 1, command: 0 };
    unit.runs().wake(place, 300).await.unwrap();
    unit.runs().wake(place, 400).await.unwrap();
    let steps = unit.runs().steps(one.id, true).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.due_at_ms).collect::<Vec<_>>(), [300, 700]);
    let taken = unit.runs().take(lease(&bench, 900), 300).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.due_at_ms), (one.id, Some(300)));
    assert_eq!(unit.runs().take(lease(&bench, 950), 899).await.unwrap(), None);
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.runs().next_due().await.unwrap(), Some(900));
    let stale = unit.runs().replace(&one, &[], None).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let longer = Run { deadline_at_ms: 9_000, ..taken.clone() };
    unit.runs().replace(&longer, &[], None).await.unwrap();
    assert_eq!(unit.runs().get(one.id).await.unwrap().map(|run| run.deadline_at_ms), Some(9_000));
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let half = Run { state: RunState::Completed, ..taken.clone() };
    let refused = unit.runs().replace(&half, &[], None).await;
    assert!(matches!(refused, Err(StoreError::BadQuery { .. })), "{refused:?}");
    drop(unit);
    let ended = Run { due_at_ms: None, ended_at_ms: Some(9), lease: None, ..half };
    let mut unit = store.begin().await.unwrap();
    unit.runs().replace(&ended, &[], Some(&bench.audit(one.id))).await.unwrap();
    unit.runs().wake(place, 1).await.unwrap();
    assert_eq!(unit.runs().take(lease(&bench, 2_000), 1_000).await.unwrap(), None);
    assert_eq!(unit.runs().next_due().await.unwrap(), None);
    unit.commit().await.unwrap();
}

/// A containment wakes every run of which an open step waits for it, and no other.
pub async fn runs_are_woken_by_what_they_wait_for(store: &dyn Store) {
    let bench = Bench::new(109);
    let (id, other) = (ContainmentId(Ulid(7)), ContainmentId(Ulid(8)));
    let waits = |run: &Run, task, containment| RunStep { containment: Some(containment), ..step(run, task) };
    let runs = [(); 3].map(|()| run(&bench, None, 500));
    let ended = RunStep { state: StepState::Succeeded, ended_at_ms: Some(9), ..waits(&runs[2], 1, id) };
    let mut unit = store.begin().await.unwrap();
    for (run, steps) in runs.iter().zip([
        vec![waits(&runs[0], 1, other), waits(&runs[0], 2, id)],
        vec![waits(&runs[1], 1, other)],
        vec![ended],
    ]) {
        unit.runs().begin(run, "the text", &bench.audit(run.id)).await.unwrap();
        unit.runs().replace(run, &steps, None).await.unwrap();
    }
    for at_ms in [300, 400] {
        unit.runs().wake_waiting(id, at_ms).await.unwrap();
    }
    let mut due = Vec::new();
    for run in &runs {
        due.push(unit.runs().get(run.id).await.unwrap().unwrap().due_at_ms.unwrap());
    }
    assert_eq!(due, [300, 500, 500]);
    let steps = unit.runs().steps(runs[0].id, true).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.due_at_ms).collect::<Vec<_>>(), [700, 300]);
    unit.commit().await.unwrap();
}

/// A delegation counts until its time, or until it is taken back; a person gives few.
pub async fn answers_are_delegated_for_a_time(store: &dyn Store) {
    let bench = Bench::new(106);
    let delegation = |from: &str, to: &str, until_ms| Delegation {
        id: DelegationId::new(&bench.clock, &bench.entropy),
        from: from.to_owned(),
        to: to.to_owned(),
        until_ms,
        reason: "away".to_owned(),
        created_at_ms: 100,
        ended_at_ms: None,
        region: "default".to_owned(),
    };
    let (one, two) = (delegation("ana", "bob", 500), delegation("bob", "eve", 900));
    let mut unit = store.begin().await.unwrap();
    for given in [&one, &two] {
        unit.delegations().add(given, &bench.audit(given.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.delegations().get(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(view.delegations().of_person("bob", 499).await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(view.delegations().of_person("bob", 500).await.unwrap(), std::slice::from_ref(&two));
    assert_eq!(view.delegations().of_person("kim", 1).await.unwrap(), []);
    drop(view);
    let mut unit = store.begin().await.unwrap();
    unit.delegations().end(two.id, 200, &bench.audit(two.id)).await.unwrap();
    assert_eq!(unit.delegations().of_person("bob", 300).await.unwrap(), std::slice::from_ref(&one));
    for _ in 0..DELEGATIONS_MAX {
        let next = delegation("kim", "bob", 700);
        unit.delegations().add(&next, &bench.audit(next.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let again = unit.delegations().end(two.id, 300, &bench.audit(two.id)).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let further = delegation("kim", "eve", 700);
    let refused = unit.delegations().add(&further, &bench.audit(further.id)).await;
    assert!(matches!(refused, Err(StoreError::BadQuery { .. })), "{refused:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let later = Delegation { created_at_ms: 700, until_ms: 900, ..further };
    unit.delegations().add(&later, &bench.audit(later.id)).await.unwrap();
}
