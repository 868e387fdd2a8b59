//! Playbooks written short: `name: {step}`, where a name stands for an identifier.

use respond::playbook::{Playbook, read};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The identifier of a short name: `action/a` is `action--…`.
pub(crate) fn id(name: &str) -> String {
    let (kind, name) = name.split_once('/').unwrap_or(("action", name));
    let mut hex = String::new();
    for byte in name.bytes().chain(std::iter::repeat(0)).take(6) {
        let _ = write!(hex, "{byte:02x}");
    }
    format!("{kind}--00000000-0000-4000-8000-{hex}")
}

fn named(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains('/') && !text.contains(' ') => id(text).into(),
        Value::Array(list) => list.iter().map(named).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), named(value))).collect(),
        other => other.clone(),
    }
}

/// A whole playbook of these steps; actions get an agent and a command if they have none.
pub(crate) fn document(start: &str, steps: &Value, more: &Value) -> Value {
    let mut workflow = Map::new();
    for (name, step) in steps.as_object().unwrap() {
        let mut step = named(step);
        let kind = name.split_once('/').unwrap().0;
        let map = step.as_object_mut().unwrap();
        map.insert("type".into(), kind.into());
        if kind == "action" {
            let command = json!([{ "type": "manual", "command": format!("do {name}") }]);
            map.entry("commands").or_insert(command);
            map.entry("agent").or_insert(id("individual/me").into());
        }
        workflow.insert(id(name), step);
    }
    let mut document = json!({
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": id("playbook/test"),
        "name": "Test",
        "created_by": id("identity/us"),
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "workflow_start": id(start),
        "agent_definitions": { id("individual/me"): { "type": "individual", "name": "Me" } },
        "workflow": workflow,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        document.as_object_mut().unwrap().insert(key.clone(), named(value));
    }
    document
}

pub(crate) fn playbook(start: &str, steps: &Value, more: &Value) -> Playbook {
    match read(&document(start, steps, more).to_string()) {
        Ok((playbook, _)) => playbook,
        Err(refused) => panic!("{refused}"),
    }
}
