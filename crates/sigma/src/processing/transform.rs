//! What the steps of a pipeline do to a rule.

use std::collections::BTreeMap;

use regex::Regex;

use super::{Pipeline, State, Step};
use crate::condition::{Condition, Expression};
use crate::error::{ErrorCode, Fault};
use crate::limits::{FIELD_ALTERNATIVES_MAX, SELECTIONS_PER_RULE_MAX, VALUE_BYTES_MAX, VALUES_PER_ITEM_MAX};
use crate::logsource::Logsource;
use crate::modifier::Modifier;
use crate::placeholder;
use crate::rule::{Item, Rule, Scalar, Search, Selection};
use crate::value::Number;

/// One transformation with its parameters.
#[derive(Clone, Debug)]
pub(crate) enum Transformation {
    FieldNameMapping(BTreeMap<String, Vec<String>>),
    /// Longest prefix first.
    FieldNamePrefixMapping(Vec<(String, Vec<String>)>),
    FieldNamePrefix(String),
    FieldNameSuffix(String),
    DropDetectionItem,
    AddCondition {
        conditions: Vec<(String, Vec<Scalar>)>,
        name: Option<String>,
        is_template: bool,
        is_negated: bool,
    },
    ChangeLogsource(Logsource),
    ReplaceString {
        pattern: Regex,
        replacement: String,
    },
    MapString(BTreeMap<String, Vec<String>>),
    SetValue(Scalar),
    ConvertType(Kind),
    Case(Case),
    ValuePlaceholders(Names),
    WildcardPlaceholders(Names),
    SetState(String, serde_json::Value),
    SetCustomAttribute(String, serde_json::Value),
    RuleFailure(String),
    DetectionItemFailure(String),
    Nest(Vec<Step>),
}

/// What values become.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Number,
}

/// How texts are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Lower,
    Upper,
}

/// Which placeholders a step is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) include: Option<Vec<String>>,
    pub(crate) exclude: Vec<String>,
}

impl Names {
    fn are(&self, name: &str) -> bool {
        let has = |names: &[String]| names.iter().any(|known| known == name);
        self.include.as_deref().is_none_or(has) && !has(&self.exclude)
    }
}

/// What becomes of an item.
enum Change {
    Keep(Item),
    Drop,
    /// The same under several names, as alternatives.
    OneOf(Vec<Item>),
}

/// Applies a step whose conditions on the rule hold.
pub(crate) fn apply(
    pipeline: &Pipeline,
    step: &Step,
    rule: &mut Rule,
    state: &mut State,
) -> Result<(), Fault> {
    let refused = |reason: String| {
        Err(Fault::new(rule.line, ErrorCode::RefusedByPipeline, format!("{}: {reason}", pipeline.name)))
    };
    match &step.transformation {
        Transformation::AddCondition { .. } => return add_condition(step, rule, state),
        Transformation::ChangeLogsource(logsource) => {
            rule.logsource = Logsource { definition: rule.logsource.definition.take(), ..logsource.clone() };
        }
        Transformation::SetState(key, value) => {
            state.values.insert(key.clone(), value.clone());
        }
        Transformation::SetCustomAttribute(key, value) => {
            rule.custom.insert(key.clone(), value.clone());
        }
        Transformation::RuleFailure(message) => return refused(message.clone()),
        Transformation::ValuePlaceholders(names) => {
            let vars = &pipeline.vars;
            let values_of = |name: &str| if names.are(name) { vars.values_of(name) } else { None };
            return placeholder::replace(rule, &values_of);
        }
        Transformation::WildcardPlaceholders(names) => {
            let any = [Scalar::Text("*".to_owned())];
            let values_of = |name: &str| names.are(name).then_some(any.as_slice());
            return placeholder::replace(rule, &values_of);
        }
        _ => return each_item(pipeline, step, rule, state),
    }
    Ok(())
}

/// A selection of its own, required of every condition.
fn add_condition(step: &Step, rule: &mut Rule, state: &mut State) -> Result<(), Fault> {
    let Transformation::AddCondition { conditions, name, is_template, is_negated } = &step.transformation
    else {
        return Ok(());
    };
    let of_logsource = |text: &str| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        text.replace("$category", &part(&rule.logsource.category))
            .replace("$product", &part(&rule.logsource.product))
            .replace("$service", &part(&rule.logsource.service))
    };
    let value = |value: &Scalar| match value {
        Scalar::Text(text) if *is_template => Scalar::Text(of_logsource(text)),
        other => other.clone(),
    };
    let items = conditions.iter().map(|(field, values)| Item {
        field: Some(field.clone()),
        modifiers: Vec::new(),
        values: values.iter().map(value).collect(),
        is_list: values.len() > 1,
        has_uppercase_modifier: false,
        elements: None,
        line: rule.line,
    });
    let search = Search::All(items.collect());
    // begins with `_`, so that no `them` of the rule means it
    let name = match name {
        Some(name) => name.clone(),
        None => format!("_added_{}", state.added),
    };
    state.added += 1;
    let is_taken = rule.detection.selections.iter().any(|selection| selection.name == name);
    if is_taken || rule.detection.selections.len() >= SELECTIONS_PER_RULE_MAX {
        let reason = format!("the rule has a selection `{name}`, or {SELECTIONS_PER_RULE_MAX} selections");
        return Err(Fault::new(rule.line, ErrorCode::RefusedByPipeline, reason));
    }
    rule.detection.selections.push(Selection { name: name.clone(), line: rule.line, search });
    for condition in &mut rule.detection.conditions {
        let added = Expression::Selection(name.clone());
        let added = if *is_negated { Expression::Not(Box::new(added)) } else { added };
        let expression = Expression::And(vec![condition.expression.clone(), added]);
        *condition = Condition { source: expression.to_string(), line: condition.line, expression };
    }
    Ok(())
}

