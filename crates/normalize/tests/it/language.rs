//! What each form of the mapping language gives.

use huecry_normalize::{Normalizer, Output, RawData, Schema};
use model::{FieldTable, Offset, Partition, Position, RawRecord, Tape, Topic};
use serde_json::{Value, json};

/// The event of `record` by a mapping whose only case sets `path: value`.
fn event(path: &str, value: &str, record: &Value) -> Value {
    let mapping = format!(
        "kind: test\nlogsource: {{product: test}}\ncommon: {{metadata.product.name: =T, severity_id: 1}}\n\
         cases:\n  - class: entity_management\n    activity: 1\n    set:\n      entity.name: =thing\n      {path}: {value}\n"
    );
    let (schema, mut fields) = (Schema::builtin(), FieldTable::default());
    let normalizer = Normalizer::load(&[("test.yaml", &mapping)], &mut fields, &schema)
        .unwrap_or_else(|errors| panic!("{value}: {errors:?}"));
    let body = record.to_string();
    let raw = RawRecord {
        source: "test",
        kind: "test",
        event_type: Some("door"),
        delivery_id: None,
        region: "default",
        received_at_ms: 5,
        body: body.as_bytes(),
    };
    let (mut tape, mut output) = (Tape::new(), Output::new(RawData::Exclude));
    let view = tape.parse(&fields, body.as_bytes()).unwrap();
    let position = Position::new(Topic::Raw, Partition(0), Offset(0));
    normalizer.normalize(&raw, &view, position, &mut output).unwrap();
    let event = serde_json::from_slice(output.json()).unwrap();
    assert_eq!(schema.validate(&event), [], "{value} of {record}");
    event
}

