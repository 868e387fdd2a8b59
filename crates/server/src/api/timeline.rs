//! `/api/v1/incidents/{id}/timeline` and `/graph`: what happened, and what has to do with what.

use super::page::{PageParams, PageView, named};
use crate::extract::{As, Id, Params};
use crate::incident_guard::may;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use access::{SeenRecord, Sight};
use axum::Json;
use axum::extract::State;
use model::{AuditRecord, Comment, Finding, IncidentId, Principal};
use ports::store::{Moment, PageRequest, StoreError, TimelineOrder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use triage::{GRAPH_FINDINGS_MAX, GraphBuilder};
use utoipa::{IntoParams, ToSchema};

/// Longest title of a moment, in bytes.
const TITLE_BYTES_MAX: usize = 160;

/// From which end, and which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineParams {
    /// `oldest` (the default) or `newest` first.
    order: Option<String>,
    /// How many items at most, 1 to 500; 50 if not said.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MomentView {
    /// When: of a finding, its event's time.
    at_ms: i64,
    /// `finding`, `comment`, `change`, `merge` or `link`; clients take others in their stride.
    kind: &'static str,
    /// Who; absent for what nobody did.
    by: Option<String>,
    /// What said so: `rule`, `person` or `machine`.
    provenance: &'static str,
    /// In a few words.
    title: String,
    /// The id of the finding, comment or audit record.
    r#ref: String,
    /// More of it, by kind.
    #[schema(value_type = Object)]
    detail: Value,
}

/// Read an incident's timeline
///
/// Findings by event time, comments, changes, merges and links in one stream.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/timeline",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`"), TimelineParams),
    responses(
        (status = 200, description = "A page of what happened", body = PageView<MomentView>),
        (status = 404, description = "There is no such incident", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    As(admitted): As,
    Id(id): Id<IncidentId>,
    Params(params): Params<TimelineParams>,
) -> Result<Json<PageView<MomentView>>, Problem> {
    let order = named(params.order.as_deref().unwrap_or("oldest"), "order", |name| match name {
        "oldest" => Some(TimelineOrder::OldestFirst),
        "newest" => Some(TimelineOrder::NewestFirst),
        _ => None,
    })?;
    let page = PageParams { limit: params.limit, after: params.after }.request()?;
    let mut snapshot = app.store.read().await?;
    snapshot.incidents().get(id).await?.ok_or_else(|| Problem::not_found("incident", id))?;
    let found = snapshot.incidents().timeline(id, order, &page).await?;
    let mut sight = Sight::of_snapshot(&mut *snapshot, &admitted.visible);
    let mut items = Vec::with_capacity(found.items.len());
    for moment in found.items {
        items.push(MomentView::seen(moment, &mut sight).await?);
    }
    Ok(Json(PageView { items, next: found.next.map(|next| next.to_string()) }))
}

impl MomentView {
    async fn seen(moment: Moment, sight: &mut Sight<'_>) -> Result<Self, StoreError> {
        Ok(match moment {
            Moment::Finding(finding) => of_finding(*finding),
            Moment::Comment(comment) => of_comment(comment),
            Moment::Record(record) => of_record(sight.record(*record).await?),
        })
    }
}

fn of_finding(finding: Finding) -> MomentView {
    let entities: Vec<_> = finding
        .entities
        .iter()
        .map(|entity| json!({ "kind": entity.kind.as_str(), "value": entity.value }))
        .collect();
    MomentView {
        at_ms: finding.time_ms,
        kind: "finding",
        by: None,
        provenance: "rule",
        title: cut(&finding.rule_title),
        r#ref: finding.id.to_string(),
        detail: json!({ "severity": finding.severity.as_str(), "source": finding.source,
            "rule_id": finding.rule_id, "detected_at_ms": finding.detected_at_ms,
            "event_id": finding.event_id.to_string(), "entities": entities }),
    }
}

fn of_comment(comment: Comment) -> MomentView {
    MomentView {
        at_ms: comment.created_at_ms,
        kind: "comment",
        by: Some(comment.author),
        provenance: "person",
        title: cut(comment.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()),
        r#ref: comment.id.to_string(),
        detail: json!({ "text": comment.text }),
    }
}

fn of_record(SeenRecord { record, withheld }: SeenRecord) -> MomentView {
    let kind = match record.action.as_str() {
        "incident.merge" | "incident.absorb" | "incident.unmerge" | "incident.release" | "incident.split" => {
            "merge"
        }
        "incident.link" | "incident.unlink" => "link",
        _ => "change",
    };
    let is_machine = matches!(record.principal, Principal::System { .. });
    MomentView {
        at_ms: record.at_ms,
        kind,
        by: Some(record.principal.name().to_owned()),
        provenance: if is_machine { "machine" } else { "person" },
        title: cut(&told(&record)),
        r#ref: record.id.to_string(),
        detail: json!({ "action": record.action, "before": record.before, "after": record.after,
            "reason": record.reason, "withheld": !withheld.is_empty() }),
    }
}

/// `status: new → closed, assignee: nobody → ana`, or the action where no field changed.
fn told(record: &AuditRecord) -> String {
    let action = record.action.trim_start_matches("incident.");
    let (Some(before), Some(after)) = (record.before.as_object(), record.after.as_object()) else {
        return action.to_owned();
    };
    let word = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let fields = after
        .iter()
        .map(|(field, value)| format!("{field}: {} → {}", word(before.get(field)), word(Some(value))));
    fields.collect::<Vec<_>>().join(", ")
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TITLE_BYTES_MAX)].to_owned()
}

