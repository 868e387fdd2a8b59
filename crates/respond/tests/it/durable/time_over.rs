//! The time of a run: as long as its steps may take, and then its handler has it.

use super::kit::{Kit, MINUTE_MS, actor, setup, start};
use super::playbooks::more;
use crate::workflow::{document, id};
use model::{Run, RunState, StepState};
use respond::run::{Answer, AnswerRequest, HANDLER_MS_MAX, RunView, StartRunRequest};
use serde_json::{Value, json};

const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Something that people do within two days, and a handler that people do with these properties.
fn two_days(handler: &Value) -> String {
    let mut steps = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "name": "a", "timeout": 2 * DAY_MS, "on_completion": "end/e" },
        "action/h": { "name": "handler", "on_completion": "end/e" },
        "end/e": {},
    });
    for (name, value) in handler.as_object().unwrap() {
        steps["action/h"][name] = value.clone();
    }
    let mut more = more(&json!({}));
    more["workflow_exception"] = id("action/h").into();
    document("start/s", &steps, &more).to_string()
}

impl Kit {
    async fn view(&self, run: &Run) -> RunView {
        self.responder.run(run.id).await.unwrap()
    }

    async fn open(&self, run: &Run) -> Vec<String> {
        let steps = self.view(run).await.steps;
        steps.iter().filter(|step| !step.state.is_end()).map(|step| step.name.clone()).collect()
    }

    /// A person answers for the open step of that name.
    async fn answer_named(&self, run: &Run, name: &str, answer: Answer) {
        let steps = self.view(run).await.steps;
        let step = steps.iter().find(|step| step.name == name && !step.state.is_end()).unwrap();
        let reason = Some("I looked".to_owned());
        let request = AnswerRequest { actor: actor("bob"), run: run.id, task: step.task, answer, reason };
        self.responder.answer_step(&request).await.unwrap();
    }

    async fn limited(&self, text: &str, limit_ms: i64) -> Run {
        let request = StartRunRequest { limit_ms: Some(limit_ms), ..start(text) };
        self.responder.start_run(&request).await.unwrap()
    }
}

#[tokio::test]
async fn a_step_of_two_days_has_them() {
    let kit = Kit::new().await;
    let run = kit.responder.start_run(&start(&two_days(&json!({})))).await.unwrap();
    kit.pass(2 * DAY_MS - MINUTE_MS).await;
    kit.answer_named(&run, "a", Answer::Done(Vec::new())).await;
    assert_eq!(kit.view(&run).await.run.state, RunState::Completed);
}

#[tokio::test]
async fn when_its_time_is_over_its_handler_has_it_once() {
    let kit = Kit::new().await;
    let run = kit.limited(&two_days(&json!({})), HOUR_MS).await;
    kit.pass(HOUR_MS - MINUTE_MS).await;
    assert_eq!(kit.open(&run).await, ["a"]);
    kit.pass(2 * MINUTE_MS).await;
    assert_eq!(kit.open(&run).await, ["handler"]);
    assert_eq!(kit.view(&run).await.run.state, RunState::Running);
    // however late it begins, it has its time
    kit.pass(3 * HOUR_MS).await;
    kit.answer_named(&run, "handler", Answer::Done(Vec::new())).await;
    let view = kit.view(&run).await;
    assert_eq!(view.run.state, RunState::Handled);
    let problem = view.run.problem.unwrap();
    assert!(
        problem.contains(&id("action/a")) && problem.contains("the time of the run is over"),
        "{problem}"
    );
    assert_eq!(view.steps[0].state, StepState::Stopped);
    assert_eq!(kit.trail(run.id).await, ["run.start", "run.handle", "run.answer"]);
}

#[tokio::test]
async fn a_step_that_fails_late_leaves_the_handler_its_time() {
    let kit = Kit::new().await;
    let run = kit.limited(&two_days(&json!({})), HOUR_MS).await;
    kit.pass(HOUR_MS - MINUTE_MS).await;
    kit.answer_named(&run, "a", Answer::Failed).await;
    kit.pass(3 * HOUR_MS).await;
    assert_eq!(kit.open(&run).await, ["handler"]);
    kit.answer_named(&run, "handler", Answer::Done(Vec::new())).await;
    let view = kit.view(&run).await;
    assert_eq!(view.run.state, RunState::Handled);
    assert!(view.run.problem.unwrap().contains("I looked"));
}

#[tokio::test]
async fn the_time_of_a_handler_is_bounded() {
    let kit = Kit::new().await;
    // both at their longest: together more than a handler has
    let run = kit.limited(&two_days(&json!({ "delay": DAY_MS, "timeout": 30 * DAY_MS })), HOUR_MS).await;
    kit.pass(HOUR_MS + HANDLER_MS_MAX - MINUTE_MS).await;
    assert_eq!(kit.open(&run).await, ["handler"]);
    kit.pass(2 * MINUTE_MS).await;
    let view = kit.view(&run).await;
    assert_eq!(view.run.state, RunState::Failed);
    let problem = view.run.problem.unwrap();
    for said in ["the time of the handler is over", "the time of the run is over"] {
        assert!(problem.contains(said), "{problem}");
    }
    assert_eq!(kit.trail(run.id).await, ["run.start", "run.handle", "run.end"]);
}

#[tokio::test]
async fn a_run_that_is_called_leaves_its_handler_time_within_that_of_its_step() {
    let inner = "playbook--00000000-0000-4000-8000-696e6e657200";
    let mut fixed = setup("http://toy.example");
    fixed.playbooks.insert(inner.to_owned(), two_days(&json!({ "timeout": 30 * MINUTE_MS })).into());
    let kit = Kit::with(fixed).await;
    let steps = json!({
        "start/s": { "on_completion": "playbook-action/c" },
        "playbook-action/c": { "name": "call", "playbook_id": "playbook/inner", "on_completion": "end/e" },
        "end/e": {},
    });
    let text = document("start/s", &steps, &json!({})).to_string();
    let run = kit.responder.start_run(&start(&text)).await.unwrap();
    // four hours, of which the handler may need half an hour and what workers take
    kit.pass(2 * HOUR_MS + 45 * MINUTE_MS).await;
    let runs = kit.runs().await;
    let called = runs.iter().find(|called| called.parent.is_some()).unwrap();
    assert_eq!(kit.open(called).await, ["handler"]);
    kit.answer_named(called, "handler", Answer::Done(Vec::new())).await;
    kit.work().await;
    assert_eq!(kit.view(called).await.run.state, RunState::Handled);
    assert_eq!(kit.view(&run).await.run.state, RunState::Completed);
}

#[tokio::test]
async fn a_run_that_begins_with_its_handler_has_the_handlers_time() {
    let kit = Kit::new().await;
    // no longer way than that of the handler, and none at all but it
    let steps = json!({
        "start/s": { "on_completion": "switch-condition/w" },
        "switch-condition/w": { "switch": "__n__:value", "cases": { "1": "end/e" } },
        "action/h": { "name": "handler", "timeout": 2 * DAY_MS, "on_completion": "end/e" },
        "end/e": {},
    });
    let mut more = more(&json!({ "__n__": { "type": "integer" } }));
    more["workflow_exception"] = id("action/h").into();
    let text = document("start/s", &steps, &more).to_string();
    let run = kit.responder.start_run(&start(&text)).await.unwrap();
    kit.pass(2 * DAY_MS - MINUTE_MS).await;
    kit.answer_named(&run, "handler", Answer::Done(Vec::new())).await;
    assert_eq!(kit.view(&run).await.run.state, RunState::Handled);
}
