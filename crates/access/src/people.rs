//! People: how they come in, what they are, and how they are kept out.
//!
//! **Invariant:** there is no password. The first admin comes by a one-time link that the server prints; others by a
//! link or by an identity provider.
//!
//! **Invariant:** nobody gives a role that comes to more than they may do themselves.

use crate::directory::Directory;
use crate::oidc::LogoutSaid;
use crate::registry::{Caller, RegistryError, TOKEN_NAME_BYTES_MAX, check_name};
use crate::role::{Role, RoleSet};
use crate::scope::ScopeSet;
use crate::secret::{Secret, SecretKind};
use crate::session::{Arrival, Sessions, shortened};
use crate::throttle::{Throttle, Throttled};
use model::{Clock, Entropy, LinkId, PersonId, Principal};
use ports::Store;
use ports::store::{Identity, Link, Page, PageRequest, Person, PersonSession, StoreError, UnitOfWork};
use serde_json::{Value, json};
use std::sync::Arc;

/// How long a one-time link can be used, in milliseconds.
pub const LINK_MS: i64 = 24 * 60 * 60_000;

/// Most teams, and most services, of one person.
pub const TEAMS_OF_PERSON_MAX: usize = 256;

/// Longest name of a person, team or service, and longest address, in bytes.
pub const PERSON_TEXT_BYTES_MAX: usize = 256;

/// How far an identity provider's clock may be ahead of ours, in milliseconds, for a logout to be meant for a session.
const LOGOUT_SKEW_MS: i64 = 5_000;

/// For whom the link of the first start is.
const FIRST_ADMIN: &str = "first admin";

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
}

