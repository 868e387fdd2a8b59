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
struct Told;

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
fn without_a_lake_there_is_no_answer() {
    let server = Server::start();
    let answer = ask(&server, &[Scope::EventsRead], &json!({ "sql": "SELECT 1" }));
    assert_eq!(answer.code(), (503, "lake_disabled".into()));
}
