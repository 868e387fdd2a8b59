//! People: how they come in, what they are, and how they are kept out.
//!
//! **Invariant:** there is no password. The first admin comes by a one-time link that the server prints; others by a
//! link or by an identity provider.
//!
//! **Invariant:** nobody gives a role that comes to more than they may do themselves.

mod admins;
mod links;

pub use links::LINK_MS;

use crate::directory::Directory;
use crate::oidc::LogoutSaid;
use crate::registry::{Caller, RegistryError, check_name};
use crate::role::RoleSet;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::session::{Arrival, Sessions, shortened};
use crate::throttle::{Throttle, Throttled};
use model::{Clock, Entropy, PersonId, Principal};
use ports::Store;
use ports::mail::MailAddress;
use ports::store::{Identity, Page, PageRequest, Person, PersonSession, StoreError, UnitOfWork};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most teams, and most services, of one person.
pub const TEAMS_OF_PERSON_MAX: usize = 256;

/// Longest name of a person, team or service, and longest address, in bytes.
pub const PERSON_TEXT_BYTES_MAX: usize = 256;

/// How far an identity provider's clock may be ahead of ours, in milliseconds, for a logout to be meant for a session.
const LOGOUT_SKEW_MS: i64 = 5_000;

/// By which door somebody tries to come in, or is sent out. Failures at one do not close another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// By a one-time link.
    Link,
    /// Back from an identity provider.
    Callback,
    /// An identity provider that says that somebody left.
    Logout,
}

/// Why somebody did not come in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Too many failed.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No such link, or it was used, withdrawn or too old: which is nobody's business.
    #[error("this link does not open: it was used already, has expired, or is not whole")]
    LinkRefused,
    /// The identity provider's answer does not hold.
    #[error("{0}")]
    ProviderRefused(String),
    /// The person is kept out.
    #[error("this person may not sign in here")]
    PersonDisabled,
    /// Somebody else has the name.
    #[error(
        "somebody of that name is here already; give another name, or ask for a link that lets you in again"
    )]
    NameTaken,
    /// No group of the person comes to a role.
    #[error("none of this person's groups has a role here")]
    NoRoles,
    /// A name is not usable.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who an identity provider says somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who at which provider.
    pub identity: Identity,
    /// The name that people see.
    pub name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// What their groups come to.
    pub roles: RoleSet,
    /// Their groups, as teams.
    pub teams: Vec<String>,
}

/// Somebody who came in.
#[derive(Debug)]
pub struct CameIn {
    /// Who.
    pub person: Person,
    /// The session that began.
    pub session: PersonSession,
    /// Its secret, for the cookie.
    pub secret: Secret,
}

/// What may change about a person; what is not said stays.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    /// What they are.
    pub roles: Option<RoleSet>,
    /// Their teams.
    pub teams: Option<Vec<String>>,
    /// Their services.
    pub services: Option<Vec<String>>,
    /// Whether they are kept out.
    pub disabled: Option<bool>,
    /// Where to write to.
    pub email: Option<MailAddress>,
}

/// Lets people in and keeps them.
pub struct People {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// One for each [`Door`].
    throttles: [Throttle; 3],
    /// The identity providers that people come by.
    issuers: Vec<String>,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

impl People {
    /// People in `store`, whose sessions `sessions` keeps.
    pub fn new(
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (throttles, issuers) = (Default::default(), Vec::new());
        Self { store, directory, sessions, clock, entropy, throttles, issuers }
    }

    /// The same, where people come by these identity providers too.
    #[must_use]
    pub fn with_issuers(mut self, issuers: impl IntoIterator<Item = String>) -> Self {
        self.issuers = issuers.into_iter().collect();
        self
    }

    /// Whether attempts at a door from there are heard now.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn check_throttle(&self, door: Door, origin: Option<&str>) -> Result<(), Throttled> {
        self.throttles[door as usize].check(origin, self.clock.now_ms())
    }

