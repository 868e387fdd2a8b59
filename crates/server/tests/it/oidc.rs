//! Signing in by an identity provider that lies in every way it can.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, request};
use crate::people::Browser;
use access::{FLOW_MS, KEYS_FETCH_MS_MIN, OidcSettings, Role, TOKEN_AGE_MS_MAX};
use axum::extract::State;
use axum::http::header;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{KeyInit, Mac};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const CLIENT_SECRET: &str = "a-secret-of-the-test";
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A modulus; the public half of a key that nobody has the other half of.
fn rsa_modulus() -> String {
    let mut bytes = [0xa5_u8; 256];
    bytes[255] = 0x2f;
    encode(&bytes)
}

/// What the provider answers now.
struct Says {
    issuer: String,
    keys: Value,
    token: Option<String>,
    /// What the userinfo endpoint answers; there is none without.
    userinfo: Option<Value>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Says>>;

struct World {
    server: Server,
    says: Shared,
    key: SigningKey,
    issuer: String,
}

fn jwk(key: &SigningKey, kid: &str) -> Value {
    let x = encode(key.verifying_key().as_bytes());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA" })
}

fn pages(says: Shared) -> axum::Router {
    let json = |value: Value| ([(header::CONTENT_TYPE, "application/json")], value.to_string());
    let discovery = move |State(says): State<Shared>| async move {
        let says = says.lock().unwrap();
        let (issuer, userinfo) = (&says.issuer, says.userinfo.as_ref());
        let mut document = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        });
        if userinfo.is_some() {
            document["userinfo_endpoint"] = json!(format!("{issuer}/userinfo"));
        }
        json(document)
    };
    let userinfo =
        move |State(says): State<Shared>| async move { json(says.lock().unwrap().userinfo.clone().unwrap()) };
    let keys =
        move |State(says): State<Shared>| async move { json(json!({ "keys": says.lock().unwrap().keys })) };
    let token = move |State(says): State<Shared>, body: String| async move {
        let mut says = says.lock().unwrap();
        says.asked.push(body);
        let mut answer = json!({ "access_token": "x", "token_type": "Bearer", "expires_in": 60 });
        if let Some(token) = &says.token {
            answer["id_token"] = json!(token);
        }
        json(answer)
    };
    axum::Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(keys))
        .route("/token", post(token))
        .route("/userinfo", get(userinfo))
        .with_state(says)
}

impl World {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::from_bytes(&[3; 32]);
        let rsa = json!({ "kty": "RSA", "n": rsa_modulus(), "e": "AQAB", "kid": "rsa", "use": "sig" });
        let keys = json!([jwk(&key, "ed"), rsa]);
        let says = Says { issuer: issuer.clone(), keys, token: None, userinfo: None, asked: Vec::new() };
        let says = Arc::new(Mutex::new(says));
        let settings = OidcSettings {
            id: "op".into(),
            name: "Provider".into(),
            issuer: issuer.clone(),
            client_id: "huecry".into(),
            client_secret: Some(CLIENT_SECRET.into()),
            scopes: vec!["profile".into()],
            groups_claim: "groups".into(),
            roles: BTreeMap::from([("sec-oncall".to_owned(), vec![Role::Responder])]),
            roles_of_all: Vec::new(),
            public_url: "http://hue.test".into(),
            ca_pem: None,
        };
        let server = Server::start_with(Setup { oidc: vec![settings], ..Setup::default() });
        listener.set_nonblocking(true).unwrap();
        let listener =
            server.runtime.block_on(async { tokio::net::TcpListener::from_std(listener) }).unwrap();
        let router = pages(Arc::clone(&says));
        server.runtime.spawn(async move { axum::serve(listener, router).await });
        Self { server, says, key, issuer }
    }

    fn now_s(&self) -> i64 {
        model::Clock::now_ms(&*self.server.clock) / 1_000
    }

    /// The claims of a good token.
    fn claims(&self, nonce: &str) -> Value {
        let now_s = self.now_s();
        json!({ "iss": self.issuer, "aud": "huecry", "sub": "ana-7", "exp": now_s + 300, "iat": now_s,
            "nonce": nonce, "name": "Ana Ops", "email": "ana@example.com", "groups": ["sec-oncall", "payments"],
            "sid": "op-session-1" })
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", encode(&signature.to_bytes()))
    }

    fn good(&self, claims: &Value) -> String {
        self.signed(&json!({ "alg": "EdDSA", "kid": "ed", "typ": "JWT" }), claims)
    }

    /// Begins; what the provider is asked with.
    fn begin(&self, browser: &Browser) -> BTreeMap<String, String> {
        let answer = browser.get("/auth/oidc/op/start?return=/incidents");
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
        let location = answer.header("location").unwrap();
        assert!(location.starts_with(&format!("{}/auth?", self.issuer)), "{location}");
        let url = url::Url::parse(location).unwrap();
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }

    /// Begins, and comes back with a token that `make` makes of the nonce.
    fn come(&self, make: impl FnOnce(&str) -> Option<String>) -> (Browser, Answer) {
        let browser = Browser::new(&self.server);
        let asked = self.begin(&browser);
        self.says.lock().unwrap().token = make(&asked["nonce"]);
        let answer = browser.get(&format!("/auth/oidc/op/callback?code=abc&state={}", asked["state"]));
        (browser, answer)
    }

    /// Signed in by a good token.
    fn ana(&self) -> Browser {
        let (mut browser, answer) = self.come(|nonce| Some(self.good(&self.claims(nonce))));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/incidents")));
        let session = browser.get("/api/v1/session").json();
        browser.learn(&session);
        browser
    }
}

