//! Incidents: machines' fields and people's fields are written by different statements.

use super::incident_list;
use super::session::{NewChange, ROWS_PER_STATEMENT, Session};
use super::values::{
    bytes, bytes_opt, failed, failed_or_exists, get, get_json, get_ulid, get_ulid_opt, int, json, named,
    severity, severity_opt, status, uint, ulid, verdict_opt,
};
use async_trait::async_trait;
use model::{AuditRecord, Entity, EntityKind, FindingId, Incident, IncidentId, Ownership, Status};
use ports::store::{
    ChangeKind, GroupKey, IncidentEdit, IncidentFilter, IncidentOrder, Incidents, MachineUpdate,
    OpenIncident, Page, PageRequest, ReadIncidents, StoreError,
};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading incidents";
const WRITING: &str = "writing an incident";

/// An incident from a row of `SELECT *`.
pub(super) fn incident(row: &SqliteRow) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: IncidentId(get_ulid(row, "id")?),
        title: get(row, "title")?,
        machine_severity: severity(row, "machine_severity")?,
        severity_override: severity_opt(row, "severity_override")?,
        status: status(row, "status")?,
        assignee: get(row, "assignee")?,
        verdict: verdict_opt(row, "verdict")?,
        group: Entity {
            kind: named(row, "group_kind", EntityKind::from_name)?,
            value: get(row, "group_value")?,
        },
        region: get(row, "region")?,
        first_seen_ms: get(row, "first_seen_ms")?,
        last_seen_ms: get(row, "last_seen_ms")?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        findings: uint(row, "findings")?,
        gravest: FindingId(bytes(row, "gravest")?),
        rules: get_json(row, "rules")?,
        tactics: get_json(row, "tactics")?,
        ownership: ownership(row)?,
        owned_by: bytes_opt(row, "owned_by")?.map(FindingId),
        related: get_ulid_opt(row, "related")?.map(IncidentId),
        merged_into: get_ulid_opt(row, "merged_into")?.map(IncidentId),
        version: uint(row, "version")?,
    })
}

fn ownership(row: &SqliteRow) -> Result<Ownership, StoreError> {
    Ok(Ownership {
        service: get(row, "service")?,
        owner: get(row, "owner")?,
        team: get(row, "team")?,
        criticality: get(row, "criticality")?,
        environment: get(row, "environment")?,
    })
}

#[async_trait]
impl ReadIncidents for Session {
    async fn get(&mut self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        let row = sqlx::query("SELECT * FROM incidents WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(incident).transpose()
    }

    async fn list(
        &mut self,
        filter: &IncidentFilter,
        order: IncidentOrder,
        page: &PageRequest,
    ) -> Result<Page<Incident>, StoreError> {
        incident_list::list(self.conn(), filter, order, page).await
    }

    async fn count_by_status(&mut self) -> Result<Vec<(Status, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT status, count(*) AS n FROM incidents WHERE merged_into IS NULL GROUP BY status ORDER BY status",
        )
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(|row| Ok((status(row, "status")?, uint(row, "n")?))).collect()
    }

    async fn open_in_groups(&mut self, groups: &[GroupKey]) -> Result<Vec<OpenIncident>, StoreError> {
        let wanted: Vec<_> = groups
            .iter()
            .map(|group| (&group.entity.value, group.entity.kind.as_str(), &group.region))
            .collect();
        let rows = sqlx::query(
            "SELECT i.*, coalesce(f.severity, i.machine_severity) AS gravest_severity, \
             coalesce(f.time_ms, i.first_seen_ms) AS gravest_time_ms, \
             o.severity AS owned_severity, o.time_ms AS owned_time_ms, \
             i.version > 1 OR EXISTS (SELECT 1 FROM comments c WHERE c.incident = i.id) AS touched \
             FROM json_each(?) g CROSS JOIN incidents i INDEXED BY incidents_group \
             ON i.group_value = g.value ->> 0 AND i.group_kind = g.value ->> 1 AND i.region = g.value ->> 2 \
             AND i.merged_into IS NULL AND i.status < ? LEFT JOIN findings f ON f.id = i.gravest \
             LEFT JOIN findings o ON o.id = i.owned_by \
             ORDER BY i.first_seen_ms, i.id",
        )
        .bind(json(&wanted, READING)?)
        .bind(i64::from(Status::Resolved.ocsf_id()))
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter()
            .map(|row| {
                Ok(OpenIncident {
                    incident: incident(row)?,
                    gravest_severity: severity(row, "gravest_severity")?,
                    gravest_time_ms: get(row, "gravest_time_ms")?,
                    owned_rank: severity_opt(row, "owned_severity")?.zip(get(row, "owned_time_ms")?),
                    touched_by_people: get(row, "touched")?,
                })
            })
            .collect()
    }

