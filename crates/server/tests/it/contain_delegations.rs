//! Letting another answer, over HTTP: for a time, for oneself, seen by both, and on record with both names.

use crate::contain_kit::{start, two};
use crate::fixture::Server;
use crate::http::Answer;
use crate::people::Browser;
use access::{Role, Scope};
use model::Clock;
use serde_json::{Value, json};

const DELEGATIONS: &str = "/api/v1/delegations";
const HOUR_MS: i64 = 3_600_000;

/// The time after so long, as the API takes it.
fn after(server: &Server, ms: i64) -> String {
    let at_ms = server.clock.now_ms().saturating_add(ms);
    jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string()
}

fn give(server: &Server, from: &Browser, to: &Browser, ms: i64) -> Answer {
    let body = json!({ "to": to.person, "until": after(server, ms), "reason": "on holiday" });
    from.change("POST", DELEGATIONS, &body)
}

/// Answers for somebody else.
fn vote_for(by: &Browser, whom: &Browser, shown: &Value) -> Answer {
    let path = format!("/api/v1/containments/{}/votes", shown["id"].as_str().unwrap());
    let body = json!({ "approves": true, "plan_sha256": shown["plan_sha256"], "on_behalf_of": whom.person });
    by.decide(&path, &shown["version"], &body)
}

