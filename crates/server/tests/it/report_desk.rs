//! Reports at the desk: who reads which, decisions, appeals, digests, thanks.

use crate::fixture::{NOW_MS, Server, Setup};
use crate::http::request;
use crate::people::Browser;
use crate::report_guests::{file, report, send};
use crate::report_receipts::{decide, open, shown};
use access::{Role, Scope};
use huecry_server::ReportOptions;
use serde_json::{Value, json};

fn accept() -> Value {
    json!({ "kind": "accept", "note": "thank you" })
}

fn about(server: &Server, service: &str) -> String {
    let mut body = report();
    body["service"] = json!(service);
    let id = send(server, &body, |request| request).json()["id"].as_str().unwrap().to_owned();
    // what comes later is newer
    server.clock.advance_ms(1);
    id
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Makes somebody of a team.
fn join(server: &Server, browser: &Browser, team: &str) {
    let path = format!("/api/v1/people/{}", browser.person);
    let body = json!({ "teams": [team] }).to_string();
    let people = server.get("/api/v1/people?limit=100", &server.admin_token()).json();
    let person =
        people["items"].as_array().unwrap().iter().find(|person| person["id"] == browser.person).unwrap();
    let change = request("PATCH", &path).header("if-match", person["version"].to_string());
    let answer = change.bearer(&server.admin_token()).body(&body).send(server.at);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn reports_are_listed_filtered_and_counted() {
    let server = Server::start();
    let (checkout, wiki) = (about(&server, "checkout"), about(&server, "wiki"));
    let token = server.api_token(&[Scope::ReportsRead]);
    let list = |query: &str| server.get(&format!("/api/v1/reports{query}"), &token).json();
    let all = list("");
    assert_eq!(ids(&all), [wiki.as_str(), checkout.as_str()], "the newest first");
    assert_eq!(all["counts"], json!({ "received": 2 }));
    let item = &all["items"][1];
    assert_eq!((&item["owner"], &item["service"]), (&json!("@acme/payments"), &json!("checkout")));
    assert_eq!(item["created_at"], "2023-11-14T22:13:20Z");
    assert_eq!(item["due_at"], "2023-11-17T22:13:20Z");
    assert_eq!(ids(&list("?service=wiki")), [wiki.as_str()]);
    assert_eq!(ids(&list("?q=customer%20TABLE")).len(), 2);
    assert_eq!(ids(&list("?q=nothing")).len(), 0);
    assert_eq!(ids(&list("?state=accepted,merged")).len(), 0);
    let first = list("?limit=1");
    assert_eq!(
        ids(&list(&format!("?limit=1&cursor={}", first["next"].as_str().unwrap()))),
        [checkout.as_str()]
    );
    for bad in ["?state=gone", "?limit=0", "?page=2", "?cursor=x"] {
        assert_eq!(server.get(&format!("/api/v1/reports{bad}"), &token).status, 400, "{bad}");
    }
}

#[test]
fn whoever_answers_for_a_service_reads_what_is_about_it() {
    let server = Server::start();
    let (checkout, wiki) = (about(&server, "checkout"), about(&server, "wiki"));
    let (owner, responder) = (server.sign_in(&[Role::ServiceOwner]), server.sign_in(&[Role::Responder]));
    let path = |id: &str| format!("/api/v1/reports/{id}");
    assert_eq!(ids(&owner.get("/api/v1/reports").json()).len(), 0);
    join(&server, &owner, "payments");
    server.clock.advance_ms(access::FRESH_MS_MAX);
    let seen = owner.get("/api/v1/reports").json();
    assert_eq!((ids(&seen), &seen["counts"]), (vec![checkout.as_str()], &json!({ "received": 1 })));
    assert_eq!(owner.get(&path(&checkout)).status, 200);
    assert_eq!(owner.get(&path(&wiki)).code(), (404, "not_found".into()));
    assert_eq!(ids(&owner.get("/api/v1/reports?service=wiki").json()).len(), 0);
    assert_eq!(ids(&responder.get("/api/v1/reports").json()).len(), 2);
    assert_eq!(
        owner.change("POST", &format!("{}/messages", path(&checkout)), &json!({ "text": "x" })).status,
        403
    );
}

#[test]
fn a_decision_is_made_once_on_the_version_that_was_seen() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let (ana, bea) = (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::Moderator]));
    let path = format!("/api/v1/reports/{id}/decision");
    let body = accept().to_string();
    let bare = request("POST", &path).header("x-csrf-token", &ana.csrf).body(&body);
    assert_eq!(ana.send(bare).code(), (428, "version_missing".into()));
    let decided = decide(&ana, &id, &accept());
    assert_eq!(decided.status, 200, "{}", String::from_utf8_lossy(&decided.body));
    assert_eq!(decided.header("etag"), Some("\"2\""));
    let view = decided.json();
    assert_eq!((&view["state"], &view["version"]), (&json!("accepted"), &json!(2)));
    assert_eq!(
        (&view["decision"]["kind"], &view["decision"]["severity"]),
        (&json!("accept"), &json!("medium"))
    );
    let stale = request("POST", &path).header("if-match", "\"1\"").header("x-csrf-token", &bea.csrf);
    let conflict = bea.send(stale.body(&body));
    assert_eq!(conflict.code(), (409, "conflict".into()));
    assert_eq!(conflict.json()["current"]["state"], "accepted");
    let again = decide(&bea, &id, &json!({ "kind": "decline", "reason": "spam", "note": "" }));
    assert_eq!(again.code(), (409, "report_decided".into()));
    assert_eq!(shown(&open(&server, &secret))["decision"]["kind"], "accept");
    let record = server.get("/api/v1/audit?action=report.decide", &server.admin_token()).json();
    assert_eq!(record["items"][0]["object"], id);
    assert_eq!(record["items"][0]["principal"]["id"], ana.person);
}

