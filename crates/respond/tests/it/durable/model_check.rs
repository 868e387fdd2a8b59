//! Every state that a containment can come to, by every outcome and everything people can do, tried to the end.

use super::kit::NOW_MS;
use model::{
    Containment, ContainmentDecision, ContainmentId, ContainmentState as State, Principal, Progress, Ulid,
};
use respond::Times;
use respond::connector::{Outcome, Values};
use respond::contain::step::{self, Next};
use respond::impact::{Impact, Reversibility};
use respond::plan::{BlastRadius, Change, Draft, Plan};
use respond::protect::{Protection, Target, TargetKind};
use std::collections::{BTreeMap, BTreeSet};

/// Few tries, so that all ways are short.
const TIMES: Times = Times {
    approval_wait_ms: 1_000,
    apply_within_ms: 500,
    retry_first_ms: 10,
    retry_longest_ms: 20,
    lost_wait_ms: 15,
    apply_tries_max: 3,
    verify_tries_max: 2,
    revert_tries_max: 3,
    tell_end_ms: 80_000,
    remind_ms: 200_000,
    lease_ms: 100,
};

/// A row at a time.
#[derive(Clone)]
struct Stand {
    row: Containment,
    now_ms: i64,
}

fn person() -> Principal {
    Principal::Person { id: "per_bob".to_owned(), name: "bob".to_owned() }
}

fn planned(reversibility: Reversibility, ttl_ms: Option<u64>, people: u8) -> Stand {
    let target = Target { kind: TargetKind::Account, name: "a".to_owned(), belongs_to: Vec::new() };
    let draft = Draft {
        action: "toy.lock".to_owned(),
        action_version: "1".to_owned(),
        changes: vec![Change { what: "a".into(), before: "open".into(), after: "locked".into() }],
        blast_radius: BlastRadius::default(),
        impact: Impact::Low,
        reversibility,
        ttl_ms,
        incident: String::new(),
        about: Vec::new(),
    };
    let plan = Plan::of(draft, &Protection::default().admit(target).unwrap()).unwrap();
    let mut row = Containment {
        id: ContainmentId(Ulid(1)),
        region: "default".to_owned(),
        incident: None,
        task: None,
        action: "toy.lock".to_owned(),
        target_kind: "account".to_owned(),
        target: "a".to_owned(),
        inputs: BTreeMap::new(),
        plan: serde_json::to_value(&plan).unwrap(),
        plan_sha256: plan.hash().0,
        requester: person(),
        requesters: vec!["per_ann".to_owned()],
        reason: "r".to_owned(),
        decision: ContainmentDecision {
            people,
            expires_at_ms: NOW_MS + 1_000,
            ..ContainmentDecision::default()
        },
        votes: Vec::new(),
        facts: Values::new(),
        state: State::Planned,
        history: Vec::new(),
        progress: Progress::default(),
        ttl_ms,
        revert_at_ms: None,
        due_at_ms: None,
        lease: None,
        created_at_ms: NOW_MS,
        updated_at_ms: NOW_MS,
        version: 1,
    };
    step::begin(&mut row, NOW_MS);
    step::decided(&mut row, &person(), NOW_MS);
    Stand { row, now_ms: NOW_MS }
}

/// Why a person keeps it.
const KEPT: &str = "kept";

/// What tells stands apart: not when it is, but how far off things are.
fn key(stand: &Stand) -> String {
    let row = &stand.row;
    let progress =
        Progress { problem: None, reminders: row.progress.reminders.min(3), ..row.progress.clone() };
    let has = |wanted: State| row.history.iter().any(|step| step.state == wanted);
    let ttl_is_over = row.revert_at_ms.map(|at_ms| at_ms <= stand.now_ms);
    let is_kept = row.history.iter().any(|step| step.reason.as_deref() == Some(KEPT));
    format!(
        "{:?} {progress:?} {} {} {ttl_is_over:?} {is_kept}",
        row.state,
        has(State::Approved),
        has(State::Verified)
    )
}

fn outcomes() -> [Outcome; 5] {
    let why = || "drawn".to_owned();
    let (refused, partly) = (Outcome::Refused(why()), Outcome::Partly(why()));
    [Outcome::Done(Values::new()), Outcome::Later(why()), refused, partly, Outcome::Unknown(why())]
}

/// Everything that a worker can make of it when it is due.
fn worked(stand: &Stand) -> Vec<Stand> {
    let due_ms = stand.row.due_at_ms.unwrap().max(stand.now_ms);
    let mut stand = Stand { now_ms: due_ms, ..stand.clone() };
    let (now_ms, times) = (stand.now_ms, &TIMES);
    let next = step::next(&stand.row, now_ms, times);
    let simple: Option<fn(&mut Containment, i64, &Times)> = match next {
        Next::Expire => Some(|row, now_ms, _| drop(step::expire(row, now_ms))),
        Next::TellEnd => Some(|row, now_ms, times| drop(step::tell_end(row, now_ms, times))),
        Next::BeginRevert => Some(|row, now_ms, times| drop(step::revert_due(row, now_ms, times))),
        Next::Remind => Some(|row, now_ms, times| drop(step::remind(row, now_ms, times))),
        _ => None,
    };
    if let Some(simple) = simple {
        simple(&mut stand.row, now_ms, times);
        return vec![stand];
    }
    let before = stand.row.progress.sent;
    if matches!(next, Next::Apply | Next::Revert) {
        assert!(stand.row.history.iter().any(|step| step.state == State::Approved), "{:?}", stand.row);
        step::sending(&mut stand.row, now_ms, times);
    }
    // the worker is gone, and another one comes when its lease has ended
    let mut all = vec![stand.clone()];
    for outcome in outcomes() {
        all.extend(came(&stand, next, &outcome, before));
    }
    all
}

