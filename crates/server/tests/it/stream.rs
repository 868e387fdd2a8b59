use crate::fixture::Server;
use crate::http::{read_head, request};
use access::{NewAuthority, Role, Scope, ScopeSet, SessionTimes};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;

struct Stream(BufReader<TcpStream>);

#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

impl Stream {
    fn open(server: &Server, token: &str, last: Option<&str>) -> Self {
        let mut ask = request("GET", "/api/v1/stream").bearer(token);
        if let Some(last) = last {
            ask = ask.header("last-event-id", last);
        }
        let mut reader = ask.open(server.at);
        let (status, headers) = read_head(&mut reader);
        assert_eq!(status, 200);
        assert!(headers.contains(&("content-type".into(), "text/event-stream".into())));
        Self(reader)
    }

    /// The next event; `None` at the end of the stream.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: String::new(), kind: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.into(),
                Some(("event", kind)) => event.kind = kind.into(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line == "\n" && !event.kind.is_empty() => return Some(event),
                _ => {}
            }
        }
    }
}

fn comment(server: &Server, token: &str, incident: &str, text: &str) {
    let path = format!("/api/v1/incidents/{incident}/comments");
    let body = serde_json::json!({ "text": text }).to_string();
    assert_eq!(server.post(&path).bearer(token).body(&body).send(server.at).status, 201);
}

#[test]
fn changes_come_as_they_are_made_and_can_be_resumed() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead, Scope::IncidentsWrite]);
    server.open_incident(0);
    let mut stream = Stream::open(&server, &token, None);
    let id = server.open_incident(1).to_string();
    comment(&server, &token, &id, "hello");
    let (opened, found, said) = (stream.next().unwrap(), stream.next().unwrap(), stream.next().unwrap());
    assert_eq!(
        (opened.kind.as_str(), &opened.data["object"]),
        ("incident.opened", &Value::from(id.as_str()))
    );
    assert_eq!(opened.data["incident"]["title"], "Root used 1");
    assert_eq!(found.kind, "finding.added");
    assert_eq!(found.data["finding"]["rule_title"], "Root used 1");
    assert_eq!((said.kind.as_str(), &said.data["comment"]["text"]), ("comment.added", &Value::from("hello")));
    let mut resumed = Stream::open(&server, &token, Some(&opened.id));
    assert_eq!(resumed.next().unwrap(), found);
    assert_eq!(resumed.next().unwrap(), said);
    let mut lost = Stream::open(&server, &token, Some("999999"));
    let reset = lost.next().unwrap();
    assert_eq!((reset.kind.as_str(), reset.id), ("reset", said.id));
}

#[test]
fn what_was_hidden_since_is_not_streamed() {
    let server = Server::start();
    let token = server.api_token(&[Scope::IncidentsRead]);
    let admin = server.admin_token();
    let mut stream = Stream::open(&server, &token, None);
    let (one, two) = (server.open_incident(1), server.open_incident(2));
    let opened = stream.next().unwrap();
    assert_eq!(opened.kind, "incident.opened");
    let merge = serde_json::json!({ "into": two.to_string(), "version": 1 }).to_string();
    let path = format!("/api/v1/incidents/{one}/merge");
    assert_eq!(server.post(&path).bearer(&admin).body(&merge).send(server.at).status, 200);
    let shown = server.get(&format!("/api/v1/incidents/{two}"), &admin).json();
    let version = shown["incident"]["version"].to_string();
    let path = format!("/api/v1/incidents/{two}/visibility");
    let hide = request("PUT", &path).bearer(&admin);
    let hide = hide.header("if-match", version.as_str()).body(r#"{"visibility":"restricted"}"#);
    assert_eq!(hide.send(server.at).status, 200);
    let three = server.open_incident(3).to_string();
    let next = Stream::open(&server, &token, Some(&opened.id)).next().unwrap();
    assert_eq!(
        (next.kind.as_str(), &next.data["object"]),
        ("incident.opened", &Value::from(three)),
        "{next:?}"
    );
    assert_eq!(
        server.get(&format!("/api/v1/incidents/{one}"), &token).status,
        404,
        "what was merged in, too"
    );
}

#[test]
fn a_stream_ends_with_its_token_and_with_the_server() {
    let server = Server::start();
    let read = || NewAuthority::Api(ScopeSet::from_iter([Scope::IncidentsRead]));
    let ((id, secret), (_, lasting)) = (server.issue(read(), None), server.issue(read(), None));
    let mut stream = Stream::open(&server, secret.reveal(), None);
    let mut other = Stream::open(&server, lasting.reveal(), None);
    server.runtime.block_on(server.access.revoke(&Server::caller(), id)).unwrap();
    server.open_incident(1);
    assert_eq!(stream.next(), None);
    assert_eq!(other.next().unwrap().kind, "incident.opened");
    assert_eq!(other.next().unwrap().kind, "finding.added");
    server.app.shutdown.cancel();
    assert_eq!(other.next(), None);
}

#[test]
fn a_stream_does_not_keep_a_session_from_being_idle() {
    let server = Server::start();
    let browser = server.sign_in(&[Role::Responder]);
    let mut reader =
        request("GET", "/api/v1/stream").header("cookie", browser.cookie_header()).open(server.at);
    assert_eq!(read_head(&mut reader).0, 200);
    let mut stream = Stream(reader);
    let idle_ms = SessionTimes::default().idle_ms;
    server.clock.advance_ms(idle_ms / 5 * 3);
    server.open_incident(1);
    assert_eq!(stream.next().unwrap().kind, "incident.opened");
    assert_eq!(stream.next().unwrap().kind, "finding.added");
    server.clock.advance_ms(idle_ms / 5 * 3);
    server.open_incident(2);
    assert_eq!(stream.next(), None);
}

#[test]
fn streams_are_bounded() {
    let mut setup = crate::fixture::Setup::default();
    setup.options.streams_max = 1;
    let server = Server::start_with(setup);
    let token = server.api_token(&[Scope::IncidentsRead]);
    let _open = Stream::open(&server, &token, None);
    let answer = server.get("/api/v1/stream", &token);
    assert_eq!(answer.code(), (429, "streams_exhausted".into()));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn one_person_does_not_take_the_streams_of_all() {
    let mut setup = crate::fixture::Setup::default();
    setup.options.streams_of_one_max = 2;
    let server = Server::start_with(setup);
    let (ana, eve) = (server.sign_in(&[Role::Responder]), server.sign_in(&[Role::Responder]));
    let new = serde_json::json!({ "name": "t", "scopes": ["incidents:read"] });
    let token = ana.change("POST", "/api/v1/me/tokens", &new).json()["secret"].as_str().unwrap().to_owned();
    let follow = |browser: &crate::people::Browser| {
        let ask = request("GET", "/api/v1/stream").header("cookie", browser.cookie_header());
        let mut stream = ask.open(server.at);
        (read_head(&mut stream).0, stream)
    };
    let (by_session, by_token) = (follow(&ana), Stream::open(&server, &token, None));
    assert_eq!(by_session.0, 200);
    let refused = ana.get("/api/v1/stream");
    assert_eq!(refused.code(), (429, "streams_too_many".into()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(
        server.get("/api/v1/stream", &token).code(),
        (429, "streams_too_many".into()),
        "by no token either"
    );
    let others = [follow(&eve), follow(&eve)];
    assert!(others.iter().all(|(status, _)| *status == 200));
    drop(by_token);
}
