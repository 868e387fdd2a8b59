//! Which rules a record has and which of them match it, worked out the plain way: the routing table's entries one by one,
//! a `serde_json` tree, the reference evaluator. And the same by the product: one parse, compiled routes and rules.

use std::collections::{BTreeSet, HashMap};

use detect::{Detector, EventLogRoutes, Routes, Scratch, Vocabulary};
use model::{Enrichment, FieldTable, Tape};
use serde_json::Value as Json;
use sigma::logsource::event_log::{self, Alias};
use sigma::{EventView, FieldId, Logsource, MatchScratch, RuleIndex, RuleSet, Value, reference};

use crate::corpus::RuleFile;
use crate::json_view::{Fields, JsonView};

/// Rules loaded for the product and for the oracle.
pub(crate) struct Both {
    detector: Detector,
    fields: FieldTable,
    event_log: EventLogRoutes,
    cloudtrail: Routes,
    /// The same rules in the same order, over plain JSON.
    pub(crate) plain: RuleSet,
    pub(crate) plain_fields: Fields,
}

/// The buffers of one thread.
pub(crate) struct Thread {
    tape: Tape,
    scratch: Scratch,
    plain_scratch: MatchScratch,
    plain_fields: Fields,
    routes: HashMap<(String, Option<u32>), Vec<Routed>>,
}

/// A rule of a record's route and the names under which it sees the record.
#[derive(Clone, Copy)]
pub(crate) struct Routed {
    pub(crate) rule: RuleIndex,
    pub(crate) aliases: &'static [Alias],
}

/// How a record gets its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    EventLog,
    CloudTrail,
}

fn cloudtrail() -> Logsource {
    Logsource::of("aws", "cloudtrail")
}

impl Both {
    pub(crate) fn load(files: &[RuleFile]) -> Self {
        let (mut fields, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let documents = || files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let (detector, _) = Detector::load(documents(), &mut fields, &mut ocsf);
        let event_log = EventLogRoutes::new(&detector, &mut fields);
        let cloudtrail = detector.route(&cloudtrail());
        let of_vendors = detector.rules().filter(|(hit, _)| hit.vocabulary == Vocabulary::Vendor);
        let rules = of_vendors.map(|(_, rule)| rule.clone()).collect();
        let mut plain_fields = Fields::default();
        let (plain, refused) = RuleSet::compile(rules, &mut plain_fields);
        assert!(refused.is_empty(), "compiled once and not twice: {refused:?}");
        Both { detector, fields, event_log, cloudtrail, plain, plain_fields }
    }

    pub(crate) fn thread(&self) -> Thread {
        Thread {
            tape: Tape::new(),
            scratch: Scratch::default(),
            plain_scratch: MatchScratch::new(),
            plain_fields: self.plain_fields.clone(),
            routes: HashMap::new(),
        }
    }

    /// The rules that the product's detector says match.
    pub(crate) fn product(&self, source: Source, event: &Json, thread: &mut Thread) -> BTreeSet<RuleIndex> {
        let text = event.to_string();
        let view = thread.tape.parse(&self.fields, text.as_bytes()).unwrap();
        let routes = match source {
            Source::EventLog => self.event_log.of(&view),
            Source::CloudTrail => &self.cloudtrail,
        };
        let mut found = BTreeSet::new();
        self.detector.detect(
            routes,
            (&view, None),
            &Enrichment::default(),
            &mut thread.scratch,
            &mut |hit| {
                assert!(found.insert(hit.index), "a rule hits twice");
            },
        );
        found
    }

    /// The rules that the reference evaluator says match, of those that the table gives the record.
    pub(crate) fn oracle(&self, source: Source, event: &Json, thread: &mut Thread) -> BTreeSet<RuleIndex> {
        let routed = self.routed(source, event, thread);
        let view = JsonView::new(event, &self.plain_fields);
        let mut renamed: HashMap<*const Alias, Json> = HashMap::new();
        for one in routed.iter().filter(|one| !one.aliases.is_empty()) {
            renamed.entry(one.aliases.as_ptr()).or_insert_with(|| under_other_names(event, one.aliases));
        }
        let renamed: HashMap<_, _> =
            renamed.iter().map(|(key, event)| (*key, JsonView::new(event, &self.plain_fields))).collect();
        let fields = &mut thread.plain_fields;
        let mut matches = |one: &Routed| {
            let Some(rule) = self.plain.rule(one.rule) else { return false };
            match renamed.get(&one.aliases.as_ptr()) {
                Some(names) if !one.aliases.is_empty() => {
                    reference::matches(rule, fields, &Renamed { names, words: &view })
                }
                _ => reference::matches(rule, fields, &view),
            }
        };
        routed.iter().filter(|one| matches(one)).map(|one| one.rule).collect()
    }

    /// Every rule on an event, whatever its logsource: those of the compiled set, and those of the reference.
    pub(crate) fn all_rules(&self, event: &Json, thread: &mut Thread) -> [BTreeSet<RuleIndex>; 2] {
        let view = JsonView::new(event, &self.plain_fields);
        let mut found = BTreeSet::new();
        let route = self.plain.route_all();
        self.plain.matches(&route, &view, &mut thread.plain_scratch, &mut |rule| {
            found.insert(rule);
        });
        let rules = self.plain.rules().iter().zip((0..).map(RuleIndex));
        let expected = rules.filter(|(rule, _)| reference::matches(rule, &mut thread.plain_fields, &view));
        [found, expected.map(|(_, index)| index).collect()]
    }

    /// The rules of a record, by the entries of the table that are true of it.
    pub(crate) fn routed(&self, source: Source, event: &Json, thread: &mut Thread) -> Vec<Routed> {
        let key = match source {
            Source::CloudTrail => (String::new(), None),
            Source::EventLog => (event["Channel"].as_str().unwrap_or_default().to_owned(), event_id(event)),
        };
        thread.routes.entry(key.clone()).or_insert_with(|| self.route(source, &key.0, key.1)).clone()
    }

    fn route(&self, source: Source, channel: &str, event_id: Option<u32>) -> Vec<Routed> {
        let entries = match source {
            Source::EventLog => event_log::resolve(channel, event_id),
            Source::CloudTrail => vec![event_log::Resolved { logsource: cloudtrail(), aliases: &[] }],
        };
        let rules = self.plain.rules().iter().zip((0..).map(RuleIndex));
        let routed = rules.filter_map(|(rule, index)| {
            let of = entries.iter().filter(|entry| rule.logsource.applies_to(&entry.logsource));
            // a rule that names no category reads the record as it is; so does one that some entry shows it to as it is
            let aliases = of.map(|entry| match rule.logsource.category {
                Some(_) => entry.aliases,
                None => &[],
            });
            aliases.min_by_key(|aliases| aliases.len()).map(|aliases| Routed { rule: index, aliases })
        });
        routed.collect()
    }

    /// How a difference is named.
    pub(crate) fn name(&self, rule: RuleIndex) -> String {
        self.plain.rule(rule).map_or_else(String::new, |rule| format!("{} ({})", rule.title, rule.file))
    }
}

fn event_id(event: &Json) -> Option<u32> {
    match &event["EventID"] {
        Json::String(text) => text.trim().parse().ok(),
        number => number.as_u64().and_then(|id| u32::try_from(id).ok()),
    }
}

/// The record as a category names its fields.
pub(crate) fn under_other_names(event: &Json, aliases: &[Alias]) -> Json {
    let mut renamed = event.clone();
    for alias in aliases {
        let words = |value: &Json| {
            let said = value.as_str().and_then(|text| alias.words.iter().find(|(word, _)| *word == text));
            said.map_or_else(|| value.clone(), |(_, said)| Json::from(*said))
        };
        let fields = renamed.as_object_mut().unwrap();
        match event.get(alias.record) {
            Some(value) => fields.insert(alias.rule.to_owned(), words(value)),
            None => fields.remove(alias.rule),
        };
    }
    renamed
}

/// Fields under other names; keywords search the record as it is.
struct Renamed<'v, 'e> {
    names: &'v JsonView<'e>,
    words: &'v JsonView<'e>,
}

impl EventView for Renamed<'_, '_> {
    fn any(&self, field: FieldId, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        self.names.any(field, visit)
    }

