//! One batch of raw records through the engine: no I/O, the same result every time.

use super::recent::RecentIds;
use super::rule_stats::RuleStats;
use crate::engine::{Engine, Scratch};
use model::{DeadLetter, Finding, Offset, Partition, Position, RawRecord, Topic};
use normalize::Refusal;
use ports::Records;
use ports::store::Counters;

/// What a batch comes to.
#[derive(Debug, Default)]
pub(crate) struct BatchResult {
    pub(crate) findings: Vec<Finding>,
    pub(crate) dead_letters: Vec<(DeadLetter, String)>,
    pub(crate) counters: Counters,
}

impl BatchResult {
    pub(crate) fn clear(&mut self) {
        self.findings.clear();
        self.dead_letters.clear();
        self.counters = Counters::default();
    }
}

/// Where the results of a run go.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) stats: &'a RuleStats,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) recent: &'a mut RecentIds,
    pub(crate) now_ms: i64,
}

impl Run<'_> {
    /// Runs every record of a batch; adds to `result`.
    pub(crate) fn batch(&mut self, partition: Partition, records: &Records, result: &mut BatchResult) {
        for (offset, bytes) in records.iter() {
            let position = Position::new(Topic::Raw, partition, offset);
            result.counters.accepted += 1;
            self.record(position, bytes, result);
        }
    }

    fn record(&mut self, position: Position, bytes: &[u8], result: &mut BatchResult) {
        let Self { engine, stats, scratch, recent, now_ms } = self;
        let Ok(record) = RawRecord::decode(bytes) else {
            result.counters.dead_lettered += 1;
            result.dead_letters.push((unreadable(position, *now_ms), "default".to_owned()));
            return;
        };
        let (mut fresh, findings) = (true, &mut result.findings);
        let outcome = engine.process(
            &record,
            position,
            scratch,
            |summary| {
                fresh = recent.insert(summary.event_id);
                fresh
            },
            |matched| {
                stats.note(matched.hit, *now_ms);
                findings.extend(matched.finding(*now_ms));
            },
        );
        match outcome {
            Ok(_) if fresh => result.counters.stored += 1,
            Ok(_) => result.counters.duplicates += 1,
            Err(refusal) => {
                result.counters.dead_lettered += 1;
                let letter = dead_letter(&record, position, &refusal, *now_ms);
                result.dead_letters.push((letter, record.region.to_owned()));
            }
        }
    }

    /// Notes the ids of records that were worked on before, without working on them again.
    pub(crate) fn remember(&mut self, partition: Partition, records: &Records, until: Offset) {
        for (offset, bytes) in records.iter().take_while(|(offset, _)| *offset < until) {
            let position = Position::new(Topic::Raw, partition, offset);
            let known = RawRecord::decode(bytes).ok();
            let summary = known.and_then(|r| self.engine.normalize(&r, position, self.scratch).ok());
            if let Some(summary) = summary {
                self.recent.insert(summary.event_id);
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
