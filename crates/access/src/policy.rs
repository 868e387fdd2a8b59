//! Who may do what, as Cedar policies in `content/policies/`: the one source of it.
//!
//! Cedar answers about one thing at a time. What it says of a set of roles (or of a token's scopes) is asked once for
//! every scope, for the twelve cases of an incident and the two of a report that policies may tell apart, and remembered
//! ([`Reach`]); each
//! request then costs a look-up, and a list of incidents is one condition in the store.
//!
//! **Invariant:** what no policy permits is denied, and so is what cannot be evaluated.

use crate::role::RoleSet;
use crate::scope::{Scope, ScopeSet};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use model::{Ownership, Visibility};
use ports::store::{VISIBLE_CASES, Visible};
use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Most sets of roles and scopes that are remembered.
pub const REACHES_MAX: usize = 4_096;

const SCHEMA: &str = include_str!("../../../content/policies/huecry.cedarschema");
const POLICIES: [&str; 3] = [
    include_str!("../../../content/policies/roles.cedar"),
    include_str!("../../../content/policies/incidents.cedar"),
    include_str!("../../../content/policies/reports.cedar"),
];

/// Whose team a probe is of.
const OWN_TEAM: &str = "own";

/// The policies cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("policies: {0}")]
pub struct PolicyError(String);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'s> {
    /// A person.
    Person {
        /// As `assignee` names them.
        id: &'s str,
        /// What they are.
        roles: RoleSet,
        /// Their teams.
        teams: &'s [String],
        /// Their services.
        services: &'s [String],
    },
    /// A token, for itself.
    Token {
        /// What it was made with.
        scopes: ScopeSet,
    },
}

/// What policies may know of an incident.
#[derive(Debug, Clone, Copy)]
pub struct IncidentFacts<'s> {
    /// Who may see it.
    pub visibility: Visibility,
    /// Whose service it is about.
    pub ownership: &'s Ownership,
    /// Who has it.
    pub assignee: Option<&'s str>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'s> {
    /// To do it at all.
    Server,
    /// To do it to this incident.
    Incident(IncidentFacts<'s>),
    /// To do it to a report about a service of this owner.
    Report(&'s Ownership),
}

/// What policies come to for a set of roles or scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// What may be done at all.
    pub scopes: ScopeSet,
    /// The cases of incidents that may be read, as [`Visible::case`] numbers them.
    pub readable: u16,
    /// The cases of incidents that may be changed.
    pub writable: u16,
    /// The cases of reports that may be read, as [`ReportSight`] numbers them.
    pub reports: u8,
}

impl Reach {
    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            scopes: self.scopes.and(other.scopes),
            readable: self.readable & other.readable,
            writable: self.writable & other.writable,
            reports: self.reports & other.reports,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Roles(RoleSet),
    Scopes(ScopeSet),
}

/// The policies in force.
pub struct Policies {
    set: PolicySet,
    schema: Schema,
    authorizer: Authorizer,
    known: Mutex<HashMap<Key, Reach>>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").finish_non_exhaustive()
    }
}

