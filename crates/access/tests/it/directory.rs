use async_trait::async_trait;
use backends::sqlite::SqliteStore;
use huecry_access::{
    AdmitError, Caller, Denied, Directory, FRESH_MS_MAX, NewAuthority, Registry, Rule, STALE_MS_MAX, Scheme,
    Scope, ScopeSet, Sealer, Secret, SourceSettings,
};
use model::{Clock, ManualClock, Principal, SeededEntropy, SourceName, TokenId};
use ports::store::{ChangeSeq, PageRequest, StoreError};
use ports::{Snapshot, Store, UnitOfWork};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A store that counts its readers and can be down.
struct Watched {
    inner: SqliteStore,
    reads: AtomicU64,
    down: AtomicBool,
}

#[async_trait]
impl Store for Watched {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.inner.begin().await
    }
    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(StoreError::Busy) } else { self.inner.read().await }
    }
    async fn wait_for_change(&self, after: ChangeSeq) -> Result<ChangeSeq, StoreError> {
        self.inner.wait_for_change(after).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

struct Fixture {
    store: Arc<Watched>,
    clock: Arc<ManualClock>,
    directory: Arc<Directory>,
    registry: Registry,
    caller: Caller,
    _folder: tempfile::TempDir,
}

fn policies() -> Arc<huecry_access::Policies> {
    Arc::new(huecry_access::Policies::builtin().unwrap())
}

const READ: Rule = Rule::Scope(Scope::IncidentsRead);

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inner = SqliteStore::open_path(&folder.path().join("state.db")).await.unwrap();
        let store = Arc::new(Watched { inner, reads: AtomicU64::new(0), down: AtomicBool::new(false) });
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let sealer = Sealer::new(&[1; 32]);
        let directory = Arc::new(Directory::new(store.clone(), clock.clone(), sealer.clone(), policies()));
        let entropy = Arc::new(SeededEntropy::new(5));
        let registry = Registry::new(store.clone(), directory.clone(), clock.clone(), entropy, sealer);
        let principal = Principal::Local { account: "test".into() };
        let caller = Caller { principal, scopes: ScopeSet::all(), origin: None, request_id: None };
        Self { store, clock, directory, registry, caller, _folder: folder }
    }

    async fn issue(&self) -> (TokenId, Secret) {
        let authority = NewAuthority::Api(ScopeSet::from_iter([Scope::IncidentsRead]));
        let (token, secret) = self.registry.issue(&self.caller, "t", authority, None).await.unwrap();
        (token.id, secret)
    }

    async fn admit(&self, secret: &Secret) -> Result<(), AdmitError> {
        let header = format!("Bearer {}", secret.reveal());
        self.directory.admit(READ, Some(&header)).await.map(drop)
    }

    fn reads(&self) -> u64 {
        self.store.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn requests_cost_no_query_while_the_directory_is_fresh() {
    let fixture = Fixture::new().await;
    let (_, secret) = fixture.issue().await;
    fixture.admit(&secret).await.unwrap();
    let reads = fixture.reads();
    let unknown = Secret::parse(&format!("hc_api_{}", "A".repeat(43))).unwrap();
    for _ in 0..100 {
        fixture.admit(&secret).await.unwrap();
        let denied = fixture.admit(&unknown).await;
        assert!(matches!(denied, Err(AdmitError::Denied(Denied::TokenUnknown))));
    }
    assert_eq!(fixture.reads(), reads, "nor does guessing");
    fixture.clock.advance_ms(FRESH_MS_MAX);
    fixture.admit(&secret).await.unwrap();
    assert_eq!(fixture.reads(), reads + 1);
}

#[tokio::test]
async fn changes_made_here_are_seen_at_once_and_elsewhere_soon() {
    let fixture = Fixture::new().await;
    let (id, secret) = fixture.issue().await;
    fixture.admit(&secret).await.unwrap();
    let elsewhere =
        Directory::new(fixture.store.clone(), fixture.clock.clone(), Sealer::new(&[1; 32]), policies());
    let header = format!("Bearer {}", secret.reveal());
    elsewhere.admit(READ, Some(&header)).await.unwrap();
    fixture.registry.revoke(&fixture.caller, id).await.unwrap();
    let denied = fixture.admit(&secret).await;
    assert!(matches!(denied, Err(AdmitError::Denied(Denied::TokenRevoked))));
    elsewhere.admit(READ, Some(&header)).await.unwrap();
    fixture.clock.advance_ms(FRESH_MS_MAX);
    let denied = elsewhere.admit(READ, Some(&header)).await;
    assert!(matches!(denied, Err(AdmitError::Denied(Denied::TokenRevoked))));
}

#[tokio::test]
async fn a_store_that_is_down_stops_doors_only_after_a_while() {
    let fixture = Fixture::new().await;
    let (_, secret) = fixture.issue().await;
    fixture.admit(&secret).await.unwrap();
    fixture.store.down.store(true, Ordering::SeqCst);
    fixture.clock.advance_ms(STALE_MS_MAX - 1);
    fixture.admit(&secret).await.unwrap();
    fixture.clock.advance_ms(1);
    let refused = fixture.admit(&secret).await;
    assert!(matches!(refused, Err(AdmitError::Unavailable(StoreError::Busy))));
    fixture.store.down.store(false, Ordering::SeqCst);
    fixture.admit(&secret).await.unwrap();
}

#[tokio::test]
async fn secrets_of_sources_open_with_their_key_only() {
    let fixture = Fixture::new().await;
    let name = SourceName::new("gh").unwrap();
    let settings = SourceSettings {
        name: name.clone(),
        kind: "github".into(),
        region: Some("eu".into()),
        secret: Some("s3cret".into()),
    };
    let stored = fixture.registry.add_source(&fixture.caller, settings).await.unwrap();
    assert!(!stored.hmac_secret.unwrap().windows(6).any(|window| window == b"s3cret"));
    let door = fixture.directory.source(&name).await.unwrap().unwrap();
    assert_eq!((door.secret.as_deref(), door.region.as_str()), (Some(&b"s3cret"[..]), "eu"));
    assert!(!format!("{door:?}").contains("s3cret"));
    let other_key =
        Directory::new(fixture.store.clone(), fixture.clock.clone(), Sealer::new(&[2; 32]), policies());
    assert!(other_key.source(&name).await.unwrap().unwrap().secret.is_none());
    let token = NewAuthority::Source(name);
    let (token, secret) = fixture.registry.issue(&fixture.caller, "t", token, None).await.unwrap();
    assert_eq!(token.region, "eu", "a token lives where its source does");
    let header = format!("Splunk {}", secret.reveal());
    let rule = Rule::SourceToken(Scheme::Splunk);
    let grant = fixture.directory.admit(rule, Some(&header)).await.unwrap().unwrap();
    assert!(fixture.directory.still_admitted(rule, &grant).await.is_ok());
}

#[tokio::test]
async fn the_store_holds_no_secret_and_notes_uses() {
    let fixture = Fixture::new().await;
    let (id, secret) = fixture.issue().await;
    fixture.admit(&secret).await.unwrap();
    // the note is written beside the request, behind whoever writes now
    let used_at_ms = async {
        loop {
            let tokens = fixture.registry.tokens(&PageRequest::default()).await.unwrap();
            let token = tokens.items.into_iter().find(|token| token.id == id).unwrap();
            assert!(!format!("{token:?}").contains(secret.reveal()));
            match token.last_used_at_ms {
                Some(at_ms) => return at_ms,
                None => tokio::task::yield_now().await,
            }
        }
    };
    assert_eq!(used_at_ms.await, fixture.clock.now_ms());
}
