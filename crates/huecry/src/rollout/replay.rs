//! Makes the finding of a rule again, of its own record and with the rules in force.

use super::generation::{Generation, RuleInForce};
use super::record::OwnedRecord;
use crate::engine::{Scratch, Wanted};
use lake::sql::Masker;
use model::{Finding, MatchedField};
use normalize::RawData;
use server::{Replay, ReplayedField};

/// Takes `record` through the engine and compares what the finding's rule makes of it with `finding`. With a masker,
/// nothing that it says is a value of the record.
pub(super) fn replay(
    generation: &Generation,
    finding: &Finding,
    record: &OwnedRecord,
    found_in: &'static str,
    masker: Option<&Masker>,
) -> Replay {
    let now = generation.rule_by_id(&finding.rule_id);
    let mut replay = Replay {
        record: found_in,
        rule_hash_then: finding.rule_hash.clone(),
        rule_hash_now: now.map(|rule| rule.hash.clone()),
        rule_set_then: finding.rule_set.clone(),
        rule_set_now: generation.word.clone(),
        ..Replay::default()
    };
    let mut scratch = Scratch::new(RawData::Exclude);
    let mut again: Option<Finding> = None;
    let outcome = generation.engine.process(
        &record.as_raw(),
        record.position,
        &mut scratch,
        |_| Wanted::EventAndRules,
        |_| (),
        |matched| {
            if now.is_some_and(|rule| rule.hit() == Some(matched.hit)) {
                again = matched.finding(finding.detected_at_ms);
            }
        },
    );
    replay.event_id = outcome.as_ref().ok().map(|summary| summary.event_id.to_string());
    replay.difference = match &outcome {
        Err(refusal) => {
            // a reason may repeat a value
            let why = if masker.is_some() { refusal.code.as_str() } else { &refusal.reason };
            Some(format!("the record gives no event now: {why}"))
        }
        Ok(_) => difference(finding, now, again.as_ref()),
    };
    replay.reproduced = replay.difference.is_none();
    if let Some(again) = again {
        replay.finding_id = Some(again.id.to_string());
        let field = |field: MatchedField| ReplayedField {
            selection: field.selection,
            field: field.field,
            value: masker.map_or_else(|| field.value.clone(), |masker| masker.token(&field.value)),
        };
        replay.matched = again.matched.into_iter().map(field).collect();
    }
    replay
}

/// What differs of a finding, the rule in force and what that makes of the record now; `None` if nothing does.
fn difference(finding: &Finding, now: Option<&RuleInForce>, again: Option<&Finding>) -> Option<String> {
    let Some(now) = now else { return Some("the rule is not loaded any more".to_owned()) };
    let changed = (now.hash != finding.rule_hash)
        .then(|| format!("the rule changed since: its hash was {}, it is {}", finding.rule_hash, now.hash));
    match (changed, again) {
        (Some(changed), None) => Some(format!("{changed}; it does not match the record any more")),
        (Some(changed), Some(_)) => Some(format!("{changed}; it matches the record as well")),
        (None, None) => Some(
            "the rule does not match the record now: what is known beside it, or the engine, is another"
                .to_owned(),
        ),
        (None, Some(again)) if again.id != finding.id => {
            Some("the finding has another id now: the record's identity is another".to_owned())
        }
        (None, Some(again)) if sorted(again) != sorted(finding) => {
            Some("the rule matches the record for other fields or values".to_owned())
        }
        (None, Some(_)) => None,
    }
}

