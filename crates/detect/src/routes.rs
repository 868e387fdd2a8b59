//! Which rules run over a record, and under which names its fields go there.

use crate::detector::Detector;
use crate::view::{Interner, Renames};
use foldhash::HashMap;
use model::{EventView, FieldId, FieldTable, Scalar};
use sigma::logsource::event_log::{self, Alias, Resolved};
use sigma::{Logsource, Route, Rule, RuleIndex};
use std::cmp::Ordering;
use std::sync::Arc;

/// The rules for one kind of event; made once per logsource.
#[derive(Debug, Clone)]
pub struct Routes {
    pub(crate) vendor: Route,
    /// Rules of a category that has other names for the record's fields.
    pub(crate) renamed: Option<Renamed>,
    pub(crate) ocsf: Route,
}

/// Rules that see a record under other names.
#[derive(Debug, Clone)]
pub(crate) struct Renamed {
    pub(crate) route: Route,
    pub(crate) names: Arc<Renames>,
}

impl Routes {
    /// Whether any rule reads the normalized event.
    pub fn reads_ocsf(&self) -> bool {
        !self.ocsf.rules().is_empty()
    }

    /// How many rules apply.
    pub fn rules(&self) -> usize {
        self.vendor.rules().len() + self.renamed_rules().len() + self.ocsf.rules().len()
    }

    /// The vendor rules of the route.
    pub fn vendor_rules(&self) -> impl Iterator<Item = RuleIndex> {
        self.vendor.rules().iter().chain(self.renamed_rules()).copied()
    }

    fn has(&self, rule: RuleIndex) -> bool {
        self.vendor_rules().any(|one| one == rule)
    }

    fn renamed_rules(&self) -> &[RuleIndex] {
        self.renamed.as_ref().map_or(&[], |renamed| renamed.route.rules())
    }

    /// The names under which a vendor rule of this route sees the record, where they are other ones.
    pub(crate) fn names_for(&self, rule: RuleIndex) -> Option<&Renames> {
        let renamed = self.renamed.as_ref()?;
        renamed.route.rules().contains(&rule).then_some(&*renamed.names)
    }
}

/// The routes of records of the Windows event log, by channel and event id.
///
/// All of them are made at load, from [`event_log`], so that finding one is a search without allocation.
#[derive(Debug)]
pub struct EventLogRoutes {
    channel: FieldId,
    event_id: FieldId,
    /// Sorted by name in ASCII lower case.
    channels: Vec<Channel>,
    /// By the name as the table writes it, which is how Windows does.
    by_name: HashMap<&'static str, u32>,
    /// Of a channel that the table does not name.
    other: Routes,
}

#[derive(Debug)]
struct Channel {
    name: &'static str,
    /// Sorted.
    by_id: Vec<(u32, Routes)>,
    other: Routes,
}

impl EventLogRoutes {
    /// Makes the routes of `detector`'s rules; `fields` is the table that its vendor rules were loaded with.
    pub fn new(detector: &Detector, fields: &mut FieldTable) -> Self {
        // Most channels have the rules of the product alone: they share one program.
        let mut known = Vec::new();
        let mut make = |channel: &str, id: Option<u32>| {
            detector.route_resolved(&event_log::resolve(channel, id), fields, &mut known)
        };
        let channels = event_log::channels().into_iter().map(|(name, ids)| Channel {
            name,
            by_id: ids.into_iter().map(|id| (id, make(name, Some(id)))).collect(),
            other: make(name, None),
        });
        let mut channels: Vec<_> = channels.collect();
        channels.sort_by(|a, b| ignoring_case(a.name, b.name));
        let by_name = channels.iter().zip(0..).map(|(channel, at)| (channel.name, at)).collect();
        let other = make("", None);
        Self {
            by_name,
            channel: fields.intern("Channel"),
            event_id: fields.intern("EventID"),
            channels,
            other,
        }
    }

    /// The routes of a record, by its fields `Channel` and `EventID`.
    pub fn of(&self, record: &EventView<'_>) -> &Routes {
        let channel = record.all(self.channel).find_map(|node| node.str()).unwrap_or_default();
        let Some(channel) = self.channel(channel) else { return &self.other };
        let event_id = record.all(self.event_id).find_map(|node| number(node.scalar()?));
        let by_id = event_id.and_then(|id| channel.by_id.binary_search_by_key(&id, |(id, _)| *id).ok());
        by_id.map_or(&channel.other, |at| &channel.by_id[at].1)
    }

