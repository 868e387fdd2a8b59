//! Who did what, on what, when and why.

use crate::AuditId;
use serde::{Deserialize, Serialize};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// The holder of an API token, by the name that the token was given to.
    Token {
        /// The token's id.
        id: String,
        /// For whom it was made.
        name: String,
    },
    /// The product itself, by the part that acted (`triage`).
    System {
        /// The part.
        part: String,
    },
    /// Someone at the machine's own command line.
    Local {
        /// The operating system's account.
        account: String,
    },
}

impl Principal {
    /// A short name for people: the token's name, the part, the account.
    pub fn name(&self) -> &str {
        match self {
            Self::Token { name, .. } => name,
            Self::System { part } => part,
            Self::Local { account } => account,
        }
    }
}

/// One change, written in the transaction that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its name.
    pub id: AuditId,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// Who.
    pub principal: Principal,
    /// What was done: noun and verb, such as `incident.assign`.
    pub action: String,
    /// On what, such as an incident's id.
    pub object: String,
    /// The values before, by field.
    pub before: serde_json::Value,
    /// The values after.
    pub after: serde_json::Value,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}
