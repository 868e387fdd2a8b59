//! A rule's own tests: events that it must match, and events that it must not.

use crate::detector::{Detector, Hit, Scratch, Vocabulary};
use crate::reading::{Read, Reading};
use crate::view::Seen;
use model::Tape;

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
    /// The event is what the rule looks for, and is none of the records that the rule is for: it never sees it.
    OtherLogsource,
    /// The test's event is no event.
    Invalid {
        /// Why.
        reason: String,
    },
}

impl RuleTestResult {
    /// What came of a test that says whether its rule must match: whether it did, and whether its detection would have
    /// on a record that it is for.
    pub(crate) fn of(must_match: bool, matched: bool, holds: bool) -> Self {
        match (must_match, matched) {
            (true, false) if holds => Self::OtherLogsource,
            _ if matched == must_match => Self::Passed,
            _ => Self::Failed { matched },
        }
    }
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
    /// Whether the rule must match.
    pub matches: bool,
    /// How it ended.
    pub result: RuleTestResult,
}

impl Detector {
    /// Runs the tests of every rule. A test's event is seen as a record would be: under the names of its vocabulary, and
    /// of the rule's category; and not at all by a rule that is for other records.
    pub fn run_tests(&self, reading: &Reading<'_>) -> Vec<RuleTestOutcome> {
        let (mut tape, mut scratch) = (Tape::new(), Scratch::default());
        let mut outcomes = Vec::new();
        for (hit, rule) in self.rules() {
            for test in &rule.tests {
                let record = test.event.to_string();
                let result = match reading.read((hit, rule), record.as_bytes(), &mut tape) {
                    Err(reason) => RuleTestResult::Invalid { reason },
                    Ok(Read { seen, is_for_rule }) => {
                        let holds = self.holds(hit, &seen, &mut scratch);
                        // asked last: only of what would match does it make a difference
                        let is_seen = holds && is_for_rule && reading.is_of_its_kind(hit, record.as_bytes());
                        RuleTestResult::of(test.matches, is_seen, holds)
                    }
                };
                outcomes.push(RuleTestOutcome {
                    rule: hit,
                    name: test.name.clone(),
                    line: test.line,
                    matches: test.matches,
                    result,
                });
            }
        }
        outcomes
    }

    /// Whether a rule's detection holds, for whatever record.
    pub(crate) fn holds(&self, hit: Hit, seen: &Seen<'_>, scratch: &mut Scratch) -> bool {
        let scratch = match hit.vocabulary {
            Vocabulary::Vendor => &mut scratch.vendor,
            Vocabulary::Ocsf => &mut scratch.ocsf,
        };
        self.set(hit.vocabulary).matches_rule(hit.index, seen, scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventLogRoutes;
    use model::FieldTable;

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
        let outcomes = detector.run_tests(&Reading::plain(&vendor, &ocsf, &event_log));
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
        let reading =
            Reading { vocabulary_of: &|_| Some(&vocabulary), ..Reading::plain(&vendor, &ocsf, &event_log) };
        for outcome in detector.run_tests(&reading) {
            assert_eq!(outcome.result, RuleTestResult::Passed, "{}", outcome.name);
        }
    }

    /// Where the record says what it is, the test ends as it would in production.
    #[test]
    fn a_test_of_a_record_that_the_rule_never_sees_is_no_proof() {
        use RuleTestResult::{Failed, OtherLogsource, Passed};
        const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";
        let process = "{product: windows, category: process_creation}";
        let cases = [
            (process, format!("{{Channel: {SYSMON}, EventID: 1, a: b}}"), true, Passed),
            (process, format!("{{Channel: {SYSMON}, EventID: 3, a: b}}"), true, OtherLogsource),
            (process, format!("{{Channel: {SYSMON}, EventID: 3, a: b}}"), false, Passed),
            (process, format!("{{Channel: {SYSMON}, EventID: 3, a: c}}"), true, Failed { matched: false }),
            // a part of a record that says no more than its channel
            (process, format!("{{Channel: {SYSMON}, a: b}}"), true, Passed),
            (process, "{Channel: System, a: b}".to_owned(), true, OtherLogsource),
            (process, "{EventID: 3, a: b}".to_owned(), true, Passed),
            (
                "{product: windows, service: security}",
                "{Channel: System, EventID: 7045, a: b}".into(),
                true,
                OtherLogsource,
            ),
            (
                "{product: windows, service: security}",
                "{Channel: Security, EventID: 1, a: b}".into(),
                true,
                Passed,
            ),
            ("{product: windows}", "{Channel: Elsewhere, EventID: 1, a: b}".into(), true, Passed),
            (
                "{category: process_creation}",
                format!("{{Channel: {SYSMON}, EventID: 3, a: b}}"),
                true,
                OtherLogsource,
            ),
            ("{product: aws}", "{Channel: Elsewhere, a: b}".to_owned(), true, Passed),
            ("{product: aws}", "{kind: okta, a: b}".to_owned(), true, OtherLogsource),
            ("{product: aws}", "{kind: okta, a: b}".to_owned(), false, Passed),
        ];
        for (logsource, event, matches, expected) in cases {
            let text = format!(
                "title: T\nlogsource: {logsource}\ndetection: {{s: {{a: b}}, condition: s}}\n\
                 tests: [{{name: t, event: {event}, matches: {matches}}}]\n"
            );
            let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
            let (detector, report) = Detector::load([("r.yml", text.as_str())], &mut vendor, &mut ocsf);
            assert_eq!(report.refused, []);
            let event_log = EventLogRoutes::new(&detector, &mut vendor);
            let reading = Reading {
                may_be_for: &|_, record| !String::from_utf8_lossy(record).contains("okta"),
                ..Reading::plain(&vendor, &ocsf, &event_log)
            };
            let outcomes = detector.run_tests(&reading);
            assert_eq!(outcomes[0].result, expected, "{logsource} {event} {matches}");
            // a change that only such a test would notice is not noticed
            let (hit, _) = detector.rules().next().unwrap();
            let judged = detector.mutate(hit, &reading).unwrap();
            assert_eq!(judged.standing == crate::Standing::Judged, expected == Passed, "{logsource} {event}");
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
        let outcomes = detector.run_tests(&Reading::plain(&vendor, &ocsf, &event_log));
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
