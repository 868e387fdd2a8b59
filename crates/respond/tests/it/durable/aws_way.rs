//! A leaked key of Acme's, against an emulator of AWS: asked for, approved, applied, verified, taken back.

use super::kit::{Kit, MINUTE_MS, actor, request, setup, start, undo, vote};
use super::playbooks::{action, more};
use crate::aws::{Moto, moto};
use crate::workflow::document;
use model::{Containment, ContainmentState as State, RunState, StepState, SystemClock};
use respond::connector::HttpRemote;
use respond::contain::{ContainRequest, Grounds};
use respond::protect::{Protected, Protection, TargetKind};
use respond::run::StartRunRequest;
use respond::{Connection, RespondError, Responder, ResponderOptions};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

async fn acme(moto: &Moto) -> (Kit, Responder) {
    let mut fixed = setup("http://toy.example");
    let aws = Connection::new(Arc::new(moto.connector.clone()), Arc::new(moto.settings.clone()));
    fixed.connections.insert("aws".to_owned(), aws);
    let deploys = Protected {
        kind: TargetKind::Account,
        pattern: "deploy".to_owned(),
        reason: "deploys stop without it".to_owned(),
    };
    fixed.protection = Arc::new(Protection::new(&[deploys]).unwrap());
    let kit = Kit::with(fixed).await;
    let options = ResponderOptions { remote: Arc::new(HttpRemote::default()), ..kit.options.clone() };
    (kit, Responder::new(options))
}

/// The status of the user's only key.
fn status(moto: &Moto, user: &str) -> String {
    let listed = moto.ask("GET", &[("Action", "ListAccessKeys"), ("UserName", user)]);
    listed.split_once("<Status>").unwrap().1.split_once('<').unwrap().0.to_owned()
}

async fn approved_and_applied(kit: &Kit, responder: &Responder, asked: &Containment) -> Containment {
    responder.vote(&vote("bob", asked)).await.unwrap();
    responder.advance_all(100).await.unwrap();
    kit.get(asked.id).await
}

/// A person's word is not yet proof, so a person approves it.
fn unsure(action: &str, target: &str) -> ContainRequest {
    ContainRequest { grounds: Grounds::default(), ..request(action, target) }
}

#[tokio::test]
async fn a_leaked_key_is_contained_and_given_back() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("ann");
    let (kit, responder) = acme(&moto).await;
    let asked = responder.request(&unsure("aws.deactivate_key", &key)).await.unwrap();
    assert_eq!((asked.state, asked.decision.people), (State::AwaitingApproval, 1));
    assert_eq!(status(&moto, "ann"), "Active");
    assert!(matches!(responder.vote(&vote("ann", &asked)).await, Err(RespondError::Vote(_))));
    let held = approved_and_applied(&kit, &responder, &asked).await;
    assert_eq!((held.state, status(&moto, "ann").as_str()), (State::Verified, "Inactive"));
    // the same again: it is so already
    let again = responder.request(&unsure("aws.deactivate_key", &key)).await;
    assert!(matches!(again, Err(RespondError::Already(_))), "{again:?}");

    kit.clock.advance_ms(240 * MINUTE_MS);
    responder.advance_all(100).await.unwrap();
    assert_eq!((kit.get(asked.id).await.state, status(&moto, "ann").as_str()), (State::Reverted, "Active"));

    // once more, and this time a person takes it back
    let asked = responder.request(&unsure("aws.deactivate_key", &key)).await.unwrap();
    approved_and_applied(&kit, &responder, &asked).await;
    assert_eq!(status(&moto, "ann"), "Inactive");
    responder.undo(&undo("kim", asked.id)).await.unwrap();
    responder.advance_all(100).await.unwrap();
    assert_eq!((kit.get(asked.id).await.state, status(&moto, "ann").as_str()), (State::Reverted, "Active"));
    let trail = kit.trail(asked.id).await;
    for said in ["plan", "ask", "approve", "apply", "send", "applied", "verified", "undo", "reverted"] {
        assert!(trail.contains(&format!("containment.{said}")), "{said}: {trail:?}");
    }
}

#[tokio::test]
async fn a_key_of_a_protected_account_is_refused_though_nobody_says_whose_it_is() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("deploy");
    let (kit, responder) = acme(&moto).await;
    for (action, target) in
        [("aws.deactivate_key", key.as_str()), ("aws.delete_key", &key), ("aws.deny_user", "deploy")]
    {
        let refused = responder.request(&unsure(action, target)).await;
        assert!(matches!(refused, Err(RespondError::Act(_))), "{action}: {refused:?}");
    }
    assert!(kit.containments().await.is_empty());
    assert_eq!(status(&moto, "deploy"), "Active");
}

#[tokio::test]
async fn a_key_that_somebody_else_deactivates_first_stays_as_they_left_it() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("eve");
    let (kit, responder) = acme(&moto).await;
    let asked = responder.request(&unsure("aws.deactivate_key", &key)).await.unwrap();
    let parameters =
        [("Action", "UpdateAccessKey"), ("UserName", "eve"), ("AccessKeyId", &key), ("Status", "Inactive")];
    moto.ask("POST", &parameters);
    let now = approved_and_applied(&kit, &responder, &asked).await;
    assert_eq!(now.state, State::Failed, "{now:?}");
    kit.clock.advance_ms(600 * MINUTE_MS);
    responder.advance_all(100).await.unwrap();
    assert_eq!(status(&moto, "eve"), "Inactive");
}

