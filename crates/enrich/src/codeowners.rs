//! CODEOWNERS: who answers for a path of a repository.
//!
//! Two dialects, which read the same line differently:
//!
//! | | GitHub ("About code owners") | GitLab ("Code Owners", syntax reference) |
//! |---|---|---|
//! | `docs/x` | from the root | anywhere |
//! | `docs` | a file, or a folder with all in it | a file |
//! | `docs/` | a folder with all in it | the same |
//! | `docs/*` | the files in it, not below | the same |
//! | `!x`, `[a-z]` | not supported: the line is skipped, as GitHub does | `!x` takes paths out of the section |
//! | `[Section]` | not supported | `[S]`, `^[S]`, `[S][2]`, default owners |
//! | a bad owner | the line is skipped | the owner is skipped |
//!
//! In both, the last line that matches decides (in GitLab: within each section), `**` stands for folders, and
//! a line without owners says that nobody owns the path.

mod line;
mod pattern;

use crate::error::{Fault, FaultCode};
use crate::limits::{FILE_BYTES_MAX, PATH_BYTES_MAX, RULES_PER_FILE_MAX};
use line::Line;
use pattern::Pattern;
use serde::{Deserialize, Serialize};

/// Whose reading of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// GitLab if the file has a section or lies in `.gitlab`, else GitHub.
    #[default]
    Auto,
    /// GitHub's, which Gitea and Bitbucket's plug-ins follow.
    Github,
    /// GitLab's.
    Gitlab,
}

#[derive(Debug, Clone)]
struct Rule {
    line: u32,
    text: String,
    pattern: Pattern,
    owners: Vec<String>,
    takes_out: bool,
}

#[derive(Debug, Clone)]
struct Section {
    name: Option<String>,
    optional: bool,
    default_owners: Vec<String>,
    rules: Vec<Rule>,
}

/// One file, compiled.
#[derive(Debug, Clone)]
pub struct Codeowners {
    file: String,
    dialect: Dialect,
    sections: Vec<Section>,
}

/// Who owns a path, and which line says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The file.
    pub file: &'a str,
    /// Its line.
    pub line: u32,
    /// The pattern as it stands there.
    pub pattern: &'a str,
    /// GitLab's section.
    pub section: Option<&'a str>,
    /// Whether the section is optional: its owners may approve but need not.
    pub optional: bool,
    /// The owners; none where the line takes the path from everybody.
    pub owners: &'a [String],
}

impl Codeowners {
    /// Reads a file's text. What cannot be read is in the faults and is skipped, as the forges do.
    pub fn parse(file: &str, text: &str, dialect: Dialect) -> (Self, Vec<Fault>) {
        let dialect = match dialect {
            Dialect::Auto if in_gitlab(file) || text.lines().any(line::is_section) => Dialect::Gitlab,
            Dialect::Auto => Dialect::Github,
            told => told,
        };
        let first = Section { name: None, optional: false, default_owners: Vec::new(), rules: Vec::new() };
        let mut codeowners = Self { file: file.to_owned(), dialect, sections: vec![first] };
        let mut faults = Vec::new();
        if text.len() as u64 > FILE_BYTES_MAX {
            let reason = format!("larger than {FILE_BYTES_MAX} bytes; split the repository's rules");
            faults.push(Fault::new(file, 1, FaultCode::TooLarge, reason));
            return (codeowners, faults);
        }
        let (mut current, mut rules) = (0, 0);
        for (number, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let fault = |(code, reason): (FaultCode, String)| Fault::new(file, number, code, reason);
            let (line, troubles) = Line::parse(text, dialect);
            faults.extend(troubles.into_iter().map(fault));
            match line {
                Line::Nothing => {}
                Line::Section { name, optional, owners } => {
                    current = codeowners.section(name, optional, owners);
                }
                Line::Rule { text, pattern, owners, takes_out } => {
                    rules += 1;
                    if rules > RULES_PER_FILE_MAX {
                        let reason = format!("more than {RULES_PER_FILE_MAX} rules; the rest is not read");
                        faults.push(fault((FaultCode::TooLarge, reason)));
                        break;
                    }
                    let rule = Rule { line: number, text, pattern, owners, takes_out };
                    codeowners.sections[current].rules.push(rule);
                }
            }
        }
        faults.extend(codeowners.shadowed());
        (codeowners, faults)
    }

