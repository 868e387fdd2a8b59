//! Every event as Parquet, kept for years, asked in SQL.
//!
//! | part | what it is |
//! |---|---|
//! | [`schema`] | the columns of a file |
//! | [`snapshot`] | what a reader sees: listed files and fresh batches |
//! | [`sql`] | questions in SQL over a snapshot |
//! | [`FileLake`] | the embedded lake: [`ports::Lake`] over a folder of Parquet files |
//! | [`Options`] | where it is, and its limits |
//! | [`verify`] | whether what is listed is there, byte for byte |
//!
//! An event's way: a writer builds Arrow columns of it (`columns`); committed batches wait, visible
//! (`waiting`, `state`); `flush` writes them to one file of the first level for each region; `merge` moves them
//! into files by day and class, and small files into larger ones (`plan` says which); `retain` takes out what
//! is too old. What the lake is, the `manifest` says, and nothing else.
//!
//! **Invariant:** a row of the manifest is written after its files are durable; a file that no row lists is
//! garbage.
//!
//! **Invariant:** an event is in one listed file or one waiting batch, never in none and never in two.
//!
//! **Invariant:** no file holds events of two regions.

mod columns;
mod conform;
mod error;
mod file_lake;
mod flush;
mod layout;
mod listing;
mod manifest;
mod merge;
pub mod options;
mod order;
mod parquet_file;
mod plan;
mod properties;
mod retain;
mod rows;
mod scan;
pub mod schema;
pub mod snapshot;
pub mod sql;
mod state;
mod transfer;
mod verify;
mod waiting;
mod writer;

pub use file_lake::FileLake;
pub use options::Options;
pub use scan::StoredRecord;
pub use snapshot::{DataFile, Snapshot, Snapshots};
pub use transfer::{Filter, Imported};
pub use verify::{Damage, Verified, verify};
