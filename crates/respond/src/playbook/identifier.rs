//! `type--UUID` (section 10.10).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The name of an object: its type, two hyphens and a UUID (RFC 4122).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier(Box<str>);

/// Bytes of a UUID as text.
const UUID_BYTES: usize = 36;
/// Longest type of an object, in bytes; section 10.10 has 250 for all of a name.
const TYPE_BYTES_MAX: usize = 200;

/// The text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no identifier, which is a type, two hyphens and a UUID")]
pub struct IdentifierError(String);

impl Identifier {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The type of the object.
    pub fn kind(&self) -> &str {
        self.0.get(..self.0.len().saturating_sub(UUID_BYTES + 2)).unwrap_or_default()
    }
}

impl FromStr for Identifier {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        let refused = || IdentifierError(text.chars().take(80).collect());
        let at = text.len().checked_sub(UUID_BYTES + 2).filter(|at| (1..=TYPE_BYTES_MAX).contains(at));
        let (kind, rest) = at.and_then(|at| text.split_at_checked(at)).ok_or_else(refused)?;
        let uuid = rest.strip_prefix("--").ok_or_else(refused)?;
        let is_type = kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_type || kind.starts_with('-') || kind.ends_with('-') || !is_uuid(uuid) {
            return Err(refused());
        }
        Ok(Self(text.into()))
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Identifier {
    type Error = IdentifierError;
    fn try_from(text: String) -> Result<Self, IdentifierError> {
        text.parse()
    }
}

impl From<Identifier> for String {
    fn from(id: Identifier) -> String {
        id.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_and_a_uuid() {
        let id: Identifier = "if-condition--9e7d62b2-88ac-4656-94e1-dbd4413ba008".parse().unwrap();
        assert_eq!(id.kind(), "if-condition");
        for bad in [
            "",
            "--9e7d62b2-88ac-4656-94e1-dbd4413ba008",
            "9e7d62b2-88ac-4656-94e1-dbd4413ba008",
            "action-9e7d62b2-88ac-4656-94e1-dbd4413ba008",
            "Action--9e7d62b2-88ac-4656-94e1-dbd4413ba008",
            "action--9e7d62b2-88ac-4656-94e1-dbd4413ba00",
            "action--9e7d62b2-88ac-4656-94e1-dbd4413ba00g",
            "action---9e7d62b2-88ac-4656-94e1-dbd4413ba008",
            "äction--9e7d62b2-88ac-4656-94e1-dbd4413ba008",
            "action--9e7d62b2-88ac-4656-94e1-dbd4413ba00\u{e9}",
        ] {
            assert!(bad.parse::<Identifier>().is_err(), "{bad}");
        }
    }
}
