//! What narrows a list of incidents: as conditions of SQL, and as the few incidents that can fit.
//!
//! Every list and count goes through [`conditions`]; a predicate that all of them must obey belongs there.

use super::values::{failed, int, json};
use super::visible;
use model::Status;
use ports::store::{AssigneeFilter, Facet, IncidentFilter, StoreError, needles, other_case};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Shortest text of a title that can be looked for: the index knows runs of three characters.
const TITLE_CHARS_MIN: usize = 3;
/// So few candidates are looked at one by one instead of being narrowed further.
const FEW: usize = 64;

/// A filter with its search taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) filter: IncidentFilter,
    needles: Vec<String>,
}

/// What leaves few candidates, when it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    Entity,
    Title,
    Created,
    Rules,
    /// One of the needles, by its number.
    Needle(usize),
    Services,
    Verdicts,
    Sources,
    Assignee,
    Statuses,
}

/// The few incidents that can fit.
#[derive(Debug, Clone, Default)]
pub(super) struct Narrowed {
    /// Their numbers, sorted; `None` when they are many whichever way one looks.
    pub(super) candidates: Option<Vec<i64>>,
    /// What all of them are known to fit.
    pub(super) proven: Vec<Driver>,
    /// Where there are no candidates: some of the many that the first of the drivers finds.
    pub(super) some: Option<(Driver, Vec<i64>)>,
}

impl Search {
    pub(super) fn of(filter: &IncidentFilter) -> Result<Self, StoreError> {
        if filter.title_contains.as_ref().is_some_and(|text| text.chars().count() < TITLE_CHARS_MIN) {
            let reason = format!("give at least {TITLE_CHARS_MIN} characters of the title");
            return Err(StoreError::BadQuery { reason });
        }
        let needles = filter.text.as_deref().map(needles).transpose()?.unwrap_or_default();
        Ok(Self { filter: filter.clone(), needles })
    }

    /// The same without words that every incident has, of which nothing narrows.
    pub(super) async fn simplified(mut self, conn: &mut SqliteConnection) -> Result<Self, StoreError> {
        let mut narrowing = Vec::with_capacity(self.needles.len());
        for needle in self.needles {
            let in_all: bool = stands_in_all_rules(&needle)
                .build_query_scalar()
                .fetch_one(&mut *conn)
                .await
                .map_err(failed("looking for a word"))?;
            narrowing.extend((!in_all).then_some(needle));
        }
        self.needles = narrowing;
        Ok(self)
    }

    /// The same without what it asks of one facet.
    pub(super) fn without(&self, facet: Facet) -> Self {
        let mut search = self.clone();
        let filter = &mut search.filter;
        match facet {
            Facet::Status => filter.statuses.clear(),
            Facet::Severity => {
                filter.severities.clear();
                filter.severity_min = None;
            }
            Facet::Assignee => filter.assignee = None,
            Facet::Verdict => filter.verdicts.clear(),
            Facet::Service => filter.services.clear(),
            Facet::Source => filter.sources.clear(),
            Facet::Rule => filter.rules.clear(),
        }
        search
    }

    /// What is chosen of facets other than status and severity, as the kept cells name it; `None` where something
    /// narrows that they do not know: text, entity, time, or several values at once.
    pub(super) fn chosen(&self) -> Option<Vec<(Facet, String)>> {
        let IncidentFilter { entity, title_contains, created_from_ms, created_until_ms, .. } = &self.filter;
        let timed = created_from_ms.is_some() || created_until_ms.is_some();
        // kept counts do not know what is hidden from whom
        if self.hides_some()
            || timed
            || entity.is_some()
            || title_contains.is_some()
            || !self.needles.is_empty()
        {
            return None;
        }
        let assignees = self.filter.assignee.iter().map(|assignee| match assignee {
            AssigneeFilter::Nobody => String::new(),
            AssigneeFilter::Is(name) => name.clone(),
        });
        let verdicts = self.filter.verdicts.iter().map(|verdict| verdict.ocsf_id().to_string());
        let chosen = [
            (Facet::Assignee, assignees.collect::<Vec<_>>()),
            (Facet::Verdict, verdicts.collect()),
            (Facet::Service, self.filter.services.clone()),
            (Facet::Source, self.filter.sources.clone()),
            (Facet::Rule, self.filter.rules.clone()),
        ];
        let mut single = Vec::new();
        for (facet, mut values) in chosen {
            match (values.pop(), values.is_empty()) {
                (Some(value), true) => single.push((facet, value)),
                (Some(_), false) => return None,
                (None, _) => {}
            }
        }
        Some(single)
    }

