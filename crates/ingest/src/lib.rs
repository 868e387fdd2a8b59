//! Stage 1: accept bytes from sources, authenticate and bound them, put them on the log.
//!
//! | part | does |
//! |---|---|
//! | [`mod@decompress`] | unpacks a body under caps |
//! | [`mod@split`], [`audit_lines`] | cuts a body into records, bytes untouched |
//! | [`hec`], [`hec_ack`] | Splunk's format and acknowledgement |
//! | [`signature`] | GitHub's HMAC, Okta's shared secret |
//! | [`Service`] | appends, and answers when durable |
//!
//! **Invariant:** a body is accepted whole or refused whole, and a record is never judged here: what
//! is acknowledged is on the log byte for byte, and *accepted = stored + dead-lettered + duplicates*.
//!
//! **Invariant:** all requests together hold at most [`Options::in_flight_bytes_max`] bytes.

pub mod audit_lines;
pub mod decompress;
mod error;
pub mod hec;
pub mod hec_ack;
mod json;
mod kind;
pub mod limits;
mod service;
pub mod signature;
pub mod split;
mod telemetry;

pub use decompress::{DecompressError, Encoding, decompress};
pub use error::IngestError;
pub use kind::{KINDS, Kind, declared_envelope};
pub use service::{Accepted, Delivery, Options, Room, Service};
pub use split::{EnvelopePath, Format, SplitError, ends_inside_object, is_whole_object, split};
pub use telemetry::{RefusedLabels, SourceLabels, Telemetry};
