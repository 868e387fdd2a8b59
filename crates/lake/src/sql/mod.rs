//! Questions in read-only SQL, run by DataFusion, which is used nowhere else.
//!
//! | part | does |
//! |---|---|
//! | [`SqlEngine`] | runs questions on threads of its own: how many at once, how long, with how much memory |
//! | `check`, `plan` | what may be asked |
//! | `catalog`, `table` | `events` and a view of each class, over one snapshot |
//! | `shape`, `mask` | the fence: what a reader may not see is gone above it |
//! | `files` | reads the files of the snapshot, and counts what it reads |
//! | `stop` | makes a plan stop in time |
//! | `functions`, `json` | the closed list of functions |
//! | `answer` | rows as bytes |
//!
//! **Invariant:** no expression of a question is evaluated on a personal value or a row that its reader may not
//! see. Between the store and the question stands one operator that takes no filters from above.
//!
//! **Invariant:** a question reads the files of its snapshot and nothing else. No storage is registered by URL.

mod answer;
mod catalog;
mod check;
mod columns;
mod engine;
mod error;
mod files;
mod functions;
mod json;
mod mask;
mod plan;
mod prune;
mod session;
mod shape;
mod stop;
mod table;
mod telemetry;

pub use check::{
    NESTING_MAX, OPERATORS_MAX, PARAMETER_BYTES_MAX, PARAMETERS_MAX, SQL_BYTES_MAX, TABLES_MAX, TOKENS_MAX,
};
pub use engine::{Options, SqlEngine};
pub use functions::TEXT_BYTES_MAX;
pub use mask::{MASK_KEY_BYTES, Masker};
pub use plan::{COLUMNS_MAX, CONSTANT_BYTES_MAX, PATTERN_BYTES_MAX, TEXT_CALLS_MAX};
pub use telemetry::{OutcomeLabels, Telemetry};

/// An OCSF class, which has a view of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// `class_uid`.
    pub uid: u32,
    /// The name of its view, such as `api_activity`.
    pub name: String,
    /// What `class_name` says, such as `API Activity`.
    pub caption: String,
}
