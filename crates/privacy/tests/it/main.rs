//! Masking end to end: every vector, the promises on texts of all kinds, real texts with labels, and the browser's reader
//! beside this one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

// As its users in the workspace call it.
extern crate huecry_privacy as privacy;

mod agreement;
mod corpora;
mod detectors_file;
mod generated;
mod hostile;
mod promises;
mod shared_data;
mod stream;
mod vectors;
