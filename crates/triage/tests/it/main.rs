//! Triage on a real store: redelivery, disorder and crashes change nothing; people are never overruled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod desk;
mod grouping;
mod log;
mod regroup;
mod service;
mod world;
