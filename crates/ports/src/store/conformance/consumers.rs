//! Positions, dead letters, changes, stored answers.

use super::audit::dead_letter;
use super::bench::Bench;
use crate::store::{
    ChangeKind, ChangeSeq, Counters, DeadLetterFilter, DeadLetterStatus, PageRequest, Store, StoreError,
    StoredResponse,
};
use model::{DeadLetter, Offset, Partition, Position, Topic};

/// A consumer moves only from where it stands, and its counters add up.
pub async fn positions_move_only_from_where_they_stand(store: &dyn Store) {
    let advance = async |from: u64, next: u64, partition: u32| {
        let mut unit = store.begin().await.unwrap();
        let counted = Counters { accepted: next - from, stored: 1, dead_lettered: 2, duplicates: 3 };
        let moved = (Offset(from), Offset(next));
        unit.positions().advance("triage", Topic::Finding, Partition(partition), moved, counted).await?;
        unit.commit().await
    };
    advance(100, 110, 0).await.unwrap();
    advance(110, 115, 0).await.unwrap();
    advance(0, 3, 1).await.unwrap();
    for stale in [100, 114, 116] {
        let refused = advance(stale, 120, 0).await;
        assert!(matches!(refused, Err(StoreError::Conflict { current: 115 })), "{refused:?}");
    }
    let mut view = store.read().await.unwrap();
    let at = view.positions().get("triage", Topic::Finding, Partition(0)).await.unwrap().unwrap();
    assert_eq!(at.next, Offset(115));
    assert_eq!(at.counters, Counters { accepted: 15, stored: 2, dead_lettered: 4, duplicates: 6 });
    assert_eq!(view.positions().get("other", Topic::Finding, Partition(0)).await.unwrap(), None);
    let all = view.positions().list().await.unwrap();
    assert_eq!(all.iter().map(|p| (p.partition.0, p.next.0)).collect::<Vec<_>>(), [(0, 115), (1, 3)]);
}

