//! Compiled rules, and one event run through them.

use crate::routes::Routes;
use crate::view::{Interner, Seen};
use model::{EnrichFields, Enrichment, EventView, FieldTable};
use sigma::{MatchScratch, Rule, RuleError, RuleIndex, RuleSet};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Which names a rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// The source's own, in the raw record.
    Vendor,
    /// OCSF's, in the normalized event.
    Ocsf,
}

/// A rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Which of the two rule sets.
    pub vocabulary: Vocabulary,
    /// The rule within it.
    pub index: RuleIndex,
}

/// What came of loading rules.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// How many rules run.
    pub loaded: usize,
    /// The documents that do not, each with file, line and reason.
    pub refused: Vec<RuleError>,
}

/// Reusable buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) vendor: MatchScratch,
    pub(crate) ocsf: MatchScratch,
}

/// Every loaded rule, compiled. Immutable; shared by threads, each with its own [`Scratch`].
#[derive(Debug)]
pub struct Detector {
    pub(crate) vendor: RuleSet,
    pub(crate) ocsf: RuleSet,
    vendor_known: EnrichFields,
    ocsf_known: EnrichFields,
}

/// Which rule has which id, in lower case.
#[derive(Default)]
struct Ids {
    taken: HashMap<String, (Arc<str>, u32)>,
}

impl Ids {
    /// The rule, unless another has its id: their findings would be taken for each other's.
    fn claim(&mut self, rule: Rule) -> Result<Rule, RuleError> {
        let Some(id) = &rule.id else { return Ok(rule) };
        match self.taken.entry(id.to_ascii_lowercase()) {
            Entry::Vacant(free) => {
                free.insert((Arc::clone(&rule.file), rule.line));
                Ok(rule)
            }
            Entry::Occupied(taken) => {
                let (file, line) = taken.get();
                let reason =
                    format!("the id {id} belongs to the rule at {file}:{line}; give this rule its own");
                let code = sigma::ErrorCode::DuplicateId;
                Err(RuleError { file: Arc::clone(&rule.file), line: rule.line, code, reason })
            }
        }
    }
}

impl Detector {
    /// Parses and compiles rule files, given as (file name, text). The fields that rules read are added
    /// to the table of their vocabulary. Of several rules with one id the first runs, and the others are refused.
    pub fn load<'d>(
        documents: impl IntoIterator<Item = (&'d str, &'d str)>,
        vendor_fields: &mut FieldTable,
        ocsf_fields: &mut FieldTable,
    ) -> (Self, LoadReport) {
        let mut report = LoadReport::default();
        let (mut vendor, mut ocsf) = (Vec::new(), Vec::new());
        let mut ids = Ids::default();
        for (file, text) in documents {
            for parsed in sigma::parse_rules(text, file) {
                match parsed.and_then(|rule| ids.claim(rule)) {
                    Ok(rule) if rule.logsource.is_ocsf() => ocsf.push(rule),
                    Ok(rule) => vendor.push(rule),
                    Err(error) => report.refused.push(error),
                }
            }
        }
        let (vendor_known, ocsf_known) =
            (EnrichFields::intern(vendor_fields), EnrichFields::intern(ocsf_fields));
        let (vendor, refused) = RuleSet::compile(vendor, &mut Interner(vendor_fields));
        report.refused.extend(refused);
        let (ocsf, refused) = RuleSet::compile(ocsf, &mut Interner(ocsf_fields));
        report.refused.extend(refused);
        report.loaded = vendor.rules().len() + ocsf.rules().len();
        report.refused.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        (Self { vendor, ocsf, vendor_known, ocsf_known }, report)
    }

    /// Every rule, with the handle a hit has.
    pub fn rules(&self) -> impl Iterator<Item = (Hit, &Rule)> {
        [Vocabulary::Vendor, Vocabulary::Ocsf].into_iter().flat_map(move |vocabulary| {
            self.set(vocabulary)
                .rules()
                .iter()
                .zip(0..)
                .map(move |(rule, index)| (Hit { vocabulary, index: RuleIndex(index) }, rule))
        })
    }

    /// The rules of each vocabulary.
    pub fn rule_sets(&self) -> [&[Rule]; 2] {
        [self.vendor.rules(), self.ocsf.rules()]
    }

    /// The rule of a hit; `None` for another detector's.
    pub fn rule(&self, hit: Hit) -> Option<&Rule> {
        self.set(hit.vocabulary).rule(hit.index)
    }

    pub(crate) fn set(&self, vocabulary: Vocabulary) -> &RuleSet {
        match vocabulary {
            Vocabulary::Vendor => &self.vendor,
            Vocabulary::Ocsf => &self.ocsf,
        }
    }

    /// Runs the rules over one event: `record` as the source sent it, `event` normalized (needed where
    /// [`Routes::reads_ocsf`]). `known` stands under `enrich.*` for both. Calls `hit` for each rule that matches,
    /// vendor rules first.
    pub fn detect(
        &self,
        routes: &Routes,
        (record, event): (&EventView<'_>, Option<&EventView<'_>>),
        known: &Enrichment<'_>,
        scratch: &mut Scratch,
        hit: &mut impl FnMut(Hit),
    ) {
        let mut vendor_hit = |index| hit(Hit { vocabulary: Vocabulary::Vendor, index });
        let seen = Seen::plain(*record).knowing(known, &self.vendor_known);
        self.vendor.matches(&routes.vendor, &seen, &mut scratch.vendor, &mut vendor_hit);
        if let Some(renamed) = &routes.renamed {
            let seen = Seen::renamed(*record, &renamed.names).knowing(known, &self.vendor_known);
            self.vendor.matches(&renamed.route, &seen, &mut scratch.vendor, &mut vendor_hit);
        }
        if let Some(event) = event {
            let seen = Seen::plain(*event).knowing(known, &self.ocsf_known);
            let mut ocsf_hit = |index| hit(Hit { vocabulary: Vocabulary::Ocsf, index });
            self.ocsf.matches(&routes.ocsf, &seen, &mut scratch.ocsf, &mut ocsf_hit);
        }
    }

    /// Why a rule matched. `view` is the record or the event, by the hit's vocabulary; `routes` those of the
    /// record.
    pub fn explain(
        &self,
        hit: Hit,
        routes: &Routes,
        view: &EventView<'_>,
        known: &Enrichment<'_>,
        scratch: &mut Scratch,
    ) -> Vec<model::MatchedField> {
        let (scratch, renames, names) = match hit.vocabulary {
            Vocabulary::Vendor => (&mut scratch.vendor, routes.names_for(hit.index), &self.vendor_known),
            Vocabulary::Ocsf => (&mut scratch.ocsf, None, &self.ocsf_known),
        };
        let seen = renames.map_or(Seen::plain(*view), |renames| Seen::renamed(*view, renames));
        let seen = seen.knowing(known, names);
        let fields = self.set(hit.vocabulary).matched_fields(hit.index, &seen, scratch);
        let text = Option::unwrap_or_default;
        fields
            .into_iter()
            .map(|f| model::MatchedField {
                selection: f.selection,
                field: text(f.field),
                value: text(f.value),
            })
            .collect()
    }
}
