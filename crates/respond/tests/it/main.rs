//! Promises of playbooks and their runs, over playbooks of others, cases and generated graphs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

extern crate huecry_respond as respond;

mod any_graph;
mod aws;
mod aws_more;
mod calls;
mod connectors;
mod deciding;
mod durable;
mod fleet;
mod google;
mod identity;
mod imitation;
mod kubernetes;
mod mailing;
mod net;
mod ordered;
mod others;
mod owning;
mod phases;
mod pods;
mod protecting;
mod refusals;
mod runs;
mod sandbox;
mod shipped;
#[path = "../../../backends/tests/it/smtp_kit.rs"]
mod smtp_kit;
mod ssh;
mod tokens;
mod trust;
mod ways_in;
mod workflow;

use std::path::PathBuf;

/// The folder of real playbooks, or `None` with a loud note; with `HUECRY_REQUIRE_ALL` its absence fails.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HUECRY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("HUECRY_REQUIRE_ALL").as_deref() == Ok("1");
    assert!(!required, "{} is missing", folder.display());
    eprintln!("SKIPPED: {} is missing", folder.display());
    None
}
