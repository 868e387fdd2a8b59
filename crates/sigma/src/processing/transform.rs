//! What the steps of a pipeline do to a rule.

use std::collections::BTreeMap;

use regex::Regex;

use super::rewrite::{Rewriting, Scope};
use super::{Pipeline, State, Step};
use crate::condition::{Condition, Expression};
use crate::error::{ErrorCode, Fault};
use crate::limits::SELECTIONS_PER_RULE_MAX;
use crate::logsource::Logsource;
use crate::placeholder;
use crate::rule::{Item, Rule, Scalar, Search, Selection};

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
    let mut rewriting = Rewriting::new(pipeline, step, state);
    for selection in &mut rule.detection.selections {
        let search = std::mem::replace(&mut selection.search, Search::Any(Vec::new()));
        match rewriting.search(search, &Scope::default())? {
            Some(search) => selection.search = search,
            None => gone.push(selection.name.clone()),
        }
    }
    rewriting.listed_fields(rule)?;
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
