//! The way back to a report: what opens it, what does not, and what its holder sees and does.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, read_head, request};
use crate::people::Browser;
use crate::report_guests::{file, report, send};
use access::{Purpose, Role, Scope, TICKET_MS};
use async_trait::async_trait;
use ports::store::{ChangeSeq, Snapshot, Store, StoreError, UnitOfWork};
use serde_json::{Value, json};
use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A browser in which the receipt is open.
pub(crate) fn open(server: &Server, secret: &str) -> Browser {
    let browser = Browser::new(server);
    let answer = try_open(&browser, secret);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    browser
}

fn try_open(browser: &Browser, secret: &str) -> Answer {
    let body = json!({ "secret": secret }).to_string();
    browser.send(request("POST", "/api/v1/receipts").body(&body))
}

pub(crate) fn shown(browser: &Browser) -> Value {
    let answer = browser.get("/api/v1/receipt");
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

pub(crate) fn say(browser: &Browser, path: &str, body: &Value) -> Answer {
    let (id, body) = (shown(browser)["id"].clone(), body.to_string());
    let path = format!("/api/v1/receipt/{path}");
    let said =
        request("POST", &path).header("origin", "http://test").header("huecry-report", id.as_str().unwrap());
    browser.send(said.body(&body))
}

/// Decides a report as it is now.
pub(crate) fn decide(moderator: &Browser, id: &str, decision: &Value) -> Answer {
    let path = format!("/api/v1/reports/{id}");
    let version = moderator.get(&path).json()["version"].to_string();
    let (path, body) = (format!("{path}/decision"), decision.to_string());
    let decided = request("POST", &path).header("if-match", version).header("x-csrf-token", &moderator.csrf);
    moderator.send(decided.body(&body))
}

#[test]
fn a_receipt_opens_its_report_for_an_hour() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let browser = Browser::new(&server);
    let opened = try_open(&browser, &secret);
    let cookie = opened.header("set-cookie").unwrap();
    assert!(cookie.starts_with("huecry_receipt=") && cookie.contains("; HttpOnly"), "{cookie}");
    assert!(cookie.contains("; SameSite=Strict") && cookie.contains("; Max-Age=3600"), "{cookie}");
    assert!(!cookie.contains(&id) && !cookie.contains(&secret), "{cookie}");
    assert_eq!(opened.json()["expires_at"], "2023-11-14T23:13:20Z");
    assert_eq!(opened.json()["report"], shown(&browser));
    let report = shown(&browser);
    assert_eq!((&report["id"], &report["state"]), (&json!(id), &json!("received")));
    assert_eq!((&report["claimed"], &report["can_appeal"]), (&json!(false), &json!(false)));
    assert!(report["owner_team"].is_null(), "that is for people with an account");
    // opening and reading leaves no record
    let records = server.get(&format!("/api/v1/audit?object={id}"), &server.admin_token()).json();
    assert_eq!(records["items"].as_array().unwrap().len(), 1, "{records}");
    server.clock.advance_ms(TICKET_MS);
    assert_eq!(browser.get("/api/v1/receipt").code(), (401, "receipt_expired".into()));
}

#[test]
fn over_tls_the_cookie_is_the_hosts_own() {
    let public_url = Some("https://huecry.example".to_owned());
    let server = Server::start_with(Setup { public_url, ..Setup::default() });
    let answer = send(&server, &report(), |request| request).json();
    assert!(answer["receipt"]["url"].as_str().unwrap().starts_with("https://huecry.example/receipt#hcrc_"));
    let opened = try_open(&Browser::new(&server), answer["receipt"]["secret"].as_str().unwrap());
    let cookie = opened.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-huecry_receipt=") && cookie.contains("; Secure"), "{cookie}");
}

/// Counts what is asked of the store.
struct Counted {
    store: Arc<dyn Store>,
    reads: Arc<AtomicUsize>,
    units: Arc<AtomicUsize>,
}

#[async_trait]
impl Store for Counted {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.units.fetch_add(1, Ordering::SeqCst);
        self.store.begin().await
    }
    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.read().await
    }
    async fn wait_for_change(&self, after: ChangeSeq) -> Result<ChangeSeq, StoreError> {
        self.store.wait_for_change(after).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
    async fn close(&self) {
        self.store.close().await;
    }
}

