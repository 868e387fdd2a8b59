//! Sessions of people: kept by the server, opened by a cookie whose secret nobody stores.
//!
//! **Invariant:** a session's secret is made here, at sign-in; what a browser brings along never becomes one
//! (session fixation).
//!
//! **Invariant:** a secret that was exchanged opens nothing after [`ROTATION_GRACE_MS`]; coming back later, it ends the
//! session, because two hold it.

use crate::directory::{AdmitError, Directory};
use crate::registry::Caller;
use crate::rule::Denied;
use crate::secret::{Secret, SecretKind, random_text};
use model::{Clock, Entropy, PersonId, Principal, SessionId};
use ports::Store;
use ports::store::{PERSON_SESSIONS_MAX, Person, PersonSession, StoreError, UnitOfWork};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How often the use of a session is written down, in milliseconds.
pub const SESSION_USE_NOTED_MS: i64 = 60_000;

/// How long the secret before a rotation still does, for requests under way, in milliseconds.
pub const ROTATION_GRACE_MS: i64 = 30_000;

/// Longest name of a browser that is kept, in bytes.
pub const USER_AGENT_BYTES_MAX: usize = 256;

/// Sessions whose last use is remembered; past it all are forgotten and noted anew.
const NOTED_MAX: usize = 10_000;

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// Without use, in milliseconds.
    pub idle_ms: i64,
    /// Whatever happens, in milliseconds.
    pub absolute_ms: i64,
    /// Until the secret is exchanged, in milliseconds.
    pub rotate_ms: i64,
}

impl Default for SessionTimes {
    fn default() -> Self {
        Self { idle_ms: 60 * 60_000, absolute_ms: 12 * 60 * 60_000, rotate_ms: 15 * 60_000 }
    }
}

/// A person with the session by which they ask.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub person: Arc<Person>,
    /// How.
    pub session: PersonSession,
    /// The secret that came, which may be the one before.
    pub(crate) sha256: [u8; 32],
}

impl SignedIn {
    /// Who acts.
    pub fn principal(&self) -> Principal {
        Principal::Person { id: self.person.id.to_string(), name: self.person.name.clone() }
    }
}

/// How somebody comes in.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// `link`, or the id of an identity provider.
    pub provider: String,
    /// The identity provider's name for its own session.
    pub provider_sid: Option<String>,
    /// The address that the request came from.
    pub origin: Option<String>,
    /// The browser's own name.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: Option<String>,
}

/// Begins, finds, exchanges and ends sessions.
pub struct Sessions {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    times: SessionTimes,
    /// When a use of each session was last written down.
    noted_ms: Mutex<HashMap<SessionId, i64>>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("times", &self.times).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sessions in `store` of people whom `directory` knows.
    pub fn new(
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        times: SessionTimes,
    ) -> Self {
        Self { store, directory, clock, entropy, times, noted_ms: Mutex::default() }
    }

    /// Randomness.
    pub(crate) const fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// How long sessions last.
    pub const fn times(&self) -> SessionTimes {
        self.times
    }

    /// Begins a session for a person in `unit`; the caller commits. The oldest session ends if they have too many.
    ///
    /// # Errors
    /// As all changes.
    pub async fn begin(
        &self,
        unit: &mut dyn UnitOfWork,
        person: &Person,
        arrival: &Arrival,
    ) -> Result<(PersonSession, Secret), StoreError> {
        let now_ms = self.clock.now_ms();
        let secret = Secret::generate(SecretKind::Session, &*self.entropy);
        let session = PersonSession {
            id: SessionId::new(&*self.clock, &*self.entropy),
            person: person.id,
            secret_sha256: secret.hash().0,
            previous_sha256: None,
            csrf: random_text(&*self.entropy),
            provider: arrival.provider.clone(),
            provider_sid: arrival.provider_sid.clone(),
            origin: arrival.origin.clone(),
            user_agent: arrival.user_agent.as_deref().map(|name| shortened(name, USER_AGENT_BYTES_MAX)),
            region: person.region.clone(),
            created_at_ms: now_ms,
            rotated_at_ms: now_ms,
            seen_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(self.times.absolute_ms),
            ended_at_ms: None,
        };
        let caller = Caller {
            principal: Principal::Person { id: person.id.to_string(), name: person.name.clone() },
            scopes: crate::ScopeSet::default(),
            origin: arrival.origin.clone(),
            request_id: arrival.request_id.clone(),
        };
        let others = unit.sessions().of_person(person.id).await?;
        if others.len() >= PERSON_SESSIONS_MAX as usize
            && let Some(oldest) = others.last()
        {
            self.end_in(unit, &caller, oldest.id, "too many sessions").await?;
        }
        let mut audit = caller.record(&*self.clock, &*self.entropy, "session.begin", session.id);
        audit.after = json!({ "person": person.id, "provider": session.provider, "roles": person.roles,
            "expires_at_ms": session.expires_at_ms });
        unit.sessions().add(&session, &audit).await?;
        unit.people().signed_in(person.id, now_ms).await?;
        Ok((session, secret))
    }

