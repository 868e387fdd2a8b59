//! E-mail, given to a server that passes it on.
//!
//! # The promise
//!
//! - **A mail is one mail.** Nothing that is put into it (a name, a reason, an answer of another system) makes a header of
//!   its own or another recipient: [`Mail::new`] and [`MailAddress`] refuse what could.
//! - **The same mail has the same `Message-ID`**, which is made of its id: one that is given to the server twice is known
//!   again.
//! - **It is told apart what may have been taken.** [`MailError::NotSent`] and [`MailError::Refused`] say that nobody gets
//!   it; [`MailError::Unknown`] that nobody can tell.
//! - It ends in a bounded time, whatever the server does.

pub mod conformance;

use std::fmt;
use std::str::FromStr;

/// Longest address, in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;
/// Longest subject, in characters.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Longest id, in bytes.
pub const MAIL_ID_BYTES_MAX: usize = 100;

/// What is no mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMail {
    /// No address that mail is sent to.
    #[error("{0:?} is no address such as name@example.com")]
    Address(String),
    /// No subject.
    #[error("a subject is one line of at most {SUBJECT_CHARS_MAX} characters")]
    Subject,
    /// No text.
    #[error("a text has at most {TEXT_BYTES_MAX} bytes, and no characters that are not seen")]
    Text,
    /// No id.
    #[error("an id has at most {MAIL_ID_BYTES_MAX} bytes of A-Z, a-z, 0-9, -, _ and .")]
    Id,
}

/// An address: `local@domain`, of ASCII, without quotes, comments or anything that ends a line or a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailAddress(String);

impl MailAddress {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`, in lower case.
    pub fn domain(&self) -> String {
        self.0.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase()).unwrap_or_default()
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl FromStr for MailAddress {
    type Err = BadMail;
    fn from_str(text: &str) -> Result<Self, BadMail> {
        let bad = || BadMail::Address(text.chars().take(80).collect());
        let (local, domain) = text.split_once('@').ok_or_else(bad)?;
        // what RFC 5321 calls a dot-string (atext of RFC 5322)
        let is_atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        let is_local =
            local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext));
        let is_label = |label: &str| {
            let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            !label.is_empty()
                && label.len() <= 63
                && inside
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let fits = text.len() <= ADDRESS_BYTES_MAX && is_local && domain.split('.').all(is_label);
        if fits { Ok(Self(text.to_owned())) } else { Err(bad()) }
    }
}

/// One mail to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    id: String,
    to: MailAddress,
    subject: String,
    text: String,
    at_ms: i64,
}

impl Mail {
    /// A mail of that id, to be sent at `at_ms` (milliseconds since the epoch; its `Date`).
    ///
    /// # Errors
    /// [`BadMail`].
    pub fn new(id: &str, to: MailAddress, subject: &str, text: &str, at_ms: i64) -> Result<Self, BadMail> {
        let is_id_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if id.is_empty() || id.len() > MAIL_ID_BYTES_MAX || !id.bytes().all(is_id_byte) {
            return Err(BadMail::Id);
        }
        let is_line = !subject.chars().any(is_unseen) && subject.chars().count() <= SUBJECT_CHARS_MAX;
        if subject.trim().is_empty() || !is_line {
            return Err(BadMail::Subject);
        }
        let is_text = !text.chars().any(|c| is_unseen(c) && c != '\n' && c != '\t');
        if text.len() > TEXT_BYTES_MAX || !is_text {
            return Err(BadMail::Text);
        }
        Ok(Self { id: id.to_owned(), to, subject: subject.to_owned(), text: text.to_owned(), at_ms })
    }

    /// What tells it from all others.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// To whom.
    pub const fn to(&self) -> &MailAddress {
        &self.to
    }

    /// One line.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its text, plain; lines end in `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its date, milliseconds since the epoch.
    pub const fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

/// Controls, and what ends a line or turns its direction without being one.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text without characters that a mail does not take; ends of lines stay.
pub fn seen(text: &str) -> String {
    text.chars().map(|c| if is_unseen(c) && c != '\n' { ' ' } else { c }).collect()
}

/// Why a mail was not sent. Texts may have the server's own words; no secret is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server is not there, does not let us in, or takes nothing now. Nobody gets it; trying again later may help.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The server does not take it. Nobody gets it.
    #[error("refused: {0}")]
    Refused(String),
    /// The server has it and did not say whether it took it.
    #[error("the mail server did not say whether it took it: {0}")]
    Unknown(String),
}

/// Gives mail to a server. Both wait for it: call them on a thread that may wait.
pub trait Mailer: Send + Sync {
    /// Gives it one mail; returns what the server said.
    ///
    /// # Errors
    /// [`MailError`].
    fn send(&self, mail: &Mail) -> Result<String, MailError>;

    /// Connects and signs in, and sends nothing; returns what was found.
    ///
    /// # Errors
    /// [`MailError::NotSent`].
    fn check(&self) -> Result<String, MailError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_plain() {
        for good in ["ann@acme.example", "a.b+c@x-y.example", "x@localhost", "o'neil@acme.example"] {
            assert_eq!(good.parse::<MailAddress>().map(|a| a.to_string()).as_deref(), Ok(good));
        }
        let long = format!("{}@acme.example", "a".repeat(65));
        for bad in [
            "",
            "ann",
            "@acme.example",
            "ann@",
            "a@b@c",
            "ann@acme..example",
            ".ann@acme.example",
            "ann @acme.example",
            "ann@acme.example\r\nBcc: eve@x.example",
            "\"a b\"@acme.example",
            "<ann@acme.example>",
            "ann@[127.0.0.1]",
            "ann@-acme.example",
            "änn@acme.example",
            "ann@acme.example,eve@x.example",
            "a(b)@acme.example",
            &long,
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "Ann@ACME.Example".parse::<MailAddress>().map(|a| a.domain()).as_deref(),
            Ok("acme.example")
        );
    }

    proptest! {
        /// Whatever is put in, it is one line, or refused.
        #[test]
        fn a_subject_is_one_line(subject in "\\PC*|[\\x00-\\x7f\u{2028}\u{85}]{0,40}", id in "[ -~\r\n]{0,20}") {
            let to: MailAddress = "ann@acme.example".parse().unwrap();
            if let Ok(mail) = Mail::new(&id, to, &subject, &seen(&subject), 0) {
                let breaks = |text: &str| text.contains(['\r', '\n', '\0', '\u{85}', '\u{2028}']);
                prop_assert!(!breaks(mail.subject()) && !breaks(mail.id()) && !mail.text().contains('\r'));
            }
        }

        #[test]
        fn what_is_an_address_has_nothing_beside_it(text in "\\PC{0,40}|[a-z<>@,;:\r\n \"().-]{0,40}") {
            if let Ok(address) = text.parse::<MailAddress>() {
                prop_assert_eq!(address.as_str().matches('@').count(), 1);
                prop_assert!(!address.as_str().contains(|c: char| c.is_whitespace() || "<>,;:\"()[]\\".contains(c)));
            }
        }
    }
}
