//! The embedded lake against the suite of its port, a model, and what a disk can do to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod conformance;
mod damage;
mod events;
mod files;
mod kill;
mod model;
mod power;
mod reading;
mod sql;
mod transfer;
