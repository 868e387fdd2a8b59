//! Letters.

use super::bench::Bench;
use crate::store::{Store, StoreError};
use model::{
    ContainmentId, Lease, LeaseId, Letter, LetterAbout, LetterId, LetterKind, LetterState, PersonId, RunId,
    Ulid,
};

fn letter(bench: &Bench, due_at_ms: i64) -> Letter {
    Letter {
        id: LetterId::new(&bench.clock, &bench.entropy),
        region: "default".to_owned(),
        kind: LetterKind::BrokenGlass,
        about: LetterAbout::Containment(ContainmentId(Ulid(7))),
        incident: None,
        person: None,
        state: LetterState::Waiting,
        tries: 0,
        problem: None,
        due_at_ms: Some(due_at_ms),
        give_up_at_ms: due_at_ms + 1_000,
        lease: None,
        created_at_ms: 50,
        updated_at_ms: 50,
    }
}

fn lease(id: u128, until_ms: i64) -> Lease {
    Lease { id: LeaseId(Ulid(id)), until_ms }
}

/// A letter is one worker's until its lease ends; what came of it is written by who holds it, and once.
pub async fn letters_are_taken_by_one(store: &dyn Store) {
    let bench = Bench::new(111);
    let (first, second) = (letter(&bench, 100), letter(&bench, 200));
    let mut unit = store.begin().await.unwrap();
    unit.letters().add(&[second.clone(), first.clone()]).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.letters().next_due().await.unwrap(), Some(100));
    assert_eq!(unit.letters().take(lease(1, 500), 99).await.unwrap(), None, "nothing is due");
    let taken = unit.letters().take(lease(1, 500), 200).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.lease), (first.id, Some(lease(1, 500))), "what has been due longest");
    let other = unit.letters().take(lease(2, 600), 200).await.unwrap().unwrap();
    assert_eq!(other.id, second.id);
    assert_eq!(unit.letters().take(lease(3, 700), 499).await.unwrap(), None, "both are being worked on");
    assert_eq!(unit.letters().next_due().await.unwrap(), Some(500), "when a lease ends");
    let again = unit.letters().take(lease(4, 900), 500).await.unwrap().unwrap();
    assert_eq!(again.id, first.id, "whose lease has ended");
    // who has lost it writes nothing
    let sent = Letter { state: LetterState::Sent, due_at_ms: None, tries: 1, lease: None, ..taken };
    assert!(!unit.letters().settle(&sent, LeaseId(Ulid(1))).await.unwrap());
    assert!(unit.letters().settle(&sent, LeaseId(Ulid(4))).await.unwrap());
    assert!(!unit.letters().settle(&sent, LeaseId(Ulid(4))).await.unwrap(), "once");
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.letters().get(first.id).await.unwrap(), Some(sent));
    assert_eq!(view.letters().next_due().await.unwrap(), Some(600));
}

/// Letters are listed by what they are about, keep what they are, and are forgotten when they wait no more.
pub async fn letters_are_kept_and_forgotten(store: &dyn Store) {
    let bench = Bench::new(112);
    let incident = bench.opened(store, 1, "root").await;
    let about = LetterAbout::Run(RunId(Ulid(9)));
    let whole = Letter {
        kind: LetterKind::StepUnknown,
        about,
        incident: Some(incident.id),
        person: Some(PersonId(Ulid(3))),
        tries: 4,
        problem: Some("no route".to_owned()),
        ..letter(&bench, 100)
    };
    let old = Letter { state: LetterState::Sent, due_at_ms: None, ..letter(&bench, 0) };
    let mut unit = store.begin().await.unwrap();
    unit.letters().add(&[whole.clone(), old.clone()]).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.letters().about(about).await.unwrap(), std::slice::from_ref(&whole));
    assert_eq!(view.letters().about(old.about).await.unwrap(), std::slice::from_ref(&old));
    drop(view);
    for kind in LetterKind::ALL {
        let mut unit = store.begin().await.unwrap();
        let of_kind = Letter { kind: *kind, ..letter(&bench, 900) };
        unit.letters().add(std::slice::from_ref(&of_kind)).await.unwrap();
        assert_eq!(unit.letters().get(of_kind.id).await.unwrap(), Some(of_kind));
    }
    let mut unit = store.begin().await.unwrap();
    let exists = unit.letters().add(std::slice::from_ref(&whole)).await;
    assert!(matches!(exists, Err(StoreError::Exists { .. })), "{exists:?}");
    drop(unit);
    for bad in [
        Letter { due_at_ms: None, ..letter(&bench, 0) },
        Letter { state: LetterState::Moot, ..letter(&bench, 0) },
    ] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.letters().add(&[bad]).await;
        assert!(matches!(refused, Err(StoreError::BadQuery { .. })), "{refused:?}");
    }
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.letters().forget(50, 10).await.unwrap(), 0, "not so old");
    assert_eq!(unit.letters().forget(51, 10).await.unwrap(), 1, "what waits is kept");
    assert_eq!(unit.letters().get(old.id).await.unwrap(), None);
    assert_eq!(unit.letters().get(whole.id).await.unwrap(), Some(whole));
    unit.commit().await.unwrap();
}
