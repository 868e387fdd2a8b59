//! Whose something is, by its name and by what was read.

use super::answer::text_of;
use super::spec::OwnerSpec;
use super::template::{Place, TemplateError, Values};
use crate::protect::Target;
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
    let name = |values: &Values| -> Option<String> {
        let takes_nothing =
            |name: &str| values.get(name).is_none_or(|value| value.is_empty() || value == "null");
        if spec.name.names().any(takes_nothing) {
            return None;
        }
        spec.name.fill(values, Place::Json).ok().filter(|name| !name.trim().is_empty())
    };
    let Some(each) = &spec.each else { return name(values).into_iter().collect() };
    let list: Result<Vec<Value>, TemplateError> =
        each.fill(values, Place::Json).map(|text| serde_json::from_str(&text).unwrap_or_default());
    let with = |one: &Value| -> Values {
        let members = one.as_object().into_iter().flatten();
        let mut members: Values = members.map(|(name, value)| (name.clone(), text_of(value))).collect();
        if let Some(text) = one.as_str() {
            members.insert("each".to_owned(), text.to_owned());
        }
        members
    };
    list.unwrap_or_default().iter().filter_map(|one| name(&with(one))).collect()
}
