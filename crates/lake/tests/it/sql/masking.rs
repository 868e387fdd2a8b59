//! What a reader may not see cannot be found out, whatever is asked.

use crate::sql::fixture::{
    HOUR_MS, Row, START_MS, answer, batch, engine, everything, file, masked, question, row, rows, small_lake,
    whole,
};
use huecry_lake::snapshot::Snapshot;
use ports::Query;
use ports::query::{Format, Reader};
use serde_json::{Value, json};
use std::path::Path;

/// Two lakes that differ only in who did it: names of one length and order, so that nothing else can show.
fn lake_of(dir: &Path, people: [&str; 3]) -> Snapshot {
    std::fs::create_dir_all(dir).unwrap();
    let event = |n: i64| {
        let who = people[(n % 3) as usize];
        row(
            6003,
            START_MS + n * HOUR_MS,
            json!({
                "actor_user_name": who, "user_name": people[(n * n % 3) as usize], "src_endpoint_ip": format!("{who}.7"),
                "src_country": &who[..2], "message": format!("by {who}"), "process_cmd_line": format!("run {who}"),
                "api_operation": "ListBuckets", "status_id": n % 2,
                "raw": json!({ "who": who }).to_string(),
            }),
        )
    };
    let stored: Vec<Row> = (0..90).map(event).collect();
    let fresh: Vec<Row> = (90..96).map(event).collect();
    Snapshot { files: vec![file(dir, "a.parquet", &stored, &[])], fresh: vec![batch(&fresh)] }
}

/// Every way to bring a hidden value into a condition, an order or an answer.
const QUESTIONS: &[&str] = &[
    "SELECT count(*) FROM events WHERE actor_user_name = 'alice'",
    "SELECT count(*) FROM events WHERE 'alice' = actor_user_name",
    "SELECT count(*) FROM events WHERE actor_user_name IN ('alice', 'bob')",
    "SELECT count(*) FROM events WHERE actor_user_name > 'b'",
    "SELECT count(*) FROM events WHERE actor_user_name BETWEEN 'a' AND 'c'",
    "SELECT count(*) FROM events WHERE actor_user_name LIKE 'al%'",
    "SELECT count(*) FROM events WHERE actor_user_name ILIKE '%LIC%'",
    "SELECT count(*) FROM events WHERE actor_user_name ~ '^al'",
    "SELECT count(*) FROM events WHERE actor_user_name SIMILAR TO 'al%'",
    "SELECT count(*) FROM events WHERE starts_with(actor_user_name, 'al')",
    "SELECT count(*) FROM events WHERE strpos(actor_user_name, 'lic') > 0",
    "SELECT count(*) FROM events WHERE substr(actor_user_name, 1, 2) = 'al'",
    "SELECT count(*) FROM events WHERE ascii(actor_user_name) = 97",
    "SELECT count(*) FROM events WHERE upper(actor_user_name) = 'ALICE'",
    "SELECT count(*) FROM events WHERE raw LIKE '%alice%'",
    "SELECT count(*) FROM events WHERE json_text(raw, 'who') = 'alice'",
    "SELECT count(*) FROM events WHERE raw ->> 'who' = 'alice'",
    "SELECT count(*) FROM events WHERE event LIKE '%1%'",
    "SELECT count(*) FROM events WHERE unmapped IS NOT NULL",
    "SELECT count(*) FROM events WHERE raw IS NOT NULL",
    "SELECT count(*) FROM events WHERE length(raw) > 5",
    "SELECT count(*) FROM events WHERE length(actor_user_name) = 5",
    "SELECT count(*) FROM events WHERE message = 'by alice' OR status_id = 7",
    "SELECT count(*) FROM events WHERE NOT (message = 'by alice')",
    "SELECT count(*) FROM events WHERE status_id = 1 AND src_country = 'al'",
    "SELECT count(*) FROM events WHERE src_endpoint_ip = 'alice.7' AND time > '2026-03-01'",
    "SELECT count(*) FROM events WHERE CASE WHEN actor_user_name = 'alice' THEN true ELSE false END",
    "SELECT count(*) FROM events WHERE coalesce(actor_user_name, 'x') = 'alice'",
    "SELECT count(*) FROM events WHERE actor_user_name || '' = 'alice'",
    "SELECT count(*) FILTER (WHERE actor_user_name = 'alice') FROM events",
    "SELECT sum(CASE WHEN actor_user_name = 'alice' THEN 1 ELSE 0 END) FROM events",
    "SELECT min(actor_user_name) = 'alice', max(actor_user_name) = 'carol' FROM events",
    "SELECT min(length(actor_user_name)), max(length(message)) FROM events",
    "SELECT bool_or(actor_user_name = 'alice') FROM events",
    "SELECT count(*) FROM events GROUP BY actor_user_name ORDER BY 1",
    "SELECT count(DISTINCT actor_user_name), count(DISTINCT raw), count(raw) FROM events",
    "SELECT count(*) FROM events GROUP BY actor_user_name HAVING actor_user_name = 'alice'",
    "SELECT count(*) FROM events GROUP BY CASE WHEN actor_user_name < 'b' THEN 1 END ORDER BY 1",
    "SELECT count(*) FROM events a JOIN events b ON a.actor_user_name = b.user_name",
    "SELECT count(*) FROM events JOIN (VALUES ('alice'), ('erika')) v(name) ON actor_user_name = v.name",
    "SELECT count(*) FROM (VALUES ('alice'), ('erika')) v(name) WHERE name IN (SELECT actor_user_name FROM events)",
    "SELECT count(*) FROM (VALUES ('alice'), ('erika')) v(name)
        WHERE EXISTS (SELECT 1 FROM events WHERE actor_user_name = name)",
    "SELECT count(*) FROM (SELECT actor_user_name FROM events INTERSECT SELECT 'alice')",
    "SELECT count(*) FROM (SELECT 'alice' EXCEPT SELECT actor_user_name FROM events)",
    "WITH e AS (SELECT actor_user_name AS n FROM events) SELECT count(*) FROM e WHERE n = 'alice'",
    "SELECT count(*) FROM (SELECT actor_user_name AS n FROM events LIMIT 1000) WHERE n LIKE 'a%'",
    "SELECT count(*) FROM api_activity WHERE actor_user_name = 'alice'",
    "SELECT count(*) FROM (SELECT rank() OVER (ORDER BY actor_user_name = 'alice') AS r FROM events) WHERE r > 1",
    "SELECT lag(actor_user_name) OVER (ORDER BY time) = 'alice' FROM events ORDER BY time LIMIT 5",
    "SELECT first_value(actor_user_name ORDER BY time) = 'alice' FROM events",
    "SELECT string_agg(left(actor_user_name, 7), ',') FROM (SELECT * FROM events ORDER BY time LIMIT 3)",
    "SELECT try_cast(actor_user_name AS INT), nullif(actor_user_name, 'alice') IS NULL FROM events LIMIT 3",
    "SELECT approx_distinct(message) FROM events",
    "SELECT to_hex(ascii(actor_user_name)) FROM events LIMIT 3",
    "SELECT raw, event, unmapped FROM events LIMIT 3",
    "SELECT count(*) FROM events WHERE (SELECT max(actor_user_name) FROM events) = 'carol'",
    "SELECT status_id FROM events ORDER BY actor_user_name = 'alice', time LIMIT 20",
    // errors are answers, too
    "SELECT CAST(actor_user_name AS INT) FROM events WHERE actor_user_name = 'alice'",
    "SELECT 1 / (CASE WHEN actor_user_name = 'alice' THEN 0 ELSE 1 END) FROM events",
    "SELECT count(*) FROM events WHERE 1 / (CASE WHEN actor_user_name = 'alice' THEN 0 ELSE 1 END) = 1",
    "SELECT CAST(raw AS INT) FROM events",
    "SELECT to_timestamp(actor_user_name) FROM events LIMIT 1",
];