    /// Whether a rule can see a record: false where the record's channel, and event id if it has one, give other rules.
    /// A record without a channel says nothing, and neither does a channel to a product that is no event log.
    pub(crate) fn may_be_for(&self, (index, rule): (RuleIndex, &Rule), record: &EventView<'_>) -> bool {
        let is_of_event_log = |product: &str| event_log::services(product).next().is_some();
        if !rule.logsource.product.as_deref().is_none_or(is_of_event_log) {
            return true;
        }
        let Some(name) = record.all(self.channel).find_map(|node| node.str()) else { return true };
        let has_event_id = record.all(self.event_id).any(|node| node.scalar().and_then(number).is_some());
        match self.channel(name) {
            Some(channel) if !has_event_id => {
                channel.other.has(index) || channel.by_id.iter().any(|(_, routes)| routes.has(index))
            }
            _ => self.of(record).has(index),
        }
    }

    fn channel(&self, name: &str) -> Option<&Channel> {
        if let Some(&at) = self.by_name.get(name) {
            return self.channels.get(at as usize);
        }
        let at = self.channels.binary_search_by(|known| ignoring_case(known.name, name)).ok()?;
        self.channels.get(at)
    }

    /// Every route.
    pub fn iter(&self) -> impl Iterator<Item = &Routes> {
        let by_id = self.channels.iter().flat_map(|channel| &channel.by_id).map(|(_, routes)| routes);
        by_id.chain(self.channels.iter().map(|channel| &channel.other)).chain([&self.other])
    }
}

fn ignoring_case(a: &str, b: &str) -> Ordering {
    let lower = |text| str::bytes(text).map(|byte| byte.to_ascii_lowercase());
    lower(a).cmp(lower(b))
}

