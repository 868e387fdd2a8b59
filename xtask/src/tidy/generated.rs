//! Files that a test writes and compares: they are committed, so that a change shows in review.
//!
//! Whether they are up to date is judged by the test beside the code that generates them.

use super::{Complaint, Repo};

/// The file, and the crate whose test keeps it true.
const GENERATED: &[(&str, &str)] = &[
    ("schemas/openapi.json", "crates/server"),
    ("schemas/config.schema.json", "crates/huecry"),
    ("docs/reference/mapping-disagreements.md", "crates/normalize"),
    ("docs/reference/sigma-agreement.md", "peers/sigma"),
    ("docs/reference/masking.md", "crates/privacy"),
    ("web/src/privacy/detectors.json", "crates/privacy"),
    ("web/src/privacy/vectors.json", "crates/privacy"),
];

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let missing = GENERATED.iter().filter(|(path, owner)| repo.exists(owner) && repo.file(path).is_none());
    let complaint = |(path, owner): &(&str, &str)| {
        Complaint::error(path, 1, format!("is missing; {owner} generates it, see its tests"))
    };
    missing.map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_file_is_asked_for_once_its_crate_exists() {
        assert!(check(&Repo::made_up(&[("README.md", "")])).is_empty());
        assert_eq!(check(&Repo::made_up(&[("crates/server/Cargo.toml", "")])).len(), 1);
        let both = [("crates/server/Cargo.toml", ""), ("schemas/openapi.json", "{}")];
        assert!(check(&Repo::made_up(&both)).is_empty());
    }
}