#[test]
fn a_good_token_signs_in() {
    let world = World::new();
    let browser = Browser::new(&world.server);
    let asked = world.begin(&browser);
    for (key, value) in [
        ("response_type", "code"),
        ("client_id", "huecry"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", "http://hue.test/auth/oidc/op/callback"),
        ("scope", "openid profile"),
    ] {
        assert_eq!(asked[key], value, "{key}");
    }
    let ana = world.ana();
    let session = ana.get("/api/v1/session").json();
    assert_eq!(session["person"]["name"], "Ana Ops");
    assert_eq!(
        (&session["roles"], &session["teams"]),
        (&json!(["responder"]), &json!(["payments", "sec-oncall"]))
    );
    assert_eq!(ana.cookie("huecry_oidc"), None, "the attempt is over");
    let sent = world.says.lock().unwrap().asked.last().unwrap().clone();
    assert!(sent.contains("code_verifier=") && sent.contains("grant_type=authorization_code"), "{sent}");
    assert_eq!(world.ana().person, ana.person, "the same person again");
    let providers = request("GET", "/api/v1/session/providers").send(world.server.at).json();
    assert_eq!(
        providers["items"],
        json!([{ "id": "op", "name": "Provider", "start": "/auth/oidc/op/start" }])
    );
}

/// How a token is made of an attempt's nonce.
type Make<'m> = Box<dyn Fn(&str) -> Option<String> + 'm>;

fn header(alg: &str, kid: &str) -> Value {
    json!({ "alg": alg, "kid": kid, "typ": "JWT" })
}

fn hs256(claims: &Value, kid: &str, secret: &[u8]) -> String {
    let signed = format!(
        "{}.{}",
        encode(header("HS256", kid).to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}

fn claims_with(world: &World, nonce: &str, key: &str, value: Value) -> Value {
    let mut claims = world.claims(nonce);
    claims[key] = value;
    claims
}

/// None of these signs anybody in, and each is recorded; a good one does.
fn refuses_all(world: &World, cases: &[(&str, Make<'_>)]) {
    for (what, make) in cases {
        let (browser, answer) = world.come(|nonce| make(nonce));
        let code = answer.code();
        assert!(matches!((code.0, code.1.as_str()), (403, "sign_in_refused")), "{what}: {code:?}");
        assert_eq!(browser.cookie("huecry_session"), None, "{what}");
        // so many that fail are slowed down; that is another test
        world.server.clock.advance_ms(access::WINDOW_MS);
    }
    let refused =
        world.server.get("/api/v1/audit?action=session.refuse&limit=500", &world.server.admin_token());
    assert_eq!(refused.json()["items"].as_array().unwrap().len(), cases.len());
    world.ana();
}

#[test]
fn tokens_that_say_what_they_should_not_sign_nobody_in() {
    let world = &World::new();
    let now_s = world.now_s();
    let claims = |key: &'static str, value: Value| -> Make<'_> {
        Box::new(move |nonce| Some(world.good(&claims_with(world, nonce, key, value.clone()))))
    };
    let cases: Vec<(&str, Make<'_>)> = vec![
        ("expired", claims("exp", json!(now_s - 1))),
        ("issued long ago", claims("iat", json!(now_s - TOKEN_AGE_MS_MAX / 1_000 - 1))),
        ("issued in the future", claims("iat", json!(now_s + TOKEN_AGE_MS_MAX / 1_000 + 600))),
        ("no token", Box::new(|_| None)),
        ("no signed token", Box::new(|_| Some("abc".to_owned()))),
        ("for another audience", claims("aud", json!("other-app"))),
        ("for others beside us", claims("aud", json!(["huecry", "other-app"]))),
        ("of another issuer", claims("iss", json!("https://evil.example"))),
        ("of another attempt", claims("nonce", json!("another"))),
        ("of no attempt", claims("nonce", Value::Null)),
        ("of nobody's group", claims("groups", json!(["marketing"]))),
        ("without groups", claims("groups", Value::Null)),
    ];
    refuses_all(world, &cases);
}

#[test]
fn tokens_that_are_signed_otherwise_sign_nobody_in() {
    let world = &World::new();
    let n = URL_SAFE_NO_PAD.decode(rsa_modulus()).unwrap();
    let other = SigningKey::from_bytes(&[4; 32]);
    let cases: Vec<(&str, Make<'_>)> = vec![
        (
            "alg none",
            Box::new(|nonce| {
                let (head, body) = (json!({ "alg": "none" }), world.claims(nonce));
                Some(format!(
                    "{}.{}.",
                    encode(head.to_string().as_bytes()),
                    encode(body.to_string().as_bytes())
                ))
            }),
        ),
        (
            "alg none, signed",
            Box::new(|nonce| Some(world.signed(&header("none", "ed"), &world.claims(nonce)))),
        ),
        ("HS256 by the RSA key's modulus", Box::new(|nonce| Some(hs256(&world.claims(nonce), "rsa", &n)))),
        (
            "HS256 by the RSA key as text",
            Box::new(|nonce| Some(hs256(&world.claims(nonce), "rsa", rsa_modulus().as_bytes()))),
        ),
        (
            "HS256 by the client's secret",
            Box::new(|nonce| Some(hs256(&world.claims(nonce), "ed", CLIENT_SECRET.as_bytes()))),
        ),
        (
            "RS256 by an EdDSA signature",
            Box::new(|nonce| Some(world.signed(&header("RS256", "rsa"), &world.claims(nonce)))),
        ),
        (
            "an unknown key",
            Box::new(|nonce| Some(world.signed(&header("EdDSA", "new"), &world.claims(nonce)))),
        ),
        (
            "another key of that name",
            Box::new(|nonce| {
                let good = world.good(&world.claims(nonce));
                let signed = good.rsplit_once('.').unwrap().0;
                Some(format!("{signed}.{}", encode(&other.sign(signed.as_bytes()).to_bytes())))
            }),
        ),
        (
            "another body under the signature",
            Box::new(|nonce| {
                let good = world.good(&world.claims(nonce));
                let parts: Vec<&str> = good.split('.').collect();
                let body = encode(claims_with(world, nonce, "sub", json!("root")).to_string().as_bytes());
                Some(format!("{}.{body}.{}", parts[0], parts[2]))
            }),
        ),
    ];
    refuses_all(world, &cases);
}

#[test]
fn an_attempt_is_finished_once_by_the_browser_that_began_it() {
    let world = World::new();
    let refused = |answer: &Answer| assert_eq!(answer.code(), (403, "sign_in_refused".into()));
    let (victim, attacker) = (Browser::new(&world.server), Browser::new(&world.server));
    let asked = world.begin(&attacker);
    world.says.lock().unwrap().token = Some(world.good(&world.claims(&asked["nonce"])));
    let callback = format!("/auth/oidc/op/callback?code=abc&state={}", asked["state"]);
    refused(&victim.get(&callback));
    world.begin(&victim);
    refused(&victim.get(&callback));
    for bad in [
        "/auth/oidc/op/callback",
        "/auth/oidc/op/callback?code=abc",
        "/auth/oidc/op/callback?code=abc&state=",
    ] {
        refused(&attacker.get(bad));
    }
    refused(&attacker.get(&format!("{callback}&iss=https://evil.example")));
    refused(&attacker.get("/auth/oidc/op/callback?error=access_denied%0d%0aSet-Cookie:x&state=x"));
    assert_eq!(attacker.get(&callback).status, 303);
    refused(&attacker.get(&callback));
    let late = Browser::new(&world.server);
    let asked = world.begin(&late);
    world.server.clock.advance_ms(FLOW_MS);
    refused(&late.get(&format!("/auth/oidc/op/callback?code=abc&state={}", asked["state"])));
    assert_eq!(late.get("/auth/oidc/other/start").code(), (404, "not_found".into()));
}

#[test]
fn nobody_is_led_elsewhere() {
    let world = World::new();
    let browser = Browser::new(&world.server);
    for bad in [
        "https://evil.example",
        "//evil.example",
        "/%5cevil.example",
        "/%09/evil.example",
        "evil",
        "",
        "/a%0d%0aSet-Cookie:%20huecry_session=x",
        "/a%0aLocation:%20https://evil.example",
        "javascript:alert(1)",
    ] {
        let answer = browser.get(&format!("/auth/oidc/op/start?return={bad}"));
        assert_eq!(answer.code(), (400, "request_invalid".into()), "{bad}");
        assert!(answer.header("location").is_none() && answer.header("set-cookie").is_none(), "{bad}");
    }
    let good = browser.get("/auth/oidc/op/start?return=/incidents/inc_1%3Ftab=x");
    assert_eq!(good.status, 303);
}

#[test]
fn exchanged_keys_are_fetched_but_not_for_every_forger() {
    let world = World::new();
    world.ana();
    let new = SigningKey::from_bytes(&[9; 32]);
    let by_new = |nonce: &str| {
        let head = json!({ "alg": "EdDSA", "kid": "next" });
        let claims = world.claims(nonce);
        let signed =
            format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        Some(format!("{signed}.{}", encode(&new.sign(signed.as_bytes()).to_bytes())))
    };
    world.says.lock().unwrap().keys = json!([jwk(&new, "next")]);
    let (_, answer) = world.come(by_new);
    assert_eq!(answer.code(), (403, "sign_in_refused".into()), "keys were fetched a moment ago");
    world.server.clock.advance_ms(KEYS_FETCH_MS_MIN);
    let (_, answer) = world.come(by_new);
    assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    let (_, answer) = world.come(|nonce| Some(world.good(&world.claims(nonce))));
    assert_eq!(answer.code(), (403, "sign_in_refused".into()), "the old key is not the provider's any more");
}

#[test]
fn the_provider_ends_sessions() {
    let world = World::new();
    let (ana, by_link) = (world.ana(), world.server.sign_in(&[Role::Responder]));
    let now_s = world.now_s();
    let said = |key: &str, value: Value| {
        let mut claims = json!({ "iss": world.issuer, "aud": "huecry", "iat": now_s, "jti": "1", "sub": "ana-7",
            "sid": "op-session-1", "events": { LOGOUT_EVENT: {} } });
        claims[key] = value;
        claims
    };
    let send = |token: &str| {
        let body = format!("logout_token={token}");
        let post = request("POST", "/auth/oidc/op/backchannel-logout");
        post.header("content-type", "application/x-www-form-urlencoded").body(&body).send(world.server.at)
    };
    let none =
        format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(said("x", json!(1)).to_string().as_bytes()));
    for bad in [
        String::new(),
        "abc".to_owned(),
        none,
        world.signed(&json!({ "alg": "HS256", "kid": "ed" }), &said("x", json!(1))),
        world.signed(&json!({ "alg": "EdDSA", "kid": "rsa" }), &said("x", json!(1))),
        world.good(&said("aud", json!("other-app"))),
        world.good(&said("iss", json!("https://evil.example"))),
        world.good(&said("iat", json!(now_s - 301))),
        world.good(&said("exp", json!(now_s - 1))),
        world.good(&said("events", json!({}))),
        world.good(&said("nonce", json!("n"))),
        world.good(&world.claims("n")),
    ] {
        assert_eq!(send(&bad).code(), (403, "sign_in_refused".into()), "{bad}");
    }
    for other in
        [said("sub", json!("eve-1")), said("sid", json!("op-session-2")), said("iat", json!(now_s - 60))]
    {
        assert_eq!(send(&world.good(&other)).status, 200);
        assert_eq!(ana.get("/api/v1/session").status, 200, "not meant: {other}");
    }
    let by_sid = {
        let mut claims = said("x", json!(1));
        claims.as_object_mut().unwrap().remove("sub");
        claims
    };
    assert_eq!(send(&world.good(&by_sid)).status, 200);
    assert_eq!(ana.get("/api/v1/session").code(), (401, "session_ended".into()));
    assert_eq!(by_link.get("/api/v1/session").status, 200);
    let again = world.ana();
    assert_eq!(send(&world.good(&said("sid", Value::Null))).status, 200);
    assert_eq!(again.get("/api/v1/session").code(), (401, "session_ended".into()), "all of the person's");
}

#[test]
fn a_provider_that_does_not_answer_is_told_of() {
    let world = World::new();
    world.says.lock().unwrap().issuer = "https://evil.example".to_owned();
    let answer = request("GET", "/auth/oidc/op/start").send(world.server.at);
    assert_eq!(answer.code(), (503, "provider_unavailable".into()), "its document names another issuer");
    assert!(!answer.json()["detail"].as_str().unwrap().contains("evil"));
}

fn logout(world: &World, claims: &Value) -> Answer {
    let body = format!("logout_token={}", world.good(claims));
    let post = request("POST", "/auth/oidc/op/backchannel-logout");
    post.header("content-type", "application/x-www-form-urlencoded").body(&body).send(world.server.at)
}

fn said(world: &World, sid: Option<&str>) -> Value {
    let mut claims = json!({ "iss": world.issuer, "aud": "huecry", "iat": world.now_s(), "jti": "1", "sub": "ana-7",
        "events": { LOGOUT_EVENT: {} } });
    if let Some(sid) = sid {
        claims["sid"] = json!(sid);
    }
    claims
}

fn own_token(ana: &Browser) -> String {
    let body = json!({ "name": "laptop", "scopes": ["incidents:read", "rules:read"] });
    let made = ana.change("POST", "/api/v1/me/tokens", &body);
    assert_eq!(made.status, 201);
    made.json()["secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_persons_token_rests_while_they_are_away() {
    let world = World::new();
    let server = &world.server;
    let token = own_token(&world.ana());
    let answer = || server.get("/api/v1/incidents", &token);
    assert_eq!(answer().status, 200);
    // a sign-out of one session is no farewell
    assert_eq!(logout(&world, &said(&world, Some("op-session-1"))).status, 200);
    assert_eq!(answer().status, 200);
    let old = said(&world, None);
    assert_eq!(logout(&world, &old).status, 200);
    assert_eq!(answer().code(), (401, "token_resting".into()));
    let left = || {
        let listed = server.get("/api/v1/audit?action=person.leave", &server.admin_token()).json();
        listed["items"].as_array().unwrap().len()
    };
    assert_eq!(left(), 1);
    assert_eq!(logout(&world, &old).status, 200);
    assert_eq!(left(), 1, "said twice, written down once");
    server.clock.advance_ms(60_000);
    world.ana();
    assert_eq!(answer().status, 200, "they are back");
    assert_eq!(logout(&world, &old).status, 200);
    assert_eq!(answer().status, 200, "what was said before they came back counts no more");
    server.clock.advance_ms(access::TOKEN_REST_MS - 1);
    assert_eq!(answer().status, 200);
    server.clock.advance_ms(access::FRESH_MS_MAX);
    assert_eq!(answer().code(), (401, "token_resting".into()), "nobody vouched for them for long");
    let by_link = server.sign_in(&[Role::Responder]);
    let token = own_token(&by_link);
    server.clock.advance_ms(2 * access::TOKEN_REST_MS);
    assert_eq!(server.get("/api/v1/incidents", &token).status, 200, "nobody vouches for who came by a link");
}

#[test]
fn who_has_no_role_at_the_provider_has_none_here() {
    let world = World::new();
    let ana = world.ana();
    let token = own_token(&ana);
    let sales = |nonce: &str| Some(world.good(&claims_with(&world, nonce, "groups", json!(["sales"]))));
    let (_, answer) = world.come(sales);
    assert_eq!(answer.code(), (403, "sign_in_refused".into()));
    assert_eq!(ana.get("/api/v1/session").code(), (401, "session_ended".into()));
    let answer = world.server.get("/api/v1/incidents", &token);
    assert_eq!(answer.code(), (403, "scope_missing".into()), "the token does not outlive the role");
    assert_eq!(world.ana().person, ana.person);
    assert_eq!(world.server.get("/api/v1/incidents", &token).status, 200);
}

#[test]
fn nobody_closes_a_door_for_others() {
    let world = World::new();
    let server = &world.server;
    let stranger = Browser::new(server);
    for _ in 0..access::FAILURES_MAX * 2 {
        for bad in ["error=access_denied", "error=x&state=y", "code=abc&state=y"] {
            let answer = stranger.get(&format!("/auth/oidc/op/callback?{bad}"));
            assert_eq!(answer.code(), (403, "sign_in_refused".into()), "never slowed down: it costs nothing");
        }
    }
    let refused = server.get("/api/v1/audit?action=session.refuse", &server.admin_token()).json();
    assert_eq!(refused["items"], json!([]), "what was not begun here is not written down");
    // at the logout door those fail who cannot sign; the provider is heard all the same
    let ana = world.ana();
    let bad =
        |_| request("POST", "/auth/oidc/op/backchannel-logout").body("logout_token=x").send(server.at).status;
    let statuses: Vec<u16> = (0..=access::FAILURES_MAX).map(bad).collect();
    assert_eq!((statuses[0], statuses.last()), (403, Some(&429)));
    assert_eq!(logout(&world, &said(&world, None)).status, 200);
    assert_eq!(ana.get("/api/v1/session").code(), (401, "session_ended".into()));
    // nor do their failures slow down who comes by another door
    server.clock.advance_ms(10_000);
    world.ana();
    server.sign_in(&[Role::Responder]);
    let begun = Browser::new(server);
    let asked = world.begin(&begun);
    let callback = format!("/auth/oidc/op/callback?error=access_denied&state={}", asked["state"]);
    let statuses: Vec<u16> = (0..=access::FAILURES_MAX).map(|_| begun.get(&callback).status).collect();
    assert_eq!((statuses[0], statuses.last()), (403, Some(&429)), "what was begun here counts");
    server.sign_in(&[Role::Responder]);
}

#[test]
fn groups_may_stand_in_the_userinfo_answer_of_the_same_person() {
    let world = World::new();
    let come = |userinfo: Value| {
        world.says.lock().unwrap().userinfo = Some(userinfo);
        world.server.clock.advance_ms(access::DISCOVERY_MS);
        let (_, answer) = world.come(|nonce| {
            let mut claims = world.claims(nonce);
            claims.as_object_mut().unwrap().remove("groups");
            Some(world.good(&claims))
        });
        answer
    };
    assert_eq!(
        come(json!({ "sub": "eve-1", "groups": ["sec-oncall"] })).code(),
        (403, "sign_in_refused".into())
    );
    assert_eq!(come(json!({ "groups": ["sec-oncall"] })).status, 503, "an answer about nobody");
    assert_eq!(come(json!({ "sub": "ana-7", "groups": ["sales"] })).code(), (403, "sign_in_refused".into()));
    assert_eq!(come(json!({ "sub": "ana-7", "groups": ["sec-oncall"] })).status, 303);
}

#[test]
fn who_comes_by_a_provider_needs_no_link() {
    let world = World::new();
    let (ana, admin) = (world.ana(), world.server.sign_in(&[Role::Admin]));
    let link = |body: &Value| admin.change("POST", "/api/v1/people/links", body).code();
    assert_eq!(link(&json!({ "person": ana.person })), (400, "request_invalid".into()));
    for name in ["Ana Ops", "ana@example.com"] {
        let new = json!({ "name": name, "roles": ["responder"] });
        assert_eq!(link(&new), (409, "person_exists".into()), "{name}");
    }
}
