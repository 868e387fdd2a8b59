//! A system of things that are open or locked: keeps count of what was done to it, and fails as it is told.

use respond::connector::{Answer, Connector, Method, Remote, Request, Unanswered, read};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not leave.
    NotSent,
    /// It is lost on its way.
    LostBefore,
    /// It arrives, and its answer is lost.
    LostAfter,
    /// It is answered with this status, and has no effect.
    Status(u16),
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Things by name: locked or open, and whose they are.
    pub(crate) things: BTreeMap<String, (String, String)>,
    /// What was changed: `lock a`, `open a`, `note 7`, `zap a`.
    pub(crate) effects: Vec<String>,
    tokens: BTreeMap<u64, String>,
    /// What becomes of the next requests that change something.
    pub(crate) faults: VecDeque<Fault>,
    /// What becomes of the next looks.
    pub(crate) look_faults: VecDeque<Fault>,
    /// Whether locking has no effect, though it says so.
    pub(crate) lies: bool,
}

/// The system; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Emulator(pub(crate) Arc<Mutex<State>>);

impl Emulator {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn effects(&self) -> Vec<String> {
        self.with(|state| state.effects.clone())
    }

    pub(crate) fn count(&self, effect: &str) -> usize {
        self.with(|state| state.effects.iter().filter(|one| *one == effect).count())
    }

    pub(crate) fn is_locked(&self, thing: &str) -> bool {
        self.with(|state| state.things.get(thing).is_some_and(|(now, _)| now == "locked"))
    }

    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.with(|state| state.faults.extend(faults));
    }

    /// What a request comes to; `None` for a path that there is not.
    pub(crate) fn answer(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.with(|state| state.answer(method, path, body))
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["things", name]) => {
                let open = ("open".to_owned(), "nobody".to_owned());
                let (now, owner) = self.things.get(*name).unwrap_or(&open);
                if now == "gone" {
                    return (404, json!({}));
                }
                (200, json!({ "state": now, "owner": owner }))
            }
            ("PUT", ["things", name]) => {
                let body: Value = serde_json::from_str(body).unwrap_or_default();
                let to = body["state"].as_str().unwrap_or("open").to_owned();
                let verb = if to == "locked" { "lock" } else { "open" };
                self.effects.push(format!("{verb} {name}"));
                if !self.lies || verb == "open" {
                    let thing = self.things.entry((*name).to_owned());
                    thing.or_insert_with(|| (String::new(), "nobody".to_owned())).0 = to;
                }
                (200, json!({}))
            }
            ("DELETE", ["things", name]) => {
                self.effects.push(format!("zap {name}"));
                self.things.insert((*name).to_owned(), ("gone".to_owned(), "nobody".to_owned()));
                (200, json!({}))
            }
            ("POST", ["tokens", name]) => {
                let number = self.tokens.len() as u64 + 1;
                self.effects.push(format!("token {name}"));
                self.tokens.insert(number, (*name).to_owned());
                (200, json!({ "number": number.to_string() }))
            }
            ("GET", ["tokens", number]) => {
                let is_there = number.parse().is_ok_and(|number: u64| self.tokens.contains_key(&number));
                (if is_there { 200 } else { 404 }, json!({}))
            }
            ("DELETE", ["tokens", number]) => {
                self.effects.push(format!("untoken {number}"));
                let removed = number.parse().ok().and_then(|number: u64| self.tokens.remove(&number));
                (if removed.is_some() { 200 } else { 404 }, json!({}))
            }
            ("POST", ["notes", name]) => {
                self.effects.push(format!("note {name}"));
                (200, json!({}))
            }
            ("GET", ["notes", _]) => (200, json!({})),
            _ => (404, json!({ "error": "there is no such path" })),
        }
    }
}

