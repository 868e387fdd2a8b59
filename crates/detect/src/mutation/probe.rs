//! Events that may tell a changed rule from the rule: the rule's own test events and a made-up one, with a field set to
//! what the rule asks for, to something near it, or to nothing.

use serde_json::{Map, Value as Json};
use sigma::rule::{Elements, Item, Quantifier, Scalar, Search};
use sigma::{Expression, Modifier, Rule};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Values of one field taken from the rule's tests.
const TAKEN_VALUES_MAX: usize = 6;
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
/// Where keywords are put; no rule names it.
const KEYWORDS_FIELD: &str = "zz_text";
/// Objects inside one another that a field is looked for in: senders wrap what they send.
const WRAPPERS_MAX: usize = 3;

/// A field set, or with `None` taken away.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// The field's path.
    pub field: String,
    /// Its new value.
    pub value: Option<Json>,
}

/// Changes made together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change(Vec<FieldChange>);

impl Change {
    /// Whether it bears on one of the fields; keywords have none, and everything bears on them.
    pub(super) fn touches(&self, fields: &[String]) -> bool {
        fields.is_empty() || self.0.iter().any(|change| fields.contains(&change.field))
    }
}

/// Events to begin with, and what to change in them.
#[derive(Debug, Clone, Default)]
pub(super) struct Bases {
    /// The test's name, if it is one's.
    events: Vec<(Option<String>, Json)>,
    changes: Vec<Change>,
}

/// One event to try.
pub(super) struct Probe<'b> {
    pub(super) like: Option<&'b str>,
    base: &'b Json,
    changes: [Option<&'b Change>; 2],
}

impl Probe<'_> {
    pub(super) fn event(&self) -> Json {
        let mut event = self.base.clone();
        for change in self.changes() {
            set(&mut event, &change.field, change.value.as_ref());
        }
        event
    }

    pub(super) fn changes(&self) -> Vec<FieldChange> {
        self.changes.iter().flatten().flat_map(|change| &change.0).cloned().collect()
    }
}

impl Bases {
    pub(super) fn of(rule: &Rule) -> Self {
        let mut events: Vec<(Option<String>, Json)> =
            rule.tests.iter().map(|test| (Some(test.name.clone()), test.event.clone())).collect();
        let mut made = Json::Object(Map::new());
        for selection in wanted(rule) {
            satisfied(selection, rule)
                .0
                .iter()
                .for_each(|change| set(&mut made, &change.field, change.value.as_ref()));
        }
        events.push((None, made));
        let changes = changes(rule);
        Self { events, changes }
    }