/// An answer with its tokens numbered in the order in which they come.
fn numbered(answer: &Result<Value, ports::QueryError>) -> String {
    let text = match answer {
        Ok(answer) => answer["rows"].to_string(),
        Err(error) => format!("{error:?}"),
    };
    let mut tokens: Vec<String> = Vec::new();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("masked:") {
        let end = (at + 7 + 12).min(rest.len());
        let token = &rest[at..end];
        let number = tokens.iter().position(|known| known == token).unwrap_or_else(|| {
            tokens.push(token.to_owned());
            tokens.len() - 1
        });
        out.push_str(&rest[..at]);
        out.push_str(&format!("token{number}"));
        rest = &rest[end..];
    }
    out + rest
}

#[tokio::test]
async fn an_answer_does_not_depend_on_what_is_masked() {
    let dir = tempfile::tempdir().unwrap();
    let one = engine(lake_of(&dir.path().join("one"), ["alice", "bobby", "carol"]));
    let other = engine(lake_of(&dir.path().join("other"), ["erika", "felix", "gerda"]));
    let mut told = Vec::new();
    let mut tells_the_difference = 0;
    for sql in QUESTIONS {
        let seen = [answer(&one, &masked(), sql, &[]).await, answer(&other, &masked(), sql, &[]).await];
        if numbered(&seen[0]) != numbered(&seen[1]) {
            told.push(format!("{sql}\n   {seen:?}"));
        }
        let seen =
            [answer(&one, &everything(), sql, &[]).await, answer(&other, &everything(), sql, &[]).await];
        tells_the_difference += usize::from(numbered(&seen[0]) != numbered(&seen[1]));
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    // the questions are such that they would: most do for a reader who may see
    assert!(tells_the_difference > QUESTIONS.len() / 2, "{tells_the_difference} of {}", QUESTIONS.len());
}

#[tokio::test]
async fn nothing_personal_is_in_a_masked_answer_in_any_format() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(lake_of(dir.path(), ["alice", "bobby", "carol"]));
    for format in [Format::Json, Format::Ndjson, Format::Csv, Format::Parquet] {
        for (reader, shown) in [(masked(), false), (everything(), true)] {
            let chunks = engine.ask(&reader, question("SELECT * FROM events", &[], format)).await.unwrap();
            let bytes = whole(chunks).await.unwrap();
            let text =
                if format == Format::Parquet { unpacked(bytes) } else { String::from_utf8(bytes).unwrap() };
            for name in ["alice", "bobby", "carol"] {
                assert_eq!(text.contains(name), shown, "{format:?} for {reader:?}");
            }
        }
    }
}

