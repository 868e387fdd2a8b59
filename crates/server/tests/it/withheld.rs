//! What is said beside an incident (records, other incidents, answers to conflicts) names no incident that the asker may
//! not see, and proves the same.

use crate::fixture::Server;
use crate::http::request;
use crate::people::Browser;
use access::{Role, Scope};
use audit::line::{entry_of, unhex};
use audit::tree::inclusion_root;
use model::{AuditField, Hash, IncidentId};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

const REASON: &str = "an insider in payments";

fn restrict(server: &Server, id: IncidentId) {
    let (path, token) = (format!("/api/v1/incidents/{id}"), server.admin_token());
    let version = server.get(&path, &token).json()["incident"]["version"].to_string();
    let path = format!("{path}/visibility");
    let body = json!({ "visibility": "restricted", "reason": REASON }).to_string();
    let put = request("PUT", &path).bearer(&token).header("if-match", version).body(&body);
    assert_eq!(put.send(server.at).status, 200);
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().unwrap().clone()
}

/// A server where a restricted incident has left its traces in records about itself and about others.
struct World {
    server: Server,
    own: IncidentId,
    hidden: IncidentId,
    hidden_finding: String,
    auditor: Browser,
    admin: Browser,
}

impl World {
    fn new() -> Self {
        let server = Server::start();
        let (admin, auditor) = (server.sign_in(&[Role::Admin]), server.sign_in(&[Role::Auditor]));
        let (own, _) = server.open_incident_of(1, "payments");
        let (hidden, hidden_finding) = server.open_incident_of(2, "identity");
        let say = json!({ "text": "he left on friday" });
        assert_eq!(admin.change("POST", &format!("/api/v1/incidents/{hidden}/comments"), &say).status, 201);
        let link = json!({ "to": hidden.to_string(), "kind": "related", "reason": format!("as {hidden}") });
        assert_eq!(admin.change("POST", &format!("/api/v1/incidents/{own}/link"), &link).status, 200);
        restrict(&server, hidden);
        let ana = server.sign_in(&[Role::Responder]);
        for path in [format!("incidents/{hidden}"), format!("findings/{hidden_finding}/replay")] {
            let method = if path.contains("replay") { "POST" } else { "GET" };
            assert_eq!(ana.change(method, &format!("/api/v1/{path}"), &json!({})).status, 404);
        }
        let coded = format!("/api/v1/incidents/%69{}/comments", &hidden.to_string()[1..]);
        assert_eq!(ana.get(&coded).status, 404);
        let record = items(&admin.get(&format!("/api/v1/audit?object={hidden}")).json())[0]["id"].clone();
        let erase = format!("/api/v1/audit/{}/erase", record.as_str().unwrap());
        let body = json!({ "fields": ["origin"], "reason": "of the insider" });
        assert_eq!(admin.change("POST", &erase, &body).status, 200);
        server.clock.advance_ms(60_000);
        server.runtime.block_on(server.audit.step()).unwrap().unwrap();
        Self { server, own, hidden, hidden_finding, auditor, admin }
    }

    /// Whether an answer tells of the restricted incident.
    fn tells(&self, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body);
        let named = [self.hidden.to_string(), self.hidden_finding.clone(), "Root used 2".to_owned()];
        let coded = self.hidden.to_string()[1..].to_owned();
        named.iter().any(|name| text.contains(name.as_str()))
            || text.contains(&coded)
            || text.contains("insider")
    }
}

#[test]
fn records_of_a_hidden_incident_keep_their_place_and_say_nothing() {
    let world = World::new();
    let (all, seen) =
        (world.admin.get("/api/v1/audit?limit=500"), world.auditor.get("/api/v1/audit?limit=500"));
    assert!(world.tells(&all.body) && !world.tells(&seen.body), "{}", String::from_utf8_lossy(&seen.body));
    let (all, seen) = (items(&all.json()), items(&seen.json()));
    assert_eq!(all.len(), seen.len());
    let (hidden, own) = (world.hidden.to_string(), world.own.to_string());
    let (mut whole, mut partly) = (0, 0);
    for (all, seen) in all.iter().zip(&seen) {
        for field in ["id", "at_ms", "action"] {
            assert_eq!(all[field], seen[field]);
        }
        if all["object"] == json!(hidden) {
            whole += 1;
            assert_eq!(
                (&seen["withheld"], &seen["principal"]),
                (&json!(true), &json!({ "kind": "withheld" }))
            );
            for field in ["object", "before", "after", "reason", "origin", "request_id"] {
                assert!(seen[field].is_null() || seen[field] == "", "{field}: {seen}");
            }
            assert_eq!(seen["withheld_values"].as_array().unwrap().len(), AuditField::ALL.len());
        } else if all["action"] == "incident.link" {
            partly += 1;
            assert_eq!((&seen["object"], &seen["principal"]), (&json!(own), &all["principal"]));
            assert_eq!(seen["withheld_values"], json!(["after", "reason"]));
        } else if all["action"] == "access.deny" {
            assert_eq!(
                (&seen["principal"], &seen["withheld_values"]),
                (&all["principal"], &json!(["after"]))
            );
        } else if all["action"] == "audit.erase" {
            assert_eq!(seen["withheld"], true, "it is about a record about the incident");
        } else {
            assert_eq!(all, seen, "nothing else is withheld");
        }
    }
    assert_eq!((whole, partly), (3, 1), "opened, commented, hidden; linked");
}

