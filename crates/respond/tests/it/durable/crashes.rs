//! A worker is cut off at every point there is: no effect comes twice, everything ends, what has a time-to-live is taken
//! back.

use super::crashing::{CrashingRemote, CrashingStore, Fuse};
use super::emulator::Fault;
use super::kit::{Kit, request, start};
use super::playbooks::leaked;
use model::{ContainmentState, RunState};
use respond::{RespondError, Responder, ResponderOptions};
use std::sync::Arc;

/// Points that are tried at most; no way here has as many.
const POINTS_MAX: i64 = 500;

/// Asks for everything that is not asked for yet, and works until nothing is due any more.
async fn live(kit: &Kit, responder: &Responder, what: &What) -> Result<(), RespondError> {
    match what {
        What::Containment(action) if kit.containments().await.is_empty() => {
            responder.request(&request(action, "a")).await?;
        }
        What::Run if kit.runs().await.is_empty() => {
            responder.start_run(&start(&leaked())).await?;
        }
        _ => {}
    }
    for _ in 0..1_000 {
        while responder.advance().await?.is_some() {
            kit.check().await;
        }
        if kit.people(responder).await? {
            continue;
        }
        let Some(due_ms) = responder.next_due().await? else { return Ok(()) };
        kit.clock.advance_ms((due_ms - kit.now_ms()).max(1));
    }
    panic!("it does not end: {:?} {:?}", kit.containments().await, kit.runs().await);
}

#[derive(Debug, Clone, Copy)]
enum What {
    Containment(&'static str),
    Run,
}

/// Cuts off at the point `point`, then goes on with another worker; false if there is no such point.
async fn cut_off(what: What, faults: &[Fault], point: i64) -> bool {
    let kit = Kit::new().await;
    kit.emulator.fail(faults);
    let fuse = Fuse::at(point);
    let crashing = Responder::new(ResponderOptions {
        store: Arc::new(CrashingStore(Arc::clone(&kit.store), Arc::clone(&fuse))),
        remote: Arc::new(CrashingRemote(kit.emulator.clone(), Arc::clone(&fuse))),
        ..kit.options.clone()
    });
    if let Some(came) = fuse.until_blown(live(&kit, &crashing, &what)).await {
        came.unwrap();
    }
    // whoever comes next knows nothing but the store
    live(&kit, &kit.responder, &what).await.unwrap();
    let at = format!("{what:?} with {faults:?}, cut off at {point}");
    let effects = kit.emulator.effects();
    for effect in ["lock a", "open a", "note n", "token a", "zap a"] {
        assert!(kit.emulator.count(effect) <= 1, "{at}: {effects:?}");
    }
    assert_eq!(kit.emulator.count("lock a"), kit.emulator.count("open a"), "{at}: {effects:?}");
    assert!(!kit.emulator.is_locked("a"), "{at}");
    for one in kit.containments().await {
        assert!(one.is_at_rest() && one.lease.is_none(), "{at}: {one:?}");
        // what came of it and the record of it were written together, wherever it was cut off
        let trail = kit.trail(one.id).await;
        let counted =
            |action: &str| trail.iter().filter(|said| **said == format!("containment.{action}")).count();
        assert_eq!(counted("plan"), 1, "{at}: {trail:?}");
        let sent = effects.iter().filter(|effect| !effect.starts_with("note")).count();
        assert!(counted("send") >= sent, "{at}: {trail:?}");
        assert_eq!(
            counted("reverted"),
            usize::from(one.state == ContainmentState::Reverted),
            "{at}: {trail:?}"
        );
        if kit.emulator.count("lock a") == 1 {
            assert_eq!(one.state, ContainmentState::Reverted, "{at}: {one:?}");
        }
    }
    assert_eq!(kit.containments().await.len(), 1, "{at}");
    for run in kit.runs().await {
        assert_ne!(run.state, RunState::Running, "{at}: {run:?}");
    }
    fuse.is_blown()
}

/// Every point there is; how many there were.
async fn everywhere(what: What, faults: &[Fault]) -> i64 {
    let mut point = 0;
    while cut_off(what, faults, point).await {
        point += 1;
        assert!(point < POINTS_MAX);
    }
    point
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_containment_is_cut_off_at_every_point() {
    let mut points = 0;
    for action in ["toy.low_lock", "toy.lock", "toy.zap", "toy.token"] {
        points += everywhere(What::Containment(action), &[]).await;
    }
    eprintln!("{points} points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_and_cuts_together() {
    let mut points = 0;
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::NotSent, Fault::Status(500)] {
        points += everywhere(What::Containment("toy.low_lock"), &[fault, fault]).await;
    }
    eprintln!("{points} points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cut_off_at_every_point() {
    let points = everywhere(What::Run, &[]).await + everywhere(What::Run, &[Fault::LostAfter]).await;
    eprintln!("{points} points");
}
