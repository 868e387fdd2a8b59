//! `/api/v1/sources`

use crate::code::Code;
use crate::extract::{Id, JsonBody, NoParams, Params, Who};
use crate::problem::Problem;
use crate::state::App;
use crate::view::SourceView;
use access::SourceSettings;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::SourceName;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::ToSchema;

/// Every source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourcesView {
    /// By name.
    items: Vec<SourceView>,
}

/// List sources
#[utoipa::path(
    get,
    path = "/api/v1/sources",
    tag = "administration",
    responses((status = 200, description = "Every source by name", body = SourcesView)),
)]
pub(crate) async fn list(State(app): State<App>, _: Params<NoParams>) -> Result<Json<SourcesView>, Problem> {
    let items = app.access.sources().await?.into_iter().map(Into::into).collect();
    Ok(Json(SourcesView { items }))
}

/// A source to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    /// 1 to 64 of `a-z0-9_-`.
    name: String,
    /// The mapping that reads its records, such as `aws_cloudtrail`, `okta`, `github`.
    kind: String,
    /// Where its data must be kept; `default` if not said.
    region: Option<String>,
    /// What its sender signs with (GitHub) or sends along (Okta). Kept encrypted, never shown.
    secret: Option<String>,
}

/// Make a source
#[utoipa::path(
    post,
    path = "/api/v1/sources",
    tag = "administration",
    request_body = NewSource,
    responses(
        (status = 201, description = "The source", body = SourceView),
        (status = "4XX", description = "Nothing was made", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Who(caller): Who,
    JsonBody { value: new, .. }: JsonBody<NewSource>,
) -> Result<(StatusCode, Json<SourceView>), Problem> {
    let name = SourceName::new(&new.name);
    let name = name.map_err(|error| Problem::new(Code::RequestInvalid, error.to_string()))?;
    let settings = SourceSettings { name, kind: new.kind, region: new.region, secret: new.secret };
    let source = app.access.add_source(&caller, settings).await?;
    Ok((StatusCode::CREATED, Json(source.into())))
}

/// What may change about a source; what is not said stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceChange {
    /// Whether its doors are open.
    enabled: Option<bool>,
    /// A new secret.
    secret: Option<String>,
}

/// Open or close a source, or set its secret
#[utoipa::path(
    patch,
    path = "/api/v1/sources/{name}",
    tag = "administration",
    params(("name" = String, Path, description = "The source's name")),
    request_body = SourceChange,
    responses(
        (status = 200, description = "The source as it is now", body = SourceView),
        (status = "4XX", description = "Nothing was changed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    Who(caller): Who,
    Id(Name(name)): Id<Name>,
    JsonBody { value: change, .. }: JsonBody<SourceChange>,
) -> Result<Json<SourceView>, Problem> {
    let changed = app.access.change_source(&caller, &name, change.enabled, change.secret.as_deref()).await?;
    Ok(Json(changed.into()))
}

/// Close a source
///
/// Its doors close at once. What it sent stays, and so does its name.
#[utoipa::path(
    delete,
    path = "/api/v1/sources/{name}",
    tag = "administration",
    params(("name" = String, Path, description = "The source's name")),
    responses(
        (status = 204, description = "Its doors are closed"),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Who(caller): Who,
    Id(Name(name)): Id<Name>,
) -> Result<StatusCode, Problem> {
    app.access.change_source(&caller, &name, Some(false), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A source's name in the path.
#[derive(Debug)]
pub(crate) struct Name(SourceName);

impl FromStr for Name {
    type Err = model::SourceNameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SourceName::new(text).map(Self)
    }
}
