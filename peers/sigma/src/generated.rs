//! The two engines on generated rules of one item, so that what they differ about can be told from the rule and the event.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rsigma_eval::{Engine, JsonEvent};
use serde_json::{Value as Json, json};
use sigma::{MatchScratch, RuleSet, parse_rules};

use crate::Failure;
use crate::generate::{self, endpoint};
use crate::json_view::{Fields, JsonView};

/// Events for each rule.
const EVENTS_PER_RULE: usize = 20;

/// What the pairs are that differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    /// The item's modifiers as written, `keywords`, or `` for none.
    pub(crate) modifiers: String,
    /// What the rule's values are, for instance `number` or `null text`.
    pub(crate) values: String,
    /// What the event has in the field.
    pub(crate) field: String,
    /// `ours` or `peer`: who says that the rule matches; `ours refuses`, `peer refuses`.
    pub(crate) answer: &'static str,
}

/// Pairs of one shape.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) shape: Shape,
    pub(crate) pairs: u64,
    /// One of them: the item and the event.
    pub(crate) example: String,
}

/// What was asked and what differs.
#[derive(Debug, Default)]
pub(crate) struct Generated {
    pub(crate) asked: u64,
    pub(crate) matched: u64,
    pub(crate) groups: Vec<Group>,
}

pub(crate) fn differences(seed: u64, pairs: u64) -> Result<Generated, Failure> {
    let mut runner = generate::runner(seed);
    let (mut found, mut groups) = (Generated::default(), BTreeMap::new());
    let mut round = 0_u64;
    while found.asked < pairs {
        let (key, values) = match round % 5 {
            0 | 1 => draw(&mut runner, &generate::item())?,
            2 => (String::new(), draw(&mut runner, &generate::keywords())?),
            _ => draw(&mut runner, &endpoint::item())?,
        };
        let mut events = Vec::with_capacity(EVENTS_PER_RULE);
        for _ in 0..EVENTS_PER_RULE {
            events.push(match round % 5 {
                0..=2 => draw(&mut runner, &generate::event())?,
                _ => draw(&mut runner, &endpoint::event())?,
            });
        }
        one_rule(&key, &values, &events, &mut found, &mut groups)?;
        round += 1;
    }
    found.groups =
        groups.into_iter().map(|(shape, (pairs, example))| Group { shape, pairs, example }).collect();
    Ok(found)
}

fn draw<T: std::fmt::Debug>(
    runner: &mut TestRunner,
    strategy: &impl Strategy<Value = T>,
) -> Result<T, Failure> {
    Ok(strategy.new_tree(runner).map_err(|reason| reason.to_string())?.current())
}

fn one_rule(
    key: &str,
    values: &Json,
    events: &[Json],
    found: &mut Generated,
    groups: &mut BTreeMap<Shape, (u64, String)>,
) -> Result<(), Failure> {
    let selection = if key.is_empty() { values.clone() } else { json!({ key: values }) };
    let rule = json!({
        "title": "T", "logsource": {"product": "p"}, "detection": {"s": selection, "condition": "s"},
    })
    .to_string();
    let mut fields = Fields::default();
    let ours = parse_rules(&rule, "r").remove(0).ok().and_then(|rule| {
        let (set, refused) = RuleSet::compile(vec![rule], &mut fields);
        refused.is_empty().then_some(set)
    });
    let theirs = peer(&rule)?;
    let mut note = |field: &str, answer: &'static str, event: &Json| {
        let shape =
            Shape { modifiers: modifiers(key), values: kinds(values), field: field.to_owned(), answer };
        let group = groups.entry(shape).or_insert_with(|| (0, format!("`{selection}` on `{event}`")));
        group.0 += 1;
    };
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (None, None) => return Ok(()),
        (ours, _) => {
            note("", if ours.is_none() { "ours refuses" } else { "peer refuses" }, &Json::Null);
            found.asked += events.len() as u64;
            return Ok(());
        }
    };
    let (route, mut scratch) = (ours.route_all(), MatchScratch::new());
    for event in events {
        let view = JsonView::new(event, &fields);
        let mut is_hit = false;
        ours.matches(&route, &view, &mut scratch, &mut |_| is_hit = true);
        let is_theirs = !theirs.evaluate(&JsonEvent::borrow(event)).is_empty();
        found.asked += 1;
        found.matched += u64::from(is_hit);
        if is_hit != is_theirs {
            let field = key.split('|').next().unwrap_or_default();
            let kind = if field.is_empty() { "anywhere".to_owned() } else { kind_in(event, field) };
            note(&kind, if is_hit { "ours" } else { "peer" }, event);
        }
    }
    Ok(())
}

fn peer(rule: &str) -> Result<Option<Engine>, Failure> {
    let parsed = rsigma_parser::parse_sigma_yaml(rule)?;
    let mut engine = Engine::new();
    let errors = engine.add_rules(&parsed.rules);
    Ok((!parsed.rules.is_empty() && errors.is_empty()).then_some(engine))
}

fn modifiers(key: &str) -> String {
    match key.split_once('|') {
        _ if key.is_empty() => "keywords".to_owned(),
        None => String::new(),
        Some((_, modifiers)) => modifiers.to_owned(),
    }
}

/// The kinds of a rule's values, each once.
fn kinds(values: &Json) -> String {
    let mut kinds: Vec<&str> = match values {
        Json::Array(values) => values.iter().map(kind).collect(),
        Json::Object(map) => map.values().flat_map(Json::as_array).flatten().map(kind).collect(),
        value => vec![kind(value)],
    };
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(" ")
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(text) if text.is_empty() => "empty",
        Json::String(text) if text.contains(['*', '?']) => "wildcard",
        Json::String(_) => "text",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    }
}

/// What stands in the field of an event.
fn kind_in(event: &Json, field: &str) -> String {
    let found = field.split('.').try_fold(event, |at, step| at.get(step));
    match found {
        None => "missing".to_owned(),
        Some(Json::Array(members)) if members.is_empty() => "empty list".to_owned(),
        Some(Json::Array(members)) => {
            format!("list of {}", kinds(&Json::Array(members.clone())))
        }
        Some(value) => kind(value).replace("wildcard", "text"),
    }
}
