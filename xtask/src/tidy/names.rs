//! Names that say nothing about what they name.

use super::rust_text::{line_at, word_offsets};
use super::{Complaint, Repo};

const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let paths = repo.files().iter().filter(|f| f.path.ends_with(".rs")).filter_map(|file| {
        let mut parts = file.path.trim_end_matches(".rs").split('/');
        let name = parts.find_map(empty_name)?;
        Some(complaint(&file.path, 1, name))
    });
    let modules = repo.rust_files().flat_map(|(file, rust)| {
        word_offsets(&rust.code, "mod ").filter_map(|at| {
            let name: String =
                rust.code[at + 4..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            empty_name(&name).map(|name| complaint(&file.path, line_at(&rust.code, at), name))
        })
    });
    let crates = repo.manifests().filter_map(|(file, folder)| {
        let name = empty_name(folder.rsplit('/').next().unwrap_or(folder))?;
        Some(complaint(&file.path, 1, name))
    });
    paths.chain(modules).chain(crates).collect()
}

/// The part of `name` that is empty of meaning, also inside `http_utils`.
fn empty_name(name: &str) -> Option<&'static str> {
    name.split(['_', '-']).find_map(|part| EMPTY_NAMES.iter().find(|empty| **empty == part).copied())
}

fn complaint(path: &str, line: usize, name: &str) -> Complaint {
    Complaint::error(path, line, format!("`{name}` is no name for a module; call it by the noun it holds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_wherever_they_stand() {
        let cases = [
            ("crates/x/src/utils.rs", "", 1),
            ("crates/x/src/common/door.rs", "", 1),
            ("crates/x/src/http_helpers.rs", "", 1),
            ("crates/x/src/door.rs", "mod misc {}\npub mod manager;\n", 2),
            ("crates/x/src/door.rs", "// mod misc\nlet utils = 1;\n", 0),
            ("crates/x/src/utility_bill.rs", "", 0),
            ("docs/misc/notes.md", "", 0),
        ];
        for (path, text, want) in cases {
            assert_eq!(check(&Repo::made_up(&[(path, text)])).len(), want, "{path} {text}");
        }
        assert_eq!(check(&Repo::made_up(&[("crates/utils/Cargo.toml", "")])).len(), 1);
    }
}
