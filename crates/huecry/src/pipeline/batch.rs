//! One batch of raw records through the engine: no I/O, the same result every time.

use super::lake_feed::LakeFeed;
use super::matches::Matches;
use super::recent::RecentIds;
use super::tally::Tally;
use crate::engine::{Scratch, Wanted};
use crate::rollout::{Generation, Place, RuleInForce};
use model::{DeadLetter, Finding, Offset, Partition, Position, RawRecord, Stage, Topic};
use normalize::Refusal;
use ports::Records;
use ports::store::Counters;

/// What a batch comes to.
#[derive(Debug, Default)]
pub(crate) struct BatchResult {
    pub(crate) findings: Vec<Finding>,
    pub(crate) dead_letters: Vec<(DeadLetter, String)>,
    pub(crate) counters: Counters,
    pub(crate) tally: Tally,
}

impl BatchResult {
    pub(crate) fn clear(&mut self) {
        self.findings.clear();
        self.dead_letters.clear();
        self.counters = Counters::default();
        self.tally.clear();
    }
}

/// What became of one record.
enum Outcome {
    Stored,
    Duplicate,
    DeadLetter(Box<(DeadLetter, String)>),
}

/// Where the results of a run go.
pub(crate) struct Run<'a> {
    /// One for the whole batch.
    pub(crate) generation: &'a Generation,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) recent: &'a mut RecentIds,
    pub(crate) lake: &'a mut LakeFeed,
    pub(crate) matches: &'a mut Matches,
    /// Records before this one had their effects already and are read again for the lake alone.
    pub(crate) effects_from: Offset,
    pub(crate) now_ms: i64,
}

impl Run<'_> {
    /// Runs every record of a batch; adds to `result` and to the lake's batch.
    pub(crate) fn batch(&mut self, partition: Partition, records: &Records, result: &mut BatchResult) {
        for (offset, bytes) in records.iter() {
            let position = Position::new(Topic::Raw, partition, offset);
            let outcome = self.record(position, bytes, result);
            if offset >= self.effects_from {
                result.counters.accepted += 1;
                match outcome {
                    Outcome::Stored => result.counters.stored += 1,
                    Outcome::Duplicate => result.counters.duplicates += 1,
                    Outcome::DeadLetter(letter) => {
                        result.counters.dead_lettered += 1;
                        result.dead_letters.push(*letter);
                    }
                }
            }
        }
        self.matches.end(&self.generation.engine, self.now_ms, records.next().0);
    }

    fn record(&mut self, position: Position, bytes: &[u8], result: &mut BatchResult) -> Outcome {
        let Self { generation, scratch, recent, lake, matches, effects_from, now_ms } = self;
        let Ok(record) = RawRecord::decode(bytes) else {
            return Outcome::DeadLetter(Box::new((unreadable(position, *now_ms), "default".to_owned())));
        };
        let mut fresh = true;
        let BatchResult { findings, tally, .. } = result;
        let entries = matches.entries();
        let outcome = generation.engine.process(
            &record,
            position,
            scratch,
            |summary| {
                fresh = recent.insert(summary.event_id, position.offset);
                match fresh {
                    false => Wanted::Nothing,
                    true if position.offset < *effects_from => Wanted::Event,
                    true => Wanted::EventAndRules,
                }
            },
            |row| lake.push(row),
            |matched| {
                let rule = generation.rule(matched.hit);
                let stage = rule.map_or(Stage::Shadow, |rule| rule.stage);
                // what a rule in shadow matches is counted by correlations too, which are in shadow with it; what one
                // matches whose own tests fail is worth nothing to anyone
                if rule.is_some_and(RuleInForce::is_sound) {
                    matched.entries(entries);
                }
                let raised = stage != Stage::Shadow && !generation.is_silent(matched.hit);
                tally.note(Place::Rule(matched.hit), raised, matched.event(), record.received_at_ms);
                if raised && let Some(mut finding) = matched.finding(*now_ms) {
                    generation.mark(&mut finding, stage);
                    findings.push(finding);
                }
            },
        );
        match outcome {
            Ok(summary) if fresh => {
                if position.offset >= *effects_from {
                    matches.event(&generation.engine, &record, &summary, (position.offset.0, *now_ms));
                }
                Outcome::Stored
            }
            Ok(_) => Outcome::Duplicate,
            Err(refusal) => {
                let letter = dead_letter(&record, position, &refusal, *now_ms);
                Outcome::DeadLetter(Box::new((letter, record.region.to_owned())))
            }
        }
    }

    /// Notes the ids of records that were worked on before, without working on them again.
    pub(crate) fn remember(&mut self, partition: Partition, records: &Records, until: Offset) {
        for (offset, bytes) in records.iter().take_while(|(offset, _)| *offset < until) {
            let position = Position::new(Topic::Raw, partition, offset);
            let known = RawRecord::decode(bytes).ok();
            let summary =
                known.and_then(|r| self.generation.engine.remember(&r, position, self.scratch).ok());
            if let Some(summary) = summary {
                self.recent.insert(summary.event_id, offset);
            }
        }
    }
}

pub(crate) fn dead_letter(
    record: &RawRecord<'_>,
    position: Position,
    refusal: &Refusal,
    now_ms: i64,
) -> DeadLetter {
    DeadLetter {
        position,
        source: record.source.to_owned(),
        kind: record.kind.to_owned(),
        code: refusal.code.as_str().to_owned(),
        reason: refusal.reason.clone(),
        received_at_ms: record.received_at_ms,
        at_ms: now_ms,
    }
}

fn unreadable(position: Position, now_ms: i64) -> DeadLetter {
    DeadLetter {
        position,
        source: String::new(),
        kind: String::new(),
        code: "record_unreadable".to_owned(),
        reason: "the log's record is of a version that this program does not read".to_owned(),
        received_at_ms: now_ms,
        at_ms: now_ms,
    }
}
