//! Why a rule ended as it did on one event: every selection and item, held or not, on which field and value.
//!
//! Worked out from the syntax tree by the [`mod@crate::reference`] evaluator, piece by piece: slow, for people and not
//! for the way of events. What a rule found where it matched is also said by the compiled program, for findings
//! ([`crate::RuleSet::matched_fields`]).

use serde::Serialize;

use crate::condition::Expression;
use crate::limits::{EXPLAINED_FIELDS_MAX, EXPLAINED_VALUE_BYTES_MAX};
use crate::modifier::Modifier;
use crate::mutate::words;
use crate::reference::{self, Scope};
use crate::rule::{Elements, Item, Quantifier, Rule, Scalar, Search};
use crate::value::{Content, EventView, FieldInterner, Places, Value};

/// What became of a rule on one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the rule matches, whatever its logsource.
    pub matched: bool,
    /// The conditions as written, and whether each holds.
    pub conditions: Vec<ConditionTold>,
    /// In source order.
    pub selections: Vec<SelectionTold>,
    /// The shortest account of the outcome: what failed where the rule did not match, what held where it did.
    pub reasons: Vec<Reason>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionTold {
    /// As written.
    pub source: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether it holds.
    pub holds: bool,
}

/// One selection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelectionTold {
    /// Its name.
    pub name: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether it holds.
    pub holds: bool,
    /// What of it does.
    pub search: SearchTold,
}

/// The body of a selection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchTold {
    /// A map: every item must hold.
    All(Vec<ItemTold>),
    /// A list: one member must hold.
    Any(Vec<SearchTold>),
}

/// One field, what the rule wants of it and what the event has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemTold {
    /// The field with its modifiers as written; empty for keywords.
    pub key: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether it holds.
    pub holds: bool,
    /// The rule's values, at most [`EXPLAINED_FIELDS_MAX`].
    pub wanted: Vec<String>,
    /// Those of them that the event meets, at most [`EXPLAINED_FIELDS_MAX`].
    pub met: Vec<String>,
    /// Whether every value is wanted, not one of them.
    pub wants_all: bool,
    /// What the event has.
    pub found: Found,
    /// What became of the question about the elements of the field's array, where that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elements: Option<ElementsTold>,
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ElementsTold {
    /// How many must answer: `any`, `all`, `all_or_empty` or `none`.
    pub quantifier: &'static str,
    /// How many there are.
    pub count: usize,
    /// How many of them answer.
    pub answered: usize,
    /// The one that decided, or that comes nearest of the first [`EXPLAINED_FIELDS_MAX`]; none where there is none.
    pub told: Option<ElementTold>,
}

/// One element of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ElementTold {
    /// Which, from 1.
    pub number: usize,
    /// Whether it answers.
    pub holds: bool,
    /// What of the question it answers.
    pub search: SearchTold,
}

/// What an event has in a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Keywords: the whole event is searched.
    WholeEvent,
    /// There is no such field.
    NoField,
    /// These values, cut at [`EXPLAINED_VALUE_BYTES_MAX`], at most [`EXPLAINED_FIELDS_MAX`].
    Values(Vec<String>),
}

/// One line of the shortest account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Line in the rule's file, from 1.
    pub line: u32,
    /// The selection.
    pub selection: String,
    /// Whether it holds; the reason is what decided that.
    pub holds: bool,
    /// For people: ``selection: `eventName` is "A"; wanted "B"``.
    pub text: String,
}

impl Explanation {
    /// Explains `rule` on an event, whatever its logsource.
    pub fn of(rule: &Rule, interner: &mut impl FieldInterner, view: &impl EventView) -> Self {
        let mut judge = Judge { interner, view };
        let event = Scope::default();
        let selections: Vec<SelectionTold> = rule
            .detection
            .selections
            .iter()
            .map(|selection| SelectionTold {
                name: selection.name.clone(),
                line: selection.line,
                holds: judge.holds(&selection.search, &event),
                search: judge.search(&selection.search, &event),
            })
            .collect();
        let conditions = rule.detection.conditions.iter().map(|condition| ConditionTold {
            source: condition.source.clone(),
            line: condition.line,
            holds: holds(&condition.expression, &selections),
        });
        let conditions: Vec<ConditionTold> = conditions.collect();
        let matched = conditions.iter().any(|condition| condition.holds);
        let mut reasons = Vec::new();
        for (condition, told) in rule.detection.conditions.iter().zip(&conditions) {
            if told.holds == matched {
                account(&condition.expression, &selections, &mut reasons);
            }
        }
        let mut seen = std::collections::HashSet::new();
        reasons.retain(|reason: &Reason| seen.insert((reason.line, reason.text.clone())));
        reasons.truncate(EXPLAINED_FIELDS_MAX);
        Self { matched, conditions, selections, reasons }
    }
}

/// Asks the reference evaluator about parts of a rule.
struct Judge<'j, I, V> {
    interner: &'j mut I,
    view: &'j V,
}

