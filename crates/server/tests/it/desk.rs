//! The queue narrowed, counted, decided on in bulk and regrouped, over HTTP.

use crate::fixture::{RULE_ID, Server};
use crate::http::{Answer, request};
use access::Scope;
use serde_json::{Value, json};

const BOTH: [Scope; 2] = [Scope::IncidentsRead, Scope::IncidentsWrite];

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn send(server: &Server, method: &'static str, path: &str, token: &str, body: &Value) -> Answer {
    request(method, path).bearer(token).body(&body.to_string()).send(server.at)
}

fn ok(answer: &Answer) -> Value {
    assert!(answer.status < 300, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    answer.json()
}

#[test]
fn the_queue_is_searched_and_says_why() {
    let server = Server::start();
    let token = server.api_token(&BOTH);
    let opened: Vec<String> = (0..5).map(|n| server.open_incident(n).to_string()).collect();
    let path = format!("/api/v1/incidents/{}/comments", opened[1]);
    ok(&send(&server, "POST", &path, &token, &json!({ "text": "the laptop was stolen" })));
    let list = |query: &str| ok(&server.get(&format!("/api/v1/incidents?{query}"), &token));
    for (query, found) in [
        ("q=laptop", vec![1]),
        ("q=user-3", vec![3]),
        ("q=%22Root+used+2%22", vec![4, 3, 2, 1, 0]),
        ("q=used+LAPTOP", vec![1]),
        ("q=zebra", vec![]),
        ("severity=low,critical", vec![4, 1]),
        ("source=aws_cloudtrail&severity=high", vec![3]),
        ("source=okta", vec![]),
        (&format!("rule={RULE_ID}&severity=medium"), vec![2]),
        ("rule=none", vec![]),
        ("service=none&severity=medium", vec![2]),
        ("verdict=benign", vec![]),
        ("order=created&severity=low,medium", vec![1, 2]),
        ("order=findings&severity=high", vec![3]),
    ] {
        let mut found: Vec<_> = found.into_iter().map(|at: usize| opened[at].clone()).collect();
        let mut listed = ids(&list(query));
        if query.contains("order=created") {
            found.sort();
            listed.sort();
        }
        assert_eq!(listed, found, "{query}");
    }
    let why = &list("q=user-3")["items"][0]["why"];
    assert_eq!(why[0], json!({ "kind": "rule", "text": "Root used 3" }), "{why}");
    assert_eq!(why[1], json!({ "kind": "entity", "text": "actor user-3" }));
    assert_eq!(why[2], json!({ "kind": "count", "text": "1 finding" }));
    assert_eq!(why[3], json!({ "kind": "owner", "text": "owned by @acme/payments" }));
    for bad in ["q=ab", "severity=odd", "verdict=odd", &format!("q={}", "x".repeat(300)), "order=odd"] {
        let answer = server.get(&format!("/api/v1/incidents?{bad}"), &token);
        assert_eq!(answer.code(), (400, "request_invalid".into()), "{bad}");
    }
}

#[test]
fn facets_ignore_their_own_filter() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead]);
    for number in 0..5 {
        server.open_incident(number);
    }
    let facets = ok(&server.get("/api/v1/incidents/facets?severity=high,low&status=new", &token));
    assert_eq!((facets["total"].as_u64(), facets["exact"].as_bool()), (Some(2), Some(true)));
    let facets = &facets["facets"];
    assert_eq!(facets["severity"].as_array().unwrap().len(), 5, "as if it were not chosen: {facets}");
    assert_eq!(facets["status"], json!([{ "value": "new", "count": 2 }]));
    assert_eq!(facets["assignee"], json!([{ "value": "nobody", "count": 2 }]));
    assert_eq!(facets["service"], json!([{ "value": "none", "count": 2 }]));
    assert_eq!(facets["source"], json!([{ "value": "aws_cloudtrail", "count": 2 }]));
    assert_eq!(facets["rule"], json!([{ "value": RULE_ID, "label": "Root used 0", "count": 2 }]));
    let bad = server.get("/api/v1/incidents/facets?severities=high", &token);
    assert_eq!(bad.code(), (400, "request_invalid".into()));
}

