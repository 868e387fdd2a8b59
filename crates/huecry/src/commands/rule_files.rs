//! The rule files that a verb works on: those that are named, else those that are configured.

use crate::config::RulesConfig;
use crate::content::{RuleFile, configured_rules, rules_under};
use crate::exit::{Exit, Failure};
use std::path::{Path, PathBuf};

/// Files under `paths`; without any, those of the configuration.
///
/// # Errors
/// [`Failure`] for a path that is not there, and where there is no document at all: a folder that moved must not pass
/// for one without faults.
pub(super) fn of(paths: &[PathBuf], config: &RulesConfig) -> Result<Vec<RuleFile>, Failure> {
    if !paths.is_empty() {
        return named(paths);
    }
    let files = configured(config)?;
    match files.iter().any(has_document) {
        true => Ok(files),
        false => Err(none("the folders that the configuration names")),
    }
}

/// Files under paths that somebody named.
///
/// # Errors
/// As [`of`].
pub(super) fn named(paths: &[PathBuf]) -> Result<Vec<RuleFile>, Failure> {
    must_be_there(paths)?;
    let files = rules_under(paths);
    match files.iter().any(has_document) {
        true => Ok(files),
        false => {
            let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            Err(none(&paths.join(", ")))
        }
    }
}

/// Files of a folder that may be empty, such as that of the rules before the first.
///
/// # Errors
/// [`Failure`] where it is not there.
pub(super) fn before(path: &Path) -> Result<Vec<RuleFile>, Failure> {
    let paths = [path.to_owned()];
    must_be_there(&paths)?;
    Ok(rules_under(&paths))
}

/// The configured files, of which there may be none.
///
/// # Errors
/// [`Failure`] for a configured path that is not there.
pub(super) fn configured(config: &RulesConfig) -> Result<Vec<RuleFile>, Failure> {
    for paths in [&config.dirs, &config.pipelines, &config.placeholders] {
        must_be_there(paths)?;
    }
    Ok(configured_rules(config))
}

fn must_be_there(paths: &[PathBuf]) -> Result<(), Failure> {
    let Some(missing) = paths.iter().find(|path| !path.exists()) else { return Ok(()) };
    Err(Failure::new(Exit::Usage, format!("{} is not there", missing.display()))
        .hint("name a folder of rules or a rule file, here or in `[rules]` of the configuration"))
}

fn none(place: &str) -> Failure {
    Failure::new(Exit::Usage, format!("there is no rule in {place}"))
        .hint("rules are read from files that end in .yml or .yaml")
}

/// A file that cannot be read counts: it is refused by name.
fn has_document(file: &RuleFile) -> bool {
    file.text.as_ref().map_or(true, |text| !sigma::parse_documents(text, &file.name).is_empty())
}
