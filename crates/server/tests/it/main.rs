//! The server over real HTTP on loopback, on the real log and the real store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod admin;
mod audit;
mod console;
mod contain;
mod contain_kit;
mod contain_runs;
mod desk;
mod door_github;
mod door_hec;
mod door_ingest;
mod door_okta;
mod fixture;
mod foreign;
mod hostile;
mod http;
mod incidents;
mod matrix;
mod mcp;
mod oidc;
mod oidc_provider;
mod people;
mod pressure;
mod query;
mod real_data;
mod reference;
mod report_desk;
mod report_files;
mod report_guests;
mod report_receipts;
mod report_waiting;
mod rules;
mod services;
mod stream;
mod withheld;
