//! Incidents: machines' fields and people's fields are written by different statements.

use super::session::{NewChange, ROWS_PER_STATEMENT, Session};
use super::values::{
    bytes, bytes_opt, failed, failed_or_exists, get, get_json, get_ulid, get_ulid_opt, int, json, named,
    severity, severity_opt, status, uint, ulid, verdict_opt,
};
use super::{facets, incident_list, timeline, visible};
use async_trait::async_trait;
use model::{
    AuditRecord, Entity, EntityKind, FindingId, Incident, IncidentId, Ownership, Status, Visibility,
};
use ports::store::{
    ChangeKind, Facet, Facets, GroupKey, IncidentEdit, IncidentFilter, IncidentOrder, Incidents,
    MachineUpdate, Moment, OpenIncident, Page, PageRequest, ReadIncidents, StoreError, TimelineOrder,
    Visible,
};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading incidents";
const WRITING: &str = "writing an incident";

/// What machines need to know of the open incidents `i` that `$from` gives.
macro_rules! open_incidents {
    ($with:literal, $from:literal) => {
        concat!(
            $with,
            " SELECT i.*, coalesce(f.severity, i.machine_severity) AS gravest_severity, \
             coalesce(f.time_ms, i.first_seen_ms) AS gravest_time_ms, \
             o.severity AS owned_severity, o.time_ms AS owned_time_ms, g.key AS via, \
             i.version > 1 OR EXISTS (SELECT 1 FROM comments c WHERE c.incident = i.id) \
             OR EXISTS (SELECT 1 FROM containments k WHERE k.incident = i.id) \
             OR EXISTS (SELECT 1 FROM runs r WHERE r.incident = i.id) AS touched ",
            $from,
            " AND i.merged_into IS NULL AND i.status < ?2 LEFT JOIN findings f ON f.id = i.gravest \
             LEFT JOIN findings o ON o.id = i.owned_by"
        )
    };
}

/// `?1` is an array of (value, kind, region).
pub(super) const OPEN_IN_GROUPS: &str = open_incidents!(
    "",
    "FROM json_each(?1) g CROSS JOIN incidents i INDEXED BY incidents_group ON i.group_value = g.value ->> 0 \
     AND i.group_kind = g.value ->> 1 AND i.region = g.value ->> 2"
);
/// Where people merged incidents of these groups into.
pub(super) const OPEN_SURVIVORS: &str = open_incidents!(
    "WITH RECURSIVE chain (key, id) AS (SELECT g.key, m.merged_into FROM json_each(?1) g \
     CROSS JOIN incidents m INDEXED BY incidents_merged_group ON m.group_value = g.value ->> 0 \
     AND m.group_kind = g.value ->> 1 AND m.region = g.value ->> 2 AND m.merged_by_people = 1 \
     UNION SELECT c.key, n.merged_into FROM chain c CROSS JOIN incidents n ON n.id = c.id \
     WHERE n.merged_into IS NOT NULL)",
    "FROM chain g CROSS JOIN incidents i ON i.id = g.id"
);

fn open_incident(row: &SqliteRow) -> Result<OpenIncident, StoreError> {
    Ok(OpenIncident {
        incident: incident(row)?,
        gravest_severity: severity(row, "gravest_severity")?,
        gravest_time_ms: get(row, "gravest_time_ms")?,
        owned_rank: severity_opt(row, "owned_severity")?.zip(get(row, "owned_time_ms")?),
        touched_by_people: get(row, "touched")?,
        via: Vec::new(),
    })
}