#[test]
fn values_of_texts() {
    let record = json!({
        "a": "one/two:three", "arn": "arn:aws:iam::1:user/x/mona", "n": 7, "b": true, "z": null, "e": "",
        "list": ["p", null, "q", 3], "o": {"k": "v\"w"}, "who": [{"t": "A", "id": "1"}, {"t": "B", "id": "2"}]
    });
    let cases: &[(&str, Option<&str>)] = &[
        ("a", Some("one/two:three")),
        ("=a", Some("a")),
        ("z", None),
        ("e", None),
        ("gone|z|a", Some("one/two:three")),
        ("[gone, =x]", Some("x")),
        ("n", Some("7")),
        ("b", Some("true")),
        ("o", None),
        ("o.k", Some("v\"w")),
        ("list", Some("p")),
        ("$event_type", Some("door")),
        ("who[t=B].id", Some("2")),
        ("who[t=C|A].id", Some("1")),
        ("who[t=C].id", None),
        ("{from: a, as: {before: /}}", Some("one")),
        ("{from: a, as: {after: /}}", Some("two:three")),
        ("{from: a, as: [{after: /}, {before: \":\"}]}", Some("two")),
        ("{from: arn, as: {after_last: /}}", Some("mona")),
        ("{from: arn, as: {before_last: /}}", Some("arn:aws:iam::1:user/x")),
        ("{from: arn, as: {part: [\":\", 4]}}", Some("1")),
        ("{from: arn, as: {part: [\":\", 9]}}", None),
        ("{from: arn, as: name}", Some("mona")),
        ("{from: a, as: {before: \"|\"}}", None),
        ("{from: a, as: upper}", Some("ONE/TWO:THREE")),
        ("{from: o.k, as: upper}", Some("V\"W")),
        ("{from: o, as: json}", Some(r#"{"k":"v\"w"}"#)),
        ("{from: list, as: {join: \"+\"}}", Some("p+q+3")),
        ("{from: a, unless: [\"one/two:three\"]}", None),
        ("{concat: [n, \"=-\", b]}", Some("7-true")),
        ("[{concat: [n, gone]}, =other]", Some("other")),
        ("{from: n, enum: {\"7\": seven}}", Some("seven")),
        ("{from: n, enum: {\"8\": eight}, default: many}", Some("many")),
        ("{from: n, enum: {\"8\": eight}, default: .}", Some("7")),
        ("{from: arn, prefix: {\"arn:\": short, \"arn:aws:\": long}}", Some("long")),
        ("{when: {n: 7, b: true}, const: yes it is}", Some("yes it is")),
        ("{when: {n: [8, 9]}, const: no}", None),
        ("{when: {a: {prefix: [two, one]}}, const: yes}", Some("yes")),
        ("{when: {a: {suffix: one}}, const: no}", None),
        ("{when: {a: {contains: \"/two\"}}, const: yes}", Some("yes")),
        ("{when: {a: {not: {is: x}}}, const: yes}", Some("yes")),
        ("{when: {e|z|gone: absent}, const: yes}", Some("yes")),
        ("{when: {e|a: absent}, const: no}", None),
        ("{when: {gone|a: present}, const: yes}", Some("yes")),
        ("{when: {any: [{a: x}, {n: 7}]}, const: yes}", Some("yes")),
        ("{when: {not: {a: present, n: 8}}, const: yes}", Some("yes")),
        ("{when: {list: q}, const: yes}", Some("yes")),
    ];
    for (value, expected) in cases {
        let event = event("message", value, &record);
        assert_eq!(event.get("message").and_then(Value::as_str), *expected, "{value}");
    }
}

#[test]
fn values_take_the_type_of_the_attribute() {
    let cases = [
        ("time", "v", json!("2026-02-03T04:05:06.7Z"), Some(json!(1_770_091_506_700_i64))),
        ("time", "v", json!(1_770_091_506), Some(json!(1_770_091_506_000_i64))),
        ("time", "v", json!("1770091506789"), Some(json!(1_770_091_506_789_i64))),
        // the door's clock stands in for what is no time
        ("time", "v", json!("soon"), Some(json!(5))),
        ("count", "v", json!("12"), Some(json!(12))),
        ("count", "v", json!(12.5), None),
        ("count", "v", json!(u64::MAX), None),
        ("src_endpoint.ip", "v", json!("203.0.113.7"), Some(json!("203.0.113.7"))),
        ("src_endpoint.ip", "v", json!("host.example"), None),
        ("src_endpoint.port", "v", json!(70_000), None),
        ("src_endpoint.port", "v", json!(443), Some(json!(443))),
        (
            "actor.user",
            "{set: {has_mfa: v, name: =n}}",
            json!("TRUE"),
            Some(json!({"has_mfa": true, "name": "n"})),
        ),
        ("entity.data", "v", json!({"k": [1, null, "x"]}), Some(json!({"k": [1, null, "x"]}))),
        ("http_request.http_method", "v", json!("GET"), Some(json!("GET"))),
        ("http_request.http_method", "v", json!("SING"), None),
        ("access_list", "v", json!(["r", "", "w"]), Some(json!(["r", "w"]))),
        ("access_list", "[v, =x]", json!("r"), Some(json!(["r", "x"]))),
    ];
    for (path, value, given, expected) in cases {
        let wanted = path.split('.').fold(String::new(), |pointer, step| format!("{pointer}/{step}"));
        // an endpoint stands only with something that names it
        let whole = match path.strip_prefix("src_endpoint.") {
            Some(of) => {
                event("src_endpoint", &format!("{{set: {{{of}: v, name: =n}}}}"), &json!({"v": given}))
            }
            None => event(path, value, &json!({"v": given})),
        };
        assert_eq!(whole.pointer(&wanted), expected.as_ref(), "{path} of {given}");
    }
}

#[test]
fn objects_stand_only_when_they_are_whole() {
    let set = "{set: {groups: [{each: g, when: {on: true}, set: {name: .n, uid: .id}}, {set: {name: last}}], name: who}}";
    let given = |record: Value| event("actor.user", set, &record).get("actor").cloned();
    let record = json!({"on": true, "who": "mona", "g": [{"n": "a"}, {"x": 1}, {"id": 3}], "last": "z"});
    let user = json!({"name": "mona", "groups": [{"name": "a"}, {"uid": "3"}, {"name": "z"}]});
    assert_eq!(given(record), Some(json!({"user": user})));
    // one object instead of an array is one member; nothing is kept of a group without a name
    let record = json!({"on": true, "who": "mona", "g": {"n": "a"}});
    assert_eq!(given(record), Some(json!({"user": {"name": "mona", "groups": [{"name": "a"}]}})));
    assert_eq!(
        given(json!({"on": false, "who": "mona", "g": [{"n": "a"}]})),
        Some(json!({"user": {"name": "mona"}}))
    );
    // a user needs a name, an id or an account: groups alone make none
    assert_eq!(given(json!({"on": true, "g": [{"n": "a"}]})), None);
}
