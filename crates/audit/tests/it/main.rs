//! The audit log on a real store and real files: growth, proofs, power cuts, tampering.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod growth;
mod mutations;
mod packs;
mod power;
mod proofs;
mod python;
mod tamper;
mod world;
