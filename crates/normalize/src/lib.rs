//! Raw record to OCSF event, or the reason why not.
//!
//! A mapping is data (`content/mappings/*.yaml`), compiled once at load to a flat plan over field ids.
//! The cast: [`Normalizer`] (all mappings), [`Decoded`] (reusable buffers for records that come as text),
//! [`Output`] (reusable buffers that one event is written into),
//! [`EventSummary`] (what the next stages need to know of it), [`Refusal`] (why a record is a dead letter),
//! [`Schema`] (OCSF 1.8 as a table).
//!
//! **Invariant:** an event that [`Normalizer::normalize`] gives is valid by the schema. Values of a wrong
//! type are left out, an object without its required members is left out, and a class that lacks a
//! required attribute falls back to Base Event.
//!
//! **Invariant:** nothing is allocated per event once the buffers have grown.

mod audit_text;
mod compile;
mod error;
mod eval;
mod format;
mod inner;
mod language;
mod normalizer;
mod output;
mod plan;
mod promote;
mod schema;
mod sink;
mod time;
mod unmapped;
mod value;
mod yaml;

pub use audit_text::Decoded;
pub use error::{MappingError, Refusal, RefusalCode};
pub use normalizer::{EventSummary, Logsource, LogsourceId, Normalizer, builtin_mappings};
pub use output::{Output, RawData};
pub use schema::{Schema, UnknownAttribute, Violation};
