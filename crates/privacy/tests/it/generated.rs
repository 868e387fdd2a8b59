//! What is written from the detectors is what is committed.

use privacy::vectors::Vectors;
use privacy::{Detectors, reference};
use std::path::Path;

const BEGIN: &str = "<!-- detectors: written by the tests of crates/privacy -->\n";
const END: &str = "<!-- end of detectors -->";

fn compare(path: &str, now: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(&file, now).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == now, "{path} is old; HUECRY_BLESS=1 writes it anew");
}

#[test]
fn the_browser_reads_the_same_detectors() {
    compare("web/src/privacy/detectors.json", &(Detectors::shipped().unwrap().to_json().unwrap() + "\n"));
}

#[test]
fn the_browser_is_tested_with_the_same_vectors() {
    compare("web/src/privacy/vectors.json", &(Vectors::shipped().unwrap().to_json().unwrap() + "\n"));
}

#[test]
fn the_page_lists_the_detectors() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/masking.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let tables = reference::markdown(&Detectors::shipped().unwrap());
    compare("docs/reference/masking.md", &format!("{head}{BEGIN}{tables}{END}{tail}"));
}
