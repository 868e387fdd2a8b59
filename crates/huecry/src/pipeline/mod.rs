//! From `[raw]` to `[finding]`: one worker a partition (docs/adr/0010-pipeline-worker.md).
//!
//! **Invariant:** a batch's findings and dead letters are durable before its position is stored, and its
//! counters move in the transaction that stores the position: *accepted = stored + dead-lettered +
//! duplicates* holds at every committed state.
//!
//! **Invariant:** the lake gets each stored event once, whatever fails: its position is its own, and what it
//! misses it is given again from the log ([`lake_feed`]).

mod batch;
mod lake_feed;
mod recent;
mod rule_stats;
mod telemetry;
mod worker;

pub use rule_stats::{RuleStat, RuleStats};
pub use telemetry::Telemetry;
pub use worker::{Options, Pipeline, PipelineError};

/// The consumer's name, on the log and in the store.
pub const CONSUMER: &str = "pipeline";
