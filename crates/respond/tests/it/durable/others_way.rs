//! What others have asked for already, and what is so already: a step waits for it, or has nothing to do; and leaves it
//! theirs.

use super::emulator::Fault;
use super::kit::{Kit, MINUTE_MS, actor, request, start, undo, vote};
use super::playbooks::{action, more};
use crate::workflow::document;
use model::{Containment, ContainmentState, Ownership, Run, RunState, RunStep, Severity, StepState};
use ports::store::conformance::Bench;
use respond::RespondError;
use respond::contain::{ContainRequest, KeepRequest, VoteRequest};
use respond::run::{Answer, AnswerRequest, StartRunRequest, StopRequest};
use serde_json::json;

/// Asks for one action; people are told if it fails.
fn asks(command: &str) -> String {
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": action(command, &json!({
            "name": "lock", "timeout": 60 * MINUTE_MS, "on_success": "end/e", "on_failure": "action/f",
        })),
        "action/f": { "name": "tell", "on_completion": "end/e" },
        "end/e": {},
    });
    document("start/s", &steps, &more(&json!({}))).to_string()
}

impl Kit {
    async fn asking(&self, command: &str) -> Run {
        let run = self.responder.start_run(&start(&asks(command))).await.unwrap();
        self.work().await;
        run
    }

    async fn first(&self, run: &Run) -> RunStep {
        self.responder.run(run.id).await.unwrap().steps.remove(0)
    }

    async fn ended(&self, run: &Run) -> (RunState, StepState, String) {
        let view = self.responder.run(run.id).await.unwrap();
        (view.run.state, view.steps[0].state, view.steps[0].reason.clone().unwrap_or_default())
    }

    /// Asked for by somebody, and nobody has answered.
    async fn asked(&self, target: &str) -> Containment {
        let asked = self.request("toy.lock", target).await.unwrap();
        assert_eq!(asked.state, ContainmentState::AwaitingApproval);
        asked
    }
}

#[tokio::test]
async fn a_step_waits_for_what_others_have_asked_for() {
    let kit = Kit::new().await;
    let other = kit.asked("a").await;
    let run = kit.asking("toy.lock target=a").await;
    let step = kit.first(&run).await;
    assert_eq!((step.state, step.containment), (StepState::Running, Some(other.id)));
    assert_eq!(kit.containments().await.len(), 1, "nobody is asked twice");
    kit.responder.vote(&vote("bob", &other)).await.unwrap();
    // woken: no time goes by
    kit.work().await;
    let (run, step, reason) = kit.ended(&run).await;
    assert_eq!((run, step), (RunState::Completed, StepState::Succeeded), "{reason}");
    assert_eq!(kit.emulator.effects(), ["lock a"]);
}

#[tokio::test]
async fn what_ends_otherwise_has_failed_and_says_nothing_of_why() {
    let kit = Kit::new().await;
    let other = kit.asked("a").await;
    let run = kit.asking("toy.lock target=a").await;
    let no =
        VoteRequest { approves: false, reason: Some("a secret of theirs".into()), ..vote("bob", &other) };
    kit.responder.vote(&no).await.unwrap();
    kit.pass(2 * MINUTE_MS).await;
    let (run, step, reason) = kit.ended(&run).await;
    assert_eq!((run, step), (RunState::Running, StepState::Failed));
    assert!(reason.contains("denied") && !reason.contains("secret"), "{reason}");
    assert!(!reason.contains(&other.id.to_string()), "{reason}");
}

#[tokio::test]
async fn what_others_call_off_or_nobody_decides_is_asked_for_anew() {
    for how in ["called off", "expired", "failed"] {
        let kit = Kit::new().await;
        // theirs ends before the step's own time does
        let wait_ms = (how == "expired").then_some(5 * MINUTE_MS);
        let theirs = ContainRequest { wait_ms, ..request("toy.lock", "a") };
        let other = kit.responder.request(&theirs).await.unwrap();
        let run = kit.asking("toy.lock target=a").await;
        assert_eq!(kit.first(&run).await.containment, Some(other.id), "{how}: it waits for theirs");
        let ended = match how {
            "called off" => {
                kit.responder.undo(&undo("kim", other.id)).await.unwrap();
                ContainmentState::Cancelled
            }
            "expired" => ContainmentState::Expired,
            _ => {
                // somebody else has it for a moment, just when it is looked at
                kit.emulator.with(|state| state.things.insert("a".into(), ("odd".into(), "nobody".into())));
                kit.responder.vote(&vote("bob", &other)).await.unwrap();
                kit.responder.advance_containment().await.unwrap();
                kit.emulator.with(|state| state.things.remove("a"));
                ContainmentState::Failed
            }
        };
        kit.pass(6 * MINUTE_MS).await;
        assert_eq!(kit.get(other.id).await.state, ended, "{how}");
        let step = kit.first(&run).await;
        let own = step.containment.unwrap_or_else(|| panic!("{how}: {step:?}"));
        assert_ne!(own, other.id, "{how}: it has its own now");
        let own = kit.get(own).await;
        assert_eq!(own.state, ContainmentState::AwaitingApproval, "{how}: its people decide");
        assert!(kit.emulator.effects().is_empty(), "{how}");
        kit.responder.vote(&vote("bob", &own)).await.unwrap();
        kit.work().await;
        let (run, step, reason) = kit.ended(&run).await;
        assert_eq!((run, step), (RunState::Completed, StepState::Succeeded), "{how}: {reason}");
        assert_eq!(kit.emulator.effects(), ["lock a"], "{how}");
    }
}

