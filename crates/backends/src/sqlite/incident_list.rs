//! Pages of incidents that stay fast at a million of them.
//!
//! A filter is answered in one of two ways. If the entity, the text or the time range leaves few candidates
//! ([`CANDIDATES_MAX`]), these are fetched and sorted. Otherwise matches are dense, and reading in the order
//! of the list finds a page after few rows: one short run of an index per status, merged here, because an
//! index ordered by severity serves one status at a time.

use super::incidents::incident;
use super::values::{failed, int, ulid};
use model::{Incident, IncidentId, Status};
use ports::store::{AssigneeFilter, Cursor, IncidentFilter, IncidentOrder, Page, PageRequest, StoreError};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Up to so many candidates are sorted; more are dense enough to be found in order.
///
/// With `n` matches among a million, reading in order passes about 50 million / `n` rows for a page of 50;
/// sorting touches `n`. They meet near 7,000.
const CANDIDATES_MAX: i64 = 5_000;
/// Shortest text that can be looked for: the index knows runs of three characters.
const TITLE_CHARS_MIN: usize = 3;

/// Where the page before ended: (severity, last seen) or (updated, 0), and the id.
type Start = Option<([i64; 2], IncidentId)>;

pub(super) async fn list(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
    order: IncidentOrder,
    page: &PageRequest,
) -> Result<Page<Incident>, StoreError> {
    list_by(conn, filter, order, page, CANDIDATES_MAX).await
}

async fn list_by(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
    order: IncidentOrder,
    page: &PageRequest,
    candidates_max: i64,
) -> Result<Page<Incident>, StoreError> {
    if filter.title_contains.as_ref().is_some_and(|text| text.chars().count() < TITLE_CHARS_MIN) {
        return Err(StoreError::BadQuery { reason: "give at least 3 characters of the title".to_owned() });
    }
    let start = start(order, page)?;
    let items_max = page.items();
    let mut found = Vec::new();
    if let Some(candidates) = candidates(conn, filter, candidates_max).await? {
        found = fetch(conn, ordered_candidates(&candidates, filter, order, &start, items_max)).await?;
    } else {
        for &status in
            Status::ALL.iter().filter(|s| filter.statuses.is_empty() || filter.statuses.contains(s))
        {
            found.extend(fetch(conn, ordered_run(status, filter, order, &start, items_max)).await?);
        }
        found.sort_by_key(|incident| std::cmp::Reverse(key(incident, order)));
    }
    found.truncate(items_max as usize + 1);
    Ok(Page::of(found, items_max, |last| {
        let (keys, id) = key(last, order);
        Cursor::new(name(order), &keys, &id.to_string())
    }))
}

const fn name(order: IncidentOrder) -> &'static str {
    match order {
        IncidentOrder::Severity => "incidents-severity",
        IncidentOrder::Updated => "incidents-updated",
    }
}

fn key(incident: &Incident, order: IncidentOrder) -> ([i64; 2], IncidentId) {
    let keys = match order {
        IncidentOrder::Severity => [i64::from(incident.severity().ocsf_id()), incident.last_seen_ms],
        IncidentOrder::Updated => [incident.updated_at_ms, 0],
    };
    (keys, incident.id)
}

fn start(order: IncidentOrder, page: &PageRequest) -> Result<Start, StoreError> {
    let Some(cursor) = &page.after else { return Ok(None) };
    let (keys, id) = cursor.parts::<2>(name(order))?;
    Ok(Some((keys, id.parse().map_err(|_| StoreError::BadCursor)?)))
}

/// What leaves few candidates.
#[derive(Debug, Clone, Copy)]
enum Driver {
    Entity,
    Title,
    Created,
}

/// The numbers of all incidents that can fit, by the driver that leaves the fewest, if that is few enough.
async fn candidates(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
    candidates_max: i64,
) -> Result<Option<Vec<i64>>, StoreError> {
    let given = [
        (Driver::Entity, filter.entity.is_some()),
        (Driver::Title, filter.title_contains.is_some()),
        (Driver::Created, filter.created_from_ms.is_some() || filter.created_until_ms.is_some()),
    ];
    let mut best: Option<Vec<i64>> = None;
    for (driver, _) in given.into_iter().filter(|(_, given)| *given) {
        let limit = best.as_ref().map_or(candidates_max, |best| int(best.len() as u64));
        let mut sql = driven(driver, filter);
        sql.push(" LIMIT ").push_bind(limit + 1);
        let found: Vec<i64> =
            sql.build_query_scalar().fetch_all(&mut *conn).await.map_err(failed("looking for incidents"))?;
        if int(found.len() as u64) <= limit {
            best = Some(found);
        }
    }
    Ok(best)
}

