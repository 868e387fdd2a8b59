//! Registers routes, each with its rule, and enforces the rule before the handler.
//!
//! **Invariant:** there is no way to register a route without a rule: [`Guarded`] wants one with each.

use crate::code::Code;
use crate::cookie::Cookie;
use crate::doors::hec::HecAnswer;
use crate::edge::{RequestId, origin};
use crate::extract::OpenReceipt;
use crate::forgery;
use crate::incident_guard::{self, About};
use crate::problem::Problem;
use crate::state::App;
use access::{AdmitError, Admitted, Caller, Credential, Presented, Rule, Scheme, ScopeSet, SecretKind};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ingest::hec::HecCode;
use model::Principal;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, Schema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// How much of a path a record of a denial repeats.
const DENIED_CHARS_MAX: usize = 200;

/// One route of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`
    pub method: &'static str,
    /// `/api/v1/incidents/{id}`
    pub path: String,
    /// Who may use it.
    pub rule: Rule,
}

/// A router that knows the rule of each of its routes.
pub(crate) struct Guarded {
    app: App,
    router: OpenApiRouter<App>,
    table: Vec<Route>,
    /// What each name of a schema stands for.
    schemas: BTreeMap<String, RefOr<Schema>>,
    /// Names that stand for two different things: the description has one of them only.
    clashes: Vec<String>,
}

/// The routes of which the edge writes down nothing about the sender.
pub(crate) fn of_guests(table: &[Route]) -> HashSet<(&'static str, String)> {
    let guests = table.iter().filter(|route| route.rule.is_for_guests());
    guests.map(|route| (route.method, route.path.clone())).collect()
}

impl Guarded {
    pub(crate) fn new(app: App, document: utoipa::openapi::OpenApi) -> Self {
        Self {
            app,
            router: OpenApiRouter::with_openapi(document),
            table: Vec::new(),
            schemas: BTreeMap::new(),
            clashes: Vec::new(),
        }
    }

