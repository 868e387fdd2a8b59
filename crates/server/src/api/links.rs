//! `/api/v1/incidents/{id}/links`: what people say that incidents have to do with each other.

use super::page::named;
use crate::extract::{As, JsonBody, Who};
use crate::incident_guard::{begin, check_in, may};
use crate::problem::Problem;
use crate::state::App;
use access::Admitted;
use axum::Json;
use axum::extract::{Path, State};
use model::IncidentId;
use ports::Snapshot;
use ports::store::{LinkKind, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A link to another incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// The other incident.
    incident: String,
    /// Its title.
    title: String,
    /// Where the work on it stands.
    status: &'static str,
    /// `related`, `caused_by` or `duplicate_of`.
    kind: &'static str,
    /// `to`: this incident is KIND the other one; `from`: the other one is KIND this.
    direction: &'static str,
    /// Who said so.
    by: String,
    /// When.
    at_ms: i64,
}

/// An incident's links.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinksView {
    /// The oldest first.
    links: Vec<LinkView>,
}

/// The links to those incidents that exist for the asker.
pub(crate) async fn of(
    snapshot: &mut dyn Snapshot,
    admitted: &Admitted,
    id: IncidentId,
) -> Result<Vec<LinkView>, StoreError> {
    let mut links = Vec::new();
    for link in snapshot.moves().links(id).await? {
        let (other, direction) =
            if link.incident == id { (link.other, "to") } else { (link.incident, "from") };
        let found = snapshot.incidents().get(other).await?;
        let Some(incident) = found.filter(|other| may(admitted, other, false).is_ok()) else { continue };
        links.push(LinkView {
            incident: other.to_string(),
            title: incident.shown_title().to_owned(),
            status: incident.status.as_str(),
            kind: link.kind.as_str(),
            direction,
            by: link.author,
            at_ms: link.at_ms,
        });
    }
    Ok(links)
}

/// What an incident has to do with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLink {
    /// The other incident, `inc_…`
    to: String,
    /// `related`, `caused_by` or `duplicate_of`.
    kind: String,
    /// Why; it is kept in the audit record.
    reason: Option<String>,
}

/// Link two incidents
///
/// Saying it again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/link",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`")),
    request_body = NewLink,
    responses(
        (status = 200, description = "The incident's links", body = LinksView),
        (status = "4XX", description = "Nothing was linked", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn link(
    State(app): State<App>,
    As(admitted): As,
    Who(caller): Who,
    Path(id): Path<String>,
    JsonBody { value: new, .. }: JsonBody<NewLink>,
) -> Result<Json<LinksView>, Problem> {
    let (id, to) = (incident_id(&id)?, incident_id(&new.to)?);
    let kind = named(&new.kind, "kind of link", LinkKind::from_name)?;
    let actor = super::regroup::actor(caller, new.reason)?;
    let mut unit = begin(&app, &admitted, id).await?;
    check_in(&mut *unit, &admitted, to, false).await?;
    app.desk.link_in(&mut *unit, &actor, (id, to), kind).await?;
    unit.commit().await?;
    Ok(Json(LinksView { links: of(&mut *app.store.read().await?, &admitted, id).await? }))
}

/// Take links back
///
/// All links between the two incidents, in either direction.
#[utoipa::path(
    delete,
    path = "/api/v1/incidents/{id}/links/{to}",
    tag = "incidents",
    params(
        ("id" = String, Path, description = "`inc_…`"),
        ("to" = String, Path, description = "The other incident, `inc_…`"),
    ),
    responses(
        (status = 200, description = "The incident's links", body = LinksView),
        (status = 404, description = "There is no such link", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn unlink(
    State(app): State<App>,
    As(admitted): As,
    Who(caller): Who,
    Path((id, to)): Path<(String, String)>,
) -> Result<Json<LinksView>, Problem> {
    let (id, to) = (incident_id(&id)?, incident_id(&to)?);
    let actor = super::regroup::actor(caller, None)?;
    let mut unit = begin(&app, &admitted, id).await?;
    check_in(&mut *unit, &admitted, to, false).await?;
    app.desk.unlink_in(&mut *unit, &actor, (id, to)).await?;
    unit.commit().await?;
    Ok(Json(LinksView { links: of(&mut *app.store.read().await?, &admitted, id).await? }))
}

/// What has not the form of an id names nothing.
pub(crate) fn incident_id(text: &str) -> Result<IncidentId, Problem> {
    text.parse().map_err(|_| Problem::not_found("incident", text))
}
