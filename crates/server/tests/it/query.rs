//! Questions over HTTP, to an engine that says what it was asked.

use crate::fixture::{Server, Setup};
use crate::http::Answer;
use access::Scope;
use async_trait::async_trait;
use bytes::Bytes;
use ports::query::{Chunks, Question, Reader};
use ports::{Query, QueryError};
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers with the question, or fails as its SQL says.
pub(crate) struct Told;

#[async_trait]
impl Query for Told {
    async fn ask(&self, reader: &Reader, question: Question) -> Result<Chunks, QueryError> {
        let error = match question.sql.as_str() {
            "invalid" => QueryError::Invalid("no such column".into()),
            "forbidden" => QueryError::Forbidden("only SELECT".into()),
            "slow" => QueryError::TooSlow { time_ms_max: 7 },
            "large" => QueryError::TooMuchMemory { bytes_max: 7 },
            "many" => QueryError::TooMany { running: 4, retry_after_ms: 1_500 },
            "failed" => QueryError::Failed("/secret/path is gone".into()),
            "broken" => {
                let begun = futures::stream::iter([Ok(Bytes::from_static(b"{\"rows\":["))]);
                let broken = futures::stream::once(async {
                    // what was begun is on its way
                    tokio::task::yield_now().await;
                    Err(QueryError::Failed("gone".into()))
                });
                return Ok(Box::pin(futures::StreamExt::chain(begun, broken)));
            }
            sql => {
                let said = json!({ "sql": sql, "parameters": question.parameters, "personal": reader.personal,
                    "rows": question.bounds.rows_max, "time_ms": question.bounds.time_ms_max,
                    "format": format!("{:?}", question.format) });
                let bytes = Bytes::from(said.to_string());
                return Ok(Box::pin(futures::stream::iter([Ok(bytes)])));
            }
        };
        Err(error)
    }
}

fn server() -> Server {
    Server::start_with(Setup { query: Some(Arc::new(Told)), ..Setup::default() })
}

fn ask(server: &Server, scopes: &[Scope], body: &Value) -> Answer {
    let token = server.api_token(scopes);
    let body = body.to_string();
    let request = server.post("/api/v1/query").bearer(&token).body(&body);
    let mut answer = request.send(server.at);
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = joined(&answer.body).expect("the answer has its end");
    }
    answer
}

