//! What is not answered, and what parameters cannot do.

use crate::sql::fixture::{answer, engine, everything, rows, small_lake};
use huecry_lake::snapshot::Snapshot;
use huecry_lake::sql::SqlEngine;
use ports::QueryError;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Statements that would write, load, set, or read something else than the lake.
const FORBIDDEN: &[&str] = &[
    "COPY events TO '/tmp/x.parquet'",
    "COPY (SELECT * FROM events) TO '/tmp/x.csv' STORED AS CSV",
    "CREATE TABLE t AS SELECT * FROM events",
    "CREATE VIEW v AS SELECT 1",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE FUNCTION f() RETURNS INT RETURN 1",
    "DROP TABLE events",
    "ALTER TABLE events ADD COLUMN x INT",
    "TRUNCATE events",
    "INSERT INTO events SELECT * FROM events",
    "UPDATE events SET region = 'x'",
    "DELETE FROM events",
    "WITH x AS (SELECT 1) INSERT INTO events SELECT * FROM x",
    "SET datafusion.execution.batch_size = 1",
    "RESET datafusion.execution.batch_size",
    "SHOW TABLES",
    "SHOW ALL",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT count(*) FROM events",
    "DESCRIBE events",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "BEGIN",
    "COMMIT",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE events",
    "SELECT * INTO stolen FROM events",
    "SELECT * FROM events FOR UPDATE",
    "",
    ";",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
    "SELECT * FROM generate_series(1, 1000000000)",
    "SELECT * FROM range(1, 1000000000)",
    "SELECT * FROM unnest(make_array(1, 2))",
    "SELECT * FROM LATERAL generate_series(1, 3)",
    "WITH RECURSIVE n AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM n) SELECT * FROM n",
    "SELECT region, source, count(*) FROM events GROUP BY CUBE (region, source)",
    "SELECT count(*) FROM events WHERE message ~ raw",
    "SELECT regexp_replace(message, raw, 'x') FROM events",
    "SELECT message SIMILAR TO raw FROM events",
    "SELECT string_agg(message, ',') OVER () FROM events",
];

/// What is SQL, or nearly, but names what is not there.
const INVALID: &[&str] = &[
    "SELEC 1",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM \"/etc/passwd\"",
    "SELECT * FROM \"file:///etc/passwd\"",
    "SELECT * FROM \"s3://bucket/x.parquet\"",
    "SELECT * FROM other.public.events",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT nothing FROM events",
    "SELECT repeat('x', 1000000000)",
    "SELECT lpad('x', 1000000000)",
    "SELECT rpad('x', 1000000000)",
    "SELECT overlay('xxxx' PLACING 'yy' FROM 2)",
    "SELECT levenshtein(raw, raw) FROM events",
    "SELECT array_agg(raw) FROM events",
    "SELECT input_file_name() FROM events",
    "SELECT version()",
    "SELECT uuid()",
    "SELECT arrow_cast(1, 'Utf8')",
    "SELECT struct(1, 2)",
    "SELECT @@version",
    "SELECT $1",
    "SELECT $0",
    "SELECT ?",
    "SELECT 1/0",
    "SELECT CAST('x' AS INT)",
    "SELECT '' ~ '('",
];

