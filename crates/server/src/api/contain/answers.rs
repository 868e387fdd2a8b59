//! What people decide on a containment: yes or no, take it back, keep it, what nobody could tell, break glass.

use super::asker::Asker;
use super::containments::plan_hash;
use super::sight;
use super::view::ContainmentView;
use crate::api::incidents::etag;
use crate::code::Code;
use crate::contain_parts::{ContainParts, Containing};
use crate::extract::{Id, JsonBody, if_match};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::response::{IntoResponse, Response};
use model::{Containment, ContainmentId};
use ports::store::StoreError;
use respond::contain::{BreakGlassRequest, KeepRequest, SettleRequest, UndoRequest, VoteRequest};
use respond::plan::PlanHash;
use respond::{RespondError, Responder};
use serde::Deserialize;
use utoipa::ToSchema;

/// An answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainmentAnswer {
    /// Yes or no.
    approves: bool,
    /// The plan that was seen, by its hash.
    plan_sha256: String,
    /// Why; must be said for a no.
    reason: Option<String>,
    /// For whom, if not for oneself: the id of somebody who has let one answer for them.
    on_behalf_of: Option<String>,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainmentReason {
    /// In words.
    reason: String,
}

/// What somebody has seen who has looked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settlement {
    /// Whether it happened: whether it is in effect or, where it was to be taken back, whether it is taken back.
    happened: bool,
    /// What was seen.
    reason: String,
}

/// For how long it is kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keeping {
    /// For how many minutes from now on, 1 to 43,200; until somebody takes it back if not said.
    minutes: Option<u64>,
    /// Why.
    reason: String,
}

/// What is decided on, as the asker sees it.
struct Desk {
    app: App,
    parts: std::sync::Arc<ContainParts>,
    asker: Asker,
    row: Containment,
    responder: Responder,
}

/// Bound to the version that was seen, where one is named.
pub(super) fn seen(responder: &Responder, headers: &HeaderMap) -> Result<Responder, Problem> {
    let names_one = headers.contains_key(IF_MATCH);
    Ok(if names_one { responder.seen(if_match(headers)?) } else { responder.clone() })
}

impl Desk {
    /// For what says something of exactly what was seen.
    async fn open_seen(
        app: App,
        parts: Containing,
        asker: Asker,
        id: ContainmentId,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        if_match(headers)?;
        Self::open(app, parts, asker, id, headers).await
    }

    async fn open(
        app: App,
        Containing(parts): Containing,
        asker: Asker,
        id: ContainmentId,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let row = sight::containment(&asker, &mut *app.store.read().await?, id).await?;
        asker.check_person()?;
        let responder = seen(&parts.responder, headers)?;
        Ok(Self { app, parts, asker, row, responder })
    }

    /// The containment as it is then; of a conflict with how it is now.
    async fn answer(self, done: Result<Containment, RespondError>) -> Result<Response, Problem> {
        let Self { app, parts, asker, row: before, .. } = self;
        let row = match done {
            Ok(row) => row,
            Err(RespondError::Store(StoreError::Conflict { current })) => {
                let mut snapshot = app.store.read().await?;
                let row = sight::containment(&asker, &mut *snapshot, before.id).await?;
                let view = ContainmentView::read(&app, &asker, &mut *snapshot, &row).await?;
                let detail = format!("it is at version {current} now: {}", row.state.as_str());
                return Err(Problem::new(Code::Conflict, detail).with_current(&view));
            }
            Err(error) => return Err(error.into()),
        };
        parts.telemetry.moved(Some(before.state), row.state);
        let view = ContainmentView::read(&app, &asker, &mut *app.store.read().await?, &row).await?;
        Ok((etag(row.version), Json(view)).into_response())
    }
}

