//! Whose something is, by its name and by what was read.

use super::answer::text_of;
use super::spec::OwnerSpec;
use super::template::{Place, Template, TemplateError, Values};
use crate::protect::Target;
use regex::Regex;
use serde_json::Value;

/// The look did not tell whose it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody can tell whose it is: the look has not told {kind} {name}")]
pub struct NoOwner {
    /// What kind of owner.
    pub kind: &'static str,
    /// Where its name would come from, as the connector's file says it.
    pub name: String,
}

/// All that are known.
pub(super) fn known(specs: &[OwnerSpec], values: &Values) -> Vec<Target> {
    let mut owners = Vec::with_capacity(specs.len());
    for spec in specs {
        for name in names(spec, values) {
            let owner = Target { kind: spec.kind, name, belongs_to: Vec::new() };
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
    }
    owners
}

/// All of them, after a look.
pub(super) fn found(specs: &[OwnerSpec], values: &Values) -> Result<Vec<Target>, NoOwner> {
    let lacks = |spec: &&OwnerSpec| !spec.optional && names(spec, values).is_empty();
    match specs.iter().find(lacks) {
        Some(spec) => Err(NoOwner { kind: spec.kind.as_str(), name: spec.name.as_str().to_owned() }),
        None => Ok(known(specs, values)),
    }
}

fn names(spec: &OwnerSpec, values: &Values) -> Vec<String> {
    // what is no pattern was refused when the file was read
    let except = spec.except.as_deref().and_then(|pattern| Regex::new(pattern).ok());
    let name = |values: &Values| -> Option<String> {
        let takes_nothing =
            |name: &str| values.get(name).is_none_or(|value| value.is_empty() || value == "null");
        if spec.name.names().any(takes_nothing) {
            return None;
        }
        let name = spec.name.fill(values, Place::Json).ok().filter(|name| !name.trim().is_empty())?;
        (!except.as_ref().is_some_and(|except| except.is_match(&name))).then_some(name)
    };
    let Some(each) = &spec.each else { return name(values).into_iter().collect() };
    members(each, values).iter().filter_map(name).collect()
}

/// The values that each member of a JSON list gives: the members of an object by their names, a text as `each`.
pub(super) fn members(list: &Template, values: &Values) -> Vec<Values> {
    let list: Result<Vec<Value>, TemplateError> =
        list.fill(values, Place::Json).map(|text| serde_json::from_str(&text).unwrap_or_default());
    let with = |one: &Value| -> Values {
        let members = one.as_object().into_iter().flatten();
        let mut members: Values = members.map(|(name, value)| (name.clone(), text_of(value))).collect();
        if let Some(text) = one.as_str() {
            members.insert("each".to_owned(), text.to_owned());
        }
        members
    };
    list.unwrap_or_default().iter().map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(of: Value) -> OwnerSpec {
        serde_json::from_value(of).unwrap()
    }

    #[test]
    fn names_come_from_values_and_from_lists() {
        let values: Values = [
            ("login", "ann"),
            ("none", ""),
            ("null", "null"),
            ("list", r#"["a","b",7]"#),
            ("subjects", r#"[{"name":"ci","namespace":"x"},{"name":"devs"},{"name":null,"namespace":"x"}]"#),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (of, expected) in [
            (json!({ "kind": "account", "name": "{login}" }), vec!["ann"]),
            (json!({ "kind": "account", "name": "x/{login}" }), vec!["x/ann"]),
            (json!({ "kind": "account", "name": "x/{none}" }), vec![]),
            (json!({ "kind": "account", "name": "{null}" }), vec![]),
            (json!({ "kind": "account", "name": "{other}" }), vec![]),
            (json!({ "kind": "account", "each": "{list}", "name": "{each}" }), vec!["a", "b"]),
            (json!({ "kind": "account", "each": "{list}", "name": "{each}", "except": "^a$" }), vec!["b"]),
            (json!({ "kind": "account", "each": "{subjects}", "name": "{name}" }), vec!["ci", "devs"]),
            (json!({ "kind": "account", "each": "{subjects}", "name": "{namespace}/{name}" }), vec!["x/ci"]),
            (json!({ "kind": "account", "each": "{login}", "name": "{each}" }), vec![]),
            (json!({ "kind": "account", "each": "{none}", "name": "{each}" }), vec![]),
        ] {
            let specs = [spec(of.clone())];
            let names: Vec<String> = known(&specs, &values).into_iter().map(|one| one.name).collect();
            assert_eq!(names, expected, "{of}");
            assert_eq!(found(&specs, &values).is_err(), expected.is_empty(), "{of}");
            let mut optional = of;
            optional["optional"] = true.into();
            assert!(found(&[spec(optional)], &values).is_ok());
        }
    }
}
