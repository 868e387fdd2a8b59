//! Remarks on rule files as SARIF 2.1.0 (OASIS), which code hosts show beside the lines.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How much a remark matters, by SARIF's words (section 3.27.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Error,
    Warning,
    Note,
}

/// Something to say about a line of a file.
#[derive(Debug)]
pub(super) struct Remark {
    /// Stable code: `test-failed`, `bad-yaml`, `unused-selection`.
    pub(super) code: String,
    pub(super) weight: Weight,
    pub(super) file: String,
    /// From 1.
    pub(super) line: u32,
    pub(super) message: String,
}

/// The whole document: one run of one tool.
pub(super) fn document(remarks: &[Remark]) -> Value {
    let mut codes: BTreeMap<&str, usize> = remarks.iter().map(|remark| (remark.code.as_str(), 0)).collect();
    for (at, index) in codes.values_mut().enumerate() {
        *index = at;
    }
    let rules = codes.keys().map(|code| {
        json!({
            "id": code,
            "shortDescription": { "text": format!("{} (huecry rules)", code.replace('-', " ")) },
        })
    });
    let results = remarks.iter().map(|remark| {
        json!({
            "ruleId": remark.code,
            "ruleIndex": codes.get(remark.code.as_str()),
            "level": match remark.weight {
                Weight::Error => "error",
                Weight::Warning => "warning",
                Weight::Note => "note",
            },
            "message": { "text": remark.message },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(&remark.file) },
                    "region": { "startLine": remark.line.max(1) },
                },
            }],
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "huecry rules",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

/// A path as a URI reference (RFC 3986): relative ones stay relative to where the tool ran, and what comes along
/// with the program has a scheme of its own.
fn uri(file: &str) -> String {
    let (scheme, path) = match file.split_once(':') {
        Some(("builtin", path)) => ("builtin:", path),
        _ if file.starts_with('/') => ("file://", file),
        _ => ("", file.strip_prefix("./").unwrap_or(file)),
    };
    let mut text = scheme.to_owned();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte))
            }
            b'\\' => text.push('/'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            ("content/rules/a b.yml", "content/rules/a%20b.yml"),
            ("./a.yml", "a.yml"),
            ("/x/é:1.yml", "file:///x/%C3%A9%3A1.yml"),
            ("builtin:a/b.yml", "builtin:a/b.yml"),
            ("a:b.yml", "a%3Ab.yml"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn every_result_points_at_its_rule_and_line() {
        let remark = |code: &str, weight, line| Remark {
            code: code.to_owned(),
            weight,
            file: "a.yml".to_owned(),
            line,
            message: "m".to_owned(),
        };
        let log = document(&[
            remark("test-failed", Weight::Error, 7),
            remark("bad-yaml", Weight::Error, 0),
            remark("test-failed", Weight::Note, 9),
        ]);
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let ids: Vec<_> =
            run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|r| r["id"].clone()).collect();
        assert_eq!(ids, ["bad-yaml", "test-failed"]);
        for result in run["results"].as_array().unwrap() {
            assert_eq!(result["ruleId"], ids[result["ruleIndex"].as_u64().unwrap() as usize]);
            assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap() >= 1);
        }
    }
}