    /// Who asks by this cookie.
    ///
    /// # Errors
    /// [`AdmitError::Denied`] with [`Denied::SessionMissing`], [`Denied::SessionEnded`],
    /// [`Denied::SessionReplayed`]; [`AdmitError::Unavailable`].
    pub async fn admit(&self, cookie: Option<&str>) -> Result<SignedIn, AdmitError> {
        let signed_in = self.admit_unnoted(cookie).await?;
        self.note_use(&signed_in.session, self.clock.now_ms());
        Ok(signed_in)
    }

    /// The same, leaving no trace of the use, for where a person may ask as a guest.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn admit_unnoted(&self, cookie: Option<&str>) -> Result<SignedIn, AdmitError> {
        let secret = cookie.and_then(|text| Secret::parse(text).ok());
        let secret = secret.filter(|secret| secret.kind() == SecretKind::Session);
        let sha256 = secret.ok_or(Denied::SessionMissing)?.hash().0;
        let session = self.store.read().await?.sessions().by_secret(&sha256).await?;
        let session = session.ok_or(Denied::SessionEnded)?;
        self.judge(session, sha256).await
    }

    /// Whether a session that was admitted earlier still is; for long-lived answers, which do not keep it from being idle.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn still_admitted(&self, before: &SignedIn) -> Result<SignedIn, AdmitError> {
        let session = self.store.read().await?.sessions().get(before.session.id).await?;
        let session = session.ok_or(Denied::SessionEnded)?;
        // the answer began with a secret that held; that it was exchanged since is no sign of a copy
        let sha256 = session.secret_sha256;
        self.judge(session, sha256).await
    }

    async fn judge(&self, session: PersonSession, sha256: [u8; 32]) -> Result<SignedIn, AdmitError> {
        let now_ms = self.clock.now_ms();
        if !session.is_live(now_ms, self.times.idle_ms) {
            return Err(Denied::SessionEnded.into());
        }
        let exchanged = session.secret_sha256 != sha256;
        if exchanged && now_ms.saturating_sub(session.rotated_at_ms) > ROTATION_GRACE_MS {
            self.end_replayed(&session).await?;
            return Err(Denied::SessionReplayed.into());
        }
        let person = self.directory.person(session.person).await?.ok_or(Denied::SessionEnded)?;
        if person.disabled {
            return Err(Denied::SessionEnded.into());
        }
        Ok(SignedIn { person, session, sha256 })
    }

    async fn end_replayed(&self, session: &PersonSession) -> Result<(), StoreError> {
        let caller = Caller {
            principal: Principal::System { part: "access".to_owned() },
            scopes: crate::ScopeSet::default(),
            origin: None,
            request_id: None,
        };
        let mut unit = self.store.begin().await?;
        self.end_in(&mut *unit, &caller, session.id, "its exchanged cookie came back").await?;
        unit.commit().await
    }

    /// Exchanges the secret if it is time; the new one goes into the cookie of the answer.
    ///
    /// # Errors
    /// As all changes.
    pub async fn rotate(&self, signed_in: &SignedIn) -> Result<Option<Secret>, StoreError> {
        let (session, now_ms) = (&signed_in.session, self.clock.now_ms());
        let due = now_ms.saturating_sub(session.rotated_at_ms) >= self.times.rotate_ms;
        if !due || signed_in.sha256 != session.secret_sha256 {
            return Ok(None);
        }
        let secret = Secret::generate(SecretKind::Session, &*self.entropy);
        let mut unit = self.store.begin().await?;
        let (from, to) = (&session.secret_sha256, &secret.hash().0);
        let rotated = unit.sessions().rotate(session.id, from, to, now_ms).await?;
        unit.commit().await?;
        // of two requests at once one wins; the other's answer leaves the cookie alone
        Ok(rotated.then_some(secret))
    }

    /// A person's live sessions, the newest first.
    ///
    /// # Errors
    /// As all reads.
    pub async fn of_person(&self, person: PersonId) -> Result<Vec<PersonSession>, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut sessions = self.store.read().await?.sessions().of_person(person).await?;
        sessions.retain(|session| session.is_live(now_ms, self.times.idle_ms));
        Ok(sessions)
    }

    /// Ends a session of `person`'s own.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for another's session too.
    pub async fn end_own(&self, caller: &Caller, person: PersonId, id: SessionId) -> Result<(), StoreError> {
        let mut unit = self.store.begin().await?;
        let found = unit.sessions().get(id).await?.filter(|session| session.person == person);
        let session = found.ok_or_else(|| StoreError::not_found("session", id))?;
        if session.ended_at_ms.is_none() {
            self.end_in(&mut *unit, caller, id, "signed out").await?;
        }
        unit.commit().await
    }

    /// Ends the live sessions of a person in `unit`, of one session of an identity provider if it is named; says how
    /// many.
    ///
    /// # Errors
    /// As all changes.
    pub async fn end_all_in(
        &self,
        unit: &mut dyn UnitOfWork,
        caller: &Caller,
        person: PersonId,
        wanted: impl Fn(&PersonSession) -> bool + Send,
        reason: &str,
    ) -> Result<u64, StoreError> {
        let sessions = unit.sessions().of_person(person).await?;
        let mut ended = 0;
        for session in sessions.iter().filter(|session| wanted(session)) {
            self.end_in(unit, caller, session.id, reason).await?;
            ended += 1;
        }
        Ok(ended)
    }

    async fn end_in(
        &self,
        unit: &mut dyn UnitOfWork,
        caller: &Caller,
        id: SessionId,
        reason: &str,
    ) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        let mut audit = caller.record(&*self.clock, &*self.entropy, "session.end", id);
        (audit.after, audit.reason) = (json!({ "ended_at_ms": now_ms }), Some(reason.to_owned()));
        unit.sessions().end(id, now_ms, &audit).await
    }

    /// Writes down that a session was used, at most once in [`SESSION_USE_NOTED_MS`], beside the request.
    fn note_use(&self, session: &PersonSession, now_ms: i64) {
        let every_ms = SESSION_USE_NOTED_MS.min(self.times.idle_ms / 4);
        if now_ms.saturating_sub(session.seen_at_ms) < every_ms {
            return;
        }
        let mut noted_ms = self.noted_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if noted_ms.get(&session.id).is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) < every_ms) {
            return;
        }
        if noted_ms.len() >= NOTED_MAX {
            noted_ms.clear();
        }
        noted_ms.insert(session.id, now_ms);
        drop(noted_ms);
        let (store, id) = (Arc::clone(&self.store), session.id);
        tokio::spawn(async move {
            let noted = async {
                let mut unit = store.begin().await?;
                unit.sessions().seen(id, now_ms).await?;
                unit.commit().await
            };
            if let Err(error) = noted.await {
                tracing::debug!(%error, session = %id, "use of a session not noted");
            }
        });
    }
}

/// The beginning of a text, cut between characters, without control characters.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> String {
    let mut short = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if short.len() + c.len_utf8() > bytes_max {
            break;
        }
        short.push(c);
    }
    short
}
