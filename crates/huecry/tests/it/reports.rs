//! Reports from a terminal: what leaves the machine, what comes back, and what is decided.

use crate::program::huecry;
use crate::scripted::{Answer, Request, Scripted};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// What must never leave the machine.
const SECRET: &str = "ghp_R4nd0mLookingTokenValueForTests00x9Zz";
const MAIL: &str = "kim.oduya@shop.example";

/// Runs `huecry` in a folder as in a shell of nobody: no token, no CI.
fn run_in(folder: &Path, args: &[&str], variables: &[(&str, &str)], stdin: &str) -> Output {
    let mut command = huecry();
    for (name, _) in std::env::vars() {
        if ["GITHUB_", "GITLAB_", "CI_", "HUECRY_"].iter().any(|start| name.starts_with(start)) {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(args)
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a program that reads nothing may have ended already
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn good(body: &Value) -> Answer {
    (200, Vec::new(), body.to_string())
}

fn problem(status: u16, code: &str, more: &Value) -> Answer {
    let mut body = json!({ "status": status, "code": code, "title": code, "hint": "do better" });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    (status, Vec::new(), body.to_string())
}

/// The forms as the API shows them: the shipped ones, and one of the installation's own.
fn forms() -> Value {
    let shipped = report::form::Forms::shipped().unwrap();
    let mut items: Vec<Value> =
        shipped.iter().map(|form| serde_json::to_value(form.view()).unwrap()).collect();
    items.push(json!({ "type": "own", "version": 1, "title": "Own", "description": "", "warning": "", "required": ["what"],
        "fields": [{ "name": "what", "label": "What?", "kind": "text", "required": true }], "schema": {} }));
    json!({ "items": items })
}

fn desk(request: &Request, url: &str) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/v1/forms") => good(&forms()),
        ("POST", "/api/v1/reports") => {
            let receipt = json!({ "url": format!("{url}/receipt#hcrc_abc123"), "secret": "hcrc_abc123" });
            let answer = json!({ "id": "rep_1", "state": "received", "receipt": receipt,
                "next_update_due": "2026-11-30T09:00:00Z", "masked": { "count": 1, "kinds": ["email"] } });
            (201, Vec::new(), answer.to_string())
        }
        ("POST", "/api/v1/receipts") => {
            let cookie =
                vec![("set-cookie", "huecry_receipt=sealed; HttpOnly; SameSite=Strict; Path=/".to_owned())];
            (200, cookie, json!({ "report": { "id": "rep_1" } }).to_string())
        }
        ("POST", "/api/v1/receipt/attachments") => (201, Vec::new(), json!({ "id": "att_1" }).to_string()),
        (_, path)
            if path.starts_with("/api/v1/receipt")
                && request.header("cookie") != Some("huecry_receipt=sealed") =>
        {
            problem(401, "receipt_expired", &json!({}))
        }
        ("POST", path) if path.starts_with("/api/v1/receipt/") => (204, Vec::new(), String::new()),
        _ => problem(404, "not_found", &json!({})),
    }
}

/// A server with the forms and a receipt.
fn server() -> Scripted {
    let url = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = std::sync::Arc::clone(&url);
    let server = Scripted::start(move |request, _| desk(request, known.get().map_or("", String::as_str)));
    url.set(server.url()).unwrap();
    server
}

#[test]
fn what_leaves_the_machine_is_masked_and_exactly_what_the_dry_run_printed() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let place = format!("In the log of {MAIL}: token {SECRET}");
    let ci = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", "4f1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e"),
        ("GITHUB_REPOSITORY", "acme/till"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_RUN_ID", "7"),
    ];
    let url = server.url();
    let new = [
        "report",
        "--url",
        &url,
        "--form",
        "leaked-secret",
        "--service",
        "till",
        "--title",
        MAIL,
        "--at",
        "src/pay.rs:7-9",
    ];
    let set = format!("where={place}");
    let args = [&new[..], &["--set", &set, "--set", "secret_kind=api"]].concat();
    let dry = run_in(folder.path(), &[&args[..], &["--dry-run"]].concat(), &ci, "");
    assert!(dry.status.success(), "{}", text(&dry.stderr));
    assert_eq!(server.asked_for("POST", "/api/v1/reports").len(), 0, "nothing is sent");
    let sent = run_in(folder.path(), &args, &ci, "");
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let posted = server.asked_for("POST", "/api/v1/reports");
    assert_eq!(text(&posted[0].body), text(&dry.stdout).trim_end(), "the same bytes");
    let body = posted[0].json();
    assert_eq!(body["fields"]["where"], "In the log of [email 1]: token [token 1]");
    assert_eq!(
        (&body["title"], &body["service"], &body["channel"]),
        (&json!("[email 1]"), &json!("till"), &json!("cli"))
    );
    assert_eq!((&body["client_masked"], &body["anonymous"]), (&json!(3), &json!(false)));
    assert_eq!(body["fields"]["repository"], "acme/till", "the form is filled in");
    let context = json!({ "commit": ci[1].1, "repository": "acme/till",
        "ci_run": "https://github.com/acme/till/actions/runs/7", "file": "src/pay.rs", "lines": "7-9" });
    assert_eq!(body["context"], context);
    for request in server.asked() {
        let everything = format!("{request:?}{}", text(&request.body));
        assert!(!everything.contains(SECRET) && !everything.contains("oduya"), "{everything}");
        assert_eq!(request.header("authorization"), None, "a guest");
    }
    let (stdout, stderr) = (text(&sent.stdout), text(&sent.stderr));
    assert!(
        stdout.contains("rep_1")
            && stdout.contains("/receipt#hcrc_abc123")
            && stdout.contains("2026-11-30 09:00"),
        "{stdout}"
    );
    assert!(
        stderr.contains("masked         where: [email 1]") && stderr.contains("GITHUB_REPOSITORY"),
        "{stderr}"
    );
    assert!(
        !stderr.contains(SECRET) && !stderr.contains("oduya"),
        "logs of CI keep what is printed: {stderr}"
    );
}