#[test]
fn nothing_is_found_by_what_is_withheld() {
    let world = World::new();
    let found =
        |browser: &Browser, query: &str| items(&browser.get(&format!("/api/v1/audit?{query}")).json());
    let about = format!("object={}", world.hidden);
    assert_eq!((found(&world.admin, &about).len(), found(&world.auditor, &about).len()), (3, 0));
    let none = found(&world.auditor, "object=inc_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_eq!(none, Vec::<Value>::new(), "as one that is not there");
    let (all, seen) = (found(&world.admin, "principal=guest"), found(&world.auditor, "principal=guest"));
    assert!(all.len() > seen.len() && seen.iter().all(|record| record["principal"]["name"] == "guest"));
    // pages are full all the same, and together they are the list
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.auditor.get(&format!("/api/v1/audit?principal=guest&limit=2{after}")).json();
        paged.extend(items(&page));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(items(&page).len(), 2);
        after = format!("&after={next}");
    }
    assert_eq!(paged, seen);
}

/// Where a page ends is not at a record that fits and is withheld: that it fits would be told.
#[test]
fn a_page_does_not_end_where_something_withheld_would_have_stood() {
    let world = World::new();
    let name =
        items(&world.admin.get("/api/v1/audit?action=incident.comment").json())[0]["principal"]["name"]
            .clone();
    let by = format!("/api/v1/audit?principal={}", name.as_str().unwrap());
    let before = items(&world.auditor.get(&by).json());
    assert!(!before.is_empty(), "something they did is seen");
    let say = json!({ "text": "he left on friday" });
    for _ in 0..30 {
        let path = format!("/api/v1/incidents/{}/comments", world.hidden);
        assert_eq!(world.admin.change("POST", &path, &say).status, 201);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.auditor.get(&format!("{by}&limit=1{after}")).json();
        let next = page["next"].as_str();
        assert!(
            next.is_none() || items(&page).len() == 1,
            "an empty page that goes on tells that something was there"
        );
        seen.extend(items(&page));
        let Some(next) = next else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, before);
}

#[test]
fn leaves_and_proofs_are_the_same_for_whoever_reads() {
    let world = World::new();
    let lines = |browser: &Browser| String::from_utf8(browser.get("/api/v1/audit/entries").body).unwrap();
    let (all, seen) = (lines(&world.admin), lines(&world.auditor));
    assert!(world.tells(all.as_bytes()) && !world.tells(seen.as_bytes()));
    assert_eq!(all.lines().count(), seen.lines().count());
    let mut withheld = 0;
    for (all, seen) in all.lines().zip(seen.lines()) {
        let (all, seen) = (entry_of(all).unwrap(), entry_of(seen).unwrap());
        assert_eq!(all.leaf_hash(), seen.leaf_hash());
        withheld += seen.values.iter().filter(|value| value.is_withheld()).count();
        if withheld > 0 && seen.action == "incident.visibility" {
            let path = format!("/api/v1/audit/{}", seen.id);
            let (place, proof) = (world.auditor.get(&path), world.auditor.get(&format!("{path}/proof")));
            assert!(!world.tells(&place.body) && !world.tells(&proof.body));
            let proof = proof.json();
            let hashes = proof["path"].as_array().unwrap().iter();
            let path: Vec<Hash> = hashes.map(|hash| unhex(hash.as_str().unwrap()).unwrap()).collect();
            let head = world.server.app.audit.checkpoint().unwrap().checkpoint;
            let entry = entry_of(proof["entry"].as_str().unwrap()).unwrap();
            let root = inclusion_root(&entry.leaf_hash(), entry.index, head.size, &path);
            assert_eq!(root, Some(head.root), "the proof holds without the values");
        }
    }
    assert!(withheld >= 3 * 7);
}

#[test]
fn what_is_withheld_is_neither_packed_nor_erased() {
    let world = World::new();
    let token = world.server.api_token(&[Scope::AuditRead, Scope::AuditWrite, Scope::IncidentsRead]);
    let post = |path: &str, body: &Value| {
        request("POST", path).bearer(&token).body(&body.to_string()).send(world.server.at)
    };
    for id in [world.hidden.to_string(), "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()] {
        let pack = json!({ "object": id, "list_sha256": "ab".repeat(32) });
        assert_eq!(post("/api/v1/audit/packs", &pack).code(), (404, "not_found".into()));
    }
    let pack = json!({ "object": world.own.to_string(), "list_sha256": "ab".repeat(32) });
    assert_eq!(post("/api/v1/audit/packs", &pack).status, 201);
    let records = items(&world.admin.get(&format!("/api/v1/audit?object={}", world.hidden)).json());
    let erase = format!("/api/v1/audit/{}/erase", records[0]["id"].as_str().unwrap());
    let body = json!({ "fields": ["reason"], "reason": "x" });
    assert_eq!(post(&erase, &body).code(), (403, "not_permitted".into()));
}

