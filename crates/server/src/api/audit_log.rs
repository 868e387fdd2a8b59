//! `/api/v1/audit/…`: the signed tree over the audit records, in the forms of C2SP tlog-tiles, and its proofs.

use crate::extract::{As, Id, Params};
use crate::problem::Problem;
use crate::state::App;
use access::Sight;
use audit::line::{hex, line_of};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::{AuditEntry, AuditId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const TEXT: &str = "text/plain; charset=utf-8";
const LINES: &str = "application/x-ndjson";
const BYTES: &str = "application/octet-stream";

/// Files are read away from the threads that serve requests.
async fn blocking<T: Send + 'static>(
    app: &App,
    ask: impl FnOnce(&audit::Prover) -> Result<T, audit::Error> + Send + 'static,
) -> Result<T, Problem> {
    let prover = app.audit.clone();
    let answer = tokio::task::spawn_blocking(move || ask(&prover)).await;
    Ok(answer.map_err(|e| audit::Error::Interrupted(e.to_string()))??)
}

/// The newest signed checkpoint
///
/// A C2SP signed-note: origin, number of records, root, time, hash of the note before, signature.
#[utoipa::path(
    get,
    path = "/api/v1/audit/checkpoint",
    tag = "audit log",
    responses(
        (status = 200, description = "The note", body = String, content_type = "text/plain"),
        (status = 503, description = "Nothing was signed yet", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let checkpoint = blocking(&app, |prover| prover.checkpoint()).await?;
    Ok(([(CONTENT_TYPE, TEXT)], checkpoint.note).into_response())
}

/// The public key
///
/// A C2SP vkey, `NAME+ID+KEY`. Keep it elsewhere: a verifier is given the key, it does not ask the log for it.
#[utoipa::path(
    get,
    path = "/api/v1/audit/key",
    tag = "audit log",
    responses((status = 200, description = "The key", body = String, content_type = "text/plain")),
)]
pub(crate) async fn key(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, TEXT)], format!("{}\n", app.audit.key())).into_response()
}

/// The days that have checkpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Days {
    /// `YYYY-MM-DD` (UTC), the oldest first.
    days: Vec<String>,
}

/// The days on which checkpoints were signed
#[utoipa::path(
    get,
    path = "/api/v1/audit/checkpoints",
    tag = "audit log",
    responses((status = 200, description = "The days", body = Days)),
)]
pub(crate) async fn days(State(app): State<App>) -> Result<Json<Days>, Problem> {
    Ok(Json(Days { days: blocking(&app, |prover| prover.days()).await? }))
}

