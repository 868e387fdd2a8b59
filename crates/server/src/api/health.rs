//! `/healthz`, `/readyz`, `/metrics`

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::{Partition, Topic};
use serde::Serialize;
use utoipa::ToSchema;

/// The server's own state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    status: &'static str,
}

/// Ask whether the process lives
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses((status = 200, description = "It answers", body = Health)),
)]
pub(crate) async fn healthz() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// Ask whether the server can work
///
/// Checks that the state and the log answer, and that no shutdown has begun.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "It cannot now", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Result<axum::Json<Health>, Problem> {
    if app.shutdown.is_cancelled() {
        return Err(Problem::new(Code::NotReady, "the server is shutting down"));
    }
    app.store.check().await.map_err(|error| {
        tracing::error!(%error, "the store is not ready");
        Problem::new(Code::NotReady, "the state does not answer")
    })?;
    for partition in 0..app.log.partitions(Topic::Raw) {
        app.log.bounds(Topic::Raw, Partition(partition)).await.map_err(|error| {
            tracing::error!(%error, partition, "the log is not ready");
            Problem::new(Code::NotReady, "the log does not answer")
        })?;
    }
    Ok(axum::Json(Health { status: "ok" }))
}

/// Scrape metrics
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "OpenMetrics text", body = String,
        content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &app.metrics)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}
