//! Tokens that are asked for before a phase.

use super::answer::{Answer, retries_help};
use super::exchange::{FORM, Method, Request};
use super::spec::{Auth, Connector};
use super::template::{Place, TemplateError, Values};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The name under which the token is known to requests.
pub(super) const NAME: &str = "access_token";

/// There is no token.
pub(super) enum NoToken {
    /// Asking again may help.
    Later(String),
    /// It is refused.
    Refused(String),
}

/// The request for a token; none where requests are signed in otherwise.
pub(super) fn request(connector: &Connector, values: &Values) -> Result<Option<Request>, TemplateError> {
    let Auth::Token { url, form, basic, .. } = &connector.auth else { return Ok(None) };
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("content-type".to_owned(), FORM.to_owned()),
    ];
    if let Some(basic) = basic {
        let (user, password) =
            (basic.user.fill(values, Place::Header)?, basic.password.fill(values, Place::Header)?);
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.push(("authorization".to_owned(), value));
    }
    let mut body = String::new();
    for (name, value) in form {
        body.push_str(if body.is_empty() { "" } else { "&" });
        body.push_str(name);
        body.push('=');
        body.push_str(&value.fill(values, Place::Query)?);
    }
    let url = url.fill(values, Place::Json)?;
    Ok(Some(Request { method: Method::Post, url, headers, body: Some(body), seconds_max: None }))
}

/// The token in an answer. What else it says is told to nobody: it may be the token under another name.
pub(super) fn of(connector: &Connector, answer: &Answer) -> Result<String, NoToken> {
    let reason = || format!("no token: status {}", answer.status);
    let Auth::Token { at, .. } = &connector.auth else { return Err(NoToken::Refused(reason())) };
    if answer.status != 200 {
        let later = retries_help(answer.status);
        return Err(if later { NoToken::Later(reason()) } else { NoToken::Refused(reason()) });
    }
    let body = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let token = at.of(&body, &Values::new()).and_then(|token| token.as_str().map(str::to_owned));
    token.ok_or_else(|| NoToken::Refused("the answer has no token".to_owned()))
}