/// Lets people in and keeps them.
pub struct People {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    throttle: Throttle,
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
        Self { store, directory, sessions, clock, entropy, throttle: Throttle::default() }
    }

    /// A link for the first admin if there is none who may come in; links made for that before stop.
    ///
    /// # Errors
    /// As all changes.
    pub async fn first_link(&self, caller: &Caller) -> Result<Option<(Link, Secret)>, RegistryError> {
        let mut unit = self.store.begin().await?;
        if unit.people().count_with_role(Role::Admin.as_str()).await? > 0 {
            return Ok(None);
        }
        unit.links().withdraw(FIRST_ADMIN, self.clock.now_ms()).await?;
        let made = self.link_in(&mut *unit, caller, FIRST_ADMIN, RoleSet::from_iter([Role::Admin])).await?;
        unit.commit().await?;
        Ok(Some(made))
    }

    /// Makes a link that lets one person in, once, as these roles.
    ///
    /// # Errors
    /// [`RegistryError::ScopeNotHeld`] for roles that come to more than the caller may do; as all changes.
    pub async fn make_link(
        &self,
        caller: &Caller,
        name: &str,
        roles: RoleSet,
    ) -> Result<(Link, Secret), RegistryError> {
        self.check_roles(caller, roles)?;
        let mut unit = self.store.begin().await?;
        let made = self.link_in(&mut *unit, caller, name, roles).await?;
        unit.commit().await?;
        Ok(made)
    }

    async fn link_in(
        &self,
        unit: &mut dyn UnitOfWork,
        caller: &Caller,
        name: &str,
        roles: RoleSet,
    ) -> Result<(Link, Secret), RegistryError> {
        check_name("name", name, TOKEN_NAME_BYTES_MAX)?;
        let now_ms = self.clock.now_ms();
        let secret = Secret::generate(SecretKind::Link, &*self.entropy);
        let link = Link {
            id: LinkId::new(&*self.clock, &*self.entropy),
            secret_sha256: secret.hash().0,
            roles: roles.names(),
            name: name.to_owned(),
            region: "default".to_owned(),
            created_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(LINK_MS),
            used_at_ms: None,
        };
        let mut audit = caller.record(&*self.clock, &*self.entropy, "link.make", link.id);
        audit.after = json!({ "name": link.name, "roles": link.roles, "expires_at_ms": link.expires_at_ms });
        unit.links().add(&link, &audit).await?;
        Ok((link, secret))
    }

    /// Lets somebody in by a link, as a new person.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn come_by_link(
        &self,
        text: &str,
        name: Option<&str>,
        arrival: &Arrival,
    ) -> Result<CameIn, SignInError> {
        let now_ms = self.clock.now_ms();
        self.throttle.check(arrival.origin.as_deref(), now_ms)?;
        let secret = Secret::parse(text).ok().filter(|secret| secret.kind() == SecretKind::Link);
        let Some(secret) = secret else { return self.refuse(arrival, SignInError::LinkRefused).await };
        let mut unit = self.store.begin().await?;
        let Some(link) = unit.links().by_secret(&secret.hash().0).await? else {
            drop(unit);
            return self.refuse(arrival, SignInError::LinkRefused).await;
        };
        // before the link is used up: a name that is refused can be mended
        let name = name.unwrap_or(&link.name);
        check_name("name", name, PERSON_TEXT_BYTES_MAX)?;
        if !unit.links().use_up(link.id, now_ms).await? {
            drop(unit);
            return self.refuse(arrival, SignInError::LinkRefused).await;
        }
        let person = Person {
            id: PersonId::new(&*self.clock, &*self.entropy),
            name: name.to_owned(),
            email: None,
            roles: link.roles.clone(),
            teams: Vec::new(),
            services: Vec::new(),
            disabled: false,
            identity: None,
            region: link.region.clone(),
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            signed_in_at_ms: Some(now_ms),
            version: 1,
        };
        let mut audit = self.of_themselves(&person, arrival, "person.add");
        audit.after = json!({ "name": person.name, "roles": person.roles, "link": link.id });
        unit.people().add(&person, &audit).await?;
        let (session, secret) = self.sessions.begin(&mut *unit, &person, arrival).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(CameIn { person, session, secret })
    }

    /// Whether sign-ins from there are heard now.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn check_throttle(&self, origin: Option<&str>) -> Result<(), Throttled> {
        self.throttle.check(origin, self.clock.now_ms())
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
            return self.refuse(arrival, SignInError::PersonDisabled).await;
        }
        if claims.roles.is_empty() {
            drop(unit);
            return self.refuse(arrival, SignInError::NoRoles).await;
        }
        let person = self.write_claims(&mut *unit, claims, found, arrival).await?;
        let (session, secret) = self.sessions.begin(&mut *unit, &person, arrival).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(CameIn { person, session, secret })
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
            email: claims.email.as_deref().map(|email| shortened(email, PERSON_TEXT_BYTES_MAX)),
            roles: claims.roles.names(),
            teams,
            services: found.as_ref().map(|person| person.services.clone()).unwrap_or_default(),
            disabled: false,
            identity: Some(claims.identity.clone()),
            region: "default".to_owned(),
            created_at_ms: found.as_ref().map_or(now_ms, |person| person.created_at_ms),
            updated_at_ms: found.as_ref().map_or(now_ms, |person| person.updated_at_ms),
            signed_in_at_ms: found.as_ref().and_then(|person| person.signed_in_at_ms),
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
    /// by then. Says how many.
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
        for person in people {
            ended +=
                self.sessions.end_all_in(&mut *unit, caller, person, meant, "ended at the provider").await?;
        }
        unit.commit().await?;
        Ok(ended)
    }

    /// Writes down that somebody was not let in, and says so.
    ///
    /// # Errors
    /// Always: `error`, or what the store says.
    pub async fn refuse<T>(&self, arrival: &Arrival, error: SignInError) -> Result<T, SignInError> {
        let full = self.throttle.failed(arrival.origin.as_deref(), self.clock.now_ms());
        if full {
            return Err(error);
        }
        let caller = Caller {
            principal: Principal::System { part: "access".to_owned() },
            scopes: ScopeSet::default(),
            origin: arrival.origin.clone(),
            request_id: arrival.request_id.clone(),
        };
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
            updated_at_ms: self.clock.now_ms(),
            ..before.clone()
        };
        let mut audit = caller.record(&*self.clock, &*self.entropy, "person.change", id);
        (audit.before, audit.after) = (audited(&before), audited(&after));
        let version = unit.people().replace(&after, &audit).await?;
        let was_admin = held.has(Role::Admin) && !before.disabled;
        if was_admin && unit.people().count_with_role(Role::Admin.as_str()).await? == 0 {
            return Err(RegistryError::LastAdmin);
        }
        let lost = held.iter().any(|role| !roles.has(role));
        if after.disabled || lost {
            let reason = if after.disabled { "kept out" } else { "a role was taken" };
            self.sessions.end_all_in(&mut *unit, caller, id, |_| true, reason).await?;
        }
        unit.commit().await?;
        self.directory.invalidate();
        Ok(Person { version, ..after })
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
