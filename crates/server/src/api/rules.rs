//! `/api/v1/rules`

use crate::code::Code;
use crate::extract::{Id, JsonBody, NoParams, Params, Who};
use crate::problem::{Problem, ProblemBody};
use crate::rule_book::{Replay, RuleActivity, RuleBook, RuleState, RulesReloaded, Tuning};
use crate::rule_explanation::{Pasted, RuleExplanation};
use crate::state::App;
use access::Scope;
use axum::Json;
use axum::extract::{Path, State};
use model::{FindingId, Stage};
use serde::Deserialize;
use serde_json::value::RawValue;
use triage::REASON_BYTES_MAX;
use utoipa::ToSchema;

/// List the rules
///
/// Those that run, with their stage and matches, and those that were refused, with the reason.
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    tag = "rules",
    responses((status = 200, description = "Every rule that was found", body = RuleBook)),
)]
pub(crate) async fn list(State(app): State<App>, _: Params<NoParams>) -> Result<Json<RuleBook>, Problem> {
    Ok(Json(app.rules.book().await?))
}

/// Read a rule
///
/// With its matches by day, and some of the events that it matched in shadow.
#[utoipa::path(
    get,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's UUID")),
    responses(
        (status = 200, description = "The rule", body = RuleActivity),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<RuleActivity>, Problem> {
    Ok(Json(app.rules.activity(&id).await?))
}

/// Load the rules again
///
/// Reads the configured folders and puts what they say in force, whole: a batch of events is matched by the rules
/// before or by those after. What is refused is named; the rest is loaded.
#[utoipa::path(
    post,
    path = "/api/v1/rules/reload",
    tag = "rules",
    responses((status = 200, description = "What is in force now", body = RulesReloaded)),
)]
pub(crate) async fn reload(State(app): State<App>, Who(caller): Who) -> Result<Json<RulesReloaded>, Problem> {
    Ok(Json(app.rules.reload(&caller).await?))
}

/// How far the findings of a rule are to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStage {
    /// `shadow`, `canary` or `active`.
    stage: String,
    /// Why; it is kept in the audit record.
    reason: String,
}

/// Decide a rule's stage
///
/// `shadow` counts matches, `canary` marks findings and makes them no graver than low, `active` is what the rule
/// says. A rule whose own tests fail stays in shadow.
#[utoipa::path(
    post,
    path = "/api/v1/rules/{id}/stage",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's UUID")),
    request_body = NewStage,
    responses(
        (status = 200, description = "The rule", body = RuleState),
        (status = "4XX", description = "Nothing was decided", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn stage(
    State(app): State<App>,
    Who(caller): Who,
    Path(id): Path<String>,
    JsonBody { value: new, .. }: JsonBody<NewStage>,
) -> Result<Json<RuleState>, Problem> {
    let invalid = |detail: String| Problem::new(Code::RequestInvalid, detail);
    let stage = Stage::from_name(&new.stage).ok_or_else(|| {
        let names = Stage::ALL.map(Stage::as_str).join(", ");
        invalid(format!("there is no stage {:?}; there is {names}", new.stage))
    })?;
    let reason = new.reason.trim();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(invalid(format!("a reason has 1 to {REASON_BYTES_MAX} bytes")));
    }
    Ok(Json(app.rules.stage(&caller, &id, stage, reason).await?))
}

/// What a rule shall be held against: a `record` or an `event`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTrial {
    /// A record as its source sends it: JSON, or a string for sources that send text.
    #[schema(value_type = Option<Object>)]
    record: Option<Box<RawValue>>,
    /// The record's kind, or the name of the configured source that sends it; told from the record's own fields, if not
    /// said.
    source: Option<String>,
    /// An OCSF event. Rules of vendors' products see the record only.
    #[schema(value_type = Option<Object>)]
    event: Option<Box<RawValue>>,
}

