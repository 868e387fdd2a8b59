//! Condenses the OCSF schema's source folder into `schema/ocsf-1.8.0.json`.
//!
//! `cargo run -p huecry-normalize --example ocsf_schema -- FOLDER > crates/normalize/schema/ocsf-1.8.0.json`
//! where FOLDER holds `dictionary.json`, `categories.json`, `events/`, `objects/`, `profiles/` and
//! `extensions/` of <https://github.com/ocsf/ocsf-schema> (Apache-2.0). Inheritance and profile includes are
//! resolved; of the operating systems' extensions the activity classes of Windows are taken; descriptions are
//! left out.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

type Attributes = BTreeMap<String, Map<String, Value>>;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: ocsf_schema FOLDER");
    let folder = Path::new(&folder);
    let mut dictionary = read(&folder.join("dictionary.json"));
    let categories = read(&folder.join("categories.json"));
    let mut events = read_all(&folder.join("events"));
    let mut objects = read_all(&folder.join("objects"));
    extend(&folder.join("extensions/windows"), &mut dictionary, &mut events, &mut objects);
    let profiles = read_all(&folder.join("profiles"));
    let mut lines = vec![
        line(
            "about",
            &json!("OCSF 1.8.0, condensed from github.com/ocsf/ocsf-schema; Apache-2.0, © the OCSF authors"),
        ),
        line("version", &read(&folder.join("version.json"))["version"]),
        section(
            "categories",
            categories["attributes"].as_object().unwrap(),
            |_, c| json!({"uid": c["uid"], "caption": c["caption"]}),
        ),
        section("dictionary", dictionary["attributes"].as_object().unwrap(), |_, a| dictionary_entry(a)),
    ];
    let classes = events.iter().filter(|(name, event)| *name == "base_event" || event.get("uid").is_some());
    let classes = classes.map(|(name, _)| (name.clone(), class(name, &events, &profiles))).collect();
    lines.push(section("classes", &classes, |name, class| without_base(name, class, &classes)));
    let all = objects.keys().map(|name| (name.clone(), object(name, &objects, &profiles))).collect();
    lines.push(section("objects", &all, |_, o| o.clone()));
    println!("{{\n{}\n}}", lines.join(",\n"));
}

/// Activity classes of an extension, and the objects that are new in it. Its queries are deprecated, and what
/// it adds to objects of the core is left out.
fn extend(
    folder: &Path,
    dictionary: &mut Value,
    events: &mut BTreeMap<String, Value>,
    objects: &mut BTreeMap<String, Value>,
) {
    let extension_uid = read(&folder.join("extension.json"))["uid"].as_u64().unwrap();
    let more = read(&folder.join("dictionary.json"));
    let terms = dictionary["attributes"].as_object_mut().unwrap();
    for (name, term) in more["attributes"].as_object().unwrap() {
        terms.entry(name.clone()).or_insert(term.clone());
    }
    let is_new = |path: &Path| read(path).get("name").is_some();
    for file in files(&folder.join("objects")).filter(|path| is_new(path)) {
        let object = read(&file);
        objects.entry(object["name"].as_str().unwrap().to_owned()).or_insert(object);
    }
    for file in files(&folder.join("events")) {
        let mut event = read(&file);
        if event.get("@deprecated").is_none() {
            // class_uid = extension * 100,000 + category * 1,000 + uid
            event["uid"] = json!(extension_uid * 100_000 + event["uid"].as_u64().unwrap());
            events.insert(event["name"].as_str().unwrap().to_owned(), event);
        }
    }
}

fn files(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

fn line(key: &str, value: &Value) -> String {
    format!("{}:{value}", json!(key))
}

fn section(key: &str, of: &Map<String, Value>, entry: impl Fn(&str, &Value) -> Value) -> String {
    let lines: Vec<_> = of.iter().map(|(name, value)| line(name, &entry(name, value))).collect();
    format!("{}:{{\n{}\n}}", json!(key), lines.join(",\n"))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every JSON file below a folder, by its `name`.
fn read_all(folder: &Path) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(read_all(&path));
        } else if path.extension().is_some_and(|e| e == "json") {
            let value = read(&path);
            all.insert(value["name"].as_str().unwrap().to_owned(), value);
        }
    }
    all
}

fn captions(of: &Value) -> Value {
    let named = of.as_object().unwrap().iter();
    Value::Object(named.map(|(id, e)| (id.clone(), e.get("caption").unwrap_or(&json!("")).clone())).collect())
}

