//! What a change of a rule folder changes: rules added, removed, changed in what they mean, or only in words.
//!
//! Rules are compared as they run, so a filter, pipeline or placeholder that changes shows at each rule that it is for.

use crate::detector::Detector;
use serde::Serialize;
use sigma::correlation::{CorrelationKind, Linked};
use sigma::rule::Selection;
use sigma::{Condition, Expression, Filter, FilterTargets, Rule};
use std::collections::HashMap;

/// One rule, named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleNote {
    /// Its id.
    pub id: Option<String>,
    /// Its title.
    pub title: String,
    /// Its file, as the caller names it.
    pub file: String,
    /// Its line there.
    pub line: u32,
    /// Its level as written.
    pub level: Option<&'static str>,
    /// Its status as written.
    pub status: Option<&'static str>,
    /// Hex SHA-256 of what it means as it runs, as its findings carry it; none for a filter.
    pub hash: Option<String>,
}

/// One rule that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// As it is.
    pub rule: RuleNote,
    /// Whether it means something else than before, by itself or for what acts on it: it may match other events, and its
    /// findings have new ids.
    pub meaning_changed: bool,
    /// What is different, in a fixed order.
    pub parts: Vec<PartChange>,
}

/// One key of a rule that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartChange {
    /// The key: `level`, `detection.selection`, `condition`, `tests`.
    pub key: String,
    /// What it was; `None` where it was not there.
    pub from: Option<String>,
    /// What it is; `None` where it is gone.
    pub to: Option<String>,
}

/// Two sets of rules, compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleDiff {
    /// Only in the new set.
    pub added: Vec<RuleNote>,
    /// Only in the old set.
    pub removed: Vec<RuleNote>,
    /// In both, but not the same; those that mean something else first.
    pub changed: Vec<RuleChange>,
    /// How many are the same.
    pub unchanged: usize,
}

/// One of the two sets that are compared.
#[derive(Debug, Clone, Copy)]
pub struct DiffSide<'a> {
    /// What runs of it.
    pub detector: &'a Detector,
    /// Its filters, which are documents of their own.
    pub filters: &'a [Filter],
}

impl DiffSide<'_> {
    fn sheets(self) -> impl Iterator<Item = Sheet> {
        let rules = self.detector.rules().map(|(_, rule)| Sheet::of_rule(rule)).collect::<Vec<_>>();
        let correlations = self.detector.correlations().set().all().iter().map(Sheet::of_correlation);
        let correlations = correlations.collect::<Vec<_>>();
        let filters = self.filters.iter().map(Sheet::of_filter).collect::<Vec<_>>();
        rules.into_iter().chain(correlations).chain(filters)
    }
}

