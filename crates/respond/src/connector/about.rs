//! What people should know of a target before they decide.

use super::act::Outcome;
use super::exchange::Exchange;
use super::owner::members;
use super::send::Sending;
use super::spec::{AboutEachSpec, AboutSpec};
use super::template::{Place, Template, Values};
use crate::plan::About;

/// Most texts of one list; of more it is told how many there are.
const TEXTS_MAX: usize = 20;
/// Most members of a list that are asked about.
const ASKED_MAX: usize = 10;
/// Most characters that are told of one thing.
const CHARS_MAX: usize = 1_000;

/// Looks for each, side by side where a look can take long; what is not told is told as not known, and why.
pub(super) fn look(sending: Sending<'_>, specs: &[AboutSpec], values: &Values) -> Vec<About> {
    let one = |spec: &AboutSpec| {
        let text = match read(sending, &spec.read, values) {
            Ok(known) => said(spec, &known, |of_each, member| read(sending, &of_each.read, member)),
            Err(why) => why,
        };
        About { title: spec.title.clone(), text: text.chars().take(CHARS_MAX).collect() }
    };
    // somebody waits for the plan
    if !specs.iter().any(|spec| spec.read.seconds_max.is_some()) {
        return specs.iter().map(one).collect();
    }
    std::thread::scope(|scope| {
        let looks: Vec<_> = specs.iter().map(|spec| (spec, scope.spawn(move || one(spec)))).collect();
        let fallen = |spec: &AboutSpec| About { title: spec.title.clone(), text: "not known".to_owned() };
        looks.into_iter().map(|(spec, look)| look.join().unwrap_or_else(|_| fallen(spec))).collect()
    })
}

/// What is known then, or why not.
fn read(sending: Sending<'_>, exchange: &Exchange, values: &Values) -> Result<Values, String> {
    match sending.each(std::slice::from_ref(exchange), values) {
        Ok(Outcome::Done(facts)) => Ok(with(values, facts)),
        Ok(Outcome::Later(why) | Outcome::Refused(why) | Outcome::Partly(why) | Outcome::Unknown(why)) => {
            Err(format!("not known: {why}"))
        }
        Err(error) => Err(format!("not known: {error}")),
    }
}

fn with(values: &Values, more: Values) -> Values {
    let mut known = values.clone();
    known.extend(more);
    known
}

/// What a text says, where its names stand for something.
fn filled(say: &Template, values: &Values) -> Option<String> {
    let is_nothing = |name: &str| values.get(name).is_none_or(|value| value.is_empty() || value == "null");
    let names: Vec<&str> = say.names().collect();
    if !names.is_empty() && names.into_iter().all(is_nothing) {
        return None;
    }
    say.fill(values, Place::Json).ok()
}

/// `ask` finds out what is to be known of a member of the list.
fn said(
    spec: &AboutSpec,
    values: &Values,
    ask: impl Fn(&AboutEachSpec, &Values) -> Result<Values, String>,
) -> String {
    let each = |list: &Option<Template>, values: &Values| match list {
        None => vec![values.clone()],
        Some(list) => members(list, values),
    };
    let fill = |values: &Values| filled(&spec.say, values);
    let listed: Vec<Values> = each(&spec.each, values);
    let mut texts = Vec::new();
    match &spec.of_each {
        None => texts.extend(listed.iter().filter_map(fill)),
        Some(of_each) => {
            for member in listed.iter().take(ASKED_MAX) {
                let member = with(values, member.clone());
                match ask(of_each, &member) {
                    Ok(known) => {
                        let inner = each(&of_each.each, &known).into_iter();
                        texts.extend(inner.filter_map(|inner| fill(&with(&member, inner))));
                    }
                    Err(why) => texts.push(why),
                }
            }
            let more = listed.len().saturating_sub(ASKED_MAX);
            texts.extend((more > 0).then(|| format!("of {more} more nobody has asked")));
        }
    }
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

    fn nobody(_: &AboutEachSpec, _: &Values) -> Result<Values, String> {
        panic!("nothing more is asked")
    }

    #[test]
    fn of_each_of_a_list_more_is_asked() {
        let read = json!({ "method": "GET", "path": "/", "expect": [200] });
        let spec = json!({ "title": "t", "read": read, "each": "{groups}", "say": "{each} by {group}", "none": "none",
            "of_each": { "read": read, "each": "{policies}" } });
        let spec: AboutSpec = serde_json::from_value(spec).unwrap();
        let ask = |_: &AboutEachSpec, member: &Values| match member["group"].as_str() {
            "closed" => Err("not known: denied".to_owned()),
            "empty" => Ok(with(member, Values::from([("policies".to_owned(), "[]".to_owned())]))),
            _ => Ok(with(member, Values::from([("policies".to_owned(), r#"["a","b"]"#.to_owned())]))),
        };
        let of = |groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(|group| json!({ "group": group })).collect();
            let values = Values::from([("groups".to_owned(), json!(groups).to_string())]);
            said(&spec, &values, ask)
        };
        assert_eq!(of(&[]), "none");
        assert_eq!(of(&["empty"]), "none");
        assert_eq!(of(&["ops", "empty", "closed"]), "a by ops, b by ops, not known: denied");
        let many = of(&["empty"; 12]);
        assert_eq!(many, "of 2 more nobody has asked");
    }

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
            assert_eq!(said(&spec, &values, nobody), expected, "{each:?} {say}");
        }
        let spec = json!({ "title": "t", "read": { "method": "GET", "path": "/", "expect": [200] },
            "each": "{many}", "say": "{each}", "none": "none" });
        let told = said(&serde_json::from_value(spec).unwrap(), &values, nobody);
        assert!(told.starts_with("0, 1, ") && told.ends_with("19 and 2 more"), "{told}");
    }
}
