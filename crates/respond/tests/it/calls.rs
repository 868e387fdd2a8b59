//! Commands that apply actions, and the extension that says what a playbook is for: what is wrong is told with its place.

use crate::connectors::shipped;
use crate::workflow::{document, id};
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestRunner};
use respond::calls;
use respond::playbook::{ActionCall, EXTENSION, Playbook, Refused, StepKind, read};
use respond::run::{PEOPLE_MS_DEFAULT, limit_ms};
use serde_json::{Value, json};

fn asking(command: &Value) -> Result<Playbook, Refused> {
    let steps = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "on_completion": "end/e" },
        "end/e": {},
    });
    let more = json!({ "playbook_variables": { "__key__": { "type": "string" } } });
    let mut document = document("start/s", &steps, &more);
    document["workflow"][id("action/a")]["commands"] = json!([command]);
    read(&document.to_string()).map(|(playbook, complaints)| {
        assert!(complaints.is_empty(), "{complaints:?}");
        playbook
    })
}

fn action(command: &str) -> Result<Playbook, Refused> {
    asking(&json!({ "type": "huecry-action", "command": command }))
}

#[test]
fn a_command_that_asks_for_an_action_is_read() {
    let playbook = action("aws.deactivate_key target=__key__:value ttl=4h").unwrap();
    let step = playbook.step(&id("action/a").parse().unwrap()).unwrap();
    let StepKind::Action { commands, .. } = &step.kind else { panic!("{step:?}") };
    let call = commands[0].call.as_ref().unwrap();
    assert_eq!((call.action.as_str(), call.ttl_ms), ("aws.deactivate_key", Some(14_400_000)));
    assert!(commands[0].is_known());
    // people may have to say yes first
    assert_eq!(limit_ms(&playbook, step), PEOPLE_MS_DEFAULT);
    assert!(asking(&json!({ "type": "manual", "command": "aws.deactivate_key" })).is_ok());
}

/// A playbook of this name that calls these.
fn calling(name: &str, called: &[&str]) -> Playbook {
    let mut steps = json!({ "start/s": { "on_completion": "end/e" }, "end/e": {} });
    for (at, called) in called.iter().enumerate() {
        steps[format!("playbook-action/c{at}")] = json!({ "playbook_id": called, "on_completion": "end/e" });
    }
    let mut document = document("start/s", &steps, &json!({}));
    document["id"] = id(name).into();
    read(&document.to_string()).unwrap().0
}

#[test]
fn playbooks_that_come_to_call_themselves_are_told() {
    let all = [
        calling("playbook/self", &["playbook/leaf", "playbook/self"]),
        calling("playbook/a", &["playbook/b", "playbook/b"]),
        calling("playbook/b", &["playbook/c", "playbook/none"]),
        calling("playbook/c", &["playbook/leaf", "playbook/a"]),
        calling("playbook/over", &["playbook/a", "playbook/self"]),
        calling("playbook/leaf", &[]),
    ];
    let told = |playbook: &Playbook| -> Vec<String> {
        let complaints = calls::rounds(playbook, &all);
        assert!(complaints.iter().all(|one| one.message.contains("call itself")), "{complaints:?}");
        complaints.into_iter().map(|complaint| complaint.pointer).collect()
    };
    let at = |step: &str| format!("/workflow/{}/playbook_id", id(&format!("playbook-action/c{step}")));
    let expected = [vec![at("1")], vec![at("0"), at("1")], vec![at("0")], vec![at("1")], vec![], vec![]];
    assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected);
}

