//! A report's whole way between two programs: from a terminal to the server, to the moderators and back.

use crate::program::{Server, huecry};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

const SECRET: &str = "ghp_R4nd0mLookingTokenValueForTests00x9Zz";
const MAIL: &str = "kim.oduya@shop.example";
const CONFIG: &str = "[reports]\npublic_services = [\"till\"]\n[enrich]\ncatalog = []\n";

/// Somebody in a folder of their own, with a token or without.
struct Person<'a> {
    server: &'a Server,
    folder: &'a Path,
    token: Option<&'a str>,
}

impl Person<'_> {
    fn run(&self, args: &[&str]) -> Output {
        let mut command = huecry();
        command.arg("report").args(args).args(["--url", &self.server.url]).current_dir(self.folder);
        if let Some(token) = self.token {
            command.env("HUECRY_TOKEN", token);
        }
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    fn good(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {said}");
        text(&output.stdout)
    }

    fn json(&self, args: &[&str]) -> Value {
        let said = self.good(&[args, &["--json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn files_with(folder: &Path, needle: &[u8], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_with(&path, needle, found);
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(needle.len()).any(|window| window == needle)
        {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn a_guest_reports_answers_and_appeals_and_two_moderators_decide() {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start_with(home.path(), CONFIG);
    let body =
        serde_json::json!({ "name": "second", "scopes": ["reports:read", "reports:moderate"] }).to_string();
    let (status, made) = server.post("/api/v1/tokens", &server.admin, body.as_bytes()).unwrap();
    assert_eq!(status, 201, "{made}");
    let second = serde_json::from_str::<Value>(&made).unwrap()["secret"].as_str().unwrap().to_owned();
    let person = |token| Person { server: &server, folder: elsewhere.path(), token };
    let (guest, moderator, other) =
        (person(None), person(Some(server.admin.as_str())), person(Some(second.as_str())));

    let set = format!("where=a log of {MAIL} shows {SECRET}");
    let new = ["--form", "leaked-secret", "--service", "till", "--set", &set, "--set", "secret_kind=api"];
    let sent = guest.json(&new);
    let (id, link) = (sent["id"].as_str().unwrap(), sent["receipt"]["url"].as_str().unwrap());
    assert!(link.starts_with(&format!("{}/receipt#hcrc_", server.url)), "{link}");
    assert_eq!(sent["masked"]["count"], 0, "it came masked: {sent}");

    // followed, asked, answered
    std::fs::write(elsewhere.path().join("run.log"), format!("token={SECRET}\n")).unwrap();
    assert!(guest.good(&["attach", link, "run.log"]).contains("1 places masked"));
    assert!(moderator.good(&["list"]).contains(id));
    moderator.good(&["ask", id, "which run was it?"]);
    let seen = guest.json(&["status", link]);
    assert_eq!(
        (&seen["state"], &seen["messages"][0]["text"]),
        (&"needs_info".into(), &"which run was it?".into())
    );
    assert_eq!(seen["attachments"][0]["name"], "run.log", "{seen}");
    guest.good(&["reply", link, "run 7"]);
    let shown = moderator.good(&["show", id]);
    assert!(shown.contains("run 7") && shown.contains("[token 1]"), "{shown}");

    // declined, appealed, overturned by somebody else
    moderator.good(&["decline", id, "--reason", "expected", "--note", "a drill"]);
    let seen = guest.good(&["status", link]);
    assert!(seen.contains("declined") && seen.contains("a drill") && seen.contains("appeal"), "{seen}");
    guest.good(&["appeal", link, "there is no drill this week"]);
    let appeals = moderator.json(&["appeals"]);
    let appeal = appeals["items"][0]["id"].as_str().unwrap();
    let own = moderator.run(&["overturn", appeal, "--explanation", "I was right"]);
    assert_eq!(own.status.code(), Some(4), "nobody judges their own decision: {}", text(&own.stderr));
    other.good(&["overturn", appeal, "--explanation", "it was no drill"]);
    let seen = guest.json(&["status", link, "--watch"]);
    assert_eq!(
        (&seen["state"], &seen["appeal"]["outcome"]),
        (&"accepted".into(), &"overturned".into()),
        "{seen}"
    );

    kept_linked_and_short(&guest, &moderator);

    for needle in [SECRET, MAIL] {
        let mut found = Vec::new();
        files_with(home.path(), needle.as_bytes(), &mut found);
        assert_eq!(found, [""; 0], "{needle} came to the server");
    }
}

/// Other ways to report.
fn kept_linked_and_short(guest: &Person<'_>, moderator: &Person<'_>) {
    // kept without a network, sent twice, one report
    guest.good(&[
        "--form",
        "suspicious-ci",
        "--set",
        "what_happened=nobody started this build",
        "--save",
        "kept.json",
    ]);
    let first = guest.json(&["send", "kept.json"]);
    assert_eq!(guest.json(&["send", "kept.json"])["id"], first["id"]);
    guest.good(&["withdraw", first["receipt"]["url"].as_str().unwrap()]);

    // a signed link, and a dependency by it
    let made = moderator.json(&["link", "--service", "till", "--expires", "1h"]);
    let token = made["token"].as_str().unwrap();
    let dep = ["dep", "pkg:npm/left-pad@1.3.0", "--why", "it opens a shell", "--link", token];
    assert_eq!(guest.json(&dep)["state"], "received");
}
