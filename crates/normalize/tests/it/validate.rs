//! What the validator finds in an event that breaks the schema in one place.

use huecry_normalize::Schema;
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "activity_id": 1, "activity_name": "Logon", "category_uid": 3, "class_uid": 3002, "type_uid": 300_201,
        "time": 1_770_091_506_000_i64, "severity_id": 1, "severity": "Informational",
        "metadata": {"version": "1.8.0", "product": {"name": "Test"}, "profiles": ["cloud"]},
        "cloud": {"provider": "AWS"},
        "user": {"name": "mona", "type_id": 99, "type": "Robot"},
        "service": {"name": "door"},
        "src_endpoint": {"ip": "203.0.113.7", "port": 443}
    })
}

#[test]
fn a_good_event_has_no_violation() {
    assert_eq!(Schema::builtin().validate(&good()), []);
}

#[test]
fn each_violation_is_found_where_it_is() {
    let cases = [
        ("/class_uid", json!(9999), "", "class_unknown"),
        ("/category_uid", json!(6), "", "category_wrong"),
        ("/type_uid", json!(300_202), "", "type_uid_wrong"),
        ("/metadata/version", json!("1.5.0"), "", "version_wrong"),
        ("/metadata/profiles/0", json!("clouds"), "", "profile_unknown"),
        ("/metadata/profiles", json!([]), "cloud", "attribute_unknown"),
        ("/time", json!("2026-02-03T04:05:06Z"), "time", "type_wrong"),
        ("/time", json!(-1), "time", "type_wrong"),
        ("/severity_id", json!(17), "severity_id", "enum_unknown"),
        ("/severity", json!("High"), "", "sibling_wrong"),
        ("/user", json!({"name": "mona", "type_id": 99}), "user", "sibling_missing"),
        ("/user", json!({"type": "Robot"}), "user", "constraint_failed"),
        ("/user", json!(null), "user", "type_wrong"),
        ("/user", json!({"name": "mona", "nick": "m"}), "user.nick", "attribute_unknown"),
        ("/cloud", json!({"region": "x"}), "cloud.provider", "attribute_missing"),
        ("/src_endpoint/ip", json!("here"), "src_endpoint.ip", "format_wrong"),
        ("/src_endpoint/port", json!(70_000), "src_endpoint.port", "type_wrong"),
        ("/metadata/product", json!([]), "metadata.product", "type_wrong"),
        ("/service", json!({"name": 7}), "service.name", "type_wrong"),
    ];
    let schema = Schema::builtin();
    for (pointer, value, path, code) in cases {
        let mut event = good();
        *event.pointer_mut(pointer).unwrap() = value;
        let found = schema.validate(&event);
        assert!(found.iter().any(|v| v.path == path && v.code == code), "{pointer}: {found:#?}");
    }
    let mut event = good();
    event.as_object_mut().unwrap().remove("service");
    let found = schema.validate(&event);
    assert!(found.iter().any(|v| v.code == "constraint_failed"), "{found:#?}");
    assert_eq!(schema.validate(&json!([]))[0].code, "type_wrong");
}
