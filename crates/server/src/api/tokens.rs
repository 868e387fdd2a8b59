//! `/api/v1/tokens`

use super::page::{PageParams, PageView};
use crate::code::Code;
use crate::extract::{Id, JsonBody, Params, Who};
use crate::problem::Problem;
use crate::state::App;
use crate::view::TokenView;
use access::{NewAuthority, Scope, ScopeSet};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{SourceName, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// List tokens
///
/// The newest first; never with a secret.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page of tokens", body = PageView<TokenView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Result<Json<PageView<TokenView>>, Problem> {
    Ok(Json(PageView::of(app.access.tokens(&params.request()?).await?)))
}

/// A token to be made: with scopes, for the API; with a source, for that source's doors.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// For whom or what.
    name: String,
    /// What an API token may do.
    #[serde(default)]
    scopes: Vec<String>,
    /// The source of a source token.
    source: Option<String>,
    /// When it stops, milliseconds since the epoch; never if not said.
    expires_at_ms: Option<i64>,
}

/// A fresh token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedToken {
    /// The token.
    token: TokenView,
    /// Shown this once; only its SHA-256 is kept.
    secret: String,
}

impl IssuedToken {
    pub(crate) fn of(token: ports::store::Token, secret: &access::Secret) -> Self {
        Self { token: token.into(), secret: secret.reveal().to_owned() }
    }
}

/// Make a token
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "administration",
    request_body = NewToken,
    responses(
        (status = 201, description = "The token with its secret", body = IssuedToken),
        (status = "4XX", description = "Nothing was made", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Who(caller): Who,
    JsonBody { value: new, .. }: JsonBody<NewToken>,
) -> Result<(StatusCode, Json<IssuedToken>), Problem> {
    let invalid = |detail: String| Problem::new(Code::RequestInvalid, detail);
    let authority = match (new.source, new.scopes.is_empty()) {
        (Some(source), true) => {
            NewAuthority::Source(SourceName::new(&source).map_err(|error| invalid(error.to_string()))?)
        }
        (None, _) => {
            let scopes: Result<ScopeSet, _> = new.scopes.iter().map(|scope| scope.parse::<Scope>()).collect();
            NewAuthority::Api(scopes.map_err(|error| invalid(error.to_string()))?)
        }
        (Some(_), false) => return Err(invalid("a token has either scopes or a source".to_owned())),
    };
    let (token, secret) = app.access.issue(&caller, &new.name, authority, new.expires_at_ms).await?;
    Ok((StatusCode::CREATED, Json(IssuedToken::of(token, &secret))))
}

/// Take a token back
///
/// It stops at once and for good.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "administration",
    params(("id" = String, Path, description = "The token's id (`tok_…`), not its secret")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Who(caller): Who,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, Problem> {
    app.access.revoke(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
