//! The one pass over a record: parse once, map, enrich, match. Composes the stages, which never call each other.

use crate::process_fields::ProcessFields;
use detect::{Detector, EventFacts, EventLogRoutes, Hit, LoadReport, Routes, Vocabulary};
use enrich::{Enricher, Facts, Pass};
use model::{Enrichment, Entity, EventView, FieldTable, Finding, Position, RawRecord, Tape};
use normalize::{Decoded, EventSummary, MappingError, Normalizer, Output, RawData, Refusal, Schema};
use ports::LakeRow;
use std::collections::HashSet;
use std::sync::Arc;

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
    processes: ProcessFields,
    enricher: Arc<Enricher>,
    /// By `normalize::LogsourceId`; none where the record says itself what it is.
    routes: Vec<Option<Routes>>,
    event_log: EventLogRoutes,
}

/// Product whose records say themselves, by channel and event id, what else they are.
const EVENT_LOG_PRODUCT: &str = "windows";

/// What is to be done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: it was worked on before.
    Nothing,
    /// It is enriched, for the lake.
    Event,
    /// It is enriched, and rules run.
    EventAndRules,
}

/// The reusable buffers of one worker.
#[derive(Debug)]
pub struct Scratch {
    /// A record that came as text, as JSON.
    decoded: Decoded,
    record_tape: Tape,
    event_tape: Tape,
    output: Output,
    pass: Pass,
    detect: detect::Scratch,
    hits: Vec<Hit>,
}

impl Scratch {
    /// Empty buffers; `raw_data` says whether events carry the untouched record.
    pub fn new(raw_data: RawData) -> Self {
        Self {
            decoded: Decoded::default(),
            record_tape: Tape::new(),
            event_tape: Tape::new(),
            output: Output::new(raw_data),
            pass: Pass::default(),
            detect: detect::Scratch::default(),
            hits: Vec::new(),
        }
    }

    /// The event that the last call wrote: OCSF, JSON.
    pub fn event_json(&self) -> &[u8] {
        self.output.json()
    }