#[test]
fn what_is_no_receipt_costs_one_look_up_whatever_is_wrong_with_it() {
    let (reads, units) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (reads.clone(), units.clone());
    let wrap_store = Box::new(move |store| Arc::new(Counted { store, reads, units }) as Arc<dyn Store>);
    let server = Server::start_with(Setup { wrap_store, ..Setup::default() });
    let (_, secret) = file(&server);
    let mut answers = std::collections::BTreeSet::new();
    let unknown = access::Secret::generate(access::SecretKind::Receipt, &model::SeededEntropy::new(3));
    let other_kind = access::Secret::generate(access::SecretKind::Api, &model::SeededEntropy::new(3));
    let texts = [
        unknown.reveal(),
        other_kind.reveal(),
        &secret[..secret.len() - 1],
        &secret.to_uppercase(),
        "hcrc_",
        "",
        "x",
        "' or 1=1 --",
        &"a".repeat(10_000),
    ];
    for text in texts {
        // what runs by itself looks for work now and then: the least of some tries is the request's own
        let attempt = |_: usize| {
            let before = (counts.0.load(Ordering::SeqCst), counts.1.load(Ordering::SeqCst));
            let answer = try_open(&Browser::new(&server), text);
            let cost =
                (counts.0.load(Ordering::SeqCst) - before.0, counts.1.load(Ordering::SeqCst) - before.1);
            (cost, answer)
        };
        let (cost, answer) = (0..4).map(attempt).min_by_key(|(cost, _)| *cost).unwrap();
        assert_eq!(answer.code(), (404, "receipt_unknown".into()), "{text}");
        assert_eq!(cost, (1, 0), "{text}");
        assert!(answer.header("set-cookie").is_none());
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        answers.insert(body.to_string());
    }
    assert_eq!(answers.len(), 1, "the answer tells them apart: {answers:?}");
    assert_eq!(try_open(&Browser::new(&server), &secret).status, 200);
}

#[test]
fn a_cookie_that_was_changed_or_made_elsewhere_opens_nothing() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let browser = open(&server, &secret);
    let good = browser.cookie("huecry_receipt").unwrap();
    let with = |value: &str| {
        let cookie = format!("huecry_receipt={value}");
        request("GET", "/api/v1/receipt").header("cookie", cookie).send(server.at)
    };
    assert_eq!(with(&good).status, 200);
    for at in [0, 1, good.len() / 2, good.len() - 1] {
        let mut damaged = good.clone().into_bytes();
        damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(damaged).unwrap();
        assert_eq!(with(&damaged).code(), (401, "receipt_expired".into()), "character {at}");
    }
    let (reference, _) = server.app.gate.tickets().give(Purpose::Related, &id).unwrap();
    for made_up in [reference.as_str(), id.as_str(), &secret, "", &good[..good.len() - 2]] {
        assert_eq!(with(made_up).code(), (401, "receipt_expired".into()), "{made_up}");
    }
    let twice = format!("huecry_receipt={good}; huecry_receipt={good}");
    let planted = request("GET", "/api/v1/receipt").header("cookie", twice).send(server.at);
    assert_eq!(planted.code(), (401, "receipt_expired".into()), "one of the two was planted");
}

#[test]
fn a_receipt_opens_its_own_report_and_no_other() {
    let server = Server::start();
    let ((one, first), (other, second)) = (file(&server), file(&server));
    let (ana, eve) = (open(&server, &first), open(&server, &second));
    assert_eq!(say(&ana, "messages", &json!({ "text": "only for ana's report" })).status, 204);
    assert_eq!((&shown(&ana)["id"], &shown(&eve)["id"]), (&json!(one), &json!(other)));
    assert_eq!(shown(&eve)["messages"], json!([]));
    // a receipt is no key to what those who decide read, nor to the file of another
    for path in
        [format!("reports/{one}"), "reports".to_owned(), "appeals".to_owned(), "me/reports".to_owned()]
    {
        let answer = eve.get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 401, "{path}");
    }
    assert_eq!(say(&eve, "withdraw", &json!({})).status, 204);
    assert_eq!((&shown(&ana)["state"], &shown(&eve)["state"]), (&json!("received"), &json!("withdrawn")));
}

