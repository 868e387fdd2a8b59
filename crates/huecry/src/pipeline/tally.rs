//! What rules matched in one batch, by rule and day. The day is this installation's: a sender's clock would put what it
//! sends on any day, and no budget of a day would hold.

use crate::rollout::{Generation, Place};
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
pub(crate) struct Tally(HashMap<(Place, i64), Count>);

impl Tally {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A rule matched an event that was taken at `taken_ms`. Where that raises no finding, some events are remembered
    /// instead, with their own times.
    pub(crate) fn note(
        &mut self,
        place: Place,
        raised: bool,
        (event_id, time_ms): (EventId, i64),
        taken_ms: i64,
    ) {
        let count = self.0.entry((place, taken_ms.div_euclid(DAY_MS))).or_default();
        count.matches += 1;
        if raised {
            count.findings += 1;
        } else if count.samples.len() < SAMPLES_MAX {
            count.samples.push((event_id, time_ms));
        }
    }

    /// What is to be stored, in an order that does not hang on chance.
    pub(crate) fn rows(&self, generation: &Generation, last_matched_at_ms: i64) -> Vec<RuleMatches> {
        let row = |((place, day), count): (&(Place, i64), &Count)| {
            Some(RuleMatches {
                rule_id: generation.at(*place)?.rule_id.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use std::sync::Arc;

    #[test]
    fn a_senders_clock_does_not_choose_the_day() {
        let rule = "title: A\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: s}\n";
        let (engine, _) = Engine::load([("a.yml", rule)]).unwrap();
        let generation = Generation::all_active(Arc::new(engine));
        let place = generation.rules()[0].place;
        let mut tally = Tally::default();
        for (number, sent_ms) in [(1, 0), (2, 9 * DAY_MS), (3, i64::MAX), (4, -5)] {
            tally.note(place, number > 1, (EventId([number; 16]), sent_ms), 3 * DAY_MS + 7);
        }
        let rows = tally.rows(&generation, 9);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].rule_id.as_str(), rows[0].day), ("A", 3));
        assert_eq!((rows[0].matches, rows[0].findings), (4, 3));
        assert_eq!(rows[0].samples, [(EventId([1; 16]), 0)]);
    }
}