#[test]
fn answers_come_from_files_and_standard_input_and_the_machine_readable_answer_is_alone() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let url = server.url();
    let args = ["report", "--url", &url, "--json", "--form", "own", "--set-file", "what=-"];
    let output = run_in(folder.path(), &args, &[], "seen by a machine\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["id"], "rep_1");
    assert_eq!(
        server.asked_for("POST", "/api/v1/reports")[0].json()["fields"],
        json!({ "what": "seen by a machine" })
    );
}

#[test]
fn a_token_goes_along_unless_nobody_is_to_report() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let url = server.url();
    // where somebody stands is no reason to send a token, or to report elsewhere
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/admin-token"), "hc_api_stray").unwrap();
    std::fs::write(folder.path().join("huecry.toml"), "nonsense = [").unwrap();
    std::fs::write(folder.path().join(".huecry.toml"), "service = \"till\"\nurl = \"http://192.0.2.1\"\n")
        .unwrap();
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let args = ["report", "--url", &url, "--form", "own", "--set", "what=x"];
    for (more, variables, authorization, has_service) in [
        (&[][..], &[][..], None, true),
        (&[][..], &[("HUECRY_TOKEN", "hc_api_x")][..], Some("Bearer hc_api_x"), true),
        (&["--anonymous"][..], &[("HUECRY_TOKEN", "hc_api_x")][..], None, false),
        (&["--anonymous", "--context", "auto"][..], &[][..], None, true),
        (&["--context", "off"][..], &[][..], None, false),
    ] {
        let before = server.asked().len();
        let output = run_in(folder.path(), &[&args[..], more].concat(), variables, "");
        assert!(output.status.success(), "{more:?}: {}", text(&output.stderr));
        let asked = server.asked().split_off(before);
        assert_eq!(asked.len(), 2, "the forms and the report");
        assert!(asked.iter().all(|request| request.header("authorization") == authorization), "{more:?}");
        let body = asked[1].json();
        assert_eq!(body["service"] == "till", has_service, "{more:?}: {body}");
        assert_eq!(body["anonymous"], more.contains(&"--anonymous"), "{more:?}");
    }
}

