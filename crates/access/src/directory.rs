//! All tokens, people and sources in memory, so that no request of a sender costs a query.
//!
//! The directory is loaded whole: tokens and sources are few (people make them), and a request with an
//! unknown token is answered from memory too, so that guessing costs the store nothing. A change made
//! through this process is seen at once; one made by another (the command line) within [`Directory`]'s
//! time to live. Should the store not answer, the last known state counts for a while longer.

use crate::policy::{Policies, visible};
use crate::role::RoleSet;
use crate::rule::{Authority, Denied, Grant, Rule, presented};
use crate::scope::ScopeSet;
use crate::seal::Sealer;
use crate::secret::SecretHash;
use crate::ticket::Tickets;
use model::{Clock, Entropy, PersonId, SourceName, TokenId};
use ports::Store;
use ports::store::{PAGE_ITEMS_MAX, PageRequest, Person, Source, StoreError, Token, TokenKind, Visible};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How long what was loaded counts without asking again, in milliseconds.
pub const FRESH_MS_MAX: i64 = 2_000;

/// How long it counts while the store does not answer, in milliseconds.
pub const STALE_MS_MAX: i64 = 60_000;

/// How often the use of a token is written down, in milliseconds.
pub const USE_NOTED_MS: i64 = 60_000;

/// How long the own token of somebody who comes by an identity provider acts after a sign-in, in milliseconds, unless the
/// configuration says otherwise.
pub const TOKEN_REST_MS: i64 = 30 * 24 * 60 * 60_000;

/// Most tokens that are held; those made last count.
pub const TOKENS_MAX: usize = 100_000;

/// Most people that are held; those who came last count.
pub const PEOPLE_MAX: usize = 100_000;

/// A source as its door needs it.
#[derive(Clone)]
pub struct SourceDoor {
    /// Its name.
    pub name: SourceName,
    /// The mapping that reads its records.
    pub kind: String,
    /// Where its data must be kept.
    pub region: String,
    /// Whether its doors are open.
    pub enabled: bool,
    /// The secret of its signatures; `None` when there is none or it does not open with this key.
    pub secret: Option<Arc<[u8]>>,
}

impl std::fmt::Debug for SourceDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, kind, enabled, secret, .. } = self;
        write!(f, "SourceDoor({name}, {kind}, enabled: {enabled}, secret: {})", secret.is_some())
    }
}

/// Why a request was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It is known who asks, and they may not.
    #[error("{denied}")]
    Forbidden {
        /// Why.
        denied: Denied,
        /// Who.
        principal: model::Principal,
    },
    /// Nobody can say: the store does not answer and the last known state is too old.
    #[error("tokens cannot be checked now: {0}")]
    Unavailable(#[from] StoreError),
}

#[derive(Debug, Default)]
struct Loaded {
    at_ms: i64,
    grants: HashMap<SecretHash, Arc<Grant>>,
    sources: HashMap<SourceName, Arc<SourceDoor>>,
    people: HashMap<PersonId, Arc<Person>>,
}

