use crate::fixture::{HOOK_SECRET, Server};
use crate::http::Answer;
use ingest::signature::sign_github;

const PATH: &str = "/api/v1/hooks/github/github";
/// A push as GitHub sends it, shortened.
const PUSH: &str = r#"{"ref":"refs/heads/main","before":"0000","after":"6113728f","repository":{"id":35129377,
"name":"public-repo","full_name":"acme/public-repo"},"pusher":{"name":"ann"},"sender":{"login":"ann"}}"#;
const DELIVERY: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

fn deliver(server: &Server, event: &str, body: &str, signature: Option<&str>) -> Answer {
    let mut request = server
        .post(PATH)
        .header("user-agent", "GitHub-Hookshot/044aadd")
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", DELIVERY)
        .header("x-github-hook-id", "292430182")
        .header("x-github-hook-installation-target-id", "79929171")
        .header("x-github-hook-installation-target-type", "repository");
    if let Some(signature) = signature {
        request = request.header("x-hub-signature-256", signature);
    }
    request.body(body).send(server.at)
}

fn signed(body: &str) -> String {
    sign_github(HOOK_SECRET.as_bytes(), body.as_bytes()).unwrap()
}

#[test]
fn a_signed_delivery_is_taken_and_a_replay_too() {
    let server = Server::start();
    for _ in 0..2 {
        let answer = deliver(&server, "push", PUSH, Some(&signed(PUSH)));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["accepted"], 1);
    }
    let raw = server.raw();
    assert_eq!(raw.len(), 2, "the replay is told apart by what follows, through its delivery id");
    for raw in raw {
        assert_eq!(raw.body, PUSH.as_bytes());
        assert_eq!((raw.source.as_str(), raw.event_type.as_deref()), ("github", Some("push")));
        assert_eq!(raw.delivery_id.as_deref(), Some(DELIVERY));
    }
}

#[test]
fn ping_is_answered_and_not_kept() {
    let server = Server::start();
    let body = r#"{"zen":"Keep it logically awesome.","hook_id":1}"#;
    let answer = deliver(&server, "ping", body, Some(&signed(body)));
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({ "pong": true })));
    assert!(server.raw().is_empty());
}

#[test]
fn what_is_not_signed_right_is_refused() {
    let server = Server::start();
    let good = signed(PUSH);
    let other = sign_github(b"another secret", PUSH.as_bytes()).unwrap();
    let cases: &[(Option<&str>, &str)] = &[
        (None, "signature_missing"),
        (Some("sha1=00"), "signature_malformed"),
        (Some(&other), "signature_wrong"),
        (Some(&good.replace("sha256=", "")), "signature_malformed"),
    ];
    for (signature, code) in cases {
        assert_eq!(deliver(&server, "push", PUSH, *signature).code(), (401, (*code).to_owned()));
    }
    let altered = PUSH.replace("ann", "bob");
    assert_eq!(deliver(&server, "push", &altered, Some(&good)).code(), (401, "signature_wrong".into()));
    assert_eq!(deliver(&server, "ping", PUSH, Some(&other)).code(), (401, "signature_wrong".into()));
    assert!(server.raw().is_empty());
}

#[test]
fn set_up_wrong_says_so() {
    let server = Server::start();
    server.add_source("bare", "github", None);
    let send = |path: &'static str, headers: &[(&'static str, &str)]| {
        let signature = signed(PUSH);
        let mut request = server.post(path).header("x-hub-signature-256", signature);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request.body(PUSH).send(server.at).code()
    };
    let event = ("x-github-event", "push");
    let delivery = ("x-github-delivery", DELIVERY);
    let form = ("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send("/api/v1/hooks/github/bare", &[event, delivery]), (409, "source_secret_missing".into()));
    assert_eq!(send("/api/v1/hooks/github/okta", &[event, delivery]), (409, "source_kind".into()));
    assert_eq!(send("/api/v1/hooks/github/none", &[event, delivery]), (404, "source_not_found".into()));
    assert_eq!(send(PATH, &[event]), (400, "delivery_headers_missing".into()));
    assert_eq!(send(PATH, &[event, delivery, form]), (415, "media_type_unsupported".into()));
}