    /// Whether some incidents do not exist for the asker.
    pub(super) fn hides_some(&self) -> bool {
        self.filter.visible.as_ref().is_some_and(|visible| !visible.is_everything())
    }

    /// What is asked for, that which tends to leave the fewest first.
    pub(super) fn drivers(&self) -> Vec<Driver> {
        let IncidentFilter { created_from_ms, created_until_ms, .. } = &self.filter;
        let mut drivers = Vec::new();
        let mut add = |asked: bool, driver| drivers.extend(asked.then_some(driver));
        add(self.filter.entity.is_some(), Driver::Entity);
        add(created_from_ms.is_some() || created_until_ms.is_some(), Driver::Created);
        add(!self.filter.rules.is_empty(), Driver::Rules);
        (0..self.needles.len()).for_each(|at| add(true, Driver::Needle(at)));
        add(self.filter.title_contains.is_some(), Driver::Title);
        add(!self.filter.services.is_empty(), Driver::Services);
        add(!self.filter.verdicts.is_empty(), Driver::Verdicts);
        add(!self.filter.sources.is_empty(), Driver::Sources);
        add(self.filter.assignee.is_some(), Driver::Assignee);
        drivers
    }

    /// The numbers (`seq`) of all incidents that fit what `driver` stands for; some of them more than once.
    pub(super) fn driven(&self, sql: &mut QueryBuilder<Sqlite>, driver: Driver) {
        let filter = &self.filter;
        match driver {
            Driver::Entity => {
                sql.push("SELECT incident AS seq FROM incident_entities WHERE value = ");
                sql.push_bind(filter.entity.clone().unwrap_or_default());
            }
            Driver::Title => {
                let text = filter.title_contains.as_deref().unwrap_or_default();
                sql.push(
                    "SELECT i.seq FROM incident_titles x CROSS JOIN incidents i ON i.seq = x.rowid \
                     WHERE incident_titles MATCH ",
                );
                sql.push_bind(phrase(text)).push(" AND i.shown_title");
                contains(sql, text);
            }
            Driver::Created => {
                sql.push("SELECT seq FROM incidents INDEXED BY incidents_created WHERE merged_into IS NULL");
                created(sql, filter);
            }
            Driver::Rules => terms(sql, "rule", &filter.rules),
            Driver::Sources => terms(sql, "source", &filter.sources),
            Driver::Needle(at) => needle_driver(sql, self.needles.get(at).map_or("", String::as_str)),
            Driver::Services => {
                for (at, service) in filter.services.iter().enumerate() {
                    sql.push(if at == 0 { "" } else { " UNION ALL " });
                    sql.push("SELECT seq FROM incidents INDEXED BY incidents_of_service WHERE merged_into IS NULL AND service IS ");
                    sql.push_bind(Some(service.clone()).filter(|service| !service.is_empty()));
                    statuses(sql, filter);
                }
            }
            Driver::Verdicts => {
                sql.push("SELECT seq FROM incidents INDEXED BY incidents_of_verdict WHERE merged_into IS NULL AND verdict");
                one_of(sql, filter.verdicts.iter().map(|verdict| i64::from(verdict.ocsf_id())));
                statuses(sql, filter);
            }
            Driver::Assignee => {
                sql.push("SELECT seq FROM incidents INDEXED BY incidents_queue_of WHERE merged_into IS NULL");
                assignee(sql, filter);
                statuses(sql, filter);
            }
            Driver::Statuses => {
                sql.push("SELECT seq FROM incidents INDEXED BY incidents_queue WHERE merged_into IS NULL");
                statuses(sql, filter);
                // where it is the only driver, what is cut off must not be what the asker sees
                visible::push(sql, filter.visible.as_ref());
            }
        }
    }

