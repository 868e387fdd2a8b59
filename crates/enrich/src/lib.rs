//! What is known of an event beyond its record: whose service, where its address is, who started its process.
//!
//! The cast: [`Catalog`] (services and their owners, read from Backstage entities, `services.yaml` and
//! [`Codeowners`]), [`GeoDatabases`] (countries and autonomous systems), [`ProcessTree`] (who started whom, on
//! each host), [`Enricher`] (what is in force, exchanged while events run), [`Pass`] (one worker's buffers),
//! [`who`] (who owns a path, service or thing, and why), [`Fault`] (what is wrong with a file, and where).
//!
//! **Invariant:** an event is told what the catalogue says as of the event's time.
//!
//! **Invariant:** a bad file never takes away what was known: the state before it stays in force.
//!
//! **Invariant:** every value carries its source and since when that says so.

mod ancestry;
mod catalog;
mod codeowners;
mod error;
mod geo;
mod glob;
mod history;
pub mod limits;
mod load;
mod owners;
mod service;
mod telemetry;
mod value;
mod yaml;

pub use ancestry::{ProcessEvent, ProcessRef, ProcessTree};
pub use catalog::{
    CRITICALITIES, Catalog, CatalogBuilder, ClaimKind, Document, Found, Listed, Service, parse_time_ms,
};
pub use codeowners::{Claim, Codeowners, Dialect, first_with_owners};
pub use error::{Fault, FaultCode, GeoError};
pub use geo::{Address, GeoDatabase, GeoDatabases};
pub use history::History;
pub use load::{Loaded, RepositoryFile, Sources, is_codeowners};
pub use owners::{Answer, lint, who};
pub use service::{Enricher, Facts, Pass, State};
pub use telemetry::Telemetry;
pub use value::enrichments;
