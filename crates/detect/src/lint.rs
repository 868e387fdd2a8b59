//! What of a rule's tags, and of the keys that are ours, says nothing: beside [`sigma::lint`], which knows neither ATT&CK
//! nor what findings are made of.

use crate::attack::{Attack, TACTICS};
use crate::finding::GROUP_BY;
use crate::stage::ALERT_BUDGET;
use model::EntityKind;
use serde_json::Value;
use sigma::correlation::CorrelationRule;
use sigma::{Lint, Rule};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Looks at one rule.
pub fn lint_rule(attack: &Attack, rule: &Rule) -> Vec<Lint> {
    lints(attack, (&rule.file, rule.line), &rule.tags, &rule.custom)
}

/// Looks at one correlation.
pub fn lint_correlation(attack: &Attack, rule: &CorrelationRule) -> Vec<Lint> {
    lints(attack, (&rule.file, rule.line), &rule.tags, &rule.custom)
}

fn lints(
    attack: &Attack,
    (file, line): (&Arc<str>, u32),
    tags: &[String],
    custom: &BTreeMap<String, Value>,
) -> Vec<Lint> {
    let mut lints = Vec::new();
    let mut add = |code, message: String| lints.push(Lint { file: Arc::clone(file), line, code, message });
    for tag in tags {
        match named_by(tag) {
            Named::Technique(id) if attack.get(&id).is_none() => {
                add(
                    "unknown-technique",
                    format!("`{tag}` names no technique of ATT&CK Enterprise that is known here"),
                );
            }
            Named::Tactic(tactic) if !TACTICS.contains(&tactic.as_str()) => {
                let known = TACTICS.join(", ");
                add("unknown-tactic", format!("`{tag}` names no tactic of ATT&CK; there is {known}"));
            }
            _ => {}
        }
    }
    if let Some(budget) = custom.get(ALERT_BUDGET).filter(|budget| budget.as_u64().is_none()) {
        add(
            "bad-alert-budget",
            format!("`{ALERT_BUDGET}: {budget}` is no whole number, so the rule has no budget of its own"),
        );
    }
    let is_kind = |value: &Value| value.as_str().is_some_and(|name| EntityKind::from_name(name).is_some());
    if let Some(value) = custom.get(GROUP_BY).filter(|value| !is_kind(value)) {
        let known: Vec<&str> = EntityKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let known = known.join(", ");
        add(
            "bad-group-by",
            format!("`{GROUP_BY}: {value}` is no kind of entity, so it is left aside; there is {known}"),
        );
    }
    lints
}

/// What of ATT&CK a tag names.
enum Named {
    /// `T1078.004`
    Technique(String),
    /// `initial-access`, also of a tag that writes it with `_`.
    Tactic(String),
    /// A group, software or campaign, which nothing here lists; or nothing of ATT&CK.
    Other,
}

fn named_by(tag: &str) -> Named {
    let tag = tag.to_ascii_lowercase();
    let Some(name) = tag.strip_prefix("attack.") else { return Named::Other };
    let is_numbered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    if is_numbered("t") {
        return Named::Technique(name.to_ascii_uppercase());
    }
    if ["g", "s", "c", "ds"].into_iter().any(is_numbered) {
        return Named::Other;
    }
    Named::Tactic(name.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_that_says_nothing_has_its_code() {
        let attack = Attack::builtin();
        for (keys, expected) in [
            (
                "tags: [attack.t1078.004, attack.initial-access, attack.g0035, attack.S0002, cve.2026-1]",
                &[][..],
            ),
            ("tags: [attack.T1110, attack.initial_access]", &[]),
            ("tags: [attack.t9999.123, attack.t1078]", &["unknown-technique"]),
            ("tags: [attack.t1078.999]", &["unknown-technique"]),
            ("tags: [attack.nosuchtactic]", &["unknown-tactic"]),
            ("alert_budget: 20\ngroup_by: address", &[]),
            ("alert_budget: '20'", &["bad-alert-budget"]),
            ("alert_budget: -1", &["bad-alert-budget"]),
            ("group_by: hosts", &["bad-group-by"]),
            ("group_by: [host]", &["bad-group-by"]),
        ] {
            let text = format!(
                "title: T\nlogsource: {{product: aws}}\ndetection: {{s: {{a: b}}, condition: s}}\n{keys}\n"
            );
            let rule = sigma::parse_rules(&text, "r.yml").remove(0).unwrap();
            let codes: Vec<_> = lint_rule(&attack, &rule).into_iter().map(|lint| lint.code).collect();
            assert_eq!(codes, expected, "{keys}");
        }
    }
}
