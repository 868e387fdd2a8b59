use super::*;
use crate::engine::Engine;
use serde_json::{Value, json};
use std::sync::Arc;

const RULES: &str = "title: Denied\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\nname: denied\n\
    logsource: {product: aws, service: cloudtrail}\n\
    detection: {s: {errorCode: AccessDenied}, f: {userAgent|contains: terraform}, condition: s and not f}\n\
    ---\ntitle: Trail stopped\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f12\nname: stopped\n\
    logsource: {product: aws, service: cloudtrail}\n\
    detection: {s: {eventName: StopLogging}, condition: s}\n\
    ---\ntitle: Any API\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f13\nlogsource: {product: ocsf}\n\
    detection: {s: {class_uid: 6003}, condition: s}\n\
    ---\ntitle: Many denied\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f21\nname: many\n\
    correlation: {type: event_count, rules: [denied], group-by: [userIdentity.userName, sourceIPAddress], timespan: 10m, condition: {gte: 5}}\n\
    ---\ntitle: Denied, then stopped\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f22\n\
    correlation: {type: temporal_ordered, rules: [many, stopped], group-by: [userIdentity.userName], timespan: 1h}\n";

fn generation() -> Generation {
    let (engine, report) = Engine::load([("r.yml", RULES)]).unwrap();
    assert_eq!(report.refused, []);
    Generation::all_active(Arc::new(engine))
}

fn told(generation: &Generation, rule: u32, pasted: &Pasted) -> Value {
    let id = format!("0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f{rule}");
    let rule = generation.rule_by_id(&id).unwrap();
    serde_json::to_value(explain(generation, rule, pasted).unwrap()).unwrap()
}

