//! `/api/v1/hooks/okta/{source}`: Okta event hooks, their one-time verification and their events.

use super::intake::{cut, receive, unpack};
use super::{Receipt, Transport, header_text, open_door, refused};
use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use ::ingest::signature::verify_shared;
use ::ingest::{Format, Kind, SplitError, split};
use access::SourceDoor;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

const CHALLENGE: &str = "x-okta-verification-challenge";

/// What Okta's verification request is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verification {
    /// The challenge that came with the request.
    verification: String,
}

/// Verify an Okta event hook
///
/// Okta asks once, when the hook is set up; the challenge is answered to whoever has the source's secret.
#[utoipa::path(
    get,
    path = "/api/v1/hooks/okta/{source}",
    tag = "doors",
    params(
        ("source" = String, Path, description = "A source of kind `okta`"),
        ("x-okta-verification-challenge" = String, Header, description = "What Okta wants to read back"),
        ("authorization" = String, Header, description = "The source's secret, as set in the event hook"),
    ),
    responses(
        (status = 200, description = "The challenge", body = Verification),
        (status = "4XX", description = "Not verified", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(source): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Verification>, Problem> {
    let answer = async {
        authenticate(&app, &source, &headers).await?;
        let challenge = header_text(&headers, CHALLENGE).map(str::to_owned);
        let verification = challenge
            .ok_or_else(|| Problem::new(Code::ChallengeMissing, format!("there is no {CHALLENGE} header")))?;
        Ok(Json(Verification { verification }))
    };
    answer.await.map_err(refused(&app, "okta"))
}

/// Receive an Okta event hook
///
/// Each event of `data.events` is a record. Okta delivers at least once: an event whose `uuid` was seen
/// before is counted as a duplicate.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/okta/{source}",
    tag = "doors",
    params(
        ("source" = String, Path, description = "A source of kind `okta`"),
        ("authorization" = String, Header, description = "The source's secret, as set in the event hook"),
    ),
    request_body(content = serde_json::Value, description = "The events as Okta sends them"),
    responses(
        (status = 200, description = "Every event is durable", body = Receipt),
        (status = "4XX", description = "Nothing was accepted", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Receipt>, Problem> {
    accept(&app, &source, &headers, body).await.map(Json).map_err(refused(&app, "okta"))
}

async fn accept(app: &App, source: &str, headers: &HeaderMap, body: Body) -> Result<Receipt, Problem> {
    let door = authenticate(app, source, headers).await?;
    let mut intake = unpack(app, headers, receive(app, headers, body).await?).await?;
    let records = cut(intake.body.clone(), |body: &Bytes| {
        let found = split(body, Format::Auto, Kind::of("okta").envelopes)?;
        Ok::<Vec<Bytes>, SplitError>(found.into_iter().map(|record| body.slice_ref(record)).collect())
    });
    let records = records.await??;
    Ok(Receipt::of(app, &door, Transport::default(), &records, &mut intake.room).await?)
}

async fn authenticate(app: &App, source: &str, headers: &HeaderMap) -> Result<Arc<SourceDoor>, Problem> {
    let door = open_door(app, source).await?;
    if door.kind != "okta" {
        let detail = format!("source {} is of kind {}", door.name, door.kind);
        return Err(Problem::new(Code::SourceKind, detail));
    }
    let secret = door.secret.clone().ok_or_else(|| {
        let detail = format!("source {} has no secret that this server can read", door.name);
        Problem::new(Code::SourceSecretMissing, detail)
    })?;
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    verify_shared(&secret, given)?;
    Ok(door)
}
