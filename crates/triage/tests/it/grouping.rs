//! Which incidents come out.

use crate::world::{PARTITION, WINDOW_MS, World, actor, finding};
use huecry_triage::{Error, Stepped};
use model::{Finding, Severity, Status, Verdict};
use ports::store::{AuditFilter, IncidentEdit, IncidentFilter, PageRequest};
use ports::{Store, StoreError};
use proptest::prelude::*;

fn any_finding() -> impl Strategy<Value = (u8, i64, u64, usize)> {
    (0..3u8, 0..900i64, 0..5u64, 0..5usize)
}

fn made(rows: &[(u8, i64, u64, usize)]) -> Vec<Finding> {
    let one = |(number, &(who, time_ms, rule, severity)): (usize, &(u8, i64, u64, usize))| {
        let entity = ["root", "eve", "ci"][usize::from(who)];
        finding(number as u64, entity, time_ms, rule, Severity::ALL[severity])
    };
    rows.iter().enumerate().map(one).collect()
}

/// The groups by definition: in order of time, a gap longer than the window begins a new incident.
fn by_definition(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|f| (f.entities[0].clone(), f.time_ms, f.id));
    let together =
        |a: &&Finding, b: &&Finding| a.entities[0] == b.entities[0] && b.time_ms - a.time_ms <= WINDOW_MS;
    sorted.chunk_by(together).map(<[_]>::to_vec).collect()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A step went well, or found that a commit of a process that is gone came through after all.
