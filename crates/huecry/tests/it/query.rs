//! `huecry query` against a server that answers as the test says.

use crate::program::huecry;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

/// Runs the program against one answer; gives what it was asked and what it said.
fn ask(arguments: &[&str], head: &'static str, body: &'static str) -> (Value, Output) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut asked = vec![0; length];
        reader.read_exact(&mut asked).unwrap();
        reader
            .get_mut()
            .write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}").as_bytes())
            .unwrap();
        serde_json::from_slice(&asked).unwrap()
    });
    let output = huecry()
        .arg("query")
        .args(arguments)
        .args(["--url", &url])
        .env("HUECRY_TOKEN", "hc_api_x")
        .output()
        .unwrap();
    (server.join().unwrap(), output)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const OK: &str = "200 OK";

#[test]
fn a_table_is_for_people() {
    let body = "{\"columns\":[\"ip\",\"n\"],\"rows\":[[\"198.51.100.1\",7],[null,12]],\"truncated\":true}";
    let arguments =
        ["SELECT $1, $2", "--param", "' OR 1=1 --", "--param", "-5", "--max-rows", "2", "--timeout", "9"];
    let (asked, output) = ask(&arguments, OK, body);
    assert_eq!(
        asked,
        json!({ "sql": "SELECT $1, $2", "parameters": ["' OR 1=1 --", -5], "format": "json",
        "limits": { "rows": 2, "time_ms": 9_000 } })
    );
    assert_eq!(text(&output.stdout), "ip            n\n198.51.100.1  7\n-             12\n");
    assert!(text(&output.stderr).contains("--max-rows"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn other_formats_are_passed_on_without_the_mark_of_a_cut() {
    let (asked, output) = ask(&["SELECT 1", "--format", "csv"], OK, "a\r\n1\r\n# truncated\r\n");
    assert_eq!((asked["format"].as_str(), text(&output.stdout)), (Some("csv"), "a\r\n1\r\n"));
    assert!(text(&output.stderr).contains("more rows"));
    let (_, output) = ask(&["SELECT 1", "--json"], OK, "{\"columns\":[],\"rows\":[],\"truncated\":false}\n");
    assert_eq!(text(&output.stdout), "{\"columns\":[],\"rows\":[],\"truncated\":false}\n");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_file_is_there_only_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.ndjson");
    let arguments = ["SELECT 1", "--format", "ndjson", "-o", path.to_str().unwrap()];
    let broken = "200 OK\r\ncontent-length: 100";
    let (_, output) = ask(&arguments, broken, "{\"a\":1}\n");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("hint:"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let (_, output) = ask(&arguments, OK, "{\"a\":1}\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n");
}

#[test]
fn tables_and_columns_are_questions_too() {
    let empty = "{\"columns\":[\"table_name\"],\"rows\":[],\"truncated\":false}";
    let (asked, _) = ask(&["--tables"], OK, empty);
    assert!(asked["sql"].as_str().unwrap().contains("information_schema.tables"));
    let (asked, _) = ask(&["--schema", "x' OR ''='"], OK, empty);
    assert_eq!(asked["parameters"], json!(["x' OR ''='"]));
    let (asked, _) = ask(&["--schema"], OK, empty);
    assert_eq!(asked["parameters"], json!(["events"]));
}

#[test]
fn a_refusal_comes_with_its_advice() {
    let problem = "{\"code\":\"query_forbidden\",\"status\":400,\"detail\":\"only SELECT\",\"hint\":\"ask with SELECT\"}";
    let (_, output) = ask(&["DROP TABLE events"], "400 Bad Request", problem);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "error: only SELECT (query_forbidden)\nhint: ask with SELECT\n");
}

#[test]
fn what_cannot_be_shown_is_said_before_asking() {
    for arguments in [&["SELECT 1", "--format", "parquet"][..], &["SELECT 1", "-o", "x"], &[]] {
        let output = huecry().arg("query").args(arguments).env("HUECRY_TOKEN", "hc_api_x").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("hint:"), "{}", text(&output.stderr));
    }
}