impl NewTrial {
    /// What was pasted, byte for byte; the kind and the source are still to be told apart.
    fn pasted(self) -> Result<Pasted, Problem> {
        let invalid = |detail: String| Problem::new(Code::RequestInvalid, detail);
        match (self.record, self.event) {
            (Some(record), None) => {
                let text = record.get();
                let body = match text.starts_with('"') {
                    true => serde_json::from_str::<String>(text).map_err(|e| invalid(e.to_string()))?,
                    false => text.to_owned(),
                };
                Ok(Pasted::Record { kind: self.source, source: None, body: body.into_bytes() })
            }
            (None, Some(event)) if self.source.is_none() => {
                Ok(Pasted::Event(event.get().as_bytes().to_vec()))
            }
            (None, Some(_)) => {
                Err(invalid("`source` is for a `record`; an event says itself what it is".into()))
            }
            _ => Err(invalid("send either a `record` or an `event`".into())),
        }
    }
}

/// Explain a rule
///
/// Why it matches a record or event that is sent along, or not: each selection, each field, what the rule wants and what
/// the record has; for a correlation, what it needs and what this record would be for it. Nothing is kept, and nothing is
/// changed.
#[utoipa::path(
    post,
    path = "/api/v1/rules/{id}/explain",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's UUID")),
    request_body = NewTrial,
    responses(
        (status = 200, description = "How it ends, and why", body = RuleExplanation),
        (status = 404, description = "There is no such rule", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "It cannot be explained", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn explain(
    State(app): State<App>,
    Path(id): Path<String>,
    JsonBody { value: new, .. }: JsonBody<NewTrial>,
) -> Result<Json<RuleExplanation>, Problem> {
    let mut pasted = new.pasted()?;
    if let Pasted::Record { kind, source, .. } = &mut pasted
        && let Some(named) = kind.as_deref()
        && let Some(known) = app.store.read().await?.sources().get(named).await?
    {
        *source = kind.replace(known.kind);
    }
    Ok(Json(app.rules.explain(&id, pasted).await?))
}

/// Propose a filter
///
/// From findings whose incidents were judged false positives, the smallest Sigma filter that leaves every finding judged
/// a true positive; both are proven on the records. Nothing is changed: the filter is a file to review and commit. It
/// shows values of records as they came, so the token needs the scope `events:read_personal` besides.
#[utoipa::path(
    post,
    path = "/api/v1/rules/{id}/tune",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's UUID")),
    responses(
        (status = 200, description = "The filter, or why there is none", body = Tuning),
        (status = 403, description = "The token lacks `rules:write` or `events:read_personal`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such rule", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "No filter can be made for such a rule: a correlation has none", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "As many filters as may be are being made", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn tune(
    State(app): State<App>,
    Who(caller): Who,
    Path(id): Path<String>,
) -> Result<Json<Tuning>, Problem> {
    if !caller.scopes.has(Scope::EventsReadPersonal) {
        let detail = format!(
            "a filter shows values of records; this needs the scope {} besides",
            Scope::EventsReadPersonal
        );
        return Err(Problem::new(Code::ScopeMissing, detail));
    }
    Ok(Json(app.rules.tune(&id).await?))
}

/// Make a finding again
///
/// Takes the finding's record from the log or the lake through the rules in force, and says whether the same finding
/// comes of it, and if not, why. Of a correlation it takes the records that the finding names; where it may have counted
/// more, all of its time that the lake has. Nothing is changed. Without the scope `events:read_personal` the values that matched are
/// tokens, the same ones as in answers to queries.
#[utoipa::path(
    post,
    path = "/api/v1/findings/{id}/replay",
    tag = "rules",
    params(("id" = String, Path, description = "The finding's id, 32 hex digits")),
    responses(
        (status = 200, description = "What came of it", body = Replay),
        (status = "4XX", description = "There is no such finding, or its record is gone", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn replay(
    State(app): State<App>,
    Who(caller): Who,
    Id(id): Id<FindingId>,
) -> Result<Json<Replay>, Problem> {
    let finding = app.store.read().await?.findings().get(id).await?;
    let finding = finding.ok_or_else(|| Problem::not_found("finding", id))?;
    Ok(Json(app.rules.replay(&finding, caller.scopes.has(Scope::EventsReadPersonal)).await?))
}
