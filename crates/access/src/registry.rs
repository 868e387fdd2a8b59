//! What people do with tokens and sources; each change with its audit record, in one transaction.

use crate::directory::Directory;
use crate::scope::{Scope, ScopeSet};
use crate::seal::{SealError, Sealer};
use crate::secret::{Secret, SecretKind};
use model::{AuditRecord, Clock, Entropy, PersonId, Principal, SourceName, TokenId};
use ports::Store;
use ports::store::{Page, PageRequest, Source, StoreError, Token, TokenKind};
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest name of a token, in bytes.
pub const TOKEN_NAME_BYTES_MAX: usize = 128;

/// Longest name of a source's kind or region, in bytes.
pub const KIND_BYTES_MAX: usize = 64;

/// Most tokens of one person.
pub const TOKENS_OF_PERSON_MAX: usize = 100;

/// From this similarity on (0 to 1, Jaro-Winkler), a kind is taken for a misspelt one.
const MISSPELT_MIN: f64 = 0.75;

/// Why a token or source was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody gives away what they have not.
    #[error("you cannot give the scope {0}, which you do not have")]
    ScopeNotHeld(Scope),
    /// A name is empty, too long, or has control characters.
    #[error("{field} is 1 to {bytes_max} printable characters")]
    BadName {
        /// Which.
        field: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// No mapping has that kind.
    #[error("there is no kind {kind:?}{}; there is {}", .nearest.as_ref().map(|n| format!(", did you mean {n:?}?")).unwrap_or_default(), .known.join(", "))]
    UnknownKind {
        /// What was given.
        kind: String,
        /// The known kind that it looks like.
        nearest: Option<String>,
        /// Every known kind.
        known: Vec<String>,
    },
    /// The text names no role.
    #[error(transparent)]
    UnknownRole(#[from] crate::role::ParseRoleError),
    /// Nobody could give roles any more.
    #[error("this is the last admin: make another first")]
    LastAdmin,
    /// More tokens than one person may have.
    #[error("a person has at most {TOKENS_OF_PERSON_MAX} tokens: revoke some first")]
    TooManyTokens,
    /// The expiry is not in the future.
    #[error("a token expires in the future or not at all")]
    ExpiryPassed,
    /// A link for somebody new whose name somebody has.
    #[error("{name} is here already ({id}); a link for somebody new needs another name")]
    PersonExists {
        /// The name.
        name: String,
        /// Who has it.
        id: PersonId,
    },
    /// A link for somebody who does not come by links.
    #[error("no link for this person: {0}")]
    NotByLink(&'static str),
    /// An API token that could do nothing.
    #[error("an API token needs at least one scope")]
    NoScopes,
    /// The webhook secret cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks, and by which request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// What they may give away; everything for the machine's own command line.
    pub scopes: ScopeSet,
    /// The address that the request came from.
    pub origin: Option<String>,
    /// The request.
    pub request_id: Option<String>,
}

impl Caller {
    /// A record of what they do now.
    pub(crate) fn record(
        &self,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        action: &str,
        object: impl ToString,
    ) -> AuditRecord {
        AuditRecord {
            origin: self.origin.clone(),
            request_id: self.request_id.clone(),
            ..AuditRecord::new(clock, entropy, self.principal.clone(), action, object)
        }
    }
}

/// A token to be made.
#[derive(Debug, Clone)]
pub enum NewAuthority {
    /// For the API, with these scopes.
    Api(ScopeSet),
    /// For one source.
    Source(SourceName),
}

/// A source to be made or changed.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Its name.
    pub name: SourceName,
    /// The mapping that reads its records.
    pub kind: String,
    /// Where its data must be kept; `default` if not said.
    pub region: Option<String>,
    /// The secret of its signatures, plain.
    pub secret: Option<String>,
}

/// Makes, lists and takes back tokens and sources.
pub struct Registry {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Sealer,
    /// The kinds that some mapping reads; `None` where nobody said.
    kinds: Option<Vec<String>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    /// Works on `store`, and keeps `directory` up to date with what it does.
    pub fn new(
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Sealer,
    ) -> Self {
        Self { store, directory, clock, entropy, sealer, kinds: None }
    }

    /// The same, taking only sources of these kinds.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = String>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    /// Makes a token. The secret is returned here and exists nowhere else.
    ///
    /// # Errors
    /// [`RegistryError`]; [`StoreError::NotFound`] for a token of a source that is not there.
    pub async fn issue(
        &self,
        caller: &Caller,
        name: &str,
        authority: NewAuthority,
        expires_at_ms: Option<i64>,
    ) -> Result<(Token, Secret), RegistryError> {
        self.issue_for(caller, None, name, authority, expires_at_ms).await
    }

    /// Makes a token that is `person`'s own: it opens what it was made for and the person may do.
    ///
    /// # Errors
    /// As [`issue`](Self::issue), and [`RegistryError::TooManyTokens`].
    pub async fn issue_own(
        &self,
        caller: &Caller,
        person: PersonId,
        name: &str,
        scopes: ScopeSet,
        expires_at_ms: Option<i64>,
    ) -> Result<(Token, Secret), RegistryError> {
        self.issue_for(caller, Some(person), name, NewAuthority::Api(scopes), expires_at_ms).await
    }

    async fn issue_for(
        &self,
        caller: &Caller,
        person: Option<PersonId>,
        name: &str,
        authority: NewAuthority,
        expires_at_ms: Option<i64>,
    ) -> Result<(Token, Secret), RegistryError> {
        check_name("name", name, TOKEN_NAME_BYTES_MAX)?;
        let now_ms = self.clock.now_ms();
        if expires_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            return Err(RegistryError::ExpiryPassed);
        }
        let (kind, source, scopes) = match authority {
            NewAuthority::Api(scopes) => {
                if let Some(scope) = scopes.iter().find(|scope| !caller.scopes.has(*scope)) {
                    return Err(RegistryError::ScopeNotHeld(scope));
                }
                if scopes == ScopeSet::default() {
                    return Err(RegistryError::NoScopes);
                }
                (SecretKind::Api, None, scopes)
            }
            NewAuthority::Source(source) => (SecretKind::Source, Some(source), ScopeSet::default()),
        };
        let secret = Secret::generate(kind, &*self.entropy);
        let mut scopes: Vec<String> = scopes.iter().map(|scope| scope.to_string()).collect();
        scopes.sort();
        let mut unit = self.store.begin().await?;
        if let Some(person) = person
            && unit.tokens().of_person(person).await?.len() >= TOKENS_OF_PERSON_MAX
        {
            return Err(RegistryError::TooManyTokens);
        }
        let mut region = "default".to_owned();
        if let Some(name) = &source {
            let found = unit.sources().get(name.as_str()).await?;
            region = found.ok_or_else(|| StoreError::not_found("source", name))?.region;
        }
        let token = Token {
            id: TokenId::new(&*self.clock, &*self.entropy),
            name: name.to_owned(),
            secret_sha256: secret.hash().0,
            kind: if source.is_some() { TokenKind::Source } else { TokenKind::Api },
            source,
            person,
            scopes,
            region,
            created_at_ms: now_ms,
            expires_at_ms,
            last_used_at_ms: None,
            revoked_at_ms: None,
        };
        let after = json!({ "name": token.name, "kind": token.kind, "scopes": token.scopes,
            "source": token.source, "person": token.person, "expires_at_ms": token.expires_at_ms });
        let audit = self.audit(caller, "token.issue", token.id.to_string(), Value::Null, after);
        unit.tokens().add(&token, &audit).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok((token, secret))
    }

    /// Takes a token back, for good.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and as all changes.
    pub async fn revoke(&self, caller: &Caller, id: TokenId) -> Result<(), RegistryError> {
        let now_ms = self.clock.now_ms();
        let after = json!({ "revoked_at_ms": now_ms });
        let audit = self.audit(caller, "token.revoke", id.to_string(), json!({}), after);
        let mut unit = self.store.begin().await?;
        unit.tokens().revoke(id, now_ms, &audit).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(())
    }

    /// Takes a token of `person`'s own back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for another's token too.
    pub async fn revoke_own(
        &self,
        caller: &Caller,
        person: PersonId,
        id: TokenId,
    ) -> Result<(), RegistryError> {
        let token = self.store.read().await?.tokens().get(id).await?;
        let own = token.is_some_and(|token| token.person == Some(person));
        if own { self.revoke(caller, id).await } else { Err(StoreError::not_found("token", id).into()) }
    }

    /// A person's own tokens that were not revoked, the newest first.
    ///
    /// # Errors
    /// As all reads.
    pub async fn tokens_of(&self, person: PersonId) -> Result<Vec<Token>, RegistryError> {
        Ok(self.store.read().await?.tokens().of_person(person).await?)
    }

    /// All tokens, the newest first, without their secrets (which nobody has).
    ///
    /// # Errors
    /// As all reads.
    pub async fn tokens(&self, page: &PageRequest) -> Result<Page<Token>, RegistryError> {
        Ok(self.store.read().await?.tokens().list(page).await?)
    }

    /// All sources by name.
    ///
    /// # Errors
    /// As all reads.
    pub async fn sources(&self) -> Result<Vec<Source>, RegistryError> {
        Ok(self.store.read().await?.sources().list().await?)
    }

    /// Makes a source.
    ///
    /// # Errors
    /// [`RegistryError::UnknownKind`], [`StoreError::Exists`] and as all changes.
    pub async fn add_source(&self, caller: &Caller, new: SourceSettings) -> Result<Source, RegistryError> {
        let region = new.region.unwrap_or_else(|| "default".to_owned());
        check_name("kind", &new.kind, KIND_BYTES_MAX)?;
        self.check_kind(&new.kind)?;
        check_name("region", &region, KIND_BYTES_MAX)?;
        let now_ms = self.clock.now_ms();
        let source = Source {
            hmac_secret: self.seal(&new.name, new.secret.as_deref())?,
            name: new.name,
            kind: new.kind,
            region,
            door: json!({}),
            enabled: true,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            version: 1,
        };
        let object = format!("source:{}", source.name);
        let audit = self.audit(caller, "source.add", object, Value::Null, audited(&source));
        let mut unit = self.store.begin().await?;
        unit.sources().add(&source, &audit).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(source)
    }

    /// Opens or closes a source's doors, or sets its secret anew. What it sent stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and as all changes.
    pub async fn change_source(
        &self,
        caller: &Caller,
        name: &SourceName,
        enabled: Option<bool>,
        secret: Option<&str>,
    ) -> Result<Source, RegistryError> {
        let mut unit = self.store.begin().await?;
        let found = unit.sources().get(name.as_str()).await?;
        let before = found.ok_or_else(|| StoreError::not_found("source", name))?;
        let mut after = before.clone();
        after.enabled = enabled.unwrap_or(before.enabled);
        if secret.is_some() {
            after.hmac_secret = self.seal(name, secret)?;
        }
        after.updated_at_ms = self.clock.now_ms();
        let object = format!("source:{name}");
        let audit = self.audit(caller, "source.change", object, audited(&before), audited(&after));
        after.version = unit.sources().replace(&after, &audit).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(after)
    }

    fn check_kind(&self, kind: &str) -> Result<(), RegistryError> {
        let Some(known) = self.kinds.as_ref().filter(|known| !known.iter().any(|k| k == kind)) else {
            return Ok(());
        };
        let alike = |known: &str| strsim::jaro_winkler(known, kind);
        let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        let nearest = nearest.filter(|known| alike(known) >= MISSPELT_MIN).cloned();
        Err(RegistryError::UnknownKind { kind: kind.to_owned(), nearest, known: known.clone() })
    }

    fn seal(&self, name: &SourceName, secret: Option<&str>) -> Result<Option<Vec<u8>>, SealError> {
        let seal = |secret: &str| self.sealer.seal(name.as_str(), secret.as_bytes(), &*self.entropy);
        secret.map(seal).transpose()
    }

    fn audit(
        &self,
        caller: &Caller,
        action: &str,
        object: String,
        before: Value,
        after: Value,
    ) -> AuditRecord {
        let (clock, entropy) = (&*self.clock, &*self.entropy);
        AuditRecord { before, after, ..caller.record(clock, entropy, action, object) }
    }
}

/// A source as its audit record shows it: that there is a secret, never which.
fn audited(source: &Source) -> Value {
    json!({ "kind": source.kind, "region": source.region, "enabled": source.enabled,
        "has_secret": source.hmac_secret.is_some() })
}

pub(crate) fn check_name(field: &'static str, text: &str, bytes_max: usize) -> Result<(), RegistryError> {
    let bad = text.trim().is_empty() || text.len() > bytes_max || text.chars().any(char::is_control);
    if bad { Err(RegistryError::BadName { field, bytes_max }) } else { Ok(()) }
}
