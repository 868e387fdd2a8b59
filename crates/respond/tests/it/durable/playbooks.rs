//! Runs of playbooks: what they apply, what people do in them, what they call, and when they end.

use super::emulator::Fault;
use super::kit::{Kit, MINUTE_MS, actor, setup, start, vote};
use crate::workflow::{document, id};
use model::{ContainmentState, LetterAbout, LetterKind, Run, RunState, RunStep, StepState};
use respond::RespondError;
use respond::run::{Answer, AnswerRequest, StopRequest};
use serde_json::{Value, json};

pub(crate) fn action(command: &str, more: &Value) -> Value {
    let mut step = json!({ "commands": [{ "type": "huecry-action", "command": command }] });
    for (key, value) in more.as_object().into_iter().flatten() {
        step[key] = value.clone();
    }
    step
}

/// A request to the emulator.
pub(crate) fn note(name: &str, more: &Value) -> Value {
    let url = format!("POST http://toy.example/notes/{name}");
    let mut step = json!({
        "commands": [{ "type": "http-api", "command": url }],
        "agent": id("http-api/toy"),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        step[key] = value.clone();
    }
    step
}

/// What playbooks of these tests have besides their steps.
pub(crate) fn more(variables: &Value) -> Value {
    json!({
        "playbook_variables": variables,
        "agent_definitions": {
            id("individual/me"): { "type": "individual", "name": "Me" },
            id("http-api/toy"): {
                "type": "http-api", "name": "Toy", "address": { "dname": ["toy.example"] },
            },
            id("ssh/host"): { "type": "ssh", "name": "Host", "address": { "dname": ["host.example"] } },
        },
    })
}

/// A leaked key's way: lock it, tell others, do something by hand.
pub(crate) fn leaked() -> String {
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": action("toy.lock target=__key__:value ttl=2h", &json!({ "name": "lock", "on_success": "action/n", "on_failure": "action/f" })),
        "action/n": note("n", &json!({ "name": "note", "on_completion": "action/h" })),
        "action/h": { "name": "by hand", "on_completion": "end/e" },
        "action/f": { "name": "tell", "on_completion": "end/e" },
        "end/e": {},
    });
    document("start/s", &steps, &more(&json!({ "__key__": { "type": "string", "value": "a" } }))).to_string()
}

impl Kit {
    async fn steps(&self, run: &Run) -> Vec<RunStep> {
        self.responder.run(run.id).await.unwrap().steps
    }

    async fn state(&self, run: &Run) -> RunState {
        self.responder.run(run.id).await.unwrap().run.state
    }

    /// The names of the steps that were begun, with where each stands.
    async fn told(&self, run: &Run) -> Vec<String> {
        let steps = self.steps(run).await;
        steps.iter().map(|step| format!("{} {}", step.name, step.state.as_str())).collect()
    }

    async fn approve_all(&self) {
        for containment in self.containments().await {
            if containment.state == ContainmentState::AwaitingApproval {
                self.responder.vote(&vote("bob", &containment)).await.unwrap();
            }
        }
    }

    fn answer(run: &Run, task: u32, answer: Answer) -> AnswerRequest {
        let reason = Some("not needed here".to_owned());
        AnswerRequest { actor: actor("bob"), run: run.id, task, answer, reason }
    }
}

#[tokio::test]
async fn a_run_applies_and_waits_for_what_comes_of_it() {
    let kit = Kit::new().await;
    let run = kit.responder.start_run(&start(&leaked())).await.unwrap();
    kit.work().await;
    assert_eq!(kit.told(&run).await, ["lock running"]);
    let asked = kit.containments().await.remove(0);
    assert_eq!((asked.target.as_str(), asked.ttl_ms), ("a", Some(120 * 60_000)));
    let own = respond::contain::VoteRequest { actor: actor("ann"), ..vote("ann", &asked) };
    assert!(kit.responder.vote(&own).await.is_err(), "who began the run does not approve its actions");
    kit.approve_all().await;
    kit.work().await;
    assert_eq!(kit.told(&run).await, ["lock succeeded", "note succeeded", "by hand awaiting_person"]);
    assert_eq!(kit.emulator.effects(), ["lock a", "note n"]);
    let by_hand = kit.steps(&run).await.pop().unwrap();
    let unsaid = AnswerRequest { reason: None, ..Kit::answer(&run, by_hand.task, Answer::Skipped) };
    assert!(matches!(kit.responder.answer_step(&unsaid).await, Err(RespondError::Reason)));
    kit.clock.advance_ms(MINUTE_MS);
    kit.responder.answer_step(&Kit::answer(&run, by_hand.task, Answer::Skipped)).await.unwrap();
    let view = kit.responder.run(run.id).await.unwrap();
    assert_eq!(view.run.state, RunState::Completed);
    let skipped = view.steps.last().unwrap();
    assert_eq!((skipped.state, skipped.by.clone()), (StepState::Skipped, Some(actor("bob").principal)));
    assert_eq!(skipped.ended_at_ms, Some(skipped.begun_at_ms + MINUTE_MS));
    assert_eq!(skipped.reason.as_deref(), Some("not needed here"));
    let late = kit.responder.answer_step(&Kit::answer(&run, by_hand.task, Answer::Failed)).await;
    assert!(matches!(late, Err(RespondError::NoSuchStep(_))));
    kit.pass(180 * MINUTE_MS).await;
    assert!(!kit.emulator.is_locked("a"), "its own time-to-live takes it back");
    assert_eq!(kit.trail(run.id).await, ["run.start", "run.step", "run.send", "run.step", "run.answer"]);
}

