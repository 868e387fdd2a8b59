//! `/api/v1/incidents/{id}/merge`, `/unmerge`, `/split`: which findings are one case, as people say.

use super::idempotency::{self, Key};
use super::incidents::refused;
use super::links::incident_id;
use crate::code::Code;
use crate::extract::{As, Id, JsonBody, Who, if_match};
use crate::incident_guard::{begin, check_in};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::view::IncidentView;
use access::{Admitted, Caller, Sight};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use model::{FindingId, IncidentId};
use ports::{StoreError, UnitOfWork};
use serde::{Deserialize, Serialize};
use triage::{Actor, REASON_BYTES_MAX, Regrouped};
use utoipa::ToSchema;

/// Two incidents after findings moved between them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegroupedView {
    /// The one in the path.
    incident: IncidentView,
    /// The other one: what it was merged into, what gave it back, or what was split off.
    other: IncidentView,
    /// How many findings moved.
    findings: u64,
}

impl RegroupedView {
    async fn seen(regrouped: Regrouped, sight: &mut Sight<'_>) -> Result<Self, StoreError> {
        let Regrouped { incident, other, findings } = regrouped;
        let incident = IncidentView::seen(incident, sight).await?;
        Ok(Self { incident, other: IncidentView::seen(other, sight).await?, findings })
    }
}

/// Who acts, and why.
pub(crate) fn actor(caller: Caller, reason: Option<String>) -> Result<Actor, Problem> {
    let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
        let detail = format!("a reason has at most {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    Ok(Actor { principal: caller.principal, reason, origin: caller.origin, request_id: caller.request_id })
}

/// A request that moves findings, up to what it does.
struct Moving<'a> {
    app: &'a App,
    admitted: &'a Admitted,
    key: Option<Key>,
    id: IncidentId,
    /// The version that was seen, where one was given.
    seen: Option<u64>,
}

impl Moving<'_> {
    /// Opens the unit of work, or gives the answer that the same request got before.
    async fn begin(&self) -> Result<Result<Box<dyn UnitOfWork>, Response>, Problem> {
        let mut unit = begin(self.app, self.admitted, self.id).await?;
        if let Some(key) = &self.key
            && let Some(answered) = key.answered(&mut *unit, self.app.clock.now_ms()).await?
        {
            return Ok(Err(answered));
        }
        Ok(Ok(unit))
    }

    async fn end(
        &self,
        mut unit: Box<dyn UnitOfWork>,
        status: StatusCode,
        moved: Result<Regrouped, triage::Error>,
    ) -> Result<Response, Problem> {
        match moved {
            Ok(moved) => {
                let mut sight = Sight::of_unit(&mut *unit, &self.admitted.visible);
                let (view, now_ms) = (RegroupedView::seen(moved, &mut sight).await?, self.app.clock.now_ms());
                idempotency::commit(unit, self.key.as_ref(), status, &view, now_ms).await
            }
            Err(error) => {
                let what = (self.id, self.seen.unwrap_or_default());
                Err(refused(&mut *unit, self.admitted, what, error).await)
            }
        }
    }
}

/// Into what to merge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMerge {
    /// The incident that takes this one over, `inc_…`
    into: String,
    /// The version of this incident that was seen; instead of `If-Match`.
    version: Option<u64>,
    /// Why; it is kept in the audit records.
    reason: Option<String>,
}

/// Merge an incident into another
///
/// Its findings go there, and so do later ones about the same entity. It can be taken back.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/merge",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, unless the body says it"),
        ("idempotency-key" = Option<String>, Header, description = "To send the request again safely"),
    ),
    request_body = NewMerge,
    responses(
        (status = 200, description = "Both incidents as they are now", body = RegroupedView),
        (status = 409, description = "Someone else was faster", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was merged", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn merge(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: new, bytes }: JsonBody<NewMerge>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let version = match new.version {
        Some(version) => version,
        None => if_match(&headers)?,
    };
    let (into, actor) = (incident_id(&new.into)?, actor(who.0, new.reason)?);
    let moving = Moving { app: &app, admitted: &admitted, key, id, seen: Some(version) };
    let mut unit = match moving.begin().await? {
        Ok(unit) => unit,
        Err(answered) => return Ok(answered),
    };
    check_in(&mut *unit, &admitted, into, true).await?;
    let moved = app.desk.merge_in(&mut *unit, &actor, (id, version), into).await;
    moving.end(unit, StatusCode::OK, moved).await
}

/// What was seen of what is given back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUnmerge {
    /// The version of this incident that was seen; whatever it is now, if not said.
    version: Option<u64>,
    /// Why; it is kept in the audit records.
    reason: Option<String>,
}

/// Take a merge back
///
/// The incident gets what it held when it was merged, save what was split off since, and what came since about its
/// own entity, unless both are about the same. Merges by machines are taken back, too, and not made again.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/unmerge",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("idempotency-key" = Option<String>, Header, description = "To send the request again safely"),
    ),
    request_body = NewUnmerge,
    responses(
        (status = 200, description = "Both incidents as they are now", body = RegroupedView),
        (status = "4XX", description = "Nothing was given back", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn unmerge(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: new, bytes }: JsonBody<NewUnmerge>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let actor = actor(who.0, new.reason)?;
    let moving = Moving { app: &app, admitted: &admitted, key, id, seen: new.version };
    let mut unit = match moving.begin().await? {
        Ok(unit) => unit,
        Err(answered) => return Ok(answered),
    };
    let merged = unit.incidents().get(id).await?;
    if let Some(into) = merged.and_then(|incident| incident.merged_into) {
        let survivor = unit.moves().survivor(into).await?;
        let checked = check_in(&mut *unit, &admitted, survivor, true).await;
        // its id is not the asker's to know, nor whether it is there
        let hidden =
            |_| Problem::new(Code::NotPermitted, "you may not change what this incident was merged into");
        checked.map_err(hidden)?;
    }
    let moved = app.desk.unmerge_in(&mut *unit, &actor, id, new.version).await;
    moving.end(unit, StatusCode::OK, moved).await
}

/// What to split off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSplit {
    /// The ids of findings of this incident: 1 to 500, and not all of them.
    findings: Vec<String>,
    /// What to call the new incident; after its gravest finding, if not said.
    title: Option<String>,
    /// The version of this incident that was seen; whatever it is now, if not said.
    version: Option<u64>,
    /// Why; it is kept in the audit records.
    reason: Option<String>,
}

/// Split findings off
///
/// Into a new incident. No machine puts them together again. Merging the new incident back takes the split back.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/split",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("idempotency-key" = Option<String>, Header, description = "To send the request again safely"),
    ),
    request_body = NewSplit,
    responses(
        (status = 201, description = "Both incidents as they are now", body = RegroupedView),
        (status = "4XX", description = "Nothing was split off", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn split(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: new, bytes }: JsonBody<NewSplit>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let actor = actor(who.0, new.reason)?;
    let parse = |id: &String| id.parse::<FindingId>().map_err(|_| Problem::not_found("finding", id));
    let findings = new.findings.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let moving = Moving { app: &app, admitted: &admitted, key, id, seen: new.version };
    let mut unit = match moving.begin().await? {
        Ok(unit) => unit,
        Err(answered) => return Ok(answered),
    };
    let what = (findings.as_slice(), new.title.as_deref());
    let moved = app.desk.split_in(&mut *unit, &actor, (id, new.version), what).await;
    moving.end(unit, StatusCode::CREATED, moved).await
}
