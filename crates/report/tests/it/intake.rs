//! Taking reports in.

use crate::kit::{Kit, NOW_MS, reporter, submission};
use model::{Principal, ReportState, Reporter, Tier};
use ports::mask::conformance;
use ports::store::{OnceKey, REPORTS_SUBMITTED_MAX, ReportFilter};
use report::{IntakeError, QUEUE_REPORTS_MAX, Submission, secret_sha256};
use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinSet;

#[test]
fn the_mask_of_these_tests_keeps_the_promise_of_masks() {
    conformance::keeps_its_promise(&crate::kit::AtMask);
}

#[tokio::test]
async fn a_report_is_there_masked_and_recorded_when_it_is_answered() {
    let kit = Kit::new().await;
    let mut sent = submission(reporter("rita"));
    sent.fields.insert(
        "what_happened".to_owned(),
        json!("ana@acme.example pushed an image, write to bob@acme.example please"),
    );
    sent.fields.insert("signs".to_owned(), json!(["eve@acme.example", "plain"]));
    sent.context.branch = Some("fix-for-ana@acme.example".to_owned());
    sent.address = Some("192.0.2.1".parse().unwrap());
    let filed = kit.intake.submit(sent).await.unwrap();
    let mut view = kit.store.read().await.unwrap();
    let report = view.reports().by_receipt(&secret_sha256(filed.secret.reveal())).await.unwrap().unwrap();
    assert_eq!(report, filed.report);
    assert!(!format!("{report:?}").contains("acme.example"), "{report:?}");
    assert_eq!((filed.masked.count, report.masked_count, report.personal_held), (4, 5, true));
    assert_eq!(report.title, "Suspicious CI run: [email 1] pushed an image, write to [email 1] please");
    assert_eq!((report.tier, report.state), (Tier::Newcomer, ReportState::Received));
    assert_eq!(report.next_update_due_ms, Some(NOW_MS + 3 * crate::kit::DAY_MS));
    let stored = view.audit().entry(report.submit_record).await.unwrap().unwrap();
    let recorded = filed.recorded.unwrap();
    assert_eq!((stored.entry.index, stored.entry.leaf_hash()), (recorded.index, recorded.leaf_hash));
    let record = view.audit().get(report.submit_record).await.unwrap().unwrap();
    assert_eq!((record.action.as_str(), record.object), ("report.submit", report.id.to_string()));
    assert_eq!(record.principal.name(), "Rita");
    assert!(!record.after.to_string().contains("pushed"), "a record holds no words of the reporter's");
}

#[tokio::test]
async fn what_is_no_report_is_told_field_by_field() {
    let kit = Kit::new().await;
    let refused = |sent: Submission| {
        let intake = Arc::clone(&kit.intake);
        async move { intake.submit(sent).await.unwrap_err() }
    };
    let unknown = refused(Submission { form: "weather".into(), ..submission(Reporter::Anonymous) }).await;
    assert!(matches!(unknown, IntakeError::FormUnknown { .. }), "{unknown}");
    let mut sent = submission(Reporter::Anonymous);
    sent.fields.insert("what_happened".to_owned(), json!("no"));
    sent.fields.insert("mood".to_owned(), json!("bad"));
    let IntakeError::Invalid { errors } = refused(sent).await else { panic!("taken") };
    assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["what_happened", "mood"]);
    for (commit, lines) in [("main", "1"), ("0a1b2c3", "first"), ("", "1"), ("0a1b2c3\n", "1")] {
        let mut sent = submission(Reporter::Anonymous);
        (sent.context.commit, sent.context.lines) = (Some(commit.to_owned()), Some(lines.to_owned()));
        let refused = refused(sent).await;
        assert!(
            matches!(&refused, IntakeError::Invalid { errors } if errors.len() == 1),
            "{commit:?} {lines:?}"
        );
    }
    let count = kit.store.read().await.unwrap().reports().counts(&ReportFilter::default()).await.unwrap();
    assert_eq!(count, []);
}

