//! Every route of the server with the rule of who may use it. There are no others.

use crate::api::{
    audit, audit_log, bulk, dead_letters, events, findings, health, incident_list, incidents, links, me,
    oidc, people, query, reference, regroup, rules, services, session, sources, stream, timeline, tokens,
    trace, views, visibility,
};
use crate::authorize::{Guarded, Route, of_guests};
use crate::code::Code;
use crate::console;
use crate::doors::{github, hec, ingest, okta};
use crate::edge::{Edge, edge};
use crate::no_such_page::no_such_page;
use crate::openapi::{Document, head};
use crate::problem::Problem;
use crate::state::App;
use access::{Rule, Scheme, Scope};
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use utoipa_axum::routes;

const DOOR: Rule = Rule::SourceToken(Scheme::Bearer);
const HEC: Rule = Rule::SourceToken(Scheme::Splunk);
const HEC_HEALTH: Rule = Rule::Public { why: "senders and load balancers ask before they have a token" };
const HMAC: Rule = Rule::Signed { proof: "HMAC-SHA256 of the body under the source's secret" };
const SHARED: Rule = Rule::Signed { proof: "the source's secret in the Authorization header" };
const REFERENCE: Rule =
    Rule::Public { why: "the reference is the same on every server and says nothing of this one" };
const CONSOLE: Rule = Rule::Public {
    why: "the console's own files are the same for everyone; what it shows it asks of the API",
};
const FORMS: Rule = Rule::Guest { why: "whoever saw something may say so, and stay unknown" };
const RECEIPTS: Rule =
    Rule::Guest { why: "the receipt says which report it is, and nobody needs to say who they are" };
const TOLD: Rule = Rule::Guest { why: "it is told to everybody" };
const PROBES: Rule = Rule::Public { why: "probes have no token; the answer is only yes or no" };

const SIGN_IN: Rule =
    Rule::Public { why: "whoever signs in is nobody yet; the link or the provider says who it is" };
const LOGOUT: Rule = Rule::Signed { proof: "the identity provider's signature on the logout token" };
const PEOPLE: Rule = Rule::Scope(Scope::PeopleAdmin);

const READ: Rule = Rule::Scope(Scope::IncidentsRead);
const WRITE: Rule = Rule::Scope(Scope::IncidentsWrite);
const AUDIT: Rule = Rule::Scope(Scope::AuditRead);

fn guarded(app: &App) -> Guarded {
    let doors = Guarded::new(app.clone(), head())
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
        .routes(SHARED, routes!(okta::get, okta::post));
    let api = containing(reporting(administration(desk(doors))))
        // events
        .routes(Rule::Scope(Scope::EventsRead), routes!(query::post))
        .routes(Rule::Scope(Scope::EventsRead), routes!(events::list))
        // rules and what could not be read
        .routes(Rule::Scope(Scope::RulesRead), routes!(rules::list))
        .routes(Rule::Scope(Scope::RulesRead), routes!(rules::get))
        .routes(Rule::Scope(Scope::RulesRead), routes!(rules::explain))
        .routes(Rule::Scope(Scope::RulesWrite), routes!(rules::reload))
        .routes(Rule::Scope(Scope::RulesWrite), routes!(rules::stage))
        .routes(Rule::Scope(Scope::RulesWrite), routes!(rules::tune))
        .routes(READ, routes!(rules::replay))
        .routes(Rule::Scope(Scope::DeadLettersRead), routes!(dead_letters::list))
        .routes(Rule::Scope(Scope::DeadLettersRead), routes!(dead_letters::get))
        .routes(Rule::Scope(Scope::DeadLettersWrite), routes!(dead_letters::retry))
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
        // programs that act for people
        .routes(Rule::Scope(Scope::McpUse), routes!(crate::mcp::post))
        // operation
        .routes(Rule::Scope(Scope::MetricsRead), routes!(health::metrics))
        .routes(PROBES, routes!(health::healthz))
        .routes(PROBES, routes!(health::readyz))
        .routes(REFERENCE, routes!(reference::page))
        .routes(REFERENCE, routes!(reference::style))
        .routes(REFERENCE, routes!(reference::openapi))
        .routes(REFERENCE, routes!(reference::reputation))
        .routes(REFERENCE, routes!(reference::error_page));
    console::pages().into_iter().fold(api, |guarded, page| guarded.routes(CONSOLE, page))
}

