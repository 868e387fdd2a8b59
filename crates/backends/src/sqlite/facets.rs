//! How many incidents each choice in a list would leave.
//!
//! `incident_cells`, which triggers keep, knows for each value of each facet how many incidents of each status and
//! severity have it. So what narrows by status and severity is counted from there, and with it one value of one other
//! facet. Whatever else narrows is counted among the incidents that it leaves, as long as these are few
//! ([`FACET_CANDIDATES_MAX`]).

use super::incident_filter::{Driver, Narrowed, Search, among, cell_conditions, conditions, statuses};
use super::values::{failed, get, json, uint};
use model::{Severity, Status, Verdict};
use ports::store::{
    FACET_CANDIDATES_MAX, FACET_RULES_MAX, FACET_VALUES_MAX, Facet, FacetCount, Facets, IncidentFilter,
    PAGE_ITEMS_MAX, StoreError, Visible,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use std::collections::HashMap;

const COUNTING: &str = "counting incidents";

pub(super) async fn facets(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
) -> Result<Facets, StoreError> {
    let search = Search::of(filter)?.simplified(conn).await?;
    let mut counter = Counter { conn, whole: None, search: &search, exact: true };
    let total = counter.total().await?;
    let mut counts = Vec::with_capacity(Facet::ALL.len());
    for facet in Facet::ALL {
        counts.push((facet, counter.count(facet).await?));
    }
    Ok(Facets { total, exact: counter.exact, counts })
}

/// Counts one filter after the other of one search.
struct Counter<'a> {
    conn: &'a mut SqliteConnection,
    search: &'a Search,
    /// All counts among what the whole search leaves, where kept counts do not answer; most facets are of these.
    whole: Option<Tally>,
    exact: bool,
}

/// How many of some incidents have each value of each facet; those of `""` are how many there are.
type Tally = HashMap<String, Vec<FacetCount>>;

/// The name of the count of all, among facets.
const TOTAL: &str = "";

impl Counter<'_> {
    async fn total(&mut self) -> Result<u64, StoreError> {
        let search = self.search.clone();
        let counts = match kept_cells(None, &search) {
            Some(mut sql) => {
                cell_conditions(&mut sql, &search.filter);
                self.fetch(None, sql).await?
            }
            None => self.tallied(TOTAL, &search, None).await?,
        };
        Ok(counts.first().map_or(0, |count| count.count))
    }

    async fn count(&mut self, facet: Facet) -> Result<Vec<FacetCount>, StoreError> {
        let search = self.search.without(facet);
        match kept_cells(Some(facet), &search) {
            Some(sql) => self.fetch(Some(facet), counted(sql, facet, &search)).await,
            None => self.tallied(facet.as_str(), &search, Some(facet)).await,
        }
    }

    /// The counts of one facet among what a search leaves. Those of the whole search are counted in one pass, once.
    async fn tallied(
        &mut self,
        name: &str,
        search: &Search,
        facet: Option<Facet>,
    ) -> Result<Vec<FacetCount>, StoreError> {
        if search != self.search {
            let tally = self.tally(search, facet.as_slice()).await?;
            return Ok(tally.get(name).cloned().unwrap_or_default());
        }
        if self.whole.is_none() {
            self.whole = Some(self.tally(search, &Facet::ALL).await?);
        }
        Ok(self.whole.as_ref().and_then(|tally| tally.get(name)).cloned().unwrap_or_default())
    }

    async fn tally(&mut self, search: &Search, facets: &[Facet]) -> Result<Tally, StoreError> {
        let narrowed = self.narrowed(search).await?;
        let mut sql = among_candidates(facets, search, &narrowed)?;
        let rows = sql.build().fetch_all(&mut *self.conn).await.map_err(failed(COUNTING))?;
        let mut tally = Tally::new();
        for row in &rows {
            let name: String = get(row, "facet")?;
            let facet = Facet::ALL.into_iter().find(|facet| facet.as_str() == name);
            tally.entry(name).or_default().push(count(facet, row)?);
        }
        for (name, counts) in &mut tally {
            counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
            counts.truncate(values_max(name == Facet::Rule.as_str()));
        }
        Ok(tally)
    }

    /// What a search leaves, or a part of it.
    async fn narrowed(&mut self, search: &Search) -> Result<Narrowed, StoreError> {
        let mut drivers = search.drivers();
        if !search.filter.statuses.is_empty() || search.hides_some() {
            drivers.push(Driver::Statuses);
        }
        let mut narrowed = search.narrow(self.conn, &drivers, FACET_CANDIDATES_MAX).await?;
        if narrowed.candidates.is_none()
            && let Some((driver, some)) = narrowed.some.take()
        {
            narrowed = Narrowed { candidates: Some(some), proven: vec![driver], some: None };
            self.exact = false;
        }
        Ok(narrowed)
    }

    async fn fetch(
        &mut self,
        facet: Option<Facet>,
        mut sql: QueryBuilder<Sqlite>,
    ) -> Result<Vec<FacetCount>, StoreError> {
        let rows = sql.build().fetch_all(&mut *self.conn).await.map_err(failed(COUNTING))?;
        rows.iter().map(|row| count(facet, row)).collect()
    }
}

