//! What waits at the desk: what is due, what automation accepted, who may appeal; and senders of files who take their time.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, read_answer, request};
use crate::people::Browser;
use crate::report_guests::{file, report, send};
use crate::report_receipts::{decide, open, say, shown};
use access::{Role, Scope};
use huecry_server::Options;
use model::{AuditRecord, Decision, DecisionKind, Principal, ReportId, ReportState, Severity};
use serde_json::{Value, json};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const DAY_MS: i64 = 86_400_000;

fn about(server: &Server, service: &str) -> String {
    let mut body = report();
    body["service"] = json!(service);
    send(server, &body, |request| request).json()["id"].as_str().unwrap().to_owned()
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Has automation accept the report, as it does where an installation wants that.
fn accept_by_automation(server: &Server, id: &str) {
    let id: ReportId = id.parse().unwrap();
    server.runtime.block_on(async {
        let mut unit = server.store.begin().await.unwrap();
        let mut report = unit.reports().get(id).await.unwrap().unwrap();
        let by = Principal::System { part: "reports".to_owned() };
        let audit = AuditRecord::new(&*server.clock, &*server.entropy, by.clone(), "report.decide", id);
        report.state = ReportState::Accepted;
        report.unread = true;
        report.decision = Some(Decision {
            kind: DecisionKind::Accept,
            reason: None,
            policy_version: "1".to_owned(),
            note: String::new(),
            lesson: None,
            severity: Some(Severity::Medium),
            by,
            at_ms: report.created_at_ms,
            automation: true,
            confirmed: None,
            news: false,
        });
        report.next_update_due_ms = None;
        unit.reports().replace(&report, &[], &audit).await.unwrap();
        unit.commit().await.unwrap();
    });
}

fn review(moderator: &Browser, id: &str, version: &Value, body: &Value) -> Answer {
    let path = format!("/api/v1/reports/{id}/review");
    let body = body.to_string();
    let reviewed = request("POST", &path).header("x-csrf-token", &moderator.csrf);
    moderator.send(reviewed.header("if-match", version.to_string()).body(&body))
}

#[test]
fn the_list_is_ordered_by_what_was_promised_and_tells_what_is_overdue() {
    let server = Server::start();
    let first = about(&server, "checkout");
    server.clock.advance_ms(DAY_MS);
    let second = about(&server, "wiki");
    server.clock.advance_ms(1);
    let third = about(&server, "wiki");
    let token = server.api_token(&[Scope::ReportsRead]);
    let list = |query: &str| server.get(&format!("/api/v1/reports{query}"), &token).json();
    assert_eq!(ids(&list("?order=newest")), [third.as_str(), &second, &first]);
    let page = list("?state=waiting&order=due&limit=2");
    assert_eq!((ids(&page), &page["overdue"]), (vec![first.as_str(), &second], &json!(0)));
    let next = page["next"].as_str().unwrap();
    assert_eq!(ids(&list(&format!("?state=waiting&order=due&limit=2&cursor={next}"))), [third.as_str()]);
    assert_eq!(server.get(&format!("/api/v1/reports?cursor={next}"), &token).status, 400);
    assert_eq!(server.get("/api/v1/reports?order=oldest", &token).status, 400);
    server.clock.advance_ms(2 * DAY_MS);
    let late = list("?order=due");
    let overdue: Vec<&Value> =
        late["items"].as_array().unwrap().iter().map(|item| &item["overdue"]).collect();
    assert_eq!((overdue, &late["overdue"]), (vec![&json!(true), &json!(false), &json!(false)], &json!(1)));
    assert_eq!(list("?service=wiki")["overdue"], 0, "of what is asked for");
}

#[test]
fn what_automation_accepted_is_reviewed_by_who_moderates() {
    let server = Server::start();
    let (kept, taken) = (about(&server, "checkout"), about(&server, "wiki"));
    let cannot = json!({ "review": false, "overturn": false });
    accept_by_automation(&server, &kept);
    accept_by_automation(&server, &taken);
    let (ana, bob) = (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::Responder]));
    let list = |browser: &Browser, query: &str| browser.get(&format!("/api/v1/reports{query}")).json();
    let page = list(&ana, "?state=unreviewed");
    assert_eq!((ids(&page).len(), &page["unreviewed"], &page["waiting"]), (2, &json!(2), &json!(2)));
    let item = &page["items"][0];
    assert_eq!(
        (&item["unreviewed"], &item["unread"]),
        (&json!(true), &json!(false)),
        "the reporter said nothing"
    );
    let whole = ana.get(&format!("/api/v1/reports/{kept}")).json();
    assert_eq!(
        (&whole["can"], &whole["decision"]["automation"]),
        (&json!({ "review": true, "overturn": true }), &json!(true))
    );
    assert_eq!(bob.get(&format!("/api/v1/reports/{kept}")).json()["can"], cannot);
    let of_bob = list(&bob, "");
    assert!(of_bob["items"].as_array().unwrap().iter().all(|item| item["unreviewed"] == false), "{of_bob}");
    assert_eq!((&of_bob["unreviewed"], &of_bob["waiting"]), (&json!(0), &json!(0)), "told to who moderates");
    for view in ["?state=unreviewed", "?state=waiting"] {
        assert_eq!(ids(&list(&bob, view)), Vec::<&str>::new(), "{view}");
    }
    let version = &whole["version"];
    let confirm = json!({ "outcome": "confirmed" });
    assert_eq!(review(&bob, &kept, version, &confirm).status, 403);
    assert_eq!(review(&ana, &kept, version, &json!({ "outcome": "maybe" })).status, 400);
    let stale = review(&ana, &kept, &json!(1), &confirm);
    assert_eq!((stale.code(), &stale.json()["current"]["version"]), ((409, "conflict".into()), version));
    let confirmed = review(&ana, &kept, version, &confirm);
    assert_eq!(confirmed.status, 200, "{}", String::from_utf8_lossy(&confirmed.body));
    let confirmed = confirmed.json();
    assert_eq!((&confirmed["state"], &confirmed["can"]), (&json!("accepted"), &cannot));
    assert!(
        confirmed["decision"]["confirmed_by"].is_string()
            && confirmed["decision"]["confirmed_at"].is_string()
    );
    let of_bob = bob.get(&format!("/api/v1/reports/{kept}")).json()["decision"].clone();
    assert!(of_bob["confirmed_by"].is_null() && of_bob["confirmed_at"].is_null(), "{of_bob}");
    let again = review(&ana, &kept, &confirmed["version"], &confirm);
    assert_eq!(again.code(), (409, "report_decided".into()));
    let overturn = json!({ "outcome": "overturned", "explanation": "it was a drill" });
    let overturned = review(&ana, &taken, version, &overturn).json();
    assert_eq!(
        (&overturned["state"], &overturned["decision"]["reason"]),
        (&json!("declined"), &json!("overturned"))
    );
    let page = list(&ana, "?state=unreviewed");
    assert_eq!((ids(&page).len(), &page["unreviewed"]), (0, &json!(0)));
}

