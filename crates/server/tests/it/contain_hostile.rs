//! Bodies that try to get something protected into a plan: in other spellings, in other places, said twice, said to be
//! something else.

use crate::contain_kit::{start, two};
use crate::http::request;
use crate::people::Browser;
use ports::store::conformance::Bench;
use serde_json::{Value, json};

const CONTAINMENTS: &str = "/api/v1/containments";
const PREVIEW: &str = "/api/v1/containments/preview";

fn send(who: &Browser, path: &str, body: &str) -> (u16, Value) {
    let answer = who.send(request("POST", path).header("x-csrf-token", &who.csrf).body(body));
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// A text of JSON with its letters written in one way or another.
fn escaped(bench: &Bench, text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match bench.below(4) {
            0 => out.push_str(&format!("\\u{:04x}", c as u32)),
            1 => out.push_str(&format!("\\u{:04X}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The name in another form.
fn spelled(bench: &Bench, name: &str) -> String {
    let wide = |c: char| char::from_u32(c as u32 + 0xfee0).unwrap_or(c);
    let letters = name.chars().map(|c| match bench.below(12) {
        0 => c.to_uppercase().collect(),
        1 if c.is_ascii_graphic() => wide(c).to_string(),
        2 => format!("{c}\u{200b}"),
        3 => format!(" {c}"),
        4 => format!("{c}\u{301}"),
        5 => format!("%{:02x}", c as u32),
        6 => format!("{c}/../{c}"),
        _ => c.to_string(),
    });
    letters.collect()
}

/// A body that is about something harmless, if one believes one of its parts.
fn body(bench: &Bench, number: u64) -> String {
    let name = bench.one_of(&["crown_jewels", "crown", "ceo", "crown.1"]);
    let name = if bench.below(3) == 0 { name.to_owned() } else { spelled(bench, name) };
    let (target, action) = (escaped(bench, &name), escaped(bench, "toy.lock"));
    let harmless = format!("\"h{number}\"");
    let mut members = match bench.below(12) {
        1 => vec![format!("\"target\":{harmless}"), format!("\"target\":{target}")],
        2 => vec![format!("\"target\":{target}"), format!("\"target\":{harmless}")],
        3 => vec![format!("\"t\\u0061rget\":{target}")],
        4 => vec![format!("\"target\":{{\"kind\":\"host\",\"name\":{target}}}")],
        5 => vec![format!("\"target\":[{harmless},{target}]")],
        _ => vec![format!("\"target\":{target}")],
    };
    members.push(format!("\"action\":{action}"));
    members.push("\"reason\":\"r\"".to_owned());
    match bench.below(24) {
        0 => members.push(format!("\"inputs\":{{\"target\":{target},\"owner\":\"nobody\"}}")),
        1 => members.push("\"belongs_to\":[]".to_owned()),
        2 => members.push("\"target_kind\":\"host\"".to_owned()),
        3 => members.push("\"grounds\":{\"confidence\":\"high\",\"signal\":\"corroborated\"}".to_owned()),
        4 => members.push("\"requesters\":[]".to_owned()),
        5 => members.push("\"plan\":{\"target\":{\"name\":\"h\"}}".to_owned()),
        6 => members.push(format!("\"plan_sha256\":\"{}\"", "0".repeat(64))),
        _ => {}
    }
    if bench.below(2) == 0 {
        members.reverse();
    }
    format!("{{{}}}", members.join(","))
}

#[test]
fn no_body_gets_what_is_protected_into_a_plan() {
    let (server, vendor) = start();
    let (ana, _) = two(&server);
    let bench = Bench::new(41);
    let mut refused = std::collections::BTreeMap::new();
    for number in 0..1_500 {
        let body = body(&bench, number);
        for path in [PREVIEW, CONTAINMENTS] {
            let (status, answer) = send(&ana, path, &body);
            assert!((400..500).contains(&status), "{path} {body}: {status} {answer}");
            let code = answer["code"].as_str().unwrap_or_default().to_owned();
            *refused.entry(code).or_insert(0) += 1;
        }
    }
    // each of the ways was tried
    for code in ["containment_protected", "containment_not_possible", "request_invalid"] {
        assert!(refused.get(code).is_some_and(|count| *count > 100), "{refused:?}");
    }
    assert_eq!(ana.get(CONTAINMENTS).json()["items"], json!([]));
    server.work();
    assert!(vendor.changes().is_empty());
    let ok = json!({ "action": "toy.lock", "target": "till", "reason": "r" }).to_string();
    assert_eq!(send(&ana, PREVIEW, &ok).0, 200, "and what is not protected is planned");
}

#[test]
fn no_value_gets_what_is_protected_into_a_run() {
    let (server, vendor) = start();
    let (ana, _) = two(&server);
    let bench = Bench::new(42);
    for _ in 0..60 {
        let name = bench.one_of(&["crown_jewels", "crown", "ceo"]);
        let name = if bench.below(3) == 0 { name.to_owned() } else { spelled(&bench, name) };
        let begun = json!({
            "playbook": crate::contain_kit::PLAYBOOK, "reason": "r", "values": { "__thing__": name },
        });
        let answer = ana.change("POST", "/api/v1/runs", &begun);
        assert!(answer.status == 201 || (400..500).contains(&answer.status), "{name}: {}", answer.status);
        server.work();
        if answer.status != 201 {
            continue;
        }
        let run = answer.json()["id"].as_str().unwrap().to_owned();
        let steps = ana.get(&format!("/api/v1/runs/{run}")).json()["steps"].clone();
        assert_eq!(steps[0]["state"], "failed", "{name}: {steps}");
    }
    assert_eq!(ana.get(CONTAINMENTS).json()["items"], json!([]));
    assert!(vendor.changes().is_empty());
}