fn count(facet: Option<Facet>, row: &SqliteRow) -> Result<FacetCount, StoreError> {
    let value = facet.map_or(Ok(String::new()), |facet| value(facet, row))?;
    Ok(FacetCount { value, label: None, count: uint(row, "n")? })
}

const fn values_max(of_rules: bool) -> usize {
    if of_rules { FACET_RULES_MAX } else { FACET_VALUES_MAX }
}

/// What the API calls a stored value.
fn value(facet: Facet, row: &SqliteRow) -> Result<String, StoreError> {
    let text: String = get(row, "value")?;
    fn named<T: Copy>(all: &[T], number: &str, name: impl Fn(T) -> &'static str) -> String {
        let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        at.and_then(|at| all.get(at)).map_or("", |value| name(*value)).to_owned()
    }
    Ok(match facet {
        Facet::Status => named(&Status::ALL, &text, Status::as_str),
        Facet::Severity => named(&Severity::ALL, &text, Severity::as_str),
        Facet::Verdict => named(&Verdict::ALL, &text, Verdict::as_str),
        _ => text,
    })
}

/// A facet's value on a row of `incidents`, as text; of rules and sources there are several.
const fn column(facet: Facet) -> Option<&'static str> {
    Some(match facet {
        Facet::Status => "CAST(status AS TEXT)",
        Facet::Severity => "CAST(severity AS TEXT)",
        Facet::Assignee => "coalesce(assignee, '')",
        Facet::Verdict => "CAST(coalesce(verdict, 0) AS TEXT)",
        Facet::Service => "coalesce(service, '')",
        Facet::Source | Facet::Rule => return None,
    })
}

/// Counts kept cells, where they know all that the search asks; without its conditions.
fn kept_cells(facet: Option<Facet>, search: &Search) -> Option<QueryBuilder<Sqlite>> {
    let chosen = search.chosen()?;
    let (value, cells) = match (facet, chosen.as_slice()) {
        (None, []) => ("", (Cells::All, String::new())),
        (None, [(facet, value)]) => ("", (Cells::Of(*facet), value.clone())),
        (Some(Facet::Status), []) => ("CAST(status AS TEXT) AS value, ", (Cells::All, String::new())),
        (Some(Facet::Status), [(facet, value)]) => {
            ("CAST(status AS TEXT) AS value, ", (Cells::Of(*facet), value.clone()))
        }
        (Some(Facet::Severity), []) => ("CAST(severity AS TEXT) AS value, ", (Cells::All, String::new())),
        (Some(Facet::Severity), [(facet, value)]) => {
            ("CAST(severity AS TEXT) AS value, ", (Cells::Of(*facet), value.clone()))
        }
        (Some(facet), []) => {
            let mut sql = QueryBuilder::new(
                "SELECT value, coalesce(sum(n), 0) AS n FROM incident_cells WHERE facet = ",
            );
            sql.push_bind(facet.as_str());
            return Some(sql);
        }
        _ => return None,
    };
    let (cells, one) = cells;
    let mut sql = QueryBuilder::new(format!(
        "SELECT {value}coalesce(sum(n), 0) AS n FROM incident_cells WHERE facet = "
    ));
    sql.push_bind(cells.as_str()).push(" AND value = ").push_bind(one);
    Some(sql)
}

/// Which cells.
#[derive(Clone, Copy)]
enum Cells {
    All,
    Of(Facet),
}

impl Cells {
    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Of(facet) => facet.as_str(),
        }
    }
}

fn counted(mut sql: QueryBuilder<Sqlite>, facet: Facet, search: &Search) -> QueryBuilder<Sqlite> {
    cell_conditions(&mut sql, &search.filter);
    grouped(&mut sql, facet);
    sql
}

fn grouped(sql: &mut QueryBuilder<Sqlite>, facet: Facet) {
    let values_max = values_max(facet == Facet::Rule);
    sql.push(" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ").push_bind(values_max as i64);
}

