//! Signatures over whole requests.

use super::exchange::Request;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::time::{Duration, UNIX_EPOCH};

/// A request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct SignError(String);

/// S3 takes paths as they are, wants the body's hash in a header, and a checksum with what is written.
fn settings_of(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// Signs a request as AWS wants it (Signature Version 4).
pub(super) fn aws(
    request: &mut Request,
    service: &str,
    region: &str,
    (key, secret): (&str, &str),
    now_ms: i64,
) -> Result<(), SignError> {
    let wrong = |error: &dyn std::fmt::Display| SignError(error.to_string());
    let identity = Credentials::new(key, secret, None, None, "connector").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(UNIX_EPOCH + Duration::from_millis(now_ms.max(0).unsigned_abs()))
        .settings(settings_of(service))
        .build()
        .map_err(|error| wrong(&error))?
        .into();
    if let Some(body) = request.body.as_ref().filter(|_| service == "s3") {
        let checksum = STANDARD.encode(Sha256::digest(body));
        request.headers.push(("x-amz-checksum-sha256".to_owned(), checksum));
    }
    let body = SignableBody::Bytes(request.body.as_deref().unwrap_or_default().as_bytes());
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(request.method.as_str(), request.url.as_str(), headers, body)
        .map_err(|error| wrong(&error))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| wrong(&error))?.into_parts();
    let added: Vec<_> =
        instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    request.headers.extend(added);
    Ok(())
}
