//! People, their sessions, and the links by which they come in first.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{AuditRecord, LinkId, PersonId, SessionId};

/// Most sessions of one person that are live at a time; the oldest ends when there is one more.
pub const PERSON_SESSIONS_MAX: u32 = 50;

/// Most people of one name that are listed.
pub const NAMESAKES_MAX: u32 = 100;

/// Who a person is at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The provider's issuer URL.
    pub issuer: String,
    /// The provider's own name for the person (`sub`), never given to another.
    pub subject: String,
}

/// Someone who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name that stays.
    pub id: PersonId,
    /// The name that people see.
    pub name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// What they are here, sorted.
    pub roles: Vec<String>,
    /// Their teams, as the catalogue names them, sorted.
    pub teams: Vec<String>,
    /// Their services, as the catalogue names them, sorted.
    pub services: Vec<String>,
    /// Whether they are kept out.
    pub disabled: bool,
    /// Who they are at the identity provider; none for those who came by a link.
    pub identity: Option<Identity>,
    /// Where their data must be kept.
    pub region: String,
    /// When they first came, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When the row was last changed.
    pub updated_at_ms: i64,
    /// When they last signed in.
    pub signed_in_at_ms: Option<i64>,
    /// When their identity provider said that they left; `None` after the next sign-in.
    pub left_at_ms: Option<i64>,
    /// Grows by one with each change, from 1; the store sets it.
    pub version: u64,
}

/// Reads people.
#[async_trait]
pub trait ReadPeople: Send {
    /// The person.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: PersonId) -> Result<Option<Person>, StoreError>;

    /// The person who is that at an identity provider.
    ///
    /// # Errors
    /// As all reads.
    async fn by_identity(&mut self, identity: &Identity) -> Result<Option<Person>, StoreError>;

    /// Everyone, who came last first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(&mut self, page: &PageRequest) -> Result<Page<Person>, StoreError>;

    /// Those who are not kept out and whose name or e-mail address is `name`, whatever its case in ASCII; at most
    /// [`NAMESAKES_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn called(&mut self, name: &str) -> Result<Vec<Person>, StoreError>;

    /// How many have this role and are not kept out.
    ///
    /// # Errors
    /// As all reads.
    async fn count_with_role(&mut self, role: &str) -> Result<u64, StoreError>;
}

/// Changes people. Audit records are about the person's id.
#[async_trait]
pub trait People: ReadPeople {
    /// Adds a person, at version 1.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the id or the identity, [`StoreError::AuditMismatch`].
    async fn add(&mut self, person: &Person, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Replaces everything but id, identity and creation if the stored person is at `person.version`; returns the
    /// new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn replace(&mut self, person: &Person, audit: &AuditRecord) -> Result<u64, StoreError>;

    /// Notes that the person signed in, and so has not left; the record of it is the session's.
    ///
    /// # Errors
    /// [`StoreError::Backend`]. An unknown person is no error.
    async fn signed_in(&mut self, id: PersonId, at_ms: i64) -> Result<(), StoreError>;

    /// Notes that the identity provider says that the person left.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn left(&mut self, id: PersonId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError>;
}

/// One person signed in at one browser. Of its secret only hashes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSession {
    /// Its name; not the secret.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// SHA-256 of the secret; unique.
    pub secret_sha256: [u8; 32],
    /// SHA-256 of the secret before the last rotation.
    pub previous_sha256: Option<[u8; 32]>,
    /// What requests that change something must repeat. Opens nothing without the secret.
    pub csrf: String,
    /// How the person came: `link`, or the id of an identity provider.
    pub provider: String,
    /// The identity provider's name for its own session (`sid`).
    pub provider_sid: Option<String>,
    /// The address that it was begun from.
    pub origin: Option<String>,
    /// The browser that it was begun with.
    pub user_agent: Option<String>,
    /// Where its data must be kept.
    pub region: String,
    /// When it began, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When the secret was last exchanged.
    pub rotated_at_ms: i64,
    /// When it was last used, to the minute or so.
    pub seen_at_ms: i64,
    /// When it ends whatever happens.
    pub expires_at_ms: i64,
    /// When it was ended.
    pub ended_at_ms: Option<i64>,
}

