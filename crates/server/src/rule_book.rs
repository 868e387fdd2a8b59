//! What the API tells of rules and does with them; the binary, which runs them, implements it.

use crate::rule_explanation::{Pasted, RuleExplanation};
use access::Caller;
use async_trait::async_trait;
use model::{Finding, Stage};
use ports::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// What one rule does.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RuleState {
    /// The rule's UUID; the title of a rule without one.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level (`low`, `high`, …).
    pub level: String,
    /// Its maturity by its author's word (`experimental`, `test`, `stable`).
    pub status: Option<String>,
    /// Where it stands, relative to the rules' folder.
    pub file: String,
    /// Hex SHA-256 of its logsource and detection.
    pub hash: String,
    /// Whether it is a correlation; matches are then how often it fired.
    pub is_correlation: bool,
    /// How far its findings go: `shadow` (counted only), `canary` (marked, no graver than low) or `active`.
    pub stage: &'static str,
    /// What was decided; other than `stage` only where the rule's own tests fail, which keeps it in shadow, or a rule that
    /// a correlation is made of is not as far.
    pub decided_stage: &'static str,
    /// The rule that keeps a correlation from the stage that was decided.
    pub held_by: Option<String>,
    /// Why that was decided.
    pub stage_reason: String,
    /// What its own tests say: `untested`, `passed` or `failed`.
    pub tests: &'static str,
    /// Most findings on one day, by when the doors took the events; past it the rule goes back to shadow.
    pub alert_budget: Option<u64>,
    /// Events that it ever matched.
    pub matches: u64,
    /// When it last matched, milliseconds since the epoch; never if absent.
    pub last_match_ms: Option<i64>,
    /// When it was first loaded.
    pub first_loaded_ms: Option<i64>,
}

/// A rule that was not loaded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusedRule {
    /// Where it stands.
    pub file: String,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
}

/// The commit that a folder of rules is of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleCommit {
    /// The folder.
    pub folder: String,
    /// The commit, in hex.
    pub commit: String,
    /// Whether files differ from it; absent where git could not be asked.
    pub dirty: Option<bool>,
}

/// The rules of this server.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RuleBook {
    /// Which set it is, as findings name it: a digest of the texts, with `@` and a commit where they are from git.
    pub rule_set: String,
    /// When it was loaded, milliseconds since the epoch.
    pub loaded_at_ms: i64,
    /// The commits of the folders that are in git work trees.
    pub git: Vec<RuleCommit>,
    /// Those that run.
    pub loaded: Vec<RuleState>,
    /// Those that do not, and why.
    pub refused: Vec<RefusedRule>,
    /// Filters whose day is over; they filter nothing.
    pub expired_filters: Vec<ExpiredFilterView>,
}

/// A filter whose day is over.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExpiredFilterView {
    /// Where it stands.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// Its last day (UTC).
    pub expires: String,
}

/// Counts of one day, by when the doors took the events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleDayView {
    /// The day (UTC), such as `2026-03-01`.
    pub day: String,
    /// Events that the rule matched.
    pub matches: u64,
    /// Findings that it raised since its stage was last decided.
    pub findings: u64,
}

/// An event that a rule in shadow matched.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleSampleView {
    /// The event.
    pub event_id: String,
    /// When it happened.
    pub time_ms: i64,
}

/// One rule with what it did lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleActivity {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleState,
    /// By day, the latest first.
    pub days: Vec<RuleDayView>,
    /// Some of the events that it matched in shadow, the latest first.
    pub samples: Vec<RuleSampleView>,
}

/// What loading rules again did.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RulesReloaded {
    /// Whether other rules are in force than before.
    pub changed: bool,
    /// Which set is in force.
    pub rule_set: String,
    /// How many rules are in force.
    pub loaded: u64,
    /// Ids of new rules.
    pub added: Vec<String>,
    /// Ids of rules whose logsource or detection is another.
    pub altered: Vec<String>,
    /// Ids of rules that are gone.
    pub removed: Vec<String>,
    /// Documents that were refused.
    pub refused: Vec<RefusedRule>,
}

