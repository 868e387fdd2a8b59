//! How far a rule's findings go: the decisions, without I/O.

use crate::rule_tests::RuleTestResult;
use model::Stage;
use std::collections::BTreeMap;

/// A rule's own key for the most findings that it may raise a day: a number.
pub const ALERT_BUDGET: &str = "alert_budget";

/// What a rule's own tests say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TestState {
    /// It has none.
    #[default]
    Untested,
    /// All passed.
    Passed {
        /// How many there are.
        tests: u32,
        /// Whether one of them shows what the rule finds.
        has_firing: bool,
        /// Whether one of them shows what it leaves alone.
        has_silent: bool,
    },
    /// Some did not.
    Failed {
        /// How many did not.
        failed: u32,
        /// How many there are.
        tests: u32,
    },
}

impl TestState {
    /// The same with one more test, which says whether the rule must match.
    #[must_use]
    pub fn and(self, matches: bool, result: &RuleTestResult) -> Self {
        let (failed, tests, has_firing, has_silent) = match self {
            Self::Untested => (0, 0, false, false),
            Self::Passed { tests, has_firing, has_silent } => (0, tests, has_firing, has_silent),
            Self::Failed { failed, tests } => (failed, tests, false, false),
        };
        let tests = tests + 1;
        match failed + u32::from(*result != RuleTestResult::Passed) {
            0 => {
                Self::Passed { tests, has_firing: has_firing || matches, has_silent: has_silent || !matches }
            }
            failed => Self::Failed { failed, tests },
        }
    }

    /// Whether the tests say something of the rule: one that it finds something, and one that it leaves something alone. A
    /// rule that matches everything has tests of one kind that pass, and so has one that matches nothing.
    pub const fn is_proof(self) -> bool {
        matches!(self, Self::Passed { has_firing: true, has_silent: true, .. })
    }

    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untested => "untested",
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Where rules begin that a folder got after the first load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NewRuleStage {
    /// Active with tests of each kind that pass, else shadow.
    #[default]
    Tested,
    /// Always here.
    Always(Stage),
}

/// How a rule came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// With the first rules of this installation, which were chosen by whoever configured it.
    First,
    /// With the program.
    Builtin,
    /// Later.
    Later,
}

/// Why a rule is active that came later and has tests of its own.
const BY_TESTS: &str = "new, with tests of its own";
/// The same of one that came first.
const FIRST_WITH_TESTS: &str = "of the first rules loaded here, with tests of its own";

/// The stage that a rule begins at, and why.
pub fn first_stage(policy: NewRuleStage, tests: TestState, arrival: Arrival) -> (Stage, &'static str) {
    match (arrival, policy, tests) {
        (Arrival::First, _, tests) if tests.is_proof() => (Stage::Active, FIRST_WITH_TESTS),
        (Arrival::First, ..) => (Stage::Active, "of the first rules loaded here"),
        (Arrival::Builtin, ..) => (Stage::Active, "comes with the program"),
        (Arrival::Later, NewRuleStage::Always(stage), _) => (stage, "new_rule_stage of the configuration"),
        (Arrival::Later, NewRuleStage::Tested, TestState::Untested) => (Stage::Shadow, "new, without tests"),
        (Arrival::Later, NewRuleStage::Tested, TestState::Passed { has_firing: false, .. }) => {
            (Stage::Shadow, "new, without a test that it matches")
        }
        (Arrival::Later, NewRuleStage::Tested, TestState::Passed { has_silent: false, .. }) => {
            (Stage::Shadow, "new, without a test of what it leaves alone")
        }
        (Arrival::Later, NewRuleStage::Tested, _) => (Stage::Active, BY_TESTS),
    }
}

/// The stage that takes the place of one that was given for tests which are gone, and why. What a person decided, and
/// rules that never had tests, stay as they are; tests that fail hold the rule back by themselves ([`effective`]).
pub fn stage_without_tests(
    policy: NewRuleStage,
    (decided, reason): (Stage, &str),
    tests: TestState,
) -> Option<(Stage, &'static str)> {
    let by_tests = reason == BY_TESTS || reason == FIRST_WITH_TESTS;
    let are_gone = !tests.is_proof() && !matches!(tests, TestState::Failed { .. });
    (policy == NewRuleStage::Tested && decided != Stage::Shadow && by_tests && are_gone)
        .then_some((Stage::Shadow, "the tests that it was active for are gone"))
}

/// The stage in force: a rule whose own tests fail raises nothing, whatever was decided.
pub const fn effective(decided: Stage, tests: TestState) -> Stage {
    match tests {
        TestState::Failed { .. } => Stage::Shadow,
        _ => decided,
    }
}

