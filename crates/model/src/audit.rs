//! Who did what, on what, when, why and from where.

use crate::{AuditField, AuditId, Clock, Entropy, Salts};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// A person, signed in.
    Person {
        /// The person's id; names may change and be alike.
        id: String,
        /// The person's name then.
        name: String,
    },
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
    /// Somebody who did not say who they are, such as an anonymous reporter or the holder of a receipt.
    Guest,
    /// Nobody can say any more: the name was erased from the record. Nobody acts as this.
    Erased,
    /// Somebody whom the asker may not know of. Nobody acts as this, and no record is written so.
    Withheld,
}

impl Principal {
    /// A short name for people: the person's, the token's, the part, the account.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } | Self::Token { name, .. } => name,
            Self::System { part } => part,
            Self::Local { account } => account,
            Self::Guest => "guest",
            Self::Erased => "(erased)",
            Self::Withheld => "(withheld)",
        }
    }
}

/// One change, written in the transaction that made it.
#[derive(Debug, Clone, PartialEq)]
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
    pub before: Value,
    /// The values after.
    pub after: Value,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// The address that the request came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
    /// What keeps its values from being guessed from their hashes.
    pub salts: Salts,
}

impl AuditRecord {
    /// A record of now, with fresh id and salts, and nothing said yet of before, after, reason, origin and
    /// request.
    pub fn new(
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        principal: Principal,
        action: impl Into<String>,
        object: impl ToString,
    ) -> Self {
        Self {
            id: AuditId::new(clock, entropy),
            at_ms: clock.now_ms(),
            principal,
            action: action.into(),
            object: object.to_string(),
            before: Value::Null,
            after: Value::Null,
            reason: None,
            origin: None,
            request_id: None,
            salts: Salts::new(entropy),
        }
    }
    /// Takes this value out of what is shown.
    pub fn withhold(&mut self, field: AuditField) {
        match field {
            AuditField::Principal => self.principal = Principal::Withheld,
            AuditField::Object => self.object.clear(),
            AuditField::Before => self.before = Value::Null,
            AuditField::After => self.after = Value::Null,
            AuditField::Reason => self.reason = None,
            AuditField::Origin => self.origin = None,
            AuditField::RequestId => self.request_id = None,
        }
    }
}