/// The bytes of a chunked body (RFC 9112 §7.1); `None` if it breaks off.
fn joined(mut chunked: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = chunked.windows(2).position(|pair| pair == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&chunked[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        let rest = &chunked[end + 2..];
        out.extend_from_slice(rest.get(..size)?);
        chunked = rest.get(size + 2..)?;
    }
}

#[test]
fn a_question_reaches_the_engine_as_it_was_asked() {
    let server = server();
    let plain = ask(&server, &[Scope::EventsRead], &json!({ "sql": "SELECT 1" })).json();
    assert_eq!(
        plain,
        json!({ "sql": "SELECT 1", "parameters": [], "personal": false, "rows": 10_000,
        "time_ms": 30_000, "format": "Json" })
    );
    let full = ask(
        &server,
        &[Scope::EventsRead],
        &json!({ "sql": "SELECT $1", "parameters": ["'; DROP", 1, null],
        "format": "csv", "limits": { "rows": 5, "time_ms": 600_000 } }),
    )
    .json();
    assert_eq!(
        full,
        json!({ "sql": "SELECT $1", "parameters": ["'; DROP", 1, null], "personal": false, "rows": 5,
        "time_ms": 59_000, "format": "Csv" })
    );
}

#[test]
fn only_the_scope_shows_personal_values() {
    let server = server();
    let body = json!({ "sql": "SELECT 1", "limits": {} });
    for scope in Scope::ALL {
        let got = ask(&server, &[Scope::EventsRead, *scope], &body).json();
        assert_eq!(got["personal"], *scope == Scope::EventsReadPersonal, "{scope}");
    }
    assert_eq!(ask(&server, &[Scope::EventsReadPersonal], &body).code(), (403, "scope_missing".into()));
    for attempt in ["personal", "reader", "regions", "sources"] {
        let body = json!({ "sql": "SELECT 1", attempt: true });
        assert_eq!(
            ask(&server, &[Scope::EventsRead], &body).code(),
            (400, "request_invalid".into()),
            "{attempt}"
        );
    }
}

#[test]
fn each_error_has_its_code() {
    let server = server();
    let cases = [
        ("invalid", 400, "query_invalid"),
        ("forbidden", 400, "query_forbidden"),
        ("slow", 422, "query_too_slow"),
        ("large", 422, "query_too_much_memory"),
        ("many", 429, "queries_exhausted"),
        ("failed", 500, "query_failed"),
    ];
    for (sql, status, code) in cases {
        let answer = ask(&server, &[Scope::EventsRead], &json!({ "sql": sql }));
        assert_eq!(answer.code(), (status, code.into()), "{sql}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("/secret/path"), "{sql}");
        assert_eq!(answer.header("retry-after").is_some(), sql == "many");
    }
    let format = json!({ "sql": "SELECT 1", "format": "xml" });
    assert_eq!(ask(&server, &[Scope::EventsRead], &format).code(), (400, "request_invalid".into()));
}

#[test]
fn an_answer_that_breaks_off_has_no_end() {
    let server = server();
    let token = server.api_token(&[Scope::EventsRead]);
    let answer = server.post("/api/v1/query").bearer(&token).body("{\"sql\":\"broken\"}").send(server.at);
    assert_eq!((answer.status, joined(&answer.body)), (200, None));
    assert!(String::from_utf8_lossy(&answer.body).contains("{\"rows\":["));
}

#[test]
fn events_are_looked_for_by_parameters() {
    let server = server();
    let token = server.api_token(&[Scope::EventsRead]);
    let evil = "x'%3B+DROP+TABLE+events";
    let path = format!(
        "/api/v1/events?from_ms=0&until_ms=3600000&source=trail&class=api_activity&actor={evil}&address=192.0.2.1&limit=7"
    );
    let answer = server.get(&path, &token);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let answer = answer.json();
    let asked = &answer["items"][0];
    let sql = asked["sql"].as_str().unwrap();
    assert!(!sql.contains("DROP") && sql.ends_with("LIMIT 8"), "{sql}");
    let bound = json!([0, 3_600_000, "trail", "api activity", "x'; DROP TABLE events", "192.0.2.1"]);
    assert_eq!(
        (&asked["parameters"], &asked["format"], &asked["rows"]),
        (&bound, &json!("Ndjson"), &json!(8))
    );
    assert_eq!((&asked["personal"], &answer["masked"]), (&json!(false), &json!(true)));
    assert_eq!((&answer["bucket_ms"], &answer["total"]), (&json!(300_000), &json!(0)));
    let full = server.api_token(&[Scope::EventsRead, Scope::EventsReadPersonal]);
    let seen = server.get("/api/v1/events?class=6003", &full).json();
    assert_eq!((&seen["items"][0]["personal"], &seen["masked"]), (&json!(true), &json!(false)));
    assert_eq!(seen["items"][0]["parameters"][2], 6003);
    assert_eq!(seen["until_ms"].as_i64().unwrap() - seen["from_ms"].as_i64().unwrap(), 86_400_000);
    for (bad, code) in [
        ("from_ms=5&until_ms=5", "request_invalid"),
        ("limit=501", "request_invalid"),
        ("sql=1", "request_invalid"),
        ("after=x", "cursor_invalid"),
    ] {
        assert_eq!(server.get(&format!("/api/v1/events?{bad}"), &token).code(), (400, code.into()), "{bad}");
    }
    let other = server.api_token(&[Scope::IncidentsRead]);
    assert_eq!(server.get("/api/v1/events", &other).code(), (403, "scope_missing".into()));
}

#[test]
fn without_a_lake_there_is_no_answer() {
    let server = Server::start();
    let token = server.api_token(&[Scope::EventsRead]);
    assert_eq!(server.get("/api/v1/events", &token).code(), (503, "lake_disabled".into()));
    let answer = ask(&server, &[Scope::EventsRead], &json!({ "sql": "SELECT 1" }));
    assert_eq!(answer.code(), (503, "lake_disabled".into()));
}
