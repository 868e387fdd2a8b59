//! Where the lake is, and its limits.

use std::path::PathBuf;

/// Most files that one merge reads at once; each costs a few MiB of memory.
pub const MERGE_FAN_IN_MAX: usize = 32;

/// Most files of their own, one for each day and class, that one merge of the first level makes. Events of the
/// rarest days beyond go into the file `day=sparse` of their class, so that a source that sends any time it
/// likes cannot make a file of each event.
pub const MERGE_GROUPS_MAX: usize = 64;

/// An event may claim to be so much later than it was received before its file counts as of the day after
/// its receipt, in milliseconds; else a wrong clock could escape retention.
pub const FUTURE_MS_MAX: i64 = 86_400_000;

/// Events of an import that are looked up and written at a time.
pub const IMPORT_ROWS_AT_ONCE: usize = 65_536;

/// How the lake is kept. The defaults were measured (docs/adr/0013).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The lake's folder; made if it is not there.
    pub dir: PathBuf,
    /// So many bytes of waiting events are written to a file, in memory's form: about 1.3 of the records' own.
    pub flush_bytes: usize,
    /// Events wait no longer for a file, in milliseconds. (They are visible at once.) What waited is read from
    /// the log again after a crash.
    pub flush_age_ms_max: i64,
    /// With so many bytes waiting, a commit writes them itself, or answers `Behind` while another does.
    pub waiting_bytes_max: usize,
    /// So many files of the first level are merged into files by day and class.
    pub first_level_files: usize,
    /// Files of the first level stay there no longer, in milliseconds.
    pub first_level_age_ms_max: i64,
    /// So many small files of one day and class, of about one size, are merged into one.
    pub merge_files: usize,
    /// A day and class that got nothing for so long, in milliseconds, is merged to as few files as can be.
    pub cold_age_ms: i64,
    /// A file is closed at this size.
    pub file_bytes_target: u64,
    /// Rows of a row group.
    pub row_group_rows_max: usize,
    /// The manifest is written anew when it has so many rows more than four for each file.
    pub manifest_rows_spare: u64,
}

impl Options {
    /// The defaults, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            flush_bytes: 32 * 1024 * 1024,
            flush_age_ms_max: 30_000,
            waiting_bytes_max: 96 * 1024 * 1024,
            first_level_files: 16,
            first_level_age_ms_max: 600_000,
            merge_files: 8,
            cold_age_ms: 3_600_000,
            file_bytes_target: 64 * 1024 * 1024,
            row_group_rows_max: 65_536,
            manifest_rows_spare: 1_000,
        }
    }
}