    async fn latest_in_group(&mut self, group: &GroupKey) -> Result<Option<IncidentId>, StoreError> {
        let row = sqlx::query(
            "SELECT id FROM incidents WHERE merged_into IS NULL AND group_value = ? AND group_kind = ? \
             AND region = ? ORDER BY last_seen_ms DESC, id DESC LIMIT 1",
        )
        .bind(&group.entity.value)
        .bind(group.entity.kind.as_str())
        .bind(&group.region)
        .fetch_optional(self.conn())
        .await
        .map_err(failed(READING))?;
        row.as_ref().map(|row| get_ulid(row, "id").map(IncidentId)).transpose()
    }
}

#[async_trait]
impl Incidents for Session {
    async fn open(
        &mut self,
        incident: &Incident,
        entities: &[Entity],
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &incident.id.to_string()).await?;
        let result = sqlx::query(
            "INSERT INTO incidents (id, region, title, machine_severity, gravest, group_kind, group_value, \
             first_seen_ms, last_seen_ms, findings, rules, tactics, related, created_at_ms, updated_at_ms, \
             service, owner, team, criticality, environment, owned_by) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(incident.id.0))
        .bind(&incident.region)
        .bind(&incident.title)
        .bind(i64::from(incident.machine_severity.ocsf_id()))
        .bind(incident.gravest.0.to_vec())
        .bind(incident.group.kind.as_str())
        .bind(&incident.group.value)
        .bind(incident.first_seen_ms)
        .bind(incident.last_seen_ms)
        .bind(int(incident.findings))
        .bind(json(&incident.rules, WRITING)?)
        .bind(json(&incident.tactics, WRITING)?)
        .bind(incident.related.map(|id| ulid(id.0)))
        .bind(incident.created_at_ms)
        .bind(incident.updated_at_ms)
        .bind(&incident.ownership.service)
        .bind(&incident.ownership.owner)
        .bind(&incident.ownership.team)
        .bind(&incident.ownership.criticality)
        .bind(&incident.ownership.environment)
        .bind(incident.owned_by.map(|id| id.0.to_vec()))
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("incident {}", incident.id)))?;
        let seq = result.last_insert_rowid();
        let entities: Vec<_> = entities.iter().map(|entity| (seq, incident.region.clone(), entity)).collect();
        self.index_entities(&entities).await?;
        let region = incident.region.clone();
        self.changed(&[change(ChangeKind::IncidentOpened, incident.id, region, incident.created_at_ms)])
            .await?;
        self.done(())
    }

    async fn observe(&mut self, updates: &[MachineUpdate]) -> Result<(), StoreError> {
        self.step()?;
        let (mut entities, mut changes) = (Vec::new(), Vec::with_capacity(updates.len()));
        for update in updates {
            let (seq, region) = self.write_update(update).await?;
            entities.extend(update.entities.iter().map(|entity| (seq, region.clone(), entity)));
            changes.push(change(ChangeKind::IncidentUpdated, update.id, region, update.updated_at_ms));
        }
        self.index_entities(&entities).await?;
        self.changed(&changes).await?;
        self.done(())
    }

    async fn merge(
        &mut self,
        from: IncidentId,
        into: IncidentId,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<u64, StoreError> {
        self.step()?;
        self.audited(audit, &from.to_string()).await?;
        let target =
            sqlx::query("SELECT seq FROM incidents WHERE id = ? AND merged_into IS NULL AND id <> ?")
                .bind(ulid(into.0))
                .bind(ulid(from.0))
                .fetch_optional(self.conn())
                .await
                .map_err(failed(WRITING))?
                .ok_or_else(|| StoreError::not_found("incident", into))?;
        let row = sqlx::query(
            "UPDATE incidents SET merged_into = ?, updated_at_ms = max(updated_at_ms, ?) WHERE id = ? \
             AND merged_into IS NULL AND version = 1 \
             AND NOT EXISTS (SELECT 1 FROM comments c WHERE c.incident = incidents.id) RETURNING seq, region",
        )
        .bind(ulid(into.0))
        .bind(at_ms)
        .bind(ulid(from.0))
        .fetch_optional(self.conn())
        .await
        .map_err(failed(WRITING))?;
        let Some(row) = row else {
            return Err(match ReadIncidents::get(self, from).await? {
                Some(incident) if incident.merged_into.is_none() => {
                    StoreError::TouchedByPeople { incident: from.to_string() }
                }
                _ => StoreError::not_found("incident", from),
            });
        };
        let moved = self.move_findings(from, into, get(&row, "seq")?, get(&target, "seq")?).await?;
        let region: String = get(&row, "region")?;
        self.changed(&[change(ChangeKind::IncidentMerged, from, region, at_ms)]).await?;
        self.done(moved)
    }

    async fn edit(
        &mut self,
        id: IncidentId,
        version: u64,
        edit: &IncidentEdit,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<Incident, StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        // machines' columns do not occur here; each pair of binds is (leave it?, value)
        let row = sqlx::query(
            "UPDATE incidents SET status = coalesce(?, status), \
             assignee = CASE WHEN ? THEN ? ELSE assignee END, \
             severity_override = CASE WHEN ? THEN ? ELSE severity_override END, \
             verdict = CASE WHEN ? THEN ? ELSE verdict END, \
             version = version + 1, updated_at_ms = max(updated_at_ms, ?) \
             WHERE id = ? AND version = ? RETURNING *",
        )
        .bind(edit.status.map(|s| i64::from(s.ocsf_id())))
        .bind(edit.assignee.is_some())
        .bind(edit.assignee.clone().flatten())
        .bind(edit.severity_override.is_some())
        .bind(edit.severity_override.flatten().map(|s| i64::from(s.ocsf_id())))
        .bind(edit.verdict.is_some())
        .bind(edit.verdict.flatten().map(|v| i64::from(v.ocsf_id())))
        .bind(at_ms)
        .bind(ulid(id.0))
        .bind(int(version))
        .fetch_optional(self.conn())
        .await
        .map_err(failed(WRITING))?;
        let Some(row) = row else {
            let current = ReadIncidents::get(self, id).await?;
            let current = current.ok_or_else(|| StoreError::not_found("incident", id))?;
            return Err(StoreError::Conflict { current: current.version });
        };
        let incident = incident(&row)?;
        self.changed(&[change(ChangeKind::IncidentUpdated, id, incident.region.clone(), at_ms)]).await?;
        self.done(incident)
    }
}

