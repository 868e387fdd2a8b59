//! Secrets that must be read again (webhook HMAC keys), encrypted at rest.
//!
//! Sealed form: one version byte, a 12-byte random nonce, ChaCha20-Poly1305 ciphertext with its tag
//! (RFC 8439). The name that a secret belongs to is authenticated with it, so that a sealed secret moved
//! to another row of the store does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use model::Entropy;
use std::fmt;

/// Length of the key, in bytes.
pub const KEY_BYTES: usize = 32;

/// Longest secret that is sealed, in bytes.
pub const SEALED_SECRET_BYTES_MAX: usize = 4 * 1024;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// Why a secret was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Empty, or over the limit.
    #[error("a secret has 1 to {SEALED_SECRET_BYTES_MAX} bytes")]
    Length,
    /// Another key, another name, or damaged bytes.
    #[error("the stored secret does not open with this key; was the key file replaced? set the secret anew")]
    NotOurs,
}

/// Seals and opens secrets under one key.
#[derive(Clone)]
pub struct Sealer(ChaCha20Poly1305);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Works with the key that the caller read from its file.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(ChaCha20Poly1305::new(&(*key).into()))
    }

    /// Encrypts `secret` for `name`.
    ///
    /// # Errors
    /// [`SealError::Length`].
    pub fn seal(&self, name: &str, secret: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        if secret.is_empty() || secret.len() > SEALED_SECRET_BYTES_MAX {
            return Err(SealError::Length);
        }
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: secret, aad: name.as_bytes() };
        let ciphertext = self.0.encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::Length)?;
        Ok([&[VERSION][..], &nonce, &ciphertext].concat())
    }

    /// Decrypts what was sealed for `name`.
    ///
    /// # Errors
    /// [`SealError::NotOurs`].
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(SealError::NotOurs)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::NotOurs)?;
        let payload = Payload { msg: ciphertext, aad: name.as_bytes() };
        self.0.decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealError::NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SeededEntropy;

    #[test]
    fn only_the_same_key_and_name_open() {
        let entropy = SeededEntropy::new(3);
        let sealer = Sealer::new(&[7; KEY_BYTES]);
        let sealed = sealer.seal("github", b"s3cret", &entropy).unwrap();
        assert_eq!(sealer.open("github", &sealed).unwrap(), b"s3cret");
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        assert_ne!(sealer.seal("github", b"s3cret", &entropy).unwrap(), sealed, "nonces are fresh");
        assert_eq!(sealer.open("okta", &sealed), Err(SealError::NotOurs));
        assert_eq!(Sealer::new(&[8; KEY_BYTES]).open("github", &sealed), Err(SealError::NotOurs));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(sealer.open("github", &damaged), Err(SealError::NotOurs), "byte {at}");
            assert_eq!(sealer.open("github", &sealed[..at]), Err(SealError::NotOurs), "{at} bytes");
        }
        assert_eq!(sealer.seal("github", b"", &entropy), Err(SealError::Length));
    }
}