impl<I: FieldInterner, V: EventView> Judge<'_, I, V> {
    fn holds(&mut self, search: &Search, scope: &Scope) -> bool {
        reference::found(search, scope, self.interner, self.view)
    }

    /// Recursion is as deep as a selection may nest.
    fn search(&mut self, search: &Search, scope: &Scope) -> SearchTold {
        match search {
            Search::All(items) => SearchTold::All(items.iter().map(|item| self.item(item, scope)).collect()),
            Search::Any(members) => {
                SearchTold::Any(members.iter().map(|member| self.search(member, scope)).collect())
            }
        }
    }

    fn item(&mut self, item: &Item, scope: &Scope) -> ItemTold {
        let holds = self.holds(&Search::All(vec![item.clone()]), scope);
        let negates = item.has(Modifier::Neq);
        let mut met = Vec::new();
        for value in &item.values {
            if met.len() == EXPLAINED_FIELDS_MAX {
                break;
            }
            // an item of one value that is excluded is met where it does not hold
            let alone = Item { values: vec![value.clone()], is_list: false, ..item.clone() };
            if self.holds(&Search::All(vec![alone]), scope) != negates {
                met.push(quoted(value));
            }
        }
        ItemTold {
            key: words::bare_key(item),
            line: item.line,
            holds,
            wanted: item.values.iter().take(EXPLAINED_FIELDS_MAX).map(quoted).collect(),
            met,
            wants_all: item.has(Modifier::All),
            found: self.found(item, scope),
            elements: item.elements.as_ref().map(|elements| self.elements(item, elements, holds, scope)),
        }
    }

    /// Which element is told: of those that answer, or do not, the one that made the outcome; where one should have
    /// answered and none did, the one that answers most of what is asked.
    fn elements(&mut self, item: &Item, elements: &Elements, holds: bool, scope: &Scope) -> ElementsTold {
        let path = scope.path(item.field.as_deref().unwrap_or_default());
        let places = reference::element_places(&path, scope, self.interner, self.view);
        let within = |at: &Places| Scope { path: path.clone(), element: Some(*at) };
        let answers: Vec<bool> = places.iter().map(|at| self.holds(&elements.body, &within(at))).collect();
        let looks_for = match elements.quantifier {
            Quantifier::Any => holds,
            Quantifier::None => !holds,
            Quantifier::All | Quantifier::AllOrEmpty => holds,
        };
        let mut told: Option<(usize, ElementTold)> = None;
        let candidates = places.iter().zip(&answers).enumerate().filter(|(_, (_, a))| **a == looks_for);
        for (index, (at, answer)) in candidates.take(EXPLAINED_FIELDS_MAX) {
            let search = self.search(&elements.body, &within(at));
            let nearness = answered(&search);
            if told.as_ref().is_none_or(|(best, _)| nearness > *best) {
                told = Some((nearness, ElementTold { number: index + 1, holds: *answer, search }));
            }
        }
        ElementsTold {
            quantifier: elements.quantifier.as_str(),
            count: places.len(),
            answered: answers.iter().filter(|answer| **answer).count(),
            told: told.map(|(_, told)| told),
        }
    }

    fn found(&mut self, item: &Item, scope: &Scope) -> Found {
        let Some(name) = &item.field else { return Found::WholeEvent };
        let field = self.interner.intern(&scope.path(name));
        let (mut exists, mut values) = (false, Vec::new());
        match scope.element {
            None => {
                exists = self.view.exists(field);
                self.view.any(field, &mut |value| {
                    values.push(shown(value));
                    values.len() == EXPLAINED_FIELDS_MAX
                });
            }
            Some(around) => self.view.each_placed(field, &mut |at, content| {
                if around.hold(at) {
                    exists = true;
                    if let Content::Scalar(value) = content
                        && values.len() < EXPLAINED_FIELDS_MAX
                    {
                        values.push(shown(value));
                    }
                }
            }),
        }
        if exists { Found::Values(values) } else { Found::NoField }
    }
}

/// How many items of a search hold, of the alternative where most do.
fn answered(search: &SearchTold) -> usize {
    match search {
        SearchTold::All(items) => items.iter().filter(|item| item.holds).count(),
        SearchTold::Any(members) => members.iter().map(answered).max().unwrap_or_default(),
    }
}

fn quoted(value: &Scalar) -> String {
    match value {
        Scalar::Text(_) => format!("\"{}\"", words::plain(value)),
        _ => words::plain(value),
    }
}

fn shown(value: Value<'_>) -> String {
    let mut text = String::new();
    if !value.write_text(&mut text) {
        return "null".to_owned();
    }
    let cut = text.get(..text.floor_char_boundary(EXPLAINED_VALUE_BYTES_MAX)).unwrap_or_default();
    let more = if cut.len() < text.len() { "…" } else { "" };
    if matches!(value, Value::Str(_)) { format!("\"{cut}{more}\"") } else { text }
}

