//! Normalizes records, validates the events and keeps the score.

use crate::beside::{assert_columns, assert_rest};
use huecry_normalize::{Decoded, EventSummary, Normalizer, Output, RawData, Refusal, Schema};
use model::{FieldTable, Offset, Partition, Position, RawRecord, Tape, Topic};
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) const RECEIVED_AT_MS: i64 = 1_750_000_000_000;

pub(crate) struct Judge {
    pub(crate) schema: Schema,
    pub(crate) fields: FieldTable,
    pub(crate) normalizer: Normalizer,
    decoded: Decoded,
    tape: Tape,
    output: Output,
    pub(crate) score: Score,
}

const POSITION: Position = Position::new(Topic::Raw, Partition(0), Offset(7));

fn record<'r>(kind: &'r str, event_type: Option<&'r str>, body: &'r [u8]) -> RawRecord<'r> {
    RawRecord {
        source: "test",
        kind,
        event_type,
        delivery_id: None,
        region: "default",
        received_at_ms: RECEIVED_AT_MS,
        body,
    }
}

/// What became of a corpus.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) records: usize,
    pub(crate) base_events: usize,
    pub(crate) with_actor: usize,
    pub(crate) dead_letters: Vec<String>,
    pub(crate) invalid: Vec<String>,
    pub(crate) classes: BTreeMap<String, usize>,
    pub(crate) base_names: Vec<String>,
}

pub(crate) struct Judged {
    pub(crate) summary: EventSummary,
    pub(crate) event: Value,
    pub(crate) entities: Vec<(String, String)>,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let (schema, mut fields) = (Schema::builtin(), FieldTable::default());
        let normalizer = Normalizer::builtin(&mut fields, &schema).unwrap_or_else(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            panic!("the mappings do not load:\n{}", lines.join("\n"))
        });
        let output = Output::new(RawData::Include);
        let (decoded, tape, score) = (Decoded::default(), Tape::new(), Score::default());
        Self { schema, fields, normalizer, decoded, tape, output, score }
    }

    pub(crate) fn normalize(
        &mut self,
        kind: &str,
        event_type: Option<&str>,
        body: &[u8],
    ) -> Result<Judged, Refusal> {
        let record = record(kind, event_type, body);
        let json = self.normalizer.decode(kind, body, &mut self.decoded)?;
        let view = self.tape.parse_as(&self.fields, self.normalizer.vocabulary(kind), json)?;
        let summary = self.normalizer.normalize(&record, &view, POSITION, &mut self.output)?;
        let event = serde_json::from_slice(self.output.json()).expect("the event is JSON");
        let entities = self.output.entities();
        let entities = entities.map(|(kind, value)| (kind.as_str().to_owned(), value.to_owned())).collect();
        Ok(Judged { summary, event, entities })
    }

    /// What the mapping of a good record leaves over.
    pub(crate) fn unmapped(&mut self, kind: &str, event_type: Option<&str>, body: &[u8]) -> Vec<u8> {
        let json = self.normalizer.decode(kind, body, &mut self.decoded).unwrap();
        let view = self.tape.parse_as(&self.fields, self.normalizer.vocabulary(kind), json).unwrap();
        let (record, mut rest) = (record(kind, event_type, body), Vec::new());
        let done = self.normalizer.unmapped(&record, &view, POSITION, &mut self.output, &mut rest);
        done.unwrap();
        rest
    }

    /// Normalizes, validates and counts one record; `name` stands in the reports.
    pub(crate) fn take(
        &mut self,
        kind: &str,
        event_type: Option<&str>,
        body: &[u8],
        name: &str,
    ) -> Option<Judged> {
        self.score.records += 1;
        let judged = match self.normalize(kind, event_type, body) {
            Ok(judged) => judged,
            Err(refusal) => {
                self.score.dead_letters.push(format!("{name}: {refusal}"));
                return None;
            }
        };
        assert_columns(&self.output, &judged.event, name);
        let rest = self.unmapped(kind, event_type, body);
        let json = self.normalizer.decode(kind, body, &mut self.decoded).unwrap();
        assert_rest(&rest, json, name);
        let violations = self.schema.validate(&judged.event);
        for violation in &violations {
            let found = format!("{name}: {} {} {}", violation.path, violation.code, violation.message);
            self.score.invalid.push(found);
        }
        let summary = judged.summary;
        assert_eq!(judged.event["class_uid"], summary.class_uid, "{name}");
        assert_eq!(judged.event["time"], summary.time_ms, "{name}");
        assert_eq!(judged.event.get("actor").is_some(), summary.has_actor, "{name}");
        assert_eq!(judged.event["raw_data"].as_str().map(str::as_bytes), Some(body), "{name}");
        if summary.class_uid == 0 {
            self.score.base_events += 1;
            self.score.base_names.push(name.to_owned());
        }
        self.score.with_actor += usize::from(summary.has_actor);
        let class = judged.event["type_name"].as_str().unwrap_or("?").to_owned();
        *self.score.classes.entry(class).or_default() += 1;
        Some(judged)
    }
}

impl Score {
    /// No dead letter, no invalid event, and few base events.
    pub(crate) fn assert_good(&self, corpus: &str, base_percent_max: usize) {
        eprintln!(
            "{corpus}: {} records, {} base events, {} with an actor\n  {:?}\n  base: {:?}",
            self.records, self.base_events, self.with_actor, self.classes, self.base_names
        );
        assert!(self.records > 0, "{corpus} is empty");
        assert!(self.dead_letters.is_empty(), "{corpus}: {:#?}", self.dead_letters);
        let some: Vec<_> = self.invalid.iter().take(20).collect();
        assert!(self.invalid.is_empty(), "{corpus}: {} violations: {some:#?}", self.invalid.len());
        assert!(self.base_events * 100 <= self.records * base_percent_max, "{corpus}: too many base events");
    }
}
