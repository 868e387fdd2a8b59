//! Rings in the running product: moderators hear of them once, automation rests, and every report is there.

use crate::kit::{Kit, NOW_MS, person_id, reporter, submission};
use model::ReportState;
use ports::store::conformance::Bench;
use ports::store::{Person, ReportFilter};
use serde_json::json;

const ACCOUNTS: usize = 50;

/// Somebody whose account is an hour old.
fn fresh(name: &str) -> Person {
    Person {
        id: person_id(name),
        name: name.to_owned(),
        email: None,
        roles: Vec::new(),
        teams: Vec::new(),
        services: Vec::new(),
        disabled: false,
        identity: None,
        region: "default".to_owned(),
        created_at_ms: NOW_MS - 3_600_000,
        updated_at_ms: NOW_MS,
        signed_in_at_ms: None,
        left_at_ms: None,
        version: 1,
    }
}

#[tokio::test]
async fn a_ring_of_fifty_gives_one_notice_and_loses_no_report() {
    let kit = Kit::running().await;
    let bench = Bench::new(4);
    let mut unit = kit.unit().await;
    for number in 0..ACCOUNTS {
        let person = fresh(&format!("n{number}"));
        unit.people().add(&person, &bench.audit(person.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    for number in 0..ACCOUNTS {
        kit.clock.advance_ms(20_000);
        let mut sent = submission(reporter(&format!("n{number}")));
        let text =
            format!("the deploy of checkout by that team is broken again and must be stopped now {number}");
        sent.fields.insert("what_happened".to_owned(), json!(text));
        kit.intake.submit(sent).await.unwrap();
    }
    // the last one looked at is the last one held
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let (notices, held) = loop {
        let mut view = kit.store.read().await.unwrap();
        let notices = view.notices().list().await.unwrap();
        let all = view
            .reports()
            .list(&ReportFilter::default(), &ports::store::PageRequest::first(500))
            .await
            .unwrap();
        let held = all.items.iter().filter(|report| report.automation_held).count();
        let last = all.items.first().is_some_and(|report| report.automation_held);
        if last || tokio::time::Instant::now() > deadline {
            assert_eq!(all.items.len(), ACCOUNTS, "every report is there");
            let waiting = |state| matches!(state, ReportState::Received | ReportState::Held);
            assert!(all.items.iter().all(|report| waiting(report.state)), "and waits for a person");
            break (notices, held);
        }
        drop(view);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(
        (notices[0].service.as_deref(), notices[0].acknowledged_by.as_ref()),
        (Some("checkout"), None)
    );
    assert!(notices[0].score >= 0.5 && held >= ACCOUNTS - 10, "{held} held, score {}", notices[0].score);
    let seen = kit.desk.acknowledge_notice(&crate::kit::person("mona"), notices[0].id).await.unwrap();
    assert_eq!(seen.acknowledged_by, Some(crate::kit::person("mona").principal));
}
