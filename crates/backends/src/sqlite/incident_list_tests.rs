//! Lists and counts: that all ways of answering agree, and that none reads the whole table.

use super::*;
use crate::sqlite::{SqliteStore, facets, incidents, timeline};
use model::Ulid;
use ports::Store;
use ports::store::conformance::Bench;
use ports::store::{AssigneeFilter, Facet, Visible, other_case};
use sqlx::Row;

async fn plan(conn: &mut SqliteConnection, sql: QueryBuilder<Sqlite>) -> String {
    let text = format!("EXPLAIN QUERY PLAN {}", sql.sql().as_str());
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(conn).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

async fn store() -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_path(&dir.path().join("s.db")).await.unwrap();
    (dir, store)
}

fn texts() -> Vec<IncidentFilter> {
    let mut filters = Vec::new();
    for text in [None, Some("ON EVE"), Some("100%_\\\""), Some("nothing")] {
        for needles in [None, Some("eve"), Some("rule root"), Some("\"Rule on\" 100%_\\")] {
            filters.push(IncidentFilter {
                title_contains: text.map(str::to_owned),
                text: needles.map(str::to_owned),
                ..IncidentFilter::default()
            });
        }
    }
    filters
}

/// The suite's lists are short and go by candidates; here the same filters read in order as well.
#[tokio::test]
async fn both_ways_of_answering_agree() {
    let (_dir, store) = store().await;
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
    for text in texts() {
        for entity in [None, Some("root"), Some("nobody")] {
            for created in [None, Some((first_ms + 20, first_ms + 150))] {
                let filter = IncidentFilter {
                    entity: entity.map(str::to_owned),
                    created_from_ms: created.map(|(from, _)| from),
                    created_until_ms: created.map(|(_, until)| until),
                    severities: if entity.is_none() { vec![Severity::Low, Severity::High] } else { vec![] },
                    ..text.clone()
                };
                for order in IncidentOrder::ALL {
                    let mut page = PageRequest::first(19);
                    loop {
                        let few =
                            list_by(&mut conn, &filter, order, &page, Some(CANDIDATES_MAX)).await.unwrap();
                        let many = list_by(&mut conn, &filter, order, &page, None).await.unwrap();
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

fn everything() -> IncidentFilter {
    IncidentFilter {
        statuses: vec![Status::New],
        severity_min: Some(Severity::High),
        severities: vec![Severity::High],
        verdicts: vec![model::Verdict::Benign],
        services: vec!["payments".to_owned(), String::new()],
        rules: vec!["r1".to_owned()],
        sources: vec!["okta".to_owned()],
        text: Some("root login".to_owned()),
        assignee: None,
        entity: Some("root".to_owned()),
        title_contains: Some("login".to_owned()),
        created_from_ms: Some(1),
        created_until_ms: Some(2),
        visible: Some(Visible::of(0x0ff, vec!["pay".to_owned()], Vec::new(), Some("ana".to_owned()))),
    }
}

#[tokio::test]
async fn no_list_scans_or_sorts_the_table() {
    let (_dir, store) = store().await;
    let mut conn = store.readers().acquire().await.unwrap();
    let start = Some(([4, 77], IncidentId(Ulid(9))));
    let assigned = |assignee| IncidentFilter { assignee, ..everything() };
    let filters = [
        IncidentFilter::default(),
        assigned(None),
        assigned(Some(AssigneeFilter::Nobody)),
        assigned(Some(AssigneeFilter::Is("ana".to_owned()))),
    ];
    for filter in &filters {
        let search = Search::of(filter).unwrap();
        for order in IncidentOrder::ALL {
            for start in [&None, &start] {
                for run in runs(filter, order) {
                    let plan = plan(&mut conn, ordered_run(run, &search, order, start, 50)).await;
                    assert!(plan.contains("SEARCH incidents USING INDEX incidents_"), "{plan}");
                    let scans = plan
                        .lines()
                        .filter(|line| line.contains("SCAN") && !line.contains("CONSTANT"))
                        // the asker's own teams are a list in memory
                        .filter(|line| !line.contains("SCAN json_each"));
                    assert_eq!(scans.count(), 0, "{plan}");
                    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
                }
            }
        }
        for order in IncidentOrder::ALL {
            let sql = ordered_candidates(&[1, 2], &search, &[], order, &start, 50).unwrap();
            let plan = plan(&mut conn, sql).await;
            assert!(plan.contains("SEARCH incidents USING INTEGER PRIMARY KEY"), "{plan}");
            assert!(!plan.contains("SCAN incidents"), "{plan}");
        }
    }
}

#[tokio::test]
async fn whatever_narrows_a_list_is_looked_up_by_an_index() {
    let (_dir, store) = store().await;
    let mut conn = store.readers().acquire().await.unwrap();
    let filter = IncidentFilter { assignee: Some(AssigneeFilter::Is("ana".to_owned())), ..everything() };
    let search = Search::of(&filter).unwrap();
    let mut drivers = search.drivers();
    assert_eq!(drivers.len(), 10, "every driver is asked for");
    drivers.push(Driver::Statuses);
    for driver in drivers {
        let mut sql = QueryBuilder::new("");
        search.driven(&mut sql, driver);
        let plan = plan(&mut conn, sql).await;
        for line in plan.lines().filter(|line| line.contains("SCAN")) {
            // the titles of all rules are some hundred short texts, and so are those that people gave
            let allowed = ["VIRTUAL TABLE INDEX", "SCAN r", "INDEX incidents_titled", "SCAN json_each"];
            let allowed = allowed.iter().any(|allowed| line.contains(allowed));
            assert!(allowed, "{driver:?}: {plan}");
        }
        assert!(plan.contains("SEARCH") || plan.contains("VIRTUAL TABLE INDEX"), "{driver:?}: {plan}");
    }
}

#[tokio::test]
async fn facets_never_read_the_table_of_incidents_or_findings() {
    let (_dir, store) = store().await;
    let mut conn = store.readers().acquire().await.unwrap();
    let search = Search::of(&everything()).unwrap();
    for facet in Facet::ALL {
        for sql in facets::statements(facet, &search) {
            let plan = plan(&mut conn, sql).await;
            for line in plan.lines().filter(|line| line.contains("SCAN")) {
                // `found` is what the candidates came to
                let allowed = ["SCAN json_each", "LIST SUBQUERY", "SCAN found"];
                assert!(allowed.iter().any(|allowed| line.contains(allowed)), "{facet:?}: {plan}");
            }
        }
    }
}

#[tokio::test]
async fn what_belongs_to_an_incident_is_looked_up_by_an_index() {
    let (_dir, store) = store().await;
    let mut conn = store.readers().acquire().await.unwrap();
    let statements = [timeline::FINDINGS, timeline::COMMENTS, timeline::RECORDS].concat();
    let open = [incidents::OPEN_IN_GROUPS, incidents::OPEN_SURVIVORS];
    for statement in statements.into_iter().chain(open) {
        let plan = plan(&mut conn, QueryBuilder::new(statement)).await;
        assert!(plan.contains("SEARCH"), "{plan}");
        for line in plan.lines().filter(|line| line.contains("SCAN")) {
            // the groups that were asked for, and the merges that were followed from them
            assert!(line.contains("SCAN g") || line.contains("SCAN c"), "{plan}");
        }
        assert!(!plan.contains("FOR ORDER BY"), "{plan}");
    }
}

/// What a search compares letters by is no finer than the index that finds them: it would miss some.
#[tokio::test]
async fn the_index_of_texts_finds_whatever_is_the_same_to_a_search() {
    let (_dir, store) = store().await;
    let mut conn = store.writer().acquire().await.unwrap();
    let letters: Vec<char> = ('\u{80}'..='\u{ffff}').filter(|letter| other_case(*letter).is_some()).collect();
    assert!(letters.len() > 800, "{}", letters.len());
    let mut insert = QueryBuilder::new("INSERT INTO entity_values (value, region) ");
    insert.push_values(&letters, |mut row, letter| {
        row.push_bind(format!("x{letter}y")).push_bind("r");
    });
    insert.build().execute(&mut *conn).await.unwrap();
    let mut missed = Vec::new();
    for letter in letters {
        let other = other_case(letter).unwrap();
        let sql = "SELECT count(*) FROM entity_texts WHERE entity_texts MATCH ?";
        let found: i64 =
            sqlx::query_scalar(sql).bind(format!("\"x{other}y\"")).fetch_one(&mut *conn).await.unwrap();
        if found < 2 {
            missed.push(format!("{letter} U+{:04X}", letter as u32));
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
