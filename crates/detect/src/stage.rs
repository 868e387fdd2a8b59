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
    /// The same with one more test.
    #[must_use]
    pub fn and(self, result: &RuleTestResult) -> Self {
        let (failed, tests) = match self {
            Self::Untested => (0, 0),
            Self::Passed { tests } => (0, tests),
            Self::Failed { failed, tests } => (failed, tests),
        };
        let tests = tests + 1;
        match failed + u32::from(*result != RuleTestResult::Passed) {
            0 => Self::Passed { tests },
            failed => Self::Failed { failed, tests },
        }
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
    /// Active with tests that pass, else shadow.
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

/// The stage that a rule begins at, and why.
pub fn first_stage(policy: NewRuleStage, tests: TestState, arrival: Arrival) -> (Stage, &'static str) {
    match (arrival, policy, tests) {
        (Arrival::First, ..) => (Stage::Active, "of the first rules loaded here"),
        (Arrival::Builtin, ..) => (Stage::Active, "comes with the program"),
        (Arrival::Later, NewRuleStage::Always(stage), _) => (stage, "new_rule_stage of the configuration"),
        (Arrival::Later, NewRuleStage::Tested, TestState::Untested) => (Stage::Shadow, "new, without tests"),
        (Arrival::Later, NewRuleStage::Tested, _) => (Stage::Active, "new, with tests of its own"),
    }
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

    #[test]
    fn one_test_that_fails_is_enough() {
        let (good, bad) = (RuleTestResult::Passed, RuleTestResult::Failed { matched: true });
        let unreadable = RuleTestResult::Invalid { reason: "no JSON".to_owned() };
        let state = |results: &[&RuleTestResult]| {
            results.iter().fold(TestState::default(), |state, result| state.and(result))
        };
        assert_eq!(state(&[]), TestState::Untested);
        assert_eq!(state(&[&good, &good]), TestState::Passed { tests: 2 });
        assert_eq!(state(&[&bad, &good]), TestState::Failed { failed: 1, tests: 2 });
        assert_eq!(state(&[&good, &unreadable]), TestState::Failed { failed: 1, tests: 2 });
    }

    #[test]
    fn rules_begin_where_the_policy_says_and_failing_ones_stay_silent() {
        const FAILED: TestState = TestState::Failed { failed: 1, tests: 1 };
        const PASSED: TestState = TestState::Passed { tests: 1 };
        use NewRuleStage::{Always, Tested};
        let cases = [
            (Tested, PASSED, Arrival::Later, Stage::Active, Stage::Active),
            (Tested, TestState::Untested, Arrival::Later, Stage::Shadow, Stage::Shadow),
            (Tested, FAILED, Arrival::Later, Stage::Active, Stage::Shadow),
            (Tested, TestState::Untested, Arrival::First, Stage::Active, Stage::Active),
            (Tested, FAILED, Arrival::First, Stage::Active, Stage::Shadow),
            (Always(Stage::Canary), PASSED, Arrival::Later, Stage::Canary, Stage::Canary),
            (Always(Stage::Active), TestState::Untested, Arrival::Later, Stage::Active, Stage::Active),
            (Always(Stage::Shadow), PASSED, Arrival::Builtin, Stage::Active, Stage::Active),
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
