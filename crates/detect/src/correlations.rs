//! Correlations over both vocabularies: which rules' matches they take, and which fields of them.

use crate::detector::{Detector, Hit, Vocabulary};
use crate::routes::Routes;
use crate::view::Seen;
use model::{Enrichment, EventView, push_entity_value};
use sigma::correlation::{
    BaseRule, CorrelationRule, CorrelationSet, Entry, EntryValue, EventRef, Feeds, Member, Micro,
    VALUE_SEPARATOR,
};
use sigma::{EventView as _, FieldId, FieldInterner, RuleError, RuleIndex, RuleSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most combinations of values, of fields that are grouped by or counted, that one event stands for in one correlation;
/// further ones are left out.
pub const COMBINATIONS_MAX: usize = 64;

/// The correlations, and what they need of each rule's matches.
#[derive(Debug, Default)]
pub struct Correlations {
    set: Arc<CorrelationSet>,
    /// How many rules of vendors there are: those of OCSF are numbered after them.
    vendor_rules: usize,
    /// By rule: what takes its matches.
    uses: Vec<Box<[Use]>>,
    /// By rule: what it means. Empty without correlations.
    hashes: Vec<[u8; 32]>,
}

/// A correlation that takes the matches of a rule, and the fields that it needs of them.
#[derive(Debug)]
struct Use {
    correlation: usize,
    position: u16,
    is_numeric: bool,
    group: Vec<FieldId>,
    values: Vec<FieldId>,
    carried: Vec<FieldId>,
}

impl Correlations {
    /// Links correlations to the rules that were compiled; the fields they need are asked of the rules' interners.
    pub(crate) fn link(
        rules: Vec<CorrelationRule>,
        [vendor, ocsf]: [&RuleSet; 2],
        interners: [&mut dyn FieldInterner; 2],
    ) -> (Self, Vec<RuleError>) {
        let all = vendor.rules().iter().chain(ocsf.rules());
        let hashes =
            if rules.is_empty() { Vec::new() } else { all.map(sigma::Rule::semantic_hash).collect() };
        Self::link_hashed(rules, [vendor, ocsf], interners, hashes)
    }

    /// Links other correlations to the same rules.
    pub(crate) fn link_again(
        &self,
        rules: Vec<CorrelationRule>,
        sets: [&RuleSet; 2],
        interners: [&mut dyn FieldInterner; 2],
    ) -> (Self, Vec<RuleError>) {
        Self::link_hashed(rules, sets, interners, self.hashes.clone())
    }

    fn link_hashed(
        rules: Vec<CorrelationRule>,
        [vendor, ocsf]: [&RuleSet; 2],
        [vendor_fields, ocsf_fields]: [&mut dyn FieldInterner; 2],
        hashes: Vec<[u8; 32]>,
    ) -> (Self, Vec<RuleError>) {
        let all = vendor.rules().iter().chain(ocsf.rules()).enumerate();
        let bases: Vec<_> = all
            .map(|(at, rule)| BaseRule {
                id: rule.id.as_deref(),
                name: rule.name.as_deref(),
                hash: hashes.get(at).copied().unwrap_or_default(),
            })
            .collect();
        let (set, errors) = CorrelationSet::link(rules, &bases);
        let vendor_rules = vendor.rules().len();
        let uses = (0..bases.len()).map(|base| {
            let interner: &mut dyn FieldInterner =
                if base < vendor_rules { &mut *vendor_fields } else { &mut *ocsf_fields };
            let of = |&(correlation, position): &(usize, u16)| {
                let mut intern =
                    |names: Vec<String>| names.iter().map(|name| interner.intern(name)).collect();
                let [group, values, carried] = set.fields(correlation, position, &bases);
                let (group, values, carried) = (intern(group), intern(values), intern(carried));
                let is_numeric = set.get(correlation).is_some_and(|linked| linked.rule.kind.is_numeric());
                Use { correlation, position, is_numeric, group, values, carried }
            };
            set.uses(base).iter().map(of).collect::<Box<[_]>>()
        });
        let uses = uses.collect();
        (Self { set: Arc::new(set), vendor_rules, uses, hashes }, errors)
    }

    /// The correlations.
    pub fn set(&self) -> &Arc<CorrelationSet> {
        &self.set
    }

    /// The rules whose matches a correlation takes, also by way of others. Chains are bounded and have no circles.
    pub(crate) fn bases_below(&self, correlation: usize, found: &mut BTreeSet<usize>) {
        let Some(linked) = self.set.get(correlation) else { return };
        for member in linked.members() {
            match member {
                Member::Base(base) => {
                    found.insert(*base);
                }
                Member::Correlation(child) => self.bases_below(*child, found),
            }
        }
    }

    /// A correlation and those whose firings it takes, also by way of others.
    pub(crate) fn correlations_below(&self, correlation: usize, found: &mut BTreeSet<usize>) {
        let Some(linked) = self.set.get(correlation) else { return };
        found.insert(correlation);
        for member in linked.members() {
            if let Member::Correlation(child) = member {
                self.correlations_below(*child, found);
            }
        }
    }

    /// The rule of a hit as a number among all.
    fn base(&self, hit: Hit) -> usize {
        let index = hit.index.0 as usize;
        match hit.vocabulary {
            Vocabulary::Vendor => index,
            Vocabulary::Ocsf => self.vendor_rules + index,
        }
    }

    /// The hit that a number among all rules ([`sigma::correlation::Member::Base`]) stands for.
    pub fn hit(&self, base: usize) -> Hit {
        match base.checked_sub(self.vendor_rules) {
            None => Hit { vocabulary: Vocabulary::Vendor, index: RuleIndex(base as u32) },
            Some(index) => Hit { vocabulary: Vocabulary::Ocsf, index: RuleIndex(index as u32) },
        }
    }

    /// Whether correlations take a rule's matches.
    pub fn takes(&self, hit: Hit) -> bool {
        self.uses.get(self.base(hit)).is_some_and(|uses| !uses.is_empty())
    }

    /// Whether a rule raises no finding of its own, because correlations take its place.
    pub fn is_silent(&self, hit: Hit) -> bool {
        self.set.is_silent(self.base(hit))
    }

    /// The families of correlations that rules of a route feed.
    fn families_of(&self, routes: &Routes) -> BTreeSet<usize> {
        let vendor = routes.vendor_rules().map(|index| index.0 as usize);
        let ocsf = routes.ocsf.rules().iter().map(|index| self.vendor_rules + index.0 as usize);
        let uses = vendor.chain(ocsf).filter_map(|base| self.uses.get(base)).flat_map(|uses| uses.iter());
        uses.filter_map(|one| self.set.get(one.correlation)).map(sigma::correlation::Linked::family).collect()
    }

    /// Notes in `feeds` that events of `logsource` have these routes.
    pub fn feed(&self, logsource: &str, routes: &Routes, feeds: &mut Feeds) {
        for family in self.families_of(routes) {
            feeds.add(logsource, family);
        }
    }

    /// Appends the matches that a hit is for correlations: one for each, for each group and value of the event.
    /// An event without a field that is grouped by, or counted, is none.
    pub(crate) fn entries(&self, hit: Hit, seen: &Seen<'_>, event: EventRef, out: &mut Vec<Entry>) {
        let Some(uses) = self.uses.get(self.base(hit)) else { return };
        for one in uses {
            let groups = combinations(seen, &one.group);
            let values = combinations(seen, &one.values);
            let carried: Box<[_]> = one
                .carried
                .iter()
                .map(|field| texts(seen, *field).into_iter().next().map(String::into_boxed_str))
                .collect();
            let mut left = COMBINATIONS_MAX;
            for group in groups {
                let group: Arc<[Box<str>]> = group.into_iter().map(String::into_boxed_str).collect();
                for value in values.iter().take(left) {
                    let value = match value.as_slice() {
                        [] => EntryValue::None,
                        [number] if one.is_numeric => match Micro::parse(number) {
                            Some(number) => EntryValue::Number(number),
                            None => continue,
                        },
                        several => {
                            EntryValue::Text(several.join(VALUE_SEPARATOR.encode_utf8(&mut [0; 4])).into())
                        }
                    };
                    left -= 1;
                    out.push(Entry {
                        correlation: one.correlation,
                        position: one.position,
                        event,
                        group: Arc::clone(&group),
                        value,
                        carried: carried.clone(),
                    });
                }
            }
        }
    }
}

/// What a match would be for one correlation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchGroups {
    /// The groups that it would count in, each with a value for every field that is grouped by; at most
    /// [`COMBINATIONS_MAX`]. None where a field is lacking. One without fields stands for all events.
    pub groups: Vec<Vec<String>>,
    /// Which of the fields that are grouped by the event lacks, by their number there.
    pub lacks_group: Vec<usize>,
    /// Which of the fields that are counted or computed with it lacks.
    pub lacks_value: Vec<usize>,
}

