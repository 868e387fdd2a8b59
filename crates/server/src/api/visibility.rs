//! `/api/v1/incidents/{id}/visibility`

use super::incidents::etag;
use super::page::named;
use crate::code::Code;
use crate::extract::{As, Id, JsonBody, Who, if_match};
use crate::incident_guard::begin;
use crate::problem::Problem;
use crate::state::App;
use crate::view::IncidentView;
use access::Sight;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use model::{AuditRecord, IncidentId, Visibility};
use ports::store::StoreError;
use serde::Deserialize;
use utoipa::ToSchema;

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 4_096;

/// Who shall see an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisibilityBody {
    /// `everyone` who may read incidents, the `team` that it is about, or `restricted` to who has it.
    visibility: String,
    /// Why.
    reason: Option<String>,
}

/// Say who may see an incident
///
/// To all others it does not exist any more, its findings and comments neither. Send the ETag that was read as
/// `If-Match`. Whoever says `restricted` and does not have the incident loses sight of it too.
#[utoipa::path(
    put,
    path = "/api/v1/incidents/{id}/visibility",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = VisibilityBody,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentView),
        (status = "4XX", description = "Nothing was changed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn put(
    State(app): State<App>,
    asker: (As, Who),
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: body, .. }: JsonBody<VisibilityBody>,
) -> Result<Response, Problem> {
    let (As(admitted), Who(caller)) = asker;
    let version = if_match(&headers)?;
    let visibility = named(&body.visibility, "visibility", Visibility::from_name)?;
    if body.reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
        return Err(Problem::new(
            Code::RequestInvalid,
            format!("a reason has at most {REASON_BYTES_MAX} bytes"),
        ));
    }
    let mut unit = begin(&app, &admitted, id).await?;
    let before = unit.incidents().get(id).await?.ok_or_else(|| Problem::not_found("incident", id))?;
    let audit = AuditRecord {
        before: serde_json::json!({ "visibility": before.visibility }),
        after: serde_json::json!({ "visibility": visibility }),
        reason: body.reason,
        origin: caller.origin,
        request_id: caller.request_id,
        ..AuditRecord::new(&*app.clock, &*app.entropy, caller.principal, "incident.visibility", id)
    };
    let at_ms = audit.at_ms;
    let changed = unit.incidents().set_visibility(id, version, visibility, at_ms, &audit).await;
    if let Err(StoreError::Conflict { current }) = changed {
        let detail = format!("you saw version {version}, it is {current} now");
        let mut sight = Sight::of_unit(&mut *unit, &admitted.visible);
        let before = IncidentView::seen(before, &mut sight).await?;
        return Err(Problem::new(Code::Conflict, detail).with_current(&before));
    }
    let mut sight = Sight::of_unit(&mut *unit, &admitted.visible);
    let incident = IncidentView::seen(changed?, &mut sight).await?;
    unit.commit().await?;
    Ok((etag(incident.version), Json(incident)).into_response())
}