    /// Looks for what leaves at most `candidates_max` incidents.
    pub(super) async fn narrow(
        &self,
        conn: &mut SqliteConnection,
        drivers: &[Driver],
        candidates_max: usize,
    ) -> Result<Narrowed, StoreError> {
        let mut narrowed = Narrowed::default();
        for &driver in drivers {
            if narrowed.candidates.as_ref().is_some_and(|found| found.len() <= FEW) {
                break;
            }
            // an incident may be found by several entities or texts
            let found_max = 2 * candidates_max;
            let mut found = self.seqs(conn, driver, found_max + 1).await?;
            let whole = found.len() <= found_max;
            found.sort_unstable();
            found.dedup();
            if !whole || found.len() > candidates_max {
                found.truncate(candidates_max);
                narrowed.some.get_or_insert((driver, found));
                continue;
            }
            narrowed.proven.push(driver);
            narrowed.candidates = Some(match narrowed.candidates.take() {
                None => found,
                Some(mut others) => {
                    others.retain(|seq| found.binary_search(seq).is_ok());
                    others
                }
            });
        }
        Ok(narrowed)
    }

    /// At most `items_max` numbers by one driver.
    pub(super) async fn seqs(
        &self,
        conn: &mut SqliteConnection,
        driver: Driver,
        items_max: usize,
    ) -> Result<Vec<i64>, StoreError> {
        // in one row: a row each would cost more than finding them
        let mut sql = QueryBuilder::new("SELECT json_group_array(seq) FROM (");
        self.driven(&mut sql, driver);
        sql.push(" LIMIT ").push_bind(int(items_max as u64)).push(")");
        let found: String =
            sql.build_query_scalar().fetch_one(conn).await.map_err(failed("looking for incidents"))?;
        serde_json::from_str(&found).map_err(|error| StoreError::corrupt("numbers of incidents", error))
    }
}

/// Everything but the status, on rows of `incidents`; what is proven is not asked again.
pub(super) fn conditions(sql: &mut QueryBuilder<Sqlite>, search: &Search, proven: &[Driver]) {
    let filter = &search.filter;
    let open = |driver: Driver| !proven.contains(&driver);
    if open(Driver::Assignee) {
        assignee(sql, filter);
    }
    if let Some(least) = filter.severity_min {
        sql.push(" AND severity >= ").push_bind(i64::from(least.ocsf_id()));
    }
    if !filter.severities.is_empty() {
        // the sign keeps the order of the index: the runs of several severities would have to be sorted
        sql.push(" AND +severity");
        one_of(sql, filter.severities.iter().map(|severity| i64::from(severity.ocsf_id())));
    }
    if !filter.verdicts.is_empty() && open(Driver::Verdicts) {
        sql.push(" AND verdict");
        one_of(sql, filter.verdicts.iter().map(|verdict| i64::from(verdict.ocsf_id())));
    }
    if !filter.services.is_empty() && open(Driver::Services) {
        sql.push(" AND coalesce(service, '')");
        one_of(sql, filter.services.iter().cloned());
    }
    for (driver, facet, values) in
        [(Driver::Rules, "rule", &filter.rules), (Driver::Sources, "source", &filter.sources)]
    {
        if !values.is_empty() && open(driver) {
            sql.push(
                " AND EXISTS (SELECT 1 FROM incident_terms t WHERE t.incident = incidents.seq AND t.facet = ",
            );
            sql.push_bind(facet).push(" AND t.value");
            one_of(sql, values.iter().cloned());
            sql.push(")");
        }
    }
    if let Some(entity) = filter.entity.as_ref().filter(|_| open(Driver::Entity)) {
        sql.push(
            " AND EXISTS (SELECT 1 FROM incident_entities e WHERE e.incident = incidents.seq AND e.value = ",
        );
        sql.push_bind(entity.clone()).push(")");
    }
    if let Some(text) = filter.title_contains.as_ref().filter(|_| open(Driver::Title)) {
        sql.push(" AND shown_title");
        contains(sql, text);
    }
    for (at, needle) in search.needles.iter().enumerate() {
        if open(Driver::Needle(at)) {
            needle_condition(sql, needle);
        }
    }
    if open(Driver::Created) {
        created(sql, filter);
    }
    visible::push(sql, filter.visible.as_ref());
}

