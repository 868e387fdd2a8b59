//! A vendor behind HTTP for containment: things that are open or locked; and what a server is set up with for it.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, request};
use crate::people::Browser;
use access::Role;
use huecry_server::{ContainParts, ContainTelemetry, Known, KnownPlaybook};
use model::{ManualClock, SeededEntropy};
use ports::Store;
use prometheus_client::registry::Registry;
use respond::connector::{Connector, HttpRemote, Remote, read};
use respond::protect::{Protected, Protection, TargetKind};
use respond::window::Limit;
use respond::{Connection, FixedSetup, Responder, ResponderOptions, Times};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a test's server contains with.
pub(crate) struct Containment {
    pub(crate) setup: FixedSetup,
    pub(crate) connectors: Vec<Arc<Connector>>,
    pub(crate) playbooks: Vec<KnownPlaybook>,
    pub(crate) remote: Arc<dyn Remote>,
}

impl Default for Containment {
    fn default() -> Self {
        Self {
            setup: FixedSetup {
                connections: BTreeMap::new(),
                protection: Arc::default(),
                limit: Limit { targets_max: 3, window_ms: 3_600_000 },
                hosts: BTreeSet::new(),
                playbooks: BTreeMap::new(),
            },
            connectors: Vec::new(),
            playbooks: Vec::new(),
            remote: Arc::new(HttpRemote::default()),
        }
    }
}

impl Containment {
    /// What the server's handlers work with.
    pub(crate) fn parts(
        self,
        store: &Arc<dyn Store>,
        clock: &Arc<ManualClock>,
        entropy: &Arc<SeededEntropy>,
        metrics: &mut Registry,
    ) -> ContainParts {
        let telemetry = ContainTelemetry::default();
        telemetry.register(metrics);
        let responder = Responder::new(ResponderOptions {
            store: Arc::clone(store),
            clock: clock.clone(),
            entropy: entropy.clone(),
            remote: self.remote,
            setup: Arc::new(self.setup),
            times: Times::default(),
        });
        let region = "default".to_owned();
        let playbooks = self.playbooks.into_iter().map(Arc::new).collect();
        let knows = Arc::new(Arc::new(Known { connectors: self.connectors, playbooks }));
        ContainParts { responder, knows, telemetry, region, tells_by_email: false }
    }
}

/// The vendor: a socket, and what is behind it.
pub(crate) struct Vendor {
    url: String,
    state: Arc<Mutex<VendorState>>,
}

#[derive(Default)]
struct VendorState {
    locked: BTreeSet<String>,
    owners: BTreeMap<String, String>,
    changes: Vec<String>,
    /// Whether answers to changes are lost.
    deaf: bool,
}

impl Vendor {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(VendorState::default()));
        let of_server = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&of_server);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    pub(crate) fn is_locked(&self, thing: &str) -> bool {
        self.state.lock().unwrap().locked.contains(thing)
    }

    pub(crate) fn own(&self, thing: &str, owner: &str) {
        self.state.lock().unwrap().owners.insert(thing.to_owned(), owner.to_owned());
    }

    /// Somebody changes it behind our back.
    pub(crate) fn lock(&self, thing: &str) {
        self.state.lock().unwrap().locked.insert(thing.to_owned());
    }

    pub(crate) fn changes(&self) -> Vec<String> {
        self.state.lock().unwrap().changes.clone()
    }

    pub(crate) fn deafen(&self) {
        self.state.lock().unwrap().deaf = true;
    }
}

/// Answers one request.
fn serve(mut stream: TcpStream, state: &Mutex<VendorState>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, path) = line.split_once(' ')?;
    let thing = path.split(' ').next()?.strip_prefix("/things/")?.to_owned();
    let mut length = 0;
    loop {
        let mut head = String::new();
        reader.read_line(&mut head).ok()?;
        if head.trim().is_empty() {
            break;
        }
        let (name, value) = head.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut state = state.lock().ok()?;
    if method == "PUT" {
        let to = body["state"].as_str().unwrap_or("open").to_owned();
        state.changes.push(format!("{to} {thing}"));
        if to == "locked" {
            state.locked.insert(thing.clone())
        } else {
            state.locked.remove(&thing)
        };
        if state.deaf {
            return None;
        }
    }
    let now = if state.locked.contains(&thing) { "locked" } else { "open" };
    let owner = state.owners.get(&thing).map_or("nobody", String::as_str);
    let body = json!({ "state": now, "owner": owner }).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).ok()
}

fn connector() -> Connector {
    let look = |is: &str| {
        json!([{ "method": "GET", "path": "/things/{target}", "expect": [200],
            "where": [{ "at": "/state", "is": is }], "facts": { "state": "/state", "owner": "/owner" } }])
    };
    let put = |state: &str| json!([{ "method": "PUT", "path": "/things/{target}", "body": { "state": state }, "expect": [200] }]);
    let lock = |impact: &str| {
        json!({
            "title": "Lock it", "target": "account", "target_pattern": "^[a-z0-9_.-]{1,40}$", "impact": impact,
            "reversibility": "reversible", "ttl_minutes_default": 60, "documentation": "https://docs.example",
            "read": look("open"), "belongs_to": [{ "kind": "account", "name": "{owner}" }],
            "changes": [{ "what": "thing {target}", "before": "{state}", "after": "locked" }],
            "apply": put("locked"), "verify": look("locked"), "revert": put("open"), "verify_revert": look("open"),
        })
    };
    let file = json!({
        "connector": "toy", "title": "Toy", "version": 1,
        "settings": { "toy_url": { "kind": "url", "help": "where it is" } },
        "base_url": "{toy_url}", "auth": { "kind": "none" }, "whoami_unknown": "anybody may",
        "actions": { "lock": lock("medium"), "hard_lock": lock("high") },
    });
    read(&file.to_string()).unwrap()
}

