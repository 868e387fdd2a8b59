//! `POST /api/v1/hooks/github/{source}`: GitHub webhooks.

use super::intake::{receive, unpack};
use super::{Receipt, Transport, header_text, open_door, refused};
use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use ::ingest::signature::{SignatureError, verify_github};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde::Serialize;
use utoipa::ToSchema;

const SIGNATURE: &str = "x-hub-signature-256";
const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";
/// The id of the repository or organisation that the webhook belongs to: the stream.
const TARGET: &str = "x-github-hook-installation-target-id";

/// What GitHub is answered; it keeps the body for the webhook's owner to read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// To `ping`.
    Pong {
        /// True: the secret fits.
        pong: bool,
    },
    /// To everything else.
    Accepted(Receipt),
}

/// Receive a GitHub webhook
///
/// Checks `X-Hub-Signature-256` over the raw body with the source's secret. A delivery that was seen before
/// is accepted again and counted as a duplicate. `ping` is answered and not kept.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/github/{source}",
    tag = "doors",
    params(
        ("source" = String, Path, description = "A source of kind `github`"),
        ("x-hub-signature-256" = String, Header, description = "`sha256=` and the HMAC of the body, in hex"),
        ("x-github-event" = String, Header, description = "The event's name"),
        ("x-github-delivery" = String, Header, description = "The delivery's GUID"),
    ),
    request_body(content = serde_json::Value, description = "The payload as GitHub sends it"),
    responses(
        (status = 200, description = "The payload is durable, or this was a ping", body = Answer),
        (status = "4XX", description = "Nothing was accepted", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    accept(&app, &source, &headers, body).await.map(Json).map_err(refused(&app, "github"))
}

async fn accept(app: &App, source: &str, headers: &HeaderMap, body: Body) -> Result<Answer, Problem> {
    let door = open_door(app, source).await?;
    if door.kind != "github" {
        let detail = format!("source {} is of kind {}", door.name, door.kind);
        return Err(Problem::new(Code::SourceKind, detail));
    }
    let secret = door.secret.clone().ok_or_else(|| {
        let detail = format!("source {} has no secret that this server can read", door.name);
        Problem::new(Code::SourceSecretMissing, detail)
    })?;
    // before the body: nobody fills memory without at least trying to sign
    let signature = headers.get(SIGNATURE).ok_or(SignatureError::Missing)?;
    let (Some(event), Some(delivery)) = (header_text(headers, EVENT), header_text(headers, DELIVERY)) else {
        let detail = format!("{EVENT} or {DELIVERY} is missing");
        return Err(Problem::new(Code::DeliveryHeadersMissing, detail));
    };
    check_media_type(headers)?;
    let intake = receive(app, headers, body).await?;
    verify_github(&secret, Some(signature.as_bytes()), &intake.body)?;
    if event == "ping" {
        return Ok(Answer::Pong { pong: true });
    }
    let mut intake = unpack(app, headers, intake).await?;
    let transport = Transport {
        stream: header_text(headers, TARGET),
        event_type: Some(event),
        delivery_id: Some(delivery),
    };
    let record = [intake.body.clone()];
    Ok(Answer::Accepted(Receipt::of(app, &door, transport, &record, &mut intake.room).await?))
}

/// A webhook may be set to send forms instead; the payload would be hidden in a field.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    match header_text(headers, header::CONTENT_TYPE.as_str()) {
        Some(form) if form.starts_with("application/x-www-form-urlencoded") => {
            Err(Problem::new(Code::MediaTypeUnsupported, "the webhook sends forms"))
        }
        _ => Ok(()),
    }
}
