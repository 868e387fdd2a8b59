//! Every route of the server with the rule of who may use it. There are no others.

use crate::api::{
    audit, audit_log, dead_letters, findings, health, incidents, query, reference, rules, sources, stream,
    tokens,
};
use crate::authorize::{Guarded, Route};
use crate::code::Code;
use crate::doors::{github, hec, ingest, okta};
use crate::edge::edge;
use crate::openapi::{Document, head};
use crate::problem::Problem;
use crate::state::App;
use access::{Rule, Scheme, Scope};
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::middleware::from_fn_with_state;
use utoipa_axum::routes;

const DOOR: Rule = Rule::SourceToken(Scheme::Bearer);
const HEC: Rule = Rule::SourceToken(Scheme::Splunk);
const HEC_HEALTH: Rule = Rule::Public { why: "senders and load balancers ask before they have a token" };
const HMAC: Rule = Rule::Signed { proof: "HMAC-SHA256 of the body under the source's secret" };
const SHARED: Rule = Rule::Signed { proof: "the source's secret in the Authorization header" };
const REFERENCE: Rule =
    Rule::Public { why: "the reference is the same on every server and says nothing of this one" };
const PROBES: Rule = Rule::Public { why: "probes have no token; the answer is only yes or no" };

const READ: Rule = Rule::Scope(Scope::IncidentsRead);
const WRITE: Rule = Rule::Scope(Scope::IncidentsWrite);
const AUDIT: Rule = Rule::Scope(Scope::AuditRead);

fn guarded(app: &App) -> Guarded {
    Guarded::new(app.clone(), head())
        // doors
        .routes(DOOR, routes!(ingest::post))
        .routes(HEC, routes!(hec::collector))
        .routes(HEC, routes!(hec::event))
        .routes(HEC, routes!(hec::event_1_0))
        .routes(HEC, routes!(hec::raw))
        .routes(HEC, routes!(hec::raw_1_0))
        .routes(HEC, routes!(hec::ack))
        .routes(HEC_HEALTH, routes!(hec::health))
        .routes(HEC_HEALTH, routes!(hec::health_1_0))
        .routes(HMAC, routes!(github::post))
        .routes(SHARED, routes!(okta::get, okta::post))
        // incidents
        .routes(READ, routes!(incidents::list))
        .routes(READ, routes!(incidents::get))
        .routes(WRITE, routes!(incidents::patch))
        .routes(READ, routes!(incidents::findings))
        .routes(READ, routes!(incidents::comments))
        .routes(WRITE, routes!(incidents::comment))
        .routes(READ, routes!(incidents::history))
        .routes(READ, routes!(findings::list))
        .routes(READ, routes!(findings::get))
        .routes(stream::RULE, routes!(stream::get))
        // events
        .routes(Rule::Scope(Scope::EventsRead), routes!(query::post))
        // rules and what could not be read
        .routes(Rule::Scope(Scope::RulesRead), routes!(rules::list))
        .routes(Rule::Scope(Scope::RulesRead), routes!(rules::get))
        .routes(Rule::Scope(Scope::RulesWrite), routes!(rules::reload))
        .routes(Rule::Scope(Scope::RulesWrite), routes!(rules::stage))
        .routes(Rule::Scope(Scope::RulesWrite), routes!(rules::tune))
        .routes(READ, routes!(rules::replay))
        .routes(Rule::Scope(Scope::DeadLettersRead), routes!(dead_letters::list))
        .routes(Rule::Scope(Scope::DeadLettersRead), routes!(dead_letters::get))
        .routes(Rule::Scope(Scope::DeadLettersWrite), routes!(dead_letters::retry))
        // administration
        .routes(Rule::Scope(Scope::TokensAdmin), routes!(tokens::list, tokens::post))
        .routes(Rule::Scope(Scope::TokensAdmin), routes!(tokens::delete))
        .routes(Rule::Scope(Scope::SourcesAdmin), routes!(sources::list, sources::post))
        .routes(Rule::Scope(Scope::SourcesAdmin), routes!(sources::patch, sources::delete))
        // the audit log
        .routes(AUDIT, routes!(audit::list))
        .routes(AUDIT, routes!(audit::get))
        .routes(AUDIT, routes!(audit_log::inclusion))
        .routes(AUDIT, routes!(audit_log::consistency))
        .routes(AUDIT, routes!(audit_log::checkpoint))
        .routes(AUDIT, routes!(audit_log::days))
        .routes(AUDIT, routes!(audit_log::day))
        .routes(AUDIT, routes!(audit_log::tile))
        .routes(AUDIT, routes!(audit_log::entries))
        .routes(AUDIT, routes!(audit_log::key))
        .routes(Rule::Scope(Scope::AuditWrite), routes!(audit::erase))
        .routes(Rule::Scope(Scope::AuditWrite), routes!(audit::pack))
        // operation
        .routes(Rule::Scope(Scope::MetricsRead), routes!(health::metrics))
        .routes(PROBES, routes!(health::healthz))
        .routes(PROBES, routes!(health::readyz))
        .routes(REFERENCE, routes!(reference::root))
        .routes(REFERENCE, routes!(reference::page))
        .routes(REFERENCE, routes!(reference::style))
        .routes(REFERENCE, routes!(reference::openapi))
        .routes(REFERENCE, routes!(reference::error_page))
}

/// The server's router, and its table of routes.
pub fn router(app: &App) -> (axum::Router, Vec<Route>) {
    let (router, document, table) = guarded(app).into_parts();
    app.openapi.get_or_init(|| Document::of(&document));
    let router = router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // each door and endpoint bounds its body itself, under names of its own
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), edge))
        .with_state(app.clone());
    (router, table)
}

/// The API's description as it is committed in `schemas/openapi.json`.
pub fn openapi_json(app: &App) -> String {
    let (_, document, _) = guarded(app).into_parts();
    Document::of(&document).json
}

async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::not_found("route", uri.path())
}

async fn method_not_allowed(method: axum::http::Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}
