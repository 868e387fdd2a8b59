//! What a reader sees.

use arrow::array::RecordBatch;
use std::path::PathBuf;
use std::sync::Arc;

/// One listed file. It stays readable as long as an `Arc` of it is held.
#[derive(Debug)]
pub struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Events in it.
    pub rows: u64,
    /// The region of all its events; `None` if it is of the first level and may hold several.
    pub region: Option<Arc<str>>,
    /// The class of all its events; `None` if it is of the first level and may hold several.
    pub class_uid: Option<u32>,
    /// Earliest and latest OCSF `time` in it, milliseconds since the epoch, both included.
    pub time_ms: (i64, i64),
}

/// The lake at one moment: each event once, in a file or in a fresh batch.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Listed files.
    pub files: Vec<Arc<DataFile>>,
    /// Events that are in no file yet, in the schema of [`file_schema`](crate::schema::file_schema).
    pub fresh: Vec<RecordBatch>,
}

/// Gives snapshots; what the query engine reads from.
pub trait Snapshots: Send + Sync {
    /// The lake now.
    fn snapshot(&self) -> Snapshot;
}
