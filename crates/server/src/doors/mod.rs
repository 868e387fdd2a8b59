//! The doors of stage 1 over HTTP. Every door: authenticate, receive within bounds, unpack, cut, append,
//! and answer only when all is durable.

pub(crate) mod github;
pub(crate) mod hec;
pub(crate) mod ingest;
mod intake;
pub(crate) mod okta;

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use ::ingest::{Delivery, Room};
use access::SourceDoor;
use axum::http::HeaderMap;
use bytes::Bytes;
use model::SourceName;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The stream within a source that all records of a request belong to; records of one stream keep their
/// order.
const STREAM_HEADER: &str = "x-huecry-stream";

/// What a door answers when all records of a request are durable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// Records that are durable on the log now. Each becomes an event, a dead letter or a counted duplicate.
    accepted: usize,
    /// Their bytes, unpacked.
    bytes: usize,
}

/// The open door of the source of that name.
async fn open_door(app: &App, name: &str) -> Result<Arc<SourceDoor>, Problem> {
    let not_found = || Problem::new(Code::SourceNotFound, format!("there is no source {name:?}"));
    let name = SourceName::new(name).map_err(|_| not_found())?;
    let door = app.directory.source(&name).await?.ok_or_else(not_found)?;
    if !door.enabled {
        return Err(Problem::new(Code::SourceDisabled, format!("the doors of source {name} are closed")));
    }
    Ok(door)
}

/// A header as text; `None` when absent, empty or not ASCII.
fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

impl Receipt {
    /// Appends `records` of `door` and waits until they are durable.
    async fn of(
        app: &App,
        door: &SourceDoor,
        transport: Transport<'_>,
        records: &[Bytes],
        room: &mut Room,
    ) -> Result<Self, ::ingest::IngestError> {
        let delivery = Delivery {
            source: &door.name,
            kind: &door.kind,
            region: &door.region,
            stream: transport.stream,
            event_type: transport.event_type,
            delivery_id: transport.delivery_id,
        };
        let accepted = app.ingest.accept(&delivery, records, room).await?;
        Ok(Self { accepted: accepted.records, bytes: accepted.bytes })
    }
}

/// What a request says about its records outside the body.
#[derive(Debug, Clone, Copy, Default)]
struct Transport<'t> {
    stream: Option<&'t str>,
    event_type: Option<&'t str>,
    delivery_id: Option<&'t str>,
}

/// Counts a refusal of a door and passes it on.
fn refused(app: &App, door: &'static str) -> impl FnOnce(Problem) -> Problem {
    let telemetry = app.ingest.telemetry().clone();
    move |problem| {
        telemetry.refused(door, problem.code.as_str());
        problem
    }
}
