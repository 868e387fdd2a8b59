//! Which filters and pipelines break the tests of which rules.
//!
//! A rule's tests are its author's word about the rule as written; a filter or pipeline is somebody else's, written later.
//! So where tests fail only since a part acts on the rule, the part is at fault: it is named with its file and is not
//! applied to that rule, whose findings go on. A rule that fails its tests by itself is no part's fault.

use super::{Engine, Mappings};
use detect::Documents;
use detect::stage::TestState;
use sigma::{ErrorCode, Preparation, PreparationPart, Rule, RuleError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule by its file and line.
type At = (Arc<str>, u32);

fn at(rule: &Rule) -> At {
    (Arc::clone(&rule.file), rule.line)
}

/// What the tests of rules say, each prepared so; a rule that is refused so is not in it.
fn tested(mappings: &Arc<Mappings>, rules: &[&Rule], preparation: &Preparation) -> BTreeMap<At, TestState> {
    let documents = Documents {
        rules: rules.iter().copied().cloned().collect(),
        preparation: preparation.clone(),
        ..Documents::default()
    };
    let (engine, _) = Engine::of_documents(mappings, documents);
    let mut states: BTreeMap<At, TestState> = BTreeMap::new();
    for outcome in engine.run_rule_tests() {
        if let Some(rule) = engine.detector().rule(outcome.rule) {
            let state = states.entry(at(rule)).or_default();
            *state = state.and(outcome.matches, &outcome.result);
        }
    }
    states
}

fn passes(states: &BTreeMap<At, TestState>, rule: &Rule) -> bool {
    matches!(states.get(&at(rule)), Some(TestState::Passed { .. }))
}

/// Makes the preparation leave out, for each rule, the parts that break its tests; says which, each at its file and line.
/// Parts are judged in the order in which they are applied, each with those before it that are kept.
pub(super) fn leave_out_what_breaks_tests(
    mappings: &Arc<Mappings>,
    documents: &mut Documents,
) -> Vec<RuleError> {
    let parts = documents.preparation.parts();
    let preparation = &documents.preparation;
    let is_touched =
        |rule: &&Rule| !rule.tests.is_empty() && parts.iter().any(|part| preparation.is_for(*part, rule));
    let touched: Vec<&Rule> = documents.rules.iter().filter(is_touched).collect();
    if touched.is_empty() {
        return Vec::new();
    }
    let states = tested(mappings, &touched, preparation);
    let mut broken: Vec<&Rule> = touched.into_iter().filter(|rule| !passes(&states, rule)).collect();
    let mut kept = preparation.clone();
    for (rule, part) in broken.iter().flat_map(|rule| parts.iter().map(move |part| (rule, part))) {
        kept.set_applied(*part, rule, false);
    }
    // those that fail as they are written are no part's fault
    let as_written = tested(mappings, &broken, &kept);
    broken.retain(|rule| passes(&as_written, rule));
    kept = preparation.clone();
    for (rule, part) in broken.iter().flat_map(|rule| parts.iter().map(move |part| (rule, part))) {
        kept.set_applied(*part, rule, false);
    }
    let mut errors = Vec::new();
    for part in parts {
        let meant: Vec<&Rule> =
            broken.iter().copied().filter(|rule| preparation.is_for(part, rule)).collect();
        if meant.is_empty() {
            continue;
        }
        meant.iter().for_each(|rule| kept.set_applied(part, rule, true));
        let states = tested(mappings, &meant, &kept);
        for rule in meant.into_iter().filter(|rule| !passes(&states, rule)) {
            kept.set_applied(part, rule, false);
            errors.extend(fault(preparation, part, rule, states.get(&at(rule))));
        }
    }
    documents.preparation = kept;
    errors
}

fn fault(
    preparation: &Preparation,
    part: PreparationPart,
    rule: &Rule,
    state: Option<&TestState>,
) -> Option<RuleError> {
    let (file, line) = preparation.position(part)?;
    let kind = match part {
        PreparationPart::Filter(_) => "filter",
        PreparationPart::Pipeline(_) => "pipeline",
    };
    let which = format!("{} ({}:{})", rule.id.as_deref().unwrap_or(&rule.title), rule.file, rule.line);
    let reason = match state {
        Some(TestState::Failed { failed, tests }) => format!(
            "with this {kind} {failed} of the {tests} tests of the rule {which} fail; it is not applied to that rule: \
             narrow the {kind}, or mend the tests"
        ),
        _ => format!("with this {kind} the rule {which} cannot be used; it is not applied to that rule"),
    };
    Some(RuleError { file: Arc::clone(file), line, code: ErrorCode::BreaksTests, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: Stop\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\nlogsource: {product: aws, service: cloudtrail}\n\
        detection: {s: {eventName: [StopLogging, DeleteTrail]}, condition: s}\n\
        tests:\n  - {name: fires, matches: true, event: {eventName: StopLogging, userAgent: curl}}\n\
        \x20 - {name: silent, matches: false, event: {eventName: StartLogging}}\n";

    fn filter(title: &str, selection: &str) -> String {
        format!(
            "title: {title}\nlogsource: {{product: aws, service: cloudtrail}}\nfilter:\n  rules: any\n  known: {selection}\n  condition: not known\n"
        )
    }

    /// Loads; gives by test how many of the rule's tests fail, and who is named.
    fn loaded(files: &[(&str, &str)]) -> (Vec<detect::RuleTestResult>, Vec<String>) {
        let (engine, report) = Engine::load(files.iter().copied()).unwrap();
        let named = report.refused.iter().map(|error| format!("{}: {}", error.file, error.code.as_str()));
        (engine.run_rule_tests().into_iter().map(|outcome| outcome.result).collect(), named.collect())
    }

    #[test]
    fn a_filter_that_breaks_a_rules_tests_is_named_and_not_applied() {
        let (bad, good) = (filter("Bad", "{userAgent: curl}"), filter("Good", "{userAgent: Terraform}"));
        let passed = vec![detect::RuleTestResult::Passed; 2];
        for files in [
            vec![("r.yml", RULE), ("bad.yml", &bad), ("good.yml", &good)],
            vec![("good.yml", &good), ("bad.yml", &bad), ("r.yml", RULE)],
        ] {
            let (results, named) = loaded(&files);
            assert_eq!((results, named), (passed.clone(), vec!["bad.yml: breaks-tests".to_owned()]));
            // the other filter is applied still
            let (engine, _) = Engine::load(files.iter().copied()).unwrap();
            let (_, rule) = engine.detector().rules().next().unwrap();
            let added: Vec<_> =
                rule.detection.selections.iter().filter(|s| s.name.starts_with("filter(")).collect();
            assert_eq!(added.len(), 1, "{added:?}");
            assert!(added[0].name.contains("Good"));
        }
        // with another rule, for which it is right, it is applied there
        let other = RULE.replace("0b0f9a34", "1b0f9a34").replace("curl", "wget");
        let (results, named) = loaded(&[("r.yml", RULE), ("other.yml", &other), ("bad.yml", &bad)]);
        assert_eq!((results.len(), named.len()), (4, 1));
        assert!(results.iter().all(|result| *result == detect::RuleTestResult::Passed));
    }

    #[test]
    fn a_pipeline_that_breaks_a_rules_tests_is_named_and_not_applied() {
        let pipeline = "name: Rename\npriority: 10\ntransformations:\n  - id: rename\n    type: field_name_mapping\n    mapping: {eventName: operation}\n";
        let (results, named) = loaded(&[("r.yml", RULE), ("p.yml", pipeline)]);
        let passed = vec![detect::RuleTestResult::Passed; 2];
        assert_eq!((results, named), (passed.clone(), vec!["p.yml: breaks-tests".to_owned()]));
        // tests that are written for what the pipeline makes of the rule are its tests too
        let for_it = RULE.replace("event: {eventName", "event: {operation");
        assert_eq!(loaded(&[("r.yml", &for_it), ("p.yml", pipeline)]), (passed, vec![]));
    }

    #[test]
    fn a_rule_that_fails_by_itself_is_no_filters_fault() {
        let wrong = RULE.replace("event: {eventName: StopLogging", "event: {eventName: Other");
        let (results, named) = loaded(&[("r.yml", &wrong), ("f.yml", &filter("F", "{userAgent: curl}"))]);
        assert_eq!(named, Vec::<String>::new());
        assert!(matches!(results[0], detect::RuleTestResult::Failed { matched: false }));
    }
}