impl PersonSession {
    /// Whether it still holds at `now_ms`, of those that end when not used for `idle_ms`.
    pub fn is_live(&self, now_ms: i64, idle_ms: i64) -> bool {
        let idle = now_ms.saturating_sub(self.seen_at_ms) >= idle_ms;
        self.ended_at_ms.is_none() && now_ms < self.expires_at_ms && !idle
    }
}

/// Reads sessions.
#[async_trait]
pub trait ReadSessions: Send {
    /// The session.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: SessionId) -> Result<Option<PersonSession>, StoreError>;

    /// The session whose secret, or secret before the last rotation, has this SHA-256, live or not.
    ///
    /// # Errors
    /// As all reads.
    async fn by_secret(&mut self, sha256: &[u8; 32]) -> Result<Option<PersonSession>, StoreError>;

    /// A person's sessions that were not ended, the newest first; at most [`PERSON_SESSIONS_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn of_person(&mut self, person: PersonId) -> Result<Vec<PersonSession>, StoreError>;

    /// Whose sessions that were not ended came of this session of an identity provider.
    ///
    /// # Errors
    /// As all reads.
    async fn people_by_provider_sid(
        &mut self,
        provider: &str,
        sid: &str,
    ) -> Result<Vec<PersonId>, StoreError>;
}

/// Changes sessions. Audit records are about the session's id.
#[async_trait]
pub trait Sessions: ReadSessions {
    /// Begins a session.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the id or the secret, [`StoreError::AuditMismatch`].
    async fn add(&mut self, session: &PersonSession, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Exchanges the secret of a session that was not ended, if it is `from`; says whether it was.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the secret.
    async fn rotate(
        &mut self,
        id: SessionId,
        from_sha256: &[u8; 32],
        to_sha256: &[u8; 32],
        at_ms: i64,
    ) -> Result<bool, StoreError>;

    /// Notes a use; call it once a minute, not per request.
    ///
    /// # Errors
    /// [`StoreError::Backend`]. An unknown session is no error.
    async fn seen(&mut self, id: SessionId, at_ms: i64) -> Result<(), StoreError>;

    /// Ends a session for good; the first time counts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn end(&mut self, id: SessionId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Forgets at most `sessions_max` sessions that expired before `before_ms`; returns how many.
    ///
    /// # Errors
    /// As all changes.
    async fn forget(&mut self, before_ms: i64, sessions_max: u32) -> Result<u64, StoreError>;
}

/// A link that lets one person in, once. Of its secret only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name; not the secret.
    pub id: LinkId,
    /// SHA-256 of the secret; unique.
    pub secret_sha256: [u8; 32],
    /// What whoever comes by it will be, sorted.
    pub roles: Vec<String>,
    /// For whom it was made.
    pub name: String,
    /// Whom it lets in again; `None` for somebody new.
    pub person: Option<PersonId>,
    /// Where its data must be kept.
    pub region: String,
    /// When it was made, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it stops.
    pub expires_at_ms: i64,
    /// When it was used.
    pub used_at_ms: Option<i64>,
}

/// Reads links.
#[async_trait]
pub trait ReadLinks: Send {
    /// The link whose secret has this SHA-256, used, expired or not.
    ///
    /// # Errors
    /// As all reads.
    async fn by_secret(&mut self, sha256: &[u8; 32]) -> Result<Option<Link>, StoreError>;

    /// Whether a link is there that lets this person in again at `at_ms`.
    ///
    /// # Errors
    /// As all reads.
    async fn opens_for(&mut self, person: PersonId, at_ms: i64) -> Result<bool, StoreError>;
}

/// Changes links. Audit records are about the link's id.
#[async_trait]
pub trait Links: ReadLinks {
    /// Adds a link.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for the id or the secret, [`StoreError::AuditMismatch`].
    async fn add(&mut self, link: &Link, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Uses a link up if it was not and has not expired at `at_ms`; says whether it could be.
    ///
    /// # Errors
    /// As all changes.
    async fn use_up(&mut self, id: LinkId, at_ms: i64) -> Result<bool, StoreError>;

    /// Stops every unused link that was made for this name.
    ///
    /// # Errors
    /// As all changes.
    async fn withdraw(&mut self, name: &str, at_ms: i64) -> Result<u64, StoreError>;

    /// Stops every unused link that lets this person in again.
    ///
    /// # Errors
    /// As all changes.
    async fn withdraw_of(&mut self, person: PersonId, at_ms: i64) -> Result<u64, StoreError>;
}