impl RuleDiff {
    /// Compares two sets. A rule, correlation or filter is known by its id, without case; one without an id by its title.
    /// One that is refused is not there.
    pub fn of(old: DiffSide<'_>, new: DiffSide<'_>) -> Self {
        let mut before: HashMap<String, Sheet> =
            old.sheets().map(|sheet| (sheet.key.clone(), sheet)).collect();
        let mut diff = Self::default();
        for sheet in new.sheets() {
            match before.remove(&sheet.key) {
                None => diff.added.push(sheet.note),
                Some(old) => match old.change(sheet) {
                    Some(change) => diff.changed.push(change),
                    None => diff.unchanged += 1,
                },
            }
        }
        diff.removed = before.into_values().map(|sheet| sheet.note).collect();
        let by_place = |a: &RuleNote, b: &RuleNote| (&a.file, a.line).cmp(&(&b.file, b.line));
        diff.added.sort_by(by_place);
        diff.removed.sort_by(by_place);
        diff.changed.sort_by(|a, b| {
            b.meaning_changed.cmp(&a.meaning_changed).then_with(|| by_place(&a.rule, &b.rule))
        });
        diff
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// One part of a document: its key, what it says in words, and what is compared.
struct Part {
    key: String,
    words: Option<String>,
    compared: Option<String>,
}

impl Part {
    /// A part that is what its words are.
    fn plain(key: &str, words: Option<String>) -> Self {
        Self { key: key.to_owned(), compared: words.clone(), words }
    }
}

/// A document, laid out for comparison.
struct Sheet {
    key: String,
    note: RuleNote,
    /// For people and triage, not for matching.
    words: Vec<Part>,
    /// What it matches.
    meaning: Vec<Part>,
    /// Whether the hash alone says that the meaning is the same: a rule's knows which differences are none.
    hash_decides: bool,
    tests: (usize, String),
}

impl Sheet {
    fn of_filter(filter: &Filter) -> Self {
        let note = RuleNote {
            id: filter.id.clone(),
            title: filter.title.clone(),
            file: filter.file.to_string(),
            line: filter.line,
            level: None,
            status: None,
            hash: None,
        };
        let mut words: Vec<Part> =
            filter.custom.iter().map(|(key, value)| Part::plain(key, Some(value.to_string()))).collect();
        words.push(Part::plain("expires", filter.expires.map(|day| day.to_string())));
        let targets = match &filter.targets {
            FilterTargets::Any => "any".to_owned(),
            FilterTargets::Rules(rules) => rules.join(", "),
        };
        let mut meaning = vec![Part::plain("rules", Some(targets))];
        meaning.extend(filter.detection.selections.iter().map(|selection| {
            let items = selection.search.items_within().into_iter().map(|(path, item)| {
                let quantifier = item.elements.as_ref().map(|elements| elements.quantifier);
                format!("{path:?} {:?} {:?} {quantifier:?}", item.modifiers, item.values)
            });
            Part::plain(&selection.name, Some(items.collect::<Vec<_>>().join("; ")))
        }));
        let conditions = filter.detection.conditions.iter().map(|c| c.expression.to_string());
        meaning.push(Part::plain("condition", Some(conditions.collect::<Vec<_>>().join(" | "))));
        let (key, tests) = (key(&note), (0, String::new()));
        Self { key, tests, note, words, meaning, hash_decides: false }
    }

    fn of_rule(rule: &Rule) -> Self {
        let note = RuleNote {
            id: rule.id.clone(),
            title: rule.title.clone(),
            file: rule.file.to_string(),
            line: rule.line,
            level: rule.level.map(sigma::Level::as_str),
            status: rule.status.map(sigma::Status::as_str),
            hash: Some(hex(rule.semantic_hash())),
        };
        let mut words = common_words(&note, &rule.tags, [&rule.owner, &rule.runbook, &rule.description]);
        words.extend([
            Part::plain("name", rule.name.clone()),
            Part::plain("falsepositives", list(&rule.falsepositives)),
            Part::plain("references", list(&rule.references)),
            Part::plain("author", rule.author.clone()),
            Part::plain("fields", list(&rule.fields)),
        ]);
        words.extend(rule.custom.iter().map(|(key, value)| Part::plain(key, Some(value.to_string()))));
        let mut meaning = vec![Part::plain("logsource", logsource(rule))];
        meaning.extend(rule.detection.selections.iter().map(|selection| selection_part(rule, selection)));
        let conditions = rule.detection.conditions.iter().map(|c| c.expression.to_string());
        meaning.push(Part::plain("condition", Some(conditions.collect::<Vec<_>>().join(" | "))));
        let tests: Vec<_> = rule
            .tests
            .iter()
            .map(|test| (test.name.as_str(), test.event.to_string(), test.matches))
            .collect();
        let (key, tests) = (key(&note), (tests.len(), format!("{tests:?}")));
        Self { key, tests, note, words, meaning, hash_decides: true }
    }

    fn of_correlation(linked: &Linked) -> Self {
        let rule = &linked.rule;
        let note = RuleNote {
            id: rule.id.clone(),
            title: rule.title.clone(),
            file: rule.file.to_string(),
            line: rule.line,
            level: rule.level.map(sigma::Level::as_str),
            status: rule.status.map(sigma::Status::as_str),
            hash: Some(hex(linked.hash)),
        };
        let mut words = common_words(&note, &rule.tags, [&rule.owner, &rule.runbook, &rule.description]);
        words.push(Part::plain("falsepositives", list(&rule.falsepositives)));
        words.extend(rule.custom.iter().map(|(key, value)| Part::plain(key, Some(value.to_string()))));
        let asks = Part {
            key: "correlation".to_owned(),
            words: Some(asks(&rule.kind)),
            compared: Some(format!("{:?}", rule.kind)),
        };
        let meaning = vec![
            asks,
            Part::plain("rules", list(&rule.rules)),
            Part::plain("group-by", list(&rule.group_by)),
            Part::plain("timespan", Some(format!("{} s", rule.timespan_ms / 1_000))),
            Part::plain("aliases", (!rule.aliases.is_empty()).then(|| format!("{:?}", rule.aliases))),
            Part::plain("generate", Some(rule.generate.to_string())),
        ];
        let tests: Vec<_> = rule.tests.iter().map(|test| (&test.name, &test.events, test.matches)).collect();
        let (key, tests) = (key(&note), (tests.len(), format!("{tests:?}")));
        Self { key, tests, note, words, meaning, hash_decides: false }
    }

    /// What is different in the newer sheet; `None` where nothing is.
    fn change(self, new: Self) -> Option<RuleChange> {
        let mut parts = changed(&self.words, &new.words);
        let meaning = changed(&self.meaning, &new.meaning);
        let hashes = (&self.note.hash, &new.note.hash);
        let meaning_changed = hashes.0 != hashes.1 || (!new.hash_decides && !meaning.is_empty());
        if meaning_changed {
            if meaning.is_empty() {
                // a correlation is what it was, over rules that are not
                let short = |hash: &Option<String>| hash.as_ref().map(|hash| hash.chars().take(12).collect());
                let key = "what its rules match".to_owned();
                parts.push(PartChange { key, from: short(hashes.0), to: short(hashes.1) });
            }
            parts.extend(meaning);
        }
        if self.tests.1 != new.tests.1 {
            let count = |tests: usize| Some(tests.to_string());
            let (from, to) = (count(self.tests.0), count(new.tests.0));
            parts.push(PartChange { key: "tests".to_owned(), from, to });
        }
        (meaning_changed || !parts.is_empty()).then_some(RuleChange {
            rule: new.note,
            meaning_changed,
            parts,
        })
    }
}

/// The parts that differ, in the order of the old sheet, then those that are new.
fn changed(old: &[Part], new: &[Part]) -> Vec<PartChange> {
    let mut parts = Vec::new();
    for part in old {
        let now = new.iter().find(|other| other.key == part.key);
        if now.and_then(|now| now.compared.as_ref()) != part.compared.as_ref() {
            let to = now.and_then(|now| now.words.clone());
            parts.push(PartChange { key: part.key.clone(), from: part.words.clone(), to });
        }
    }
    let fresh = new.iter().filter(|part| part.compared.is_some() && !old.iter().any(|o| o.key == part.key));
    parts.extend(fresh.map(|part| PartChange { key: part.key.clone(), from: None, to: part.words.clone() }));
    parts
}

/// `event_count gte 5`, `value_percentile 95 of bytes gt 10`, `temporal_ordered`.
fn asks(kind: &CorrelationKind) -> String {
    let mut words = kind.as_str().to_owned();
    if let CorrelationKind::ValuePercentile(_, percent, _) = kind {
        words = format!("{words} {percent}");
    }
    if !kind.value_fields().is_empty() {
        words = format!("{words} of {}", kind.value_fields().join(", "));
    }
    kind.condition().map_or(words.clone(), |condition| format!("{words} {condition}"))
}

fn key(note: &RuleNote) -> String {
    match &note.id {
        Some(id) => format!("id {}", id.to_ascii_lowercase()),
        None => format!("title {}", note.title),
    }
}

fn hex(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(", "))
}

fn common_words(note: &RuleNote, tags: &[String], texts: [&Option<String>; 3]) -> Vec<Part> {
    let [owner, runbook, description] = texts;
    vec![
        Part::plain("level", note.level.map(str::to_owned)),
        Part::plain("status", note.status.map(str::to_owned)),
        Part::plain("file", Some(note.file.clone())),
        Part::plain("title", Some(note.title.clone())),
        Part::plain("tags", list(tags)),
        Part::plain("owner", owner.clone()),
        Part::plain("runbook", runbook.clone()),
        Part::plain("description", description.clone()),
    ]
}

fn logsource(rule: &Rule) -> Option<String> {
    let sigma::Logsource { category, product, service, .. } = &rule.logsource;
    let parts = [("category", category), ("product", product), ("service", service)];
    let said: Vec<String> =
        parts.into_iter().filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?))).collect();
    Some(said.join(", "))
}

