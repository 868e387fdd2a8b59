//! The rules that come with the program, and rules in folders.

use crate::config::RulesConfig;
use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};

/// Deepest folder of rules.
const FOLDER_DEPTH_MAX: usize = 32;

#[derive(RustEmbed)]
#[folder = "../../content/rules"]
#[include = "*.yml"]
struct Builtin;

#[derive(RustEmbed)]
#[folder = "../../content/connectors"]
#[include = "*.yaml"]
struct Connectors;

/// The connectors that come with the program: names of files, and their texts.
pub fn connectors() -> Vec<(String, String)> {
    let file = |path: std::borrow::Cow<'static, str>| {
        let data = Connectors::get(&path)?.data;
        Some((format!("builtin:{path}"), String::from_utf8_lossy(&data).into_owned()))
    };
    Connectors::iter().filter_map(file).collect()
}

#[derive(RustEmbed)]
#[folder = "../../content/playbooks"]
#[include = "*.yaml"]
struct Playbooks;

/// The playbooks that come with the program: names of files, and their texts.
pub fn playbooks() -> Vec<(String, String)> {
    let file = |path: std::borrow::Cow<'static, str>| {
        let data = Playbooks::get(&path)?.data;
        Some((format!("builtin:{path}"), String::from_utf8_lossy(&data).into_owned()))
    };
    // what is below are scenarios that they are tried with
    Playbooks::iter().filter(|path| !path.contains('/')).filter_map(file).collect()
}

/// A rule file: its name for messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// The path, or `builtin:…`.
    pub name: String,
    /// Its text, or why it cannot be read.
    pub text: Result<String, String>,
}

/// The built-in rules.
pub fn builtin_rules() -> Vec<RuleFile> {
    let file = |path: std::borrow::Cow<'static, str>| {
        let data = Builtin::get(&path)?.data;
        let text = String::from_utf8(data.into_owned()).map_err(|e| e.to_string());
        Some(RuleFile { name: format!("builtin:{path}"), text })
    };
    Builtin::iter().filter_map(file).collect()
}

/// Every `.yml` and `.yaml` file under `paths`, in whatever case, folders walked in the order of names. A path that cannot be
/// read is in the answer too, with the reason.
pub fn rules_under(paths: &[PathBuf]) -> Vec<RuleFile> {
    let mut found = Vec::new();
    for path in paths {
        walk(path, 0, &mut found);
    }
    found
}

/// Whether an entry of a folder of rules is read: a rule file, also by a link, as volumes of Kubernetes have them; or
/// a folder. Links to folders are not followed, since they may lead around in circles.
pub(crate) fn is_wanted(entry: &std::fs::DirEntry) -> bool {
    let path = entry.path();
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => entry.file_name() != ".git",
        Ok(_) => is_yaml(&path) && !path.is_dir(),
        Err(_) => false,
    }
}

fn walk(path: &Path, depth: usize, found: &mut Vec<RuleFile>) {
    let name = path.display().to_string();
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        found.push(RuleFile { name, text });
        return;
    }
    if depth > FOLDER_DEPTH_MAX {
        let text = Err(format!("folders nest deeper than {FOLDER_DEPTH_MAX}"));
        found.push(RuleFile { name, text });
        return;
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten(),
        Err(error) => {
            found.push(RuleFile { name, text: Err(error.to_string()) });
            return;
        }
    };
    let mut below: Vec<PathBuf> = entries.filter(is_wanted).map(|entry| entry.path()).collect();
    below.sort_unstable();
    for path in below {
        walk(&path, depth + 1, found);
    }
}

/// Whether a file is one of rules by its name. In whatever case: a file that is left alone for its name is not missed.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"))
}

/// The rules that the configuration asks for, with the pipelines and placeholders that act on them.
pub fn configured_rules(config: &RulesConfig) -> Vec<RuleFile> {
    let mut files = if config.builtin { builtin_rules() } else { Vec::new() };
    for paths in [&config.dirs, &config.pipelines, &config.placeholders] {
        files.extend(rules_under(paths));
    }
    files
}
