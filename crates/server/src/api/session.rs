//! `/api/v1/session`: signing in by a link, who is signed in, signing out.

use crate::cookie::Cookie;
use crate::edge::{RequestId, origin};
use crate::extract::{JsonBody, MaybeAs, NoParams, Params, Signed, Who};
use crate::forgery;
use crate::problem::Problem;
use crate::state::App;
use access::{Admitted, Arrival, Presented, RoleSet, Rule, Secret, SignedIn};
use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ports::store::{Person, PersonSession};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhoView {
    /// `per_…`
    id: String,
    /// The name that people see.
    name: String,
    /// Where to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Who is signed in.
    person: WhoView,
    /// What they are.
    roles: Vec<String>,
    /// What that comes to.
    scopes: Vec<String>,
    /// Their teams.
    teams: Vec<String>,
    /// What requests that change something repeat in `X-CSRF-Token`.
    csrf: String,
    /// When it ends if it is not used before.
    idle_expires_at_ms: i64,
    /// When it ends whatever happens.
    expires_at_ms: i64,
}

impl SessionView {
    fn of(app: &App, person: &Person, session: &PersonSession) -> Self {
        let roles = RoleSet::of_names(&person.roles);
        let scopes = app.directory.policies().reach_of_roles(roles).scopes;
        let idle_ms = app.clock.now_ms().saturating_add(app.sessions.times().idle_ms);
        let (id, name, email) = (person.id.to_string(), person.name.clone(), person.email.clone());
        Self {
            person: WhoView { id, name, email },
            roles: roles.iter().map(|role| role.to_string()).collect(),
            scopes: scopes.iter().map(|scope| scope.to_string()).collect(),
            teams: person.teams.clone(),
            csrf: session.csrf.clone(),
            idle_expires_at_ms: idle_ms.min(session.expires_at_ms),
            expires_at_ms: session.expires_at_ms,
        }
    }
}

/// Who came to a page for everybody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VisitorView {
    /// Whether somebody is signed in.
    signed_in: bool,
    /// `per_…`, of whoever is.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The name that others see.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What requests that change something repeat in `X-CSRF-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

/// Read who came
///
/// For pages that everybody may open. It leaves no trace: a session is not used by it, so that nobody can tell from its
/// times who reported without a name.
#[utoipa::path(
    get,
    path = "/api/v1/visitor",
    tag = "people",
    responses((status = 200, description = "Whoever is signed in, or that nobody is", body = VisitorView)),
)]
pub(crate) async fn visitor(MaybeAs(known): MaybeAs) -> Json<VisitorView> {
    let signed_in = known.as_deref().and_then(Admitted::signed_in);
    Json(VisitorView {
        signed_in: signed_in.is_some(),
        id: signed_in.map(|signed_in| signed_in.person.id.to_string()),
        name: signed_in.map(|signed_in| signed_in.person.name.clone()),
        csrf: signed_in.map(|signed_in| signed_in.session.csrf.clone()),
    })
}

/// A one-time link, as it came.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// What stands after `#` in the link.
    link: String,
    /// The name that others shall see; the link's own if not said.
    name: Option<String>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Sign in by a one-time link
///
/// The link is used up. The answer sets the session's cookie; a session that the browser had ends.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    tag = "people",
    request_body = SignIn,
    responses(
        (status = 201, description = "Signed in", body = SessionView),
        (status = 403, description = "The link does not open", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Somebody else has the name; the link is not used up", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many sign-ins failed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    extensions: Extensions,
    headers: HeaderMap,
    JsonBody { value: sign_in, .. }: JsonBody<SignIn>,
) -> Result<Response, Problem> {
    forgery::check_origin(&app, &headers)?;
    let arrival = arrival("link", &extensions, &headers);
    let came = app.people.come_by_link(&sign_in.link, sign_in.name.as_deref(), &arrival).await?;
    end_before(&app, &headers, &arrival).await;
    let view = SessionView::of(&app, &came.person, &came.session);
    Ok((StatusCode::CREATED, cookie(&app, &came.secret, came.session.expires_at_ms), Json(view))
        .into_response())
}

/// How somebody comes in.
pub(crate) fn arrival(provider: &str, extensions: &Extensions, headers: &HeaderMap) -> Arrival {
    let text = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Arrival {
        provider: provider.to_owned(),
        provider_sid: None,
        origin: origin(extensions),
        user_agent: text.map(str::to_owned),
        request_id: extensions.get::<RequestId>().map(|id| id.0.clone()),
    }
}

/// Ends the session that the browser had before it signed in anew.
pub(crate) async fn end_before(app: &App, headers: &HeaderMap, arrival: &Arrival) {
    let before = Cookie::Session.read(app, headers);
    let brought = Presented { authorization: None, cookie: before.as_deref() };
    let Ok(Some(admitted)) = app.gate.admit(Rule::Person, brought).await else { return };
    let caller = admitted.caller(arrival.origin.clone(), arrival.request_id.clone());
    if let Some(SignedIn { person, session, .. }) = admitted.signed_in()
        && let Err(error) = app.sessions.end_own(&caller, person.id, session.id).await
    {
        tracing::warn!(%error, "the session before was not ended");
    }
}

/// The header that gives the browser its session.
pub(crate) fn cookie(app: &App, secret: &Secret, expires_at_ms: i64) -> HeaderMap {
    let left_ms = expires_at_ms.saturating_sub(app.clock.now_ms());
    let set = Cookie::Session.set(app, secret.reveal(), left_ms);
    set.map(|value| (header::SET_COOKIE, value)).into_iter().collect()
}

/// Read who is signed in
///
/// From time to time the answer exchanges the cookie.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    tag = "people",
    responses(
        (status = 200, description = "The session", body = SessionView),
        (status = 401, description = "Nobody is signed in", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Signed(signed_in): Signed,
    _: Params<NoParams>,
) -> Result<Response, Problem> {
    let rotated = app.sessions.rotate(&signed_in).await?;
    let SignedIn { person, session, .. } = &signed_in;
    let exchanged = rotated.map(|secret| cookie(&app, &secret, session.expires_at_ms)).unwrap_or_default();
    Ok((exchanged, Json(SessionView::of(&app, person, session))).into_response())
}

/// Sign out
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    tag = "people",
    responses((status = 204, description = "The session has ended")),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Signed(signed_in): Signed,
    Who(caller): Who,
) -> Result<Response, Problem> {
    app.sessions.end_own(&caller, signed_in.person.id, signed_in.session.id).await?;
    let removed: HeaderMap =
        Cookie::Session.set(&app, "", 0).map(|value| (header::SET_COOKIE, value)).into_iter().collect();
    Ok((StatusCode::NO_CONTENT, removed).into_response())
}

/// An identity provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderView {
    /// Its name in paths.
    id: String,
    /// Its name for people.
    name: String,
    /// Where signing in begins; `?return=/path` says where it ends.
    start: String,
}

/// Identity providers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProvidersView {
    /// As they are configured.
    items: Vec<ProviderView>,
}

/// List identity providers
#[utoipa::path(
    get,
    path = "/api/v1/session/providers",
    tag = "people",
    responses((status = 200, description = "All of them", body = ProvidersView)),
)]
pub(crate) async fn providers(State(app): State<App>, _: Params<NoParams>) -> Json<ProvidersView> {
    let view = |oidc: &std::sync::Arc<access::Oidc>| {
        let settings = oidc.settings();
        let start = format!("/auth/oidc/{}/start", settings.id);
        ProviderView { id: settings.id.clone(), name: settings.name.clone(), start }
    };
    Json(ProvidersView { items: app.oidc.iter().map(view).collect() })
}
