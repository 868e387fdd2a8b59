//! From the text of a file to rules: documents, legacy actions, metadata.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::correlation::{CorrelationRule, read_correlation};
use crate::detection;
use crate::error::{ErrorCode, Fault, RuleError};
use crate::filter::{self, Filter};
use crate::limits::DOCUMENTS_PER_FILE_MAX;
use crate::logsource::Logsource;
use crate::placeholder::{self, Placeholders};
use crate::processing::{self, Pipeline};
use crate::rule::{Level, Related, Rule, RuleTest, Status};
use crate::yaml::{self, Entry, Node, NodeKind, Scalar};

/// A document of a rule file.
#[derive(Clone, Debug)]
pub enum Document {
    /// A detection rule.
    Rule(Box<Rule>),
    /// A correlation over rules.
    Correlation(Box<CorrelationRule>),
    /// A filter over rules.
    Filter(Box<Filter>),
    /// A processing pipeline.
    Pipeline(Box<Pipeline>),
    /// Values of placeholders.
    Placeholders(Placeholders),
}

/// Reads the documents of one file, in source order: one result for each, so that a bad one
/// neither hides the others nor vanishes.
///
/// `file` only names the file in errors and in [`Rule::file`]. The legacy `action: global`,
/// `repeat` and `reset` are resolved. A document with the key `filter` is a filter, with
/// `transformations` a processing pipeline, with `placeholders` (and no detection) values of
/// placeholders. A rule that parses may still be refused by
/// [`crate::RuleSet::compile`] (a bad regular expression, say), a correlation by
/// [`crate::correlation::CorrelationSet::link`] (a rule that is not there).
pub fn parse_documents(text: &str, file: &str) -> Vec<Result<Document, RuleError>> {
    let file: Arc<str> = file.into();
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let documents = resolve_actions(yaml::read_documents(text));
    documents
        .into_iter()
        .map(|document| {
            document.and_then(|node| read_document(&node, &file)).map_err(|fault| fault.in_file(&file))
        })
        .collect()
}

/// The same where only detection rules are of use: correlations, and filters, pipelines and
/// placeholders, which act on rules and are none, are left out; those that are broken are errors.
pub fn parse_rules(text: &str, file: &str) -> Vec<Result<Rule, RuleError>> {
    let only_rule = |document| match document {
        Ok(Document::Rule(rule)) => Some(Ok(*rule)),
        Ok(Document::Correlation(_)) => None,
        Ok(Document::Filter(_) | Document::Pipeline(_) | Document::Placeholders(_)) => None,
        Err(error) => Some(Err(error)),
    };
    parse_documents(text, file).into_iter().filter_map(only_rule).collect()
}

/// Resolves `action: global` (merged under every later document), `repeat` (the document before
/// with changes) and `reset` (forgets the global part).
fn resolve_actions(documents: Vec<Result<Node, Fault>>) -> Vec<Result<Node, Fault>> {
    let mut resolved = Vec::with_capacity(documents.len().min(DOCUMENTS_PER_FILE_MAX));
    let mut global: Option<Node> = None;
    let mut unused_global_line = None;
    let mut previous: Option<Node> = None;
    for document in documents {
        let mut node = match document {
            Ok(node) => node,
            Err(fault) => {
                resolved.push(Err(fault));
                continue;
            }
        };
        match take_action(&mut node).as_deref() {
            None => {
                let whole = merged(global.as_ref(), node);
                unused_global_line = None;
                previous = Some(whole.clone());
                resolved.push(Ok(whole));
            }
            Some("global") => {
                unused_global_line = Some(node.line);
                global = Some(merged(global.as_ref(), node));
            }
            Some("reset") => global = None,
            Some("repeat") => match previous.take() {
                Some(before) => {
                    let whole = merged(Some(&before), node);
                    previous = Some(whole.clone());
                    resolved.push(Ok(whole));
                }
                None => {
                    let reason = "`action: repeat` has no document before it to repeat";
                    resolved.push(Err(Fault::new(node.line, ErrorCode::BadAction, reason)));
                }
            },
            Some(other) => {
                let reason = format!("`action: {other}` is unknown; Sigma had global, repeat and reset");
                resolved.push(Err(Fault::new(node.line, ErrorCode::BadAction, reason)));
            }
        }
    }
    if let Some(line) = unused_global_line {
        let reason = "`action: global` is followed by no rule, so nothing uses it";
        resolved.push(Err(Fault::new(line, ErrorCode::BadAction, reason)));
    }
    resolved
}

