//! `/api/v1/me`: a person's own sessions and tokens.

use super::tokens::IssuedToken;
use crate::code::Code;
use crate::extract::{Id, JsonBody, NoParams, Params, Signed, Who};
use crate::problem::Problem;
use crate::state::App;
use crate::view::TokenView;
use access::{Scope, ScopeSet};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{SessionId, TokenId};
use ports::store::PersonSession;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One of a person's own sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnSessionView {
    /// `ses_…`
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// How it was begun: `link`, or the id of an identity provider.
    provider: String,
    /// The address that it was begun from.
    origin: Option<String>,
    /// The browser that it was begun with.
    user_agent: Option<String>,
    /// When it began.
    created_at_ms: i64,
    /// When it was last used, to the minute or so.
    seen_at_ms: i64,
    /// When it ends whatever happens.
    expires_at_ms: i64,
}

impl OwnSessionView {
    fn of(session: PersonSession, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == current,
            provider: session.provider,
            origin: session.origin,
            user_agent: session.user_agent,
            created_at_ms: session.created_at_ms,
            seen_at_ms: session.seen_at_ms,
            expires_at_ms: session.expires_at_ms,
        }
    }
}

/// A person's own sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnSessions {
    /// The newest first.
    items: Vec<OwnSessionView>,
}

/// List your sessions
#[utoipa::path(
    get,
    path = "/api/v1/me/sessions",
    tag = "people",
    responses((status = 200, description = "Where you are signed in", body = OwnSessions)),
)]
pub(crate) async fn sessions(
    State(app): State<App>,
    Signed(signed_in): Signed,
    _: Params<NoParams>,
) -> Result<Json<OwnSessions>, Problem> {
    let current = signed_in.session.id;
    let sessions = app.sessions.of_person(signed_in.person.id).await?;
    let items = sessions.into_iter().map(|session| OwnSessionView::of(session, current)).collect();
    Ok(Json(OwnSessions { items }))
}

/// Sign out elsewhere
#[utoipa::path(
    delete,
    path = "/api/v1/me/sessions/{id}",
    tag = "people",
    params(("id" = String, Path, description = "`ses_…`")),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 404, description = "You have no such session", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn end_session(
    State(app): State<App>,
    Signed(signed_in): Signed,
    Who(caller): Who,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    app.sessions.end_own(&caller, signed_in.person.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A person's own tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnTokens {
    /// The newest first.
    items: Vec<TokenView>,
}

/// List your tokens
#[utoipa::path(
    get,
    path = "/api/v1/me/tokens",
    tag = "people",
    responses((status = 200, description = "Those that were not revoked", body = OwnTokens)),
)]
pub(crate) async fn tokens(
    State(app): State<App>,
    Signed(signed_in): Signed,
    _: Params<NoParams>,
) -> Result<Json<OwnTokens>, Problem> {
    let tokens = app.access.tokens_of(signed_in.person.id).await?;
    Ok(Json(OwnTokens { items: tokens.into_iter().map(Into::into).collect() }))
}

/// A token to be made for oneself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOwnToken {
    /// For what.
    name: String,
    /// What it may do, of what you may.
    scopes: Vec<String>,
    /// When it stops, milliseconds since the epoch; never if not said.
    expires_at_ms: Option<i64>,
}

/// Make a token for yourself
///
/// It opens what it was made for and you may do at the time of use: it shrinks with your roles.
#[utoipa::path(
    post,
    path = "/api/v1/me/tokens",
    tag = "people",
    request_body = NewOwnToken,
    responses(
        (status = 201, description = "The token with its secret", body = IssuedToken),
        (status = "4XX", description = "Nothing was made", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn make_token(
    State(app): State<App>,
    Signed(signed_in): Signed,
    Who(caller): Who,
    JsonBody { value: new, .. }: JsonBody<NewOwnToken>,
) -> Result<(StatusCode, Json<IssuedToken>), Problem> {
    let scopes: Result<ScopeSet, _> = new.scopes.iter().map(|scope| scope.parse::<Scope>()).collect();
    let scopes = scopes.map_err(|error| Problem::new(Code::RequestInvalid, error.to_string()))?;
    let person = signed_in.person.id;
    let (token, secret) = app.access.issue_own(&caller, person, &new.name, scopes, new.expires_at_ms).await?;
    Ok((StatusCode::CREATED, Json(IssuedToken::of(token, &secret))))
}

/// Take back one of your tokens
#[utoipa::path(
    delete,
    path = "/api/v1/me/tokens/{id}",
    tag = "people",
    params(("id" = String, Path, description = "The token's id (`tok_…`), not its secret")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = 404, description = "You have no such token", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    Signed(signed_in): Signed,
    Who(caller): Who,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, Problem> {
    app.access.revoke_own(&caller, signed_in.person.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
