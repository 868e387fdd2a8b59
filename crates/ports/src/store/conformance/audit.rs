//! Every change has its record.

use super::bench::Bench;
use crate::store::{
    AuditFilter, DeadLetterStatus, ERASE_ACTION, IncidentEdit, IncidentLink, LinkKind, PageRequest,
    Regrouping, Source, Store, StoreError, Token, TokenKind, UnitOfWork,
};
use model::{
    AuditField, AuditId, AuditRecord, Clock, Comment, CommentId, DeadLetter, Incident, Offset, Partition,
    Position, Principal, Severity, SourceName, TokenId, Topic,
};

const RAW: Position = Position::new(Topic::Raw, Partition(0), Offset(42));

fn edit() -> IncidentEdit {
    IncidentEdit { assignee: Some(Some("ana".to_owned())), ..IncidentEdit::default() }
}

/// A change and its record are both there, or neither.
pub async fn a_change_and_its_record_go_together(store: &dyn Store) {
    let bench = Bench::new(4);
    let incident = bench.opened(store, 1, "root").await;
    for commits in [false, true] {
        let audit = bench.audit(incident.id);
        let mut unit = store.begin().await.unwrap();
        unit.incidents().edit(incident.id, 1, &edit(), 10, &audit).await.unwrap();
        if commits {
            unit.commit().await.unwrap();
        } else {
            drop(unit);
        }
        let mut view = store.read().await.unwrap();
        let changed = view.incidents().get(incident.id).await.unwrap().unwrap().assignee.is_some();
        let recorded = view.audit().get(audit.id).await.unwrap();
        assert_eq!((changed, recorded.is_some()), (commits, commits));
        assert!(recorded.is_none_or(|recorded| recorded == audit), "a record is given back as written");
    }
}

/// No change is possible with a record about another object; the unit is over then.
pub async fn a_record_about_something_else_is_refused(store: &dyn Store) {
    let bench = Bench::new(5);
    let one = bench.opened(store, 1, "root").await;
    let two = bench.opened(store, 2, "eve").await;
    let token = token(&bench);
    let source = source();
    let mut unit = store.begin().await.unwrap();
    unit.tokens().add(&token, &bench.audit(token.id)).await.unwrap();
    unit.sources().add(&source, &bench.audit("source:aws")).await.unwrap();
    unit.dead_letters().record(&[dead_letter()], "default").await.unwrap();
    unit.commit().await.unwrap();

    for change in 0..11 {
        let mut unit = store.begin().await.unwrap();
        let refused = attempt(change, &mut *unit, &bench, (&one, &two), (&token, &source)).await.unwrap_err();
        assert!(matches!(refused, StoreError::AuditMismatch { .. }), "change {change}: {refused:?}");
        assert!(matches!(unit.commit().await, Err(StoreError::Aborted)), "change {change} was committed");
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.incidents().get(one.id).await.unwrap(), Some(one), "nothing was written");
    assert_eq!(view.tokens().get(token.id).await.unwrap(), Some(token));
    assert_eq!(view.sources().list().await.unwrap(), [source]);
    assert_eq!(view.dead_letters().get(RAW).await.unwrap().unwrap().status, DeadLetterStatus::Open);
}

async fn attempt(
    change: u8,
    unit: &mut dyn UnitOfWork,
    bench: &Bench,
    (one, two): (&Incident, &Incident),
    (token, source): (&Token, &Source),
) -> Result<(), StoreError> {
    let other = bench.audit("something else");
    match change {
        0 => {
            let fresh = bench.incident(&bench.finding(9, "mal", 1, Severity::Low));
            unit.incidents().open(&fresh, &[], &other).await
        }
        1 => unit.incidents().edit(one.id, 1, &edit(), 10, &other).await.map(drop),
        2 => unit.incidents().merge(one.id, two.id, 10, &other).await.map(drop),
        3 => unit.comments().add(&comment(bench, one), &other).await,
        4 => {
            let fresh = Token { id: TokenId::new(&bench.clock, &bench.entropy), ..token.clone() };
            unit.tokens().add(&fresh, &other).await
        }
        5 => unit.tokens().revoke(token.id, 10, &other).await,
        6 => {
            let fresh = Source { name: SourceName::new("okta").unwrap(), ..source.clone() };
            unit.sources().add(&fresh, &other).await
        }
        7 => unit.sources().replace(source, &other).await.map(drop),
        8 => {
            let at_ms = 10;
            let regrouping =
                Regrouping { version: None, at_ms, audit: &bench.audit(one.id), other_audit: &other };
            unit.moves().merge(one.id, two.id, regrouping).await.map(drop)
        }
        9 => {
            let (incident, author) = (one.id, "ana".to_owned());
            let link = IncidentLink { incident, other: two.id, kind: LinkKind::Related, author, at_ms: 10 };
            unit.moves().link(&link, &other).await.map(drop)
        }
        _ => unit.dead_letters().set_status(RAW, DeadLetterStatus::Resolved, 10, &other).await,
    }
}

