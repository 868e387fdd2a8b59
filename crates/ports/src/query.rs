//! Questions to the lake, in read-only SQL.

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use model::{Position, RawRecord};
use std::pin::Pin;

/// On whose behalf a question is asked: what they may see. Built from a caller's scopes by the server, never
/// from a request's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Whether personal values are shown as they are; else they are masked, in filters and joins too, so that a
    /// question cannot find out by its conditions what its answer hides.
    pub personal: bool,
    /// The regions whose events exist for this reader; `None` is all.
    pub regions: Option<Vec<String>>,
    /// The sources whose events exist for this reader; `None` is all.
    pub sources: Option<Vec<String>>,
}

/// What the rows are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object: `columns`, `rows` (an array of arrays), `truncated`.
    Json,
    /// One JSON object a line, members named after the columns.
    Ndjson,
    /// RFC 4180, with a header line.
    Csv,
    /// One Parquet file.
    Parquet,
}

/// Bounds of one question; the lower of these and the configured ones counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most rows of the answer; more are cut off and said to be.
    pub rows_max: u64,
    /// Most time that it may take, in milliseconds.
    pub time_ms_max: u64,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One SELECT statement.
    pub sql: String,
    /// Values of its `$1`, `$2`, …: they are bound as values and can never become SQL.
    pub parameters: Vec<serde_json::Value>,
    /// What the answer is written as.
    pub format: Format,
    /// Its bounds.
    pub bounds: Bounds,
}

/// The bytes of an answer, as they are made.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, QueryError>> + Send>>;

/// Why a question was not answered.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// It is not SQL, or names what is not there. At the HTTP edge: 400.
    #[error("{0}")]
    Invalid(String),
    /// It is SQL that is not allowed: anything but one SELECT over the lake. 400.
    #[error("{0}")]
    Forbidden(String),
    /// It took longer than it may. 422.
    #[error("the query took longer than {time_ms_max} ms; narrow its time range, or ask for less")]
    TooSlow {
        /// The limit.
        time_ms_max: u64,
    },
    /// It needs more memory than it may have. 422.
    #[error("the query needs more than {bytes_max} bytes of memory; narrow its time range, or group by less")]
    TooMuchMemory {
        /// The limit.
        bytes_max: u64,
    },
    /// As many as may run are running. 429 with Retry-After.
    #[error("{running} queries are running, as many as may; try again in {retry_after_ms} ms")]
    TooMany {
        /// How many.
        running: u32,
        /// An estimate of when there is room.
        retry_after_ms: u64,
    },
    /// The lake's files could not be read. 500.
    #[error("{0}")]
    Failed(String),
}

/// Answers questions.
///
/// # The promise
///
/// - **Read-only by construction**: one statement, a SELECT over the lake's tables and views. No DDL, DML, COPY,
///   SET, or function that reads files or the network exists in the engine that runs it.
/// - **A reader sees what its [`Reader`] allows**, in rows (filters below everything the statement can say) and
///   in values (masking at the table, before any expression).
/// - **Bounded**: time, rows, memory and how many run at once, each with its own error. A question that is
///   dropped stops. Nothing of it runs on the threads that ingest or answer requests.
#[async_trait]
pub trait Query: Send + Sync {
    /// Runs one question. Errors that come before the first row are answered here, later ones in the stream.
    ///
    /// # Errors
    /// Any of [`QueryError`].
    async fn ask(&self, reader: &Reader, question: Question) -> Result<Chunks, QueryError>;
}

/// Computes from a kept record what is not kept. Implemented over the mappings that are loaded.
pub trait Derive: Send + Sync {
    /// Appends the OCSF event as JSON; false (and nothing appended) when it cannot be made.
    fn event(&self, record: &RawRecord<'_>, position: Position, out: &mut Vec<u8>) -> bool;

    /// Appends, as one JSON object, what of the record its mapping did not read; false when it cannot be said.
    fn unmapped(&self, record: &RawRecord<'_>, position: Position, out: &mut Vec<u8>) -> bool;
}
