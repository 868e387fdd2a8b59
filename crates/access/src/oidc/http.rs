//! Requests to an identity provider: bounded in time and size, never redirected.

use openidconnect::{HttpRequest, HttpResponse};
use std::net::IpAddr;
use std::time::Duration;

/// Longest time of one request.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The provider did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// No answer, or too long, or too large.
    #[error(transparent)]
    Request(#[from] ureq::Error),
    /// The server is ending.
    #[error("the request was cut off")]
    CutOff,
}

pub(super) fn agent() -> ureq::Agent {
    // a redirect could lead inside (server-side request forgery); discovery and token endpoints do not redirect
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(REQUEST_MAX))
        .build()
        .into()
}

pub(super) async fn ask(agent: ureq::Agent, request: HttpRequest) -> Result<HttpResponse, AskError> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut answer = agent.run(request)?;
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(answer.map(|_| body))
    });
    asked.await.unwrap_or(Err(AskError::CutOff))
}

/// Whether nobody on the way can read along: TLS, or no way at all.
pub(super) fn is_safe(url: &url::Url) -> bool {
    let local = match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local)
}
