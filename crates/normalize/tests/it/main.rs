//! Promises of normalize over real records, goldens and anything at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod anything;
mod beside;
mod corpora;
mod disagreements;
mod golden;
mod judge;
mod language;
mod load;
mod sources;
mod validate;
