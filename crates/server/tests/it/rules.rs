//! Rules over the API: read, load again, stage, tune, replay.

use crate::fixture::{RULE_ID, Server};
use access::Scope;
use serde_json::json;

#[test]
fn rules_are_read_loaded_and_staged() {
    let server = Server::start();
    let reader = server.api_token(&[Scope::RulesRead]);
    let book = server.get("/api/v1/rules", &reader).json();
    assert_eq!((&book["loaded"][0]["stage"], &book["refused"][0]["line"]), (&json!("active"), &json!(7)));
    let rule = server.get(&format!("/api/v1/rules/{RULE_ID}"), &reader).json();
    assert_eq!((&rule["title"], &rule["days"]), (&json!("Root used"), &json!([])));
    assert_eq!(server.get("/api/v1/rules/none", &reader).code(), (404, "not_found".into()));
    let write = |path: &str, token: &str, body: &str| {
        server.post(&format!("/api/v1/rules/{path}")).bearer(token).body(body).send(server.at)
    };
    assert_eq!(write("reload", &reader, "").code(), (403, "scope_missing".into()));

    let writer = server.api_token(&[Scope::RulesWrite]);
    assert_eq!(write("reload", &writer, "").json()["loaded"], 1);
    let stage =
        |rule: &str, body: serde_json::Value| write(&format!("{rule}/stage"), &writer, &body.to_string());
    let staged = stage(RULE_ID, json!({ "stage": "canary", "reason": " on trial " })).json();
    assert_eq!((&staged["stage"], &staged["stage_reason"]), (&json!("canary"), &json!("on trial")));
    for (rule, body, code) in [
        (RULE_ID, json!({ "stage": "loud", "reason": "x" }), (400, "request_invalid")),
        (RULE_ID, json!({ "stage": "active", "reason": "  " }), (400, "request_invalid")),
        (RULE_ID, json!({ "stage": "active", "reason": "x".repeat(5_000) }), (400, "request_invalid")),
        (RULE_ID, json!({ "stage": "active" }), (400, "request_invalid")),
        (RULE_ID, json!({ "stage": "active", "reason": "its tests fail" }), (422, "decision_refused")),
        ("none", json!({ "stage": "active", "reason": "x" }), (404, "not_found")),
    ] {
        assert_eq!(stage(rule, body.clone()).code(), (code.0, code.1.to_owned()), "{body}");
    }
    let refused = write(&format!("{RULE_ID}/tune"), &writer, "{}");
    assert_eq!(refused.code(), (403, "scope_missing".into()));
    assert!(refused.json()["detail"].as_str().unwrap().contains("events:read_personal"));
    let tuner = server.api_token(&[Scope::RulesWrite, Scope::EventsReadPersonal]);
    assert_eq!(write(&format!("{RULE_ID}/tune"), &tuner, "{}").json()["rule_id"], RULE_ID);
    assert_eq!(write("none/tune", &tuner, "{}").code(), (404, "not_found".into()));
    assert_eq!(write("busy/tune", &tuner, "{}").code(), (429, "tunings_exhausted".into()));
}

#[test]
fn only_the_scope_shows_values_of_a_finding_made_again() {
    let server = Server::start();
    let incident = server.open_incident(1);
    let reader = server.api_token(&[Scope::IncidentsRead]);
    let findings = server.get(&format!("/api/v1/incidents/{incident}/findings"), &reader).json();
    let id = findings["items"][0]["id"].as_str().unwrap().to_owned();
    for scope in Scope::ALL {
        let token = server.api_token(&[Scope::IncidentsRead, *scope]);
        let path = format!("/api/v1/findings/{id}/replay");
        let replay = server.post(&path).bearer(&token).body("{}").send(server.at).json();
        let value = if *scope == Scope::EventsReadPersonal { "ana" } else { "masked:0" };
        assert_eq!(replay["matched"][0]["value"], value, "{scope}");
    }
}

#[test]
fn what_is_pasted_reaches_the_rules_byte_for_byte_or_is_refused() {
    let server = Server::start();
    let reader = server.api_token(&[Scope::RulesRead]);
    let explain = |rule: &str, body: &str| {
        server.post(&format!("/api/v1/rules/{rule}/explain")).bearer(&reader).body(body).send(server.at)
    };
    for (body, seen) in [
        (r#"{"record": {"b":1,  "a":1.50, "a":2}}"#, json!(r#"None None {"b":1,  "a":1.50, "a":2}"#)),
        (
            r#"{"record": "type=CWD msg=audit(1:2): cwd=\"/\""}"#,
            json!("None None type=CWD msg=audit(1:2): cwd=\"/\""),
        ),
        (r#"{"record": {}, "source": "trail"}"#, json!(r#"Some("aws_cloudtrail") Some("trail") {}"#)),
        (r#"{"record": {}, "source": "okta"}"#, json!(r#"Some("okta") Some("okta") {}"#)),
        (r#"{"record": {}, "source": "falco"}"#, json!(r#"Some("falco") None {}"#)),
        (r#"{"event": {"class_uid": 6003}}"#, json!(null)),
    ] {
        assert_eq!(explain(RULE_ID, body).json()["kind"], seen, "{body}");
    }
    for (rule, body, code) in [
        (RULE_ID, "{}".to_owned(), (400, "request_invalid")),
        (RULE_ID, r#"{"record": {}, "event": {}}"#.to_owned(), (400, "request_invalid")),
        (RULE_ID, r#"{"event": {}, "source": "okta"}"#.to_owned(), (400, "request_invalid")),
        (RULE_ID, r#"{"record": {}, "rule": "x"}"#.to_owned(), (400, "request_invalid")),
        (RULE_ID, r#"{"record": {}, "source": "unknown"}"#.to_owned(), (400, "source_kind_unknown")),
        (RULE_ID, r#"{"record": "busy"}"#.to_owned(), (429, "trials_exhausted")),
        (
            RULE_ID,
            format!(r#"{{"record": "{}"}}"#, "x".repeat(huecry_server::API_BODY_BYTES_MAX)),
            (413, "body_too_large"),
        ),
        ("none", r#"{"record": {}}"#.to_owned(), (404, "not_found")),
    ] {
        let answer = explain(rule, &body);
        assert_eq!(answer.code(), (code.0, code.1.to_owned()), "{}", &body[..body.len().min(60)]);
    }
    let writer = server.api_token(&[Scope::RulesWrite]);
    let path = format!("/api/v1/rules/{RULE_ID}/explain");
    let refused = server.post(&path).bearer(&writer).body("{}").send(server.at);
    assert_eq!(refused.code(), (403, "scope_missing".into()));
}
