//! The way back to a report: `POST /api/v1/receipts` opens it in a browser for an hour, `/api/v1/receipt` is what is open.
//!
//! **Invariant:** whatever is presented as a receipt's secret costs one hash and one look-up, whether it is one, was one or
//! has the form of one.
//!
//! **Invariant:** who holds a receipt acts as a guest: no address, browser or account is written down.

use super::attachments::AttachmentReceived;
use super::intake::ProofView;
use super::sight;
use super::view::{hex, time};
use crate::code::Code;
use crate::cookie::Cookie;
use crate::extract::{JsonBody, NoParams, OpenReceipt, Params};
use crate::forgery;
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use access::{Presented, Purpose, Rule, Ticket};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{AppealBy, MessageFrom, Report, ReportId};
use report::{Actor, AppealRequest, MessageRequest, ReceiptView, Shown, secret_sha256};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A receipt's secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptSecretBody {
    /// `hcrc_…`
    pub(crate) secret: String,
}

/// What was decided, for the reporter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptDecision {
    /// `accept`, `merge` or `decline`.
    kind: String,
    /// The reason's id in the policy.
    reason: Option<String>,
    /// What the policy calls it.
    reason_title: Option<String>,
    /// The policy's version then.
    policy_version: String,
    /// In the team's words.
    note: String,
    /// When.
    decided_at: String,
}

/// The incident that a report belongs to, for the reporter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptIncident {
    /// Where the work on it stands.
    status: String,
    /// Whether it is over.
    contained: bool,
}

/// What was said, for the reporter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptMessage {
    /// `msg_…`
    id: String,
    /// `you` or `team`.
    from: String,
    /// Masked text.
    text: String,
    /// When.
    at: String,
}

/// An appeal, for who made it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptAppeal {
    /// `open` or `decided`.
    state: String,
    /// When it must be decided.
    due_at: String,
    /// `upheld` or `overturned`.
    outcome: Option<String>,
    /// Why.
    explanation: Option<String>,
}

/// A report as the holder of its receipt sees it.
///
/// [`ReceiptView`] is what is sent; this describes it, and a test holds the two together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptShown {
    /// `rep_…`
    id: String,
    /// The form's type.
    form: String,
    /// What the form is called.
    form_title: String,
    /// One line.
    title: String,
    /// The service that it is about.
    service: Option<String>,
    /// Where it stands.
    state: String,
    /// What that means.
    state_text: String,
    /// When it came.
    submitted_at: String,
    /// When anything about it last changed.
    updated_at: String,
    /// When the reporter hears again at the latest.
    next_update_due: Option<String>,
    /// Who answers for the service; only for whoever is signed in besides.
    owner_team: Option<String>,
    /// What was decided.
    decision: Option<ReceiptDecision>,
    /// The incident that it belongs to, where everybody who works here may see that.
    incident: Option<ReceiptIncident>,
    /// What was said, the earliest first.
    messages: Vec<ReceiptMessage>,
    /// The reporter's own appeal.
    appeal: Option<ReceiptAppeal>,
    /// Whether there is something to appeal.
    can_appeal: bool,
    /// The reporter's files.
    attachments: Vec<AttachmentReceived>,
    /// That the submission is recorded.
    proof: Option<ProofView>,
    /// Whether somebody made it theirs.
    claimed: bool,
}

/// A receipt that is open in the browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenedReceipt {
    /// The report.
    #[schema(value_type = ReceiptShown)]
    report: ReceiptView,
    /// Until when it is open.
    expires_at: String,
}

