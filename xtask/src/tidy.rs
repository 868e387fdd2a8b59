//! What the compiler and clippy do not check: the shape of the repository.
//!
//! Each check is a function from a [`Repo`] (paths and texts, already read) to complaints. None touches
//! the file system, so each is tested on a made-up tree.

mod crate_files;
mod documents;
mod generated;
mod layering;
mod lock_files;
mod names;
mod panics;
mod private_text;
mod repo;
mod rust_text;
mod sizes;
mod statics;
mod whitespace;

pub(crate) use repo::Repo;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// How much a complaint weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Fails tidy.
    Error,
    /// Is printed and passes.
    Warning,
}

/// One thing that is not tidy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    level: Level,
    file: String,
    /// Counted from 1.
    line: usize,
    message: String,
}

impl Complaint {
    fn error(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { level: Level::Error, file: file.to_owned(), line, message: message.into() }
    }

    fn warning(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(file, line, message) }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.level == Level::Warning { "warning: " } else { "" };
        write!(f, "{}:{}: {prefix}{}", self.file, self.line, self.message)
    }
}

type Check = fn(&Repo) -> Vec<Complaint>;

const CHECKS: &[(&str, Check)] = &[
    ("layering", layering::check),
    ("crate files", crate_files::check),
    ("sizes", sizes::check),
    ("names", names::check),
    ("panics", panics::check),
    ("statics", statics::check),
    ("whitespace", whitespace::check),
    ("private text", private_text::check),
    ("lock files", lock_files::check),
    ("generated files", generated::check),
    ("documents", documents::check),
];

/// Every complaint of every check, errors first, then by place.
fn complaints(repo: &Repo) -> Vec<Complaint> {
    let mut all: Vec<Complaint> = CHECKS.iter().flat_map(|(_, check)| check(repo)).collect();
    all.sort_by(|a, b| (a.level, &a.file, a.line, &a.message).cmp(&(b.level, &b.file, b.line, &b.message)));
    all.dedup();
    all
}

/// Prints one line per complaint and how much was checked; 1 if there is an error among them.
pub(crate) fn run(root: &Path) -> ExitCode {
    let repo = match Repo::open(root) {
        Ok(repo) => repo,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::FAILURE;
        }
    };
    let complaints = complaints(&repo);
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    let errors = complaints.iter().filter(|c| c.level == Level::Error).count();
    println!(
        "tidy: {} checks over {} files: {errors} errors, {} warnings",
        CHECKS.len(),
        repo.files().len(),
        complaints.len() - errors
    );
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let repo = Repo::open(&crate::workspace_root()).expect("git lists the files of this repository");
        let errors: Vec<String> = complaints(&repo)
            .iter()
            .filter(|complaint| complaint.level == Level::Error)
            .map(ToString::to_string)
            .collect();
        assert!(errors.is_empty(), "{} complaints:\n{}", errors.len(), errors.join("\n"));
    }

    #[test]
    fn a_complaint_reads_as_editors_expect() {
        assert_eq!(Complaint::error("a.rs", 3, "too long").to_string(), "a.rs:3: too long");
        assert_eq!(Complaint::warning("a.rs", 3, "long").to_string(), "a.rs:3: warning: long");
    }
}
