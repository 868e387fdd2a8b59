//! From people's verdicts to a Sigma filter, proven on the records.

use super::generation::{Generation, RuleInForce};
use super::record::OwnedRecord;
use super::service::date_of;
use crate::engine::{Engine, Scratch, Wanted};
use detect::tune::{FALSE_POSITIVES_MIN, Fields, Proposal, propose, selections};
use detect::{Documents, RuleTestResult, Vocabulary};
use model::Entropy;
use normalize::RawData;
use serde_json::Value;
use server::Tuning;
use sigma::Preparation;
use std::fmt::Write;

/// Days that a filter holds unless it is renewed.
const FILTER_DAYS: i64 = 90;
const DAY_MS: i64 = 86_400_000;

/// Records of findings, by what people said of them.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) false_positives: Vec<OwnedRecord>,
    pub(super) true_positives: Vec<OwnedRecord>,
    /// Other records of the sources that they came from.
    pub(super) ordinary: Vec<OwnedRecord>,
    /// Judged findings whose records are gone.
    pub(super) gone: u64,
    /// Judged findings that were not looked at, for the limit of bytes.
    pub(super) left_out: u64,
}

/// The smallest filter that takes out false positives and no true positive; or why there is none.
pub(super) fn tune(
    generation: &Generation,
    rule: &RuleInForce,
    judged: &Judged,
    now_ms: i64,
    entropy: &dyn Entropy,
) -> Tuning {
    let mut tuning = Tuning {
        rule_id: rule.rule_id.clone(),
        false_positives: judged.false_positives.len() as u64,
        true_positives: judged.true_positives.len() as u64,
        records_gone: judged.gone,
        records_left_out: judged.left_out,
        ..Tuning::default()
    };
    let Some(hit) = rule.hit() else { return tuning };
    let Some(source) = generation.engine.detector().rule(hit) else { return tuning };
    if judged.false_positives.len() < FALSE_POSITIVES_MIN {
        tuning.obstacle = Some(format!(
            "a filter needs at least {FALSE_POSITIVES_MIN} findings judged false positives whose records are \
             there; close incidents with --verdict false_positive"
        ));
        return tuning;
    }
    let fields_of = |record: &OwnedRecord| fields_of(&generation.engine, hit.vocabulary, record);
    let fields = |records: &[OwnedRecord]| records.iter().map(fields_of).collect::<Vec<_>>();
    let is_judged =
        |record: &&OwnedRecord| judged.false_positives.iter().any(|known| known.position == record.position);
    let ordinary: Vec<_> =
        judged.ordinary.iter().filter(|record| !is_judged(record)).map(fields_of).collect();
    let proposal = propose(&fields(&judged.false_positives), &fields(&judged.true_positives), &ordinary);
    if proposal.alternatives.is_empty() {
        tuning.obstacle = Some(
            "nothing that two false positives have in common is absent from all true positives, and uncommon \
             in the source"
                .to_owned(),
        );
        return tuning;
    }
    match prove(source, &proposal, judged) {
        Err(obstacle) => tuning.obstacle = Some(obstacle),
        Ok((gone, kept)) => {
            tuning.false_positives_gone = gone;
            tuning.true_positives_kept = kept;
            if kept < tuning.true_positives {
                tuning.obstacle = Some("the filter would take out a true positive".to_owned());
            } else if gone == 0 {
                tuning.obstacle = Some("the filter would take out no false positive".to_owned());
            } else {
                let filter = write(source, rule, &proposal, &tuning, now_ms, entropy);
                match broken_tests(&generation.engine, source, &filter) {
                    Some(obstacle) => tuning.obstacle = Some(obstacle),
                    None => {
                        tuning.expires = Some(date_of(now_ms.div_euclid(DAY_MS) + FILTER_DAYS));
                        tuning.filter = Some(filter);
                    }
                }
            }
        }
    }
    tuning
}

/// What a rule of the vocabulary sees of a record.
fn fields_of(engine: &Engine, vocabulary: Vocabulary, record: &OwnedRecord) -> Fields {
    let raw = record.as_raw();
    let event: Option<Value> = match vocabulary {
        Vocabulary::Vendor => serde_json::from_slice(raw.body).ok(),
        Vocabulary::Ocsf => {
            let mut scratch = Scratch::new(RawData::Exclude);
            let made = engine.normalize(&raw, record.position, &mut scratch);
            made.ok().and_then(|_| serde_json::from_slice(scratch.event_json()).ok())
        }
    };
    event.map(|event| Fields::of(&event)).unwrap_or_default()
}

