//! Requests to Kubernetes: the objects that are sent are those of its published schema, at the paths of their kinds.

use crate::connectors::{described, descriptions, example, own, shipped};
use respond::connector::Method;
use serde_json::{Value, json};

/// The resources that actions ask for: as they stand in a path, and their names in the schema.
const RESOURCES: [(&str, &str); 9] = [
    ("/apis/authentication.k8s.io/v1/selfsubjectreviews", "io.k8s.api.authentication.v1.SelfSubjectReview"),
    ("/api/v1/nodes", "io.k8s.api.core.v1.Node"),
    ("/api/v1/namespaces/*/pods", "io.k8s.api.core.v1.Pod"),
    ("/api/v1/namespaces/*/serviceaccounts", "io.k8s.api.core.v1.ServiceAccount"),
    ("/apis/apps/v1/namespaces/*/deployments/*/scale", "io.k8s.api.autoscaling.v1.Scale"),
    ("/apis/batch/v1/namespaces/*/cronjobs", "io.k8s.api.batch.v1.CronJob"),
    ("/apis/networking.k8s.io/v1/namespaces/*/networkpolicies", "io.k8s.api.networking.v1.NetworkPolicy"),
    ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "io.k8s.api.rbac.v1.ClusterRoleBinding"),
    ("/apis/apps/v1/namespaces/*/deployments", "io.k8s.api.apps.v1.Deployment"),
];

fn resource(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &str, more: usize| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() + more == parts.len()
            && pattern.iter().zip(&parts).all(|(pattern, part)| *pattern == "*" || pattern == part)
    };
    let found = RESOURCES.iter().find(|(pattern, _)| fits(pattern, 0) || fits(pattern, 1));
    found.map(|(_, name)| *name)
}

/// A schema of what may be a part of an object: nothing is required.
fn partial(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| *key != "required" || !value.is_array());
            Value::Object(kept.map(|(key, value)| (key.clone(), partial(value))).collect())
        }
        Value::Array(list) => list.iter().map(partial).collect(),
        other => other.clone(),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

fn faults(definitions: &Value, name: &str, body: &Value) -> Vec<String> {
    let schema = json!({ "$ref": format!("#/$defs/{name}"), "$defs": definitions });
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(body).map(|error| error.to_string()).collect()
}

#[test]
fn objects_are_those_of_the_published_schema() {
    let Some(folder) = descriptions() else { return };
    let Ok(text) = std::fs::read_to_string(folder.join(described("kubernetes").unwrap().file)) else {
        panic!("the folder of descriptions has no schema of Kubernetes");
    };
    let text = text.replace("/api/_definitions.json#", "#");
    let definitions = serde_json::from_str::<Value>(&text).unwrap()["$defs"].take();
    let parts = partial(&definitions);
    let kubernetes = shipped().into_iter().find(|connector| connector.connector == "kubernetes").unwrap();
    let mut checked = 0;
    for (name, action) in &kubernetes.actions {
        let values = example(&kubernetes, action);
        for (phase, exchange) in action.exchanges() {
            let request = exchange.request(&kubernetes, &values, 0).unwrap();
            let path = request.url.strip_prefix("https://vendor.example").unwrap();
            let kind = resource(path).unwrap_or_else(|| panic!("{name}, {phase}: {path} is of no resource"));
            assert!(definitions.get(kind).is_some(), "the schema has no {kind}");
            let Some(body) = &request.body else { continue };
            let body: Value = serde_json::from_str(body).unwrap();
            let wrong = match request.method {
                Method::Delete => {
                    faults(&definitions, "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", &body)
                }
                // a merge patch is a part of the object; null takes away (RFC 7396)
                Method::Patch => faults(&parts, kind, &without_nulls(&body)),
                _ => faults(&definitions, kind, &body),
            };
            assert!(wrong.is_empty(), "{name}, {phase}: {wrong:#?}");
            checked += 1;
        }
    }
    for exchange in &kubernetes.whoami.as_ref().unwrap().read {
        let request = exchange.request(&kubernetes, &own(&kubernetes), 0).unwrap();
        let kind = resource(request.url.strip_prefix("https://vendor.example").unwrap()).unwrap();
        let body: Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
        let wrong = faults(&definitions, kind, &body);
        assert!(wrong.is_empty(), "whoami: {wrong:#?}");
    }
    assert!(checked >= 12, "{checked} objects were checked");
    // a wrong property and a wrong type are found
    for wrong in [json!({ "spec": { "unschedulabel": true } }), json!({ "spec": { "unschedulable": "yes" } })]
    {
        assert!(!faults(&parts, "io.k8s.api.core.v1.Node", &wrong).is_empty(), "{wrong}");
    }
}
