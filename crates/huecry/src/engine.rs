//! The one pass over a record: parse once, map, enrich, match. Composes the stages, which never call each other.

use crate::process_fields::ProcessFields;
use detect::{Detector, Documents, EventFacts, EventLogRoutes, Hit, LoadReport, Routes, Vocabulary};
use enrich::{Enricher, Facts, Pass};
use model::{
    Enrichment, Entity, EventId, EventView, FieldTable, Finding, Offset, Partition, Position, RawRecord,
    Tape, Topic,
};
use normalize::{
    Decoded, EventSummary, LogsourceId, MappingError, Normalizer, Output, RawData, Refusal, Schema,
};
use ports::LakeRow;
use sigma::correlation::{Entry, EventRef, Feeds, Firing};
use std::collections::HashSet;
use std::sync::Arc;

mod considering;
mod preparing;
mod rule_work;

pub use considering::{Considered, RuleOutcome};

/// Largest OCSF event that a finding carries, in bytes; a larger one stays on the log, where the finding's
/// position points.
pub const FINDING_EVENT_BYTES_MAX: usize = 256 << 10;

/// The built-in mappings, compiled. Rules change, mappings do not while the program runs.
#[derive(Debug)]
pub struct Mappings {
    normalizer: Normalizer,
    /// What they read.
    record_fields: FieldTable,
}

impl Mappings {
    /// Compiles them.
    ///
    /// # Errors
    /// Every fault.
    pub fn builtin() -> Result<Self, Vec<MappingError>> {
        let mut record_fields = FieldTable::default();
        let normalizer =
            Normalizer::load(normalize::builtin_mappings(), &mut record_fields, &Schema::builtin())?;
        Ok(Self { normalizer, record_fields })
    }
}

/// Mappings and rules, compiled over one pair of field tables. Immutable; shared by workers.
#[derive(Debug)]
pub struct Engine {
    record_fields: FieldTable,
    event_fields: FieldTable,
    mappings: Arc<Mappings>,
    detector: Detector,
    processes: ProcessFields,
    enricher: Arc<Enricher>,
    /// By `normalize::LogsourceId`; none where the record says itself what it is.
    routes: Vec<Option<Routes>>,
    event_log: EventLogRoutes,
    /// By `normalize::LogsourceId`: its name, and whether correlations take matches from its events.
    logsources: Vec<(String, bool)>,
    feeds: Feeds,
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

    /// Makes the buffers fit for another engine. What was learned from records, such as trees of processes, stays:
    /// it is about the machines that sent them, not about the engine.
    pub fn renew(&mut self, raw_data: RawData) {
        let pass = std::mem::take(&mut self.pass);
        *self = Self { pass, ..Self::new(raw_data) };
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
        Ok(Self::of(&Arc::new(Mappings::builtin()?), rules))
    }

