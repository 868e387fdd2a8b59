//! `/reference`, `/openapi.json`, `/docs/errors/{code}`, `/docs/reputation`: what this server says about itself.

use crate::code::Code;
use crate::openapi::{CACHED, Document};
use crate::problem::Problem;
use crate::reference_page::CSS;
use crate::state::App;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

fn document(app: &App) -> Result<&Document, Problem> {
    app.openapi.get().ok_or_else(|| Problem::new(Code::Internal, "the reference was not written"))
}

/// The API's reference as a page
#[utoipa::path(
    get,
    path = "/reference",
    tag = "operation",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn page(State(app): State<App>) -> Result<Response, Problem> {
    let html = document(&app)?.html.clone();
    Ok(([(CONTENT_TYPE, "text/html; charset=utf-8")], [CACHED], html).into_response())
}

/// The reference page's style
#[utoipa::path(
    get,
    path = "/reference.css",
    tag = "operation",
    responses((status = 200, description = "The style", body = String, content_type = "text/css")),
)]
pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], [CACHED], CSS).into_response()
}

/// The API's description
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)),
)]
pub(crate) async fn openapi(State(app): State<App>) -> Result<Response, Problem> {
    let json = document(&app)?.json.clone();
    Ok(([(CONTENT_TYPE, "application/json")], [CACHED], json).into_response())
}

/// How reputation is computed
#[utoipa::path(
    get,
    path = "/docs/reputation",
    tag = "operation",
    responses((status = 200, description = "The formula with examples", body = String, content_type = "text/markdown")),
)]
pub(crate) async fn reputation() -> Response {
    const PAGE: &str = include_str!("../../../../docs/reference/reputation.md");
    ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], [CACHED], PAGE).into_response()
}

/// What an error code means
#[utoipa::path(
    get,
    path = "/docs/errors/{code}",
    tag = "operation",
    params(("code" = String, Path, description = "A stable error code")),
    responses(
        (status = 200, description = "What it means and what to do", body = String,
            content_type = "text/markdown"),
        (status = 404, description = "There is no such code", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn error_page(Path(name): Path<String>) -> Result<Response, Problem> {
    let code = Code::ALL.iter().find(|code| code.as_str() == name);
    let code = code.ok_or_else(|| Problem::not_found("error code", &name))?;
    Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], [CACHED], code.page()).into_response())
}