/// Runs the filter's selections by the engine itself: how many false positives it takes, how many true positives
/// it leaves.
fn prove(rule: &sigma::Rule, proposal: &Proposal, judged: &Judged) -> Result<(u64, u64), String> {
    let (selections, _) = selections(proposal, 2);
    let text = format!(
        "title: filter\n{}detection:\n{selections}  condition: 1 of known_*\n",
        logsource(&rule.logsource)
    );
    let (engine, report) =
        Engine::load([("filter.yml", text.as_str())]).map_err(|_| "no mappings".to_owned())?;
    if let Some(refused) = report.refused.first() {
        return Err(format!("the filter cannot be written as Sigma: {}", refused.reason));
    }
    let mut scratch = Scratch::new(RawData::Exclude);
    let mut taken = |record: &&OwnedRecord| {
        let mut matched = false;
        let raw = record.as_raw();
        let all = |_: &normalize::EventSummary| Wanted::EventAndRules;
        let outcome = engine.process(&raw, record.position, &mut scratch, all, |_| (), |_| matched = true);
        outcome.is_ok() && matched
    };
    let gone = judged.false_positives.iter().filter(&mut taken).count();
    let lost = judged.true_positives.iter().filter(&mut taken).count();
    Ok((gone as u64, (judged.true_positives.len() - lost) as u64))
}

/// Why the rule's own tests would not pass with the filter as they do without it.
fn broken_tests(engine: &Engine, rule: &sigma::Rule, filter: &str) -> Option<String> {
    let parsed = Documents::parse([("filter.yml", filter)]);
    if let Some(refused) = parsed.refused.first() {
        return Some(format!("the filter cannot be written as Sigma: {}", refused.reason));
    }
    let failing = |preparation: Preparation| -> Vec<String> {
        let documents = Documents { rules: vec![rule.clone()], preparation, ..Documents::default() };
        let (engine, _) = Engine::of_documents(engine.mappings(), documents);
        let outcomes = engine.run_rule_tests().into_iter();
        outcomes
            .filter(|outcome| outcome.result != RuleTestResult::Passed)
            .map(|outcome| outcome.name)
            .collect()
    };
    let before = failing(Preparation::default());
    let broken: Vec<_> =
        failing(parsed.preparation).into_iter().filter(|name| !before.contains(name)).collect();
    (!broken.is_empty()).then(|| {
        format!(
            "what the false positives have in common is in the rule's own tests, which would fail: {}",
            broken.join(", ")
        )
    })
}

fn logsource(source: &sigma::Logsource) -> String {
    let mut text = "logsource:\n".to_owned();
    for (key, value) in
        [("category", &source.category), ("product", &source.product), ("service", &source.service)]
    {
        if let Some(value) = value {
            // a write to a string cannot fail
            let _ = writeln!(text, "  {key}: {}", Value::String(value.clone()));
        }
    }
    text
}

/// The file: a filter document of Sigma 2.1, with the day it ends as an extension.
fn write(
    source: &sigma::Rule,
    rule: &RuleInForce,
    proposal: &Proposal,
    tuning: &Tuning,
    now_ms: i64,
    entropy: &dyn Entropy,
) -> String {
    let quoted = |text: String| Value::String(text);
    let (selections, condition) = selections(proposal, 2);
    let day = now_ms.div_euclid(DAY_MS);
    let mut text = String::new();
    // a write to a string cannot fail
    let _ = write!(
        text,
        "title: {}\nid: {}\nstatus: experimental\ndescription: {}\ndate: {}\n{}filter:\n  rules:\n    - {}\n\
         {selections}  condition: {condition}\nexpires: {}\n",
        quoted(format!("Known to be harmless: {}", source.title)),
        uuid(entropy),
        quoted(format!(
            "Takes out {} of {} findings that were judged false positives; all {} that were judged true \
             positives still fire. To renew it, set `expires` to a later day.",
            tuning.false_positives_gone, tuning.false_positives, tuning.true_positives
        )),
        date_of(day),
        logsource(&source.logsource),
        quoted(rule.rule_id.clone()),
        date_of(day + FILTER_DAYS),
    );
    text
}

