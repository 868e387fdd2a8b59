//! Triage as a consumer.

use crate::world::{PARTITION, World, finding};
use huecry_triage::{BATCH_FINDINGS_MAX, CONSUMER, Error, Service};
use model::{Offset, Partition, Position, Severity, Topic};
use ports::log::RecordBatch;
use ports::store::{ChangeSeq, Counters};
use ports::{Log, Store, StoreError};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn it_works_until_it_is_told_to_stop() {
    let world = World::new().await;
    world.append(&[finding(1, "root", 0, 1, Severity::Low)]).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Service::new(world.options()).run(stop.clone()));
    let first = world.store.wait_for_change(ChangeSeq(0)).await.unwrap();
    world.append(&[finding(2, "eve", 0, 1, Severity::Low)]).await;
    world.store.wait_for_change(first).await.unwrap();
    stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(world.incidents().await.len(), 2);
    assert!(world.log.committed(CONSUMER, Topic::Finding, PARTITION).await.unwrap().is_some());
}

#[tokio::test]
async fn batches_are_bounded_and_every_record_is_counted() {
    let world = World::new().await;
    let total = BATCH_FINDINGS_MAX + 7;
    let findings: Vec<_> =
        (0..total).map(|n| finding(n as u64, "root", n as i64, 1, Severity::Low)).collect();
    world.append(&findings).await;
    let mut broken = RecordBatch::new();
    broken.push(b"{\"id\":").unwrap();
    world.log.append(Topic::Finding, PARTITION, broken, 0).await.unwrap();
    world.append(&findings[..3]).await;

    let service = world.service();
    let first = service.step(PARTITION).await.unwrap();
    assert_eq!(first.counters.accepted, BATCH_FINDINGS_MAX as u64);
    let second = service.step(PARTITION).await.unwrap();
    assert_eq!(second.counters, Counters { accepted: 11, stored: 7, dead_lettered: 1, duplicates: 3 });
    assert_eq!(service.step(PARTITION).await.unwrap().counters, Counters::default());

    let mut view = world.store.read().await.unwrap();
    let raw = Position::new(Topic::Finding, PARTITION, Offset(total as u64));
    let letter = view.dead_letters().get(raw).await.unwrap().unwrap();
    assert_eq!(letter.letter.code, "finding_invalid");
    let at = view.positions().get(CONSUMER, Topic::Finding, PARTITION).await.unwrap().unwrap();
    let Counters { accepted, stored, dead_lettered, duplicates } = at.counters;
    assert_eq!(accepted, stored + dead_lettered + duplicates);
    assert_eq!((accepted, at.next.0), (total as u64 + 4, total as u64 + 4));
}

#[tokio::test]
async fn of_two_copies_one_goes_ahead_and_the_other_changes_nothing() {
    let world = World::new().await;
    world.append(&[finding(1, "root", 0, 1, Severity::Low)]).await;
    let (one, two) = (world.service(), world.service());
    let (one, two) = tokio::join!(one.step(PARTITION), two.step(PARTITION));
    let outcomes = [one, two];
    let accepted: u64 = outcomes.iter().flatten().map(|stepped| stepped.counters.accepted).sum();
    assert_eq!(accepted, 1, "{outcomes:?}");
    for outcome in &outcomes {
        let refused = matches!(outcome, Err(Error::Store(StoreError::Conflict { current: 1 })));
        assert!(outcome.is_ok() || refused, "{outcome:?}");
    }
    assert_eq!(world.incidents().await[0].findings, 1);
}

#[tokio::test]
async fn a_store_that_is_ahead_of_its_log_is_refused() {
    let world = World::new().await;
    let mut unit = world.store.begin().await.unwrap();
    let moved = (Offset(0), Offset(9));
    unit.positions()
        .advance(CONSUMER, Topic::Finding, Partition(0), moved, Counters::default())
        .await
        .unwrap();
    unit.commit().await.unwrap();
    let refused = world.service().step(PARTITION).await.unwrap_err();
    assert!(matches!(refused, Error::LogBehindStore { stored: Offset(9), end: Offset(0), .. }), "{refused}");
}
