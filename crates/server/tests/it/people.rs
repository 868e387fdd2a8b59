//! People at a browser: links, sessions, forged requests, tokens of their own.

use crate::fixture::{NOW_MS, Server, Setup};
use crate::http::{Answer, Request, request};
use access::{FAILURES_MAX, LINK_MS, ROTATION_GRACE_MS, Role, SessionTimes};
use serde_json::{Value, json};
use std::cell::RefCell;

/// A browser that keeps its cookies and the session's token.
pub(crate) struct Browser {
    at: std::net::SocketAddr,
    pub(crate) cookies: RefCell<Vec<(String, String)>>,
    pub(crate) csrf: String,
    pub(crate) person: String,
}

impl Browser {
    /// Nobody yet.
    pub(crate) fn new(server: &Server) -> Self {
        Self { at: server.at, cookies: RefCell::default(), csrf: String::new(), person: String::new() }
    }

    pub(crate) fn sign_in(server: &Server, link: &str) -> Self {
        let mut browser = Self::new(server);
        let body = json!({ "link": link }).to_string();
        let answer = browser.send(request("POST", "/api/v1/session").body(&body));
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        browser.learn(&answer.json());
        browser
    }

    pub(crate) fn learn(&mut self, session: &Value) {
        self.csrf = session["csrf"].as_str().unwrap().to_owned();
        self.person = session["person"]["id"].as_str().unwrap().to_owned();
    }

    pub(crate) fn cookie_header(&self) -> String {
        let cookies = self.cookies.borrow();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.cookies.borrow();
        cookies.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    /// Sends with the cookies, as a browser does, and without anything else.
    pub(crate) fn send(&self, request: Request<'_>) -> Answer {
        let cookies = self.cookie_header();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies) };
        let answer = request.send(self.at);
        for (_, set) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let mut cookies = self.cookies.borrow_mut();
            cookies.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path))
    }

    /// Sends what changes something, with the session's token.
    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send(request(method, path).header("x-csrf-token", &self.csrf).body(&body))
    }
}

fn audited(server: &Server, action: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/v1/audit?action={action}"), &server.admin_token());
    answer.json()["items"].as_array().unwrap().clone()
}

#[test]
fn a_link_signs_one_person_in_once() {
    let server = Server::start();
    let link = server.link(&[Role::Responder]);
    let browser = Browser::sign_in(&server, &link);
    let answer = browser.get("/api/v1/session");
    let session = answer.json();
    assert_eq!(session["person"]["name"], "guest");
    assert!(session["person"]["id"].as_str().unwrap().starts_with("per_"));
    assert_eq!(session["roles"], json!(["responder"]));
    let scopes = session["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!("incidents:write")) && !scopes.contains(&json!("people:admin")));
    let times = SessionTimes::default();
    assert_eq!(session["expires_at_ms"], NOW_MS + times.absolute_ms);
    assert_eq!(session["idle_expires_at_ms"], NOW_MS + times.idle_ms);
    assert_eq!(browser.get("/api/v1/incidents").status, 200);
    let again = json!({ "link": link }).to_string();
    let again = request("POST", "/api/v1/session").body(&again).send(server.at);
    assert_eq!(again.code(), (403, "link_refused".into()));
    assert_eq!(again.header("set-cookie"), None);

    let begun = audited(&server, "session.begin");
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0]["principal"]["id"], browser.person.as_str());
    assert_eq!(audited(&server, "session.refuse").len(), 1);
    assert_eq!(audited(&server, "person.add").len(), 1);
    let mut stored = std::fs::read(server.state_file()).unwrap();
    stored.extend(std::fs::read(server.state_file().with_extension("db-wal")).unwrap());
    let cookie = browser.cookie("huecry_session").unwrap();
    for secret in [link.as_bytes(), cookie.as_bytes()] {
        assert!(!stored.windows(secret.len()).any(|window| window == secret), "a secret was stored");
    }
}

#[test]
fn links_that_do_not_open_are_alike() {
    let server = Server::start();
    let (late, whole) = (server.link(&[Role::Admin]), server.link(&[Role::Admin]));
    server.clock.advance_ms(LINK_MS);
    let cut = &whole[..whole.len() - 1];
    let token = server.admin_token();
    let unknown = access::Secret::generate(access::SecretKind::Link, &model::SeededEntropy::new(77));
    for link in [late.as_str(), cut, "", &token, unknown.reveal()] {
        let body = json!({ "link": link }).to_string();
        let answer = request("POST", "/api/v1/session").body(&body).send(server.at);
        assert_eq!(answer.code(), (403, "link_refused".into()), "{link}");
    }
}

