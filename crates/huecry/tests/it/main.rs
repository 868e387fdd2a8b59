//! The program as its users run it: a child process, real files, real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod anonymous;
mod answers;
mod audit;
mod bounds;
mod command_line;
mod command_reference;
mod contain_end_to_end;
mod correlation;
mod endpoint;
mod full_disk;
mod kill;
mod lake;
mod lake_events;
mod letters_end_to_end;
mod mask;
mod offline;
mod owners;
mod people;
mod pipeline_faults;
mod power;
mod program;
mod query;
mod report_schemas;
mod reports;
mod reports_end_to_end;
mod reports_power;
mod rollout;
mod rule_work;
mod rules_program;
mod scripted;
#[path = "../../../backends/tests/it/smtp_kit.rs"]
mod smtp_kit;