/// A random UUID (RFC 9562, version 4).
fn uuid(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Offset, Partition, Position, RawRecord, SeededEntropy, Topic};
    use std::sync::Arc;

    const NOW_MS: i64 = 1_772_359_200_000; // 2026-03-01

    fn record(number: u64, agent: &str, user: &str) -> OwnedRecord {
        let body = format!(
            r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","userAgent":"{agent}","userIdentity":{{"type":"IAMUser","userName":"{user}"}}}}"#
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
        OwnedRecord::of(&raw, Position::new(Topic::Raw, Partition(0), Offset(number)))
    }

    fn tuned(logsource: &str, detection: &str, judged: &Judged) -> Tuning {
        let text = format!(
            "title: Stop\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\nlogsource: {logsource}\n{detection}"
        );
        let (engine, report) = Engine::load([("r.yml", text.as_str())]).unwrap();
        assert_eq!(report.refused, []);
        let generation = Generation::all_active(Arc::new(engine));
        tune(&generation, &generation.rules()[0], judged, NOW_MS, &SeededEntropy::new(1))
    }

    #[test]
    fn a_filter_is_made_of_verdicts_and_proven() {
        let judged = Judged {
            false_positives: vec![record(1, "Terraform/1*", "ci"), record(2, "Terraform/1*", "deploy")],
            true_positives: vec![record(3, "curl", "ci"), record(4, "Terraform/10", "eve")],
            gone: 1,
            ..Judged::default()
        };
        let vendor = "detection: {s: {eventName: StopLogging}, condition: s}\n";
        let tuning = tuned("{product: aws, service: cloudtrail}", vendor, &judged);
        assert_eq!(tuning.obstacle, None);
        let counted = (tuning.false_positives_gone, tuning.true_positives_kept, tuning.records_gone);
        assert_eq!(counted, (2, 2, 1));
        let filter = tuning.filter.unwrap();
        // the star is text, or the second attack would be filtered out
        let selection = "  known_1:\n    \"userAgent\": \"Terraform/1\\\\*\"\n  condition: not known_1\n";
        assert!(filter.contains(selection), "{filter}");
        assert!(filter.contains("rules:\n    - \"0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\"\n"), "{filter}");
        assert!(filter.ends_with("expires: 2026-05-30\n"), "{filter}");
        assert_eq!(tuning.expires.as_deref(), Some("2026-05-30"));
        let rule = format!(
            "title: Stop\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\nlogsource: {{product: aws, service: cloudtrail}}\n{vendor}"
        );
        let loaded = Engine::load([("r.yml", rule.as_str()), ("f.yml", filter.as_str())]).unwrap().1;
        assert_eq!((loaded.loaded, loaded.refused), (1, vec![]), "the file is a filter as it stands");
        let id = filter.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));

        let ocsf = "detection: {s: {class_uid: 6003}, condition: s}\n";
        let tuning = tuned("{product: ocsf}", ocsf, &judged);
        assert_eq!((tuning.false_positives_gone, tuning.true_positives_kept), (2, 2), "{tuning:?}");
        assert!(tuning.filter.is_some_and(|filter| filter.contains("user_agent")));
    }

    #[test]
    fn where_there_is_no_filter_it_is_said_why() {
        let vendor = "detection: {s: {eventName: StopLogging}, condition: s}\n";
        let of = |judged: &Judged| tuned("{product: aws, service: cloudtrail}", vendor, judged);
        let one = Judged { false_positives: vec![record(1, "a", "b")], ..Judged::default() };
        assert!(of(&one).obstacle.is_some_and(|why| why.contains("at least 2")));
        let same = Judged {
            false_positives: vec![record(1, "a", "b"), record(2, "a", "b")],
            true_positives: vec![record(3, "a", "b")],
            ..Judged::default()
        };
        let tuning = of(&same);
        assert!(tuning.filter.is_none() && tuning.obstacle.is_some_and(|why| why.contains("in common")));
    }

    #[test]
    fn a_filter_that_breaks_the_rules_own_tests_is_not_proposed() {
        let judged = Judged {
            false_positives: vec![record(1, "Terraform", "ci"), record(2, "Terraform", "deploy")],
            true_positives: vec![record(3, "curl", "eve")],
            ..Judged::default()
        };
        let rule = |agent: &str| {
            format!(
                "detection: {{s: {{eventName: StopLogging}}, condition: s}}\ntests: [{{name: by {agent}, matches: true, event: {{eventName: StopLogging, userAgent: {agent}}}}}]\n"
            )
        };
        let tuning = tuned("{product: aws, service: cloudtrail}", &rule("curl"), &judged);
        assert!(tuning.filter.is_some(), "{tuning:?}");
        let tuning = tuned("{product: aws, service: cloudtrail}", &rule("Terraform"), &judged);
        assert_eq!((&tuning.filter, &tuning.expires), (&None, &None));
        assert!(tuning.obstacle.as_ref().is_some_and(|why| why.contains("by Terraform")), "{tuning:?}");
    }
}
