//! Containment over HTTP: asked for, approved by somebody else, applied, seen, taken back; and everything that is refused.

use crate::contain_kit::{start, two};
use crate::http::request;
use crate::people::Browser;
use access::{Role, Scope};
use serde_json::{Value, json};

const CONTAINMENTS: &str = "/api/v1/containments";

/// What is in effect gets another end: for a day at most by who asked for it, for good by somebody else.
fn is_kept((ana, ben): (&Browser, &Browser), id: &str) -> Value {
    let keep = format!("{CONTAINMENTS}/{id}/keep");
    let for_good = json!({ "reason": "it is still out there" });
    assert_eq!(ana.change("POST", &keep, &for_good).code(), (403, "containment_self_approval".into()));
    let long = json!({ "minutes": 24 * 60 + 1, "reason": "it is still out there" });
    assert_eq!(ana.change("POST", &keep, &long).code(), (403, "containment_self_approval".into()));
    let never = json!({ "minutes": 0, "reason": "it is still out there" });
    assert_eq!(ben.change("POST", &keep, &never).code().1, "request_invalid");
    let day = json!({ "minutes": 24 * 60, "reason": "it is still out there" });
    let kept = ana.change("POST", &keep, &day);
    assert_eq!(kept.status, 200, "{}", String::from_utf8_lossy(&kept.body));
    assert!(kept.json()["revert_at"].is_string());
    let kept = ben.change("POST", &keep, &for_good).json();
    assert_eq!((&kept["kept"], &kept["revert_at"]), (&json!(true), &Value::Null), "{kept}");
    // what is said of exactly what was seen names its version
    let settle = format!("{CONTAINMENTS}/{id}/settle");
    let body = json!({ "happened": true, "reason": "I looked" });
    assert_eq!(ben.change("POST", &settle, &body).code(), (428, "version_missing".into()));
    kept
}

#[test]
fn one_asks_another_approves_and_it_is_taken_back() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let seen = ana.change(
        "POST",
        "/api/v1/containments/preview",
        &json!({ "action": "toy.lock", "target": "till" }),
    );
    assert_eq!(seen.status, 200, "{}", String::from_utf8_lossy(&seen.body));
    let seen = seen.json();
    assert_eq!(
        seen["plan"]["changes"],
        json!([{ "what": "thing till", "before": "open", "after": "locked" }])
    );
    assert_eq!(seen["plan"]["target"]["belongs_to"], json!([{ "kind": "account", "name": "nobody" }]));
    assert_eq!(seen["decision"]["outcome"], "approval");
    assert_eq!(seen["limit"], json!({ "used": 0, "max": 3, "window_minutes": 60 }));
    assert_eq!(seen["plan"]["ttl_minutes"], 60);
    let asked = ana.change(
        "POST",
        CONTAINMENTS,
        &json!({ "action": "toy.lock", "target": "till", "reason": "it leaked", "plan_sha256": seen["plan_sha256"] }),
    );
    assert_eq!(asked.status, 201, "{}", String::from_utf8_lossy(&asked.body));
    let etag = asked.header("etag").unwrap().to_owned();
    let asked = asked.json();
    assert_eq!(etag, format!("\"{}\"", asked["version"]));
    assert_eq!(asked["state"], "awaiting_approval");
    assert_eq!(asked["approvals_missing"], 1);
    assert_eq!(
        asked["can"],
        json!({ "approve": false, "approve_why": "you have asked for it: somebody else decides",
        "undo": false, "keep": false, "keep_for_good": false, "settle": false, "break_glass": true, "cancel": true })
    );
    server.work();
    assert!(!vendor.is_locked("till"), "nothing is applied that nobody has approved");

    assert_eq!(ana.vote(&asked, true).code(), (403, "containment_self_approval".into()));
    assert_eq!(ben.containment(&asked)["can"]["approve"], true);
    let approved = ben.vote(&asked, true);
    assert_eq!(approved.status, 200, "{}", String::from_utf8_lossy(&approved.body));
    assert_eq!(approved.json()["state"], "approved");
    server.work();
    assert!(vendor.is_locked("till"));
    let shown = ben.containment(&asked);
    assert_eq!((&shown["state"], &shown["in_effect"]), (&json!("verified"), &json!(true)));
    assert_eq!(shown["votes"][0]["person"], ben.person.as_str());
    assert!(shown["revert_at"].is_string() && shown["can"]["undo"] == true);

    let shown = is_kept((&ana, &ben), shown["id"].as_str().unwrap());
    let undo = format!("{CONTAINMENTS}/{}/undo", shown["id"].as_str().unwrap());
    let body = json!({ "reason": "it was a test" });
    let stale = ana.decide(&undo, &asked["version"], &body);
    assert_eq!(stale.code(), (409, "conflict".into()));
    assert_eq!(stale.json()["current"]["state"], "verified");
    assert_eq!(ana.decide(&undo, &shown["version"], &body).json()["state"], "reverting");
    server.work();
    assert!(!vendor.is_locked("till"));
    let shown = ana.containment(&asked);
    assert_eq!(shown["state"], "reverted");
    assert_eq!(vendor.changes(), ["locked till", "open till"]);
    let again = ana.decide(&undo, &shown["version"], &body);
    assert_eq!(again.code(), (409, "containment_settled".into()));
    let metrics = server.get("/metrics", &server.api_token(&[Scope::MetricsRead]));
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(
        metrics.contains(r#"huecry_containment_moves_total{from="",to="awaiting_approval"} 1"#),
        "{metrics}"
    );
}

