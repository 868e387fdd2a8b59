//! `POST /api/v1/ingest/{source}`: JSON of any of the usual shapes.

use super::intake::{cut, receive, unpack};
use super::{Receipt, STREAM_HEADER, Transport, header_text, open_door, refused};
use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use ::ingest::{Format, Kind, SplitError, declared_envelope, split};
use access::Grant;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use std::sync::Arc;

/// Where the records are, for a source whose kind does not say: keys from the outside in.
const RECORDS_HEADER: &str = "x-huecry-records";

/// Send records
///
/// Takes one object, an array, one object a line (`application/x-ndjson`), objects one after the other, or
/// the list answer of the source's vendor (`{"Records":[…]}` of CloudTrail files); as they are or packed
/// with gzip or zstd. Answers when every record is durable. A body is accepted whole or refused whole; a
/// record that is no good JSON is accepted and becomes a dead letter with the reason.
#[utoipa::path(
    post,
    path = "/api/v1/ingest/{source}",
    tag = "doors",
    params(
        ("source" = String, Path, description = "The source's name"),
        ("content-encoding" = Option<String>, Header, description = "`gzip` or `zstd`"),
        ("x-huecry-stream" = Option<String>, Header,
            description = "Account, repository or host of all records; those of one stream keep their order"),
        ("x-huecry-records" = Option<String>, Header,
            description = "Where the records are in a list answer, such as `items` or `data.events`"),
    ),
    request_body(description = "The records", content(
        (serde_json::Value = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "Every record is durable", body = Receipt),
        (status = "4XX", description = "Nothing was accepted", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "Send again later", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Path(source): Path<String>,
    Extension(grant): Extension<Arc<Grant>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Receipt>, Problem> {
    accept(&app, &source, &grant, &headers, body).await.map(Json).map_err(refused(&app, "ingest"))
}

async fn accept(
    app: &App,
    source: &str,
    grant: &Grant,
    headers: &HeaderMap,
    body: Body,
) -> Result<Receipt, Problem> {
    let door = open_door(app, source).await?;
    grant.may_send_as(&door.name)?;
    let mut intake = unpack(app, headers, receive(app, headers, body).await?).await?;
    let format = header_text(headers, header::CONTENT_TYPE.as_str());
    let format = format.map_or(Format::Auto, Format::of_content_type);
    let declared = header_text(headers, RECORDS_HEADER).map(str::to_owned);
    let kind = Kind::of(&door.kind);
    let records = cut(intake.body.clone(), move |body| records(body, format, kind, declared.as_deref()));
    let records = records.await??;
    let transport = Transport { stream: header_text(headers, STREAM_HEADER), ..Transport::default() };
    Ok(Receipt::of(app, &door, transport, &records, &mut intake.room).await?)
}

fn records(body: &Bytes, format: Format, kind: &Kind, declared: Option<&str>) -> Result<Vec<Bytes>, Problem> {
    let found = match declared {
        Some(path) => {
            let path = declared_envelope(path).ok_or_else(|| {
                Problem::new(Code::EnvelopeInvalid, format!("{path:?} is no path of up to 4 keys"))
            })?;
            split(body, format, &[&path])
        }
        None => split(body, format, kind.envelopes),
    };
    let share = |records: Vec<&[u8]>| records.into_iter().map(|record| body.slice_ref(record)).collect();
    found.map(share).map_err(|error: SplitError| error.into())
}