fn take_action(node: &mut Node) -> Option<String> {
    let NodeKind::Map(entries) = &mut node.kind else { return None };
    let at = entries.iter().position(|entry| entry.key == "action")?;
    match &entries.get(at)?.value.kind {
        NodeKind::Scalar(Scalar::Text(action)) => {
            let action = action.clone();
            entries.remove(at);
            Some(action)
        }
        _ => None,
    }
}

/// Maps merge key by key; anything else is replaced. Keeps the later document's line.
fn merged(base: Option<&Node>, over: Node) -> Node {
    let Some(base) = base else { return over };
    match (&base.kind, over.kind) {
        (NodeKind::Map(base_entries), NodeKind::Map(over_entries)) => {
            let mut entries = base_entries.clone();
            for entry in over_entries {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => {
                        known.line = entry.line;
                        known.value = merged(Some(&known.value), entry.value);
                    }
                    None => entries.push(entry),
                }
            }
            Node { line: over.line, kind: NodeKind::Map(entries) }
        }
        (_, kind) => Node { line: over.line, kind },
    }
}

fn read_document(node: &Node, file: &Arc<str>) -> Result<Document, Fault> {
    let Some(entries) = node.as_map() else {
        let reason = format!("a rule is a map of keys, this document is {}", node.shape());
        return Err(Fault::new(node.line, ErrorCode::BadType, reason));
    };
    let keys = Keys { entries, line: node.line };
    if keys.find("correlation").is_some() {
        let correlation = read_correlation(node, &keys, file)?;
        return Ok(Document::Correlation(Box::new(correlation)));
    }
    if keys.find("filter").is_some() {
        return filter::read(&keys, file).map(|filter| Document::Filter(Box::new(filter)));
    }
    if keys.find("detection").is_none() {
        if keys.find("transformations").is_some() {
            return processing::read(&keys, file).map(|pipeline| Document::Pipeline(Box::new(pipeline)));
        }
        if let Some(entry) = keys.find("placeholders") {
            return placeholder::read(entry).map(Document::Placeholders);
        }
    }
    read_rule(node, &keys, file).map(|rule| Document::Rule(Box::new(rule)))
}

fn read_rule(node: &Node, keys: &Keys<'_>, file: &Arc<str>) -> Result<Rule, Fault> {
    let logsource = keys.required("logsource")?;
    let detection = keys.required("detection")?;
    Ok(Rule {
        file: Arc::clone(file),
        line: node.line,
        title: text_of(keys.required("title")?)?,
        id: keys.text("id")?,
        name: keys.text("name")?,
        related: keys.find("related").map_or(Ok(Vec::new()), read_related)?,
        taxonomy: keys.text("taxonomy")?,
        status: keys.word(
            "status",
            Status::from_word,
            "stable, test, experimental, deprecated, unsupported",
        )?,
        description: keys.text("description")?,
        license: keys.text("license")?,
        author: keys.text("author")?,
        references: keys.texts("references")?,
        date: keys.text("date")?,
        modified: keys.text("modified")?,
        logsource: read_logsource(logsource)?,
        detection: detection::read(&detection.value, detection.line)?,
        fields: keys.texts("fields")?,
        falsepositives: keys.texts("falsepositives")?,
        level: keys.word("level", Level::from_word, "informational, low, medium, high, critical")?,
        tags: keys.texts("tags")?,
        scope: keys.texts("scope")?,
        owner: keys.text("owner")?,
        runbook: keys.text("runbook")?,
        tests: keys.find("tests").map_or(Ok(Vec::new()), read_tests)?,
        custom: keys.others(KNOWN_KEYS),
    })
}

