//! E-mail by SMTP (RFC 5321): TLS from the start, or STARTTLS that is required, or none to this machine itself.
//!
//! **Invariant:** no password and no mail leaves this machine without TLS, and no certificate is taken that is not valid for
//! the server's name.
//!
//! **Invariant:** it is known at each moment whether the server can have the mail: until its text is being sent it cannot,
//! and from then on until the server's answer nobody can tell.
//!
//! **Invariant:** it ends in a bounded time and takes a bounded part of memory, whatever the server sends.

mod wire;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use ports::mail::{Mail, MailAddress, MailError, Mailer};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The longest that one answer of the server is waited for.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(15);
/// After this no further command is sent: a mail takes at most so long, and one answer longer; a connection ends after
/// [`LIFE_ANSWERS`] waits for an answer in any case.
pub const MAIL_TIME_MAX: Duration = Duration::from_secs(60);
/// The longest that a connection stands, in waits for an answer.
pub const LIFE_ANSWERS: u32 = 6;
/// How long the server may take to say goodbye; it has the mail by then.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// What people read as the sender.
const SENDER_NAME: &str = "Hue & Cry";
/// Most characters of a server's words that are told.
const WORDS_CHARS_MAX: usize = 300;
/// How a certificate begins in PEM.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// How a server is spoken to in secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the start (port 465).
    Implicit,
    /// STARTTLS, without which nothing is sent (port 587).
    StartTls,
    /// None; only to this machine itself.
    None,
}

/// Where mail is given to, and how.
#[derive(Clone)]
pub struct SmtpOptions {
    /// The server's name; its certificate must be for it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS.
    pub tls: SmtpTls,
    /// Roots that are trusted instead of the public ones, as PEM.
    pub roots_pem: Option<Vec<u8>>,
    /// Name and password, where the server wants them.
    pub sign_in: Option<(String, String)>,
    /// The sender's address.
    pub from: MailAddress,
    /// The longest that one answer is waited for; [`ANSWER_WAIT_MAX`].
    pub answer_wait: Duration,
}

impl std::fmt::Debug for SmtpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, tls, from, .. } = self;
        let signs_in = self.sign_in.is_some();
        write!(f, "SmtpOptions({host}:{port}, {tls:?}, from {from}, signs in: {signs_in})")
    }
}

/// A server that cannot be spoken to like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSmtp {
    /// Mail would leave this machine for all to read.
    #[error("without TLS mail goes only to this machine itself (127.0.0.1, ::1, localhost), not to {0}")]
    Open(String),
    /// The roots or the server's name cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The sender's address is none to the one who writes the mail.
    #[error("the sender's address: {0}")]
    From(String),
}

/// Gives mail to an SMTP server; one connection for each mail.
pub struct SmtpMailer {
    options: SmtpOptions,
    from: lettre::Address,
    tls: Option<TlsParameters>,
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.options.fmt(f)
    }
}