/// What it names as the reason, in one order.
pub(super) fn sorted(finding: &Finding) -> Vec<(&str, &str, &str)> {
    let fields = finding.matched.iter().map(|f| (f.selection.as_str(), f.field.as_str(), f.value.as_str()));
    let mut fields: Vec<_> = fields.collect();
    fields.sort_unstable();
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use model::{Offset, Partition, Position, RawRecord, Topic};
    use std::sync::Arc;

    const RULE: &str = "title: Stop\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\n\
        logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: StopLogging}, condition: s}\n";

    fn generation(rule: &str) -> Generation {
        let (engine, report) = Engine::load([("r.yml", rule)]).unwrap();
        assert_eq!(report.refused, []);
        Generation::all_active(Arc::new(engine))
    }

    fn record(name: &str) -> OwnedRecord {
        let body = format!(
            r#"{{"eventVersion":"1.08","eventName":"{name}","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1"}}"#
        );
        let raw = RawRecord {
            source: "trail",
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: 1,
            body: body.as_bytes(),
        };
        OwnedRecord::of(&raw, Position::new(Topic::Raw, Partition(0), Offset(4)))
    }

    fn finding(generation: &Generation, record: &OwnedRecord) -> Finding {
        let mut made = None;
        let mut scratch = Scratch::new(RawData::Exclude);
        let raw = record.as_raw();
        generation
            .engine
            .process(
                &raw,
                record.position,
                &mut scratch,
                |_| Wanted::EventAndRules,
                |_| (),
                |matched| {
                    made = matched.finding(9);
                },
            )
            .unwrap();
        made.unwrap()
    }

    #[test]
    fn a_finding_is_made_again_or_it_is_said_why_not() {
        let (then, stop) = (generation(RULE), record("StopLogging"));
        let finding = finding(&then, &stop);
        let same = replay(&then, &finding, &stop, "log", None);
        assert!(same.reproduced && same.difference.is_none(), "{same:?}");
        assert_eq!(same.finding_id.as_deref(), Some(finding.id.to_string().as_str()));
        assert_eq!(same.event_id.as_deref(), Some(finding.event_id.to_string().as_str()));
        assert_eq!(
            (same.matched[0].field.as_str(), same.matched[0].value.as_str()),
            ("eventName", "StopLogging")
        );

        let wider = RULE.replace("eventName: StopLogging", "eventName: [StopLogging, DeleteTrail]");
        let other = RULE.replace("eventName: StopLogging", "eventName: DeleteTrail");
        let gone = RULE.replace("0b0f9a34", "1b0f9a34");
        let elsewhere = OwnedRecord { position: "raw/0/5".parse().unwrap(), ..stop.clone() };
        for (rule, record, part, matches) in [
            (wider.as_str(), &stop, "changed since", true),
            (other.as_str(), &stop, "does not match the record any more", false),
            (gone.as_str(), &stop, "not loaded", false),
            (RULE, &elsewhere, "another id", true),
            (RULE, &record("StartLogging"), "does not match the record now", false),
        ] {
            let replayed = replay(&generation(rule), &finding, record, "lake", None);
            assert!(!replayed.reproduced, "{part}");
            assert!(replayed.difference.as_ref().is_some_and(|text| text.contains(part)), "{replayed:?}");
            assert_eq!(replayed.finding_id.is_some(), matches, "{part}");
        }
    }

    #[test]
    fn without_the_right_to_see_them_no_value_of_the_record_is_told() {
        let (then, stop) = (generation(RULE), record("StopLogging"));
        let finding = finding(&then, &stop);
        let masker = Masker::new(&[1; lake::sql::MASK_KEY_BYTES]);
        let masked = replay(&then, &finding, &stop, "log", Some(&masker));
        assert!(masked.reproduced, "what is compared is not masked");
        assert_eq!(masked.matched[0].value, masker.token("StopLogging"));
        let broken = OwnedRecord { body: br#"{"eventName": "StopLogging", "secret"#.to_vec(), ..stop };
        for (masker, tells) in [(None, true), (Some(&masker), false)] {
            let refused = replay(&then, &finding, &broken, "log", masker);
            let all = format!("{refused:?}");
            assert!(refused.difference.is_some_and(|text| text.contains("no event")), "{all}");
            assert!(tells || !all.contains("secret"), "{all}");
        }
    }
}
