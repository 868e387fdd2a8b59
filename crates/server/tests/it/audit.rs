//! The audit log over HTTP: who did what, from where, and the proof.

use crate::fixture::Server;
use access::Scope;
use audit::line::{entry_of, unhex};
use audit::tree::{check_consistency, inclusion_root};
use model::Hash;
use serde_json::{Value, json};

fn path_of(proof: &Value) -> Vec<Hash> {
    let hashes = proof["path"].as_array().unwrap().iter();
    hashes.map(|hash| unhex(hash.as_str().unwrap()).unwrap()).collect()
}

fn sign(server: &Server) -> audit::SignedCheckpoint {
    server.clock.advance_ms(60_000);
    server.runtime.block_on(server.audit.step()).unwrap().unwrap()
}

#[test]
fn a_change_is_recorded_with_its_origin_and_proved() {
    let server = Server::start();
    let admin = server.admin_token();
    let first = sign(&server);
    let id = server.open_incident(1);
    let path = format!("/api/v1/incidents/{id}");
    let change = server.post("/api/v1/sources").bearer(&admin).body(r#"{"name":"new","kind":"okta"}"#);
    assert_eq!(change.send(server.at).status, 201);
    let listed = server.get("/api/v1/audit?action=source.add&object=source:new", &admin).json();
    let record = &listed["items"][0];
    assert_eq!(record["origin"], "127.0.0.1");
    assert!(record["request_id"].as_str().unwrap().starts_with("req_"));
    let record_id = record["id"].as_str().unwrap();
    let proof_path = format!("/api/v1/audit/{record_id}/proof");
    let pending = server.get(&proof_path, &admin);
    assert_eq!(pending.code(), (503, "audit_pending".into()));
    assert_eq!(pending.header("retry-after"), Some("1"));

    let head = sign(&server);
    let proof = server.get(&proof_path, &admin).json();
    let entry = entry_of(proof["entry"].as_str().unwrap()).unwrap();
    let (index, size) = (proof["index"].as_u64().unwrap(), head.checkpoint.size);
    assert_eq!(
        inclusion_root(&entry.leaf_hash(), index, size, &path_of(&proof)),
        Some(head.checkpoint.root),
        "the proof leads to the signed root"
    );
    let note = server.get("/api/v1/audit/checkpoint", &admin);
    assert_eq!(note.body, head.note.as_bytes());
    assert_eq!(proof["checkpoint"], head.note);
    let key = String::from_utf8(server.get("/api/v1/audit/key", &admin).body).unwrap();
    assert_eq!(key.trim().parse::<audit::PublicKey>().unwrap().open_own(&head.note).unwrap(), head);
    let shown = server.get(&format!("/api/v1/audit/{record_id}"), &admin).json();
    assert_eq!((&shown["index"], &shown["action"]), (&json!(index), &json!("source.add")));

    let consistency = format!("/api/v1/audit/consistency?from={}", first.checkpoint.size);
    let proof = server.get(&consistency, &admin).json();
    let (old, new) = (&first.checkpoint, &head.checkpoint);
    assert!(check_consistency((old.size, &old.root), (new.size, &new.root), &path_of(&proof)));
    assert_eq!(server.get("/api/v1/audit/consistency?from=9&to=3", &admin).code().1, "request_invalid");
    assert_eq!(server.get(&path, &admin).status, 200);
}

#[test]
fn the_whole_log_can_be_read() {
    let server = Server::start();
    let admin = server.api_token(&[Scope::AuditRead]);
    let head = sign(&server);
    let size = head.checkpoint.size;
    let lines = String::from_utf8(server.get("/api/v1/audit/entries", &admin).body).unwrap();
    let entries: Vec<_> = lines.lines().map(|line| entry_of(line).unwrap()).collect();
    assert_eq!(entries.len() as u64, size);
    let rest = server.get(&format!("/api/v1/audit/entries?from={}&limit=1", size - 1), &admin);
    assert_eq!(rest.body, format!("{}\n", lines.lines().last().unwrap()).as_bytes());
    assert_eq!(server.get("/api/v1/audit/entries?from=99999", &admin).body, b"");
    let tile = server.get(&format!("/api/v1/audit/tile/0/000.p/{size}"), &admin);
    let hashes: Vec<u8> = entries.iter().flat_map(|entry| entry.leaf_hash()).collect();
    assert_eq!((tile.status, tile.body), (200, hashes));
    let bundle = server.get(&format!("/api/v1/audit/tile/entries/000.p/{size}"), &admin);
    assert_eq!(audit::tile::entries(&bundle.body).unwrap().len() as u64, size);
    for nothing in ["0/001", "0/000.p/300", "..%2fkey", "0/../../checkpoint", "checkpoint"] {
        let answer = server.get(&format!("/api/v1/audit/tile/{nothing}"), &admin);
        assert_eq!(answer.status, 404, "{nothing}");
    }
    let days = server.get("/api/v1/audit/checkpoints", &admin).json();
    let day = days["days"][0].as_str().unwrap().to_owned();
    let history = server.get(&format!("/api/v1/audit/checkpoints/{day}"), &admin);
    let last = String::from_utf8(history.body).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["note"], head.note);
    assert_eq!(server.get("/api/v1/audit/checkpoints/2001-01-01", &admin).code().1, "not_found");
    assert_eq!(server.get("/api/v1/audit/checkpoints/..%2f..%2fkey", &admin).code().1, "not_found");
}