/// No mail program answers a machine's mail with an absence (RFC 3834, 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl SmtpMailer {
    /// A mailer; nothing is connected yet.
    ///
    /// # Errors
    /// [`BadSmtp`].
    pub fn new(options: SmtpOptions) -> Result<Self, BadSmtp> {
        let from = options.from.as_str().parse::<lettre::Address>();
        let from = from.map_err(|error| BadSmtp::From(error.to_string()))?;
        let tls = match options.tls {
            SmtpTls::None if !is_this_machine(&options.host) => return Err(BadSmtp::Open(options.host)),
            SmtpTls::None => None,
            SmtpTls::Implicit | SmtpTls::StartTls => Some(tls_of(&options)?),
        };
        Ok(Self { options, from, tls })
    }

    /// Its addresses; without TLS those of this machine alone, whatever a name resolves to.
    fn addresses(&self) -> Result<Vec<SocketAddr>, MailError> {
        let SmtpOptions { host, port, .. } = &self.options;
        let unknown = |why: &dyn std::fmt::Display| MailError::NotSent(format!("{host}: {why}"));
        let found = (bare(host), *port).to_socket_addrs().map_err(|error| unknown(&error))?;
        let own_only = self.options.tls == SmtpTls::None;
        let all: Vec<SocketAddr> = found.filter(|address| !own_only || address.ip().is_loopback()).collect();
        if all.is_empty() { Err(unknown(&"it has no address that mail may go to")) } else { Ok(all) }
    }

    /// A connection that is encrypted and signed in, as far as it is to be.
    fn connected(&self) -> Result<Spoken, MailError> {
        let hello = ClientId::Domain(self.options.from.domain());
        let began = Instant::now();
        let at_once = self.tls.as_ref().filter(|_| self.options.tls == SmtpTls::Implicit);
        let wait = Some(self.options.answer_wait);
        let server = format!("{}:{}", self.options.host, self.options.port);
        let not_sent = |error: Error| MailError::NotSent(format!("{server}: {}", words(&error)));
        let life = self.options.answer_wait.saturating_mul(LIFE_ANSWERS);
        let by_turns = self.options.tls == SmtpTls::StartTls;
        let wire = wire::open(&self.addresses()?, self.options.answer_wait, began + life, by_turns);
        let wire = wire.map_err(|error| MailError::NotSent(format!("{server}: {error}")))?;
        let connection = SmtpConnection::connect(wire.near, wait, &hello, at_once, None).map_err(not_sent)?;
        let mut spoken = Spoken { connection, began, wait: self.options.answer_wait };
        if self.options.tls == SmtpTls::StartTls
            && let Some(tls) = &self.tls
        {
            spoken.check_time()?;
            // a server that does not offer it, or somebody in between who has taken the offer away, gets nothing
            spoken.connection.starttls(tls, &hello).map_err(not_sent)?;
        }
        if let Some((user, password)) = &self.options.sign_in {
            spoken.check_time()?;
            let credentials = Credentials::new(user.clone(), password.clone());
            spoken.connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).map_err(not_sent)?;
        }
        Ok(spoken)
    }

    fn message(&self, mail: &Mail, to: lettre::Address) -> Result<Vec<u8>, MailError> {
        let domain = self.options.from.domain();
        let since_epoch = Duration::from_millis(mail.at_ms().max(0).unsigned_abs());
        let message = Message::builder()
            .from(Mailbox::new(Some(SENDER_NAME.to_owned()), self.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(mail.subject())
            .date(UNIX_EPOCH + since_epoch)
            .message_id(Some(format!("<{}@{domain}>", mail.id())))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text().to_owned());
        message.map(|message| message.formatted()).map_err(|error| MailError::Refused(error.to_string()))
    }
}

/// A connection, and since when.
struct Spoken {
    connection: SmtpConnection,
    began: Instant,
    wait: Duration,
}

impl Spoken {
    /// Goes on only within the time that a mail may take.
    fn check_time(&mut self) -> Result<(), MailError> {
        let left = MAIL_TIME_MAX.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            self.connection.abort();
            return Err(MailError::NotSent("the server is too slow".to_owned()));
        }
        let wait = Some(self.wait.min(left.max(Duration::from_secs(1))));
        self.connection.set_timeout(wait).map_err(|error| MailError::NotSent(error.to_string()))
    }

    /// A command before which nobody has the mail.
    fn command(&mut self, command: impl std::fmt::Display) -> Result<(), MailError> {
        self.check_time()?;
        self.connection.command(command).map(drop).map_err(|error| {
            self.connection.abort();
            let words = words(&error);
            if error.is_permanent() { MailError::Refused(words) } else { MailError::NotSent(words) }
        })
    }

    fn text(&mut self, text: &[u8]) -> Result<Response, MailError> {
        self.check_time()?;
        self.connection.message(text).map_err(|error| {
            self.connection.abort();
            let words = words(&error);
            match (error.is_permanent(), error.is_transient()) {
                (true, _) => MailError::Refused(words),
                (_, true) => MailError::NotSent(words),
                // no answer, or none that is one
                _ => MailError::Unknown(words),
            }
        })
    }

    fn goodbye(mut self) {
        // whether it hears that changes nothing
        let _ = self.connection.set_timeout(Some(GOODBYE_MAX));
        let _ = self.connection.quit();
    }
}

