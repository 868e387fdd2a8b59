//! One record or event, held against rules one by one, for people who ask why a rule matches it or not.

use super::{Engine, Scratch};
use detect::{Hit, MatchGroups, Routes, Vocabulary};
use enrich::Facts;
use model::{Enrichment, EventView, Position, RawRecord};
use normalize::Refusal;
use sigma::Explanation;

/// Why a rule matches a record or not.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RuleOutcome {
    /// Whether the rule's logsource is the record's; where not, the rule never sees it.
    pub applies: bool,
    /// The record's logsource, as its mapping decides it.
    pub logsource: String,
    /// What the rule says of it.
    pub explanation: Explanation,
}

/// What rules are asked about.
pub struct Considered<'c> {
    engine: &'c Engine,
    /// The record as its source sent it; `None` where there is an event only.
    record: Option<EventView<'c>>,
    event: EventView<'c>,
    routes: &'c Routes,
    known: Enrichment<'c>,
    /// The record's logsource, as its mapping decides it: `aws/cloudtrail`; empty for an event.
    pub logsource: String,
}

impl Considered<'_> {
    /// Why a rule matches or not; `None` for another engine's rule, and for a vendor's where there is an event only.
    pub fn rule(&self, hit: Hit) -> Option<RuleOutcome> {
        let (seen, applies) = self.seen(hit)?;
        let Self { engine, routes, known, .. } = self;
        let told = |reading: &detect::Reading<'_>| {
            engine.detector.explain_outcome(hit, routes, seen, known, reading)
        };
        let explanation = engine.reading(told)?;
        Some(RuleOutcome { applies, logsource: self.logsource.clone(), explanation })
    }

    /// What a match of a rule is for the correlation at a place of the set; `None` where the correlation does not name
    /// it, or the rule cannot see this.
    pub fn match_groups(&self, hit: Hit, correlation: usize) -> Option<MatchGroups> {
        let (seen, _) = self.seen(hit)?;
        self.engine.detector.match_groups(hit, correlation, (self.routes, seen), &self.known)
    }

    /// How many values it has, objects and arrays among them.
    pub fn values(&self) -> u32 {
        let count = |view: &EventView<'_>| view.root().place_after();
        self.record.as_ref().map_or(0, count).max(count(&self.event))
    }

    /// What a rule sees of it, and whether its logsource says that it does.
    fn seen(&self, hit: Hit) -> Option<(&EventView<'_>, bool)> {
        match hit.vocabulary {
            Vocabulary::Vendor => {
                let applies = self.routes.vendor_rules().any(|index| index == hit.index);
                Some((self.record.as_ref()?, applies))
            }
            Vocabulary::Ocsf => Some((&self.event, true)),
        }
    }
}

impl Engine {
    /// Parses, maps and enriches one record, and calls `work` with it.
    ///
    /// # Errors
    /// [`Refusal`]: the record becomes no event.
    pub fn consider<T>(
        &self,
        record: &RawRecord<'_>,
        position: Position,
        scratch: &mut Scratch,
        work: impl FnOnce(&Considered<'_>) -> T,
    ) -> Result<T, Refusal> {
        let Scratch { decoded, record_tape, event_tape, output, pass, .. } = scratch;
        let view = self.parse(record, decoded, record_tape)?;
        let summary = self.normalizer().normalize(record, &view, position, output)?;
        let routes = match self.routes.get(usize::from(summary.logsource.0)) {
            Some(Some(fixed)) => fixed,
            _ => self.event_log.of(&view),
        };
        let event = event_tape.parse(&self.event_fields, output.json())?;
        let facts = Facts { time_ms: summary.time_ms, source: record.source, entities: output.entities() };
        let known = pass.known(&self.enricher, &facts);
        let logsource = self.normalizer().logsource(summary.logsource).map(|logsource| {
            let service =
                logsource.service.as_deref().map(|service| format!("/{service}")).unwrap_or_default();
            format!("{}{service}", logsource.product)
        });
        let logsource = logsource.unwrap_or_default();
        Ok(work(&Considered { engine: self, record: Some(view), event, routes, known, logsource }))
    }

    /// Calls `work` with an event that somebody has already. Nothing is known beside it, and what vendors' rules see of
    /// its record is not there.
    ///
    /// # Errors
    /// [`Refusal`]: it is no JSON object, or larger than an event may be.
    pub fn consider_event<T>(
        &self,
        event: &[u8],
        scratch: &mut Scratch,
        work: impl FnOnce(&Considered<'_>) -> T,
    ) -> Result<T, Refusal> {
        let event = scratch.event_tape.parse(&self.event_fields, event)?;
        // which rules of OCSF see it does not hang on the routes
        let routes = self.event_log.of(&event);
        let (known, logsource) = (Enrichment::default(), String::new());
        Ok(work(&Considered { engine: self, record: None, event, routes, known, logsource }))
    }
}
