//! Cookies: the session's, the one of a sign-in under way, and the one of a receipt that is open.
//!
//! Over https all have the prefix `__Host-`, which browsers give to this host alone, over TLS alone: no other host of the
//! domain and no plain connection can plant one (RFC 6265bis §4.1.3.2).

use crate::state::App;
use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// A sign-in at an identity provider that is not finished.
    Flow,
    /// The receipt of a report, open for an hour. No other site's page makes a browser send it.
    Receipt,
}

impl Cookie {
    const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-huecry_session",
            (Self::Session, false) => "huecry_session",
            (Self::Flow, true) => "__Host-huecry_oidc",
            (Self::Flow, false) => "huecry_oidc",
            (Self::Receipt, true) => "__Host-huecry_receipt",
            (Self::Receipt, false) => "huecry_receipt",
        }
    }

    /// Its value in a request. Two of one name are none: one of them was planted.
    pub(crate) fn read(self, app: &App, headers: &HeaderMap) -> Option<String> {
        let name = self.name(app.is_secure());
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(key, _)| *key == name);
        match (ours.next(), ours.next()) {
            (Some((_, value)), None) => Some(value.to_owned()),
            _ => None,
        }
    }

    /// The header that sets it for `age_ms`; 0 removes it.
    pub(crate) fn set(self, app: &App, value: &str, age_ms: i64) -> Option<HeaderValue> {
        let secure = if app.is_secure() { "; Secure" } else { "" };
        let (name, age_s) = (self.name(app.is_secure()), age_ms.max(0) / 1_000);
        let same_site = match self {
            // a link to an incident, and the answer of an identity provider, come from other sites
            Self::Session | Self::Flow => "Lax",
            Self::Receipt => "Strict",
        };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={age_s}{secure}");
        HeaderValue::from_str(&text).ok()
    }
}