impl Policies {
    /// The policies that come with the program.
    ///
    /// # Errors
    /// [`PolicyError`] when they do not fit the schema; a test keeps it from happening.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::of(SCHEMA, &POLICIES.concat())
    }

    /// Policies of one text under a schema.
    ///
    /// # Errors
    /// [`PolicyError`] when they cannot be parsed or do not fit the schema.
    pub fn of(schema: &str, policies: &str) -> Result<Self, PolicyError> {
        let bad = |error: &dyn std::fmt::Display| PolicyError(error.to_string());
        let (schema, warnings) = Schema::from_cedarschema_str(schema).map_err(|e| bad(&e))?;
        for warning in warnings {
            tracing::warn!(%warning, "schema of policies");
        }
        let set = PolicySet::from_str(policies).map_err(|e| bad(&e))?;
        let validated = Validator::new(schema.clone()).validate(&set, ValidationMode::default());
        if let Some(error) = validated.validation_errors().next() {
            return Err(bad(error));
        }
        Ok(Self { set, schema, authorizer: Authorizer::new(), known: Mutex::default() })
    }

    /// Asks Cedar.
    pub fn allows(&self, subject: &Subject<'_>, scope: Scope, resource: &Resource<'_>) -> bool {
        match self.decide(subject, scope, resource) {
            Ok(decision) => decision == Decision::Allow,
            // such as an action that is not for incidents
            Err(error) => {
                tracing::debug!(%error, %scope, "denied: not a question for policies");
                false
            }
        }
    }

    fn decide(
        &self,
        subject: &Subject<'_>,
        scope: Scope,
        resource: &Resource<'_>,
    ) -> Result<Decision, PolicyError> {
        let bad = |error: &dyn std::fmt::Display| PolicyError(error.to_string());
        let principal = principal(subject)?;
        let (who, what) = (principal.uid(), entity_of(resource)?);
        let context = RestrictedExpression::new_string(scope.to_string());
        let context = Context::from_pairs([("scope".to_owned(), context)]).map_err(|e| bad(&e))?;
        let request =
            Request::new(who, uid("Action", scope.as_str())?, what.uid(), context, Some(&self.schema));
        let request = request.map_err(|e| bad(&e))?;
        let entities = Entities::from_entities([principal, what], Some(&self.schema));
        let answer = self.authorizer.is_authorized(&request, &self.set, &entities.map_err(|e| bad(&e))?);
        Ok(answer.decision())
    }

    /// What policies come to for roles.
    pub fn reach_of_roles(&self, roles: RoleSet) -> Reach {
        self.reach(Key::Roles(roles))
    }

    /// What policies come to for a token's scopes.
    pub fn reach_of_scopes(&self, scopes: ScopeSet) -> Reach {
        self.reach(Key::Scopes(scopes))
    }

    fn reach(&self, key: Key) -> Reach {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = known.get(&key) {
            return *reach;
        }
        let reach = self.ask(key);
        if known.len() < REACHES_MAX {
            known.insert(key, reach);
        }
        reach
    }

    /// Asks for every scope and for one incident of each case.
    fn ask(&self, key: Key) -> Reach {
        let (own, none) = ([OWN_TEAM.to_owned()], []);
        let subject = match key {
            Key::Roles(roles) => Subject::Person { id: "probe", roles, teams: &own, services: &none },
            Key::Scopes(scopes) => Subject::Token { scopes },
        };
        let on_server = |scope: &Scope| self.allows(&subject, *scope, &Resource::Server);
        let mut reach =
            Reach { scopes: Scope::ALL.iter().copied().filter(on_server).collect(), ..Reach::default() };
        for number in 0..VISIBLE_CASES {
            let team = if number & 2 == 0 { "other" } else { OWN_TEAM };
            let ownership = Ownership { team: Some(team.to_owned()), ..Ownership::default() };
            let facts = IncidentFacts {
                visibility: Visibility::ALL[(number / 4) as usize],
                ownership: &ownership,
                assignee: (number & 1 == 1).then_some("probe"),
            };
            let on_incident = |scope| self.allows(&subject, scope, &Resource::Incident(facts));
            reach.readable |= u16::from(on_incident(Scope::IncidentsRead)) << number;
            reach.writable |= u16::from(on_incident(Scope::IncidentsWrite)) << number;
        }
        for own in [false, true] {
            let team = if own { OWN_TEAM } else { "other" };
            let ownership = Ownership { team: Some(team.to_owned()), ..Ownership::default() };
            let reads = self.allows(&subject, Scope::ReportsRead, &Resource::Report(&ownership));
            reach.reports |= u8::from(reads) << u8::from(own);
        }
        reach
    }
}

/// Which reports somebody may read. A report is *own* where it is about a service that the person answers for, by name or
/// by one of their teams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportSight {
    /// Bit 0: those that are not own; bit 1: those that are.
    cases: u8,
    teams: Vec<String>,
    services: Vec<String>,
}

