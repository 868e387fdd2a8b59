//! `/api/v1/views`: filters of the queue that people keep.

use crate::code::Code;
use crate::extract::{Id, JsonBody, NoParams, Params, Who};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use access::{Denied, Scope};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{AuditRecord, SavedViewId};
use ports::store::SavedView;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Longest name of a view, in bytes.
const NAME_BYTES_MAX: usize = 120;
/// Longest query of a view, in bytes of JSON.
const QUERY_BYTES_MAX: usize = 4 * 1024;

/// A filter that somebody keeps.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewView {
    /// `view_…`
    id: String,
    /// Its name, once for each owner.
    name: String,
    /// The parameters of the list: one object.
    #[schema(value_type = Object)]
    query: Value,
    /// Whether others see it.
    shared: bool,
    /// Whether it is one's own, and so can be changed.
    own: bool,
    /// Whose it is.
    owner: String,
    /// When it was made.
    created_at_ms: i64,
    /// When it was last changed.
    updated_at_ms: i64,
    /// Grows with each change.
    version: u64,
}

impl ViewView {
    fn of(view: SavedView, reader: &str) -> Self {
        Self {
            id: view.id.to_string(),
            own: view.owner == reader,
            name: view.name,
            query: view.query,
            shared: view.shared,
            owner: view.owner_name,
            created_at_ms: view.created_at_ms,
            updated_at_ms: view.updated_at_ms,
            version: view.version,
        }
    }
}

/// Views that one may use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewsView {
    /// One's own by name, then those that others share.
    items: Vec<ViewView>,
}

/// List saved views
///
/// One's own, then those that others share.
#[utoipa::path(
    get,
    path = "/api/v1/views",
    tag = "views",
    responses((status = 200, description = "The views", body = ViewsView)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    who: Who,
    _: Params<NoParams>,
) -> Result<Json<ViewsView>, Problem> {
    let found = app.store.read().await?.views().list(who.token_id()).await?;
    Ok(Json(ViewsView { items: found.into_iter().map(|view| ViewView::of(view, who.token_id())).collect() }))
}

/// A filter to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewView {
    /// Its name, once for each owner.
    name: String,
    /// The parameters of the list: one object, as `{"status": "new"}`.
    #[schema(value_type = Object)]
    query: Value,
    /// Whether others see it; needs the scope `incidents:write`.
    #[serde(default)]
    shared: bool,
}

/// Save a view
#[utoipa::path(
    post,
    path = "/api/v1/views",
    tag = "views",
    request_body = NewView,
    responses(
        (status = 201, description = "The view", body = ViewView),
        (status = "4XX", description = "Nothing was saved", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    who: Who,
    JsonBody { value: new, .. }: JsonBody<NewView>,
) -> Result<(StatusCode, Json<ViewView>), Problem> {
    let now_ms = app.clock.now_ms();
    let view = SavedView {
        id: SavedViewId::new(&*app.clock, &*app.entropy),
        owner: who.token_id().to_owned(),
        owner_name: who.0.principal.name().to_owned(),
        name: new.name,
        query: new.query,
        shared: new.shared,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
        version: 1,
    };
    check(&view, &who)?;
    let audit = record(&app, &who, "view.create", view.id, (Value::Null, values(&view)));
    let mut unit = app.store.begin().await?;
    unit.views().add(&view, &audit).await?;
    unit.commit().await?;
    Ok((StatusCode::CREATED, Json(ViewView::of(view, who.token_id()))))
}

/// A change of a view; what is not said stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewChange {
    /// Its name.
    name: Option<String>,
    /// The parameters of the list.
    #[schema(value_type = Option<Object>)]
    query: Option<Value>,
    /// Whether others see it.
    shared: Option<bool>,
    /// The version that was seen; whatever it is now, if not said.
    version: Option<u64>,
}

/// Change a saved view
///
/// One's own only.
#[utoipa::path(
    patch,
    path = "/api/v1/views/{id}",
    tag = "views",
    params(("id" = String, Path, description = "`view_…`")),
    request_body = ViewChange,
    responses(
        (status = 200, description = "The view", body = ViewView),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    who: Who,
    Id(id): Id<SavedViewId>,
    JsonBody { value: change, .. }: JsonBody<ViewChange>,
) -> Result<Json<ViewView>, Problem> {
    let mut unit = app.store.begin().await?;
    let before = own(unit.views().get(id).await?, id, &who)?;
    let view = SavedView {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        query: change.query.unwrap_or_else(|| before.query.clone()),
        shared: change.shared.unwrap_or(before.shared),
        version: change.version.unwrap_or(before.version),
        updated_at_ms: app.clock.now_ms(),
        ..before.clone()
    };
    check(&view, &who)?;
    let audit = record(&app, &who, "view.edit", id, (values(&before), values(&view)));
    unit.views().update(&view, &audit).await?;
    unit.commit().await?;
    let view = SavedView { version: view.version + 1, ..view };
    Ok(Json(ViewView::of(view, who.token_id())))
}

/// Remove a saved view
///
/// One's own only.
#[utoipa::path(
    delete,
    path = "/api/v1/views/{id}",
    tag = "views",
    params(("id" = String, Path, description = "`view_…`")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none of one's own", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    who: Who,
    Id(id): Id<SavedViewId>,
) -> Result<StatusCode, Problem> {
    let mut unit = app.store.begin().await?;
    let before = own(unit.views().get(id).await?, id, &who)?;
    let audit = record(&app, &who, "view.delete", id, (values(&before), Value::Null));
    unit.views().remove(id, &audit).await?;
    unit.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A view of the caller's own; others' are not told of.
fn own(view: Option<SavedView>, id: SavedViewId, who: &Who) -> Result<SavedView, Problem> {
    view.filter(|view| view.owner == who.token_id()).ok_or_else(|| Problem::not_found("view of yours", id))
}

fn check(view: &SavedView, who: &Who) -> Result<(), Problem> {
    let invalid = |detail: String| Err(Problem::new(Code::RequestInvalid, detail));
    if view.name.trim().is_empty() || view.name.len() > NAME_BYTES_MAX || view.name.contains(char::is_control)
    {
        return invalid(format!("name: 1 to {NAME_BYTES_MAX} bytes of text, without control characters"));
    }
    if !view.query.is_object() || view.query.to_string().len() > QUERY_BYTES_MAX {
        return invalid(format!("query: one object of at most {QUERY_BYTES_MAX} bytes"));
    }
    if view.shared && !who.0.scopes.has(Scope::IncidentsWrite) {
        return Err(Denied::ScopeMissing(Scope::IncidentsWrite).into());
    }
    Ok(())
}

fn values(view: &SavedView) -> Value {
    json!({ "name": view.name, "query": view.query, "shared": view.shared })
}

fn record(
    app: &App,
    who: &Who,
    action: &str,
    id: SavedViewId,
    (before, after): (Value, Value),
) -> AuditRecord {
    let caller = who.0.clone();
    AuditRecord {
        before,
        after,
        origin: caller.origin,
        request_id: caller.request_id,
        ..AuditRecord::new(&*app.clock, &*app.entropy, caller.principal, action, id)
    }
}