#[test]
fn failed_sign_ins_are_slowed_down() {
    let server = Server::start();
    let body = json!({ "link": "hc_lnk_guess" }).to_string();
    let attempt = || request("POST", "/api/v1/session").body(&body).send(server.at);
    for _ in 0..FAILURES_MAX {
        assert_eq!(attempt().code(), (403, "link_refused".into()));
    }
    let slowed = attempt();
    assert_eq!(slowed.code(), (429, "sign_in_throttled".into()));
    assert!(slowed.header("retry-after").is_some());
    let link = json!({ "link": server.link(&[Role::Admin]) }).to_string();
    assert_eq!(request("POST", "/api/v1/session").body(&link).send(server.at).status, 429, "a good one too");
    server.clock.advance_ms(access::WINDOW_MS);
    assert_eq!(request("POST", "/api/v1/session").body(&link).send(server.at).status, 201);
}

#[test]
fn the_cookie_is_for_this_host_and_no_script() {
    let server = Server::start();
    let body = json!({ "link": server.link(&[Role::Admin]) }).to_string();
    let plain = request("POST", "/api/v1/session").body(&body).send(server.at);
    let cookie = plain.header("set-cookie").unwrap();
    assert!(cookie.starts_with("huecry_session=hc_ses_"), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
    assert_eq!(plain.header("strict-transport-security"), None);

    let public_url = Some("https://hue.example".to_owned());
    let server = Server::start_with(Setup { public_url, ..Setup::default() });
    let body = json!({ "link": server.link(&[Role::Admin]) }).to_string();
    let secure = request("POST", "/api/v1/session").body(&body).send(server.at);
    let cookie = secure.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-huecry_session=") && cookie.contains("; Secure"), "{cookie}");
    assert!(secure.header("strict-transport-security").is_some());
    let secret = cookie.split(['=', ';']).nth(1).unwrap();
    let with = |name: &str| {
        request("GET", "/api/v1/session").header("cookie", format!("{name}={secret}")).send(server.at).status
    };
    assert_eq!(with("__Host-huecry_session"), 200);
    assert_eq!(with("huecry_session"), 401, "one that another host of the domain could have planted");
}

#[test]
fn what_a_browser_brings_along_never_becomes_a_session() {
    let server = Server::start();
    let planted = access::Secret::generate(access::SecretKind::Session, &model::SeededEntropy::new(5));
    let planted = planted.reveal();
    let body = json!({ "link": server.link(&[Role::Admin]) }).to_string();
    let cookie = format!("huecry_session={planted}");
    let answer =
        request("POST", "/api/v1/session").header("cookie", cookie.as_str()).body(&body).send(server.at);
    assert_eq!(answer.status, 201);
    assert!(!answer.header("set-cookie").unwrap().contains(planted));
    let fixed = request("GET", "/api/v1/session").header("cookie", cookie).send(server.at);
    assert_eq!(fixed.code(), (401, "session_ended".into()));

    // and a session that the browser had is not left behind
    let browser = server.sign_in(&[Role::Admin]);
    let before = browser.cookie_header();
    let body = json!({ "link": server.link(&[Role::Reporter]) }).to_string();
    assert_eq!(browser.send(request("POST", "/api/v1/session").body(&body)).status, 201);
    let old = request("GET", "/api/v1/session").header("cookie", before.as_str()).send(server.at);
    assert_eq!(old.code(), (401, "session_ended".into()));
    let twice = format!("{before}; {}", browser.cookie_header());
    let twice = request("GET", "/api/v1/session").header("cookie", twice).send(server.at);
    assert_eq!(twice.code(), (401, "session_missing".into()), "of two cookies one was planted");
}

#[test]
fn sessions_end() {
    let server = Server::start();
    let times = SessionTimes::default();
    let browser = server.sign_in(&[Role::Responder]);
    server.clock.advance_ms(times.idle_ms - 1);
    assert_eq!(browser.get("/api/v1/incidents").status, 200);
    server.until(|| {
        // the use is noted beside the request
        let own = browser.get("/api/v1/me/sessions").json();
        own["items"][0]["seen_at_ms"] == NOW_MS + times.idle_ms - 1
    });
    server.clock.advance_ms(times.idle_ms);
    assert_eq!(browser.get("/api/v1/incidents").code(), (401, "session_ended".into()), "idle");

    let browser = server.sign_in(&[Role::Responder]);
    for _ in 0..(times.absolute_ms / (times.idle_ms / 2)) - 1 {
        server.clock.advance_ms(times.idle_ms / 2);
        assert_eq!(browser.get("/api/v1/session").status, 200, "used often enough");
        let seen = model::Clock::now_ms(&*server.clock);
        server.until(|| browser.get("/api/v1/me/sessions").json()["items"][0]["seen_at_ms"] == seen);
    }
    server.clock.advance_ms(times.idle_ms / 2);
    assert_eq!(browser.get("/api/v1/session").code(), (401, "session_ended".into()), "its whole life");

    let browser = server.sign_in(&[Role::Responder]);
    let kept = browser.cookie_header();
    let out = browser.change("DELETE", "/api/v1/session", &json!({}));
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let replayed = request("GET", "/api/v1/session").header("cookie", kept).send(server.at);
    assert_eq!(
        replayed.code(),
        (401, "session_ended".into()),
        "signing out is not just forgetting the cookie"
    );
    assert_eq!(audited(&server, "session.end").len(), 1);
}

#[test]
fn a_secret_that_was_exchanged_ends_the_session_when_it_comes_back() {
    let server = Server::start();
    let browser = server.sign_in(&[Role::Responder]);
    let stolen = browser.cookie_header();
    let thief = |path: &str| request("GET", path).header("cookie", stolen.as_str()).send(server.at);
    assert_eq!(browser.get("/api/v1/session").header("set-cookie"), None, "not yet");
    server.clock.advance_ms(SessionTimes::default().rotate_ms);
    let exchanged = browser.get("/api/v1/session");
    assert!(exchanged.header("set-cookie").is_some());
    assert_ne!(browser.cookie_header(), stolen);
    assert_eq!(exchanged.json()["csrf"], browser.csrf.as_str(), "other tabs go on");
    server.clock.advance_ms(ROTATION_GRACE_MS);
    assert_eq!(thief("/api/v1/incidents").status, 200, "a request that was under way");
    assert_eq!(browser.get("/api/v1/incidents").status, 200);
    server.clock.advance_ms(1);
    assert_eq!(thief("/api/v1/incidents").code(), (401, "session_replayed".into()));
    assert_eq!(
        browser.get("/api/v1/incidents").code(),
        (401, "session_ended".into()),
        "nobody knows which is whose"
    );
}

#[test]
fn forged_requests_change_nothing() {
    let server = Server::start();
    let incident = server.open_incident(1);
    let browser = server.sign_in(&[Role::Responder]);
    let path = format!("/api/v1/incidents/{incident}/comments");
    let body = json!({ "text": "forged" }).to_string();
    let other = server.sign_in(&[Role::Responder]);
    let post = || request("POST", &path).body(&body);
    let host = "http://test";
    let cases = [
        (post(), "csrf_token_missing"),
        (post().header("x-csrf-token", ""), "csrf_token_wrong"),
        (post().header("x-csrf-token", other.csrf.as_str()), "csrf_token_wrong"),
        (post().header("x-csrf-token", &browser.csrf[1..]), "csrf_token_wrong"),
        (
            post().header("x-csrf-token", browser.csrf.as_str()).header("origin", "https://evil.example"),
            "origin_foreign",
        ),
        (post().header("x-csrf-token", browser.csrf.as_str()).header("origin", "null"), "origin_foreign"),
        (
            post().header("x-csrf-token", browser.csrf.as_str()).header("sec-fetch-site", "cross-site"),
            "origin_foreign",
        ),
    ];
    for (forged, code) in cases {
        assert_eq!(browser.send(forged).code(), (403, code.into()));
    }
    let link = json!({ "link": server.link(&[Role::Admin]) }).to_string();
    let login = request("POST", "/api/v1/session").header("origin", "https://evil.example").body(&link);
    assert_eq!(
        login.send(server.at).code(),
        (403, "origin_foreign".into()),
        "signing somebody in as another"
    );
    let before = server.get(&path, &server.admin_token()).json();
    assert_eq!(before["items"], json!([]));
    let own = post().header("x-csrf-token", browser.csrf.as_str()).header("origin", host);
    let answer = browser.send(own);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["author"], "guest");
    let denied = audited(&server, "access.deny");
    assert!(denied.iter().any(|record| record["after"]["denied"] == "csrf_token_missing"), "{denied:?}");
    // a token is sent on purpose, so nothing is to be repeated
    let by_token = request("POST", &path).bearer(&server.admin_token()).body(&body).send(server.at);
    assert_eq!(by_token.status, 201);
}

