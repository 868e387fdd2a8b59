use crate::fixture::{Server, gzip};
use serde_json::json;

const PATH: &str = "/api/v1/ingest/trail";

/// A delivery file as CloudTrail writes it, shortened.
const DELIVERY_FILE: &str = r#"{"Records":[
  {"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/ann"},
   "eventTime":"2026-11-01T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser",
   "eventID":"0a3b9e0e-0000-4000-8000-000000000001"},
  {"eventVersion":"1.08","eventName":"DeleteTrail","eventID":"0a3b9e0e-0000-4000-8000-000000000002"}
]}"#;

#[test]
fn a_cloudtrail_file_is_taken_packed_or_not() {
    let server = Server::start();
    let token = server.source_token("trail");
    let packed = gzip(DELIVERY_FILE.as_bytes());
    let plain = server.post(PATH).bearer(&token).body(DELIVERY_FILE).send(server.at);
    let declared =
        server.post(PATH).bearer(&token).header("content-encoding", "gzip").body(&packed).send(server.at);
    let as_it_lies = server.post(PATH).bearer(&token).body(&packed).send(server.at);
    for answer in [plain, declared, as_it_lies] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["accepted"], 2);
    }
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 6);
    assert!(DELIVERY_FILE.contains(&bodies[0]), "the record's bytes are untouched, white space and all");
    assert_eq!(bodies.iter().filter(|body| body.contains("DeleteTrail")).count(), 3);
}

#[test]
fn every_shape_becomes_records() {
    let server = Server::start();
    let token = server.source_token("syslog");
    let path = "/api/v1/ingest/syslog";
    let send = |headers: &[(&'static str, &str)], body: &str| {
        let mut request = server.post(path).bearer(&token);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let answer = request.body(body).send(server.at);
        assert_eq!(answer.status, 200, "{body}");
        answer.json()["accepted"].as_u64().unwrap()
    };
    assert_eq!(send(&[], r#"{"a":1}"#), 1);
    assert_eq!(send(&[], r#"[{"a":2},{"a":3}]"#), 2);
    assert_eq!(send(&[("content-type", "application/x-ndjson")], "{\"a\":4}\nbroken\n{\"a\":5}\n"), 3);
    assert_eq!(send(&[("x-huecry-records", "data.items")], r#"{"data":{"items":[{"a":6}]}}"#), 1);
    assert_eq!(send(&[], r#"{"data":[{"a":7}]}"#), 1, "not an envelope of this kind: one record");
    assert_eq!(send(&[], "[]"), 0);
    let bodies = server.bodies();
    let expected = [
        r#"{"a":1}"#,
        r#"{"a":2}"#,
        r#"{"a":3}"#,
        r#"{"a":4}"#,
        "broken",
        r#"{"a":5}"#,
        r#"{"a":6}"#,
        r#"{"data":[{"a":7}]}"#,
    ];
    assert_eq!(bodies, expected, "accepted is what is on the log, in order");
}

#[test]
fn a_body_that_cannot_be_cut_is_refused_whole() {
    let server = Server::start();
    let token = server.source_token("trail");
    let cases: &[(&str, &str, &str)] = &[
        ("", "", "body_empty"),
        ("", r#"[{"a":1},{"b":"#, "body_truncated"),
        ("", r#"{"Records":[{"a":1},"#, "body_truncated"),
        ("", "hello", "body_not_splittable"),
        ("br", "{}", "encoding_unsupported"),
        ("gzip", "{}", "compressed_damaged"),
    ];
    for (encoding, body, code) in cases {
        let mut request = server.post(PATH).bearer(&token);
        if !encoding.is_empty() {
            request = request.header("content-encoding", *encoding);
        }
        let answer = request.body(*body).send(server.at);
        assert_eq!(answer.code().1, *code, "{body}");
        assert!((400..500).contains(&answer.status));
        let problem = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["type"], format!("/docs/errors/{code}"));
        assert_eq!(problem["status"], answer.status);
        assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
        assert!(!problem["hint"].as_str().unwrap().is_empty());
    }
    let answer =
        server.post(PATH).bearer(&token).header("x-huecry-records", "a..b").body("{}").send(server.at);
    assert_eq!(answer.code(), (400, "envelope_invalid".into()));
    assert_eq!(server.bodies(), [""; 0], "nothing was accepted");
}

#[test]
fn a_source_sends_as_itself_only() {
    let server = Server::start();
    let token = server.source_token("okta");
    let send = |path: &'static str| server.post(path).bearer(&token).body("{}").send(server.at).code();
    assert_eq!(send(PATH), (403, "token_source".into()));
    assert_eq!(send("/api/v1/ingest/nowhere"), (404, "source_not_found".into()));
    assert_eq!(send("/api/v1/ingest/NO!"), (404, "source_not_found".into()));
    assert_eq!(server.post("/api/v1/ingest/okta").bearer(&token).body("{}").send(server.at).status, 200);
    let (caller, okta) = (Server::caller(), model::SourceName::new("okta").unwrap());
    let change = server.access.change_source(&caller, &okta, Some(false), None);
    server.runtime.block_on(change).unwrap();
    assert_eq!(send("/api/v1/ingest/okta"), (403, "source_disabled".into()), "at once");
}

#[test]
fn a_token_in_the_query_is_refused() {
    let server = Server::start();
    let token = server.source_token("trail");
    let paths = [
        format!("{PATH}?token={token}"),
        format!("{PATH}?x=1&Access_Token=abc"),
        format!("{PATH}?anything={token}"),
        format!("/healthz?token={token}"),
    ];
    for path in &paths {
        let method = if path.starts_with("/healthz") { "GET" } else { "POST" };
        let answer = crate::http::request(method, path).bearer(&token).body("{}").send(server.at);
        assert_eq!(answer.code(), (400, "token_in_query".into()), "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(&token), "and not repeated");
    }
    assert!(server.raw().is_empty());
}

#[test]
fn records_of_one_stream_share_a_partition() {
    let server = Server::start();
    let token = server.source_token("trail");
    for n in 0..20 {
        let body = json!({ "n": n }).to_string();
        let stream = if n % 2 == 0 { "account-a" } else { "account-b" };
        let answer =
            server.post(PATH).bearer(&token).header("x-huecry-stream", stream).body(&body).send(server.at);
        assert_eq!(answer.status, 200);
    }
    let raw = server.raw();
    for parity in [0, 1] {
        let of_stream = raw.iter().filter(|raw| {
            let n = serde_json::from_slice::<serde_json::Value>(&raw.body).unwrap()["n"].as_u64().unwrap();
            n % 2 == parity
        });
        let partitions: std::collections::BTreeSet<_> = of_stream.map(|raw| raw.position.partition).collect();
        assert_eq!(partitions.len(), 1);
    }
}