#[tokio::test]
async fn what_is_in_effect_without_an_end_needs_nothing() {
    // neither file says that its proof tells what is so already
    for (action, kept) in [("toy.forever", false), ("toy.low_lock", true)] {
        let kit = Kit::new().await;
        let held = kit.verified(action, "a").await;
        if kept {
            let keep = KeepRequest {
                actor: actor("bob"),
                containment: held.id,
                for_ms: None,
                reason: "it is still out there".to_owned(),
            };
            kit.responder.keep(&keep).await.unwrap();
        }
        kit.pass(30 * 24 * 60 * MINUTE_MS).await;
        let command = format!("{action} target=a");
        let run = kit.asking(&command).await;
        let (run, step, reason) = kit.ended(&run).await;
        assert_eq!((run, step), (RunState::Completed, StepState::Succeeded), "{action}: {reason}");
        assert!(matches!(kit.request(action, "a").await, Err(RespondError::Already(_))), "{action}");
        assert_eq!(kit.emulator.effects(), ["lock a"], "{action}");
        // it is theirs
        assert_eq!(kit.get(held.id).await.state, ContainmentState::Verified, "{action}");
        // by its proof, not by its row: what was opened by hand is not taken for locked
        kit.emulator.with(|state| state.things.insert("a".into(), ("odd".into(), "nobody".into())));
        let run = kit.asking(&command).await;
        assert_eq!(kit.ended(&run).await.1, StepState::Failed, "{action}");
        kit.emulator.with(|state| state.things.insert("a".into(), ("open".into(), "nobody".into())));
        let again = kit.request(action, "a").await.unwrap();
        assert_ne!(again.id, held.id, "{action}: and can be locked again");
    }
}

#[tokio::test]
async fn a_run_that_ends_leaves_others_theirs() {
    for stops in [true, false] {
        let kit = Kit::new().await;
        let other = kit.asked("a").await;
        let run = kit.asking("toy.lock target=a").await;
        if stops {
            let stop = StopRequest { actor: actor("kim"), run: run.id, reason: "a false alarm".to_owned() };
            kit.responder.stop_run(&stop).await.unwrap();
        } else {
            kit.pass(61 * MINUTE_MS).await;
            assert_eq!(kit.first(&run).await.state, StepState::Failed, "its time is over");
        }
        kit.work().await;
        assert_eq!(kit.get(other.id).await.state, ContainmentState::AwaitingApproval, "{stops}");
        kit.responder.vote(&vote("bob", &other)).await.unwrap();
        kit.work().await;
        assert!(kit.emulator.is_locked("a"));
    }
}

#[tokio::test]
async fn two_runs_want_the_same() {
    let kit = Kit::new().await;
    let (one, two) = (kit.asking("toy.lock target=a").await, kit.asking("toy.lock target=a").await);
    let own = kit.first(&one).await.containment.unwrap();
    assert_eq!(kit.first(&two).await.containment, Some(own));
    // the second stops, and the first goes on; a third comes when it is in effect
    let stop = StopRequest { actor: actor("kim"), run: two.id, reason: "a false alarm".to_owned() };
    kit.responder.stop_run(&stop).await.unwrap();
    kit.responder.vote(&vote("bob", &kit.get(own).await)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.ended(&one).await.0, RunState::Completed);
    let three = kit.asking("toy.lock target=a").await;
    let (run, _, reason) = kit.ended(&three).await;
    assert_eq!(run, RunState::Completed, "{reason}");
    assert_eq!((kit.containments().await.len(), kit.emulator.effects().len()), (1, 1));
}

#[tokio::test]
async fn what_is_just_being_taken_back_is_asked_for_anew_after_that() {
    let kit = Kit::new().await;
    let other = kit.verified("toy.low_lock", "a").await;
    kit.responder.undo(&undo("kim", other.id)).await.unwrap();
    kit.emulator.fail(&[Fault::NotSent, Fault::NotSent]);
    let run = kit.asking("toy.low_lock target=a").await;
    assert_eq!(kit.first(&run).await.state, StepState::Running);
    kit.pass(5 * MINUTE_MS).await;
    let (run, step, reason) = kit.ended(&run).await;
    assert_eq!((run, step), (RunState::Completed, StepState::Succeeded), "{reason}");
    assert_eq!(kit.emulator.effects(), ["lock a", "open a", "lock a"]);
    assert_eq!(kit.get(other.id).await.state, ContainmentState::Reverted);
}