#[test]
fn people_look_after_their_own_sessions_and_tokens() {
    let server = Server::start();
    let (ana, eve) = (server.sign_in(&[Role::Responder]), server.sign_in(&[Role::Admin]));
    let sessions = ana.get("/api/v1/me/sessions").json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    assert_eq!(sessions["items"][0]["current"], true);
    let foreign = eve.get("/api/v1/me/sessions").json()["items"][0]["id"].as_str().unwrap().to_owned();
    let ended = ana.change("DELETE", &format!("/api/v1/me/sessions/{foreign}"), &json!({}));
    assert_eq!(ended.code(), (404, "not_found".into()));
    assert_eq!(eve.get("/api/v1/session").status, 200);

    let made =
        ana.change("POST", "/api/v1/me/tokens", &json!({ "name": "laptop", "scopes": ["incidents:read"] }));
    assert_eq!(made.status, 201);
    let (secret, id) = (made.json()["secret"].clone(), made.json()["token"]["id"].clone());
    assert_eq!(made.json()["token"]["person"], ana.person.as_str());
    let (secret, id) = (secret.as_str().unwrap(), id.as_str().unwrap());
    assert_eq!(server.get("/api/v1/incidents", secret).status, 200);
    assert_eq!(server.get("/api/v1/rules", secret).code(), (403, "scope_missing".into()), "not made for it");
    assert_eq!(server.get("/api/v1/me/tokens", secret).code(), (403, "session_needed".into()));
    let beyond = json!({ "name": "more", "scopes": ["audit:read"] });
    assert_eq!(ana.change("POST", "/api/v1/me/tokens", &beyond).code(), (403, "scope_not_held".into()));
    assert_eq!(eve.change("DELETE", &format!("/api/v1/me/tokens/{id}"), &json!({})).status, 404);
    assert_eq!(ana.change("DELETE", &format!("/api/v1/me/tokens/{id}"), &json!({})).status, 204);
    assert_eq!(server.get("/api/v1/incidents", secret).code(), (401, "token_revoked".into()));
    assert_eq!(ana.get("/api/v1/me/tokens").json()["items"], json!([]));
}

