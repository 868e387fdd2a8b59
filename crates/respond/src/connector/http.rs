//! Requests over HTTP: bounded in time and size, never redirected. Commands on hosts go by SSH instead.

use super::act::{Remote, Unanswered};
use super::answer::{ANSWER_BYTES_MAX, Answer};
use super::exchange::Request;
use super::host::HostCommand;
use super::ssh;
use rustls::RootCertStore;
use std::sync::Arc;
use std::time::Duration;
use ureq::Error;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest time of one request that says nothing of it.
const REQUEST_MAX: Duration = Duration::from_secs(15);

/// Longest wait that a remote side can ask for, in milliseconds.
const RETRY_AFTER_MS_MAX: u64 = 60 * 60 * 1_000;

/// Answers over HTTP, and by SSH.
#[derive(Debug, Clone)]
pub struct HttpRemote {
    agent: ureq::Agent,
}

/// A file names no roots to trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificates {
    /// There is no certificate in it.
    #[error("there is no certificate (PEM) in it")]
    None,
    /// One cannot be read.
    #[error("certificate {number} in it cannot be read: {reason}")]
    Unreadable {
        /// Which, from 1.
        number: usize,
        /// Why not.
        reason: String,
    },
}

impl Default for HttpRemote {
    /// Trusts Mozilla's roots.
    fn default() -> Self {
        Self::with(RootCerts::WebPki)
    }
}

impl HttpRemote {
    /// Trusts the certificates in `pem` and no others, for systems with roots of their own.
    ///
    /// # Errors
    /// [`BadCertificates`].
    pub fn trusting(pem: &[u8]) -> Result<Self, BadCertificates> {
        let mut roots: Vec<Certificate<'static>> = Vec::new();
        let number = |roots: &[Certificate<'_>]| roots.len() + 1;
        for item in parse_pem(pem) {
            let unreadable = |reason: String| BadCertificates::Unreadable { number: number(&roots), reason };
            if let PemItem::Certificate(certificate) = item.map_err(|error| unreadable(error.to_string()))? {
                // one that is no certificate inside would be passed over in silence, and nothing be trusted
                RootCertStore::empty()
                    .add(certificate.der().into())
                    .map_err(|error| unreadable(error.to_string()))?;
                roots.push(certificate);
            }
        }
        if roots.is_empty() {
            Err(BadCertificates::None)
        } else {
            Ok(Self::with(RootCerts::Specific(Arc::new(roots))))
        }
    }

    fn with(roots: RootCerts) -> Self {
        // a redirect could lead the secret elsewhere
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(REQUEST_MAX))
            .tls_config(TlsConfig::builder().root_certs(roots).build());
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
        let time = request.seconds_max.map_or(REQUEST_MAX, Duration::from_secs);
        let sent = self.agent.configure_request(sent).timeout_global(Some(time)).build();
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

    fn run(&self, command: &HostCommand) -> Result<Answer, Unanswered> {
        ssh::run(command)
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
        Error::Io(inner) if is_untrusted(&inner) => Unanswered::NotSent(inner.to_string()),
        other => Unanswered::Lost(other.to_string()),
    }
}

/// Whether the other side's certificate is not trusted: that is found out before the request is written.
fn is_untrusted(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}
