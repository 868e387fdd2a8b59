//! Raw records that could not become events, with the reason.

use crate::Position;
use serde::{Deserialize, Serialize};

/// Points at the raw record (which stays on its log) and says why it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Where the raw record stands.
    pub position: Position,
    /// The source's name.
    pub source: String,
    /// The mapping that refused it.
    pub kind: String,
    /// Stable code, such as `json_invalid`.
    pub code: String,
    /// What was wrong and where.
    pub reason: String,
    /// When the record was received, milliseconds since the epoch.
    pub received_at_ms: i64,
    /// When it was refused.
    pub at_ms: i64,
}
