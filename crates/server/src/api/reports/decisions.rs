//! What moderators do: decide, write, judge appeals, look at notices.

use super::receipt::AppealReason;
use super::view::{AppealView, NoticeView, ReportMessageView, ReportSummary, time};
use super::{Items, actor, desk, sight};
use crate::api::page::named;
use crate::code::Code;
use crate::extract::{As, Id, JsonBody, NoParams, Params, Signed, Who, if_match};
use crate::incident_guard::check_in;
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use access::Admitted;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::{
    AppealId, AppealOutcome, AppealState, DecisionKind, IncidentId, MessageFrom, NoticeId, ReportId, Severity,
};
use ports::store::{PAGE_ITEMS_MAX, PageRequest, StoreError};
use report::{AppealDecisionRequest, AppealRequest, DecisionRequest, MessageRequest, Review, ReviewRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A decision on a report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReportDecision {
    /// `accept`, `merge`, `ask` or `decline`.
    kind: String,
    /// For a merge: the incident that it belongs to.
    incident: Option<String>,
    /// For what is accepted: how grave it is; the form's if not said.
    severity: Option<String>,
    /// For what is declined: a reason of the policy.
    reason: Option<String>,
    /// To the reporter; what is asked, where something is.
    #[serde(default)]
    note: String,
    /// What others may learn of it; for digests, where it is masked and names nobody.
    lesson: Option<String>,
    /// The template that the note was made of.
    template: Option<String>,
}

/// Decide on a report
///
/// Send the ETag that was read as `If-Match`: if somebody else was faster the answer is 409 with the report as it is now.
#[utoipa::path(
    post,
    path = "/api/v1/reports/{id}/decision",
    tag = "reports",
    params(
        ("id" = String, Path, description = "`rep_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = NewReportDecision,
    responses(
        (status = 200, description = "The report as it is now", body = super::view::ReportView),
        (status = 409, description = "Somebody else was faster, or it was decided already", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was decided", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn decide(
    State(app): State<App>,
    reports: Reports,
    asker: (As, Who),
    Id(id): Id<ReportId>,
    headers: HeaderMap,
    JsonBody { value: decision, .. }: JsonBody<NewReportDecision>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let incident = decision.incident.as_deref();
    let incident =
        incident.map(|id| id.parse::<IncidentId>().map_err(|_| Problem::not_found("incident", id)));
    let severity = decision.severity.as_deref();
    let request = DecisionRequest {
        actor: actor(who),
        report: id,
        version: if_match(&headers)?,
        kind: named(&decision.kind, "decision", DecisionKind::from_name)?,
        incident: incident.transpose()?,
        severity: severity.map(|name| named(name, "severity", Severity::from_name)).transpose()?,
        reason: decision.reason,
        note: decision.note,
        lesson: decision.lesson.filter(|lesson| !lesson.trim().is_empty()),
        template: decision.template,
    };
    let mut unit = app.store.begin().await?;
    if let Some(incident) = request.incident {
        // one that does not exist for the moderator is none that a report can be merged into
        check_in(&mut *unit, &admitted, incident, false).await?;
    }
    let decided = reports.0.desk.decide_in(&mut *unit, &request).await;
    if let Err(report::Error::Store(StoreError::Conflict { .. }) | report::Error::Decision(_)) = &decided {
        drop(unit);
    } else {
        let report = decided?;
        unit.commit().await?;
        reports.0.desk.announce(id);
        reports.0.desk.forget_dropped(&report).await;
        return desk::answer(&app, &reports, &admitted, &mut *app.store.read().await?, report).await;
    }
    match decided {
        Ok(_) => Err(Problem::new(Code::Internal, "the decision was lost")),
        Err(error) => Err(with_current(&app, &reports, &admitted, id, error).await?),
    }
}

/// What a decision came to nothing by; where somebody else was faster, with the report as it is now.
async fn with_current(
    app: &App,
    reports: &Reports,
    admitted: &Admitted,
    id: ReportId,
    error: report::Error,
) -> Result<Problem, Problem> {
    let problem = Problem::from(error);
    if problem.code != Code::Conflict && problem.code != Code::ReportDecided {
        return Ok(problem);
    }
    let mut snapshot = app.store.read().await?;
    let Some(current) = snapshot.reports().get(id).await? else { return Ok(problem) };
    let current = desk::whole(app, reports, admitted, &mut *snapshot, current).await?;
    Ok(problem.with_current(&current))
}

/// A person's word on what automation accepted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReportReview {
    /// `confirmed` (it stands) or `overturned` (it is declined, and all that followed is taken back).
    outcome: String,
    /// For what is overturned: to the reporter; it is masked.
    #[serde(default)]
    explanation: String,
}

/// Review what automation accepted
///
/// By somebody else than who reported it, appealed against it or answers for its service; while its subject's appeal is open it
/// is taken back by a decision on that only. Send the ETag that was read as `If-Match`.
#[utoipa::path(
    post,
    path = "/api/v1/reports/{id}/review",
    tag = "reports",
    params(
        ("id" = String, Path, description = "`rep_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = NewReportReview,
    responses(
        (status = 200, description = "The report as it is now", body = super::view::ReportView),
        (status = 409, description = "Somebody else was faster, automation did not accept it, or an appeal is open", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn review(
    State(app): State<App>,
    reports: Reports,
    asker: (As, Who),
    Id(id): Id<ReportId>,
    headers: HeaderMap,
    JsonBody { value, .. }: JsonBody<NewReportReview>,
) -> Result<Response, Problem> {
    let (As(admitted), who) = asker;
    let outcome = match value.outcome.as_str() {
        "confirmed" => Review::Confirm,
        "overturned" => Review::Overturn { explanation: value.explanation },
        other => {
            let detail = format!("{other:?} is no outcome: confirmed or overturned");
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
    };
    let version = if_match(&headers)?;
    let report = sight::report(&app, &admitted, &mut *app.store.read().await?, id).await?;
    let answers_for_service = sight::answers_for(&app, &admitted, &report);
    let request = ReviewRequest { actor: actor(who), answers_for_service, report: id, version, outcome };
    match reports.0.desk.review(&request).await {
        Ok(report) => desk::answer(&app, &reports, &admitted, &mut *app.store.read().await?, report).await,
        Err(error) => Err(with_current(&app, &reports, &admitted, id, error).await?),
    }
}

/// Words on a report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReportMessage {
    /// They are masked.
    text: String,
    /// Among those who moderate only.
    #[serde(default)]
    internal: bool,
}

/// Write on a report
#[utoipa::path(
    post,
    path = "/api/v1/reports/{id}/messages",
    tag = "reports",
    params(("id" = String, Path, description = "`rep_…`")),
    request_body = NewReportMessage,
    responses(
        (status = 201, description = "What was said", body = ReportMessageView),
        (status = "4XX", description = "Nothing was said", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn say(
    reports: Reports,
    who: Who,
    Id(report): Id<ReportId>,
    JsonBody { value: new, .. }: JsonBody<NewReportMessage>,
) -> Result<(StatusCode, Json<ReportMessageView>), Problem> {
    let (actor, from) = (actor(who), MessageFrom::Team);
    let request = MessageRequest { actor, report, from, text: new.text, internal: new.internal };
    let said = reports.0.desk.message(&request).await?;
    Ok((StatusCode::CREATED, Json(said.into())))
}

/// The beginning of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportTemplate {
    /// Its name.
    id: String,
    /// In a few words.
    title: String,
    /// The decision that it goes with.
    kind: &'static str,
    /// What the reporter reads.
    text: String,
}

/// List beginnings of answers
#[utoipa::path(
    get,
    path = "/api/v1/report-templates",
    tag = "reports",
    responses(
        (status = 200, description = "Those of the policy", body = Items<ReportTemplate>),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn templates(reports: Reports, _: Params<NoParams>) -> Json<Items<ReportTemplate>> {
    let shown = |template: &report::policy::Template| ReportTemplate {
        id: template.id.clone(),
        title: template.title.clone(),
        kind: template.kind.as_str(),
        text: template.text.clone(),
    };
    Json(Items { items: reports.0.policy.templates.iter().map(shown).collect() })
}

/// Which appeals.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AppealParams {
    /// `open` or `decided`; all if not said.
    state: Option<String>,
}

/// List appeals
///
/// What is due first comes first; at most 500.
#[utoipa::path(
    get,
    path = "/api/v1/appeals",
    tag = "reports",
    params(AppealParams),
    responses(
        (status = 200, description = "The appeals", body = Items<AppealView>),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn appeals(
    State(app): State<App>,
    _: Reports,
    As(admitted): As,
    Params(params): Params<AppealParams>,
) -> Result<Json<Items<AppealView>>, Problem> {
    let state = desk::state_named(params.state.as_deref(), AppealState::from_name)?;
    let mut snapshot = app.store.read().await?;
    let found = snapshot.appeals().list(state, &PageRequest::first(PAGE_ITEMS_MAX)).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for appeal in found.items {
        let Some(report) = snapshot.reports().get(appeal.report).await? else { continue };
        let report = ReportSummary::of(&app, &admitted, &mut *snapshot, &report).await?;
        items.push(AppealView::of(appeal, report));
    }
    Ok(Json(Items { items }))
}

/// A decision on an appeal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppealDecision {
    /// `upheld` (the decision stays) or `overturned`.
    outcome: String,
    /// To who appealed; it is masked.
    explanation: String,
}

/// Decide on an appeal
///
/// By somebody else than who took the decision or confirmed it, than who appeals, and than who reported.
#[utoipa::path(
    post,
    path = "/api/v1/appeals/{id}/decision",
    tag = "reports",
    params(("id" = String, Path, description = "`apl_…`")),
    request_body = AppealDecision,
    responses(
        (status = 200, description = "The appeal as it is now", body = AppealView),
        (status = 403, description = "Somebody else must decide it", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was decided", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn decide_appeal(
    State(app): State<App>,
    reports: Reports,
    asker: (As, Who),
    Id(appeal): Id<AppealId>,
    JsonBody { value, .. }: JsonBody<AppealDecision>,
) -> Result<Json<AppealView>, Problem> {
    let (As(admitted), who) = asker;
    let outcome = named(&value.outcome, "outcome", AppealOutcome::from_name)?;
    let request =
        AppealDecisionRequest { actor: actor(who), appeal, outcome, explanation: value.explanation };
    let (appeal, report) = reports.0.desk.decide_appeal(&request).await?;
    let mut snapshot = app.store.read().await?;
    let report = ReportSummary::of(&app, &admitted, &mut *snapshot, &report).await?;
    Ok(Json(AppealView::of(appeal, report)))
}

/// An appeal that was made. Of the report it says nothing: whoever it is about does not read it here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppealMade {
    /// `apl_…`
    id: String,
    /// `reporter` or `subject`.
    by: &'static str,
    /// `open`.
    state: &'static str,
    /// When it must be decided.
    due_at: String,
}

/// Appeal as the subject
///
/// By whoever answers for the service that the report is about, or made the report: against what was decided of it.
#[utoipa::path(
    post,
    path = "/api/v1/reports/{id}/appeal",
    tag = "reports",
    params(("id" = String, Path, description = "`rep_…`")),
    request_body = AppealReason,
    responses(
        (status = 201, description = "That it was made", body = AppealMade),
        (status = 409, description = "There is nothing to appeal, or an appeal already", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was made", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn appeal(
    State(app): State<App>,
    reports: Reports,
    Signed(signed_in): Signed,
    who: Who,
    Id(id): Id<ReportId>,
    JsonBody { value, .. }: JsonBody<AppealReason>,
) -> Result<(StatusCode, Json<AppealMade>), Problem> {
    let mut snapshot = app.store.read().await?;
    let none = || Problem::not_found("report", id);
    let report = snapshot.reports().get(id).await?.ok_or_else(none)?;
    // whether there is one is told to nobody whom it does not concern
    let by = sight::side_of(&app, &signed_in, &report).ok_or_else(none)?;
    drop(snapshot);
    let request = AppealRequest { actor: actor(who), report: id, by, reason: value.reason };
    let appeal = reports.0.desk.appeal(&request).await?;
    let (id, due_at) = (appeal.id.to_string(), time(appeal.due_at_ms));
    let made = AppealMade { id, by: appeal.by.as_str(), state: appeal.state.as_str(), due_at };
    Ok((StatusCode::CREATED, Json(made)))
}

/// List notices
///
/// Reports that look as if they were arranged. Nothing is dropped for it; no automation touches them until a person looked.
#[utoipa::path(
    get,
    path = "/api/v1/report-notices",
    tag = "reports",
    responses(
        (status = 200, description = "Those that nobody looked at first", body = Items<NoticeView>),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn notices(
    State(app): State<App>,
    _: Reports,
    _: Params<NoParams>,
) -> Result<Json<Items<NoticeView>>, Problem> {
    let notices = app.store.read().await?.notices().list().await?;
    Ok(Json(Items { items: notices.into_iter().map(Into::into).collect() }))
}

/// Say that a notice was looked at
#[utoipa::path(
    post,
    path = "/api/v1/report-notices/{id}/acknowledge",
    tag = "reports",
    params(("id" = String, Path, description = "`ntc_…`")),
    responses(
        (status = 200, description = "The notice", body = NoticeView),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn acknowledge(
    reports: Reports,
    who: Who,
    Id(id): Id<NoticeId>,
) -> Result<Json<NoticeView>, Problem> {
    Ok(Json(reports.0.desk.acknowledge_notice(&actor(who), id).await?.into()))
}
