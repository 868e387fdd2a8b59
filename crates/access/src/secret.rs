//! Token secrets: made here, shown once, stored only as SHA-256.
//!
//! A secret is 256 random bits, so a fast hash is enough: there is nothing to guess (OWASP ASVS 2.6 asks
//! for slow hashes below 112 bits only). The prefix lets secret scanners find a leaked one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Entropy;
use sha2::{Digest, Sha256};
use std::fmt;

/// Random bytes in a secret.
pub const SECRET_BYTES: usize = 32;

/// What a token is for; its secret shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// `hc_src_…`: one source's ingest-only token.
    Source,
    /// `hc_api_…`: an API token with scopes.
    Api,
    /// `hc_ses_…`: a person's session; lives in a cookie.
    Session,
    /// `hc_lnk_…`: a one-time link.
    Link,
    /// `hcrc_…`: the receipt of a report, all that an anonymous reporter has to come back with.
    Receipt,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [SecretKind; 5] = [Self::Source, Self::Api, Self::Session, Self::Link, Self::Receipt];

    /// How secrets of this kind begin.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Source => "hc_src_",
            Self::Api => "hc_api_",
            Self::Session => "hc_ses_",
            Self::Link => "hc_lnk_",
            Self::Receipt => "hcrc_",
        }
    }
}

/// Whether a secret of ours may stand in a text.
pub fn names_secret(text: &str) -> bool {
    SecretKind::ALL.iter().any(|kind| text.contains(kind.prefix()))
}

/// SHA-256 of a secret's text; all that is stored of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

impl SecretHash {
    /// What a presented text comes to, whatever its form: a text that is no secret costs as much as one that is.
    pub fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

/// Random text that is no secret of its own kind, such as what a request repeats against forgery; 43 characters.
pub(crate) fn random_text(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; SECRET_BYTES];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A secret's text. Neither printed by `Debug` nor kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    kind: SecretKind,
    text: String,
}

/// The text is not a token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret of ours: hc_, three letters, _ and 43 characters (of a receipt: hcrc_ and 43)")]
pub struct ParseSecretError;

impl Secret {
    /// A fresh secret.
    pub fn generate(kind: SecretKind, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        entropy.fill(&mut bytes);
        Self { kind, text: format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// Reads a secret that a caller presents.
    ///
    /// # Errors
    /// [`ParseSecretError`] when it has not the form of one.
    pub fn parse(text: &str) -> Result<Self, ParseSecretError> {
        let of_kind = |kind: &SecretKind| text.strip_prefix(kind.prefix()).map(|rest| (*kind, rest));
        let (kind, encoded) = SecretKind::ALL.iter().find_map(of_kind).ok_or(ParseSecretError)?;
        match URL_SAFE_NO_PAD.decode(encoded) {
            Ok(bytes) if bytes.len() == SECRET_BYTES => Ok(Self { kind, text: text.to_owned() }),
            _ => Err(ParseSecretError),
        }
    }

    /// What it is for.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of_text(&self.text)
    }

    /// The text, to be shown once to whom it is for.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}…)", self.kind.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SeededEntropy;

    #[test]
    fn secrets_round_trip_and_differ() {
        let entropy = SeededEntropy::new(1);
        for kind in SecretKind::ALL {
            let secret = Secret::generate(kind, &entropy);
            assert_eq!(secret.reveal().len(), kind.prefix().len() + 43);
            assert_eq!(SecretHash::of_text(secret.reveal()), secret.hash());
            assert_eq!(Secret::parse(secret.reveal()), Ok(secret.clone()));
            assert_ne!(Secret::generate(kind, &entropy).hash(), secret.hash());
            assert!(!format!("{secret:?}").contains(&secret.reveal()[kind.prefix().len()..]));
        }
    }

    #[test]
    fn other_texts_are_no_secrets() {
        let good = Secret::generate(SecretKind::Api, &SeededEntropy::new(1));
        let good = good.reveal();
        let cases =
            ["", "hc_api_", &good[1..], &good[..good.len() - 1], &good.replace("api", "xyz"), "hc_src_é"];
        for bad in cases {
            assert_eq!(Secret::parse(bad), Err(ParseSecretError), "{bad}");
        }
        assert_eq!(Secret::parse(&format!("{good}A")), Err(ParseSecretError));
    }
}