/// Approve or deny a containment
///
/// The yes of enough people lets it be applied, one no denies it. An answer is for one plan, by its hash. Neither who asked
/// for it nor who reported answers.
#[utoipa::path(
    post,
    path = "/api/v1/containments/{id}/votes",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`act_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = ContainmentAnswer,
    responses(
        (status = 200, description = "The containment as it is now", body = ContainmentView),
        (status = 403, description = "Who asked for it does not decide it; or who answers is no person, or may not", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is another plan, it has gone on already, or the time is over", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "The answer does not count", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn vote(
    State(app): State<App>,
    parts: Containing,
    asker: Asker,
    Id(id): Id<ContainmentId>,
    headers: HeaderMap,
    JsonBody { value: answer, .. }: JsonBody<ContainmentAnswer>,
) -> Result<Response, Problem> {
    let desk = Desk::open_seen(app, parts, asker, id, &headers).await?;
    let request = VoteRequest {
        actor: desk.asker.actor.clone(),
        functions: desk.asker.functions(),
        containment: id,
        plan: plan_hash(&answer.plan_sha256)?,
        approves: answer.approves,
        on_behalf_of: answer.on_behalf_of,
        reason: answer.reason.filter(|reason| !reason.trim().is_empty()),
    };
    let done = desk.responder.vote(&request).await;
    desk.answer(done).await
}

/// Undo a containment
///
/// What was not sent is called off, what is in effect is taken back at once.
#[utoipa::path(
    post,
    path = "/api/v1/containments/{id}/undo",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`act_…`"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, such as `\"7\"`; any if not said"),
    ),
    request_body = ContainmentReason,
    responses(
        (status = 200, description = "The containment as it is now", body = ContainmentView),
        (status = 409, description = "It has gone on already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be taken back", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was done", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn undo(
    State(app): State<App>,
    parts: Containing,
    asker: Asker,
    Id(id): Id<ContainmentId>,
    headers: HeaderMap,
    JsonBody { value, .. }: JsonBody<ContainmentReason>,
) -> Result<Response, Problem> {
    let desk = Desk::open(app, parts, asker, id, &headers).await?;
    let request = UndoRequest { actor: desk.asker.actor.clone(), containment: id, reason: value.reason };
    let done = desk.responder.undo(&request).await;
    desk.answer(done).await
}

/// Keep a containment
///
/// Gives what is in effect another end, or none. Those who asked for it keep it for a day at most; somebody else decides on
/// more.
#[utoipa::path(
    post,
    path = "/api/v1/containments/{id}/keep",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`act_…`"),
        ("if-match" = Option<String>, Header, description = "The version that was seen, such as `\"7\"`; any if not said"),
    ),
    request_body = Keeping,
    responses(
        (status = 200, description = "The containment as it is now", body = ContainmentView),
        (status = 403, description = "Who asked for it keeps it for a day at most", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not in effect", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It has no end", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn keep(
    State(app): State<App>,
    parts: Containing,
    asker: Asker,
    Id(id): Id<ContainmentId>,
    headers: HeaderMap,
    JsonBody { value, .. }: JsonBody<Keeping>,
) -> Result<Response, Problem> {
    let desk = Desk::open(app, parts, asker, id, &headers).await?;
    let for_ms = value.minutes.map(|minutes| minutes.saturating_mul(60_000));
    let actor = desk.asker.actor.clone();
    let request = KeepRequest { actor, containment: id, for_ms, reason: value.reason };
    let done = desk.responder.keep(&request).await;
    desk.answer(done).await
}

/// Say what came of a containment
///
/// Of one that is `unknown`: a person has looked at the other system, and says what is so.
#[utoipa::path(
    post,
    path = "/api/v1/containments/{id}/settle",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`act_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = Settlement,
    responses(
        (status = 200, description = "The containment as it is now", body = ContainmentView),
        (status = 409, description = "It is known what came of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was done", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn settle(
    State(app): State<App>,
    parts: Containing,
    asker: Asker,
    Id(id): Id<ContainmentId>,
    headers: HeaderMap,
    JsonBody { value, .. }: JsonBody<Settlement>,
) -> Result<Response, Problem> {
    let desk = Desk::open_seen(app, parts, asker, id, &headers).await?;
    let request = SettleRequest {
        actor: desk.asker.actor.clone(),
        containment: id,
        happened: value.happened,
        reason: value.reason,
    };
    let done = desk.responder.settle(&request).await;
    desk.answer(done).await
}

/// Break glass
///
/// Has a containment applied without the approvals that it waits for, on a person's word and on record. Never what cannot
/// be taken back, and never on what is protected.
#[utoipa::path(
    post,
    path = "/api/v1/containments/{id}/break-glass",
    tag = "containment",
    params(
        ("id" = String, Path, description = "`act_…`"),
        ("if-match" = String, Header, description = "The version that was seen, such as `\"7\"`"),
    ),
    request_body = ContainmentReason,
    responses(
        (status = 200, description = "The containment as it is now", body = ContainmentView),
        (status = 409, description = "It does not wait for approvals", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It could not be taken back", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was done", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn break_glass(
    State(app): State<App>,
    parts: Containing,
    asker: Asker,
    Id(id): Id<ContainmentId>,
    headers: HeaderMap,
    JsonBody { value, .. }: JsonBody<ContainmentReason>,
) -> Result<Response, Problem> {
    let desk = Desk::open_seen(app, parts, asker, id, &headers).await?;
    // the version that was seen has one plan: it is written once
    let plan = PlanHash(desk.row.plan_sha256);
    let request =
        BreakGlassRequest { actor: desk.asker.actor.clone(), containment: id, plan, reason: value.reason };
    let done = desk.responder.break_glass(&request).await;
    if let Ok(row) = &done {
        let (action, target) = (&row.action, &row.target);
        tracing::warn!(%id, action, target, "glass was broken: a containment goes on without its approvals");
        desk.parts.telemetry.glass_broken();
    }
    desk.answer(done).await
}
