//! What a reporter's machine knows of a report before anybody is asked: commit, branch, repository, service, CI run.
//!
//! Everything here is a function of what it is given: the variables of the process ([`Environment`]), what git says
//! ([`GitAnswers`]) and files of the work tree ([`Tree`]). Whoever calls decides how those are asked.
//!
//! **Invariant:** what a context says holds no credentials of a URL and no path of the reporter's machine.
//!
//! **Invariant:** files of the work tree say *what* is reported on, never *where* the report goes.

mod ci;
mod git;
mod place;
mod repository;
mod service;

#[cfg(test)]
mod ci_tests;

pub use git::{GitAnswers, is_signed};
pub use place::{Lines, place_in_tree};
pub use repository::{repository_of, without_credentials};
pub use service::{HINT_FILE, Tree};

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Longest value of a context, in characters; longer ones are left out.
pub const VALUE_CHARS_MAX: usize = 512;

/// The variables of the reporter's process.
pub trait Environment {
    /// The value of one of them.
    fn get(&self, name: &str) -> Option<&str>;
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        Self::get(self, name).map(String::as_str)
    }
}

/// A value, and what says so: a variable, `git`, or a file of the work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The value.
    pub value: String,
    /// What says so, for people.
    pub from: String,
}

impl Known {
    fn new(value: impl Into<String>, from: impl Into<String>) -> Self {
        Self { value: value.into(), from: from.into() }
    }
}

/// What is known of a report before anybody is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The CI system that the process runs in.
    pub ci: Option<&'static str>,
    /// The commit, in hex.
    pub commit: Option<Known>,
    /// The branch.
    pub branch: Option<Known>,
    /// The repository as its host names it: `owner/name`, with groups in between.
    pub repository: Option<Known>,
    /// The environment that is deployed to.
    pub environment: Option<Known>,
    /// The page of the CI run.
    pub ci_run: Option<Known>,
    /// The service.
    pub service: Option<Known>,
    /// The file, as a path in the repository.
    pub file: Option<Known>,
    /// Its lines: `7` or `7-12`.
    pub lines: Option<Known>,
    /// Whether the commit has a good signature; `None` where that is not known.
    pub signed_commit: Option<bool>,
}

impl Context {
    /// Works it out. What the CI system says goes before git: there, the work tree is often a detached copy.
    pub fn work_out(
        environment: &dyn Environment,
        git: Option<&dyn GitAnswers>,
        tree: Option<&dyn Tree>,
    ) -> Self {
        let mut context = ci::read(environment).unwrap_or_default();
        if let Some(git) = git {
            context.ask(git);
        }
        context.service = tree.and_then(service::service_of);
        context
    }

    fn ask(&mut self, git: &dyn GitAnswers) {
        let head = git.commit().and_then(|text| commit(&text));
        // a branch or a signature is about the work tree's commit, so it counts only where that is the report's
        let is_head = match (&self.commit, &head) {
            (Some(told), Some(head)) => told.value == *head,
            _ => true,
        };
        if self.commit.is_none() {
            self.commit = head.map(|value| Known::new(value, "git"));
        }
        if is_head {
            let branch = || git.branch().and_then(|name| text(&name));
            self.branch = self.branch.take().or_else(|| branch().map(|value| Known::new(value, "git")));
            self.signed_commit = git.is_signed();
        }
        if self.repository.is_none() {
            let named = git.remote().and_then(|url| repository_of(&url));
            self.repository = named.map(|value| Known::new(value, "git"));
        }
    }

    /// The values of a report's `context`, each with what says so; the service is not among them.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, &Known)> {
        let all = [
            ("commit", &self.commit),
            ("branch", &self.branch),
            ("repository", &self.repository),
            ("environment", &self.environment),
            ("ci_run", &self.ci_run),
            ("file", &self.file),
            ("lines", &self.lines),
        ];
        all.into_iter().filter_map(|(key, known)| Some((key, known.as_ref()?)))
    }

    /// A report's `context` as the API takes it.
    pub fn to_json(&self) -> Map<String, Value> {
        let text = |known: &Known| Value::String(known.value.clone());
        let mut json: Map<String, Value> =
            self.values().map(|(key, known)| (key.to_owned(), text(known))).collect();
        if let Some(signed) = self.signed_commit {
            json.insert("signed_commit".to_owned(), Value::Bool(signed));
        }
        json
    }
}

/// A name for people, on one line; nothing where it is empty, too long or has control characters.
fn text(value: &str) -> Option<String> {
    let value = value.trim();
    let is_good = !value.is_empty()
        && value.chars().count() <= VALUE_CHARS_MAX
        && !value.chars().any(|c| c.is_control() || ('\u{202A}'..='\u{202E}').contains(&c));
    is_good.then(|| value.to_owned())
}

/// A commit in hex, short or whole (SHA-1 or SHA-256), in lower case.
fn commit(value: &str) -> Option<String> {
    let value = value.trim();
    let is_good = (7..=64).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_good.then(|| value.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Git {
        commit: &'static str,
        branch: &'static str,
        remote: &'static str,
    }

    impl GitAnswers for Git {
        fn commit(&self) -> Option<String> {
            Some(self.commit.to_owned())
        }
        fn branch(&self) -> Option<String> {
            Some(self.branch.to_owned())
        }
        fn remote(&self) -> Option<String> {
            Some(self.remote.to_owned())
        }
        fn is_signed(&self) -> Option<bool> {
            Some(true)
        }
    }

    const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";
    const GIT: Git =
        Git { commit: HEAD, branch: "main\n", remote: "https://kim:pw@git.example/acme/till.git" };

    fn from_git(variables: &[(&str, &str)]) -> Context {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Context::work_out(&variables, Some(&GIT), None)
    }

    #[test]
    fn git_alone_says_commit_branch_and_repository() {
        let context = from_git(&[]);
        let said: Vec<_> = context.values().map(|(key, known)| (key, known.value.as_str())).collect();
        assert_eq!(said, [("commit", HEAD), ("branch", "main"), ("repository", "acme/till")]);
        assert_eq!((context.ci, context.signed_commit), (None, Some(true)));
        assert_eq!(context.to_json()["signed_commit"], true);
    }

    #[test]
    fn git_adds_to_a_ci_run_only_what_is_of_the_same_commit() {
        let other = "ffffffffffffffffffffffffffffffffffffffff";
        let run = |commit| from_git(&[("GITHUB_ACTIONS", "true"), ("GITHUB_SHA", commit)]);
        let same = run(HEAD);
        assert_eq!(same.branch.map(|known| known.from), Some("git".to_owned()));
        assert_eq!(same.signed_commit, Some(true));
        let apart = run(other);
        assert_eq!(apart.commit, Some(Known::new(other, "GITHUB_SHA")));
        assert_eq!((apart.branch, apart.signed_commit), (None, None), "those are of another commit");
        assert_eq!(apart.repository.map(|known| known.value), Some("acme/till".to_owned()));
    }

    #[test]
    fn values_that_are_no_names_are_left_out() {
        for bad in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202E}b", &"x".repeat(VALUE_CHARS_MAX + 1)] {
            assert_eq!(text(bad), None, "{bad:?}");
        }
        for bad in ["HEAD", "012345", "0123456g", &"0".repeat(65)] {
            assert_eq!(commit(bad), None, "{bad:?}");
        }
        assert_eq!(commit(" ABCDEF0\n").as_deref(), Some("abcdef0"));
    }
}