#[test]
fn decisions_follow_the_policy() {
    let server = Server::start();
    let (id, _) = file(&server);
    let moderator = server.sign_in(&[Role::Moderator]);
    let hidden = server.open_incident_of(1, "identity").0.to_string();
    let put = format!("/api/v1/incidents/{hidden}/visibility");
    let body = json!({ "visibility": "restricted", "reason": "an insider" }).to_string();
    let admin = server.admin_token();
    assert_eq!(
        request("PUT", &put).bearer(&admin).header("if-match", "1").body(&body).send(server.at).status,
        200
    );
    let cases = [
        (json!({ "kind": "forgive" }), 400, "request_invalid"),
        (json!({ "kind": "decline", "note": "no" }), 422, "decision_refused"),
        (json!({ "kind": "decline", "reason": "because", "note": "no" }), 422, "decision_refused"),
        (json!({ "kind": "ask", "note": "" }), 422, "decision_refused"),
        (json!({ "kind": "merge", "note": "x" }), 422, "decision_refused"),
        (json!({ "kind": "accept", "severity": "critical", "note": "x" }), 422, "decision_refused"),
        (json!({ "kind": "merge", "incident": hidden }), 404, "not_found"),
        (json!({ "kind": "merge", "incident": "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV" }), 404, "not_found"),
        (json!({ "kind": "merge", "incident": "x" }), 404, "not_found"),
    ];
    for (decision, status, code) in cases {
        let answer = decide(&moderator, &id, &decision);
        assert_eq!(answer.code(), (status, code.to_owned()), "{decision}");
    }
    let incident = server.open_incident(2);
    let merged =
        decide(&moderator, &id, &json!({ "kind": "merge", "incident": incident.to_string(), "note": "" }));
    assert_eq!(merged.json()["incident"], incident.to_string());
    // whoever may not see the incident is not told of it
    let blind = server.get(&format!("/api/v1/reports/{id}"), &server.api_token(&[Scope::ReportsRead])).json();
    assert!(blind["incident"].is_null(), "{blind}");
    let templates = moderator.get("/api/v1/report-templates").json();
    assert!(ids(&templates).contains(&"ask-where"));
}

