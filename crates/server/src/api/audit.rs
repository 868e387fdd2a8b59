//! `/api/v1/audit`

use super::page::{PageParams, PageView};
use crate::extract::Params;
use crate::problem::Problem;
use crate::state::App;
use crate::view::AuditView;
use axum::Json;
use axum::extract::State;
use ports::store::AuditFilter;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// About this object, such as an incident's id or `source:NAME`.
    object: Option<String>,
    /// By this person or part, by name.
    principal: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Read who did what
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "administration",
    params(AuditParams),
    responses((status = 200, description = "A page of records", body = PageView<AuditView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<AuditParams>,
) -> Result<Json<PageView<AuditView>>, Problem> {
    let filter = AuditFilter { object: params.object, principal: params.principal };
    let page = PageParams { limit: params.limit, after: params.after }.request()?;
    let found = app.store.read().await?.audit().list(&filter, &page).await?;
    Ok(Json(PageView::of(found)))
}
