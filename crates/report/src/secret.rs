//! The secret of a receipt: whoever has it sees what becomes of the report, and nobody else does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use model::Entropy;
use ports::store::OnceKey;
use sha2::{Digest, Sha256};
use std::fmt;

const PREFIX: &str = "hcrc_";
/// Bytes of a secret: 256 bits.
const SECRET_BYTES: usize = 32;

/// A receipt's secret, `hcrc_` and 43 characters of base64url. Of it only the SHA-256 is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptSecret(String);

/// What secrets of repeated requests are made with, so that they need not be kept: 256 bits of the installation's own.
#[derive(Clone)]
pub struct ReceiptKey(pub [u8; 32]);

impl ReceiptSecret {
    /// A fresh one.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        entropy.fill(&mut bytes);
        Self::of(&bytes)
    }

    /// The one of a request that may be repeated: HMAC-SHA-256 under the key, so that the same request gets the same
    /// receipt, and nobody without the key can make it.
    pub fn of_once(key: &ReceiptKey, once: &OnceKey) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("a key of any length");
        mac.update(b"huecry report receipt\0");
        mac.update(&once.key_sha256);
        mac.update(&once.request_sha256);
        Self::of(&mac.finalize().into_bytes().into())
    }

    fn of(bytes: &[u8; SECRET_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text; goes to the reporter and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn sha256(&self) -> [u8; 32] {
        secret_sha256(&self.0)
    }
}

/// SHA-256 of what somebody gives as a receipt's secret, whether it is one or not: a wrong one is looked up as well.
pub fn secret_sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl fmt::Debug for ReceiptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptSecret")
    }
}

impl fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SeededEntropy;

    #[test]
    fn a_repeated_request_has_the_same_receipt_and_no_other_has() {
        let (key, other) = (ReceiptKey([1; 32]), ReceiptKey([2; 32]));
        let once = OnceKey { key_sha256: [3; 32], request_sha256: [4; 32] };
        let secret = ReceiptSecret::of_once(&key, &once);
        assert_eq!(secret, ReceiptSecret::of_once(&key, &once));
        assert_ne!(secret, ReceiptSecret::of_once(&other, &once));
        assert_ne!(secret, ReceiptSecret::of_once(&key, &OnceKey { request_sha256: [5; 32], ..once }));
        assert_ne!(secret, ReceiptSecret::of_once(&key, &OnceKey { key_sha256: [5; 32], ..once }));
        let fresh = ReceiptSecret::new(&SeededEntropy::new(1));
        assert!(fresh.reveal().starts_with("hcrc_") && fresh.reveal().len() == 48);
        assert_eq!(format!("{fresh:?} {key:?}"), "ReceiptSecret ReceiptKey");
    }
}
