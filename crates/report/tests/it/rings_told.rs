//! Rings in the running product: moderators hear of them once, automation rests, and every report is there.

use crate::kit::{Kit, NOW_MS, person, person_id, reporter, submission};
use model::ReportState;
use ports::store::conformance::Bench;
use ports::store::{PageRequest, Person, ReportFilter};
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

/// Fifty accounts that were made for it report the same within a quarter of an hour.
async fn ring(kit: &Kit) {
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
}

/// The notices once the last report was looked at, and how many reports automation leaves alone.
async fn told(kit: &Kit) -> (Vec<model::ReportNotice>, usize) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let mut view = kit.store.read().await.unwrap();
        let notices = view.notices().list().await.unwrap();
        let all =
            view.reports().list(&ReportFilter::default(), &PageRequest::first(500)).await.unwrap().items;
        let held = all.iter().filter(|report| report.automation_held).count();
        if all.first().is_some_and(|report| report.automation_held) || tokio::time::Instant::now() > deadline
        {
            assert_eq!(all.len(), ACCOUNTS, "every report is there");
            let waiting = |state| matches!(state, ReportState::Received | ReportState::Held);
            assert!(all.iter().all(|report| waiting(report.state)), "and waits for a person");
            return (notices, held);
        }
        drop(view);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_ring_of_fifty_gives_one_notice_and_loses_no_report() {
    let kit = Kit::running().await;
    ring(&kit).await;
    let (notices, held) = told(&kit).await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(
        (notices[0].service.as_deref(), notices[0].acknowledged_by.as_ref()),
        (Some("checkout"), None)
    );
    assert!(notices[0].score >= 0.5 && held >= ACCOUNTS - 10, "{held} held, score {}", notices[0].score);
    let seen = kit.desk.acknowledge_notice(&person("mona"), notices[0].id).await.unwrap();
    assert_eq!(seen.acknowledged_by, Some(person("mona").principal));
}

#[tokio::test]
async fn a_ring_that_was_not_told_before_a_restart_is_told_after_it() {
    let kit = Kit::new().await;
    ring(&kit).await;
    kit.publisher().step().await.unwrap();
    assert_eq!(kit.store.read().await.unwrap().notices().list().await.unwrap(), []);
    kit.start_whole();
    let (notices, held) = told(&kit).await;
    assert!(notices.len() == 1 && held >= ACCOUNTS - 10, "{notices:?}, {held} held");
}
