//! What kind of thing was found, and how sure that is.

use serde::{Deserialize, Serialize};

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An address of mail.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card.
    Card,
    /// A bank account.
    Iban,
    /// A number that a state gives a person.
    NationalId,
    /// A public address of the internet.
    Ip,
    /// A person's name.
    Person,
    /// An account's name in a path.
    Username,
    /// A key or token of a service.
    Token,
    /// A private key.
    PrivateKey,
    /// A password.
    Password,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::NationalId,
        Self::Ip,
        Self::Person,
        Self::Username,
        Self::Token,
        Self::PrivateKey,
        Self::Password,
    ];

    /// Its name, as in the file of detectors and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::NationalId => "national_id",
            Self::Ip => "ip",
            Self::Person => "person",
            Self::Username => "username",
            Self::Token => "token",
            Self::PrivateKey => "private_key",
            Self::Password => "password",
        }
    }

    /// Whether it is a secret rather than about a person.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Token | Self::PrivateKey | Self::Password)
    }
}

/// How sure a detector is of what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// By circumstances only.
    Low,
    /// By shape or by words beside it.
    Medium,
    /// By check digits or an unmistakable form.
    High,
}

impl Confidence {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
