use crate::fixture::{HOOK_SECRET, Server};
use crate::http::request;
use access::Scope;
use model::{AuditId, DeadLetter, Position, Topic};
use serde_json::json;

#[test]
fn a_token_is_shown_once_and_stops_at_once() {
    let server = Server::start();
    let admin = server.admin_token();
    let body = json!({ "name": "grafana", "scopes": ["metrics:read", "rules:read"] }).to_string();
    let made = server.post("/api/v1/tokens").bearer(&admin).body(&body).send(server.at);
    assert_eq!(made.status, 201);
    let (secret, id) = (made.json()["secret"].clone(), made.json()["token"]["id"].clone());
    let (secret, id) = (secret.as_str().unwrap(), id.as_str().unwrap());
    assert_eq!(server.get("/metrics", secret).status, 200);
    assert_eq!(server.get("/api/v1/rules", secret).json()["refused"][0]["line"], 7);
    assert_eq!(server.get("/api/v1/incidents", secret).code(), (403, "scope_missing".into()));
    let list = server.get("/api/v1/tokens?limit=100", &admin);
    let text = String::from_utf8_lossy(&list.body).into_owned();
    assert!(text.contains(id) && !text.contains(secret) && !text.contains("sha256"));
    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(request("DELETE", &path).bearer(&admin).send(server.at).status, 204);
    assert_eq!(server.get("/metrics", secret).code(), (401, "token_revoked".into()));
    let audit = server.get(&format!("/api/v1/audit?object={id}"), &admin).json();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|r| r["action"].clone()).collect();
    assert_eq!(actions, [json!("token.revoke"), json!("token.issue")]);
    assert!(!audit.to_string().contains(secret));
}

#[test]
fn nobody_gives_what_they_have_not() {
    let server = Server::start();
    let token = server.api_token(&[Scope::TokensAdmin]);
    let make = |body: serde_json::Value| {
        let body = body.to_string();
        server.post("/api/v1/tokens").bearer(&token).body(&body).send(server.at).code()
    };
    let cases = [
        (json!({ "name": "x", "scopes": ["incidents:write"] }), 403, "scope_not_held"),
        (json!({ "name": "x", "scopes": ["everything"] }), 400, "request_invalid"),
        (json!({ "name": "x", "scopes": [] }), 400, "request_invalid"),
        (json!({ "name": " ", "scopes": ["tokens:admin"] }), 400, "request_invalid"),
        (json!({ "name": "x", "scopes": ["tokens:admin"], "expires_at_ms": 1 }), 400, "request_invalid"),
        (json!({ "name": "x", "scopes": ["tokens:admin"], "source": "okta" }), 400, "request_invalid"),
        (json!({ "name": "x", "source": "nowhere" }), 404, "not_found"),
        (json!({ "name": "x", "scope": "tokens:admin" }), 400, "request_invalid"),
    ];
    for (body, status, code) in cases {
        assert_eq!(make(body.clone()), (status, code.to_owned()), "{body}");
    }
    let body = json!({ "name": "collector", "source": "okta" }).to_string();
    let made = server.post("/api/v1/tokens").bearer(&token).body(&body).send(server.at).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("hc_src_"));
    assert_eq!(server.post("/api/v1/ingest/okta").bearer(secret).body("{}").send(server.at).status, 200);
}

