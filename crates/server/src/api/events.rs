//! `/api/v1/events`: events by what people look for, without SQL.

use super::page::PageParams;
use crate::code::Code;
use crate::event_search::{EventSearch, Reading};
use crate::extract::{Params, Who};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use access::Scope;
use axum::Json;
use axum::extract::State;
use ports::query::Reader;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// Looked through if no time is given, in milliseconds: a day.
const SPAN_MS_DEFAULT: i64 = 24 * 60 * 60 * 1_000;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Happened at or after, milliseconds since the epoch; a day before the end, if not said.
    from_ms: Option<i64>,
    /// Happened before, milliseconds since the epoch; now, if not said.
    until_ms: Option<i64>,
    /// Of this source, by its name or its kind.
    source: Option<String>,
    /// Of this OCSF class, by number (`6003`) or name (`api_activity`).
    class: Option<String>,
    /// By or about this account: its name, id or e-mail address.
    actor: Option<String>,
    /// From or to this address.
    address: Option<String>,
    /// About this service, by the catalogue.
    service: Option<String>,
    /// This text stands in the operation, the resource, the process or, for those who may see it, anywhere in the
    /// record; without regard to case.
    text: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Events, and how they lie in time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsView {
    /// The latest first. Members are named after the lake's columns, with `time_ms`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Map<String, Value>>,
    /// Ask for the next page with `after=` this; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// How many events there are in each span of time, the earliest first; spans without any are left out. With the
    /// first page only.
    buckets: Vec<BucketView>,
    /// How long a span of time is, in milliseconds.
    bucket_ms: i64,
    /// How many events fit; with the first page only.
    total: Option<u64>,
    /// What was looked through.
    from_ms: i64,
    /// What was looked through.
    until_ms: i64,
    /// Whether personal values are tokens, because the caller may not see them.
    masked: bool,
}

/// A span of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketView {
    /// Its beginning.
    at_ms: i64,
    /// How many events.
    count: u64,
}

/// Look for events
///
/// The latest first, with a histogram over time. Personal values are tokens without the scope `events:read_personal`,
/// in conditions, too. For other questions there is `POST /api/v1/query`.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(EventParams),
    responses(
        (status = 200, description = "A page of events", body = EventsView),
        (status = "4XX", description = "It was not answered", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "The lake could not be asked", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Who(caller): Who,
    Params(params): Params<EventParams>,
) -> Result<Json<EventsView>, Problem> {
    let engine =
        app.query.as_ref().ok_or_else(|| Problem::new(Code::LakeDisabled, "there is no lake here"))?;
    let personal = caller.scopes.has(Scope::EventsReadPersonal);
    let limit = PageParams { limit: params.limit, after: None }.request()?.items();
    let until_ms = params.until_ms.unwrap_or_else(|| app.clock.now_ms());
    let from_ms = params.from_ms.unwrap_or_else(|| until_ms.saturating_sub(SPAN_MS_DEFAULT));
    if from_ms >= until_ms {
        return Err(Problem::new(Code::RequestInvalid, "from_ms is not before until_ms"));
    }
    let is_first = params.after.is_none();
    let search = EventSearch {
        from_ms,
        until_ms,
        source: params.source,
        class: params.class,
        actor: params.actor,
        address: params.address,
        service: params.service,
        text: params.text.filter(|text| !text.trim().is_empty()),
        after: params.after.as_deref().map(crate::event_search::after).transpose()?,
    };
    let reader = Reader { personal, regions: None, sources: None };
    let reading = Reading { engine: &**engine, reader: &reader, time_ms_max: app.options.request_ms_max };
    let bucket_ms = search.bucket_ms();
    // the page and the histogram do not wait for each other
    let histogram = async { if is_first { reading.buckets(&search).await } else { Ok(Vec::new()) } };
    let (page, buckets) = tokio::try_join!(reading.page(&search, limit), histogram)?;
    let total = is_first.then(|| buckets.iter().map(|(_, count)| count).sum());
    let buckets = buckets.into_iter().map(|(at_ms, count)| BucketView { at_ms, count }).collect();
    let (items, next) = page;
    Ok(Json(EventsView { items, next, buckets, bucket_ms, total, from_ms, until_ms, masked: !personal }))
}
