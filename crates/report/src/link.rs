//! Signed links: "report this", from a dashboard or a pipeline, with what the place knows already filled in.
//!
//! A token is `hcl1.<key id>.<payload>.<mac>`: the payload is JSON in base64url, the MAC is HMAC-SHA256 (RFC 2104) over
//! everything before it. It says where a report comes from, never by whom, and opens nothing.
//!
//! **Invariant:** a token that was not made with one of the keys, or that was changed in one bit, is refused; comparing takes
//! the same time wherever they differ.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// Longest validity: 366 days.
pub const VALID_MS_MAX: i64 = 366 * 24 * 60 * 60 * 1000;
/// Most keys at a time: one that signs, others that are still believed.
pub const KEYS_MAX: usize = 8;
/// A key's length, in bytes.
pub const KEY_BYTES: usize = 32;
/// Longest value of a context, in characters.
pub const CONTEXT_CHARS_MAX: usize = 512;
/// What a link may fill in, beside the service.
pub const CONTEXT_KEYS: &[&str] = &[
    "commit",
    "branch",
    "repository",
    "environment",
    "ci_run",
    "file",
    "lines",
    "form",
    "panel",
    "from",
    "to",
];

const PREFIX: &str = "hcl1";

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportLink {
    /// The service it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What else is filled in; keys of [`CONTEXT_KEYS`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// Until when, in milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// A link cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nothing signs.
    #[error("there is no key to sign links with")]
    NoKey,
    /// Too many keys, or two of one id.
    #[error("at most {KEYS_MAX} keys, each another one")]
    Keys,
    /// It would be valid for too long, or is over already.
    #[error("a link is valid for between a moment and 366 days")]
    Validity,
    /// What it says does not fit.
    #[error("`{0}` cannot stand in a link; known are service, {keys}, each one line of at most {CONTEXT_CHARS_MAX} characters", keys = CONTEXT_KEYS.join(", "))]
    Context(String),
    /// The token would be too long.
    #[error("the link would be longer than {TOKEN_BYTES_MAX} bytes; leave something out")]
    TooLong,
}

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefused {
    /// It is no token.
    #[error("the link is damaged; copy it as a whole")]
    Malformed,
    /// Its key is not, or no longer, believed.
    #[error("the link was made with a key that is no longer used; get a fresh one")]
    KeyUnknown,
    /// The MAC is not of what it says.
    #[error("the link was changed; get a fresh one")]
    Forged,
    /// Its time is over.
    #[error("the link's time is over; get a fresh one")]
    Expired,
}

impl LinkRefused {
    /// A word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::KeyUnknown => "key_unknown",
            Self::Forged => "forged",
            Self::Expired => "expired",
        }
    }
}

/// A token, and what it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLink {
    /// For the end of an address: letters, digits, `-`, `_`, `.`.
    pub token: String,
    /// The key's id.
    pub key_id: String,
}

/// A link that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedLink {
    /// What it says.
    pub link: ReportLink,
    /// The key's id.
    pub key_id: String,
}

/// The keys that links are made and checked with. The first signs; the others are from before a change of keys.
pub struct LinkKeys {
    keys: Vec<(String, [u8; KEY_BYTES])>,
}

impl std::fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl LinkKeys {
    /// Keys by their secrets, the one that signs first. A key's id is derived from it, so it need not be kept.
    ///
    /// # Errors
    /// None, too many, or two that are the same.
    pub fn new(secrets: &[[u8; KEY_BYTES]]) -> Result<Self, LinkError> {
        let keys: Vec<_> = secrets.iter().map(|secret| (key_id(secret), *secret)).collect();
        let is_twice = |(i, (id, _)): (usize, &(String, _))| keys[..i].iter().any(|(other, _)| other == id);
        if keys.is_empty() {
            return Err(LinkError::NoKey);
        }
        if keys.len() > KEYS_MAX || keys.iter().enumerate().any(is_twice) {
            return Err(LinkError::Keys);
        }
        Ok(Self { keys })
    }

    /// Makes a token.
    ///
    /// # Errors
    /// What it says does not fit, or is valid for too long.
    pub fn sign(&self, link: &ReportLink, now_ms: i64) -> Result<SignedLink, LinkError> {
        check(link)?;
        let valid_ms = link.expires_at_ms.saturating_sub(now_ms);
        if valid_ms <= 0 || valid_ms > VALID_MS_MAX {
            return Err(LinkError::Validity);
        }
        let (key_id, secret) = self.keys.first().ok_or(LinkError::NoKey)?;
        let payload = serde_json::to_vec(link).map_err(|_| LinkError::TooLong)?;
        let signed = format!("{PREFIX}.{key_id}.{}", URL_SAFE_NO_PAD.encode(payload));
        let code = mac(secret, &signed).ok_or(LinkError::NoKey)?.finalize().into_bytes();
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code));
        if token.len() > TOKEN_BYTES_MAX {
            return Err(LinkError::TooLong);
        }
        Ok(SignedLink { token, key_id: key_id.clone() })
    }

    /// What a token says, if it holds.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, token: &str, now_ms: i64) -> Result<CheckedLink, LinkRefused> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(LinkRefused::Malformed);
        }
        let (signed, code) = token.rsplit_once('.').ok_or(LinkRefused::Malformed)?;
        let mut parts = signed.split('.');
        let (Some(PREFIX), Some(key_id), Some(payload), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(LinkRefused::Malformed);
        };
        let code = URL_SAFE_NO_PAD.decode(code).map_err(|_| LinkRefused::Malformed)?;
        let (_, secret) = self.keys.iter().find(|(id, _)| id == key_id).ok_or(LinkRefused::KeyUnknown)?;
        // the comparison of the library takes the same time wherever the codes differ
        let is_ours = mac(secret, signed).is_some_and(|mac| mac.verify_slice(&code).is_ok());
        if !is_ours {
            return Err(LinkRefused::Forged);
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| LinkRefused::Malformed)?;
        let link: ReportLink = serde_json::from_slice(&payload).map_err(|_| LinkRefused::Malformed)?;
        if now_ms >= link.expires_at_ms {
            return Err(LinkRefused::Expired);
        }
        Ok(CheckedLink { link, key_id: key_id.to_owned() })
    }
}

fn check(link: &ReportLink) -> Result<(), LinkError> {
    let is_line = |text: &str| {
        let chars = text.chars().count();
        (1..=CONTEXT_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control)
    };
    if link.service.as_deref().is_some_and(|service| !is_line(service)) {
        return Err(LinkError::Context("service".to_owned()));
    }
    let odd =
        link.context.iter().find(|(key, value)| !CONTEXT_KEYS.contains(&key.as_str()) || !is_line(value));
    odd.map_or(Ok(()), |(key, _)| Err(LinkError::Context(key.chars().take(64).collect())))
}

fn key_id(secret: &[u8; KEY_BYTES]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"huecry report link key id\0");
    hash.update(secret);
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn mac(secret: &[u8; KEY_BYTES], signed: &str) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"huecry report link\0");
    mac.update(signed.as_bytes());
    Some(mac)
}