#[test]
fn sources_are_made_changed_and_closed() {
    let server = Server::start();
    let admin = server.admin_token();
    let body = json!({ "name": "gh-2", "kind": "github", "secret": HOOK_SECRET }).to_string();
    let made = server.post("/api/v1/sources").bearer(&admin).body(&body).send(server.at);
    assert_eq!((made.status, made.json()["has_secret"].clone()), (201, json!(true)));
    let again = server.post("/api/v1/sources").bearer(&admin).body(&body).send(server.at);
    assert_eq!(again.code(), (409, "exists".into()));
    let bad = json!({ "name": "Bad Name", "kind": "github" }).to_string();
    let bad = server.post("/api/v1/sources").bearer(&admin).body(&bad).send(server.at);
    assert_eq!(bad.code(), (400, "request_invalid".into()));
    let path = "/api/v1/sources/gh-2";
    let change = request("PATCH", path).bearer(&admin).body(r#"{"secret":"another"}"#).send(server.at);
    assert_eq!((change.status, change.json()["version"].as_u64()), (200, Some(2)));
    assert_eq!(request("DELETE", path).bearer(&admin).send(server.at).status, 204);
    let list = server.get("/api/v1/sources", &admin);
    let closed = list.json()["items"].as_array().unwrap().iter().find(|s| s["name"] == "gh-2").cloned();
    assert_eq!(closed.unwrap()["enabled"], false);
    let audit = server.get("/api/v1/audit?object=source:gh-2", &admin);
    for text in [&list.body, &audit.body, &made.body] {
        assert!(!String::from_utf8_lossy(text).contains(HOOK_SECRET), "the secret is never shown");
    }
    assert_eq!(audit.json()["items"].as_array().unwrap().len(), 3);
}

#[test]
fn a_dead_letter_is_read_and_driven_again() {
    let server = Server::start();
    let (admin, token) = (server.admin_token(), server.source_token("trail"));
    let sent =
        server.post("/api/v1/ingest/trail").bearer(&token).body(&b"{\"a\":\"\xff\"}"[..]).send(server.at);
    assert_eq!(sent.status, 200);
    let position = server.raw()[0].position;
    let letter = DeadLetter {
        position,
        source: "trail".into(),
        kind: "aws_cloudtrail".into(),
        code: "utf8_invalid".into(),
        reason: "invalid UTF-8 at byte 6".into(),
        received_at_ms: 1,
        at_ms: 2,
    };
    server.runtime.block_on(async {
        let mut unit = server.store.begin().await.unwrap();
        unit.dead_letters().record(&[letter], "default").await.unwrap();
        unit.commit().await.unwrap();
    });
    let listed = server.get("/api/v1/dead-letters?status=open&code=utf8_invalid", &admin).json();
    assert_eq!(listed["items"][0]["position"], json!(position));
    let path = format!("/api/v1/dead-letters/{}/{}", position.partition.0, position.offset.0);
    let shown = server.get(&path, &admin).json();
    assert_eq!(shown["raw"]["body_base64"], "eyJhIjoi/yJ9");
    assert_eq!(shown["reason"], "invalid UTF-8 at byte 6");
    let retry = format!("{path}/retry");
    let drive = || server.post(&retry).bearer(&admin).header("idempotency-key", "k").send(server.at);
    let driven = drive();
    assert_eq!(driven.status, 200);
    assert_eq!(drive().body, driven.body, "sent again, it is driven once");
    let again = server.post(&retry).bearer(&admin).send(server.at);
    assert_eq!(again.code(), (409, "dead_letter_not_open".into()), "another request does not drive it twice");
    let raw = server.raw();
    assert_eq!((raw.len(), &raw[0].body), (2, &raw[1].body));
    assert_eq!(driven.json()["driven_again_at"], json!(raw[1].position));
    assert_eq!(server.get(&path, &admin).json()["status"], "retried");
    let audit = server.get(&format!("/api/v1/audit?object={position}"), &admin).json();
    assert_eq!(audit["items"][0]["action"], "dead_letter.retry");
    assert!(audit["items"][0]["id"].as_str().unwrap().parse::<AuditId>().is_ok());
    for missing in ["0/999999", "99/0", "x/y"] {
        let answer = server.get(&format!("/api/v1/dead-letters/{missing}"), &admin);
        assert_eq!(answer.code(), (404, "not_found".into()));
    }
    assert_eq!(Position::new(Topic::Raw, position.partition, position.offset), position);
}

#[test]
fn the_server_tells_how_it_is() {
    let server = Server::start();
    let token = server.source_token("trail");
    server.post("/api/v1/ingest/trail").bearer(&token).body("[{},{}]").send(server.at);
    server.post("/api/v1/ingest/trail").bearer(&token).body("").send(server.at);
    assert_eq!(server.get("/healthz", "").json(), json!({ "status": "ok" }));
    assert_eq!(server.get("/readyz", "").json(), json!({ "status": "ok" }));
    let metrics = server.get("/metrics", &server.admin_token());
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let lines = [
        "huecry_ingest_accepted_records_total{source=\"trail\"} 2",
        "huecry_ingest_accepted_bytes_total{source=\"trail\"} 4",
        "huecry_ingest_refused_requests_total{door=\"ingest\",code=\"body_empty\"} 1",
        "huecry_ingest_in_flight_bytes 0",
        "huecry_http_requests_total{method=\"POST\",route=\"/api/v1/ingest/{source}\",status=\"200\"} 1",
    ];
    for line in lines {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for header in ["x-content-type-options", "content-security-policy", "x-frame-options", "x-request-id"] {
        assert!(metrics.header(header).is_some(), "{header}");
    }
    let own = request("GET", "/healthz").header("x-request-id", "mine-1").send(server.at);
    assert_eq!(own.header("x-request-id"), Some("mine-1"));
    let odd = request("GET", "/healthz").header("x-request-id", "a b\"").send(server.at);
    assert!(odd.header("x-request-id").unwrap().starts_with("req_"));
}

#[test]
fn a_source_of_a_kind_that_no_mapping_reads_is_refused() {
    let server = Server::start();
    let admin = server.admin_token();
    let add = |kind: &str| {
        let body = json!({ "name": "new", "kind": kind }).to_string();
        server.post("/api/v1/sources").bearer(&admin).body(&body).send(server.at)
    };
    for (kind, advice) in
        [("nonsense", "there is aws_cloudtrail"), ("cloudtrail", "did you mean \"aws_cloudtrail\"?")]
    {
        let refused = add(kind);
        assert_eq!(refused.code(), (400, "source_kind_unknown".into()));
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(advice), "{detail}");
    }
    let listed = server.get("/api/v1/sources", &admin).json();
    assert!(
        listed["items"].as_array().unwrap().iter().all(|source| source["name"] != "new"),
        "nothing was made"
    );
    assert_eq!(add("aws_cloudtrail").status, 201);
}

#[test]
fn what_is_asked_wrongly_is_refused_not_ignored() {
    let server = Server::start();
    let admin = server.admin_token();
    let cases = [
        ("/api/v1/incidents?sttus=new", "did you mean \"status\"?"),
        ("/api/v1/incidents?status=new&colour=red", "\"colour\""),
        ("/api/v1/incidents?limit=0", "1 to 500"),
        ("/api/v1/incidents?limit=501", "1 to 500"),
        ("/api/v1/dead-letters?cursor=x", "there is status"),
        ("/api/v1/findings?limit=0", "1 to 500"),
        ("/api/v1/audit?objct=x", "did you mean \"object\"?"),
        ("/api/v1/tokens?limt=1", "did you mean \"limit\"?"),
        ("/api/v1/sources?enabled=true", "takes none"),
        ("/api/v1/rules?level=high", "takes none"),
        ("/api/v1/stream?aftr=1", "did you mean \"after\"?"),
    ];
    for (path, advice) in cases {
        let answer = server.get(path, &admin);
        assert_eq!(answer.code(), (400, "request_invalid".into()), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(advice), "{path}: {detail}");
    }
    for path in ["/api/v1/incidents?status=new&limit=500&", "/api/v1/incidents?", "/api/v1/sources?"] {
        assert_eq!(server.get(path, &admin).status, 200, "{path}");
    }
}