/// Every checkpoint of a day
///
/// JSON lines `{"note": …}`, in order.
#[utoipa::path(
    get,
    path = "/api/v1/audit/checkpoints/{day}",
    tag = "audit log",
    params(("day" = String, Path, description = "`YYYY-MM-DD` (UTC)")),
    responses(
        (status = 200, description = "The lines", body = String, content_type = "application/x-ndjson"),
        (status = 404, description = "There are none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn day(State(app): State<App>, Path(day): Path<String>) -> Result<Response, Problem> {
    let asked = day.clone();
    let lines = blocking(&app, move |prover| prover.day(&asked)).await?;
    let lines = lines.ok_or_else(|| Problem::not_found("day with checkpoints", day))?;
    Ok(([(CONTENT_TYPE, LINES)], lines).into_response())
}

/// A tile of the tree
///
/// As C2SP tlog-tiles has them: `0/x001/234` are 256 hashes, `entries/000.p/7` seven leaves.
#[utoipa::path(
    get,
    path = "/api/v1/audit/tile/{*path}",
    tag = "audit log",
    params(("*path" = String, Path, description = "Level (or `entries`), number, `.p/WIDTH` if it is partial")),
    responses(
        (status = 200, description = "Its bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such tile", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn tile(State(app): State<App>, Path(path): Path<String>) -> Result<Response, Problem> {
    let name = format!("tile/{path}");
    let asked = name.clone();
    let content = blocking(&app, move |prover| prover.tile(&asked)).await?;
    let content = content.ok_or_else(|| Problem::not_found("tile", name))?;
    Ok(([(CONTENT_TYPE, BYTES)], content).into_response())
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntryParams {
    /// The first one's number; 0 if not said.
    from: Option<u64>,
    /// How many at most, 1 to 500; 500 if not said.
    limit: Option<u32>,
}

/// The records as they were committed to
///
/// JSON lines in the order of the log, with the exact texts and their salts: what leaves are computed from.
/// `docs/reference/audit.md` describes them. Empty past the end. Values about incidents that do not exist for the asker
/// are withheld: their commitments stand in their place, so leaves and proofs are the same for everyone.
#[utoipa::path(
    get,
    path = "/api/v1/audit/entries",
    tag = "audit log",
    params(EntryParams),
    responses((status = 200, description = "The lines", body = String, content_type = "application/x-ndjson")),
)]
pub(crate) async fn entries(
    State(app): State<App>,
    As(admitted): As,
    Params(params): Params<EntryParams>,
) -> Result<Response, Problem> {
    let (from, limit) = (params.from.unwrap_or(0), params.limit.unwrap_or(ports::store::PAGE_ITEMS_MAX));
    let mut snapshot = app.store.read().await?;
    let entries = snapshot.audit().entries(from, limit).await?;
    let mut sight = Sight::of_snapshot(&mut *snapshot, &admitted.visible);
    let mut lines = String::new();
    for stored in entries {
        lines += &line_of(&shown(&mut sight, stored.entry).await?);
        lines.push('\n');
    }
    Ok(([(CONTENT_TYPE, LINES)], lines).into_response())
}

/// An entry without what is withheld from the asker; its leaf is the same.
async fn shown(sight: &mut Sight<'_>, mut entry: AuditEntry) -> Result<AuditEntry, Problem> {
    for field in sight.withheld_of_entry(&entry).await? {
        entry.withhold(field);
    }
    Ok(entry)
}

/// In which tree.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProofParams {
    /// How many records the tree has; the newest signed one if not said.
    size: Option<u64>,
}

/// A proof that a record is in a signed tree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InclusionView {
    /// The record's number, from 0.
    index: u64,
    /// Records of the tree.
    size: u64,
    /// The record's line, as `/api/v1/audit/entries` gives it.
    entry: String,
    /// The leaf, base64.
    leaf: String,
    /// The siblings on the way to the root, the lowest first, 64 hex digits each (RFC 6962 §2.1.1).
    path: Vec<String>,
    /// The newest signed checkpoint; the path leads to its root if it has `size` records.
    checkpoint: String,
}

/// Prove that a record is in a signed tree
#[utoipa::path(
    get,
    path = "/api/v1/audit/{id}/proof",
    tag = "audit log",
    params(("id" = String, Path, description = "The record's id (`aud_…`)"), ProofParams),
    responses(
        (status = 200, description = "The proof", body = InclusionView),
        (status = 404, description = "There is no such record", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "It is not signed yet", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn inclusion(
    State(app): State<App>,
    As(admitted): As,
    Id(id): Id<AuditId>,
    Params(params): Params<ProofParams>,
) -> Result<Json<InclusionView>, Problem> {
    let mut snapshot = app.store.read().await?;
    let found = snapshot.audit().entry(id).await?;
    let entry = found.ok_or_else(|| Problem::not_found("audit record", id))?.entry;
    let entry = shown(&mut Sight::of_snapshot(&mut *snapshot, &admitted.visible), entry).await?;
    drop(snapshot);
    let (index, size) = (entry.index, params.size);
    let proof = blocking(&app, move |prover| prover.inclusion(index, size)).await?;
    Ok(Json(InclusionView {
        index,
        size: proof.size,
        entry: line_of(&entry),
        leaf: BASE64.encode(entry.leaf()),
        path: proof.path.iter().map(|hash| hex(hash)).collect(),
        checkpoint: proof.checkpoint.note,
    }))
}

/// Between which trees.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsistencyParams {
    /// Records of the smaller tree.
    from: u64,
    /// Records of the larger tree; the newest signed one if not said.
    to: Option<u64>,
}

/// A proof that one tree is a prefix of another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsistencyView {
    /// Records of the smaller tree.
    from: u64,
    /// Records of the larger tree.
    to: u64,
    /// 64 hex digits each, in the order of RFC 6962 §2.1.2.
    path: Vec<String>,
}

/// Prove that a tree is a prefix of a later one
#[utoipa::path(
    get,
    path = "/api/v1/audit/consistency",
    tag = "audit log",
    params(ConsistencyParams),
    responses(
        (status = 200, description = "The proof", body = ConsistencyView),
        (status = 400, description = "There are no such trees", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn consistency(
    State(app): State<App>,
    Params(params): Params<ConsistencyParams>,
) -> Result<Json<ConsistencyView>, Problem> {
    let proof = blocking(&app, move |prover| prover.consistency(params.from, params.to)).await?;
    let path = proof.path.iter().map(|hash| hex(hash)).collect();
    Ok(Json(ConsistencyView { from: proof.from, to: proof.to, path }))
}