/// Counts among few incidents, each of which is read once however many facets are counted.
fn among_candidates(
    facets: &[Facet],
    search: &Search,
    narrowed: &Narrowed,
) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut sql = QueryBuilder::new("WITH found AS MATERIALIZED (SELECT seq");
    for facet in facets {
        if let Some(column) = column(*facet) {
            sql.push(format!(", {column} AS of_{}", facet.as_str()));
        }
    }
    sql.push(" FROM incidents NOT INDEXED WHERE merged_into IS NULL AND ");
    among(&mut sql, narrowed.candidates.as_deref().unwrap_or_default())?;
    if !narrowed.proven.contains(&Driver::Statuses) {
        statuses(&mut sql, &search.filter);
    }
    conditions(&mut sql, search, &narrowed.proven);
    sql.push(format!(") SELECT '{TOTAL}' AS facet, '' AS value, count(*) AS n FROM found"));
    for facet in facets {
        let name = facet.as_str();
        sql.push(match column(*facet) {
            Some(_) => format!(" UNION ALL SELECT '{name}', of_{name}, count(*) FROM found GROUP BY 2"),
            None => format!(
                " UNION ALL SELECT '{name}', t.value, count(*) FROM found CROSS JOIN incident_terms t \
                 ON t.incident = found.seq AND t.facet = '{name}' GROUP BY 2"
            ),
        });
    }
    Ok(sql)
}

/// How many open incidents each service has: from the kept cells for whoever sees all, else among the open ones.
pub(super) async fn open_of_services(
    conn: &mut SqliteConnection,
    services: &[String],
    visible: &Visible,
) -> Result<Vec<u64>, StoreError> {
    if services.len() > PAGE_ITEMS_MAX as usize {
        return Err(StoreError::BadQuery { reason: format!("ask for at most {PAGE_ITEMS_MAX} services") });
    }
    let mut sql = open_of_services_statement(services, visible)?;
    let rows = sql.build().fetch_all(conn).await.map_err(failed(COUNTING))?;
    let mut counts: HashMap<String, u64> = HashMap::new();
    for row in &rows {
        counts.insert(get(row, "value")?, uint(row, "n")?);
    }
    Ok(services.iter().map(|service| counts.get(service).copied().unwrap_or_default()).collect())
}

fn open_of_services_statement(
    services: &[String],
    visible: &Visible,
) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let services = json(&services, "naming services")?;
    let open = Status::ALL.into_iter().filter(|status| status.is_open()).collect();
    let open = IncidentFilter { statuses: open, ..IncidentFilter::default() };
    let mut sql;
    if visible.is_everything() {
        sql = QueryBuilder::new(
            "SELECT value, sum(n) AS n FROM incident_cells WHERE facet = 'service' AND value IN (SELECT value FROM json_each(",
        );
        sql.push_bind(services).push("))");
        statuses(&mut sql, &open);
    } else {
        sql = QueryBuilder::new(
            "SELECT service AS value, count(*) AS n FROM incidents INDEXED BY incidents_of_service \
             WHERE merged_into IS NULL AND service IN (SELECT value FROM json_each(",
        );
        sql.push_bind(services).push("))");
        statuses(&mut sql, &open);
        super::visible::push(&mut sql, Some(visible));
    }
    sql.push(" GROUP BY 1");
    Ok(sql)
}

/// Every statement that a facet may be counted by, so that a test can look at their plans.
#[cfg(test)]
pub(super) fn statements(facet: Facet, search: &Search) -> Vec<QueryBuilder<Sqlite>> {
    let narrowed = Narrowed { candidates: Some(vec![1, 2]), ..Narrowed::default() };
    let mut statements = vec![
        among_candidates(&[facet], search, &narrowed).unwrap(),
        among_candidates(&Facet::ALL, search, &narrowed).unwrap(),
    ];
    for visible in [Visible::everything(), Visible::of(1, Vec::new(), Vec::new(), None)] {
        statements.push(open_of_services_statement(&["web".to_owned()], &visible).unwrap());
    }
    let plain = IncidentFilter { statuses: vec![Status::New], ..IncidentFilter::default() };
    let of_rule = IncidentFilter { rules: vec!["r1".to_owned()], ..plain.clone() };
    for filter in [plain, of_rule] {
        let search = Search::of(&filter).unwrap();
        statements.extend(kept_cells(Some(facet), &search).map(|sql| counted(sql, facet, &search)));
        statements.extend(kept_cells(None, &search));
    }
    statements
}
