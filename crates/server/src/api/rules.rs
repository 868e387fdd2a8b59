//! `/api/v1/rules`

use crate::extract::{NoParams, Params};
use crate::state::{App, RuleBook};
use axum::Json;
use axum::extract::State;

/// List the rules
///
/// Those that run, with their matches since the server began, and those that were refused, with the reason.
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    tag = "rules",
    responses((status = 200, description = "Every rule that was found", body = RuleBook)),
)]
pub(crate) async fn list(State(app): State<App>, _: Params<NoParams>) -> Json<RuleBook> {
    Json(app.rules.book())
}