fn trail(more: &Value) -> Pasted {
    let mut record = json!({
        "eventVersion": "1.08", "eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com",
        "eventTime": "2026-03-01T10:00:00Z", "awsRegion": "eu-west-1", "errorCode": "AccessDenied",
        "userAgent": "aws-cli", "userIdentity": { "type": "IAMUser", "userName": "Ana" }
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Pasted::Record { kind: None, source: None, body: record.to_string().into_bytes() }
}

#[test]
fn a_rule_says_field_by_field_why_it_matches_or_not() {
    let generation = generation();
    let hit = told(&generation, 11, &trail(&json!({})));
    assert_eq!((&hit["outcome"], &hit["kind"]), (&json!("matches"), &json!("aws_cloudtrail")));
    assert_eq!(
        (&hit["logsource"], &hit["rule_logsource"]),
        (&json!("aws/cloudtrail"), &json!("aws/cloudtrail"))
    );
    let item = &hit["explanation"]["selections"][0]["search"]["all"][0];
    assert_eq!(item["found"], json!({ "values": ["\"AccessDenied\""] }));
    assert_eq!((&item["key"], &item["holds"]), (&json!("errorCode"), &json!(true)));
    assert!(item["sentence"].as_str().unwrap().contains("AccessDenied"), "{item}");

    let filtered = told(&generation, 11, &trail(&json!({ "userAgent": "x terraform" })));
    assert_eq!(filtered["outcome"], "no_match");
    assert_eq!(filtered["explanation"]["reasons"][0]["selection"], "f");
    let other = Pasted::Record {
        kind: None,
        source: None,
        body: br#"{"eventType":"user.session.start","published":"2026-03-01T10:00:00Z","uuid":"u","actor":{"id":"1","type":"User","alternateId":"ana@example.org"},"outcome":{"result":"SUCCESS"},"severity":"INFO","displayMessage":"x","version":"0"}"#.to_vec(),
    };
    let other = told(&generation, 11, &other);
    assert_eq!((&other["outcome"], &other["logsource"]), (&json!("other_logsource"), &json!("okta/okta")));
    assert_eq!(other["explanation"]["matched"], false, "it is said what the rule would do");
}

#[test]
fn what_cannot_be_an_event_is_refused_with_its_reason() {
    let generation = generation();
    for (kind, body, code) in [
        (None, "{\"eventName\": ", "json_invalid"),
        (Some("okta"), "{\"a\": 1}", "not_of_source"),
        (Some("aws_cloudtrail"), "[]", "json_invalid"),
    ] {
        let kind = kind.map(str::to_owned);
        let told = told(&generation, 11, &Pasted::Record { kind, source: None, body: body.into() });
        assert_eq!((&told["outcome"], &told["refusal"]["code"]), (&json!("refused"), &json!(code)), "{body}");
        assert!(told["explanation"].is_null());
    }
    assert_eq!(told(&generation, 13, &Pasted::Event(b"[1]".to_vec()))["outcome"], "refused");
    let rule = &generation.rules()[0];
    let unknown = Pasted::Record { kind: Some("aws".to_owned()), source: None, body: b"{}".to_vec() };
    let error = explain(&generation, rule, &unknown).unwrap_err().to_string();
    assert!(error.contains("aws_cloudtrail") && error.contains("okta"), "{error}");
}

#[test]
fn more_values_than_can_be_gone_through_are_refused() {
    let generation = generation();
    let list = |count: u32| trail(&json!({ "requestParameters": { "list": vec![1; count as usize] } }));
    assert_eq!(told(&generation, 11, &list(VALUES_MAX / 2))["outcome"], "matches");
    let refused = told(&generation, 11, &list(VALUES_MAX + 1));
    assert_eq!(
        (&refused["outcome"], &refused["refusal"]["code"]),
        (&json!("refused"), &json!("record_too_complex"))
    );
    let event = json!({ "class_uid": 6003, "list": vec![1; VALUES_MAX as usize + 1] }).to_string();
    assert_eq!(told(&generation, 13, &Pasted::Event(event.into()))["outcome"], "refused");
}

#[test]
fn rules_of_ocsf_see_an_event_and_others_do_not() {
    let generation = generation();
    let event = |class: u32| {
        Pasted::Event(json!({ "class_uid": class, "errorCode": "AccessDenied" }).to_string().into())
    };
    assert_eq!(told(&generation, 13, &event(6003))["outcome"], "matches");
    let silent = told(&generation, 13, &event(3002));
    assert_eq!((&silent["outcome"], &silent["kind"]), (&json!("no_match"), &Value::Null));
    let vendor = told(&generation, 11, &event(6003));
    assert_eq!((&vendor["outcome"], &vendor["explanation"]), (&json!("other_logsource"), &Value::Null));
    assert_eq!(told(&generation, 13, &trail(&json!({})))["outcome"], "matches", "by way of its mapping");
}

#[test]
fn a_correlation_says_what_it_needs_and_what_this_would_be_for_it() {
    let generation = generation();
    let whole = trail(&json!({ "sourceIPAddress": "192.0.2.7" }));
    let told_of = told(&generation, 21, &whole);
    assert_eq!(told_of["outcome"], "correlation");
    let correlation = &told_of["correlation"];
    assert_eq!(
        correlation["needs"],
        "5 or more matches within 10 minutes, for one combination of userIdentity.userName, sourceIPAddress"
    );
    assert_eq!((&correlation["timespan_ms"], &correlation["condition"]), (&json!(600_000), &json!("gte 5")));
    let member = &correlation["members"][0];
    assert_eq!((&member["outcome"], &member["groups"]), (&json!("matches"), &json!([["ana", "192.0.2.7"]])));
    assert_eq!(member["missing"], json!([]));

    let lacking = told(&generation, 21, &trail(&json!({})));
    let member = &lacking["correlation"]["members"][0];
    assert_eq!((&member["outcome"], &member["missing"]), (&json!("matches"), &json!(["sourceIPAddress"])));
    assert_eq!(member["groups"], json!([]), "it matches and does not count");
    let silent =
        told(&generation, 21, &trail(&json!({ "errorCode": "None", "sourceIPAddress": "192.0.2.7" })));
    assert_eq!(silent["correlation"]["members"][0]["groups"], json!([]));

    let chain = told(&generation, 22, &whole);
    assert_eq!(
        chain["correlation"]["needs"],
        "matches of each of its 2 rules, in their order within 1 hour, for one value of userIdentity.userName"
    );
    let members = chain["correlation"]["members"].as_array().unwrap();
    assert_eq!((&members[0]["is_correlation"], &members[0]["title"]), (&json!(true), &json!("Many denied")));
    assert_eq!(members[0]["rule_id"], "0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f21");
    assert_eq!(members[0]["correlation"]["members"][0]["groups"], json!([["ana", "192.0.2.7"]]));
    assert_eq!((&members[1]["outcome"], &members[1]["groups"]), (&json!("matches"), &json!([["ana"]])));
}