    fn exists(&self, field: FieldId) -> bool {
        self.names.exists(field)
    }

    fn any_scalar(&self, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        self.words.any_scalar(visit)
    }
}

/// What a run over many records found.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) events: usize,
    pub(crate) hits: usize,
    /// The first differences.
    pub(crate) differences: Vec<String>,
}

/// Differences named in one tally; more are as good as these.
const DIFFERENCES_MAX: usize = 20;

impl Tally {
    fn compare(
        &mut self,
        both: &Both,
        event: &Json,
        found: &BTreeSet<RuleIndex>,
        expected: &BTreeSet<RuleIndex>,
    ) {
        self.events += 1;
        self.hits += expected.len();
        for rule in found
            .symmetric_difference(expected)
            .take(DIFFERENCES_MAX - self.differences.len().min(DIFFERENCES_MAX))
        {
            let by = if found.contains(rule) { "the compiled rules" } else { "the reference" };
            self.differences.push(format!("only {by}: {} on {event}", both.name(*rule)));
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.events += other.events;
        self.hits += other.hits;
        self.differences.extend(other.differences);
    }
}

/// The records with the rules of their route, by the product and by the reference.
pub(crate) fn routed(both: &Both, source: Source, events: &[&Json]) -> Tally {
    let (mut thread, mut tally) = (both.thread(), Tally::default());
    for event in events {
        let found = both.product(source, event, &mut thread);
        let expected = both.oracle(source, event, &mut thread);
        tally.compare(both, event, &found, &expected);
    }
    tally
}

/// The records with every rule there is.
pub(crate) fn unrouted(both: &Both, events: &[&Json]) -> Tally {
    let (mut thread, mut tally) = (both.thread(), Tally::default());
    for event in events {
        let [found, expected] = both.all_rules(event, &mut thread);
        tally.compare(both, event, &found, &expected);
    }
    tally
}

/// `wanted` of the events, chosen by a seed (splitmix64, Steele et al., OOPSLA 2014).
pub(crate) fn sample(events: &[Json], seed: u64, wanted: usize) -> Vec<&Json> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    };
    (0..wanted.min(events.len())).map(|_| &events[(next() % events.len() as u64) as usize]).collect()
}
