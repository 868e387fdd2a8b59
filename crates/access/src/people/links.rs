//! One-time links: for the first admin, for somebody new, for somebody whose session ended.

use super::{CameIn, Door, PERSON_TEXT_BYTES_MAX, People, SignInError};
use crate::registry::{Caller, RegistryError, TOKEN_NAME_BYTES_MAX, check_name};
use crate::role::{Role, RoleSet};
use crate::secret::{Secret, SecretKind};
use crate::session::Arrival;
use model::{LinkId, PersonId};
use ports::store::{Link, Person, StoreError, UnitOfWork};
use serde_json::json;

/// How long a one-time link can be used, in milliseconds.
pub const LINK_MS: i64 = 24 * 60 * 60_000;

/// For whom the link of the first start is.
const FIRST_ADMIN: &str = "first admin";

/// Most people who are called so, by number.
const FIRST_ADMINS_MAX: u32 = 100;

impl People {
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
        let made =
            self.link_in(&mut *unit, caller, FIRST_ADMIN, (RoleSet::from_iter([Role::Admin]), None)).await?;
        unit.commit().await?;
        Ok(Some(made))
    }

    /// Makes a link that lets somebody new in, once, as these roles. An unused link for the same name stops.
    ///
    /// # Errors
    /// [`RegistryError::ScopeNotHeld`] for roles that come to more than the caller may do;
    /// [`RegistryError::PersonExists`] for a name, or e-mail address, that somebody has; as all changes.
    pub async fn make_link(
        &self,
        caller: &Caller,
        name: &str,
        roles: RoleSet,
    ) -> Result<(Link, Secret), RegistryError> {
        self.check_roles(caller, roles)?;
        let mut unit = self.store.begin().await?;
        if let Some(namesake) = unit.people().called(name.trim()).await?.first() {
            return Err(RegistryError::PersonExists { name: namesake.name.clone(), id: namesake.id });
        }
        unit.links().withdraw(name, self.clock.now_ms()).await?;
        let made = self.link_in(&mut *unit, caller, name, (roles, None)).await?;
        unit.commit().await?;
        Ok(made)
    }

    /// Makes a link that lets somebody in again, once, as what they are then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`RegistryError::NotByLink`] for who comes by an identity provider or is kept out;
    /// [`RegistryError::ScopeNotHeld`] where they may do more than the caller; as all changes.
    pub async fn make_link_again(
        &self,
        caller: &Caller,
        person: PersonId,
    ) -> Result<(Link, Secret), RegistryError> {
        let mut unit = self.store.begin().await?;
        let found = unit.people().get(person).await?;
        let found = found.ok_or_else(|| StoreError::not_found("person", person))?;
        if found.identity.is_some() {
            return Err(RegistryError::NotByLink("they sign in by their identity provider"));
        }
        if found.disabled {
            return Err(RegistryError::NotByLink("they are kept out; let them in first"));
        }
        let roles = RoleSet::of_names(&found.roles);
        self.check_roles(caller, roles)?;
        unit.links().withdraw_of(person, self.clock.now_ms()).await?;
        let made = self.link_in(&mut *unit, caller, &found.name, (roles, Some(person))).await?;
        unit.commit().await?;
        Ok(made)
    }

    async fn link_in(
        &self,
        unit: &mut dyn UnitOfWork,
        caller: &Caller,
        name: &str,
        (roles, person): (RoleSet, Option<PersonId>),
    ) -> Result<(Link, Secret), RegistryError> {
        // a person's name may be longer than one that is given here
        let bytes_max = if person.is_some() { PERSON_TEXT_BYTES_MAX } else { TOKEN_NAME_BYTES_MAX };
        check_name("name", name, bytes_max)?;
        let now_ms = self.clock.now_ms();
        let secret = Secret::generate(SecretKind::Link, &*self.entropy);
        let link = Link {
            id: LinkId::new(&*self.clock, &*self.entropy),
            secret_sha256: secret.hash().0,
            roles: roles.names(),
            name: name.to_owned(),
            person,
            region: "default".to_owned(),
            created_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(LINK_MS),
            used_at_ms: None,
        };
        let mut audit = caller.record(&*self.clock, &*self.entropy, "link.make", link.id);
        audit.after = json!({ "name": link.name, "roles": link.roles, "person": link.person,
            "expires_at_ms": link.expires_at_ms });
        unit.links().add(&link, &audit).await?;
        Ok((link, secret))
    }

    /// Lets somebody in by a link: as a new person, or as who they are where the link was made for them.
    ///
    /// # Errors
    /// [`SignInError`]. A link that opens is used up by a sign-in only.
    pub async fn come_by_link(
        &self,
        text: &str,
        name: Option<&str>,
        arrival: &Arrival,
    ) -> Result<CameIn, SignInError> {
        let now_ms = self.clock.now_ms();
        self.check_throttle(Door::Link, arrival.origin.as_deref())?;
        let secret = Secret::parse(text).ok().filter(|secret| secret.kind() == SecretKind::Link);
        let Some(secret) = secret else {
            return self.refuse(Door::Link, arrival, SignInError::LinkRefused).await;
        };
        let mut unit = self.store.begin().await?;
        let link = unit.links().by_secret(&secret.hash().0).await?;
        let usable = link.filter(|link| link.used_at_ms.is_none() && link.expires_at_ms > now_ms);
        let person = match &usable {
            Some(Link { person: Some(id), .. }) => {
                let found = unit.people().get(*id).await?;
                found.filter(|person| !person.disabled && person.identity.is_none())
            }
            Some(link) => Some(self.add_by_link(&mut *unit, link, name, arrival).await?),
            None => None,
        };
        let Some((link, person)) = usable.zip(person) else {
            drop(unit);
            return self.refuse(Door::Link, arrival, SignInError::LinkRefused).await;
        };
        if !unit.links().use_up(link.id, now_ms).await? {
            drop(unit);
            return self.refuse(Door::Link, arrival, SignInError::LinkRefused).await;
        }
        let (session, secret) = self.sessions.begin(&mut *unit, &person, arrival).await?;
        unit.commit().await?;
        self.directory.invalidate();
        Ok(CameIn { person, session, secret })
    }

    /// Adds whom a link lets in; a name that is refused leaves the link as it is.
    async fn add_by_link(
        &self,
        unit: &mut dyn UnitOfWork,
        link: &Link,
        name: Option<&str>,
        arrival: &Arrival,
    ) -> Result<Person, SignInError> {
        let (now_ms, mut name) = (self.clock.now_ms(), name.unwrap_or(&link.name).trim().to_owned());
        check_name("name", &name, PERSON_TEXT_BYTES_MAX)?;
        // who was the first admin once may be somebody else now
        let mut number = 2;
        while !unit.people().called(&name).await?.is_empty() {
            if !name.starts_with(FIRST_ADMIN) || number > FIRST_ADMINS_MAX {
                return Err(SignInError::NameTaken);
            }
            name = format!("{FIRST_ADMIN} {number}");
            number += 1;
        }
        let person = Person {
            id: PersonId::new(&*self.clock, &*self.entropy),
            name,
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
            left_at_ms: None,
            version: 1,
        };
        let mut audit = self.of_themselves(&person, arrival, "person.add");
        audit.after = json!({ "name": person.name, "roles": person.roles, "link": link.id });
        unit.people().add(&person, &audit).await?;
        Ok(person)
    }
}