impl ReportSight {
    /// What `cases` come to for whoever has these teams and services; a machine has none.
    pub const fn of(cases: u8, teams: Vec<String>, services: Vec<String>) -> Self {
        Self { cases, teams, services }
    }

    /// Whether every report may be read.
    pub const fn is_everything(&self) -> bool {
        self.cases & 0b11 == 0b11
    }

    /// Whether no report may be read.
    pub const fn is_nothing(&self) -> bool {
        self.cases & 0b11 == 0
    }

    /// Whether a service is one of the person's own.
    pub fn is_own(&self, whose: &Ownership) -> bool {
        let is_in =
            |names: &[String], name: &Option<String>| name.as_ref().is_some_and(|name| names.contains(name));
        is_in(&self.services, &whose.service)
            || is_in(&self.teams, &whose.team)
            || is_in(&self.teams, &whose.owner)
    }

    /// Whether a report about a service of this owner may be read.
    pub fn sees(&self, whose: &Ownership) -> bool {
        self.cases >> u8::from(self.is_own(whose)) & 1 == 1
    }

    /// The services that the person answers for by name.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// The teams whose services the person answers for.
    pub fn teams(&self) -> &[String] {
        &self.teams
    }
}

/// The incidents of these cases, for whoever has these teams and services.
pub(crate) fn visible(cases: u16, person: Option<&ports::store::Person>) -> Visible {
    match person {
        None => Visible::of(cases, Vec::new(), Vec::new(), None),
        Some(person) => {
            Visible::of(cases, person.teams.clone(), person.services.clone(), Some(person.id.to_string()))
        }
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, PolicyError> {
    let kind = EntityTypeName::from_str(kind).map_err(|e| PolicyError(e.to_string()))?;
    Ok(EntityUid::from_type_name_and_id(kind, cedar_policy::EntityId::new(id)))
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> RestrictedExpression {
    RestrictedExpression::new_set(
        texts.into_iter().map(|text| RestrictedExpression::new_string(text.to_owned())),
    )
}

fn entity(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, PolicyError> {
    Entity::new(uid, attributes, parents).map_err(|e| PolicyError(e.to_string()))
}

fn principal(subject: &Subject<'_>) -> Result<Entity, PolicyError> {
    match subject {
        Subject::Person { id, roles, teams, services } => {
            let parents: Result<_, _> = roles.iter().map(|role| uid("Role", role.as_str())).collect();
            let attributes = HashMap::from([
                ("teams".to_owned(), texts(teams.iter().map(String::as_str))),
                ("services".to_owned(), texts(services.iter().map(String::as_str))),
            ]);
            entity(uid("Person", id)?, attributes, parents?)
        }
        Subject::Token { scopes } => {
            let scopes = texts(scopes.iter().map(Scope::as_str));
            entity(uid("Token", "this")?, HashMap::from([("scopes".to_owned(), scopes)]), HashSet::new())
        }
    }
}

fn entity_of(resource: &Resource<'_>) -> Result<Entity, PolicyError> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let whose = |ownership: &Ownership| {
        let Ownership { team, owner, service, .. } = ownership;
        let named = [("team", team), ("owner", owner), ("service", service)];
        let some = |(name, value): (&str, &Option<String>)| {
            value.as_deref().map(|value| (name.to_owned(), text(value)))
        };
        named.into_iter().filter_map(some).collect::<HashMap<_, _>>()
    };
    let facts = match resource {
        Resource::Server => return entity(uid("Server", "this")?, HashMap::new(), HashSet::new()),
        Resource::Report(ownership) => {
            return entity(uid("Report", "this")?, whose(ownership), HashSet::new());
        }
        Resource::Incident(facts) => facts,
    };
    let mut attributes = whose(facts.ownership);
    attributes.insert("visibility".to_owned(), text(facts.visibility.as_str()));
    if let Some(assignee) = facts.assignee {
        let assignee = RestrictedExpression::new_entity_uid(uid("Person", assignee)?);
        attributes.insert("assignee".to_owned(), assignee);
    }
    entity(uid("Incident", "this")?, attributes, HashSet::new())
}
