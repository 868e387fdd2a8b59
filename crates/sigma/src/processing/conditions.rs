//! When a step of a pipeline is applied.

use std::collections::BTreeMap;

use regex::Regex;

use super::State;
use crate::condition::Expression;
use crate::logsource::Logsource;
use crate::rule::{Item, Rule, Scalar};

/// Conditions of one kind and how they combine.
#[derive(Clone, Debug)]
pub(crate) struct Conditions<C> {
    pub(crate) all: Vec<(Option<String>, C)>,
    pub(crate) combination: Combination,
    pub(crate) is_negated: bool,
}

/// How conditions combine; without any the step is applied.
#[derive(Clone, Debug)]
pub(crate) enum Combination {
    And,
    Or,
    /// By their names.
    Expression(Expression),
}

impl<C> Conditions<C> {
    pub(crate) fn none() -> Self {
        Conditions { all: Vec::new(), combination: Combination::And, is_negated: false }
    }

    pub(crate) fn hold(&self, holds: impl Fn(&C) -> bool) -> bool {
        if self.all.is_empty() {
            return true;
        }
        let answer = match &self.combination {
            Combination::And => self.all.iter().all(|(_, condition)| holds(condition)),
            Combination::Or => self.all.iter().any(|(_, condition)| holds(condition)),
            Combination::Expression(expression) => {
                let answers =
                    self.all.iter().filter_map(|(name, c)| Some((name.as_deref()?, holds(c)))).collect();
                by_name(expression, &answers)
            }
        };
        answer != self.is_negated
    }
}

fn by_name(expression: &Expression, answers: &BTreeMap<&str, bool>) -> bool {
    match expression {
        Expression::Selection(name) => answers.get(name.as_str()).copied().unwrap_or(false),
        Expression::Of { all: true, target } => {
            answers.iter().filter(|(name, _)| target.includes(name)).all(|(_, answer)| *answer)
        }
        Expression::Of { all: false, target } => {
            answers.iter().filter(|(name, _)| target.includes(name)).any(|(_, answer)| *answer)
        }
        Expression::Not(inner) => !by_name(inner, answers),
        Expression::And(members) => members.iter().all(|member| by_name(member, answers)),
        Expression::Or(members) => members.iter().any(|member| by_name(member, answers)),
    }
}

/// About the rule as it stands when the step is reached.
#[derive(Clone, Debug)]
pub(crate) enum RuleCondition {
    /// The rule's logsource has every part that is named.
    Logsource(Logsource),
    /// Some item has the field.
    ContainsField(String),
    /// Some item has the field with this value.
    ContainsItem(String, Scalar),
    /// The rule has the tag.
    Tag(String),
    /// `is_sigma_rule`, `is_sigma_correlation_rule`: what is prepared here is a rule.
    IsRule(bool),
    /// A step of this id was applied to the rule.
    Applied(String),
    /// The state has this value.
    State(String, serde_json::Value),
}

impl RuleCondition {
    pub(crate) fn holds(&self, rule: &Rule, state: &State) -> bool {
        let items = || rule.detection.selections.iter().flat_map(|selection| selection.search.items_within());
        match self {
            RuleCondition::Logsource(wanted) => has_parts(wanted, &rule.logsource),
            RuleCondition::ContainsField(field) => items().any(|(path, _)| path.as_ref() == Some(field)),
            RuleCondition::ContainsItem(field, value) => items().any(|(path, item)| {
                path.as_ref() == Some(field) && item.values.iter().any(|v| equal(v, value))
            }),
            RuleCondition::Tag(tag) => rule.tags.iter().any(|known| known.eq_ignore_ascii_case(tag)),
            RuleCondition::IsRule(expected) => *expected,
            RuleCondition::Applied(id) => state.applied.contains(id),
            RuleCondition::State(key, value) => state.values.get(key) == Some(value),
        }
    }
}

