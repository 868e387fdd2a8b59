//! The action `email.notify` over a real mail server: it is sent once, to whom it may be sent, and what nobody can tell is unknown.

use crate::durable::kit::{Kit, MINUTE_MS, actor, request, setup, vote};
use crate::smtp_kit::MailServer;
use backends::smtp::{SmtpMailer, SmtpOptions, SmtpTls};
use model::{Containment, ContainmentState as State};
use respond::connector::{MAIL_CONNECTOR, MailRemote, Remote, Values, read};
use respond::contain::{ContainRequest, UndoRequest};
use respond::plan::Plan;
use respond::{Connection, RespondError, Responder, ResponderOptions};
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors/email.yaml"));

/// A responder that sends mail through this server, to acme.example.
async fn mailing(server: &MailServer) -> (Kit, Responder) {
    let kit = Kit::new().await;
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port: server.port,
        tls: SmtpTls::None,
        roots_pem: None,
        sign_in: None,
        from: "huecry@acme.example".parse().unwrap(),
        answer_wait: Duration::from_secs(2),
    };
    let mailer = Arc::new(SmtpMailer::new(options).unwrap());
    let remote: Arc<dyn Remote> = Arc::new(MailRemote::new(
        mailer,
        ["ACME.example".to_owned()],
        kit.clock.clone(),
        Arc::clone(&kit.options.entropy),
    ));
    let connection = Connection::new(Arc::new(read(FILE).unwrap()), Arc::new(Values::new()));
    let mut fixed = setup("http://toy.example");
    let connection = Connection { remote: Some(remote), ..connection };
    fixed.limit.targets_max = 3;
    fixed.connections.insert(MAIL_CONNECTOR.to_owned(), connection);
    let responder = Responder::new(ResponderOptions { setup: Arc::new(fixed), ..kit.options.clone() });
    (kit, responder)
}

fn notify(to: &str, inputs: &[(&str, &str)]) -> ContainRequest {
    let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ContainRequest { inputs, ..request("email.notify", to) }
}

async fn work(kit: &Kit, responder: &Responder) {
    for _ in 0..20 {
        responder.advance_all(100).await.unwrap();
        kit.clock.advance_ms(MINUTE_MS / 2);
    }
}

async fn done(responder: &Responder, asked: &Containment) -> Containment {
    responder.get(asked.id).await.unwrap()
}