/// The most findings a day that a rule or correlation with these further keys may raise: its own word, else the
/// installation's.
pub fn alert_budget(custom: &BTreeMap<String, serde_json::Value>, default: Option<u64>) -> Option<u64> {
    custom.get(ALERT_BUDGET).and_then(serde_json::Value::as_u64).or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROOF: TestState = TestState::Passed { tests: 2, has_firing: true, has_silent: true };

    #[test]
    fn one_test_that_fails_is_enough() {
        let (good, bad) = (RuleTestResult::Passed, RuleTestResult::Failed { matched: true });
        let unreadable = RuleTestResult::Invalid { reason: "no JSON".to_owned() };
        let state = |results: &[&RuleTestResult]| {
            let tests = results.iter().zip([true, false]);
            tests.fold(TestState::default(), |state, (result, matches)| state.and(matches, result))
        };
        assert_eq!(state(&[]), TestState::Untested);
        assert_eq!(state(&[&good]), TestState::Passed { tests: 1, has_firing: true, has_silent: false });
        assert_eq!(state(&[&good, &good]), PROOF);
        assert!(PROOF.is_proof() && !state(&[&good]).is_proof() && !state(&[&bad, &good]).is_proof());
        assert_eq!(state(&[&bad, &good]), TestState::Failed { failed: 1, tests: 2 });
        assert_eq!(state(&[&good, &unreadable]), TestState::Failed { failed: 1, tests: 2 });
    }

    #[test]
    fn rules_begin_where_the_policy_says_and_failing_ones_stay_silent() {
        const FAILED: TestState = TestState::Failed { failed: 1, tests: 1 };
        const ONLY_FIRING: TestState = TestState::Passed { tests: 1, has_firing: true, has_silent: false };
        const ONLY_SILENT: TestState = TestState::Passed { tests: 1, has_firing: false, has_silent: true };
        use NewRuleStage::{Always, Tested};
        let cases = [
            (Tested, PROOF, Arrival::Later, Stage::Active, Stage::Active),
            (Tested, ONLY_FIRING, Arrival::Later, Stage::Shadow, Stage::Shadow),
            (Tested, ONLY_SILENT, Arrival::Later, Stage::Shadow, Stage::Shadow),
            (Tested, ONLY_SILENT, Arrival::First, Stage::Active, Stage::Active),
            (Tested, TestState::Untested, Arrival::Later, Stage::Shadow, Stage::Shadow),
            (Tested, FAILED, Arrival::Later, Stage::Active, Stage::Shadow),
            (Tested, TestState::Untested, Arrival::First, Stage::Active, Stage::Active),
            (Tested, FAILED, Arrival::First, Stage::Active, Stage::Shadow),
            (Always(Stage::Canary), PROOF, Arrival::Later, Stage::Canary, Stage::Canary),
            (Always(Stage::Active), TestState::Untested, Arrival::Later, Stage::Active, Stage::Active),
            (Always(Stage::Shadow), PROOF, Arrival::Builtin, Stage::Active, Stage::Active),
            (Always(Stage::Active), FAILED, Arrival::Builtin, Stage::Active, Stage::Shadow),
        ];
        for (policy, tests, arrival, decided, in_force) in cases {
            let (stage, reason) = first_stage(policy, tests, arrival);
            assert_eq!(
                (stage, effective(stage, tests)),
                (decided, in_force),
                "{policy:?} {tests:?} {arrival:?}"
            );
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn what_was_active_for_its_tests_goes_back_to_shadow_without_them() {
        use NewRuleStage::{Always, Tested};
        const ONLY_SILENT: TestState = TestState::Passed { tests: 1, has_firing: false, has_silent: true };
        const FAILED: TestState = TestState::Failed { failed: 1, tests: 1 };
        let by_tests = first_stage(Tested, PROOF, Arrival::Later);
        let first = first_stage(Tested, PROOF, Arrival::First);
        let first_untested = first_stage(Tested, TestState::Untested, Arrival::First);
        let by_a_person = (Stage::Active, "two weeks on trial");
        for (policy, decided, tests, is_back) in [
            (Tested, by_tests, TestState::Untested, true),
            (Tested, by_tests, ONLY_SILENT, true),
            (Tested, first, TestState::Untested, true),
            (Tested, by_tests, PROOF, false),
            (Tested, by_tests, FAILED, false),
            (Tested, first_untested, TestState::Untested, false),
            (Tested, by_a_person, TestState::Untested, false),
            (Always(Stage::Active), by_tests, TestState::Untested, false),
        ] {
            let back = stage_without_tests(policy, decided, tests).map(|(stage, _)| stage);
            assert_eq!(back, is_back.then_some(Stage::Shadow), "{policy:?} {decided:?} {tests:?}");
        }
    }

    #[test]
    fn a_rule_says_its_own_budget() {
        let text = "title: T\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: s}\n";
        for (extra, default, expected) in [
            ("", None, None),
            ("", Some(7), Some(7)),
            ("alert_budget: 20", Some(7), Some(20)),
            ("alert_budget: many", Some(7), Some(7)),
        ] {
            let rule = sigma::parse_rules(&format!("{text}{extra}\n"), "r.yml").remove(0).unwrap();
            assert_eq!(alert_budget(&rule.custom, default), expected, "{extra}");
        }
    }
}