#[tokio::test]
async fn a_playbook_contains_the_key_of_its_variable() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("bob");
    let (kit, responder) = acme(&moto).await;
    let steps = json!({
        "start/s": { "on_completion": "action/k" },
        "action/k": action("aws.deactivate_key target=__key__:value ttl=1h", &json!({ "name": "key", "on_completion": "end/e" })),
        "end/e": {},
    });
    let text = document("start/s", &steps, &more(&json!({ "__key__": { "type": "string" } }))).to_string();
    let request = StartRunRequest { values: vec![("__key__".to_owned(), key)], ..start(&text) };
    let run = responder.start_run(&request).await.unwrap();
    responder.advance_all(100).await.unwrap();
    let view = responder.run(run.id).await.unwrap();
    assert_eq!((view.run.state, view.steps[0].state), (RunState::Completed, StepState::Succeeded));
    assert_eq!(status(&moto, "bob"), "Inactive");
    let held = kit.get(view.steps[0].containment.unwrap()).await;
    assert_eq!((held.state, held.requester.clone()), (State::Verified, actor("ann").principal));
    kit.clock.advance_ms(61 * MINUTE_MS);
    responder.advance_all(100).await.unwrap();
    assert_eq!(status(&moto, "bob"), "Active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_is_done_within_five_seconds() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("kim");
    let (kit, responder) = acme(&moto).await;
    let options = ResponderOptions { clock: Arc::new(SystemClock), ..responder.options().clone() };
    let responder = Responder::new(options);
    let shutdown = CancellationToken::new();
    let worker = tokio::spawn({
        let (responder, shutdown) = (responder.clone(), shutdown.clone());
        async move { responder.work(shutdown, |_| ()).await }
    });
    let asked = responder.request(&unsure("aws.deactivate_key", &key)).await.unwrap();
    responder.vote(&vote("bob", &asked)).await.unwrap();
    let reached = async |state: State| {
        let began = Instant::now();
        while kit.get(asked.id).await.state != state {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", kit.get(asked.id).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    };
    let applied = reached(State::Verified).await;
    responder.undo(&undo("kim", asked.id)).await.unwrap();
    let undone = reached(State::Reverted).await;
    assert_eq!(status(&moto, "kim"), "Active");
    assert!(undone < Duration::from_secs(5), "{undone:?}");
    eprintln!("from approval to proof {applied:?}, from undo to proof {undone:?}");
    shutdown.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn who_decides_reads_every_policy_that_the_user_has() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("lee");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let attached = |name: &str| -> String {
        let made =
            moto.ask("POST", &[("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", policy)]);
        made.split_once("<Arn>").unwrap().1.split_once('<').unwrap().0.to_owned()
    };
    let (own, of_group) = (attached("own-attached"), attached("group-attached"));
    moto.ask("POST", &[("Action", "AttachUserPolicy"), ("UserName", "lee"), ("PolicyArn", &own)]);
    moto.ask(
        "POST",
        &[
            ("Action", "PutUserPolicy"),
            ("UserName", "lee"),
            ("PolicyName", "own-written"),
            ("PolicyDocument", policy),
        ],
    );
    for group in ["ops", "empty"] {
        moto.ask("POST", &[("Action", "CreateGroup"), ("GroupName", group)]);
        moto.ask("POST", &[("Action", "AddUserToGroup"), ("GroupName", group), ("UserName", "lee")]);
    }
    moto.ask("POST", &[("Action", "AttachGroupPolicy"), ("GroupName", "ops"), ("PolicyArn", &of_group)]);
    moto.ask(
        "POST",
        &[
            ("Action", "PutGroupPolicy"),
            ("GroupName", "ops"),
            ("PolicyName", "group-written"),
            ("PolicyDocument", policy),
        ],
    );
    let (_kit, responder) = acme(&moto).await;
    for (action, target) in [("aws.deactivate_key", key.as_str()), ("aws.deny_user", "lee")] {
        let about = responder.preview(&unsure(action, target)).await.unwrap().plan.about;
        let told = |title: &str| {
            let found = about.iter().find(|about| about.title == title);
            found.map(|about| about.text.clone()).unwrap_or_else(|| panic!("{title}: {about:?}"))
        };
        assert_eq!(told("policies of its own that are attached"), "own-attached", "{action}");
        assert_eq!(told("policies that are written into it"), "own-written", "{action}");
        assert_eq!(told("policies that are attached to its groups"), "group-attached (ops)", "{action}");
        assert_eq!(told("policies that are written into its groups"), "group-written (ops)", "{action}");
        let mut groups: Vec<_> = told("groups").split(", ").map(str::to_owned).collect();
        groups.sort();
        assert_eq!(groups, ["empty", "ops"], "{action}");
    }
    // of who has none of it, that is said
    moto.key_of("nil");
    let about = responder.preview(&unsure("aws.deny_user", "nil")).await.unwrap().plan.about;
    let policies = about.iter().filter(|about| about.title.contains("policies"));
    assert!(policies.clone().count() == 4 && policies.clone().all(|about| about.text == "none"), "{about:?}");
}
