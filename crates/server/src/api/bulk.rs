//! `/api/v1/incidents/bulk`: one decision on many incidents.

use super::idempotency::{self, Key};
use super::incidents::{Decision, present, refused};
use super::links::incident_id;
use super::regroup::actor;
use crate::code::Code;
use crate::extract::{As, JsonBody, Who};
use crate::incident_guard::check_in;
use crate::problem::Problem;
use crate::state::App;
use crate::view::IncidentView;
use access::Sight;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use model::IncidentId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use triage::{BULK_INCIDENTS_MAX, BulkRequest};
use utoipa::ToSchema;

/// One decision on many incidents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBulk {
    /// On what: 1 to 200 incidents, `inc_…`
    ids: Vec<String>,
    /// What each shall be.
    edit: BulkEdit,
    /// The versions that were seen, by id; an incident that is not named is decided on as it is.
    #[serde(default)]
    versions: BTreeMap<String, u64>,
}

/// A decision, as for one incident, and words; what is not said stays, `null` takes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkEdit {
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
    /// What it turned out to be.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    verdict: Option<Option<String>>,
    /// Why; needed for another severity and for opening again.
    reason: Option<String>,
    /// Markdown, said on each of them.
    comment: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkView {
    /// In the order of `ids`.
    items: Vec<BulkItem>,
    /// How many are as was decided.
    changed: u64,
    /// How many are left as they were.
    refused: u64,
}

/// What became of one incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkItem {
    /// The incident.
    id: String,
    /// As it is now; absent if it was left as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<IncidentView>,
    /// Why it was left as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<BulkProblem>,
}

/// Why an incident was left as it was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkProblem {
    /// A code of the API.
    code: &'static str,
    /// What happened.
    detail: String,
    /// Of a conflict: the incident as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<serde_json::Value>,
    /// Of a conflict: who changed what.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<serde_json::Value>,
}

/// Decide on many incidents
///
/// Each by itself: those that may not be decided so are left as they are and say why, the others are written, each with
/// its own audit record, all in one transaction.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/bulk",
    tag = "incidents",
    params(("idempotency-key" = Option<String>, Header, description = "To send the request again safely")),
    request_body = NewBulk,
    responses(
        (status = 200, description = "What became of each", body = BulkView),
        (status = "4XX", description = "Nothing was decided", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    asker: (As, Who),
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    JsonBody { value: new, bytes }: JsonBody<NewBulk>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let key = Key::of(&headers, who.token_id(), (&method, uri.path(), &bytes))?;
    let incidents = new.ids.iter().map(|id| incident_id(id)).collect::<Result<Vec<_>, _>>()?;
    let distinct: BTreeSet<_> = incidents.iter().collect();
    if !(1..=BULK_INCIDENTS_MAX).contains(&incidents.len()) || distinct.len() != incidents.len() {
        let detail = format!("ids: 1 to {BULK_INCIDENTS_MAX} different incidents");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let version = |(id, version): (&String, &u64)| Ok::<_, Problem>((incident_id(id)?, *version));
    let versions = new.versions.iter().map(version).collect::<Result<BTreeMap<_, _>, _>>()?;
    let BulkEdit { status, assignee, severity, verdict, reason, comment } = new.edit;
    let edit = Decision { status, assignee, severity, verdict, reason: None }.edit()?;
    let actor = actor(who.0, reason)?;
    let now_ms = app.clock.now_ms();
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    let mut closed = BTreeMap::new();
    for &id in &incidents {
        if let Err(problem) = check_in(&mut *unit, &admitted, id, true).await {
            closed.insert(id, problem);
        }
    }
    let asked = incidents.clone();
    let open = incidents.into_iter().filter(|id| !closed.contains_key(id)).collect();
    let request = BulkRequest { actor, incidents: open, edit, comment, versions };
    let mut view = BulkView { items: Vec::with_capacity(request.incidents.len()), changed: 0, refused: 0 };
    let outcomes = app.desk.bulk_in(&mut *unit, &request).await?;
    let mut outcomes: BTreeMap<_, _> = outcomes.into_iter().collect();
    for id in asked {
        let item = match (closed.remove(&id), outcomes.remove(&id)) {
            (Some(problem), _) => left(id, problem),
            (None, Some(Ok(incident))) => {
                let mut sight = Sight::of_unit(&mut *unit, &admitted.visible);
                let incident = IncidentView::seen(incident, &mut sight).await?;
                BulkItem { id: id.to_string(), incident: Some(incident), problem: None }
            }
            (None, Some(Err(error))) => {
                let seen = request.versions.get(&id).copied().unwrap_or_default();
                left(id, refused(&mut *unit, &admitted, (id, seen), error).await)
            }
            (None, None) => continue,
        };
        view.changed += u64::from(item.problem.is_none());
        view.refused += u64::from(item.problem.is_some());
        view.items.push(item);
    }
    idempotency::commit(unit, key.as_ref(), StatusCode::OK, &view, now_ms).await
}

fn left(id: IncidentId, problem: Problem) -> BulkItem {
    let Problem { code, detail, current, other, .. } = problem;
    let (current, other) = (current.map(|current| *current), other.map(|other| *other));
    let problem = BulkProblem { code: code.as_str(), detail, current, other };
    BulkItem { id: id.to_string(), incident: None, problem: Some(problem) }
}
