//! All or nothing.

use super::bench::{Bench, actor};
use crate::store::{Counters, IncidentEdit, Store, StoreError};
use model::{Offset, Partition, Severity, Topic};

/// What was written in a dropped unit is nowhere.
pub async fn a_dropped_unit_leaves_nothing(store: &dyn Store) {
    let bench = Bench::new(1);
    let finding = bench.finding(1, "root", 5, Severity::High);
    let mut unit = store.begin().await.unwrap();
    let incident = bench.open(&mut *unit, &finding).await;
    let counted = Counters { accepted: 1, stored: 1, ..Counters::default() };
    let moved = (Offset(0), Offset(1));
    unit.positions().advance("triage", Topic::Finding, Partition(0), moved, counted).await.unwrap();
    assert!(unit.incidents().get(incident.id).await.unwrap().is_some(), "a unit sees its own writes");
    drop(unit);

    let mut view = store.read().await.unwrap();
    assert_eq!(view.incidents().get(incident.id).await.unwrap(), None);
    assert_eq!(view.findings().get(finding.id).await.unwrap(), None);
    assert_eq!(view.positions().list().await.unwrap(), []);
    assert_eq!(view.changes().bounds().await.unwrap(), None);
    let records = view.audit().list(&Default::default(), &Default::default()).await.unwrap();
    assert_eq!(records.items, []);
}

/// A view does not change while it is open; one opened after the commit has everything.
pub async fn a_committed_unit_is_there_at_once(store: &dyn Store) {
    let bench = Bench::new(2);
    let mut before = store.read().await.unwrap();
    assert_eq!(before.findings().count().await.unwrap(), 0);
    let incident = bench.opened(store, 1, "root").await;
    assert_eq!(before.findings().count().await.unwrap(), 0, "an open view stands still");
    drop(before);
    let mut after = store.read().await.unwrap();
    assert_eq!(after.findings().count().await.unwrap(), 1);
    assert_eq!(after.incidents().get(incident.id).await.unwrap(), Some(incident));
    store.check().await.unwrap();
}

/// After an error of a writing step nothing of the unit can be committed, also not what went well before.
pub async fn a_failed_unit_cannot_be_committed(store: &dyn Store) {
    let bench = Bench::new(3);
    let incident = bench.opened(store, 1, "root").await;
    let mut unit = store.begin().await.unwrap();
    let other = bench.open(&mut *unit, &bench.finding(2, "eve", 9, Severity::Low)).await;
    let edit = IncidentEdit { assignee: Some(Some("ana".to_owned())), ..IncidentEdit::default() };
    let audit = bench.audit(incident.id);
    let refused = unit.incidents().edit(incident.id, 7, &edit, 10, &audit).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { current: 1 }), "{refused:?}");
    let refused =
        unit.incidents().open(&incident, &[actor("root")], &bench.audit(incident.id)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Aborted), "{refused:?}");
    let refused = unit.commit().await.unwrap_err();
    assert!(matches!(refused, StoreError::Aborted), "{refused:?}");

    let mut view = store.read().await.unwrap();
    assert_eq!(view.incidents().get(other.id).await.unwrap(), None);
    assert_eq!(view.audit().get(audit.id).await.unwrap(), None, "no record of what did not happen");
}

/// Units that are opened at once wait for each other, and none loses what another wrote.
pub async fn units_go_one_after_the_other(store: &dyn Store) {
    const UNITS: u64 = 20;
    let one = async |_: u64| {
        let mut unit = store.begin().await.unwrap();
        let at = unit.positions().get("c", Topic::Raw, Partition(0)).await.unwrap();
        let from = at.map_or(Offset(0), |at| at.next);
        tokio::task::yield_now().await;
        let counted = Counters { accepted: 1, ..Counters::default() };
        let moved = (from, from.next());
        unit.positions().advance("c", Topic::Raw, Partition(0), moved, counted).await.unwrap();
        unit.commit().await.unwrap();
    };
    let mut open: Vec<_> = (0..UNITS).map(|n| Box::pin(one(n))).collect();
    // polled in turn on one task: each is interleaved with the others wherever it waits
    std::future::poll_fn(|context| {
        open.retain_mut(|unit| unit.as_mut().poll(context).is_pending());
        if open.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    let mut view = store.read().await.unwrap();
    let at = view.positions().get("c", Topic::Raw, Partition(0)).await.unwrap().unwrap();
    assert_eq!((at.next, at.counters.accepted), (Offset(UNITS), UNITS));
}
