//! Whether files of rules changed: by names, sizes and times, so that looking costs little.

use crate::config::RulesConfig;
use crate::content::{RuleFile, configured_rules, is_wanted};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Deepest folder that is looked at.
const FOLDER_DEPTH_MAX: usize = 32;
/// Tries until files hold still.
const TRIES_MAX: usize = 50;
/// Pause between two tries.
const TRY_PAUSE: Duration = Duration::from_millis(100);

/// What files looked like.
pub(super) type Fingerprint = [u8; 32];

/// Names, sizes and times of all files of rules under `paths`.
pub(super) fn fingerprint(paths: &[PathBuf]) -> Fingerprint {
    let mut hash = Sha256::new();
    for path in paths {
        add(path, 0, &mut hash);
    }
    hash.finalize().into()
}

fn add(path: &Path, depth: usize, hash: &mut Sha256) {
    let name = path.as_os_str().as_encoded_bytes();
    hash.update((name.len() as u64).to_be_bytes());
    hash.update(name);
    let Ok(found) = std::fs::metadata(path) else {
        hash.update(b"unreadable");
        return;
    };
    if !found.is_dir() {
        let modified = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        hash.update(found.len().to_be_bytes());
        hash.update(modified.map_or(0, |since| since.as_nanos()).to_be_bytes());
        return;
    }
    if depth > FOLDER_DEPTH_MAX {
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return };
    let mut below: Vec<_> = entries.flatten().filter(is_wanted).map(|entry| entry.path()).collect();
    below.sort_unstable();
    for path in below {
        add(&path, depth + 1, hash);
    }
}

/// What is looked at for changes: rules, and what acts on them.
pub(super) fn watched(config: &RulesConfig) -> Vec<PathBuf> {
    [&config.dirs, &config.pipelines, &config.placeholders].into_iter().flatten().cloned().collect()
}

/// The configured rules, read while their files held still: a checkout that is going on is waited for.
pub(super) fn read_still(config: &RulesConfig) -> Option<(Vec<RuleFile>, Fingerprint)> {
    let paths = watched(config);
    for _ in 0..TRIES_MAX {
        let before = fingerprint(&paths);
        if !paths.iter().any(|folder| super::git::is_busy(folder)) {
            let files = configured_rules(config);
            if fingerprint(&paths) == before {
                return Some((files, before));
            }
        }
        std::thread::sleep(TRY_PAUSE);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_change_of_a_rule_is_seen_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("sub/.git")).unwrap();
        let look = || fingerprint(&[folder.path().to_owned(), at("named.txt")]);
        let mut seen = vec![look()];
        for (name, text) in [("a.yml", "1"), ("a.yml", "12"), ("sub/b.yaml", "x"), ("named.txt", "a")] {
            fs::write(at(name), text).unwrap();
            assert!(!seen.contains(&look()), "{name} {text}");
            seen.push(look());
        }
        fs::write(at("notes.md"), "n").unwrap();
        fs::write(at("sub/.git/x.yml"), "n").unwrap();
        assert_eq!(Some(&look()), seen.last());
        fs::remove_file(at("a.yml")).unwrap();
        assert!(!seen.contains(&look()));
    }

    #[test]
    fn files_are_read_when_git_is_done() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join("a.yml"), "title: A").unwrap();
        let config =
            RulesConfig { builtin: false, dirs: vec![folder.path().to_owned()], ..RulesConfig::default() };
        let lock = folder.path().join(".git/index.lock");
        fs::write(&lock, "").unwrap();
        let unlocked = std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_still(&config));
            std::thread::sleep(TRY_PAUSE * 2);
            let early = reader.is_finished();
            fs::remove_file(&lock).unwrap();
            (early, reader.join().unwrap())
        });
        assert!(!unlocked.0, "it was read while git was writing");
        assert_eq!(unlocked.1.unwrap().0.len(), 1);
    }

    #[test]
    fn what_acts_on_rules_is_looked_at_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        ["rules", "pipelines"].iter().for_each(|name| fs::create_dir(at(name)).unwrap());
        let config = RulesConfig {
            dirs: vec![at("rules")],
            pipelines: vec![at("pipelines")],
            placeholders: vec![at("admins.yml")],
            ..RulesConfig::default()
        };
        let mut seen = vec![fingerprint(&watched(&config))];
        for name in ["rules/a.yml", "pipelines/p.yml", "admins.yml"] {
            fs::write(at(name), "x").unwrap();
            assert!(!seen.contains(&fingerprint(&watched(&config))), "{name}");
            seen.push(fingerprint(&watched(&config)));
        }
        assert_eq!(read_still(&config).unwrap().1, seen[3]);
    }
}
