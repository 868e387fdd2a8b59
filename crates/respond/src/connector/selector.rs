//! Which network policies of Kubernetes let something through to or from a pod.
//!
//! Policies add up: what one lets through, no other one takes back
//! (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>). So a pod is cut off only if none that
//! selects it has rules.

use serde_json::{Map, Value};

/// What lets something through to or from what has these labels (a JSON object; nothing if it has none): told by the names
/// of the policies. What cannot be read as policies is a fault as well.
pub(super) fn fault(policies: Option<&Value>, labels: &str) -> Option<String> {
    let labels = match serde_json::from_str(if labels.is_empty() { "null" } else { labels }) {
        Ok(Value::Object(labels)) => labels,
        Ok(Value::Null) => Map::new(),
        _ => return Some("the labels are no object".to_owned()),
    };
    let Some(policies) = policies.and_then(Value::as_array) else {
        return Some("there is no list of policies".to_owned());
    };
    let open: Vec<&str> = policies
        .iter()
        .filter(|policy| has_rules(policy) && selects(&policy["spec"]["podSelector"], &labels))
        .map(|policy| policy["metadata"]["name"].as_str().unwrap_or("one without a name"))
        .collect();
    (!open.is_empty()).then(|| format!("it is let through by {}", open.join(", ")))
}

/// Whether it lets anything through at all. One without rules only cuts off.
fn has_rules(policy: &Value) -> bool {
    let is_some = |rules: &Value| rules.as_array().is_some_and(|rules| !rules.is_empty());
    is_some(&policy["spec"]["ingress"]) || is_some(&policy["spec"]["egress"])
}

/// A label selector; an empty one selects everything. What is not understood selects: that is the safe side here.
fn selects(selector: &Value, labels: &Map<String, Value>) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut required = selector["matchExpressions"].as_array().into_iter().flatten();
    equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && required.all(|one| {
            let label = one["key"].as_str().and_then(|key| labels.get(key));
            let is_one =
                || one["values"].as_array().is_some_and(|all| label.is_some_and(|l| all.contains(l)));
            match one["operator"].as_str() {
                Some("In") => is_one(),
                Some("NotIn") => !is_one(),
                Some("Exists") => label.is_some(),
                Some("DoesNotExist") => label.is_none(),
                _ => true,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn policies_that_let_something_through_are_found() {
        let allow = json!([{}]);
        let policy = |selector: Value, ingress: &Value, egress: &Value| json!([{ "metadata": { "name": "p" }, "spec": { "podSelector": selector, "ingress": ingress, "egress": egress } }]);
        let labels = r#"{"app":"web","tier":"front"}"#;
        let expression = |key: &str, operator: &str, values: &[&str]| json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] });
        for (selector, lets) in [
            (json!({}), true),
            (Value::Null, true),
            (json!({ "matchLabels": { "app": "web" } }), true),
            (json!({ "matchLabels": { "app": "web", "tier": "back" } }), false),
            (json!({ "matchLabels": { "zone": "a" } }), false),
            (expression("app", "In", &["db", "web"]), true),
            (expression("app", "In", &["db"]), false),
            (expression("zone", "In", &["a"]), false),
            (expression("app", "NotIn", &["web"]), false),
            (expression("app", "NotIn", &["db"]), true),
            (expression("zone", "NotIn", &["a"]), true),
            (expression("app", "Exists", &[]), true),
            (expression("zone", "Exists", &[]), false),
            (expression("zone", "DoesNotExist", &[]), true),
            (expression("app", "DoesNotExist", &[]), false),
            (expression("app", "Perhaps", &[]), true),
            (
                json!({ "matchLabels": { "app": "web" }, "matchExpressions": [{ "key": "tier", "operator": "Exists" }] }),
                true,
            ),
            (
                json!({ "matchLabels": { "app": "db" }, "matchExpressions": [{ "key": "tier", "operator": "Exists" }] }),
                false,
            ),
        ] {
            for (ingress, egress) in [(&allow, &Value::Null), (&Value::Null, &allow), (&allow, &json!([]))] {
                let found = fault(Some(&policy(selector.clone(), ingress, egress)), labels);
                assert_eq!(found.is_some(), lets, "{selector}");
            }
            // one without rules lets nothing through
            assert_eq!(fault(Some(&policy(selector.clone(), &json!([]), &Value::Null)), labels), None);
        }
        assert_eq!(fault(Some(&json!([])), ""), None);
        for (policies, labels) in
            [(None, labels), (Some(json!({})), labels), (Some(json!([])), "[]"), (Some(json!([])), "{")]
        {
            assert!(fault(policies.as_ref(), labels).is_some(), "{policies:?} {labels}");
        }
    }
}
