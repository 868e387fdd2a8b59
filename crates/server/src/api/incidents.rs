//! `/api/v1/incidents`

use super::idempotency::{self, Key};
use super::links::{self, LinkView};
use super::page::{PageParams, PageView, named};
use crate::code::Code;
use crate::extract::{As, Id, JsonBody, Params, Who, if_match};
use crate::incident_guard::{begin, may};
use crate::problem::Problem;
use crate::state::App;
use crate::view::{AuditView, CommentView, FindingView, IncidentView};
use access::{Admitted, Sight};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{IncidentId, Severity, Status, Verdict};
use ports::UnitOfWork;
use ports::store::{AuditFilter, IncidentEdit, PageRequest, StoreError};
use serde::{Deserialize, Deserializer, Serialize};
use triage::{CommentRequest, DecisionError, EditRequest};
use utoipa::ToSchema;

/// How many findings, comments and records of its history come with an incident; the rest is in pages.
const SHOWN_WITH_INCIDENT_MAX: u32 = 50;

/// An incident with the beginnings of what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeIncident {
    /// The incident.
    incident: IncidentView,
    /// Its first findings by event time; more under `/findings`.
    findings: PageView<FindingView>,
    /// Its first comments; more under `/comments`.
    comments: PageView<CommentView>,
    /// Who did what to it, the newest first; more under `/history`.
    history: PageView<AuditView>,
    /// What people said that it has to do with.
    links: Vec<LinkView>,
    /// The incidents that were merged into it; each can be given back.
    merged: Vec<IncidentView>,
}

/// Read an incident
///
/// With its first findings, comments and changes. `ETag` is the version to change it by.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`")),
    responses(
        (status = 200, description = "The incident", body = WholeIncident),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    As(admitted): As,
    Id(id): Id<IncidentId>,
) -> Result<Response, Problem> {
    let page = PageRequest::first(SHOWN_WITH_INCIDENT_MAX);
    let mut snapshot = app.store.read().await?;
    let incident = snapshot.incidents().get(id).await?;
    let incident = incident.ok_or_else(|| Problem::not_found("incident", id))?;
    let titles = snapshot.incidents().rule_titles(&incident.rules).await?;
    let version = incident.version;
    let findings = PageView::of(snapshot.findings().of_incident(id, &page).await?);
    let comments = PageView::of(snapshot.comments().of_incident(id, &page).await?);
    let links = links::of(&mut *snapshot, &admitted, id).await?;
    let absorbed = snapshot.moves().merged_into(id).await?;
    let filter = AuditFilter { object: Some(id.to_string()), ..AuditFilter::default() };
    let mut sight = Sight::of_snapshot(&mut *snapshot, &admitted.visible);
    let mut merged = Vec::new();
    for absorbed in absorbed.into_iter().filter(|absorbed| may(&admitted, absorbed, false).is_ok()) {
        merged.push(IncidentView::seen(absorbed, &mut sight).await?);
    }
    let whole = WholeIncident {
        incident: IncidentView::with_why(incident, &titles, &mut sight).await?,
        findings,
        comments,
        history: PageView::of(sight.list(&filter, &page).await?),
        links,
        merged,
    };
    Ok((etag(version), Json(whole)).into_response())
}

/// Reads a field that may be absent, `null` or a value.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A decision; what is not said stays, `null` takes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// `new`, `in_progress`, `on_hold`, `resolved` or `closed`.
    pub(crate) status: Option<String>,
    /// Who has it; `null` for nobody.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) assignee: Option<Option<String>>,
    /// What counts instead of the machine's severity; `null` for the machine's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) severity: Option<Option<String>>,
    /// What it turned out to be: `true_positive`, `false_positive`, `benign`, `duplicate`, `test`, …
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) verdict: Option<Option<String>>,
    /// Why; needed for another severity and for opening again.
    pub(crate) reason: Option<String>,
}

