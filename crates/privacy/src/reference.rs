//! The reference of masking: what is detected, as tables of a page.

use crate::detectors::{Detector, Detectors};
use std::fmt::Write as _;

/// The classes and the detectors, as Markdown.
#[must_use]
pub fn markdown(detectors: &Detectors) -> String {
    let mut page = String::from("| class | stands as | holds | detectors |\n|---|---|---|---|\n");
    for label in &detectors.classes {
        let names: Vec<&str> = detectors
            .detectors
            .iter()
            .filter(|detector| detector.class == label.class)
            .map(|detector| detector.name.as_str())
            .collect();
        let row = (label.class.name(), &label.label, &label.what, names.join(", "));
        let _ = writeln!(page, "| `{}` | `[{} 1]` | {} | {} |", row.0, row.1, row.2, row.3);
    }
    page.push_str("\n| detector | finds | confidence | judged by |\n|---|---|---|---|\n");
    for detector in &detectors.detectors {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            detector.name,
            detector.about.replace('|', "\\|"),
            detector.confidence.name(),
            judged_by(detector)
        );
    }
    page
}

/// What decides besides the pattern.
fn judged_by(detector: &Detector) -> String {
    let mut parts = Vec::new();
    if let Some(check) = detector.check {
        parts.push(format!("check {}", words_of(&check)));
    }
    if let Some(near) = &detector.near {
        let must = if near.optional { "may" } else { "must" };
        parts.push(format!("words that {must} stand within {} characters", near.chars));
    }
    if detector.unless.is_some() {
        parts.push("words that must not stand before".to_owned());
    }
    if detector.scanner.is_some() {
        parts.push("words around and shape".to_owned());
    }
    if parts.is_empty() { "the pattern alone".to_owned() } else { parts.join("; ") }
}

/// A check's name as in the file.
fn words_of(check: &crate::check::Check) -> String {
    serde_json::to_value(check).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
