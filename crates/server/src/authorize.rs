//! Registers routes, each with its rule, and enforces the rule before the handler.
//!
//! **Invariant:** there is no way to register a route without a rule: [`Guarded`] wants one with each.

use crate::code::Code;
use crate::doors::hec::HecAnswer;
use crate::problem::Problem;
use crate::state::App;
use access::{Rule, Scheme};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ingest::hec::HecCode;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

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
}

impl Guarded {
    pub(crate) fn new(app: App, document: utoipa::openapi::OpenApi) -> Self {
        Self { app, router: OpenApiRouter::with_openapi(document), table: Vec::new() }
    }

    /// Adds routes that share `rule`.
    #[must_use]
    pub(crate) fn routes(mut self, rule: Rule, routes: UtoipaMethodRouter<App>) -> Self {
        let (schemas, mut paths, handlers) = routes;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                operation.operation_id = Some(operation_id(method, path));
                declare(operation, rule);
                self.table.push(Route { method, path: path.clone(), rule });
            }
        }
        let layer = from_fn_with_state((self.app.clone(), rule), authorize);
        self.router = self.router.routes((schemas, paths, handlers.route_layer(layer)));
        self
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
fn declare(operation: &mut Operation, rule: Rule) {
    let (words, security) = match rule {
        Rule::Public { why } => (format!("public: {why}"), None),
        Rule::Signed { proof } => (format!("signed: {proof}"), None),
        Rule::SourceToken(Scheme::Bearer) => ("source token".to_owned(), Some(("source_token", vec![]))),
        Rule::SourceToken(Scheme::Splunk) => ("source token".to_owned(), Some(("hec_token", vec![]))),
        Rule::Scope(scope) => (format!("scope {scope}"), Some(("api_token", vec![scope.to_string()]))),
    };
    operation.security =
        Some(security.into_iter().map(|(scheme, scopes)| SecurityRequirement::new(scheme, scopes)).collect());
    let extension = Extensions::builder().add("x-huecry-rule", words).build();
    operation.extensions.get_or_insert_with(Extensions::default).merge(extension);
}

async fn authorize(State((app, rule)): State<(App, Rule)>, mut request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(query_has_token) {
        return match rule.scheme() {
            Some(Scheme::Splunk) => HecAnswer::of(HecCode::QueryTokenRefused).into_response(),
            _ => {
                Problem::new(Code::TokenInQuery, "nothing was done; tokens go into the Authorization header")
                    .into_response()
            }
        };
    }
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match app.directory.admit(rule, header).await {
        Ok(grant) => {
            if let Some(grant) = grant {
                request.extensions_mut().insert(grant);
            }
            next.run(request).await
        }
        Err(error) if rule.scheme() == Some(Scheme::Splunk) => {
            app.ingest.telemetry().refused("hec", "token");
            HecAnswer::denied(&error).into_response()
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Whether someone tries to pass a token where logs and histories keep it.
fn query_has_token(query: &str) -> bool {
    query.split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let named = ["token", "access_token", "authorization"].iter().any(|n| key.eq_ignore_ascii_case(n));
        named || value.starts_with("hc_src_") || value.starts_with("hc_api_")
    })
}
