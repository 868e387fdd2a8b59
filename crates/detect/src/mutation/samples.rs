//! Values that meet an item of a rule, and values near them.

use super::probe::{TAKEN_VALUES_MAX, set_within, taken};
use super::together::combined_or_first;
use serde_json::{Map, Value as Json};
use sigma::rule::{Elements, Item, Quantifier, Scalar, Search};
use sigma::{Modifier, Rule};
use std::collections::BTreeSet;

/// Values of one item of which near misses are tried too.
const NEAR_MISSES_MAX: usize = 3;
/// Values of one item that are tried.
const TRIED_VALUES_MAX: usize = 1_000;
/// Values of an item with `all` of which all but one are tried.
const MEMBERS_LEFT_OUT_MAX: usize = 8;
/// Values of one field of an element that are tried.
const ELEMENT_VALUES_MAX: usize = 8;
/// Arrays that are tried for one question about elements.
const ARRAYS_MAX: usize = 200;

/// The maps of which one must hold.
pub(super) fn alternatives(search: &Search) -> Vec<&Search> {
    match search {
        Search::All(_) => vec![search],
        Search::Any(members) => members.iter().flat_map(alternatives).collect(),
    }
}

/// The fields that an item compares its own with.
pub(super) fn referred(item: &Item) -> impl Iterator<Item = &str> {
    let is_reference = item.modifiers.contains(&Modifier::FieldRef);
    item.values.iter().filter_map(move |value| match value {
        Scalar::Text(name) if is_reference => Some(name.as_str()),
        _ => None,
    })
}

/// Values that meet an item, the surest first, and values near them.
pub(super) fn samples(item: &Item, rule: &Rule) -> Vec<Json> {
    use Modifier::{Cidr, Contains, EndsWith, Exists, FieldRef, Neq, StartsWith};
    let has = |modifier| item.modifiers.contains(&modifier);
    if let Some(elements) = &item.elements {
        return arrays(elements, rule);
    }
    if has(Exists) || has(FieldRef) {
        return vec![Json::from("zz")];
    }
    // texts of an expression, or that are encoded: the first for each value, then the others
    if let Some(texts) =
        item.values.iter().map(|value| sigma::texts_that_meet(item, value)).collect::<Option<Vec<_>>>()
    {
        return met_otherwise(item, &texts, rule);
    }
    let mut found = Vec::new();
    if has(Modifier::All) {
        let all: Vec<String> = item.values.iter().map(literal).collect();
        let joined = |left_out: Option<usize>| {
            let parts =
                all.iter().enumerate().filter(|(at, _)| Some(*at) != left_out).map(|(_, part)| part.clone());
            if has(Contains) {
                Json::from(parts.collect::<Vec<_>>().join(" "))
            } else {
                parts.map(Json::from).collect()
            }
        };
        found.push(joined(None));
        found.extend((0..all.len().min(MEMBERS_LEFT_OUT_MAX)).map(|at| joined(Some(at))));
    }
    if has(Neq) {
        found.push(Json::from("zz-other"));
    }
    for (at, value) in item.values.iter().take(TRIED_VALUES_MAX).enumerate() {
        let text = match value {
            Scalar::Null => {
                found.push(Json::Null);
                continue;
            }
            Scalar::Bool(b) => {
                found.extend([Json::from(*b), Json::from(!*b)]);
                continue;
            }
            Scalar::Number(_, text) => {
                found.extend(around(text));
                continue;
            }
            Scalar::Text(text) if has(Cidr) => {
                found.push(Json::from(text.split('/').next().unwrap_or(text)));
                continue;
            }
            Scalar::Text(_) => literal(value),
        };
        let near = [format!("{text}zz"), format!("zz{text}"), format!("zz{text}zz")];
        // the one that meets the item comes first
        let meets = if has(StartsWith) {
            &near[0]
        } else if has(EndsWith) {
            &near[1]
        } else {
            &text
        };
        found.push(Json::from(meets.as_str()));
        if at < NEAR_MISSES_MAX {
            found.push(Json::from(text.as_str()));
            found.extend(near.iter().map(|near| Json::from(near.as_str())));
        }
    }
    found
}

