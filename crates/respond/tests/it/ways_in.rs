//! What is protected gets into no plan, by whatever way its name comes in and however it is written: asked for, from a
//! playbook and its variables, from what a step gives, from a finding that a standing order acts on.
//!
//! The connector here takes any name, so that the list alone has to hold; the vendor folds case, width, accents and what
//! is not seen, as some do.

use crate::durable::emulator::connector;
use crate::durable::kit::{Kit, actor, request, setup, start};
use crate::durable::playbooks::{action as step, more};
use crate::ordered::{Ordered, order};
use crate::workflow::document;
use model::{Entity, EntityKind, Finding, RunState, StepState};
use ports::store::{PageRequest, RunFilter};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use respond::automatic::{Deed, Order, Outcome, Wanted};
use respond::connector::{ActError, Connector};
use respond::contain::ContainRequest;
use respond::protect::{Protected, Protection, Refusal, TargetKind};
use respond::run::{Answer, AnswerRequest, StartRunRequest};
use respond::{FixedSetup, RespondError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is protected, as the operator writes it.
const LIST: [(TargetKind, &str); 7] = [
    (TargetKind::Account, "break-glass@acme.example"),
    (TargetKind::Account, "ci-*"),
    (TargetKind::Account, "svc main"),
    (TargetKind::Host, "huecry*"),
    (TargetKind::Service, "huecry"),
    (TargetKind::Repository, "acme/infra"),
    (TargetKind::Network, "10.0.0.0/16"),
];

/// Names that it protects, with the action that takes them.
const NAMES: [(&str, &str); 8] = [
    ("account", "break-glass@acme.example"),
    ("account", "ci-deploy"),
    ("account", "svc main"),
    ("host", "huecry-1"),
    ("service", "huecry"),
    ("repository", "acme/infra"),
    // a branch of it
    ("branch", "acme/infra@main"),
    ("network", "10.0.3.4"),
];

/// The toy, with an action for each kind of target, and any name for it.
fn loose() -> Connector {
    let mut toy = connector();
    let lock = toy.actions["low_lock"].clone();
    for kind in TargetKind::ALL {
        let mut spec = lock.clone();
        spec.target = kind;
        spec.target_pattern = "^(?s).{1,200}$".to_owned();
        toy.actions.insert(kind.as_str().to_owned(), spec);
    }
    let mut branch = lock;
    branch.target = TargetKind::Repository;
    branch.target_pattern = "^(?P<repo>[^@\u{ff20}]{1,160})[@\u{ff20}].{1,40}$".to_owned();
    let whose = json!({ "kind": "repository", "name": "{repo}" });
    branch.belongs_to.push(serde_json::from_value(whose).unwrap());
    toy.actions.insert("branch".to_owned(), branch);
    toy
}

const INNER: &str = "playbook--00000000-0000-4000-8000-696e6e657200";

fn guarded() -> FixedSetup {
    let mut fixed = setup("http://toy.example");
    fixed.connections.get_mut("toy").unwrap().connector = Arc::new(loose());
    let protected = LIST.map(|(kind, pattern)| Protected {
        kind,
        pattern: pattern.to_owned(),
        reason: "it stays open".to_owned(),
    });
    fixed.protection = Arc::new(Protection::new(&protected).unwrap());
    for (action, _) in NAMES {
        fixed
            .playbooks
            .insert(inner(action), locks(&format!("toy.{action} target=__t__:value"), None).into());
    }
    fixed
}

/// The id of the playbook that does this action.
fn inner(action: &str) -> String {
    let hex: String = action.bytes().chain([0; 6]).take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}{hex}", &INNER[..INNER.len() - 12])
}

/// One letter in another form that some systems take for the same.
fn letter(c: char, how: u8) -> String {
    match (how % 8, c) {
        (1, c) => c.to_uppercase().collect(),
        (2, '!'..='~') => char::from_u32(c as u32 + 0xfee0).unwrap().to_string(),
        (2 | 3, ' ') => "\u{a0}".to_owned(),
        (3, 'k') => "\u{212a}".to_owned(),
        (3, 's') => "\u{17f}".to_owned(),
        (3, 'i') => "\u{131}".to_owned(),
        (3, 'a') => "á".to_owned(),
        (3, 'e') => "É".to_owned(),
        (3, 'o') => "o\u{308}".to_owned(),
        (3, '0'..='9') => char::from_u32(0x1d7ce + (c as u32 - 0x30)).unwrap().to_string(),
        (4, c) => format!("{c}\u{200b}"),
        (5, c) => format!("{c}\u{fe0f}"),
        (4.., ' ') => "  ".to_owned(),
        (_, c) => c.to_string(),
    }
}