    /// Compiles `rules` over mappings that are compiled already. A filter or pipeline that breaks a rule's own tests is
    /// refused for that rule ([`preparing`]).
    pub fn of<'d>(
        mappings: &Arc<Mappings>,
        rules: impl IntoIterator<Item = (&'d str, &'d str)>,
    ) -> (Self, LoadReport) {
        let mut documents = Documents::parse(rules);
        let refused = preparing::leave_out_what_breaks_tests(mappings, &mut documents);
        documents.refused.extend(refused);
        Self::of_documents(mappings, documents)
    }

    /// Compiles documents as they are. The tables of fields begin with what the mappings read and are this engine's own.
    pub(crate) fn of_documents(mappings: &Arc<Mappings>, documents: Documents) -> (Self, LoadReport) {
        let (mut record_fields, mut event_fields) = (mappings.record_fields.clone(), FieldTable::default());
        let normalizer = &mappings.normalizer;
        let (detector, report) = Detector::of(documents, &mut record_fields, &mut event_fields);
        let processes = ProcessFields::intern(&mut event_fields);
        let route = |logsource: &normalize::Logsource| {
            let is_fixed = logsource.product != EVENT_LOG_PRODUCT;
            is_fixed.then(|| {
                detector.route(&sigma::Logsource {
                    product: Some(logsource.product.clone()),
                    service: logsource.service.clone(),
                    category: logsource.category.clone(),
                    ..sigma::Logsource::default()
                })
            })
        };
        let routes: Vec<_> = normalizer.logsources().iter().map(route).collect();
        let event_log = EventLogRoutes::new(&detector, &mut record_fields);
        let (logsources, feeds) = feeds(normalizer, &detector, &routes, &event_log);
        let enricher = Arc::default();
        let engine = Self {
            record_fields,
            event_fields,
            mappings: Arc::clone(mappings),
            detector,
            processes,
            enricher,
            routes,
            event_log,
            logsources,
            feeds,
        };
        (engine, report)
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

    /// The mappings, for other engines over them.
    pub(crate) fn mappings(&self) -> &Arc<Mappings> {
        &self.mappings
    }

    /// The compiled mappings.
    pub fn normalizer(&self) -> &Normalizer {
        &self.mappings.normalizer
    }

    /// Which families of correlations the events of each logsource can feed.
    pub fn feeds(&self) -> Feeds {
        self.feeds.clone()
    }

    /// Whether correlations take matches from events of a logsource.
    pub fn feeds_correlations(&self, logsource: LogsourceId) -> bool {
        self.logsources.get(usize::from(logsource.0)).is_some_and(|(_, feeds)| *feeds)
    }

    /// A logsource's name: product and service.
    pub fn logsource_name(&self, logsource: LogsourceId) -> &str {
        self.logsources.get(usize::from(logsource.0)).map_or("", |(name, _)| name)
    }

    /// The finding of a correlation that fired, with what is known of the event that completed it, whose record this
    /// is; without the record (retention took it) the finding says less. `None` if the correlation is silent.
    pub fn correlation_finding(
        &self,
        firing: &Firing,
        record: Option<&RawRecord<'_>>,
        now_ms: i64,
        scratch: &mut Scratch,
    ) -> Option<Finding> {
        let last = &firing.last;
        let position = Position::new(Topic::Raw, Partition(last.at.0), Offset(last.at.1));
        let mut facts = EventFacts {
            event_id: EventId(last.id),
            position,
            source: record.map_or("", |record| record.source),
            region: record.map_or("default", |record| record.region),
            time_ms: last.time_ms,
            received_at_ms: record.map_or(last.time_ms, |record| record.received_at_ms),
            detected_at_ms: now_ms,
            entities: Vec::new(),
            ownership: model::Ownership::default(),
            event: serde_json::json!({ "message": format!("the raw record at {position} is not kept any more") }),
        };
        let summary = record.and_then(|record| {
            self.process(record, position, scratch, |_| Wanted::Event, |_| {}, |_| {}).ok()
        });
        if let (Some(record), Some(summary)) = (record, summary) {
            let known = scratch.known(self, record, &summary);
            let entities = scratch.output.entities();
            facts.entities = entities.map(|(kind, value)| Entity { kind, value: value.to_owned() }).collect();
            facts.ownership = known.ownership();
            facts.event = event_or_note(&scratch.output, &known, &summary, position);
        }
        self.detector.correlation_finding(firing, facts)
    }

    /// The vocabulary that records of a rule's logsource have.
    fn vocabulary_of(&self, rule: &sigma::Rule) -> Option<&model::Vocabulary> {
        let sigma::Logsource { product, service, .. } = &rule.logsource;
        self.mappings.normalizer.vocabulary_of_logsource(product.as_deref()?, service.as_deref())
    }

    /// Runs the correlations' own tests.
    pub fn run_series_tests(&self) -> Vec<detect::SeriesTestOutcome> {
        self.reading(|reading| self.detector.run_series_tests(reading))
    }

    /// Runs the rules' own tests.
    pub fn run_rule_tests(&self) -> Vec<detect::RuleTestOutcome> {
        self.reading(|reading| self.detector.run_tests(reading))
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
        self.mappings.normalizer.normalize(record, &view, position, output)
    }

    /// The one parse, under the names of the record's kind; text becomes JSON first.
    fn parse<'s>(
        &'s self,
        record: &RawRecord<'s>,
        decoded: &'s mut Decoded,
        tape: &'s mut Tape,
    ) -> Result<EventView<'s>, Refusal> {
        let body = self.mappings.normalizer.decode(record.kind, record.body, decoded)?;
        Ok(tape.parse_as(&self.record_fields, self.mappings.normalizer.vocabulary(record.kind), body)?)
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
        self.mappings.normalizer.unmapped(record, &view, position, output, rest)
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
        let summary = self.mappings.normalizer.normalize(record, &view, position, output)?;
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

