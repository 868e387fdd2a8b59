//! Arguments of the verbs for rules in production.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `huecry rules stage`
#[derive(Debug, Clone, Args)]
pub struct RulesStage {
    /// The rule's UUID.
    pub rule: String,
    /// The stage.
    #[arg(value_enum)]
    pub stage: StageArg,
    /// Why, in your words; it is kept in the audit record.
    #[arg(long = "why", value_name = "TEXT")]
    pub reason: String,
}

/// Stages of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageArg {
    /// Matches are counted and raise nothing.
    Shadow,
    /// Findings are marked, and no graver than low.
    Canary,
    /// Findings are what the rule says.
    Active,
}

/// `huecry rules backtest`
#[derive(Debug, Clone, Args)]
pub struct RulesBacktest {
    /// Folder or file of the changed rules.
    #[arg(value_name = "DIR")]
    pub rules: PathBuf,
    /// How far back: such as 30d, 12h, or a day (2026-01-31).
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub since: String,
    /// Up to when: as --since [default: now].
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Compare with these rules, as whole sets [default: the configuration's, in which DIR replaces rules by id].
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// File for it, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a backtest is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people at a terminal.
    Text,
    /// For programs.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// `huecry rules tune`
#[derive(Debug, Clone, Args)]
pub struct RulesTune {
    /// The rule's UUID.
    pub rule: String,
    /// File for the filter, instead of standard output; it must not be there yet.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