impl Remote for Emulator {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let changes = request.method != Method::Get;
        let fault =
            self.with(|state| if changes { state.faults.pop_front() } else { state.look_faults.pop_front() });
        match fault {
            Some(Fault::NotSent) => return Err(Unanswered::NotSent("no way".into())),
            Some(Fault::LostBefore) => return Err(Unanswered::Lost("cut before".into())),
            Some(Fault::Status(status)) => {
                return Ok(Answer { status, body: "{}".into(), retry_after_ms: None });
            }
            Some(Fault::LostAfter) | None => {}
        }
        let path = request.url.split_once("://").unwrap().1.split_once('/').unwrap().1;
        let (status, body) =
            self.answer(request.method.as_str(), path, request.body.as_deref().unwrap_or_default());
        if fault == Some(Fault::LostAfter) {
            return Err(Unanswered::Lost("cut after".into()));
        }
        Ok(Answer { status, body: body.to_string(), retry_after_ms: None })
    }
}

/// The action that locks a thing.
fn lock(impact: &str) -> Value {
    json!({
        "title": "Lock it",
        "target": "account",
        "target_pattern": "^[a-z0-9_.-]{1,40}$",
        "impact": impact,
        "reversibility": "reversible",
        "ttl_minutes_default": 60,
        "documentation": "https://docs.example",
        "read": [{
            "method": "GET", "path": "/things/{target}", "expect": [200],
            "where": [{ "at": "/state", "is": "open" }],
            "facts": { "state": "/state", "owner": "/owner" },
        }],
        "belongs_to": [{ "kind": "account", "name": "{owner}" }],
        "changes": [{ "what": "thing {target}", "before": "{state}", "after": "locked" }],
        "apply": [{ "method": "PUT", "path": "/things/{target}", "body": { "state": "locked" }, "expect": [200] }],
        "verify": [{
            "method": "GET", "path": "/things/{target}", "expect": [200],
            "where": [{ "at": "/state", "is": "locked" }],
        }],
        "revert": [{ "method": "PUT", "path": "/things/{target}", "body": { "state": "open" }, "expect": [200] }],
        "verify_revert": [{
            "method": "GET", "path": "/things/{target}", "expect": [200],
            "where": [{ "at": "/state", "is": "open" }],
        }],
    })
}

/// The system's connector.
pub(crate) fn connector() -> Connector {
    let mut known = lock("medium");
    known["verify_tells_already"] = true.into();
    let mut forever = lock("medium");
    forever.as_object_mut().unwrap().remove("ttl_minutes_default");
    let mut zap = lock("low");
    let look = json!([{
        "method": "GET", "path": "/things/{target}", "expect": [200],
        "facts": { "state": "/state", "owner": "/owner" },
    }]);
    for (name, value) in [
        // also of what is locked
        ("read", look),
        ("reversibility", json!("irreversible")),
        ("destroys_target", json!(true)),
        ("ttl_minutes_default", Value::Null),
        ("apply", json!([{ "method": "DELETE", "path": "/things/{target}", "expect": [200] }])),
        ("verify", json!([{ "method": "GET", "path": "/things/{target}", "expect": [404] }])),
        ("revert", json!([])),
        ("verify_revert", json!([])),
    ] {
        zap[name] = value;
    }
    let mut token = lock("medium");
    for (name, value) in [
        (
            "apply",
            json!([{ "method": "POST", "path": "/tokens/{target}", "expect": [200], "facts": { "number": "/number" } }]),
        ),
        ("verify", json!([{ "method": "GET", "path": "/tokens/{number}", "expect": [200] }])),
        ("revert", json!([{ "method": "DELETE", "path": "/tokens/{number}", "expect": [200] }])),
        ("verify_revert", json!([{ "method": "GET", "path": "/tokens/{number}", "expect": [404] }])),
    ] {
        token[name] = value;
    }
    let file = json!({
        "connector": "toy",
        "title": "Toy",
        "version": 1,
        "settings": { "toy_url": { "kind": "url", "help": "where it is" } },
        "base_url": "{toy_url}",
        "auth": { "kind": "none" },
        "whoami_unknown": "the toy lets everybody in",
        "actions": {
            "lock": known, "low_lock": lock("low"), "hard_lock": lock("high"), "forever": forever,
            "zap": zap, "token": token,
        },
    });
    read(&file.to_string()).unwrap()
}
