//! `/api/v1/runs`: playbooks that are being executed.

use super::ContainPage;
use super::answers::seen;
use super::asker::Asker;
use super::run_view::{RunShown, whole};
use super::sight::{self, cause};
use crate::api::idempotency::{self, Key};
use crate::api::incidents::etag;
use crate::api::page::{PageParams, named};
use crate::code::Code;
use crate::contain_parts::Containing;
use crate::extract::{Id, JsonBody, NoParams, Params};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{IncidentId, RunId, RunState};
use ports::store::{PageRequest, RunFilter, StoreError};
use respond::RespondError;
use respond::run::{Answer, AnswerRequest, RunView, StartRunRequest, StopRequest};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Pages of the store that are read to fill one, where some of it does not exist for the asker.
const PAGES_PER_LIST_MAX: usize = 16;

/// A playbook to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunAsk {
    /// `playbook--…`
    playbook: String,
    /// The incident that it is for.
    incident: Option<String>,
    /// Values of its variables, by name: `__key__`.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// Why.
    reason: String,
}

fn incident_id(text: Option<&String>) -> Result<Option<IncidentId>, Problem> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Problem::not_found("incident", text))
}

/// Run a playbook
///
/// Its first steps begin at once. What it asks of other systems is planned, approved and applied like all containments; who
/// begins the run approves none of them.
#[utoipa::path(
    post,
    path = "/api/v1/runs",
    tag = "containment",
    params(("idempotency-key" = Option<String>, Header, description = "To send the request again safely")),
    request_body = RunAsk,
    responses(
        (status = 201, description = "The run", body = RunShown),
        (status = 404, description = "There is no such playbook or incident", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be run like this", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was begun", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    JsonBody { value: ask, bytes }: JsonBody<RunAsk>,
) -> Result<Response, Problem> {
    let key = Key::of(&headers, &asker.key, (&method, uri.path(), &bytes))?;
    let now_ms = app.clock.now_ms();
    let known = parts.playbook(&ask.playbook)?;
    let mut snapshot = app.store.read().await?;
    let incident = sight::incident(&asker, &mut *snapshot, incident_id(ask.incident.as_ref())?).await?;
    let cause = cause(&asker, &mut *snapshot, incident.as_ref(), now_ms).await?;
    drop(snapshot);
    let request = StartRunRequest {
        actor: asker.actor.clone(),
        requesters: cause.requesters,
        playbook: std::sync::Arc::clone(&known.text),
        values: ask.values.into_iter().collect(),
        incident: incident.as_ref().map(|incident| incident.id),
        region: incident.as_ref().map_or(&parts.region, |incident| &incident.region).clone(),
        grounds: cause.grounds,
        limit_ms: None,
        reason: ask.reason,
    };
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    sight::check_in(&asker, &mut *unit, request.incident).await?;
    let run = parts.responder.begin_run(&mut *unit, &request).await?;
    let version = run.version;
    let view = RunShown::of(&asker, &RunView { run, steps: Vec::new() });
    let answer = idempotency::commit(unit, key.as_ref(), StatusCode::CREATED, &view, now_ms).await?;
    Ok((etag(version), answer).into_response())
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunParams {
    /// `any`, or one state; any if not said.
    state: Option<String>,
    /// For this incident.
    incident: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List runs
///
/// The newest first. Those of incidents that do not exist for the asker are left out.
#[utoipa::path(
    get,
    path = "/api/v1/runs",
    tag = "containment",
    params(RunParams),
    responses(
        (status = 200, description = "A page of runs", body = ContainPage<RunShown>),
        (status = 404, description = "Nothing is contained here, or there is no such incident", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: Containing,
    asker: Asker,
    Params(params): Params<RunParams>,
) -> Result<Json<ContainPage<RunShown>>, Problem> {
    let page = PageParams { limit: params.limit, after: params.cursor }.request()?;
    let states = match params.state.as_deref() {
        None | Some("any") => Vec::new(),
        Some(name) => vec![named(name, "state", RunState::from_name)?],
    };
    let mut snapshot = app.store.read().await?;
    let incident = incident_id(params.incident.as_ref())?;
    sight::incident(&asker, &mut *snapshot, incident).await?;
    let filter = RunFilter { states, incident, playbook: None };
    let (mut items, mut next) = (Vec::new(), page.after.clone());
    for _ in 0..PAGES_PER_LIST_MAX {
        let missing = page.items_max.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let found = snapshot.runs().list(&filter, &PageRequest { items_max: missing, after: next }).await?;
        next = found.next;
        for run in found.items {
            if sight::sees(&asker, &mut *snapshot, run.incident).await? {
                let steps = snapshot.runs().steps(run.id, false).await?;
                items.push(RunShown::seen(&asker, &mut *snapshot, &RunView { run, steps }).await?);
            }
        }
        if next.is_none() || items.len() >= page.items_max as usize {
            break;
        }
    }
    Ok(Json(ContainPage { items, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

/// Read a run
///
/// With its steps. `ETag` is the version to answer by.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}",
    tag = "containment",
    params(("id" = String, Path, description = "`run_…`")),
    responses((status = 200, description = "The run", body = RunShown)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Containing,
    asker: Asker,
    Id(id): Id<RunId>,
    _: Params<NoParams>,
) -> Result<Response, Problem> {
    let mut snapshot = app.store.read().await?;
    let view = sight::run(&asker, &mut *snapshot, id).await?;
    let shown = whole(&asker, &mut *snapshot, &view).await?;
    Ok((etag(view.run.version), Json(shown)).into_response())
}

/// What came of a step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepAnswer {
    /// `done`, `failed` or `skipped`.
    answer: String,
    /// Why; must be said of what was not done.
    reason: Option<String>,
    /// Values for variables, of what is done.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// The run as it is then; of a conflict with how it is now.
async fn answered(
    app: &App,
    asker: &Asker,
    id: RunId,
    done: Result<RunView, RespondError>,
) -> Result<Response, Problem> {
    match done {
        Ok(view) => {
            let shown = whole(asker, &mut *app.store.read().await?, &view).await?;
            Ok((etag(view.run.version), Json(shown)).into_response())
        }
        Err(RespondError::Store(StoreError::Conflict { current })) => {
            let mut snapshot = app.store.read().await?;
            let view = sight::run(asker, &mut *snapshot, id).await?;
            let shown = RunShown::seen(asker, &mut *snapshot, &view).await?;
            let detail = format!("it is at version {current} now");
            Err(Problem::new(Code::Conflict, detail).with_current(&shown))
        }
        Err(error) => Err(error.into()),
    }
}

/// Answer a step of a run
///
/// Of a step that waits for a person, or of which nobody can tell what came.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/steps/{task}",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`run_…`"),
        ("task" = u32, Path, description = "The number of the step in the run"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, such as `\"7\"`; any if not said"),
    ),
    request_body = StepAnswer,
    responses(
        (status = 200, description = "The run as it is now", body = RunShown),
        (status = 409, description = "Nobody is waited for there", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn answer(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    Path((id, task)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody { value: said, .. }: JsonBody<StepAnswer>,
) -> Result<Response, Problem> {
    let run: RunId = id.parse().map_err(|_| Problem::not_found("run", &id))?;
    let task: u32 = task.parse().map_err(|_| Problem::not_found("step", &task))?;
    sight::run(&asker, &mut *app.store.read().await?, run).await?;
    asker.check_person()?;
    let answer = match said.answer.as_str() {
        "done" => Answer::Done(said.values.into_iter().collect()),
        "skipped" => Answer::Skipped,
        "failed" => Answer::Failed,
        _ => {
            return Err(Problem::new(Code::RequestInvalid, "answer is done, failed or skipped"));
        }
    };
    let reason = said.reason.filter(|reason| !reason.trim().is_empty());
    let request = AnswerRequest { actor: asker.actor.clone(), run, task, answer, reason };
    answered(&app, &asker, run, seen(&parts.responder, &headers)?.answer_step(&request).await).await
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopReason {
    /// In words.
    reason: String,
}

/// Stop a run
///
/// With the runs that it called. What it asked for and nobody has sent is called off; what it has applied stays until its own
/// time is over, or somebody takes it back.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/stop",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`run_…`"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, such as `\"7\"`; any if not said"),
    ),
    request_body = StopReason,
    responses(
        (status = 200, description = "The run as it is now", body = RunShown),
        (status = 409, description = "It has ended", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn stop(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    Id(id): Id<RunId>,
    headers: HeaderMap,
    JsonBody { value: said, .. }: JsonBody<StopReason>,
) -> Result<Response, Problem> {
    sight::run(&asker, &mut *app.store.read().await?, id).await?;
    asker.check_person()?;
    let request = StopRequest { actor: asker.actor.clone(), run: id, reason: said.reason };
    answered(&app, &asker, id, seen(&parts.responder, &headers)?.stop_run(&request).await).await
}
