//! Requests to an identity provider: bounded in time and size, never redirected.

use openidconnect::{HttpRequest, HttpResponse};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

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

/// An agent that trusts Mozilla's roots, and the certificates in `ca_pem`.
pub(super) fn agent(ca_pem: Option<&[u8]>) -> Result<ureq::Agent, String> {
    let roots = match ca_pem {
        None => RootCerts::WebPki,
        Some(pem) => RootCerts::Specific(Arc::new(with_mozillas(certificates(pem)?))),
    };
    // a redirect could lead inside (server-side request forgery); discovery and token endpoints do not redirect
    Ok(ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(REQUEST_MAX))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build()
        .into())
}

fn with_mozillas(mut roots: Vec<Certificate<'static>>) -> Vec<Certificate<'static>> {
    roots.extend(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| Certificate::from_der(der)));
    roots
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| e.to_string())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err("there is no certificate (PEM) in it".to_owned()) } else { Ok(found) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused() {
        assert!(agent(None).is_ok());
        for bad in ["", "certificate", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"] {
            assert!(agent(Some(bad.as_bytes())).is_err(), "{bad}");
        }
        let empty_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(agent(Some(empty_key.as_bytes())).is_err(), "a key is none");
        let one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let two = certificates(one.repeat(2).as_bytes()).unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(with_mozillas(two).len(), 2 + webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    }
}
