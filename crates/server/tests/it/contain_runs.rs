//! Runs of playbooks over HTTP.

use crate::contain_kit::{PLAYBOOK, start, two};
use crate::people::Browser;
use access::Role;
use serde_json::{Value, json};

fn begin(browser: &Browser, thing: &str) -> Value {
    let body = json!({ "playbook": PLAYBOOK, "values": { "__thing__": thing }, "reason": "it leaked" });
    let answer = browser.change("POST", "/api/v1/runs", &body);
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

fn run(browser: &Browser, shown: &Value) -> Value {
    browser.get(&format!("/api/v1/runs/{}", shown["id"].as_str().unwrap())).json()
}

/// Answers the step that waits.
fn answer(browser: &Browser, shown: &Value, body: &Value) -> crate::http::Answer {
    let shown = run(browser, shown);
    let steps = shown["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["state"] == "awaiting_person").expect("a step waits");
    let path = format!("/api/v1/runs/{}/steps/{}", shown["id"].as_str().unwrap(), step["task"]);
    browser.decide(&path, &shown["version"], body)
}

#[test]
fn a_run_contains_asks_people_and_ends() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let begun = begin(&ana, "till");
    server.work();
    let shown = run(&ana, &begun);
    let step = &shown["steps"][0];
    assert_eq!((&step["kind"], &step["state"]), (&json!("huecry-action"), &json!("running")), "{shown}");
    let asked = ben.containment(&json!({ "id": step["containment"] }));
    assert_eq!((&asked["state"], &asked["run"]), (&json!("awaiting_approval"), &begun["id"]));
    assert_eq!(ana.vote(&asked, true).code(), (403, "containment_self_approval".into()));
    assert_eq!(ben.vote(&asked, true).status, 200);
    server.work();
    assert!(vendor.is_locked("till"));
    server.work();
    let shown = run(&ana, &begun);
    assert_eq!(shown["can"], json!({ "stop": true, "answer": true }), "{shown}");
    assert_eq!(shown["steps"][1]["text"], "Was till the right one?");
    let unsaid = answer(&ana, &begun, &json!({ "answer": "skipped" }));
    assert_eq!(unsaid.code(), (422, "decision_refused".into()));
    assert_eq!(answer(&ana, &begun, &json!({ "answer": "done" })).status, 200);
    server.work();
    let skipped = answer(&ben, &begun, &json!({ "answer": "skipped", "reason": "its owner knows" }));
    assert_eq!(skipped.status, 200, "{}", String::from_utf8_lossy(&skipped.body));
    server.work();
    let shown = run(&ana, &begun);
    assert_eq!(shown["state"], "completed", "{shown}");
    assert_eq!(shown["end"]["ended"], "completed");
    assert_eq!(shown["steps"][2]["skipped"], true);
    assert_eq!(shown["steps"][2]["by"]["id"], ben.person.as_str());
    let path = format!("/api/v1/runs/{}/steps/1", begun["id"].as_str().unwrap());
    let late = ana.decide(&path, &shown["version"], &json!({ "answer": "done" }));
    assert_eq!(late.code(), (409, "run_settled".into()));
}

#[test]
fn a_variable_names_nothing_that_is_protected() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    vendor.own("laptop", "ceo");
    for thing in ["crown", "laptop", "till ttl=30d", "till target=crown"] {
        let begun = begin(&ana, thing);
        server.work();
        let shown = run(&ben, &begun);
        assert_eq!(shown["steps"][0]["state"], "failed", "{thing}: {shown}");
    }
    assert!(vendor.changes().is_empty());
    assert_eq!(ana.get("/api/v1/containments").json()["items"], json!([]));
}

#[test]
fn a_run_is_stopped_and_what_nobody_has_sent_is_called_off() {
    let (server, vendor) = start();
    let (ana, ben) = two(&server);
    let begun = begin(&ana, "till");
    server.work();
    let shown = run(&ana, &begun);
    let containment = json!({ "id": shown["steps"][0]["containment"] });
    let stop = format!("/api/v1/runs/{}/stop", begun["id"].as_str().unwrap());
    assert_eq!(ben.decide(&stop, &json!(999), &json!({ "reason": "r" })).code(), (409, "conflict".into()));
    let stopped = ben.decide(&stop, &shown["version"], &json!({ "reason": "a false alarm" }));
    assert_eq!(stopped.json()["end"], json!({ "ended": "stopped", "reason": "a false alarm" }));
    assert_eq!(ben.containment(&containment)["state"], "cancelled");
    assert_eq!(ben.change("POST", &stop, &json!({ "reason": "r" })).code(), (409, "run_settled".into()));
    server.work();
    assert!(vendor.changes().is_empty());
    let listed = ana.get("/api/v1/runs?state=stopped").json();
    assert_eq!(listed["items"][0]["id"], begun["id"]);
    assert_eq!(ana.get("/api/v1/runs?state=running").json()["items"], json!([]));
}

