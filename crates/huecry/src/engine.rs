//! The one pass over a record: parse once, map, match. Composes the stages, which never call each other.

use detect::{Detector, EventFacts, Hit, LoadReport, Routes, Vocabulary};
use model::{Entity, EventView, FieldTable, Finding, Position, RawRecord, Tape};
use normalize::{EventSummary, MappingError, Normalizer, Output, RawData, Refusal, Schema};

/// Largest OCSF event that a finding carries, in bytes; a larger one stays on the log, where the finding's
/// position points.
pub const FINDING_EVENT_BYTES_MAX: usize = 256 << 10;

/// Mappings and rules, compiled over one pair of field tables. Immutable; shared by workers.
#[derive(Debug)]
pub struct Engine {
    record_fields: FieldTable,
    event_fields: FieldTable,
    normalizer: Normalizer,
    detector: Detector,
    /// By `normalize::LogsourceId`.
    routes: Vec<Routes>,
}

/// The reusable buffers of one worker.
#[derive(Debug)]
pub struct Scratch {
    record_tape: Tape,
    event_tape: Tape,
    output: Output,
    detect: detect::Scratch,
    hits: Vec<Hit>,
}

impl Scratch {
    /// Empty buffers; `raw_data` says whether events carry the untouched record.
    pub fn new(raw_data: RawData) -> Self {
        Self {
            record_tape: Tape::new(),
            event_tape: Tape::new(),
            output: Output::new(raw_data),
            detect: detect::Scratch::default(),
            hits: Vec::new(),
        }
    }

    /// The event that the last call wrote: OCSF, JSON.
    pub fn event_json(&self) -> &[u8] {
        self.output.json()
    }
}

impl Engine {
    /// Compiles the built-in mappings and `rules`, given as (file name, text).
    ///
    /// # Errors
    /// Every fault of the mappings. Faults of rules are in the report and stop nothing.
    pub fn load<'d>(
        rules: impl IntoIterator<Item = (&'d str, &'d str)>,
    ) -> Result<(Self, LoadReport), Vec<MappingError>> {
        let (mut record_fields, mut event_fields) = (FieldTable::default(), FieldTable::default());
        let normalizer =
            Normalizer::load(normalize::builtin_mappings(), &mut record_fields, &Schema::builtin())?;
        let (detector, report) = Detector::load(rules, &mut record_fields, &mut event_fields);
        let routes = normalizer
            .logsources()
            .iter()
            .map(|logsource| {
                detector.route(&sigma::Logsource {
                    product: Some(logsource.product.clone()),
                    service: logsource.service.clone(),
                    ..sigma::Logsource::default()
                })
            })
            .collect();
        Ok((Self { record_fields, event_fields, normalizer, detector, routes }, report))
    }

    /// The compiled rules.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// The compiled mappings.
    pub fn normalizer(&self) -> &Normalizer {
        &self.normalizer
    }

    /// Runs the rules' own tests.
    pub fn run_rule_tests(&self) -> Vec<detect::RuleTestOutcome> {
        self.detector.run_tests(&self.record_fields, &self.event_fields)
    }

    /// Parses and maps one record; the event is then in [`Scratch::event_json`].
    ///
    /// # Errors
    /// [`Refusal`]: the reason of a dead letter.
    pub fn normalize(
        &self,
        record: &RawRecord<'_>,
        position: Position,
        scratch: &mut Scratch,
    ) -> Result<EventSummary, Refusal> {
        let view = scratch.record_tape.parse(&self.record_fields, record.body)?;
        self.normalizer.normalize(record, &view, position, &mut scratch.output)
    }

    /// The whole pass over one record: parse, map, match. Each rule that matched goes to `on_hit` with
    /// what is needed to make a finding of it.
    ///
    /// `wanted` decides, once the event's identity is known, whether rules run at all (redeliveries).
    ///
    /// # Errors
    /// [`Refusal`]: the reason of a dead letter.
    pub fn process(
        &self,
        record: &RawRecord<'_>,
        position: Position,
        scratch: &mut Scratch,
        wanted: impl FnOnce(&EventSummary) -> bool,
        mut on_hit: impl FnMut(&mut Matched<'_, '_>),
    ) -> Result<EventSummary, Refusal> {
        let Scratch { record_tape, event_tape, output, detect, hits } = scratch;
        let view = record_tape.parse(&self.record_fields, record.body)?;
        let summary = self.normalizer.normalize(record, &view, position, output)?;
        let Some(routes) = self.routes.get(usize::from(summary.logsource.0)) else { return Ok(summary) };
        if !wanted(&summary) {
            return Ok(summary);
        }
        let event = match routes.reads_ocsf() {
            true => Some(event_tape.parse(&self.event_fields, output.json())?),
            false => None,
        };
        hits.clear();
        self.detector.detect(routes, &view, event.as_ref(), detect, &mut |hit| hits.push(hit));
        for &hit in hits.iter() {
            on_hit(&mut Matched {
                engine: self,
                hit,
                record,
                summary: &summary,
                position,
                output,
                view,
                event,
                detect,
            });
        }
        Ok(summary)
    }
}

/// A rule that matched, with everything that a finding is made of.
#[derive(Debug)]
pub struct Matched<'a, 't> {
    engine: &'a Engine,
    /// The rule.
    pub hit: Hit,
    record: &'a RawRecord<'a>,
    summary: &'a EventSummary,
    position: Position,
    output: &'a Output,
    view: EventView<'t>,
    event: Option<EventView<'t>>,
    detect: &'a mut detect::Scratch,
}

impl Matched<'_, '_> {
    /// The rule.
    pub fn rule(&self) -> Option<&sigma::Rule> {
        self.engine.detector.rule(self.hit)
    }

    /// The finding, with an event of at most [`FINDING_EVENT_BYTES_MAX`]. This allocates: it is for hits only.
    pub fn finding(&mut self, now_ms: i64) -> Option<Finding> {
        let view = match (self.hit.vocabulary, self.event) {
            (Vocabulary::Ocsf, Some(event)) => event,
            _ => self.view,
        };
        let matched = self.engine.detector.explain(self.hit, &view, self.detect);
        let entities = self.output.entities();
        let facts = EventFacts {
            event_id: self.summary.event_id,
            position: self.position,
            source: self.record.source,
            region: self.record.region,
            time_ms: self.summary.time_ms,
            received_at_ms: self.record.received_at_ms,
            detected_at_ms: now_ms,
            entities: entities.map(|(kind, value)| Entity { kind, value: value.to_owned() }).collect(),
            event: self.event_or_note(),
        };
        self.engine.detector.finding(self.hit, matched, facts)
    }

    /// The event; where it is too large, a note of where to find it. Its size is asked before it is read: a
    /// giant event would take its size many times over, once for each rule that matched.
    fn event_or_note(&self) -> serde_json::Value {
        let json = self.output.json();
        if json.len() <= FINDING_EVENT_BYTES_MAX {
            return serde_json::from_slice(json).unwrap_or_default();
        }
        let note = format!("the event has {} bytes; its raw record is at {}", json.len(), self.position);
        serde_json::json!({ "message": note })
    }
}