fn unpacked(bytes: Vec<u8>) -> String {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    reader.build().unwrap().map(|batch| format!("{:?}", batch.unwrap())).collect()
}

#[tokio::test]
async fn masked_values_can_still_be_grouped_and_followed() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let counts = "SELECT count(*) FROM api_activity GROUP BY actor_user_name";
    assert_eq!(rows(&engine, &masked(), counts, &[]).await, rows(&engine, &everything(), counts, &[]).await);
    let token =
        rows(&engine, &masked(), "SELECT actor_user_name FROM api_activity ORDER BY time LIMIT 1", &[]).await;
    let token = token[0][0].clone();
    assert!(token.as_str().unwrap().starts_with("masked:"));
    let followed = "SELECT count(*) FROM events WHERE actor_user_name = $1 OR user_name = $1";
    assert_eq!(rows(&engine, &masked(), followed, &[token]).await, json!([[75]]));
}

#[tokio::test]
async fn rows_of_other_regions_and_sources_do_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let mixed: Vec<Row> = (0..60)
        .map(|n| {
            let region = if n % 2 == 0 { "eu" } else { "us" };
            let source = if n % 3 == 0 { "okta" } else { "aws" };
            row(
                3002,
                START_MS + n * HOUR_MS,
                json!({ "region": region, "source": source, "status_id": n % 2 }),
            )
        })
        .collect();
    let snapshot = Snapshot {
        files: vec![file(dir.path(), "m.parquet", &mixed[..40], &[])],
        fresh: vec![batch(&mixed[40..])],
    };
    let engine = engine(snapshot);
    let of = |regions: Option<&[&str]>, sources: Option<&[&str]>| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Reader { personal: true, regions: regions.map(list), sources: sources.map(list) }
    };
    let cases = [
        (of(Some(&["eu"]), None), 30),
        (of(None, Some(&["okta"])), 20),
        (of(Some(&["us"]), Some(&["okta"])), 10),
        (of(Some(&["eu", "us"]), None), 60),
        (of(Some(&[]), None), 0),
        (of(Some(&["mars"]), None), 0),
        (of(Some(&["eu' OR 'a'='a"]), None), 0),
    ];
    for (reader, expected) in cases {
        for sql in [
            "SELECT count(*) FROM events",
            "SELECT count(*) FROM authentication",
            "SELECT count(*) FROM events WHERE region = 'eu' OR true",
            "SELECT count(*) FROM (SELECT * FROM events)",
            "SELECT count(event_id) FROM events WHERE time >= '2026-03-01'",
        ] {
            let got = rows(&engine, &reader, sql, &[]).await;
            assert_eq!(got, json!([[expected]]), "{sql} for {reader:?}");
        }
    }
    // an error that only a hidden row can cause does not happen
    let europe = of(Some(&["eu"]), None);
    for sql in [
        "SELECT count(*) FROM events WHERE 1 / (status_id - 1) = -1",
        "SELECT count(*) FROM events WHERE 10 / (CASE WHEN region = 'us' THEN 0 ELSE 1 END) = 10",
    ] {
        assert_eq!(rows(&engine, &europe, sql, &[]).await, json!([[30]]), "{sql}");
        assert!(answer(&engine, &everything(), sql, &[]).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn masking_keeps_the_conditions_on_open_columns() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    for sql in [
        "SELECT count(*) FROM events WHERE class_uid = 6003 AND api_operation = 'DeleteTrail'",
        "SELECT count(*) FROM api_activity WHERE time < '2026-03-03' OR actor_session_uid = 's3'",
        "SELECT count(actor_user_name) FROM events WHERE time > now() - interval '3 days' AND status_id IN (1, 2)",
        "SELECT count(*) FROM events WHERE class_name = 'Authentication' AND category_uid = 3",
        "SELECT count(*) FROM events WHERE status_id IS NULL AND process_pid BETWEEN 101 AND 102",
    ] {
        let seen = rows(&engine, &masked(), sql, &[]).await;
        assert_eq!(seen, rows(&engine, &everything(), sql, &[]).await, "{sql}");
        assert_ne!(seen, json!([[0]]), "{sql}");
    }
}