#[test]
fn who_answers_for_a_service_reviews_nothing_about_it_and_an_open_appeal_is_decided_first() {
    let server = Server::start();
    let id = about(&server, "checkout");
    accept_by_automation(&server, &id);
    let (ana, owner) =
        (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::ServiceOwner, Role::Moderator]));
    in_team(&server, &owner, "payments");
    let path = format!("/api/v1/reports/{id}");
    let can = |browser: &Browser| browser.get(&path).json()["can"].clone();
    let of_owner = json!({ "appeal": "subject", "review": false, "overturn": false });
    assert_eq!((can(&ana), can(&owner)), (json!({ "review": true, "overturn": true }), of_owner));
    let version = ana.get(&path).json()["version"].clone();
    let overturn = json!({ "outcome": "overturned", "explanation": "it was a drill" });
    for outcome in [&overturn, &json!({ "outcome": "confirmed" })] {
        assert_eq!(review(&owner, &id, &version, outcome).code(), (403, "appeal_same_person".into()));
    }
    let appeal = format!("{path}/appeal");
    assert_eq!(owner.change("POST", &appeal, &json!({ "reason": "it was a drill" })).status, 201);
    assert_eq!(can(&ana), json!({ "review": true, "overturn": false }));
    assert_eq!(review(&ana, &id, &version, &overturn).code(), (409, "appeal_exists".into()));
    assert_eq!(review(&ana, &id, &version, &json!({ "outcome": "confirmed" })).status, 200);
}

#[test]
fn a_reporter_learns_nothing_of_a_review_and_their_words_are_announced() {
    let server = Server::start();
    let (id, secret) = file(&server);
    accept_by_automation(&server, &id);
    let (ana, rita) = (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::Moderator]));
    let holder = open(&server, &secret);
    let news = || ana.get(&format!("/api/v1/reports/{id}")).json()["unread"].clone();
    assert_eq!(news(), false);
    let words = json!({ "text": "it happened again" });
    assert_eq!(say(&holder, "messages", &words).status, 204);
    assert_eq!(news(), true);
    let page = ana.get("/api/v1/reports?state=unreviewed").json();
    assert_eq!((&page["items"][0]["unread"], &page["items"][0]["unreviewed"]), (&json!(true), &json!(true)));
    let answer = json!({ "text": "we look at it", "internal": false });
    assert_eq!(ana.change("POST", &format!("/api/v1/reports/{id}/messages"), &answer).status, 201);
    assert_eq!(news(), false);
    let claim = rita.change("POST", "/api/v1/me/reports/claim", &json!({ "secret": secret }));
    assert_eq!(claim.status, 200, "{}", String::from_utf8_lossy(&claim.body));
    let own = rita.get("/api/v1/me/reports").json();
    assert_eq!(
        (&own["waiting"], &own["unreviewed"], &own["counts"]["accepted"]),
        (&json!(0), &json!(0), &json!(1))
    );
    for own in [&own["items"][0], &rita.get(&format!("/api/v1/reports/{id}")).json()] {
        assert_eq!(
            (&own["unreviewed"], &own["unread"]),
            (&json!(false), &json!(false)),
            "also not to who moderates"
        );
    }
}