#[test]
fn a_conflict_says_who_changed_what() {
    let server = Server::start();
    let token = server.api_token(&BOTH);
    let path = format!("/api/v1/incidents/{}", server.open_incident(1));
    let patch = |version: &str, body: &Value| {
        request("PATCH", &path)
            .bearer(&token)
            .header("if-match", version)
            .body(&body.to_string())
            .send(server.at)
    };
    ok(&patch("\"1\"", &json!({ "assignee": "ann" })));
    server.clock.advance_ms(5);
    ok(&patch("\"2\"", &json!({ "status": "in_progress" })));
    let refused = patch("\"1\"", &json!({ "assignee": "bob" }));
    assert_eq!(refused.code(), (409, "conflict".into()));
    let problem = refused.json();
    assert_eq!(problem["current"]["version"], 3);
    let other = &problem["other"];
    assert_eq!((other["by"].as_str(), other["at_ms"].as_i64()), (Some("tester"), Some(1_700_000_000_005)));
    let told: Vec<_> = other["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (&c["field"], &c["before"], &c["after"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("assignee"), &json!(null), &json!("ann")),
            (&json!("status"), &json!("new"), &json!("in_progress")),
        ]
    );
    let refused = patch("\"2\"", &json!({ "assignee": "bob" })).json();
    assert_eq!(refused["other"]["changes"].as_array().unwrap().len(), 1, "only what came since");
}

#[test]
fn many_are_decided_on_at_once_each_by_itself() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead, Scope::IncidentsWrite, Scope::AuditRead]);
    let opened: Vec<String> = (0..4).map(|n| server.open_incident(n).to_string()).collect();
    let post = |body: &Value| send(&server, "POST", "/api/v1/incidents/bulk", &token, body);
    let stale = json!({ opened[1].clone(): 9 });
    let missing = "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let body = json!({ "ids": [&opened[0], &opened[1], missing, &opened[2]], "versions": stale,
        "edit": { "status": "closed", "verdict": "test", "comment": "a drill", "reason": "the drill of May" } });
    let answer = ok(&post(&body));
    assert_eq!((answer["changed"].as_u64(), answer["refused"].as_u64()), (Some(2), Some(2)), "{answer}");
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items[0]["incident"]["status"], "closed");
    assert_eq!(items[1]["problem"]["code"], "conflict");
    assert_eq!(items[1]["problem"]["current"]["version"], 1);
    assert_eq!(items[2]["problem"]["code"], "not_found");
    assert_eq!(items[3]["incident"]["verdict"], "test");
    for id in [&opened[0], &opened[2]] {
        let whole = ok(&server.get(&format!("/api/v1/incidents/{id}"), &token));
        assert_eq!(whole["comments"]["items"][0]["text"], "a drill");
        let actions: Vec<_> = whole["history"]["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["action"].as_str().unwrap())
            .collect();
        assert_eq!(actions, ["incident.comment", "incident.edit", "incident.open"]);
    }
    let untouched = ok(&server.get(&format!("/api/v1/incidents/{}", opened[1]), &token));
    assert_eq!(untouched["incident"]["version"], 1);
    let twice = json!({ "ids": [&opened[3], &opened[3]], "edit": {} });
    let many: Vec<_> = (0..201).map(|n| format!("inc_01ARZ3NDEKTSV4RRFFQ69G{n:04}")).collect();
    let many = json!({ "ids": many, "edit": {} });
    let none = json!({ "ids": [], "edit": {} });
    let odd = json!({ "ids": [&opened[3]], "edit": { "status": "odd" } });
    for bad in [twice, many, none, odd] {
        assert_eq!(post(&bad).code(), (400, "request_invalid".into()));
    }
    let keyed = || {
        let body = json!({ "ids": [&opened[3]], "edit": { "comment": "once" } }).to_string();
        let ask = request("POST", "/api/v1/incidents/bulk").bearer(&token).header("idempotency-key", "k");
        ask.body(&body).send(server.at)
    };
    assert_eq!(keyed().body, keyed().body);
    let comments = ok(&server.get(&format!("/api/v1/incidents/{}/comments", opened[3]), &token));
    assert_eq!(comments["items"].as_array().unwrap().len(), 1);
}

