//! Generated rules over generated events, also by seed: the compiled program answers as the reference evaluator does.

use proptest::prelude::*;
use serde_json::Value as Json;

use crate::generate::{self, endpoint};

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
