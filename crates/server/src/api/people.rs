//! `/api/v1/people`: who may sign in, what they are, one-time links.

use super::page::{PageParams, PageView};
use crate::code::Code;
use crate::extract::{Id, JsonBody, NoParams, Params, Who, if_match};
use crate::problem::Problem;
use crate::state::App;
use access::{PersonChange, Role, RoleSet, Scope};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::PersonId;
use ports::mail::MailAddress;
use ports::store::{Person, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonView {
    /// `per_…`
    id: String,
    /// The name that people see.
    name: String,
    /// Where to write to.
    email: Option<String>,
    /// What they are.
    roles: Vec<String>,
    /// Their teams, as the catalogue names them.
    teams: Vec<String>,
    /// Their services, as the catalogue names them.
    services: Vec<String>,
    /// Whether they are kept out.
    disabled: bool,
    /// The identity provider's issuer; none for those who came by a link.
    issuer: Option<String>,
    /// When they first came.
    created_at_ms: i64,
    /// When they last signed in.
    signed_in_at_ms: Option<i64>,
    /// Send it back in `If-Match`.
    version: u64,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name,
            email: person.email,
            roles: person.roles,
            teams: person.teams,
            services: person.services,
            disabled: person.disabled,
            issuer: person.identity.map(|identity| identity.issuer),
            created_at_ms: person.created_at_ms,
            signed_in_at_ms: person.signed_in_at_ms,
            version: person.version,
        }
    }
}

/// List people
///
/// Who came last first.
#[utoipa::path(
    get,
    path = "/api/v1/people",
    tag = "people",
    params(PageParams),
    responses((status = 200, description = "A page of people", body = PageView<PersonView>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Result<Json<PageView<PersonView>>, Problem> {
    Ok(Json(PageView::of(app.people.list(&params.request()?).await?)))
}

/// Somebody's name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NamedPerson {
    /// `per_…`, as `assignee` has it.
    id: String,
    /// The name that people see.
    name: String,
}

impl NamedPerson {
    /// By the id, where nobody knows the person.
    pub(crate) fn of(id: &str, person: Option<&Person>) -> Self {
        Self { id: id.to_owned(), name: person.map_or(id, |person| &person.name).to_owned() }
    }

    /// By name, so many at most.
    pub(crate) fn sorted(people: impl Iterator<Item = Self>, items_max: usize) -> Vec<Self> {
        let mut people: Vec<Self> = people.collect();
        people.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        people.truncate(items_max);
        people
    }
}

/// Those who work on incidents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Assignable {
    /// By name.
    items: Vec<NamedPerson>,
}

/// Most people of the list of those who work on incidents.
const ASSIGNABLE_MAX: usize = 1_000;

/// List who works on incidents
///
/// To assign to, and to show an assignee's name. By name, 1,000 at most.
#[utoipa::path(
    get,
    path = "/api/v1/people/assignable",
    tag = "people",
    responses((status = 200, description = "Their ids and names", body = Assignable)),
)]
pub(crate) async fn assignable(
    State(app): State<App>,
    _: Params<NoParams>,
) -> Result<Json<Assignable>, Problem> {
    let policies = app.directory.policies();
    let works = |person: &Person| {
        policies.reach_of_roles(RoleSet::of_names(&person.roles)).scopes.has(Scope::IncidentsWrite)
    };
    let people = app.directory.people().await?;
    let people = people.iter().filter(|person| works(person));
    let people = people.map(|person| NamedPerson::of(&person.id.to_string(), Some(person.as_ref())));
    Ok(Json(Assignable { items: NamedPerson::sorted(people, ASSIGNABLE_MAX) }))
}

/// What may change about a person; what is not said stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonChangeBody {
    /// What they are. Of those who come by an identity provider their groups say so again at the next sign-in.
    roles: Option<Vec<String>>,
    /// Their teams; the same holds.
    teams: Option<Vec<String>>,
    /// Their services.
    services: Option<Vec<String>>,
    /// Whether they are kept out.
    disabled: Option<bool>,
    /// Where to write to; what holds of roles holds of it.
    email: Option<String>,
}

