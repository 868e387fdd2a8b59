//! Requests to Google: paths, parameters, bodies, and what is read of answers, are those of its discovery document.

use crate::connectors::{described, descriptions, example, shipped};
use respond::connector::{Connector, Exchange, Pick, Values};
use serde_json::Value;

/// The methods of a document, whatever resource they are of.
fn methods(of: &Value) -> Vec<&Value> {
    let mut all: Vec<&Value> = of["methods"].as_object().into_iter().flat_map(|map| map.values()).collect();
    let below = of["resources"].as_object().into_iter().flat_map(|map| map.values());
    all.extend(below.flat_map(methods));
    all
}

/// The method for a request.
fn method<'d>(document: &'d Value, verb: &str, path: &str) -> Option<&'d Value> {
    let fits = |template: &str| {
        let (parts, segments): (Vec<&str>, Vec<&str>) =
            (template.split('/').collect(), path.split('/').collect());
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let is =
        |method: &&Value| method["httpMethod"] == verb && fits(method["path"].as_str().unwrap_or_default());
    methods(document).into_iter().find(is)
}

/// What is wrong with a value by a schema.
fn mismatch(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &document["schemas"][name],
        None => schema,
    };
    match (schema["type"].as_str()?, value) {
        ("object", Value::Object(map)) => {
            map.iter().find_map(|(key, value)| match &schema["properties"][key] {
                Value::Null => Some(format!("there is no property {key}")),
                property if property["readOnly"] == true => Some(format!("{key} is only read")),
                property => mismatch(document, property, value),
            })
        }
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("any", _) => None,
        (kind, value) => Some(format!("{value} is no {kind}")),
    }
}

/// Whether an answer of that schema has something at a place; elements of lists are looked into by any part.
fn has(document: &Value, schema: &Value, place: &Pick) -> bool {
    let mut at = schema;
    for part in place.as_str().split('/').skip(1) {
        if let Some(name) = at["$ref"].as_str() {
            at = &document["schemas"][name];
        }
        at = if at["type"] == "array" { &at["items"] } else { &at["properties"][part] };
    }
    !at.is_null()
}

fn faults(document: &Value, google: &Connector, exchange: &Exchange, values: &Values) -> Vec<String> {
    let request = exchange.request(google, values, 0).unwrap();
    let rest = request.url.strip_prefix("https://vendor.example/").unwrap();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let Some(method) = method(document, request.method.as_str(), path) else {
        return vec![format!("{} {path} is not described", request.method.as_str())];
    };
    let mut faults = Vec::new();
    for (name, _) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        if method["parameters"][name]["location"] != "query" {
            faults.push(format!("there is no parameter {name}"));
        }
    }
    match &request.body {
        Some(body) => {
            let body = serde_json::from_str(body).unwrap();
            faults.extend(mismatch(document, &method["request"], &body));
        }
        None if !method["request"].is_null() => faults.push("it has no body".to_owned()),
        None => {}
    }
    let places = exchange.facts.values().chain(exchange.holds.iter().map(|holds| &holds.at));
    for place in places.filter(|place| !has(document, &method["response"], place)) {
        faults.push(format!("an answer has no {}", place.as_str()));
    }
    faults
}

#[test]
fn requests_are_those_of_the_discovery_document() {
    let Some(folder) = descriptions() else { return };
    let text = std::fs::read_to_string(folder.join(described("google_workspace").unwrap().file)).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let google = shipped().into_iter().find(|connector| connector.connector == "google_workspace").unwrap();
    assert_eq!(
        Some(document["rootUrl"].as_str().unwrap().trim_end_matches('/')),
        google.settings["google_admin_url"].default.as_deref()
    );
    let mut checked = 0;
    for (name, action) in &google.actions {
        let values = example(&google, action);
        for (phase, exchange) in action.exchanges() {
            let wrong = faults(&document, &google, exchange, &values);
            assert!(wrong.is_empty(), "{name}, {phase}: {wrong:#?}");
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked} requests were checked");
    // wrong ones are found
    let suspend = &google.actions["suspend_user"];
    let values = example(&google, suspend);
    let wrong: [fn(&mut Exchange); 4] = [
        |exchange| exchange.body = Some(serde_json::json!({ "suspend": true })),
        |exchange| exchange.body = Some(serde_json::json!({ "suspended": "yes" })),
        |exchange| exchange.body = None,
        |exchange| drop(exchange.query.insert("force".into(), "1".to_owned().try_into().unwrap())),
    ];
    for change in wrong {
        let mut exchange = suspend.apply[0].clone();
        change(&mut exchange);
        assert!(!faults(&document, &google, &exchange, &values).is_empty());
    }
}
