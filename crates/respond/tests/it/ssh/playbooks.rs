//! Commands of type `ssh` in playbooks: on hosts that the operator lists, by two people's yes, and once.

use super::kit::Sshd;
use crate::durable::kit::{Kit, MINUTE_MS, SURE, start, vote};
use crate::workflow::{document, id};
use model::{ContainmentState, Run, RunState, StepState};
use respond::connector::{Answer, HostCommand, HttpRemote, Remote, Request, Unanswered};
use respond::contain::SettleRequest;
use respond::{Responder, ResponderOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn playbook(command: &str, host: &Value, values: &Value) -> String {
    let steps = json!({
        "start/s": { "on_completion": "action/c" },
        "action/c": {
            "name": "c", "agent": "individual/me", "on_completion": "end/e",
            "commands": [{ "type": "ssh", "command": "placeholder" }],
        },
        "end/e": {},
    });
    let mut text = document("start/s", &steps, &json!({}));
    text["playbook_variables"] = values.clone();
    // the agent is the product itself, which is of no type that is people
    text["agent_definitions"] = json!({ id("ssh/host"): host });
    text["workflow"][id("action/c")]["agent"] = id("ssh/host").into();
    text["workflow"][id("action/c")]["commands"][0]["command"] = command.into();
    text.to_string()
}

fn here() -> Value {
    json!({ "type": "ssh", "name": "Here", "address": { "ipv4": ["127.0.0.1"] } })
}

async fn begun(kit: &Kit, text: &str) -> Run {
    let run = kit.responder.start_run(&start(text)).await.unwrap();
    kit.work().await;
    run
}

/// Two people say yes to whatever waits.
async fn approve(kit: &Kit) {
    for who in ["bob", "eve"] {
        for containment in kit.containments().await {
            if containment.state == ContainmentState::AwaitingApproval {
                kit.responder.vote(&vote(who, &containment)).await.unwrap();
            }
        }
    }
    kit.work().await;
}

#[tokio::test]
async fn a_command_is_run_when_two_people_have_said_yes_to_its_words() {
    let Some(sshd) = Sshd::start() else { return };
    let kit = sshd.kit("ssh_command", &[], &[]).await;
    let nasty = "it's; touch pwned $(touch pwned) `touch pwned` \" \\";
    let values = json!({
        "__what__": { "type": "string", "value": nasty },
        "__into__": { "type": "string", "value": sshd.path("mark") },
    });
    let command = "cd \"$(dirname __into__:value)\" && printf '%s\\n' __what__:value \"__what__:value\" >> __into__:value; cat __into__:value";
    let run = begun(&kit, &playbook(command, &here(), &values)).await;
    let asked = kit.containments().await.remove(0);
    // however sure it is: nobody knows what it does
    assert_eq!((asked.state, asked.decision.people), (ContainmentState::AwaitingApproval, 2));
    assert_eq!(start("").grounds, SURE);
    assert!(!sshd.file("mark").exists());
    let plan = asked.plan["changes"][0]["after"].as_str().unwrap().to_owned();
    assert!(plan.contains("__what__='it'\\''s; touch pwned") && plan.contains("printf"), "{plan}");
    approve(&kit).await;
    let now = kit.get(asked.id).await;
    assert_eq!(now.state, ContainmentState::Verified, "{now:?}");
    let expected = format!("{nasty}\n{nasty}\n");
    assert_eq!(std::fs::read_to_string(sshd.file("mark")).unwrap(), expected);
    assert!(!sshd.file("pwned").exists());
    assert_eq!((now.facts["exit"].as_str(), now.facts["output"].as_str()), ("0", expected.as_str()));
    kit.work().await;
    let view = kit.responder.run(run.id).await.unwrap();
    assert_eq!((view.run.state, view.steps[0].state), (RunState::Completed, StepState::Succeeded));
}

#[tokio::test]
async fn a_command_that_fails_fails_its_step() {
    let Some(sshd) = Sshd::start() else { return };
    let kit = sshd.kit("ssh_command", &[], &[]).await;
    let run = begun(&kit, &playbook("echo so >&2; exit 3", &here(), &json!({}))).await;
    approve(&kit).await;
    kit.work().await;
    let view = kit.responder.run(run.id).await.unwrap();
    assert_eq!(view.run.state, RunState::Failed);
    assert!(view.run.problem.as_ref().unwrap().contains("status 3: so"), "{:?}", view.run.problem);
}

#[tokio::test]
async fn what_was_begun_and_not_answered_is_for_a_person_and_is_not_begun_again() {
    let Some(sshd) = Sshd::start() else { return };
    let kit = sshd.kit("ssh_command", &[], &[]).await;
    let mark = sshd.path("mark");
    let cut = format!("echo x >> {mark}; kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat); sleep 1");
    let run = begun(&kit, &playbook(&cut, &here(), &json!({}))).await;
    approve(&kit).await;
    kit.pass(10 * MINUTE_MS).await;
    let now = kit.containments().await.remove(0);
    assert_eq!(now.state, ContainmentState::Unknown, "{now:?}");
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
    assert_eq!(kit.responder.run(run.id).await.unwrap().run.state, RunState::Running);
    let looked = SettleRequest {
        actor: crate::durable::kit::actor("bob"),
        containment: now.id,
        happened: true,
        reason: "I looked: the mark is there".to_owned(),
    };
    kit.responder.settle(&looked).await.unwrap();
    kit.work().await;
    assert_eq!(kit.responder.run(run.id).await.unwrap().run.state, RunState::Completed);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
}

/// A host that is down as soon as a command has answered.
struct Down(HttpRemote, AtomicBool);

impl Remote for Down {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        self.0.send(request)
    }

    fn run(&self, command: &HostCommand) -> Result<Answer, Unanswered> {
        if self.1.fetch_or(command.line.contains("echo x"), Ordering::SeqCst) {
            return Err(Unanswered::NotSent("it is down".to_owned()));
        }
        self.0.run(command)
    }
}

