//! Compiled rules, and one event run through them.

use crate::correlations::Correlations;
use crate::documents::Documents;
use crate::routes::Routes;
use crate::view::{Interner, Seen};
use model::{EnrichFields, Enrichment, EventView, FieldTable};
use sigma::{FieldInterner, Logsource, MatchScratch, Route, Rule, RuleError, RuleIndex, RuleSet};

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
    /// The rules for normalized events, whatever they came from.
    pub(crate) ocsf_route: Route,
    vendor_known: EnrichFields,
    ocsf_known: EnrichFields,
    pub(crate) correlations: Correlations,
}

impl Detector {
    /// Parses and compiles rule files, given as (file name, text). Filters, processing pipelines and placeholders among
    /// them act on the rules of all files. The fields that rules read are added to the table of their vocabulary. Of
    /// several rules with one id the first runs, and the others are refused.
    pub fn load<'d>(
        documents: impl IntoIterator<Item = (&'d str, &'d str)>,
        vendor_fields: &mut FieldTable,
        ocsf_fields: &mut FieldTable,
    ) -> (Self, LoadReport) {
        Self::of(Documents::parse(documents), vendor_fields, ocsf_fields)
    }

    /// The same of documents that were parsed before.
    pub fn of(
        documents: Documents,
        vendor_fields: &mut FieldTable,
        ocsf_fields: &mut FieldTable,
    ) -> (Self, LoadReport) {
        let Documents { rules, correlations, preparation, refused } = documents;
        let mut report = LoadReport { loaded: 0, refused };
        let (rules, refused) = preparation.apply(rules);
        report.refused.extend(refused);
        let (ocsf, vendor): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.logsource.is_ocsf());
        let (vendor_known, ocsf_known) =
            (EnrichFields::intern(vendor_fields), EnrichFields::intern(ocsf_fields));
        let (vendor, refused) = RuleSet::compile(vendor, &mut Interner(vendor_fields));
        report.refused.extend(refused);
        let (ocsf, refused) = RuleSet::compile(ocsf, &mut Interner(ocsf_fields));
        report.refused.extend(refused);
        let interners: [&mut dyn FieldInterner; 2] =
            [&mut Interner(vendor_fields), &mut Interner(ocsf_fields)];
        let (correlations, refused) = Correlations::link(correlations, [&vendor, &ocsf], interners);
        report.refused.extend(refused);
        let ocsf_route = ocsf.route(&Logsource::ocsf());
        report.loaded = vendor.rules().len() + ocsf.rules().len() + correlations.set().all().len();
        report.refused.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        (Self { vendor, ocsf, ocsf_route, vendor_known, ocsf_known, correlations }, report)
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

    /// The record or the event as a rule that matched it saw it.
    pub(crate) fn seen<'t>(
        &'t self,
        hit: Hit,
        routes: &'t Routes,
        view: &EventView<'t>,
        known: &'t Enrichment<'t>,
    ) -> Seen<'t> {
        let (renames, names) = match hit.vocabulary {
            Vocabulary::Vendor => (routes.names_for(hit.index), &self.vendor_known),
            Vocabulary::Ocsf => (None, &self.ocsf_known),
        };
        let seen = renames.map_or(Seen::plain(*view), |renames| Seen::renamed(*view, renames));
        seen.knowing(known, names)
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
        let seen = self.seen(hit, routes, view, known);
        let scratch = match hit.vocabulary {
            Vocabulary::Vendor => &mut scratch.vendor,
            Vocabulary::Ocsf => &mut scratch.ocsf,
        };
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
