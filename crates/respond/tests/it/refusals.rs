//! What is wrong is told with its place, all of it at once.

use crate::workflow::{document, id};
use respond::playbook::{Gravity, PLAYBOOK_BYTES_MAX, STEPS_MAX, read};
use serde_json::{Map, Value, json};

fn good() -> Value {
    let steps = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "on_completion": "end/e" },
        "end/e": {},
    });
    document("start/s", &steps, &json!({}))
}

/// Complaints of a playbook in which `change` was made.
fn errors(change: impl FnOnce(&mut Map<String, Value>)) -> Vec<String> {
    let mut document = good();
    change(document.as_object_mut().unwrap());
    match read(&document.to_string()) {
        Ok(_) => Vec::new(),
        Err(refused) => {
            let errors = refused.complaints.iter().filter(|c| c.gravity == Gravity::Error);
            errors.map(|c| format!("{} {}", c.pointer, c.message)).collect()
        }
    }
}

#[test]
fn a_good_playbook_has_no_complaints() {
    let (playbook, complaints) = read(&good().to_string()).unwrap();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert_eq!(playbook.steps.len(), 3);
    let yaml = "
type: playbook
spec_version: cacao-2.0
id: playbook--61a6c41e-6efc-4516-a242-dfbc5c89d562
name: In YAML
created_by: identity--5abe695c-7bd5-4c31-8824-2528696cdbf1
created: '2026-01-01T00:00:00.000Z'
modified: '2026-01-01T00:00:00.000Z'
workflow_start: start--61a6c41e-6efc-4516-a242-dfbc5c89d562
agent_definitions:
  individual--61a6c41e-6efc-4516-a242-dfbc5c89d562: {type: individual, name: Me}
workflow:
  start--61a6c41e-6efc-4516-a242-dfbc5c89d562:
    type: start
    on_completion: action--61a6c41e-6efc-4516-a242-dfbc5c89d562
  action--61a6c41e-6efc-4516-a242-dfbc5c89d562:
    type: action
    agent: individual--61a6c41e-6efc-4516-a242-dfbc5c89d562
    commands: [{type: manual, command: look}]
    on_completion: end--61a6c41e-6efc-4516-a242-dfbc5c89d562
  end--61a6c41e-6efc-4516-a242-dfbc5c89d562: {type: end}
";
    assert_eq!(read(yaml).unwrap().0.steps.len(), 3);
}

