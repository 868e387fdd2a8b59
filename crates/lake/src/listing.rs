//! What the manifest says: which files there are, and up to where each partition of `[raw]` is in them.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of the manifest that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// One listed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRow {
    /// Never used twice.
    pub(crate) number: u64,
    /// Below the lake's folder.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Of the whole file, hexadecimal.
    pub(crate) sha256: String,
    pub(crate) region: String,
    /// `None` for a file of the first level.
    pub(crate) class_uid: Option<u32>,
    /// `None` for a file of the first level or of many days.
    pub(crate) day: Option<String>,
    /// Earliest and latest OCSF `time`.
    pub(crate) time_ms: (i64, i64),
    /// Latest moment that retention counts from.
    pub(crate) latest_ms: i64,
    /// When it was written.
    pub(crate) written_ms: i64,
}

/// So far is a partition of `[raw]` in listed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    pub(crate) partition: u32,
    pub(crate) from: u64,
    pub(crate) next: u64,
}

/// One row of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Change {
    /// The first row: what held when this manifest was begun, but for the files, which follow.
    Begin { version: u32, next_number: u64, positions: Vec<Feed>, imports: Vec<String> },
    /// Events came from the log.
    Add { feeds: Vec<Feed>, files: Vec<FileRow> },
    /// Events came from an export with this hash.
    Import { sha256: String, files: Vec<FileRow> },
    /// The same events in other files.
    Replace { old: Vec<u64>, files: Vec<FileRow> },
    /// Events got too old.
    Expire { old: Vec<u64> },
}

impl Change {
    /// The files that it lists.
    pub(crate) fn files(&self) -> &[FileRow] {
        match self {
            Self::Add { files, .. } | Self::Import { files, .. } | Self::Replace { files, .. } => files,
            Self::Begin { .. } | Self::Expire { .. } => &[],
        }
    }
}

/// All that holds after some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) positions: BTreeMap<u32, u64>,
    pub(crate) files: BTreeMap<u64, Arc<FileRow>>,
    pub(crate) imports: BTreeSet<String>,
    /// Numbers from here on were never used by a listed file.
    pub(crate) next_number: u64,
}

impl Listing {
    /// The rows that say all this anew.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Change> {
        const FILES_A_ROW: usize = 64;
        let positions = self.positions.iter();
        let begin = Change::Begin {
            version: VERSION,
            next_number: self.next_number,
            positions: positions.map(|(&partition, &next)| Feed { partition, from: 0, next }).collect(),
            imports: self.imports.iter().cloned().collect(),
        };
        let files: Vec<FileRow> = self.files.values().map(|row| FileRow::clone(row)).collect();
        let parts: Vec<Vec<FileRow>> = files.chunks(FILES_A_ROW).map(<[_]>::to_vec).collect();
        std::iter::once(begin).chain(parts.into_iter().map(|files| Change::Add { feeds: Vec::new(), files }))
    }

    /// Says why a row cannot follow, if so.
    pub(crate) fn check(&self, change: &Change) -> Result<(), String> {
        for row in change.files() {
            if self.files.contains_key(&row.number) {
                return Err(format!("file {} is listed twice", row.number));
            }
        }
        match change {
            Change::Begin { version, .. } if *version != VERSION => {
                Err(format!("it is of version {version}, this program reads {VERSION}"))
            }
            Change::Begin { .. } | Change::Import { .. } => Ok(()),
            Change::Add { feeds, .. } => feeds.iter().try_for_each(|feed| {
                let position = self.positions.get(&feed.partition).copied().unwrap_or_default();
                if feed.from == position && feed.next >= feed.from {
                    return Ok(());
                }
                Err(format!("partition {} goes on at {} and was at {position}", feed.partition, feed.from))
            }),
            Change::Replace { old, files } => {
                let before = self.events(old)?;
                let after: u64 = files.iter().map(|row| row.rows).sum();
                if before == after {
                    return Ok(());
                }
                Err(format!("{before} events were merged into {after}"))
            }
            Change::Expire { old } => self.events(old).map(drop),
        }
    }

    /// Events in listed files.
    fn events(&self, numbers: &[u64]) -> Result<u64, String> {
        numbers.iter().try_fold(0, |sum, number| {
            let row = self.files.get(number).ok_or_else(|| format!("file {number} is not listed"))?;
            Ok(sum + row.rows)
        })
    }

    /// Applies a row that was checked.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Begin { next_number, positions, imports, .. } => {
                *self = Self { next_number, imports: imports.into_iter().collect(), ..Self::default() };
                self.positions = positions.iter().map(|feed| (feed.partition, feed.next)).collect();
            }
            Change::Add { feeds, files } => {
                self.positions.extend(feeds.iter().map(|feed| (feed.partition, feed.next)));
                self.list(files);
            }
            Change::Import { sha256, files } => {
                self.imports.insert(sha256);
                self.list(files);
            }
            Change::Replace { old, files } => {
                self.files.retain(|number, _| !old.contains(number));
                self.list(files);
            }
            Change::Expire { old } => self.files.retain(|number, _| !old.contains(number)),
        }
    }

    fn list(&mut self, files: Vec<FileRow>) {
        for row in files {
            self.next_number = self.next_number.max(row.number + 1);
            self.files.insert(row.number, Arc::new(row));
        }
    }
}
