//! Answers that are known beforehand, in every format.

use crate::sql::fixture::{DAY_MS, NOW_MS, START_MS, answer, engine, everything, rows, small_lake, whole};
use ports::Query;
use ports::query::{Bounds, Format, Question};
use serde_json::{Value, json};

/// Questions, parameters, and their rows.
fn cases() -> Vec<(&'static str, Vec<Value>, Value)> {
    vec![
        ("SELECT count(*) FROM events", vec![], json!([[303]])),
        ("SELECT count(*) FROM api_activity", vec![], json!([[200]])),
        ("SELECT count(*) FROM authentication WHERE status_id = 2", vec![], json!([[12]])),
        ("SELECT class_name, count(*) AS n FROM events GROUP BY class_name ORDER BY n DESC", vec![],
            json!([["API Activity", 200], ["Authentication", 100], ["Process Activity", 3]])),
        ("SELECT DISTINCT category_uid, type_uid FROM api_activity", vec![], json!([[6, 600_302]])),
        ("SELECT time, actor_user_name FROM events WHERE api_operation = $1 ORDER BY time LIMIT 2",
            vec![json!("DeleteTrail")],
            json!([["2026-03-01T00:00:00.000Z", "alice"], ["2026-03-03T02:00:00.000Z", "carol"]])),
        ("SELECT device_hostname FROM process_activity WHERE process_name = 'mimikatz'", vec![],
            json!([["host1"]])),
        // a column that one of the files lacks
        ("SELECT count(*), count(src_country), count(query_hostname) FROM authentication", vec![],
            json!([[100, 0, 0]])),
        // time: the lake's own now, literals, parameters
        ("SELECT count(*) FROM events WHERE time > now() - interval '1 hour'", vec![], json!([[3]])),
        ("SELECT count(*) FROM events WHERE time >= '2026-03-02T00:00:00Z' AND time < '2026-03-03'", vec![],
            json!([[48]])),
        ("SELECT count(*) FROM events WHERE time >= $1 AND time < $2",
            vec![json!("2026-03-02T00:00:00Z"), json!("2026-03-03T00:00:00Z")], json!([[48]])),
        ("SELECT date_trunc('day', time) AS day, count(*) FROM authentication GROUP BY day ORDER BY day LIMIT 2",
            vec![], json!([["2026-03-01T00:00:00.000Z", 24], ["2026-03-02T00:00:00.000Z", 24]])),
        // JSON
        ("SELECT json_int(raw, 'n'), json_text(raw, 'who', 'tags', 1), json_has(raw, 'x'), raw -> 'who' ->> 'name'
            FROM events WHERE json_int(raw, 'n') = 5", vec![], json!([[5, "b", false, "bob"]])),
        ("SELECT json_length(raw), json_length(raw, 'who', 'tags'), json_get(raw, 'who', 'tags')
            FROM events WHERE log_offset = 0 AND class_uid = 6003", vec![], json!([[2, 2, "[\"a\",\"b\"]"]])),
        ("SELECT json_text('not json', 'a'), json_int('{\"a\":\"1\"}', 'a'), json_bool('{\"a\":true}', 'a'),
            json_float('{\"a\":1.5}', 'a'), json_text('{\"a\":null}', 'a'), json_has('{\"a\":null}', 'a')", vec![],
            json!([[null, null, true, 1.5, null, true]])),
        // computed from the record
        ("SELECT json_text(event, 'position'), json_int(event, 'received') FROM events
            WHERE class_uid = 6003 AND log_offset = 3600000", vec![],
            json!([["raw/0/3600000", START_MS + 3_600_500]])),
        ("SELECT count(unmapped), count(event) FROM events", vec![], json!([[200, 303]])),
        // text
        ("SELECT count(*) FROM events WHERE message LIKE '%by alice'", vec![], json!([[50]])),
        ("SELECT count(*) FROM events WHERE raw ILIKE '%CAROL%'", vec![], json!([[50]])),
        ("SELECT count(*) FROM events WHERE message ~ 'call 1[0-9] by (bob|dave)'", vec![], json!([[5]])),
        ("SELECT 'a' || $1 || 'c', concat('x', NULL, 'y')", vec![json!("b")], json!([["abc", "xy"]])),
        // joins, windows, subqueries
        ("SELECT count(*) FROM authentication l JOIN api_activity a ON a.actor_user_name = l.user_name
            AND a.time = l.time", vec![], json!([[100]])),
        ("WITH talkers AS (SELECT src_endpoint_ip AS ip, count(*) AS n FROM events GROUP BY ip)
            SELECT ip, n FROM talkers WHERE ip IS NOT NULL ORDER BY n DESC, ip LIMIT 2", vec![],
            json!([["198.51.100.3", 44], ["198.51.100.0", 43]])),
        ("SELECT actor_user_name, row_number() OVER (ORDER BY time DESC) FROM api_activity ORDER BY 2 LIMIT 1",
            vec![], json!([["dave", 1]])),
        ("SELECT string_agg(DISTINCT actor_user_name, ',') FROM api_activity WHERE actor_user_name < 'b'", vec![],
            json!([["alice"]])),
        ("SELECT count(*) FROM events WHERE actor_user_name IN (SELECT user_name FROM authentication)", vec![],
            json!([[200]])),
        // parameters of every type
        ("SELECT $1, $2, $3, $4, $2 + 1", vec![json!("x"), json!(-5), json!(true), Value::Null],
            json!([["x", -5, true, null, -4]])),
        ("SELECT process_pid FROM events WHERE process_pid IS NOT NULL ORDER BY 1 LIMIT $1", vec![json!(1)],
            json!([[101]])),
        ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1 LIMIT 2", vec![],
            json!([["api_activity"], ["authentication"]])),
    ]
}