#[tokio::test]
async fn a_refusal_goes_the_way_of_failures() {
    let kit = Kit::new().await;
    let run = kit.responder.start_run(&start(&leaked())).await.unwrap();
    kit.work().await;
    let asked = kit.containments().await.remove(0);
    let no = respond::contain::VoteRequest {
        approves: false,
        reason: Some("this is production".to_owned()),
        ..vote("bob", &asked)
    };
    kit.responder.vote(&no).await.unwrap();
    kit.work().await;
    assert_eq!(kit.told(&run).await, ["lock failed", "tell awaiting_person"]);
    let reason = kit.steps(&run).await.remove(0).reason.unwrap();
    assert!(reason.contains("this is production"), "{reason}");
    assert!(kit.emulator.effects().is_empty());
    // nobody ticks it: its time is over, and the run has failed
    kit.pass(5 * 60 * MINUTE_MS).await;
    assert_eq!(kit.state(&run).await, RunState::Failed);
}

#[tokio::test]
async fn nobody_approves_in_time_and_the_request_is_called_off() {
    let kit = Kit::new().await;
    let run = kit.responder.start_run(&start(&leaked())).await.unwrap();
    kit.pass(5 * 60 * MINUTE_MS).await;
    assert_eq!(kit.told(&run).await, ["lock failed", "tell awaiting_person"]);
    let asked = kit.containments().await.remove(0);
    assert!(
        matches!(asked.state, ContainmentState::Expired | ContainmentState::Cancelled),
        "{:?}",
        asked.state
    );
    assert!(kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn commands_of_machines_that_nobody_has_enabled_are_refused() {
    let kit = Kit::new().await;
    for kind in ["bash", "ssh", "powershell", "openc2-http"] {
        let steps = json!({
            "start/s": { "on_completion": "action/b" },
            "action/b": {
                "name": "b", "agent": "ssh/host", "on_completion": "end/e",
                "commands": [{ "type": kind, "command": "rm -rf x" }],
            },
            "end/e": {},
        });
        let text = document("start/s", &steps, &more(&json!({}))).to_string();
        let run = kit.responder.start_run(&start(&text)).await.unwrap();
        kit.work().await;
        let view = kit.responder.run(run.id).await.unwrap();
        assert_eq!(view.run.state, RunState::Failed);
        assert!(view.run.problem.unwrap().contains("not executed here"), "{kind}");
    }
}

#[tokio::test]
async fn requests_go_to_listed_hosts_only_and_lost_answers_are_for_people() {
    let steps = |url: &str| {
        let command = format!("POST {url}");
        let steps = json!({
            "start/s": { "on_completion": "action/n" },
            "action/n": {
                "name": "n", "agent": "http-api/toy", "on_completion": "end/e",
                "commands": [{ "type": "http-api", "command": command }],
            },
            "end/e": {},
        });
        let variables = json!({ "__x__": { "type": "string", "value": "evil.example/" } });
        document("start/s", &steps, &more(&variables)).to_string()
    };
    for url in [
        "http://evil.example/notes/n",
        "http://__x__:value",
        "http://toy.example@evil.example/notes/n",
        "http://toy.example:81/notes/n",
        "file:///etc/passwd",
        "ftp://toy.example/x",
    ] {
        let kit = Kit::new().await;
        let run = kit.responder.start_run(&start(&steps(url))).await.unwrap();
        kit.pass(MINUTE_MS).await;
        assert_eq!(kit.state(&run).await, RunState::Failed, "{url}");
        assert!(kit.emulator.effects().is_empty(), "{url}");
    }
    let kit = Kit::new().await;
    kit.emulator.fail(&[Fault::NotSent, Fault::Status(429), Fault::LostAfter]);
    let run = kit.responder.start_run(&start(&steps("/notes/n"))).await.unwrap();
    kit.pass(3 * MINUTE_MS).await;
    assert_eq!(kit.told(&run).await, ["n unknown"]);
    let mut view = kit.store.read().await.unwrap();
    let letters = view.letters().about(LetterAbout::Run(run.id)).await.unwrap();
    drop(view);
    let kinds: Vec<LetterKind> = letters.iter().map(|letter| letter.kind).collect();
    assert_eq!(kinds, [LetterKind::StepUnknown], "people are told, once");
    assert_eq!(kit.emulator.effects(), ["note n"], "tried again where it had no effect, and then never");
    let task = kit.steps(&run).await[0].task;
    kit.responder.answer_step(&Kit::answer(&run, task, Answer::Done(Vec::new()))).await.unwrap();
    assert_eq!(kit.state(&run).await, RunState::Completed);
}

pub(crate) fn calls(playbook: &str) -> String {
    let steps = json!({
        "start/s": { "on_completion": "playbook-action/c" },
        "playbook-action/c": {
            "name": "call", "playbook_id": playbook, "in_args": ["__key__"], "out_args": ["__key__"],
            "on_completion": "end/e",
        },
        "end/e": {},
    });
    let variables = json!({ "__key__": { "type": "string", "value": "b" } });
    document("start/s", &steps, &more(&variables)).to_string()
}

#[tokio::test]
async fn playbooks_call_others_to_a_depth() {
    let inner = "playbook--00000000-0000-4000-8000-696e6e657200";
    let mut fixed = setup("http://toy.example");
    fixed.playbooks.insert(inner.to_owned(), leaked().into());
    fixed
        .playbooks
        .insert("playbook--00000000-0000-4000-8000-726f756e6400".into(), calls("playbook/round").into());
    let kit = Kit::with(fixed).await;
    let run = kit.responder.start_run(&start(&calls("playbook/inner"))).await.unwrap();
    kit.work().await;
    kit.approve_all().await;
    kit.work().await;
    assert_eq!(kit.emulator.effects(), ["lock b", "note n"], "with the value of the one that called");
    while kit.people(&kit.responder).await.unwrap() {
        kit.work().await;
    }
    assert_eq!(kit.state(&run).await, RunState::Completed);
    assert_eq!(kit.runs().await.len(), 2);

    let run = kit.responder.start_run(&start(&calls("playbook/round"))).await.unwrap();
    kit.work().await;
    assert_eq!(kit.state(&run).await, RunState::Failed, "it calls itself");
    let missing = kit.responder.start_run(&start(&calls("playbook/none"))).await.unwrap();
    kit.work().await;
    assert_eq!(kit.state(&missing).await, RunState::Failed);
}

#[tokio::test]
async fn people_give_the_values_that_a_step_names_and_no_other() {
    let steps = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "name": "which", "out_args": ["__n__"], "on_completion": "action/l" },
        "action/l": action("toy.low_lock target=t__n__:value", &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    let variables = json!({
        "__n__": { "type": "integer", "value": "0" },
        "__key__": { "type": "string", "value": "a" },
    });
    let kit = Kit::new().await;
    let text = document("start/s", &steps, &more(&variables)).to_string();
    let run = kit.responder.start_run(&start(&text)).await.unwrap();
    kit.work().await;
    let task = kit.steps(&run).await[0].task;
    for (name, value) in [("__key__", "b"), ("__n__", "many"), ("__none__", "1")] {
        let answer = Answer::Done(vec![(name.to_owned(), value.to_owned())]);
        let refused = kit.responder.answer_step(&Kit::answer(&run, task, answer)).await;
        assert!(matches!(refused, Err(RespondError::BadValue(_))), "{name}: {refused:?}");
    }
    let answer = Answer::Done(vec![("__n__".to_owned(), "7".to_owned())]);
    kit.responder.answer_step(&Kit::answer(&run, task, answer)).await.unwrap();
    kit.work().await;
    // who said on what does not approve it
    let asked = kit.containments().await.remove(0);
    kit.responder.vote(&vote("eve", &asked)).await.unwrap();
    kit.work().await;
    assert_eq!(
        (kit.state(&run).await, kit.emulator.effects()),
        (RunState::Completed, vec!["lock t7".to_owned()])
    );
}

#[tokio::test]
async fn an_edit_of_the_file_changes_no_run_under_way() {
    let mut fixed = setup("http://toy.example");
    let inner = "playbook--00000000-0000-4000-8000-696e6e657200";
    fixed.playbooks.insert(inner.to_owned(), leaked().into());
    let kit = Kit::with(fixed.clone()).await;
    let run = kit.responder.start_run(&start(&calls("playbook/inner"))).await.unwrap();
    kit.work().await;
    // the file is edited, and is no playbook any more
    fixed.playbooks.insert(inner.to_owned(), "nothing".into());
    let options = respond::ResponderOptions { setup: std::sync::Arc::new(fixed), ..kit.options.clone() };
    let after = respond::Responder::new(options);
    for _ in 0..4 {
        kit.people(&after).await.unwrap();
        after.advance_all(100).await.unwrap();
    }
    assert_eq!(kit.state(&run).await, RunState::Completed);
    let fails = after.start_run(&start(&calls("playbook/inner"))).await.unwrap();
    after.advance_all(100).await.unwrap();
    assert_eq!(kit.state(&fails).await, RunState::Failed);
}

#[tokio::test]
async fn a_run_that_cannot_be_read_any_more_ends_and_keeps_no_other_waiting() {
    let kit = Kit::new().await;
    let broken = kit.responder.start_run(&start(&leaked())).await.unwrap();
    kit.work().await;
    let store = backends::sqlite::SqliteStore::open_path(&kit.dir.path().join("state.db")).await.unwrap();
    sqlx::query("UPDATE run_playbooks SET text = 'nothing'").execute(store.writer()).await.unwrap();
    kit.clock.advance_ms(1);
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": action("toy.low_lock target=b", &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    let text = document("start/s", &steps, &more(&json!({}))).to_string();
    let other = kit.responder.start_run(&start(&text)).await.unwrap();
    kit.pass(5 * 60 * MINUTE_MS).await;
    assert_eq!(kit.state(&other).await, RunState::Completed);
    let view = kit.responder.run(broken.id).await.unwrap();
    assert_eq!((view.run.state, view.steps[0].state), (RunState::Failed, StepState::Stopped));
    assert_eq!(kit.trail(broken.id).await, ["run.start", "run.end"]);
}

#[tokio::test]
async fn a_run_is_stopped_with_what_it_called_and_asked_for() {
    let inner = "playbook--00000000-0000-4000-8000-696e6e657200";
    let mut fixed = setup("http://toy.example");
    fixed.playbooks.insert(inner.to_owned(), leaked().into());
    let kit = Kit::with(fixed).await;
    let run = kit.responder.start_run(&start(&calls("playbook/inner"))).await.unwrap();
    kit.work().await;
    let stop = StopRequest { actor: actor("kim"), run: run.id, reason: "wrong incident".to_owned() };
    let view = kit.responder.stop_run(&stop).await.unwrap();
    assert_eq!((view.run.state, view.steps[0].state), (RunState::Stopped, StepState::Stopped));
    assert!(kit.runs().await.iter().all(|run| run.state == RunState::Stopped));
    assert_eq!(kit.containments().await[0].state, ContainmentState::Cancelled);
    assert!(kit.responder.stop_run(&stop).await.is_err());
    kit.pass(24 * 60 * MINUTE_MS).await;
    assert!(kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn delays_times_and_the_whole_run_are_bounded() {
    let steps = json!({
        "start/s": { "on_completion": "parallel/p" },
        "parallel/p": { "next_steps": ["action/a", "action/b"], "on_completion": "end/e" },
        "action/a": { "name": "a", "delay": 600_000, "timeout": 60_000, "on_failure": "end/x" },
        "action/b": { "name": "b", "timeout": 999_999_999_999_u64 },
        "end/e": {}, "end/x": {},
    });
    let kit = Kit::new().await;
    let text = document("start/s", &steps, &json!({})).to_string();
    let request = respond::run::StartRunRequest { limit_ms: Some(60 * MINUTE_MS), ..start(&text) };
    let run = kit.responder.start_run(&request).await.unwrap();
    kit.work().await;
    assert_eq!(kit.told(&run).await, ["a delayed", "b awaiting_person"]);
    let early = kit.responder.answer_step(&Kit::answer(&run, 3, Answer::Done(Vec::new()))).await;
    assert!(early.is_err(), "its delay is not over");
    kit.pass(10 * MINUTE_MS + 1).await;
    assert_eq!(kit.told(&run).await, ["a awaiting_person", "b awaiting_person"]);
    kit.pass(2 * MINUTE_MS).await;
    assert_eq!(kit.told(&run).await, ["a failed", "b awaiting_person"]);
    kit.pass(60 * MINUTE_MS).await;
    assert_eq!(kit.state(&run).await, RunState::Failed, "there is no handler");
    assert_eq!(kit.told(&run).await, ["a failed", "b stopped"]);
}