impl Decision {
    pub(crate) fn edit(&self) -> Result<IncidentEdit, Problem> {
        fn nullable<T>(
            field: &Option<Option<String>>,
            what: &'static str,
            read: impl Fn(&str) -> Option<T>,
        ) -> Result<Option<Option<T>>, Problem> {
            let value =
                |name: &Option<String>| name.as_deref().map(|name| named(name, what, &read)).transpose();
            field.as_ref().map(value).transpose()
        }
        let status = self.status.as_deref();
        Ok(IncidentEdit {
            status: status.map(|name| named(name, "status", Status::from_name)).transpose()?,
            assignee: self.assignee.clone(),
            severity_override: nullable(&self.severity, "severity", Severity::from_name)?,
            verdict: nullable(&self.verdict, "verdict", Verdict::from_name)?,
        })
    }
}

/// Decide on an incident
///
/// Status, assignee, severity, verdict, in any mix. Send the ETag that was read as `If-Match`: if someone
/// else was faster the answer is 409 with the incident as it is now and what was changed by whom, and nothing is
/// changed. An incident that is resolved or closed is opened again by going to `in_progress`, with a reason.
#[utoipa::path(
    patch,
    path = "/api/v1/incidents/{id}",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
        ("idempotency-key" = Option<String>, Header, description = "To send the request again safely"),
    ),
    request_body = Decision,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentView),
        (status = 409, description = "Someone else was faster; `current` shows the incident as it is now, `other` who changed what",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: decision, bytes }: JsonBody<Decision>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let request = EditRequest {
        incident: id,
        version: if_match(&headers)?,
        edit: decision.edit()?,
        reason: decision.reason,
        principal: who.0.principal,
        origin: who.0.origin,
        request_id: who.0.request_id,
    };
    let now_ms = app.clock.now_ms();
    let mut unit = begin(&app, &admitted, id).await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    let edited = app.desk.edit_in(&mut *unit, &request).await;
    let incident = match edited {
        Ok(incident) => {
            let mut sight = Sight::of_unit(&mut *unit, &admitted.visible);
            IncidentView::seen(incident, &mut sight).await?
        }
        Err(error) => return Err(refused(&mut *unit, &admitted, (id, request.version), error).await),
    };
    let version = incident.version;
    let answer = idempotency::commit(unit, key.as_ref(), StatusCode::OK, &incident, now_ms).await?;
    Ok((etag(version), answer).into_response())
}

/// List an incident's findings
///
/// By event time.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/findings",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`"), PageParams),
    responses((status = 200, description = "A page of findings", body = PageView<FindingView>)),
)]
pub(crate) async fn findings(
    State(app): State<App>,
    Id(id): Id<IncidentId>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<FindingView>>, Problem> {
    let page = page.request()?;
    Ok(Json(PageView::of(app.store.read().await?.findings().of_incident(id, &page).await?)))
}

/// List an incident's comments
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/comments",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`"), PageParams),
    responses((status = 200, description = "A page of comments", body = PageView<CommentView>)),
)]
pub(crate) async fn comments(
    State(app): State<App>,
    Id(id): Id<IncidentId>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<CommentView>>, Problem> {
    let page = page.request()?;
    Ok(Json(PageView::of(app.store.read().await?.comments().of_incident(id, &page).await?)))
}

/// Words on an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewComment {
    /// Markdown.
    text: String,
}