impl Mailer for SmtpMailer {
    fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let refused = |error: lettre::address::AddressError| MailError::Refused(error.to_string());
        let to: lettre::Address = mail.to().as_str().parse().map_err(refused)?;
        let text = self.message(mail, to.clone())?;
        let mut spoken = self.connected()?;
        let sender = spoken.command(MailFrom::new(Some(self.from.clone()), Vec::new()));
        // a sender that the server does not take is set wrong here: that is no word about who is to have the mail
        sender.map_err(|error| match error {
            MailError::Refused(why) => MailError::NotSent(why),
            other => other,
        })?;
        spoken.command(Rcpt::new(to, Vec::new()))?;
        spoken.command(Data)?;
        let answer = spoken.text(&text)?;
        spoken.goodbye();
        let said = answer.message().collect::<Vec<_>>().join(" ");
        Ok(shortened(&format!("{} {said}", answer.code())))
    }

    fn check(&self) -> Result<String, MailError> {
        let spoken = self.connected()?;
        let how = match self.options.tls {
            SmtpTls::Implicit | SmtpTls::StartTls => "encrypted",
            SmtpTls::None => "not encrypted, on this machine",
        };
        let who = if self.options.sign_in.is_some() { ", signed in" } else { "" };
        spoken.goodbye();
        Ok(format!("{}:{} answers, {how}{who}", self.options.host, self.options.port))
    }
}

fn tls_of(options: &SmtpOptions) -> Result<TlsParameters, BadSmtp> {
    let bad = |error: Error| BadSmtp::Tls(words(&error));
    let mut builder = TlsParametersBuilder::new(bare(&options.host).to_owned());
    if let Some(pem) = &options.roots_pem {
        let has_one = pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE);
        if !has_one {
            return Err(BadSmtp::Tls("there is no certificate (PEM) among the roots".to_owned()));
        }
        let roots = Certificate::from_pem(pem).map_err(bad)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(roots);
    }
    builder.build().map_err(bad)
}

/// A host without the brackets that an IPv6 address may have.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether a host's name can only be this machine.
fn is_this_machine(host: &str) -> bool {
    let host = bare(host);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What went wrong, with what is behind it.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(behind) = source {
        let more = behind.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = behind.source();
    }
    shortened(&text)
}

fn shortened(text: &str) -> String {
    ports::mail::seen(text).replace('\n', " ").chars().take(WORDS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(host: &str, tls: SmtpTls) -> SmtpOptions {
        SmtpOptions {
            host: host.to_owned(),
            port: 2_525,
            tls,
            roots_pem: None,
            sign_in: Some(("huecry".to_owned(), "the-password".to_owned())),
            from: "huecry@acme.example".parse().unwrap(),
            answer_wait: ANSWER_WAIT_MAX,
        }
    }

    #[test]
    fn without_tls_mail_stays_on_this_machine() {
        for (host, stays) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("::1", true),
            ("[::1]", true),
            ("mail.acme.example", false),
            ("localhost.acme.example", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
        ] {
            let made = SmtpMailer::new(options(host, SmtpTls::None));
            assert_eq!(made.is_ok(), stays, "{host}: {made:?}");
            assert!(SmtpMailer::new(options(host, SmtpTls::StartTls)).is_ok(), "{host}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        let options = options("mail.acme.example", SmtpTls::Implicit);
        let mailer = SmtpMailer::new(options.clone()).unwrap();
        for shown in [format!("{options:?}"), format!("{mailer:?}")] {
            assert!(!shown.contains("the-password") && shown.contains("mail.acme.example"), "{shown}");
        }
    }

    #[test]
    fn roots_that_are_none_are_refused() {
        let roots = |pem: &[u8]| SmtpOptions {
            roots_pem: Some(pem.to_vec()),
            ..options("x.example", SmtpTls::Implicit)
        };
        for broken in [&b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"[..], b"", b"text"] {
            assert!(matches!(SmtpMailer::new(roots(broken)), Err(BadSmtp::Tls(_))));
        }
    }
}
