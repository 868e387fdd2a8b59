//! Rules and correlations that were loaded: how far their findings go, and how often they matched.

use super::StoreError;
use async_trait::async_trait;
use model::{AuditRecord, EventId, Stage};

/// What audit records of loading rules are about.
pub const RULE_SET_OBJECT: &str = "rules";
/// Sample events that are kept of a rule; older ones make room.
pub const RULE_SAMPLES_MAX: usize = 20;

/// What audit records of one rule's stage are about.
pub fn rule_object(rule_id: &str) -> String {
    format!("rule:{rule_id}")
}

/// A rule that is loaded, or was once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Its UUID as written; the title of a rule without one.
    pub rule_id: String,
    /// Hex SHA-256 of its logsource and detection, as loaded last.
    pub hash: String,
    /// Whether the set of rules loaded last has it.
    pub is_loaded: bool,
    /// What was decided; a rule whose own tests fail stays in shadow whatever this says.
    pub stage: Stage,
    /// Why.
    pub reason: String,
    /// When it was first loaded, milliseconds since the epoch.
    pub first_loaded_at_ms: i64,
    /// When the stage was decided.
    pub staged_at_ms: i64,
    /// Events it matched, ever.
    pub matches: u64,
    /// When it last matched, by the clock of this installation.
    pub last_matched_at_ms: Option<i64>,
}

/// What a load changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSetChange {
    /// New rules, with their first stage and why.
    pub added: Vec<(String, String, Stage, String)>,
    /// Known rules whose hash is another now, or that are back.
    pub changed: Vec<(String, String)>,
    /// Rules that are gone. What is known of them is kept.
    pub removed: Vec<String>,
}

impl RuleSetChange {
    /// Whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Matches of one rule on the events of one day; of a correlation, how often it fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatches {
    /// The rule.
    pub rule_id: String,
    /// The day on which the doors took the events (UTC), counted from 1970-01-01.
    pub day: i64,
    /// Events it matched.
    pub matches: u64,
    /// Findings it raised.
    pub findings: u64,
    /// When it last matched, by the clock of this installation.
    pub last_matched_at_ms: i64,
    /// Some of the events, with their times.
    pub samples: Vec<(EventId, i64)>,
}

/// What is counted of one rule and one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDay {
    /// The rule.
    pub rule_id: String,
    /// The day on which the doors took the events (UTC), counted from 1970-01-01.
    pub day: i64,
    /// Events it matched.
    pub matches: u64,
    /// Findings it raised since its stage was last decided.
    pub findings: u64,
}

/// How many findings a rule may raise a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleBudget {
    /// The rule.
    pub rule_id: String,
    /// As many are no more than it may.
    pub findings: u64,
}

/// Reads what is known of rules.
#[async_trait]
pub trait ReadRules: Send {
    /// The rule, loaded or not.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, rule_id: &str) -> Result<Option<RuleRow>, StoreError>;

    /// Every rule that was ever loaded, by id.
    ///
    /// # Errors
    /// As all reads.
    async fn list(&mut self) -> Result<Vec<RuleRow>, StoreError>;

    /// The days of a rule, the latest first.
    ///
    /// # Errors
    /// As all reads.
    async fn days(&mut self, rule_id: &str, days_max: u32) -> Result<Vec<RuleDay>, StoreError>;

    /// Days on which one of these rules raised more findings than its own budget, the busiest first; at most `rows_max`.
    /// Other rules, however busy, take no room in it.
    ///
    /// # Errors
    /// As all reads.
    async fn over_budget(
        &mut self,
        budgets: &[RuleBudget],
        rows_max: u32,
    ) -> Result<Vec<RuleDay>, StoreError>;

    /// The latest sample events of a rule with their times, the latest first.
    ///
    /// # Errors
    /// As all reads.
    async fn samples(&mut self, rule_id: &str) -> Result<Vec<(EventId, i64)>, StoreError>;
}

/// Changes what is known of rules.
#[async_trait]
pub trait Rules: ReadRules {
    /// Notes what a load changed; the record is about [`RULE_SET_OBJECT`].
    ///
    /// # Errors
    /// [`StoreError::Exists`] for an added rule that is known, [`StoreError::NotFound`] for another that is not,
    /// [`StoreError::AuditMismatch`].
    async fn loaded(
        &mut self,
        change: &RuleSetChange,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;

    /// Decides a rule's stage; its days count findings anew. The record is about [`rule_object`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn stage(
        &mut self,
        rule_id: &str,
        stage: Stage,
        reason: &str,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;

    /// Adds matches. No decision of a person, so without a record. Of a rule that is not known, only the days
    /// count.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn matched(&mut self, matches: &[RuleMatches]) -> Result<(), StoreError>;

    /// Forgets days before `day`, at most `rows_max` of them; how many.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn forget_days(&mut self, day: i64, rows_max: u32) -> Result<u64, StoreError>;
}
