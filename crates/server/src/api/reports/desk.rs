//! `/api/v1/reports`: what people reported, for those who read it.

use super::sight::{self, narrow};
use super::view::{Beside, CanView, HistoryView, ReportSummary, ReportView, StandingView, incidents_beside};
use crate::api::page::{PageParams, named, names};
use crate::code::Code;
use crate::extract::{As, Id, Params};
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use access::Admitted;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::{IncidentId, LedgerEntry, Report, ReportId, ReportMessage, ReportState};
use ports::Snapshot;
use ports::store::{Cursor, PageRequest, ReportFilter, ReportOrder};
use report::MayReview;
use report::related::RelatedQuery;
use report::reputation::Reputation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Earlier reports of the reporter, and about the service, that are shown with a report.
const HISTORY_MAX: usize = 5;

/// Incidents that are like a report, and shown with it.
const RELATED_MAX: usize = 3;

/// Incidents that are looked at for these.
const RELATED_LOOKED_AT_MAX: usize = 32;

/// Which reports.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportParams {
    /// Any of `held`, `received`, `needs_info`, `accepted`, `merged`, `declined`, `withdrawn`, with commas between; or `waiting`: held, received,
    /// those of any state with something new from their reporter, and what is `unreviewed`: accepted by automation, and no person has
    /// reviewed it. Of the unreviewed only who moderates is told.
    state: Option<String>,
    /// `newest` first, if not said, or by what their reporter was promised: what is `due` soonest first.
    order: Option<String>,
    /// Of this form.
    form: Option<String>,
    /// About this service.
    service: Option<String>,
    /// This text stands in the title or the text, whatever its case.
    q: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Reports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportPage {
    /// In the order that was asked for; the newest first if none was.
    pub(crate) items: Vec<ReportSummary>,
    /// Ask for the next page with `cursor=` this; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// How many there are of each state, whatever state was asked for.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// How many wait for a person, whatever state was asked for: undecided, with something new from their reporter, or unreviewed.
    pub(crate) waiting: u64,
    /// How many automation accepted and no person has reviewed, whatever state was asked for; told to those who moderate.
    pub(crate) unreviewed: u64,
    /// Of how many the reporter should have heard by now, whatever state was asked for.
    pub(crate) overdue: u64,
}

