//! The promises of the enrich stage, on real files where the shared data is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod allocations;
mod ancestry;
mod backstage;
mod codeowners;
mod corpora;
mod geoip;
mod reload;
mod services;

use huecry_enrich::{Catalog, CatalogBuilder, Document, Fault};
use std::path::PathBuf;

/// A folder of the shared data, or `None` with a loud note; with `HUECRY_REQUIRE_ALL` its absence fails.
fn shared(folder: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("HUECRY_SHARED_DATA").map_or_else(|| default.into(), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let required = std::env::var("HUECRY_REQUIRE_ALL").as_deref() == Ok("1");
    assert!(!required, "{} is not there", path.display());
    println!("SKIPPED: {} is not there", path.display());
    None
}

/// One catalogue of some texts, which are the files `0.yaml`, `1.yaml`, …
fn catalog(texts: &[&str]) -> (Catalog, Vec<Fault>) {
    let mut builder = CatalogBuilder::default();
    for (number, text) in texts.iter().enumerate() {
        let document =
            Document { file: format!("{number}.yaml"), text: (*text).to_owned(), modified_ms: 1_000 };
        builder.document(&document);
    }
    builder.build(None)
}

/// `file:line: code` of each fault.
fn places(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}:{}: {}", fault.file, fault.line, fault.code.as_str())).collect()
}