#[test]
fn an_appeal_is_decided_by_somebody_else() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let (ana, bea) = (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::Moderator]));
    let browser = open(&server, &secret);
    let appeal = || {
        let body = json!({ "reason": "it was no planned copy, ask ops@example.com" }).to_string();
        let made = request("POST", "/api/v1/receipt/appeal").header("origin", "http://test");
        browser.send(made.header("huecry-report", &id).body(&body))
    };
    assert_eq!(appeal().code(), (409, "appeal_not_possible".into()));
    assert_eq!(
        decide(&ana, &id, &json!({ "kind": "decline", "reason": "expected", "note": "planned" })).status,
        200
    );
    assert_eq!(shown(&browser)["can_appeal"], true);
    assert_eq!(appeal().status, 204);
    assert_eq!(appeal().code(), (409, "appeal_exists".into()));
    assert_eq!(shown(&browser)["appeal"], json!({ "state": "open", "due_at": "2023-11-21T22:13:20Z" }));
    let open = bea.get("/api/v1/appeals?state=open").json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&open["items"][0]["by"], &open["items"][0]["report"]["id"]),
        (&json!("reporter"), &json!(id))
    );
    assert!(!open.to_string().contains("ops@example.com"), "it is masked");
    let path = format!("/api/v1/appeals/{}/decision", open["items"][0]["id"].as_str().unwrap());
    let overturn = json!({ "outcome": "overturned", "explanation": "you are right" });
    assert_eq!(ana.change("POST", &path, &overturn).code(), (403, "appeal_same_person".into()));
    assert_eq!(bea.change("POST", &path, &json!({ "outcome": "maybe", "explanation": "x" })).status, 400);
    let decided = bea.change("POST", &path, &overturn);
    assert_eq!(decided.status, 200, "{}", String::from_utf8_lossy(&decided.body));
    assert_eq!(decided.json()["report"]["state"], "accepted");
    let report = shown(&browser);
    assert_eq!((&report["state"], &report["appeal"]["outcome"]), (&json!("accepted"), &json!("overturned")));
    assert_eq!(bea.change("POST", &path, &overturn).code(), (409, "appeal_not_possible".into()));
}

#[test]
fn the_subject_appeals_and_others_do_not_learn_that_there_is_something() {
    let server = Server::start();
    let (id, _) = file(&server);
    let moderator = server.sign_in(&[Role::Moderator]);
    assert_eq!(decide(&moderator, &id, &accept()).status, 200);
    let (owner, other) = (server.sign_in(&[Role::Reporter]), server.sign_in(&[Role::Reporter]));
    join(&server, &owner, "payments");
    server.clock.advance_ms(access::FRESH_MS_MAX);
    let path = format!("/api/v1/reports/{id}/appeal");
    let why = json!({ "reason": "that host is ours" });
    assert_eq!(other.change("POST", &path, &why).code(), (404, "not_found".into()));
    let none = path.replace(&id, "rep_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert_eq!(other.change("POST", &none, &why).code(), (404, "not_found".into()));
    let made = owner.change("POST", &path, &why);
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let made = made.json();
    let mut names: Vec<&String> = made.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["by", "due_at", "id", "state"], "nothing of the report");
    assert_eq!(made["by"], "subject");
}

#[test]
fn reputation_says_why() {
    let server = Server::start();
    let (ana, moderator) = (server.sign_in(&[Role::Reporter]), server.sign_in(&[Role::Moderator]));
    let sent = ana.change("POST", "/api/v1/reports", &report()).json();
    let id = sent["id"].as_str().unwrap();
    assert_eq!(ana.get("/api/v1/me/reputation").json()["categories"], json!([]));
    assert_eq!(decide(&moderator, id, &accept()).status, 200);
    let reputation = ana.get("/api/v1/me/reputation").json();
    let category = &reputation["categories"][0];
    assert_eq!(
        (&category["category"], &category["tier"]),
        (&json!("suspicious-activity"), &json!("newcomer"))
    );
    assert_eq!(category["entries"][0]["report"], id);
    assert_eq!(category["entries"][0]["weight"], 1.0);
    let (low, mean, high) = (&category["low"], &category["mean"], &category["high"]);
    assert!(low.as_f64() < mean.as_f64() && mean.as_f64() < high.as_f64(), "{category}");
    let seen = moderator.get(&format!("/api/v1/reports/{id}")).json();
    assert_eq!(&seen["reputation"]["mean"], mean);
    assert_eq!(request("GET", reputation["formula"].as_str().unwrap()).send(server.at).status, 200);
}