/// Arrays for a question about their elements: one that answers it first, then none, few and many elements, of which some
/// answer and others fall short of the answer in one field.
fn arrays(elements: &Elements, rule: &Rule) -> Vec<Json> {
    let searches = alternatives(&elements.body);
    let answers: Vec<Json> = searches.iter().map(|search| element(search, None, rule)).collect();
    let other = Json::Object(Map::from_iter([("zz_other".to_owned(), Json::from("zz"))]));
    let mut found = match (elements.quantifier, answers.first()) {
        (Quantifier::None, _) => vec![Json::from(vec![other.clone()])],
        (_, Some(first)) => vec![Json::from(vec![first.clone()])],
        (_, None) => Vec::new(),
    };
    let Some(first) = answers.first() else { return found };
    found.push(Json::from(vec![first.clone(), other.clone()]));
    found.push(Json::from(Vec::<Json>::new()));
    found.push(Json::from(vec![other]));
    found.extend(answers.iter().map(|answer| Json::from(vec![answer.clone()])));
    found.push(Json::from(answers.clone()));
    for search in searches {
        let Search::All(items) = search else { continue };
        for (at, item) in items.iter().enumerate() {
            let near = samples(item, rule).into_iter().take(ELEMENT_VALUES_MAX).map(Some);
            for value in near.chain([Some(Json::from("zz-other")), None]) {
                let changed = element(search, Some((at, value)), rule);
                found.push(Json::from(vec![changed.clone()]));
                found.push(Json::from(vec![first.clone(), changed]));
            }
        }
    }
    found.truncate(ARRAYS_MAX);
    found
}

/// An element that a map of a question asks for; of one item, by its place, the value may be another, or none.
fn element(search: &Search, changed: Option<(usize, Option<Json>)>, rule: &Rule) -> Json {
    let Search::All(items) = search else { return Json::Null };
    let mut element = Json::Object(Map::new());
    for (at, item) in items.iter().enumerate() {
        let of_field = items.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
        let of_field: Vec<&Item> =
            of_field.filter(|other| other.field.is_some() && other.field == item.field).collect();
        let value = match &changed {
            Some((place, value)) if *place == at => value.clone(),
            // what is changed of the field stays so
            Some((place, _)) if items.get(*place).is_some_and(|changed| changed.field == item.field) => {
                continue;
            }
            _ => combined_or_first(item, &of_field, rule),
        };
        match (item.field.as_deref(), value) {
            (Some("."), Some(value)) => return value,
            (Some(field), value) => {
                set_within(&mut element, field, value.as_ref());
                referred(item).for_each(|other| set_within(&mut element, other, value.as_ref()));
            }
            (None, _) => {}
        }
    }
    element
}

/// Values for an item whose values are met by other texts than their own letters. Of an expression the texts that the
/// rule's tests have in a field that is asked for the same come first, since they are what its author thinks of.
fn met_otherwise(item: &Item, texts: &[Vec<String>], rule: &Rule) -> Vec<Json> {
    let mut found =
        if item.modifiers.contains(&Modifier::Re) { texts_of_tests(item, rule) } else { Vec::new() };
    if item.modifiers.contains(&Modifier::All) {
        let firsts: Vec<&str> = texts.iter().filter_map(|texts| texts.first()).map(String::as_str).collect();
        found.push(Json::from(firsts.join(" ")));
    }
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
    let made = (0..longest).flat_map(|at| texts.iter().filter_map(move |texts| texts.get(at)));
    found.extend(made.take(TRIED_VALUES_MAX).map(|text| Json::from(text.as_str())));
    if found.is_empty() {
        found.push(Json::from("zz"));
    }
    found
}

/// Events that match first.
fn texts_of_tests(item: &Item, rule: &Rule) -> Vec<Json> {
    let items = rule.detection.selections.iter().flat_map(|selection| selection.search.items_within());
    let sources = |item: &Item| -> Vec<String> { item.values.iter().map(written).collect() };
    let same = items.filter(|(_, o)| o.modifiers == item.modifiers && sources(o) == sources(item));
    let fields: BTreeSet<String> = same.filter_map(|(path, _)| path).collect();
    let matching = rule.tests.iter().filter(|test| test.matches);
    let tests = matching.chain(rule.tests.iter().filter(|test| !test.matches));
    let texts = tests.flat_map(|test| fields.iter().flat_map(|field| taken(&test.event, field)));
    texts.filter(Json::is_string).take(TAKEN_VALUES_MAX).collect()
}

/// A number and its neighbours, in the order below, itself, above; itself first.
pub(super) fn around(text: &str) -> Vec<Json> {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(n), _) => [n, n.saturating_sub(1), n.saturating_add(1)].map(Json::from).to_vec(),
        (_, Ok(n)) => [n, n - 1.0, n + 1.0].map(Json::from).to_vec(),
        _ => vec![Json::from(text)],
    }
}

/// A value as the rule has it.
pub(super) fn written(value: &Scalar) -> String {
    match value {
        Scalar::Null => String::new(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(_, text) | Scalar::Text(text) => text.clone(),
    }
}

/// A text that a value matches: nothing for `*`, a letter for `?`.
pub(super) fn literal(value: &Scalar) -> String {
    let source = written(value);
    let (mut text, mut rest) = (String::new(), source.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(rest.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\')),
            '*' => {}
            '?' => text.push('a'),
            c => text.push(c),
        }
    }
    text
}