#[test]
fn its_time_takes_it_back() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let asked = ana.ask("till").json();
    ben.vote(&asked, true);
    server.work();
    assert!(vendor.is_locked("till"));
    server.clock.advance_ms(60 * 60_000 - 1);
    server.work();
    assert!(vendor.is_locked("till"));
    server.clock.advance_ms(1);
    server.work();
    assert!(!vendor.is_locked("till"));
}

#[test]
fn an_answer_is_for_one_plan_once_and_in_time() {
    let (server, _) = start();
    let (ana, ben) = two(&server);
    // two people for what is grave
    let body = json!({ "action": "toy.hard_lock", "target": "till", "reason": "it leaked" });
    let asked = ana.change("POST", CONTAINMENTS, &body).json();
    assert_eq!(asked["decision"]["people"], 2);
    let forged = json!({ "id": asked["id"], "version": asked["version"], "plan_sha256": "0".repeat(64) });
    assert_eq!(ben.vote(&forged, true).code(), (409, "plan_changed".into()));
    let no_hash = json!({ "id": asked["id"], "version": asked["version"], "plan_sha256": "yes" });
    assert_eq!(ben.vote(&no_hash, true).code(), (400, "request_invalid".into()));
    let once = ben.vote(&asked, true).json();
    assert_eq!((&once["state"], &once["approvals_missing"]), (&json!("awaiting_approval"), &json!(1)));
    // the same request again is of a version that is gone; with the new version it counts once all the same
    assert_eq!(ben.vote(&asked, true).code(), (409, "conflict".into()));
    assert_eq!(ben.vote(&once, true).code(), (409, "containment_voted".into()));
    server.clock.advance_ms(4 * 60 * 60_000);
    let cyd = server.sign_in(&[Role::Responder]);
    assert_eq!(cyd.vote(&once, true).code(), (409, "approval_expired".into()));
    server.work();
    assert_eq!(cyd.containment(&asked)["state"], "expired");
    let late = cyd.containment(&asked);
    assert_eq!(cyd.vote(&late, true).code(), (409, "containment_settled".into()));
}

#[test]
fn a_no_must_be_said_why_and_ends_it() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let asked = ana.ask("till").json();
    let path = format!("{CONTAINMENTS}/{}/votes", asked["id"].as_str().unwrap());
    let no = json!({ "approves": false, "plan_sha256": asked["plan_sha256"] });
    assert_eq!(ben.decide(&path, &asked["version"], &no).code(), (422, "decision_refused".into()));
    assert_eq!(ben.vote(&asked, false).json()["state"], "denied");
    server.work();
    assert!(vendor.changes().is_empty());
}