#[test]
fn thanks_are_for_who_wants_them() {
    let options = ReportOptions { leaderboard: true, ..ReportOptions::default() };
    let server = Server::start_with(Setup { reports: Some(options), ..Setup::default() });
    let (ana, moderator) = (server.sign_in(&[Role::Reporter]), server.sign_in(&[Role::Moderator]));
    let sent = ana.change("POST", "/api/v1/reports", &report()).json();
    assert_eq!(decide(&moderator, sent["id"].as_str().unwrap(), &accept()).status, 200);
    let thanked = || request("GET", "/api/v1/credits").send(server.at).json()["items"].clone();
    assert_eq!(ana.get("/api/v1/me/credit").json(), json!({ "shown": false }));
    assert_eq!(thanked(), json!([]));
    let said =
        ana.change("PUT", "/api/v1/me/credit", &json!({ "display_name": "Ana of payments", "shown": true }));
    assert_eq!(said.status, 200, "{}", String::from_utf8_lossy(&said.body));
    assert_eq!(thanked(), json!([{ "display_name": "Ana of payments", "score": 0.6 }]));
    let bad =
        ana.change("PUT", "/api/v1/me/credit", &json!({ "display_name": "x".repeat(500), "shown": true }));
    assert_eq!(bad.status / 100, 4);
    assert_eq!(ana.change("PUT", "/api/v1/me/credit", &json!({ "shown": false })).status, 200);
    assert_eq!(thanked(), json!([]));
}

#[test]
fn a_digest_is_drafted_read_and_published_and_points_at_nobody() {
    let server = Server::start();
    let moderator = server.sign_in(&[Role::Moderator]);
    let reporters: Vec<Browser> = (0..6).map(|_| server.sign_in(&[Role::Reporter])).collect();
    for reporter in &reporters {
        let sent = reporter.change("POST", "/api/v1/reports", &report()).json();
        assert_eq!(decide(&moderator, sent["id"].as_str().unwrap(), &accept()).status, 200);
    }
    let lone = about(&server, "wiki");
    assert_eq!(
        decide(&moderator, &lone, &json!({ "kind": "decline", "reason": "expected", "note": "x" })).status,
        200
    );
    let new = json!({ "from": "2023-11-01", "to": "2023-12-01T00:00:00Z" });
    let drafted = moderator.change("POST", "/api/v1/digests", &new);
    assert_eq!(drafted.status, 201, "{}", String::from_utf8_lossy(&drafted.body));
    let draft = drafted.json();
    assert_eq!(
        (&draft["state"], &draft["title"]),
        (&json!("draft"), &json!("Reports from 2023-11-01 to 2023-12-01"))
    );
    let id = draft["id"].as_str().unwrap();
    let guest = |path: &str| request("GET", path).send(server.at);
    assert_eq!(guest("/api/v1/digests").json()["items"], json!([]));
    assert_eq!(guest("/api/v1/digests?state=draft").code(), (403, "scope_missing".into()));
    assert_eq!(guest(&format!("/api/v1/digests/{id}")).status, 404, "a draft is for those who moderate");
    assert_eq!(ids(&moderator.get("/api/v1/digests?state=draft").json()), [id]);
    let published = moderator.change("POST", &format!("/api/v1/digests/{id}/publish"), &json!({}));
    assert_eq!(published.status, 200, "{}", String::from_utf8_lossy(&published.body));
    assert_eq!(moderator.change("POST", &format!("/api/v1/digests/{id}/publish"), &json!({})).status, 404);
    let digest = guest(&format!("/api/v1/digests/{id}")).json();
    assert!(digest["approved_by"].is_null(), "{digest}");
    let text = digest["sections"].to_string();
    assert!(text.contains("\"5\""), "six are told as at least five: {text}");
    assert!(!text.contains("wiki"), "one alone is not told: {text}");
    let feed = guest("/api/v1/digests/feed.xml");
    assert_eq!(feed.header("content-type"), Some("application/atom+xml; charset=utf-8"));
    let feed = String::from_utf8(feed.body).unwrap();
    assert!(
        feed.contains("http://www.w3.org/2005/Atom") && feed.contains(&format!("http://test/digests/{id}"))
    );
    for bad in [json!({ "from": "x", "to": "y" }), json!({ "from": "2023-12-01", "to": "2023-11-01" })] {
        assert_eq!(moderator.change("POST", "/api/v1/digests", &bad).code(), (400, "request_invalid".into()));
    }
}

