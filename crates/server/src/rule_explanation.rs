//! Why a rule matches what somebody pasted, or not, as the API tells it.

use serde::Serialize;
use utoipa::ToSchema;

/// What a rule is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pasted {
    /// A record as its source sends it.
    Record {
        /// Which kind; told from its own fields where nobody says it.
        kind: Option<String>,
        /// The configured source that sent it, where somebody says so: services may be known by it.
        source: Option<String>,
        /// The record: JSON, or the text that such sources send.
        body: Vec<u8>,
    },
    /// An OCSF event, as JSON.
    Event(Vec<u8>),
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The rule fires.
    Matches,
    /// The rule sees it and does not fire.
    NoMatch,
    /// The rule is for other records and never sees this one; the explanation still says what it would do.
    OtherLogsource,
    /// The record becomes no event; see `refusal`.
    Refused,
    /// No single event makes a correlation fire; see `correlation`.
    Correlation,
}

/// Why a record became no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusalView {
    /// Stable code, as dead letters have it.
    pub code: &'static str,
    /// What was wrong and where.
    pub reason: String,
}

/// Why a rule matches what was pasted, or not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RuleExplanation {
    /// The rule's UUID, or its title where it has none.
    pub rule_id: String,
    /// Its title.
    pub title: String,
    /// The file it stands in.
    pub file: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// How it ends.
    pub outcome: Outcome,
    /// Which kind of record it was read as; null for an event.
    pub kind: Option<String>,
    /// The record's logsource, such as `aws/cloudtrail`; null for an event, and for a record that becomes none.
    pub logsource: Option<String>,
    /// The rule's logsource; null for a correlation.
    pub rule_logsource: Option<String>,
    /// Why the record became no event.
    pub refusal: Option<RefusalView>,
    /// Selection by selection, field by field; null for correlations and where there is no event.
    pub explanation: Option<ExplanationView>,
    /// What a correlation needs, and what this would be for it; null for other rules.
    pub correlation: Option<CorrelationView>,
}

/// What became of a rule on one event.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplanationView {
    /// Whether the rule matches, whatever its logsource.
    pub matched: bool,
    /// The conditions as written, and whether each holds.
    pub conditions: Vec<ConditionView>,
    /// In the order of the file.
    pub selections: Vec<SelectionView>,
    /// The shortest account of the outcome: what failed where the rule did not match, what held where it did.
    pub reasons: Vec<ExplainedReasonView>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConditionView {
    /// As written.
    pub source: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether it holds.
    pub holds: bool,
}

/// One selection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SelectionView {
    /// Its name.
    pub name: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether it holds.
    pub holds: bool,
    /// What of it does.
    pub search: SearchView,
}

/// The body of a selection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchView {
    /// A map: every item must hold.
    All(Vec<ItemView>),
    /// A list: one member must hold.
    #[schema(no_recursion)]
    Any(Vec<SearchView>),
}

/// One field, what the rule wants of it and what the event has.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ItemView {
    /// The field with its modifiers as written; empty for keywords.
    pub key: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Whether it holds.
    pub holds: bool,
    /// The rule's values; a long list is cut.
    pub wanted: Vec<String>,
    /// Those of them that the event meets.
    pub met: Vec<String>,
    /// Whether every value is wanted, not one of them.
    pub wants_all: bool,
    /// What the event has.
    pub found: FoundView,
    /// What became of the question about the elements of the field's array, where that is asked.
    pub elements: Option<ElementsView>,
    /// All of it in one sentence.
    pub sentence: String,
}

/// What an event has in a field.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundView {
    /// Keywords: the whole event is searched.
    WholeEvent,
    /// There is no such field.
    NoField,
    /// These values; long ones are cut.
    Values(Vec<String>),
}

/// The elements of an array.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ElementsView {
    /// How many must answer: `any`, `all`, `all_or_empty` or `none`.
    pub quantifier: &'static str,
    /// How many there are.
    pub count: usize,
    /// How many of them answer.
    pub answered: usize,
    /// The one that decided, or that comes nearest.
    pub told: Option<ElementView>,
}

/// One element of an array.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ElementView {
    /// Which, from 1.
    pub number: usize,
    /// Whether it answers.
    pub holds: bool,
    /// What of the question it answers.
    #[schema(no_recursion)]
    pub search: SearchView,
}

/// One line of the shortest account.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainedReasonView {
    /// Line in the file, from 1.
    pub line: u32,
    /// The selection.
    pub selection: String,
    /// Whether it holds.
    pub holds: bool,
    /// For people.
    pub text: String,
}

/// What a correlation needs to fire.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CorrelationView {
    /// The type as the rule says it: `event_count`, `value_count`, `temporal`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it needs, in one sentence.
    pub needs: String,
    /// How far apart the first and the last match may be, in milliseconds.
    pub timespan_ms: i64,
    /// Fields or aliases; only matches with equal values count together.
    pub group_by: Vec<String>,
    /// The condition, such as `gte 5`; null where all rules are wanted.
    pub condition: Option<String>,
    /// The fields whose values are counted or computed with.
    pub fields: Vec<String>,
    /// What it is made of, and what this is for each.
    pub members: Vec<MemberView>,
    /// Whether there are more members than are told.
    pub truncated: bool,
}

/// One of the rules of a correlation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MemberView {
    /// Its UUID, or its title where it has none.
    pub rule_id: String,
    /// Its title.
    pub title: String,
    /// Whether it is a correlation; it is told as one then.
    pub is_correlation: bool,
    /// How this ends for it.
    pub outcome: Outcome,
    /// Why; null for a correlation, and where it cannot see this.
    pub explanation: Option<ExplanationView>,
    /// The groups that this would count in, each with its values in the order of `group_by`. None where it does not
    /// match, or lacks a field; one without values where the correlation groups by nothing.
    pub groups: Vec<Vec<String>>,
    /// Fields to group by or to count with that this lacks: it may match and yet not count.
    pub missing: Vec<String>,
    /// What it needs itself, where it is a correlation.
    #[schema(no_recursion)]
    pub correlation: Option<Box<CorrelationView>>,
}