/// The status, on rows of `incidents`.
pub(super) fn statuses(sql: &mut QueryBuilder<Sqlite>, filter: &IncidentFilter) {
    if !filter.statuses.is_empty() {
        sql.push(" AND status");
        one_of(sql, filter.statuses.iter().map(|status| i64::from(status.ocsf_id())));
    }
}

/// Status and severity, on rows of `incident_cells`.
pub(super) fn cell_conditions(sql: &mut QueryBuilder<Sqlite>, filter: &IncidentFilter) {
    statuses(sql, filter);
    if let Some(least) = filter.severity_min {
        sql.push(" AND severity >= ").push_bind(i64::from(least.ocsf_id()));
    }
    if !filter.severities.is_empty() {
        sql.push(" AND severity");
        one_of(sql, filter.severities.iter().map(|severity| i64::from(severity.ocsf_id())));
    }
}

/// Those numbers, as a condition on `incidents.seq`.
pub(super) fn among(sql: &mut QueryBuilder<Sqlite>, candidates: &[i64]) -> Result<(), StoreError> {
    sql.push("incidents.seq IN (SELECT value FROM json_each(");
    sql.push_bind(json(&candidates, "naming incidents")?).push("))");
    Ok(())
}

/// ` IN (…)` with each value bound.
fn one_of<T>(sql: &mut QueryBuilder<Sqlite>, values: impl Iterator<Item = T>)
where
    T: sqlx::Encode<'static, Sqlite> + sqlx::Type<Sqlite> + Send + 'static,
{
    sql.push(" IN (");
    let mut list = sql.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    sql.push(")");
}

fn terms(sql: &mut QueryBuilder<Sqlite>, facet: &'static str, values: &[String]) {
    sql.push("SELECT incident AS seq FROM incident_terms WHERE facet = ").push_bind(facet).push(" AND value");
    one_of(sql, values.iter().cloned());
}

fn assignee(sql: &mut QueryBuilder<Sqlite>, filter: &IncidentFilter) {
    match &filter.assignee {
        Some(AssigneeFilter::Nobody) => {
            sql.push(" AND assignee IS NULL");
        }
        Some(AssigneeFilter::Is(name)) => {
            sql.push(" AND assignee = ").push_bind(name.clone());
        }
        None => {}
    }
}

fn created(sql: &mut QueryBuilder<Sqlite>, filter: &IncidentFilter) {
    if let Some(from) = filter.created_from_ms {
        sql.push(" AND created_at_ms >= ").push_bind(from);
    }
    if let Some(until) = filter.created_until_ms {
        sql.push(" AND created_at_ms < ").push_bind(until);
    }
}

