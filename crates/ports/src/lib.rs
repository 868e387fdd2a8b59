//! Small capability traits, each with one conformance suite that every backend runs

pub mod blobs;
pub use blobs::{BlobError, Blobs};
pub mod lake;
pub use lake::{Lake, LakeError, LakeRow, LakeWriter};
pub mod log;
pub use log::{Log, LogError, RecordBatch, Records};
pub mod mail;
pub use mail::{Mail, MailAddress, MailError, Mailer};
pub mod mask;
pub use mask::{Mask, MaskRefused, Masked};
pub mod query;
pub use query::{Query, QueryError};
pub mod store;
pub use store::{Snapshot, Store, StoreError, UnitOfWork};
pub mod tiles;
pub use tiles::TileStore;