/// A name that is protected, written otherwise. `plain`: all of it is seen, so that nothing but the list refuses it.
fn disguised(plain: bool) -> impl Strategy<Value = (&'static str, String)> {
    let how = prop::collection::vec(0..8u8, 40);
    let around = prop::sample::select(vec!["", "", "", " ", "\u{3000}", "\t"]);
    (0..NAMES.len(), how, around).prop_map(move |(at, how, around)| {
        let (action, name) = NAMES[at];
        let letters = name.chars().zip(how).map(|(c, how)| letter(c, if plain { how % 4 } else { how }));
        let name: String = letters.collect();
        // a space of another kind is not seen as one either
        let name = if plain { name.replace('\u{a0}', " ") } else { format!("{around}{name}{around}") };
        (action, name)
    })
}

/// So many of them, the same at each run.
fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn is_protected<T>(came: &Result<T, RespondError>) -> bool {
    matches!(came, Err(RespondError::Act(ActError::Refusal(Refusal::Protected { .. }))))
}

fn is_refused<T>(came: &Result<T, RespondError>) -> bool {
    matches!(came, Err(RespondError::Act(ActError::Refusal(_) | ActError::BadForm(_))))
}

#[tokio::test]
async fn other_names_are_not_touched_by_that() {
    let kit = Kit::with(guarded()).await;
    for (action, name) in [
        ("account", "Änne Müller"),
        ("account", "cy-deploy"),
        ("account", "svcmain"),
        ("account", "10.0.3.4x"),
        ("host", "hue-cry"),
        ("service", "huecry-1"),
        ("repository", "acme/infra2"),
        ("branch", "acme/infra2@acme/infra"),
        ("network", "10.1.3.4"),
        // another letter of another alphabet is another name, everywhere
        ("account", "сі-deploy"),
    ] {
        let came = kit.request(&format!("toy.{action}"), name).await;
        assert!(came.is_ok(), "{action} {name}: {came:?}");
    }
}

#[tokio::test]
async fn asked_for_by_any_name() {
    let kit = Kit::with(guarded()).await;
    for (action, name) in samples(600, disguised(true)) {
        let came = kit.request(&format!("toy.{action}"), &name).await;
        assert!(is_protected(&came), "{action} {name:?}: {came:?}");
    }
    for (action, name) in samples(600, disguised(false)) {
        let came = kit.request(&format!("toy.{action}"), &name).await;
        assert!(is_refused(&came), "{action} {name:?}: {came:?}");
        // whoever else is said to have it
        let owned = ContainRequest {
            belongs_to: vec![respond::protect::Target {
                kind: TargetKind::Account,
                name: "eve".to_owned(),
                belongs_to: Vec::new(),
            }],
            ..request(&format!("toy.{action}"), &name)
        };
        assert!(is_refused(&kit.responder.preview(&owned).await), "{action} {name:?}");
    }
    assert!(kit.containments().await.is_empty() && kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn networks_in_every_way_to_write_them() {
    let kit = Kit::with(guarded()).await;
    let any = (any::<u8>(), any::<u8>(), 0..=128u8, 0..6u8);
    for (c, d, bits, how) in samples(400, any) {
        let name = match how {
            0 => format!("10.0.{c}.{d}"),
            1 => format!("10.0.{c}.{d}/{}", bits.min(32)),
            2 => format!("::ffff:10.0.{c}.{d}/{bits}"),
            3 => format!("::FFFF:0a00:{c:02x}{d:02X}"),
            4 => format!("0:0:0:0:0:ffff:10.0.{c}.{d}"),
            _ => "0.0.0.0/0".to_owned(),
        };
        for name in [name.clone(), name.chars().map(|c| letter(c, 2)).collect()] {
            let came = kit.request("toy.network", &name).await;
            assert!(is_protected(&came), "{name}: {came:?}");
        }
    }
}

#[tokio::test]
async fn whose_it_is_in_any_spelling_that_the_vendor_has() {
    let kit = Kit::with(guarded()).await;
    for (at, (action, name)) in samples(300, disguised(false)).into_iter().enumerate() {
        if action != "account" {
            continue;
        }
        let key = format!("key{at}");
        kit.emulator.with(|state| state.things.insert(key.clone(), ("open".to_owned(), name.clone())));
        let came = kit.request("toy.credential", &key).await;
        assert!(is_protected(&came), "{name:?}: {came:?}");
    }
    assert!(kit.containments().await.is_empty());
}

/// A playbook of one action. `value`: of `__t__`, as it stands in the file.
fn locks(command: &str, value: Option<&str>) -> String {
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": step(command, &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    written(&steps, &[("__t__", value)])
}

/// With values in the file as they are.
fn written(steps: &Value, variables: &[(&str, Option<&str>)]) -> String {
    let mut file = document("start/s", steps, &more(&json!({})));
    for (name, value) in variables {
        file["playbook_variables"][*name] = json!({ "type": "string" });
        if let Some(value) = value {
            file["playbook_variables"][*name]["value"] = (*value).into();
        }
    }
    file.to_string()
}

/// The name in two parts, of which the first can stand in a command.
fn halves(name: &str) -> (&str, &str) {
    let middle = name.char_indices().nth(name.chars().count() / 2).map_or(0, |(at, _)| at);
    let space = name.find(|c: char| c.is_ascii_whitespace()).unwrap_or(middle);
    name.split_at(middle.min(space))
}

/// A playbook whose step has a variable of its own over the playbook's.
fn with_variable_of_its_own(command: &str, name: &str) -> String {
    let own = json!({ "__t__": { "type": "string", "value": "harmless" } });
    let lock = json!({ "name": "lock", "on_completion": "end/e", "step_variables": own });
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": step(command, &lock),
        "end/e": {},
    });
    let mut file: Value = serde_json::from_str(&written(&steps, &[("__t__", Some("harmless"))])).unwrap();
    let lock = crate::workflow::id("action/l");
    file["workflow"][&lock]["step_variables"]["__t__"]["value"] = name.into();
    file.to_string()
}

