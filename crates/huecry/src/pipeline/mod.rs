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
//! **Invariant:** what could not be read now is no loss: only where the log says that records are gone is something lost,
//! and then it is counted ([`patience`]).
//!
//! Matches that correlations take go to `[match]` with the findings; what they come to is worked out apart, by one
//! [`correlator`] a partition of that topic.

mod batch;
mod correlator;
mod lake_feed;
mod matches;
mod patience;
mod recent;
mod snapshot;
mod tally;
mod telemetry;
mod worker;

pub use correlator::{CORRELATOR, Correlation};
pub use telemetry::Telemetry;
pub use worker::{Options, Pipeline, PipelineError};

/// The consumer's name, on the log and in the store.
pub const CONSUMER: &str = "pipeline";