/// A finding made again.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Replay {
    /// Whether the rule in force makes the same finding, by id and matched fields, of the same record; a correlation, of
    /// the records that it rests on.
    pub reproduced: bool,
    /// In one sentence, why not.
    pub difference: Option<String>,
    /// Where the records were found: `log`, or `lake` where any was not there.
    pub record: &'static str,
    /// The rule's hash at the time.
    pub rule_hash_then: String,
    /// The rule's hash now; absent if it is not loaded.
    pub rule_hash_now: Option<String>,
    /// The set of rules at the time; empty for old findings.
    pub rule_set_then: String,
    /// The set of rules now.
    pub rule_set_now: String,
    /// The finding's id now; absent if the rule does not match or the correlation does not fire.
    pub finding_id: Option<String>,
    /// The event's id now.
    pub event_id: Option<String>,
    /// Why the rule fires now.
    pub matched: Vec<ReplayedField>,
}

/// A field that made the rule fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayedField {
    /// The rule's selection.
    pub selection: String,
    /// The field; empty for a keyword.
    pub field: String,
    /// The value that matched; a token (`masked:…`) for readers without `events:read_personal`.
    pub value: String,
}

/// A filter that was made of verdicts, with its proof.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Tuning {
    /// The rule.
    pub rule_id: String,
    /// The Sigma filter, as a file; absent where none was found.
    pub filter: Option<String>,
    /// Why there is none.
    pub obstacle: Option<String>,
    /// Findings judged false positives whose records are there.
    pub false_positives: u64,
    /// How many of them the filter takes out.
    pub false_positives_gone: u64,
    /// Findings judged true positives whose records are there.
    pub true_positives: u64,
    /// How many of them still fire with the filter; all of them, or there is no filter.
    pub true_positives_kept: u64,
    /// Judged findings whose records are gone: nothing is proven about them.
    pub records_gone: u64,
    /// Judged findings that were left out because the records before them are as many bytes as may be: nothing is proven
    /// about them either.
    pub records_left_out: u64,
    /// The day (UTC) after which the filter ends unless it is renewed.
    pub expires: Option<String>,
}

/// Why something was not done with rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// There is no such rule in force.
    #[error("there is no rule {0}")]
    NotFound(String),
    /// The rule may not have this stage.
    #[error("{0}")]
    Refused(String),
    /// The files go on changing.
    #[error("the files of rules do not hold still")]
    Unsteady,
    /// The finding's record is neither on the log nor in the lake.
    #[error("the record of the finding was removed by retention")]
    RecordGone,
    /// As many filters as may be are being made.
    #[error("{running} filters are being made, as many as may")]
    Busy {
        /// How many.
        running: usize,
    },
    /// As many records as may be are being held against rules.
    #[error("{running} records are being held against rules, as many as may")]
    TooManyTrials {
        /// How many.
        running: usize,
    },
    /// No mapping reads such records.
    #[error("no mapping reads records of {kind:?}; there is {known}")]
    UnknownKind {
        /// What was asked for.
        kind: String,
        /// The kinds there are.
        known: String,
    },
    /// The log cannot be read.
    #[error("the log cannot be read now")]
    Log,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Tells about the rules, and changes what is in force.
#[async_trait]
pub trait Rules: Send + Sync {
    /// The rules now.
    async fn book(&self) -> Result<RuleBook, RulesError>;

    /// One rule and what it did lately.
    async fn activity(&self, rule_id: &str) -> Result<RuleActivity, RulesError>;

    /// Reads the files again and puts what they say in force, whole.
    async fn reload(&self, by: &Caller) -> Result<RulesReloaded, RulesError>;

    /// Decides how far a rule's findings go.
    async fn stage(
        &self,
        by: &Caller,
        rule_id: &str,
        stage: Stage,
        reason: &str,
    ) -> Result<RuleState, RulesError>;

    /// Makes a finding again, of its own record and with the rules in force. Values of the record are tokens unless
    /// `personal`.
    async fn replay(&self, finding: &Finding, personal: bool) -> Result<Replay, RulesError>;

    /// Why a rule matches what somebody pasted, or not. Nothing is kept of it.
    async fn explain(&self, rule_id: &str, pasted: Pasted) -> Result<RuleExplanation, RulesError>;

    /// Makes a filter of the verdicts on a rule's findings, and proves it. It shows values of records: for callers who may
    /// see personal ones.
    async fn tune(&self, rule_id: &str) -> Result<Tuning, RulesError>;
}
