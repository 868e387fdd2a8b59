//! Requests that another site makes a browser send (cross-site request forgery).
//!
//! A browser sends the session's cookie by itself. So whatever changes something by it must repeat the session's token,
//! which another site cannot read, and come from a page of this server where the browser says where it comes from.

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use access::SignedIn;
use axum::http::{HeaderMap, HeaderName, Method, header};

/// Where the session's token is repeated.
pub(crate) const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request by cookie that changes something and does not repeat the session's token.
pub(crate) fn check(app: &App, method: &Method, headers: &HeaderMap, by: &SignedIn) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    check_origin(app, headers)?;
    let Some(token) = headers.get(CSRF_TOKEN) else {
        return Err(Problem::new(
            Code::CsrfTokenMissing,
            "there is no X-CSRF-Token header; nothing was done",
        ));
    };
    // compared in full, whatever its first difference; the length is no secret
    let (given, wanted) = (token.as_bytes(), by.session.csrf.as_bytes());
    let differing =
        given.iter().zip(wanted).fold(given.len() ^ wanted.len(), |d, (a, b)| d | usize::from(a ^ b));
    if differing != 0 {
        let detail = "X-CSRF-Token is not this session's; nothing was done";
        return Err(Problem::new(Code::CsrfTokenWrong, detail));
    }
    Ok(())
}

/// Refuses a request of a page that is not this server's, where the browser tells.
pub(crate) fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let foreign =
        || Problem::new(Code::OriginForeign, "a page of another site asked for this; nothing was done");
    if headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site") {
        return Err(foreign());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().map_err(|_| foreign())?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = match &app.public_url {
        Some(url) => origin == url,
        // nobody said where this server is reached: where the request was sent to
        None => origin.strip_prefix("http://").or(origin.strip_prefix("https://")) == Some(host),
    };
    if own && !host.is_empty() { Ok(()) } else { Err(foreign()) }
}