#[tokio::test]
async fn what_was_opened_by_hand_is_for_a_person() {
    let kit = Kit::new().await;
    kit.verified("toy.lock", "a").await;
    kit.emulator.with(|state| state.things.insert("a".into(), ("open".into(), "nobody".into())));
    let run = kit.asking("toy.lock target=a").await;
    let (_, step, reason) = kit.ended(&run).await;
    assert_eq!(step, StepState::Failed);
    assert!(reason.contains("stands as in effect"), "{reason}");
}

#[tokio::test]
async fn what_is_so_already_needs_nothing_where_the_connector_can_tell() {
    let kit = Kit::new().await;
    kit.emulator.with(|state| {
        for (name, now) in [("a", "locked"), ("b", "gone"), ("c", "odd")] {
            state.things.insert(name.into(), (now.into(), "nobody".into()));
        }
    });
    let run = kit.asking("toy.lock target=a").await;
    let (run, step, reason) = kit.ended(&run).await;
    assert_eq!((run, step), (RunState::Completed, StepState::Succeeded));
    assert!(reason.contains("in effect already"), "{reason}");
    assert!(kit.containments().await.is_empty() && kit.emulator.effects().is_empty());
    let refused = kit.request("toy.lock", "a").await;
    assert!(matches!(refused, Err(RespondError::Already(_))), "{refused:?}");
    // one whose file does not say so, one that is gone, one that is in another state
    for command in ["toy.forever target=a", "toy.zap target=b", "toy.lock target=b", "toy.lock target=c"] {
        let run = kit.asking(command).await;
        assert_eq!(kit.ended(&run).await.1, StepState::Failed, "{command}");
    }
}

#[tokio::test]
async fn what_somebody_does_by_hand_while_people_are_asked_is_done() {
    for (command, ends) in [
        ("toy.lock target=a", StepState::Succeeded),
        // its file does not say that this can be told
        ("toy.hard_lock target=a", StepState::Failed),
    ] {
        let kit = Kit::new().await;
        let run = kit.asking(command).await;
        kit.emulator.with(|state| state.things.insert("a".into(), ("locked".into(), "nobody".into())));
        // a look that is not answered is made again
        kit.emulator.with(|state| state.look_faults.extend([Fault::Status(503)]));
        let id = kit.first(&run).await.containment.unwrap();
        for who in ["bob", "eve"] {
            let _ = kit.responder.vote(&vote(who, &kit.get(id).await)).await;
        }
        kit.pass(2 * MINUTE_MS).await;
        let (_, step, reason) = kit.ended(&run).await;
        assert_eq!(step, ends, "{command}: {reason}");
        assert_eq!(kit.get(id).await.state, ContainmentState::Failed);
        assert!(kit.emulator.effects().is_empty(), "{command}");
    }
}

#[tokio::test]
async fn a_plan_of_a_run_says_whose_service_feels_it() {
    let kit = Kit::new().await;
    let bench = Bench::new(7);
    let mut finding = bench.finding(1, "ci", kit.now_ms(), Severity::High);
    finding.ownership = Ownership { service: Some("payments".to_owned()), ..Ownership::default() };
    let mut unit = kit.store.begin().await.unwrap();
    let incident = bench.open(&mut *unit, &finding).await;
    unit.commit().await.unwrap();
    let request = StartRunRequest { incident: Some(incident.id), ..start(&asks("toy.lock target=a")) };
    kit.responder.start_run(&request).await.unwrap();
    kit.work().await;
    let asked = kit.containments().await.remove(0);
    assert_eq!(asked.plan["blast_radius"]["services"], json!(["payments"]));
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, ContainmentState::Verified);
}

#[tokio::test]
async fn a_step_of_several_commands_keeps_its_own_apart() {
    let kit = Kit::new().await;
    let other = kit.asked("b").await;
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": {
            "name": "lock", "timeout": 60 * MINUTE_MS, "on_completion": "end/e",
            "commands": [
                { "type": "huecry-action", "command": "toy.low_lock target=a" },
                { "type": "huecry-action", "command": "toy.lock target=b" },
                { "type": "manual", "command": "look" },
            ],
        },
        "end/e": {},
    });
    let text = document("start/s", &steps, &more(&json!({}))).to_string();
    let run = kit.responder.start_run(&start(&text)).await.unwrap();
    kit.work().await;
    let step = kit.first(&run).await;
    assert_eq!((step.command, step.containment), (1, Some(other.id)));
    kit.responder.vote(&vote("bob", &other)).await.unwrap();
    kit.work().await;
    let step = kit.first(&run).await;
    assert_eq!((step.command, step.state, step.containment), (2, StepState::AwaitingPerson, None));
    let answer = Answer::Done(Vec::new());
    let request = AnswerRequest { actor: actor("bob"), run: run.id, task: step.task, answer, reason: None };
    kit.responder.answer_step(&request).await.unwrap();
    assert_eq!(kit.ended(&run).await.0, RunState::Completed);
}
