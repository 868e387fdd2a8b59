//! Erases personal values from records, for good, with a record of the erasure.

use crate::Error;
use model::{AuditField, AuditId, AuditRecord, Clock, Entropy, Principal};
use ports::Store;
use ports::store::{ERASE_ACTION, StoreError};
use std::sync::Arc;

/// What to erase, and who says so.
#[derive(Debug, Clone)]
pub struct ErasureRequest {
    /// Who.
    pub principal: Principal,
    /// Of which record.
    pub record: AuditId,
    /// Which values.
    pub fields: Vec<AuditField>,
    /// Why, such as the number of the request to be forgotten.
    pub reason: String,
    /// The address that it came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}

/// Erases values.
#[derive(Clone)]
pub struct Eraser {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Eraser {
    /// Works on `store`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    /// Drops the values and their salts; returns how many there were. Where all are gone already nothing is
    /// written.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::BadQuery`] without fields or reason, and for what the record of
    /// an erasure itself must keep.
    pub async fn erase(&self, request: &ErasureRequest) -> Result<u32, Error> {
        if request.fields.is_empty() || request.reason.trim().is_empty() {
            let reason = "say which values are erased, and why".to_owned();
            return Err(StoreError::BadQuery { reason }.into());
        }
        let mut fields = request.fields.clone();
        fields.sort_unstable();
        fields.dedup();
        let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
        let principal = request.principal.clone();
        let audit = AuditRecord {
            after: serde_json::json!({ "fields": names }),
            reason: Some(request.reason.clone()),
            origin: request.origin.clone(),
            request_id: request.request_id.clone(),
            ..AuditRecord::new(&*self.clock, &*self.entropy, principal, ERASE_ACTION, request.record)
        };
        let mut unit = self.store.begin().await?;
        let erased = unit.audit().erase(request.record, &fields, &audit).await?;
        if erased > 0 {
            unit.commit().await?;
        }
        Ok(erased)
    }
}
