//! Tokens that are asked for first, and requests that are for some facts only.

use crate::connectors::shipped;
use respond::connector::{
    Act, Answer, Connector, Exchange, Outcome, Remote, Request, Unanswered, Values, read,
};
use respond::protect::Protection;
use serde_json::{Value, json};
use std::sync::Mutex;

const NOW_MS: i64 = 1_795_000_000_000;

/// Answers in turn, and keeps what was asked.
struct Scripted {
    answers: Mutex<Vec<Result<(u16, Value), Unanswered>>>,
    asked: Mutex<Vec<Request>>,
}

impl Scripted {
    fn of(answers: Vec<Result<(u16, Value), Unanswered>>) -> Self {
        Self { answers: Mutex::new(answers), asked: Mutex::default() }
    }

    fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Remote for Scripted {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        self.asked.lock().unwrap().push(request.clone());
        let (status, body) = self.answers.lock().unwrap().remove(0)?;
        Ok(Answer { status, body: body.to_string(), retry_after_ms: None })
    }
}

fn connector(name: &str) -> Connector {
    shipped().into_iter().find(|connector| connector.connector == name).unwrap()
}

fn settings(of: &Connector) -> Values {
    let value = |name: &String| if name.ends_with("_url") { "https://vendor.example" } else { "s&cret" };
    of.settings.keys().map(|name| (name.clone(), value(name).to_owned())).collect()
}

fn look(connector: &Connector, action: &str, target: &str, remote: &Scripted) -> Outcome {
    let (settings, protection) = (settings(connector), Protection::default());
    let act = Act::bind(connector, action, (target, Vec::new()), (&settings, &Values::new()), &protection);
    act.unwrap().look(remote, NOW_MS).unwrap()
}

#[test]
fn a_token_is_asked_for_and_used() {
    for (name, action, target, token, answer) in [
        (
            "entra",
            "disable_user",
            "ann@acme.example",
            json!({ "access_token": "t0k3n" }),
            json!({ "accountEnabled": true, "userPrincipalName": "ann@acme.example" }),
        ),
        (
            "google_workspace",
            "suspend_user",
            "ann@acme.example",
            json!({ "access_token": "t0k3n" }),
            json!({ "suspended": false, "isAdmin": false }),
        ),
        (
            "wazuh",
            "isolate_host",
            "007",
            json!({ "data": { "token": "t0k3n" } }),
            json!({ "data": { "affected_items": [{ "status": "active", "group": ["default"] }] } }),
        ),
    ] {
        let connector = connector(name);
        let remote = Scripted::of(vec![Ok((200, token)), Ok((200, answer))]);
        assert!(matches!(look(&connector, action, target, &remote), Outcome::Done(_)), "{name}");
        let asked = remote.asked();
        let header = |at: usize, name: &str| {
            let headers = asked[at].headers.iter();
            headers.filter(|(key, _)| key == name).map(|(_, value)| value.clone()).next()
        };
        assert_eq!(header(0, "content-type").as_deref(), Some("application/x-www-form-urlencoded"));
        assert_eq!(header(1, "authorization").as_deref(), Some("Bearer t0k3n"));
        if name == "wazuh" {
            assert_eq!(header(0, "authorization").as_deref(), Some("Basic cyZjcmV0OnMmY3JldA=="));
        } else {
            let body = asked[0].body.as_deref().unwrap();
            assert!(body.contains("client_secret=s%26cret"), "{body}");
        }
        // what signs in is in no message
        assert!(!format!("{:?}", asked[0]).contains("s%26cret"));
    }
}

