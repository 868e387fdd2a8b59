//! `/api/v1/containments`: planned, asked for, listed, read.

use super::ContainPage;
use super::asker::Asker;
use super::sight::{self, cause};
use super::view::{ContainmentView, IN_EFFECT, PlanView};
use crate::api::idempotency::{self, Key};
use crate::api::incidents::etag;
use crate::api::page::PageParams;
use crate::code::Code;
use crate::contain_parts::{ContainParts, Containing};
use crate::extract::{Id, JsonBody, NoParams, Params};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{ContainmentId, ContainmentState, Incident, IncidentId};
use ports::Snapshot;
use ports::store::{ContainmentFilter, PageRequest};
use respond::RespondError;
use respond::contain::{ContainRequest, Preview};
use respond::decision::Decision;
use respond::plan::PlanHash;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};

/// Pages of the store that are read to fill one, where some of it does not exist for the asker.
const PAGES_PER_LIST_MAX: usize = 16;

/// An action on a target.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainmentAsk {
    /// The connector's action: `aws.deactivate_key`.
    action: String,
    /// The target's name at the system that knows it.
    target: String,
    /// What else the action is told.
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    /// After how many minutes it is taken back; the action's default if not said.
    ttl_minutes: Option<u64>,
    /// The incident that it is for.
    incident: Option<String>,
    /// Why; must be said to ask for it.
    reason: Option<String>,
    /// The plan that was seen, by its hash; another one is refused then. Of no use for a preview.
    plan_sha256: Option<String>,
}

/// Who would decide.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewDecision {
    /// `automatic`, or `approval` of people.
    outcome: &'static str,
    /// How many.
    people: u8,
    /// What the table of decisions was asked, by name.
    why: BTreeMap<&'static str, String>,
}

/// How many targets the action may have.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitView {
    /// How many it has had.
    used: usize,
    /// How many it may have.
    max: usize,
    /// In this time.
    window_minutes: i64,
}

/// What would be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewView {
    /// Everything that would change.
    plan: PlanView,
    /// Its hash, to ask for exactly this.
    plan_sha256: String,
    /// Who would decide.
    decision: PreviewDecision,
    /// Whether there is room for one more target.
    limit: LimitView,
}

impl ContainmentAsk {
    fn incident(&self) -> Result<Option<IncidentId>, Problem> {
        let Some(text) = &self.incident else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Problem::not_found("incident", text))
    }

    async fn request(
        &self,
        parts: &ContainParts,
        asker: &Asker,
        snapshot: &mut dyn Snapshot,
    ) -> Result<(ContainRequest, Option<Incident>), Problem> {
        parts.check_action(&self.action)?;
        let incident = sight::incident(asker, snapshot, self.incident()?).await?;
        let cause =
            cause(asker, snapshot, incident.as_ref(), parts.responder.options().clock.now_ms()).await?;
        let seen = self.plan_sha256.as_deref().map(plan_hash).transpose()?;
        let too_long = || Problem::new(Code::ContainmentNotPossible, "ttl_minutes is too large");
        let ttl_ms = self.ttl_minutes.map(|minutes| minutes.checked_mul(60_000).ok_or_else(too_long));
        let request = ContainRequest {
            actor: asker.actor.clone(),
            requesters: cause.requesters,
            action: self.action.clone(),
            target: self.target.clone(),
            belongs_to: Vec::new(),
            inputs: self.inputs.clone(),
            ttl_ms: ttl_ms.transpose()?,
            blast_radius: cause.blast_radius,
            incident: incident.as_ref().map(|incident| incident.id),
            task: None,
            region: incident.as_ref().map_or(&parts.region, |incident| &incident.region).clone(),
            grounds: cause.grounds,
            quorum: BTreeSet::new(),
            wait_ms: None,
            seen,
            reason: self.reason.clone().unwrap_or_default(),
        };
        Ok((request, incident))
    }
}

/// The hash of a plan in hex digits.
pub(super) fn plan_hash(text: &str) -> Result<PlanHash, Problem> {
    let bad =
        |error: respond::plan::BadHash| Problem::new(Code::RequestInvalid, format!("plan_sha256: {error}"));
    text.parse().map_err(bad)
}

