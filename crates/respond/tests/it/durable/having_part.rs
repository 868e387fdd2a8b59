//! What people say in a run: who has part in what it does then, what nobody has said, and what the audit log has of it.

use super::emulator::Fault;
use super::kit::{Kit, MINUTE_MS, actor, setup, start, vote};
use super::playbooks::{action, calls, more, note};
use crate::workflow::{document, id};
use backends::sqlite::SqliteStore;
use model::{Containment, ContainmentState, Run, RunState, RunStep, StepState};
use ports::store::{AuditFilter, PageRequest};
use respond::run::{Answer, AnswerRequest, PEOPLE_MS_DEFAULT, RUNS_BELOW_MAX, StartRunRequest, StopRequest};
use respond::{Actor, RespondError};
use serde_json::{Value, json};

const INNER: &str = "playbook--00000000-0000-4000-8000-696e6e657200";
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Somebody says on what; then it is locked.
fn chosen(lock: &str) -> String {
    let steps = json!({
        "start/s": { "on_completion": "action/w" },
        "action/w": { "name": "which", "out_args": ["__t__"], "on_completion": "action/l" },
        "action/l": action(&format!("toy.{lock} target=__t__:value ttl=2h"), &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    document("start/s", &steps, &more(&json!({ "__t__": { "type": "string" } }))).to_string()
}

/// A request that changes something, and what is next.
fn requested(path: &str, more_of_step: &Value, variables: &Value) -> String {
    let mut request = note(path, &json!({ "name": "note", "timeout": 45_000, "on_failure": "action/o" }));
    for (name, value) in more_of_step.as_object().unwrap() {
        request[name] = value.clone();
    }
    let steps = json!({
        "start/s": { "on_completion": "action/n" },
        "action/n": request,
        "action/o": note("other", &json!({ "name": "other", "on_completion": "end/e" })),
        "action/h": { "name": "handler", "on_completion": "end/e" },
        "end/e": {},
    });
    let mut more = more(variables);
    more["workflow_exception"] = id("action/h").into();
    document("start/s", &steps, &more).to_string()
}

impl Kit {
    async fn step_named(&self, run: &Run, name: &str) -> RunStep {
        let steps = self.responder.run(run.id).await.unwrap().steps;
        steps.into_iter().find(|step| step.name == name).unwrap()
    }

    async fn says(&self, who: &str, run: &Run, name: &str, answer: Answer) {
        let task = self.step_named(run, name).await.task;
        let reason = Some("I looked".to_owned());
        let request = AnswerRequest { actor: actor(who), run: run.id, task, answer, reason };
        self.responder.answer_step(&request).await.unwrap();
        self.work().await;
    }

    /// What the audit log has of this about the run, the first one first.
    async fn said_of(&self, run: &Run, action: &str) -> Vec<Value> {
        let filter = AuditFilter { object: Some(run.id.to_string()), ..AuditFilter::default() };
        let mut view = self.store.read().await.unwrap();
        let page = view.audit().list(&filter, &PageRequest::first(500)).await.unwrap();
        let records = page.items.into_iter().rev().filter(|record| record.action == action);
        records.map(|record| record.after).collect()
    }

    /// The one that waits for people; these have had part in it, and one who has not approves it.
    async fn is_for_others(&self, who: &[&str], other: &str) -> Containment {
        let asked = self.containments().await;
        let asked = asked.iter().find(|one| one.state == ContainmentState::AwaitingApproval).unwrap();
        for who in who {
            let refused = self.responder.vote(&vote(who, asked)).await;
            assert!(matches!(refused, Err(RespondError::Vote(_))), "{who}: {refused:?}");
        }
        self.responder.vote(&vote(other, asked)).await.unwrap();
        self.work().await;
        self.get(asked.id).await
    }
}

fn done(values: &[(&str, &str)]) -> Answer {
    Answer::Done(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[tokio::test]
async fn who_says_on_what_does_not_approve_it() {
    let kit = Kit::new().await;
    let run = kit.responder.start_run(&start(&chosen("lock"))).await.unwrap();
    kit.work().await;
    kit.says("ben", &run, "which", done(&[("__t__", "bens-choice")])).await;
    let locked = kit.is_for_others(&["ann", "ben"], "kim").await;
    assert_eq!((locked.target.as_str(), locked.state), ("bens-choice", ContainmentState::Verified));
}

#[tokio::test]
async fn what_a_person_says_is_no_word_of_the_source() {
    let kit = Kit::new().await;
    let by_itself = StartRunRequest { actor: Actor::system(), ..start(&chosen("low_lock")) };
    let run = kit.responder.start_run(&by_itself).await.unwrap();
    kit.work().await;
    kit.says("rex", &run, "which", done(&[("__t__", "victim-of-rex")])).await;
    assert!(kit.emulator.effects().is_empty(), "nothing is applied without people");
    let locked = kit.is_for_others(&["rex"], "kim").await;
    assert_eq!((locked.decision.asked["signal"].as_str(), locked.decision.people), ("uncorroborated", 1));
    assert_eq!(kit.emulator.effects(), ["lock victim-of-rex"]);
    // a value that nobody said is the source's still
    let values = vec![("__key__".to_owned(), "of-the-source".to_owned())];
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": action("toy.low_lock target=__key__:value", &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    let text = document("start/s", &steps, &more(&json!({ "__key__": { "type": "string" } }))).to_string();
    let by_itself = StartRunRequest { actor: Actor::system(), values, ..start(&text) };
    kit.responder.start_run(&by_itself).await.unwrap();
    kit.work().await;
    assert_eq!(kit.emulator.count("lock of-the-source"), 1);
}

#[tokio::test]
async fn who_has_part_in_a_run_that_is_called_has_part_in_what_comes_of_it() {
    let which = json!({
        "start/s": { "on_completion": "action/w" },
        "action/w": { "name": "which", "out_args": ["__key__"], "on_completion": "end/e" },
        "end/e": {},
    });
    let variables = json!({ "__key__": { "type": "string", "value": "b" } });
    let mut fixed = setup("http://toy.example");
    fixed
        .playbooks
        .insert(INNER.to_owned(), document("start/s", &which, &more(&variables)).to_string().into());
    let steps = json!({
        "start/s": { "on_completion": "playbook-action/c" },
        "playbook-action/c": {
            "name": "call", "playbook_id": "playbook/inner", "in_args": ["__key__"], "out_args": ["__key__"],
            "on_success": "action/l", "on_failure": "action/l",
        },
        "action/l": action("toy.low_lock target=__key__:value", &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    let text = document("start/s", &steps, &more(&variables)).to_string();
    let by_itself = StartRunRequest { actor: Actor::system(), ..start(&text) };
    for stops in [false, true] {
        let kit = Kit::with(fixed.clone()).await;
        kit.responder.start_run(&by_itself).await.unwrap();
        kit.work().await;
        let runs = kit.runs().await;
        let called = runs.iter().find(|run| run.parent.is_some()).unwrap();
        if stops {
            let stop = StopRequest { actor: actor("ben"), run: called.id, reason: "enough".to_owned() };
            kit.responder.stop_run(&stop).await.unwrap();
            kit.work().await;
        } else {
            kit.says("ben", called, "which", done(&[("__key__", "bens-choice")])).await;
        }
        let locked = kit.is_for_others(&["ben"], "kim").await;
        assert_eq!(locked.target, if stops { "b" } else { "bens-choice" });
        assert_eq!(kit.said_of(called, "run.start").await[0]["values"], json!({ "__key__": "b" }));
    }
}

#[tokio::test]
async fn the_audit_log_has_what_was_said_and_what_was_sent() {
    let kit = Kit::new().await;
    let variables = json!({ "__t__": { "type": "string" }, "__long__": { "type": "string" } });
    let content = json!({ "content": "{\"of\": \"__t__:value\"}" });
    let command = json!({ "type": "http-api", "command": "POST http://toy.example/notes/__t__:value", "content": content["content"] });
    let steps = json!({
        "start/s": { "on_completion": "action/w" },
        "action/w": { "name": "which", "out_args": ["__t__"], "on_completion": "action/n" },
        "action/n": { "name": "note", "agent": "http-api/toy", "commands": [command], "on_completion": "action/k" },
        "action/k": { "name": "known", "on_completion": "end/e" },
        "end/e": {},
    });
    let text = document("start/s", &steps, &more(&variables)).to_string();
    let values = vec![("__t__".to_owned(), "first".to_owned()), ("__long__".to_owned(), "ä".repeat(2_000))];
    let run = kit.responder.start_run(&StartRunRequest { values, ..start(&text) }).await.unwrap();
    kit.work().await;
    kit.emulator.fail(&[Fault::NotSent]);
    kit.says("ben", &run, "which", done(&[("__t__", "second")])).await;
    kit.pass(MINUTE_MS).await;
    kit.says("ben", &run, "known", Answer::Failed).await;
    let began = kit.said_of(&run, "run.start").await.remove(0);
    assert_eq!(began["values"]["__t__"], "first");
    assert_eq!(began["values"]["__long__"], format!("{}… (4000 bytes in all)", "ä".repeat(1_000)));
    let answers = kit.said_of(&run, "run.answer").await;
    assert_eq!(
        (&answers[0]["answer"], &answers[0]["values"]),
        (&json!("done"), &json!({ "__t__": "second" }))
    );
    assert_eq!((&answers[1]["answer"], &answers[1]["values"]), (&json!("failed"), &Value::Null));
    let request = json!({
        "method": "POST", "url": "http://toy.example/notes/second", "body": "{\"of\": \"second\"}",
    });
    let sent = kit.said_of(&run, "run.send").await;
    assert_eq!(sent.iter().map(|after| &after["request"]).collect::<Vec<_>>(), [&request, &request]);
    let trail = kit.trail(run.id).await;
    assert_eq!(trail, ["run.start", "run.answer", "run.send", "run.send", "run.step", "run.answer"]);
}

#[tokio::test]
async fn a_request_that_names_what_is_protected_is_not_sent() {
    let variables = json!({ "__p__": { "type": "string", "value": "ci-release" } });
    let of = |command: Value| json!({ "commands": [command], "agent": id("http-api/toy") });
    for command in [
        json!({ "type": "http-api", "command": "POST http://toy.example/notes/__p__:value" }),
        json!({ "type": "http-api", "command": "POST http://toy.example/notes/x__p__:value" }),
        json!({ "type": "http-api", "command": "POST http://toy.example/notes/x?of=c%69-release" }),
        json!({ "type": "http-api", "command": "POST http://toy.example/notes/x", "content": "{\"of\":[\"__p__:value\"]}" }),
        json!({ "type": "http-api", "command": "POST http://toy.example/notes/x", "headers": { "x-of": ["__p__:value"] } }),
    ] {
        let kit = Kit::new().await;
        let text = requested("x", &of(command.clone()), &variables);
        let run = kit.responder.start_run(&start(&text)).await.unwrap();
        kit.work().await;
        let step = kit.step_named(&run, "note").await;
        let reason = step.reason.unwrap();
        assert!(reason.contains("deploys stop without it"), "{command}: {reason}");
        assert_eq!((step.state, kit.emulator.effects()), (StepState::Failed, vec!["note other".to_owned()]));
    }
    // looking changes nothing
    let kit = Kit::new().await;
    let look = of(json!({ "type": "http-api", "command": "GET http://toy.example/notes/__p__:value" }));
    let run = kit.responder.start_run(&start(&requested("x", &look, &variables))).await.unwrap();
    kit.work().await;
    assert_eq!(kit.step_named(&run, "note").await.state, StepState::Succeeded);
    assert!(kit.said_of(&run, "run.send").await.is_empty());
}

/// A request took effect, and its answer was lost.
async fn lost(limit_ms: i64) -> (Kit, Run) {
    let kit = Kit::new().await;
    kit.emulator.fail(&[Fault::LostAfter]);
    let text = requested("n", &json!({}), &json!({}));
    let request = StartRunRequest { limit_ms: Some(limit_ms), ..start(&text) };
    let run = kit.responder.start_run(&request).await.unwrap();
    kit.pass(10 * MINUTE_MS).await;
    assert_eq!(kit.step_named(&run, "note").await.state, StepState::Unknown, "its own time makes no failure");
    (kit, run)
}

#[tokio::test]
async fn people_have_their_time_for_what_nobody_can_tell() {
    let (kit, run) = lost(24 * HOUR_MS).await;
    kit.pass(PEOPLE_MS_DEFAULT as i64 - 12 * MINUTE_MS).await;
    kit.says("ben", &run, "note", Answer::Failed).await;
    assert_eq!(
        kit.emulator.effects(),
        ["note n", "note other"],
        "a person's word, and so the way of failures"
    );
}

#[tokio::test]
async fn what_nobody_has_told_goes_to_the_handler_and_is_not_acted_on() {
    for limit_ms in [24 * HOUR_MS, HOUR_MS] {
        let (kit, run) = lost(limit_ms).await;
        kit.pass(PEOPLE_MS_DEFAULT as i64).await;
        assert_eq!(kit.emulator.effects(), ["note n"], "{limit_ms}");
        assert_eq!(kit.step_named(&run, "handler").await.state, StepState::AwaitingPerson, "{limit_ms}");
        let note = kit.step_named(&run, "note").await;
        assert!(note.reason.unwrap().contains("it may have happened"), "{limit_ms}");
        kit.says("ben", &run, "handler", done(&[])).await;
        let run = kit.responder.run(run.id).await.unwrap().run;
        assert_eq!(run.state, RunState::Handled, "{limit_ms}");
        assert!(run.problem.unwrap().contains("it may have happened"), "{limit_ms}");
    }
}

#[tokio::test]
async fn what_nobody_has_told_of_a_run_that_was_called_is_not_acted_on_either() {
    // without a handler it fails; with one, that has not ended when the time of the step is over
    for (has_handler, timeout) in [(false, 30 * HOUR_MS), (true, 30 * HOUR_MS), (true, 30 * MINUTE_MS)] {
        let mut inner: Value = serde_json::from_str(&requested("n", &json!({}), &json!({}))).unwrap();
        if !has_handler {
            inner.as_object_mut().unwrap().remove("workflow_exception");
        }
        let steps = json!({
            "start/s": { "on_completion": "playbook-action/c" },
            "playbook-action/c": {
                "name": "call", "playbook_id": "playbook/inner", "timeout": timeout, "on_success": "end/e", "on_failure": "action/o",
            },
            "action/o": note("outer", &json!({ "name": "outer", "on_completion": "end/e" })),
            "action/h": { "name": "told", "on_completion": "end/e" },
            "end/e": {},
        });
        let mut rest = more(&json!({}));
        rest["workflow_exception"] = id("action/h").into();
        let mut fixed = setup("http://toy.example");
        fixed.playbooks.insert(INNER.to_owned(), inner.to_string().into());
        let kit = Kit::with(fixed).await;
        kit.emulator.fail(&[Fault::LostAfter]);
        let text = document("start/s", &steps, &rest).to_string();
        let request = StartRunRequest { limit_ms: Some(72 * HOUR_MS), ..start(&text) };
        let run = kit.responder.start_run(&request).await.unwrap();
        for _ in 0..62 {
            kit.pass(30 * MINUTE_MS).await;
            if kit.responder.run(run.id).await.unwrap().steps.iter().any(|step| step.name == "told") {
                break;
            }
        }
        let what = format!("{has_handler} {timeout}");
        assert_eq!(kit.emulator.effects(), ["note n"], "{what}");
        assert_eq!(kit.step_named(&run, "told").await.state, StepState::AwaitingPerson, "{what}");
        let call = kit.step_named(&run, "call").await;
        assert!(call.reason.unwrap().contains("it may have happened"), "{what}");
    }
}

#[tokio::test]
async fn a_worker_that_was_cut_off_while_it_sent_makes_no_failure() {
    let kit = Kit::new().await;
    kit.emulator.fail(&[Fault::NotSent; 9]);
    let text = requested("n", &json!({}), &json!({}));
    let run = kit.responder.start_run(&start(&text)).await.unwrap();
    kit.work().await;
    let store = SqliteStore::open_path(&kit.dir.path().join("state.db")).await.unwrap();
    sqlx::query("UPDATE run_steps SET sent = 1").execute(store.writer()).await.unwrap();
    kit.clock.advance_ms(MINUTE_MS);
    kit.work().await;
    let note = kit.step_named(&run, "note").await;
    assert_eq!(note.state, StepState::Unknown, "{note:?}");
    assert!(note.deadline_at_ms > kit.now_ms());
}

#[tokio::test]
async fn a_run_calls_no_more_than_a_number_of_others() {
    let round = "playbook--00000000-0000-4000-8000-726f756e6400";
    let mut steps = json!({
        "start/s": { "on_completion": "parallel/p" },
        "parallel/p": { "next_steps": [], "on_completion": "end/e" },
        "end/e": {},
    });
    for at in 0..4 {
        let name = format!("playbook-action/c{at}");
        steps["parallel/p"]["next_steps"].as_array_mut().unwrap().push(name.clone().into());
        steps[name] = json!({ "name": "call", "playbook_id": "playbook/round", "on_failure": "end/e" });
    }
    let text = document("start/s", &steps, &more(&json!({}))).to_string();
    let mut fixed = setup("http://toy.example");
    fixed.playbooks.insert(round.to_owned(), text.clone().into());
    let kit = Kit::with(fixed).await;
    let run = kit.responder.start_run(&start(&text)).await.unwrap();
    kit.responder.advance_all(100_000).await.unwrap();
    let runs = kit.runs().await;
    assert_eq!(runs.len() as u64, RUNS_BELOW_MAX + 1);
    assert!(runs.iter().all(|run| run.state != RunState::Running));
    let mut reasons = Vec::new();
    for run in &runs {
        let steps = kit.responder.run(run.id).await.unwrap().steps;
        reasons.extend(steps.into_iter().filter_map(|step| step.reason));
    }
    let told = format!("at most {RUNS_BELOW_MAX} others");
    assert!(reasons.iter().any(|reason| reason.contains(&told)), "{reasons:?}");
    // others are none of its business
    let other = kit.responder.start_run(&start(&calls("playbook/round"))).await.unwrap();
    kit.responder.advance_all(10).await.unwrap();
    assert!(kit.step_named(&other, "call").await.child.is_some());
    assert_eq!(kit.responder.run(run.id).await.unwrap().run.depth, 0);
}
