//! `/api/v1/audit`: who did what.

use super::idempotency::{self, Key};
use super::page::{PageParams, PageView};
use crate::code::Code;
use crate::extract::{As, Id, JsonBody, Params, Who};
use crate::problem::Problem;
use crate::state::App;
use crate::view::{AuditPlaceView, AuditView};
use access::Sight;
use audit::pack::PACK_ACTION;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use model::{AuditField, AuditId, AuditRecord};
use ports::store::AuditFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// About this object, such as an incident's id or `source:NAME`.
    object: Option<String>,
    /// By this person or part, by name.
    principal: Option<String>,
    /// Of this action, such as `incident.close`.
    action: Option<String>,
    /// Not before this time, milliseconds since the epoch.
    since_ms: Option<i64>,
    /// Before this time, milliseconds since the epoch.
    until_ms: Option<i64>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Read who did what
///
/// The newest first; all that is asked for must fit. Values about incidents that do not exist for the asker are withheld
/// (`withheld`), and nothing is found by them.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "administration",
    params(AuditParams),
    responses((status = 200, description = "A page of records", body = PageView<AuditView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    As(admitted): As,
    Params(params): Params<AuditParams>,
) -> Result<Json<PageView<AuditView>>, Problem> {
    let filter = AuditFilter {
        object: params.object,
        principal: params.principal,
        action: params.action,
        since_ms: params.since_ms,
        until_ms: params.until_ms,
    };
    let page = PageParams { limit: params.limit, after: params.after }.request()?;
    let mut snapshot = app.store.read().await?;
    let found = Sight::of_snapshot(&mut *snapshot, &admitted.visible).list(&filter, &page).await?;
    Ok(Json(PageView::of(found)))
}

/// Read one record and its place in the log
#[utoipa::path(
    get,
    path = "/api/v1/audit/{id}",
    tag = "administration",
    params(("id" = String, Path, description = "The record's id (`aud_…`)")),
    responses(
        (status = 200, description = "The record", body = AuditPlaceView),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    As(admitted): As,
    Id(id): Id<AuditId>,
) -> Result<Json<AuditPlaceView>, Problem> {
    let mut view = app.store.read().await?;
    let (record, stored) = (view.audit().get(id).await?, view.audit().entry(id).await?);
    let (record, stored) = record.zip(stored).ok_or_else(|| Problem::not_found("audit record", id))?;
    let seen = Sight::of_snapshot(&mut *view, &admitted.visible).record(record).await?;
    Ok(Json(AuditPlaceView::of(seen, &stored)))
}

/// Values to erase.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erasure {
    /// Which: `principal`, `object`, `before`, `after`, `reason`, `origin`, `request_id`.
    fields: Vec<String>,
    /// Why, such as the number of the request to be forgotten.
    reason: String,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erased {
    /// How many values; 0 where all were gone already.
    erased: u32,
}

/// Erase values of a record
///
/// Values and their salts are dropped for good; no proof breaks. The erasure is a record itself. Doing it again
/// changes nothing. Of a record whose values are withheld from the asker nothing is erased.
#[utoipa::path(
    post,
    path = "/api/v1/audit/{id}/erase",
    tag = "administration",
    params(("id" = String, Path, description = "The record's id (`aud_…`)")),
    request_body = Erasure,
    responses(
        (status = 200, description = "They are gone", body = Erased),
        (status = "4XX", description = "Nothing was erased", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn erase(
    State(app): State<App>,
    asker: (As, Who),
    Id(record): Id<AuditId>,
    JsonBody { value: erasure, .. }: JsonBody<Erasure>,
) -> Result<Json<Erased>, Problem> {
    let (As(admitted), Who(caller)) = asker;
    let mut snapshot = app.store.read().await?;
    if let Some(found) = snapshot.audit().get(record).await? {
        let seen = Sight::of_snapshot(&mut *snapshot, &admitted.visible).record(found).await?;
        if !seen.withheld.is_empty() {
            let detail = "values of this record are withheld from you, so you cannot erase them";
            return Err(Problem::new(Code::NotPermitted, detail));
        }
    }
    drop(snapshot);
    let field = |name: &String| super::page::named(name, "value of an audit record", AuditField::from_name);
    let request = audit::ErasureRequest {
        principal: caller.principal,
        record,
        fields: erasure.fields.iter().map(field).collect::<Result<_, _>>()?,
        reason: erasure.reason,
        origin: caller.origin,
        request_id: caller.request_id,
    };
    Ok(Json(Erased { erased: app.eraser.erase(&request).await? }))
}

/// Longest name of an object that a pack is about, in bytes.
const OBJECT_BYTES_MAX: usize = 256;

/// An evidence pack that is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPack {
    /// What it is about, such as an incident's id.
    object: String,
    /// SHA-256 of its list of attachments (`pack.json`), 64 hex digits.
    list_sha256: String,
    /// For whom or what.
    reason: Option<String>,
}

/// The record of an evidence pack.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedPack {
    /// `aud_…`
    record: String,
}

/// Record an evidence pack
///
/// Names the list of attachments in the log, so that the signature covers them too. `huecry audit pack` does it.
#[utoipa::path(
    post,
    path = "/api/v1/audit/packs",
    tag = "administration",
    params(("idempotency-key" = Option<String>, Header, description = "Sent again, it is recorded once")),
    request_body = NewPack,
    responses(
        (status = 201, description = "It is recorded", body = RecordedPack),
        (status = "4XX", description = "Nothing was recorded", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn pack(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    JsonBody { value: pack, bytes }: JsonBody<NewPack>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let is_hex = pack.list_sha256.len() == 64
        && pack.list_sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hex || pack.object.is_empty() || pack.object.len() > OBJECT_BYTES_MAX {
        let detail =
            format!("a pack has an object of 1 to {OBJECT_BYTES_MAX} bytes and a SHA-256 in lower-case hex");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let now_ms = app.clock.now_ms();
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    if !Sight::of_unit(&mut *unit, &admitted.visible).sees_object(&pack.object).await? {
        return Err(Problem::not_found("object", &pack.object));
    }
    let (clock, entropy) = (&*app.clock, &*app.entropy);
    let record = AuditRecord {
        after: serde_json::json!({ "list_sha256": pack.list_sha256 }),
        reason: pack.reason,
        origin: who.0.origin,
        request_id: who.0.request_id,
        ..AuditRecord::new(clock, entropy, who.0.principal, PACK_ACTION, pack.object)
    };
    unit.audit().add(&record).await?;
    let answer = RecordedPack { record: record.id.to_string() };
    idempotency::commit(unit, key.as_ref(), StatusCode::CREATED, &answer, now_ms).await
}
