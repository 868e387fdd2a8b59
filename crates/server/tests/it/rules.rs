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
