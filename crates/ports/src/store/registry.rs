//! What is configured at run time: tokens and sources.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{AuditRecord, PersonId, SourceName, TokenId};
use serde::{Deserialize, Serialize};

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// The API, within its scopes.
    Api,
    /// The doors of one source, and nothing else.
    Source,
}

impl TokenKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Source => "source",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Api, Self::Source].into_iter().find(|k| k.as_str() == name)
    }
}

/// A token without its secret, of which only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name for machines.
    pub id: TokenId,
    /// For whom or what it was made.
    pub name: String,
    /// SHA-256 of the secret; unique.
    pub secret_sha256: [u8; 32],
    /// What it opens.
    pub kind: TokenKind,
    /// The source that a source token is bound to.
    pub source: Option<SourceName>,
    /// The person who acts by it, within what they may do themselves; none for a token of a machine.
    pub person: Option<PersonId>,
    /// What an API token may do, sorted.
    pub scopes: Vec<String>,
    /// Where its data must be kept.
    pub region: String,
    /// When it was made, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it stops; never if `None`.
    pub expires_at_ms: Option<i64>,
    /// When it was last used, to the minute or so.
    pub last_used_at_ms: Option<i64>,
    /// When a person stopped it.
    pub revoked_at_ms: Option<i64>,
}

impl Token {
    /// Whether it opens anything at `now_ms`.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && self.expires_at_ms.is_none_or(|at| now_ms < at)
    }
}

/// Reads tokens.
#[async_trait]
pub trait ReadTokens: Send {
    /// The token.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: TokenId) -> Result<Option<Token>, StoreError>;

    /// The token whose secret has this SHA-256, live or not: ask [`Token::is_live`].
    ///
    /// # Errors
    /// As all reads.
    async fn by_secret(&mut self, sha256: &[u8; 32]) -> Result<Option<Token>, StoreError>;

    /// All tokens, the newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(&mut self, page: &PageRequest) -> Result<Page<Token>, StoreError>;

    /// A person's tokens that were not revoked, the newest first; at most [`PAGE_ITEMS_MAX`](super::PAGE_ITEMS_MAX).
    ///
    /// # Errors
    /// As all reads.
    async fn of_person(&mut self, person: PersonId) -> Result<Vec<Token>, StoreError>;
}

/// Changes tokens. Audit records are about the token's id.
#[async_trait]
pub trait Tokens: ReadTokens {
    /// Adds a token.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the id or the secret, [`StoreError::AuditMismatch`].
    async fn add(&mut self, token: &Token, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Stops a token for good; the first time counts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn revoke(&mut self, id: TokenId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Notes a use. No decision of a person, so without a record; call it once a minute, not per request.
    ///
    /// # Errors
    /// [`StoreError::Backend`]. An unknown token is no error.
    async fn used(&mut self, id: TokenId, at_ms: i64) -> Result<(), StoreError>;
}

/// One configured sender.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// The mapping that reads its records (`aws_cloudtrail`).
    pub kind: String,
    /// Where its data must be kept.
    pub region: String,
    /// The door's settings, a JSON object that the door defines.
    pub door: serde_json::Value,
    /// The secret of its signatures, encrypted; the store never sees it plain.
    pub hmac_secret: Option<Vec<u8>>,
    /// Whether its doors are open.
    pub enabled: bool,
    /// When it was made, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// Grows by one with each change, from 1; the store sets it.
    pub version: u64,
}

/// Reads sources.
#[async_trait]
pub trait ReadSources: Send {
    /// The source.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, name: &str) -> Result<Option<Source>, StoreError>;

    /// All sources by name.
    ///
    /// # Errors
    /// As all reads.
    async fn list(&mut self) -> Result<Vec<Source>, StoreError>;
}

/// Changes sources. Audit records are about `source:NAME`.
#[async_trait]
pub trait Sources: ReadSources {
    /// Adds a source, at version 1.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::AuditMismatch`].
    async fn add(&mut self, source: &Source, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Replaces everything but name and creation if the stored source is at `source.version`; returns the
    /// new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn replace(&mut self, source: &Source, audit: &AuditRecord) -> Result<u64, StoreError>;
}
