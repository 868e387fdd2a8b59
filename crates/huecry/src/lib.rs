//! The one binary as a library: configuration, wiring, CLI, exit codes.
//!
//! Stages never call each other; this crate composes them. [`engine`] is the one pass over a record,
//! [`pipeline`] runs it on worker threads between log and log, `commands` are the verbs of the CLI.

pub mod cli;
mod client;
mod commands;
pub mod config;
mod containment;
pub mod content;
mod cpu_time;
pub mod derive;
pub mod engine;
mod enrichment;
mod entrance;
pub mod entropy;
mod evtx_file;
mod exit;
mod kind_guess;
mod mail;
pub mod node;
pub mod pipeline;
mod process_fields;
mod progress;
pub mod questions;
pub mod reader;
mod reload;
pub mod reports;
pub mod rollout;
mod service_catalog;
pub mod storage;
mod terminal;
mod upkeep;
mod witness;

pub use commands::run;
pub use exit::{Exit, Failure};
