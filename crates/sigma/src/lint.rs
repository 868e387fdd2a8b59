//! What is allowed but unwise, so that a rule's author hears of it before an incident does.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::condition::{Expression, Target};
use crate::modifier::Modifier;
use crate::pattern::{self, Token};
use crate::rule::{Item, Rule, Scalar, Search, Selection};

/// Something unwise in a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// The file as named by the caller.
    #[serde(serialize_with = "crate::error::write_file")]
    pub file: Arc<str>,
    /// Line in the file, from 1.
    pub line: u32,
    /// Stable code, for instance `unused-selection`.
    pub code: &'static str,
    /// What is unwise and what to do.
    pub message: String,
}

/// Looks at one rule.
pub fn lint(rule: &Rule) -> Vec<Lint> {
    let mut found = Findings { rule, lints: Vec::new() };
    lint_metadata(&mut found);
    lint_tests(&mut found);
    lint_conditions(&mut found);
    for selection in &rule.detection.selections {
        for (_, item) in selection.search.items_within() {
            lint_item(&mut found, selection, item);
        }
    }
    found.lints
}

/// Looks at what only the whole set shows: ids and names that stand twice.
pub fn lint_set(rules: &[Rule]) -> Vec<Lint> {
    let mut lints = Vec::new();
    for (code, what, key) in [
        ("duplicate-id", "id", (|rule: &Rule| rule.id.as_deref()) as fn(&Rule) -> Option<&str>),
        ("duplicate-name", "name", |rule: &Rule| rule.name.as_deref()),
    ] {
        let mut first: HashMap<String, &Rule> = HashMap::new();
        for rule in rules {
            let Some(value) = key(rule) else { continue };
            match first.get(&value.to_ascii_lowercase()) {
                Some(other) => lints.push(Lint {
                    file: Arc::clone(&rule.file),
                    line: rule.line,
                    code,
                    message: format!(
                        "the {what} `{value}` belongs to `{}` ({}:{}) too; give this rule its own",
                        other.title, other.file, other.line
                    ),
                }),
                None => {
                    first.insert(value.to_ascii_lowercase(), rule);
                }
            }
        }
    }
    lints
}

struct Findings<'r> {
    rule: &'r Rule,
    lints: Vec<Lint>,
}

impl Findings<'_> {
    fn add(&mut self, line: u32, code: &'static str, message: impl Into<String>) {
        self.lints.push(Lint { file: Arc::clone(&self.rule.file), line, code, message: message.into() });
    }
}

fn lint_metadata(found: &mut Findings<'_>) {
    let rule = found.rule;
    let line = rule.line;
    match &rule.id {
        None => found.add(line, "missing-id", "the rule has no `id`; give it a random UUID"),
        Some(id) if !is_uuid(id) => {
            found.add(line, "id-not-uuid", format!("the id `{id}` is no UUID (8-4-4-4-12 hex digits)"));
        }
        Some(_) => {}
    }
    for (missing, code, message) in [
        (rule.level.is_none(), "missing-level", "the rule has no `level`, so its hits cannot be ranked"),
        (rule.tags.is_empty(), "missing-tags", "the rule has no `tags`; name the ATT&CK technique"),
        (rule.author.is_none(), "missing-author", "the rule has no `author`"),
        (rule.description.is_none(), "missing-description", "the rule has no `description`"),
        (rule.status.is_none(), "missing-status", "the rule has no `status`"),
    ] {
        if missing {
            found.add(line, code, message);
        }
    }
    if let Some(tag) = rule.tags.iter().find(|tag| !is_tag(tag)) {
        found.add(line, "bad-tag", format!("the tag `{tag}` should be `namespace.name` in lower case"));
    }
}

pub(crate) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

pub(crate) fn is_tag(tag: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    tag.contains('.') && tag.split('.').all(is_word)
}

fn lint_tests(found: &mut Findings<'_>) {
    let rule = found.rule;
    for (expected, code, message) in [
        (true, "no-firing-test", "no entry of `tests` has `matches: true`; show one event the rule finds"),
        (false, "no-silent-test", "no entry of `tests` has `matches: false`; show one event it leaves alone"),
    ] {
        if !rule.tests.iter().any(|test| test.matches == expected) {
            found.add(rule.line, code, message);
        }
    }
}

fn lint_conditions(found: &mut Findings<'_>) {
    let rule = found.rule;
    for selection in &rule.detection.selections {
        if !rule.detection.conditions.iter().any(|condition| uses(&condition.expression, &selection.name)) {
            let message = format!("the condition never uses `{}`", selection.name);
            found.add(selection.line, "unused-selection", message);
        }
    }
    for condition in &rule.detection.conditions {
        lint_expression(found, &condition.expression, condition.line);
    }
}

fn uses(expression: &Expression, name: &str) -> bool {
    match expression {
        Expression::Selection(selection) => selection == name,
        Expression::Of { target, .. } => target.includes(name),
        Expression::Not(inner) => uses(inner, name),
        Expression::And(members) | Expression::Or(members) => members.iter().any(|member| uses(member, name)),
    }
}

fn lint_expression(found: &mut Findings<'_>, expression: &Expression, line: u32) {
    match expression {
        Expression::Selection(_) => {}
        Expression::Of { all, target } => {
            let selections = &found.rule.detection.selections;
            let count = selections.iter().filter(|selection| target.includes(&selection.name)).count();
            if count == 1 {
                let message = format!("`{expression}` is one selection; name it");
                found.add(line, "quantifier-over-one", message);
            }
            if *all && *target == Target::Them {
                let message = "`all of them` leaves nobody room to add a filter; use `all of selection_*`";
                found.add(line, "all-of-them", message);
            }
        }
        Expression::Not(inner) => lint_expression(found, inner, line),
        Expression::And(members) | Expression::Or(members) => {
            members.iter().for_each(|member| lint_expression(found, member, line));
        }
    }
}