#[test]
fn another_sites_page_says_nothing_in_the_reporters_name() {
    let server = Server::start();
    let (_, secret) = file(&server);
    let browser = open(&server, &secret);
    let body = json!({ "text": "forged" }).to_string();
    for (origin, site) in [
        ("https://evil.test", "cross-site"),
        ("http://evil.test", "same-site"),
        ("http://test:8080", "same-site"),
        ("null", "cross-site"),
    ] {
        for path in ["messages", "appeal", "withdraw", "attachments"] {
            let path = format!("/api/v1/receipt/{path}");
            let forged =
                request("POST", &path).header("origin", origin).header("sec-fetch-site", site).body(&body);
            assert_eq!(browser.send(forged).code(), (403, "origin_foreign".into()), "{origin} {path}");
        }
        let forget = request("DELETE", "/api/v1/receipt").header("origin", origin);
        assert_eq!(browser.send(forget).code(), (403, "origin_foreign".into()), "{origin}");
    }
    assert_eq!(shown(&browser)["messages"], json!([]));
}

#[test]
fn reporter_and_team_talk_and_nothing_internal_comes_through() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let (browser, moderator) = (open(&server, &secret), server.sign_in(&[Role::Moderator]));
    let name = moderator.get("/api/v1/session").json()["person"]["name"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/reports/{id}/messages");
    let note = json!({ "text": "he is on leave, ask his manager", "internal": true });
    assert_eq!(moderator.change("POST", &path, &note).status, 201);
    let asked = decide(&moderator, &id, &json!({ "kind": "ask", "note": "On which host?" }));
    assert_eq!(asked.status, 200, "{}", String::from_utf8_lossy(&asked.body));
    let report = shown(&browser);
    assert_eq!(report["state"], "needs_info");
    assert_eq!(report["messages"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&report["messages"][0]["from"], &report["messages"][0]["text"]),
        (&json!("team"), &json!("On which host?"))
    );
    let text = report.to_string();
    assert!(!text.contains("manager") && !text.contains(&name) && !text.contains("per_"), "{text}");
    assert_eq!(say(&browser, "messages", &json!({ "text": "on db-7, ask bob@example.com" })).status, 204);
    let report = shown(&browser);
    assert_eq!(report["state"], "received", "the question is answered");
    assert_eq!(report["messages"][1]["from"], "you");
    assert!(!report.to_string().contains("bob@example.com"), "it is masked");
    let whole = moderator.get(&format!("/api/v1/reports/{id}")).json();
    let messages = whole["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!((&messages[0]["internal"], &messages[0]["author"]), (&json!(true), &json!(name)));
    assert!(messages[2]["author"].is_null(), "a receipt is held by whoever has it");
    assert_eq!(say(&browser, "messages", &json!({ "text": "" })).status, 422);
    assert_eq!(say(&browser, "messages", &json!({ "text": "x", "internal": true })).code().0, 400);
}

#[test]
fn the_submission_is_proved() {
    let server = Server::start();
    let (_, secret) = file(&server);
    let browser = open(&server, &secret);
    let waits = shown(&browser)["proof"].clone();
    assert_eq!(waits["pending"], true, "{waits}");
    server.runtime.block_on(server.audit.step()).unwrap();
    let proof = shown(&browser)["proof"].clone();
    assert_eq!((&proof["pending"], &proof["leaf"]), (&json!(false), &waits["leaf"]));
    let hash = |value: &Value| audit::line::unhex::<32>(value.as_str().unwrap()).unwrap();
    let path: Vec<_> = proof["hashes"].as_array().unwrap().iter().map(hash).collect();
    let (index, size) = (proof["index"].as_u64().unwrap(), proof["tree_size"].as_u64().unwrap());
    let root = audit::tree::inclusion_root(&hash(&proof["leaf"]), index, size, &path);
    assert_eq!(root, Some(hash(&proof["root"])));
}

#[test]
fn whoever_has_an_account_sees_the_team_and_may_make_it_theirs() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let ana = server.sign_in(&[Role::Reporter]);
    // a session's cookie is sent along, so its token is repeated here too
    let opened = ana.change("POST", "/api/v1/receipts", &json!({ "secret": secret }));
    assert_eq!(opened.json()["report"]["owner_team"], "payments");
    let claim = |secret: &str| ana.change("POST", "/api/v1/me/reports/claim", &json!({ "secret": secret }));
    assert_eq!(claim("hcrc_no").code(), (404, "receipt_unknown".into()));
    let claimed = claim(&secret);
    assert_eq!(claimed.status, 200, "{}", String::from_utf8_lossy(&claimed.body));
    assert_eq!(claimed.json()["reporter"]["id"], ana.person);
    assert_eq!(shown(&ana)["claimed"], true);
    let own = ana.get("/api/v1/me/reports").json();
    assert_eq!(own["items"][0]["id"], id);
    let eve = server.sign_in(&[Role::Reporter]);
    let stolen = eve.change("POST", "/api/v1/me/reports/claim", &json!({ "secret": secret }));
    assert_eq!(stolen.code(), (422, "decision_refused".into()));
}

