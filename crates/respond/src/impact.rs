//! What an action may do to people and systems, and whether it can be taken back.

use serde::{Deserialize, Serialize};

/// How much an action disturbs if it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// One person or machine, for minutes: sign in again.
    Low,
    /// One person or service cannot work until it is undone.
    Medium,
    /// Many people, or production.
    High,
}

impl Impact {
    /// From least to most.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What can be done about it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversibility {
    /// Taken back, all is as before: a key is activated again, a policy removed.
    Reversible,
    /// Not taken back, and made good by itself: who was signed out signs in again, a deleted pod is created again.
    Compensable,
    /// Gone: a deleted key, a reset second factor. Never done without people.
    Irreversible,
}

impl Reversibility {
    /// From what is easily taken back to what is not.
    pub const ALL: [Self; 3] = [Self::Reversible, Self::Compensable, Self::Irreversible];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reversible => "reversible",
            Self::Compensable => "compensable",
            Self::Irreversible => "irreversible",
        }
    }
}