    /// Lets somebody in whom an identity provider vouches for. Their roles and teams are what their groups come to
    /// now; what was given here beside them goes with the next sign-in.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn come_by_provider(&self, claims: &Claims, arrival: &Arrival) -> Result<CameIn, SignInError> {
        let mut unit = self.store.begin().await?;
        let found = unit.people().by_identity(&claims.identity).await?;
        if found.as_ref().is_some_and(|person| person.disabled) {
            drop(unit);
            return self.refuse(Door::Callback, arrival, SignInError::PersonDisabled).await;
        }
        if claims.roles.is_empty() {
            match found.filter(|person| !person.roles.is_empty()) {
                Some(found) => self.strip(unit, found, arrival).await?,
                None => drop(unit),
            }
            return self.refuse(Door::Callback, arrival, SignInError::NoRoles).await;
        }
        let person = self.write_claims(&mut *unit, claims, found, arrival).await?;
        let (session, secret) = self.sessions.begin(&mut *unit, &person, arrival).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(CameIn { person, session, secret })
    }

    /// The provider says now that somebody has no role any more: neither have their sessions and tokens.
    async fn strip(
        &self,
        mut unit: Box<dyn UnitOfWork>,
        before: Person,
        arrival: &Arrival,
    ) -> Result<(), StoreError> {
        let after = Person { roles: Vec::new(), updated_at_ms: self.clock.now_ms(), ..before.clone() };
        let mut audit = self.of_themselves(&before, arrival, "person.change");
        (audit.before, audit.after) = (audited(&before), audited(&after));
        unit.people().replace(&after, &audit).await?;
        let caller = self.caller(arrival);
        self.sessions.end_all_in(&mut *unit, &caller, before.id, |_| true, "no group has a role").await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(())
    }

    async fn write_claims(
        &self,
        unit: &mut dyn UnitOfWork,
        claims: &Claims,
        found: Option<Person>,
        arrival: &Arrival,
    ) -> Result<Person, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut teams: Vec<String> = claims
            .teams
            .iter()
            .take(TEAMS_OF_PERSON_MAX)
            .map(|team| shortened(team, PERSON_TEXT_BYTES_MAX))
            .collect();
        teams.sort();
        teams.dedup();
        let said = Person {
            id: found
                .as_ref()
                .map_or_else(|| PersonId::new(&*self.clock, &*self.entropy), |person| person.id),
            name: shortened(&claims.name, PERSON_TEXT_BYTES_MAX),
            // a provider that says none takes none away: an administrator may have said where to reach them
            email: match &claims.email {
                Some(email) => Some(shortened(email, PERSON_TEXT_BYTES_MAX)),
                None => found.as_ref().and_then(|person| person.email.clone()),
            },
            roles: claims.roles.names(),
            teams,
            services: found.as_ref().map(|person| person.services.clone()).unwrap_or_default(),
            disabled: false,
            identity: Some(claims.identity.clone()),
            region: "default".to_owned(),
            created_at_ms: found.as_ref().map_or(now_ms, |person| person.created_at_ms),
            updated_at_ms: found.as_ref().map_or(now_ms, |person| person.updated_at_ms),
            signed_in_at_ms: found.as_ref().and_then(|person| person.signed_in_at_ms),
            left_at_ms: found.as_ref().and_then(|person| person.left_at_ms),
            version: found.as_ref().map_or(1, |person| person.version),
        };
        let Some(before) = found else {
            let mut audit = self.of_themselves(&said, arrival, "person.add");
            audit.after = audited(&said);
            unit.people().add(&said, &audit).await?;
            return Ok(said);
        };
        if said == before {
            return Ok(before);
        }
        let mut audit = self.of_themselves(&said, arrival, "person.change");
        (audit.before, audit.after) = (audited(&before), audited(&said));
        let said = Person { updated_at_ms: now_ms, ..said };
        let version = unit.people().replace(&said, &audit).await?;
        Ok(Person { version, ..said })
    }

    /// An identity provider says that a session of its own ended: ends those that came of it here, of what had begun
    /// by then. Says how many. Where it names no session but the person alone, all of theirs ended; it may be that they left
    /// for good, so their own tokens rest until they sign in again.
    ///
    /// # Errors
    /// As all changes.
    pub async fn leave_by_provider(
        &self,
        provider: &str,
        issuer: &str,
        said: &LogoutSaid,
        caller: &Caller,
    ) -> Result<u64, StoreError> {
        let mut unit = self.store.begin().await?;
        let mut people = Vec::new();
        if let Some(subject) = &said.subject {
            let identity = Identity { issuer: issuer.to_owned(), subject: subject.clone() };
            people.extend(unit.people().by_identity(&identity).await?.map(|person| person.id));
        } else if let Some(sid) = &said.sid {
            people = unit.sessions().people_by_provider_sid(provider, sid).await?;
        }
        // clocks differ by seconds; whoever signs in again right after is not meant
        let until_ms = said.issued_at_ms.saturating_add(LOGOUT_SKEW_MS);
        let meant = |session: &PersonSession| {
            session.provider == provider
                && session.created_at_ms <= until_ms
                && (said.sid.is_none() || session.provider_sid == said.sid)
        };
        let mut ended = 0;
        if said.sid.is_none() {
            for id in &people {
                self.note_left(&mut *unit, *id, until_ms, caller).await?;
            }
        }
        for person in people {
            ended +=
                self.sessions.end_all_in(&mut *unit, caller, person, meant, "ended at the provider").await?;
        }
        unit.commit().await?;
        self.directory.invalidate();
        Ok(ended)
    }

    async fn note_left(
        &self,
        unit: &mut dyn UnitOfWork,
        id: PersonId,
        until_ms: i64,
        caller: &Caller,
    ) -> Result<(), StoreError> {
        let Some(person) = unit.people().get(id).await? else { return Ok(()) };
        let came_since = person.signed_in_at_ms.is_some_and(|at_ms| at_ms > until_ms);
        if came_since || person.left_at_ms.is_some() {
            return Ok(());
        }
        let now_ms = self.clock.now_ms();
        let mut audit = caller.record(&*self.clock, &*self.entropy, "person.leave", id);
        audit.after = json!({ "left_at_ms": now_ms });
        unit.people().left(id, now_ms, &audit).await
    }

    /// Writes down that somebody was not let in, and says so.
    ///
    /// # Errors
    /// Always: `error`, or what the store says.
    pub async fn refuse<T>(
        &self,
        door: Door,
        arrival: &Arrival,
        error: SignInError,
    ) -> Result<T, SignInError> {
        let full = self.throttles[door as usize].failed(arrival.origin.as_deref(), self.clock.now_ms());
        if full {
            return Err(error);
        }
        let caller = self.caller(arrival);
        let mut audit = caller.record(
            &*self.clock,
            &*self.entropy,
            "session.refuse",
            format!("sign-in:{}", arrival.provider),
        );
        audit.after = json!({ "why": error.to_string() });
        let mut unit = self.store.begin().await?;
        unit.audit().add(&audit).await?;
        unit.commit().await?;
        Err(error)
    }

    /// Everyone, who came last first.
    ///
    /// # Errors
    /// As all reads.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Person>, RegistryError> {
        Ok(self.store.read().await?.people().list(page).await?)
    }

    /// Changes what a person is. Who is kept out is signed out at once, and so is whoever loses a role.
    ///
    /// # Errors
    /// [`RegistryError::ScopeNotHeld`], [`RegistryError::LastAdmin`], [`StoreError::Conflict`],
    /// [`StoreError::NotFound`] and as all changes.
    pub async fn change(
        &self,
        caller: &Caller,
        id: PersonId,
        version: u64,
        change: &PersonChange,
    ) -> Result<Person, RegistryError> {
        let mut unit = self.store.begin().await?;
        let before = unit.people().get(id).await?.ok_or_else(|| StoreError::not_found("person", id))?;
        if before.version != version {
            return Err(StoreError::Conflict { current: before.version }.into());
        }
        let held = RoleSet::of_names(&before.roles);
        let roles = change.roles.unwrap_or(held);
        // who may not make an admin may not unmake one
        self.check_roles(caller, roles)?;
        self.check_roles(caller, held)?;
        let after = Person {
            roles: roles.names(),
            teams: names(change.teams.as_ref(), &before.teams)?,
            services: names(change.services.as_ref(), &before.services)?,
            disabled: change.disabled.unwrap_or(before.disabled),
            email: change.email.as_ref().map(ToString::to_string).or_else(|| before.email.clone()),
            updated_at_ms: self.clock.now_ms(),
            ..before.clone()
        };
        let mut audit = caller.record(&*self.clock, &*self.entropy, "person.change", id);
        (audit.before, audit.after) = (audited(&before), audited(&after));
        let version = unit.people().replace(&after, &audit).await?;
        let was_able = self.is_able_admin(&mut *unit, &before).await?;
        let lost = held.iter().any(|role| !roles.has(role));
        if after.disabled || lost {
            let reason = if after.disabled { "kept out" } else { "a role was taken" };
            self.sessions.end_all_in(&mut *unit, caller, id, |_| true, reason).await?;
        }
        if after.disabled || after.roles != before.roles {
            // a link lets them in as what they are then, which was not decided when it was made
            unit.links().withdraw_of(id, self.clock.now_ms()).await?;
        }
        // after their sessions ended: an admin who cannot come in again is none
        if was_able && !self.has_able_admin(&mut *unit).await? {
            return Err(RegistryError::LastAdmin);
        }
        unit.commit().await?;
        self.directory.invalidate();
        Ok(Person { version, ..after })
    }

    /// The product itself, on the way of somebody who comes.
    fn caller(&self, arrival: &Arrival) -> Caller {
        Caller {
            principal: Principal::System { part: "access".to_owned() },
            scopes: ScopeSet::default(),
            origin: arrival.origin.clone(),
            request_id: arrival.request_id.clone(),
        }
    }

    fn check_roles(&self, caller: &Caller, roles: RoleSet) -> Result<(), RegistryError> {
        let reach = self.directory.policies().reach_of_roles(roles);
        match reach.scopes.iter().find(|scope| !caller.scopes.has(*scope)) {
            Some(scope) => Err(RegistryError::ScopeNotHeld(scope)),
            None => Ok(()),
        }
    }

    fn of_themselves(&self, person: &Person, arrival: &Arrival, action: &str) -> model::AuditRecord {
        let caller = Caller {
            principal: Principal::Person { id: person.id.to_string(), name: person.name.clone() },
            scopes: ScopeSet::default(),
            origin: arrival.origin.clone(),
            request_id: arrival.request_id.clone(),
        };
        caller.record(&*self.clock, &*self.entropy, action, person.id)
    }
}

fn names(given: Option<&Vec<String>>, before: &[String]) -> Result<Vec<String>, RegistryError> {
    let Some(given) = given else { return Ok(before.to_vec()) };
    if given.len() > TEAMS_OF_PERSON_MAX {
        return Err(RegistryError::BadName {
            field: "the list of teams or services",
            bytes_max: TEAMS_OF_PERSON_MAX,
        });
    }
    for name in given {
        check_name("a team or service", name, PERSON_TEXT_BYTES_MAX)?;
    }
    let mut names = given.clone();
    names.sort();
    names.dedup();
    Ok(names)
}

/// A person as audit records show them.
fn audited(person: &Person) -> Value {
    json!({ "name": person.name, "email": person.email, "roles": person.roles, "teams": person.teams,
        "services": person.services, "disabled": person.disabled,
        "issuer": person.identity.as_ref().map(|identity| &identity.issuer) })
}