    /// Adds routes that share `rule`.
    #[must_use]
    pub(crate) fn routes(mut self, rule: Rule, routes: UtoipaMethodRouter<App>) -> Self {
        let (schemas, mut paths, handlers) = routes;
        for (name, schema) in &schemas {
            let known = self.schemas.entry(name.clone()).or_insert_with(|| schema.clone());
            if known != schema {
                self.clashes.push(name.clone());
            }
        }
        let mut about = About::Else;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                let id = operation_id(method, path);
                // pages have the addresses of what they show, without the API's prefix
                let is_page = operation.tags.iter().flatten().any(|tag| tag == "console");
                operation.operation_id = Some(if is_page { format!("console_{id}") } else { id });
                declare(operation, path, rule);
                self.table.push(Route { method, path: path.clone(), rule });
                // routes that are registered together share their path
                about = About::of(path);
            }
        }
        let layer = from_fn_with_state((self.app.clone(), rule, about), authorize);
        self.router = self.router.routes((schemas, paths, handlers.route_layer(layer)));
        self
    }

    /// Names of schemas that stand for two different things.
    pub(crate) fn clashes(&self) -> &[String] {
        &self.clashes
    }

    pub(crate) fn into_parts(self) -> (axum::Router<App>, utoipa::openapi::OpenApi, Vec<Route>) {
        let (router, document) = self.router.split_for_parts();
        (router, document, self.table)
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("PATCH", &mut item.patch),
        ("HEAD", &mut item.head),
        ("OPTIONS", &mut item.options),
        ("TRACE", &mut item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// `get_incidents_id` for `GET /api/v1/incidents/{id}`: unique, and stable as long as the path is.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
}

/// Writes the rule into the reference.
fn declare(operation: &mut Operation, path: &str, rule: Rule) {
    let (words, security) = match rule {
        Rule::Public { why } => (format!("public: {why}"), vec![]),
        Rule::Signed { proof } => (format!("signed: {proof}"), vec![]),
        Rule::SourceToken(Scheme::Bearer) => ("source token".to_owned(), vec![("source_token", vec![])]),
        Rule::SourceToken(Scheme::Splunk) => ("source token".to_owned(), vec![("hec_token", vec![])]),
        Rule::Scope(scope) => {
            let by = vec![("api_token", vec![scope.to_string()]), ("session", vec![])];
            (format!("scope {scope}"), by)
        }
        Rule::Person => ("whoever is signed in".to_owned(), vec![("session", vec![])]),
        Rule::Guest { why } => {
            let by = vec![("", vec![]), ("api_token", vec![]), ("session", vec![])];
            (format!("anyone: {why}; a token or session that is sent must hold"), by)
        }
        Rule::Receipt => ("whoever opened a receipt".to_owned(), vec![("receipt", vec![])]),
    };
    document_refusals(operation, path, rule);
    operation.security =
        Some(security.into_iter().map(|(scheme, scopes)| requirement(scheme, scopes)).collect());
    let extension = Extensions::builder().add("x-huecry-rule", words).build();
    operation.extensions.get_or_insert_with(Extensions::default).merge(extension);
}

/// One way in; without a scheme, the one of nobody.
fn requirement(scheme: &str, scopes: Vec<String>) -> SecurityRequirement {
    if scheme.is_empty() { SecurityRequirement::default() } else { SecurityRequirement::new(scheme, scopes) }
}

/// Writes down what stands before every handler and is not its own: who asks, how, for what. What a handler says of a
/// status counts more.
fn document_refusals(operation: &mut Operation, path: &str, rule: Rule) {
    if rule.scheme() == Some(Scheme::Splunk) {
        return; // in words of its own
    }
    let mut refusals = vec![
        ("400", "Path, query or headers cannot be read, or a token stands in the query"),
        ("408", "It took too long"),
        ("5XX", "The server, or what it stands on, cannot answer now"),
    ];
    match rule {
        Rule::Public { .. } => {}
        Rule::Signed { .. } => refusals.extend([("401", "It is not signed as it must be")]),
        Rule::Receipt => refusals.extend([
            ("401", "No receipt is open in this browser"),
            ("403", "A page of another site asked for this"),
            ("409", "`Huecry-Report` names another report than the one whose receipt is open"),
        ]),
        _ => refusals
            .extend([("401", "Nobody is known by what was sent"), ("403", "Who asks may not do this")]),
    }
    if path.contains('{') {
        refusals.push(("404", "There is no such thing, or not for who asks"));
    }
    if operation.request_body.is_some() {
        refusals.push(("413", "The body is too large"));
    }
    for (status, description) in refusals {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
        let refusal = ResponseBuilder::new().description(description).content(PROBLEM, content);
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| refusal.build().into());
    }
}

/// The media type of an error.
const PROBLEM: &str = "application/problem+json";

async fn authorize(
    State((app, rule, about)): State<(App, Rule, About)>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.uri().query().is_some_and(query_has_token) {
        return token_in_query(rule);
    }
    let headers = request.headers();
    if rule == Rule::Receipt {
        return match receipt(&app, request.method(), headers) {
            Ok(ticket) => {
                request.extensions_mut().insert(ticket);
                next.run(request).await
            }
            Err(problem) => problem.into_response(),
        };
    }
    if matches!(rule, Rule::Guest { .. })
        && !request.method().is_safe()
        && let Err(problem) = forgery::check_origin(&app, headers)
    {
        return problem.into_response();
    }
    let cookie = Cookie::Session.read(&app, headers);
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let brought = Presented { authorization, cookie: cookie.as_deref() };
    let by_cookie = authorization.is_none() && cookie.is_some();
    let admitted = match app.gate.admit(rule, brought).await {
        Ok(None) => return next.run(request).await,
        Ok(Some(admitted)) => admitted,
        Err(error) if rule.scheme() == Some(Scheme::Splunk) => {
            app.ingest.telemetry().refused("hec", "token");
            return HecAnswer::denied(&error).into_response();
        }
        // the browser sends its cookie by itself: taken from it, the next request is a guest's
        Err(AdmitError::Denied(denied)) if rule.is_for_guests() && by_cookie => {
            let mut response = Problem::from(denied).into_response();
            response.extensions_mut().insert(Forget(Cookie::Session));
            return response;
        }
        Err(AdmitError::Forbidden { denied, principal }) if !rule.is_for_guests() => {
            let denial = Denial::of(&request, principal);
            denial.note(&app, denied.as_str()).await;
            return Problem::from(denied).into_response();
        }
        Err(error) => return Problem::from(error).into_response(),
    };
    let id = params.ok().and_then(|params| {
        let mut ids = params.iter().filter(|(name, _)| *name == "id");
        ids.next().map(|(_, id)| id.to_owned())
    });
    let method = request.method().clone();
    if let Err(problem) = check(&app, about, &admitted, (&method, request.headers(), id.as_deref())).await {
        // nobody is named as somebody who tried to report
        if !rule.is_for_guests() {
            let denial = Denial::of(&request, admitted.principal.clone());
            denial.note(&app, problem.code.as_str()).await;
        }
        return problem.into_response();
    }
    if let Credential::Token(grant) = &admitted.by {
        request.extensions_mut().insert(Arc::clone(grant));
    }
    request.extensions_mut().insert(Arc::new(admitted));
    next.run(request).await
}

