//! `/api/v1/findings/{id}/trace`: from the record as it came to the fields that made a rule fire.

use crate::code::Code;
use crate::event_search::Reading;
use crate::extract::{Id, Who};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::view::MatchedFieldView;
use access::Scope;
use axum::Json;
use axum::extract::State;
use model::{Finding, FindingId, RawRecord};
use ports::LogError;
use ports::query::Reader;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Longest record that is shown whole, in bytes; of a longer one its beginning is.
const RAW_SHOWN_BYTES_MAX: usize = 256 * 1024;

/// The rule of a finding.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TracedRule {
    /// The rule's UUID.
    id: String,
    /// The rule's title at the time.
    title: String,
    /// SHA-256 of its logsource and detection at the time.
    hash: String,
    /// The set of rules at the time; empty for old findings.
    rule_set: String,
    /// Version of the rule engine that matched; empty for old findings.
    engine_version: String,
    /// `canary` or `active`.
    stage: &'static str,
}

/// What a trace speaks of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TracedIds {
    /// The finding.
    finding: String,
    /// The incident that holds it.
    incident: Option<String>,
    /// The event.
    event: String,
    /// Every event that the finding rests on and names; more than one for a correlation.
    events: Vec<String>,
    /// Where the raw record stands: `raw/PARTITION/OFFSET`.
    position: String,
    /// The source's name.
    source: String,
    /// The kind of the record, where it was found.
    kind: Option<String>,
}

/// The record as it came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TracedRaw {
    /// `log`, `lake`, or absent where retention removed it.
    found_in: Option<&'static str>,
    /// Whether it is hidden, because the caller lacks the scope `events:read_personal`.
    masked: bool,
    /// The record: JSON where it is, else text. Null when it is hidden or gone.
    #[schema(value_type = Object)]
    record: Value,
    /// Whether only the beginning is shown.
    truncated: bool,
}

/// From the record as it came to the fields that made a rule fire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Trace {
    /// The record as it came.
    raw: TracedRaw,
    /// The OCSF event that its mapping made of it.
    #[schema(value_type = Object)]
    normalized: Value,
    /// What was known beside it: enrichments, owner, entities.
    #[schema(value_type = Object)]
    enriched: Value,
    /// Why the rule fired.
    matched: Vec<MatchedFieldView>,
    /// The rule.
    rule: TracedRule,
    /// What it speaks of.
    ids: TracedIds,
}

/// Trace a finding
///
/// The record as it came, what its mapping made of it, what is known beside it, and the fields that made the rule fire.
/// The record is hidden without the scope `events:read_personal`.
#[utoipa::path(
    get,
    path = "/api/v1/findings/{id}/trace",
    tag = "incidents",
    params(("id" = String, Path, description = "The finding's id, 32 hex digits")),
    responses(
        (status = 200, description = "The trace", body = Trace),
        (status = 404, description = "There is no such finding", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Who(caller): Who,
    Id(id): Id<FindingId>,
) -> Result<Json<Trace>, Problem> {
    let mut snapshot = app.store.read().await?;
    let finding = snapshot.findings().get(id).await?;
    let finding = finding.ok_or_else(|| Problem::not_found("finding", id))?;
    let incident = snapshot.findings().incident_of(id).await?.map(|incident| incident.to_string());
    drop(snapshot);
    let personal = caller.scopes.has(Scope::EventsReadPersonal);
    let (raw, kind) = raw(&app, &finding, personal).await?;
    Ok(Json(trace(finding, (raw, kind), incident)))
}

fn trace(finding: Finding, (raw, kind): (TracedRaw, Option<String>), incident: Option<String>) -> Trace {
    let events = finding.events().map(|event| event.event_id.to_string()).collect();
    let mut normalized = finding.event;
    let enrichments = normalized.as_object_mut().and_then(|event| event.remove("enrichments"));
    let entities: Vec<_> = finding
        .entities
        .iter()
        .map(|entity| json!({ "kind": entity.kind.as_str(), "value": entity.value }))
        .collect();
    let enriched = json!({ "enrichments": enrichments.unwrap_or_else(|| json!([])),
        "ownership": finding.ownership, "entities": entities });
    Trace {
        raw,
        normalized,
        enriched,
        matched: finding.matched.into_iter().map(Into::into).collect(),
        rule: TracedRule {
            id: finding.rule_id,
            title: finding.rule_title,
            hash: finding.rule_hash,
            rule_set: finding.rule_set,
            engine_version: finding.engine_version,
            stage: finding.stage.as_str(),
        },
        ids: TracedIds {
            finding: finding.id.to_string(),
            incident,
            event: finding.event_id.to_string(),
            events,
            position: finding.position.to_string(),
            source: finding.source,
            kind,
        },
    }
}

/// The record, from the log, else from the lake, and its kind. A caller who may not see it is told where it is.
async fn raw(app: &App, finding: &Finding, personal: bool) -> Result<(TracedRaw, Option<String>), Problem> {
    let gone = TracedRaw { found_in: None, masked: !personal, record: Value::Null, truncated: false };
    if let Some((kind, body)) = from_log(app, finding).await? {
        return Ok((shown("log", &body, personal), Some(kind)));
    }
    let Some(engine) = &app.query else { return Ok((gone, None)) };
    let reader = Reader { personal, regions: None, sources: None };
    let reading = Reading { engine: &**engine, reader: &reader, time_ms_max: app.options.request_ms_max };
    let sql = "SELECT kind, raw FROM events WHERE event_id = $1 LIMIT 1".to_owned();
    let rows = reading.ask((sql, vec![json!(finding.event_id.to_string())]), 1).await?;
    let Some(row) = rows.first() else { return Ok((gone, None)) };
    let kind = row.get("kind").and_then(Value::as_str).map(str::to_owned);
    let body = row.get("raw").and_then(Value::as_str).unwrap_or_default();
    Ok((shown("lake", body.as_bytes(), personal), kind))
}

async fn from_log(app: &App, finding: &Finding) -> Result<Option<(String, Vec<u8>)>, Problem> {
    let at = finding.position;
    let records = match app.log.read(at.topic, at.partition, at.offset, 1).await {
        Ok(records) => records,
        // retention took it, or it is of another log
        Err(LogError::Trimmed { .. } | LogError::Ahead { .. } | LogError::NoSuchPartition { .. }) => {
            return Ok(None);
        }
        Err(error) => {
            tracing::error!(%error, position = %at, "raw record not read");
            return Err(Problem::new(Code::LogUnavailable, "the log cannot be read now"));
        }
    };
    let first = records.iter().next().filter(|(offset, _)| *offset == at.offset);
    let raw = first.and_then(|(_, bytes)| RawRecord::decode(bytes).ok());
    let raw = raw.filter(|raw| raw.source == finding.source);
    Ok(raw.map(|raw| (raw.kind.to_owned(), raw.body.to_vec())))
}

fn shown(found_in: &'static str, body: &[u8], personal: bool) -> TracedRaw {
    let found_in = Some(found_in);
    if !personal {
        return TracedRaw { found_in, masked: true, record: Value::Null, truncated: false };
    }
    let truncated = body.len() > RAW_SHOWN_BYTES_MAX;
    let part = body.get(..RAW_SHOWN_BYTES_MAX).unwrap_or(body);
    let text = || Value::String(String::from_utf8_lossy(part).into_owned());
    let record = if truncated { text() } else { serde_json::from_slice(part).unwrap_or_else(|_| text()) };
    TracedRaw { found_in, masked: false, record, truncated }
}
