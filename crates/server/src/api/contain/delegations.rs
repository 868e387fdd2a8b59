//! `/api/v1/delegations`: who may answer for whom, and until when.

use super::asker::Asker;
use crate::api::people::NamedPerson;
use crate::api::reports::view::time;
use crate::code::Code;
use crate::contain_parts::Containing;
use crate::extract::{Id, JsonBody, NoParams, Params};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use access::{RoleSet, Scope};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use model::{Delegation, DelegationId, PersonId};
use ports::store::Person;
use respond::contain::DelegateRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most people who are named as those who could answer.
const NAMED_MAX: usize = 1_000;

/// Somebody lets another answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DelegationView {
    /// `dlg_…`
    id: String,
    /// Who lets.
    from: NamedPerson,
    /// Whom.
    to: NamedPerson,
    /// Until when.
    until: String,
    /// Why.
    reason: String,
    /// Since when.
    created_at: String,
    /// Whether the asker has given it; otherwise it was given to the asker.
    given: bool,
}

/// What the asker has given and been given, and still counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DelegationsView {
    /// The one that ends last first.
    items: Vec<DelegationView>,
    /// Who could answer for the asker: others who may approve, by name; 1,000 at most. Nobody for who may not approve.
    people: Vec<NamedPerson>,
}

/// Whom, and until when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDelegation {
    /// The id of somebody else who may approve: `per_…`
    to: String,
    /// Until when, RFC 3339; at most 30 days from now.
    until: String,
    /// Why.
    reason: String,
}

async fn named(app: &App, id: &str) -> Result<NamedPerson, Problem> {
    let person = match id.parse::<PersonId>() {
        Ok(id) => app.directory.person(id).await?,
        Err(_) => None,
    };
    Ok(NamedPerson::of(id, person.as_deref()))
}

async fn view(app: &App, me: &str, row: &Delegation) -> Result<DelegationView, Problem> {
    Ok(DelegationView {
        id: row.id.to_string(),
        from: named(app, &row.from).await?,
        to: named(app, &row.to).await?,
        until: time(row.until_ms),
        reason: row.reason.clone(),
        created_at: time(row.created_at_ms),
        given: row.from == me,
    })
}

fn may_approve(app: &App, person: &Person) -> bool {
    let reach = app.directory.policies().reach_of_roles(RoleSet::of_names(&person.roles));
    !person.disabled && person.left_at_ms.is_none() && reach.scopes.has(Scope::ContainmentsApprove)
}

/// List delegations
///
/// Those that one has given and been given and that still count, and who could be given one.
#[utoipa::path(
    get,
    path = "/api/v1/delegations",
    tag = "containment",
    responses(
        (status = 200, description = "One's delegations; none of who is no person", body = DelegationsView),
        (status = "4XX", description = "Nothing is contained here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    _: Params<NoParams>,
) -> Result<Json<DelegationsView>, Problem> {
    // a machine has given nothing, and nobody gives it anything
    let Some(me) = asker.person_id() else {
        return Ok(Json(DelegationsView { items: Vec::new(), people: Vec::new() }));
    };
    let mut items = Vec::new();
    for row in parts.responder.delegations(&me).await? {
        items.push(view(&app, &me, &row).await?);
    }
    if !asker.decides(Scope::ContainmentsApprove) {
        return Ok(Json(DelegationsView { items, people: Vec::new() }));
    }
    let all = app.directory.people().await?;
    let others = all.iter().filter(|person| person.id.to_string() != me && may_approve(&app, person));
    let others = others.map(|person| NamedPerson::of(&person.id.to_string(), Some(person.as_ref())));
    Ok(Json(DelegationsView { items, people: NamedPerson::sorted(others, NAMED_MAX) }))
}

/// Let somebody answer for you
///
/// Until a time, 30 days at most, another who may approve can answer containments for you: as you, with your roles and teams.
/// You have one answer together. Nobody answers what either of you has asked for, and what was given is not handed on.
#[utoipa::path(
    post,
    path = "/api/v1/delegations",
    tag = "containment",
    request_body = NewDelegation,
    responses(
        (status = 201, description = "The delegation", body = DelegationView),
        (status = 422, description = "The person could not answer, or no reason was said", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was given", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    JsonBody { value: new, .. }: JsonBody<NewDelegation>,
) -> Result<(StatusCode, Json<DelegationView>), Problem> {
    asker.check_person()?;
    let me = asker.person_id().unwrap_or_default();
    let bad = |_| Problem::new(Code::RequestInvalid, "until: this is no time, such as 2026-12-01T18:00:00Z");
    let until: Timestamp = new.until.parse().map_err(bad)?;
    let to: PersonId = new
        .to
        .parse()
        .map_err(|error: model::ParseIdError| Problem::new(Code::RequestInvalid, format!("to: {error}")))?;
    let person = app.directory.person(to).await?;
    if !person.is_some_and(|person| may_approve(&app, &person)) {
        let detail = format!("{to} may not approve, and so answers for nobody");
        return Err(Problem::new(Code::DecisionRefused, detail));
    }
    let request = DelegateRequest {
        actor: asker.actor.clone(),
        to: to.to_string(),
        until_ms: until.as_millisecond(),
        region: parts.region.clone(),
        reason: new.reason,
    };
    let row = parts.responder.delegate(&request).await?;
    Ok((StatusCode::CREATED, Json(view(&app, &me, &row).await?)))
}

/// End a delegation
///
/// Takes it back, or gives it back. Answers by it to what is not applied yet do not count any more.
#[utoipa::path(
    delete,
    path = "/api/v1/delegations/{id}",
    tag = "containment",
    params(("id" = String, Path, description = "`dlg_…`")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 404, description = "One has neither given nor been given such a one", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Who asks is no person", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    Containing(parts): Containing,
    asker: Asker,
    Id(id): Id<DelegationId>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    asker.check_person()?;
    parts.responder.end_delegation(&asker.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
