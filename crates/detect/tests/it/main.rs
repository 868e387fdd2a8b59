//! Rules and correlations as their files say them; what the rules that ship are worth, by their own tests and on data that
//! others made; and matching from the bytes of a record to hits against the reference evaluator on real records.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unused_crate_dependencies,
    missing_docs
)]

// As its users in the workspace call it.
extern crate huecry_detect as detect;

// what the example and the peers' workspace use besides
#[allow(dead_code)]
mod corpus;
mod correlations;
mod detonations;
mod differential;
mod documents;
#[path = "../../../sigma/tests/it/json_view.rs"]
mod json_view;
mod mutation;
#[allow(dead_code)]
mod oracle;
mod panther;
mod rule_pack_page;
#[path = "../../../sigma/tests/it/shared_data.rs"]
mod shared_data;
mod shipped;