/// Change what a person is
///
/// Whoever is kept out or loses a role is signed out at once.
#[utoipa::path(
    patch,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(
        ("id" = String, Path, description = "`per_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = PersonChangeBody,
    responses(
        (status = 200, description = "The person as they are now", body = PersonView),
        (status = "4XX", description = "Nothing was changed", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    Who(caller): Who,
    Id(id): Id<PersonId>,
    headers: HeaderMap,
    JsonBody { value: body, .. }: JsonBody<PersonChangeBody>,
) -> Result<Response, Problem> {
    let email = body.email.map(|email| email.parse::<MailAddress>()).transpose();
    let email = email.map_err(|error| Problem::new(Code::RequestInvalid, error.to_string()))?;
    let change = PersonChange {
        email,
        roles: body.roles.as_deref().map(roles).transpose()?,
        teams: body.teams,
        services: body.services,
        disabled: body.disabled,
    };
    let changed = app.people.change(&caller, id, if_match(&headers)?, &change).await;
    if let Err(access::RegistryError::Store(StoreError::Conflict { .. })) = &changed {
        let now = app.store.read().await?.people().get(id).await?.map(PersonView::from);
        let detail = "somebody else changed this person first";
        return Err(Problem::new(Code::Conflict, detail).with_current(&now));
    }
    let person = changed?;
    Ok((super::incidents::etag(person.version), Json(PersonView::from(person))).into_response())
}

fn roles(names: &[String]) -> Result<RoleSet, Problem> {
    let roles: Result<RoleSet, _> = names.iter().map(|name| name.parse::<Role>()).collect();
    roles.map_err(|error| Problem::new(Code::RequestInvalid, error.to_string()))
}

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOneTimeLink {
    /// What whoever comes by it will be; with `name`, for somebody new.
    #[serde(default)]
    roles: Vec<String>,
    /// For whom; nobody here may be called so.
    name: Option<String>,
    /// Instead of both: whom it lets in again (`per_…`), as what they are then.
    person: Option<String>,
}

/// A one-time link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneTimeLinkView {
    /// Shown this once; only the SHA-256 of its secret is kept.
    link: String,
    /// When it stops.
    expires_at_ms: i64,
}

/// Make a one-time link
///
/// Whoever opens it first is signed in: as a new person with these roles, or as the `person` that it was made for. Who comes
/// by an identity provider needs none.
#[utoipa::path(
    post,
    path = "/api/v1/people/links",
    tag = "people",
    request_body = NewOneTimeLink,
    responses(
        (status = 201, description = "The link", body = OneTimeLinkView),
        (status = "4XX", description = "Nothing was made", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn make_link(
    State(app): State<App>,
    Who(caller): Who,
    headers: HeaderMap,
    JsonBody { value: new, .. }: JsonBody<NewOneTimeLink>,
) -> Result<(StatusCode, Json<OneTimeLinkView>), Problem> {
    let (link, secret) = match (new.person, new.name) {
        (Some(person), None) if new.roles.is_empty() => {
            let id = person.parse().map_err(|_| Problem::not_found("person", &person))?;
            app.people.make_link_again(&caller, id).await?
        }
        (None, Some(name)) if !new.roles.is_empty() => {
            app.people.make_link(&caller, &name, roles(&new.roles)?).await?
        }
        _ => {
            let detail =
                "a link is for somebody new (a name and at least one role) or for a person, not both";
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
    };
    // where nobody said how people reach this server: as this request did
    let host = headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = app.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
    let link = OneTimeLinkView {
        link: format!("{base}/enter#{}", secret.reveal()),
        expires_at_ms: link.expires_at_ms,
    };
    Ok((StatusCode::CREATED, Json(link)))
}
