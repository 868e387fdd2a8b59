//! How many incidents each choice in a list would leave.
//!
//! `incident_cells`, which triggers keep, knows for each value of each facet how many incidents of each status and
//! severity have it. So what narrows by status and severity is counted from there, and with it one value of one other
//! facet. Whatever else narrows is counted among the incidents that it leaves, as long as these are few
//! ([`FACET_CANDIDATES_MAX`]).

use super::incident_filter::{Driver, Narrowed, Search, among, cell_conditions, conditions, statuses};
use super::values::{failed, get, uint};
use model::{Severity, Status, Verdict};
use ports::store::{
    FACET_CANDIDATES_MAX, FACET_RULES_MAX, FACET_VALUES_MAX, Facet, FacetCount, Facets, IncidentFilter,
    StoreError,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

const COUNTING: &str = "counting incidents";

pub(super) async fn facets(
    conn: &mut SqliteConnection,
    filter: &IncidentFilter,
) -> Result<Facets, StoreError> {
    let search = Search::of(filter)?;
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
    /// What the whole search leaves; most facets are counted among it.
    whole: Option<(Narrowed, bool)>,
    exact: bool,
}

impl Counter<'_> {
    async fn total(&mut self) -> Result<u64, StoreError> {
        let search = self.search.clone();
        let sql = match kept_cells(None, &search) {
            Some(mut sql) => {
                cell_conditions(&mut sql, &search.filter);
                sql
            }
            None => {
                let narrowed = self.narrowed(&search).await?;
                among_candidates(None, &search, &narrowed)?
            }
        };
        let counts = self.fetch(None, sql).await?;
        Ok(counts.first().map_or(0, |count| count.count))
    }

    async fn count(&mut self, facet: Facet) -> Result<Vec<FacetCount>, StoreError> {
        let search = self.search.without(facet);
        let sql = match kept_cells(Some(facet), &search) {
            Some(sql) => counted(sql, facet, &search),
            None => {
                let narrowed = self.narrowed(&search).await?;
                among_candidates(Some(facet), &search, &narrowed)?
            }
        };
        self.fetch(Some(facet), sql).await
    }

    /// What the search leaves, or a part of it.
    async fn narrowed(&mut self, search: &Search) -> Result<Narrowed, StoreError> {
        let is_whole = search == self.search;
        if let Some((narrowed, exact)) = self.whole.as_ref().filter(|_| is_whole) {
            self.exact &= exact;
            return Ok(narrowed.clone());
        }
        let mut drivers = search.drivers();
        if !search.filter.statuses.is_empty() || search.hides_some() {
            drivers.push(Driver::Statuses);
        }
        let mut narrowed = search.narrow(self.conn, &drivers, FACET_CANDIDATES_MAX).await?;
        let mut exact = true;
        if narrowed.candidates.is_none()
            && let Some(&driver) = drivers.first()
        {
            let some = search.seqs(self.conn, driver, FACET_CANDIDATES_MAX).await?;
            narrowed = Narrowed { candidates: Some(some), proven: vec![driver] };
            exact = false;
        }
        if is_whole {
            self.whole = Some((narrowed.clone(), exact));
        }
        self.exact &= exact;
        Ok(narrowed)
    }

    async fn fetch(
        &mut self,
        facet: Option<Facet>,
        mut sql: QueryBuilder<Sqlite>,
    ) -> Result<Vec<FacetCount>, StoreError> {
        let rows = sql.build().fetch_all(&mut *self.conn).await.map_err(failed(COUNTING))?;
        rows.iter()
            .map(|row| {
                let value = facet.map_or(Ok(String::new()), |facet| value(facet, row))?;
                Ok(FacetCount { value, label: None, count: uint(row, "n")? })
            })
            .collect()
    }
}

