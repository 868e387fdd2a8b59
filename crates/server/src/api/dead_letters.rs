//! `/api/v1/dead-letters`

use super::idempotency::{self, Key};
use super::page::{PageParams, PageView, named};
use crate::code::Code;
use crate::extract::{Params, Who};
use crate::problem::Problem;
use crate::state::App;
use crate::view::DeadLetterView;
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::{AuditRecord, Offset, Partition, Position, RawRecord, Topic};
use ports::LogError;
use ports::store::{DeadLetterFilter, DeadLetterRow, DeadLetterStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

/// Most bytes of a raw record's body that are shown.
const SHOWN_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterParams {
    /// `open`, `retried` or `resolved`.
    status: Option<String>,
    /// Of this source.
    source: Option<String>,
    /// With this code.
    code: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List dead letters
///
/// Records that were accepted but could not become events, the latest refused first.
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters",
    tag = "dead letters",
    params(DeadLetterParams),
    responses((status = 200, description = "A page of dead letters", body = PageView<DeadLetterView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<DeadLetterParams>,
) -> Result<Json<PageView<DeadLetterView>>, Problem> {
    let status = params.status.as_deref();
    let filter = DeadLetterFilter {
        status: status.map(|name| named(name, "status", DeadLetterStatus::from_name)).transpose()?,
        source: params.source,
        code: params.code,
    };
    let page = PageParams { limit: params.limit, after: params.after }.request()?;
    let found = app.store.read().await?.dead_letters().list(&filter, &page).await?;
    Ok(Json(PageView::of(found)))
}

/// The record as the source sent it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RawView {
    /// The source's name.
    source: String,
    /// The mapping that reads it.
    kind: String,
    /// The event's type where the transport named it.
    event_type: Option<String>,
    /// The transport's id of the delivery.
    delivery_id: Option<String>,
    /// When the door took it.
    received_at_ms: i64,
    /// The size of the whole body, in bytes.
    body_bytes: usize,
    /// The body's first bytes as text, where they are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body's first bytes in Base64, where they are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl RawView {
    fn of(record: &RawRecord<'_>) -> Self {
        let shown = &record.body[..record.body.len().min(SHOWN_BODY_BYTES_MAX)];
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            // cut in the middle of a character
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&shown[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        Self {
            source: record.source.to_owned(),
            kind: record.kind.to_owned(),
            event_type: record.event_type.map(str::to_owned),
            delivery_id: record.delivery_id.map(str::to_owned),
            received_at_ms: record.received_at_ms,
            body_bytes: record.body.len(),
            body: text.map(str::to_owned),
            body_base64: if text.is_none() { Some(STANDARD.encode(shown)) } else { None },
        }
    }
}

/// A dead letter with its raw record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterWithRaw {
    /// Why it is here.
    #[serde(flatten)]
    letter: DeadLetterView,
    /// What the source sent; absent once retention removed it.
    raw: Option<RawView>,
}

/// Read a dead letter
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters/{partition}/{offset}",
    tag = "dead letters",
    params(
        ("partition" = u32, Path, description = "Of the raw record's position"),
        ("offset" = u64, Path, description = "Of the raw record's position"),
    ),
    responses(
        (status = 200, description = "The dead letter", body = DeadLetterWithRaw),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(place): Path<(String, String)>,
) -> Result<Json<DeadLetterWithRaw>, Problem> {
    let row = find(&app, &place).await?;
    let bytes = raw_bytes(&app, row.letter.position).await?;
    let raw = bytes.as_ref().and_then(|bytes| RawRecord::decode(bytes).ok()).map(|raw| RawView::of(&raw));
    Ok(Json(DeadLetterWithRaw { letter: row.into(), raw }))
}

/// What driving a record again did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// Where the record stood.
    position: String,
    /// Where it stands again; refused once more, it is a dead letter there.
    driven_again_at: String,
    /// `retried`
    status: &'static str,
}

/// Drive a dead letter again
///
/// Puts the raw record on the log once more, for a mapping that was mended meanwhile. Only an open one: a
/// record without an id of its own would become a second event.
#[utoipa::path(
    post,
    path = "/api/v1/dead-letters/{partition}/{offset}/retry",
    tag = "dead letters",
    params(
        ("partition" = u32, Path, description = "Of the raw record's position"),
        ("offset" = u64, Path, description = "Of the raw record's position"),
        ("idempotency-key" = Option<String>, Header, description = "To send the request again safely"),
    ),
    responses(
        (status = 200, description = "The record is on the log again", body = Retried),
        (status = "4XX", description = "Nothing was done", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn retry(
    State(app): State<App>,
    Who(caller): Who,
    method: Method,
    OriginalUri(uri): OriginalUri,
    Path(place): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = Who(caller);
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), b""))?;
    let letter = find(&app, &place).await?.letter;
    let now_ms = app.clock.now_ms();
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    // asked inside the unit of work, so that of two requests at once one is refused
    let status = unit.dead_letters().get(letter.position).await?.map(|row| row.status);
    if let Some(status) = status.filter(|status| *status != DeadLetterStatus::Open) {
        let detail = format!("{} is {}, not open", letter.position, status.as_str());
        return Err(Problem::new(Code::DeadLetterNotOpen, detail));
    }
    let gone =
        || Problem::new(Code::RawRecordGone, format!("{} is not on the log any more", letter.position));
    let bytes = raw_bytes(&app, letter.position).await?.ok_or_else(gone)?;
    let driven = app.ingest.drive_again(letter.position.partition, &bytes).await?;
    let principal = who.0.principal.clone();
    let audit = AuditRecord {
        before: json!({ "code": letter.code, "reason": letter.reason }),
        after: json!({ "driven_again_at": driven }),
        origin: who.0.origin.clone(),
        request_id: who.0.request_id.clone(),
        ..AuditRecord::new(&*app.clock, &*app.entropy, principal, "dead_letter.retry", letter.position)
    };
    let retried = DeadLetterStatus::Retried;
    unit.dead_letters().set_status(letter.position, retried, now_ms, &audit).await?;
    let answer = Retried {
        position: letter.position.to_string(),
        driven_again_at: driven.to_string(),
        status: retried.as_str(),
    };
    idempotency::commit(unit, key.as_ref(), StatusCode::OK, &answer, now_ms).await
}

async fn find(app: &App, (partition, offset): &(String, String)) -> Result<DeadLetterRow, Problem> {
    let not_found = || Problem::not_found("dead letter", format!("raw/{partition}/{offset}"));
    let (Ok(partition), Ok(offset)) = (partition.parse(), offset.parse()) else { return Err(not_found()) };
    let position = Position::new(Topic::Raw, Partition(partition), Offset(offset));
    let found = app.store.read().await?.dead_letters().get(position).await?;
    found.ok_or_else(not_found)
}

/// The bytes on the log; `None` when retention removed them.
async fn raw_bytes(app: &App, at: Position) -> Result<Option<Bytes>, Problem> {
    match app.log.read(at.topic, at.partition, at.offset, 1).await {
        Ok(records) => Ok(records.get_shared(0)),
        Err(LogError::Trimmed { .. } | LogError::Ahead { .. } | LogError::NoSuchPartition { .. }) => Ok(None),
        Err(error) => {
            tracing::error!(%error, position = %at, "raw record not read");
            Err(Problem::new(Code::LogUnavailable, "the log cannot be read now"))
        }
    }
}
