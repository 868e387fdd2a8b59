//! Whatever object comes: a valid event or a refusal, never a panic.

use crate::judge::Judge;
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::cell::RefCell;

/// Words that the mappings look at, so that random objects reach deep into them.
fn words() -> Vec<String> {
    let texts = huecry_normalize::builtin_mappings().iter().map(|(_, text)| *text);
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.@".contains(c);
    let words = texts.flat_map(|text| text.split(move |c| !is_word(c)));
    let mut words: Vec<String> = words.filter(|w| w.len() > 1).map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

fn scalar(words: Vec<String>) -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(words).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(Value::from("2026-02-03T04:05:06Z")),
        1 => Just(Value::from("203.0.113.7")),
    ]
}

fn json(words: Vec<String>) -> impl Strategy<Value = Value> {
    scalar(words.clone()).prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(words.clone()), inner), 0..8).prop_map(object),
        ]
    })
}

/// Dotted words become nested members, as the mappings read them.
fn object(members: Vec<(String, Value)>) -> Value {
    let mut object = Map::new();
    for (path, value) in members {
        let mut at = &mut object;
        let mut steps = path.split('.').filter(|step| !step.is_empty()).peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                at.insert(step.into(), value.clone());
                break;
            }
            let below = at.entry(step).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            let Value::Object(next) = below else { break };
            at = next;
        }
    }
    Value::Object(object)
}

#[test]
fn any_object_gives_a_valid_event_or_a_refusal() {
    let words = words();
    let members = prop::collection::vec((prop::sample::select(words.clone()), json(words)), 0..30);
    let judge = RefCell::new(Judge::new());
    let run = |(members, kind, headed): (Vec<(String, Value)>, &str, bool)| {
        let body = object(members).to_string();
        let mut judge = judge.borrow_mut();
        let event_type = headed.then_some("push");
        if let Ok(judged) = judge.normalize(kind, event_type, body.as_bytes()) {
            let violations = judge.schema.validate(&judged.event);
            prop_assert!(violations.is_empty(), "{violations:#?}\nof {body}\ngave {}", judged.event);
        }
        Ok(())
    };
    let kinds = [
        "aws_cloudtrail",
        "okta",
        "github",
        "windows_eventlog",
        "linux_auditd",
        "falco",
        "osquery",
        "entra",
        "google_workspace",
        "gitlab",
        "kubernetes_audit",
        "gcp_audit",
        "m365",
        "slack_audit",
        "huecry_report",
        "elsewhere",
    ];
    let kinds = prop::sample::select(kinds.to_vec());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1_000));
    runner.run(&(members, kinds, any::<bool>()), run).unwrap();
}

#[test]
fn records_of_elsewhere_are_refused_not_guessed() {
    let trail = r#"{"eventVersion":"1.08","eventName":"CreateUser","eventSource":"iam.amazonaws.com",
        "eventTime":"2026-03-01T10:00:00Z","eventType":"AwsApiCall","userIdentity":{"type":"Root"}}"#;
    let okta = r#"{"eventType":"user.session.start","published":"2026-03-01T10:00:00Z","uuid":"u",
        "actor":{"id":"a","type":"User"},"outcome":{"result":"SUCCESS"},"target":[{"id":"t"}]}"#;
    let audit = r#"{"action":"repo.create","actor":"ana","created_at":1750000000000,"repo":"acme/x"}"#;
    let webhook = r#"{"action":"created","repository":{"full_name":"acme/x"},"sender":{"login":"ana"}}"#;
    let flow = r#"{"version":2,"srcaddr":"192.0.2.1","dstaddr":"192.0.2.2","action":"ACCEPT"}"#;
    let unknown = ["{}", r#"{"foo":1}"#, r#"{"action":"x"}"#, flow];
    let own = [("aws_cloudtrail", vec![trail]), ("okta", vec![okta]), ("github", vec![audit, webhook])];
    let mut judge = Judge::new();
    for (kind, own_records) in &own {
        let others = own.iter().filter(|(other, _)| other != kind).flat_map(|(_, records)| records);
        for body in others.chain(&unknown) {
            let refusal = judge.normalize(kind, None, body.as_bytes()).err();
            let refusal = refusal.unwrap_or_else(|| panic!("{kind} took {body}"));
            assert_eq!(refusal.code.as_str(), "not_of_source", "{kind}: {body}");
        }
        for body in own_records {
            assert!(judge.normalize(kind, None, body.as_bytes()).is_ok(), "{kind}: {body}");
        }
    }
    let refusal = judge.normalize("elsewhere", None, b"{}").err().unwrap();
    assert_eq!(refusal.code.as_str(), "kind_unknown");
    let refusal = judge.normalize("okta", None, b"[1]").err().unwrap();
    assert_eq!(refusal.code.as_str(), "json_invalid");
    for (kind, body, code) in [
        ("windows_eventlog", &b"{}"[..], "not_of_source"),
        ("falco", b"{}", "not_of_source"),
        ("osquery", b"{}", "not_of_source"),
        ("linux_auditd", b"{}", "not_of_source"),
        ("entra", b"{}", "not_of_source"),
        ("google_workspace", b"{}", "not_of_source"),
        ("google_workspace", br#"{"id":{"applicationName":"admin"}}"#, "not_of_source"),
        ("gitlab", b"{}", "not_of_source"),
        ("gcp_audit", br#"{"methodName":"v1.compute.firewalls.patch"}"#, "not_of_source"),
        ("m365", br#"{"Operation":"x"}"#, "not_of_source"),
        ("slack_audit", br#"{"action":"x"}"#, "not_of_source"),
        ("huecry_report", br#"{"form":"phishing"}"#, "not_of_source"),
        ("kubernetes_audit", b"{}", "not_of_source"),
        ("kubernetes_audit", br#"{"message":"a line of something else"}"#, "not_of_source"),
        ("linux_auditd", b"type=SYSCALL without an id", "text_invalid"),
        ("linux_auditd", b"type=X msg=audit(1.0:1): \xff", "text_invalid"),
    ] {
        let refusal = judge.normalize(kind, None, body).err().unwrap();
        assert_eq!(refusal.code.as_str(), code, "{kind}: {refusal}");
    }
}

#[test]
fn success_is_said_of_calls_only() {
    let mut judge = Judge::new();
    let mut status = |body: &[u8]| {
        let judged =
            judge.normalize("aws_cloudtrail", None, body).unwrap_or_else(|refusal| panic!("{refusal}"));
        judged.event["status_id"].clone()
    };
    assert_eq!(status(br#"{"eventName":"CreateUser","eventSource":"iam.amazonaws.com"}"#), 1);
    assert_eq!(status(br#"{"eventName":"CreateUser","errorCode":"AccessDenied"}"#), 2);
    assert_eq!(status(br#"{"eventSource":"iam.amazonaws.com"}"#), 0);
}