fn settled(step: &Result<Stepped, Error>) {
    assert!(matches!(step, Ok(_) | Err(Error::Store(StoreError::Conflict { .. }))), "{step:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// The same findings, twice, in any order, in batches of any size, with a crash in every batch: the same
    /// incidents as in order, once, and the same as the definition says.
    #[test]
    fn disorder_redelivery_and_crashes_change_nothing(
        (rows, order) in proptest::collection::vec(any_finding(), 1..40)
            .prop_flat_map(|rows| {
                let twice: Vec<usize> = (0..rows.len()).chain(0..rows.len()).collect();
                (Just(rows), Just(twice).prop_shuffle())
            }),
        batch in 1..12usize,
    ) {
        run(async {
            let findings = made(&rows);
            let plain = World::new().await;
            plain.triage(&findings).await;

            let wild = World::new().await;
            for part in order.chunks(batch) {
                let part: Vec<_> = part.iter().map(|&i| findings[i].clone()).collect();
                wild.append(&part).await;
                // a crash: the process is gone before the transaction ends, after any number of awaits
                for polls in [2, 9, 16, 25, 40] {
                    let service = wild.service();
                    let mut step = Box::pin(service.step(PARTITION));
                    let mut left = polls;
                    let finished = std::future::poll_fn(|context| {
                        use std::task::Poll;
                        match step.as_mut().poll(context) {
                            Poll::Ready(done) => Poll::Ready(Some(done)),
                            Poll::Pending if left == 0 => Poll::Ready(None),
                            Poll::Pending => {
                                left -= 1;
                                Poll::Pending
                            }
                        }
                    });
                    if let Some(done) = finished.await {
                        settled(&done);
                    }
                }
                loop {
                    let done = wild.service().step(PARTITION).await;
                    settled(&done);
                    if done.is_ok_and(|stepped| stepped.counters.accepted == 0) {
                        break;
                    }
                }
            }
            let outcome = wild.outcome().await;
            assert_eq!(outcome, plain.outcome().await);
            let mut expected: Vec<Vec<_>> =
                by_definition(&findings).iter().map(|run| run.iter().map(|f| f.id).collect()).collect();
            expected.iter_mut().for_each(|run| run.sort());
            expected.sort();
            assert_eq!(outcome.keys().map(|run| run.iter().copied().collect()).collect::<Vec<Vec<_>>>(), expected);
            let position = wild.store.read().await.unwrap().positions().list().await.unwrap().remove(0);
            assert_eq!(position.next.0, order.len() as u64);
            assert_eq!(position.counters.accepted, order.len() as u64);
            assert_eq!(position.counters.stored, findings.len() as u64);
            assert_eq!(position.counters.duplicates, findings.len() as u64);
        });
    }
}

#[tokio::test]
async fn several_rules_on_one_entity_raise_the_severity() {
    let world = World::new().await;
    world
        .triage(&[finding(1, "root", 0, 1, Severity::Medium), finding(2, "root", 9, 4, Severity::Low)])
        .await;
    assert_eq!(world.incidents().await[0].machine_severity, Severity::Medium);
    world.triage(&[finding(3, "root", 20, 7, Severity::Low)]).await;
    let incidents = world.incidents().await;
    assert_eq!((incidents.len(), incidents[0].machine_severity), (1, Severity::High));
    assert_eq!((incidents[0].title.as_str(), incidents[0].findings), ("Rule 1: root", 3));
}

#[tokio::test]
async fn a_closed_incident_stays_closed_and_a_new_one_is_linked_to_it() {
    let world = World::new().await;
    world.triage(&[finding(1, "root", 0, 1, Severity::Medium)]).await;
    let closed = world.incidents().await[0].id;
    let close = IncidentEdit {
        status: Some(Status::Closed),
        verdict: Some(Some(Verdict::Benign)),
        ..IncidentEdit::default()
    };
    let as_closed = world.edit(closed, close).await;
    world.triage(&[finding(2, "root", 10, 1, Severity::Critical)]).await;
    assert_eq!(world.incident(closed).await, as_closed);
    let incidents = world.incidents().await;
    let new = incidents.iter().find(|incident| incident.id != closed).unwrap();
    assert_eq!((new.related, new.status, new.findings), (Some(closed), Status::New, 1));
    assert_eq!(world.findings_of(closed).await.len(), 1);
}

#[tokio::test]
async fn a_bridge_makes_two_incidents_one_but_never_takes_one_from_people() {
    for touched in [false, true] {
        let world = World::new().await;
        world
            .triage(&[finding(1, "root", 0, 1, Severity::Medium), finding(2, "root", 160, 1, Severity::Low)])
            .await;
        let [early, late] = {
            let mut incidents = world.incidents().await;
            incidents.sort_by_key(|incident| incident.first_seen_ms);
            [incidents[0].id, incidents[1].id]
        };
        if touched {
            let take = IncidentEdit { assignee: Some(Some("ana".to_owned())), ..IncidentEdit::default() };
            world.edit(late, take).await;
        }
        world.triage(&[finding(3, "root", 80, 1, Severity::Low)]).await;
        let (keeper, absorbed) = if touched { (late, early) } else { (early, late) };
        let incidents = world.incidents().await;
        assert_eq!(incidents.iter().map(|i| (i.id, i.findings)).collect::<Vec<_>>(), [(keeper, 3)]);
        assert_eq!(incidents[0].assignee.is_some(), touched);
        assert_eq!(world.incident(absorbed).await.merged_into, Some(keeper));
        let mut view = world.store.read().await.unwrap();
        let about = AuditFilter { object: Some(absorbed.to_string()), ..AuditFilter::default() };
        let records = view.audit().list(&about, &PageRequest::default()).await.unwrap().items;
        let actions: Vec<_> = records.iter().map(|record| record.action.as_str()).collect();
        assert_eq!(actions.first(), Some(&"incident.merge"));
        assert_eq!(actions.last(), Some(&"incident.open"));
    }
}

#[tokio::test]
async fn findings_join_what_people_work_on_without_changing_their_decisions() {
    let world = World::new().await;
    world.triage(&[finding(1, "root", 0, 1, Severity::Medium)]).await;
    let id = world.incidents().await[0].id;
    let decided = IncidentEdit {
        status: Some(Status::OnHold),
        assignee: Some(Some("ana".to_owned())),
        severity_override: Some(Some(Severity::Low)),
        verdict: Some(Some(Verdict::Suspicious)),
    };
    let before = world.edit(id, decided).await;
    world.triage(&[finding(2, "root", 50, 2, Severity::Critical)]).await;
    let after = world.incident(id).await;
    assert_eq!((after.findings, after.machine_severity), (2, Severity::Critical));
    let people =
        |i: &model::Incident| (i.status, i.assignee.clone(), i.severity_override, i.verdict, i.version);
    assert_eq!(people(&after), people(&before));
}

#[tokio::test]
async fn regions_and_findings_without_entities_have_groups_of_their_own() {
    let world = World::new().await;
    let mut eu = finding(1, "root", 0, 1, Severity::Low);
    eu.region = "eu".to_owned();
    let mut bare = finding(2, "root", 0, 1, Severity::Low);
    bare.entities.clear();
    let mut bare_again = finding(3, "root", 1, 1, Severity::Low);
    bare_again.entities.clear();
    world.triage(&[eu, bare, bare_again, finding(4, "root", 0, 1, Severity::Low)]).await;
    let mut groups: Vec<_> =
        world.incidents().await.into_iter().map(|i| (i.region, i.group.value, i.findings)).collect();
    groups.sort();
    let expected = [("default", "root", 1), ("default", "rule r1 on aws", 2), ("eu", "root", 1)];
    assert_eq!(groups, expected.map(|(region, group, n)| (region.to_owned(), group.to_owned(), n)));
}

#[tokio::test]
async fn an_incident_is_found_by_any_entity_of_its_findings() {
    let world = World::new().await;
    let mut one = finding(1, "root", 0, 1, Severity::Low);
    one.entities.push(actor("198.51.100.7"));
    let mut two = finding(2, "root", 5, 1, Severity::Low);
    two.entities.push(actor("203.0.113.9"));
    world.triage(&[one]).await;
    world.triage(&[two]).await;
    for (entity, found) in [("root", 1), ("198.51.100.7", 1), ("203.0.113.9", 1), ("192.0.2.1", 0)] {
        let filter = IncidentFilter { entity: Some(entity.to_owned()), ..IncidentFilter::default() };
        let mut view = world.store.read().await.unwrap();
        let page = view.incidents().list(&filter, Default::default(), &PageRequest::default()).await.unwrap();
        assert_eq!(page.items.len(), found, "{entity}");
    }
}