/// The items whose own conditions hold, selection by selection. A selection that is left empty leaves the conditions too.
fn each_item(pipeline: &Pipeline, step: &Step, rule: &mut Rule, state: &State) -> Result<(), Fault> {
    let mut gone = Vec::new();
    for selection in &mut rule.detection.selections {
        let search = std::mem::replace(&mut selection.search, Search::Any(Vec::new()));
        match in_search(pipeline, step, search, state)? {
            Some(search) => selection.search = search,
            None => gone.push(selection.name.clone()),
        }
    }
    rename_listed(step, rule, state);
    if gone.is_empty() {
        return Ok(());
    }
    rule.detection.selections.retain(|selection| !gone.contains(&selection.name));
    let selections = &rule.detection.selections;
    rule.detection.conditions.retain_mut(|condition| match without(&condition.expression, selections) {
        Some(expression) => {
            condition.source = expression.to_string();
            condition.expression = expression;
            true
        }
        None => false,
    });
    if rule.detection.conditions.is_empty() {
        let reason = format!("{}: it drops every item that the rule is about", pipeline.name);
        return Err(Fault::new(rule.line, ErrorCode::RefusedByPipeline, reason));
    }
    Ok(())
}

/// The expression without selections that are no longer there.
fn without(expression: &Expression, selections: &[Selection]) -> Option<Expression> {
    let members = |members: &[Expression]| -> Vec<Expression> {
        members.iter().filter_map(|member| without(member, selections)).collect()
    };
    let joined = |mut members: Vec<Expression>, join: fn(Vec<Expression>) -> Expression| match members.len() {
        0 => None,
        1 => members.pop(),
        _ => Some(join(members)),
    };
    match expression {
        Expression::Selection(name) => {
            selections.iter().any(|selection| &selection.name == name).then(|| expression.clone())
        }
        Expression::Of { target, .. } => {
            selections.iter().any(|selection| target.includes(&selection.name)).then(|| expression.clone())
        }
        Expression::Not(inner) => without(inner, selections).map(|inner| Expression::Not(Box::new(inner))),
        Expression::And(all) => joined(members(all), Expression::And),
        Expression::Or(any) => joined(members(any), Expression::Or),
    }
}

/// Recursion is as deep as the rule's lists, which the parser bounds.
fn in_search(
    pipeline: &Pipeline,
    step: &Step,
    search: Search,
    state: &State,
) -> Result<Option<Search>, Fault> {
    let items = match search {
        Search::Any(searches) => {
            let searches = searches.into_iter().map(|search| in_search(pipeline, step, search, state));
            let searches: Vec<Search> = searches.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            return Ok((!searches.is_empty()).then_some(Search::Any(searches)));
        }
        Search::All(items) => items,
    };
    let mut alternatives: Vec<Vec<Item>> = vec![Vec::with_capacity(items.len())];
    for item in items {
        let line = item.line;
        let applies = step.item.hold(|condition| condition.holds(&item, state))
            && step.field.hold(|condition| condition.holds(item.field.as_deref(), state));
        match if applies { change(pipeline, step, item)? } else { Change::Keep(item) } {
            Change::Drop => {}
            Change::Keep(item) => alternatives.iter_mut().for_each(|items| items.push(item.clone())),
            Change::OneOf(items) => {
                if alternatives.len() * items.len() > FIELD_ALTERNATIVES_MAX {
                    let reason =
                        format!("several names for fields make more than {FIELD_ALTERNATIVES_MAX} searches");
                    return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
                }
                let with = |before: &Vec<Item>, item: &Item| {
                    before.iter().chain([item]).cloned().collect::<Vec<_>>()
                };
                let all = alternatives.iter().flat_map(|before| items.iter().map(|item| with(before, item)));
                alternatives = all.collect();
            }
        }
    }
    alternatives.retain(|items| !items.is_empty());
    Ok(match alternatives.len() {
        0 => None,
        1 => alternatives.pop().map(Search::All),
        _ => Some(Search::Any(alternatives.into_iter().map(Search::All).collect())),
    })
}