    /// Visits every event with nothing or one thing changed.
    pub(super) fn each(&self, visit: &mut dyn FnMut(Probe<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        for (like, base) in &self.events {
            let like = like.as_deref();
            visit(Probe { like, base, changes: [None, None] })?;
            for change in &self.changes {
                visit(Probe { like, base, changes: [Some(change), None] })?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Visits events with two things changed, the first of which `bears` says yes to.
    pub(super) fn each_pair(
        &self,
        bears: &dyn Fn(&Change) -> bool,
        visit: &mut dyn FnMut(Probe<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for first in self.changes.iter().filter(|change| bears(change)) {
            for (like, base) in &self.events {
                for second in self.changes.iter().filter(|second| *second != first) {
                    // the second is made first, so that it cannot undo the one that bears
                    visit(Probe { like: like.as_deref(), base, changes: [Some(second), Some(first)] })?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The bodies of selections that the condition asks for, not of those it excludes.
fn wanted(rule: &Rule) -> Vec<&Search> {
    fn walk<'r>(expression: &Expression, rule: &'r Rule, found: &mut Vec<&'r Search>) {
        let selections = rule.detection.selections.iter();
        match expression {
            Expression::Selection(name) => {
                found.extend(selections.filter(|s| s.name == *name).map(|s| &s.search))
            }
            Expression::Of { target, .. } => {
                found.extend(selections.filter(|s| target.includes(&s.name)).map(|s| &s.search));
            }
            Expression::Not(_) => {}
            Expression::And(members) | Expression::Or(members) => {
                members.iter().for_each(|member| walk(member, rule, found));
            }
        }
    }
    let mut found = Vec::new();
    rule.detection.conditions.iter().for_each(|condition| walk(&condition.expression, rule, &mut found));
    found
}

/// What to change: whole selections made to hold or to fail, then every field to each value of interest.
fn changes(rule: &Rule) -> Vec<Change> {
    let searches = rule.detection.selections.iter().map(|selection| &selection.search);
    // those within elements too: a path goes through arrays, so that their fields are set in every element
    let items: Vec<(Option<String>, &Item)> = searches.clone().flat_map(Search::items_within).collect();
    let fields: BTreeSet<&str> = items.iter().filter_map(|(path, _)| path.as_deref()).collect();
    let mut found: Vec<Change> = Vec::new();
    for field in fields {
        let mut values: Vec<Option<Json>> = vec![None];
        let of_field = items.iter().filter(|(path, _)| path.as_deref() == Some(field)).map(|(_, item)| item);
        values.extend(
            rule.tests.iter().flat_map(|test| taken(&test.event, field)).take(TAKEN_VALUES_MAX).map(Some),
        );
        values.extend(of_field.flat_map(|item| samples(item, rule)).map(Some));
        values.extend([Json::from("zz-other"), Json::from(""), Json::Null].map(Some));
        let mut one = values.into_iter().fold(Vec::new(), |mut distinct, value| {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
            distinct
        });
        found.extend(one.drain(..).map(|value| Change(vec![FieldChange { field: field.to_owned(), value }])));
    }
    for search in searches {
        found.extend(alternatives(search).into_iter().map(|search| satisfied(search, rule)));
        let gone = search.items().into_iter().filter_map(|item| item.field.clone());
        found.push(Change(gone.map(|field| FieldChange { field, value: None }).collect()));
    }
    found.retain(|change| !change.0.is_empty());
    found
}

/// The maps of which one must hold.
fn alternatives(search: &Search) -> Vec<&Search> {
    match search {
        Search::All(_) => vec![search],
        Search::Any(members) => members.iter().flat_map(alternatives).collect(),
    }
}

/// Makes a search hold, where its items can be read as values.
fn satisfied(search: &Search, rule: &Rule) -> Change {
    match search {
        Search::All(items) => {
            let one = |item: &Item| match &item.field {
                Some(field) => {
                    FieldChange { field: field.clone(), value: samples(item, rule).into_iter().next() }
                }
                // a keyword is found wherever it stands
                None => FieldChange {
                    field: KEYWORDS_FIELD.to_owned(),
                    value: item.values.first().map(|value| Json::from(literal(value))),
                },
            };
            Change(items.iter().map(one).collect())
        }
        Search::Any(members) => members.first().map_or(Change(Vec::new()), |first| satisfied(first, rule)),
    }
}

/// Values that meet an item, the surest first, and values near them.
fn samples(item: &Item, rule: &Rule) -> Vec<Json> {
    use Modifier::{Cidr, Contains, EndsWith, Exists, FieldRef, Neq, Re, StartsWith};
    let has = |modifier| item.modifiers.contains(&modifier);
    if let Some(elements) = &item.elements {
        return arrays(elements, rule);
    }
    if has(Exists) || has(FieldRef) {
        return vec![Json::from("zz")];
    }
    if has(Re) {
        return texts_of_regex(item, rule);
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
        let value = match &changed {
            Some((place, value)) if *place == at => value.clone(),
            _ => samples(item, rule).into_iter().next(),
        };
        match (item.field.as_deref(), value) {
            (Some("."), Some(value)) => return value,
            (Some(field), value) => set_within(&mut element, field, value.as_ref()),
            (None, _) => {}
        }
    }
    element
}

/// A regular expression is met by texts that only its author knows: those that the rule's tests have in a field that is
/// asked for the same expression, events that match first.
fn texts_of_regex(item: &Item, rule: &Rule) -> Vec<Json> {
    let items = rule.detection.selections.iter().flat_map(|selection| selection.search.items_within());
    let sources = |item: &Item| -> Vec<String> { item.values.iter().map(written).collect() };
    let same = items.filter(|(_, o)| o.modifiers == item.modifiers && sources(o) == sources(item));
    let fields: BTreeSet<String> = same.filter_map(|(path, _)| path).collect();
    let matching = rule.tests.iter().filter(|test| test.matches);
    let tests = matching.chain(rule.tests.iter().filter(|test| !test.matches));
    let texts = tests.flat_map(|test| fields.iter().flat_map(|field| taken(&test.event, field)));
    texts.filter(Json::is_string).take(TAKEN_VALUES_MAX).chain([Json::from("zz")]).collect()
}

/// A number and its neighbours, in the order below, itself, above; itself first.
fn around(text: &str) -> Vec<Json> {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(n), _) => [n, n.saturating_sub(1), n.saturating_add(1)].map(Json::from).to_vec(),
        (_, Ok(n)) => [n, n - 1.0, n + 1.0].map(Json::from).to_vec(),
        _ => vec![Json::from(text)],
    }
}

/// A value as the rule has it.
fn written(value: &Scalar) -> String {
    match value {
        Scalar::Null => String::new(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(_, text) | Scalar::Text(text) => text.clone(),
    }
}

/// A text that a value matches: nothing for `*`, a letter for `?`.
fn literal(value: &Scalar) -> String {
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

/// The values of a field in an event.
fn taken(event: &Json, field: &str) -> Vec<Json> {
    fn walk(node: &Json, path: &str, found: &mut Vec<Json>) {
        match node {
            Json::Object(map) => {
                if let Some(value) = map.get(path) {
                    found.push(value.clone());
                } else if let Some((head, rest)) = path.split_once('.')
                    && let Some(child) = map.get(head)
                {
                    walk(child, rest, found);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(event, field, &mut found);
    found
}

/// Sets or takes away a field, within whatever the sender wraps its fields in.
fn set(event: &mut Json, field: &str, value: Option<&Json>) {
    let head = field.split('.').next().unwrap_or(field);
    let place = wrapper(event, head, WRAPPERS_MAX).unwrap_or_default();
    let mut at = event;
    for key in &place {
        let Some(next) = at.get_mut(key) else { return };
        at = next;
    }
    set_within(at, field, value);
}

/// The way to the nearest object that has `head`.
fn wrapper(node: &Json, head: &str, depth: usize) -> Option<Vec<String>> {
    let map = node.as_object()?;
    if map.contains_key(head) {
        return Some(Vec::new());
    }
    let depth = depth.checked_sub(1)?;
    map.iter().find_map(|(key, child)| {
        let mut way = wrapper(child, head, depth)?;
        way.insert(0, key.clone());
        Some(way)
    })
}

fn set_within(node: &mut Json, path: &str, value: Option<&Json>) {
    match node {
        Json::Object(map) => {
            let step = path.split_once('.').filter(|_| !map.contains_key(path));
            match (step, value) {
                (None, Some(value)) => drop(map.insert(path.to_owned(), value.clone())),
                (None, None) => drop(map.shift_remove(path)),
                (Some((head, rest)), Some(_)) => {
                    let child = map.entry(head).or_insert(Json::Null);
                    if !child.is_object() && !child.is_array() {
                        *child = Json::Object(Map::new());
                    }
                    set_within(child, rest, value);
                }
                (Some((head, rest)), None) => {
                    if let Some(child) = map.get_mut(head) {
                        set_within(child, rest, None);
                    }
                }
            }
        }
        Json::Array(items) => {
            if items.is_empty() && value.is_some() {
                items.push(Json::Object(Map::new()));
            }
            items.iter_mut().for_each(|item| set_within(item, path, value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_set_where_the_event_has_it() {
        for (event, field, value, expected) in [
            (json!({}), "a.b", Some(json!(1)), json!({"a": {"b": 1}})),
            (json!({"a": null}), "a.b", Some(json!(1)), json!({"a": {"b": 1}})),
            (json!({"a": [{"b": 1}, {}]}), "a.b", Some(json!(2)), json!({"a": [{"b": 2}, {"b": 2}]})),
            (json!({"a": []}), "a.b", Some(json!(2)), json!({"a": [{"b": 2}]})),
            (json!({"a.b": 1}), "a.b", Some(json!(2)), json!({"a.b": 2})),
            (json!({"a": {"b": 1, "c": 2}}), "a.b", None, json!({"a": {"c": 2}})),
            (json!({"x": 1}), "a.b", None, json!({"x": 1})),
            (json!({"E": {"D": {"I": 1}}}), "I", Some(json!(2)), json!({"E": {"D": {"I": 2}}})),
        ] {
            let mut changed = event.clone();
            set(&mut changed, field, value.as_ref());
            assert_eq!(changed, expected, "{event} {field}");
        }
    }
}
