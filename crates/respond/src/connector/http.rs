//! Requests over HTTP: bounded in time and size, never redirected.

use super::act::{Remote, Unanswered};
use super::answer::{ANSWER_BYTES_MAX, Answer};
use super::exchange::Request;
use std::time::Duration;
use ureq::Error;
use ureq::tls::{RootCerts, TlsConfig};

/// Longest time of one request.
const REQUEST_MAX: Duration = Duration::from_secs(15);

/// Longest wait that a remote side can ask for, in milliseconds.
const RETRY_AFTER_MS_MAX: u64 = 60 * 60 * 1_000;

/// Answers over HTTP.
#[derive(Debug, Clone)]
pub struct HttpRemote {
    agent: ureq::Agent,
}

impl Default for HttpRemote {
    fn default() -> Self {
        // a redirect could lead the secret elsewhere
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(REQUEST_MAX))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::WebPki).build());
        Self { agent: config.build().into() }
    }
}

impl Remote for HttpRemote {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let mut head = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            head = head.header(name, value);
        }
        let body = request.body.clone().unwrap_or_default();
        let sent = head.body(body).map_err(|error| Unanswered::NotSent(error.to_string()))?;
        let mut answer = self.agent.run(sent).map_err(unanswered)?;
        let after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let status = answer.status().as_u16();
        let limit = ANSWER_BYTES_MAX as u64;
        let body = answer.body_mut().with_config().limit(limit).lossy_utf8(true).read_to_string();
        // the status says what happened, even if what followed it was cut off
        let body = body.map_err(|error| Unanswered::Lost(format!("status {status}, then: {error}")))?;
        let retry_after_ms = after.map(|seconds| (seconds.saturating_mul(1_000)).min(RETRY_AFTER_MS_MAX));
        Ok(Answer { status, body, retry_after_ms })
    }
}

/// Whether the request can have arrived.
fn unanswered(error: Error) -> Unanswered {
    match error {
        Error::HostNotFound | Error::ConnectionFailed | Error::BadUri(_) | Error::Http(_) | Error::Tls(_) => {
            Unanswered::NotSent(error.to_string())
        }
        Error::Io(inner) if inner.kind() == std::io::ErrorKind::ConnectionRefused => {
            Unanswered::NotSent(inner.to_string())
        }
        other => Unanswered::Lost(other.to_string()),
    }
}
