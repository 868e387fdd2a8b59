//! The one place where it is decided who comes through a route.

use crate::directory::{AdmitError, Directory};
use crate::policy::{Reach, ReportSight, visible};
use crate::registry::Caller;
use crate::role::RoleSet;
use crate::rule::{Authority, Denied, Grant, Rule};
use crate::scope::ScopeSet;
use crate::session::{Sessions, SignedIn};
use crate::ticket::{Purpose, Ticket, Tickets};
use model::Principal;
use ports::store::{Person, Visible};
use std::sync::Arc;

/// What a request brings along.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'p> {
    /// The `Authorization` header.
    pub authorization: Option<&'p str>,
    /// The session's cookie.
    pub cookie: Option<&'p str>,
}

/// By what somebody was let in.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A token.
    Token(Arc<Grant>),
    /// A session.
    Session(Box<SignedIn>),
}

/// Somebody who was let in, with what they may do.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who.
    pub principal: Principal,
    /// What they may do at all.
    pub scopes: ScopeSet,
    /// The incidents that exist for them.
    pub visible: Visible,
    /// The incidents that they may work on.
    pub workable: Visible,
    /// The reports that they may read.
    pub reports: ReportSight,
    /// By what.
    pub by: Credential,
}

impl Admitted {
    /// The person's session, where they have one.
    pub fn signed_in(&self) -> Option<&SignedIn> {
        match &self.by {
            Credential::Session(signed_in) => Some(signed_in),
            Credential::Token(_) => None,
        }
    }

    /// The person who acts, by a session or by a token of their own.
    pub fn caller(&self, origin: Option<String>, request_id: Option<String>) -> Caller {
        Caller { principal: self.principal.clone(), scopes: self.scopes, origin, request_id }
    }
}

/// Lets people and tokens through routes.
#[derive(Debug)]
pub struct Gate {
    directory: Arc<Directory>,
    sessions: Arc<Sessions>,
    tickets: Tickets,
}

impl Gate {
    /// A gate that knows tokens, people and sessions.
    pub fn new(directory: Arc<Directory>, sessions: Arc<Sessions>) -> Self {
        let tickets = directory.tickets(Arc::clone(sessions.entropy()));
        Self { directory, sessions, tickets }
    }

    /// What is given out to be known again.
    pub const fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// The receipt that is open in a browser with this cookie.
    ///
    /// # Errors
    /// [`Denied::ReceiptMissing`], whatever is wrong with it.
    pub fn receipt(&self, cookie: Option<&str>) -> Result<Ticket, Denied> {
        let ticket = cookie.and_then(|text| self.tickets.read(Purpose::Receipt, text).ok());
        ticket.ok_or(Denied::ReceiptMissing)
    }

    /// Lets the caller through `rule`, or says why not; `None` where the rule asks nothing of anyone, and for a guest. A
    /// token counts before a cookie, because who sends a token means to. A receipt is asked for by [`receipt`](Self::receipt).
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn admit(&self, rule: Rule, brought: Presented<'_>) -> Result<Option<Admitted>, AdmitError> {
        let by_cookie = brought.authorization.is_none()
            && match rule {
                Rule::Person => true,
                Rule::Scope(_) | Rule::Guest { .. } => brought.cookie.is_some(),
                _ => false,
            };
        if by_cookie {
            let signed_in = if rule.is_for_guests() {
                self.sessions.admit_unnoted(brought.cookie).await?
            } else {
                self.sessions.admit(brought.cookie).await?
            };
            return self.of_session(rule, signed_in).map(Some);
        }
        if matches!(rule, Rule::Guest { .. }) && brought.authorization.is_none() {
            return Ok(None);
        }
        match self.directory.admit(rule, brought.authorization).await? {
            Some(grant) => self.of_grant(grant).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether somebody who was let in earlier still is, and as what; for long-lived answers.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn still_admitted(&self, rule: Rule, before: &Admitted) -> Result<Admitted, AdmitError> {
        match &before.by {
            Credential::Session(signed_in) => {
                let signed_in = self.sessions.still_admitted(signed_in).await?;
                self.of_session(rule, signed_in)
            }
            Credential::Token(grant) => {
                let grant = self.directory.still_admitted(rule, grant).await?;
                self.of_grant(grant).await
            }
        }
    }

    fn of_session(&self, rule: Rule, signed_in: SignedIn) -> Result<Admitted, AdmitError> {
        let roles = RoleSet::of_names(&signed_in.person.roles);
        let reach = self.directory.policies().reach_of_roles(roles);
        let principal = signed_in.principal();
        match rule {
            Rule::Scope(scope) if !reach.scopes.has(scope) => {
                return Err(AdmitError::Forbidden { denied: Denied::ScopeMissing(scope), principal });
            }
            _ => {}
        }
        let person = Arc::clone(&signed_in.person);
        Ok(admitted(principal, reach, Some(&person), Credential::Session(Box::new(signed_in))))
    }

    async fn of_grant(&self, grant: Arc<Grant>) -> Result<Admitted, AdmitError> {
        let Authority::Api(scopes) = grant.authority else {
            return Ok(admitted(grant.principal(), Reach::default(), None, Credential::Token(grant)));
        };
        let policies = self.directory.policies();
        let mut reach = policies.reach_of_scopes(scopes);
        let Some(owner) = grant.person else {
            return Ok(admitted(grant.principal(), reach, None, Credential::Token(grant)));
        };
        // a person's token acts as the person, within what it was made for
        let person = self.directory.person(owner).await?.ok_or(Denied::TokenRevoked)?;
        reach = reach.and(policies.reach_of_roles(RoleSet::of_names(&person.roles)));
        Ok(admitted(grant.principal(), reach, Some(&person), Credential::Token(grant)))
    }
}

fn admitted(principal: Principal, reach: Reach, person: Option<&Person>, by: Credential) -> Admitted {
    let (teams, services) =
        person.map_or_else(Default::default, |person| (person.teams.clone(), person.services.clone()));
    Admitted {
        principal,
        scopes: reach.scopes,
        visible: visible(reach.readable, person),
        workable: visible(reach.writable, person),
        reports: ReportSight::of(reach.reports, teams, services),
        by,
    }
}
