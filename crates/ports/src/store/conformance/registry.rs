//! Tokens and sources.

use super::audit::{source, token};
use super::bench::Bench;
use crate::store::{PageRequest, Source, Store, StoreError, Token, TokenKind};
use model::TokenId;

/// A token is found by the hash of its secret, which is unique; stopped once, it stays so.
pub async fn tokens_are_found_by_secret(store: &dyn Store) {
    let bench = Bench::new(40);
    let door = token(&bench);
    let api = Token {
        id: TokenId::new(&bench.clock, &bench.entropy),
        secret_sha256: [8; 32],
        kind: TokenKind::Api,
        source: None,
        scopes: vec!["incidents:read".to_owned()],
        created_at_ms: 6,
        expires_at_ms: None,
        ..door.clone()
    };
    let mut unit = store.begin().await.unwrap();
    for token in [&door, &api] {
        unit.tokens().add(token, &bench.audit(token.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let twin = Token { id: TokenId::new(&bench.clock, &bench.entropy), ..door.clone() };
    let taken = unit.tokens().add(&twin, &bench.audit(twin.id)).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");
    drop(unit);

    let mut unit = store.begin().await.unwrap();
    unit.tokens().used(api.id, 50).await.unwrap();
    unit.tokens().used(api.id, 40).await.unwrap();
    unit.tokens().revoke(door.id, 60, &bench.audit(door.id)).await.unwrap();
    unit.tokens().revoke(door.id, 70, &bench.audit(door.id)).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let (door_now, api_now) = (
        Token { revoked_at_ms: Some(60), ..door.clone() },
        Token { last_used_at_ms: Some(50), ..api.clone() },
    );
    assert_eq!(view.tokens().by_secret(&[9; 32]).await.unwrap(), Some(door_now.clone()));
    assert_eq!(view.tokens().by_secret(&[7; 32]).await.unwrap(), None);
    assert_eq!(view.tokens().get(api.id).await.unwrap(), Some(api_now.clone()));
    let first = view.tokens().list(&PageRequest::first(1)).await.unwrap();
    let rest = view.tokens().list(&PageRequest::after(1, first.next.unwrap())).await.unwrap();
    assert_eq!((first.items, rest.items), (vec![api_now.clone()], vec![door_now.clone()]));
    assert!(door.is_live(99) && !door.is_live(100) && !door_now.is_live(1) && api_now.is_live(i64::MAX));
    drop(view);
    let mut unit = store.begin().await.unwrap();
    let nobody = TokenId::new(&bench.clock, &bench.entropy);
    let missing = unit.tokens().revoke(nobody, 1, &bench.audit(nobody)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

/// A source is replaced only by who knows its version.
pub async fn sources_are_versioned(store: &dyn Store) {
    let bench = Bench::new(41);
    let audit = || bench.audit("source:aws");
    let first = source();
    let mut unit = store.begin().await.unwrap();
    unit.sources().add(&Source { version: 9, ..first.clone() }, &audit()).await.unwrap();
    assert_eq!(unit.sources().get("aws").await.unwrap(), Some(first.clone()), "a new source is at version 1");
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let taken = unit.sources().add(&first, &audit()).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");
    drop(unit);

    let closed = Source { enabled: false, hmac_secret: None, updated_at_ms: 9, ..first.clone() };
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.sources().replace(&closed, &audit()).await.unwrap(), 2);
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let stale = unit.sources().replace(&first, &audit()).await;
    assert!(matches!(stale, Err(StoreError::Conflict { current: 2 })), "{stale:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.sources().list().await.unwrap(), [Source { version: 2, ..closed }]);
}