/// Unlike [`Logsource::applies_to`] it is the rule that may say more.
fn has_parts(wanted: &Logsource, rule: &Logsource) -> bool {
    let has = |wanted: &Option<String>, rule: &Option<String>| match (wanted, rule) {
        (None, _) => true,
        (Some(wanted), Some(rule)) => wanted.eq_ignore_ascii_case(rule),
        (Some(_), None) => false,
    };
    has(&wanted.category, &rule.category)
        && has(&wanted.product, &rule.product)
        && has(&wanted.service, &rule.service)
}

pub(crate) fn equal(a: &Scalar, b: &Scalar) -> bool {
    match (a, b) {
        (Scalar::Number(a, _), Scalar::Number(b, _)) => a.compare(b).is_eq(),
        _ => a == b,
    }
}

/// About one detection item.
#[derive(Clone, Debug)]
pub(crate) enum ItemCondition {
    /// Some value (with `all`, each) is a text that the expression matches from its beginning.
    MatchString { pattern: Regex, all: bool, is_negated: bool },
    /// Some value (with `all`, each) is null.
    IsNull { all: bool },
    /// Some value (with `all`, each) has a wildcard.
    HasWildcard { all: bool },
    /// A step of this id was applied to the rule.
    Applied(String),
    /// The state has this value.
    State(String, serde_json::Value),
}

impl ItemCondition {
    /// Whether it asks about values; a question about the elements of an array has none of its own, those within it do.
    pub(crate) fn is_about_values(&self) -> bool {
        match self {
            ItemCondition::MatchString { .. }
            | ItemCondition::IsNull { .. }
            | ItemCondition::HasWildcard { .. } => true,
            ItemCondition::Applied(_) | ItemCondition::State(..) => false,
        }
    }

    pub(crate) fn holds(&self, item: &Item, state: &State) -> bool {
        let values = |all: bool, holds: &dyn Fn(&Scalar) -> bool| {
            if all { item.values.iter().all(holds) } else { item.values.iter().any(holds) }
        };
        match self {
            ItemCondition::MatchString { pattern, all, is_negated } => {
                let matches = |value: &Scalar| matches!(value, Scalar::Text(text) if pattern.is_match(text));
                values(*all, &matches) != *is_negated
            }
            ItemCondition::IsNull { all } => values(*all, &|value| matches!(value, Scalar::Null)),
            ItemCondition::HasWildcard { all } => values(*all, &has_wildcard),
            ItemCondition::Applied(id) => state.applied.contains(id),
            ItemCondition::State(key, value) => state.values.get(key) == Some(value),
        }
    }
}

fn has_wildcard(value: &Scalar) -> bool {
    let Scalar::Text(text) = value else { return false };
    let tokens = crate::pattern::tokenize(text, false);
    crate::pattern::plain(&tokens).is_none()
}

/// About the name of one item's field.
#[derive(Clone, Debug)]
pub(crate) enum FieldCondition {
    /// One of the names.
    Include(FieldNames),
    /// None of the names.
    Exclude(FieldNames),
    /// A step of this id was applied to the rule.
    Applied(String),
    /// The state has this value.
    State(String, serde_json::Value),
}

/// Names as they are, or expressions that match from the name's beginning.
#[derive(Clone, Debug)]
pub(crate) enum FieldNames {
    Plain(Vec<String>),
    Patterns(Vec<Regex>),
}

impl FieldNames {
    fn include(&self, field: &str) -> bool {
        match self {
            FieldNames::Plain(names) => names.iter().any(|name| name == field),
            FieldNames::Patterns(patterns) => patterns.iter().any(|pattern| pattern.is_match(field)),
        }
    }
}

impl FieldCondition {
    /// A keyword has no field, and is in no list of names.
    pub(crate) fn holds(&self, field: Option<&str>, state: &State) -> bool {
        match self {
            FieldCondition::Include(names) => field.is_some_and(|field| names.include(field)),
            FieldCondition::Exclude(names) => field.is_none_or(|field| !names.include(field)),
            FieldCondition::Applied(id) => state.applied.contains(id),
            FieldCondition::State(key, value) => state.values.get(key) == Some(value),
        }
    }
}