/// Puts somebody in a team.
fn in_team(server: &Server, browser: &Browser, team: &str) {
    let person = format!("/api/v1/people/{}", browser.person);
    let people = server.get("/api/v1/people?limit=100", &server.admin_token()).json();
    let of = |item: &&Value| item["id"] == browser.person;
    let version = people["items"].as_array().unwrap().iter().find(of).unwrap()["version"].to_string();
    let body = json!({ "teams": [team] }).to_string();
    let change = request("PATCH", &person).header("if-match", version).bearer(&server.admin_token());
    assert_eq!(change.body(&body).send(server.at).status, 200);
    server.clock.advance_ms(access::FRESH_MS_MAX);
}

#[test]
fn who_may_appeal_is_told_so() {
    let server = Server::start();
    let id = about(&server, "checkout");
    let (ana, owner) = (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::ServiceOwner]));
    in_team(&server, &owner, "payments");
    let can =
        |browser: &Browser| browser.get(&format!("/api/v1/reports/{id}")).json()["can"]["appeal"].clone();
    assert_eq!((can(&ana), can(&owner)), (Value::Null, Value::Null), "nothing is decided");
    decide(&ana, &id, &json!({ "kind": "accept", "note": "" }));
    assert_eq!((can(&ana), can(&owner)), (Value::Null, json!("subject")));
    let path = format!("/api/v1/reports/{id}/appeal");
    assert_eq!(owner.change("POST", &path, &json!({ "reason": "it was a drill" })).status, 201);
    assert_eq!(can(&owner), Value::Null, "once");
}

/// Begins to send a file of `length` bytes, and sends `begun` of them.
fn begin(server: &Server, browser: &Browser, length: usize, begun: &[u8]) -> TcpStream {
    let cookie = browser.cookie_header();
    let add = request("POST", "/api/v1/receipt/attachments")
        .header("cookie", &cookie)
        .header("origin", "http://test")
        .header("huecry-report", shown(browser)["id"].as_str().unwrap())
        .header("huecry-filename", "log.txt")
        .header("content-length", length.to_string());
    let mut stream = add.open(server.at).into_inner();
    stream.write_all(begun).unwrap();
    stream
}

#[test]
fn who_sends_a_file_slowly_is_told_so_and_others_have_room() {
    let options = Options { upload_grace_ms: 1_500, upload_bytes_per_s: 2_000, ..Options::default() };
    let server = Server::start_with(Setup { options, ..Setup::default() });
    let browsers: Vec<Browser> = (0..3).map(|_| open(&server, &file(&server).1)).collect();
    let began = Instant::now();
    let slow: Vec<TcpStream> =
        [0, 0, 1].into_iter().map(|n| begin(&server, &browsers[n], 9_000, b"a line")).collect();
    // until the server has them all
    let refused = loop {
        let mut stream = begin(&server, &browsers[0], 7, b"");
        let _ = stream.write_all(b"a line\n");
        let answer = read_answer(stream);
        if answer.status != 201 || began.elapsed() > Duration::from_secs(1) {
            break answer;
        }
    };
    assert_eq!(refused.status, 429, "{}", String::from_utf8_lossy(&refused.body));
    assert!(refused.json()["detail"].as_str().unwrap().contains("with this report"), "{}", refused.json());
    let mut other = begin(&server, &browsers[2], 7, b"");
    other.write_all(b"a line\n").unwrap();
    assert_eq!(read_answer(other).status, 201, "others have room");
    for stream in slow {
        let answer = read_answer(stream);
        assert_eq!(answer.code(), (408, "request_timeout".into()));
        assert!(answer.json()["detail"].as_str().unwrap().contains("faster"), "{}", answer.json());
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1_500), "{took:?}");
    // who keeps the pace has the time that the file needs
    let began = Instant::now();
    let mut steady = begin(&server, &browsers[0], 12_000, b"");
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(180));
        steady.write_all(&b"a line of text\n".repeat(67)[..1_000]).unwrap();
    }
    let answer = read_answer(BufReader::new(steady).into_inner());
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    assert!(began.elapsed() > Duration::from_millis(1_500), "longer than the grace");
}