/// Knows every token and source.
pub struct Directory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sealer: Sealer,
    policies: Arc<Policies>,
    token_rest_ms: i64,
    loaded: RwLock<Option<Arc<Loaded>>>,
    loading: tokio::sync::Mutex<()>,
    /// Counts changes, so that what was read before one is not kept after it.
    changes: AtomicU64,
    /// When a use of each token was last written down.
    noted_ms: Mutex<HashMap<TokenId, i64>>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    /// A directory of what `store` holds; nothing is read before the first question.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        sealer: Sealer,
        policies: Arc<Policies>,
    ) -> Self {
        Self {
            store,
            clock,
            sealer,
            policies,
            token_rest_ms: TOKEN_REST_MS,
            loaded: RwLock::new(None),
            loading: tokio::sync::Mutex::new(()),
            changes: AtomicU64::new(0),
            noted_ms: Mutex::default(),
        }
    }

    /// The same, in which people's own tokens rest when the owner's identity provider has not vouched for them for so long.
    #[must_use]
    pub const fn with_token_rest_ms(mut self, token_rest_ms: i64) -> Self {
        self.token_rest_ms = token_rest_ms;
        self
    }

    /// Lets the caller with this `Authorization` header through `rule`, or says why not. `None` where the
    /// rule wants no token.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn admit(&self, rule: Rule, header: Option<&str>) -> Result<Option<Arc<Grant>>, AdmitError> {
        let Some(scheme) = rule.scheme() else { return Ok(None) };
        let hash = presented(header, scheme)?.hash();
        let loaded = self.current().await?;
        let grant = loaded.grants.get(&hash);
        match (rule.decide(grant.map(AsRef::as_ref), self.clock.now_ms()), grant) {
            (Err(denied), Some(grant)) if !denied.is_unauthenticated() => {
                return Err(AdmitError::Forbidden { denied, principal: grant.principal() });
            }
            (decided, _) => decided?,
        }
        if let Some(grant) = grant.filter(|_| !rule.is_for_guests()) {
            self.note_use(grant.id);
        }
        Ok(grant.cloned())
    }

    /// Writes down that a token was used, at most once in [`USE_NOTED_MS`], beside the request.
    fn note_use(&self, token: TokenId) {
        let now_ms = self.clock.now_ms();
        let mut noted_ms = self.noted_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if noted_ms.get(&token).is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) < USE_NOTED_MS) {
            return;
        }
        noted_ms.insert(token, now_ms);
        drop(noted_ms);
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let noted = async {
                let mut unit = store.begin().await?;
                unit.tokens().used(token, now_ms).await?;
                unit.commit().await
            };
            if let Err(error) = noted.await {
                tracing::debug!(%error, %token, "use of a token not noted");
            }
        });
    }

    /// Whether a token that was admitted earlier still is; for long-lived answers.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn still_admitted(&self, rule: Rule, grant: &Grant) -> Result<Arc<Grant>, AdmitError> {
        let loaded = self.current().await?;
        let now = loaded.grants.values().find(|known| known.id == grant.id);
        rule.decide(now.map(AsRef::as_ref), self.clock.now_ms())?;
        Ok(now.cloned().ok_or(Denied::TokenUnknown)?)
    }

    /// The person; `None` when there is none.
    ///
    /// # Errors
    /// As [`source`](Self::source).
    pub async fn person(&self, id: PersonId) -> Result<Option<Arc<Person>>, StoreError> {
        Ok(self.current().await?.people.get(&id).cloned())
    }

    /// Everyone who is not kept out.
    ///
    /// # Errors
    /// As [`source`](Self::source).
    pub async fn people(&self) -> Result<Vec<Arc<Person>>, StoreError> {
        let loaded = self.current().await?;
        Ok(loaded.people.values().filter(|person| !person.disabled).cloned().collect())
    }

    /// What a person may do, and the incidents that exist for them, by the policies, as if they were signed in. Nothing for who is
    /// kept out, or whose own token would rest.
    pub fn reach_of_person(&self, person: &Person) -> (ScopeSet, Visible) {
        if person.disabled || self.is_away(person, self.clock.now_ms()) {
            return (ScopeSet::default(), Visible::default());
        }
        let reach = self.policies.reach_of_roles(RoleSet::of_names(&person.roles));
        (reach.scopes, visible(reach.readable, Some(person)))
    }

    /// Gives and reads tickets under the key of this directory.
    pub(crate) fn tickets(&self, entropy: Arc<dyn Entropy>) -> Tickets {
        Tickets::new(self.sealer.clone(), Arc::clone(&self.clock), entropy)
    }

    /// The policies in force.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The source of that name; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer and the last known state is too old.
    pub async fn source(&self, name: &SourceName) -> Result<Option<Arc<SourceDoor>>, StoreError> {
        Ok(self.current().await?.sources.get(name).cloned())
    }

    /// Forgets what was loaded. Call after each change.
    pub fn invalidate(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn current(&self) -> Result<Arc<Loaded>, StoreError> {
        let age_ms = |loaded: &Loaded| self.clock.now_ms().saturating_sub(loaded.at_ms);
        let last = self.last();
        if let Some(loaded) = last.as_ref().filter(|loaded| (0..FRESH_MS_MAX).contains(&age_ms(loaded))) {
            return Ok(Arc::clone(loaded));
        }
        // one request loads; the others wait for it, or go on with what they have
        let turn = match (self.loading.try_lock(), last.as_ref()) {
            (Ok(turn), _) => turn,
            (Err(_), Some(stale)) if age_ms(stale) < STALE_MS_MAX => return Ok(Arc::clone(stale)),
            (Err(_), _) => self.loading.lock().await,
        };
        if let Some(loaded) = self.last().filter(|loaded| (0..FRESH_MS_MAX).contains(&age_ms(loaded))) {
            return Ok(loaded);
        }
        let changes = self.changes.load(Ordering::SeqCst);
        let loaded = self.load().await;
        drop(turn);
        match loaded {
            Ok(loaded) => Ok(self.keep(Arc::new(loaded), changes)),
            Err(error) => match last.filter(|loaded| (0..STALE_MS_MAX).contains(&age_ms(loaded))) {
                Some(stale) => {
                    tracing::warn!(%error, "tokens and sources not reloaded, the last known ones count");
                    Ok(stale)
                }
                None => Err(error),
            },
        }
    }

    fn keep(&self, loaded: Arc<Loaded>, changes: u64) -> Arc<Loaded> {
        let mut place = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if self.changes.load(Ordering::SeqCst) == changes {
            *place = Some(Arc::clone(&loaded));
        }
        loaded
    }

    fn last(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        // the time before reading: what changes meanwhile is seen by the next load
        let mut loaded = Loaded { at_ms: self.clock.now_ms(), ..Loaded::default() };
        let mut snapshot = self.store.read().await?;
        let mut page = PageRequest::first(PAGE_ITEMS_MAX);
        loop {
            let people = snapshot.people().list(&page).await?;
            loaded.people.extend(people.items.into_iter().map(|person| (person.id, Arc::new(person))));
            match people.next {
                Some(next) if loaded.people.len() < PEOPLE_MAX => {
                    page = PageRequest::after(PAGE_ITEMS_MAX, next);
                }
                _ => break,
            }
        }
        page = PageRequest::first(PAGE_ITEMS_MAX);
        loop {
            let tokens = snapshot.tokens().list(&page).await?;
            for token in &tokens.items {
                loaded
                    .grants
                    .insert(SecretHash(token.secret_sha256), Arc::new(self.grant_of(token, &loaded)));
            }
            match tokens.next {
                Some(next) if loaded.grants.len() < TOKENS_MAX => {
                    page = PageRequest::after(PAGE_ITEMS_MAX, next);
                }
                _ => break,
            }
        }
        for source in snapshot.sources().list().await? {
            loaded.sources.insert(source.name.clone(), Arc::new(self.door_of(source)));
        }
        Ok(loaded)
    }

    fn door_of(&self, source: Source) -> SourceDoor {
        let secret = source.hmac_secret.and_then(|sealed| {
            let opened = self.sealer.open(source.name.as_str(), &sealed);
            opened
                .inspect_err(|error| tracing::error!(source = %source.name, %error, "secret not opened"))
                .ok()
        });
        SourceDoor {
            name: source.name,
            kind: source.kind,
            region: source.region,
            enabled: source.enabled,
            secret: secret.map(Into::into),
        }
    }

    /// What a token opens: what policies say of its scopes, and if it is a person's, of the person too.
    fn grant_of(&self, token: &Token, loaded: &Loaded) -> Grant {
        let owner = token.person.map(|person| loaded.people.get(&person));
        let authority = match (token.kind, &token.source) {
            (TokenKind::Source, Some(source)) => Authority::Source(source.clone()),
            // a source's token without a source opens nothing
            (TokenKind::Source, None) => Authority::Api(ScopeSet::default()),
            // a scope of a newer version is one that this version cannot grant
            (TokenKind::Api, _) => {
                let made_with = token.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
                let reach = self.policies.reach_of_scopes(made_with);
                Authority::Api(match owner {
                    None => reach.scopes,
                    Some(None) => ScopeSet::default(),
                    Some(Some(person)) => {
                        let roles = RoleSet::of_names(&person.roles);
                        reach.and(self.policies.reach_of_roles(roles)).scopes
                    }
                })
            }
        };
        let kept_out = owner.is_some_and(|person| person.is_none_or(|person| person.disabled));
        Grant {
            id: token.id,
            name: token.name.clone(),
            person: token.person,
            authority,
            expires_at_ms: token.expires_at_ms,
            revoked: token.revoked_at_ms.is_some() || kept_out,
            resting: owner.flatten().is_some_and(|person| self.is_away(person, loaded.at_ms)),
        }
    }

    /// Whether the identity provider of somebody said that they left, or has not vouched for them for too long.
    fn is_away(&self, person: &Person, now_ms: i64) -> bool {
        let vouched_at_ms = person.signed_in_at_ms.unwrap_or(person.created_at_ms);
        let for_long = now_ms.saturating_sub(vouched_at_ms) >= self.token_rest_ms;
        person.identity.is_some() && (person.left_at_ms.is_some() || for_long)
    }
}