#[test]
fn a_plan_that_is_out_of_date_is_not_applied() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let seen = ana.change(
        "POST",
        "/api/v1/containments/preview",
        &json!({ "action": "toy.lock", "target": "till" }),
    );
    vendor.own("till", "somebody");
    let body = json!({ "action": "toy.lock", "target": "till", "reason": "r", "plan_sha256": seen.json()["plan_sha256"] });
    assert_eq!(ana.change("POST", CONTAINMENTS, &body).code(), (409, "plan_changed".into()));
    let asked = ana.ask("till").json();
    ben.vote(&asked, true);
    vendor.lock("till");
    server.work();
    let shown = ben.containment(&asked);
    assert_eq!(shown["state"], "failed", "{shown}");
    assert!(vendor.changes().is_empty(), "what somebody else did is not ours");
}

#[test]
fn machines_ask_and_decide_nothing() {
    let (server, _) = start();
    let (ana, ben) = two(&server);
    let scopes = [Scope::ContainmentsRead, Scope::ContainmentsRequest, Scope::ContainmentsApprove];
    let token = server.api_token(&scopes);
    let body = json!({ "action": "toy.lock", "target": "till", "reason": "a rule says so" }).to_string();
    let asked = server.post(CONTAINMENTS).bearer(&token).body(&body).send(server.at);
    assert_eq!(asked.status, 201, "{}", String::from_utf8_lossy(&asked.body));
    let asked = asked.json();
    assert_eq!(asked["requested_by"]["kind"], "token");
    let hash = &asked["plan_sha256"];
    for (verb, body) in [
        ("votes", json!({ "approves": true, "plan_sha256": hash })),
        ("undo", json!({ "reason": "r" })),
        ("settle", json!({ "happened": true, "reason": "r" })),
        ("break-glass", json!({ "reason": "r" })),
    ] {
        let path = format!("{CONTAINMENTS}/{}/{verb}", asked["id"].as_str().unwrap());
        let body = body.to_string();
        let answer =
            server.post(&path).bearer(&token).header("if-match", "\"2\"").body(&body).send(server.at);
        assert_eq!(answer.code(), (403, "person_needed".into()), "{verb}");
    }
    // a token that a person made for themselves is that person
    let own = json!({ "name": "cli", "scopes": ["containments:read", "containments:request", "containments:approve"] });
    let own = ben.change("POST", "/api/v1/me/tokens", &own);
    assert_eq!(own.status, 201, "{}", String::from_utf8_lossy(&own.body));
    let own = own.json()["secret"].as_str().unwrap().to_owned();
    let path = format!("{CONTAINMENTS}/{}/votes", asked["id"].as_str().unwrap());
    let yes = json!({ "approves": true, "plan_sha256": hash }).to_string();
    let version = format!("\"{}\"", asked["version"]);
    let answer = server.post(&path).bearer(&own).header("if-match", &version).body(&yes).send(server.at);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.json()["votes"][0]["person"], ben.person.as_str());
    // and asks as that person: the session does not approve it
    let body = json!({ "action": "toy.lock", "target": "desk", "reason": "r" }).to_string();
    let asked = server.post(CONTAINMENTS).bearer(&own).body(&body).send(server.at).json();
    assert_eq!(ben.vote(&asked, true).code(), (403, "containment_self_approval".into()));
    assert_eq!(ana.vote(&asked, true).status, 200);
}

#[test]
fn who_makes_a_token_does_not_approve_what_it_asks_for() {
    let (server, _) = start();
    let (_, ben) = two(&server);
    let admin = server.sign_in(&[Role::Admin]);
    let new = json!({ "name": "ci", "scopes": ["containments:request", "tokens:admin"] });
    let first = admin.change("POST", "/api/v1/tokens", &new).json();
    // a token that was made by a token
    let new = json!({ "name": "ci 2", "scopes": ["containments:request"] }).to_string();
    let first = first["secret"].as_str().unwrap();
    let second = server.post("/api/v1/tokens").bearer(first).body(&new).send(server.at).json();
    for (secret, target) in [(first, "till"), (second["secret"].as_str().unwrap(), "desk")] {
        let body = json!({ "action": "toy.lock", "target": target, "reason": "r" }).to_string();
        let asked = server.post(CONTAINMENTS).bearer(secret).body(&body).send(server.at).json();
        assert_eq!(admin.vote(&asked, true).code(), (403, "containment_self_approval".into()), "{target}");
        assert_eq!(ben.vote(&asked, true).status, 200, "{target}");
    }
}