/// A selection is compared by what it means alone.
fn selection_part(rule: &Rule, selection: &Selection) -> Part {
    let name = &selection.name;
    let condition =
        Condition { source: name.clone(), line: 0, expression: Expression::Selection(name.clone()) };
    let mut alone = Rule { tests: Vec::new(), logsource: sigma::Logsource::default(), ..rule.clone() };
    alone.detection.conditions = vec![condition];
    alone.detection.selections.retain(|other| other.name == *name);
    Part {
        key: format!("detection.{name}"),
        words: Some(sigma::search_in_words(&selection.search)),
        compared: Some(hex(alone.semantic_hash())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Documents;
    use model::FieldTable;

    const RULE: &str = "title: T\nid: AB\nlevel: low\nlogsource: {product: aws}\ndetection:\n  s: {a: [x, y]}\n  \
                        f: {b: 1}\n  condition: s and not f\ntests:\n  - {name: n, event: {a: x}, matches: true}\n";

    fn diff(old: &str, new: &str) -> RuleDiff {
        let side = |text: &str| {
            let documents = Documents::parse([("r.yml", text)]);
            let filters = documents.preparation.filters().to_vec();
            let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
            let (detector, report) = Detector::of(documents, &mut vendor, &mut ocsf);
            assert_eq!(report.refused, []);
            (detector, filters)
        };
        let (old, new) = (side(old), side(new));
        let [old, new] = [&old, &new].map(|(detector, filters)| DiffSide { detector, filters });
        RuleDiff::of(old, new)
    }

    fn parts(change: &RuleChange) -> Vec<String> {
        let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let one = |part: &PartChange| format!("{}: {} > {}", part.key, of(&part.from), of(&part.to));
        change.parts.iter().map(one).collect()
    }

    fn said(old: &str, new: &str) -> (bool, Vec<String>) {
        let diff = diff(old, new);
        diff.changed.first().map_or((false, Vec::new()), |change| (change.meaning_changed, parts(change)))
    }

    #[test]
    fn meaning_and_words_are_told_apart() {
        for (from, to, meaning, expected) in [
            ("[x, y]", "[y, 'x']", false, &[][..]),
            ("low", "high", false, &["level: low > high"]),
            ("title: T", "title: U", false, &["title: T > U"]),
            ("id: AB", "id: ab", false, &[]),
            ("{a: x}", "{a: y}", false, &["tests: 1 > 1"]),
            ("[x, y]", "[x, z]", true, &["detection.s: a: [x, y] > a: [x, z]"]),
            ("s and not f", "s or not f", true, &["condition: (s and not f) > (s or not f)"]),
            ("product: aws", "product: gcp", true, &["logsource: product: aws > product: gcp"]),
            ("level: low", "group_by: address", false, &["level: low > -", "group_by: - > \"address\""]),
        ] {
            assert!(RULE.contains(from), "{from}");
            let (changed, parts) = said(RULE, &RULE.replacen(from, to, 1));
            assert_eq!(
                (changed, parts.iter().map(String::as_str).collect::<Vec<_>>()),
                (meaning, expected.to_vec()),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn rules_come_and_go() {
        let other = RULE.replace("id: AB", "id: CD").replace("title: T", "title: Other");
        let both = format!("{RULE}---\n{other}");
        let found = diff(RULE, &both);
        assert_eq!((found.added.len(), found.removed.len(), found.unchanged), (1, 0, 1));
        assert_eq!(
            (found.added[0].title.as_str(), found.added[0].hash.as_ref().unwrap().len()),
            ("Other", 64)
        );
        let found = diff(&both, RULE);
        assert_eq!((found.added.len(), found.removed.len(), found.unchanged), (0, 1, 1));
        assert!(diff(&both, &both).is_empty());
    }

    const MANY: &str = "title: Many\nid: EF\ncorrelation: {type: event_count, rules: [AB], group-by: [u], timespan: 5m, condition: {gte: 5}}\n";

    #[test]
    fn correlations_are_compared_too() {
        let both = format!("{MANY}---\n{RULE}");
        for (replaced, meaning, part) in [
            (&[("gte: 5", "gte: 2")][..], true, "correlation: event_count gte 5 > event_count gte 2"),
            (
                &[("event_count", "value_count"), ("gte: 5", "field: x, gte: 5")],
                true,
                "correlation: event_count gte 5 > value_count of x gte 5",
            ),
            (&[("5m", "10m")], true, "timespan: 300 s > 600 s"),
            (&[("Many", "Few")], false, "title: Many > Few"),
        ] {
            let new = replaced.iter().fold(both.clone(), |text, (from, to)| text.replacen(from, to, 1));
            assert_eq!(said(&both, &new), (meaning, vec![part.to_owned()]), "{replaced:?}");
        }
    }

    #[test]
    fn a_rule_changes_by_what_acts_on_it() {
        const FILTER: &str = "title: Quiet\nid: F\nlogsource: {product: aws}\nfilter:\n  rules: any\n  quiet: {b: 2}\n  condition: not quiet\n";
        const PIPELINE: &str = "name: P\npriority: 10\ntransformations:\n  - {id: m, type: field_name_mapping, mapping: {a: zzz}}\n";
        let both = format!("{MANY}---\n{RULE}");
        for (beside, added, expected) in [
            (FILTER, 1, "condition: (s and not f) > "),
            (PIPELINE, 0, "detection.s: a: [x, y] > zzz: [x, y]"),
        ] {
            let found = diff(&both, &format!("{both}---\n{beside}"));
            assert_eq!((found.added.len(), found.unchanged, found.changed.len()), (added, 0, 2), "{beside}");
            let [many, rule] = &found.changed[..] else { panic!("{beside}") };
            assert!(many.meaning_changed && rule.meaning_changed, "{beside}");
            assert!(parts(rule).iter().any(|part| part.starts_with(expected)), "{:?}", parts(rule));
            assert!(parts(many)[0].starts_with("what its rules match: "), "{:?}", parts(many));
            assert_ne!(many.parts[0].from, many.parts[0].to);
        }
        let placed = RULE.replace("{a: [x, y]}", "{'a|expand': '%admins%'}");
        let value = |value: &str| format!("{placed}---\nplaceholders: {{admins: [{value}]}}\n");
        let expected = "detection.s: a|expand: x > a|expand: y".to_owned();
        assert_eq!(said(&value("x"), &value("y")), (true, vec![expected]));
    }
}
