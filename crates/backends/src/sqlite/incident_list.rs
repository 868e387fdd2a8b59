//! Pages of incidents that stay fast at a million of them.
//!
//! A filter is answered in one of two ways. If something in it leaves few candidates ([`CANDIDATES_MAX`]), these are
//! fetched and sorted. Otherwise matches are dense, and reading in the order of the list finds a page after few rows:
//! one short run of an index per status, merged here, because an index ordered by severity serves one status at a time.

use super::incident_filter::{Driver, Search, among, asked_statuses, conditions, statuses};
use super::incidents::incident;
use super::values::{failed, ulid};
use model::{Incident, IncidentId, Severity, Status};
use ports::store::{Cursor, IncidentFilter, IncidentOrder, Page, PageRequest, StoreError};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Up to so many candidates are sorted; more are dense enough to be found in order.
///
/// With `n` matches among a million, reading in order passes about 50 million / `n` rows for a page of 50;
/// sorting touches `n`. They meet near 7,000.
const CANDIDATES_MAX: usize = 5_000;

/// Where the page before ended: the order's keys, and the id.
type Start = Option<([i64; 2], IncidentId)>;

pub(super) async fn list(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
    order: IncidentOrder,
    page: &PageRequest,
) -> Result<Page<Incident>, StoreError> {
    list_by(conn, filter, order, page, Some(CANDIDATES_MAX)).await
}

async fn list_by(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
    order: IncidentOrder,
    page: &PageRequest,
    candidates_max: Option<usize>,
) -> Result<Page<Incident>, StoreError> {
    let start = start(order, page)?;
    let search = Search::of(filter)?.simplified(conn).await?;
    let items_max = page.items();
    let narrowed = match candidates_max {
        Some(candidates_max) => search.narrow(conn, &drivers(&search, order), candidates_max).await?,
        None => Default::default(),
    };
    let mut found = Vec::new();
    if let Some(candidates) = &narrowed.candidates {
        let sql = ordered_candidates(candidates, &search, &narrowed.proven, order, &start, items_max)?;
        found = fetch(conn, sql).await?;
    } else {
        for (status, severity) in runs(filter, order) {
            found.extend(
                fetch(conn, ordered_run((status, severity), &search, order, &start, items_max)).await?,
            );
        }
        found.sort_by_key(|incident| std::cmp::Reverse(key(incident, order)));
    }
    found.truncate(items_max as usize + 1);
    Ok(Page::of(found, items_max, |last| {
        let (keys, id) = key(last, order);
        Cursor::new(name(order), &keys, &id.to_string())
    }))
}

/// What may leave few candidates; that it is a certain person's does only where no index has their runs in order.
fn drivers(search: &Search, order: IncidentOrder) -> Vec<Driver> {
    let mut drivers = search.drivers();
    let ordered = matches!(order, IncidentOrder::Severity | IncidentOrder::Updated);
    drivers.retain(|driver| *driver != Driver::Assignee || !ordered);
    drivers
}

/// The runs that are read in order: by status, and by severity where only some are asked for and it leads the order.
fn runs(filter: &IncidentFilter, order: IncidentOrder) -> Vec<(Status, Option<Severity>)> {
    let severities: Vec<_> = match order {
        IncidentOrder::Severity if !filter.severities.is_empty() => {
            Severity::ALL.into_iter().filter(|s| filter.severities.contains(s)).map(Some).collect()
        }
        _ => vec![None],
    };
    asked_statuses(filter).flat_map(|status| severities.iter().map(move |s| (status, *s))).collect()
}

const fn name(order: IncidentOrder) -> &'static str {
    match order {
        IncidentOrder::Severity => "incidents-severity",
        IncidentOrder::Updated => "incidents-updated",
        IncidentOrder::Created => "incidents-created",
        IncidentOrder::Findings => "incidents-findings",
    }
}

