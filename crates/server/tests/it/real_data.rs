//! Bodies that real senders wrote, through the real doors.

use crate::fixture::{HOOK_SECRET, Server, gzip};
use ingest::signature::sign_github;
use std::path::{Path, PathBuf};

/// The shared data, where it is there.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HUECRY_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let found = root.join(folder);
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("SKIPPED: no shared data folder (set HUECRY_SHARED_DATA)");
    assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "{folder} is needed");
    None
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_github_payload_is_on_the_log_as_it_was_sent() {
    let Some(folder) = shared("devops-github/octokit-webhook-payloads") else { return };
    let server = Server::start();
    let mut sent = Vec::new();
    for (number, path) in json_files(&folder).iter().enumerate() {
        let body = std::fs::read(path).unwrap();
        let answer = server
            .post("/api/v1/hooks/github/github")
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", number.to_string())
            .header("x-hub-signature-256", sign_github(HOOK_SECRET.as_bytes(), &body).unwrap())
            .body(&body)
            .send(server.at);
        assert_eq!(answer.status, 200, "{}", path.display());
        sent.push(body);
    }
    assert!(sent.len() >= 87, "{} payloads", sent.len());
    let bodies: Vec<Vec<u8>> = server.raw().into_iter().map(|raw| raw.body).collect();
    assert_eq!(bodies, sent);
}

#[test]
fn every_cloudtrail_record_is_on_the_log() {
    let Some(folder) = shared("cloud-aws") else { return };
    let server = Server::start();
    let token = server.source_token("trail");
    let mut sent = 0;
    for path in json_files(&folder) {
        let body = std::fs::read(&path).unwrap();
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&body) else { continue };
        let records = document.get("Records").unwrap_or(&document);
        let expected = records.as_array().map_or(1, Vec::len);
        let packed = gzip(&body);
        let answer = server.post("/api/v1/ingest/trail").bearer(&token).body(&packed).send(server.at);
        assert_eq!(answer.json()["accepted"], expected, "{}", path.display());
        sent += expected;
    }
    assert!(sent >= 2_000, "{sent} records");
    let bodies = server.bodies();
    assert_eq!(bodies.len(), sent, "accepted is what is on the log");
    for body in bodies {
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
    }
}