    /// What is known of the event that the last call of [`Engine::process`] wrote, which was of `record`;
    /// whether rules ran over it or not.
    pub fn known<'s>(
        &'s self,
        engine: &Engine,
        record: &RawRecord<'s>,
        summary: &EventSummary,
    ) -> Enrichment<'s> {
        let entities = self.output.entities();
        let facts = Facts { time_ms: summary.time_ms, source: record.source, entities };
        self.pass.known(&engine.enricher, &facts)
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
        let processes = ProcessFields::intern(&mut event_fields);
        let route = |logsource: &normalize::Logsource| {
            let is_fixed = logsource.product != EVENT_LOG_PRODUCT;
            is_fixed.then(|| {
                detector.route(&sigma::Logsource {
                    product: Some(logsource.product.clone()),
                    service: logsource.service.clone(),
                    ..sigma::Logsource::default()
                })
            })
        };
        let routes = normalizer.logsources().iter().map(route).collect();
        let event_log = EventLogRoutes::new(&detector, &mut record_fields);
        let enricher = Arc::default();
        let engine = Self {
            record_fields,
            event_fields,
            normalizer,
            detector,
            processes,
            enricher,
            routes,
            event_log,
        };
        Ok((engine, report))
    }

    /// Rules that no record can reach, because no mapping gives their logsource.
    pub fn unreached_rules(&self) -> impl Iterator<Item = &sigma::Rule> {
        let fixed = self.routes.iter().flatten();
        let reached: HashSet<_> = fixed.chain(self.event_log.iter()).flat_map(Routes::vendor_rules).collect();
        let is_vendor = |hit: &Hit| hit.vocabulary == Vocabulary::Vendor;
        let rules =
            self.detector.rules().filter(move |(hit, _)| is_vendor(hit) && !reached.contains(&hit.index));
        rules.map(|(_, rule)| rule)
    }

    /// The same with what is known beside the records.
    #[must_use]
    pub fn with_enricher(self, enricher: Arc<Enricher>) -> Self {
        Self { enricher, ..self }
    }

    /// What is known beside the records.
    pub fn enricher(&self) -> &Enricher {
        &self.enricher
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
        let vocabulary_of =
            |rule: &sigma::Rule| self.normalizer.vocabulary_of_product(rule.logsource.product.as_deref()?);
        self.detector.run_tests(&self.record_fields, &self.event_fields, &self.event_log, vocabulary_of)
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
        let Scratch { decoded, record_tape, output, .. } = scratch;
        let view = self.parse(record, decoded, record_tape)?;
        self.normalizer.normalize(record, &view, position, output)
    }

    /// The one parse, under the names of the record's kind; text becomes JSON first.
    fn parse<'s>(
        &'s self,
        record: &RawRecord<'s>,
        decoded: &'s mut Decoded,
        tape: &'s mut Tape,
    ) -> Result<EventView<'s>, Refusal> {
        let body = self.normalizer.decode(record.kind, record.body, decoded)?;
        Ok(tape.parse_as(&self.record_fields, self.normalizer.vocabulary(record.kind), body)?)
    }

    /// The same, and what the event says of processes is remembered; what is known of it is then in
    /// [`Scratch::known`].
    ///
    /// # Errors
    /// [`Refusal`]: the reason of a dead letter.
    pub fn remember(
        &self,
        record: &RawRecord<'_>,
        position: Position,
        scratch: &mut Scratch,
    ) -> Result<EventSummary, Refusal> {
        self.process(record, position, scratch, |_| Wanted::Nothing, |_| {}, |_| {})
    }

    /// Appends what of a record its mapping does not read, as one JSON object.
    ///
    /// # Errors
    /// [`Refusal`] when the record gives no event.
    pub fn unmapped(
        &self,
        record: &RawRecord<'_>,
        position: Position,
        scratch: &mut Scratch,
        rest: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Scratch { decoded, record_tape, output, .. } = scratch;
        let view = self.parse(record, decoded, record_tape)?;
        self.normalizer.unmapped(record, &view, position, output, rest)
    }

    /// The whole pass over one record: parse, map, enrich, match. Each rule that matched goes to `on_hit`
    /// with what is needed to make a finding of it.
    ///
    /// `wanted` decides, once the event's identity is known, what is done with it; `on_event` gets what the lake
    /// keeps of it.
    ///
    /// # Errors
    /// [`Refusal`]: the reason of a dead letter.
    pub fn process(
        &self,
        record: &RawRecord<'_>,
        position: Position,
        scratch: &mut Scratch,
        wanted: impl FnOnce(&EventSummary) -> Wanted,
        on_event: impl FnOnce(&LakeRow<'_>),
        mut on_hit: impl FnMut(&mut Matched<'_, '_>),
    ) -> Result<EventSummary, Refusal> {
        let Scratch { decoded, record_tape, event_tape, output, pass, detect, hits } = scratch;
        let view = self.parse(record, decoded, record_tape)?;
        let summary = self.normalizer.normalize(record, &view, position, output)?;
        let routes = match self.routes.get(usize::from(summary.logsource.0)) {
            Some(Some(fixed)) => fixed,
            Some(None) => self.event_log.of(&view),
            None => return Ok(summary),
        };
        let wanted = wanted(&summary);
        let has_processes = ProcessFields::are_in(summary.class_uid);
        let event = match has_processes || (wanted == Wanted::EventAndRules && routes.reads_ocsf()) {
            true => Some(event_tape.parse(&self.event_fields, output.json())?),
            false => None,
        };
        // trees of processes grow by every record, whoever wants it: read again, the log gives the same ones
        let process = event.as_ref().and_then(|event| self.processes.read(event, summary.class_uid));
        pass.note(&self.enricher, process.as_ref(), summary.time_ms);
        if wanted == Wanted::Nothing {
            return Ok(summary);
        }
        let pass = &*pass;
        let facts = Facts { time_ms: summary.time_ms, source: record.source, entities: output.entities() };
        let known = pass.known(&self.enricher, &facts);
        on_event(&LakeRow {
            offset: position.offset,
            event_id: summary.event_id,
            time_ms: summary.time_ms,
            class_uid: summary.class_uid,
            columns: output.columns(),
            enrichment: known,
            record: *record,
        });
        if wanted == Wanted::Event {
            return Ok(summary);
        }
        self.enricher.count(&known);
        hits.clear();
        self.detector.detect(routes, (&view, event.as_ref()), &known, detect, &mut |hit| hits.push(hit));
        for &hit in hits.iter() {
            on_hit(&mut Matched {
                engine: self,
                hit,
                routes,
                record,
                summary: &summary,
                position,
                output,
                view,
                event,
                known,
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
    routes: &'a Routes,
    record: &'a RawRecord<'a>,
    summary: &'a EventSummary,
    position: Position,
    output: &'a Output,
    view: EventView<'t>,
    event: Option<EventView<'t>>,
    known: Enrichment<'a>,
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
        let matched = self.engine.detector.explain(self.hit, self.routes, &view, &self.known, self.detect);
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
            ownership: self.known.ownership(),
            event: self.event_or_note(),
        };
        self.engine.detector.finding(self.hit, matched, facts)
    }

    /// What is known of the event beside its record.
    pub fn known(&self) -> &Enrichment<'_> {
        &self.known
    }

    /// The event with what is known of it as OCSF `enrichments`; where it is too large, a note of where to
    /// find it. Its size is asked before it is read: a giant event would take its size many times over, once
    /// for each rule that matched.
    fn event_or_note(&self) -> serde_json::Value {
        let json = self.output.json();
        let mut event: serde_json::Value = if json.len() <= FINDING_EVENT_BYTES_MAX {
            serde_json::from_slice(json).unwrap_or_default()
        } else {
            let note = format!("the event has {} bytes; its raw record is at {}", json.len(), self.position);
            serde_json::json!({ "message": note })
        };
        let entries = enrich::enrichments(&self.known, self.summary.time_ms);
        if let (Some(event), false) = (event.as_object_mut(), entries.is_empty()) {
            event.insert("enrichments".to_owned(), entries.into());
        }
        event
    }
}