#[test]
fn a_report_is_kept_without_a_server_and_sent_once_later() {
    let folder = tempfile::tempdir().unwrap();
    let keep = ["report", "--url", "http://127.0.0.1:1", "--form", "suspicious-ci", "--save", "kept.json"];
    let what = format!("what_happened=the run printed {SECRET}");
    let output = run_in(folder.path(), &[&keep[..], &["--set", &what]].concat(), &[], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let kept = std::fs::read_to_string(folder.path().join("kept.json")).unwrap();
    assert!(!kept.contains(SECRET), "{kept}");
    // busy, then gone in the middle, then there: always the same report
    let server = Scripted::start(|request, before| match before {
        0 => problem(429, "rate_limited", &json!({})),
        1 => (503, vec![("retry-after", "0".to_owned())], String::new()),
        _ => desk(request, "http://hue.example"),
    });
    let output = run_in(folder.path(), &["report", "send", "kept.json", "--url", &server.url()], &[], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let posted = server.asked_for("POST", "/api/v1/reports");
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(posted.len(), 3);
    for request in &posted {
        assert_eq!(request.json(), kept["body"]);
        assert_eq!(request.header("idempotency-key"), kept["idempotency_key"].as_str());
    }
}

#[test]
fn nobody_is_named_who_was_not_when_they_wrote_it() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let url = server.url();
    let token = [("HUECRY_TOKEN", "hc_api_x")];
    let keep = ["report", "--url", &url, "--form", "own", "--set", "what=x", "--save"];
    for (name, variables) in [("guests.json", &[][..]), ("named.json", &token[..])] {
        let kept = run_in(folder.path(), &[&keep[..], &[name]].concat(), variables, "");
        assert!(kept.status.success(), "{}", text(&kept.stderr));
    }
    for (args, variables, authorization) in [
        (&["guests.json"][..], &token[..], None),
        (&["guests.json", "--as-me"], &token, Some("Bearer hc_api_x")),
        (&["named.json"], &token, Some("Bearer hc_api_x")),
        (&["named.json"], &[], None),
        (&["named.json", "--anonymous"], &token, None),
    ] {
        let sent =
            run_in(folder.path(), &[&["report", "send", "--url", &url][..], args].concat(), variables, "");
        assert!(sent.status.success(), "{args:?}: {}", text(&sent.stderr));
        let posted = server.asked_for("POST", "/api/v1/reports");
        let last = posted.last().unwrap();
        assert_eq!(last.header("authorization"), authorization, "{args:?}");
        assert_eq!(last.json()["anonymous"], args.contains(&"--anonymous"), "{args:?}");
    }
    let unknown =
        run_in(folder.path(), &["report", "send", "--url", &url, "guests.json", "--as-me"], &[], "");
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
}

#[test]
fn dependencies_and_artifacts_have_short_ways() {
    let folder = tempfile::tempdir().unwrap();
    let digest = format!("sha256:{}", "ab".repeat(32));
    let offline = ["--url", "http://127.0.0.1:1", "--dry-run", "--service", "till"];
    for (verb, thing, expected) in [
        ("dep", "pkg:npm/left-pad@1.3.0", json!({ "package": "pkg:npm/left-pad@1.3.0", "ecosystem": "npm" })),
        ("artifact", digest.as_str(), json!({ "artifact_digest": digest })),
    ] {
        let args = [&["report", verb, thing, "--why", "it opens a shell at install"][..], &offline].concat();
        let output = run_in(folder.path(), &args, &[], "");
        assert!(output.status.success(), "{verb}: {}", text(&output.stderr));
        let body: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(body["fields"]["what_happened"], "it opens a shell at install");
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&body["fields"][name], value, "{verb}");
        }
        // and the shipped form takes it
        let forms = report::form::Forms::shipped().unwrap();
        let form = forms.get(body["form"].as_str().unwrap()).unwrap();
        let judged = form.validate(body["fields"].as_object().unwrap(), Some("till"), None);
        assert!(judged.is_ok(), "{judged:?}");
    }
}

#[test]
fn faults_have_their_code_and_their_hint() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::start(|request, _| match request.path.as_str() {
        "/api/v1/reports" => {
            let errors = json!({ "errors": [{ "field": "what", "message": "has at least 5 characters" }] });
            problem(422, "report_invalid", &errors)
        }
        _ => desk(request, ""),
    });
    let url = server.url();
    let away = "http://127.0.0.1:1";
    for (args, code, parts) in [
        (vec!["report", "--url", &url], 2, vec!["which form?", "leaked-secret | "]),
        (vec!["report", "--url", &url, "--form", "leaked-secrets"], 2, vec!["did you mean `leaked-secret`?"]),
        (
            vec!["report", "--url", &url, "--form", "leaked-secret"],
            2,
            vec!["--set where=… --set secret_kind=…"],
        ),
        (vec!["report", "--url", &url, "--form", "own", "--set", "waht=1"], 2, vec!["did you mean `what`?"]),
        (
            vec!["report", "--url", &url, "--form", "own", "--set", "what=1"],
            1,
            vec!["what: has at least 5 characters", "hint:"],
        ),
        (vec!["report", "--form", "own", "list"], 2, vec!["stand before a verb", "hint:"]),
        (vec!["report", "--url", away, "--form", "own", "--set", "what=1"], 3, vec!["hint:"]),
        (vec!["report", "dep", "left-pad", "--why", "x"], 2, vec!["package URL"]),
        (vec!["report", "status", "https://hue.example/report"], 2, vec!["hcrc_"]),
        (vec!["report", "send", "absent.json"], 1, vec!["no kept report", "hint:"]),
        (vec!["report", "link", "--service", "x", "--expires", "soon"], 2, vec!["7d"]),
    ] {
        let output = run_in(folder.path(), &args, &[], "");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}: {}", text(&output.stdout));
    }
}

