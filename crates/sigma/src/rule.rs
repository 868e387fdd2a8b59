//! A rule as written: the syntax tree that is linted, hashed, compiled and shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::condition::Condition;
use crate::logsource::Logsource;
use crate::modifier::Modifier;
pub use crate::yaml::Scalar;

/// A detection rule (Sigma rules specification 2.1).
#[derive(Clone, Debug)]
pub struct Rule {
    /// The file as named by the caller.
    pub file: Arc<str>,
    /// Line at which the document's first key stands, from 1.
    pub line: u32,
    /// What the rule detects.
    pub title: String,
    /// A UUID, as the specification has it; not checked here (see [`crate::lint()`]).
    pub id: Option<String>,
    /// Unique readable name for use in correlations.
    pub name: Option<String>,
    /// Relations to other rules.
    pub related: Vec<Related>,
    /// Names used for fields; `sigma` unless said.
    pub taxonomy: Option<String>,
    /// Maturity.
    pub status: Option<Status>,
    /// What is detected and why it matters.
    pub description: Option<String>,
    /// SPDX identifier.
    pub license: Option<String>,
    /// Authors, separated by commas.
    pub author: Option<String>,
    /// Where the rule comes from.
    pub references: Vec<String>,
    /// Day of creation, as written.
    pub date: Option<String>,
    /// Day of the last change, as written.
    pub modified: Option<String>,
    /// Which events the rule is for.
    pub logsource: Logsource,
    /// What it looks for.
    pub detection: Detection,
    /// Fields to show to the analyst.
    pub fields: Vec<String>,
    /// Known false positives.
    pub falsepositives: Vec<String>,
    /// How grave a hit is.
    pub level: Option<Level>,
    /// For instance `attack.t1078`.
    pub tags: Vec<String>,
    /// Kinds of machines the rule is meant for.
    pub scope: Vec<String>,
    /// Team that answers for the rule (own extension).
    pub owner: Option<String>,
    /// What to do about a hit: a link or a text (own extension).
    pub runbook: Option<String>,
    /// The rule's own tests (own extension).
    pub tests: Vec<RuleTest>,
    /// Every other key, as the specification allows.
    pub custom: BTreeMap<String, serde_json::Value>,
}

/// A relation to another rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// The other rule's id.
    pub id: String,
    /// `correlation`, `derived`, `obsolete`, `merged`, `renamed`, `similar`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Maturity of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Cannot be used as it stands.
    Unsupported,
    /// Replaced by another.
    Deprecated,
    /// May be noisy.
    Experimental,
    /// Mostly stable.
    Test,
    /// For production.
    Stable,
}

/// How grave a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Enrichment only; no alert.
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// To be looked at regularly.
    Medium,
    /// To be looked at promptly.
    High,
    /// To be looked at now.
    Critical,
}

impl Status {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "unsupported" => Status::Unsupported,
            "deprecated" => Status::Deprecated,
            "experimental" => Status::Experimental,
            "test" => Status::Test,
            "stable" => Status::Stable,
            _ => return None,
        })
    }

    /// The word as written in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unsupported => "unsupported",
            Status::Deprecated => "deprecated",
            Status::Experimental => "experimental",
            Status::Test => "test",
            Status::Stable => "stable",
        }
    }
}

impl Level {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "informational" => Level::Informational,
            "low" => Level::Low,
            "medium" => Level::Medium,
            "high" => Level::High,
            "critical" => Level::Critical,
            _ => return None,
        })
    }

    /// The word as written in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
}

/// The selections and how they combine.
#[derive(Clone, Debug)]
pub struct Detection {
    /// In source order.
    pub selections: Vec<Selection>,
    /// More than one are alternatives.
    pub conditions: Vec<Condition>,
}

/// A named search.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The search identifier.
    pub name: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// What it searches.
    pub search: Search,
}

/// The body of a selection.
#[derive(Clone, Debug)]
pub enum Search {
    /// A map: every item must match.
    All(Vec<Item>),
    /// A list: one member must match.
    Any(Vec<Search>),
}

/// One field (or none: a keyword search over the whole event), its modifiers and values.
#[derive(Clone, Debug)]
pub struct Item {
    /// The field's path; `None` searches every string and number of the event.
    pub field: Option<String>,
    /// In source order.
    pub modifiers: Vec<Modifier>,
    /// Alternatives, or with `all` all required. Empty only where elements are asked.
    pub values: Vec<Scalar>,
    /// Whether the values were written as a list.
    pub is_list: bool,
    /// Whether a modifier was written in upper case, which other tools refuse.
    pub has_uppercase_modifier: bool,
    /// What the elements of the field's array are asked, in place of values.
    pub elements: Option<Elements>,
    /// Line in the file, from 1.
    pub line: u32,
}

