//! What a pattern found, judged by code: by name, so that the file of detectors can ask for it.

use crate::context::back;
use crate::secret::{self, SecretWords};
use crate::{address, card, identity_number, phone};
use serde::{Deserialize, Serialize};

/// A judgement by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Not a mailbox of a service.
    MailAddress,
    /// The shape of a telephone number, or any grouping where the words say so.
    Phone,
    /// Luhn (ISO/IEC 7812-1) and the beginning and length of an issuer's cards.
    Card,
    /// The country's length (ISO 13616) and mod 97 (ISO 7064).
    Iban,
    /// Ranges that the Social Security Administration gives out.
    UsSsn,
    /// Prefixes that HMRC gives out.
    UkNino,
    /// An address that the internet routes.
    Ipv4,
    /// The same of version 6.
    Ipv6,
    /// Not an account of a system.
    PersonAccount,
    /// To the end line of a key in armour.
    Pem,
    /// Two or more segments, as a JSON web token has.
    Jwt,
    /// Letters and digits both.
    Mixed,
    /// Letters of both cases, digits, and as dense as chance.
    DenseSecret,
    /// Certain if the checksum of GitHub's tokens is right.
    GithubToken,
    /// Not a placeholder or a word that stands for one.
    PasswordWord,
    /// The same, and longer.
    SecretWord,
    /// Letters, and digits or signs, as people make passwords.
    StrongWord,
    /// As dense as a key.
    SecretKey,
    /// The password of an address.
    UrlPassword,
}

/// What a check decides about: a place in a text, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) text: &'a str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether one of the detector's `near` words stands nearby.
    pub(crate) near: bool,
}

impl<'a> Candidate<'a> {
    pub(crate) fn value(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    pub(crate) fn accept(&self) -> Option<Accepted> {
        Some(Accepted { start: self.start, end: self.end, certain: false })
    }

    pub(crate) fn accept_until(&self, end: usize) -> Option<Accepted> {
        Some(Accepted { start: self.start, end, certain: false })
    }
}

/// The place as the check leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Beyond the detector's own confidence.
    pub(crate) certain: bool,
}

impl Check {
    /// The judgement; `work` grows by the bytes read beyond the candidate and a fixed number of characters around it.
    pub(crate) fn judge(
        self,
        candidate: Candidate<'_>,
        words: &SecretWords,
        work: &mut usize,
    ) -> Option<Accepted> {
        let value = candidate.value();
        match self {
            Self::MailAddress => mail(candidate, words),
            Self::Phone => phone::judge(candidate),
            Self::Card => card::judge(candidate),
            Self::Iban => identity_number::iban(candidate),
            Self::UsSsn => identity_number::is_us_ssn(value).then(|| candidate.accept())?,
            Self::UkNino => identity_number::is_uk_nino(value).then(|| candidate.accept())?,
            Self::Ipv4 => address::is_public_ipv4(value).then(|| candidate.accept())?,
            Self::Ipv6 => address::public_ipv6(candidate),
            Self::PersonAccount => words.is_persons_account(value).then(|| candidate.accept())?,
            Self::Pem => secret::pem(candidate, work),
            Self::Jwt => secret::jwt(candidate),
            Self::Mixed => secret::is_mixed(value).then(|| candidate.accept())?,
            Self::DenseSecret => secret::is_dense(value).then(|| candidate.accept())?,
            Self::GithubToken => secret::github_token(candidate),
            Self::PasswordWord => words.is_secret(value, 3).then(|| candidate.accept())?,
            Self::SecretWord => words.is_secret(value, 5).then(|| candidate.accept())?,
            Self::StrongWord => words.strong_word(candidate),
            Self::SecretKey => words.secret_key(candidate),
            Self::UrlPassword => words.is_secret(value, 1).then(|| candidate.accept())?,
        }
    }
}

/// How far before an address the scheme of a URL is looked for, in characters.
const SCHEME_CHARS_MAX: usize = 64;

/// A mailbox whose domain ends in letters; not a service's, and not the password and host of `scheme://user:password@host`.
fn mail(candidate: Candidate<'_>, words: &SecretWords) -> Option<Accepted> {
    let (text, start) = (candidate.text, candidate.start);
    let lead = &text[back(text, start, SCHEME_CHARS_MAX)..start];
    let joined = lead.rsplit([' ', '\t', '\n', '"', '\'', '(', '<']).next().unwrap_or_default();
    let in_userinfo = joined
        .rsplit_once("://")
        .is_some_and(|(_, rest)| rest.contains(':') && !rest.contains(['/', '?', '#']));
    if in_userinfo {
        return None;
    }
    let value = candidate.value();
    let (_, with_rest) = value.split_once('@')?;
    let domain = with_rest.trim_end_matches('-');
    let (_, last) = domain.rsplit_once('.')?;
    let letters = last.chars().all(|c| c.is_ascii_alphabetic() || !c.is_ascii());
    let length = last.chars().count();
    let end = candidate.end - (with_rest.len() - domain.len());
    (letters && (2..=24).contains(&length) && words.is_persons_mail(value))
        .then(|| candidate.accept_until(end))?
}
