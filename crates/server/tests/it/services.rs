//! The catalogue of services over HTTP.

use crate::fixture::Server;
use crate::http::request;
use access::{Role, Scope};
use serde_json::{Value, json};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn services_come_in_pages_and_are_searched() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead]);
    let list = |query: &str| server.get(&format!("/api/v1/services{query}"), &token);
    let first = list("?limit=2").json();
    assert_eq!(names(&first), ["checkout", "team-x/till"]);
    let next = first["next"].as_str().unwrap();
    let last = list(&format!("?limit=2&after={next}")).json();
    assert_eq!((names(&last), &last["next"]), (vec!["wiki"], &Value::Null));
    assert_eq!(names(&list("?q=i").json()), ["team-x/till", "wiki"]);
    assert_eq!(names(&list("?q=till+team").json()), ["team-x/till"]);
    for (query, code) in [
        ("?q=a+b+c+d+e+f+g+h+i", "request_invalid"),
        (&format!("?q={}", "x".repeat(300)), "request_invalid"),
        ("?limit=0", "request_invalid"),
        ("?owner=x", "request_invalid"),
        ("?after=%C3%A4", "cursor_invalid"),
        ("?after=_w", "cursor_invalid"),
    ] {
        assert_eq!(list(query).code(), (400, code.to_owned()), "{query}");
    }
    let one = server.get("/api/v1/services/team-x%2Ftill", &token).json();
    assert_eq!(
        (&one["name"], &one["hosts"]),
        (&json!("team-x/till"), &json!([])),
        "not for who may not look"
    );
    let looks = server.api_token(&[Scope::IncidentsRead, Scope::EventsRead]);
    let whole = server.get("/api/v1/services/team-x%2Ftill", &looks).json();
    assert_eq!(whole["hosts"], json!(["till-*"]));
    assert_eq!((&one["repositories"], &one["open_incidents"]), (&json!([]), &json!(0)));
    assert_eq!(server.get("/api/v1/services/nothing", &token).code(), (404, "not_found".into()));
    let other = server.api_token(&[Scope::RulesRead]);
    assert_eq!(server.get("/api/v1/services", &other).code(), (403, "scope_missing".into()));
}

#[test]
fn open_incidents_are_counted_as_far_as_the_asker_sees_them() {
    let server = Server::start();
    for number in 0..3 {
        server.open_incident_about(number, "checkout");
    }
    let hidden = server.open_incident_about(3, "checkout");
    server.open_incident_about(4, "wiki");
    let admin = server.sign_in(&[Role::Admin]);
    let path = format!("/api/v1/incidents/{hidden}/visibility");
    let restrict = request("PUT", &path).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "1");
    assert_eq!(admin.send(restrict.body(r#"{"visibility":"restricted"}"#)).status, 200);
    let responder = server.sign_in(&[Role::Responder]);
    let counts = |browser: &crate::people::Browser| -> Vec<u64> {
        let page = browser.get("/api/v1/services").json();
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["open_incidents"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(counts(&admin), [4, 0, 1]);
    assert_eq!(counts(&responder), [3, 0, 1]);
    assert_eq!(responder.get("/api/v1/services/checkout").json()["open_incidents"], 3);
}