/// Keys with a meaning of their own; every other is kept in [`Rule::custom`].
const KNOWN_KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "owner",
    "runbook",
    "tests",
];

/// The keys of a rule.
pub(crate) struct Keys<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) line: u32,
}

impl<'a> Keys<'a> {
    pub(crate) fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn required(&self, key: &str) -> Result<&'a Entry, Fault> {
        self.find(key).ok_or_else(|| {
            Fault::new(self.line, ErrorCode::MissingPart, format!("the rule has no `{key}`; add it"))
        })
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Fault> {
        match self.find(key) {
            None => Ok(None),
            Some(entry) if matches!(entry.value.kind, NodeKind::Scalar(Scalar::Null)) => Ok(None),
            Some(entry) => text_of(entry).map(Some),
        }
    }

    /// A list of texts; a single text stands for a list of one.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, Fault> {
        let Some(entry) = self.find(key) else { return Ok(Vec::new()) };
        match &entry.value.kind {
            NodeKind::Scalar(Scalar::Null) => Ok(Vec::new()),
            NodeKind::Scalar(scalar) => Ok(vec![scalar_text(scalar)]),
            NodeKind::List(items) => items
                .iter()
                .map(|item| match &item.kind {
                    NodeKind::Scalar(scalar) => Ok(scalar_text(scalar)),
                    _ => Err(bad_type(key, "a list of strings", item)),
                })
                .collect(),
            NodeKind::Map(_) => Err(bad_type(key, "a list of strings", &entry.value)),
        }
    }

    pub(crate) fn word<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Option<T>,
        words: &str,
    ) -> Result<Option<T>, Fault> {
        let Some(entry) = self.find(key) else { return Ok(None) };
        let word = text_of(entry)?;
        match read(&word) {
            Some(value) => Ok(Some(value)),
            None => {
                let reason = format!("`{key}: {word}` is not one of: {words}");
                Err(Fault::new(entry.line, ErrorCode::BadWord, reason))
            }
        }
    }

    /// Every key that is not one of `known`.
    pub(crate) fn others(&self, known: &[&str]) -> BTreeMap<String, serde_json::Value> {
        self.entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
            .map(|entry| (entry.key.clone(), entry.value.to_json()))
            .collect()
    }
}

pub(crate) fn bad_type(key: &str, expected: &str, node: &Node) -> Fault {
    let reason = format!("`{key}` must be {expected}, here it is {}", node.shape());
    Fault::new(node.line, ErrorCode::BadType, reason)
}

pub(crate) fn scalar_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => String::new(),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Number(_, text) | Scalar::Text(text) => text.clone(),
    }
}

pub(crate) fn text_of(entry: &Entry) -> Result<String, Fault> {
    match &entry.value.kind {
        NodeKind::Scalar(Scalar::Null) | NodeKind::List(_) | NodeKind::Map(_) => {
            Err(bad_type(&entry.key, "a string", &entry.value))
        }
        NodeKind::Scalar(scalar) => Ok(scalar_text(scalar)),
    }
}

pub(crate) fn read_logsource(entry: &Entry) -> Result<Logsource, Fault> {
    let Some(entries) = entry.value.as_map() else {
        return Err(bad_type("logsource", "a map", &entry.value));
    };
    let keys = Keys { entries, line: entry.line };
    let logsource = Logsource {
        category: keys.text("category")?,
        product: keys.text("product")?,
        service: keys.text("service")?,
        definition: keys.text("definition")?,
    };
    if logsource.is_empty() {
        let reason = "the logsource names no category, product or service, so the rule is for no source";
        return Err(Fault::new(entry.line, ErrorCode::BadLogsource, reason));
    }
    Ok(logsource)
}