#[test]
fn a_command_that_asks_for_none_is_refused_where_it_stands() {
    let of = |refused: Refused| refused.complaints[0].to_string();
    for (command, expected) in [
        ("target=x", "/commands/0/command: this asks for no action: \"target=x\" names no action"),
        ("aws.deactivate_key", "target=… is missing"),
        ("aws.deactivate_key target=x ttl=soon", "\"soon\" is no time"),
        ("aws.deactivate_key target=x ttl=60d", "\"60d\" is no time"),
        ("aws.deactivate_key target=x y", "\"y\" is not of the form"),
        ("aws.deactivate_key target=__gone__:value", "/commands/0/command: there is no variable __gone__"),
    ] {
        let told = of(action(command).unwrap_err());
        assert!(told.contains(expected), "{command}: {told}");
    }
    let told = of(asking(&json!({ "type": "huecry-action" })).unwrap_err());
    assert!(told.contains("has `command`"), "{told}");
    let told = of(asking(&json!({ "type": "huecry-action", "command_b64": "YQ==" })).unwrap_err());
    assert!(told.contains("in plain text"), "{told}");
}

#[test]
fn what_no_connector_has_is_told() {
    let connectors = shipped();
    let told = |command: &str| {
        let complaints = calls::check(&action(command).unwrap(), &connectors);
        complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told("aws.deactivate_key target=__key__:value ttl=4h"), "");
    assert_eq!(told("webhook.contain target=shop reason=__key__:value"), "");
    for (command, expected) in [
        ("azure.stop target=x", "there is no connector azure; there are aws,"),
        ("aws.stop target=x", "aws has no action stop; it has deactivate_key,"),
        (
            "aws.deactivate_key target=__key__:value user=ann",
            "aws.deactivate_key has no input user; it takes none",
        ),
        ("webhook.contain target=shop why=x", "webhook.contain has no input why; it takes reason"),
        (
            "aws.delete_key target=__key__:value ttl=4h",
            "aws.delete_key is irreversible: it is not taken back",
        ),
        ("okta.clear_sessions target=__key__:value ttl=4h", "okta.clear_sessions is compensable"),
        ("aws.deactivate_key target=ann", "target=ann is not of the form"),
    ] {
        let told = told(command);
        assert!(told.contains(expected), "{command}: {told}");
        assert!(
            told.starts_with(&format!("error at /workflow/{}/commands/0/command", id("action/a"))),
            "{told}"
        );
    }
    // an input without anything to take in its place must be said
    let mut connectors = shipped();
    let webhook = connectors.iter_mut().find(|connector| connector.connector == "webhook").unwrap();
    let contain = webhook.actions.get_mut("contain").unwrap();
    contain.inputs.get_mut("reason").unwrap().default = None;
    let complaints = calls::check(&action("webhook.contain target=shop").unwrap(), &connectors);
    assert!(complaints[0].message.contains("needs reason="), "{complaints:?}");
}

/// Whoever controls a value controls one word: neither action, nor time, nor other inputs.
#[test]
fn a_value_stays_in_its_word() {
    let playbook = action("webhook.contain target=a/__key__:value reason=__key__:value ttl=4h").unwrap();
    let step = playbook.step(&id("action/a").parse().unwrap()).unwrap();
    let StepKind::Action { commands, .. } = &step.kind else { panic!("{step:?}") };
    let (call, connectors) = (commands[0].call.as_ref().unwrap(), shipped());
    let any = "(?s).{0,60}|[a-z_]{1,5}( [a-z]{1,6}=[a-z0-9]{1,3}){1,3}|__key__:value ttl=9d";
    let run = TestRunner::new(Config::with_cases(64)).run(&any, |value| {
        let mut variables = playbook.variables.clone();
        variables.set("__key__", &value).unwrap();
        let resolved = call.resolved(&variables).unwrap();
        let expected = ActionCall {
            action: "webhook.contain".to_owned(),
            target: format!("a/{value}"),
            inputs: [("reason".to_owned(), value.clone())].into(),
            ttl_ms: Some(14_400_000),
        };
        prop_assert_eq!(&resolved, &expected);
        // and what does not fit the action's form is not asked for
        if value.contains(char::is_whitespace) {
            prop_assert!(calls::unfit(&resolved, &connectors).is_some());
        }
        Ok(())
    });
    run.unwrap();
}

