//! What people should know of a target before they decide.

use super::act::Outcome;
use super::owner::members;
use super::send::Sending;
use super::spec::AboutSpec;
use super::template::{Place, Values};
use crate::plan::About;

/// Most texts of one list; of more it is told how many there are.
const TEXTS_MAX: usize = 20;
/// Most characters that are told of one thing.
const CHARS_MAX: usize = 1_000;

/// Looks for each; what is not told is told as not known, and why.
pub(super) fn look(sending: Sending<'_>, specs: &[AboutSpec], values: &Values) -> Vec<About> {
    let one = |spec: &AboutSpec| {
        let text = match sending.each(std::slice::from_ref(&spec.read), values) {
            Ok(Outcome::Done(facts)) => {
                let mut known = values.clone();
                known.extend(facts);
                said(spec, &known)
            }
            Ok(Outcome::Later(why) | Outcome::Refused(why) | Outcome::Unknown(why)) => {
                format!("not known: {why}")
            }
            Err(error) => format!("not known: {error}"),
        };
        About { title: spec.title.clone(), text: text.chars().take(CHARS_MAX).collect() }
    };
    specs.iter().map(one).collect()
}

fn said(spec: &AboutSpec, values: &Values) -> String {
    let fill = |values: &Values| {
        let is_nothing =
            |name: &str| values.get(name).is_none_or(|value| value.is_empty() || value == "null");
        let names: Vec<&str> = spec.say.names().collect();
        if !names.is_empty() && names.into_iter().all(is_nothing) {
            return None;
        }
        spec.say.fill(values, Place::Json).ok()
    };
    let texts: Vec<String> = match &spec.each {
        None => fill(values).into_iter().collect(),
        Some(each) => members(each, values).iter().filter_map(fill).collect(),
    };
    if texts.is_empty() {
        return spec.none.clone();
    }
    let more = texts.len().saturating_sub(TEXTS_MAX);
    let told = texts.into_iter().take(TEXTS_MAX).collect::<Vec<_>>().join(", ");
    if more == 0 { told } else { format!("{told} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_and_lists_are_told_in_words() {
        let many = json!((0..22).map(|n| n.to_string()).collect::<Vec<_>>()).to_string();
        let values: Values = [
            ("roles", r#"[{"label":"Super"},{"label":"Helper"},{"other":1}]"#),
            ("empty", "[]"),
            ("null", "null"),
            ("last", "2026-11-27"),
            ("many", many.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (each, say, expected) in [
            (Some("{roles}"), "{label}", "Super, Helper"),
            (Some("{empty}"), "{label}", "none"),
            (Some("{null}"), "{label}", "none"),
            (None, "at {last}", "at 2026-11-27"),
            (None, "at {null}", "none"),
        ] {
            let read = json!({ "method": "GET", "path": "/", "expect": [200] });
            let spec = json!({ "title": "t", "read": read, "each": each, "say": say, "none": "none" });
            let spec: AboutSpec = serde_json::from_value(spec).unwrap();
            assert_eq!(said(&spec, &values), expected, "{each:?} {say}");
        }
        let spec = json!({ "title": "t", "read": { "method": "GET", "path": "/", "expect": [200] },
            "each": "{many}", "say": "{each}", "none": "none" });
        let told = said(&serde_json::from_value(spec).unwrap(), &values);
        assert!(told.starts_with("0, 1, ") && told.ends_with("19 and 2 more"), "{told}");
    }
}
