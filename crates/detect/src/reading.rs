//! How a rule reads an event that did not come through the pipeline: a test's, or one that somebody asks about.

use crate::detector::{Detector, Hit, Vocabulary as Names};
use crate::routes::{EventLogRoutes, Routes};
use crate::view::Seen;
use model::{Enrichment, EventView, FieldTable, Tape, Vocabulary};
use sigma::{Explanation, FieldId, FieldInterner, Rule, RuleTest};

/// The tables that the rules were loaded with.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Fields of records.
    pub vendor_fields: &'a FieldTable,
    /// Fields of normalized events.
    pub ocsf_fields: &'a FieldTable,
    /// Routes of the Windows event log.
    pub event_log: &'a EventLogRoutes,
    /// Other names that fields have in the records a rule is for.
    pub vocabulary_of: &'a dyn Fn(&Rule) -> Option<&'a Vocabulary>,
}

/// Gives ids of fields that are known already. A rule's fields are, since it was loaded.
pub(crate) struct Known<'a>(pub(crate) &'a FieldTable);

impl FieldInterner for Known<'_> {
    fn intern(&mut self, path: &str) -> FieldId {
        FieldId(self.0.get(path).map_or(u32::MAX, |field| field.0))
    }
}

impl<'a> Reading<'a> {
    /// The table of a vocabulary.
    pub(crate) fn fields(&self, names: Names) -> &'a FieldTable {
        match names {
            Names::Vendor => self.vendor_fields,
            Names::Ocsf => self.ocsf_fields,
        }
    }

    /// Reads `record` as the rule of `hit` will.
    ///
    /// # Errors
    /// Why it is no record.
    pub(crate) fn read<'t>(
        &self,
        (hit, rule): (Hit, &Rule),
        record: &'t [u8],
        tape: &'t mut Tape,
    ) -> Result<Seen<'t>, String>
    where
        'a: 't,
    {
        let names = match hit.vocabulary {
            Names::Vendor => (self.vocabulary_of)(rule),
            Names::Ocsf => None,
        };
        let view = tape.parse_as(self.fields(hit.vocabulary), names, record).map_err(|e| e.to_string())?;
        let renames = match hit.vocabulary {
            Names::Vendor => self.event_log.of(&view).names_for(hit.index),
            Names::Ocsf => None,
        };
        Ok(renames.map_or(Seen::plain(view), |names| Seen::renamed(view, names)))
    }
}

impl Detector {
    /// Why a rule's own test ended as it did.
    ///
    /// # Errors
    /// Why the test's event is none, or that the hit is another detector's.
    pub fn explain_test(
        &self,
        hit: Hit,
        test: &RuleTest,
        reading: &Reading<'_>,
    ) -> Result<Explanation, String> {
        let rule = self.rule(hit).ok_or_else(|| "the rule is not loaded".to_owned())?;
        let record = test.event.to_string();
        let mut tape = Tape::new();
        let seen = reading.read((hit, rule), record.as_bytes(), &mut tape)?;
        Ok(Explanation::of(rule, &mut Known(reading.fields(hit.vocabulary)), &seen))
    }

    /// Why a rule matches a record or not, whether its logsource applies or not. `view` is the record or the
    /// event, by the hit's vocabulary; `routes` those of the record; `known` what is known beside it.
    pub fn explain_outcome(
        &self,
        hit: Hit,
        routes: &Routes,
        view: &EventView<'_>,
        known: &Enrichment<'_>,
        reading: &Reading<'_>,
    ) -> Option<Explanation> {
        let rule = self.rule(hit)?;
        let seen = self.seen(hit, routes, view, known);
        Some(Explanation::of(rule, &mut Known(reading.fields(hit.vocabulary)), &seen))
    }
}
