//! Every change has its record.

use super::bench::Bench;
use crate::store::{
    AuditFilter, DeadLetterStatus, IncidentEdit, PageRequest, Source, Store, StoreError, Token, TokenKind,
    UnitOfWork,
};
use model::{
    Comment, CommentId, DeadLetter, Incident, Offset, Partition, Position, Severity, SourceName, TokenId,
    Topic,
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

    for change in 0..9 {
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
    let of_one = AuditFilter { object: Some("object-0".to_owned()), principal: Some("ana".to_owned()) };
    let first = view.audit().list(&of_one, &PageRequest::first(2)).await.unwrap();
    let rest = view.audit().list(&of_one, &PageRequest::after(2, first.next.unwrap())).await.unwrap();
    let seen: Vec<_> = first.items.into_iter().chain(rest.items).collect();
    assert_eq!(seen, [records[4].clone(), records[2].clone(), records[0].clone()]);
    assert_eq!(rest.next, None);
    let nobody = AuditFilter { principal: Some("bob".to_owned()), ..AuditFilter::default() };
    assert_eq!(view.audit().list(&nobody, &PageRequest::default()).await.unwrap().items, []);
}

pub(super) fn token(bench: &Bench) -> Token {
    Token {
        id: TokenId::new(&bench.clock, &bench.entropy),
        name: "ci".to_owned(),
        secret_sha256: [9; 32],
        kind: TokenKind::Source,
        source: Some(SourceName::new("aws").unwrap()),
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
