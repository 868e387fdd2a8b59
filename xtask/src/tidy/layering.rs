//! Who may depend on whom (ARCHITECTURE.md, "Dependency rules").

use super::{Complaint, Repo};
use toml::{Table, Value};

/// Every crate of ours and the crates of ours that its product code may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sigma", &[]),
    ("acme", &[]),
    ("ports", &["model"]),
    ("ingest", &["model", "ports"]),
    ("normalize", &["model", "ports"]),
    ("enrich", &["model", "ports"]),
    ("detect", &["model", "ports", "sigma"]),
    ("report", &["model", "ports"]),
    ("respond", &["model", "ports"]),
    ("triage", &["model", "ports"]),
    ("access", &["model", "ports"]),
    ("audit", &["model", "ports"]),
    ("allocator", &[]),
    ("privacy", &[]),
    ("disk", &[]),
    ("backends", &["model", "ports", "disk"]),
    ("lake", &["model", "ports", "disk"]),
    ("server", &["model", "ports", "ingest", "report", "respond", "triage", "access", "audit"]),
    (
        "huecry",
        &[
            "model",
            "sigma",
            "acme",
            "ports",
            "ingest",
            "normalize",
            "enrich",
            "detect",
            "report",
            "respond",
            "triage",
            "access",
            "privacy",
            "audit",
            "allocator",
            "disk",
            "backends",
            "lake",
            "server",
        ],
    ),
    ("bench", &["model", "acme", "normalize", "enrich", "ports", "lake", "huecry"]),
    ("xtask", &[]),
];

/// What tests may use besides: something to stand on, and telemetry to feed.
const ALLOWED_IN_TESTS: &[&str] = &["backends", "disk", "acme"];

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    repo.manifests().flat_map(|(file, folder)| check_manifest(&file.path, &file.text, folder)).collect()
}

fn check_manifest(path: &str, text: &str, folder: &str) -> Vec<Complaint> {
    let name = folder.strip_prefix("crates/").unwrap_or(folder);
    let Ok(manifest) = text.parse::<Table>() else {
        return vec![Complaint::error(path, 1, "this is not TOML")];
    };
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        let message = format!(
            "`{name}` has no row in the table of allowed dependencies; decide what it may use and add one (xtask/src/tidy/layering.rs)"
        );
        return vec![Complaint::error(path, 1, message)];
    };
    let mut complaints = Vec::new();
    for (section, dependency) in dependencies(&manifest) {
        let in_tests = section.starts_with("dev-");
        let allowed_here = allowed.contains(&dependency.as_str())
            || (in_tests && ALLOWED_IN_TESTS.contains(&dependency.as_str()))
            // a crate may ask for itself in tests, with a feature on
            || (in_tests && dependency == name);
        if !allowed_here {
            let message =
                format!("`{name}` must not depend on `{dependency}` ({section}); allowed: {allowed:?}");
            complaints.push(Complaint::error(path, line_of_key(text, &dependency), message));
        }
    }
    complaints
}

/// Dependencies on crates of ours, by section, by the short names of the workspace; also those that a
/// manifest names by path or package.
fn dependencies(manifest: &Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let tables = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
        for (key, value) in tables.filter_map(|t| t.get(section)?.as_table()).flatten() {
            let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
            let short = package.strip_prefix("huecry-").unwrap_or(package);
            if ALLOWED.iter().any(|(ours, _)| *ours == short) {
                found.push((section.to_owned(), short.to_owned()));
            }
        }
    }
    found
}

fn line_of_key(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        line.trim_start_matches("huecry-")
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    text.lines().position(starts).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_keep_to_the_table() {
        let cases = [
            ("crates/ingest", "[dependencies]\nmodel.workspace = true\nports.workspace = true\n", None),
            ("crates/ingest", "[dependencies]\nbytes.workspace = true\ntriage.workspace = true\n", Some(3)),
            ("crates/ingest", "[dev-dependencies]\nbackends.workspace = true\nacme.workspace = true\n", None),
            ("crates/ingest", "[dev-dependencies]\ndetect.workspace = true\n", Some(2)),
            ("crates/ports", "[dev-dependencies]\nports = { workspace = true, features = [\"x\"] }\n", None),
            (
                "crates/model",
                "[dependencies]\nx = { package = \"huecry-ports\", path = \"../ports\" }\n",
                Some(1),
            ),
            ("crates/model", "[target.'cfg(unix)'.dependencies]\nports.workspace = true\n", Some(2)),
            ("crates/sigma", "[build-dependencies]\nmodel.workspace = true\n", Some(2)),
            ("crates/fresh", "[dependencies]\n", Some(1)),
            ("crates/model", "[dependencies\n", Some(1)),
        ];
        for (folder, text, line) in cases {
            let path = format!("{folder}/Cargo.toml");
            let complaints = check(&Repo::made_up(&[(&path, text)]));
            assert_eq!(complaints.first().map(|c| c.line), line, "{text}\n{complaints:?}");
            assert!(complaints.len() <= 1);
        }
    }

    #[test]
    fn the_table_has_no_circle() {
        let row = |name: &str| ALLOWED.iter().position(|(known, _)| *known == name);
        for (index, (name, allowed)) in ALLOWED.iter().enumerate() {
            for dependency in *allowed {
                assert!(row(dependency).is_some_and(|at| at < index), "{dependency} must stand above {name}");
            }
        }
    }
}