/// The same refusal twice is one; a later one opens the letter again.
pub async fn dead_letters_open_again(store: &dyn Store) {
    let bench = Bench::new(30);
    let letter = dead_letter();
    let raw = letter.position;
    let record = async |letters: &[DeadLetter]| {
        let mut unit = store.begin().await.unwrap();
        unit.dead_letters().record(letters, "default").await.unwrap();
        unit.commit().await.unwrap();
    };
    record(std::slice::from_ref(&letter)).await;
    let mut unit = store.begin().await.unwrap();
    let retried = DeadLetterStatus::Retried;
    unit.dead_letters().set_status(raw, retried, 50, &bench.audit(raw)).await.unwrap();
    unit.commit().await.unwrap();
    record(std::slice::from_ref(&letter)).await;
    let row = store.read().await.unwrap().dead_letters().get(raw).await.unwrap().unwrap();
    assert_eq!(
        (row.status, row.refused, row.updated_at_ms),
        (retried, 1, 50),
        "a redelivery changes nothing"
    );

    let later = DeadLetter { at_ms: 60, reason: "still".to_owned(), ..letter.clone() };
    let others: Vec<_> = (0..5)
        .map(|n| DeadLetter {
            position: Position::new(Topic::Raw, Partition(n % 2), Offset(u64::from(n))),
            code: "time_invalid".to_owned(),
            at_ms: i64::from(n / 2),
            ..letter.clone()
        })
        .collect();
    record(&[std::slice::from_ref(&later), &others].concat()).await;
    let mut view = store.read().await.unwrap();
    let row = view.dead_letters().get(raw).await.unwrap().unwrap();
    assert_eq!((row.status, row.refused, &row.letter), (DeadLetterStatus::Open, 2, &later));
    assert_eq!(view.dead_letters().count_by_status().await.unwrap(), [(DeadLetterStatus::Open, 6)]);
    let filter = DeadLetterFilter {
        status: Some(DeadLetterStatus::Open),
        source: Some("aws".to_owned()),
        code: Some("time_invalid".to_owned()),
    };
    let (mut seen, mut page) = (Vec::new(), Some(PageRequest::first(2)));
    while let Some(request) = page {
        let answer = view.dead_letters().list(&filter, &request).await.unwrap();
        seen.extend(answer.items.into_iter().map(|row| row.letter));
        page = answer.next.map(|next| PageRequest::after(2, next));
    }
    let mut expected = others;
    expected.sort_by_key(|letter| std::cmp::Reverse((letter.at_ms, letter.position)));
    assert_eq!(seen, expected);
    drop(view);
    let mut unit = store.begin().await.unwrap();
    let nowhere = Position::new(Topic::Raw, Partition(9), Offset(9));
    let missing = unit.dead_letters().set_status(nowhere, retried, 50, &bench.audit(nowhere)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

/// An answer is given again to the same principal for the same key, until it expires.
pub async fn answers_are_kept_until_they_expire(store: &dyn Store) {
    let answer = |status, expires_at_ms| StoredResponse {
        request_sha256: [status as u8; 32],
        status,
        content_type: "application/json".to_owned(),
        body: vec![0, 159, 146, 150],
        expires_at_ms,
    };
    let put = async |key: &str, status: u16, now_ms: i64| {
        let mut unit = store.begin().await.unwrap();
        unit.idempotency().put("tok_1", key, &answer(status, now_ms + 10), now_ms).await?;
        unit.commit().await
    };
    put("k", 201, 0).await.unwrap();
    assert!(matches!(put("k", 202, 5).await, Err(StoreError::Exists { .. })));
    for bad in [String::new(), "k".repeat(256)] {
        assert!(matches!(put(&bad, 201, 0).await, Err(StoreError::BadQuery { .. })));
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.idempotency().get("tok_1", "k", 9).await.unwrap(), Some(answer(201, 10)));
    assert_eq!(view.idempotency().get("tok_1", "k", 10).await.unwrap(), None);
    assert_eq!(view.idempotency().get("tok_2", "k", 9).await.unwrap(), None);
    drop(view);
    put("k", 202, 10).await.unwrap();
    put("l", 200, 30).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.idempotency().expire(25, 100).await.unwrap(), 1);
    assert_eq!(unit.idempotency().get("tok_1", "l", 31).await.unwrap(), Some(answer(200, 40)));
}

/// Changes are numbered in the order of commits, wake those who wait, and can be cut.
pub async fn changes_are_numbered_and_awaited(store: &dyn Store) {
    let bench = Bench::new(31);
    let incident = bench.opened(store, 1, "root").await;
    let newest = store.wait_for_change(ChangeSeq(0)).await.unwrap();
    let changes = store.read().await.unwrap().changes().after(ChangeSeq(0), 10).await.unwrap();
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::IncidentOpened, ChangeKind::FindingAdded]);
    assert_eq!(changes[0].object, incident.id.to_string());
    assert!(changes.iter().all(|change| change.incident == incident.id));
    assert!(changes.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(changes.last().map(|change| change.seq), Some(newest));

    let waiting = store.wait_for_change(newest);
    let writing = async {
        drop(
            bench
                .open(&mut *store.begin().await.unwrap(), &bench.finding(2, "a", 1, model::Severity::Low))
                .await,
        );
        bench.opened(store, 3, "eve").await
    };
    let (mut waiting, mut writing) = (Box::pin(waiting), Box::pin(writing));
    let (mut woken, mut written) = (None, false);
    std::future::poll_fn(|context| {
        use std::task::Poll;
        if woken.is_none()
            && let Poll::Ready(seq) = waiting.as_mut().poll(context)
        {
            woken = Some(seq.unwrap());
        }
        written = written || writing.as_mut().poll(context).is_ready();
        if written && woken.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let resumed = store.read().await.unwrap().changes().after(newest, 10).await.unwrap();
    assert_eq!(resumed.len(), 2, "only what was committed after the last seen");
    assert_eq!(woken, resumed.last().map(|change| change.seq));

    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.changes().prune(1).await.unwrap(), 3);
    unit.commit().await.unwrap();
    let last = resumed[1].seq;
    assert_eq!(store.read().await.unwrap().changes().bounds().await.unwrap(), Some((last, last)));
}