#[test]
fn playbooks_are_read_and_rehearsed_without_any_effect() {
    let (server, vendor) = start();
    let engineer = server.sign_in(&[Role::DetectionEngineer]);
    let listed = engineer.get("/api/v1/playbooks").json();
    let first = &listed["items"][0];
    assert_eq!((&first["id"], &first["steps"]), (&json!(PLAYBOOK), &json!(5)));
    assert_eq!(first["actions"], json!(["toy.lock"]));
    let path = format!("/api/v1/playbooks/{PLAYBOOK}");
    let shown = engineer.get(&path).json();
    assert_eq!(shown["steps"][1]["kind"], "action");
    assert!(shown["text"].as_str().unwrap().contains("cacao-2.0"));
    let rehearsal =
        engineer.change("POST", &format!("{path}/rehearse"), &json!({ "values": { "__thing__": "till" } }));
    assert_eq!(rehearsal.status, 200, "{}", String::from_utf8_lossy(&rehearsal.body));
    let rehearsal = rehearsal.json();
    assert_eq!(rehearsal["ended"], "completed");
    assert_eq!(rehearsal["steps"][0]["text"], "toy.lock target=till ttl=1h");
    let wrong = engineer.change("POST", &format!("{path}/rehearse"), &json!({ "values": { "__no__": "x" } }));
    assert_eq!(wrong.code(), (422, "playbook_refused".into()));
    assert_eq!(engineer.get("/api/v1/playbooks/none").code(), (404, "playbook_unknown".into()));
    let ask = json!({ "playbook": PLAYBOOK, "values": {}, "reason": "r" });
    assert_eq!(engineer.change("POST", "/api/v1/runs", &ask).code(), (403, "scope_missing".into()));
    assert!(vendor.changes().is_empty());
}

#[test]
fn a_run_for_a_hidden_incident_is_not_there() {
    let (server, _) = start();
    let (ana, ben) = two(&server);
    let hidden = server.open_restricted(1, &ana.person).to_string();
    let body =
        json!({ "playbook": PLAYBOOK, "incident": hidden, "values": { "__thing__": "till" }, "reason": "r" });
    assert_eq!(ben.change("POST", "/api/v1/runs", &body).code(), (404, "not_found".into()));
    let begun = ana.change("POST", "/api/v1/runs", &body).json();
    let path = format!("/api/v1/runs/{}", begun["id"].as_str().unwrap());
    assert_eq!(ben.get(&path).code(), (404, "not_found".into()));
    assert_eq!(ben.get("/api/v1/runs").json()["items"], json!([]));
    assert_eq!(
        ben.change("POST", &format!("{path}/stop"), &json!({ "reason": "r" })).code(),
        (404, "not_found".into())
    );
    assert_eq!(ana.get(&path).status, 200);
}

#[test]
fn what_a_run_waits_for_and_is_for_a_hidden_incident_has_no_name() {
    let (server, _) = start();
    let (ana, ben) = two(&server);
    let hidden = server.open_restricted(1, &ana.person).to_string();
    let body = json!({ "action": "toy.lock", "target": "till", "incident": hidden, "reason": "r" });
    let asked = ana.change("POST", "/api/v1/containments", &body).json();
    let ask = json!({ "playbook": PLAYBOOK, "values": { "__thing__": "till" }, "reason": "r" });
    let begun = ben.change("POST", "/api/v1/runs", &ask).json();
    server.work();
    let path = format!("/api/v1/runs/{}", begun["id"].as_str().unwrap());
    for (who, sees) in [(&ana, true), (&ben, false)] {
        for path in [path.as_str(), "/api/v1/runs"] {
            let text = who.get(path).json().to_string();
            assert_eq!(text.contains(asked["id"].as_str().unwrap()), sees, "{text}");
        }
    }
}