fn read_related(entry: &Entry) -> Result<Vec<Related>, Fault> {
    let NodeKind::List(items) = &entry.value.kind else {
        return Err(bad_type("related", "a list of `{id, type}`", &entry.value));
    };
    items
        .iter()
        .map(|item| {
            let entries = item.as_map().ok_or_else(|| bad_type("related", "a list of `{id, type}`", item))?;
            let keys = Keys { entries, line: item.line };
            Ok(Related { id: text_of(keys.required("id")?)?, kind: text_of(keys.required("type")?)? })
        })
        .collect()
}

fn read_tests(entry: &Entry) -> Result<Vec<RuleTest>, Fault> {
    let shape = "`tests` is a list of `{name: text, event: map, matches: true or false}`";
    let fault = |line: u32, found: &str| Fault::new(line, ErrorCode::BadTest, format!("{shape}; {found}"));
    let NodeKind::List(items) = &entry.value.kind else {
        return Err(fault(entry.line, &format!("here it is {}", entry.value.shape())));
    };
    items
        .iter()
        .map(|item| {
            let entries = item.as_map().ok_or_else(|| fault(item.line, "an entry is not a map"))?;
            if let Some(other) =
                entries.iter().find(|e| !matches!(e.key.as_str(), "name" | "event" | "matches"))
            {
                return Err(fault(other.line, &format!("`{}` has no meaning in it", other.key)));
            }
            let find = |key: &str| {
                let found = entries.iter().find(|e| e.key == key);
                found.ok_or_else(|| fault(item.line, &format!("`{key}` is missing")))
            };
            let event = &find("event")?.value;
            if event.as_map().is_none() {
                return Err(fault(event.line, "the event is not a map"));
            }
            let matches = find("matches")?;
            let NodeKind::Scalar(Scalar::Bool(expected)) = matches.value.kind else {
                return Err(fault(matches.line, "`matches` is neither true nor false"));
            };
            Ok(RuleTest {
                name: text_of(find("name")?)?,
                event: event.to_json(),
                matches: expected,
                line: item.line,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: T\nlogsource: {product: aws}\ndetection:\n  sel: {a: 1}\n  condition: sel\n";

    fn codes(text: &str) -> Vec<String> {
        parse_rules(text, "f.yml")
            .into_iter()
            .map(|result| match result {
                Ok(rule) => rule.title,
                Err(error) => format!("{}:{}", error.line, error.code),
            })
            .collect()
    }

    #[test]
    fn one_result_for_each_document() {
        let file = format!(
            "{RULE}---\ntitle: C\ncorrelation: {{type: temporal, rules: [T], timespan: 5m}}\n---\nfilter: {{}}\n---\n\
             {RULE}---\ncorrelation: {{type: event_count}}\n"
        );
        assert_eq!(parse_documents(&file, "f.yml").len(), 5);
        assert_eq!(codes(&file), ["T", "10:missing-part", "T", "18:missing-part"]);
    }

    #[test]
    fn refusals_name_line_and_code() {
        for (text, expected) in [
            ("- a\n", "1:bad-type"),
            ("title: T\n", "1:missing-part"),
            ("title: T\nlogsource: {}\ndetection: {a: {b: 1}, condition: a}\n", "2:bad-logsource"),
            ("title: [T]\nlogsource: {product: a}\ndetection: {a: {b: 1}, condition: a}\n", "1:bad-type"),
            (&RULE.replace("title: T", "title: T\nlevel: grave"), "2:bad-word"),
            (&RULE.replace("title: T", "title: T\nstatus: good"), "2:bad-word"),
            (&RULE.replace("condition: sel", "condition: other"), "5:unknown-selection"),
            (&RULE.replace("condition: sel", "condition: sel and 1 of x*"), "5:unknown-selection"),
            (&RULE.replace("  condition: sel\n", ""), "3:missing-part"),
            (&RULE.replace("{a: 1}", "{a|containz: 1}"), "4:unknown-modifier"),
            (&RULE.replace("{a: 1}", "{a: {b: 1}}"), "4:bad-value"),
            (&RULE.replace("{a: 1}", "{'a[ANY]': 1}"), "4:unknown-quantifier"),
            (&RULE.replace("{a: 1}", "{'a[every]': {b: 1}}"), "4:unknown-quantifier"),
            (&RULE.replace("{a: 1}", "{'a[0]|contains': b}"), "4:unknown-quantifier"),
            (&RULE.replace("{a: 1}", "{'a[]': b}"), "4:unknown-quantifier"),
            (&RULE.replace("{a: 1}", "{'a[any]': {'b[evry]': c}}"), "4:unknown-quantifier"),
            (&RULE.replace("{a: 1}", "{a|fieldref: 'b[any]'}"), "4:bad-value"),
            (&RULE.replace("{a: 1}", "{a: []}"), "4:bad-value"),
            (&format!("{RULE}tests: [{{name: x, event: {{}}, fires: true}}]\n"), "6:bad-test"),
            (&format!("{RULE}tests: [{{name: x, event: 1, matches: true}}]\n"), "6:bad-test"),
            (&format!("{RULE}tests: [{{name: x, event: {{}}, matches: maybe}}]\n"), "6:bad-test"),
        ] {
            assert_eq!(codes(text), [expected], "{text}");
        }
    }

    #[test]
    fn a_mistyped_quantifier_is_told_what_was_meant() {
        for (key, hint) in [
            ("a.b[ANY]", "write `a.b[any]`"),
            ("a[every]", "write `a[all]`"),
            ("a[all-or-empty]", "write `a[all_or_empty]`"),
            ("a[no]", "write `a[none]`"),
            ("a[0]", "elements are not asked for by their position; `0` in `a[0]`"),
            ("a[x]", r"`a\[x]`"),
        ] {
            let text = RULE.replace("{a: 1}", &format!("{{'{key}': 1}}"));
            let error = parse_rules(&text, "f").remove(0).unwrap_err();
            assert!(error.reason.contains(hint), "{key}: {error}");
        }
    }

    #[test]
    fn legacy_actions_resolve() {
        let file = "action: global\ntitle: G\nlogsource: {product: windows}\ndetection:\n  condition: sel\n---\n\
                    detection:\n  sel: {a: 1}\n---\ntitle: H\ndetection:\n  sel: {a: 2}\n---\n\
                    action: repeat\ntitle: I\n---\naction: reset\n---\ntitle: alone\n";
        assert_eq!(codes(file), ["G", "H", "I", "19:missing-part"]);
        assert_eq!(codes("action: global\ntitle: G\n"), ["1:bad-action"]);
        assert_eq!(codes("action: repeat\ntitle: G\n"), ["1:bad-action"]);
        assert_eq!(codes("action: undo\ntitle: G\n"), ["1:bad-action"]);
    }

    #[test]
    fn metadata_and_tests_are_kept() {
        let text = format!(
            "{RULE}id: 0a\nlevel: high\nstatus: test\ntags: [attack.t1078]\nfalsepositives: Unknown\n\
             owner: cloud\nrunbook: look\nregression_tests_path: x\nrelated: [{{id: 1b, type: derived}}]\n\
             tests:\n- name: fires\n  event: {{a: 1, n: null}}\n  matches: true\n"
        );
        let rule = parse_rules(&text, "f.yml").remove(0).unwrap();
        assert_eq!(rule.level, Some(Level::High));
        assert_eq!(rule.status, Some(Status::Test));
        assert_eq!(rule.falsepositives, ["Unknown"]);
        assert_eq!(rule.owner.as_deref(), Some("cloud"));
        assert_eq!(rule.runbook.as_deref(), Some("look"));
        assert_eq!(rule.related, [Related { id: "1b".into(), kind: "derived".into() }]);
        assert_eq!(rule.custom.keys().collect::<Vec<_>>(), ["regression_tests_path"]);
        let event = serde_json::json!({"a": 1, "n": null});
        assert_eq!(rule.tests, [RuleTest { name: "fires".into(), event, matches: true, line: 16 }]);
    }
}