#[test]
fn each_fault_is_told_where_it_is() {
    type Change = fn(&mut Map<String, Value>);
    let cases: &[(Change, &str)] = &[
        (|p| drop(p.remove("name")), " `name` is missing"),
        (|p| drop(p.insert("name".into(), 7.into())), "/name this is a number"),
        (|p| drop(p.insert("spec_version".into(), "1.1".into())), "/spec_version this is \"1.1\""),
        (|p| drop(p.insert("id".into(), id("action/a").into())), "/id "),
        (|p| drop(p.insert("modified".into(), "2025-01-01T00:00:00Z".into())), "/modified "),
        (|p| drop(p.insert("created".into(), "yesterday".into())), "/created "),
        (|p| drop(p.insert("priority".into(), 101.into())), "/priority "),
        (|p| drop(p.insert("workflow".into(), json!([]))), "/workflow this is a list"),
        (
            |p| drop(p.insert("workflow_start".into(), id("start/none").into())),
            "/workflow_start there is no step",
        ),
        (
            |p| drop(p["workflow"].as_object_mut().unwrap().remove(&id("end/e"))),
            "on_completion there is no step",
        ),
        (|p| p["workflow"][id("action/a")]["type"] = "end".into(), "/type this is \"end\""),
        (|p| p["workflow"][id("action/a")]["agent"] = id("individual/x").into(), "/agent there is no agent"),
        (
            |p| p["workflow"][id("action/a")]["targets"] = json!([id("ssh/x")]),
            "/targets/0 there is no target",
        ),
        (|p| p["workflow"][id("action/a")]["commands"] = json!([]), "/commands there are 0"),
        (|p| p["workflow"][id("action/a")]["commands"][0]["command"] = Value::Null, "/commands/0 "),
        (
            |p| {
                p["workflow"][id("action/a")]["commands"] =
                    json!([{ "type": "http-api", "command": "fetch" }])
            },
            "/commands/0/command ",
        ),
        (|p| p["workflow"][id("action/a")]["on_failure"] = id("end/e").into(), "/on_completion with it"),
        (
            |p| p["workflow"][id("end/e")]["on_completion"] = id("action/a").into(),
            "/type nothing comes after",
        ),
        (|p| p["workflow"][id("action/a")]["delay"] = (-1).into(), "/delay this is a number, not a whole"),
        (
            |p| p["workflow"][id("action/a")]["commands"][0]["command"] = "block __ip__:value".into(),
            "/commands/0/command there is no variable __ip__",
        ),
        (|p| drop(p.insert("playbook_variables".into(), json!({ "ip": {} }))), "/playbook_variables/ip "),
        (
            |p| drop(p.insert("playbook_variables".into(), json!({ "__ip__": { "type": "ip" } }))),
            "/playbook_variables/__ip__/type there is no type",
        ),
        (
            |p| {
                let variable = json!({ "__ip__": { "type": "ipv4-addr", "value": "300.0.0.1" } });
                p.insert("playbook_variables".into(), variable);
            },
            "/playbook_variables/__ip__/value ",
        ),
        (
            |p| p["agent_definitions"][id("individual/me")]["contact"] = json!({ "email": { "work": "me" } }),
            "/contact/email/work ",
        ),
    ];
    for (change, expected) in cases {
        let errors = errors(change);
        assert!(errors.iter().any(|error| error.contains(expected)), "{expected}: {errors:#?}");
    }
}

#[test]
fn what_is_in_use_is_taken_with_a_warning() {
    let mut document = good();
    let extension = json!({ "type": "acme-ssh", "name": "Ours" });
    document["agent_definitions"][id("acme/x")] = extension;
    document["workflow"][id("action/a")]["agent"] = id("acme/x").into();
    document["playbook_variables"] = json!({ "__on__": { "type": "bool", "value": "true" } });
    document["workflow_exception"] = id("end/none").into();
    let (playbook, complaints) = read(&document.to_string()).unwrap();
    assert_eq!(playbook.variables.get("__on__").unwrap().kind, "boolean");
    for pointer in ["/agent_definitions/", "/playbook_variables/__on__/type", "/workflow_exception"] {
        assert!(complaints.iter().any(|c| c.pointer.starts_with(pointer)), "{pointer}: {complaints:#?}");
    }
    document["agent_definitions"][id("http-api/x")] = json!({ "type": "invalid", "name": "Not ours" });
    assert!(read(&document.to_string()).is_err());
}

#[test]
fn all_faults_are_told_at_once() {
    let errors = errors(|playbook| {
        playbook.remove("name");
        playbook.remove("created_by");
        playbook["workflow"][id("action/a")]["agent"] = id("individual/x").into();
    });
    assert_eq!(errors.len(), 2, "{errors:#?}");
}

#[test]
fn what_is_too_large_is_refused() {
    let padded = format!("{}{}", good(), " ".repeat(PLAYBOOK_BYTES_MAX));
    assert!(read(&padded).unwrap_err().to_string().contains("bytes"));
    let errors = errors(|playbook| {
        let many = (0..=STEPS_MAX)
            .map(|at| (format!("end--00000000-0000-4000-8000-{at:012x}"), json!({ "type": "end" })));
        playbook["workflow"].as_object_mut().unwrap().extend(many);
    });
    assert!(errors.iter().any(|error| error.starts_with("/workflow there are")), "{errors:#?}");
    for text in ["", "{", "[]", "null", "a: [", "\u{0}"] {
        assert!(read(text).is_err(), "{text:?}");
    }
}
