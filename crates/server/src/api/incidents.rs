//! `/api/v1/incidents`

use super::idempotency::{self, Key};
use super::page::{PageParams, PageView, named, names};
use crate::code::Code;
use crate::extract::{Id, JsonBody, Params, Who, if_match};
use crate::problem::Problem;
use crate::state::App;
use crate::view::{AuditView, CommentView, FindingView, IncidentView};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{IncidentId, Severity, Status, Verdict};
use ports::store::{
    AssigneeFilter, AuditFilter, IncidentEdit, IncidentFilter, IncidentOrder, PageRequest, StoreError,
};
use serde::{Deserialize, Deserializer, Serialize};
use triage::{CommentRequest, EditRequest};
use utoipa::{IntoParams, ToSchema};

/// How many findings, comments and records of its history come with an incident; the rest is in pages.
const SHOWN_WITH_INCIDENT_MAX: u32 = 50;

/// Which incidents, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentParams {
    /// Any of `new`, `in_progress`, `on_hold`, `resolved`, `closed`, with commas between.
    status: Option<String>,
    /// At least so severe: `informational`, `low`, `medium`, `high` or `critical`.
    severity_min: Option<String>,
    /// Who has it; `nobody` for those without.
    assignee: Option<String>,
    /// One of its findings names this.
    entity: Option<String>,
    /// The title contains this text; at least 3 characters.
    title: Option<String>,
    /// Opened at or after, milliseconds since the epoch.
    created_from_ms: Option<i64>,
    /// Opened before, milliseconds since the epoch.
    created_until_ms: Option<i64>,
    /// `severity` (the gravest first, the queue of work) or `updated` (the last changed first).
    order: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl IncidentParams {
    fn filter(self) -> Result<IncidentFilter, Problem> {
        let severity_min = self.severity_min.as_deref();
        Ok(IncidentFilter {
            statuses: names(self.status.as_deref(), "status", Status::from_name)?,
            severity_min: severity_min
                .map(|name| named(name, "severity", Severity::from_name))
                .transpose()?,
            assignee: self.assignee.map(|name| match name.as_str() {
                "nobody" => AssigneeFilter::Nobody,
                _ => AssigneeFilter::Is(name),
            }),
            entity: self.entity,
            title_contains: self.title,
            created_from_ms: self.created_from_ms,
            created_until_ms: self.created_until_ms,
        })
    }

    fn order(&self) -> Result<IncidentOrder, Problem> {
        let name = self.order.as_deref().unwrap_or("severity");
        named(name, "order", |name| match name {
            "severity" => Some(IncidentOrder::Severity),
            "updated" => Some(IncidentOrder::Updated),
            _ => None,
        })
    }
}

/// List incidents
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    tag = "incidents",
    params(IncidentParams),
    responses(
        (status = 200, description = "A page of incidents", body = PageView<IncidentView>),
        (status = 400, description = "A filter is not understood", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<IncidentParams>,
) -> Result<Json<PageView<IncidentView>>, Problem> {
    let page = PageParams { limit: params.limit, after: params.after.clone() }.request()?;
    let (order, filter) = (params.order()?, params.filter()?);
    let found = app.store.read().await?.incidents().list(&filter, order, &page).await?;
    Ok(Json(PageView::of(found)))
}

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
pub(crate) async fn get(State(app): State<App>, Id(id): Id<IncidentId>) -> Result<Response, Problem> {
    let page = PageRequest::first(SHOWN_WITH_INCIDENT_MAX);
    let mut snapshot = app.store.read().await?;
    let incident = snapshot.incidents().get(id).await?;
    let incident: IncidentView = incident.ok_or_else(|| Problem::not_found("incident", id))?.into();
    let history = AuditFilter { object: Some(id.to_string()), ..AuditFilter::default() };
    let version = incident.version;
    let whole = WholeIncident {
        incident,
        findings: PageView::of(snapshot.findings().of_incident(id, &page).await?),
        comments: PageView::of(snapshot.comments().of_incident(id, &page).await?),
        history: PageView::of(snapshot.audit().list(&history, &page).await?),
    };
    Ok((etag(version), Json(whole)).into_response())
}

/// Reads a field that may be absent, `null` or a value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A decision; what is not said stays, `null` takes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// `new`, `in_progress`, `on_hold`, `resolved` or `closed`.
    status: Option<String>,
    /// Who has it; `null` for nobody.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    assignee: Option<Option<String>>,
    /// What counts instead of the machine's severity; `null` for the machine's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    severity: Option<Option<String>>,
    /// What it turned out to be: `true_positive`, `false_positive`, `benign`, `duplicate`, `test`, …
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    verdict: Option<Option<String>>,
    /// Why; needed for another severity and for opening again.
    reason: Option<String>,
}

impl Decision {
    fn edit(&self) -> Result<IncidentEdit, Problem> {
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
/// else was faster the answer is 409 with the incident as it is now, and nothing is changed.
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
        (status = 409, description = "Someone else was faster; `current` shows the incident as it is now",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    who: Who,
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: decision, bytes }: JsonBody<Decision>,
) -> Result<Response, Problem> {
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
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    let edited = app.desk.edit_in(&mut *unit, &request).await;
    let incident: IncidentView = match edited {
        Ok(incident) => incident.into(),
        Err(triage::Error::Store(StoreError::Conflict { current })) => {
            let found = unit.incidents().get(id).await?.map(IncidentView::from);
            let detail = format!("you saw version {}, it is {current} now", request.version);
            return Err(Problem::new(Code::Conflict, detail).with_current(&found));
        }
        Err(error) => return Err(error.into()),
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
    who: Who,
    method: Method,
    OriginalUri(uri): OriginalUri,
    Id(id): Id<IncidentId>,
    headers: HeaderMap,
    JsonBody { value: new, bytes }: JsonBody<NewComment>,
) -> Result<Response, Problem> {
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let Who(caller) = who;
    let (principal, origin, request_id) = (caller.principal, caller.origin, caller.request_id);
    let request = CommentRequest { principal, incident: id, text: new.text, origin, request_id };
    let now_ms = app.clock.now_ms();
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    let comment: CommentView = app.desk.comment_in(&mut *unit, &request).await?.into();
    idempotency::commit(unit, key.as_ref(), StatusCode::CREATED, &comment, now_ms).await
}

/// Read an incident's history
///
/// Who did what to it, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/history",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`"), PageParams),
    responses((status = 200, description = "A page of audit records", body = PageView<AuditView>)),
)]
pub(crate) async fn history(
    State(app): State<App>,
    Id(id): Id<IncidentId>,
    Params(page): Params<PageParams>,
) -> Result<Json<PageView<AuditView>>, Problem> {
    let filter = AuditFilter { object: Some(id.to_string()), ..AuditFilter::default() };
    Ok(Json(PageView::of(app.store.read().await?.audit().list(&filter, &page.request()?).await?)))
}

fn etag(version: u64) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    [(header::ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))]
}