fn key(incident: &Incident, order: IncidentOrder) -> ([i64; 2], IncidentId) {
    let keys = match order {
        IncidentOrder::Severity => [i64::from(incident.severity().ocsf_id()), incident.last_seen_ms],
        IncidentOrder::Updated => [incident.updated_at_ms, 0],
        IncidentOrder::Created => [incident.created_at_ms, 0],
        IncidentOrder::Findings => [i64::try_from(incident.findings).unwrap_or(i64::MAX), 0],
    };
    (keys, incident.id)
}

fn start(order: IncidentOrder, page: &PageRequest) -> Result<Start, StoreError> {
    let Some(cursor) = &page.after else { return Ok(None) };
    let (keys, id) = cursor.parts::<2>(name(order))?;
    Ok(Some((keys, id.parse().map_err(|_| StoreError::BadCursor)?)))
}

/// Few candidates: fetch them by number, then sort. `NOT INDEXED` leaves no other way.
fn ordered_candidates(
    candidates: &[i64],
    search: &Search,
    proven: &[Driver],
    order: IncidentOrder,
    start: &Start,
    items_max: u32,
) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut sql = QueryBuilder::new("SELECT * FROM incidents NOT INDEXED WHERE merged_into IS NULL AND ");
    among(&mut sql, candidates)?;
    statuses(&mut sql, &search.filter);
    conditions(&mut sql, search, proven);
    ordered(&mut sql, order, start, items_max);
    Ok(sql)
}

/// Many candidates: one run of the index of this order, within one status.
fn ordered_run(
    (status, severity): (Status, Option<Severity>),
    search: &Search,
    order: IncidentOrder,
    start: &Start,
    items_max: u32,
) -> QueryBuilder<Sqlite> {
    let index = match (order, search.filter.assignee.is_some()) {
        (IncidentOrder::Severity, false) => "incidents_queue",
        (IncidentOrder::Severity, true) => "incidents_queue_of",
        (IncidentOrder::Updated, false) => "incidents_recent",
        (IncidentOrder::Updated, true) => "incidents_recent_of",
        (IncidentOrder::Created, _) => "incidents_opened",
        (IncidentOrder::Findings, _) => "incidents_largest",
    };
    let mut sql = QueryBuilder::new("SELECT * FROM incidents INDEXED BY ");
    sql.push(index).push(" WHERE merged_into IS NULL AND status = ").push_bind(i64::from(status.ocsf_id()));
    if let Some(severity) = severity {
        sql.push(" AND severity = ").push_bind(i64::from(severity.ocsf_id()));
    }
    conditions(&mut sql, search, &[]);
    ordered(&mut sql, order, start, items_max);
    sql
}

fn ordered(sql: &mut QueryBuilder<Sqlite>, order: IncidentOrder, start: &Start, items_max: u32) {
    let column = match order {
        IncidentOrder::Severity => {
            if let Some(([severity, seen], id)) = start {
                sql.push(" AND (severity, last_seen_ms, id) < (").push_bind(*severity).push(", ");
                sql.push_bind(*seen).push(", ").push_bind(ulid(id.0)).push(")");
            }
            "severity DESC, last_seen_ms"
        }
        IncidentOrder::Updated => "updated_at_ms",
        IncidentOrder::Created => "created_at_ms",
        IncidentOrder::Findings => "findings",
    };
    if let (Some(([at, _], id)), false) = (start, order == IncidentOrder::Severity) {
        sql.push(" AND (").push(column).push(", id) < (").push_bind(*at).push(", ");
        sql.push_bind(ulid(id.0)).push(")");
    }
    sql.push(" ORDER BY ").push(column).push(" DESC, id DESC LIMIT ").push_bind(i64::from(items_max) + 1);
}

async fn fetch(
    conn: &mut SqliteConnection,
    mut sql: QueryBuilder<Sqlite>,
) -> Result<Vec<Incident>, StoreError> {
    let rows = sql.build().fetch_all(conn).await.map_err(failed("listing incidents"))?;
    rows.iter().map(incident).collect()
}

#[cfg(test)]
#[path = "incident_list_tests.rs"]
mod tests;