/// List reports
///
/// Whoever answers for services only reads what is about these.
#[utoipa::path(
    get,
    path = "/api/v1/reports",
    tag = "reports",
    params(ReportParams),
    responses(
        (status = 200, description = "A page of reports", body = ReportPage),
        (status = 400, description = "A filter is not understood", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: Reports,
    As(admitted): As,
    Params(params): Params<ReportParams>,
) -> Result<Json<ReportPage>, Problem> {
    let page = PageParams { limit: params.limit, after: params.cursor }.request()?;
    let of_any_state = narrow(
        &app,
        &admitted,
        ReportFilter {
            form: params.form,
            service: params.service,
            text: params.q.filter(|text| !text.trim().is_empty()),
            ..ReportFilter::default()
        },
    );
    let view = params.state.as_deref();
    let (waiting, unreviewed) = (view == Some("waiting"), view == Some("unreviewed"));
    let states = names(view.filter(|_| !waiting && !unreviewed), "state", ReportState::from_name)?;
    let order = order_named(params.order.as_deref())?;
    let moderates = sight::moderates(&admitted);
    let not_unreviewed = (waiting || unreviewed) && !moderates;
    let filter = ReportFilter { states, waiting, unreviewed, not_unreviewed, order, ..of_any_state.clone() };
    let mut snapshot = app.store.read().await?;
    let found = snapshot.reports().list(&filter, &page).await?;
    let items = ReportSummary::all(&app, &admitted, &mut *snapshot, &found.items).await?;
    page_of(&app, &mut *snapshot, (of_any_state, moderates), items, found.next).await.map(Json)
}

/// Items with how many there are beside them, for whoever moderates or does not.
pub(super) async fn page_of(
    app: &App,
    snapshot: &mut dyn Snapshot,
    (of_any_state, moderates): (ReportFilter, bool),
    items: Vec<ReportSummary>,
    next: Option<Cursor>,
) -> Result<ReportPage, Problem> {
    let counts = snapshot.reports().counts(&of_any_state).await?;
    let due_before_ms = Some(app.clock.now_ms());
    let told = ReportFilter { not_unreviewed: !moderates, ..of_any_state.clone() };
    Ok(ReportPage {
        items,
        next: next.map(|next| next.to_string()),
        counts: counts.into_iter().map(|(state, count)| (state.as_str(), count)).collect(),
        waiting: number(snapshot, ReportFilter { waiting: true, ..told.clone() }).await?,
        unreviewed: number(snapshot, ReportFilter { unreviewed: true, ..told }).await?,
        overdue: number(snapshot, ReportFilter { due_before_ms, ..of_any_state }).await?,
    })
}

async fn number(snapshot: &mut dyn Snapshot, filter: ReportFilter) -> Result<u64, Problem> {
    let counts = snapshot.reports().counts(&filter).await?;
    Ok(counts.into_iter().map(|(_, count)| count).sum())
}

fn order_named(name: Option<&str>) -> Result<ReportOrder, Problem> {
    match name {
        None | Some("newest") => Ok(ReportOrder::Newest),
        Some("due") => Ok(ReportOrder::Due),
        Some(other) => {
            let detail = format!("{other:?} is no order: newest or due");
            Err(Problem::new(Code::RequestInvalid, detail))
        }
    }
}

/// Read a report
///
/// With what was said, its files, earlier reports, and incidents that are like it. `ETag` is the version to decide it by.
#[utoipa::path(
    get,
    path = "/api/v1/reports/{id}",
    tag = "reports",
    params(("id" = String, Path, description = "`rep_…`")),
    responses(
        (status = 200, description = "The report", body = ReportView),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    reports: Reports,
    As(admitted): As,
    Id(id): Id<ReportId>,
) -> Result<Response, Problem> {
    let mut snapshot = app.store.read().await?;
    let report = sight::report(&app, &admitted, &mut *snapshot, id).await?;
    answer(&app, &reports, &admitted, &mut *snapshot, report).await
}

/// The whole report with its version as ETag.
pub(super) async fn answer(
    app: &App,
    reports: &Reports,
    admitted: &Admitted,
    snapshot: &mut dyn Snapshot,
    report: Report,
) -> Result<Response, Problem> {
    let view = whole(app, reports, admitted, snapshot, report).await?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", view.summary.version));
    let tag = tag.unwrap_or_else(|_| HeaderValue::from_static("\"\""));
    Ok(([(header::ETAG, tag)], Json(view)).into_response())
}

/// The whole report.
pub(super) async fn whole(
    app: &App,
    reports: &Reports,
    admitted: &Admitted,
    snapshot: &mut dyn Snapshot,
    report: Report,
) -> Result<ReportView, Problem> {
    let id = report.id;
    let reason = report.decision.as_ref().and_then(|decision| decision.reason.as_deref());
    let reason = reason.and_then(|reason| reports.0.policy.reason(reason));
    let now_ms = app.clock.now_ms();
    let inside = sight::sees_inside(admitted, &report);
    let reputation = match report.reporter.key().filter(|_| inside) {
        Some(key) => Some(standing(&snapshot.ledger().of_reporter(&key).await?, &report.form, now_ms)),
        None => None,
    };
    let can = can(app, reports, admitted, snapshot, &report).await?;
    let beside = Beside {
        can,
        summary: ReportSummary::of(app, admitted, snapshot, &report).await?,
        reason_title: reason.map(|reason| reason.title.clone()),
        messages: said(snapshot, id, inside).await?,
        attachments: snapshot.attachments().of_report(id).await?,
        history: history(app, admitted, snapshot, &report).await?,
        related: related(app, admitted, snapshot, &report).await?,
        notices: if inside { snapshot.notices().of_report(id).await? } else { Vec::new() },
        reputation,
        automation_held: inside && report.automation_held,
        inside,
    };
    Ok(ReportView::of(report, beside))
}

/// What the asker may do with the report beside what their role lets them do with every one.
async fn can(
    app: &App,
    reports: &Reports,
    admitted: &Admitted,
    snapshot: &mut dyn Snapshot,
    report: &Report,
) -> Result<CanView, Problem> {
    let side = admitted.signed_in().and_then(|signed_in| sight::side_of(app, signed_in, report));
    let appeal = match side {
        Some(side) if reports.0.desk.may_appeal(snapshot, report, side).await? => Some(side.as_str()),
        _ => None,
    };
    let may = match sight::sees_inside(admitted, report) {
        true => {
            let answers = sight::answers_for(app, admitted, report);
            reports.0.desk.may_review(snapshot, report, &admitted.principal, answers).await?
        }
        false => MayReview::default(),
    };
    Ok(CanView { appeal, review: may.confirm, overturn: may.overturn })
}

/// What was said; what is internal only to who is inside.
async fn said(
    snapshot: &mut dyn Snapshot,
    id: ReportId,
    inside: bool,
) -> Result<Vec<ReportMessage>, Problem> {
    let mut messages = snapshot.report_messages().of_report(id).await?;
    messages.retain(|message| inside || !message.internal);
    Ok(messages)
}

/// Earlier reports of the same reporter and about the same service, that the asker may read.
async fn history(
    app: &App,
    admitted: &Admitted,
    snapshot: &mut dyn Snapshot,
    report: &Report,
) -> Result<HistoryView, Problem> {
    let mut history = HistoryView { reporter: Vec::new(), service: Vec::new() };
    let page = PageRequest::first(HISTORY_MAX as u32 + 1);
    // who is behind a report is for those who moderate, and what else they reported tells it
    let inside = sight::sees_inside(admitted, report);
    let of_reporter = report
        .reporter
        .key()
        .filter(|_| inside)
        .map(|reporter| ReportFilter { reporter: Some(reporter), ..ReportFilter::default() });
    let of_service = report
        .service
        .clone()
        .map(|service| ReportFilter { service: Some(service), ..ReportFilter::default() });
    for (place, filter) in [(&mut history.reporter, of_reporter), (&mut history.service, of_service)] {
        let Some(filter) = filter else { continue };
        let found = snapshot.reports().list(&narrow(app, admitted, filter), &page).await?;
        let others: Vec<Report> =
            found.items.into_iter().filter(|other| other.id != report.id).take(HISTORY_MAX).collect();
        *place = ReportSummary::all(app, admitted, snapshot, &others).await?;
    }
    Ok(history)
}

/// The incident that the reporter said it adds to, then those that are like it.
async fn related(
    app: &App,
    admitted: &Admitted,
    snapshot: &mut dyn Snapshot,
    report: &Report,
) -> Result<Vec<super::view::BesideIncident>, Problem> {
    let text = format!("{}\n{}", report.title, report.text);
    let query = RelatedQuery { text: &text, service: report.service.as_deref(), now_ms: app.clock.now_ms() };
    let ranked = app.matters.rank(&*app.store, &query, RELATED_LOOKED_AT_MAX).await?;
    let hint: Vec<IncidentId> = report.related_hint.into_iter().collect();
    let likes = ranked.into_iter().filter(|id| Some(*id) != report.related_hint);
    let ids: Vec<IncidentId> = hint.iter().copied().chain(likes).collect();
    let mut beside = incidents_beside(snapshot, admitted, ids).await?;
    beside.truncate(RELATED_MAX);
    Ok(beside)
}

/// What a ledger says of a category.
fn standing(ledger: &[LedgerEntry], category: &str, now_ms: i64) -> StandingView {
    let Reputation { mean, low, high, tier, .. } = report::reputation_of(ledger, category, now_ms);
    StandingView { mean, low, high, tier: tier.as_str() }
}

/// A state by its name, for lists of appeals.
pub(super) fn state_named<T>(
    name: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    name.map(|name| named(name, "state", read)).transpose()
}
