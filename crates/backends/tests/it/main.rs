//! Every backend against the suite of its port, and against what its own storage can do to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod log;
mod power_cut;
mod smtp;
mod smtp_kit;
mod store;