#[tokio::test]
async fn a_person_is_told_once() {
    let Some(server) = MailServer::start(&[]) else { return };
    let (kit, responder) = mailing(&server).await;
    let text = "Ann, wir haben deine Sitzungen beendet.\nSubject: no header\n.\n";
    let ask = notify("ann@acme.example", &[("subject", "Deine Sitzungen"), ("text", text)]);
    let preview = responder.preview(&ask).await.unwrap();
    assert_eq!(preview.plan.changes[0].what, "A mail to ann@acme.example");
    assert_eq!(
        preview.plan.changes[0].after,
        format!("Deine Sitzungen: {text}"),
        "all that is sent is in the plan"
    );
    assert_eq!(server.received().len(), 0, "looking sends nothing");
    let asked = responder.request(&ask).await.unwrap();
    work(&kit, &responder).await;
    let now = done(&responder, &asked).await;
    assert_eq!((now.state, now.decision.people), (State::Verified, 0), "{now:?}");
    let received = server.received();
    assert_eq!(received.len(), 1);
    let id = &now.facts["message"];
    assert!(received[0].contains(&format!("Message-ID: <{id}@acme.example>")), "{}", received[0]);
    let plan: Plan = serde_json::from_value(now.plan.clone()).unwrap();
    assert_eq!(plan.ttl_ms, None);
    // it cannot be called back
    let undo = UndoRequest { actor: actor("kim"), containment: asked.id, reason: "it was wrong".to_owned() };
    assert!(matches!(responder.undo(&undo).await, Err(RespondError::NotReversible(_))));
    work(&kit, &responder).await;
    assert_eq!(server.received().len(), 1);
    // another one is another mail
    responder.request(&ask).await.unwrap();
    work(&kit, &responder).await;
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn mail_goes_where_it_may_and_has_no_headers_of_others() {
    let Some(server) = MailServer::start(&[]) else { return };
    let (kit, responder) = mailing(&server).await;
    for (to, inputs) in [
        ("ann@other.example", &[][..]),
        ("ann@acme.example.other.example", &[]),
        ("ann@acme.example\r\nBcc: eve@other.example", &[]),
        ("ann@acme.example,eve@other.example", &[]),
        ("ann@acme.example@other.example", &[]),
        ("<eve@other.example>@acme.example", &[]),
        (".ann@acme.example", &[]),
        ("ann@acme.example", &[("subject", "x\r\nBcc: eve@other.example")]),
        ("ann@acme.example", &[("text", "x\r\n.\r\nMAIL FROM:<eve@other.example>")]),
        ("ann@acme.example", &[("subject", "")]),
        ("ann@acme.example", &[("reply_to", "eve@other.example")]),
    ] {
        let refused = responder.request(&notify(to, inputs)).await;
        let is_refused = matches!(
            &refused,
            Err(RespondError::Act(_) | RespondError::LookRefused(_) | RespondError::UnknownInput { .. })
        );
        assert!(is_refused, "{to:?} {inputs:?}: {refused:?}");
    }
    // what no form catches ends at the mail itself
    let odd = responder
        .request(&notify("ann@acme.example", &[("subject", "x\u{2028}Bcc: eve@other.example")]))
        .await;
    if let Ok(asked) = odd {
        work(&kit, &responder).await;
        assert_eq!(done(&responder, &asked).await.state, State::Failed);
    }
    assert_eq!(server.received(), Vec::<String>::new());
}

/// What came of it is told by whether the server can have it.
#[tokio::test]
async fn what_the_server_did_not_say_is_unknown_and_not_sent_again() {
    let cases = [
        ("hang_after", State::Unknown, 1),
        ("drop_after", State::Unknown, 1),
        ("refuse_recipient", State::Failed, 0),
        ("refuse_text", State::Failed, 0),
    ];
    for (mode, state, arrived) in cases {
        let Some(server) = MailServer::start(&["--mode", mode]) else { return };
        let (kit, responder) = mailing(&server).await;
        let asked = responder.request(&notify("ann@acme.example", &[])).await.unwrap();
        work(&kit, &responder).await;
        assert_eq!(
            (done(&responder, &asked).await.state, server.received().len()),
            (state, arrived),
            "{mode}"
        );
    }
    // one that is busy for a while gets it later, once
    let Some(server) = MailServer::start(&["--mode", "busy", "--times", "2"]) else { return };
    let (kit, responder) = mailing(&server).await;
    let asked = responder.request(&notify("team@acme.example", &[])).await.unwrap();
    work(&kit, &responder).await;
    assert_eq!((done(&responder, &asked).await.state, server.received().len()), (State::Verified, 1));
}

/// What no authoritative source is sure of waits for a person, as all else does.
#[tokio::test]
async fn who_is_not_sure_asks_a_person() {
    let Some(server) = MailServer::start(&[]) else { return };
    let (kit, responder) = mailing(&server).await;
    let unsure = ContainRequest { grounds: Default::default(), ..notify("ann@acme.example", &[]) };
    let asked = responder.request(&unsure).await.unwrap();
    work(&kit, &responder).await;
    assert_eq!((asked.state, asked.decision.people), (State::AwaitingApproval, 1));
    assert_eq!(server.received().len(), 0);
    responder.vote(&vote("bob", &asked)).await.unwrap();
    work(&kit, &responder).await;
    assert_eq!(server.received().len(), 1);
}

/// A noisy rule that tells one person again and again has an end.
#[tokio::test]
async fn what_is_told_by_itself_is_counted_each_time() {
    let Some(server) = MailServer::start(&[]) else { return };
    let (kit, responder) = mailing(&server).await;
    let ask = ContainRequest { actor: respond::Actor::system(), ..notify("ann@acme.example", &[]) };
    let mut asked = 0;
    let refused = loop {
        match responder.request(&ask).await {
            Ok(_) => asked += 1,
            Err(error) => break error,
        }
        assert!(asked <= 3);
        responder.advance_all(100).await.unwrap();
    };
    assert!(matches!(refused, RespondError::TooMany(_)) && asked == 3, "{refused:?}");
    let by_a_person = ContainRequest { actor: actor("ann"), ..ask };
    assert!(responder.request(&by_a_person).await.is_ok(), "a person tells the same one again");
    drop(kit);
}