#[tokio::test]
async fn only_one_select_over_the_lake_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let mut wrong = Vec::new();
    for sql in FORBIDDEN {
        let got = answer(&engine, &everything(), sql, &[]).await;
        if !matches!(got, Err(QueryError::Forbidden(_))) {
            wrong.push(format!("{sql}: {got:?}"));
        }
    }
    for sql in INVALID {
        let got = answer(&engine, &everything(), sql, &[]).await;
        if !matches!(got, Err(QueryError::Invalid(_))) {
            wrong.push(format!("{sql}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_has_no_end_is_refused_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let doubling = |step: &str, times: usize| {
        let mut sql = "WITH t0 AS (SELECT message AS x FROM events)".to_owned();
        for n in 1..=times {
            sql += &format!(", t{n} AS ({})", step.replace("$T", &format!("t{}", n - 1)));
        }
        sql + &format!(" SELECT count(*) FROM t{times}")
    };
    let refused = [
        // plans
        doubling("SELECT a.x FROM $T a JOIN $T b ON a.x = b.x", 20),
        doubling("SELECT x FROM $T UNION ALL SELECT x FROM $T", 20),
        format!("SELECT 1 {}", "+ 1 ".repeat(600)),
        format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200)),
        format!("SELECT {}1", "- ".repeat(600)),
        format!("SELECT 1 WHERE {}", vec!["true"; 600].join(" AND ")),
        format!("SELECT {}", vec!["1"; 6000].join(", ")),
        format!("SELECT {}", vec!["1"; 600].join(", ")),
        format!("SELECT '{}'", "x".repeat(70_000)),
        format!("SELECT '{}' FROM events", "x".repeat(20_000)),
        format!("SELECT message ~ '{}' FROM events", "[ab]".repeat(500)),
        vec!["SELECT 1"; 600].join(" UNION ALL "),
        format!("SELECT * FROM {}", vec!["events"; 40].join(" CROSS JOIN ")),
    ];
    for sql in refused {
        let got = answer(&engine, &everything(), &sql, &[]).await;
        let start: String = sql.chars().take(100).collect();
        assert!(matches!(got, Err(QueryError::Forbidden(_) | QueryError::Invalid(_))), "{start}: {got:?}");
    }
    // as much as is allowed does not overflow a stack
    for sql in [
        format!("SELECT 1 {}", "+ 1 ".repeat(499)),
        format!("SELECT 1 WHERE {}", vec!["1 < 2"; 250].join(" AND ")),
        format!("SELECT 1 FROM events WHERE {}", vec!["region || 'a' < source"; 166].join(" OR ")),
        format!("SELECT 1 FROM events WHERE log_offset IN ({})", vec!["1"; 4000].join(", ")),
        format!("SELECT {}1{}", "(".repeat(30), ")".repeat(30)),
        vec!["SELECT 1"; 30].join(" UNION "),
    ] {
        let got = answer(&engine, &everything(), &sql, &[]).await;
        let start: String = sql.chars().take(100).collect();
        assert!(got.is_ok(), "{start}: {got:?}");
    }
}

#[tokio::test]
async fn text_cannot_be_blown_up() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let mut doubled = "WITH t0 AS (SELECT raw AS x FROM events)".to_owned();
    for n in 1..=24 {
        doubled += &format!(", t{n} AS (SELECT x || x AS x FROM t{})", n - 1);
    }
    let cases = [
        format!("{doubled} SELECT max(length(x)) FROM t24"),
        doubled.replace("x || x", "concat(x, x)") + " SELECT max(length(x)) FROM t24",
        "SELECT replace(replace(raw, '\"', $1), 'c', $1) FROM events".to_owned(),
        "SELECT regexp_replace(regexp_replace(raw, '', $1, 'g'), '', $1, 'g') FROM events".to_owned(),
        "SELECT to_char(time, $1) FROM events e CROSS JOIN (SELECT 1 FROM events LIMIT 100)".to_owned(),
    ];
    for sql in cases {
        let parameters = if sql.contains("$1") { vec![json!("%c".repeat(1000))] } else { vec![] };
        let got = answer(&engine, &everything(), &sql, &parameters).await;
        assert!(matches!(got, Err(QueryError::TooMuchMemory { .. })), "{sql}: {got:?}");
    }
}