    /// The index of the section of that name (GitLab joins those that differ in case only).
    fn section(&mut self, name: String, optional: bool, default_owners: Vec<String>) -> usize {
        let same = |section: &Section| {
            section.name.as_deref().is_some_and(|other| other.to_lowercase() == name.to_lowercase())
        };
        if let Some(at) = self.sections.iter().position(same) {
            if self.sections[at].default_owners.is_empty() {
                self.sections[at].default_owners = default_owners;
            }
            return at;
        }
        self.sections.push(Section { name: Some(name), optional, default_owners, rules: Vec::new() });
        self.sections.len() - 1
    }

    /// Lines that a later line of the same section always overrides.
    fn shadowed(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for section in &self.sections {
            let everything = section.rules.iter().rposition(|rule| rule.pattern.is_everything());
            for rule in &section.rules[..everything.unwrap_or(0)] {
                let by = everything.and_then(|at| section.rules.get(at)).map_or(0, |rule| rule.line);
                let reason =
                    format!("`{}` never decides: `*` in line {by} comes later and matches all", rule.text);
                faults.push(Fault::new(&self.file, rule.line, FaultCode::Shadowed, reason));
            }
        }
        faults
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whose reading it is: [`Dialect::Github`] or [`Dialect::Gitlab`].
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many lines claim something.
    pub fn rules(&self) -> usize {
        self.sections.iter().map(|section| section.rules.len()).sum()
    }

    /// Who owns `path` (from the repository's root, with or without a slash before it): one claim a section
    /// at most. No claim: no line matches. A path longer than [`PATH_BYTES_MAX`] is nobody's.
    pub fn claims(&self, path: &str) -> Vec<Claim<'_>> {
        let path = path.trim_start_matches("./").trim_start_matches('/');
        if path.is_empty() || path.len() > PATH_BYTES_MAX {
            return Vec::new();
        }
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        self.sections.iter().filter_map(|section| self.claim_of(section, &segments)).collect()
    }

    fn claim_of<'a>(&'a self, section: &'a Section, path: &[&str]) -> Option<Claim<'a>> {
        let mut matching = section.rules.iter().rev().filter(|rule| rule.pattern.matches(path));
        let last = matching.next()?;
        // what was taken out stays out, whatever follows (GitLab, "Exclude files from Code Owner sections")
        if last.takes_out || matching.any(|rule| rule.takes_out) {
            return None;
        }
        Some(self.claim(section, last))
    }

    fn claim<'a>(&'a self, section: &'a Section, rule: &'a Rule) -> Claim<'a> {
        let owners = if rule.owners.is_empty() { &section.default_owners } else { &rule.owners };
        Claim {
            file: &self.file,
            line: rule.line,
            pattern: &rule.text,
            section: section.name.as_deref(),
            optional: section.optional,
            owners,
        }
    }

    /// The claim on the repository as a whole: that of a path that no line but a catch-all knows.
    pub fn default_claim(&self) -> Option<Claim<'_>> {
        let claims = self.sections.iter().filter_map(|section| {
            let rule = section.rules.iter().rev().find(|rule| rule.pattern.is_everything())?;
            (!rule.takes_out).then(|| self.claim(section, rule))
        });
        first_with_owners(claims)
    }
}

/// The claim that counts where one owner is wanted: the first that must approve, else the first.
pub fn first_with_owners<'a>(claims: impl Iterator<Item = Claim<'a>>) -> Option<Claim<'a>> {
    claims.filter(|claim| !claim.owners.is_empty()).min_by_key(|claim| claim.optional)
}

fn in_gitlab(file: &str) -> bool {
    file.rsplit('/').nth(1) == Some(".gitlab")
}