#[test]
fn an_admin_gives_and_takes_roles() {
    let server = Server::start();
    let (admin, ana) = (server.sign_in(&[Role::Admin]), server.sign_in(&[Role::Responder]));
    let token = ana.change(
        "POST",
        "/api/v1/me/tokens",
        &json!({ "name": "t", "scopes": ["incidents:read", "rules:read"] }),
    );
    let token = token.json()["secret"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/people/{}", ana.person);
    let change = |browser: &Browser, version: u64, body: Value| {
        let body = body.to_string();
        let request = request("PATCH", &path).header("x-csrf-token", browser.csrf.as_str());
        browser.send(request.header("if-match", format!("\"{version}\"")).body(&body))
    };
    assert_eq!(change(&ana, 1, json!({ "roles": ["admin"] })).code(), (403, "scope_missing".into()));
    assert_eq!(change(&admin, 7, json!({ "roles": ["auditor"] })).code(), (409, "conflict".into()));
    assert_eq!(change(&admin, 1, json!({ "roles": ["root"] })).code(), (400, "request_invalid".into()));
    let more = change(&admin, 1, json!({ "roles": ["responder", "reporter"], "teams": ["payments"] }));
    assert_eq!((more.status, more.header("etag")), (200, Some("\"2\"")));
    assert_eq!(ana.get("/api/v1/session").json()["teams"], json!(["payments"]), "at once");
    assert_eq!(change(&admin, 2, json!({ "roles": ["reporter"] })).status, 200);
    assert_eq!(ana.get("/api/v1/session").code(), (401, "session_ended".into()), "a role was taken");
    assert_eq!(server.get("/api/v1/incidents", &token).status, 200);
    assert_eq!(
        server.get("/api/v1/rules", &token).code(),
        (403, "scope_missing".into()),
        "tokens shrink too"
    );
    assert_eq!(change(&admin, 3, json!({ "disabled": true })).status, 200);
    assert_eq!(server.get("/api/v1/incidents", &token).code(), (401, "token_revoked".into()));
    let own = format!("/api/v1/people/{}", admin.person);
    let body = json!({ "roles": ["reporter"] }).to_string();
    let last = request("PATCH", &own).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "\"1\"");
    assert_eq!(admin.send(last.body(&body)).code(), (409, "last_admin".into()));
    let _reader = server.sign_in(&[Role::Moderator]);
    let assignable = admin.get("/api/v1/people/assignable").json();
    assert_eq!(
        assignable["items"],
        json!([{ "id": admin.person, "name": "guest" }]),
        "nobody out, nobody who reads"
    );
    let people = admin.get("/api/v1/people").json();
    assert_eq!(people["items"].as_array().unwrap().len(), 3);
    let link = admin.change("POST", "/api/v1/people/links", &json!({ "roles": ["auditor"], "name": "Kim" }));
    assert_eq!(link.status, 201);
    let link = link.json()["link"].as_str().unwrap().to_owned();
    let (base, secret) = link.split_once("/enter#").unwrap();
    assert_eq!(base, "http://test");
    let kim = Browser::sign_in(&server, secret);
    assert_eq!(kim.get("/api/v1/session").json()["person"]["name"], "Kim");
    assert_eq!(kim.get("/api/v1/audit").status, 200);
}

