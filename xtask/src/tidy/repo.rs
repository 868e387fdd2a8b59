//! The files of the repository, read once.

use super::rust_text::{self, RustText};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The repository as the checks see it.
pub(crate) struct Repo {
    files: Vec<SourceFile>,
}

/// One file that git tracks, or would track.
pub(crate) struct SourceFile {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// Empty if the file is not UTF-8.
    pub(crate) text: String,
    /// What is known of a `.rs` file.
    pub(crate) rust: Option<RustText>,
}

impl SourceFile {
    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The part of the name after the last dot; empty if there is none.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// Data made to look like what others send: kept byte for byte.
    pub(crate) fn is_fixture(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "fixtures" | "golden" | "testdata"))
    }
}

impl Repo {
    /// Reads what git tracks and what it would track (new files that are not ignored).
    ///
    /// # Errors
    /// A sentence, if git cannot be run here.
    pub(crate) fn open(root: &Path) -> Result<Self, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git could not be started ({error}); install git"))?;
        if !listed.status.success() {
            let reason = String::from_utf8_lossy(&listed.stderr);
            return Err(format!("git ls-files failed in {}: {}", root.display(), reason.trim()));
        }
        let listed = String::from_utf8_lossy(&listed.stdout);
        let paths: BTreeSet<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
        let read = |path: &str| {
            // a file that git lists and that is gone is a deletion not yet committed
            let bytes = std::fs::read(root.join(path)).ok()?;
            Some((path.to_owned(), String::from_utf8(bytes).unwrap_or_default()))
        };
        Ok(Self::of(paths.into_iter().filter_map(read)))
    }

    /// A tree that exists only in a test.
    #[cfg(test)]
    pub(crate) fn made_up(files: &[(&str, &str)]) -> Self {
        Self::of(files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())))
    }

    fn of(files: impl Iterator<Item = (String, String)>) -> Self {
        let mut files: Vec<SourceFile> = files
            .map(|(path, text)| {
                let rust = path.ends_with(".rs").then(|| RustText::parse(&path, &text));
                SourceFile { path, text, rust }
            })
            .collect();
        let test_modules: BTreeSet<String> =
            files.iter().flat_map(|f| f.rust.iter().flat_map(|r| r.test_modules(&f.path))).collect();
        for file in &mut files {
            if let Some(rust) = &mut file.rust
                && (rust_text::is_test_path(&file.path) || belongs_to(&file.path, &test_modules))
            {
                rust.is_test_file = true;
            }
        }
        Self { files }
    }

    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The `.rs` files, each with what is known of it.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&SourceFile, &RustText)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }

    /// Whether `path` is a file or a folder with a file in it.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// The manifests of the workspace's crates: the file and its folder.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&SourceFile, &str)> {
        self.files.iter().filter_map(|file| {
            let folder = file.path.strip_suffix("/Cargo.toml")?;
            let member =
                folder == "xtask" || folder.strip_prefix("crates/").is_some_and(|n| !n.contains('/'));
            member.then_some((file, folder))
        })
    }
}

/// Whether `path` is the file of one of `modules` (paths without `.rs`) or lies below one.
fn belongs_to(path: &str, modules: &BTreeSet<String>) -> bool {
    modules.iter().any(|module| {
        path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_declared_for_tests_is_a_test_file() {
        let repo = Repo::made_up(&[
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod disk;\nmod log;\n"),
            ("crates/a/src/disk.rs", ""),
            ("crates/a/src/disk/torn.rs", ""),
            ("crates/a/src/log.rs", "#[cfg(test)]\nmod model;\n"),
            ("crates/a/src/log/model.rs", ""),
            ("crates/a/tests/it/main.rs", ""),
        ]);
        let tests: Vec<&str> =
            repo.rust_files().filter(|(_, rust)| rust.is_test_file).map(|(f, _)| f.path.as_str()).collect();
        let want = ["disk.rs", "disk/torn.rs", "log/model.rs"].map(|name| format!("crates/a/src/{name}"));
        assert_eq!(tests[..3], want);
        assert_eq!(tests[3..], ["crates/a/tests/it/main.rs"]);
    }

    #[test]
    fn folders_exist_through_their_files() {
        let repo = Repo::made_up(&[("docs/adr/README.md", "")]);
        assert!(repo.exists("docs/adr") && repo.exists("docs/adr/") && repo.exists("docs/adr/README.md"));
        assert!(!repo.exists("docs/ad") && !repo.exists("docs/adr/README"));
    }
}
