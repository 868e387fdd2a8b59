//! The first admin's link, and `huecry people`.

use crate::program::{Server, huecry};
use serde_json::{Value, json};
use std::path::Path;

/// The links that starts on this folder have printed.
fn links(folder: &Path) -> Vec<String> {
    let printed = std::fs::read_to_string(folder.join("stderr.log")).unwrap();
    let links = printed.lines().filter_map(|line| line.trim().strip_prefix("first admin  "));
    links.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn open(server: &Server, link: &str, name: &str) -> (u16, Value) {
    let (base, secret) = link.split_once("/enter#").unwrap();
    assert_eq!(base, server.url);
    let body = json!({ "link": secret, "name": name }).to_string();
    let mut answer = server.agent.post(format!("{base}/api/v1/session")).send(body.as_bytes()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

fn people(server: &Server, folder: &Path, args: &[&str]) -> (bool, String) {
    let mut command = huecry();
    command.arg("people").args(args).args(["--url", &server.url, "--data-dir"]).arg(folder.join("data"));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    (output.status.success(), text.into_owned())
}

#[test]
fn the_first_start_prints_a_link_and_later_ones_until_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(folder.path(), None));
    let server = Server::start(folder.path(), None);
    let printed = links(folder.path());
    assert_eq!(printed.len(), 2, "one a start: {printed:?}");
    let (_, old) = printed[0].split_once("/enter#").unwrap();
    let withdrawn = format!("{}/enter#{old}", server.url);
    assert_eq!(open(&server, &withdrawn, "Kim").0, 403, "the one before stops");
    let (status, session) = open(&server, &printed[1], "Kim");
    assert_eq!((status, &session["roles"]), (201, &json!(["admin"])), "{session}");
    assert_eq!(open(&server, &printed[1], "Kim").0, 403);
    drop(server);

    let server = Server::start(folder.path(), None);
    assert_eq!(links(folder.path()).len(), 2, "there is an admin");
    let (done, listed) = people(&server, folder.path(), &["list", "--json"]);
    assert!(done, "{listed}");
    let kim = serde_json::from_str::<Value>(&listed).unwrap()["items"][0].clone();
    assert_eq!(kim["name"], "Kim");
    let kim = kim["id"].as_str().unwrap();
    let (done, refused) = people(&server, folder.path(), &["disable", kim]);
    assert!(!done && refused.contains("last_admin") && refused.contains("hint:"), "{refused}");
    let (done, link) = people(&server, folder.path(), &["link", "--role", "admin", "--name", "Ana"]);
    assert!(done, "{link}");
    assert_eq!(open(&server, link.trim(), "Kim").0, 409, "there is a Kim");
    let (status, ana) = open(&server, link.trim(), "Ana");
    assert_eq!(status, 201, "{ana}");
    let (done, taken) = people(&server, folder.path(), &["link", "--role", "auditor", "--name", "ana"]);
    assert!(!done && taken.contains("person_exists") && taken.contains("hint:"), "{taken}");
    let id = ana["person"]["id"].as_str().unwrap();
    let (done, again) = people(&server, folder.path(), &["link", "--person", id]);
    assert!(done, "{again}");
    let (status, session) = open(&server, again.trim(), "whoever");
    assert_eq!((status, &session["person"]), (201, &ana["person"]), "let in again, not made anew");
    let (done, set) =
        people(&server, folder.path(), &["set", kim, "--role", "auditor", "--team", "payments"]);
    assert!(done && set.contains("auditor") && set.contains("payments"), "{set}");
    let (done, out) = people(&server, folder.path(), &["disable", kim]);
    assert!(done && out.contains("kept out"), "{out}");
    let (done, unknown) = people(&server, folder.path(), &["enable", "per_01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
    assert!(!done && unknown.contains("hint:"), "{unknown}");
    let (done, role) = people(&server, folder.path(), &["link", "--role", "root", "--name", "x"]);
    assert!(!done && role.contains("detection_engineer"), "{role}");
}