#[test]
fn a_page_that_is_open_hears_of_changes() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let (browser, moderator) = (open(&server, &secret), server.sign_in(&[Role::Moderator]));
    let mut events =
        request("GET", "/api/v1/receipt/events").header("cookie", browser.cookie_header()).open(server.at);
    let (status, headers) = read_head(&mut events);
    assert_eq!(status, 200, "{headers:?}");
    let mut next = || {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(events.read_line(&mut line).unwrap(), 0, "the stream ended");
            if let Some(kind) = line.trim_end().strip_prefix("event: ") {
                return kind.to_owned();
            }
        }
    };
    // what the reporter does not see is no news; the next thing that they do see is
    let path = format!("/api/v1/reports/{id}/messages");
    assert_eq!(moderator.change("POST", &path, &json!({ "text": "hm", "internal": true })).status, 201);
    assert_eq!(decide(&moderator, &id, &json!({ "kind": "accept", "note": "thanks" })).status, 200);
    assert_eq!(next(), "changed");
    assert_eq!(shown(&browser)["state"], "accepted");
    assert_eq!(moderator.change("POST", &path, &json!({ "text": "we are on it" })).status, 201);
    assert_eq!(next(), "changed");
    let read_by = |scope| server.get(&format!("/api/v1/reports/{id}"), &server.api_token(&[scope])).status;
    assert_eq!((read_by(Scope::ReportsRead), read_by(Scope::ReportsWrite)), (200, 403));
}

#[test]
fn one_report_is_not_followed_without_end() {
    let server = Server::start();
    let (_, secret) = file(&server);
    let browser = open(&server, &secret);
    let follow = || {
        let mut stream = request("GET", "/api/v1/receipt/events")
            .header("cookie", browser.cookie_header())
            .open(server.at);
        (read_head(&mut stream).0, stream)
    };
    let followed: Vec<_> = (0..4).map(|_| follow()).collect();
    assert!(followed.iter().all(|(status, _)| *status == 200));
    assert_eq!(follow().0, 429);
    drop(followed);
    server.until(|| follow().0 == 200);
}

#[test]
fn what_is_shown_is_what_the_reference_describes() {
    let server = Server::start();
    let (_, secret) = file(&server);
    let report = shown(&open(&server, &secret));
    let openapi: Value = serde_json::from_str(&huecry_server::openapi_json(&server.app)).unwrap();
    let described = &openapi["components"]["schemas"]["ReceiptShown"]["properties"];
    for name in report.as_object().unwrap().keys() {
        assert!(described[name].is_object(), "{name} is not described");
    }
    for name in described.as_object().unwrap().keys() {
        let optional =
            ["next_update_due", "service", "decision", "incident", "appeal", "owner_team", "proof"];
        assert!(report[name] != Value::Null || optional.contains(&name.as_str()), "{name} is not shown");
    }
}

#[test]
fn a_browser_forgets_when_it_is_told_to() {
    let server = Server::start();
    let (_, secret) = file(&server);
    let browser = open(&server, &secret);
    let forgotten = browser.send(request("DELETE", "/api/v1/receipt").header("origin", "http://test"));
    assert_eq!(forgotten.status, 204);
    assert_eq!(browser.cookie("huecry_receipt"), None);
    assert_eq!(open(&server, &secret).get("/api/v1/receipt").status, 200, "the report stays");
}

#[test]
fn what_is_written_on_one_report_reaches_no_other() {
    let server = Server::start();
    let ((one, first), (other, second)) = (file(&server), file(&server));
    let browser = open(&server, &first);
    assert_eq!(try_open(&browser, &second).status, 200, "another tab");
    let words = json!({ "text": "about the first" }).to_string();
    let write = |id: Option<&str>| {
        let said = request("POST", "/api/v1/receipt/messages").header("origin", "http://test");
        let said = match id {
            Some(id) => said.header("huecry-report", id),
            None => said,
        };
        browser.send(said.body(&words))
    };
    assert_eq!(write(Some(&one)).code(), (409, "receipt_other".into()));
    assert_eq!(write(None).code(), (400, "request_invalid".into()));
    assert_eq!(write(Some(&other)).status, 204);
    let read = browser.send(request("GET", "/api/v1/receipt").header("huecry-report", &one));
    assert_eq!(read.code(), (409, "receipt_other".into()));
    assert_eq!(shown(&open(&server, &first))["messages"], json!([]));
}
