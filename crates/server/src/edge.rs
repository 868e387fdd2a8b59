//! The outermost layer: request ids, time limit, panics, security headers, counting, one line of log.
//!
//! **Invariant:** of whoever may be a guest nothing is written down: no address (which no log line here has at all), no
//! header, nothing of the path or the body, and no request id of the sender's choosing, which a proxy before the server
//! may have written beside an address.

use crate::authorize::Forget;
use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use crate::telemetry::RequestLabels;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use model::Ulid;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// Longest request id that a client may choose, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request, in its answer, in the server's own log and in audit records.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    fn fresh(app: &App) -> Self {
        Self(format!("req_{}", Ulid::new(&*app.clock, &*app.entropy)))
    }
}

/// What the edge goes by.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) app: App,
    /// The routes of guests, by method and template.
    pub(crate) guests: Arc<HashSet<(&'static str, String)>>,
}

impl Edge {
    fn is_for_guests(&self, method: &Method, route: &str) -> bool {
        self.guests.iter().any(|(of, path)| method == of && path == route)
    }
}

pub(crate) async fn edge(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let app = &edge.app;
    let started = tokio::time::Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str).to_owned();
    // a path that is none may be a guest's too, mistyped
    let is_guests = route == "unmatched" || edge.is_for_guests(request.method(), &route);
    let id = if is_guests { RequestId::fresh(app) } else { request_id(app, request.headers()) };
    request.extensions_mut().insert(id.clone());
    let method = request.method().to_string();
    // the path template, never the query: what a sender puts there by mistake stays out of the log
    let span = tracing::info_span!("request", %method, route, request_id = %id.0);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
    let limit = Duration::from_millis(app.options.request_ms_max);
    let response = match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::new(Code::Internal, "the request could not be worked on").into_response(),
        Err(_) => {
            let detail = format!("no answer within {} ms", app.options.request_ms_max);
            Problem::new(Code::RequestTimeout, detail).into_response()
        }
    };
    let problem = response.extensions().get::<Problem>().cloned().or_else(|| of_rejection(&response));
    let forget = response.extensions().get::<Forget>().copied();
    let mut response = problem.as_ref().map_or(response, |problem| problem.render(&id.0));
    if let Some(value) = forget.and_then(|Forget(cookie)| cookie.set(app, "", 0)) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    harden(response.headers_mut(), app.is_secure());
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let code = problem.as_ref().map_or("", |problem| problem.code.as_str());
    // what a guest sent may stand in it, and a path that somebody pasted a secret into
    let detail = problem.as_ref().map_or("", |problem| problem.detail.as_str());
    let detail = if is_guests || access::names_secret(detail) { "" } else { detail };
    let elapsed_us = elapsed.as_micros() as u64;
    span.in_scope(|| match status {
        500.. => tracing::error!(status, code, detail, elapsed_us, "request failed"),
        400.. => tracing::info!(status, code, detail, elapsed_us, "request refused"),
        _ => tracing::debug!(status, elapsed_us, "request answered"),
    });
    app.telemetry.answered(&RequestLabels { method, route, status }, elapsed.as_secs_f64());
    response
}

/// What the framework itself refuses (a path that is no UTF-8, a query that does not parse) it says as plain
/// text; here it becomes a problem like all others.
fn of_rejection(response: &Response) -> Option<Problem> {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let is_plain = media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
    let refused = response.status().is_client_error() && is_plain;
    refused.then(|| Problem::new(Code::RequestInvalid, "the path or the query cannot be read"))
}

/// The client's own id where it is short and plain, else a fresh one.
fn request_id(app: &App, headers: &HeaderMap) -> RequestId {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain)) {
        Some(given) => RequestId(given.to_owned()),
        None => RequestId::fresh(app),
    }
}

/// Where a request came from. What stands before the server (a proxy) is the origin then; X-Forwarded-For can be made
/// up by anyone.
pub(crate) fn origin(extensions: &axum::http::Extensions) -> Option<String> {
    address(extensions).map(|address| address.to_string())
}

/// The same, as an address.
pub(crate) fn address(extensions: &axum::http::Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical())
}

/// What pages of this server may do: run its own scripts, talk to it, nothing else. Styles may stand in the page because
/// the console's components write theirs there; they cannot run anything.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

fn harden(headers: &mut HeaderMap, is_secure: bool) {
    const ALWAYS: [(HeaderName, &str); 8] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("permissions-policy"),
            "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
        ),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_secure {
        let two_years = HeaderValue::from_static("max-age=63072000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(two_years);
    }
}
