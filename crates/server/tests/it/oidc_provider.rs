//! Signing in by a real provider, `oidc-provider` from npm, as a browser does it.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, request};
use crate::people::Browser;
use access::{OidcSettings, Role};
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc");

/// The provider, until it is dropped.
struct Provider {
    child: Child,
    issuer: String,
    cookies: RefCell<Vec<(String, String)>>,
    /// What else it prints; a pipe that is closed would end it.
    _lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    /// `None`, said loudly, where node or the package is not there.
    fn start(huecry: &str) -> Option<Self> {
        let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
        if !node || !Path::new(FOLDER).join("node_modules/oidc-provider").exists() {
            let missing = "node, and `npm ci --prefix crates/server/tests/oidc`";
            assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "the real provider needs {missing}");
            eprintln!("SKIPPED: the real identity provider needs {missing}");
            return None;
        }
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .current_dir(FOLDER)
            .env("HUECRY_URL", huecry)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.by_ref().map_while(Result::ok);
        let issuer = said.into_iter().find_map(|line| line.strip_prefix("listening ").map(str::to_owned));
        let issuer = issuer.expect("the provider listens");
        Some(Self { child, issuer, cookies: RefCell::default(), _lines: lines })
    }

    fn at(&self) -> std::net::SocketAddr {
        self.issuer.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// A page of the provider in this browser.
    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request(method, path).header("host", self.at().to_string());
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let answer = request.body(body).send(self.at());
        for (_, set) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, rest) = set.split_once('=').unwrap();
            let mut cookies = self.cookies.borrow_mut();
            cookies.retain(|(known, _)| known != name);
            let value = rest.split(';').next().unwrap();
            if !value.is_empty() {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// Follows the provider's redirects until they lead elsewhere.
    fn follow(&self, location: &str, huecry: &str) -> String {
        let mut location = location.to_owned();
        for _ in 0..12 {
            if let Some(path) = location.strip_prefix(huecry) {
                return path.to_owned();
            }
            let path = location.strip_prefix(&self.issuer).unwrap_or(&location).to_owned();
            let answer = self.ask("GET", &path, "");
            let next = answer.header("location").map(str::to_owned);
            location = next.unwrap_or_else(|| {
                panic!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body))
            });
        }
        panic!("too many redirects");
    }
}

struct World {
    server: Server,
    provider: Provider,
    huecry: String,
}

impl World {
    fn new() -> Option<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let huecry = format!("http://{}", listener.local_addr().unwrap());
        let provider = Provider::start(&huecry)?;
        let settings = OidcSettings {
            id: "op".into(),
            name: "Provider".into(),
            issuer: provider.issuer.clone(),
            client_id: "huecry".into(),
            client_secret: Some("a-secret-of-the-test".into()),
            scopes: vec!["profile".into(), "email".into(), "groups".into()],
            groups_claim: "groups".into(),
            roles: BTreeMap::from([("sec-oncall".to_owned(), vec![Role::Responder])]),
            roles_of_all: Vec::new(),
            public_url: huecry.clone(),
            ca_pem: None,
        };
        // the provider's clock is the machine's
        let now_ms = model::Clock::now_ms(&model::SystemClock);
        let (oidc, public_url) = (vec![settings], Some(huecry.clone()));
        let server = Server::start_with(Setup {
            oidc,
            public_url,
            now_ms,
            listener: Some(listener),
            ..Setup::default()
        });
        Some(Self { server, provider, huecry })
    }

    fn sign_in(&self) -> (Browser, Answer) {
        let browser = Browser::new(&self.server);
        let begun = browser.get("/auth/oidc/op/start?return=/incidents");
        assert_eq!(begun.status, 303, "{}", String::from_utf8_lossy(&begun.body));
        let back = self.provider.follow(begun.header("location").unwrap(), &self.huecry);
        let answer = browser.get(&back);
        (browser, answer)
    }
}

#[test]
fn a_person_signs_in_and_out_at_the_provider() {
    let Some(world) = World::new() else { return };
    let (ana, answer) = world.sign_in();
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/incidents")),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let session = ana.get("/api/v1/session").json();
    assert_eq!(session["person"]["name"], "Ana Ops");
    assert_eq!(session["person"]["email"], "ana@example.com");
    assert_eq!(session["roles"], json!(["responder"]));
    assert_eq!(session["teams"], json!(["payments", "sec-oncall"]));
    assert_eq!(ana.get("/api/v1/incidents").status, 200);

    // out at the provider: its form, then its word to us behind the browser's back
    let form = world.provider.ask("GET", "/session/end?client_id=huecry", "");
    let form = String::from_utf8(form.body).unwrap();
    let xsrf = form.split("name=\"xsrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let out = world.provider.ask("POST", "/session/end/confirm", &format!("xsrf={xsrf}&logout=yes"));
    assert_eq!(out.status, 303, "{}", String::from_utf8_lossy(&out.body));
    assert_eq!(ana.get("/api/v1/session").code(), (401, "session_ended".into()));
}

#[test]
fn the_providers_keys_are_exchanged() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.sign_in().1.status, 303);
    assert_eq!(world.provider.ask("GET", "/test/rotate", "").status, 200);
    world.provider.cookies.borrow_mut().clear();
    // our clock stands still, the provider's does not: enough for the keys to be asked for again
    world.server.clock.advance_ms(access::KEYS_FETCH_MS_MIN);
    let (_, answer) = world.sign_in();
    assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn whose_groups_have_no_role_stays_outside() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.provider.ask("GET", "/test/account?name=eve", "").status, 200);
    let (eve, answer) = world.sign_in();
    assert_eq!(answer.code(), (403, "sign_in_refused".into()));
    assert_eq!(eve.cookie("huecry_session"), None);
}