/// Open a receipt
///
/// The answer sets a cookie by which this browser sees the report for an hour. The secret goes into the body, never into an
/// address.
#[utoipa::path(
    post,
    path = "/api/v1/receipts",
    tag = "reports",
    request_body = ReceiptSecretBody,
    responses(
        (status = 200, description = "It is open", body = OpenedReceipt),
        (status = 404, description = "No report has this receipt", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn open(
    State(app): State<App>,
    reports: Reports,
    headers: HeaderMap,
    JsonBody { value, .. }: JsonBody<ReceiptSecretBody>,
) -> Result<Response, Problem> {
    let found = reports.0.desk.by_receipt(&secret_sha256(&value.secret)).await?;
    let report = found.ok_or_else(unknown)?;
    let given = app.gate.tickets().give(Purpose::Receipt, &report.id.to_string());
    let (text, ticket) = given.ok_or_else(|| Problem::new(Code::Internal, "no ticket was given"))?;
    let cookie = Cookie::Receipt.set(&app, &text, access::TICKET_MS);
    let cookie: HeaderMap = cookie.map(|value| (header::SET_COOKIE, value)).into_iter().collect();
    let report = shown(&app, &reports, &headers, &report).await?;
    Ok((cookie, Json(OpenedReceipt { report, expires_at: time(ticket.expires_at_ms) })).into_response())
}

/// The same for what never was a receipt, is one of another server, or was mistyped.
pub(super) fn unknown() -> Problem {
    Problem::new(Code::ReceiptUnknown, "no report has this receipt; was it copied whole?")
}

/// The report of the receipt that is open.
pub(super) async fn report(
    app: &App,
    OpenReceipt(Ticket { subject, .. }): &OpenReceipt,
) -> Result<Report, Problem> {
    let id: ReportId = subject.parse().map_err(|_| unknown())?;
    app.store.read().await?.reports().get(id).await?.ok_or_else(unknown)
}

/// Read what is open
#[utoipa::path(
    get,
    path = "/api/v1/receipt",
    tag = "reports",
    responses(
        (status = 200, description = "The report", body = ReceiptShown),
        (status = 404, description = "The report is not there any more", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    reports: Reports,
    open: OpenReceipt,
    headers: HeaderMap,
    _: Params<NoParams>,
) -> Result<Json<ReceiptView>, Problem> {
    let report = report(&app, &open).await?;
    Ok(Json(shown(&app, &reports, &headers, &report).await?))
}

/// The view, with what the desk does not know.
async fn shown(
    app: &App,
    reports: &Reports,
    headers: &HeaderMap,
    report: &Report,
) -> Result<ReceiptView, Problem> {
    let policy = &reports.0.policy;
    let shown = Shown {
        form_title: reports.0.form_title(&report.form),
        reason_titles: policy
            .reasons
            .iter()
            .map(|reason| (reason.id.clone(), reason.title.clone()))
            .collect(),
        owner_team: owner_team(app, headers, report).await,
        proof: Some(proof(app, report).await?),
    };
    Ok(reports.0.desk.receipt(report.id, &shown).await?)
}

/// Who answers for the service, if who asks is also signed in. That they did is not noted.
async fn owner_team(app: &App, headers: &HeaderMap, report: &Report) -> Option<String> {
    let cookie = Cookie::Session.read(app, headers)?;
    let brought = Presented { authorization: None, cookie: Some(&cookie) };
    app.gate.admit(Rule::Guest { why: "it only adds the owner's name" }, brought).await.ok()??;
    let whose = sight::ownership(app, report.service.as_deref());
    whose.team.or(whose.owner)
}

/// That the submission is in the signed tree, or will be in a moment.
async fn proof(app: &App, report: &Report) -> Result<Value, Problem> {
    let id = report.submit_record;
    let stored = app.store.read().await?.audit().entry(id).await?;
    let mut view = ProofView { audit_id: id.to_string(), pending: true, ..ProofView::default() };
    let Some(stored) = stored else { return Ok(serde_json::to_value(view).unwrap_or_default()) };
    let index = stored.entry.index;
    (view.leaf, view.index) = (hex(&stored.leaf_hash), Some(index));
    let prover = app.audit.clone();
    let proved = tokio::task::spawn_blocking(move || prover.inclusion(index, None)).await;
    match proved {
        Ok(Ok(proof)) => {
            view.pending = false;
            view.tree_size = Some(proof.size);
            view.root = Some(hex(&proof.checkpoint.checkpoint.root));
            view.hashes = Some(proof.path.iter().map(|hash| hex(hash)).collect());
        }
        Ok(Err(audit::Error::Pending { .. } | audit::Error::Unsigned)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a receipt's proof was not made"),
        Err(error) => tracing::warn!(%error, "a receipt's proof was not made"),
    }
    Ok(serde_json::to_value(view).unwrap_or_default())
}

/// Words to the team.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptWords {
    /// They are masked.
    text: String,
}

/// Write to the team
///
/// Words on an open question put the report back among those that wait for a decision.
#[utoipa::path(
    post,
    path = "/api/v1/receipt/messages",
    tag = "reports",
    request_body = ReceiptWords,
    responses(
        (status = 204, description = "It was said"),
        (status = "4XX", description = "Nothing was said", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn say(
    State(app): State<App>,
    reports: Reports,
    open: OpenReceipt,
    JsonBody { value: words, .. }: JsonBody<ReceiptWords>,
) -> Result<StatusCode, Problem> {
    let report = report(&app, &open).await?.id;
    let from = MessageFrom::Reporter;
    let request = MessageRequest { actor: Actor::guest(), report, from, text: words.text, internal: false };
    reports.0.desk.message(&request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An appeal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppealReason {
    /// Why the decision is wrong; it is masked.
    pub(crate) reason: String,
}

/// Appeal
///
/// Somebody else than who decided looks at it again, by the time that `due_at` says.
#[utoipa::path(
    post,
    path = "/api/v1/receipt/appeal",
    tag = "reports",
    request_body = AppealReason,
    responses(
        (status = 204, description = "It was made"),
        (status = 409, description = "There is nothing to appeal, or an appeal already", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was made", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn appeal(
    State(app): State<App>,
    reports: Reports,
    open: OpenReceipt,
    JsonBody { value, .. }: JsonBody<AppealReason>,
) -> Result<StatusCode, Problem> {
    let report = report(&app, &open).await?.id;
    let by = AppealBy::Reporter;
    reports.0.desk.appeal(&AppealRequest { actor: Actor::guest(), report, by, reason: value.reason }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take the report back
///
/// As long as nobody decided it.
#[utoipa::path(
    post,
    path = "/api/v1/receipt/withdraw",
    tag = "reports",
    responses(
        (status = 204, description = "It was taken back"),
        (status = 409, description = "It was decided already", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was done", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn withdraw(
    State(app): State<App>,
    reports: Reports,
    open: OpenReceipt,
) -> Result<StatusCode, Problem> {
    let report = report(&app, &open).await?.id;
    reports.0.desk.withdraw(&Actor::guest(), report).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Close the receipt in this browser
///
/// The report stays; its receipt opens it again.
#[utoipa::path(
    delete,
    path = "/api/v1/receipt",
    tag = "reports",
    responses((status = 204, description = "This browser has forgotten it")),
)]
pub(crate) async fn forget(
    State(app): State<App>,
    headers: HeaderMap,
    _: OpenReceipt,
) -> Result<Response, Problem> {
    forgery::check_origin(&app, &headers)?;
    let removed: HeaderMap =
        Cookie::Receipt.set(&app, "", 0).map(|value| (header::SET_COOKIE, value)).into_iter().collect();
    Ok((StatusCode::NO_CONTENT, removed).into_response())
}
