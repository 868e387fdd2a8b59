//! E-mail as a system that actions are sent to: a few requests that a mail server answers, by a [`Mailer`].
//!
//! | request | does |
//! |---|---|
//! | `GET mail:` | connects and signs in |
//! | `GET mail:/recipients/ADDRESS` | says whether mail may go there, and how the mail is to be called |
//! | `POST mail:/messages` | gives the mail to the server, and tells what the server said: the receipt |
//! | `GET mail:/messages/ID?receipt=…` | says that it was taken, to who has the receipt |
//!
//! **Invariant:** mail goes to the domains that the operator allows, whoever asks.
//!
//! **Invariant:** a mail is given to the server once. What it is called is found by the look before, so that it stays the same; where
//! the server's answer was lost there is no receipt, no look can tell, and it is *unknown*.

use super::act::{Remote, Unanswered};
use super::answer::Answer;
use super::exchange::{Method, Request};
use model::{Clock, Entropy, LetterId};
use ports::mail::{Mail, MailAddress, MailError, Mailer};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name of the connector whose requests go here.
pub const MAIL_CONNECTOR: &str = "email";

/// Its action that tells somebody.
pub(crate) const MAIL_ACTION: &str = "email.notify";

/// Where its requests go.
const BASE: &str = "mail:";

/// Answers the requests of the connector `email`.
#[derive(Clone)]
pub struct MailRemote {
    mailer: Arc<dyn Mailer>,
    domains: BTreeSet<String>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    id: String,
    to: String,
    subject: String,
    text: String,
}

impl MailRemote {
    /// Mail by `mailer`, to addresses of `domains` alone.
    pub fn new(
        mailer: Arc<dyn Mailer>,
        domains: impl IntoIterator<Item = String>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let domains = domains.into_iter().map(|domain| domain.to_ascii_lowercase()).collect();
        Self { mailer, domains, clock, entropy }
    }

    /// The address, if mail may go there.
    fn allowed(&self, address: &str) -> Result<MailAddress, Answer> {
        let address: MailAddress = address.parse().map_err(|error| refused(422, &error))?;
        if self.domains.contains(&address.domain()) {
            return Ok(address);
        }
        let why = format!(
            "mail to {} is not allowed: mail.allowed_domains names the domains that are",
            address.domain()
        );
        Err(refused(403, &why))
    }

    fn look(&self, address: &str) -> Answer {
        match self.allowed(address) {
            Ok(_) => answer(200, &json!({ "message": LetterId::new(&*self.clock, &*self.entropy) })),
            Err(refused) => refused,
        }
    }

    fn post(&self, body: &str) -> Result<Answer, Unanswered> {
        let message: Message = match serde_json::from_str(body) {
            Ok(message) => message,
            Err(error) => return Ok(refused(422, &error)),
        };
        let to = match self.allowed(&message.to) {
            Ok(to) => to,
            Err(refused) => return Ok(refused),
        };
        let mail = Mail::new(&message.id, to, &message.subject, &message.text, self.clock.now_ms());
        let mail = match mail {
            Ok(mail) => mail,
            Err(error) => return Ok(refused(422, &error)),
        };
        match self.mailer.send(&mail) {
            Ok(said) => Ok(answer(202, &json!({ "receipt": said }))),
            Err(MailError::Refused(why)) => Ok(refused(422, &why)),
            Err(MailError::NotSent(why)) => Err(Unanswered::NotSent(why)),
            Err(MailError::Unknown(why)) => Err(Unanswered::Lost(why)),
        }
    }
}

impl Remote for MailRemote {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let path = request.url.strip_prefix(BASE).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (request.method, &segments[..]) {
            (Method::Get, [""]) => match self.mailer.check() {
                Ok(found) => Ok(answer(200, &json!({ "found": found }))),
                Err(error) => Err(Unanswered::NotSent(error.to_string())),
            },
            (Method::Get, ["recipients", address]) => Ok(self.look(&decoded(address))),
            (Method::Get, ["messages", _]) if query.len() > "receipt=".len() => {
                Ok(answer(200, &json!({ "taken": true })))
            }
            (Method::Post, ["messages"]) => self.post(request.body.as_deref().unwrap_or_default()),
            _ => Ok(refused(404, &"there is no such thing")),
        }
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, body: body.to_string(), retry_after_ms: None }
}

fn refused(status: u16, why: &dyn std::fmt::Display) -> Answer {
    answer(status, &json!({ "message": why.to_string() }))
}

/// A segment of a path as it was before it was written there (RFC 3986, 2.1); what is no such text comes out as none that is
/// an address.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => return String::new(),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn segments_are_read_as_they_were_written() {
        for (segment, text) in [
            ("ann%40acme.example", "ann@acme.example"),
            ("a%2Bb", "a+b"),
            ("%zz", ""),
            ("%4", ""),
            ("%ff", ""),
            ("", ""),
        ] {
            assert_eq!(decoded(segment), text, "{segment}");
        }
    }
}
