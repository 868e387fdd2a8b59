//! A correlation with one thing changed: what its own tests are judged by, as [`mod@crate::mutate`] does for rules.

use serde::Serialize;

use crate::limits::TIMESPAN_MS_MAX;

use super::rule::{CorrelationKind, CorrelationRule, Wanted};
use super::threshold::{Comparison, Micro, Threshold};

/// What kind of mistake a change of a correlation stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CorrelationOperator {
    /// The condition's number is one more.
    RaiseThreshold,
    /// The condition's number is one less.
    LowerThreshold,
    /// The window is half as long.
    HalveTimespan,
    /// The window is twice as long.
    DoubleTimespan,
    /// One of several rules is forgotten.
    DropRule,
    /// One field that is grouped by is forgotten.
    DropGroupBy,
    /// The order of the rules does not matter.
    DropOrder,
}

/// One change of one correlation.
#[derive(Clone, Debug, Serialize)]
pub struct CorrelationMutation {
    /// What kind.
    pub operator: CorrelationOperator,
    /// Line at which the correlation's document begins.
    pub line: u32,
    /// What is changed, for people: `gte 6 for gte 5`.
    pub change: String,
    /// The correlation with the change made, without its tests.
    #[serde(skip)]
    pub changed: CorrelationRule,
}

/// Every change of a correlation. Some may mean what the correlation means, or nothing; whoever links them finds out.
pub fn mutations(rule: &CorrelationRule) -> Vec<CorrelationMutation> {
    let mut found = Vec::new();
    let mut add = |operator, change: String, edit: &dyn Fn(&mut CorrelationRule)| {
        let mut changed = CorrelationRule { tests: Vec::new(), ..rule.clone() };
        edit(&mut changed);
        found.push(CorrelationMutation { operator, line: rule.line, change, changed });
    };
    for at in 0..threshold_of(&rule.kind).map_or(0, |threshold| threshold.0.len()) {
        for (operator, step) in
            [(CorrelationOperator::RaiseThreshold, 1), (CorrelationOperator::LowerThreshold, -1)]
        {
            let Some((comparison, limit, moved)) = moved(&rule.kind, at, step) else { continue };
            let word = comparison.as_str();
            add(operator, format!("`{word} {moved}` for `{word} {limit}`"), &|changed| {
                let threshold = threshold_of_mut(&mut changed.kind);
                if let Some((_, limit)) = threshold.and_then(|threshold| threshold.0.get_mut(at)) {
                    *limit = moved;
                }
            });
        }
    }
    let spans = [
        (CorrelationOperator::HalveTimespan, rule.timespan_ms / 2),
        (CorrelationOperator::DoubleTimespan, (rule.timespan_ms * 2).min(TIMESPAN_MS_MAX)),
    ];
    for (operator, timespan_ms) in spans.into_iter().filter(|(_, span_ms)| *span_ms > 0) {
        let change = format!("a timespan of {} s for {} s", seconds(timespan_ms), seconds(rule.timespan_ms));
        add(operator, change, &|changed| changed.timespan_ms = timespan_ms);
    }
    if rule.rules.len() > 1 {
        for (at, name) in rule.rules.iter().enumerate() {
            add(CorrelationOperator::DropRule, format!("drop the rule `{name}`"), &|changed| {
                changed.rules.remove(at);
                changed.aliases.values_mut().for_each(|fields| drop(fields.remove(name)));
            });
        }
    }
    for (at, field) in rule.group_by.iter().enumerate() {
        add(CorrelationOperator::DropGroupBy, format!("drop `{field}` from `group-by`"), &|changed| {
            changed.group_by.remove(at);
            if !changed.kind.value_fields().contains(field) {
                changed.aliases.remove(field);
            }
        });
    }
    if let CorrelationKind::Temporal { ordered: true, .. } = rule.kind {
        add(CorrelationOperator::DropOrder, "`temporal` for `temporal_ordered`".to_owned(), &|changed| {
            if let CorrelationKind::Temporal { ordered, .. } = &mut changed.kind {
                *ordered = false;
            }
        });
    }
    found
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// A number of the condition and what it is moved to; `None` where that is no count any more.
fn moved(kind: &CorrelationKind, at: usize, step: i128) -> Option<(Comparison, Micro, Micro)> {
    let (comparison, limit) = *threshold_of(kind)?.0.get(at)?;
    let moved = Micro(limit.0 + step * Micro::of_count(1).0);
    // the condition is asked when something matched, so that every count is one at least
    let says_something = moved >= Micro::of_count(if comparison == Comparison::Gte { 2 } else { 1 });
    (kind.is_numeric() || says_something).then_some((comparison, limit, moved))
}

fn threshold_of(kind: &CorrelationKind) -> Option<&Threshold> {
    match kind {
        CorrelationKind::EventCount(threshold)
        | CorrelationKind::ValueCount(_, threshold)
        | CorrelationKind::ValueSum(_, threshold)
        | CorrelationKind::ValueAvg(_, threshold)
        | CorrelationKind::ValuePercentile(_, _, threshold)
        | CorrelationKind::Temporal { wanted: Wanted::Count(threshold), .. } => Some(threshold),
        CorrelationKind::Temporal { wanted: Wanted::All | Wanted::Expression(_), .. } => None,
    }
}

fn threshold_of_mut(kind: &mut CorrelationKind) -> Option<&mut Threshold> {
    match kind {
        CorrelationKind::EventCount(threshold)
        | CorrelationKind::ValueCount(_, threshold)
        | CorrelationKind::ValueSum(_, threshold)
        | CorrelationKind::ValueAvg(_, threshold)
        | CorrelationKind::ValuePercentile(_, _, threshold)
        | CorrelationKind::Temporal { wanted: Wanted::Count(threshold), .. } => Some(threshold),
        CorrelationKind::Temporal { wanted: Wanted::All | Wanted::Expression(_), .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, parse_documents};

    fn changes(correlation: &str) -> Vec<String> {
        let text = format!("title: C\ncorrelation: {correlation}\n");
        match parse_documents(&text, "f").remove(0) {
            Ok(Document::Correlation(rule)) => mutations(&rule).into_iter().map(|m| m.change).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_operator_finds_its_place() {
        for (correlation, expected) in [
            (
                "{type: event_count, rules: [a], group-by: [u, v], timespan: 1m, condition: {gte: 5}}",
                &[
                    "`gte 6` for `gte 5`",
                    "`gte 4` for `gte 5`",
                    "a timespan of 30 s for 60 s",
                    "a timespan of 120 s for 60 s",
                    "drop `u` from `group-by`",
                    "drop `v` from `group-by`",
                ][..],
            ),
            (
                "{type: value_count, rules: [a], timespan: 1s, condition: {field: f, gt: 1, lte: 4}}",
                &[
                    "`gt 2` for `gt 1`",
                    "`lte 5` for `lte 4`",
                    "`lte 3` for `lte 4`",
                    "a timespan of 0.5 s for 1 s",
                    "a timespan of 2 s for 1 s",
                ],
            ),
            (
                "{type: temporal_ordered, rules: [a, b], timespan: 1s}",
                &[
                    "a timespan of 0.5 s for 1 s",
                    "a timespan of 2 s for 1 s",
                    "drop the rule `a`",
                    "drop the rule `b`",
                    "`temporal` for `temporal_ordered`",
                ],
            ),
        ] {
            assert_eq!(changes(correlation), expected, "{correlation}");
        }
    }
}
