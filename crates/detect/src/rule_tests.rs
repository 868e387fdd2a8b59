//! A rule's own tests: events that it must match, and events that it must not.

use crate::detector::{Detector, Hit, Scratch, Vocabulary as Names};
use crate::routes::EventLogRoutes;
use crate::view::Seen;
use model::{FieldTable, Tape, Vocabulary};
use sigma::Rule;

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
    /// Runs the tests of every rule, with the tables that the rules were loaded with. A test's event is seen
    /// as a record would be: under the names of its vocabulary, and of the rule's category.
    pub fn run_tests<'v>(
        &self,
        vendor_fields: &FieldTable,
        ocsf_fields: &FieldTable,
        event_log: &EventLogRoutes,
        vocabulary_of: impl Fn(&Rule) -> Option<&'v Vocabulary>,
    ) -> Vec<RuleTestOutcome> {
        let (mut tape, mut scratch) = (Tape::new(), Scratch::default());
        let mut outcomes = Vec::new();
        for (hit, rule) in self.rules() {
            let (fields, names, scratch) = match hit.vocabulary {
                Names::Vendor => (vendor_fields, vocabulary_of(rule), &mut scratch.vendor),
                Names::Ocsf => (ocsf_fields, None, &mut scratch.ocsf),
            };
            for test in &rule.tests {
                let record = test.event.to_string();
                let result = match tape.parse_as(fields, names, record.as_bytes()) {
                    Err(error) => RuleTestResult::Invalid { reason: error.to_string() },
                    Ok(view) => {
                        let renames = match hit.vocabulary {
                            Names::Vendor => event_log.of(&view).names_for(hit.index),
                            Names::Ocsf => None,
                        };
                        let seen = renames.map_or(Seen::plain(view), |names| Seen::renamed(view, names));
                        let matched = self.set(hit.vocabulary).matches_rule(hit.index, &seen, scratch);
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
        let (detector, _, mut vendor, ocsf) = loaded();
        let event_log = EventLogRoutes::new(&detector, &mut vendor);
        let outcomes = detector.run_tests(&vendor, &ocsf, &event_log, |_| None);
        let results: Vec<_> = outcomes.into_iter().map(|o| (o.name, o.result)).collect();
        let expected = [
            ("fires", RuleTestResult::Passed),
            ("silent", RuleTestResult::Passed),
            ("wrong", RuleTestResult::Failed { matched: false }),
            ("fires", RuleTestResult::Passed),
        ];
        assert_eq!(results, expected.map(|(name, result)| (name.to_owned(), result)));
    }

    #[test]
    fn a_test_sees_a_record_as_the_rule_will() {
        let text = r"
title: Who am I
logsource: {product: windows, category: process_creation}
detection: {s: {'Image|endswith': '\whoami.exe'}, condition: s}
tests:
  - {name: wrapped, matches: true, event: {Event: {System: {Channel: Microsoft-Windows-Sysmon/Operational, EventID: 1}, EventData: {Image: 'C:\whoami.exe'}}}}
  - {name: by Windows itself, matches: true, event: {Channel: Security, EventID: 4688, NewProcessName: 'C:\whoami.exe'}}
  - {name: another, matches: false, event: {Channel: Security, EventID: 4688, NewProcessName: 'C:\cmd.exe'}}
";
        let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let (detector, report) = Detector::load([("r.yml", text)], &mut vendor, &mut ocsf);
        assert_eq!(report.loaded, 1, "{:?}", report.refused);
        let event_log = EventLogRoutes::new(&detector, &mut vendor);
        let vocabulary = vendor.vocabulary(["Event.System", "Event.EventData"], []);
        for outcome in detector.run_tests(&vendor, &ocsf, &event_log, |_| Some(&vocabulary)) {
            assert_eq!(outcome.result, RuleTestResult::Passed, "{}", outcome.name);
        }
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
            ownership: model::Ownership::default(),
            event: serde_json::Value::Null,
        };
        let first = |title: &str| {
            let (hit, _) = detector.rules().find(|(_, rule)| rule.title == title).unwrap();
            let finding = detector.finding(hit, Vec::new(), facts.clone()).unwrap();
            assert_eq!(
                (finding.engine_version.as_str(), finding.rule_hash.len()),
                (crate::ENGINE_VERSION, 64)
            );
            finding.entities[0].kind
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
        let known = model::Enrichment::default();
        detector
            .detect(&routes, (&record, Some(&event)), &known, &mut Scratch::default(), &mut |h| hits.push(h));
        assert!(hits.is_empty(), "{hits:?}");
    }

    #[test]
    fn rules_of_both_vocabularies_read_what_is_known_and_not_what_a_sender_claims() {
        use model::{Ancestor, AncestryBuffer, Enrichment};
        const KNOWN: &str = r"
title: Vendor
logsource: {product: aws, service: cloudtrail}
detection:
  s: {eventName: Stop, enrich.owner: '@acme/payments', enrich.src_asn: 64496, enrich.src_country: [DE, GB]}
  parent: {enrich.process.ancestors|endswith: /winword}
  top: {enrich.process.parent|endswith: /sh}
  condition: all of them
tests:
  - name: fires
    event:
      eventName: Stop
      enrich: {owner: '@acme/payments', src_asn: 64496, src_country: DE, process: {ancestors: [/winword], parent: /sh}}
    matches: true
  - {name: silent, event: {eventName: Stop}, matches: false}
---
title: Ocsf
logsource: {product: ocsf}
detection: {s: {class_uid: 6003, enrich.criticality: critical}, condition: s}
---
title: Unknown owner
logsource: {product: ocsf}
detection: {s: {class_uid: 6003}, owned: {enrich.owner|exists: true}, condition: s and not owned}
";
        let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let (detector, report) = Detector::load([("r.yml", KNOWN)], &mut vendor, &mut ocsf);
        assert_eq!(report.refused, []);
        let event_log = EventLogRoutes::new(&detector, &mut vendor);
        let outcomes = detector.run_tests(&vendor, &ocsf, &event_log, |_| None);
        assert!(outcomes.iter().all(|o| o.result == RuleTestResult::Passed));
        let routes = detector.route(&sigma::Logsource::of("aws", "cloudtrail"));
        let (mut tape, mut other_tape) = (Tape::new(), Tape::new());
        // the sender claims everything that the rules ask for
        let claims = r#""enrich":{"owner":"@acme/payments","src_asn":64496,"src_country":"DE","criticality":"critical",
            "process":{"ancestors":["/winword"],"parent":"/sh"}}"#;
        let record = format!("{{\"eventName\":\"Stop\",{claims}}}");
        let event = format!("{{\"class_uid\":6003,{claims}}}");
        let record = tape.parse(&vendor, record.as_bytes()).unwrap();
        let event = other_tape.parse(&ocsf, event.as_bytes()).unwrap();
        let mut chain = AncestryBuffer::default();
        chain.push(Ancestor { pid: 2, image: "/bin/sh", started_at_ms: 1 });
        chain.push(Ancestor { pid: 1, image: "/opt/winword", started_at_ms: 0 });
        let known = Enrichment {
            owner: Some("@acme/payments"),
            criticality: Some("critical"),
            src_asn: Some(64496),
            src_country: Some("GB"),
            ancestors: chain.get(),
            ..Enrichment::default()
        };
        for (known, titles) in [(known, &["Vendor", "Ocsf"][..]), (Enrichment::default(), &["Unknown owner"])]
        {
            let mut hits = Vec::new();
            let mut scratch = Scratch::default();
            detector.detect(&routes, (&record, Some(&event)), &known, &mut scratch, &mut |h| hits.push(h));
            let found: Vec<_> = hits.iter().map(|hit| detector.rule(*hit).unwrap().title.as_str()).collect();
            assert_eq!(found, titles);
            let view = if titles[0] == "Vendor" { &record } else { &event };
            let why = detector.explain(hits[0], &routes, view, &known, &mut scratch);
            assert_eq!(why.iter().any(|m| m.field == "enrich.owner"), titles[0] == "Vendor", "{why:?}");
        }
    }
}