/// One thing that findings name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeView {
    /// Once in a graph.
    id: String,
    /// `incident`, `rule`, `service`, `person`, `credential`, `address`, `repository`, `account`, `resource` or `host`.
    kind: &'static str,
    /// What people call it.
    label: String,
    /// How many findings it occurs in.
    findings: u64,
}

/// How two of them belong together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EdgeView {
    /// A node's id.
    from: String,
    /// A node's id.
    to: String,
    /// `matched`, `with`, `about`, or how two incidents are linked.
    kind: &'static str,
    /// In how many findings.
    count: u64,
}

/// What has to do with what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphView {
    /// The incident first, then those with the most findings; at most 100.
    nodes: Vec<NodeView>,
    /// Between these.
    edges: Vec<EdgeView>,
    /// Whether something was left out: nodes past the bound, or findings past the first 500.
    truncated: bool,
}

/// Read an incident's graph
///
/// Rules, what their findings name, the service, and other incidents that this one has to do with.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/graph",
    tag = "incidents",
    params(("id" = String, Path, description = "`inc_…`")),
    responses(
        (status = 200, description = "The graph", body = GraphView),
        (status = 404, description = "There is no such incident", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn graph(
    State(app): State<App>,
    As(admitted): As,
    Id(id): Id<IncidentId>,
) -> Result<Json<GraphView>, Problem> {
    let mut snapshot = app.store.read().await?;
    let incident = snapshot.incidents().get(id).await?;
    let incident = incident.ok_or_else(|| Problem::not_found("incident", id))?;
    let mut builder = GraphBuilder::new(&incident);
    let page = snapshot.findings().of_incident(id, &PageRequest::first(GRAPH_FINDINGS_MAX)).await?;
    page.items.iter().for_each(|finding| builder.finding(finding));
    if page.next.is_some() {
        builder.cut();
    }
    for link in snapshot.moves().links(id).await? {
        let (other, outward) = if link.incident == id { (link.other, true) } else { (link.incident, false) };
        let other = snapshot.incidents().get(other).await?;
        if let Some(other) = other.filter(|other| may(&admitted, other, false).is_ok()) {
            builder.incident(&other, link.kind.as_str(), outward);
        }
    }
    let merged = snapshot.moves().merged_into(id).await?;
    for merged in merged.iter().filter(|merged| may(&admitted, merged, false).is_ok()) {
        builder.incident(merged, "merged_into", false);
    }
    let graph = builder.build();
    let node = |n: triage::Node| NodeView { id: n.id, kind: n.kind, label: n.label, findings: n.findings };
    let edge = |e: triage::Edge| EdgeView { from: e.from, to: e.to, kind: e.kind, count: e.count };
    Ok(Json(GraphView {
        nodes: graph.nodes.into_iter().map(node).collect(),
        edges: graph.edges.into_iter().map(edge).collect(),
        truncated: graph.truncated,
    }))
}
