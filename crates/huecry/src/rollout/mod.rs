//! Rules in production: loading them again while events run, and how far their findings go.
//!
//! The cast: [`Live`] (what is in force, exchanged whole), [`Generation`] (one set of rules with the engine made of
//! it and the stage of each rule), [`Rollout`] (loads, stages, watches budgets), `loader` (from files to a generation),
//! `watch` and `git` (when files changed, and which commit they are of), `book` (what the API tells and does).
//!
//! **Invariant:** a batch is matched by one generation, taken once. Field tables, mappings, rules and routes are parts
//! of the engine, so a generation has all of them or none.
//!
//! **Invariant:** what was decided is in the store, with its audit record, before it is in force.

mod book;
pub(crate) mod expiry;
mod explain;
mod generation;
pub mod git;
mod loader;
mod needs;
pub(crate) mod record;
mod replay;
mod series;
mod service;
mod telemetry;
mod tune;
mod watch;

pub(crate) use book::Book;
pub use generation::{Generation, Live, Place, RuleInForce, RuleSetVersion};
pub(crate) use generation::{correlation_hash, correlation_id, hash, rule_id};
pub(crate) use service::date_of;
pub use service::{Error, LoadedBy, Options, Outcome, Rollout};
pub use telemetry::Telemetry;
