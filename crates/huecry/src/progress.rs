//! How far uploads of files got, so that a run that was cut off goes on where it stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Most files that are remembered; the ones used least recently are not known, so any may go.
const FILES_MAX: usize = 10_000;

/// Records acknowledged, by server, source and file.
#[derive(Debug)]
pub(crate) struct Progress {
    path: PathBuf,
    acknowledged: BTreeMap<String, u64>,
}

impl Progress {
    /// What `path` remembers; nothing if it cannot be read, or is to be forgotten.
    pub(crate) fn load(path: &Path, forget: bool) -> Self {
        let text = if forget { None } else { std::fs::read(path).ok() };
        let acknowledged = text.and_then(|t| serde_json::from_slice(&t).ok()).unwrap_or_default();
        Self { path: path.to_owned(), acknowledged }
    }

    /// Names one upload; a file that was changed since is another.
    pub(crate) fn key(base: &str, source: &str, file: &Path) -> String {
        let metadata = std::fs::metadata(file).ok();
        let bytes = metadata.as_ref().map_or(0, std::fs::Metadata::len);
        let modified =
            metadata.and_then(|m| m.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let modified_ms = modified.map_or(0, |d| d.as_millis());
        let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        format!("{base} {source} {bytes} {modified_ms} {}", file.display())
    }

    /// How many records of it were acknowledged.
    pub(crate) fn of(&self, key: &str) -> u64 {
        self.acknowledged.get(key).copied().unwrap_or(0)
    }

    /// Remembers, at once on disk. A write that fails costs only that some records are sent again, which
    /// the pipeline recognises.
    pub(crate) fn set(&mut self, key: &str, records: u64) {
        if self.acknowledged.len() >= FILES_MAX && !self.acknowledged.contains_key(key) {
            self.acknowledged.pop_first();
        }
        self.acknowledged.insert(key.to_owned(), records);
        let Ok(text) = serde_json::to_vec(&self.acknowledged) else { return };
        let fresh = self.path.with_extension("new");
        if std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.path)).is_err() {
            tracing::debug!(path = %self.path.display(), "cannot remember how far the upload got");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_survives_the_run_and_a_changed_file_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (memory, file) = (folder.path().join("p.json"), folder.path().join("f.json"));
        std::fs::write(&file, "{}").unwrap();
        let key = Progress::key("http://h", "s", &file);
        Progress::load(&memory, false).set(&key, 7);
        assert_eq!(Progress::load(&memory, false).of(&key), 7);
        assert_eq!(Progress::load(&memory, true).of(&key), 0);
        std::fs::write(&file, "{}{}").unwrap();
        assert_ne!(Progress::key("http://h", "s", &file), key);
    }
}