/// Which families of correlations the events of each logsource can feed.
fn feeds(
    normalizer: &Normalizer,
    detector: &Detector,
    routes: &[Option<Routes>],
    event_log: &EventLogRoutes,
) -> (Vec<(String, bool)>, Feeds) {
    let (mut names, mut feeds) = (Vec::new(), Feeds::default());
    for (logsource, routes) in normalizer.logsources().iter().zip(routes) {
        let service = logsource.service.as_deref().unwrap_or_default();
        let name = format!("{}/{service}", logsource.product);
        let correlations = detector.correlations();
        match routes {
            Some(fixed) => correlations.feed(&name, fixed, &mut feeds),
            None => event_log.iter().for_each(|routes| correlations.feed(&name, routes, &mut feeds)),
        }
        let feeds_any = !feeds.of(&name).is_empty();
        names.push((name, feeds_any));
    }
    (names, feeds)
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

    /// The event's identity, and when it happened.
    pub fn event(&self) -> (model::EventId, i64) {
        (self.summary.event_id, self.summary.time_ms)
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
            event: event_or_note(self.output, &self.known, self.summary, self.position),
        };
        self.engine.detector.finding(self.hit, matched, facts)
    }

    /// Whether the rule raises no finding of its own, because correlations take its place.
    pub fn is_silent(&self) -> bool {
        self.engine.detector.correlations().is_silent(self.hit)
    }

    /// Appends the matches that this is for correlations. Allocates for rules that they take matches of, and for no
    /// others.
    pub fn entries(&self, out: &mut Vec<Entry>) {
        if !self.engine.detector.correlations().takes(self.hit) {
            return;
        }
        let view = match (self.hit.vocabulary, self.event) {
            (Vocabulary::Ocsf, Some(event)) => event,
            _ => self.view,
        };
        let event = EventRef {
            // one from the future counts as of its receipt, so that it makes no other late
            time_ms: self.summary.time_ms.min(self.record.received_at_ms),
            id: self.summary.event_id.0,
            at: (self.position.partition.0, self.position.offset.0),
        };
        self.engine.detector.entries(self.hit, (self.routes, &view), &self.known, event, out);
    }

    /// What is known of the event beside its record.
    pub fn known(&self) -> &Enrichment<'_> {
        &self.known
    }
}

/// The event with what is known of it as OCSF `enrichments`; where it is too large, a note of where to
/// find it. Its size is asked before it is read: a giant event would take its size many times over, once
/// for each rule that matched.
fn event_or_note(
    output: &Output,
    known: &Enrichment<'_>,
    summary: &EventSummary,
    position: Position,
) -> serde_json::Value {
    let json = output.json();
    let mut event: serde_json::Value = if json.len() <= FINDING_EVENT_BYTES_MAX {
        serde_json::from_slice(json).unwrap_or_default()
    } else {
        let note = format!("the event has {} bytes; its raw record is at {}", json.len(), position);
        serde_json::json!({ "message": note })
    };
    let entries = enrich::enrichments(known, summary.time_ms);
    if let (Some(event), false) = (event.as_object_mut(), entries.is_empty()) {
        event.insert("enrichments".to_owned(), entries.into());
    }
    event
}
