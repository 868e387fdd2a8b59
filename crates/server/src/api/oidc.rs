//! `/auth/oidc/{id}`: signing in by an identity provider, and its word that a session ended.

use super::session::{arrival, cookie, end_before};
use crate::cookie::Cookie;
use crate::extract::Params;
use crate::problem::Problem;
use crate::state::App;
use access::{Arrival, Callback, Caller, Door, Oidc, OidcError, ScopeSet, SignInError};
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::Principal;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Largest body of a logout, in bytes.
const LOGOUT_BYTES_MAX: usize = 32 * 1024;

/// How much of a provider's own words is repeated.
const SAID_CHARS_MAX: usize = 64;

fn provider(app: &App, id: &str) -> Result<Arc<Oidc>, Problem> {
    let found = app.oidc.iter().find(|oidc| oidc.settings().id == id).cloned();
    found.ok_or_else(|| Problem::not_found("identity provider", id))
}

/// Where to end.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartParams {
    /// A path of this server; `/` if not said.
    r#return: Option<String>,
}

/// Sign in by an identity provider
#[utoipa::path(
    get,
    path = "/auth/oidc/{id}/start",
    tag = "people",
    params(("id" = String, Path, description = "The provider"), StartParams),
    responses(
        (status = 303, description = "To the provider"),
        (status = "4XX", description = "Nothing was begun", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn start(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<StartParams>,
) -> Result<Response, Problem> {
    let started = provider(&app, &id)?.start(params.r#return.as_deref().unwrap_or("/")).await?;
    let keep = Cookie::Flow.set(&app, &started.flow, access::FLOW_MS);
    redirect(&started.location, [keep, None])
}

fn redirect(location: &str, cookies: [Option<HeaderValue>; 2]) -> Result<Response, Problem> {
    // a value with a line break is none
    let location = HeaderValue::from_str(location).map_err(|_| Problem::from(OidcError::BadReturn))?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What the provider sends the browser back with. It may say more; that is not read.
#[derive(Debug, Deserialize)]
pub(crate) struct CallbackParams {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Come back from an identity provider
///
/// Sets the session's cookie and goes on to where signing in was to end.
#[utoipa::path(
    get,
    path = "/auth/oidc/{id}/callback",
    tag = "people",
    params(("id" = String, Path, description = "The provider")),
    responses(
        (status = 303, description = "Signed in"),
        (status = 403, description = "Nobody was signed in", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many sign-ins failed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn callback(
    State(app): State<App>,
    Path(id): Path<String>,
    axum::extract::Query(params): axum::extract::Query<CallbackParams>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let oidc = provider(&app, &id)?;
    let mut arrival = arrival(&id, &extensions, &headers);
    let flow = Cookie::Flow.read(&app, &headers);
    // what this browser did not begin anyone can send: it is neither counted nor written down
    if !oidc.began(flow.as_deref(), params.state.as_deref()) {
        return Err(OidcError::FlowLost.into());
    }
    app.people.check_throttle(Door::Callback, arrival.origin.as_deref())?;
    let vouched = match finish(&oidc, &params, flow.as_deref()).await {
        Ok(vouched) => vouched,
        Err(error @ (OidcError::Unavailable(_) | OidcError::Configuration { .. })) => {
            return Err(error.into());
        }
        Err(error) => return Err(refuse(&app, Door::Callback, &arrival, error).await),
    };
    arrival.provider_sid = vouched.sid;
    let came = app.people.come_by_provider(&vouched.claims, &arrival).await?;
    end_before(&app, &headers, &arrival).await;
    let session = cookie(&app, &came.secret, came.session.expires_at_ms).remove(header::SET_COOKIE);
    redirect(&vouched.return_to, [session, Cookie::Flow.set(&app, "", 0)])
}

async fn finish(
    oidc: &Oidc,
    params: &CallbackParams,
    flow: Option<&str>,
) -> Result<access::Vouched, OidcError> {
    if let Some(error) = &params.error {
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        return Err(OidcError::Refused(error.chars().filter(plain).take(SAID_CHARS_MAX).collect()));
    }
    let (Some(state), Some(code)) = (&params.state, &params.code) else { return Err(OidcError::FlowLost) };
    oidc.finish(Callback { flow, state, code, issuer: params.iss.as_deref() }).await
}

/// Writes a refusal down; what the browser is told.
async fn refuse(app: &App, door: Door, arrival: &Arrival, error: OidcError) -> Problem {
    let refusal = SignInError::ProviderRefused(error.to_string());
    match app.people.refuse::<()>(door, arrival, refusal).await {
        Err(refusal) => refusal.into(),
        Ok(()) => error.into(),
    }
}

/// End sessions that ended at the identity provider
///
/// OpenID Connect Back-Channel Logout 1.0: the provider sends a signed `logout_token`.
#[utoipa::path(
    post,
    path = "/auth/oidc/{id}/backchannel-logout",
    tag = "people",
    params(("id" = String, Path, description = "The provider")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "They have ended"),
        (status = "4XX", description = "Nothing was done", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn backchannel_logout(
    State(app): State<App>,
    Path(id): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<StatusCode, Problem> {
    let oidc = provider(&app, &id)?;
    let arrival = arrival(&id, &extensions, &headers);
    let body = axum::body::to_bytes(body, LOGOUT_BYTES_MAX).await.map_err(|_| {
        Problem::new(crate::Code::BodyTooLarge, format!("the limit here is {LOGOUT_BYTES_MAX} bytes"))
    })?;
    let said = match oidc.logout(&logout_token(&body)).await {
        Ok(said) => said,
        Err(error @ (OidcError::Unavailable(_) | OidcError::Configuration { .. })) => {
            return Err(error.into());
        }
        // a token that holds is always heard: whoever fails beside the provider does not keep anybody signed in
        Err(error) => {
            app.people.check_throttle(Door::Logout, arrival.origin.as_deref())?;
            return Err(refuse(&app, Door::Logout, &arrival, error).await);
        }
    };
    let principal = Principal::System { part: format!("oidc:{id}") };
    let (origin, request_id) = (arrival.origin, arrival.request_id);
    let caller = Caller { principal, scopes: ScopeSet::default(), origin, request_id };
    app.people.leave_by_provider(&id, &oidc.settings().issuer, &said, &caller).await?;
    Ok(StatusCode::OK)
}

fn logout_token(body: &Bytes) -> String {
    let mut pairs = url::form_urlencoded::parse(body);
    pairs.find(|(key, _)| key == "logout_token").map(|(_, value)| value.into_owned()).unwrap_or_default()
}