/// Where a needle stands, by the indexes of texts. One text after the other, so that a dense one ends it early.
///
/// A machine's title is the title of a rule and an entity, which are looked through by themselves; people's are few. The
/// indexes fold letters by tables of their own, so each text that they find is looked at once more.
fn needle_driver(sql: &mut QueryBuilder<Sqlite>, needle: &str) {
    sql.push(
        "SELECT seq FROM incidents INDEXED BY incidents_titled WHERE title_override IS NOT NULL \
         AND title_override",
    );
    contains(sql, needle);
    sql.push(
        " UNION ALL SELECT e.incident FROM entity_texts x CROSS JOIN entity_values v ON v.id = x.rowid \
         CROSS JOIN incident_entities e ON e.value = v.value WHERE entity_texts MATCH ",
    );
    sql.push_bind(phrase(needle)).push(" AND v.value");
    contains(sql, needle);
    sql.push(
        " UNION ALL SELECT t.incident FROM rule_titles r CROSS JOIN incident_terms t ON t.facet = 'rule' \
         AND t.value = r.rule WHERE r.title",
    );
    contains(sql, needle);
    sql.push(
        " UNION ALL SELECT i.seq FROM comment_texts x CROSS JOIN comments c ON c.seq = x.rowid \
         CROSS JOIN incidents i ON i.id = c.incident WHERE comment_texts MATCH ",
    );
    sql.push_bind(phrase(needle)).push(" AND c.text");
    contains(sql, needle);
}

/// Whether a needle stands in a row's texts.
fn needle_condition(sql: &mut QueryBuilder<Sqlite>, needle: &str) {
    let mut has = |before: &str, after: &str| {
        sql.push(before);
        contains(sql, needle);
        sql.push(after);
    };
    has(" AND (title_override", "");
    has(" OR EXISTS (SELECT 1 FROM incident_entities e WHERE e.incident = incidents.seq AND e.value", ")");
    has(
        " OR EXISTS (SELECT 1 FROM incident_terms t CROSS JOIN rule_titles r ON r.rule = t.value \
         WHERE t.incident = incidents.seq AND t.facet = 'rule' AND r.title",
        ")",
    );
    has(" OR EXISTS (SELECT 1 FROM comments c WHERE c.incident = incidents.id AND c.text", "))");
}

/// Whether a needle stands in the title of each rule that unmerged incidents have findings of; so all incidents with
/// findings have it.
fn stands_in_all_rules(needle: &str) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT NOT EXISTS (SELECT 1 FROM incident_cells c WHERE c.facet = 'rule' AND NOT EXISTS \
         (SELECT 1 FROM rule_titles r WHERE r.rule = c.value AND r.title",
    );
    contains(&mut sql, needle);
    // what was split off or given back to the last finding is of no rule
    sql.push(
        ")) AND NOT EXISTS (SELECT 1 FROM incidents INDEXED BY incidents_largest WHERE merged_into IS NULL \
         AND findings = 0 AND status",
    );
    one_of(&mut sql, Status::ALL.into_iter().map(|status| i64::from(status.ocsf_id())));
    sql.push(")");
    sql
}

/// A phrase of FTS5: nothing in it is syntax.
fn phrase(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Adds that the text before has `needle` in it, as [`other_case`] compares letters.
///
/// `LIKE` folds ASCII letters, and of these no other letter is the same. For more there is `GLOB` with both cases of each.
fn contains(sql: &mut QueryBuilder<Sqlite>, needle: &str) {
    if needle.is_ascii() {
        sql.push(" LIKE ").push_bind(pattern(needle)).push(" ESCAPE '\\'");
    } else {
        sql.push(" GLOB ").push_bind(glob(needle));
    }
}

/// A pattern of LIKE that finds `text` anywhere.
fn pattern(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// A pattern of GLOB that finds `text` anywhere, in either case.
fn glob(text: &str) -> String {
    let mut pattern = "*".to_owned();
    for letter in text.chars() {
        match other_case(letter) {
            Some(other) => pattern.extend(['[', letter, other, ']']),
            None if "*?[".contains(letter) => pattern.extend(['[', letter, ']']),
            None => pattern.push(letter),
        }
    }
    pattern.push('*');
    pattern
}

/// Every status that is asked for.
pub(super) fn asked_statuses(filter: &IncidentFilter) -> impl Iterator<Item = Status> {
    Status::ALL.into_iter().filter(|s| filter.statuses.is_empty() || filter.statuses.contains(s))
}