#[test]
fn a_receipt_is_followed_answered_and_appealed_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let view = |state: &str, messages: &Value| json!({ "id": "rep_1", "title": "A \u{1b}[2Jkey", "state": state, "messages": messages, "can_appeal": false });
    let question =
        json!([{ "id": "msg_1", "from": "team", "text": "which run?", "at": "2026-11-27T08:00:00Z" }]);
    let (first, second) = (view("needs_info", &question), view("declined", &question));
    let server =
        Scripted::start(move |request, before| match (request.method.as_str(), request.path.as_str()) {
            // the hour is over once
            ("GET", "/api/v1/receipt") if before == 2 => problem(401, "receipt_expired", &json!({})),
            ("GET", "/api/v1/receipt") if request.header("cookie").is_some() => {
                good(if before < 2 { &first } else { &second })
            }
            _ => desk(request, ""),
        });
    let link = format!("{}/receipt#hcrc_abc123", server.url());
    let token = [("HUECRY_TOKEN", "hc_api_x")];
    let watched =
        run_in(folder.path(), &["report", "status", "-", "--watch", "--interval", "1"], &token, &link);
    let stdout = text(&watched.stdout);
    assert!(watched.status.success(), "{}", text(&watched.stderr));
    assert!(stdout.contains("needs info") && stdout.contains("declined"), "{stdout}");
    assert_eq!(stdout.matches("which run?").count(), 1, "only what is new is told again: {stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
    for (args, path, body) in [
        (
            vec!["report", "reply", &link, "run 7 of kim.oduya@shop.example"],
            "/api/v1/receipt/messages",
            json!({ "text": "run 7 of [email 1]" }),
        ),
        (vec!["report", "appeal", &link, "-"], "/api/v1/receipt/appeal", json!({ "reason": "look again" })),
        (vec!["report", "withdraw", &link], "/api/v1/receipt/withdraw", json!({})),
    ] {
        let output = run_in(folder.path(), &args, &token, "look again");
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        let asked = server.asked_for("POST", path);
        assert_eq!(asked[0].json(), body, "{args:?}");
        assert_eq!(asked[0].header("origin"), Some(server.url().as_str()));
        assert_eq!(asked[0].header("cookie"), Some("huecry_receipt=sealed"));
        assert_eq!(asked[0].header("huecry-report"), Some("rep_1"));
    }
    assert!(
        server.asked().iter().all(|request| request.header("authorization").is_none()),
        "a receipt needs no name"
    );
    assert!(
        server.asked().iter().all(|request| !request.path.contains("hcrc_")),
        "no log of a proxy has the secret"
    );
}

#[test]
fn files_are_attached_by_the_receipt_and_text_is_masked() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    std::fs::write(folder.path().join("run log.txt"), format!("token={SECRET}\n")).unwrap();
    std::fs::write(folder.path().join("shot.png"), [0x89, b'P', b'N', b'G', 0xff]).unwrap();
    let url = server.url();
    let args = [
        "report",
        "--url",
        &url,
        "--form",
        "own",
        "--set",
        "what=x",
        "--attach",
        "run log.txt",
        "--attach",
        "shot.png",
    ];
    let output = run_in(folder.path(), &args, &[], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let files = server.asked_for("POST", "/api/v1/receipt/attachments");
    assert_eq!(files.len(), 2);
    assert_eq!(
        (files[0].header("huecry-filename"), files[0].header("cookie")),
        (Some("run log.txt"), Some("huecry_receipt=sealed"))
    );
    assert!(
        !text(&files[0].body).contains(SECRET) && text(&files[0].body).contains("1]"),
        "{}",
        text(&files[0].body)
    );
    assert_eq!(files[1].body, [0x89, b'P', b'N', b'G', 0xff]);
    assert!(text(&output.stdout).contains("only text is masked"), "{}", text(&output.stdout));
}

