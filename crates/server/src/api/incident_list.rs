//! `/api/v1/incidents`: the queue, and what it can be narrowed by.

use super::page::{PageParams, PageView, named, names};
use crate::code::Code;
use crate::extract::{As, Params};
use crate::problem::Problem;
use crate::state::App;
use crate::view::IncidentView;
use access::Sight;
use axum::Json;
use axum::extract::State;
use model::{Severity, Status, Verdict};
use ports::store::{AssigneeFilter, Facet, FacetCount, IncidentFilter, IncidentOrder, Visible};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};

/// Most values of one filter.
const FILTER_VALUES_MAX: usize = 50;
/// The assignee of incidents that nobody has.
const NOBODY: &str = "nobody";
/// The service of incidents that are of none.
const NONE: &str = "none";

/// Which incidents, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentParams {
    /// Any of `new`, `in_progress`, `on_hold`, `resolved`, `closed`, with commas between.
    status: Option<String>,
    /// Any of `informational`, `low`, `medium`, `high`, `critical`, with commas between.
    severity: Option<String>,
    /// At least so severe: `informational`, `low`, `medium`, `high` or `critical`.
    severity_min: Option<String>,
    /// Who has it; `nobody` for those without.
    assignee: Option<String>,
    /// What it turned out to be: any of `true_positive`, `false_positive`, `benign`, …, with commas between.
    verdict: Option<String>,
    /// Any of these services, with commas between; `none` for incidents of no service.
    service: Option<String>,
    /// It has findings of any of these rules, by UUID, with commas between.
    rule: Option<String>,
    /// It has findings of any of these kinds of source (`aws_cloudtrail`), with commas between.
    source: Option<String>,
    /// Words, and phrases in double quotes: each stands in the title, an entity, the title of a rule or a comment.
    /// Words shorter than 3 characters are left out.
    q: Option<String>,
    /// One of its findings names this.
    entity: Option<String>,
    /// The title contains this text; at least 3 characters.
    title: Option<String>,
    /// Opened at or after, milliseconds since the epoch.
    created_from_ms: Option<i64>,
    /// Opened before, milliseconds since the epoch.
    created_until_ms: Option<i64>,
    /// `severity` (the gravest first, the queue of work), `updated` (the last changed first), `created` (the last
    /// opened first) or `findings` (those with the most first).
    order: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl IncidentParams {
    fn filter(self, visible: &Visible) -> Result<IncidentFilter, Problem> {
        let severity_min = self.severity_min.as_deref();
        Ok(IncidentFilter {
            statuses: names(self.status.as_deref(), "status", Status::from_name)?,
            severities: names(self.severity.as_deref(), "severity", Severity::from_name)?,
            verdicts: names(self.verdict.as_deref(), "verdict", Verdict::from_name)?,
            services: values(self.service.as_deref(), "service")?
                .into_iter()
                .map(|service| if service == NONE { String::new() } else { service })
                .collect(),
            rules: values(self.rule.as_deref(), "rule")?,
            sources: values(self.source.as_deref(), "source")?,
            text: self.q.filter(|text| !text.trim().is_empty()),
            severity_min: severity_min
                .map(|name| named(name, "severity", Severity::from_name))
                .transpose()?,
            assignee: self.assignee.map(|name| match name.as_str() {
                NOBODY => AssigneeFilter::Nobody,
                _ => AssigneeFilter::Is(name),
            }),
            entity: self.entity,
            title_contains: self.title,
            created_from_ms: self.created_from_ms,
            created_until_ms: self.created_until_ms,
            visible: Some(visible.clone()),
        })
    }

    fn order(&self) -> Result<IncidentOrder, Problem> {
        let name = self.order.as_deref().unwrap_or("severity");
        named(name, "order", |name| match name {
            "severity" => Some(IncidentOrder::Severity),
            "updated" => Some(IncidentOrder::Updated),
            "created" => Some(IncidentOrder::Created),
            "findings" => Some(IncidentOrder::Findings),
            _ => None,
        })
    }
}

/// List incidents
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    tag = "incidents",
    params(IncidentParams),
    responses(
        (status = 200, description = "A page of incidents", body = PageView<IncidentView>),
        (status = 400, description = "A filter is not understood", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    As(admitted): As,
    Params(params): Params<IncidentParams>,
) -> Result<Json<PageView<IncidentView>>, Problem> {
    let page = PageParams { limit: params.limit, after: params.after.clone() }.request()?;
    let (order, filter) = (params.order()?, params.filter(&admitted.visible)?);
    let mut snapshot = app.store.read().await?;
    let found = snapshot.incidents().list(&filter, order, &page).await?;
    let rules: BTreeSet<&String> = found.items.iter().flat_map(|incident| &incident.rules).collect();
    let rules: Vec<String> = rules.into_iter().cloned().collect();
    let titles = snapshot.incidents().rule_titles(&rules).await?;
    let mut sight = Sight::of_snapshot(&mut *snapshot, &admitted.visible);
    sight.know(found.items.iter().map(|incident| incident.id));
    let mut items = Vec::with_capacity(found.items.len());
    for incident in found.items {
        items.push(IncidentView::with_why(incident, &titles, &mut sight).await?);
    }
    Ok(Json(PageView { items, next: found.next.map(|next| next.to_string()) }))
}

/// One value of a facet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetValue {
    /// As the filter takes it.
    value: String,
    /// What people call it, where the value is an id: the title of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// How many incidents the list would have with it.
    count: u64,
}

/// Counts beside a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetsView {
    /// How many incidents fit the whole filter.
    total: u64,
    /// Whether all that fit were counted. Filters beside status and severity that leave more than 3,000 incidents are
    /// counted among that many.
    exact: bool,
    /// By facet (`status`, `severity`, `assignee`, `verdict`, `service`, `source`, `rule`): the values with the most
    /// incidents first, at most 50, of rules 20.
    facets: BTreeMap<&'static str, Vec<FacetValue>>,
}

/// Count incidents by facet
///
/// With the filters of the list. The filter of a facet does not count for that facet itself, so that it shows what else
/// could be chosen. `order`, `limit` and `after` change nothing.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/facets",
    tag = "incidents",
    params(IncidentParams),
    responses(
        (status = 200, description = "The counts", body = FacetsView),
        (status = 400, description = "A filter is not understood", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn facets(
    State(app): State<App>,
    As(admitted): As,
    Params(params): Params<IncidentParams>,
) -> Result<Json<FacetsView>, Problem> {
    let found = app.store.read().await?.incidents().facets(&params.filter(&admitted.visible)?).await?;
    let facets = found.counts.into_iter().map(|(facet, counts)| {
        let value = |count: FacetCount| FacetValue {
            value: named_value(facet, count.value),
            label: count.label,
            count: count.count,
        };
        (facet.as_str(), counts.into_iter().map(value).collect())
    });
    Ok(Json(FacetsView { total: found.total, exact: found.exact, facets: facets.collect() }))
}

/// What the filter calls incidents that have none.
fn named_value(facet: Facet, value: String) -> String {
    match facet {
        Facet::Assignee if value.is_empty() => NOBODY.to_owned(),
        _ if value.is_empty() => NONE.to_owned(),
        _ => value,
    }
}

/// A comma-separated list of what has no fixed names.
fn values(text: Option<&str>, what: &str) -> Result<Vec<String>, Problem> {
    let values = text.unwrap_or_default().split(',').filter(|value| !value.is_empty());
    let values: Vec<String> = values.map(str::to_owned).collect();
    if values.len() > FILTER_VALUES_MAX {
        let detail = format!("{what}: at most {FILTER_VALUES_MAX} values at once");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    Ok(values)
}