fn named<'s>(expression: &Expression, selections: &'s [SelectionTold]) -> Vec<&'s SelectionTold> {
    let wanted = |selection: &&SelectionTold| match expression {
        Expression::Selection(name) => selection.name == *name,
        Expression::Of { target, .. } => target.includes(&selection.name),
        _ => false,
    };
    selections.iter().filter(wanted).collect()
}

fn holds(expression: &Expression, selections: &[SelectionTold]) -> bool {
    match expression {
        Expression::Of { all: true, .. } => {
            named(expression, selections).iter().all(|selection| selection.holds)
        }
        Expression::Selection(_) | Expression::Of { .. } => {
            named(expression, selections).iter().any(|selection| selection.holds)
        }
        Expression::Not(inner) => !holds(inner, selections),
        Expression::And(members) => members.iter().all(|member| holds(member, selections)),
        Expression::Or(members) => members.iter().any(|member| holds(member, selections)),
    }
}

/// Adds what decided the expression's outcome: of `and` that fails, what fails; of `or` that holds, what holds.
fn account(expression: &Expression, selections: &[SelectionTold], reasons: &mut Vec<Reason>) {
    let outcome = holds(expression, selections);
    match expression {
        Expression::Selection(_) | Expression::Of { .. } => {
            for selection in named(expression, selections) {
                if selection.holds == outcome {
                    let said = format!("{}: ", selection.name);
                    blame(&selection.search, selection.holds, (selection, &said), reasons);
                }
            }
        }
        Expression::Not(inner) => account(inner, selections, reasons),
        Expression::And(members) | Expression::Or(members) => {
            for member in members.iter().filter(|member| holds(member, selections) == outcome) {
                account(member, selections, reasons);
            }
        }
    }
}

fn search_holds(search: &SearchTold) -> bool {
    match search {
        SearchTold::All(items) => items.iter().all(|item| item.holds),
        SearchTold::Any(members) => members.iter().any(search_holds),
    }
}

/// Adds the items that decided the outcome of a search, and within an item that asks about elements those of the
/// element that is told.
fn blame(
    search: &SearchTold,
    outcome: bool,
    (selection, said): (&SelectionTold, &str),
    reasons: &mut Vec<Reason>,
) {
    match search {
        SearchTold::All(items) => {
            for item in items.iter().filter(|item| item.holds == outcome) {
                reasons.push(Reason {
                    line: item.line,
                    selection: selection.name.clone(),
                    holds: selection.holds,
                    text: format!("{said}{}", item.sentence()),
                });
                if let Some(told) = item.elements.as_ref().and_then(|elements| elements.told.as_ref()) {
                    let said = format!("{said}element {} of `{}`: ", told.number, item.key);
                    blame(&told.search, told.holds, (selection, &said), reasons);
                }
            }
        }
        SearchTold::Any(members) => {
            for member in members.iter().filter(|member| search_holds(member) == outcome) {
                blame(member, outcome, (selection, said), reasons);
            }
        }
    }
}

/// Values named in one sentence.
const SENTENCE_VALUES_MAX: usize = 4;

fn list(values: &[String]) -> String {
    let more = values.len().saturating_sub(SENTENCE_VALUES_MAX);
    let named = values.get(..values.len() - more).unwrap_or(values).join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

impl ItemTold {
    /// For people: `` `eventName` is "A"; wanted "B" ``.
    pub fn sentence(&self) -> String {
        let key = if self.key.is_empty() { "keywords".to_owned() } else { format!("`{}`", self.key) };
        if let Some(elements) = &self.elements {
            let outcome = if self.holds { "holds" } else { "fails" };
            let ElementsTold { count, answered, .. } = elements;
            return match (count, &self.found) {
                (0, Found::NoField) => format!("{key} {outcome}: the event has no such field"),
                (0, _) => format!("{key} {outcome}: there is no element"),
                _ => format!("{key} {outcome}: {answered} of {count} elements answer"),
            };
        }
        let has = match &self.found {
            Found::WholeEvent if self.holds => "found in the event".to_owned(),
            Found::WholeEvent => "not found in the event".to_owned(),
            Found::NoField => "the event has no such field".to_owned(),
            Found::Values(values) if values.is_empty() => "the event has it without a value".to_owned(),
            Found::Values(values) => format!("the event has {}", list(values)),
        };
        if self.holds {
            let met = if self.met.is_empty() { &self.wanted } else { &self.met };
            return format!("{key} holds: {has}; the rule wants {}", list(met));
        }
        if self.key.split('|').any(|part| part == Modifier::Neq.as_str()) {
            return format!("{key} fails: {has}; the rule excludes {}", list(&self.met));
        }
        let missing: Vec<String> =
            self.wanted.iter().filter(|value| !self.met.contains(value)).cloned().collect();
        let wanted = match (self.wants_all, missing.is_empty()) {
            (true, false) => format!("all, of which {} failed", list(&missing)),
            (_, true) => list(&self.wanted),
            (false, false) => list(&missing),
        };
        format!("{key} fails: {has}; the rule wants {wanted}")
    }
}
