//! Generated rules over generated events, also by seed: the compiled program answers as the reference evaluator does.

use proptest::prelude::*;
use serde_json::Value as Json;

use sigma::{Explanation, RuleSet, parse_rules, reference};

use crate::generate::{self, elements, endpoint, listed_event, rule};
use crate::json_view::{Fields, JsonView};

/// Compiles the rules and asserts that both evaluators say the same of every event.
fn agree(texts: &[String], events: &[Json]) -> Result<(), TestCaseError> {
    let (_, differences) = generate::compare(texts, events).map_err(TestCaseError::fail)?;
    prop_assert!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

/// As many as a build's tests have time for; `cargo xtask sigma-differential` runs a million.
const SEEDED_PAIRS: u64 = 24_000;

#[test]
fn seeded_pairs_agree() {
    let found = generate::seeded(1, SEEDED_PAIRS);
    assert!(found.differences.is_empty(), "{:#?}", found.differences);
    assert!(found.asked >= SEEDED_PAIRS);
    // rules that never match, or always do, prove nothing
    let share = found.matched as f64 / found.asked as f64;
    assert!((0.05..0.8).contains(&share), "{} of {} pairs match", found.matched, found.asked);
    // a quarter of the rounds is about nothing else
    assert!(found.of_elements > found.asked / 25 / 4, "{} rules ask about elements", found.of_elements);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_reference_agree_on_endpoint_rules(
        texts in prop::collection::vec(endpoint::rule(), 1..6),
        events in prop::collection::vec(endpoint::event(), 1..8),
    ) {
        agree(&texts, &events)?;
    }
}

/// A rule with questions about elements among the others, and an event for it.
fn rule_and_event() -> impl Strategy<Value = (String, Json)> {
    prop_oneof![(rule(), listed_event()), (elements::rule(), elements::event())]
}

proptest! {
    /// What is told of the parts is what the rule says as a whole.
    #[test]
    fn an_explanation_ends_as_the_rule_does((text, event) in rule_and_event()) {
        let rule = parse_rules(&text, "r").remove(0).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let mut fields = Fields::default();
        let (set, _) = RuleSet::compile(vec![rule.clone()], &mut fields);
        prop_assert_eq!(set.rules().len(), 1, "{}", text);
        // fields that are asked of elements are interned when the rule is compiled
        let view = JsonView::new(&event, &fields);
        let told = Explanation::of(&rule, &mut fields, &view);
        prop_assert_eq!(told.matched, reference::matches(&rule, &mut fields, &view), "{} {}", text, event);
        prop_assert!(!told.reasons.is_empty(), "{} {}", text, event);
    }

    /// Every change finds its place in the rule, also within elements, and means something else.
    #[test]
    fn a_mutation_changes_what_the_rule_means((text, _) in rule_and_event()) {
        let rule = parse_rules(&text, "r").remove(0).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let found = sigma::mutations(&rule);
        prop_assert!(!found.list.is_empty(), "{}", text);
        for mutation in &found.list {
            let changed = mutation.of(&rule);
            let is_other = changed.is_some_and(|changed| changed.semantic_hash() != rule.semantic_hash());
            prop_assert!(is_other, "{}: {}", mutation.change, text);
        }
    }
}