fn lint_item(found: &mut Findings<'_>, selection: &Selection, item: &Item) {
    if item.has_uppercase_modifier {
        found.add(item.line, "uppercase-modifier", "write modifiers in lower case; other tools refuse these");
    }
    if item.has(Modifier::All) && item.values.len() == 1 {
        found.add(item.line, "all-of-one-value", "`all` on a single value does nothing; drop it");
    }
    if item.values.len() > 1 && item.values.contains(&Scalar::Null) {
        let message = "null beside other values is against the specification; give it a selection of its own";
        found.add(item.line, "null-in-list", message);
    }
    let is_alone = matches!(&selection.search, Search::All(items) if items.len() == 1);
    for value in &item.values {
        if let Scalar::Text(text) = value {
            lint_text(found, item, text, is_alone);
        }
    }
}

fn lint_text(found: &mut Findings<'_>, item: &Item, text: &str, is_alone: bool) {
    use Modifier::{Cidr, Contains, EndsWith, Expand, FieldRef, Re, StartsWith};
    if [Re, Cidr, FieldRef, Expand].into_iter().any(|modifier| item.has(modifier)) {
        return;
    }
    let tokens = pattern::tokenize(text, false);
    let placed = [Contains, StartsWith, EndsWith].into_iter().any(|modifier| item.has(modifier));
    if tokens == [Token::Many] && !placed {
        let message = "`*` alone asks whether the field is there; say `|exists: true`";
        found.add(item.line, "lone-wildcard", message);
    }
    if placed && tokens.iter().all(|token| *token == Token::Many) {
        let more = if is_alone { ", so the selection matches every event that has the field" } else { "" };
        found.add(item.line, "matches-everything", format!("`{text}` stands in every text{more}"));
    }
    let starts = tokens.first() == Some(&Token::Many) && tokens.len() > 1;
    let ends = tokens.last() == Some(&Token::Many) && tokens.len() > 1;
    if placed && ((starts && !item.has(StartsWith)) || (ends && !item.has(EndsWith))) {
        let message = format!("the outer `*` of `{text}` does nothing beside the modifier; drop it");
        found.add(item.line, "needless-wildcard", message);
    }
    if let Some(before) = text.find(r"\*").map(|at| text.get(..at).unwrap_or_default())
        && !before.ends_with('\\')
        && before.contains(['\\', ':'])
    {
        let message = format!(
            r"in `{text}` the backslash makes `*` a plain asterisk; for a backslash and anything write `\\*`"
        );
        found.add(item.line, "escaped-wildcard", message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_rules;

    const GOOD: &str = "title: T\nid: 929a690e-bef0-4204-a928-ef5e620d6fcc\nlevel: low\nstatus: test\n\
        description: D\nauthor: A\ntags: [attack.t1078]\nlogsource: {product: aws}\ndetection:\n  \
        sel: {a: b}\n  condition: sel\ntests:\n- {name: y, event: {a: b}, matches: true}\n\
        - {name: n, event: {a: c}, matches: false}\n";

    fn codes(text: &str) -> Vec<&'static str> {
        let rule = parse_rules(text, "f").remove(0).unwrap();
        lint(&rule).into_iter().map(|lint| lint.code).collect()
    }

    #[test]
    fn a_good_rule_has_no_lints() {
        assert_eq!(codes(GOOD), [""; 0]);
    }

    #[test]
    fn each_trap_has_its_code() {
        for (from, to, expected) in [
            ("id: 929a690e-bef0-4204-a928-ef5e620d6fcc\n", "", "missing-id"),
            ("id: 929a690e-", "id: 929a690e_", "id-not-uuid"),
            ("level: low\n", "", "missing-level"),
            ("status: test\n", "", "missing-status"),
            ("author: A\n", "", "missing-author"),
            ("description: D\n", "", "missing-description"),
            ("tags: [attack.t1078]\n", "", "missing-tags"),
            ("attack.t1078", "T1078", "bad-tag"),
            ("matches: true", "matches: false", "no-firing-test"),
            ("matches: false", "matches: true", "no-silent-test"),
            ("condition: sel", "other: {c: d}\n  condition: sel", "unused-selection"),
            ("condition: sel", "condition: 1 of sel*", "quantifier-over-one"),
            ("condition: sel", "x: {c: d}\n  condition: all of them", "all-of-them"),
            ("{a: b}\n", "{a|Contains: b}\n", "uppercase-modifier"),
            ("{a: b}\n", "{a|contains|all: b}\n", "all-of-one-value"),
            ("{a: b}\n", "{a: [b, null]}\n", "null-in-list"),
            ("{a: b}\n", "{a: '*'}\n", "lone-wildcard"),
            ("{a: b}\n", "{a|contains: ''}\n", "matches-everything"),
            ("{a: b}\n", "{a|startswith: 'x*'}\n", "needless-wildcard"),
            ("{a: b}\n", "{a|endswith: 'C:\\*'}\n", "escaped-wildcard"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(codes(&GOOD.replacen(from, to, 1)), [expected], "{to}");
        }
    }

    #[test]
    fn a_set_knows_its_doubles() {
        let text = format!("{GOOD}name: x\n---\n{GOOD}name: x\n");
        let rules: Vec<Rule> = parse_rules(&text, "f").into_iter().map(Result::unwrap).collect();
        let codes: Vec<_> = lint_set(&rules).into_iter().map(|lint| lint.code).collect();
        assert_eq!(codes, ["duplicate-id", "duplicate-name"]);
    }
}
