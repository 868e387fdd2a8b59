//! What of a correlation is allowed but unwise.

use std::sync::Arc;

use crate::lint::{Lint, is_tag, is_uuid};

use super::rule::{CorrelationKind, CorrelationRule};
use super::threshold::{Comparison, Micro};

/// Looks at one correlation.
pub fn lint(rule: &CorrelationRule) -> Vec<Lint> {
    let mut lints = Vec::new();
    let mut add = |code, message: String| {
        lints.push(Lint { file: Arc::clone(&rule.file), line: rule.line, code, message });
    };
    match &rule.id {
        None => add("missing-id", "the correlation has no `id`; give it a random UUID".to_owned()),
        Some(id) if !is_uuid(id) => {
            add("id-not-uuid", format!("the id `{id}` is no UUID (8-4-4-4-12 hex digits)"));
        }
        Some(_) => {}
    }
    let tests = |expected| rule.tests.iter().any(|test| test.matches == expected);
    for (missing, code, message) in [
        (
            rule.level.is_none(),
            "missing-level",
            "the correlation has no `level`, so its findings cannot be ranked",
        ),
        (rule.tags.is_empty(), "missing-tags", "the correlation has no `tags`; name the ATT&CK technique"),
        (rule.author.is_none(), "missing-author", "the correlation has no `author`"),
        (rule.description.is_none(), "missing-description", "the correlation has no `description`"),
        (rule.status.is_none(), "missing-status", "the correlation has no `status`"),
        (!tests(true), "no-firing-test", "no entry of `tests` has `matches: true`; show one series it finds"),
        (
            !tests(false),
            "no-silent-test",
            "no entry of `tests` has `matches: false`; show one it leaves alone",
        ),
        (
            rule.group_by.is_empty(),
            "missing-group-by",
            "the correlation has no `group-by`, so all matches count together",
        ),
        (fires_at_once(&rule.kind), "fires-at-once", "one match is enough; the rule it names says the same"),
    ] {
        if missing {
            add(code, message.to_owned());
        }
    }
    if let Some(tag) = rule.tags.iter().find(|tag| !is_tag(tag)) {
        add("bad-tag", format!("the tag `{tag}` should be `namespace.name` in lower case"));
    }
    lints
}

/// Whether a single match already holds.
fn fires_at_once(kind: &CorrelationKind) -> bool {
    let (CorrelationKind::EventCount(threshold) | CorrelationKind::ValueCount(_, threshold)) = kind else {
        return false;
    };
    let is_upward = |comparison: &Comparison| matches!(comparison, Comparison::Gt | Comparison::Gte);
    threshold.0.iter().any(|(comparison, _)| is_upward(comparison)) && threshold.holds(Micro::of_count(1))
}
