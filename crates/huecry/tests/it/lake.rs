//! Events through a real server into the lake, asked there, and taken from one lake to another.

use crate::program::{Server, huecry};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const EVENTS: usize = 60;

fn body() -> String {
    let record = |n: usize| {
        let record = json!({
            "eventVersion": "1.08", "eventID": format!("lake-{n}"), "eventSource": "s3.amazonaws.com",
            "eventName": if n.is_multiple_of(3) { "GetObject" } else { "PutObject" },
            "eventTime": format!("2026-03-01T10:{:02}:00Z", n % 60), "awsRegion": "eu-west-1",
            "sourceIPAddress": format!("192.0.2.{}", n % 5), "recipientAccountId": "111122223333",
            "userIdentity": { "type": "IAMUser", "userName": format!("ana{}", n % 4) },
            "novel": { "number": n },
        });
        record.to_string()
    };
    (0..EVENTS).map(record).collect::<Vec<_>>().join("\n")
}

fn ask(server: &Server, token: &str, sql: &str) -> Vec<Vec<Value>> {
    let question = json!({ "sql": sql }).to_string();
    let (status, text) = server.post("/api/v1/query", token, question.as_bytes()).unwrap();
    assert_eq!(status, 200, "{sql}: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(answer["rows"].clone()).unwrap()
}

fn run(data: &Path, args: &[&str]) -> (i32, Value) {
    let output = huecry().args(["--json", "--data-dir"]).arg(data).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let code = output.status.code().unwrap();
    (code, serde_json::from_str(text.trim()).unwrap_or(Value::Null))
}

#[test]
fn events_are_asked_as_they_come_and_move_to_another_lake() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    let source = server.add_source("trail", "aws_cloudtrail");
    let (status, text) = server.post("/api/v1/ingest/trail", &source, body().as_bytes()).unwrap();
    assert!((200..300).contains(&status), "{text}");
    let deadline = Instant::now() + Duration::from_secs(30);
    let count = "SELECT count(*) FROM api_activity";
    while ask(&server, &server.admin, count) != [[json!(EVENTS)]] {
        assert!(Instant::now() < deadline, "{:?}", ask(&server, &server.admin, count));
        std::thread::sleep(Duration::from_millis(50));
    }
    questions(&server);

    assert!(server.stop().success());
    let data = folder.path().join("data");
    let (code, found) = run(&data, &["lake", "verify"]);
    assert_eq!((code, &found["events"], &found["damaged"]), (0, &json!(EVENTS), &json!([])), "{found}");
    let (first, second) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    let (code, exported) = run(&data, &["lake", "export", first.to_str().unwrap()]);
    assert_eq!((code, &exported["events"]), (0, &json!(EVENTS)));
    let (code, _) = run(&data, &["lake", "export", first.to_str().unwrap()]);
    assert_eq!(code, 2, "an export never overwrites");

    let other = folder.path().join("other");
    for (events, duplicates) in [(EVENTS, 0), (0, EVENTS)] {
        let (code, imported) = run(&other, &["lake", "import", first.to_str().unwrap()]);
        assert_eq!(code, 0);
        assert_eq!((&imported["events"], &imported["duplicates"]), (&json!(events), &json!(duplicates)));
    }
    let (code, _) = run(&other, &["lake", "export", second.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert_eq!(rows(&first), rows(&second), "what came out went in");
    assert_eq!(run(&folder.path().join("nowhere"), &["lake", "verify"]).0, 2);
}

/// What a token sees follows from its scopes.
fn questions(server: &Server) {
    let sql = "SELECT actor_user_name, src_endpoint_ip, json_int(unmapped, 'novel', 'number'), \
               json_text(event, 'api', 'operation') FROM events \
               WHERE metadata_original_event_uid = 'lake-9'";
    let whole = ask(server, &server.admin, sql);
    assert_eq!(whole, [[json!("ana1"), json!("192.0.2.4"), json!(9), json!("GetObject")]]);

    let made = json!({ "name": "reader", "scopes": ["events:read"] }).to_string();
    let (status, text) = server.post("/api/v1/tokens", &server.admin, made.as_bytes()).unwrap();
    assert_eq!(status, 201, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let masked = ask(server, made["secret"].as_str().unwrap(), sql);
    assert!(masked[0][0].as_str().unwrap().starts_with("masked:"), "{masked:?}");
    assert!(masked[0][1].as_str().unwrap().starts_with("masked:"), "{masked:?}");
    assert_eq!(masked[0][2..], [Value::Null, Value::Null]);
}

fn rows(file: &Path) -> Vec<String> {
    let file = std::fs::File::open(file).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|c| format!("{:?}", c.slice(row, 1)));
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    rows.sort();
    rows
}
