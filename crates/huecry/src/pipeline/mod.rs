//! From `[raw]` to `[finding]`: one worker a partition (docs/adr/0010-pipeline-worker.md).
//!
//! **Invariant:** a batch's findings and dead letters are durable before its position is stored, and its
//! counters move in the transaction that stores the position: *accepted = stored + dead-lettered +
//! duplicates* holds at every committed state.
//!
//! **Invariant:** a batch is matched by one generation of rules, and what it matched is counted in the transaction
//! that stores the position.
//!
//! **Invariant:** the lake gets each stored event once, whatever fails: its position is its own, and what it
//! misses it is given again from the log ([`lake_feed`]).
//!
//! Matches that correlations take go to `[match]` with the findings; what they come to is worked out apart, by one
//! [`correlator`] a partition of that topic.

mod batch;
mod correlation_stats;
mod correlator;
mod lake_feed;
mod matches;
mod recent;
mod snapshot;
mod tally;
mod telemetry;
mod worker;

pub use correlation_stats::{CorrelationStat, CorrelationStats};
pub use correlator::{CORRELATOR, Correlation};
pub use telemetry::Telemetry;
pub use worker::{Options, Pipeline, PipelineError};

/// The consumer's name, on the log and in the store.
pub const CONSUMER: &str = "pipeline";
