//! The HTTP API: doors for sources, endpoints for people, no business rules, no SQL.
//!
//! | part | does |
//! |---|---|
//! | [`router`] | every route with the rule of who may use it |
//! | [`serve()`] | runs them, drains at shutdown |
//! | [`Problem`], [`Code`] | the one shape of an error, each code with its page |
//!
//! **Invariant:** no route without an authorization rule; the rule is enforced before the body is read.
//!
//! **Invariant:** what changes something by a cookie repeats the session's token; an incident that somebody may not see
//! answers as one that is not there.
//!
//! **Invariant:** a door answers success only when every record of the request is durable.

mod api;
mod authorize;
mod code;
mod console;
mod contain_parts;
mod contain_telemetry;
mod cookie;
mod doors;
mod edge;
mod event_search;
mod extract;
mod forgery;
mod incident_guard;
mod mcp;
mod no_such_page;
mod openapi;
mod problem;
mod problem_of;
mod reference_page;
mod report_lookup;
mod report_parts;
mod routes;
mod rule_book;
mod rule_explanation;
mod serve;
mod service_catalog;
mod state;
mod streams;
mod telemetry;
mod uploads;
mod view;

pub use api::contain::sight::reporter_tier;
pub use authorize::Route;
pub use code::Code;
pub use contain_parts::{ContainParts, Known, KnownPlaybook, Knows};
pub use contain_telemetry::{ContainTelemetry, MoveLabels};
pub use edge::REQUEST_ID_BYTES_MAX;
pub use extract::API_BODY_BYTES_MAX;
pub use problem::{FieldProblem, Problem, ProblemBody};
pub use report_parts::{PublicServices, ReportOptions, ReportParts};
pub use routes::{openapi_clashes, openapi_json, router};
pub use rule_book::{
    ExpiredFilterView, RefusedRule, Replay, ReplayedField, RuleActivity, RuleBook, RuleCommit, RuleDayView,
    RuleSampleView, RuleState, Rules, RulesError, RulesReloaded, Tuning,
};
pub use rule_explanation::{
    ConditionView, CorrelationView, ElementView, ElementsView, ExplainedReasonView, ExplanationView,
    FoundView, ItemView, MemberView, Outcome, Pasted, RefusalView, RuleExplanation, SearchView,
    SelectionView,
};
pub use serve::serve;
pub use service_catalog::{CatalogService, ServiceCatalog, ServiceClaims};
pub use state::{App, Options, Parts, Shared};
pub use telemetry::{RequestLabels, Telemetry, UNLOGGED};
