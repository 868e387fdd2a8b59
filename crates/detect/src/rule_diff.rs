//! What a change of a rule folder changes: rules added, removed, changed in what they mean, or only in words.

use serde::Serialize;
use sigma::correlation::CorrelationRule;
use sigma::rule::Selection;
use sigma::{Condition, Document, Expression, Filter, FilterTargets, Rule};
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
    /// Hex SHA-256 of what a rule means; none for a correlation, whose meaning is that of its rules too.
    pub hash: Option<String>,
}

/// One rule that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// As it is.
    pub rule: RuleNote,
    /// Whether it means something else than before: it may match other events, and its findings have new ids.
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

impl RuleDiff {
    /// Compares the documents of two folders. A rule, correlation or filter is known by its id, without case; one
    /// without an id by its title. Processing pipelines and placeholders are not compared.
    pub fn of(old: &[Document], new: &[Document]) -> Self {
        let mut before: HashMap<String, Sheet> =
            old.iter().filter_map(Sheet::of).map(|sheet| (sheet.key.clone(), sheet)).collect();
        let mut diff = Self::default();
        for sheet in new.iter().filter_map(Sheet::of) {
            match before.remove(&sheet.key) {
                None => diff.added.push(sheet.note),
                Some(old) => match old.change(sheet) {
                    Some(change) => diff.changed.push(change),
                    None => diff.unchanged += 1,
                },
            }
        }
        diff.removed = before.into_values().map(|sheet| sheet.note).collect();
        diff.removed.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        diff.changed.sort_by_key(|change| !change.meaning_changed);
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
    tests: (usize, String),
}

impl Sheet {
    fn of(document: &Document) -> Option<Self> {
        match document {
            Document::Rule(rule) => Some(Self::of_rule(rule)),
            Document::Correlation(rule) => Some(Self::of_correlation(rule)),
            Document::Filter(filter) => Some(Self::of_filter(filter)),
            Document::Pipeline(_) | Document::Placeholders(_) => None,
        }
    }

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
        Self { key: key(&note), tests: (0, String::new()), note, words, meaning }
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
        Self { key: key(&note), tests: (tests.len(), format!("{tests:?}")), note, words, meaning }
    }

    fn of_correlation(rule: &CorrelationRule) -> Self {
        let note = RuleNote {
            id: rule.id.clone(),
            title: rule.title.clone(),
            file: rule.file.to_string(),
            line: rule.line,
            level: rule.level.map(sigma::Level::as_str),
            status: rule.status.map(sigma::Status::as_str),
            hash: None,
        };
        let mut words = common_words(&note, &rule.tags, [&rule.owner, &rule.runbook, &rule.description]);
        words.push(Part::plain("falsepositives", list(&rule.falsepositives)));
        words.extend(rule.custom.iter().map(|(key, value)| Part::plain(key, Some(value.to_string()))));
        let asks = Part {
            key: "correlation".to_owned(),
            words: Some(rule.kind.as_str().to_owned()),
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
        Self { key: key(&note), tests: (tests.len(), format!("{tests:?}")), note, words, meaning }
    }

    /// What is different in the newer sheet; `None` where nothing is.
    fn change(self, new: Self) -> Option<RuleChange> {
        let mut parts = changed(&self.words, &new.words);
        let meaning = changed(&self.meaning, &new.meaning);
        // a rule's hash decides, where there is one: it knows which differences are none
        let meaning_changed = match (&self.note.hash, &new.note.hash) {
            (Some(old), Some(new)) => old != new,
            _ => !meaning.is_empty(),
        };
        if meaning_changed {
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

    const RULE: &str = "title: T\nid: AB\nlevel: low\nlogsource: {product: aws}\ndetection:\n  s: {a: [x, y]}\n  \
                        f: {b: 1}\n  condition: s and not f\ntests:\n  - {name: n, event: {a: x}, matches: true}\n";

    fn rules(text: &str) -> Vec<Document> {
        sigma::parse_documents(text, "r.yml").into_iter().map(Result::unwrap).collect()
    }

    fn said(old: &str, new: &str) -> (bool, Vec<String>) {
        let diff = RuleDiff::of(&rules(old), &rules(new));
        let Some(change) = diff.changed.first() else { return (false, Vec::new()) };
        let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let parts =
            change.parts.iter().map(|part| format!("{}: {} > {}", part.key, of(&part.from), of(&part.to)));
        (change.meaning_changed, parts.collect())
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
        let diff = RuleDiff::of(&rules(RULE), &rules(&both));
        assert_eq!((diff.added.len(), diff.removed.len(), diff.unchanged), (1, 0, 1));
        assert_eq!((diff.added[0].title.as_str(), diff.added[0].hash.as_ref().unwrap().len()), ("Other", 64));
        let diff = RuleDiff::of(&rules(&both), &rules(RULE));
        assert_eq!((diff.added.len(), diff.removed.len(), diff.unchanged), (0, 1, 1));
        assert!(RuleDiff::of(&rules(&both), &rules(&both)).is_empty());
    }

    #[test]
    fn correlations_are_compared_too() {
        const MANY: &str = "title: Many\nid: EF\ncorrelation: {type: event_count, rules: [AB], group-by: [u], timespan: 5m, condition: {gte: 5}}\n";
        let both = format!("{MANY}---\n{RULE}");
        for (from, to, meaning, key) in [
            ("gte: 5", "gte: 6", true, "correlation"),
            ("5m", "10m", true, "timespan"),
            ("Many", "Few", false, "title"),
        ] {
            let diff = RuleDiff::of(&rules(&both), &rules(&both.replacen(from, to, 1)));
            let change = &diff.changed[0];
            assert_eq!((change.meaning_changed, change.parts[0].key.as_str()), (meaning, key), "{from}");
        }
    }
}