/// A question about the elements of an array, each for itself (Sigma enhancement proposal 212).
#[derive(Clone, Debug)]
pub struct Elements {
    /// How many of the elements must answer it.
    pub quantifier: Quantifier,
    /// The question. Its fields are paths within an element; `.` is the element itself.
    pub body: Box<Search>,
}

/// How many elements of an array must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// Every one, and there is one.
    All,
    /// Every one, if there is one.
    AllOrEmpty,
    /// Not one.
    None,
}

impl Quantifier {
    /// Each of them.
    pub(crate) const EACH: [Quantifier; 4] =
        [Quantifier::Any, Quantifier::All, Quantifier::AllOrEmpty, Quantifier::None];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Quantifier::EACH.into_iter().find(|quantifier| quantifier.as_str() == word)
    }

    /// As it stands in brackets after the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Quantifier::Any => "any",
            Quantifier::All => "all",
            Quantifier::AllOrEmpty => "all_or_empty",
            Quantifier::None => "none",
        }
    }

    /// The answer, by those of the elements one after another.
    pub(crate) fn of(self, mut answers: impl Iterator<Item = bool>) -> bool {
        match self {
            Quantifier::Any => answers.any(|answer| answer),
            Quantifier::None => !answers.any(|answer| answer),
            Quantifier::AllOrEmpty => answers.all(|answer| answer),
            Quantifier::All => answers.next().is_some_and(|first| first && answers.all(|answer| answer)),
        }
    }
}

impl Item {
    pub(crate) fn has(&self, modifier: Modifier) -> bool {
        self.modifiers.contains(&modifier)
    }
}

/// A rule's own test: does it match this record? Runs through any [`crate::EventView`] the caller
/// makes of the record.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTest {
    /// What the test shows.
    pub name: String,
    /// The raw record in the vendor's names (OCSF names for `product: ocsf`).
    pub event: serde_json::Value,
    /// Whether the rule must match it.
    pub matches: bool,
    /// Line in the file, from 1.
    pub line: u32,
}

impl Search {
    /// Every item, in source order; not those within an item that asks about elements.
    pub fn items(&self) -> Vec<&Item> {
        match self {
            Search::All(items) => items.iter().collect(),
            Search::Any(searches) => searches.iter().flat_map(Search::items).collect(),
        }
    }

    /// Every item with the path of its field in the event, in source order; those within an item that asks about
    /// elements come after it. Keywords have no path.
    pub fn items_within(&self) -> Vec<(Option<String>, &Item)> {
        let mut found = Vec::new();
        self.collect_within("", &mut found);
        found
    }

    /// Recursion is as deep as a selection may nest.
    fn collect_within<'s>(&'s self, around: &str, found: &mut Vec<(Option<String>, &'s Item)>) {
        match self {
            Search::All(items) => {
                for item in items {
                    let path = item.field.as_deref().map(|name| path_within(around, name));
                    found.push((path.clone(), item));
                    if let (Some(elements), Some(path)) = (&item.elements, &path) {
                        elements.body.collect_within(path, found);
                    }
                }
            }
            Search::Any(searches) => searches.iter().for_each(|search| search.collect_within(around, found)),
        }
    }

    /// Calls `change` with every item, those within an item that asks about elements after it, until it fails.
    pub(crate) fn each_item_mut<E>(
        &mut self,
        change: &mut dyn FnMut(&mut Item) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Search::All(items) => items.iter_mut().try_for_each(|item| {
                change(item)?;
                match &mut item.elements {
                    Some(elements) => elements.body.each_item_mut(change),
                    None => Ok(()),
                }
            }),
            Search::Any(searches) => searches.iter_mut().try_for_each(|search| search.each_item_mut(change)),
        }
    }
}

/// The path in the event of a field as it is named within the elements of an array; `around` is the array's path,
/// empty for the event. `.` is the element itself.
pub fn path_within(around: &str, name: &str) -> String {
    match (around, name) {
        ("", name) => name.to_owned(),
        (around, ".") => around.to_owned(),
        (around, name) => format!("{around}.{name}"),
    }
}
