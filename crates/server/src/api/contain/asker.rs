//! Who asks, and which person that is.

use crate::code::Code;
use crate::extract::{As, Who};
use crate::problem::Problem;
use crate::state::App;
use access::{Admitted, Credential, Scope};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use model::Principal;
use ports::store::Person;
use respond::Actor;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Who asks. A token that a person made for themselves acts for that person.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) admitted: Arc<Admitted>,
    pub(crate) actor: Actor,
    /// By whose id answers to repeated requests are kept.
    pub(crate) key: String,
    person: Option<Arc<Person>>,
}

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let As(admitted) = As::from_request_parts(parts, app).await?;
        let who = Who::from_request_parts(parts, app).await?;
        let key = who.token_id().to_owned();
        let person = match &admitted.by {
            Credential::Session(signed_in) => Some(Arc::clone(&signed_in.person)),
            Credential::Token(grant) => match grant.person {
                Some(id) => app.directory.person(id).await?,
                None => None,
            },
        };
        let Who(caller) = who;
        let principal = match &person {
            Some(person) => Principal::Person { id: person.id.to_string(), name: person.name.clone() },
            None => caller.principal,
        };
        let actor = Actor { principal, origin: caller.origin, request_id: caller.request_id };
        Ok(Self { admitted, actor, key, person })
    }
}

impl Asker {
    /// The person's id, if it is one.
    pub(crate) fn person_id(&self) -> Option<String> {
        Some(self.person.as_ref()?.id.to_string())
    }

    /// What the person is now: roles and teams.
    pub(crate) fn functions(&self) -> BTreeSet<String> {
        let person = self.person.iter();
        person.flat_map(|person| person.roles.iter().chain(&person.teams).cloned()).collect()
    }

    /// Refuses who is no person.
    pub(crate) fn check_person(&self) -> Result<(), Problem> {
        if self.person.is_some() {
            return Ok(());
        }
        Err(Problem::new(Code::PersonNeeded, "a machine's token decides nothing here"))
    }

    /// Whether they may do this, and are a person.
    pub(crate) fn decides(&self, scope: Scope) -> bool {
        self.person.is_some() && self.admitted.scopes.has(scope)
    }
}
