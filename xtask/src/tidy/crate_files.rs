//! Each crate's manifest and folder look like every other's.

use super::{Complaint, Repo};
use toml::{Table, Value};

/// Package fields that say the same everywhere and are therefore said once.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Manifests that do not inherit the lints: the workspace forbids unsafe code, and a forbidden lint cannot be allowed
/// anywhere. In these crates it is denied, and each exception has its reason.
const LINTS_OF_THEIR_OWN: &[&str] = &["crates/allocator/Cargo.toml"];

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let manifests = repo.manifests().flat_map(|(file, folder)| {
        let mut complaints = check_manifest(&file.path, &file.text);
        complaints.extend(check_map(repo, &file.path, folder));
        complaints
    });
    manifests.chain(repo.files().iter().filter_map(|file| check_test_binary(&file.path))).collect()
}

fn check_manifest(path: &str, text: &str) -> Vec<Complaint> {
    // a manifest that is not TOML is layering's to report
    let Ok(manifest) = text.parse::<Table>() else { return Vec::new() };
    let mut complaints = Vec::new();
    let inherits =
        |value: Option<&Value>| value.and_then(|v| v.get("workspace")).and_then(Value::as_bool) == Some(true);
    let package = manifest.get("package");
    for field in INHERITED {
        if !inherits(package.and_then(|p| p.get(field))) {
            complaints.push(Complaint::error(
                path,
                1,
                format!("`{field}.workspace = true` is missing from [package]"),
            ));
        }
    }
    if !inherits(manifest.get("lints")) && !LINTS_OF_THEIR_OWN.contains(&path) {
        complaints.push(Complaint::error(path, 1, "`[lints] workspace = true` is missing"));
    }
    match package.and_then(|p| p.get("description")).and_then(Value::as_str) {
        None | Some("") => complaints.push(Complaint::error(
            path,
            1,
            "a description is missing: one line, what this crate is",
        )),
        Some(caption) if caption.contains(" and ") => complaints.push(Complaint::warning(
            path,
            1,
            "the description joins two things by \"and\"; is this one crate?",
        )),
        Some(_) => {}
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in manifest.get(section).and_then(Value::as_table).into_iter().flatten() {
            if !inherits(Some(value)) {
                let message =
                    format!("`{name}` names its own version; declare it in the root manifest and inherit it");
                complaints.push(Complaint::error(path, 1, message));
            }
        }
    }
    complaints
}

/// The map for newcomers names every crate.
fn check_map(repo: &Repo, path: &str, folder: &str) -> Option<Complaint> {
    let map = repo.file("ARCHITECTURE.md")?;
    let named = map.text.contains(&format!("`{folder}`")) || map.text.contains(&format!("({folder}/"));
    (!named).then(|| {
        Complaint::error(path, 1, format!("ARCHITECTURE.md does not name `{folder}` in its table of crates"))
    })
}

/// One integration test binary per crate: each further one is linked anew.
fn check_test_binary(path: &str) -> Option<Complaint> {
    let (name, below) = path.strip_prefix("crates/")?.split_once("/tests/")?;
    if name.contains('/') {
        return None;
    }
    let is_binary = below.ends_with(".rs") && !below.contains('/');
    let other_main = below.ends_with("/main.rs") && below != "it/main.rs";
    (is_binary || other_main)
        .then(|| Complaint::error(path, 1, "a second test binary; make it a module of tests/it/main.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "[package]\nname = \"huecry-x\"\ndescription = \"Doors\"\nversion.workspace = true\n\
        edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
        publish.workspace = true\n[lints]\nworkspace = true\n[dependencies]\nbytes.workspace = true\n";

    fn complaints(text: &str) -> Vec<String> {
        let repo =
            Repo::made_up(&[("crates/x/Cargo.toml", text), ("ARCHITECTURE.md", "| `crates/x` | doors |")]);
        check(&repo).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_manifest_inherits_what_is_common() {
        assert_eq!(complaints(WHOLE), Vec::<String>::new());
        let cases = [
            ("edition.workspace = true", "edition = \"2024\"", "`edition.workspace = true` is missing"),
            ("[lints]\nworkspace = true", "", "`[lints] workspace = true` is missing"),
            ("bytes.workspace = true", "bytes = \"1\"", "`bytes` names its own version"),
            ("\"Doors\"", "\"\"", "a description is missing"),
            ("\"Doors\"", "\"Doors and windows\"", "warning: the description joins"),
        ];
        for (was, is, want) in cases {
            let found = complaints(&WHOLE.replace(was, is));
            assert!(found.len() == 1 && found[0].contains(want), "{is}: {found:?}");
        }
    }

    #[test]
    fn the_map_names_every_crate() {
        let repo = Repo::made_up(&[("crates/x/Cargo.toml", WHOLE), ("ARCHITECTURE.md", "| `crates/xy` |")]);
        assert_eq!(check(&repo).len(), 1);
    }

    #[test]
    fn one_test_binary_per_crate() {
        let cases = [
            ("crates/x/tests/it/main.rs", true),
            ("crates/x/tests/it/doors.rs", true),
            ("crates/x/tests/doors.rs", false),
            ("crates/x/tests/doors/main.rs", false),
            ("crates/x/src/tests/doors.rs", true),
        ];
        for (path, tidy) in cases {
            assert_eq!(check_test_binary(path).is_none(), tidy, "{path}");
        }
    }
}
