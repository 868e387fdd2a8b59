//! How often each rule matched since the start, so that a rule that never does can say so.

use detect::{Detector, Hit};
use foldhash::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[derive(Debug, Default)]
struct Cell {
    matches: AtomicU64,
    last_ms: AtomicI64,
}

/// What is known of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleStat {
    /// Events it matched since the start.
    pub matches: u64,
    /// When it last did, milliseconds since the epoch.
    pub last_matched_ms: Option<i64>,
}

/// Counters by rule, shared by all workers.
#[derive(Debug)]
pub struct RuleStats(HashMap<Hit, Cell>);

impl RuleStats {
    /// Zeros for every rule of `detector`.
    pub fn new(detector: &Detector) -> Self {
        Self(detector.rules().map(|(hit, _)| (hit, Cell::default())).collect())
    }

    pub(crate) fn note(&self, hit: Hit, now_ms: i64) {
        if let Some(cell) = self.0.get(&hit) {
            cell.matches.fetch_add(1, Ordering::Relaxed);
            cell.last_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    /// What is known of a rule; `None` for another detector's.
    pub fn of(&self, hit: Hit) -> Option<RuleStat> {
        let cell = self.0.get(&hit)?;
        let matches = cell.matches.load(Ordering::Relaxed);
        let last_ms = cell.last_ms.load(Ordering::Relaxed);
        Some(RuleStat { matches, last_matched_ms: (matches > 0).then_some(last_ms) })
    }
}