#[test]
fn what_is_protected_is_not_touched_whoever_asks() {
    let (server, vendor) = start();
    let (ana, _) = two(&server);
    let admin = server.sign_in(&[Role::Admin]);
    vendor.own("laptop", "ceo");
    for (who, target) in [(&ana, "crown_jewels"), (&admin, "CROWN"), (&admin, "crown"), (&ana, "laptop")] {
        let refused = who.ask(target).code();
        // a name of another form never comes to the list
        let code = if target == "CROWN" { "containment_not_possible" } else { "containment_protected" };
        assert_eq!(refused, (422, code.into()), "{target}");
        let body = json!({ "action": "toy.lock", "target": target });
        assert_eq!(who.change("POST", "/api/v1/containments/preview", &body).code(), (422, code.into()));
    }
    let listed = admin.get(CONTAINMENTS).json();
    assert_eq!(listed["items"], json!([]));
}

#[test]
fn names_and_numbers_have_bounds() {
    let (server, _) = start();
    let (ana, _) = two(&server);
    for (action, target, code) in [
        ("toy.unlock", "till", (404, "connector_unknown")),
        ("none.lock", "till", (404, "connector_unknown")),
        ("lock", "till", (404, "connector_unknown")),
        ("far.lock", "till", (409, "connector_not_connected")),
        ("toy.lock", "../till", (422, "containment_not_possible")),
    ] {
        let body = json!({ "action": action, "target": target, "reason": "r" });
        let answer = ana.change("POST", CONTAINMENTS, &body).code();
        assert_eq!(answer, (code.0, code.1.into()), "{action} {target}");
    }
    for (minutes, code) in [(0_u64, 422), (u64::MAX, 422), (60 * 24 * 31, 422)] {
        let body = json!({ "action": "toy.lock", "target": "till", "reason": "r", "ttl_minutes": minutes });
        assert_eq!(ana.change("POST", CONTAINMENTS, &body).status, code, "{minutes}");
    }
    let no_reason = json!({ "action": "toy.lock", "target": "till" });
    assert_eq!(ana.change("POST", CONTAINMENTS, &no_reason).code(), (422, "decision_refused".into()));
    assert_eq!(ana.ask("one").status, 201);
    assert_eq!(ana.ask("one").code(), (409, "containment_under_way".into()));
    assert_eq!(ana.ask("two").status, 201);
    assert_eq!(ana.ask("three").status, 201);
    assert_eq!(ana.ask("four").code(), (429, "containment_limit".into()));
    let pages = ana.get("/api/v1/containments?limit=2&state=open").json();
    assert_eq!(pages["items"].as_array().unwrap().len(), 2);
    let rest = format!("/api/v1/containments?limit=2&cursor={}", pages["next_cursor"].as_str().unwrap());
    let rest = ana.get(&rest).json();
    assert_eq!((rest["items"].as_array().unwrap().len(), rest.get("next_cursor")), (1, None));
    assert_eq!(ana.get("/api/v1/containments?state=nowhere").code(), (400, "request_invalid".into()));
    assert_eq!(ana.get("/api/v1/containments?state=in_effect").json()["items"], json!([]));
    let actions = ana.get("/api/v1/actions").json();
    let connected = |action: &Value| (action["name"].clone(), action["connected"].clone());
    let actions: Vec<_> = actions["items"].as_array().unwrap().iter().map(connected).collect();
    assert!(actions.contains(&(json!("toy.lock"), json!(true))), "{actions:?}");
    assert!(actions.contains(&(json!("far.lock"), json!(false))), "{actions:?}");
}

#[test]
fn what_is_sent_again_is_asked_once() {
    let (server, _) = start();
    let (ana, _) = two(&server);
    let body = json!({ "action": "toy.lock", "target": "till", "reason": "r" }).to_string();
    let ask = |body: &str| {
        let request = request("POST", CONTAINMENTS).header("x-csrf-token", &ana.csrf);
        let body = body.to_owned();
        ana.send(request.header("idempotency-key", "k1").body(&body))
    };
    let (first, again) = (ask(&body), ask(&body));
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({ "action": "toy.lock", "target": "desk", "reason": "r" }).to_string();
    assert_eq!(ask(&other).code(), (422, "idempotency_key_reused".into()));
}

