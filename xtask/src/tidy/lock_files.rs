//! Lock files: how much is built, what must not be, and no download addresses.

use super::repo::SourceFile;
use super::{Complaint, Repo};

const PACKAGES_MAX: usize = 750;
/// TLS and hashing come from `ring` and the RustCrypto crates; these would add a C tool chain, minutes of
/// compile time, or a library of the system.
const REFUSED: &[&str] = &["aws-lc-sys", "aws-lc-rs", "openssl-sys"];
/// What cargo itself writes for the default registry.
const CARGO_SOURCE: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in repo.files() {
        match file.path.rsplit('/').next() {
            Some("Cargo.lock") => complaints.extend(check_cargo(file)),
            Some("package-lock.json") => complaints.extend(check_npm(file)),
            _ => {}
        }
    }
    complaints
}

fn check_cargo(file: &SourceFile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |line, message| complaints.push(Complaint::error(&file.path, line, message));
    let packages = file.lines().filter(|(_, text)| *text == "[[package]]").count();
    if packages > PACKAGES_MAX {
        complain(1, format!("{packages} packages, {PACKAGES_MAX} at most: a newcomer compiles them all"));
    }
    for (line, text) in file.lines() {
        if let Some(name) = text.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'))
            && REFUSED.contains(&name)
        {
            complain(
                line,
                format!("`{name}` is in the tree; find who asks for it with `cargo tree -i {name}`"),
            );
        }
        if text.starts_with("source = ") && text != CARGO_SOURCE {
            complain(line, "a source that is not the default registry".to_owned());
        }
    }
    complaints
}

fn check_npm(file: &SourceFile) -> Vec<Complaint> {
    let resolved = file.lines().filter(|(_, text)| text.trim_start().starts_with("\"resolved\": \"http"));
    let message =
        "a download address; .npmrc says omit-lockfile-registry-resolved, so write the lock file anew";
    resolved.map(|(line, _)| Complaint::error(&file.path, line, message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_are_bounded_and_name_no_address() {
        let many = "[[package]]\n".repeat(751);
        let mirror = ["source = \"registry+https://mirror.", "example\""].concat();
        let resolved = ["\"resolved\": \"htt", "ps://example/x.tgz\""].concat();
        let cases = [
            ("Cargo.lock", "[[package]]\nname = \"serde\"\n", 0),
            ("Cargo.lock", many.as_str(), 1),
            ("Cargo.lock", "[[package]]\nname = \"aws-lc-sys\"\n", 1),
            ("Cargo.lock", CARGO_SOURCE, 0),
            ("fuzz/Cargo.lock", &mirror, 1),
            ("web/package-lock.json", &resolved, 1),
            ("web/package-lock.json", "\"version\": \"1.0.0\"", 0),
        ];
        for (path, text, want) in cases {
            assert_eq!(check(&Repo::made_up(&[(path, text)])).len(), want, "{path} {text}");
        }
    }
}