/// What the API calls a stored value.
fn value(facet: Facet, row: &SqliteRow) -> Result<String, StoreError> {
    fn named<T: Copy>(all: &[T], number: i64, name: impl Fn(T) -> &'static str) -> String {
        let at = usize::try_from(number - 1).ok();
        at.and_then(|at| all.get(at)).map_or("", |value| name(*value)).to_owned()
    }
    Ok(match facet {
        Facet::Status => named(&Status::ALL, get(row, "value")?, Status::as_str),
        Facet::Severity => named(&Severity::ALL, get(row, "value")?, Severity::as_str),
        Facet::Verdict => {
            let text: &str = get(row, "value")?;
            named(&Verdict::ALL, text.parse().unwrap_or_default(), Verdict::as_str)
        }
        _ => get(row, "value")?,
    })
}

/// A facet's column of `incidents`.
const fn column(facet: Facet) -> &'static str {
    match facet {
        Facet::Status => "status",
        Facet::Severity => "severity",
        Facet::Assignee => "coalesce(assignee, '')",
        Facet::Verdict => "CAST(coalesce(verdict, 0) AS TEXT)",
        Facet::Service => "coalesce(service, '')",
        Facet::Source | Facet::Rule => "t.value",
    }
}

const fn is_term(facet: Option<Facet>) -> bool {
    matches!(facet, Some(Facet::Source | Facet::Rule))
}

/// Counts kept cells, where they know all that the search asks; without its conditions.
fn kept_cells(facet: Option<Facet>, search: &Search) -> Option<QueryBuilder<Sqlite>> {
    let chosen = search.chosen()?;
    let (value, cells) = match (facet, chosen.as_slice()) {
        (None, []) => ("", (Cells::All, String::new())),
        (None, [(facet, value)]) => ("", (Cells::Of(*facet), value.clone())),
        (Some(Facet::Status), []) => ("status AS value, ", (Cells::All, String::new())),
        (Some(Facet::Status), [(facet, value)]) => ("status AS value, ", (Cells::Of(*facet), value.clone())),
        (Some(Facet::Severity), []) => ("severity AS value, ", (Cells::All, String::new())),
        (Some(Facet::Severity), [(facet, value)]) => {
            ("severity AS value, ", (Cells::Of(*facet), value.clone()))
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
    let values_max = if facet == Facet::Rule { FACET_RULES_MAX } else { FACET_VALUES_MAX };
    sql.push(" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ").push_bind(values_max as i64);
}

/// Counts among few incidents.
fn among_candidates(
    facet: Option<Facet>,
    search: &Search,
    narrowed: &Narrowed,
) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let value = facet.map_or_else(String::new, |facet| format!("{} AS value, ", column(facet)));
    let mut sql = QueryBuilder::new(format!("SELECT {value}count(*) AS n FROM incidents NOT INDEXED "));
    if is_term(facet) {
        sql.push("CROSS JOIN incident_terms t ON t.incident = incidents.seq AND t.facet = ");
        sql.push_bind(facet.map_or("", Facet::as_str)).push(" ");
    }
    sql.push("WHERE merged_into IS NULL AND ");
    among(&mut sql, narrowed.candidates.as_deref().unwrap_or_default())?;
    if !narrowed.proven.contains(&Driver::Statuses) {
        statuses(&mut sql, &search.filter);
    }
    conditions(&mut sql, search, &narrowed.proven);
    if let Some(facet) = facet {
        grouped(&mut sql, facet);
    }
    Ok(sql)
}

/// Every statement that a facet may be counted by, so that a test can look at their plans.
#[cfg(test)]
pub(super) fn statements(facet: Facet, search: &Search) -> Vec<QueryBuilder<Sqlite>> {
    let narrowed = Narrowed { candidates: Some(vec![1, 2]), proven: Vec::new() };
    let mut statements = vec![
        among_candidates(Some(facet), search, &narrowed).unwrap(),
        among_candidates(None, search, &narrowed).unwrap(),
    ];
    let plain = IncidentFilter { statuses: vec![Status::New], ..IncidentFilter::default() };
    let of_rule = IncidentFilter { rules: vec!["r1".to_owned()], ..plain.clone() };
    for filter in [plain, of_rule] {
        let search = Search::of(&filter).unwrap();
        statements.extend(kept_cells(Some(facet), &search).map(|sql| counted(sql, facet, &search)));
        statements.extend(kept_cells(None, &search));
    }
    statements
}