/// An incident from a row of `SELECT *`.
pub(super) fn incident(row: &SqliteRow) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: IncidentId(get_ulid(row, "id")?),
        title: get(row, "title")?,
        title_override: get(row, "title_override")?,
        machine_severity: severity(row, "machine_severity")?,
        severity_override: severity_opt(row, "severity_override")?,
        status: status(row, "status")?,
        visibility: visible::visibility(row)?,
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

    async fn facets(&mut self, filter: &IncidentFilter) -> Result<Facets, StoreError> {
        let mut facets = facets::facets(self.conn(), filter).await?;
        for (_, counts) in facets.counts.iter_mut().filter(|(facet, _)| *facet == Facet::Rule) {
            let rules: Vec<_> = counts.iter().map(|count| count.value.clone()).collect();
            let titles = timeline::rule_titles(self.conn(), &rules).await?;
            for count in counts {
                let title = titles.iter().find(|(rule, _)| *rule == count.value);
                count.label = title.map(|(_, title)| title.clone());
            }
        }
        Ok(facets)
    }

    async fn open_of_services(
        &mut self,
        services: &[String],
        visible: &Visible,
    ) -> Result<Vec<u64>, StoreError> {
        facets::open_of_services(self.conn(), services, visible).await
    }

    async fn rule_titles(&mut self, rules: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        timeline::rule_titles(self.conn(), rules).await
    }

    async fn timeline(
        &mut self,
        id: IncidentId,
        order: TimelineOrder,
        page: &PageRequest,
    ) -> Result<Page<Moment>, StoreError> {
        timeline::timeline(self.conn(), id, order, page).await
    }

    async fn count_by_status(&mut self) -> Result<Vec<(Status, u64)>, StoreError> {
        let rows =
            sqlx::query("SELECT status, sum(n) AS n FROM incident_cells WHERE facet = 'all' GROUP BY status ORDER BY status")
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
        let wanted = json(&wanted, READING)?;
        let closed = i64::from(Status::Resolved.ocsf_id());
        let of_groups = sqlx::query(OPEN_IN_GROUPS).bind(&wanted).bind(closed);
        let rows = of_groups.fetch_all(self.conn()).await.map_err(failed(READING))?;
        let mut open = rows.iter().map(open_incident).collect::<Result<Vec<_>, _>>()?;
        let survivors = sqlx::query(OPEN_SURVIVORS).bind(&wanted).bind(closed);
        for row in &survivors.fetch_all(self.conn()).await.map_err(failed(READING))? {
            let survivor = open_incident(row)?;
            let via = usize::try_from(get::<i64>(row, "via")?).ok().and_then(|at| groups.get(at));
            let Some(via) = via.filter(|via| **via != survivor.group()) else { continue };
            match open.iter_mut().find(|other| other.incident.id == survivor.incident.id) {
                Some(known) => known.via.push(via.clone()),
                None => open.push(OpenIncident { via: vec![via.clone()], ..survivor }),
            }
        }
        open.sort_by_key(|open| (open.incident.first_seen_ms, open.incident.id));
        Ok(open)
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
        self.insert_incident(incident, entities).await?;
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
        let ends = ((from, get(&row, "seq")?), (into, get(&target, "seq")?));
        let moved = self.move_all(ends.0, ends.1, at_ms).await?;
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

    async fn set_visibility(
        &mut self,
        id: IncidentId,
        version: u64,
        visibility: Visibility,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<Incident, StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let row = sqlx::query(
            "UPDATE incidents SET visibility = ?, version = version + 1, updated_at_ms = max(updated_at_ms, ?) \
             WHERE id = ? AND version = ? RETURNING *",
        )
        .bind(visibility as i64)
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
        sqlx::query(
            "WITH RECURSIVE merged(id) AS (SELECT id FROM incidents WHERE merged_into = ?1 \
             UNION SELECT i.id FROM incidents i JOIN merged m ON i.merged_into = m.id) \
             UPDATE incidents SET visibility = ?2 WHERE id IN (SELECT id FROM merged)",
        )
        .bind(ulid(id.0))
        .bind(visibility as i64)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        self.changed(&[change(ChangeKind::IncidentUpdated, id, incident.region.clone(), at_ms)]).await?;
        self.done(incident)
    }
}

pub(super) fn change(kind: ChangeKind, incident: IncidentId, region: String, at_ms: i64) -> NewChange {
    NewChange { kind, object: incident.to_string(), incident, region, at_ms }
}

impl Session {
    /// Writes a new incident and what it is found by; without its record.
    pub(super) async fn insert_incident(
        &mut self,
        incident: &Incident,
        entities: &[Entity],
    ) -> Result<(), StoreError> {
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
        self.changed(&[change(ChangeKind::IncidentOpened, incident.id, region, incident.created_at_ms)]).await
    }

    /// Writes the machine's columns of one incident; returns its number and region.
    pub(super) async fn write_update(&mut self, update: &MachineUpdate) -> Result<(i64, String), StoreError> {
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
    pub(super) async fn index_entities(
        &mut self,
        entities: &[(i64, String, &Entity)],
    ) -> Result<(), StoreError> {
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
}
