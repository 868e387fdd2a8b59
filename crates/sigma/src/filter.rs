//! Filters: conditions added to rules that somebody else keeps (Sigma filters specification 2.0).
//!
//! A rule with filters matches where it matched before *and* each filter's condition holds; a filter that is to exclude
//! says `not selection`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::condition::{Condition, Expression};
use crate::detection;
use crate::error::{ErrorCode, Fault, RuleError};
use crate::limits::{FILTERS_PER_RULE_MAX, SELECTIONS_PER_RULE_MAX};
use crate::logsource::Logsource;
use crate::parse::{Keys, bad_type, read_logsource, scalar_text, text_of};
use crate::rule::{Detection, Rule, Selection};
use crate::yaml::{Entry, Node, NodeKind, Scalar};

/// A filter document.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The file as named by the caller.
    pub file: Arc<str>,
    /// Line of the document, from 1.
    pub line: u32,
    /// What it lets through or keeps out.
    pub title: String,
    /// A UUID, as the specification has it.
    pub id: Option<String>,
    /// Only rules whose logsource has every part named here are meant.
    pub logsource: Logsource,
    /// Which rules.
    pub targets: FilterTargets,
    /// Its selections and its one condition.
    pub detection: Detection,
    /// The last day (UTC) on which it is applied (own extension). Whoever loads rules knows the time and leaves out what
    /// is over.
    pub expires: Option<Date>,
    /// Every other key.
    pub custom: BTreeMap<String, serde_json::Value>,
}

/// The rules that a filter is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterTargets {
    /// Every rule of the logsource (`any`).
    Any,
    /// Rules by id or by name.
    Rules(Vec<String>),
}

const KNOWN_KEYS: &[&str] = &["title", "id", "logsource", "filter", "expires"];

pub(crate) fn read(keys: &Keys<'_>, file: &Arc<str>) -> Result<Filter, Fault> {
    let title = text_of(keys.required("title")?)?;
    let logsource = read_logsource(keys.required("logsource")?)?;
    let entry = keys.required("filter")?;
    let parts = entry.value.as_map().ok_or_else(|| bad_type("filter", "a map", &entry.value))?;
    let inner = Keys { entries: parts, line: entry.line };
    let rules = inner.find("rules").ok_or_else(|| {
        let reason = "the filter names no `rules`; list their ids or names, or say `any`";
        Fault::new(entry.line, ErrorCode::BadFilter, reason)
    })?;
    let targets = read_targets(rules)?;
    let rest: Vec<Entry> = parts.iter().filter(|part| part.key != "rules").cloned().collect();
    let detection = detection::read(&Node { line: entry.line, kind: NodeKind::Map(rest) }, entry.line)?;
    if detection.selections.is_empty() || detection.conditions.len() != 1 {
        let reason = "a filter has a selection and one condition";
        return Err(Fault::new(entry.line, ErrorCode::BadFilter, reason));
    }
    Ok(Filter {
        file: Arc::clone(file),
        line: keys.line,
        title,
        id: keys.text("id")?,
        logsource,
        targets,
        detection,
        expires: keys.find("expires").map(read_day).transpose()?,
        custom: keys.others(KNOWN_KEYS),
    })
}

/// A filter whose end cannot be read must not stay for ever.
fn read_day(entry: &Entry) -> Result<Date, Fault> {
    let text = text_of(entry)?;
    text.trim().parse().map_err(|_| {
        let reason = format!("`expires: {text}` is no day; write it as 2026-03-31");
        Fault::new(entry.line, ErrorCode::BadFilter, reason)
    })
}

fn read_targets(entry: &Entry) -> Result<FilterTargets, Fault> {
    match &entry.value.kind {
        NodeKind::Scalar(Scalar::Text(word)) if word.eq_ignore_ascii_case("any") => Ok(FilterTargets::Any),
        NodeKind::Scalar(scalar @ Scalar::Text(_)) => Ok(FilterTargets::Rules(vec![scalar_text(scalar)])),
        NodeKind::List(items) if !items.is_empty() => {
            let name = |item: &Node| match &item.kind {
                NodeKind::Scalar(scalar) => Ok(scalar_text(scalar)),
                _ => Err(bad_type("rules", "a list of ids and names, or `any`", item)),
            };
            Ok(FilterTargets::Rules(items.iter().map(name).collect::<Result<_, _>>()?))
        }
        _ => Err(bad_type("rules", "a list of ids and names, or `any`", &entry.value)),
    }
}

impl Filter {
    /// Whether the filter is for this rule, by id or name and by logsource.
    pub fn is_for(&self, rule: &Rule) -> bool {
        let is_named = match &self.targets {
            FilterTargets::Any => true,
            FilterTargets::Rules(names) => names.iter().any(|name| is_called(rule, name)),
        };
        is_named && self.logsource.applies_to(&rule.logsource)
    }