fn name(browser: &Browser) -> String {
    browser.get("/api/v1/session").json()["person"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn one_lets_another_answer_and_both_see_it() {
    let (server, vendor) = start();
    let ((ana, ben), cyd) = (two(&server), server.sign_in(&[Role::Responder]));
    let given = give(&server, &ben, &cyd, 24 * HOUR_MS);
    assert_eq!(given.status, 201, "{}", String::from_utf8_lossy(&given.body));
    let given = given.json();
    assert_eq!((&given["from"]["name"], &given["to"]["name"]), (&json!(name(&ben)), &json!(name(&cyd))));
    assert_eq!(given["until"], after(&server, 24 * HOUR_MS));
    for (who, is_given) in [(&ben, true), (&cyd, false)] {
        let all = who.get(DELEGATIONS).json();
        assert_eq!(all["items"][0]["id"], given["id"]);
        assert_eq!(all["items"][0]["given"], is_given);
        let people: Vec<_> = all["people"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert!(people.contains(&&json!(ana.person)) && !people.contains(&&json!(who.person)), "{all}");
    }
    assert_eq!(ana.get(DELEGATIONS).json()["items"], json!([]), "others see nothing of it");

    // who asked has no part in it, by whomever
    let asked = ana.ask("till").json();
    assert_eq!(vote_for(&cyd, &ana, &asked).code(), (403, "not_permitted".into()), "she has let nobody");
    let answered = vote_for(&cyd, &ben, &asked);
    assert_eq!(answered.status, 200, "{}", String::from_utf8_lossy(&answered.body));
    let vote = &answered.json()["votes"][0];
    assert_eq!((&vote["name"], &vote["delegated_from_name"]), (&json!(name(&cyd)), &json!(name(&ben))));
    server.work();
    assert!(vendor.is_locked("till"));

    // and on record, with both names
    let admin = server.admin_token();
    for (action, field) in [("delegation.give", "to_name"), ("containment.approve", "for_name")] {
        let records = server.get(&format!("/api/v1/audit?action={action}"), &admin).json();
        let record = &records["items"][0];
        let (by, named) = if field == "to_name" { (&ben, &cyd) } else { (&cyd, &ben) };
        assert_eq!(record["principal"]["id"], by.person.as_str(), "{action}");
        assert_eq!(record["after"][field], name(named), "{action}: {record}");
    }
}

#[test]
fn two_people_are_two_and_not_one_and_a_delegate() {
    let (server, vendor) = start();
    let ((ana, ben), cyd) = (two(&server), server.sign_in(&[Role::Responder]));
    give(&server, &ben, &cyd, HOUR_MS);
    give(&server, &cyd, &ana, HOUR_MS);
    let body = json!({ "action": "toy.hard_lock", "target": "till", "reason": "it leaked" });
    let asked = ana.change("POST", "/api/v1/containments", &body).json();
    assert_eq!(vote_for(&ana, &cyd, &asked).code(), (403, "containment_self_approval".into()));
    let once = vote_for(&cyd, &ben, &asked).json();
    assert_eq!((&once["state"], &once["approvals_missing"]), (&json!("awaiting_approval"), &json!(1)));
    for (who, what) in [(&ben, "who lets"), (&cyd, "who is let")] {
        assert_eq!(who.vote(&once, true).code(), (409, "containment_voted".into()), "{what}");
        assert_eq!(who.containment(&asked)["can"]["approve"], false, "{what}");
    }
    server.work();
    assert!(vendor.changes().is_empty());
    // taken back: that answer does not count, and leaves room for ben's own
    let id = ben.get(DELEGATIONS).json()["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(ben.change("DELETE", &format!("{DELEGATIONS}/{id}"), &json!({})).status, 204);
    let own = ben.vote(&once, true).json();
    assert_eq!((&own["state"], own["votes"].as_array().unwrap().len()), (&json!("awaiting_approval"), 1));
    assert_eq!(cyd.vote(&own, true).json()["state"], "approved");
}

#[test]
fn it_is_for_somebody_else_who_may_approve_and_for_a_time() {
    let (server, _) = start();
    let (ana, ben) = two(&server);
    let (auditor, admin) = (server.sign_in(&[Role::Auditor]), server.sign_in(&[Role::Admin]));
    let nobody = "per_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let body = |to: &str, until: &str, reason: &str| json!({ "to": to, "until": until, "reason": reason });
    let (soon, never) = (after(&server, HOUR_MS), after(&server, 30 * 24 * HOUR_MS + 1));
    for (body, code) in [
        (body(&ana.person, &soon, "away"), (400, "request_invalid")),
        (body(&ben.person, &never, "away"), (400, "request_invalid")),
        (body(&ben.person, &after(&server, 0), "away"), (400, "request_invalid")),
        (body(&ben.person, &after(&server, -HOUR_MS), "away"), (400, "request_invalid")),
        (body(&ben.person, "tomorrow", "away"), (400, "request_invalid")),
        (body(&ben.person, &soon, " "), (422, "decision_refused")),
        (body("ben", &soon, "away"), (400, "request_invalid")),
        (body(nobody, &soon, "away"), (422, "decision_refused")),
        (body(&auditor.person, &soon, "away"), (422, "decision_refused")),
        (json!({ "to": ben.person, "reason": "away" }), (400, "request_invalid")),
    ] {
        let answer = ana.change("POST", DELEGATIONS, &body);
        assert_eq!(
            answer.code(),
            (code.0, code.1.into()),
            "{body}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    assert_eq!(ana.get(DELEGATIONS).json()["items"], json!([]));
    // who may not approve lets nobody do so, and a machine has no answer to give
    assert_eq!(give(&server, &auditor, &ben, HOUR_MS).code(), (403, "scope_missing".into()));
    let token = server.api_token(&[Scope::ContainmentsRead, Scope::ContainmentsApprove]);
    let machine = body(&ben.person, &soon, "away").to_string();
    let machine = server.post(DELEGATIONS).bearer(&token).body(&machine).send(server.at);
    assert_eq!(machine.code(), (403, "person_needed".into()));
    assert_eq!(server.get(DELEGATIONS, &token).json(), json!({ "items": [], "people": [] }));

    let given = give(&server, &ana, &ben, HOUR_MS).json();
    let path = format!("{DELEGATIONS}/{}", given["id"].as_str().unwrap());
    assert_eq!(
        admin.change("DELETE", &path, &json!({})).code(),
        (404, "not_found".into()),
        "it is not theirs"
    );
    // who was let gives it back
    assert_eq!(ben.change("DELETE", &path, &json!({})).status, 204);
    assert_eq!(ben.change("DELETE", &path, &json!({})).code(), (404, "not_found".into()));
    give(&server, &ana, &ben, HOUR_MS / 60);
    assert_eq!(ben.get(DELEGATIONS).json()["items"].as_array().unwrap().len(), 1);
    server.clock.advance_ms(HOUR_MS / 60);
    assert_eq!(ben.get(DELEGATIONS).json()["items"], json!([]), "its time is over");
}

#[test]
fn a_malformed_id_is_told_what_an_id_looks_like() {
    let (server, _) = start();
    let (ana, _) = two(&server);
    for (path, form) in [
        ("/api/v1/containments/7", "act_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("/api/v1/runs/act_01ARZ3NDEKTSV4RRFFQ69G5FAV", "run_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("/api/v1/incidents/inc_", "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("/api/v1/findings/xyz", "32 hex digits"),
    ] {
        let answer = ana.get(path);
        assert_eq!(answer.code(), (404, "not_found".into()), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(form), "{path}: {detail}");
    }
    let long = ana.get(&format!("/api/v1/containments/{}", "x".repeat(2_000)));
    assert!(long.json()["detail"].as_str().unwrap().len() < 300);
    let unknown = json!({ "action": "toy.unlock", "target": "till", "reason": "r" });
    let hint = ana.change("POST", "/api/v1/containments", &unknown).json();
    assert!(hint["hint"].as_str().unwrap().contains("huecry connector list"), "{hint}");
}