#[test]
fn without_a_token_nothing_is_asked() {
    let entra = connector("entra");
    let lost = || Err(Unanswered::Lost("cut".into()));
    for (answer, later) in [
        (Ok((400, json!({ "error": "invalid_client", "error_description": "s3cret" }))), false),
        (Ok((200, json!({ "id_token": "x" }))), false),
        (Ok((503, json!({}))), true),
        (lost(), true),
    ] {
        let remote = Scripted::of(vec![answer]);
        let outcome = look(&entra, "disable_user", "ann@acme.example", &remote);
        match outcome {
            Outcome::Later(reason) => assert!(later, "{reason}"),
            Outcome::Refused(reason) => assert!(!later && !reason.contains("s3cret"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(remote.asked().len(), 1);
    }
}

#[test]
fn a_request_is_sent_for_the_facts_that_it_is_for() {
    let entra = connector("entra");
    let act_target = "lAPpYvVpN0KRkAEhdxReEMNTLmsCZkVBsMzGYzQzmJY";
    let (settings, protection, none) = (settings(&entra), Protection::default(), Values::new());
    let act = Act::bind(&entra, "revoke_consent", (act_target, Vec::new()), (&settings, &none), &protection);
    let act = act.unwrap();
    let facts = |consent: &str| -> Values {
        [("consent", consent), ("client", "c"), ("principal", "p"), ("resource", "r"), ("scope", "s")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    };
    let token = || Ok((200, json!({ "access_token": "t" })));
    for (consent, expected) in [
        (
            "AllPrincipals",
            json!({ "clientId": "c", "consentType": "AllPrincipals", "resourceId": "r", "scope": "s" }),
        ),
        (
            "Principal",
            json!({ "clientId": "c", "consentType": "Principal", "principalId": "p", "resourceId": "r", "scope": "s" }),
        ),
    ] {
        let remote = Scripted::of(vec![token(), Ok((201, json!({})))]);
        let outcome = act.revert(&remote, &facts(consent), (false, NOW_MS)).unwrap();
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        let sent: Value = serde_json::from_str(remote.asked()[1].body.as_deref().unwrap()).unwrap();
        assert_eq!(sent, expected);
    }
    // a case that the file does not know is not passed over in silence
    let remote = Scripted::of(vec![token()]);
    let outcome = act.revert(&remote, &facts("Somebody"), (false, NOW_MS)).unwrap();
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

fn exchange(value: Value) -> Exchange {
    serde_json::from_value(value).unwrap()
}

#[test]
fn lists_and_json_that_were_read_are_sent_back() {
    let connector = connector("webhook");
    let values = |name: &str, value: &str| {
        let mut values = settings(&connector);
        values.insert(name.to_owned(), value.to_owned());
        values
    };
    let get = exchange(json!({
        "method": "GET", "path": "/", "query": { "Id.#": "{list}", "A": "b" }, "expect": [200],
    }));
    for (list, url) in [
        (r#"["a","b&c"]"#, Some("https://vendor.example/?A=b&Id.1=a&Id.2=b%26c")),
        ("[]", Some("https://vendor.example/?A=b")),
        ("a", None),
        (r#"[{"a":1}]"#, None),
    ] {
        let request = get.request(&connector, &values("list", list), NOW_MS).ok();
        assert_eq!(request.map(|request| request.url).as_deref(), url, "{list}");
    }
    let put = exchange(json!({
        "method": "PUT", "path": "/", "body": { "kept": { "$json": "{kept}" } }, "expect": [200],
    }));
    for (kept, body) in [
        (r#"{"a":["{b}"]}"#, Some(r#"{"kept":{"a":["{b}"]}}"#)),
        ("", Some(r#"{"kept":null}"#)),
        ("null", Some(r#"{"kept":null}"#)),
        ("{", None),
    ] {
        let request = put.request(&connector, &values("kept", kept), NOW_MS).ok();
        assert_eq!(request.and_then(|request| request.body).as_deref(), body, "{kept}");
    }
    let xml = exchange(json!({
        "method": "PUT", "path": "/", "content_type": "application/xml", "body": "<a>{kept}</a>", "expect": [200],
    }));
    let request = xml.request(&connector, &values("kept", "</a>"), NOW_MS).unwrap();
    assert_eq!(request.body.as_deref(), Some("<a>&lt;/a&gt;</a>"));
}

#[test]
fn a_file_that_could_give_a_secret_away_is_refused() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors/entra.yaml"))
            .unwrap();
    for (from, to, expected) in [
        ("{entra_login_url}/{entra_tenant}", "{entra_login_url}/{entra_client_secret}", "has the secret"),
        (
            "client_secret: \"{entra_client_secret}\"",
            "client_secret: abc",
            "names no setting that is a secret",
        ),
        ("client_id: \"{entra_client_id}\"", "client_id: \"{entra_id}\"", "{entra_id}, which is no setting"),
        ("when: {consent: Principal}", "when: {konsent: Principal}", "{konsent}, which nobody gives"),
        ("where: [{at: /accountEnabled, is: \"true\"}]", "where: [{at: /accountEnabled}]", "without `is`"),
    ] {
        assert!(text.contains(from), "{from}");
        let refused = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}

/// Who may not look has not seen that it did not take effect: nothing is sent again for that.
#[test]
fn a_look_that_is_not_allowed_proves_nothing() {
    let okta = connector("okta");
    let (settings, none, protection) = (settings(&okta), Values::new(), Protection::default());
    let user = ("00u1abcdefghijklmnop", Vec::new());
    let act = Act::bind(&okta, "suspend_user", user, (&settings, &none), &protection).unwrap();
    for status in [401, 403, 407] {
        let remote = Scripted::of(vec![Ok((status, json!({})))]);
        let proof = act.verify(&remote, &none, NOW_MS).unwrap();
        assert!(matches!(proof, Outcome::Later(_)), "{status}: {proof:?}");
        let remote = Scripted::of(vec![Ok((status, json!({})))]);
        assert!(matches!(act.apply(&remote, &none, (true, NOW_MS)).unwrap(), Outcome::Later(_)), "{status}");
        assert_eq!(remote.asked().len(), 1, "{status}: it is not sent again");
        let remote = Scripted::of(vec![Ok((status, json!({})))]);
        assert!(
            matches!(act.apply(&remote, &none, (false, NOW_MS)).unwrap(), Outcome::Refused(_)),
            "{status}"
        );
    }
    let remote = Scripted::of(vec![Ok((200, json!({ "status": "ACTIVE" })))]);
    assert!(matches!(act.verify(&remote, &none, NOW_MS).unwrap(), Outcome::Refused(_)));
}

/// What is refused after a part was done has had an effect.
#[test]
fn a_part_that_was_done_is_told() {
    let wazuh = connector("wazuh");
    let (settings, none, protection) = (settings(&wazuh), Values::new(), Protection::default());
    let act =
        Act::bind(&wazuh, "isolate_host", ("007", Vec::new()), (&settings, &none), &protection).unwrap();
    let token = || Ok((200, json!({ "data": { "token": "t0k3n" } })));
    let done = || Ok((200, json!({ "error": 0 })));
    for second in [Ok((403, json!({}))), Ok((200, json!({ "error": 1 })))] {
        let remote = Scripted::of(vec![token(), done(), second]);
        let came = act.apply(&remote, &none, (false, NOW_MS)).unwrap();
        assert!(matches!(&came, Outcome::Partly(why) if why.starts_with("a part was done")), "{came:?}");
    }
    let remote = Scripted::of(vec![token(), Ok((200, json!({ "error": 1 })))]);
    assert!(matches!(act.apply(&remote, &none, (false, NOW_MS)).unwrap(), Outcome::Refused(_)));
    let remote = Scripted::of(vec![token(), done(), Err(Unanswered::NotSent("down".into()))]);
    assert!(matches!(act.apply(&remote, &none, (false, NOW_MS)).unwrap(), Outcome::Unknown(_)));
}