/// The `seq` of every candidate of one driver.
fn driven(driver: Driver, filter: &IncidentFilter) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("");
    match driver {
        Driver::Entity => {
            sql.push("SELECT incident FROM incident_entities WHERE value = ");
            sql.push_bind(filter.entity.clone().unwrap_or_default());
        }
        Driver::Title => {
            let phrase = filter.title_contains.as_deref().unwrap_or_default().replace('"', "\"\"");
            sql.push("SELECT rowid FROM incident_titles WHERE incident_titles MATCH ");
            sql.push_bind(format!("\"{phrase}\""));
        }
        Driver::Created => {
            sql.push("SELECT seq FROM incidents INDEXED BY incidents_created WHERE merged_into IS NULL");
            created(&mut sql, filter);
        }
    }
    sql
}

/// Few candidates: fetch them by number, then sort. `NOT INDEXED` leaves no other way.
fn ordered_candidates(
    candidates: &[i64],
    filter: &IncidentFilter,
    order: IncidentOrder,
    start: &Start,
    items_max: u32,
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT * FROM incidents NOT INDEXED WHERE merged_into IS NULL AND seq IN (SELECT value FROM json_each(",
    );
    sql.push_bind(serde_json::Value::from(candidates).to_string()).push("))");
    if !filter.statuses.is_empty() {
        sql.push(" AND status IN (");
        let mut statuses = sql.separated(", ");
        for status in &filter.statuses {
            statuses.push_bind(i64::from(status.ocsf_id()));
        }
        sql.push(")");
    }
    conditions(&mut sql, filter);
    ordered(&mut sql, order, start, items_max);
    sql
}

/// Many candidates: one run of the index of this order, within one status.
fn ordered_run(
    status: Status,
    filter: &IncidentFilter,
    order: IncidentOrder,
    start: &Start,
    items_max: u32,
) -> QueryBuilder<Sqlite> {
    let index = match (order, filter.assignee.is_some()) {
        (IncidentOrder::Severity, false) => "incidents_queue",
        (IncidentOrder::Severity, true) => "incidents_queue_of",
        (IncidentOrder::Updated, false) => "incidents_recent",
        (IncidentOrder::Updated, true) => "incidents_recent_of",
    };
    let mut sql = QueryBuilder::new("SELECT * FROM incidents INDEXED BY ");
    sql.push(index).push(" WHERE merged_into IS NULL AND status = ").push_bind(i64::from(status.ocsf_id()));
    conditions(&mut sql, filter);
    ordered(&mut sql, order, start, items_max);
    sql
}

/// Everything but the status.
fn conditions(sql: &mut QueryBuilder<Sqlite>, filter: &IncidentFilter) {
    match &filter.assignee {
        Some(AssigneeFilter::Nobody) => {
            sql.push(" AND assignee IS NULL");
        }
        Some(AssigneeFilter::Is(name)) => {
            sql.push(" AND assignee = ").push_bind(name.clone());
        }
        None => {}
    }
    if let Some(least) = filter.severity_min {
        sql.push(" AND severity >= ").push_bind(i64::from(least.ocsf_id()));
    }
    if let Some(entity) = &filter.entity {
        sql.push(
            " AND EXISTS (SELECT 1 FROM incident_entities e WHERE e.incident = incidents.seq AND e.value = ",
        );
        sql.push_bind(entity.clone()).push(")");
    }
    if let Some(text) = &filter.title_contains {
        let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        sql.push(" AND title LIKE ").push_bind(format!("%{escaped}%")).push(" ESCAPE '\\'");
    }
    created(sql, filter);
}

fn created(sql: &mut QueryBuilder<Sqlite>, filter: &IncidentFilter) {
    if let Some(from) = filter.created_from_ms {
        sql.push(" AND created_at_ms >= ").push_bind(from);
    }
    if let Some(until) = filter.created_until_ms {
        sql.push(" AND created_at_ms < ").push_bind(until);
    }
}

fn ordered(sql: &mut QueryBuilder<Sqlite>, order: IncidentOrder, start: &Start, items_max: u32) {
    match order {
        IncidentOrder::Severity => {
            if let Some(([severity, seen], id)) = start {
                sql.push(" AND (severity, last_seen_ms, id) < (").push_bind(*severity).push(", ");
                sql.push_bind(*seen).push(", ").push_bind(ulid(id.0)).push(")");
            }
            sql.push(" ORDER BY severity DESC, last_seen_ms DESC, id DESC");
        }
        IncidentOrder::Updated => {
            if let Some(([updated, _], id)) = start {
                sql.push(" AND (updated_at_ms, id) < (").push_bind(*updated).push(", ");
                sql.push_bind(ulid(id.0)).push(")");
            }
            sql.push(" ORDER BY updated_at_ms DESC, id DESC");
        }
    }
    sql.push(" LIMIT ").push_bind(i64::from(items_max) + 1);
}

async fn fetch(
    conn: &mut SqliteConnection,
    mut sql: QueryBuilder<Sqlite>,
) -> Result<Vec<Incident>, StoreError> {
    let rows = sql.build().fetch_all(conn).await.map_err(failed("listing incidents"))?;
    rows.iter().map(incident).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Severity, Ulid};
    use ports::Store;
    use ports::store::conformance::Bench;
    use sqlx::{Execute, Row};

    async fn plan(conn: &mut SqliteConnection, mut sql: QueryBuilder<Sqlite>) -> String {
        let text = format!("EXPLAIN QUERY PLAN {}", sql.build().sql().as_str());
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(conn).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
    }

    /// The suite's lists are short and go by candidates; here the same filters read in order as well.
    #[tokio::test]
    async fn both_ways_of_answering_agree() {
        let dir = tempfile::tempdir().unwrap();
        let store = super::super::SqliteStore::open_path(&dir.path().join("s.db")).await.unwrap();
        let bench = Bench::new(9);
        let mut unit = store.begin().await.unwrap();
        for number in 0..200 {
            let entity = ["root", "eve", "100%_\\\""][number as usize % 3];
            let severity = bench.one_of(&Severity::ALL);
            let finding = bench.finding(number, entity, bench.below(9) as i64, severity);
            bench.clock.advance_ms(1);
            bench.open(&mut *unit, &finding).await;
        }
        unit.commit().await.unwrap();
        let mut conn = store.readers().acquire().await.unwrap();
        let first_ms = 1_700_000_000_000;
        for entity in [None, Some("root"), Some("nobody"), Some("100%_\\\"")] {
            for text in [None, Some("ON EVE"), Some("100%_\\\""), Some("nothing")] {
                for created in [None, Some((first_ms + 20, first_ms + 150))] {
                    let filter = IncidentFilter {
                        entity: entity.map(str::to_owned),
                        title_contains: text.map(str::to_owned),
                        created_from_ms: created.map(|(from, _)| from),
                        created_until_ms: created.map(|(_, until)| until),
                        ..IncidentFilter::default()
                    };
                    for order in [IncidentOrder::Severity, IncidentOrder::Updated] {
                        let mut page = PageRequest::first(9);
                        loop {
                            let few =
                                list_by(&mut conn, &filter, order, &page, CANDIDATES_MAX).await.unwrap();
                            let many = list_by(&mut conn, &filter, order, &page, -1).await.unwrap();
                            assert_eq!(few, many, "{filter:?} {order:?}");
                            match few.next {
                                Some(next) => page.after = Some(next),
                                None => break,
                            }
                        }
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn no_list_scans_or_sorts_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let store = super::super::SqliteStore::open_path(&dir.path().join("s.db")).await.unwrap();
        let mut conn = store.readers().acquire().await.unwrap();
        let start = Some(([4, 77], IncidentId(Ulid(9))));
        let full = IncidentFilter {
            statuses: vec![Status::New],
            severity_min: Some(Severity::High),
            assignee: None,
            entity: Some("root".to_owned()),
            title_contains: Some("login".to_owned()),
            created_from_ms: Some(1),
            created_until_ms: Some(2),
        };
        let assigned = |assignee| IncidentFilter { assignee, ..full.clone() };
        let filters = [
            IncidentFilter::default(),
            assigned(None),
            assigned(Some(AssigneeFilter::Nobody)),
            assigned(Some(AssigneeFilter::Is("ana".to_owned()))),
        ];
        for filter in &filters {
            for order in [IncidentOrder::Severity, IncidentOrder::Updated] {
                for start in [&None, &start] {
                    let plan = plan(&mut conn, ordered_run(Status::New, filter, order, start, 50)).await;
                    assert!(plan.contains("SEARCH incidents USING INDEX incidents_"), "{plan}");
                    assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
                }
            }
        }
        for (driver, index) in [
            (Driver::Entity, "SEARCH incident_entities USING"),
            (Driver::Title, "VIRTUAL TABLE INDEX"),
            (Driver::Created, "SEARCH incidents USING INDEX incidents_created"),
        ] {
            let plan = plan(&mut conn, driven(driver, &full)).await;
            assert!(plan.contains(index), "{plan}");
        }
        for order in [IncidentOrder::Severity, IncidentOrder::Updated] {
            let plan = plan(&mut conn, ordered_candidates(&[1, 2], &full, order, &start, 50)).await;
            assert!(plan.contains("SEARCH incidents USING INTEGER PRIMARY KEY"), "{plan}");
            assert!(!plan.contains("SCAN incidents"), "{plan}");
        }
    }
}