fn came(stand: &Stand, next: Next, outcome: &Outcome, before: bool) -> Option<Stand> {
    let mut stand = stand.clone();
    let (row, now_ms, times) = (&mut stand.row, stand.now_ms, &TIMES);
    match next {
        Next::Look => {
            let plan = matches!(outcome, Outcome::Done(_))
                .then(|| serde_json::from_value(row.plan.clone()).unwrap());
            step::looked(row, Ok((outcome.clone(), plan)), now_ms, times);
        }
        Next::Apply => drop(step::applied(row, Ok(outcome.clone()), before, now_ms, times)),
        Next::Verify => drop(step::verified(row, Ok(outcome.clone()), now_ms, times)),
        Next::Revert => drop(step::reverted(row, Ok(outcome.clone()), before, now_ms, times)),
        Next::VerifyRevert => drop(step::verified_revert(row, Ok(outcome.clone()), now_ms, times)),
        Next::Expire | Next::BeginRevert | Next::TellEnd | Next::Remind => return None,
    }
    Some(stand)
}

/// Everything that people can do about it.
fn decided(stand: &Stand) -> Vec<Stand> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Containment) -> bool| {
        let mut next = stand.clone();
        if change(&mut next.row) {
            all.push(next);
        }
    };
    let now_ms = stand.now_ms;
    with(&|row| step::undone(row, &person(), "no", now_ms).is_ok());
    for until_ms in [None, Some(now_ms + 1_000_000)] {
        with(&|row| step::kept_until(row, until_ms, (&person(), KEPT), now_ms, &TIMES).is_ok());
    }
    if stand.row.state == State::AwaitingApproval {
        with(&|row| {
            step::approve(row, &person(), None, now_ms);
            true
        });
        with(&|row| {
            step::end(row, State::Denied, &person(), None, now_ms);
            true
        });
    }
    if stand.row.state == State::Unknown {
        for happened in [true, false] {
            with(&|row| {
                step::settled(row, happened, (&person(), "looked"), now_ms, &TIMES);
                true
            });
        }
    }
    all
}

fn check(stand: &Stand) {
    let row = &stand.row;
    assert_eq!(row.is_at_rest(), row.due_at_ms.is_none(), "{row:?}");
    // where it may be in effect and nobody is asked, it is neither failed nor called off
    if matches!(row.state, State::Failed | State::Cancelled | State::Expired) {
        let settled = row.history.iter().any(|step| step.state == State::Unknown);
        let taken_back = row.history.iter().any(|step| step.state == State::Reverting);
        assert!(!row.progress.sent || settled || taken_back, "{row:?}");
    }
    // a time-to-live is kept wherever it may be in effect, unless a person keeps the containment
    let is_kept = row.history.iter().any(|step| step.reason.as_deref() == Some(KEPT));
    if row.ttl_ms.is_some()
        && !is_kept
        && matches!(row.state, State::Applied | State::Verified | State::Unknown)
    {
        assert!(row.revert_at_ms.is_some() || row.progress.reverting, "{row:?}");
    }
}

/// Left to workers whose requests all come to this, it comes to rest, or waits for a person and is never forgotten.
fn check_ends(stand: &Stand, outcome: &Outcome) {
    let mut stand = stand.clone();
    for _ in 0..60 {
        if stand.row.is_at_rest() {
            return;
        }
        stand.now_ms = stand.row.due_at_ms.unwrap().max(stand.now_ms);
        let next = step::next(&stand.row, stand.now_ms, &TIMES);
        let before = stand.row.progress.sent;
        if matches!(next, Next::Apply | Next::Revert) {
            step::sending(&mut stand.row, stand.now_ms, &TIMES);
        }
        stand = match came(&stand, next, outcome, before) {
            Some(stand) => stand,
            None => worked(&stand).remove(0),
        };
    }
    assert!(matches!(stand.row.state, State::Unknown | State::Reverting), "{:?}", stand.row);
    assert!(stand.row.progress.reminders > 0, "{:?}", stand.row);
}

#[test]
fn every_state_there_is() {
    for (reversibility, ttl_ms) in [
        (Reversibility::Reversible, Some(400_000)),
        (Reversibility::Reversible, None),
        (Reversibility::Compensable, None),
        (Reversibility::Irreversible, None),
    ] {
        let mut seen = BTreeSet::new();
        let mut ahead: Vec<Stand> = [0, 1].map(|people| planned(reversibility, ttl_ms, people)).into();
        let mut states = BTreeSet::new();
        while let Some(stand) = ahead.pop() {
            check(&stand);
            if !seen.insert(key(&stand)) {
                continue;
            }
            states.insert(stand.row.state);
            for outcome in outcomes() {
                check_ends(&stand, &outcome);
            }
            if stand.row.due_at_ms.is_some() {
                ahead.extend(worked(&stand));
            }
            ahead.extend(decided(&stand));
        }
        let reached = State::ALL.len() - 1 - if reversibility == Reversibility::Reversible { 0 } else { 2 };
        assert_eq!(states.len(), reached, "all but planned, which is left at once: {states:?}");
        eprintln!("{reversibility:?}, {ttl_ms:?}: {} stands, {states:?}", seen.len());
    }
}