#[test]
fn moderators_decide_on_the_version_that_they_saw() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::start(|request, _| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/v1/reports/rep_1") => {
            good(&json!({ "id": "rep_1", "title": "t", "state": "received", "version": 7,
            "fields": { "where": "a \u{1b}]0;log" }, "messages": [] }))
        }
        ("POST", "/api/v1/reports/rep_2/decision") => problem(409, "conflict", &json!({})),
        ("GET", path) if path.starts_with("/api/v1/reports/rep_2") => good(&json!({ "version": 1 })),
        ("GET", path) if path.starts_with("/api/v1/reports?") => {
            good(&json!({ "items": [{ "id": "rep_1", "state": "held",
            "title": "t", "created_at": "2026-11-27T08:00:00Z" }], "next": "c1" }))
        }
        ("GET", "/api/v1/appeals?state=open") => {
            good(&json!({ "items": [{ "id": "apl_1", "report": { "id": "rep_1" } }] }))
        }
        ("POST", _) => good(&json!({ "id": "rep_1", "state": "accepted", "incident": null })),
        _ => problem(404, "not_found", &json!({})),
    });
    let url = server.url();
    let desk = |args: &[&str]| {
        let args = [&["report"][..], args, &["--url", &url]].concat();
        let output = run_in(folder.path(), &args, &[("HUECRY_TOKEN", "hc_api_x")], "");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    for (args, body) in [
        (
            &["accept", "rep_1", "--severity", "high"][..],
            json!({ "kind": "accept", "severity": "high", "note": "" }),
        ),
        (
            &["decline", "rep_1", "--reason", "expected", "--note", "a drill"][..],
            json!({ "kind": "decline", "reason": "expected", "note": "a drill" }),
        ),
        (&["ask", "rep_1", "which run?"][..], json!({ "kind": "ask", "note": "which run?" })),
        (&["merge", "rep_1", "inc_1"][..], json!({ "kind": "merge", "incident": "inc_1", "note": "" })),
    ] {
        let (code, stdout, stderr) = desk(args);
        assert_eq!(code, Some(0), "{args:?}: {stderr}");
        assert!(stdout.contains("rep_1: accepted"), "{stdout}");
        let asked = server.asked_for("POST", "/api/v1/reports/rep_1/decision");
        let last = asked.last().unwrap();
        assert_eq!((last.header("if-match"), last.json()), (Some("\"7\""), body), "{args:?}");
        assert_eq!(last.header("authorization"), Some("Bearer hc_api_x"));
    }
    assert_eq!(desk(&["decline", "rep_2", "--reason", "spam", "--note", "x"]).0, Some(5), "a conflict");
    let (_, listed, noted) = desk(&["list", "--state", "held", "--search", "a b"]);
    assert!(
        listed.contains("rep_1") && listed.contains("2026-11-27 08:00") && noted.contains("--cursor 'c1'"),
        "{listed}{noted}"
    );
    assert!(
        server.asked().iter().any(|request| request.path == "/api/v1/reports?state=held&q=a%20b&limit=50")
    );
    let (_, shown, _) = desk(&["show", "rep_1"]);
    assert!(shown.contains("where: a ") && !shown.contains('\u{1b}'), "{shown}");
    assert!(desk(&["appeals"]).1.contains("apl_1"));
    for (verb, outcome) in [("overturn", "overturned"), ("uphold", "upheld")] {
        assert_eq!(desk(&[verb, "apl_1", "--explanation", "seen anew"]).0, Some(0));
        let asked = server.asked_for("POST", "/api/v1/appeals/apl_1/decision");
        assert_eq!(asked.last().unwrap().json(), json!({ "outcome": outcome, "explanation": "seen anew" }));
    }
    let guest = run_in(folder.path(), &["report", "list", "--url", &url], &[], "");
    assert_eq!(guest.status.code(), Some(4), "moderators have a token: {}", text(&guest.stderr));
}

#[test]
fn a_signed_link_holds_what_the_run_knows() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::start(|_, _| {
        (
            201,
            Vec::new(),
            json!({ "url": "https://hue.example/report#link=hcl1.x", "expires_at": "2026-12-04T09:00:00Z" })
                .to_string(),
        )
    });
    let ci = [
        ("HUECRY_TOKEN", "hc_api_x"),
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_PATH", "acme/till"),
        ("CI_COMMIT_BRANCH", "main"),
    ];
    let args = [
        "report",
        "link",
        "--service",
        "till",
        "--form",
        "suspicious-ci",
        "--expires",
        "2d",
        "--url",
        &server.url(),
    ];
    let output = run_in(folder.path(), &args, &ci, "");
    assert_eq!(text(&output.stdout), "https://hue.example/report#link=hcl1.x\n", "{}", text(&output.stderr));
    let context = json!({ "branch": "main", "repository": "acme/till", "form": "suspicious-ci" });
    assert_eq!(
        server.asked()[0].json(),
        json!({ "service": "till", "context": context, "expires_in_s": 172_800 })
    );
}