/// Plan a containment
///
/// Looks and changes nothing: what the action would do, who would decide, whether there is room. Nothing is kept.
#[utoipa::path(
    post,
    path = "/api/v1/containments/preview",
    tag = "containment",
    request_body = ContainmentAsk,
    responses(
        (status = 200, description = "What would be done", body = PreviewView),
        (status = 409, description = "The system is not connected", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The target is protected, or it cannot be done like this", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "There is no plan", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn preview(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    _: Params<NoParams>,
    JsonBody { value: ask, .. }: JsonBody<ContainmentAsk>,
) -> Result<Json<PreviewView>, Problem> {
    let mut snapshot = app.store.read().await?;
    let (request, _) = ask.request(&parts, &asker, &mut *snapshot).await?;
    // the look takes its time; nobody waits for a snapshot meanwhile
    drop(snapshot);
    let Preview { plan, hash, decision, .. } = parts.responder.preview(&request).await?;
    let limit = parts.responder.options().setup.limit(&request.action);
    let since_ms = app.clock.now_ms().saturating_sub(limit.window_ms);
    let past = app.store.read().await?.containments().targets_since(&request.action, since_ms).await?;
    let targets: BTreeSet<&str> = past.iter().map(|(_, target)| target.as_str()).collect();
    let (outcome, people) = match decision {
        Decision::Automatic => ("automatic", 0),
        Decision::Approval { people } => ("approval", people),
    };
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let why = BTreeMap::from([
        ("impact", plan.impact.as_str().to_owned()),
        ("reversibility", plan.reversibility.as_str().to_owned()),
        ("has_ttl", plan.ttl_ms.is_some().to_string()),
        ("confidence", word(serde_json::to_value(request.grounds.confidence))),
        ("signal", word(serde_json::to_value(request.grounds.signal))),
        ("reporter", word(serde_json::to_value(request.grounds.reporter))),
    ]);
    Ok(Json(PreviewView {
        plan: (&plan).into(),
        plan_sha256: hash.to_string(),
        decision: PreviewDecision { outcome, people, why },
        limit: LimitView {
            used: targets.len(),
            max: limit.targets_max,
            window_minutes: limit.window_ms / 60_000,
        },
    }))
}

/// Ask for a containment
///
/// Looks, plans and asks whoever decides. With `plan_sha256` exactly the plan that was seen is asked for. Nothing is applied
/// before it is approved, and before a further look finds things as the plan has them.
#[utoipa::path(
    post,
    path = "/api/v1/containments",
    tag = "containment",
    params(("idempotency-key" = Option<String>, Header, description = "To send the request again safely")),
    request_body = ContainmentAsk,
    responses(
        (status = 201, description = "The containment", body = ContainmentView),
        (status = 409, description = "The plan is another one than was seen, the same is under way, or the system is not connected",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The target is protected, or it cannot be done like this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The action has had too many targets", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was asked for", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    JsonBody { value: ask, bytes }: JsonBody<ContainmentAsk>,
) -> Result<Response, Problem> {
    let key = Key::of(&headers, &asker.key, (&method, uri.path(), &bytes))?;
    let now_ms = app.clock.now_ms();
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *app.store.begin().await?, now_ms).await?
    {
        return Ok(answered);
    }
    let mut snapshot = app.store.read().await?;
    let (request, incident) = ask.request(&parts, &asker, &mut *snapshot).await?;
    drop(snapshot);
    let preview = parts.responder.check_and_preview(&request).await?;
    let mut unit = app.store.begin().await?;
    if let Some(key) = &key
        && let Some(answered) = key.answered(&mut *unit, now_ms).await?
    {
        return Ok(answered);
    }
    sight::check_in(&asker, &mut *unit, request.incident).await?;
    let made = parts.responder.request_in(&mut *unit, &request, preview).await;
    let row = match made {
        Ok(row) => row,
        Err(RespondError::UnderWay(other)) => {
            drop(unit);
            return Err(under_way(&app, &asker, other).await);
        }
        Err(error) => return Err(error.into()),
    };
    let title = incident.map(|incident| incident.shown_title().to_owned());
    let view = ContainmentView::of(&app, &asker, &row, title).await?;
    let answer = idempotency::commit(unit, key.as_ref(), StatusCode::CREATED, &view, now_ms).await?;
    parts.telemetry.moved(None, row.state);
    Ok((etag(row.version), answer).into_response())
}

/// The same is under way already; which one, is told to those for whom it exists.
async fn under_way(app: &App, asker: &Asker, other: ContainmentId) -> Problem {
    let problem = || Problem::from(RespondError::UnderWay(other));
    let Ok(mut snapshot) = app.store.read().await else { return problem() };
    match sight::containment(asker, &mut *snapshot, other).await {
        Ok(row) => {
            let detail = format!("{}: {}", RespondError::UnderWay(other), row.id);
            Problem::new(Code::ContainmentUnderWay, detail)
        }
        Err(_) => problem(),
    }
}

/// Which containments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContainmentParams {
    /// `open` (not at an end), `in_effect`, `ended`, `any`, or one state; any if not said.
    state: Option<String>,
    /// For this incident.
    incident: Option<String>,
    /// Of this action.
    action: Option<String>,
    /// On the target of this name.
    target: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

fn states(word: Option<&str>) -> Result<Vec<ContainmentState>, Problem> {
    let all = ContainmentState::ALL.iter().copied();
    Ok(match word {
        None | Some("any") => Vec::new(),
        Some("open") => all.filter(|state| !state.is_end()).collect(),
        Some("ended") => all.filter(|state| state.is_end()).collect(),
        Some("in_effect") => IN_EFFECT.to_vec(),
        Some(name) => vec![crate::api::page::named(name, "state", ContainmentState::from_name)?],
    })
}

/// List containments
///
/// The newest first. Those of incidents that do not exist for the asker are left out.
#[utoipa::path(
    get,
    path = "/api/v1/containments",
    tag = "containment",
    params(ContainmentParams),
    responses(
        (status = 200, description = "A page of containments", body = ContainPage<ContainmentView>),
        (status = 404, description = "Nothing is contained here, or there is no such incident", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: Containing,
    asker: Asker,
    Params(params): Params<ContainmentParams>,
) -> Result<Json<ContainPage<ContainmentView>>, Problem> {
    let page = PageParams { limit: params.limit, after: params.cursor }.request()?;
    let mut snapshot = app.store.read().await?;
    let incident = match &params.incident {
        Some(text) => Some(text.parse().map_err(|_| Problem::not_found("incident", text))?),
        None => None,
    };
    sight::incident(&asker, &mut *snapshot, incident).await?;
    let filter = ContainmentFilter {
        states: states(params.state.as_deref())?,
        incident,
        action: params.action,
        target: params.target,
    };
    let (mut items, mut next) = (Vec::new(), page.after.clone());
    for _ in 0..PAGES_PER_LIST_MAX {
        // as many as are missing: the cursor is then of the last that is shown or hidden
        let missing = page.items_max.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let some = PageRequest { items_max: missing, after: next };
        let found = snapshot.containments().list(&filter, &some).await?;
        next = found.next;
        for row in found.items {
            if sight::sees(&asker, &mut *snapshot, row.incident).await? {
                items.push(ContainmentView::read(&app, &asker, &mut *snapshot, &row).await?);
            }
        }
        if next.is_none() || items.len() >= page.items_max as usize {
            break;
        }
    }
    Ok(Json(ContainPage { items, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

/// Read a containment
///
/// `ETag` is the version to decide on it by; `can` says what the asker can do now.
#[utoipa::path(
    get,
    path = "/api/v1/containments/{id}",
    tag = "containment",
    params(("id" = String, Path, description = "`act_…`")),
    responses((status = 200, description = "The containment", body = ContainmentView)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Containing,
    asker: Asker,
    Id(id): Id<ContainmentId>,
    _: Params<NoParams>,
) -> Result<Response, Problem> {
    let mut snapshot = app.store.read().await?;
    let row = sight::containment(&asker, &mut *snapshot, id).await?;
    let view = ContainmentView::read(&app, &asker, &mut *snapshot, &row).await?;
    Ok((etag(row.version), Json(view)).into_response())
}
