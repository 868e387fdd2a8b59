//! How far the findings of a rule go.

use serde::{Deserialize, Serialize};

/// How far the findings of a rule go. A rule's `status` is its author's word; the stage is this installation's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Matches are counted and raise nothing.
    Shadow,
    /// Findings are marked, and no graver than low.
    Canary,
    /// Findings are what the rule says.
    #[default]
    Active,
}

impl Stage {
    /// From the most quiet one on.
    pub const ALL: [Stage; 3] = [Self::Shadow, Self::Canary, Self::Active];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Active => "active",
        }
    }

    /// The stage of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    pub(crate) fn is_active(&self) -> bool {
        *self == Self::Active
    }
}