/// Where a value can stand, and how often it is found there when it is nobody's name.
const PLACES: &[&str] = &[
    "SELECT count(*) FROM events WHERE actor_user_name = $1",
    "SELECT count(*) FROM events WHERE actor_user_name IN ('x', $1)",
    "SELECT count(*) FROM events WHERE actor_user_name LIKE '%' || $1 AND actor_user_name = $1",
    "SELECT count(*) FROM (SELECT $1 AS x) t JOIN events ON x = actor_user_name",
    "SELECT count(*) FROM events WHERE json_text(raw, $1) IS NOT NULL",
    "SELECT count(*) FROM events GROUP BY $1 HAVING max(actor_user_name) = $1",
    "SELECT count(*) FROM events WHERE actor_user_name = $1 ORDER BY $1",
    "SELECT coalesce(max(CASE WHEN actor_user_name = $1 THEN 1 END), 0) FROM events",
];

#[tokio::test]
async fn a_parameter_is_a_value_wherever_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let attacks = [
        "' OR '1'='1",
        "alice'; DROP TABLE events; --",
        "' UNION SELECT raw FROM events --",
        "\\' OR 1=1 --",
        "$1",
        "$2",
        "/* */",
        "--",
        "''",
        "\u{0}",
        "'||(SELECT max(raw) FROM events)||'",
        "%",
        "actor_user_name",
        "alice\u{2019} OR 1=1",
        "E'\\x27'",
        "$$ OR 1=1 $$",
        "1) OR (1=1",
        "\"actor_user_name\"",
    ];
    for sql in PLACES {
        for attack in attacks {
            let got = rows(&engine, &everything(), sql, &[json!(attack)]).await;
            assert!(got == json!([[0]]) || got == json!([]), "{sql} with {attack:?}: {got}");
        }
    }
    assert_eq!(rows(&engine, &everything(), PLACES[0], &[json!("alice")]).await, json!([[50]]));
}

#[tokio::test]
async fn parameters_and_their_places_belong_together() {
    let engine = engine(Snapshot::default());
    for (sql, parameters) in [
        ("SELECT $1", json!([])),
        ("SELECT $2", json!([1])),
        ("SELECT 1", json!([1])),
        ("SELECT $1", json!([[1]])),
        ("SELECT $1", json!([{ "a": 1 }])),
        ("SELECT '$1'", json!([1])),
    ] {
        let parameters: Vec<Value> = serde_json::from_value(parameters).unwrap();
        let got = answer(&engine, &everything(), sql, &parameters).await;
        assert!(matches!(got, Err(QueryError::Invalid(_))), "{sql}: {got:?}");
    }
}

async fn echoed(engine: &SqlEngine, text: &str) -> Value {
    let sql = "SELECT $1, $1 || '', length($1), 'it''s $1' -- $1\n, $1 = $1 /* $2 */";
    rows(engine, &everything(), sql, &[json!(text)]).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_comes_back_as_it_went_in(text: String, quoted in "['\"\\\\;$-]{0,8}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let engine = engine(Snapshot::default());
        for text in [text, quoted] {
            let length = text.chars().count();
            let expected = json!([[text, text, length, "it's $1", true]]);
            prop_assert_eq!(runtime.block_on(echoed(&engine, &text)), expected);
        }
    }

    #[test]
    fn any_sql_has_an_answer_or_an_error(sql in ".{0,80}", words in proptest::collection::vec(
        prop::sample::select(vec!["SELECT", "*", "FROM", "events", "(", ")", ",", "WHERE", "raw", "=", "1", "'x'",
            "AND", "UNION", "ALL", "GROUP BY", "count(*)", "JOIN", "ON", "$1", "ORDER BY", "LIMIT", "WITH", "AS",
            "CASE", "WHEN", "END", "NULL", "IN", "LIKE", "~", "->>", "||", "VALUES", "OVER", "time", "now()"]), 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let engine = engine(Snapshot::default());
        for sql in [sql, words.join(" ")] {
            let got = runtime.block_on(answer(&engine, &everything(), &sql, &[]));
            prop_assert!(!matches!(got, Err(QueryError::Failed(_))), "{}: {:?}", sql, got);
        }
    }
}