fn change(kind: ChangeKind, incident: IncidentId, region: String, at_ms: i64) -> NewChange {
    NewChange { kind, object: incident.to_string(), incident, region, at_ms }
}

impl Session {
    /// Writes the machine's columns of one incident; returns its number and region.
    async fn write_update(&mut self, update: &MachineUpdate) -> Result<(i64, String), StoreError> {
        // people's columns (status, severity_override, assignee, verdict, version) do not occur here
        let row = sqlx::query(
            "UPDATE incidents SET title = ?, machine_severity = ?, gravest = ?, first_seen_ms = ?, \
             last_seen_ms = ?, findings = ?, rules = ?, tactics = ?, service = ?, owner = ?, team = ?, criticality = ?, \
             environment = ?, owned_by = ?, updated_at_ms = max(updated_at_ms, ?) \
             WHERE id = ? RETURNING seq, region",
        )
        .bind(&update.title)
        .bind(i64::from(update.machine_severity.ocsf_id()))
        .bind(update.gravest.0.to_vec())
        .bind(update.first_seen_ms)
        .bind(update.last_seen_ms)
        .bind(int(update.findings))
        .bind(json(&update.rules, WRITING)?)
        .bind(json(&update.tactics, WRITING)?)
        .bind(&update.ownership.service)
        .bind(&update.ownership.owner)
        .bind(&update.ownership.team)
        .bind(&update.ownership.criticality)
        .bind(&update.ownership.environment)
        .bind(update.owned_by.map(|id| id.0.to_vec()))
        .bind(update.updated_at_ms)
        .bind(ulid(update.id.0))
        .fetch_optional(self.conn())
        .await
        .map_err(failed(WRITING))?
        .ok_or_else(|| StoreError::not_found("incident", update.id))?;
        Ok((get(&row, "seq")?, get(&row, "region")?))
    }

    /// Makes incidents, by number and region, findable by entities.
    async fn index_entities(&mut self, entities: &[(i64, String, &Entity)]) -> Result<(), StoreError> {
        for chunk in entities.chunks(ROWS_PER_STATEMENT) {
            let mut sql = QueryBuilder::new("INSERT INTO incident_entities (value, kind, incident, region) ");
            sql.push_values(chunk, |mut row, (seq, region, entity)| {
                row.push_bind(&entity.value)
                    .push_bind(entity.kind.as_str())
                    .push_bind(*seq)
                    .push_bind(region);
            });
            sql.push(" ON CONFLICT DO NOTHING");
            sql.build().execute(self.conn()).await.map_err(failed(WRITING))?;
        }
        Ok(())
    }

    async fn move_findings(
        &mut self,
        from: IncidentId,
        into: IncidentId,
        from_seq: i64,
        into_seq: i64,
    ) -> Result<u64, StoreError> {
        sqlx::query(
            "INSERT INTO incident_entities (value, kind, incident, region) \
             SELECT value, kind, ?, region FROM incident_entities WHERE incident = ? ON CONFLICT DO NOTHING",
        )
        .bind(into_seq)
        .bind(from_seq)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        let moved = sqlx::query("UPDATE findings SET incident = ? WHERE incident = ?")
            .bind(ulid(into.0))
            .bind(ulid(from.0))
            .execute(self.conn())
            .await
            .map_err(failed(WRITING))?;
        Ok(moved.rows_affected())
    }
}