fn number(scalar: Scalar<'_>) -> Option<u32> {
    match scalar {
        Scalar::Uint(value) => u32::try_from(value).ok(),
        Scalar::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl Detector {
    /// The rules for events whose source says `source` of itself.
    pub fn route(&self, source: &Logsource) -> Routes {
        Routes { vendor: self.vendor.route(source), renamed: None, ocsf: self.ocsf_route() }
    }

    /// Every vendor rule, whatever its logsource: for measuring, and for tests of rules in isolation.
    pub fn route_all(&self) -> Routes {
        Routes { vendor: self.vendor.route_all(), renamed: None, ocsf: self.ocsf.route_where(|_| false) }
    }

    fn ocsf_route(&self) -> Route {
        self.ocsf_route.clone()
    }

    /// The rules for a record that is several things at once. Rules of a category with names of its own see
    /// the record under them; rules that name no category see it as it is.
    fn route_resolved(
        &self,
        resolved: &[Resolved],
        fields: &mut FieldTable,
        known: &mut Vec<Route>,
    ) -> Routes {
        let (plain, renamed): (Vec<_>, Vec<_>) = resolved.iter().partition(|one| one.aliases.is_empty());
        let applies = |rule: &sigma::Rule, to: &[&Resolved]| {
            to.iter().any(|one| rule.logsource.applies_to(&one.logsource))
        };
        let vendor = self.vendor.route_among(known, |rule| {
            applies(rule, &plain) || (rule.logsource.category.is_none() && applies(rule, &renamed))
        });
        let renamed = renamed.first().map(|first| Renamed {
            route: self.vendor.route_among(known, |rule| {
                rule.logsource.category.is_some() && applies(rule, &renamed) && !applies(rule, &plain)
            }),
            names: Arc::new(renames(first.aliases, fields)),
        });
        Routes { vendor, renamed, ocsf: self.ocsf_route() }
    }
}

/// The categories of one event id share their names: what the table gives for the first is good for all.
fn renames(aliases: &'static [Alias], fields: &mut FieldTable) -> Renames {
    use sigma::FieldInterner;
    let mut interner = Interner(fields);
    Renames::new(
        aliases.iter().map(|alias| (interner.intern(alias.rule), interner.intern(alias.record), alias.words)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, Vocabulary};
    use model::Tape;

    const RULES: &str = r"
title: category
logsource: {product: windows, category: process_creation}
detection: {s: {'Image|endswith': '\whoami.exe', ParentProcessId: '0x309', User: ana}, condition: s}
---
title: service
logsource: {product: windows, service: security}
detection: {s: {EventID: 4688, 'NewProcessName|endswith': '\whoami.exe', ProcessId: '0x309'}, condition: s}
---
title: own names in a category
logsource: {product: windows, category: process_creation}
detection: {s: {ProcessId: '0x309'}, condition: s}
---
title: words
logsource: {product: windows, category: network_connection}
detection: {s: {Initiated: 'true', DestinationPort: 443}, condition: s}
---
title: product
logsource: {product: windows}
detection: {s: {Image: x}, condition: s}
---
title: linux
logsource: {product: linux, category: process_creation}
detection: {s: {Image: x}, condition: s}
---
title: set
logsource: {product: windows, category: registry_set}
detection: {s: {Image: x}, condition: s}
---
title: event
logsource: {product: windows, category: registry_event}
detection: {s: {Image: x}, condition: s}
";

    struct Bench {
        fields: FieldTable,
        detector: Detector,
        routes: EventLogRoutes,
    }

    impl Bench {
        fn new() -> Self {
            let (mut fields, mut other) = (FieldTable::default(), FieldTable::default());
            let (detector, report) = Detector::load([("r.yml", RULES)], &mut fields, &mut other);
            assert!(report.refused.is_empty(), "{:?}", report.refused);
            let routes = EventLogRoutes::new(&detector, &mut fields);
            Self { fields, detector, routes }
        }

        /// Titles of the rules that match, and what each says of the fields that matched.
        fn hits(&self, json: &str) -> Vec<(String, Vec<String>)> {
            let (mut tape, mut scratch, mut hits) = (Tape::new(), Scratch::default(), Vec::new());
            let view = tape.parse(&self.fields, json.as_bytes()).unwrap();
            let routes = self.routes.of(&view);
            let known = model::Enrichment::default();
            self.detector.detect(routes, (&view, None), &known, &mut scratch, &mut |hit| hits.push(hit));
            let mut found = Vec::new();
            for hit in hits {
                assert_eq!(hit.vocabulary, Vocabulary::Vendor);
                let why = self.detector.explain(hit, routes, &view, &known, &mut scratch);
                let why = why.into_iter().map(|m| format!("{}={}", m.field, m.value)).collect();
                found.push((self.detector.rule(hit).unwrap().title.clone(), why));
            }
            found
        }

        fn titles(&self, json: &str) -> Vec<String> {
            self.hits(json).into_iter().map(|(title, _)| title).collect()
        }
    }

    #[test]
    fn a_record_has_the_rules_of_its_channel_and_event_id() {
        let bench = Bench::new();
        let sysmon = "Microsoft-Windows-Sysmon/Operational";
        for (json, expected) in [
            (format!(r#"{{"Channel":"{sysmon}","EventID":1,"Image":"x"}}"#), &["product"][..]),
            (format!(r#"{{"Channel":"{sysmon}","EventID":"13","Image":"x"}}"#), &["product", "set", "event"]),
            (
                format!(r#"{{"Channel":"{}","EventID":12,"Image":"x"}}"#, sysmon.to_uppercase()),
                &["product", "event"],
            ),
            (r#"{"Channel":"Linux-Sysmon/Operational","EventID":1,"Image":"x"}"#.into(), &["linux"]),
            (r#"{"Channel":"Elsewhere","EventID":1,"Image":"x"}"#.into(), &["product"]),
            (r#"{"EventID":1,"Image":"x"}"#.into(), &["product"]),
        ] {
            assert_eq!(bench.titles(&json), expected, "{json}");
        }
    }

    #[test]
    fn a_category_sees_the_record_under_its_own_names_and_a_service_as_it_is() {
        let bench = Bench::new();
        let process = r#"{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\w\\whoami.exe","NewProcessId":"0x1092","ProcessId":"0x309","SubjectUserName":"ana"}"#;
        let hits = bench.hits(process);
        let titles: Vec<_> = hits.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!(titles, ["service", "category"]);
        let why = &hits[1].1;
        assert!(
            why.contains(&r"Image=C:\w\whoami.exe".to_owned()),
            "explained as the rule names it: {why:?}"
        );
        let connection = |direction: &str| {
            format!(r#"{{"Channel":"Security","EventID":5156,"Direction":"{direction}","DestPort":"443"}}"#)
        };
        assert_eq!(bench.titles(&connection("%%14593")), ["words"]);
        assert!(bench.titles(&connection("%%14592")).is_empty());
    }
}