/// The report that a page with an open receipt means. A browser has one cookie for all its pages: what is written on one report must
/// not reach another whose receipt was opened in the meantime.
const REPORT: HeaderName = HeaderName::from_static("huecry-report");

fn token_in_query(rule: Rule) -> Response {
    if rule.scheme() == Some(Scheme::Splunk) {
        return HecAnswer::of(HecCode::QueryTokenRefused).into_response();
    }
    let detail = "nothing was done; tokens go into the Authorization header";
    Problem::new(Code::TokenInQuery, detail).into_response()
}

/// A cookie that the edge takes from the browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forget(pub(crate) Cookie);

/// The receipt that is open in the browser that asks.
fn receipt(app: &App, method: &Method, headers: &HeaderMap) -> Result<OpenReceipt, Problem> {
    let ticket = app.gate.receipt(Cookie::Receipt.read(app, headers).as_deref())?;
    if !method.is_safe() {
        forgery::check_origin(app, headers)?;
    }
    let said = headers.get(REPORT).map(|value| value.to_str().unwrap_or_default());
    match said {
        Some(said) if said != ticket.subject => {
            let detail = "another report's receipt was opened in this browser since; nothing was done";
            return Err(Problem::new(Code::ReceiptOther, detail));
        }
        None if !method.is_safe() && *method != Method::DELETE => {
            return Err(Problem::new(
                Code::RequestInvalid,
                "say which report is meant: Huecry-Report: rep_…",
            ));
        }
        _ => {}
    }
    Ok(OpenReceipt(ticket))
}

/// Forged requests, and incidents that do not exist for the asker.
async fn check(
    app: &App,
    about: About,
    admitted: &Admitted,
    (method, headers, id): (&Method, &HeaderMap, Option<&str>),
) -> Result<(), Problem> {
    if let Some(signed_in) = admitted.signed_in() {
        forgery::check(app, method, headers, signed_in)?;
    }
    incident_guard::check(app, about, admitted, method, id).await
}

/// Somebody known was told no.
struct Denial {
    caller: Caller,
    what: String,
    path: String,
}

impl Denial {
    fn of(request: &Request, principal: Principal) -> Self {
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let template = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
        let origin = origin(request.extensions());
        Self {
            caller: Caller { principal, scopes: ScopeSet::default(), origin, request_id },
            what: format!("{} {template}", request.method()),
            path: request.uri().path().chars().take(DENIED_CHARS_MAX).collect(),
        }
    }

    /// Writes it down, once a minute for each route. Where that fails the answer is still no.
    async fn note(&self, app: &App, why: &str) {
        if let Err(error) = app.denials.note(&self.caller, &self.what, &self.path, why).await {
            tracing::error!(%error, what = self.what, why, "a denial was not written down");
        }
    }
}

/// Whether someone tries to pass a token where logs and histories keep it.
fn query_has_token(query: &str) -> bool {
    query.split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let named = ["token", "access_token", "authorization"].iter().any(|n| key.eq_ignore_ascii_case(n));
        named || SecretKind::ALL.iter().any(|kind| value.starts_with(kind.prefix()))
    })
}
