//! A correlation as written.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::condition::Expression;
use crate::logsource::Logsource;
use crate::rule::{Level, Status};

use super::threshold::{Micro, Threshold};

/// A correlation rule (Sigma correlation rules specification 2.1).
#[derive(Clone, Debug)]
pub struct CorrelationRule {
    /// The file as named by the caller.
    pub file: Arc<str>,
    /// Line at which the document's first key stands, from 1.
    pub line: u32,
    /// What it detects.
    pub title: String,
    /// A UUID, as the specification has it; not checked here.
    pub id: Option<String>,
    /// Unique readable name, for other correlations.
    pub name: Option<String>,
    /// Maturity.
    pub status: Option<Status>,
    /// What is detected and why it matters.
    pub description: Option<String>,
    /// Authors, separated by commas.
    pub author: Option<String>,
    /// Where it comes from.
    pub references: Vec<String>,
    /// Known false positives.
    pub falsepositives: Vec<String>,
    /// How grave a finding is.
    pub level: Option<Level>,
    /// For instance `attack.t1110`.
    pub tags: Vec<String>,
    /// Team that answers for it (own extension).
    pub owner: Option<String>,
    /// What to do about a finding (own extension).
    pub runbook: Option<String>,
    /// Its own tests: timed series (own extension).
    pub tests: Vec<SeriesTest>,
    /// Every other key.
    pub custom: BTreeMap<String, serde_json::Value>,
    /// What is counted or compared.
    pub kind: CorrelationKind,
    /// Ids or names of the rules whose matches it takes, in their order.
    pub rules: Vec<String>,
    /// Alias, then rule (id or name), then the field that the alias means in that rule's events.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// Fields or aliases; matches with equal values make one group.
    pub group_by: Vec<String>,
    /// Longest time between the first and the last match of a window, milliseconds.
    pub timespan_ms: i64,
    /// Whether the rules it names raise findings of their own too.
    pub generate: bool,
}

/// What a correlation asks of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrelationKind {
    /// `event_count`: how many events.
    EventCount(Threshold),
    /// `value_count`: how many distinct values, or combinations of several fields' values.
    ValueCount(Vec<String>, Threshold),
    /// `value_sum` of a field.
    ValueSum(String, Threshold),
    /// `value_avg` of a field.
    ValueAvg(String, Threshold),
    /// `value_percentile` (0 to 100 in millionths, by nearest rank); also `value_median`, `value_min` and
    /// `value_max`, which are the 50th, 0th and 100th.
    ValuePercentile(String, Micro, Threshold),
    /// `temporal` and `temporal_ordered`.
    Temporal {
        /// Whether matches must come in the order of `rules`.
        ordered: bool,
        /// Which rules must have matched: all of them unless said.
        wanted: Wanted,
    },
}

/// Which rules a temporal correlation wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every one.
    All,
    /// So many different ones.
    Count(Threshold),
    /// An extended condition: names, `and`, `or`, `not`, `1 of`, `all of`.
    Expression(Expression),
}

impl CorrelationKind {
    /// The word as written in rules.
    pub fn as_str(&self) -> &'static str {
        match self {
            CorrelationKind::EventCount(_) => "event_count",
            CorrelationKind::ValueCount(..) => "value_count",
            CorrelationKind::ValueSum(..) => "value_sum",
            CorrelationKind::ValueAvg(..) => "value_avg",
            CorrelationKind::ValuePercentile(..) => "value_percentile",
            CorrelationKind::Temporal { ordered: false, .. } => "temporal",
            CorrelationKind::Temporal { ordered: true, .. } => "temporal_ordered",
        }
    }

    /// The fields whose values are counted or computed with.
    pub fn value_fields(&self) -> &[String] {
        match self {
            CorrelationKind::ValueCount(fields, _) => fields,
            CorrelationKind::ValueSum(field, _)
            | CorrelationKind::ValueAvg(field, _)
            | CorrelationKind::ValuePercentile(field, ..) => std::slice::from_ref(field),
            CorrelationKind::EventCount(_) | CorrelationKind::Temporal { .. } => &[],
        }
    }

    /// Whether values are numbers.
    pub fn is_numeric(&self) -> bool {
        matches!(
            self,
            CorrelationKind::ValueSum(..)
                | CorrelationKind::ValueAvg(..)
                | CorrelationKind::ValuePercentile(..)
        )
    }

    /// What it compares with, as numbers (`gte 5`) or words; `None` where every rule is wanted.
    pub fn condition(&self) -> Option<String> {
        match self {
            CorrelationKind::EventCount(threshold)
            | CorrelationKind::ValueCount(_, threshold)
            | CorrelationKind::ValueSum(_, threshold)
            | CorrelationKind::ValueAvg(_, threshold)
            | CorrelationKind::ValuePercentile(_, _, threshold) => Some(threshold.to_string()),
            CorrelationKind::Temporal { wanted: Wanted::All, .. } => None,
            CorrelationKind::Temporal { wanted: Wanted::Count(threshold), .. } => Some(threshold.to_string()),
            CorrelationKind::Temporal { wanted: Wanted::Expression(expression), .. } => {
                Some(expression.to_string())
            }
        }
    }

    /// Whether it asks which rules matched.
    pub fn is_temporal(&self) -> bool {
        matches!(self, CorrelationKind::Temporal { .. })
    }
}

/// A correlation's own test: a series of events, and whether it must fire.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesTest {
    /// What the test shows.
    pub name: String,
    /// In the order of time.
    pub events: Vec<SeriesEvent>,
    /// Whether the correlation must fire.
    pub matches: bool,
    /// Line in the file, from 1.
    pub line: u32,
}

/// An event of a series, once or several times.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesEvent {
    /// Milliseconds since the series began.
    pub at_ms: i64,
    /// How often it comes, at least 1.
    pub repeat: u32,
    /// Milliseconds from one repetition to the next.
    pub every_ms: i64,
    /// The record as its source sends it; `%n%` in a text is the number of the repetition, from 0.
    pub event: serde_json::Value,
    /// Which source sends it; `None` shows it to every rule that the correlation names.
    pub logsource: Option<Logsource>,
}

impl SeriesEvent {
    /// The event of one repetition.
    pub fn instance(&self, number: u32) -> serde_json::Value {
        let mut event = self.event.clone();
        replace_number(&mut event, &number.to_string());
        event
    }
}

/// Recursion is as deep as the YAML was, which its reader bounds.
fn replace_number(value: &mut serde_json::Value, number: &str) {
    match value {
        serde_json::Value::String(text) if text.contains("%n%") => *text = text.replace("%n%", number),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace_number(item, number)),
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(|member| replace_number(member, number));
        }
        _ => {}
    }
}
