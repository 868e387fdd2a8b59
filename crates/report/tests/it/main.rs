//! Reports from people: forms and policy as data, the promises on what a report weighs, rings and honest bursts played many
//! times, files made to deceive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

// As its users in the workspace call it.
extern crate huecry_report as report;

mod appealing;
mod attachments;
mod automation;
mod beta_distribution;
mod chance;
mod credits;
mod deciding;
mod decisions;
mod digests;
mod forms;
mod incidents;
mod intake;
mod kill;
mod kit;
mod links;
mod pictures;
mod policies;
mod provenances;
mod publishing;
mod rates;
mod receipts;
mod related_incidents;
mod reputation_page;
mod reputations;
mod reviewing;
mod rings;
mod rings_told;
mod services;
mod similarities;
mod simulations;
mod traces;
mod waiting;