#[test]
fn incidents_are_merged_split_and_linked_and_all_is_taken_back() {
    let server = Server::start();
    let token = server.api_token(&BOTH);
    let (one, two) = (server.open_incident(1).to_string(), server.open_incident(2).to_string());
    let post = |id: &str, verb: &str, body: &Value| {
        send(&server, "POST", &format!("/api/v1/incidents/{id}/{verb}"), &token, body)
    };
    assert_eq!(post(&one, "merge", &json!({ "into": two })).code(), (428, "version_missing".into()));
    assert_eq!(post(&one, "merge", &json!({ "into": two, "version": 7 })).code(), (409, "conflict".into()));
    assert_eq!(
        post(&one, "merge", &json!({ "into": one, "version": 1 })).code(),
        (422, "decision_refused".into())
    );
    let merged = ok(&post(&one, "merge", &json!({ "into": two, "version": 1, "reason": "one attack" })));
    assert_eq!((&merged["incident"]["merged_into"], &merged["other"]["findings"]), (&json!(two), &json!(2)));
    let whole = ok(&server.get(&format!("/api/v1/incidents/{two}"), &token));
    assert_eq!(whole["merged"][0]["id"], json!(one));
    assert_eq!(ids(&ok(&server.get("/api/v1/incidents", &token))), std::slice::from_ref(&two));

    let findings = whole["findings"]["items"].as_array().unwrap();
    let finding = findings.iter().find(|f| f["entities"][0]["value"] == "user-2").unwrap();
    let split = post(&two, "split", &json!({ "findings": [finding["id"]], "title": "Another case" }));
    assert_eq!(split.status, 201);
    let off = split.json()["other"].clone();
    assert_eq!(
        (&off["title"], &off["version"], &off["related"]),
        (&json!("Another case"), &json!(2), &json!(two))
    );
    let all = json!({ "findings": [findings.iter().find(|f| *f != finding).unwrap()["id"]] });
    assert_eq!(post(&two, "split", &all).code(), (422, "decision_refused".into()), "nothing would be left");
    assert_eq!(post(&two, "split", &json!({ "findings": ["x"] })).code(), (404, "not_found".into()));
    let off = off["id"].as_str().unwrap().to_owned();
    ok(&post(&off, "merge", &json!({ "into": two, "version": 2 })));
    let back = ok(&post(&one, "unmerge", &json!({})));
    assert_eq!((&back["incident"]["findings"], &back["other"]["findings"]), (&json!(1), &json!(1)));
    assert_eq!(post(&one, "unmerge", &json!({})).code(), (422, "decision_refused".into()));
}

