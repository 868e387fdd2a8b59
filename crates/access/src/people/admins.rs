//! Which admins can come in without anybody's help: there is always one.

use super::People;
use crate::role::{Role, RoleSet};
use ports::store::{PAGE_ITEMS_MAX, PageRequest, Person, StoreError, UnitOfWork};

/// Most people who are looked through for admins who can sign in.
const PEOPLE_LOOKED_MAX: usize = crate::directory::PEOPLE_MAX;

impl People {
    /// Whether an admin is there who can come in without anybody's help.
    pub(super) async fn has_able_admin(&self, unit: &mut dyn UnitOfWork) -> Result<bool, StoreError> {
        let (mut looked, mut page) = (0, PageRequest::first(PAGE_ITEMS_MAX));
        loop {
            let found = unit.people().list(&page).await?;
            looked += found.items.len();
            for person in &found.items {
                if self.is_able_admin(unit, person).await? {
                    return Ok(true);
                }
            }
            match found.next {
                Some(next) if looked < PEOPLE_LOOKED_MAX => page = PageRequest::after(PAGE_ITEMS_MAX, next),
                _ => return Ok(false),
            }
        }
    }

    /// Whether somebody is an admin who is let in, and is signed in or can sign in: by a provider that is configured, or by a
    /// link that was made for them.
    pub(super) async fn is_able_admin(
        &self,
        unit: &mut dyn UnitOfWork,
        person: &Person,
    ) -> Result<bool, StoreError> {
        if person.disabled || !RoleSet::of_names(&person.roles).has(Role::Admin) {
            return Ok(false);
        }
        if let Some(identity) = &person.identity {
            return Ok(self.issuers.contains(&identity.issuer));
        }
        let (now_ms, idle_ms) = (self.clock.now_ms(), self.sessions.times().idle_ms);
        let sessions = unit.sessions().of_person(person.id).await?;
        Ok(sessions.iter().any(|session| session.is_live(now_ms, idle_ms))
            || unit.links().opens_for(person.id, now_ms).await?)
    }
}