#[tokio::test]
async fn questions_have_their_answers() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let mut wrong = Vec::new();
    for (sql, parameters, expected) in cases() {
        match answer(&engine, &everything(), sql, &parameters).await {
            Ok(got) if got["rows"] == expected && got["truncated"] == false => {}
            Ok(got) => wrong.push(format!("{sql}\n   gave {got}\n   not  {expected}")),
            Err(error) => wrong.push(format!("{sql}\n   {error:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_empty_lake_answers() {
    let engine = engine(huecry_lake::snapshot::Snapshot::default());
    assert_eq!(rows(&engine, &everything(), "SELECT count(*) FROM events", &[]).await, json!([[0]]));
    assert_eq!(rows(&engine, &everything(), "SELECT * FROM api_activity", &[]).await, json!([]));
}

#[tokio::test]
async fn every_format_says_the_same_and_whether_it_is_all() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let sql = "SELECT log_offset, process_name, 1.5 AS x FROM process_activity ORDER BY log_offset";
    let ask = |format, rows_max| {
        let bounds = Bounds { rows_max, time_ms_max: 60_000 };
        let question = Question { sql: sql.into(), parameters: vec![], format, bounds };
        let engine = &engine;
        async move { whole(engine.ask(&everything(), question).await.unwrap()).await.unwrap() }
    };
    let first = 10 * DAY_MS - 180_000;
    let json: Value = serde_json::from_slice(&ask(Format::Json, 2).await).unwrap();
    assert_eq!(json["rows"], json!([[first, "sh", 1.5], [first + 60_000, "sh", 1.5]]));
    assert_eq!(
        (&json["truncated"], &json["columns"]),
        (&json!(true), &json!(["log_offset", "process_name", "x"]))
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let csv = text(ask(Format::Csv, 3).await);
    assert_eq!(csv.lines().nth(1), Some(format!("{first},sh,1.5").as_str()));
    assert_eq!(csv.lines().count(), 4);
    assert!(text(ask(Format::Csv, 2).await).ends_with("\r\n# truncated\r\n"));
    let lines = text(ask(Format::Ndjson, 3).await);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        last,
        json!({ "log_offset": NOW_MS - START_MS - 60_000, "process_name": "mimikatz", "x": 1.5 })
    );
    assert!(text(ask(Format::Ndjson, 2).await).ends_with("}\n{\"huecry_truncated\":true}\n"));
    for (rows_max, truncated) in [(2, "true"), (3, "false")] {
        let bytes = bytes::Bytes::from(ask(Format::Parquet, rows_max).await);
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let said = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
        let said = said.into_iter().find(|pair| pair.key == "huecry.truncated");
        assert_eq!(said.and_then(|pair| pair.value).as_deref(), Some(truncated));
        let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(rows as u64, rows_max);
    }
}

#[tokio::test]
async fn an_answer_in_many_chunks_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(small_lake(dir.path()));
    let sql = "SELECT a.log_offset, b.raw FROM api_activity a CROSS JOIN api_activity b LIMIT 9000";
    let answer = answer(&engine, &everything(), sql, &[]).await.unwrap();
    assert_eq!(answer["rows"].as_array().unwrap().len(), 9000);
}

#[tokio::test]
async fn only_files_that_can_hold_an_answer_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = small_lake(dir.path());
    // what is not there cannot be read
    std::fs::remove_file(&snapshot.files[1].path).unwrap();
    let engine = engine(snapshot);
    for condition in [
        "class_uid = 6003",
        "region = 'default'",
        "time > '2026-03-08T00:00:00Z'",
        "time > now() - interval '2 days'",
        "time > now() - interval '2 days' AND actor_user_name = 'alice'",
        "time BETWEEN to_timestamp('2026-03-08T00:00:00Z') AND to_timestamp('2026-03-09T00:00:00Z')",
        "region IN ('default', 'us')",
    ] {
        let sql = format!("SELECT count(*) FROM events WHERE {condition}");
        assert!(answer(&engine, &everything(), &sql, &[]).await.is_ok(), "{condition}");
    }
    let failed =
        answer(&engine, &everything(), "SELECT count(region) FROM events WHERE status_id = 7", &[]).await;
    assert!(matches!(failed, Err(ports::QueryError::Failed(_))), "{failed:?}");
    assert!(
        answer(&engine, &everything(), "SELECT count(status_id) FROM authentication", &[]).await.is_err()
    );
}
