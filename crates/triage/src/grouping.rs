//! Which findings belong together.

use model::{Entity, EntityKind, Finding};
use ports::store::GroupKey;

/// One day.
pub const WINDOW_MS_DEFAULT: i64 = 24 * 60 * 60 * 1_000;

/// The rule by which a finding joins an incident.
///
/// Two findings of one group belong to the same incident when the times at which they happened are no more
/// than the window apart, directly or over findings between them. So incidents are the connected runs of a
/// group's findings in event time, whatever the order of arrival; a late finding that closes the gap between
/// two incidents makes them one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// The longest gap inside an incident, milliseconds of event time.
    pub window_ms: i64,
}

impl Default for Grouping {
    fn default() -> Self {
        Self { window_ms: WINDOW_MS_DEFAULT }
    }
}

impl Grouping {
    /// Whether something at `time_ms` is near enough to a run of findings from `first_ms` to `last_ms`.
    pub const fn reaches(&self, (first_ms, last_ms): (i64, i64), time_ms: i64) -> bool {
        time_ms >= first_ms.saturating_sub(self.window_ms)
            && time_ms <= last_ms.saturating_add(self.window_ms)
    }
}

/// The group of a finding: its most telling entity, which is the first; without any, its rule and source.
/// Data of two regions never meets in one incident.
pub fn group_of(finding: &Finding) -> GroupKey {
    let entity = finding.entities.first().cloned().unwrap_or_else(|| Entity {
        kind: EntityKind::Resource,
        value: format!("rule {} on {}", finding.rule_id, finding.source),
    });
    GroupKey { region: finding.region.clone(), entity }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_reaches_to_both_sides() {
        let grouping = Grouping { window_ms: 10 };
        for (time_ms, reaches) in
            [(89, false), (90, true), (100, true), (150, true), (210, true), (211, false)]
        {
            assert_eq!(grouping.reaches((100, 200), time_ms), reaches, "{time_ms}");
        }
        assert!(grouping.reaches((i64::MIN, i64::MIN), i64::MIN));
        assert!(grouping.reaches((i64::MAX, i64::MAX), i64::MAX));
    }
}
