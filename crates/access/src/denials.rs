//! Who was told no: an audit record for each person or token and thing, once a minute.
//!
//! Denials of somebody who is known are written down. Requests of nobody (no token, a wrong one) are counted in metrics
//! only: anyone can make them, as many as they like.

use crate::registry::Caller;
use crate::rule::Denied;
use model::{Clock, Entropy};
use ports::Store;
use ports::store::StoreError;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long the same denial is not written down again, in milliseconds.
pub const DENIAL_NOTED_MS: i64 = 60_000;

/// Most denials that are remembered; past it they are forgotten, and written down again.
pub const DENIALS_MAX: usize = 10_000;

/// The action of the record of a denial.
pub const DENY_ACTION: &str = "access.deny";

/// Writes denials down.
pub struct Denials {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// When who was last told no about what, and how often since.
    noted: Mutex<HashMap<(String, String), (i64, u64)>>,
}

impl std::fmt::Debug for Denials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denials").finish_non_exhaustive()
    }
}

impl Denials {
    /// Writes into `store`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy, noted: Mutex::default() }
    }

    /// `caller` may not do `what` (a method and a route) on `path`.
    ///
    /// # Errors
    /// As all changes.
    pub async fn note(&self, caller: &Caller, what: &str, path: &str, why: &str) -> Result<(), StoreError> {
        let who = match &caller.principal {
            model::Principal::Person { id, .. } | model::Principal::Token { id, .. } => id.clone(),
            other => other.name().to_owned(),
        };
        let now_ms = self.clock.now_ms();
        let Some(unsaid) = self.due((who, what.to_owned()), now_ms) else { return Ok(()) };
        let mut audit = caller.record(&*self.clock, &*self.entropy, DENY_ACTION, what);
        audit.after = json!({ "denied": why, "path": path, "times_before_unsaid": unsaid });
        let mut unit = self.store.begin().await?;
        unit.audit().add(&audit).await?;
        unit.commit().await
    }

    /// How often it happened unsaid, if it is time to say so.
    fn due(&self, key: (String, String), now_ms: i64) -> Option<u64> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at_ms, unsaid)) = noted.get_mut(&key)
            && now_ms.saturating_sub(*at_ms) < DENIAL_NOTED_MS
        {
            *unsaid += 1;
            return None;
        }
        if noted.len() >= DENIALS_MAX {
            noted.clear();
        }
        Some(noted.insert(key, (now_ms, 0)).map_or(0, |(_, unsaid)| unsaid))
    }
}

impl Denied {
    /// A short name, as records and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenMalformed(_) => "token_malformed",
            Self::TokenUnknown => "token_unknown",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::TokenResting => "token_resting",
            Self::TokenKind => "token_kind",
            Self::TokenSource => "token_source",
            Self::ScopeMissing(_) => "scope_missing",
            Self::SessionMissing => "session_missing",
            Self::SessionEnded => "session_ended",
            Self::SessionReplayed => "session_replayed",
            Self::SessionNeeded => "session_needed",
            Self::ReceiptMissing => "receipt_expired",
        }
    }
}