#[test]
fn notices_are_acknowledged() {
    let server = Server::start();
    let (id, _) = file(&server);
    let notice = model::ReportNotice {
        id: model::NoticeId::new(&*server.clock, &*server.entropy),
        kind: model::NoticeKind::Ring,
        key: "ring of one".into(),
        service: Some("checkout".into()),
        score: 0.9,
        reports: vec![id.parse().unwrap()],
        features: json!({ "reporters": 50 }),
        region: "default".into(),
        at_ms: NOW_MS,
        acknowledged_by: None,
        acknowledged_at_ms: None,
    };
    let part = model::Principal::System { part: "report".into() };
    let audit =
        model::AuditRecord::new(&*server.clock, &*server.entropy, part, "report_notice.add", notice.id);
    server.runtime.block_on(async {
        let mut unit = server.store.begin().await.unwrap();
        unit.notices().add(&notice, &audit).await.unwrap();
        unit.commit().await.unwrap();
    });
    let moderator = server.sign_in(&[Role::Moderator]);
    let listed = moderator.get("/api/v1/report-notices").json();
    assert_eq!(
        (&listed["items"][0]["kind"], &listed["items"][0]["features"]["reporters"]),
        (&json!("ring"), &json!(50))
    );
    let path = format!("/api/v1/report-notices/{}/acknowledge", notice.id);
    let done = moderator.change("POST", &path, &json!({}));
    assert_eq!(done.status, 200, "{}", String::from_utf8_lossy(&done.body));
    assert!(done.json()["acknowledged_by"].is_string());
    let whole = moderator.get(&format!("/api/v1/reports/{id}")).json();
    assert_eq!(
        (&whole["automation_held"], &whole["notices"][0]["id"]),
        (&json!(true), &json!(notice.id.to_string()))
    );
}

#[test]
fn what_moderators_say_among_themselves_is_for_them_and_not_for_the_reporter() {
    let server = Server::start();
    let (moderator, responder) = (server.sign_in(&[Role::Moderator]), server.sign_in(&[Role::Responder]));
    let own =
        moderator.change("POST", "/api/v1/reports", &report()).json()["id"].as_str().unwrap().to_owned();
    let (foreign, _) = file(&server);
    let other = server.sign_in(&[Role::Moderator]);
    for id in [&own, &foreign] {
        let note = json!({ "text": "he exaggerates", "internal": true });
        assert_eq!(other.change("POST", &format!("/api/v1/reports/{id}/messages"), &note).status, 201);
    }
    let seen = |browser: &Browser, id: &str| {
        let whole = browser.get(&format!("/api/v1/reports/{id}")).json();
        (whole["messages"].as_array().unwrap().len(), whole["reputation"].is_object())
    };
    assert_eq!(seen(&other, &own), (1, true));
    assert_eq!(seen(&moderator, &own), (0, false), "it is their own report");
    assert_eq!(seen(&moderator, &foreign), (1, false), "of a guest there is none");
    assert_eq!((seen(&responder, &own), seen(&responder, &foreign)), ((0, false), (0, false)));
}
