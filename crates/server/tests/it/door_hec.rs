use crate::fixture::{Server, gzip};
use crate::http::{Answer, request};
use access::Scope;
use serde_json::{Value, json};

const CHANNEL: &str = "FE0ECFAD-13D5-401B-847D-77833BD77131";

fn send(server: &Server, path: &str, token: &str, body: &[u8]) -> Answer {
    request("POST", path).header("authorization", format!("Splunk {token}")).body(body).send(server.at)
}

fn success() -> Value {
    json!({ "text": "Success", "code": 0 })
}

#[test]
fn events_are_taken_under_every_path() {
    let server = Server::start();
    let token = server.source_token("okta");
    let body = br#"{"event":{"uuid":"1"},"host":"h","time":1700000000.123}{"event":"{\"uuid\":\"2\"}"}"#;
    for path in ["/services/collector", "/services/collector/event", "/services/collector/event/1.0"] {
        let answer = send(&server, path, &token, body);
        assert_eq!((answer.status, answer.json()), (200, success()));
    }
    assert_eq!(server.bodies(), [r#"{"uuid":"1"}"#, r#"{"uuid":"2"}"#].repeat(3));
    let packed = gzip(body);
    let answer = request("POST", "/services/collector")
        .header("authorization", format!("Splunk {token}"))
        .header("content-encoding", "gzip")
        .body(&packed)
        .send(server.at);
    assert_eq!(answer.json(), success());
}

#[test]
fn lines_are_taken() {
    let server = Server::start();
    let token = server.source_token("syslog");
    let path = "/services/collector/raw?host=web-1&sourcetype=syslog";
    assert_eq!(send(&server, path, &token, b"<13>one\n<13>two\n").json(), success());
    let expected = [
        r#"{"host":"web-1","sourcetype":"syslog","event":"<13>one"}"#,
        r#"{"host":"web-1","sourcetype":"syslog","event":"<13>two"}"#,
    ];
    assert_eq!(server.bodies(), expected);
}

#[test]
fn errors_have_splunks_numbers() {
    let server = Server::start();
    let token = server.source_token("okta");
    let cases: &[(&str, &[u8], u16, Value)] = &[
        ("", b"", 400, json!({ "text": "No data", "code": 5 })),
        (
            "",
            b"{\"event\":1}{",
            400,
            json!({ "text": "Invalid data format", "code": 6, "invalid-event-number": 1 }),
        ),
        (
            "",
            b"{\"host\":\"h\"}",
            400,
            json!({ "text": "Event field is required", "code": 12, "invalid-event-number": 0 }),
        ),
        (
            "",
            b"{\"event\":\"\"}",
            400,
            json!({ "text": "Event field cannot be blank", "code": 13, "invalid-event-number": 0 }),
        ),
        (
            "",
            b"{\"event\":1,\"index\":2}",
            400,
            json!({ "text": "Incorrect index", "code": 7, "invalid-event-number": 0 }),
        ),
        ("?channel=nope", b"{\"event\":1}", 400, json!({ "text": "Invalid data channel", "code": 11 })),
        (
            "?token=abc",
            b"{\"event\":1}",
            400,
            json!({ "text": "Query string authorization is not enabled", "code": 16 }),
        ),
    ];
    for (query, body, status, expected) in cases {
        let answer = send(&server, &format!("/services/collector{query}"), &token, body);
        assert_eq!((answer.status, &answer.json()), (*status, expected));
    }
    let nothing = request("POST", "/services/collector").body("{\"event\":1}").send(server.at);
    assert_eq!((nothing.status, nothing.json()["code"].as_u64()), (401, Some(2)));
    let bearer = request("POST", "/services/collector").bearer(&token).body("{\"event\":1}").send(server.at);
    assert_eq!((bearer.status, bearer.json()["code"].as_u64()), (401, Some(3)));
    let unknown = token.replace(&token[10..20], "AAAAAAAAAA");
    let unknown = send(&server, "/services/collector", &unknown, b"{\"event\":1}");
    assert_eq!((unknown.status, unknown.json()["code"].as_u64()), (403, Some(4)));
    let api = server.api_token(Scope::ALL);
    let api = send(&server, "/services/collector", &api, b"{\"event\":1}");
    assert_eq!((api.status, api.json()["code"].as_u64()), (403, Some(4)));
    assert!(server.raw().is_empty(), "a request is taken whole or not at all");
}

#[test]
fn acknowledgements_are_true_once_durable() {
    let server = Server::start();
    let token = server.source_token("okta");
    let on_channel = |path: &str, body: &str| {
        request("POST", path)
            .header("authorization", format!("Splunk {token}"))
            .header("x-splunk-request-channel", CHANNEL)
            .body(body)
            .send(server.at)
    };
    assert_eq!(on_channel("/services/collector", "{\"event\":{}}").json()["ackId"], 0);
    assert_eq!(on_channel("/services/collector/raw", "{}").json()["ackId"], 1);
    assert_eq!(on_channel("/services/collector", "{\"event\":").json()["ackId"], Value::Null);
    assert_eq!(server.raw().len(), 2);
    let acks = on_channel("/services/collector/ack", r#"{"acks":[0,1,2]}"#);
    assert_eq!(acks.json(), json!({ "acks": { "0": true, "1": true, "2": false } }));
    let channel_in_query = format!("/services/collector/ack?channel={CHANNEL}");
    assert_eq!(send(&server, &channel_in_query, &token, br#"{"acks":[1]}"#).json()["acks"]["1"], true);
    let other = server.source_token("syslog");
    let foreign = send(&server, &channel_in_query, &other, br#"{"acks":[1]}"#);
    assert_eq!(foreign.json()["acks"]["1"], false, "channels belong to their source");
    let missing = send(&server, "/services/collector/ack", &token, br#"{"acks":[1]}"#);
    assert_eq!((missing.status, missing.json()["code"].as_u64()), (400, Some(10)));
    let bad = on_channel("/services/collector/ack", "{}");
    assert_eq!((bad.status, bad.json()["code"].as_u64()), (400, Some(6)));
}

#[test]
fn health_needs_no_token() {
    let server = Server::start();
    for path in ["/services/collector/health", "/services/collector/health/1.0"] {
        let answer = request("GET", path).send(server.at);
        assert_eq!((answer.status, answer.json()), (200, json!({ "text": "HEC is healthy", "code": 17 })));
    }
    server.app.shutdown.cancel();
}

#[test]
fn taken_back_tokens_are_disabled() {
    let server = Server::start();
    let authority = access::NewAuthority::Source(model::SourceName::new("okta").unwrap());
    let (id, secret) = server.issue(authority, None);
    let path = "/services/collector";
    assert_eq!(send(&server, path, secret.reveal(), b"{\"event\":{}}").status, 200);
    server.runtime.block_on(server.access.revoke(&Server::caller(), id)).unwrap();
    let answer = send(&server, path, secret.reveal(), b"{\"event\":{}}");
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (403, Some(1)));
}
