//! Random rules over random events: the compiled program answers as the reference evaluator does.

use proptest::prelude::*;
use serde_json::Value as Json;
use sigma::limits::MEMO_BYTES_MAX;
use sigma::{EventView, FieldId, MatchScratch, RuleIndex, RuleSet, Spelled, Value, parse_rules, reference};

use crate::generate::{dense, elements, hostile_event, listed_event, overlapping_rule, rule};
use crate::json_view::{Fields, JsonView};

/// Compiles the rules and asserts that both evaluators say the same of every event, each `rounds` times: the first
/// time a value is unknown, later it is remembered. With a memory of the usual size, of hardly any, and none.
fn agree(texts: &[String], events: &[Json], rounds: usize) -> Result<(), TestCaseError> {
    let rules = texts
        .iter()
        .map(|text| parse_rules(text, "r").remove(0).map_err(|e| TestCaseError::fail(format!("{e} {text}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mut fields = Fields::default();
    let (set, errors) = RuleSet::compile(rules, &mut fields);
    prop_assert!(errors.is_empty(), "{errors:?}");
    let route = set.route_all();
    let half = set.route_where(|rule| rule.line % 2 == 1 || rule.title.len() % 2 == 1);
    let mut scratches =
        [MatchScratch::new(), MatchScratch::with(3, MEMO_BYTES_TINY), MatchScratch::with(u64::MAX, 0)];
    let expected: Vec<Vec<RuleIndex>> = events
        .iter()
        .map(|event| {
            let view = JsonView::new(event, &fields);
            let rules = set.rules().iter().zip(0..);
            rules
                .filter(|(rule, _)| reference::matches(rule, &mut fields, &view))
                .map(|(_, at)| RuleIndex(at))
                .collect()
        })
        .collect();
    for scratch in &mut scratches {
        for _ in 0..rounds {
            for (event, expected) in events.iter().zip(&expected) {
                let view = JsonView::new(event, &fields);
                let mut found = Vec::new();
                set.matches(&route, &view, scratch, &mut |rule| found.push(rule));
                prop_assert_eq!(&found, expected, "{} {:?}", event, texts);
                found.clear();
                set.matches(&half, &view, scratch, &mut |rule| found.push(rule));
                let of_half: Vec<RuleIndex> =
                    expected.iter().copied().filter(|rule| half.rules().contains(rule)).collect();
                prop_assert_eq!(&found, &of_half, "{} {:?}", event, texts);
            }
            prop_assert!(scratch.memo_bytes() <= MEMO_BYTES_MAX);
        }
        for (event, expected) in events.iter().zip(&expected) {
            let view = JsonView::new(event, &fields);
            for rule in (0..set.rules().len() as u32).map(RuleIndex) {
                prop_assert_eq!(set.matches_rule(rule, &view, scratch), expected.contains(&rule));
            }
        }
    }
    Ok(())
}

/// Room for one table of the memory and hardly more.
const MEMO_BYTES_TINY: usize = 32 * 1024;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_reference_agree(
        texts in prop::collection::vec(rule(), 1..6),
        events in prop::collection::vec(listed_event(), 1..5),
    ) {
        agree(&texts, &events, 3)?;
    }

    #[test]
    fn compiled_and_reference_agree_where_most_rules_match(
        texts in prop::collection::vec(dense::rule(), 1..6),
        events in prop::collection::vec(dense::event(), 1..8),
    ) {
        agree(&texts, &events, 3)?;
    }

    #[test]
    fn no_text_breaks_the_parser(text in r"[a-z:|\[\]{}&*!'\x22 \n#%,-]{0,60}") {
        for result in parse_rules(&text, "f") {
            if let Err(error) = result {
                prop_assert!(error.line >= 1 && !error.reason.is_empty());
            }
        }
    }
}

proptest! {
    #[test]
    fn compiled_and_reference_agree_on_elements_of_arrays(
        texts in prop::collection::vec(elements::rule(), 1..5),
        events in prop::collection::vec(elements::event(), 1..6),
    ) {
        agree(&texts, &events, 3)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_reference_agree_on_hostile_values(
        texts in prop::collection::vec(overlapping_rule(), 1..12),
        events in prop::collection::vec(hostile_event(), 1..4),
    ) {
        agree(&texts, &events, 3)?;
    }

    /// So many rounds that guards are chosen anew, by what was counted, and more rules than most routes have fields.
    #[test]
    fn compiled_and_reference_agree_while_guards_change(
        texts in prop::collection::vec(
            prop_oneof![rule(), dense::rule(), overlapping_rule(), elements::rule()], 20..60,
        ),
        events in prop::collection::vec(prop_oneof![listed_event(), dense::event(), elements::event()], 8..24),
    ) {
        agree(&texts, &events, 40)?;
    }
}

/// One value of one field, as it reads or as it is spelled.
struct Said {
    spelling: &'static str,
    text: Option<&'static str>,
}

impl EventView for Said {
    fn any(&self, _: FieldId, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        visit(Value::Str(self.text.unwrap_or(self.spelling)))
    }
    fn any_spelled(&self, field: FieldId, visit: &mut impl FnMut(Spelled<'_>) -> bool) -> bool {
        match self.text {
            Some(text) => visit(Spelled::Text(self.spelling, &|| text)),
            None => self.any(field, &mut |value| visit(Spelled::Plain(value))),
        }
    }
    fn exists(&self, _: FieldId) -> bool {
        true
    }
    fn any_scalar(&self, _: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        false
    }
}

/// What a text is remembered under says how it is spelled, and that is not what another text reads as.
#[test]
fn spellings_and_texts_of_the_same_bytes_are_different_values() {
    let text = r"
title: one
logsource: {product: windows}
detection: {s: {a: 'C:\x'}, condition: s}
";
    let rules = parse_rules(text, "r").into_iter().map(Result::unwrap).collect();
    let (set, errors) = RuleSet::compile(rules, &mut Fields::default());
    assert!(errors.is_empty());
    let (route, mut scratch) = (set.route_all(), MatchScratch::new());
    let cases = [
        (Said { spelling: r"C:\\x", text: Some(r"C:\x") }, true),
        (Said { spelling: r"C:\\x", text: None }, false),
        (Said { spelling: r"C:\x", text: None }, true),
        (Said { spelling: r"C:\\\\x", text: Some(r"C:\\x") }, false),
    ];
    // from the third time on, each is remembered
    for round in 0..4 {
        for (view, expected) in &cases {
            let mut found = 0;
            set.matches(&route, view, &mut scratch, &mut |_| found += 1);
            assert_eq!(found == 1, *expected, "{} in round {round}", view.spelling);
        }
    }
    assert!(scratch.memo_bytes() > 0);
}