#[tokio::test]
async fn a_command_after_which_nobody_gets_in_has_its_answer_for_a_proof() {
    let Some(sshd) = Sshd::start() else { return };
    let mut kit = sshd.kit("ssh_command", &[], &[]).await;
    let down = Arc::new(Down(HttpRemote::default(), AtomicBool::new(false)));
    kit.options = ResponderOptions { remote: down, ..kit.options.clone() };
    kit.responder = Responder::new(kit.options.clone());
    let mark = sshd.path("mark");
    let run = begun(&kit, &playbook(&format!("echo x >> {mark}"), &here(), &json!({}))).await;
    approve(&kit).await;
    kit.work().await;
    assert_eq!(kit.containments().await[0].state, ContainmentState::Verified);
    assert_eq!(kit.responder.run(run.id).await.unwrap().run.state, RunState::Completed);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
}

#[tokio::test]
async fn what_is_acted_on_is_the_target_wherever_it_is_defined() {
    let Some(sshd) = Sshd::start() else { return };
    let kit = sshd.kit("ssh_command", &[], &[]).await;
    let (here, bastion) = (id("ssh/host"), id("ssh/bastion"));
    let mut text: Value = serde_json::from_str(&playbook("true", &self::here(), &json!({}))).unwrap();
    text["agent_definitions"][&bastion] =
        json!({ "type": "ssh", "name": "Bastion", "address": { "dname": ["bastion.example"] } });
    text["workflow"][id("action/c")]["agent"] = bastion.as_str().into();
    text["workflow"][id("action/c")]["targets"] = json!([here]);
    begun(&kit, &text.to_string()).await;
    assert_eq!(kit.containments().await[0].target, "127.0.0.1");
    text["workflow"][id("action/c")]["targets"] = json!([here, bastion]);
    let run = begun(&kit, &text.to_string()).await;
    let problem = kit.responder.run(run.id).await.unwrap().run.problem.unwrap_or_default();
    assert!(problem.contains("several hosts"), "{problem}");
    assert_eq!(kit.containments().await.len(), 1);
}

