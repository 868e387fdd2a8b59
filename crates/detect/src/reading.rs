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
    /// Whether a record can be one that a rule on records is for; false only where the record itself says that it is
    /// another source's.
    pub may_be_for: &'a dyn Fn(Hit, &[u8]) -> bool,
}

/// A record as a rule will see it.
pub(crate) struct Read<'t> {
    pub(crate) seen: Seen<'t>,
    /// False where the record itself says that the rule never sees it: by its channel and event id, or by its kind.
    pub(crate) is_for_rule: bool,
}

/// Gives ids of fields that are known already. A rule's fields are, since it was loaded.
pub(crate) struct Known<'a>(pub(crate) &'a FieldTable);

impl FieldInterner for Known<'_> {
    fn intern(&mut self, path: &str) -> FieldId {
        FieldId(self.0.get(path).map_or(u32::MAX, |field| field.0))
    }
}

impl<'a> Reading<'a> {
    /// Of records that have no other names, and do not say of what kind they are.
    pub fn plain(
        vendor_fields: &'a FieldTable,
        ocsf_fields: &'a FieldTable,
        event_log: &'a EventLogRoutes,
    ) -> Self {
        Self { vendor_fields, ocsf_fields, event_log, vocabulary_of: &|_| None, may_be_for: &|_, _| true }
    }

    /// The table of a vocabulary.
    pub(crate) fn fields(&self, names: Names) -> &'a FieldTable {
        match names {
            Names::Vendor => self.vendor_fields,
            Names::Ocsf => self.ocsf_fields,
        }
    }

    /// Reads `record` as the rule of `hit` will. Whether the rule sees such a record at all is asked of the channel here,
    /// and of the kind by [`Reading::is_of_its_kind`], which costs more than matching.
    ///
    /// # Errors
    /// Why it is no record.
    pub(crate) fn read<'t>(
        &self,
        (hit, rule): (Hit, &Rule),
        record: &'t [u8],
        tape: &'t mut Tape,
    ) -> Result<Read<'t>, String>
    where
        'a: 't,
    {
        let names = match hit.vocabulary {
            Names::Vendor => (self.vocabulary_of)(rule),
            Names::Ocsf => None,
        };
        let view = tape.parse_as(self.fields(hit.vocabulary), names, record).map_err(|e| e.to_string())?;
        let (renames, is_for_rule) = match hit.vocabulary {
            Names::Vendor => {
                let renames = self.event_log.of(&view).names_for(hit.index);
                (renames, self.event_log.may_be_for((hit.index, rule), &view))
            }
            Names::Ocsf => (None, true),
        };
        Ok(Read { seen: renames.map_or(Seen::plain(view), |names| Seen::renamed(view, names)), is_for_rule })
    }

    /// Whether the rule sees such a record, of which [`Read::is_for_rule`] holds: false where its kind says otherwise.
    pub(crate) fn is_of_its_kind(&self, hit: Hit, record: &[u8]) -> bool {
        hit.vocabulary == Names::Ocsf || (self.may_be_for)(hit, record)
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
        let seen = reading.read((hit, rule), record.as_bytes(), &mut tape)?.seen;
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