fn extended(extension: Value) -> Result<Playbook, Refused> {
    let steps = json!({ "start/s": { "on_completion": "end/e" }, "end/e": {} });
    let more = json!({
        "playbook_extensions": { EXTENSION: extension },
        "extension_definitions": { EXTENSION: { "type": "extension-definition", "name": "x" } },
    });
    read(&document("start/s", &steps, &more).to_string()).map(|(playbook, _)| playbook)
}

fn good() -> Value {
    json!({
        "attach": { "classes": ["leaked-credential"], "rules": ["Access key *"], "severities": ["high"], "services": ["*"] },
        "owner": "security-response",
        "review_by": "2027-05-31",
    })
}

#[test]
fn what_a_playbook_is_for_is_read() {
    let extension = extended(good()).unwrap().extension.unwrap();
    assert_eq!(extension.owner, "security-response");
    assert_eq!(extension.review_by.to_string(), "2027-05-31");
    assert_eq!(extension.attach.classes, ["leaked-credential"]);
    assert_eq!(extension.attach.services, ["*"]);
    // none is no fault: playbooks of others have none
    let plain = json!({ "start/s": { "on_completion": "end/e" }, "end/e": {} });
    let (playbook, complaints) = read(&document("start/s", &plain, &json!({})).to_string()).unwrap();
    assert!(playbook.extension.is_none() && complaints.is_empty());
    // extensions of others are theirs
    let theirs = json!({ "playbook_extensions": { id("extension-definition/x"): { "a": 1 } } });
    assert!(read(&document("start/s", &plain, &theirs).to_string()).unwrap().0.extension.is_none());
    // one that nobody defines is taken, with a warning
    let undefined = json!({ "playbook_extensions": { EXTENSION: good() } });
    let (playbook, complaints) = read(&document("start/s", &plain, &undefined).to_string()).unwrap();
    assert!(playbook.extension.is_some());
    assert!(complaints[0].to_string().contains("is used and not defined"), "{complaints:?}");
}

#[test]
fn an_extension_that_does_not_hold_is_refused_where_it_is_wrong() {
    type Change = fn(&mut Value);
    let cases: &[(Change, &str, &str)] = &[
        (|e| *e = json!("x"), "", "not an object"),
        (|e| drop(e.as_object_mut().unwrap().remove("owner")), "", "`owner` is missing"),
        (|e| e["owner"] = json!(" "), "/owner", "empty"),
        (|e| drop(e.as_object_mut().unwrap().remove("review_by")), "", "`review_by` is missing"),
        (|e| e["review_by"] = json!("2027-02-30"), "/review_by", "no date"),
        (|e| e["review_by"] = json!("2027-05-31T00:00:00"), "/review_by", "no date"),
        (|e| e["review_by"] = json!("next year"), "/review_by", "no date"),
        (|e| drop(e.as_object_mut().unwrap().remove("attach")), "", "`attach` is missing"),
        (|e| e["attach"] = json!([]), "/attach", "not an object"),
        (|e| e["attach"] = json!({}), "/attach", "neither classes nor rules"),
        (|e| e["attach"]["classes"] = json!("leaked-credential"), "/attach/classes", "not a list"),
        (|e| e["attach"]["classes"] = json!(["Leaked key"]), "/attach/classes/0", "no class"),
        (|e| e["attach"]["rules"] = json!(["a", 7]), "/attach/rules/1", "not a text"),
        (|e| e["attach"]["rules"] = json!([" "]), "/attach/rules", "empty"),
        (|e| e["attach"]["severities"] = json!(["high", "urgent"]), "/attach/severities/1", "no severity"),
        (|e| e["attach"]["service"] = json!(["shop"]), "/attach/service", "no such property"),
        (|e| e["owners"] = json!("x"), "/owners", "no such property"),
    ];
    for (change, place, message) in cases {
        let mut extension = good();
        change(&mut extension);
        let refused = extended(extension).unwrap_err();
        let pointer = format!("/playbook_extensions/{EXTENSION}{place}");
        assert!(
            refused.complaints.iter().any(|c| c.pointer == pointer && c.message.contains(message)),
            "{pointer} {message}: {refused}"
        );
    }
}