/// Comment on an incident
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/comments",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("idempotency-key" = Option<String>, Header, description = "To send the request again safely"),
    ),
    request_body = NewComment,
    responses(
        (status = 201, description = "The comment", body = CommentView),
        (status = "4XX", description = "Nothing was said", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn comment(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: new, bytes }: JsonBody<NewComment>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let Who(caller) = who;
    let (principal, origin, request_id) = (caller.principal, caller.origin, caller.request_id);
    let request = CommentRequest { principal, incident: id, text: new.text, origin, request_id };
    let now_ms = app.clock.now_ms();
    let mut unit = begin(&app, &admitted, id).await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    let comment: CommentView = match app.desk.comment_in(&mut *unit, &request).await {
        Ok(comment) => comment.into(),
        Err(error) => return Err(refused(&mut *unit, &admitted, (id, 0), error).await),
    };
    idempotency::commit(unit, key.as_ref(), StatusCode::CREATED, &comment, now_ms).await
}

/// Read an incident's history
///
/// Who did what to it, the newest first. What names an incident that does not exist for the asker is withheld.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/history",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`"), PageParams),
    responses((status = 200, description = "A page of audit records", body = PageView<AuditView>)),
)]
pub(crate) async fn history(
    State(app): State<App>,
    As(admitted): As,
    Id(id): Id<IncidentId>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<AuditView>>, Problem> {
    let filter = AuditFilter { object: Some(id.to_string()), ..AuditFilter::default() };
    let page = page.request()?;
    let mut snapshot = app.store.read().await?;
    Ok(Json(PageView::of(Sight::of_snapshot(&mut *snapshot, &admitted.visible).list(&filter, &page).await?)))
}

/// What others changed since the caller looked.
#[derive(Debug, Serialize)]
struct OtherView {
    by: String,
    at_ms: i64,
    changes: Vec<OtherChangeView>,
}

#[derive(Debug, Serialize)]
struct OtherChangeView {
    field: String,
    before: serde_json::Value,
    after: serde_json::Value,
    by: String,
    at_ms: i64,
}

/// Why a decision was not taken; of a conflict with the incident as it is now, and what others did to it. Nothing names
/// an incident that does not exist for the asker.
pub(crate) async fn refused(
    unit: &mut dyn UnitOfWork,
    admitted: &Admitted,
    what: (IncidentId, u64),
    error: triage::Error,
) -> Problem {
    told(unit, admitted, what, error).await.unwrap_or_else(Problem::from)
}

async fn told(
    unit: &mut dyn UnitOfWork,
    admitted: &Admitted,
    (id, seen): (IncidentId, u64),
    error: triage::Error,
) -> Result<Problem, StoreError> {
    let current = match error {
        triage::Error::Store(StoreError::Conflict { current }) => current,
        triage::Error::Decision(DecisionError::Merged { into }) => {
            let sees = Sight::of_unit(unit, &admitted.visible).sees(into).await?;
            let hidden = || Problem::new(Code::DecisionRefused, "this incident was merged into another");
            return Ok(if sees { error.into() } else { hidden() });
        }
        error => return Ok(error.into()),
    };
    let since = triage::changes_since(unit.audit(), id, seen, current).await?;
    let found = unit.incidents().get(id).await?;
    let mut sight = Sight::of_unit(unit, &admitted.visible);
    let found = match found {
        // a token may be made to write and not to read
        Some(incident) if sight.sees(id).await? => Some(IncidentView::seen(incident, &mut sight).await?),
        _ => None,
    };
    let other = match since.filter(|_| found.is_some()) {
        Some(since) => Some(OtherView::seen(since, &mut sight).await?),
        None => None,
    };
    let detail = format!("you saw version {seen}, it is {current} now");
    Ok(Problem::new(Code::Conflict, detail).with_current(&found).with_other(&other))
}

impl OtherView {
    async fn seen(since: triage::ChangesSince, sight: &mut Sight<'_>) -> Result<Self, StoreError> {
        let mut changes = Vec::with_capacity(since.changes.len());
        for triage::FieldChange { field, before, after, by, at_ms } in since.changes {
            if !sight.names_hidden(&before.to_string()).await?
                && !sight.names_hidden(&after.to_string()).await?
            {
                changes.push(OtherChangeView { field, before, after, by, at_ms });
            }
        }
        Ok(Self { by: since.by, at_ms: since.at_ms, changes })
    }
}

pub(crate) fn etag(version: u64) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    [(header::ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))]
}
