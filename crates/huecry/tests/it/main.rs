//! The program as its users run it: a child process, real files, real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod answers;
mod audit;
mod bounds;
mod command_line;
mod full_disk;
mod kill;
mod offline;
mod pipeline_faults;
mod program;