#[tokio::test]
async fn a_request_that_is_repeated_is_one_report_with_one_receipt() {
    let kit = Kit::new().await;
    let once = OnceKey { key_sha256: [1; 32], request_sha256: [2; 32] };
    let sent = Submission { once: Some(once), ..submission(Reporter::Anonymous) };
    let (first, at_once) = tokio::join!(kit.intake.submit(sent.clone()), kit.intake.submit(sent.clone()));
    let (first, at_once, later) =
        (first.unwrap(), at_once.unwrap(), kit.intake.submit(sent.clone()).await.unwrap());
    assert_eq!([first.repeated, at_once.repeated, later.repeated], [false, true, true]);
    for again in [&at_once, &later] {
        assert_eq!((again.report.id, again.secret.reveal()), (first.report.id, first.secret.reveal()));
    }
    let other = OnceKey { request_sha256: [3; 32], ..once };
    let reused = kit.intake.submit(Submission { once: Some(other), ..sent }).await.unwrap_err();
    assert!(matches!(reused, IntakeError::OnceReused), "{reused}");
}

#[tokio::test]
async fn past_the_rate_reports_are_held_and_never_refused() {
    let kit = Kit::new().await;
    let mut states = Vec::new();
    for _ in 0..30 {
        let sent =
            Submission { address: Some("203.0.113.9".parse().unwrap()), ..submission(Reporter::Anonymous) };
        states.push(kit.intake.submit(sent).await.unwrap().report.state);
    }
    assert_eq!(states[0], ReportState::Received);
    assert_eq!(states[29], ReportState::Held);
}

#[tokio::test]
async fn when_no_more_can_wait_the_rest_is_told_to_come_again_and_none_is_lost() {
    const SENT: usize = QUEUE_REPORTS_MAX + 2 * REPORTS_SUBMITTED_MAX + 50;
    let kit = Kit::new().await;
    let turn = kit.unit().await;
    let mut waiting = JoinSet::new();
    for _ in 0..SENT {
        let intake = Arc::clone(&kit.intake);
        waiting.spawn(async move { intake.submit(submission(Reporter::Anonymous)).await });
    }
    let mut busy = 0;
    while busy < SENT - QUEUE_REPORTS_MAX - 2 * REPORTS_SUBMITTED_MAX {
        match waiting.join_next().await.unwrap().unwrap() {
            Err(IntakeError::Busy { retry_after_s: 1.. }) => busy += 1,
            other => panic!("answered while nothing can be written: {other:?}"),
        }
    }
    drop(turn);
    let mut acknowledged = Vec::new();
    while let Some(answer) = waiting.join_next().await {
        match answer.unwrap() {
            Ok(filed) => acknowledged.push(filed.report.id),
            Err(IntakeError::Busy { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let mut view = kit.store.read().await.unwrap();
    let counts = view.reports().counts(&ReportFilter::default()).await.unwrap();
    assert_eq!(counts.iter().map(|(_, n)| *n as usize).sum::<usize>(), acknowledged.len());
    assert!(acknowledged.len() >= QUEUE_REPORTS_MAX);
    assert_eq!(view.audit().count().await.unwrap() as usize, acknowledged.len());
}

#[tokio::test]
async fn what_a_reporter_has_earned_comes_with_the_next_report() {
    let kit = Kit::new().await;
    for _ in 0..8 {
        let filed = kit.submit(reporter("rita")).await;
        let accept = kit.request(filed.report.id, model::DecisionKind::Accept, "mona").await;
        kit.desk.decide(&accept).await.unwrap();
    }
    let next = kit.submit(reporter("rita")).await.report;
    assert_eq!(next.tier, Tier::Trusted);
    let mut elsewhere = Submission { form: "policy-or-other".into(), ..submission(reporter("rita")) };
    elsewhere.fields = json!({ "what": "the door of the server room" }).as_object().unwrap().clone();
    let elsewhere = kit.intake.submit(elsewhere).await.unwrap().report;
    assert_eq!(elsewhere.tier, Tier::Newcomer, "of another category nothing is known");
    assert_eq!(kit.submit(Reporter::Anonymous).await.report.tier, Tier::Anonymous);
    let record = kit.store.read().await.unwrap().audit().get(next.submit_record).await.unwrap().unwrap();
    assert!(matches!(record.principal, Principal::Person { .. }));
}
