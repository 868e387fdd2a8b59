//! A rule's own tests: events that it must match, and events that it must not.

use crate::detector::{Detector, Hit, Scratch, Vocabulary};
use crate::view::Seen;
use model::{FieldTable, Tape};

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleTestResult {
    /// As the rule says it should.
    Passed,
    /// The rule matched an event that it must not, or did not match one that it must.
    Failed {
        /// What the rule did.
        matched: bool,
    },
    /// The test's event is no event.
    Invalid {
        /// Why.
        reason: String,
    },
}

/// One test of one rule.
#[derive(Debug, Clone)]
pub struct RuleTestOutcome {
    /// The rule.
    pub rule: Hit,
    /// The test's name.
    pub name: String,
    /// Its line in the rule's file.
    pub line: u32,
    /// How it ended.
    pub result: RuleTestResult,
}

impl Detector {
    /// Runs the tests of every rule, with the tables that the rules were loaded with.
    pub fn run_tests(&self, vendor_fields: &FieldTable, ocsf_fields: &FieldTable) -> Vec<RuleTestOutcome> {
        let (mut tape, mut scratch) = (Tape::new(), Scratch::default());
        let mut outcomes = Vec::new();
        for (hit, rule) in self.rules() {
            let (fields, scratch) = match hit.vocabulary {
                Vocabulary::Vendor => (vendor_fields, &mut scratch.vendor),
                Vocabulary::Ocsf => (ocsf_fields, &mut scratch.ocsf),
            };
            for test in &rule.tests {
                let record = test.event.to_string();
                let result = match tape.parse(fields, record.as_bytes()) {
                    Err(error) => RuleTestResult::Invalid { reason: error.to_string() },
                    Ok(view) => {
                        let set = self.set(hit.vocabulary);
                        let matched = set.matches_rule(hit.index, &Seen(view), scratch);
                        if matched == test.matches {
                            RuleTestResult::Passed
                        } else {
                            RuleTestResult::Failed { matched }
                        }
                    }
                };
                outcomes.push(RuleTestOutcome {
                    rule: hit,
                    name: test.name.clone(),
                    line: test.line,
                    result,
                });
            }
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r"
title: Trail stopped
id: 6d3b6b52-8c0c-4b4d-9f3e-0f1d2c3b4a59
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
level: high
tests:
  - {name: fires, event: {eventName: StopLogging}, matches: true}
  - {name: silent, event: {eventName: StartLogging}, matches: false}
  - {name: wrong, event: {eventName: StartLogging}, matches: true}
---
title: Failed sign-in
id: 6d3b6b52-8c0c-4b4d-9f3e-0f1d2c3b4a60
logsource: {product: ocsf}
detection: {s: {class_uid: 3002, status_id: 2}, condition: s}
tests:
  - {name: fires, event: {class_uid: 3002, status_id: 2}, matches: true}
---
title: Broken
logsource: {product: aws}
detection: {s: {a|nonsense: b}, condition: s}
";

    fn loaded() -> (Detector, crate::LoadReport, FieldTable, FieldTable) {
        let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let (detector, report) = Detector::load([("r.yml", RULES)], &mut vendor, &mut ocsf);
        (detector, report, vendor, ocsf)
    }

    #[test]
    fn a_bad_rule_is_reported_and_the_others_run() {
        let (_, report, ..) = loaded();
        assert_eq!(report.loaded, 2);
        assert_eq!(report.refused.len(), 1);
        assert!(report.refused[0].line > 19, "{}", report.refused[0]);
    }

    #[test]
    fn tests_pass_or_say_what_the_rule_did() {
        let (detector, _, vendor, ocsf) = loaded();
        let results: Vec<_> =
            detector.run_tests(&vendor, &ocsf).into_iter().map(|o| (o.name, o.result)).collect();
        let expected = [
            ("fires", RuleTestResult::Passed),
            ("silent", RuleTestResult::Passed),
            ("wrong", RuleTestResult::Failed { matched: false }),
            ("fires", RuleTestResult::Passed),
        ];
        assert_eq!(results, expected.map(|(name, result)| (name.to_owned(), result)));
    }

    #[test]
    fn a_rule_says_what_its_findings_are_grouped_by() {
        use model::{Entity, EntityKind, EventId, Offset, Partition, Position, Topic};
        let text = RULES.replacen("level: high", "level: high\ngroup_by: address", 1);
        let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let (detector, _) = Detector::load([("r.yml", text.as_str())], &mut vendor, &mut ocsf);
        let entity = |kind, value: &str| Entity { kind, value: value.to_owned() };
        let facts = crate::EventFacts {
            event_id: EventId([0; 16]),
            position: Position::new(Topic::Raw, Partition(0), Offset(0)),
            source: "trail",
            region: "default",
            time_ms: 0,
            received_at_ms: 0,
            detected_at_ms: 0,
            entities: vec![entity(EntityKind::Actor, "ana"), entity(EntityKind::Address, "192.0.2.1")],
            event: serde_json::Value::Null,
        };
        let first = |title: &str| {
            let (hit, _) = detector.rules().find(|(_, rule)| rule.title == title).unwrap();
            detector.finding(hit, Vec::new(), facts.clone()).unwrap().entities[0].kind
        };
        assert_eq!(first("Trail stopped"), EntityKind::Address);
        assert_eq!(first("Failed sign-in"), EntityKind::Actor);
    }

    #[test]
    fn vocabularies_do_not_mix() {
        let (detector, _, vendor, ocsf) = loaded();
        let routes = detector.route(&sigma::Logsource::of("aws", "cloudtrail"));
        let (mut tape, mut other_tape) = (Tape::new(), Tape::new());
        // the raw record carries OCSF names and the event vendor names: nothing may match
        let record = tape.parse(&vendor, br#"{"class_uid":3002,"status_id":2}"#).unwrap();
        let event = other_tape.parse(&ocsf, br#"{"eventName":"StopLogging"}"#).unwrap();
        let mut hits = Vec::new();
        detector.detect(&routes, &record, Some(&event), &mut Scratch::default(), &mut |h| hits.push(h));
        assert!(hits.is_empty(), "{hits:?}");
    }
}