fn change(pipeline: &Pipeline, step: &Step, mut item: Item) -> Result<Change, Fault> {
    match &step.transformation {
        Transformation::DropDetectionItem => return Ok(Change::Drop),
        Transformation::DetectionItemFailure(message) => {
            let reason = format!("{}: {message}", pipeline.name);
            return Err(Fault::new(item.line, ErrorCode::RefusedByPipeline, reason));
        }
        Transformation::FieldNameMapping(_)
        | Transformation::FieldNamePrefixMapping(_)
        | Transformation::FieldNamePrefix(_)
        | Transformation::FieldNameSuffix(_) => return Ok(renamed(step, item)),
        Transformation::SetValue(value) => {
            item.values = vec![value.clone()];
            item.is_list = false;
        }
        transformation => {
            let mut values = Vec::with_capacity(item.values.len());
            for value in &item.values {
                values.extend(changed(transformation, value, item.line)?);
            }
            if values.len() > VALUES_PER_ITEM_MAX || values.iter().any(is_too_long) {
                let reason =
                    format!("{}: more than {VALUES_PER_ITEM_MAX} values, or a value too long", pipeline.name);
                return Err(Fault::new(item.line, ErrorCode::LimitExceeded, reason));
            }
            item.is_list |= values.len() > 1;
            item.values = values;
        }
    }
    Ok(Change::Keep(item))
}

fn is_too_long(value: &Scalar) -> bool {
    matches!(value, Scalar::Text(text) if text.len() > VALUE_BYTES_MAX)
}

/// What a value becomes; values that are no texts stay, where the transformation is about texts.
fn changed(transformation: &Transformation, value: &Scalar, line: u32) -> Result<Vec<Scalar>, Fault> {
    let text = |text: String| vec![Scalar::Text(text)];
    Ok(match (transformation, value) {
        (Transformation::ReplaceString { pattern, replacement }, Scalar::Text(from)) => {
            text(pattern.replace_all(from, replacement.as_str()).into_owned())
        }
        (Transformation::MapString(mapping), Scalar::Text(from)) => match mapping.get(from) {
            Some(to) => to.iter().map(|to| Scalar::Text(to.clone())).collect(),
            None => vec![value.clone()],
        },
        (Transformation::Case(Case::Lower), Scalar::Text(from)) => text(from.to_lowercase()),
        (Transformation::Case(Case::Upper), Scalar::Text(from)) => text(from.to_uppercase()),
        (Transformation::ConvertType(Kind::Text), Scalar::Number(_, from)) => text(from.clone()),
        (Transformation::ConvertType(Kind::Number), Scalar::Text(from)) => match Number::parse(from) {
            Some(number) => vec![Scalar::Number(number, from.clone())],
            None => {
                let reason = format!("`{from}` is no number, as a pipeline wants it");
                return Err(Fault::new(line, ErrorCode::RefusedByPipeline, reason));
            }
        },
        _ => vec![value.clone()],
    })
}

/// The names that a field gets; none where it keeps its own.
fn names_for(step: &Step, field: &str) -> Option<Vec<String>> {
    match &step.transformation {
        Transformation::FieldNameMapping(mapping) => mapping.get(field).cloned(),
        Transformation::FieldNamePrefixMapping(mapping) => mapping.iter().find_map(|(prefix, to)| {
            let rest = field.strip_prefix(prefix.as_str())?;
            Some(to.iter().map(|to| format!("{to}{rest}")).collect())
        }),
        Transformation::FieldNamePrefix(prefix) => Some(vec![format!("{prefix}{field}")]),
        Transformation::FieldNameSuffix(suffix) => Some(vec![format!("{field}{suffix}")]),
        _ => None,
    }
}

fn renamed(step: &Step, item: Item) -> Change {
    // the field that `fieldref` names has a name too
    let mut item = item;
    if item.has(Modifier::FieldRef) {
        for value in &mut item.values {
            if let Scalar::Text(field) = value
                && let Some([name]) = names_for(step, field).as_deref()
            {
                *value = Scalar::Text(name.clone());
            }
        }
    }
    let Some(names) = item.field.as_deref().and_then(|field| names_for(step, field)) else {
        return Change::Keep(item);
    };
    let mut items: Vec<Item> =
        names.into_iter().map(|name| Item { field: Some(name), ..item.clone() }).collect();
    match items.len() {
        0 => Change::Keep(item),
        1 => Change::Keep(items.swap_remove(0)),
        _ => Change::OneOf(items),
    }
}

/// The rule's list of fields to show.
fn rename_listed(step: &Step, rule: &mut Rule, state: &State) {
    let names = |field: String| {
        let applies = step.field.hold(|condition| condition.holds(Some(&field), state));
        applies.then(|| names_for(step, &field)).flatten().unwrap_or_else(|| vec![field])
    };
    rule.fields = std::mem::take(&mut rule.fields).into_iter().flat_map(names).collect();
}