/// Records come the newest first, by object and by principal; the same one twice is refused.
pub async fn records_are_listed(store: &dyn Store) {
    let bench = Bench::new(6);
    let records: Vec<_> = (0..5).map(|n| bench.audit(format!("object-{}", n % 2))).collect();
    let mut unit = store.begin().await.unwrap();
    for record in &records {
        unit.audit().add(record).await.unwrap();
    }
    let taken = unit.audit().add(&records[0]).await.unwrap_err();
    assert!(matches!(taken, StoreError::Exists { .. }), "{taken:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    for record in &records {
        unit.audit().add(record).await.unwrap();
    }
    unit.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    let of_one = AuditFilter {
        object: Some("object-0".to_owned()),
        principal: Some("ana".to_owned()),
        ..AuditFilter::default()
    };
    let first = view.audit().list(&of_one, &PageRequest::first(2)).await.unwrap();
    let rest = view.audit().list(&of_one, &PageRequest::after(2, first.next.unwrap())).await.unwrap();
    let seen: Vec<_> = first.items.into_iter().chain(rest.items).collect();
    assert_eq!(seen, [records[4].clone(), records[2].clone(), records[0].clone()]);
    assert_eq!(rest.next, None);
    let nobody = AuditFilter { principal: Some("bob".to_owned()), ..AuditFilter::default() };
    assert_eq!(view.audit().list(&nobody, &PageRequest::default()).await.unwrap().items, []);
}

/// A time range and an action narrow the list, alone and together with the rest; a range past the end is empty.
pub async fn records_are_found_by_action_and_time(store: &dyn Store) {
    let bench = Bench::new(7);
    let start_ms = bench.clock.now_ms();
    let mut unit = store.begin().await.unwrap();
    for number in 0..6 {
        let action = if number % 3 == 0 { "incident.close" } else { "incident.assign" };
        let record =
            AuditRecord { action: action.to_owned(), ..bench.audit(format!("object-{}", number % 2)) };
        unit.audit().add(&record).await.unwrap();
        bench.clock.advance_ms(10);
    }
    unit.commit().await.unwrap();
    let close = Some("incident.close".to_owned());
    let one = Some("object-1".to_owned());
    let (at, all) = (|ms| Some(start_ms + ms), AuditFilter::default());
    let cases = [
        (AuditFilter { action: close.clone(), ..all.clone() }, vec![30, 0]),
        (AuditFilter { since_ms: at(20), until_ms: at(40), ..all.clone() }, vec![30, 20]),
        (AuditFilter { action: close.clone(), since_ms: at(1), ..all.clone() }, vec![30]),
        (AuditFilter { action: close, object: one.clone(), until_ms: at(30), ..all.clone() }, vec![]),
        (AuditFilter { object: one, since_ms: at(11), ..all.clone() }, vec![50, 30]),
        (AuditFilter { since_ms: at(51), ..all.clone() }, vec![]),
        (AuditFilter { until_ms: at(0), ..all }, vec![]),
    ];
    let mut view = store.read().await.unwrap();
    for (filter, expected) in cases {
        let found = view.audit().list(&filter, &PageRequest::default()).await.unwrap().items;
        let times: Vec<_> = found.iter().map(|record| record.at_ms - start_ms).collect();
        assert_eq!(times, expected, "{filter:?}");
    }
}

/// Entries have the numbers 0, 1, 2, … and times that never go back, whatever the clock did and however many
/// units were dropped; the hash beside each is that of its leaf.
pub async fn entries_are_numbered_without_a_gap(store: &dyn Store) {
    let bench = Bench::new(8);
    let start_ms = bench.clock.now_ms();
    for (number, clock_ms) in [(0, 50), (1, 20), (2, 70)] {
        let mut dropped = store.begin().await.unwrap();
        dropped.audit().add(&bench.audit("dropped")).await.unwrap();
        drop(dropped);
        let mut unit = store.begin().await.unwrap();
        let record = AuditRecord { at_ms: start_ms + clock_ms, ..bench.audit(format!("object-{number}")) };
        unit.audit().add(&record).await.unwrap();
        unit.commit().await.unwrap();
    }
    let mut view = store.read().await.unwrap();
    assert_eq!(view.audit().count().await.unwrap(), 3);
    let entries = view.audit().entries(0, 10).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|e| (e.entry.index, e.entry.at_ms - start_ms, e.entry.clock_ms - start_ms))
        .collect();
    assert_eq!(seen, [(0, 50, 50), (1, 50, 20), (2, 70, 70)]);
    for stored in &entries {
        assert_eq!(stored.leaf_hash, stored.entry.leaf_hash());
        assert_eq!(view.audit().entry(stored.entry.id).await.unwrap().as_ref(), Some(stored));
    }
    assert_eq!(view.audit().entries(2, 10).await.unwrap(), entries[2..]);
    assert_eq!(view.audit().entries(3, 10).await.unwrap(), []);
    let mut unit = store.begin().await.unwrap();
    let long = AuditRecord { action: "x".repeat(200), ..bench.audit("o") };
    let refused = unit.audit().add(&long).await.unwrap_err();
    assert!(matches!(refused, StoreError::BadQuery { .. }), "{refused:?}");
}