#[test]
fn personal_values_are_erased_and_the_proof_holds() {
    let server = Server::start();
    let admin = server.admin_token();
    let listed = server.get("/api/v1/audit?limit=1", &admin).json();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    sign(&server);
    let erase = format!("/api/v1/audit/{id}/erase");
    let post = |body: &'static str| server.post(&erase).bearer(&admin).body(body).send(server.at);
    assert_eq!(post(r#"{"fields":["after"],"reason":""}"#).code(), (400, "request_invalid".into()));
    assert_eq!(post(r#"{"fields":["shoe"],"reason":"x"}"#).code(), (400, "request_invalid".into()));
    let request = r#"{"fields":["principal","after"],"reason":"request 17"}"#;
    assert_eq!(post(request).json(), json!({ "erased": 2 }));
    assert_eq!(post(request).json(), json!({ "erased": 0 }));
    let shown = server.get(&format!("/api/v1/audit/{id}"), &admin).json();
    assert_eq!(shown["erased"], json!(["principal", "after"]));
    assert_eq!((&shown["principal"]["kind"], &shown["after"]), (&json!("erased"), &Value::Null));
    let head = sign(&server);
    let proof = server.get(&format!("/api/v1/audit/{id}/proof"), &admin).json();
    let entry = entry_of(proof["entry"].as_str().unwrap()).unwrap();
    let root = inclusion_root(&entry.leaf_hash(), entry.index, head.checkpoint.size, &path_of(&proof));
    assert_eq!(root, Some(head.checkpoint.root));
    let erasures = server.get(&format!("/api/v1/audit?object={id}"), &admin).json();
    assert_eq!(erasures["items"][0]["after"], json!({ "fields": ["principal", "after"] }));
    let reader = server.api_token(&[Scope::AuditRead]);
    assert_eq!(server.post(&erase).bearer(&reader).body(request).send(server.at).status, 403);
}

#[test]
fn a_pack_is_recorded_once() {
    let server = Server::start();
    let admin = server.admin_token();
    let body = json!({ "object": "inc_1", "list_sha256": "ab".repeat(32), "reason": "insurer" }).to_string();
    let post = |body: &str| {
        server
            .post("/api/v1/audit/packs")
            .bearer(&admin)
            .header("idempotency-key", "k1")
            .body(body)
            .send(server.at)
    };
    let first = post(&body);
    assert_eq!(first.status, 201);
    assert_eq!(post(&body).body, first.body);
    let listed = server.get("/api/v1/audit?action=audit.pack", &admin).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["after"]["list_sha256"], "ab".repeat(32));
    let bad = json!({ "object": "inc_1", "list_sha256": "AB".repeat(32) }).to_string();
    let refused = server.post("/api/v1/audit/packs").bearer(&admin).body(&bad).send(server.at);
    assert_eq!(refused.code(), (400, "request_invalid".into()));
}
