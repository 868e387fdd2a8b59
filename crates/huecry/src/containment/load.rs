//! Connectors and playbooks: those that come with the program, and those of the operator.

use crate::content;
use crate::exit::{Exit, Failure};
use respond::calls;
use respond::connector::{self, Connector};
use respond::playbook::{self, Gravity};
use server::KnownPlaybook;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The endings of connectors.
pub(crate) const CONNECTOR_ENDINGS: [&str; 2] = ["yaml", "yml"];
/// The endings of playbooks.
pub(crate) const PLAYBOOK_ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// The playbooks that there are.
pub(crate) struct Loaded {
    /// Those that are begun, by name.
    pub(crate) current: Vec<KnownPlaybook>,
    /// Every version of each by when it was made, also those that another one has replaced: one playbook may call a
    /// version of another.
    pub(crate) versions: BTreeMap<(String, i64), Arc<str>>,
}

fn bad(file: &str, reason: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, format!("{file}: {reason}"))
}

/// The files of a folder with one of these endings, in the order of their names: what they are called, and their texts.
pub(crate) fn files(dir: &Path, endings: &[&str]) -> Result<Vec<(String, String)>, Failure> {
    let named = |error: &dyn std::fmt::Display| bad(&dir.display().to_string(), error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| named(&error))? {
        let path = entry.map_err(|error| named(&error))?.path();
        let fits = path.extension().is_some_and(|end| endings.iter().any(|known| end == *known));
        paths.extend((fits && path.is_file()).then_some(path));
    }
    paths.sort();
    let one = |path: std::path::PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| bad(&name, &error))?;
        Ok((name, text))
    };
    paths.into_iter().map(one).collect()
}

/// Every connector, by name.
///
/// # Errors
/// [`Failure`] with the file and what is wrong with it.
pub(crate) fn connectors(dir: Option<&Path>) -> Result<Vec<Arc<Connector>>, Failure> {
    let mut known: BTreeMap<String, Arc<Connector>> = BTreeMap::new();
    let own = dir.map(|dir| files(dir, &CONNECTOR_ENDINGS)).transpose()?.unwrap_or_default();
    let mut names = BTreeMap::new();
    for (is_own, (file, text)) in content::connectors()
        .into_iter()
        .map(|file| (false, file))
        .chain(own.into_iter().map(|file| (true, file)))
    {
        let read = connector::read(&text).map_err(|error| bad(&file, &error))?;
        let name = read.connector.clone();
        if is_own && let Some(other) = names.insert(name.clone(), file.clone()) {
            return Err(bad(&file, &format!("the connector {name} is in {other} already")));
        }
        known.insert(name, Arc::new(read));
    }
    Ok(known.into_values().collect())
}

/// Every playbook.
///
/// # Errors
/// [`Failure`] with the file and everything that is wrong with it.
pub(crate) fn playbooks(dir: Option<&Path>, connectors: &[Arc<Connector>]) -> Result<Loaded, Failure> {
    let connectors: Vec<Connector> = connectors.iter().map(|connector| (**connector).clone()).collect();
    let own = dir.map(|dir| files(dir, &PLAYBOOK_ENDINGS)).transpose()?.unwrap_or_default();
    let mut current: BTreeMap<String, (bool, KnownPlaybook)> = BTreeMap::new();
    let mut versions = BTreeMap::new();
    for (is_own, (file, text)) in content::playbooks()
        .into_iter()
        .map(|file| (false, file))
        .chain(own.into_iter().map(|file| (true, file)))
    {
        let known = playbook(&file, text, &connectors)?;
        let (id, modified_at_ms) = (known.playbook.id.to_string(), known.playbook.modified_at_ms);
        versions.insert((id.clone(), modified_at_ms), Arc::clone(&known.text));
        // the operator's counts before the shipped one, and of several the newest
        let is_older = current.get(&id).is_some_and(|(was_own, other)| {
            *was_own == is_own && other.playbook.modified_at_ms > modified_at_ms
        });
        if !is_older {
            current.insert(id, (is_own, known));
        }
    }
    let mut current: Vec<_> = current.into_values().map(|(_, known)| known).collect();
    current.sort_by(|a, b| a.playbook.name.cmp(&b.playbook.name));
    Ok(Loaded { current, versions })
}

fn playbook(file: &str, text: String, connectors: &[Connector]) -> Result<KnownPlaybook, Failure> {
    let (playbook, _) = playbook::read(&text).map_err(|refused| bad(file, &refused))?;
    let wrong: Vec<String> = calls::check(&playbook, connectors)
        .iter()
        .filter(|complaint| complaint.gravity == Gravity::Error)
        .map(ToString::to_string)
        .collect();
    if !wrong.is_empty() {
        let hint = "`huecry playbook check` says everything about it";
        return Err(bad(file, &wrong.join("; ")).hint(hint));
    }
    Ok(KnownPlaybook { playbook, text: text.into() })
}