#[test]
fn an_incident_names_no_hidden_one() {
    let world = World::new();
    let later = world.server.open_incident_after(3, world.hidden);
    let path = format!("/api/v1/incidents/{}", world.own);
    for path in [
        "/api/v1/incidents?limit=500".to_owned(),
        format!("/api/v1/incidents/{later}"),
        path.clone(),
        format!("{path}/history"),
        format!("{path}/timeline"),
        format!("{path}/graph"),
    ] {
        let seen = world.auditor.get(&path);
        assert!(
            seen.status == 200 && !world.tells(&seen.body),
            "{path}: {}",
            String::from_utf8_lossy(&seen.body)
        );
    }
    let related = |browser: &Browser| {
        browser.get(&format!("/api/v1/incidents/{later}")).json()["incident"]["related"].clone()
    };
    assert_eq!(
        (related(&world.admin), related(&world.auditor)),
        (json!(world.hidden.to_string()), Value::Null)
    );
    let moments = items(&world.auditor.get(&format!("{path}/timeline")).json());
    let link = moments.iter().find(|moment| moment["kind"] == "link").unwrap();
    assert_eq!((&link["detail"]["withheld"], &link["title"]), (&json!(true), &json!("link")));
}

#[test]
fn what_an_incident_was_merged_into_is_named_to_those_who_see_it() {
    let server = Server::start();
    let (admin, ana, bob) = (
        server.sign_in(&[Role::Admin]),
        server.sign_in(&[Role::Responder]),
        server.sign_in(&[Role::Responder]),
    );
    let (hers, his) = (server.open_restricted(1, &ana.person), server.open_restricted(2, &bob.person));
    let path = format!("/api/v1/incidents/{hers}");
    let merge = json!({ "into": his.to_string(), "version": 3 });
    assert_eq!(admin.change("POST", &format!("{path}/merge"), &merge).status, 200);
    assert_eq!(admin.get(&path).json()["incident"]["merged_into"], his.to_string());
    let seen = ana.get(&path);
    assert_eq!(seen.status, 200);
    let his = his.to_string();
    let tells = |body: &[u8]| String::from_utf8_lossy(body).contains(&his);
    assert!(!tells(&seen.body), "{}", String::from_utf8_lossy(&seen.body));
    let patch = |version: &str| {
        let body = json!({ "status": "in_progress" }).to_string();
        let patch = request("PATCH", &path).header("x-csrf-token", ana.csrf.as_str());
        ana.send(patch.header("if-match", version).body(&body))
    };
    let split = json!({ "findings": [], "version": 4 });
    let bulk = json!({ "ids": [hers.to_string()], "edit": { "status": "in_progress" } });
    for (answer, status) in [
        (patch("4"), 422),
        (patch("1"), 409),
        (ana.change("POST", &format!("{path}/comments"), &json!({ "text": "x" })), 422),
        (ana.change("POST", &format!("{path}/unmerge"), &json!({})), 403),
        (ana.change("POST", &format!("{path}/split"), &split), 422),
        (ana.change("POST", "/api/v1/incidents/bulk", &bulk), 200),
    ] {
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
        assert!(!tells(&answer.body), "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// Sends the head of a request, waits until the handler asks for the body (the guard before it has said yes), then hides
/// the incident, and only then sends the body.
fn while_it_is_hidden(
    server: &Server,
    id: IncidentId,
    (method, path): (&str, &str),
    token: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(server.at).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\nif-match: 1\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    restrict(server, id);
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

#[test]
fn what_is_hidden_between_guard_and_change_is_not_shown() {
    for (what, method, body) in [
        ("", "PATCH", json!({ "status": "in_progress" })),
        ("/comments", "POST", json!({ "text": "x" })),
        ("/visibility", "PUT", json!({ "visibility": "everyone" })),
        ("/split", "POST", json!({ "findings": [], "version": 1 })),
        ("/unmerge", "POST", json!({ "version": 1 })),
        ("/merge", "POST", json!({ "version": 1, "into": "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV" })),
        ("/link", "POST", json!({ "kind": "related", "to": "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV" })),
    ] {
        let server = Server::start();
        let token = server.api_token(&[Scope::IncidentsRead, Scope::IncidentsWrite]);
        let (id, _) = server.open_incident_of(2, "payments");
        let path = format!("/api/v1/incidents/{id}{what}");
        let (status, answer) = while_it_is_hidden(&server, id, (method, &path), &token, &body.to_string());
        assert!(status == 404 && !answer.contains("Root used"), "{path}: {answer}");
    }
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead, Scope::IncidentsWrite]);
    let (id, _) = server.open_incident_of(2, "payments");
    let body =
        json!({ "ids": [id.to_string()], "versions": { id.to_string(): 1 }, "edit": { "status": "closed" } });
    let bulk = ("POST", "/api/v1/incidents/bulk");
    let (status, answer) = while_it_is_hidden(&server, id, bulk, &token, &body.to_string());
    assert!(status == 200 && answer.contains("not_found") && !answer.contains("Root used"), "{answer}");
}