#[test]
fn nobody_gives_more_than_they_have() {
    let server = Server::start();
    let people_only = server.api_token(&[access::Scope::PeopleAdmin]);
    for (role, status) in [("admin", 403), ("responder", 403), ("reporter", 403)] {
        let body = json!({ "roles": [role], "name": "x" }).to_string();
        let answer = request("POST", "/api/v1/people/links").bearer(&people_only).body(&body).send(server.at);
        assert_eq!(answer.status, status, "{role}");
    }
    let ana = server.sign_in(&[Role::Admin]);
    let path = format!("/api/v1/people/{}", ana.person);
    let body = json!({ "disabled": true }).to_string();
    let answer =
        request("PATCH", &path).bearer(&people_only).header("if-match", "1").body(&body).send(server.at);
    assert_eq!(answer.code(), (403, "scope_not_held".into()), "who may not make an admin may not unmake one");
}

fn link_for(browser: &Browser, body: &Value) -> Answer {
    browser.change("POST", "/api/v1/people/links", body)
}

fn secret_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["link"].as_str().unwrap().split_once("/enter#").unwrap().1.to_owned()
}

#[test]
fn a_link_never_makes_a_second_person_of_one_name() {
    let server = Server::start();
    let admin = server.sign_in(&[Role::Admin]);
    let kim = |name: &str| json!({ "roles": ["responder"], "name": name });
    let (first, second) =
        (secret_of(&link_for(&admin, &kim("Kim"))), secret_of(&link_for(&admin, &kim("Kim"))));
    let open = |link: &str, name: Option<&str>| {
        let body = json!({ "link": link, "name": name }).to_string();
        request("POST", "/api/v1/session").body(&body).send(server.at)
    };
    assert_eq!(open(&first, None).code(), (403, "link_refused".into()), "the newer one counts");
    assert_eq!(open(&second, Some("guest")).code(), (409, "person_exists".into()));
    let kims = Browser::sign_in(&server, &second);
    for taken in ["Kim", "KIM", " kim "] {
        let refused = link_for(&admin, &kim(taken));
        assert_eq!(refused.code(), (409, "person_exists".into()), "{taken}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(&kims.person), "it says who");
    }
    let again = secret_of(&link_for(&admin, &json!({ "person": kims.person })));
    let came_again = Browser::sign_in(&server, &again);
    assert_eq!(came_again.person, kims.person);
    assert_eq!(came_again.get("/api/v1/session").json()["roles"], json!(["responder"]));
    assert_eq!(open(&again, None).code(), (403, "link_refused".into()));
    assert_eq!(admin.get("/api/v1/people").json()["items"].as_array().unwrap().len(), 2);
    for bad in [
        json!({ "person": kims.person, "name": "Kim" }),
        json!({ "person": kims.person, "roles": ["admin"] }),
        json!({ "name": "Ana" }),
        json!({ "roles": ["admin"] }),
    ] {
        assert_eq!(link_for(&admin, &bad).code(), (400, "request_invalid".into()), "{bad}");
    }
    let nobody = json!({ "person": "per_01ARZ3NDEKTSV4RRFFQ69G5FAV" });
    assert_eq!(link_for(&admin, &nobody).code(), (404, "not_found".into()));
}

#[test]
fn nobody_is_let_in_again_as_somebody_who_may_do_more_or_is_kept_out() {
    let server = Server::start();
    let (admin, ana) = (server.sign_in(&[Role::Admin]), server.sign_in(&[Role::Responder]));
    let people_only = server.api_token(&[access::Scope::PeopleAdmin]);
    let body = json!({ "person": admin.person }).to_string();
    let answer = request("POST", "/api/v1/people/links").bearer(&people_only).body(&body).send(server.at);
    assert_eq!(answer.code(), (403, "scope_not_held".into()));
    let before = secret_of(&link_for(&admin, &json!({ "person": ana.person })));
    let path = format!("/api/v1/people/{}", ana.person);
    let body = json!({ "disabled": true }).to_string();
    let out = request("PATCH", &path).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "1");
    assert_eq!(admin.send(out.body(&body)).status, 200);
    assert_eq!(link_for(&admin, &json!({ "person": ana.person })).code(), (400, "request_invalid".into()));
    let body = json!({ "link": before }).to_string();
    let answer = request("POST", "/api/v1/session").body(&body).send(server.at);
    assert_eq!(answer.code(), (403, "link_refused".into()), "a link from before does not open either");
}

