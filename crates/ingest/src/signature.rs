//! Proofs that a sender puts beside a body. Comparisons take the same time wherever bytes differ.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Why a proof was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("the request is not signed")]
    Missing,
    /// It is not of the form that the sender documents.
    #[error("the signature is not `sha256=` and 64 hex digits")]
    Malformed,
    /// It does not fit the body under the configured secret.
    #[error("the signature does not fit the body under this source's secret")]
    Wrong,
}

/// Checks GitHub's `X-Hub-Signature-256`: `sha256=` and the hex HMAC-SHA256 of the raw body.
///
/// # Errors
/// [`SignatureError`].
pub fn verify_github(secret: &[u8], header: Option<&[u8]>, body: &[u8]) -> Result<(), SignatureError> {
    let hex = header.ok_or(SignatureError::Missing)?.strip_prefix(b"sha256=");
    let given = hex.and_then(decode_hex).ok_or(SignatureError::Malformed)?;
    let mut mac = hmac_of(secret)?;
    mac.update(body);
    // `verify_slice` compares in constant time
    mac.verify_slice(&given).map_err(|_| SignatureError::Wrong)
}

/// Signs as GitHub does; for tests, demos and senders of our own.
///
/// # Errors
/// Never for HMAC-SHA256, which takes keys of every length.
pub fn sign_github(secret: &[u8], body: &[u8]) -> Result<String, SignatureError> {
    let mut mac = hmac_of(secret)?;
    mac.update(body);
    let mut header = String::from("sha256=");
    for byte in mac.finalize().into_bytes() {
        header.push_str(&format!("{byte:02x}"));
    }
    Ok(header)
}

fn hmac_of(secret: &[u8]) -> Result<Hmac<Sha256>, SignatureError> {
    Hmac::<Sha256>::new_from_slice(secret).map_err(|_| SignatureError::Wrong)
}

/// Checks a static secret, as Okta puts it into `Authorization`.
///
/// # Errors
/// [`SignatureError::Missing`] or [`SignatureError::Wrong`].
pub fn verify_shared(secret: &[u8], header: Option<&[u8]>) -> Result<(), SignatureError> {
    let given = header.ok_or(SignatureError::Missing)?;
    if bool::from(secret.ct_eq(given)) { Ok(()) } else { Err(SignatureError::Wrong) }
}

fn decode_hex(hex: &[u8]) -> Option<[u8; 32]> {
    if hex.len() != 64 {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn the_documented_example_verifies() {
        let (secret, body) = (b"It's a Secret to Everybody", b"Hello, World!");
        let header = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(verify_github(secret, Some(header), body), Ok(()));
        assert_eq!(sign_github(secret, body).unwrap().as_bytes(), header);
    }

    #[test]
    fn anything_else_does_not() {
        let good = sign_github(b"secret", b"body").unwrap();
        let cases: &[(Option<&str>, SignatureError)] = &[
            (None, SignatureError::Missing),
            (Some(""), SignatureError::Malformed),
            (Some("sha256=12"), SignatureError::Malformed),
            (Some(&good.replace("sha256", "sha1")), SignatureError::Malformed),
            (Some(&format!("{}g", &good[..good.len() - 1])), SignatureError::Malformed),
        ];
        for (header, expected) in cases {
            let header = header.map(str::as_bytes);
            assert_eq!(verify_github(b"secret", header, b"body"), Err(*expected), "{header:?}");
        }
        let signed = Some(good.as_bytes());
        assert_eq!(verify_github(b"secret", signed, b"body "), Err(SignatureError::Wrong));
        assert_eq!(verify_github(b"Secret", signed, b"body"), Err(SignatureError::Wrong));
    }

    #[test]
    fn static_secrets_are_compared_whole() {
        assert_eq!(verify_shared(b"s3cret", Some(b"s3cret")), Ok(()));
        for wrong in [&b"s3cre"[..], b"s3cret ", b"", b"S3cret"] {
            assert_eq!(verify_shared(b"s3cret", Some(wrong)), Err(SignatureError::Wrong));
        }
        assert_eq!(verify_shared(b"s3cret", None), Err(SignatureError::Missing));
    }
}