#[test]
fn what_is_for_a_hidden_incident_is_not_there() {
    let (server, _) = start();
    let (ana, ben) = two(&server);
    let admin = server.sign_in(&[Role::Admin]);
    let hidden = server.open_restricted(1, &ana.person).to_string();
    let body = json!({ "action": "toy.lock", "target": "till", "incident": hidden, "reason": "r" });
    assert_eq!(ben.change("POST", CONTAINMENTS, &body).code(), (404, "not_found".into()));
    let asked = ana.change("POST", CONTAINMENTS, &body);
    assert_eq!(asked.status, 201, "{}", String::from_utf8_lossy(&asked.body));
    let asked = asked.json();
    assert_eq!(asked["incident"], hidden.as_str());
    assert!(asked["incident_title"].is_string());
    let path = format!("{CONTAINMENTS}/{}", asked["id"].as_str().unwrap());
    assert_eq!(ben.get(&path).code(), (404, "not_found".into()));
    assert_eq!(ben.get(CONTAINMENTS).json()["items"], json!([]));
    assert_eq!(ben.get(&format!("{CONTAINMENTS}?incident={hidden}")).code(), (404, "not_found".into()));
    assert_eq!(ben.vote(&asked, true).code(), (404, "not_found".into()));
    // that the same is under way is said to everybody, which one it is to those who see it
    for (who, sees) in [(&ana, true), (&ben, false)] {
        let again = who.ask("till");
        assert_eq!(again.code(), (409, "containment_under_way".into()));
        assert_eq!(again.json().to_string().contains(asked["id"].as_str().unwrap()), sees);
    }
    assert_eq!(admin.vote(&asked, true).status, 200);
    // an auditor reads that something was done, not what
    let auditor = server.sign_in(&[Role::Auditor]);
    let records = auditor.get("/api/v1/audit?action=containment.plan").json();
    let text = records["items"][0].to_string();
    assert!(!text.contains("till") && !text.contains(&hidden), "{text}");
}

#[test]
fn roles_see_and_decide_as_they_should() {
    let (server, _) = start();
    let (ana, _) = two(&server);
    let asked = ana.ask("till").json();
    let path = format!("{CONTAINMENTS}/{}", asked["id"].as_str().unwrap());
    for (role, sees) in [
        (Role::Admin, true),
        (Role::DetectionEngineer, true),
        (Role::ServiceOwner, true),
        (Role::Auditor, true),
        (Role::PrivacyOfficer, true),
        (Role::Moderator, false),
        (Role::Reporter, false),
    ] {
        let browser = server.sign_in(&[role]);
        assert_eq!(browser.get(&path).status, if sees { 200 } else { 403 }, "{role}");
        if role != Role::Admin {
            assert_eq!(browser.vote(&asked, true).code(), (403, "scope_missing".into()), "{role}");
            assert_eq!(browser.ask("desk").code(), (403, "scope_missing".into()), "{role}");
        }
    }
}

#[test]
fn glass_is_broken_on_record_and_what_nobody_can_tell_a_person_says() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let asked = ana.ask("till").json();
    vendor.deafen();
    let path = |verb: &str| format!("{CONTAINMENTS}/{}/{verb}", asked["id"].as_str().unwrap());
    let early = json!({ "happened": true, "reason": "r" });
    assert_eq!(
        ben.decide(&path("settle"), &asked["version"], &early).code(),
        (409, "containment_settled".into())
    );
    let broken = ana.decide(&path("break-glass"), &asked["version"], &json!({ "reason": "nobody answers" }));
    assert_eq!(broken.json()["state"], "approved");
    server.work();
    // the answer was lost, a look later says that it took effect
    server.clock.advance_ms(60_000);
    server.work();
    assert_eq!(ben.containment(&asked)["state"], "verified");
    assert_eq!(vendor.changes(), ["locked till"]);
    let records = server.get("/api/v1/audit?action=containment.break_glass", &server.admin_token()).json();
    assert_eq!(records["items"][0]["reason"], "nobody answers");
    assert_eq!(records["items"][0]["principal"]["id"], ana.person.as_str());
}
