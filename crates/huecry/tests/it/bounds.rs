//! One giant record does not swell what is made of it.

use huecry::engine::{Engine, FINDING_EVENT_BYTES_MAX, Scratch, Wanted};
use model::{ENTITY_VALUE_BYTES_MAX, Offset, Partition, Position, RawRecord, Topic};
use normalize::RawData;

const RULE: &str = "title: Any call\nid: 6b2f1a52-8d64-4f3b-9a50-2f3c8f0d1a11\nstatus: test\nlevel: low\n\
    logsource: {product: aws, service: cloudtrail}\n\
    detection:\n  call:\n    eventName: CreateUser\n    userIdentity.arn|startswith: 'arn:'\n  condition: call\n";

#[test]
fn a_finding_stays_small_whatever_the_record_holds() {
    let arn = format!("arn:aws:iam::111122223333:user/{}", "é".repeat(512 << 10));
    let body = format!(
        r#"{{"eventID":"e1","eventName":"CreateUser","eventSource":"iam.amazonaws.com",
        "eventTime":"2026-03-01T10:00:00Z","userIdentity":{{"type":"IAMUser","arn":"{arn}"}},
        "requestParameters":{{"userName":"{arn}"}}}}"#
    );
    let (engine, report) = Engine::load([("any.yml", RULE)]).unwrap();
    assert_eq!(report.loaded, 1, "{report:?}");
    let record = RawRecord {
        source: "aws-prod",
        kind: "aws_cloudtrail",
        event_type: None,
        delivery_id: None,
        region: "default",
        received_at_ms: 0,
        body: body.as_bytes(),
    };
    let position = Position::new(Topic::Raw, Partition(0), Offset(7));
    let mut findings = Vec::new();
    let mut scratch = Scratch::new(RawData::Exclude);
    engine
        .process(
            &record,
            position,
            &mut scratch,
            |_| Wanted::EventAndRules,
            |_| (),
            |matched| findings.extend(matched.finding(1)),
        )
        .unwrap();
    let finding = &findings[0];
    assert!(finding.entities.iter().all(|entity| entity.value.len() <= ENTITY_VALUE_BYTES_MAX));
    assert!(finding.entities[0].value.starts_with("arn:aws:iam::111122223333:user/é"));
    let bytes = serde_json::to_vec(finding).unwrap().len();
    assert!(bytes < FINDING_EVENT_BYTES_MAX, "{bytes} bytes");
    let note = finding.event["message"].as_str().unwrap();
    assert!(note.contains("raw/0/7"), "the note says where the record is: {note}");
}
