//! `/api/v1/findings`

use super::page::{PageParams, PageView, named};
use crate::extract::{As, Id, Params};
use crate::problem::Problem;
use crate::state::App;
use crate::view::FindingView;
use axum::Json;
use axum::extract::State;
use model::{FindingId, Severity};
use ports::store::FindingFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which findings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindingParams {
    /// Of this rule, by its UUID.
    rule: Option<String>,
    /// Of this source.
    source: Option<String>,
    /// At least so severe: `informational`, `low`, `medium`, `high` or `critical`.
    severity_min: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List findings
///
/// The latest detected first.
#[utoipa::path(
    get,
    path = "/api/v1/findings",
    tag = "incidents",
    params(FindingParams),
    responses((status = 200, description = "A page of findings", body = PageView<FindingView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    As(admitted): As,
    Params(params): Params<FindingParams>,
) -> Result<Json<PageView<FindingView>>, Problem> {
    let severity_min = params.severity_min.as_deref();
    let filter = FindingFilter {
        severity_min: severity_min.map(|name| named(name, "severity", Severity::from_name)).transpose()?,
        rule_id: params.rule,
        source: params.source,
        visible: Some(admitted.visible.clone()),
    };
    let page = PageParams { limit: params.limit, after: params.after }.request()?;
    let found = app.store.read().await?.findings().list(&filter, &page).await?;
    Ok(Json(PageView::of(found)))
}

/// A finding and where it belongs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingWithIncident {
    /// The finding.
    #[serde(flatten)]
    finding: FindingView,
    /// The incident that holds it.
    incident: Option<String>,
}

/// Read a finding
#[utoipa::path(
    get,
    path = "/api/v1/findings/{id}",
    tag = "incidents",
    params(("id" = String, Path, description = "The finding's id, 32 hex digits")),
    responses(
        (status = 200, description = "The finding", body = FindingWithIncident),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Id(id): Id<FindingId>,
) -> Result<Json<FindingWithIncident>, Problem> {
    let mut snapshot = app.store.read().await?;
    let finding = snapshot.findings().get(id).await?;
    let finding = finding.ok_or_else(|| Problem::not_found("finding", id))?;
    let incident = snapshot.findings().incident_of(id).await?.map(|incident| incident.to_string());
    Ok(Json(FindingWithIncident { finding: finding.into(), incident }))
}
