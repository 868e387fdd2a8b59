//! `/api/v1/services`: who answers for what, and how much of it is on fire.

use super::page::{PageParams, PageView};
use crate::code::Code;
use crate::extract::{As, Params};
use crate::problem::{Problem, ProblemBody};
use crate::service_catalog::{CatalogService, ServiceClaims};
use crate::state::App;
use access::{Admitted, Scope};
use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ports::store::{SEARCH_BYTES_MAX, SEARCH_NEEDLES_MAX};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which services.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ServiceParams {
    /// Words, each of which stands in the name, the owner, the team or a repository.
    q: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl ServiceParams {
    fn words(&self) -> Result<Vec<String>, Problem> {
        let text = self.q.as_deref().unwrap_or_default();
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if text.len() > SEARCH_BYTES_MAX || words.len() > SEARCH_NEEDLES_MAX {
            let detail = format!("q: at most {SEARCH_NEEDLES_MAX} words, together {SEARCH_BYTES_MAX} bytes");
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
        Ok(words)
    }

    /// The name that the page before ended with.
    fn after(&self) -> Result<Option<String>, Problem> {
        let Some(text) = &self.after else { return Ok(None) };
        let name = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let detail = "the cursor is of no list of services";
        name.map(Some).ok_or_else(|| Problem::new(Code::CursorInvalid, detail))
    }
}

/// One service, and how many incidents are open about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceView {
    /// The service.
    #[serde(flatten)]
    service: CatalogService,
    /// Open incidents about it that the asker may see.
    open_incidents: u64,
}

/// One service with all that it claims.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceWithClaims {
    /// The service.
    #[serde(flatten)]
    service: ServiceView,
    /// What else it claims.
    #[serde(flatten)]
    claims: ServiceClaims,
}

/// List services
///
/// Of the catalogue that is in force, by name; without one the list is empty.
#[utoipa::path(
    get,
    path = "/api/v1/services",
    tag = "services",
    params(ServiceParams),
    responses(
        (status = 200, description = "A page of services", body = PageView<ServiceView>),
        (status = 400, description = "A parameter is not understood", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    As(admitted): As,
    Params(params): Params<ServiceParams>,
) -> Result<Json<PageView<ServiceView>>, Problem> {
    let (words, after) = (params.words()?, params.after()?);
    let items_max = PageParams { limit: params.limit, after: None }.request()?.items() as usize;
    let mut services = app.services.page(&words, after.as_deref(), items_max + 1);
    let is_last = services.len() <= items_max;
    services.truncate(items_max);
    let next = services.last().filter(|_| !is_last).map(|last| URL_SAFE_NO_PAD.encode(&last.name));
    Ok(Json(PageView { items: counted(&app, &admitted, services).await?, next }))
}

/// Read a service
///
/// What it claims is told to who may read events, and is empty for others.
#[utoipa::path(
    get,
    path = "/api/v1/services/{name}",
    tag = "services",
    params(("name" = String, Path, description = "Its name, percent-encoded: `team-x%2Fcheckout`")),
    responses(
        (status = 200, description = "The service", body = ServiceWithClaims),
        (status = 404, description = "The catalogue has none of that name", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    As(admitted): As,
    Path(name): Path<String>,
) -> Result<Json<ServiceWithClaims>, Problem> {
    let not_found = || Problem::not_found("service", &name);
    let (service, claims) = app.services.get(&name).ok_or_else(not_found)?;
    let service = counted(&app, &admitted, vec![service]).await?.pop().ok_or_else(not_found)?;
    // accounts, hosts and addresses of everybody's services are of no use to who may not look for them
    let claims = if admitted.scopes.has(Scope::EventsRead) { claims } else { ServiceClaims::default() };
    Ok(Json(ServiceWithClaims { service, claims }))
}

async fn counted(
    app: &App,
    admitted: &Admitted,
    services: Vec<CatalogService>,
) -> Result<Vec<ServiceView>, Problem> {
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    let mut snapshot = app.store.read().await?;
    let counts = snapshot.incidents().open_of_services(&names, &admitted.visible).await?;
    let pairs = services.into_iter().zip(counts);
    Ok(pairs.map(|(service, open_incidents)| ServiceView { service, open_incidents }).collect())
}