/// What was erased is gone from the record and from every list; the leaf stays, and who erased it is recorded.
pub async fn erased_values_leave_their_leaf(store: &dyn Store) {
    let bench = Bench::new(9);
    let record = bench.audit("object-1");
    let mut unit = store.begin().await.unwrap();
    unit.audit().add(&record).await.unwrap();
    unit.commit().await.unwrap();
    let before = store.read().await.unwrap().audit().entry(record.id).await.unwrap().unwrap();

    let fields = [AuditField::Principal, AuditField::Reason];
    let erasure = AuditRecord {
        action: ERASE_ACTION.to_owned(),
        after: serde_json::json!({ "fields": ["principal", "reason"] }),
        ..bench.audit(record.id)
    };
    for wrong in [bench.audit(record.id), AuditRecord { object: "other".to_owned(), ..erasure.clone() }] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.audit().erase(record.id, &fields, &wrong).await.unwrap_err();
        assert!(matches!(refused, StoreError::AuditMismatch { .. }), "{refused:?}");
    }
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.audit().erase(record.id, &fields, &erasure).await.unwrap(), 2);
    unit.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    let after = view.audit().entry(record.id).await.unwrap().unwrap();
    assert_eq!((after.entry.leaf(), after.leaf_hash), (before.entry.leaf(), before.leaf_hash));
    let seen = view.audit().get(record.id).await.unwrap().unwrap();
    assert_eq!((seen.principal, seen.reason, seen.object), (Principal::Erased, None, record.object));
    assert_eq!(seen.salts.erased().collect::<Vec<_>>(), fields);
    let by_ana = AuditFilter { principal: Some("ana".to_owned()), ..AuditFilter::default() };
    let found = view.audit().list(&by_ana, &PageRequest::default()).await.unwrap().items;
    assert_eq!(found.iter().map(|r| r.id).collect::<Vec<_>>(), [erasure.id]);
    drop(view);

    let again = AuditRecord { id: AuditId::new(&bench.clock, &bench.entropy), ..erasure.clone() };
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.audit().erase(record.id, &fields, &again).await.unwrap(), 0, "gone is gone");
    drop(unit);
    let covered = AuditRecord {
        after: serde_json::json!({ "fields": ["after"] }),
        action: ERASE_ACTION.to_owned(),
        ..bench.audit(erasure.id)
    };
    let mut unit = store.begin().await.unwrap();
    let refused = unit.audit().erase(erasure.id, &[AuditField::After], &covered).await.unwrap_err();
    assert!(matches!(refused, StoreError::BadQuery { .. }), "{refused:?}");
}

pub(super) fn token(bench: &Bench) -> Token {
    Token {
        id: TokenId::new(&bench.clock, &bench.entropy),
        name: "ci".to_owned(),
        secret_sha256: [9; 32],
        kind: TokenKind::Source,
        source: Some(SourceName::new("aws").unwrap()),
        person: None,
        scopes: Vec::new(),
        region: "default".to_owned(),
        created_at_ms: 5,
        expires_at_ms: Some(100),
        last_used_at_ms: None,
        revoked_at_ms: None,
    }
}

pub(super) fn source() -> Source {
    Source {
        name: SourceName::new("aws").unwrap(),
        kind: "aws_cloudtrail".to_owned(),
        region: "default".to_owned(),
        door: serde_json::json!({ "path": "/x" }),
        hmac_secret: Some(vec![1, 2, 3]),
        enabled: true,
        created_at_ms: 1,
        updated_at_ms: 1,
        version: 1,
    }
}

pub(super) fn dead_letter() -> DeadLetter {
    DeadLetter {
        position: RAW,
        source: "aws".to_owned(),
        kind: "aws_cloudtrail".to_owned(),
        code: "json_invalid".to_owned(),
        reason: "line 1: no value".to_owned(),
        received_at_ms: 1,
        at_ms: 2,
    }
}

pub(super) fn comment(bench: &Bench, incident: &Incident) -> Comment {
    Comment {
        id: CommentId::new(&bench.clock, &bench.entropy),
        incident: incident.id,
        author: "ana".to_owned(),
        text: "looking".to_owned(),
        created_at_ms: 20,
    }
}
