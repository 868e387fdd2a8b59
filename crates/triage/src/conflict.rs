//! What others changed since somebody looked.

use model::{AuditRecord, IncidentId, Principal};
use ports::store::{AuditFilter, PageRequest, ReadAudit, StoreError};
use serde_json::Value;

/// Most changes that are told of.
pub const CHANGES_TOLD_MAX: usize = 50;
/// Most records that are looked through for them.
const RECORDS_LOOKED_MAX: u32 = 200;

/// What makes an incident's version grow by one, when a person does it.
const VERSIONED: [&str; 11] = [
    "incident.assign",
    "incident.status",
    "incident.reopen",
    "incident.severity",
    "incident.verdict",
    "incident.edit",
    "incident.merge",
    "incident.absorb",
    "incident.unmerge",
    "incident.release",
    "incident.split",
];

/// One field that somebody changed.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Which: `status`, `assignee`, `severity_override`, `verdict`, `merged_into`, …
    pub field: String,
    /// What it was.
    pub before: Value,
    /// What it became.
    pub after: Value,
    /// Who changed it.
    pub by: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

/// What happened to an incident since a version.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangesSince {
    /// Who changed it last.
    pub by: String,
    /// When that was.
    pub at_ms: i64,
    /// Every change since, the oldest first, at most [`CHANGES_TOLD_MAX`].
    pub changes: Vec<FieldChange>,
}

/// What people changed between the version `seen` and the version `current`; `None` where no record tells.
///
/// # Errors
/// As all reads.
pub async fn changes_since(
    audit: &mut dyn ReadAudit,
    incident: IncidentId,
    seen: u64,
    current: u64,
) -> Result<Option<ChangesSince>, StoreError> {
    let about = AuditFilter { object: Some(incident.to_string()), ..AuditFilter::default() };
    let page = PageRequest::first(RECORDS_LOOKED_MAX);
    let records = audit.list(&about, &page).await?.items;
    let steps = usize::try_from(current.saturating_sub(seen)).unwrap_or(usize::MAX);
    let mut since: Vec<_> = records.iter().filter(|record| is_versioned(record)).take(steps).collect();
    since.reverse();
    let Some(last) = since.last() else { return Ok(None) };
    let (by, at_ms) = (last.principal.name().to_owned(), last.at_ms);
    let mut changes: Vec<_> = since.iter().flat_map(|record| field_changes(record)).collect();
    let first = changes.len().saturating_sub(CHANGES_TOLD_MAX);
    Ok(Some(ChangesSince { by, at_ms, changes: changes.split_off(first) }))
}

fn is_versioned(record: &AuditRecord) -> bool {
    !matches!(record.principal, Principal::System { .. }) && VERSIONED.contains(&record.action.as_str())
}

fn field_changes(record: &AuditRecord) -> Vec<FieldChange> {
    let none = serde_json::Map::new();
    let (before, after) =
        (record.before.as_object().unwrap_or(&none), record.after.as_object().unwrap_or(&none));
    let change = |(field, value): (&String, &Value)| FieldChange {
        field: field.clone(),
        before: before.get(field).cloned().unwrap_or_default(),
        after: value.clone(),
        by: record.principal.name().to_owned(),
        at_ms: record.at_ms,
    };
    after.iter().map(change).collect()
}