fn dictionary_entry(attribute: &Value) -> Value {
    let mut entry = Map::new();
    entry.insert("type".into(), attribute["type"].clone());
    if attribute.get("is_array") == Some(&json!(true)) {
        entry.insert("array".into(), json!(true));
    }
    if let Some(sibling) = attribute.get("sibling") {
        entry.insert("sibling".into(), sibling.clone());
    }
    if let Some(values) = attribute.get("enum") {
        entry.insert("enum".into(), captions(values));
    }
    Value::Object(entry)
}

/// Own attributes over included ones over inherited ones, key by key.
fn attributes(name: &str, all: &BTreeMap<String, Value>, profiles: &BTreeMap<String, Value>) -> Attributes {
    let item = all.get(name).unwrap_or_else(|| panic!("no {name}"));
    let mut merged = match item.get("extends").and_then(Value::as_str) {
        Some(parent) => attributes(parent, all, profiles),
        None => Attributes::new(),
    };
    let own = item["attributes"].as_object().unwrap();
    for include in own.get("$include").and_then(Value::as_array).into_iter().flatten() {
        let profile = include.as_str().unwrap().trim_start_matches("profiles/").trim_end_matches(".json");
        for (key, attribute) in profiles[profile]["attributes"].as_object().unwrap() {
            let mut attribute = attribute.as_object().unwrap().clone();
            attribute.entry("profile").or_insert(json!(profile));
            merge(merged.entry(key.clone()).or_default(), &attribute);
        }
    }
    for (key, attribute) in own.iter().filter(|(key, _)| *key != "$include") {
        merge(merged.entry(key.clone()).or_default(), attribute.as_object().unwrap());
    }
    merged
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(more)) => merge(below, more),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// `required` alone, or with whatever else is not as in the dictionary.
fn condensed(attributes: Attributes) -> Value {
    let entry = |attribute: Map<String, Value>| {
        let mut entry = Map::new();
        let requirement = attribute.get("requirement").cloned().unwrap_or(json!("optional"));
        for (from, to) in [("profile", "profile"), ("type", "type"), ("sibling", "sibling")] {
            if let Some(value) = attribute.get(from).filter(|v| !v.is_null()) {
                entry.insert(to.into(), value.clone());
            }
        }
        if attribute.get("is_array") == Some(&json!(true)) {
            entry.insert("array".into(), json!(true));
        }
        if let Some(values) = attribute.get("enum") {
            entry.insert("enum".into(), captions(values));
        }
        if entry.is_empty() {
            return requirement;
        }
        entry.insert("requirement".into(), requirement);
        Value::Object(entry)
    };
    Value::Object(attributes.into_iter().map(|(name, a)| (name, entry(a))).collect())
}

fn inherited<'a>(name: &str, key: &str, all: &'a BTreeMap<String, Value>) -> Option<&'a Value> {
    let item = &all[name];
    item.get(key).or_else(|| inherited(item.get("extends")?.as_str()?, key, all))
}

fn chain_of_profiles(name: &str, all: &BTreeMap<String, Value>) -> Vec<Value> {
    let item = &all[name];
    let mut profiles = match item.get("extends").and_then(Value::as_str) {
        Some(parent) => chain_of_profiles(parent, all),
        None => Vec::new(),
    };
    profiles.extend(item.get("profiles").and_then(Value::as_array).into_iter().flatten().cloned());
    profiles
}

fn class(name: &str, all: &BTreeMap<String, Value>, profiles: &BTreeMap<String, Value>) -> Value {
    json!({
        "uid": all[name].get("uid").unwrap_or(&json!(0)),
        "caption": all[name]["caption"],
        "category": inherited(name, "category", all),
        "profiles": chain_of_profiles(name, all),
        "constraints": inherited(name, "constraints", all).unwrap_or(&json!({})),
        "attributes": condensed(attributes(name, all, profiles)),
    })
}

/// Every class extends Base Event: what is the same there is not said again.
fn without_base(name: &str, class: &Value, classes: &Map<String, Value>) -> Value {
    let mut class = class.clone();
    if name != "base_event" {
        let own = class["attributes"].as_object_mut().unwrap();
        own.retain(|key, value| classes["base_event"]["attributes"].get(key) != Some(value));
    }
    class
}

fn object(name: &str, all: &BTreeMap<String, Value>, profiles: &BTreeMap<String, Value>) -> Value {
    json!({
        "constraints": inherited(name, "constraints", all).unwrap_or(&json!({})),
        "attributes": condensed(attributes(name, all, profiles)),
    })
}