/// Locks `__thing__`, and asks a person whether it was right.
pub(crate) const PLAYBOOK: &str = "playbook--00000000-0000-4000-8000-000000000001";

pub(crate) fn playbook() -> KnownPlaybook {
    let id = |kind: &str, number: u32| format!("{kind}--00000000-0000-4000-8000-{number:012}");
    let action = |next: String, agent: String, kind: &str, command: &str| {
        json!({ "type": "action", "name": command, "on_completion": next, "agent": agent,
            "commands": [{ "type": kind, "command": command }] })
    };
    let (product, people) = (id("security-category", 8), id("group", 9));
    let text = json!({
        "type": "playbook", "spec_version": "cacao-2.0", "id": PLAYBOOK, "name": "Lock a thing",
        "description": "Locks it, then asks.", "created_by": id("identity", 7),
        "created": "2023-01-01T00:00:00.000Z", "modified": "2023-01-01T00:00:00.000Z",
        "playbook_types": ["mitigation"],
        "playbook_variables": { "__thing__": { "type": "string", "external": true } },
        "workflow_start": id("start", 1),
        "workflow": {
            id("start", 1): { "type": "start", "on_completion": id("action", 2) },
            id("action", 2): action(id("action", 3), product.clone(), "huecry-action", "toy.lock target=__thing__:value ttl=1h"),
            id("action", 3): action(id("action", 4), people.clone(), "manual", "Was __thing__:value the right one?"),
            id("action", 4): action(id("end", 5), people.clone(), "manual", "Tell its owner"),
            id("end", 5): { "type": "end" },
        },
        "agent_definitions": {
            product: { "type": "security-category", "name": "Hue & Cry", "category": ["orchestrator"] },
            people: { "type": "group", "name": "On call" },
        },
    })
    .to_string();
    let (playbook, _) = respond::playbook::read(&text).unwrap_or_else(|refused| panic!("{refused}"));
    KnownPlaybook { playbook, text: text.into() }
}

/// A server with the vendor connected, in which `crown*` and `ceo` are protected.
pub(crate) fn start() -> (Server, Vendor) {
    let vendor = Vendor::start();
    let connector = Arc::new(connector());
    let settings = Arc::new(BTreeMap::from([("toy_url".to_owned(), vendor.url.clone())]));
    let connection = Connection::new(Arc::clone(&connector), settings);
    let protected = |pattern: &str| Protected {
        kind: TargetKind::Account,
        pattern: pattern.to_owned(),
        reason: "it stays open".to_owned(),
    };
    let mut unconnected = (*connector).clone();
    unconnected.connector = "far".to_owned();
    let containment = Containment {
        setup: FixedSetup {
            connections: BTreeMap::from([("toy".to_owned(), connection)]),
            protection: Arc::new(Protection::new(&[protected("crown*"), protected("ceo")]).unwrap()),
            ..Containment::default().setup
        },
        connectors: vec![Arc::new(unconnected), connector],
        playbooks: vec![playbook()],
        ..Containment::default()
    };
    (Server::start_with(Setup { containment, ..Setup::default() }), vendor)
}

impl Server {
    /// Does what is due until nothing is.
    pub(crate) fn work(&self) {
        let responder = &self.app.containment.as_ref().unwrap().responder;
        self.runtime.block_on(responder.advance_all(200)).unwrap();
    }
}

impl Browser {
    /// Sends what changes something that was seen at a version.
    pub(crate) fn decide(&self, path: &str, version: &Value, body: &Value) -> Answer {
        let body = body.to_string();
        let request = request("POST", path).header("x-csrf-token", &self.csrf);
        self.send(request.header("if-match", format!("\"{version}\"")).body(&body))
    }

    /// Asks for a lock.
    pub(crate) fn ask(&self, target: &str) -> Answer {
        self.change(
            "POST",
            "/api/v1/containments",
            &json!({ "action": "toy.lock", "target": target, "reason": "it leaked" }),
        )
    }

    /// Says yes or no to a containment as it was shown.
    pub(crate) fn vote(&self, shown: &Value, approves: bool) -> Answer {
        let path = format!("/api/v1/containments/{}/votes", shown["id"].as_str().unwrap());
        let body = json!({ "approves": approves, "plan_sha256": shown["plan_sha256"], "reason": "looked" });
        self.decide(&path, &shown["version"], &body)
    }

    /// A containment as it is now.
    pub(crate) fn containment(&self, shown: &Value) -> Value {
        let answer = self.get(&format!("/api/v1/containments/{}", shown["id"].as_str().unwrap()));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }
}

/// Two responders.
pub(crate) fn two(server: &Server) -> (Browser, Browser) {
    (server.sign_in(&[Role::Responder]), server.sign_in(&[Role::Responder]))
}
