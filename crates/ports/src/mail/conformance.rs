//! What every mailer must do. Failures panic with what was promised, as assertions of a test do.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that lives in a library so that every implementation can run it"
)]

use super::{Mail, MailAddress, Mailer};

/// Sends mails through a server that keeps what it gets; `received` gives the text of each, as it came.
pub fn what_is_sent_arrives_as_it_is(mailer: &dyn Mailer, received: &dyn Fn() -> Vec<String>) {
    mailer.check().unwrap();
    assert_eq!(received().len(), 0, "looking sends nothing");
    let to: MailAddress = "ann@acme.example".parse().unwrap();
    let text = "A first line\n.\n..dots\nSubject: none\n\nDer Schlüssel ist öffentlich; ключ 🔑\n";
    let mail = Mail::new("ltr_01", to, "Ein Schlüssel: bitte ansehen", text, 1_795_000_000_000).unwrap();
    mailer.send(&mail).unwrap();
    let all = received();
    assert_eq!(all.len(), 1, "one mail");
    let (head, body) = all[0].split_once("\n\n").unwrap();
    let named = |name: &str| {
        let lines =
            head.lines().filter(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["From", "To", "Subject", "Date", "Message-ID", "Content-Transfer-Encoding"] {
        assert_eq!(named(name).len(), 1, "{name} in {head}");
    }
    assert!(named("Message-ID")[0].contains("<ltr_01@"), "{head}");
    assert!(named("To")[0].contains("ann@acme.example"), "{head}");
    assert!(
        named("Auto-Submitted")[0].contains("auto-generated"),
        "nobody answers a machine (RFC 3834): {head}"
    );
    assert!(head.is_ascii() && body.is_ascii(), "every server takes it");
    assert!(!head.contains("Schlüssel") && named("Bcc").is_empty());

    // the same once more is known by its id
    mailer.send(&mail).unwrap();
    let all = received();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|mail| mail.contains("<ltr_01@")), "the same id");
}
