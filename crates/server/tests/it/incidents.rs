use crate::fixture::Server;
use crate::http::{Answer, request};
use access::Scope;
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn patch(server: &Server, token: &str, id: &str, version: &str, key: Option<&str>, body: &Value) -> Answer {
    let (path, body) = (format!("/api/v1/incidents/{id}"), body.to_string());
    let mut ask = request("PATCH", &path).bearer(token);
    if !version.is_empty() {
        ask = ask.header("if-match", version);
    }
    if let Some(key) = key {
        ask = ask.header("idempotency-key", key);
    }
    ask.body(&body).send(server.at)
}

#[test]
fn the_queue_is_filtered_ordered_and_paged() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead]);
    let opened: Vec<String> = (0..5).map(|n| server.open_incident(n).to_string()).collect();
    let list = |query: &str| {
        let answer = server.get(&format!("/api/v1/incidents?{query}"), &token);
        assert_eq!(answer.status, 200, "{query}: {:?}", String::from_utf8_lossy(&answer.body));
        answer.json()
    };
    let all = ids(&list(""));
    assert_eq!(all, opened.iter().rev().cloned().collect::<Vec<_>>(), "the gravest first");
    assert_eq!(ids(&list("severity_min=high")), all[..2]);
    assert_eq!(ids(&list("entity=user-3")), [opened[3].clone()]);
    assert_eq!(ids(&list("assignee=nobody&status=new,closed")).len(), 5);
    assert_eq!(ids(&list("status=closed")).len(), 0);
    let (mut seen, mut next) = (Vec::new(), None::<String>);
    for _ in 0..3 {
        let after = next.as_ref().map(|next| format!("&after={next}")).unwrap_or_default();
        let page = list(&format!("limit=2{after}"));
        seen.extend(ids(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!((seen, next), (all, None));
    for bad in ["status=odd", "severity_min=9", "order=random", "limit=x", "after=nonsense", "title=ab"] {
        let answer = server.get(&format!("/api/v1/incidents?{bad}"), &token);
        assert_eq!(answer.status, 400, "{bad}");
        assert!(["request_invalid", "cursor_invalid"].contains(&answer.code().1.as_str()));
    }
}

#[test]
fn an_incident_is_read_with_what_belongs_to_it() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead]);
    let id = server.open_incident(3);
    let answer = server.get(&format!("/api/v1/incidents/{id}"), &token);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let whole = answer.json();
    assert_eq!(whole["incident"]["severity"], "high");
    assert_eq!(whole["incident"]["status"], "new");
    assert_eq!(whole["incident"]["group"], json!({ "kind": "actor", "value": "user-3" }));
    assert_eq!(whole["history"]["items"][0]["action"], "incident.open");
    let finding = &whole["findings"]["items"][0];
    let found = server.get(&format!("/api/v1/findings/{}", finding["id"].as_str().unwrap()), &token).json();
    assert_eq!(found["incident"], json!(id));
    assert_eq!(found["event"]["class_uid"], 6003);
    let all = server.get("/api/v1/findings?severity_min=low&source=trail", &token).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    for missing in ["inc_01ARZ3NDEKTSV4RRFFQ69G5FAV", "inc_x", "7"] {
        let answer = server.get(&format!("/api/v1/incidents/{missing}"), &token);
        assert_eq!(answer.code(), (404, "not_found".into()));
    }
}

#[test]
fn a_decision_names_the_version_it_was_made_on() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead, Scope::IncidentsWrite]);
    let id = server.open_incident(1).to_string();
    let take = json!({ "status": "in_progress", "assignee": "ann" });
    assert_eq!(patch(&server, &token, &id, "", None, &take).code(), (428, "version_missing".into()));
    assert_eq!(patch(&server, &token, &id, "x", None, &take).code(), (400, "request_invalid".into()));
    let answer = patch(&server, &token, &id, "\"1\"", None, &take);
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")));
    assert_eq!(answer.json()["assignee"], "ann");
    let late = patch(&server, &token, &id, "\"1\"", None, &json!({ "assignee": "bob" }));
    assert_eq!(late.code(), (409, "conflict".into()));
    assert_eq!(late.json()["current"]["assignee"], "ann", "the answer shows the other's change");
    assert_eq!(late.json()["current"]["version"], 2);
    let back = patch(&server, &token, &id, "2", None, &json!({ "assignee": null }));
    assert_eq!((back.status, back.json()["assignee"].clone()), (200, Value::Null));
    let history = server.get(&format!("/api/v1/incidents/{id}/history"), &token).json();
    let history = history["items"].as_array().unwrap();
    assert_eq!(history.len(), 3, "each change has its record, refused ones have none");
    assert!(history.iter().any(|record| record["principal"]["name"] == "tester"
        && record["request_id"].as_str() == answer.header("x-request-id")));
}

#[test]
fn decisions_that_are_not_allowed_say_why() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsWrite]);
    let id = server.open_incident(1).to_string();
    let cases = [
        (json!({ "status": "odd" }), 400, "request_invalid"),
        (json!({ "state": "closed" }), 400, "request_invalid"),
        (json!({ "status": "closed" }), 422, "decision_refused"),
        (json!({ "severity": "critical" }), 422, "decision_refused"),
    ];
    for (body, status, code) in cases {
        let answer = patch(&server, &token, &id, "\"1\"", None, &body);
        assert_eq!(answer.code(), (status, code.to_owned()), "{body}");
    }
    let closed = json!({ "status": "closed", "verdict": "false_positive", "reason": "a drill" });
    let answer = patch(&server, &token, &id, "\"1\"", None, &closed);
    assert_eq!((answer.status, answer.json()["verdict"].as_str()), (200, Some("false_positive")));
}

#[test]
fn a_request_sent_again_changes_nothing() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead, Scope::IncidentsWrite]);
    let id = server.open_incident(1).to_string();
    let take = json!({ "assignee": "ann" });
    let first = patch(&server, &token, &id, "\"1\"", Some("key-1"), &take);
    let again = patch(&server, &token, &id, "\"1\"", Some("key-1"), &take);
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.body, again.body);
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        (None, Some("true"))
    );
    let other = patch(&server, &token, &id, "\"2\"", Some("key-1"), &json!({ "assignee": "bob" }));
    assert_eq!(other.code(), (422, "idempotency_key_reused".into()));
    let bad = patch(&server, &token, &id, "\"2\"", Some("sp ace"), &take);
    assert_eq!(bad.code(), (400, "idempotency_key_invalid".into()));
    let path = format!("/api/v1/incidents/{id}/comments");
    let say = |token: &str, key: &str| {
        let ask = server.post(&path).bearer(token).header("idempotency-key", key);
        ask.body(r#"{"text":"looking into it"}"#).send(server.at)
    };
    let comment = say(&token, "key-2");
    assert_eq!(comment.status, 201);
    assert_eq!(say(&token, "key-2").body, comment.body);
    let another_person = server.api_token(&[Scope::IncidentsWrite]);
    assert_ne!(say(&another_person, "key-2").body, comment.body, "keys belong to the token");
    let comments = server.get(&path, &token).json();
    assert_eq!(comments["items"].as_array().unwrap().len(), 2);
    assert_eq!(comments["items"][0]["author"], "tester");
    let empty = server.post(&path).bearer(&token).body(r#"{"text":" "}"#).send(server.at);
    assert_eq!(empty.status, 422);
}