/// A worker that is gone as soon as a command was run.
struct Gone(HttpRemote);

impl Remote for Gone {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        self.0.send(request)
    }

    fn run(&self, command: &HostCommand) -> Result<Answer, Unanswered> {
        let came = self.0.run(command);
        assert!(!command.line.contains("echo x"), "the worker is gone");
        came
    }
}

#[tokio::test]
async fn a_worker_that_is_gone_leaves_it_to_a_person_too() {
    let Some(sshd) = Sshd::start() else { return };
    let kit = sshd.kit("ssh_command", &[], &[]).await;
    let mark = sshd.path("mark");
    let run = begun(&kit, &playbook(&format!("echo x >> {mark}"), &here(), &json!({}))).await;
    for who in ["bob", "eve"] {
        let asked = kit.containments().await.remove(0);
        kit.responder.vote(&vote(who, &asked)).await.unwrap();
    }
    let gone = ResponderOptions { remote: Arc::new(Gone(HttpRemote::default())), ..kit.options.clone() };
    assert!(Responder::new(gone).advance_all(100).await.is_err());
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
    assert_eq!(kit.containments().await[0].state, ContainmentState::Applying);
    // another one takes over, when the lease is over
    kit.pass(10 * MINUTE_MS).await;
    assert_eq!(kit.containments().await[0].state, ContainmentState::Unknown);
    assert_eq!(kit.responder.run(run.id).await.unwrap().run.state, RunState::Running);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
}

#[tokio::test]
async fn a_playbook_names_no_host_port_or_account_that_nobody_has_enabled() {
    let Some(sshd) = Sshd::start() else { return };
    let kit = sshd.kit("ssh_command", &[], &[]).await;
    let with = |more: &Value| {
        let mut host = here();
        for (key, value) in more.as_object().unwrap() {
            host[key] = value.clone();
        }
        host
    };
    for (host, expected) in [
        (with(&json!({ "address": { "dname": ["localhost"] } })), "not allowed"),
        (with(&json!({ "address": { "dname": ["-oProxyCommand=touch"] } })), "not of the form"),
        (with(&json!({ "address": { "dname": ["127.0.0.1 -v"] } })), "not of the form"),
        (with(&json!({ "address": { "dname": ["__h__:value"] } })), "not allowed"),
        (with(&json!({ "address": {} })), "no address"),
        (with(&json!({ "port": "1" })), "has port 1"),
        // a host that is listed and whose key nobody knows
        (with(&json!({ "address": { "ipv4": ["127.0.0.2"] } })), "is not known"),
    ] {
        let values = json!({ "__h__": { "type": "string", "value": "evil.example" } });
        let run = begun(&kit, &playbook("true", &host, &values)).await;
        kit.pass(6 * 60 * MINUTE_MS).await;
        let view = kit.responder.run(run.id).await.unwrap();
        let problem = view.run.problem.unwrap_or_default();
        assert_eq!(view.run.state, RunState::Failed, "{host}");
        assert!(problem.contains(expected), "{host}: {problem}");
    }
    assert!(kit.containments().await.is_empty());
    // another account than the operator's
    let mut text: Value = serde_json::from_str(&playbook("true", &here(), &json!({}))).unwrap();
    let (host, login) = (id("ssh/host"), id("user-auth/login"));
    text["agent_definitions"][&host]["authentication_info"] = login.as_str().into();
    text["authentication_info_definitions"] =
        json!({ login: { "type": "user-auth", "username": "somebody", "password": "x" } });
    let run = begun(&kit, &text.to_string()).await;
    let problem = kit.responder.run(run.id).await.unwrap().run.problem.unwrap_or_default();
    assert!(problem.contains("has account somebody"), "{problem}");
}
