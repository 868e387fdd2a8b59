//! `/api/v1/me`: one's own reports, what they came to, how one wants to be thanked.

use super::desk::{ReportPage, page_of};
use super::receipt::{ReceiptSecretBody, unknown};
use super::view::{ReportSummary, time};
use super::{Items, actor};
use crate::api::page::PageParams;
use crate::extract::{As, JsonBody, NoParams, Params, Signed, Who};
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use axum::Json;
use axum::extract::State;
use model::{Credit, Reporter};
use ports::store::{ReportFilter, StoreError};
use report::reputation::Reputation;
use report::{ledger_entries, secret_sha256};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where the formula is written.
const FORMULA: &str = "/docs/reputation";

/// Make a report yours
///
/// One that was sent without a name, by whoever has its receipt.
#[utoipa::path(
    post,
    path = "/api/v1/me/reports/claim",
    tag = "reports",
    request_body = ReceiptSecretBody,
    responses(
        (status = 200, description = "The report, which is yours now", body = ReportSummary),
        (status = 404, description = "No report has this receipt", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn claim(
    State(app): State<App>,
    reports: Reports,
    asker: (As, Signed, Who),
    JsonBody { value, .. }: JsonBody<ReceiptSecretBody>,
) -> Result<Json<ReportSummary>, Problem> {
    let (As(admitted), _, who) = asker;
    let claimed = reports.0.desk.claim(&actor(who), &secret_sha256(&value.secret)).await;
    let report = match claimed {
        Err(report::Error::Store(StoreError::NotFound { .. })) => return Err(unknown()),
        claimed => claimed?,
    };
    let mut snapshot = app.store.read().await?;
    Ok(Json(ReportSummary::of(&app, &admitted, &mut *snapshot, &report).await?.for_reporter()))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnReportParams {
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List your reports
#[utoipa::path(
    get,
    path = "/api/v1/me/reports",
    tag = "reports",
    params(OwnReportParams),
    responses(
        (status = 200, description = "A page of them", body = ReportPage),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: Reports,
    As(admitted): As,
    Signed(signed_in): Signed,
    Params(params): Params<OwnReportParams>,
) -> Result<Json<ReportPage>, Problem> {
    let page = PageParams { limit: params.limit, after: params.cursor }.request()?;
    let reporter = Reporter::Person { id: signed_in.person.id }.key();
    let filter = ReportFilter { reporter, ..ReportFilter::default() };
    let mut snapshot = app.store.read().await?;
    let found = snapshot.reports().list(&filter, &page).await?;
    let items = ReportSummary::all(&app, &admitted, &mut *snapshot, &found.items).await?;
    let items = items.into_iter().map(ReportSummary::for_reporter).collect();
    // whether a person looks again is no matter of the reporter's
    page_of(&app, &mut *snapshot, (filter, false), items, found.next).await.map(Json)
}

/// What one report adds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReputationEntry {
    /// `rep_…`
    report: String,
    /// What became of it.
    outcome: &'static str,
    /// What it adds today, −1 to 1: half of it is gone after 180 days.
    weight: f64,
    /// When it was decided.
    at: String,
}

/// How reliable one's reports of a kind have been.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryReputation {
    /// The form's type.
    category: String,
    /// The expected share that holds.
    mean: f64,
    /// 5 % lie below.
    low: f64,
    /// 5 % lie above.
    high: f64,
    /// `newcomer`, `regular`, `trusted` or `watched`.
    tier: &'static str,
    /// What it is made of, all of it.
    entries: Vec<ReputationEntry>,
}

/// How reliable one's reports have been.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnReputation {
    /// By kind of report.
    categories: Vec<CategoryReputation>,
    /// Where the formula is written.
    formula: &'static str,
}

/// Read your reputation
///
/// With every entry that it is made of. It changes how soon a person reads a report and what may happen by itself; never
/// whether a person reads it.
#[utoipa::path(
    get,
    path = "/api/v1/me/reputation",
    tag = "reports",
    responses(
        (status = 200, description = "By kind of report", body = OwnReputation),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn reputation(
    State(app): State<App>,
    _: Reports,
    Signed(signed_in): Signed,
    _: Params<NoParams>,
) -> Result<Json<OwnReputation>, Problem> {
    let reporter = Reporter::Person { id: signed_in.person.id }.key().unwrap_or_default();
    let ledger = app.store.read().await?.ledger().of_reporter(&reporter).await?;
    let categories = Reputation::by_category(&ledger_entries(&ledger), app.clock.now_ms());
    let view = |(category, reputation): (String, Reputation)| CategoryReputation {
        category,
        mean: reputation.mean,
        low: reputation.low,
        high: reputation.high,
        tier: reputation.tier.as_str(),
        entries: reputation
            .entries
            .into_iter()
            .map(|entry| ReputationEntry {
                report: entry.report,
                outcome: entry.outcome.as_str(),
                weight: entry.weight,
                at: time(entry.at_ms),
            })
            .collect(),
    };
    Ok(Json(OwnReputation { categories: categories.into_iter().map(view).collect(), formula: FORMULA }))
}

/// How somebody wants to be thanked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreditView {
    /// Under which name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// Whether at all.
    shown: bool,
}

impl From<Credit> for CreditView {
    fn from(credit: Credit) -> Self {
        Self { display_name: credit.display_name, shown: credit.shown }
    }
}

/// Read how you want to be thanked
#[utoipa::path(
    get,
    path = "/api/v1/me/credit",
    tag = "reports",
    responses(
        (status = 200, description = "What you said; not at all, if nothing", body = CreditView),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn credit(
    State(app): State<App>,
    _: Reports,
    Signed(signed_in): Signed,
    _: Params<NoParams>,
) -> Result<Json<CreditView>, Problem> {
    let credit = app.store.read().await?.credits().get(signed_in.person.id).await?;
    Ok(Json(credit.map_or(CreditView { display_name: None, shown: false }, Into::into)))
}

/// Say how you want to be thanked
#[utoipa::path(
    put,
    path = "/api/v1/me/credit",
    tag = "reports",
    request_body = CreditView,
    responses(
        (status = 200, description = "As you said", body = CreditView),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set_credit(
    reports: Reports,
    _: Signed,
    who: Who,
    JsonBody { value, .. }: JsonBody<CreditView>,
) -> Result<Json<CreditView>, Problem> {
    let name = value.display_name.filter(|name| !name.trim().is_empty());
    Ok(Json(reports.0.desk.set_credit(&actor(who), name, value.shown).await?.into()))
}

/// Somebody who is thanked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Thanked {
    /// The name that they chose.
    display_name: String,
    /// What their reports were worth, by severity, being first and telemetry; it fades. To one decimal.
    score: f64,
}

/// Read who is thanked
///
/// Those who want to be, where the installation shows it (`reports.leaderboard`).
#[utoipa::path(
    get,
    path = "/api/v1/credits",
    tag = "reports",
    responses(
        (status = 200, description = "Those whose reports were worth the most first", body = Items<Thanked>),
        (status = 404, description = "It is not shown here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn credits(reports: Reports, _: Params<NoParams>) -> Result<Json<Items<Thanked>>, Problem> {
    if !reports.0.options.leaderboard {
        return Err(Problem::not_found("list of", "credits: it is off here"));
    }
    let thanked = reports.0.desk.thanked().await?.into_iter();
    let thanked = thanked.map(|credit| Thanked { display_name: credit.display_name, score: credit.score });
    Ok(Json(Items { items: thanked.collect() }))
}
