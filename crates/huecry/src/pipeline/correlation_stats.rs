//! How often each correlation fired since the start, so that one that never does can say so.

use foldhash::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is known of one correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CorrelationStat {
    /// How often it fired.
    pub fired: u64,
    /// When it last did, milliseconds since the epoch.
    pub last_fired_ms: Option<i64>,
}

/// Counts by `sigma::correlation::Linked::key`, shared by all correlators: so they outlive a reload.
#[derive(Debug, Default)]
pub struct CorrelationStats(Mutex<HashMap<[u8; 16], CorrelationStat>>);

impl CorrelationStats {
    pub(crate) fn note(&self, key: [u8; 16], now_ms: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stat = known.entry(key).or_default();
        stat.fired += 1;
        stat.last_fired_ms = stat.last_fired_ms.max(Some(now_ms));
    }

    /// What is known of a correlation.
    pub fn of(&self, key: &[u8; 16]) -> CorrelationStat {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or_default()
    }
}