/// The values of a field as they are compared: bounded, in lower case, each once.
fn texts(seen: &Seen<'_>, field: FieldId) -> Vec<String> {
    let (mut all, mut text) = (Vec::new(), String::new());
    seen.any(field, &mut |value| {
        text.clear();
        if value.write_text(&mut text) {
            let mut kept = String::with_capacity(text.len());
            push_entity_value(&mut kept, &text, true);
            if !all.contains(&kept) {
                all.push(kept);
            }
        }
        all.len() >= COMBINATIONS_MAX
    });
    all
}

/// Every combination of the fields' values, at most [`COMBINATIONS_MAX`]; none where a field has none.
fn combinations(seen: &Seen<'_>, fields: &[FieldId]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::with_capacity(fields.len())];
    for field in fields {
        let values = texts(seen, *field);
        let with = |start: Vec<String>| {
            values.iter().map(move |value| {
                let mut longer = start.clone();
                longer.push(value.clone());
                longer
            })
        };
        all = all.into_iter().flat_map(with).take(COMBINATIONS_MAX).collect();
    }
    all
}

impl Detector {
    /// The correlations over the rules.
    pub fn correlations(&self) -> &Correlations {
        &self.correlations
    }

    /// Appends the matches that a hit is for correlations. `view` is the record or the event, by the hit's vocabulary;
    /// `routes` those of the record.
    pub fn entries(
        &self,
        hit: Hit,
        (routes, view): (&Routes, &EventView<'_>),
        known: &Enrichment<'_>,
        event: EventRef,
        out: &mut Vec<Entry>,
    ) {
        let seen = self.seen(hit, routes, view, known);
        self.correlations.entries(hit, &seen, event, out);
    }

    /// What a match of a rule is for the correlation at a place of the set, which names it; `None` if it does not. As
    /// [`Detector::entries`], whether the rule matches or not.
    pub fn match_groups(
        &self,
        hit: Hit,
        correlation: usize,
        (routes, view): (&Routes, &EventView<'_>),
        known: &Enrichment<'_>,
    ) -> Option<MatchGroups> {
        let uses = self.correlations.uses.get(self.correlations.base(hit))?;
        let one = uses.iter().find(|one| one.correlation == correlation)?;
        let seen = self.seen(hit, routes, view, known);
        let lacking = |fields: &[FieldId]| -> Vec<usize> {
            fields
                .iter()
                .enumerate()
                .filter(|(_, field)| texts(&seen, **field).is_empty())
                .map(|(at, _)| at)
                .collect()
        };
        let (lacks_group, lacks_value) = (lacking(&one.group), lacking(&one.values));
        let counts = lacks_group.is_empty() && lacks_value.is_empty();
        let groups = if counts { combinations(&seen, &one.group) } else { Vec::new() };
        Some(MatchGroups { groups, lacks_group, lacks_value })
    }
}
