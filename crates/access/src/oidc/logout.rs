//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): the provider says that somebody's session ended.

use super::{ALGORITHMS, Oidc, OidcError, TOKEN_AGE_MS_MAX};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeySet, JsonWebKeyUse};
use serde::Deserialize;
use serde_json::Value;

/// Longest logout token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The event that a logout token is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Whose session ended at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutSaid {
    /// Whose; of all their sessions if none is named.
    pub subject: Option<String>,
    /// Which session of the provider.
    pub sid: Option<String>,
    /// When it was said, milliseconds since the epoch; sessions that began later are not meant.
    pub issued_at_ms: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: CoreJwsSigningAlgorithm,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    iss: String,
    aud: Value,
    iat: i64,
    exp: Option<i64>,
    sub: Option<String>,
    sid: Option<String>,
    events: serde_json::Map<String, Value>,
    nonce: Option<Value>,
}

impl Oidc {
    /// Reads a logout token.
    ///
    /// # Errors
    /// [`OidcError::BadToken`], [`OidcError::Unavailable`].
    pub async fn logout(&self, token: &str) -> Result<LogoutSaid, OidcError> {
        let bad = |reason: &str| OidcError::BadToken(reason.to_owned());
        if token.len() > TOKEN_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        let known = self.metadata().await?;
        let body = match verified(token, known.jwks()) {
            Ok(body) => body,
            Err(reason) => match self.fetched_again().await? {
                Some(anew) => verified(token, anew.jwks()).map_err(bad)?,
                None => return Err(bad(reason)),
            },
        };
        self.check(body).map_err(bad)
    }

    fn check(&self, body: Body) -> Result<LogoutSaid, &'static str> {
        let for_us = |aud: &Value| aud.as_str() == Some(&self.settings.client_id);
        if body.iss != self.issuer.as_str() {
            return Err("it is of another issuer");
        }
        if !for_us(&body.aud) && !body.aud.as_array().is_some_and(|all| all.iter().any(for_us)) {
            return Err("it is for another audience");
        }
        let (now_ms, issued_at_ms) = (self.clock.now_ms(), body.iat.saturating_mul(1_000));
        if now_ms.saturating_sub(issued_at_ms).abs() > TOKEN_AGE_MS_MAX {
            return Err("it was issued too long ago, or in the future");
        }
        if body.exp.is_some_and(|exp| exp.saturating_mul(1_000) <= now_ms) {
            return Err("it has expired");
        }
        if body.nonce.is_some() || !body.events.get(EVENT).is_some_and(Value::is_object) {
            // an id token is none: it could be replayed here
            return Err("it is no logout token");
        }
        if body.sub.is_none() && body.sid.is_none() {
            return Err("it names nobody");
        }
        Ok(LogoutSaid { subject: body.sub, sid: body.sid, issued_at_ms })
    }
}

/// The body of a JWS in compact form (RFC 7515 §7.1) that one of `keys` signed.
fn verified(token: &str, keys: &JsonWebKeySet<CoreJsonWebKey>) -> Result<Body, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("it is no signed token")?;
    let (header, body) = signed.split_once('.').ok_or("it is no signed token")?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "it is no signed token");
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| "its header is not understood")?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err("its algorithm is not taken");
    }
    let signature = decode(signature)?;
    let fits = |key: &&CoreJsonWebKey| {
        let named = header.kid.is_none() || key.key_id().map(|id| id.as_str()) == header.kid.as_deref();
        named && key.key_use().is_none_or(JsonWebKeyUse::allows_signature)
    };
    let mut fitting = keys.keys().iter().filter(fits);
    if !fitting.any(|key| key.verify_signature(&header.alg, signed.as_bytes(), &signature).is_ok()) {
        return Err("no key of the provider signed it");
    }
    serde_json::from_slice(&decode(body)?).map_err(|_| "its claims are not understood")
}