/// Who and what may enter, and who is there.
fn administration(guarded: Guarded) -> Guarded {
    guarded
        .routes(Rule::Scope(Scope::TokensAdmin), routes!(tokens::list, tokens::post))
        .routes(Rule::Scope(Scope::TokensAdmin), routes!(tokens::delete))
        .routes(Rule::Scope(Scope::SourcesAdmin), routes!(sources::list, sources::post))
        .routes(Rule::Scope(Scope::SourcesAdmin), routes!(sources::patch, sources::delete))
        // people
        .routes(SIGN_IN, routes!(session::post))
        .routes(Rule::Person, routes!(session::get, session::delete))
        .routes(TOLD, routes!(session::visitor))
        .routes(SIGN_IN, routes!(session::providers))
        .routes(SIGN_IN, routes!(oidc::start))
        .routes(SIGN_IN, routes!(oidc::callback))
        .routes(LOGOUT, routes!(oidc::backchannel_logout))
        .routes(Rule::Person, routes!(me::sessions))
        .routes(Rule::Person, routes!(me::end_session))
        .routes(Rule::Person, routes!(me::tokens, me::make_token))
        .routes(Rule::Person, routes!(me::revoke_token))
        .routes(PEOPLE, routes!(people::list))
        .routes(READ, routes!(people::assignable))
        .routes(PEOPLE, routes!(people::patch))
        .routes(PEOPLE, routes!(people::make_link))
}

/// What people report.
fn reporting(guarded: Guarded) -> Guarded {
    use crate::api::reports::{
        attachments, decisions, desk, digests, forms, intake, own, receipt, receipt_events,
    };
    const MODERATE: Rule = Rule::Scope(Scope::ReportsModerate);
    const REPORTS: Rule = Rule::Scope(Scope::ReportsRead);
    guarded
        // from anybody
        .routes(FORMS, routes!(forms::list))
        .routes(FORMS, routes!(forms::services))
        .routes(FORMS, routes!(forms::related))
        .routes(FORMS, routes!(forms::check_link))
        .routes(TOLD, routes!(forms::policy))
        .routes(Rule::Scope(Scope::ReportsWrite), routes!(forms::make_link))
        // by receipt
        .routes(RECEIPTS, routes!(receipt::open))
        .routes(Rule::Receipt, routes!(receipt::get, receipt::forget))
        .routes(Rule::Receipt, routes!(receipt::say))
        .routes(Rule::Receipt, routes!(receipt::appeal))
        .routes(Rule::Receipt, routes!(receipt::withdraw))
        .routes(Rule::Receipt, routes!(receipt_events::get))
        .routes(Rule::Receipt, routes!(attachments::add))
        // one's own
        .routes(Rule::Person, routes!(own::claim))
        .routes(Rule::Person, routes!(own::list))
        .routes(Rule::Person, routes!(own::reputation))
        .routes(Rule::Person, routes!(own::credit, own::set_credit))
        .routes(TOLD, routes!(own::credits))
        // read and decided
        .routes(FORMS, routes!(intake::post))
        .routes(REPORTS, routes!(desk::list))
        .routes(REPORTS, routes!(desk::get))
        .routes(REPORTS, routes!(attachments::get))
        .routes(MODERATE, routes!(attachments::remove))
        .routes(MODERATE, routes!(decisions::decide))
        .routes(MODERATE, routes!(decisions::review))
        .routes(MODERATE, routes!(decisions::say))
        .routes(MODERATE, routes!(decisions::templates))
        .routes(Rule::Person, routes!(decisions::appeal))
        .routes(MODERATE, routes!(decisions::appeals))
        .routes(MODERATE, routes!(decisions::decide_appeal))
        .routes(MODERATE, routes!(decisions::notices))
        .routes(MODERATE, routes!(decisions::acknowledge))
        // told to everybody
        .routes(TOLD, routes!(digests::list))
        .routes(MODERATE, routes!(digests::draft))
        .routes(TOLD, routes!(digests::feed))
        .routes(TOLD, routes!(digests::get))
        .routes(MODERATE, routes!(digests::publish))
}