#[test]
fn the_last_admin_cannot_end_their_own_way_in() {
    let server = Server::start();
    let admin = server.sign_in(&[Role::Admin, Role::Responder]);
    let path = format!("/api/v1/people/{}", admin.person);
    let body = json!({ "roles": ["admin"] }).to_string();
    let patch = request("PATCH", &path).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "1");
    let answer = admin.send(patch.body(&body));
    assert_eq!(
        answer.code(),
        (409, "last_admin".into()),
        "losing a role ends the only session of the only admin"
    );
    assert_eq!(admin.get("/api/v1/session").status, 200, "which goes on");
}

#[test]
fn only_the_last_link_lets_somebody_in_again_as_what_they_were_when_it_was_made() {
    let server = Server::start();
    let (admin, ana) = (server.sign_in(&[Role::Admin]), server.sign_in(&[Role::Reporter]));
    let open = |secret: &str| {
        let body = json!({ "link": secret }).to_string();
        request("POST", "/api/v1/session").body(&body).send(server.at).status
    };
    let again = || secret_of(&link_for(&admin, &json!({ "person": ana.person })));
    let (first, second) = (again(), again());
    assert_eq!(open(&first), 403, "the one before stops");
    let path = format!("/api/v1/people/{}", ana.person);
    let body = json!({ "roles": ["responder"] }).to_string();
    let patch = request("PATCH", &path).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "1");
    assert_eq!(admin.send(patch.body(&body)).status, 200);
    assert_eq!(open(&second), 403, "other roles, another link");
    assert_ne!(open(&again()), 403);
}

#[test]
fn an_admin_who_cannot_come_in_is_none() {
    let server = Server::start();
    let ghost = server.sign_in(&[Role::Admin]);
    server.clock.advance_ms(SessionTimes::default().absolute_ms);
    let admin = server.sign_in(&[Role::Admin]);
    let demote = |version: &str| {
        let path = format!("/api/v1/people/{}", admin.person);
        let body = json!({ "roles": ["reporter"] }).to_string();
        let patch = request("PATCH", &path).header("x-csrf-token", admin.csrf.as_str());
        admin.send(patch.header("if-match", version).body(&body))
    };
    assert_eq!(demote("1").code(), (409, "last_admin".into()), "nobody else can come in");
    secret_of(&link_for(&admin, &json!({ "person": ghost.person })));
    assert_eq!(demote("1").status, 200, "a link is on its way to the other");
}
