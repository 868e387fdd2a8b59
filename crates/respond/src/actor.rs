//! Who asks, and from where.

use model::Principal;

/// Who acts, and from where; for records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// The address that it came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}

impl Actor {
    /// This part of the product.
    pub fn system() -> Self {
        let principal = Principal::System { part: "respond".to_owned() };
        Self { principal, origin: None, request_id: None }
    }

    /// What tells this one from all others: the id of a person or token. None for somebody whom nobody knows.
    pub fn key(&self) -> Option<String> {
        key_of(&self.principal)
    }
}

/// See [`Actor::key`].
pub fn key_of(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Person { id, .. } | Principal::Token { id, .. } => Some(id.clone()),
        Principal::System { part } => Some(format!("system:{part}")),
        Principal::Local { account } => Some(format!("local:{account}")),
        Principal::Guest | Principal::Erased | Principal::Withheld => None,
    }
}