/// Runs a playbook in which the name comes in by this way, to its end.
async fn run_by(kit: &Kit, way: usize, action: &str, name: &str) -> Result<(), RespondError> {
    let asks = |target: &str| format!("toy.{action} target={target}");
    let (first, second) = halves(name);
    let mut values = Vec::new();
    let text = match way {
        // in the file
        0 => locks(&asks("__t__:value"), Some(name)),
        // by who begins it
        1 => {
            values.push(("__t__".to_owned(), name.to_owned()));
            locks(&asks("__t__:value"), None)
        }
        // put together of what stands in the command and a variable
        2 => locks(&asks(&format!("{first}__t__:value")), Some(second)),
        // a variable of the step over that of the playbook
        3 => with_variable_of_its_own(&asks("__t__:value"), name),
        // from what a person gives at a step before
        4 => {
            let steps = json!({
                "start/s": { "on_completion": "action/a" },
                "action/a": { "name": "which", "out_args": ["__t__"], "on_completion": "action/l" },
                "action/l": step(&asks("__t__:value"), &json!({ "name": "lock", "on_completion": "end/e" })),
                "end/e": {},
            });
            written(&steps, &[("__t__", None)])
        }
        // into a playbook that is called
        _ => {
            let steps = json!({
                "start/s": { "on_completion": "playbook-action/c" },
                "playbook-action/c": { "name": "call", "playbook_id": inner(action), "in_args": ["__t__"], "on_completion": "end/e" },
                "end/e": {},
            });
            written(&steps, &[("__t__", Some(name))])
        }
    };
    // so that those that were begun last are told first
    kit.clock.advance_ms(1);
    let run = kit.responder.start_run(&StartRunRequest { values, ..start(&text) }).await?;
    kit.responder.advance_all(100).await?;
    if way == 4 {
        let task = kit.responder.run(run.id).await?.steps[0].task;
        let answer = Answer::Done(vec![("__t__".to_owned(), name.to_owned())]);
        let request = AnswerRequest { actor: actor("bob"), run: run.id, task, answer, reason: None };
        kit.responder.answer_step(&request).await?;
        kit.responder.advance_all(100).await?;
    }
    for run in kit.responder.runs(&RunFilter::default(), &PageRequest::first(2)).await?.items {
        assert_ne!(run.state, RunState::Running, "{way} {name:?}");
        for step in kit.responder.run(run.id).await?.steps {
            if step.containment.is_none() && step.state == StepState::Failed && step.name == "lock" {
                let reason = step.reason.unwrap_or_default();
                let is_told = ["protected", "no name of", "form"].iter().any(|word| reason.contains(word));
                assert!(is_told, "{way} {name:?}: {reason}");
                return Ok(());
            }
        }
    }
    panic!("{way} {action} {name:?}: no step has failed");
}