/// What contains, and undoes it.
fn containing(guarded: Guarded) -> Guarded {
    use crate::api::contain::{actions, answers, containments, delegations, playbooks, runs};
    const SEE: Rule = Rule::Scope(Scope::ContainmentsRead);
    const ASK: Rule = Rule::Scope(Scope::ContainmentsRequest);
    const DECIDE: Rule = Rule::Scope(Scope::ContainmentsApprove);
    guarded
        .routes(SEE, routes!(actions::list))
        .routes(ASK, routes!(containments::preview))
        .routes(ASK, routes!(containments::post))
        .routes(SEE, routes!(containments::list))
        .routes(SEE, routes!(containments::get))
        .routes(DECIDE, routes!(answers::vote))
        .routes(ASK, routes!(answers::undo))
        .routes(DECIDE, routes!(answers::keep))
        .routes(DECIDE, routes!(answers::settle))
        .routes(DECIDE, routes!(answers::break_glass))
        // who has lost the right to give one still sees what they gave, and ends it
        .routes(SEE, routes!(delegations::list))
        .routes(DECIDE, routes!(delegations::post))
        .routes(SEE, routes!(delegations::delete))
        .routes(SEE, routes!(playbooks::list))
        .routes(SEE, routes!(playbooks::get))
        .routes(SEE, routes!(playbooks::rehearse_it))
        .routes(ASK, routes!(runs::post))
        .routes(SEE, routes!(runs::list))
        .routes(SEE, routes!(runs::get))
        .routes(ASK, routes!(runs::answer))
        .routes(ASK, routes!(runs::stop))
}

/// The queue of work.
fn desk(guarded: Guarded) -> Guarded {
    guarded
        .routes(READ, routes!(incident_list::list))
        .routes(READ, routes!(incident_list::facets))
        .routes(WRITE, routes!(bulk::post))
        .routes(READ, routes!(incidents::get))
        .routes(WRITE, routes!(incidents::patch))
        .routes(READ, routes!(incidents::findings))
        .routes(READ, routes!(incidents::comments))
        .routes(WRITE, routes!(incidents::comment))
        .routes(READ, routes!(incidents::history))
        .routes(READ, routes!(timeline::get))
        .routes(READ, routes!(timeline::graph))
        .routes(WRITE, routes!(regroup::merge))
        .routes(WRITE, routes!(regroup::unmerge))
        .routes(WRITE, routes!(regroup::split))
        .routes(WRITE, routes!(links::link))
        .routes(WRITE, routes!(links::unlink))
        .routes(READ, routes!(views::list, views::post))
        .routes(READ, routes!(views::patch, views::delete))
        .routes(READ, routes!(findings::list))
        .routes(READ, routes!(findings::get))
        .routes(READ, routes!(trace::get))
        .routes(READ, routes!(services::list))
        .routes(READ, routes!(services::get))
        .routes(stream::RULE, routes!(stream::get))
        .routes(WRITE, routes!(visibility::put))
}

/// The server's router, and its table of routes.
pub fn router(app: &App) -> (axum::Router, Vec<Route>) {
    let (router, document, table) = guarded(app).into_parts();
    app.openapi.get_or_init(|| Document::of(&document));
    let guests = Arc::new(of_guests(&table));
    let edge_of = Edge { app: app.clone(), guests };
    let router = router
        .fallback(no_such_page)
        .method_not_allowed_fallback(method_not_allowed)
        // each door and endpoint bounds its body itself, under names of its own
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(edge_of, edge))
        .with_state(app.clone());
    (router, table)
}

/// The API's description as it is committed in `schemas/openapi.json`.
pub fn openapi_json(app: &App) -> String {
    let (_, document, _) = guarded(app).into_parts();
    Document::of(&document).json
}

/// Names in the API's description that two different types have, of which it shows one. There should be none.
pub fn openapi_clashes(app: &App) -> Vec<String> {
    guarded(app).clashes().to_vec()
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}
