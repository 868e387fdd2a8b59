//! What rules matched in one batch, by rule and day of the events.

use crate::rollout::Generation;
use detect::Hit;
use foldhash::HashMap;
use model::EventId;
use ports::store::RuleMatches;

/// Sample events that one batch adds of a rule whose matches raise nothing.
const SAMPLES_MAX: usize = 5;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Default)]
struct Count {
    matches: u64,
    findings: u64,
    samples: Vec<(EventId, i64)>,
}

/// Counts of one batch; they are stored with its position, so they are as exact as that.
#[derive(Debug, Default)]
pub(crate) struct Tally(HashMap<(Hit, i64), Count>);

impl Tally {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A rule matched an event. Where that raises no finding, some events are remembered instead.
    pub(crate) fn note(&mut self, hit: Hit, raised: bool, (event_id, time_ms): (EventId, i64)) {
        let count = self.0.entry((hit, time_ms.div_euclid(DAY_MS))).or_default();
        count.matches += 1;
        if raised {
            count.findings += 1;
        } else if count.samples.len() < SAMPLES_MAX {
            count.samples.push((event_id, time_ms));
        }
    }

    /// What is to be stored, in an order that does not hang on chance.
    pub(crate) fn rows(&self, generation: &Generation, last_matched_at_ms: i64) -> Vec<RuleMatches> {
        let row = |((hit, day), count): (&(Hit, i64), &Count)| {
            Some(RuleMatches {
                rule_id: generation.rule(*hit)?.rule_id.clone(),
                day: *day,
                matches: count.matches,
                findings: count.findings,
                last_matched_at_ms,
                samples: count.samples.clone(),
            })
        };
        let mut rows: Vec<_> = self.0.iter().filter_map(row).collect();
        rows.sort_unstable_by(|a, b| (&a.rule_id, a.day).cmp(&(&b.rule_id, b.day)));
        rows
    }
}
