//! What people report: taken in from anybody, followed by a receipt, read and decided by those who may.

pub(crate) mod attachments;
pub(crate) mod decisions;
pub(crate) mod desk;
pub(crate) mod digests;
pub(crate) mod forms;
pub(crate) mod intake;
pub(crate) mod own;
pub(crate) mod receipt;
pub(crate) mod receipt_events;
pub(crate) mod sight;
pub(crate) mod view;
mod view_parts;

use crate::extract::Who;
use report::Actor;
use utoipa::ToSchema;

/// All of them.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct Items<T> {
    /// In the list's order.
    pub(crate) items: Vec<T>,
}

/// Who acts, for the desk.
pub(crate) fn actor(Who(caller): Who) -> Actor {
    Actor { principal: caller.principal, origin: caller.origin, request_id: caller.request_id }
}