#[test]
fn links_graph_and_timeline_show_what_belongs_together() {
    let server = Server::start();
    let token = server.api_token(&BOTH);
    let (one, two) = (server.open_incident(1).to_string(), server.open_incident(2).to_string());
    let post = |id: &str, verb: &str, body: &Value| {
        send(&server, "POST", &format!("/api/v1/incidents/{id}/{verb}"), &token, body)
    };
    ok(&post(&one, "merge", &json!({ "into": two, "version": 1 })));
    ok(&post(&one, "unmerge", &json!({})));
    let linked = ok(&post(&one, "link", &json!({ "to": two, "kind": "caused_by" })));
    assert_eq!(linked["links"][0]["direction"], "to");
    let seen = ok(&server.get(&format!("/api/v1/incidents/{two}"), &token));
    assert_eq!(
        (&seen["links"][0]["incident"], &seen["links"][0]["direction"]),
        (&json!(one), &json!("from"))
    );
    assert_eq!(
        post(&one, "link", &json!({ "to": two, "kind": "odd" })).code(),
        (400, "request_invalid".into())
    );
    assert_eq!(post(&one, "link", &json!({ "to": one, "kind": "related" })).status, 422);
    let graph = ok(&server.get(&format!("/api/v1/incidents/{one}/graph"), &token));
    let kinds: Vec<_> =
        graph["nodes"].as_array().unwrap().iter().map(|n| n["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["incident", "incident", "person", "rule"], "{graph}");
    let unlink = format!("/api/v1/incidents/{two}/links/{one}");
    let gone = ok(&request("DELETE", &unlink).bearer(&token).send(server.at));
    assert_eq!(gone["links"], json!([]));
    assert_eq!(request("DELETE", &unlink).bearer(&token).send(server.at).status, 404);

    let timeline = ok(&server.get(&format!("/api/v1/incidents/{two}/timeline?limit=500"), &token));
    let told: Vec<_> =
        timeline["items"].as_array().unwrap().iter().map(|m| m["kind"].as_str().unwrap()).collect();
    for kind in ["finding", "change", "merge", "link"] {
        assert!(told.contains(&kind), "{kind}: {told:?}");
    }
    let newest = ok(&server.get(&format!("/api/v1/incidents/{two}/timeline?order=newest&limit=1"), &token));
    assert_eq!(newest["items"][0]["detail"]["action"], "incident.unlink");
    assert!(newest["next"].is_string());
    let page =
        format!("/api/v1/incidents/{two}/timeline?order=oldest&after={}", newest["next"].as_str().unwrap());
    assert_eq!(server.get(&page, &token).code(), (400, "cursor_invalid".into()));
}

#[test]
fn views_are_ones_own_unless_shared() {
    let server = Server::start();
    let (ann, bob) = (server.api_token(&BOTH), server.api_token(&[Scope::IncidentsRead]));
    let post = |token: &str, body: &Value| send(&server, "POST", "/api/v1/views", token, body);
    let query = json!({ "status": "new", "severity": "high,critical" });
    let saved = post(&ann, &json!({ "name": "Mine", "query": query, "shared": false }));
    assert_eq!((saved.status, &saved.json()["query"]), (201, &query));
    let id = saved.json()["id"].as_str().unwrap().to_owned();
    let names = |token: &str| -> Vec<(String, bool)> {
        let list = ok(&server.get("/api/v1/views", token));
        let view = |v: &Value| (v["name"].as_str().unwrap().to_owned(), v["own"].as_bool().unwrap());
        list["items"].as_array().unwrap().iter().map(view).collect()
    };
    assert_eq!((names(&ann), names(&bob)), (vec![("Mine".to_owned(), true)], vec![]));
    let path = format!("/api/v1/views/{id}");
    let shared = ok(&send(&server, "PATCH", &path, &ann, &json!({ "shared": true, "version": 1 })));
    assert_eq!((&shared["version"], &shared["name"]), (&json!(2), &json!("Mine")));
    assert_eq!(names(&bob), [("Mine".to_owned(), false)]);
    assert_eq!(
        send(&server, "PATCH", &path, &ann, &json!({ "name": "x", "version": 1 })).code(),
        (409, "conflict".into())
    );
    assert_eq!(
        send(&server, "PATCH", &path, &bob, &json!({ "name": "his" })).code(),
        (404, "not_found".into())
    );
    assert_eq!(request("DELETE", &path).bearer(&bob).send(server.at).status, 404);
    assert_eq!(
        post(&bob, &json!({ "name": "B", "query": {}, "shared": true })).code(),
        (403, "scope_missing".into())
    );
    assert_eq!(post(&bob, &json!({ "name": "B", "query": {} })).status, 201);
    assert_eq!(post(&bob, &json!({ "name": "B", "query": {} })).code(), (409, "exists".into()));
    for bad in [
        json!({ "name": "", "query": {} }),
        json!({ "name": "x", "query": [] }),
        json!({ "name": "x", "query": { "q": "x".repeat(5_000) } }),
    ] {
        assert_eq!(post(&bob, &bad).code(), (400, "request_invalid".into()), "{bad}");
    }
    assert_eq!(request("DELETE", &path).bearer(&ann).send(server.at).status, 204);
    assert_eq!(names(&ann), []);
}

#[test]
fn a_finding_is_traced_to_its_record() {
    let server = Server::start();
    let source = server.source_token("trail");
    let record = r#"{"eventName":"ConsoleLogin","who":"a secret name"}"#;
    let sent = server.post("/api/v1/ingest/trail").bearer(&source).body(record).send(server.at);
    assert_eq!(sent.status, 200, "{}", String::from_utf8_lossy(&sent.body));
    let position = server.raw()[0].position;
    let id = server.open_incident_at(1, position);
    let token = server.api_token(&[Scope::IncidentsRead]);
    let whole = ok(&server.get(&format!("/api/v1/incidents/{id}"), &token));
    let path = format!("/api/v1/findings/{}/trace", whole["findings"]["items"][0]["id"].as_str().unwrap());
    let masked = server.get(&path, &token);
    assert!(!String::from_utf8_lossy(&masked.body).contains("a secret name"));
    let masked = masked.json();
    assert_eq!(
        masked["raw"],
        json!({ "found_in": "log", "masked": true, "record": null, "truncated": false })
    );
    assert_eq!(masked["normalized"]["class_uid"], 6003);
    assert_eq!(masked["matched"][0], json!({ "selection": "sel", "field": "eventName", "value": "X" }));
    assert_eq!((&masked["rule"]["id"], &masked["ids"]["incident"]), (&json!(RULE_ID), &json!(id)));
    assert_eq!(masked["ids"]["kind"], "aws_cloudtrail");
    let full = server.api_token(&[Scope::IncidentsRead, Scope::EventsReadPersonal]);
    let shown = ok(&server.get(&path, &full));
    assert_eq!(shown["raw"]["record"]["who"], "a secret name");
    let gone = server.open_incident(9);
    let whole = ok(&server.get(&format!("/api/v1/incidents/{gone}"), &token));
    let path = format!("/api/v1/findings/{}/trace", whole["findings"]["items"][0]["id"].as_str().unwrap());
    let gone = ok(&server.get(&path, &full));
    assert_eq!(gone["raw"]["found_in"], json!(null));
    assert_eq!(server.get(&format!("/api/v1/findings/{}/trace", "0".repeat(32)), &full).status, 404);
}
