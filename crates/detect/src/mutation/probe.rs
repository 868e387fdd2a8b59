//! Events that may tell a changed rule from the rule: the rule's own test events and a made-up one, with a field set to
//! what the rule asks for, to something near it, or to nothing.

use super::samples::{alternatives, literal, referred, samples};
use super::together::{combinations, combined};
use serde_json::{Map, Value as Json};
use sigma::rule::{Item, Search};
use sigma::{Expression, Rule};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Values of one field taken from the rule's tests.
pub(super) const TAKEN_VALUES_MAX: usize = 6;
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
        let of_field = items.iter().filter(|(path, _)| path.as_deref() == Some(field));
        let of_field: Vec<&Item> = of_field.map(|(_, item)| *item).collect();
        let of_tests: Vec<Json> =
            rule.tests.iter().flat_map(|test| taken(&test.event, field)).take(TAKEN_VALUES_MAX).collect();
        values.extend(of_tests.iter().cloned().map(Some));
        values.extend(of_field.iter().flat_map(|item| samples(item, rule)).map(Some));
        values.extend(combinations(&of_field, &of_tests).into_iter().map(Some));
        values.extend([Json::from("zz-other"), Json::from(""), Json::Null].map(Some));
        let mut one = values.into_iter().fold(Vec::new(), |mut distinct, value| {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
            distinct
        });
        found.extend(one.drain(..).map(|value| Change(vec![FieldChange { field: field.to_owned(), value }])));
        // within elements, a name that is compared with is one of the element
        let on_event = of_field.iter().filter(|item| item.field.as_deref() == Some(field));
        found.extend(on_event.flat_map(|item| agreements(item, field, rule)));
    }
    for search in searches {
        found.extend(alternatives(search).into_iter().map(|search| satisfied(search, rule)));
        let gone = search.items().into_iter().filter_map(|item| item.field.clone());
        found.push(Change(gone.map(|field| FieldChange { field, value: None }).collect()));
    }
    found.retain(|change| !change.0.is_empty());
    found
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
            let mut made: Vec<FieldChange> = items.iter().map(one).collect();
            for (at, item) in items.iter().enumerate() {
                let Some(field) = &item.field else { continue };
                let others =
                    items.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
                let of_field: Vec<&Item> =
                    others.filter(|other| other.field.as_ref() == Some(field)).collect();
                // several items on one field want one value for all
                if let Some(value) = (!of_field.is_empty()).then(|| combined(item, &of_field)).flatten() {
                    made.push(FieldChange { field: field.clone(), value: Some(value) });
                }
                made.extend(referred(item).map(|other| FieldChange {
                    field: other.to_owned(),
                    value: samples(item, rule).into_iter().next(),
                }));
            }
            Change(made)
        }
        Search::Any(members) => members.first().map_or(Change(Vec::new()), |first| satisfied(first, rule)),
    }
}

/// What makes a field and the one that it is compared with agree: both set to one text, and each to what the tests have
/// in the other, within what else the item allows around it.
fn agreements(item: &Item, field: &str, rule: &Rule) -> Vec<Change> {
    let set = |field: &str, value: Json| FieldChange { field: field.to_owned(), value: Some(value) };
    let mut found = Vec::new();
    for other in referred(item) {
        found.push(Change(vec![set(field, Json::from("zz")), set(other, Json::from("zz"))]));
        let of_tests = |field: &str| -> Vec<Json> {
            let all = rule.tests.iter().flat_map(|test| taken(&test.event, field));
            let mut distinct: Vec<Json> = Vec::new();
            for value in all.filter(|value| !value.is_object() && !value.is_array()) {
                if !distinct.contains(&value) {
                    distinct.push(value);
                }
            }
            distinct.truncate(TAKEN_VALUES_MAX);
            distinct
        };
        for value in of_tests(other) {
            if let Some(text) = value.as_str() {
                let around = [format!("zz{text}"), format!("{text}zz"), format!("zz{text}zz")];
                found.extend(around.map(|text| Change(vec![set(field, Json::from(text))])));
            }
            found.push(Change(vec![set(field, value)]));
        }
        found.extend(of_tests(field).into_iter().map(|value| Change(vec![set(other, value)])));
    }
    found
}

/// The values of a field in an event.
pub(super) fn taken(event: &Json, field: &str) -> Vec<Json> {
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

pub(super) fn set_within(node: &mut Json, path: &str, value: Option<&Json>) {
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
