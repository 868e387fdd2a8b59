//! The Sigma language end to end: cases as data, the compiled program against the reference
//! evaluator, and every public rule there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

// As its users in the workspace call it.
extern crate huecry_sigma as sigma;

mod allocations;
mod correlation;
mod documents;
mod equivalence;
mod explain;
mod generate;
mod generated;
mod json_view;
mod language;
mod reference_page;
mod shared_data;
mod sigmahq;