const WAYS: usize = 6;

#[tokio::test]
async fn by_playbooks_and_their_variables() {
    let kit = Kit::with(guarded()).await;
    for way in 0..WAYS {
        run_by(&kit, way, "account", "ci-deploy").await.unwrap();
    }
    for (way, (action, name)) in samples(240, (0..WAYS, disguised(false))) {
        let came = run_by(&kit, way, action, &name).await;
        // what is no value of a variable does not even begin
        assert!(
            came.is_ok() || matches!(came, Err(RespondError::Playbook(_) | RespondError::Variable(_))),
            "{way} {name:?}: {came:?}"
        );
        let made = kit.containments().await;
        assert!(made.is_empty(), "{way} {action} {name:?}: {made:?}");
    }
    assert!(kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn a_value_that_names_another_variable_stays_that_text() {
    let kit = Kit::with(guarded()).await;
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": step("toy.account target=__a__:value", &json!({ "name": "lock", "on_completion": "end/e" })),
        "end/e": {},
    });
    for value in ["__b__:value", "__b__", "x __b__:value", "x target=ci-deploy", "x\" target=\"ci-deploy"] {
        let text = written(&steps, &[("__a__", Some(value)), ("__b__", Some("ci-deploy"))]);
        kit.responder.start_run(&start(&text)).await.unwrap();
        kit.responder.advance_all(100).await.unwrap();
        let made = kit.containments().await;
        assert!(made.iter().any(|made| made.target == value), "{value}: not the very text: {made:?}");
        assert!(made.iter().all(|made| made.target != "ci-deploy"), "{value}");
    }
    assert!(kit.emulator.effects().iter().all(|effect| effect != "lock ci-deploy"));
}

#[tokio::test]
async fn by_standing_orders() {
    let of = |action: &str| Order {
        name: action.to_owned(),
        deed: Deed::Action {
            action: format!("toy.{action}"),
            target: Wanted::read("{credential}").unwrap(),
            inputs: BTreeMap::new(),
            ttl_ms: None,
        },
        ..order("toy.account")
    };
    // each finding tells by its rule which order it is for
    let rule = |action: &str| format!("rule-{action}");
    let mut actions: Vec<&str> = NAMES.iter().map(|(action, _)| *action).collect();
    actions.dedup();
    let mut orders: Vec<Order> =
        actions.iter().map(|action| Order { rule: rule(action), ..of(action) }).collect();
    // put together of what a finding is about
    let branch = Wanted::read("{repository}@main").unwrap();
    orders.push(Order {
        rule: rule("composed"),
        name: "composed".to_owned(),
        deed: Deed::Action {
            action: "toy.branch".to_owned(),
            target: branch,
            inputs: BTreeMap::new(),
            ttl_ms: None,
        },
        ..of("branch")
    });
    // and by a playbook
    orders.push(Order {
        rule: rule("playbook"),
        name: "playbook".to_owned(),
        deed: Deed::Playbook {
            text: locks("toy.account target=__t__:value", None).into(),
            values: [("__t__".to_owned(), Wanted::read("{credential}").unwrap())].into(),
        },
        ..of("account")
    });
    let mut ordered = Ordered::with(guarded(), orders).await;
    for (number, (action, name)) in (1..).zip(samples(60, disguised(false))) {
        let mut rules = vec![rule(action)];
        rules.extend((action == "repository").then(|| rule("composed")));
        rules.extend((action == "account").then(|| rule("playbook")));
        for (at, rule) in (0..).zip(rules) {
            let mut entities = ordered.finding(number * 10 + at, &name).entities;
            entities.push(Entity { kind: EntityKind::Repository, value: name.clone() });
            let finding =
                Finding { rule_id: rule.clone(), entities, ..ordered.finding(number * 10 + at, &name) };
            let (outcome, _) = ordered.comes_of(&finding).await;
            match outcome {
                Outcome::Refused(why) => assert!(!why.is_empty()),
                Outcome::Begun(_) if rule == "rule-playbook" => {}
                other => panic!("{rule} {name:?}: {other:?}"),
            }
        }
    }
    let kit = ordered.end().await;
    kit.responder.advance_all(1_000).await.unwrap();
    assert!(kit.containments().await.is_empty() && kit.emulator.effects().is_empty());
    assert!(kit.runs().await.iter().all(|run| run.state != RunState::Running));
}
