use crate::fixture::{HOOK_SECRET, Server};
use crate::http::request;

const PATH: &str = "/api/v1/hooks/okta/okta";
/// An event hook as Okta sends it, shortened.
const HOOK: &str = r#"{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1",
"source":"https://acme.okta.com/api/v1/eventHooks/who1","eventId":"b5a188b9","data":{"events":[
{"uuid":"3e1e-1","published":"2026-11-01T10:00:00.000Z","eventType":"user.session.start"},
{"uuid":"3e1e-2","published":"2026-11-01T10:00:01.000Z","eventType":"user.lifecycle.create"}]},
"eventTime":"2026-11-01T10:00:02.000Z","contentType":"application/json"}"#;

#[test]
fn the_hook_is_verified() {
    let server = Server::start();
    let verify = |secret: Option<&str>, challenge: Option<&str>| {
        let mut ask = request("GET", PATH);
        if let Some(secret) = secret {
            ask = ask.header("authorization", secret);
        }
        if let Some(challenge) = challenge {
            ask = ask.header("x-okta-verification-challenge", challenge);
        }
        ask.send(server.at)
    };
    let answer = verify(Some(HOOK_SECRET), Some("my \"challenge\""));
    assert_eq!((answer.status, answer.json()["verification"].as_str()), (200, Some("my \"challenge\"")));
    assert_eq!(verify(Some("wrong"), Some("x")).code(), (401, "signature_wrong".into()));
    assert_eq!(verify(None, Some("x")).code(), (401, "signature_missing".into()));
    assert_eq!(verify(Some(HOOK_SECRET), None).code(), (400, "challenge_missing".into()));
}

#[test]
fn each_event_of_a_hook_is_a_record() {
    let server = Server::start();
    let send = |secret: &str| server.post(PATH).header("authorization", secret).body(HOOK).send(server.at);
    assert_eq!(send(HOOK_SECRET).json()["accepted"], 2);
    assert_eq!(send(HOOK_SECRET).json()["accepted"], 2, "delivered again: taken again");
    assert_eq!(send("nonsense").code(), (401, "signature_wrong".into()));
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 4);
    assert!(bodies[0].starts_with(r#"{"uuid":"3e1e-1","#) && bodies[1].starts_with(r#"{"uuid":"3e1e-2","#));
    assert_eq!(bodies[..2], bodies[2..], "the uuid makes the second delivery a duplicate");
    let cut = &HOOK[..HOOK.len() - 120];
    let answer = server.post(PATH).header("authorization", HOOK_SECRET).body(cut).send(server.at);
    assert_eq!(answer.code(), (400, "body_truncated".into()));
}