    /// Adds the condition to a rule, and its selections under names that no other selection of the rule has.
    fn add_to(&self, rule: &mut Rule) -> Result<(), Fault> {
        let count = rule.detection.selections.len() + self.detection.selections.len();
        if count > SELECTIONS_PER_RULE_MAX {
            let reason = format!(
                "with the filter `{}` the rule has more than {SELECTIONS_PER_RULE_MAX} selections",
                self.title
            );
            return Err(Fault::new(rule.line, ErrorCode::LimitExceeded, reason));
        }
        let Some(condition) = self.detection.conditions.first() else { return Ok(()) };
        let prefix = self.free_prefix(rule);
        let renamed = |name: &str| format!("{prefix}{name}");
        let ours = written_out(&condition.expression, &self.detection.selections, &renamed);
        // what a rule's own patterns mean must not change by what is added
        let same = |name: &str| name.to_owned();
        for condition in &mut rule.detection.conditions {
            let theirs = written_out(&condition.expression, &rule.detection.selections, &same);
            *condition = joined(condition, theirs, ours.clone());
        }
        let selections = self.detection.selections.iter();
        rule.detection.selections.extend(selections.map(|selection| Selection {
            name: renamed(&selection.name),
            line: rule.line,
            search: selection.search.clone(),
        }));
        Ok(())
    }

    /// How the names of its selections begin in a rule: with its id, or its title where it has none, and with a number
    /// where the rule has such names already (of a filter of the same title, or its own).
    fn free_prefix(&self, rule: &Rule) -> String {
        let own = self.id.as_deref().unwrap_or(&self.title);
        let is_free =
            |prefix: &String| !rule.detection.selections.iter().any(|s| s.name.starts_with(prefix.as_str()));
        // there are more numbers than selections
        let numbered = (2..=SELECTIONS_PER_RULE_MAX + 2).map(|number| format!("filter({own} {number})."));
        let mut prefixes = std::iter::once(format!("filter({own}).")).chain(numbered);
        prefixes.find(is_free).unwrap_or_default()
    }
}

fn joined(condition: &Condition, theirs: Expression, ours: Expression) -> Condition {
    let expression = Expression::And(vec![theirs, ours]);
    Condition { source: expression.to_string(), line: condition.line, expression }
}

/// The expression with its quantifiers written out over the selections there are, each by its `name`.
fn written_out(
    expression: &Expression,
    selections: &[Selection],
    name: &impl Fn(&str) -> String,
) -> Expression {
    let all = |members: &[Expression]| {
        members.iter().map(|member| written_out(member, selections, name)).collect::<Vec<_>>()
    };
    match expression {
        Expression::Selection(selection) => Expression::Selection(name(selection)),
        Expression::Of { all, target } => {
            let meant = selections.iter().filter(|selection| target.includes(&selection.name));
            let mut members: Vec<_> =
                meant.map(|selection| Expression::Selection(name(&selection.name))).collect();
            match (members.len(), all) {
                (1, _) => members.swap_remove(0),
                (_, true) => Expression::And(members),
                (_, false) => Expression::Or(members),
            }
        }
        Expression::Not(inner) => Expression::Not(Box::new(written_out(inner, selections, name))),
        Expression::And(members) => Expression::And(all(members)),
        Expression::Or(members) => Expression::Or(all(members)),
    }
}

fn is_called(rule: &Rule, name: &str) -> bool {
    rule.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(name)) || rule.name.as_deref() == Some(name)
}

/// Adds the filters to the rules they are for, in the order of the filters, but those that `is_left_out`. Gives the faults,
/// and the places of rules that cannot be filtered as they should and so must not run. Says of each filter which of the
/// rules it names it did not reach: a filter that is misspelt must not look as if it worked.
pub(crate) fn apply(
    rules: &mut [Rule],
    filters: &[Filter],
    is_left_out: impl Fn(usize, &Rule) -> bool,
) -> (Vec<RuleError>, Vec<usize>) {
    let (mut errors, mut broken) = (Vec::new(), Vec::new());
    let mut added = vec![0_usize; rules.len()];
    for (number, filter) in filters.iter().enumerate() {
        let mut reached = Vec::new();
        let meant = rules.iter_mut().zip(&mut added).enumerate().filter(|(_, (rule, _))| filter.is_for(rule));
        for (at, (rule, added)) in meant {
            reached.push(at);
            if is_left_out(number, rule) {
                continue;
            }
            *added += 1;
            let outcome = if *added > FILTERS_PER_RULE_MAX {
                let reason = format!(
                    "with the filter `{}` the rule has more than {FILTERS_PER_RULE_MAX} filters",
                    filter.title
                );
                Err(Fault::new(rule.line, ErrorCode::LimitExceeded, reason))
            } else {
                filter.add_to(rule)
            };
            if let Err(fault) = outcome {
                errors.push(fault.in_file(&rule.file));
                broken.push(at);
            }
        }
        errors.extend(unreached(filter, rules, &reached));
    }
    (errors, broken)
}

fn unreached(filter: &Filter, rules: &[Rule], reached: &[usize]) -> Option<RuleError> {
    let reason = match &filter.targets {
        FilterTargets::Any if reached.is_empty() => "no rule has the filter's logsource".to_owned(),
        FilterTargets::Any => return None,
        FilterTargets::Rules(names) => {
            let is_reached = |name: &&String| {
                reached.iter().filter_map(|at| rules.get(*at)).any(|rule| is_called(rule, name))
            };
            let missing: Vec<String> =
                names.iter().filter(|name| !is_reached(name)).map(|name| format!("`{name}`")).collect();
            if missing.is_empty() {
                return None;
            }
            format!(
                "the filter is for {}, which no rule of its logsource is called; {}",
                missing.join(", "),
                if reached.is_empty() { "it does nothing" } else { "it is applied to the others" }
            )
        }
    };
    Some(Fault::new(filter.line, ErrorCode::FilterWithoutRule, reason).in_file(&filter.file))
}
