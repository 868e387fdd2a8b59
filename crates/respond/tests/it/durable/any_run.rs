//! Any workflow at all, whatever its steps do and whatever people do or leave: as time goes on, it ends.

use super::emulator::Fault;
use super::kit::{Kit, MINUTE_MS, actor, start};
use super::playbooks::more;
use crate::any_graph::{KINDS, STEPS, step, workflow};
use crate::workflow::document;
use model::{ContainmentState, RunState, StepState};
use proptest::prelude::*;
use respond::playbook::read;
use respond::run::{Answer, AnswerRequest, HANDLER_MS_MAX, StartRunRequest, handler_limit_ms};
use serde_json::{Value, json};

const RUN_MS: i64 = 3 * 60 * MINUTE_MS;
const FAULTS: [Option<Fault>; 5] =
    [None, None, Some(Fault::NotSent), Some(Fault::LostAfter), Some(Fault::Status(500))];

/// Gives actions commands of all kinds.
fn with_commands(steps: &mut Value, kinds: &[u8]) {
    let actions = steps.as_object_mut().unwrap().iter_mut().filter(|(name, _)| name.starts_with("action/"));
    for ((at, (_, step)), kind) in actions.enumerate().zip(kinds.iter().cycle()) {
        step["out_args"] = json!(["__n__"]);
        step["commands"] = match kind % 5 {
            0 => json!([{ "type": "huecry-action", "command": format!("toy.low_lock target=t{at} ttl=5m") }]),
            1 => json!([{ "type": "huecry-action", "command": format!("toy.lock target=t{}", at % 4) }]),
            2 => json!([{ "type": "http-api", "command": "POST http://toy.example/notes/n" }]),
            3 => json!([{ "type": "bash", "command": "true" }]),
            _ => continue,
        };
        if kind % 5 >= 2 {
            step["agent"] =
                crate::workflow::id(if kind % 5 == 2 { "http-api/toy" } else { "ssh/host" }).into();
        }
    }
}

/// What people happen to do about what waits for them.
async fn people(kit: &Kit, turn: u8) {
    for one in kit.containments().await {
        let request = super::kit::vote("bob", &one);
        if one.state == ContainmentState::AwaitingApproval && turn.is_multiple_of(3) {
            let _ = kit.responder.vote(&request).await;
        } else if turn.is_multiple_of(7) {
            let _ = kit.responder.undo(&super::kit::undo("kim", one.id)).await;
        }
    }
    let goes_on = kit.runs().await.iter().any(|run| run.state == RunState::Running);
    if turn.is_multiple_of(5) && goes_on {
        // others want the same as steps do
        let _ = kit.request("toy.lock", &format!("t{}", turn % 4)).await;
    }
    for run in kit.runs().await.into_iter().filter(|run| run.state == RunState::Running) {
        for step in kit.responder.run(run.id).await.unwrap().steps {
            if !matches!(step.state, StepState::AwaitingPerson | StepState::Unknown) {
                continue;
            }
            let answer = match turn % 4 {
                0 => Answer::Done(vec![("__n__".to_owned(), (turn % 6).to_string())]),
                1 => Answer::Skipped,
                2 => Answer::Failed,
                _ => continue,
            };
            let reason = Some("drawn".to_owned());
            let request = AnswerRequest { actor: actor("bob"), run: run.id, task: step.task, answer, reason };
            let _ = kit.responder.answer_step(&request).await;
        }
    }
}

async fn ends(text: &str, turns: &[u8]) -> Result<(), TestCaseError> {
    let kit = Kit::new().await;
    let request = StartRunRequest { limit_ms: Some(RUN_MS), ..start(text) };
    let run = kit.responder.start_run(&request).await.unwrap();
    let began_ms = kit.now_ms();
    for turn in turns.iter().cycle() {
        let fault = FAULTS[usize::from(*turn) % FAULTS.len()];
        kit.emulator.with(|state| state.faults = fault.into_iter().collect());
        while kit.responder.advance().await.unwrap().is_some() {
            // work takes time: a loop that never waits comes to its end by that
            kit.clock.advance_ms(MINUTE_MS / 2);
        }
        kit.check().await;
        people(&kit, *turn).await;
        let Some(due_ms) = kit.responder.next_due().await.unwrap() else { break };
        // a handler that goes round has a week
        let is_late = kit.now_ms() > began_ms + 2 * RUN_MS;
        let next_ms = (due_ms - kit.now_ms()).clamp(1, if is_late { 240 } else { 20 } * MINUTE_MS);
        kit.clock.advance_ms(next_ms);
        prop_assert!(
            kit.now_ms() < began_ms + 40 * RUN_MS + HANDLER_MS_MAX,
            "{:?}",
            kit.containments().await
        );
    }
    let ended = kit.responder.run(run.id).await.unwrap();
    prop_assert_ne!(ended.run.state, RunState::Running);
    let took_ms = ended.run.ended_at_ms.unwrap() - began_ms;
    let handler_ms = handler_limit_ms(&read(text).unwrap().0).unwrap_or_default();
    prop_assert!(took_ms <= RUN_MS + handler_ms + 240 * MINUTE_MS, "{:?}", ended.run);
    let is_over =
        |run: &model::Run| run.problem.as_ref().is_some_and(|why| why.contains("the time of the run"));
    if is_over(&ended.run) && handler_ms > 0 {
        let handled = kit.trail(run.id).await.iter().filter(|action| *action == "run.handle").count();
        prop_assert!(handled <= 1, "its handler has it once");
    }
    prop_assert!(ended.steps.iter().all(|step| step.state.is_end()), "{:?}", ended.steps);
    for one in kit.containments().await {
        prop_assert!(one.is_at_rest(), "{one:?}");
        prop_assert!(!kit.emulator.is_locked(&one.target), "{one:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn it_ends(
        drawn in prop::collection::vec(step(), STEPS),
        kinds in prop::collection::vec(any::<u8>(), 1..STEPS),
        turns in prop::collection::vec(any::<u8>(), 1..20),
        handler in prop::option::of(0..STEPS),
    ) {
        let (begin, mut steps) = workflow(&drawn);
        with_commands(&mut steps, &kinds);
        let variables = json!({ "__n__": { "type": "integer", "value": "0" } });
        let mut more = more(&variables);
        if let Some(at) = handler {
            more["workflow_exception"] = format!("{}/{at}", KINDS[drawn[at].0]).into();
        }
        let text = document(&begin, &steps, &more).to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(ends(&text, &turns))?;
    }
}

/// How many workflows are drawn.
fn cases() -> u32 {
    std::env::var("HUECRY_TEST_RUNS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}
