//! Findings that go from one incident to another and back, and links between incidents.

use super::incidents::{change, incident};
use super::session::{NewChange, ROWS_PER_STATEMENT, Session};
use super::values::{failed, get, get_ulid, int, named, ulid};
use async_trait::async_trait;
use model::{AuditRecord, FindingId, Incident, IncidentId};
use ports::store::{
    ChangeKind, IncidentLink, LINKS_MAX, LinkKind, MERGED_SHOWN_MAX, MachineUpdate, Moves, ReadIncidents,
    ReadMoves, Regrouping, StoreError,
};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading how incidents belong together";
const MOVING: &str = "moving findings between incidents";
const LINKING: &str = "linking incidents";
/// The version of an incident that a person opened by a split: one change by a person was made.
const SPLIT_VERSION: i64 = 2;

/// What is known of a row that a regrouping changed.
struct Touched {
    seq: i64,
    region: String,
    group: (String, String),
}

fn touched(row: &SqliteRow) -> Result<Touched, StoreError> {
    let group = (get(row, "group_kind")?, get(row, "group_value")?);
    Ok(Touched { seq: get(row, "seq")?, region: get(row, "region")?, group })
}

fn link(row: &SqliteRow) -> Result<IncidentLink, StoreError> {
    Ok(IncidentLink {
        incident: IncidentId(get_ulid(row, "incident")?),
        other: IncidentId(get_ulid(row, "other")?),
        kind: named(row, "kind", LinkKind::from_name)?,
        author: get(row, "author")?,
        at_ms: get(row, "at_ms")?,
    })
}

#[async_trait]
impl ReadMoves for Session {
    async fn survivor(&mut self, id: IncidentId) -> Result<IncidentId, StoreError> {
        // only what is not merged can be merged, into what is not merged: there are no circles
        let row = sqlx::query(
            "WITH RECURSIVE chain (id, next) AS (SELECT id, merged_into FROM incidents WHERE id = ? \
             UNION ALL SELECT i.id, i.merged_into FROM chain c CROSS JOIN incidents i ON i.id = c.next) \
             SELECT id FROM chain WHERE next IS NULL",
        )
        .bind(ulid(id.0))
        .fetch_optional(self.conn())
        .await
        .map_err(failed(READING))?;
        let row = row.ok_or_else(|| StoreError::not_found("incident", id))?;
        get_ulid(&row, "id").map(IncidentId)
    }

    async fn merged_into(&mut self, id: IncidentId) -> Result<Vec<Incident>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM incidents INDEXED BY incidents_merged WHERE merged_into = ? ORDER BY seq LIMIT ?",
        )
        .bind(ulid(id.0))
        .bind(MERGED_SHOWN_MAX as i64)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(incident).collect()
    }

    async fn links(&mut self, id: IncidentId) -> Result<Vec<IncidentLink>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM incident_links WHERE incident = ?1 UNION \
             SELECT * FROM incident_links WHERE other = ?1 ORDER BY at_ms, incident, other, kind LIMIT ?2",
        )
        .bind(ulid(id.0))
        .bind(2 * LINKS_MAX as i64)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(link).collect()
    }
}

#[async_trait]
impl Moves for Session {
    async fn merge(
        &mut self,
        from: IncidentId,
        into: IncidentId,
        regrouping: Regrouping<'_>,
    ) -> Result<u64, StoreError> {
        self.step()?;
        self.audit_both(&regrouping, from, into).await?;
        let target = self.grown(into, None, regrouping.at_ms).await?;
        let source = self.grown(from, regrouping.version, regrouping.at_ms).await?;
        if from == into {
            return Err(StoreError::not_found("other incident", into));
        }
        sqlx::query("UPDATE incidents SET merged_into = ?, merged_by_people = 1 WHERE seq = ?")
            .bind(ulid(into.0))
            .bind(source.seq)
            .execute(self.conn())
            .await
            .map_err(failed(MOVING))?;
        let moved = self.move_all((from, source.seq), (into, target.seq), regrouping.at_ms).await?;
        self.changed(&[
            change(ChangeKind::IncidentMerged, from, source.region, regrouping.at_ms),
            change(ChangeKind::IncidentUpdated, into, target.region, regrouping.at_ms),
        ])
        .await?;
        self.done(moved)
    }

    async fn unmerge(
        &mut self,
        id: IncidentId,
        survivor: IncidentId,
        regrouping: Regrouping<'_>,
    ) -> Result<u64, StoreError> {
        self.step()?;
        self.audit_both(&regrouping, id, survivor).await?;
        if id == survivor || self.survivor(id).await? != survivor {
            return Err(StoreError::not_found("merge", format!("of {id} into {survivor}")));
        }
        sqlx::query("UPDATE incidents SET merged_into = NULL, merged_by_people = 0 WHERE id = ?")
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(MOVING))?;
        let back = self.grown(id, regrouping.version, regrouping.at_ms).await?;
        let rest = self.grown(survivor, None, regrouping.at_ms).await?;
        let moved = self.take_back((id, &back), (survivor, &rest), regrouping.at_ms).await?;
        self.changed(&[
            change(ChangeKind::IncidentUpdated, id, back.region, regrouping.at_ms),
            change(ChangeKind::IncidentUpdated, survivor, rest.region, regrouping.at_ms),
        ])
        .await?;
        self.done(moved)
    }

    async fn split(
        &mut self,
        from: IncidentId,
        new: &Incident,
        findings: &[FindingId],
        regrouping: Regrouping<'_>,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audit_both(&regrouping, from, new.id).await?;
        let source = self.grown(from, regrouping.version, regrouping.at_ms).await?;
        self.insert_incident(new, &[]).await?;
        sqlx::query(
            "UPDATE incidents SET title_override = ?, visibility = ?, assignee = ?, version = ? WHERE id = ?",
        )
        .bind(&new.title_override)
        .bind(new.visibility as i64)
        .bind(&new.assignee)
        .bind(SPLIT_VERSION)
        .bind(ulid(new.id.0))
        .execute(self.conn())
        .await
        .map_err(failed(MOVING))?;
        self.move_some(from, new.id, findings).await?;
        let kept = self.keep_move("split", (new.id, from), &source.region, regrouping.at_ms).await?;
        self.keep_moved(kept, new.id).await?;
        let updated = change(ChangeKind::IncidentUpdated, from, source.region, regrouping.at_ms);
        self.changed(&[updated]).await?;
        self.done(())
    }

    async fn rewrite(&mut self, update: &MachineUpdate) -> Result<(), StoreError> {
        self.step()?;
        let (seq, region) = self.write_update(update).await?;
        for sql in [
            "DELETE FROM incident_entities WHERE incident = ?",
            "DELETE FROM incident_terms WHERE incident = ?",
            "INSERT INTO incident_terms (facet, value, incident, region) SELECT DISTINCT 'rule', f.rule_id, i.seq, i.region \
             FROM incidents i CROSS JOIN findings f ON f.incident = i.id WHERE i.seq = ?",
            "INSERT INTO incident_terms (facet, value, incident, region) \
             SELECT DISTINCT 'source', coalesce(s.kind, f.source), i.seq, i.region FROM incidents i \
             CROSS JOIN findings f ON f.incident = i.id LEFT JOIN sources s ON s.name = f.source WHERE i.seq = ?",
        ] {
            sqlx::query(sql).bind(seq).execute(self.conn()).await.map_err(failed(MOVING))?;
        }
        let entities: Vec<_> = update.entities.iter().map(|entity| (seq, region.clone(), entity)).collect();
        self.index_entities(&entities).await?;
        let at_ms = update.updated_at_ms;
        self.changed(&[change(ChangeKind::IncidentUpdated, update.id, region, at_ms)]).await?;
        self.done(())
    }

    async fn link(&mut self, link: &IncidentLink, audit: &AuditRecord) -> Result<bool, StoreError> {
        self.step()?;
        if self.links(link.incident).await?.len() >= LINKS_MAX {
            let reason = format!("an incident has at most {LINKS_MAX} links");
            return Err(StoreError::BadQuery { reason });
        }
        let incident = ReadIncidents::get(self, link.incident).await?;
        let region = incident.ok_or_else(|| StoreError::not_found("incident", link.incident))?.region;
        let added = sqlx::query(
            "INSERT INTO incident_links (incident, other, kind, region, author, at_ms) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(ulid(link.incident.0))
        .bind(ulid(link.other.0))
        .bind(link.kind.as_str())
        .bind(&region)
        .bind(&link.author)
        .bind(link.at_ms)
        .execute(self.conn())
        .await
        .map_err(|error| {
            let missing = error.as_database_error().is_some_and(|e| e.is_foreign_key_violation());
            if missing { StoreError::not_found("incident", link.other) } else { failed(LINKING)(error) }
        })?;
        let added = added.rows_affected() > 0;
        if added {
            self.audited(audit, &link.incident.to_string()).await?;
            self.announce(&[link.incident, link.other], &region, link.at_ms).await?;
        }
        self.done(added)
    }

    async fn unlink(
        &mut self,
        id: IncidentId,
        other: IncidentId,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let rows = sqlx::query(
            "DELETE FROM incident_links WHERE (incident = ?1 AND other = ?2) OR (incident = ?2 AND other = ?1) \
             RETURNING region",
        )
        .bind(ulid(id.0))
        .bind(ulid(other.0))
        .fetch_all(self.conn())
        .await
        .map_err(failed(LINKING))?;
        let row =
            rows.first().ok_or_else(|| StoreError::not_found("link between", format!("{id} and {other}")))?;
        let region: String = get(row, "region")?;
        self.announce(&[id, other], &region, audit.at_ms).await?;
        self.done(())
    }
}

impl Session {
    async fn audit_both(
        &mut self,
        regrouping: &Regrouping<'_>,
        one: IncidentId,
        other: IncidentId,
    ) -> Result<(), StoreError> {
        self.audited(regrouping.audit, &one.to_string()).await?;
        self.audited(regrouping.other_audit, &other.to_string()).await
    }

    async fn announce(&mut self, ids: &[IncidentId], region: &str, at_ms: i64) -> Result<(), StoreError> {
        let updated = |id: &IncidentId| change(ChangeKind::IncidentUpdated, *id, region.to_owned(), at_ms);
        let changes: Vec<NewChange> = ids.iter().map(updated).collect();
        self.changed(&changes).await
    }

    /// A person's change of an unmerged incident: its version grows.
    async fn grown(
        &mut self,
        id: IncidentId,
        version: Option<u64>,
        at_ms: i64,
    ) -> Result<Touched, StoreError> {
        let row = sqlx::query(
            "UPDATE incidents SET version = version + 1, updated_at_ms = max(updated_at_ms, ?1) \
             WHERE id = ?2 AND merged_into IS NULL AND (?3 IS NULL OR version = ?3) \
             RETURNING seq, region, group_kind, group_value",
        )
        .bind(at_ms)
        .bind(ulid(id.0))
        .bind(version.map(int))
        .fetch_optional(self.conn())
        .await
        .map_err(failed(MOVING))?;
        if let Some(row) = row {
            return touched(&row);
        }
        Err(match ReadIncidents::get(self, id).await? {
            Some(found) if found.merged_into.is_none() => StoreError::Conflict { current: found.version },
            _ => StoreError::not_found("unmerged incident", id),
        })
    }

    async fn keep_move(
        &mut self,
        kind: &'static str,
        (incident, other): (IncidentId, IncidentId),
        region: &str,
        at_ms: i64,
    ) -> Result<i64, StoreError> {
        let kept = sqlx::query(
            "INSERT INTO incident_moves (region, kind, incident, other, at_ms, findings_seq) \
             VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(seq), 0) FROM findings))",
        )
        .bind(region)
        .bind(kind)
        .bind(ulid(incident.0))
        .bind(ulid(other.0))
        .bind(at_ms)
        .execute(self.conn())
        .await
        .map_err(failed(MOVING))?;
        Ok(kept.last_insert_rowid())
    }

    /// Notes that all findings of `incident` are part of a move.
    async fn keep_moved(&mut self, kept: i64, incident: IncidentId) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO incident_moved (move, finding, region) SELECT ?, seq, region FROM findings WHERE incident = ?",
        )
        .bind(kept)
        .bind(ulid(incident.0))
        .execute(self.conn())
        .await
        .map_err(failed(MOVING))?;
        Ok(())
    }

    /// Moves all findings of one incident to another, with what it is found by, and keeps which they were.
    pub(super) async fn move_all(
        &mut self,
        (from, from_seq): (IncidentId, i64),
        (into, into_seq): (IncidentId, i64),
        at_ms: i64,
    ) -> Result<u64, StoreError> {
        for sql in [
            "INSERT INTO incident_entities (value, kind, incident, region) \
             SELECT value, kind, ?, region FROM incident_entities WHERE incident = ? ON CONFLICT DO NOTHING",
            "INSERT INTO incident_terms (facet, value, incident, region) \
             SELECT facet, value, ?, region FROM incident_terms WHERE incident = ? ON CONFLICT DO NOTHING",
        ] {
            let copy = sqlx::query(sql).bind(into_seq).bind(from_seq);
            copy.execute(self.conn()).await.map_err(failed(MOVING))?;
        }
        let region: String = sqlx::query_scalar("SELECT region FROM incidents WHERE seq = ?")
            .bind(from_seq)
            .fetch_one(self.conn())
            .await
            .map_err(failed(MOVING))?;
        let kept = self.keep_move("merge", (from, into), &region, at_ms).await?;
        self.keep_moved(kept, from).await?;
        let moved = sqlx::query("UPDATE findings SET incident = ? WHERE incident = ?")
            .bind(ulid(into.0))
            .bind(ulid(from.0))
            .execute(self.conn())
            .await
            .map_err(failed(MOVING))?;
        Ok(moved.rows_affected())
    }

    async fn move_some(
        &mut self,
        from: IncidentId,
        into: IncidentId,
        findings: &[FindingId],
    ) -> Result<(), StoreError> {
        let mut moved = 0;
        for chunk in findings.chunks(ROWS_PER_STATEMENT) {
            let mut sql = QueryBuilder::new("UPDATE findings SET incident = ");
            sql.push_bind(ulid(into.0))
                .push(" WHERE incident = ")
                .push_bind(ulid(from.0))
                .push(" AND id IN (");
            let mut list = sql.separated(", ");
            for id in chunk {
                list.push_bind(id.0.to_vec());
            }
            sql.push(")");
            let done = sql.build().execute(self.conn()).await.map_err(failed(MOVING))?;
            moved += done.rows_affected();
        }
        if moved == findings.len() as u64 {
            return Ok(());
        }
        let missing = findings.len() as u64 - moved;
        Err(StoreError::not_found("finding", format!("in {from} for {missing} of the ids given")))
    }

    /// Gives an incident back what it held when it was merged last, and what came since about its own group.
    async fn take_back(
        &mut self,
        (id, back): (IncidentId, &Touched),
        (survivor, rest): (IncidentId, &Touched),
        at_ms: i64,
    ) -> Result<u64, StoreError> {
        let kept = sqlx::query(
            "UPDATE incident_moves SET undone_at_ms = ? WHERE seq = (SELECT seq FROM incident_moves \
             WHERE incident = ? AND kind = 'merge' AND undone_at_ms IS NULL ORDER BY seq DESC LIMIT 1) \
             RETURNING seq, findings_seq",
        )
        .bind(at_ms)
        .bind(ulid(id.0))
        .fetch_optional(self.conn())
        .await
        .map_err(failed(MOVING))?
        .ok_or_else(|| StoreError::not_found("merge", format!("of {id}")))?;
        let (kept, findings_seq): (i64, i64) = (get(&kept, "seq")?, get(&kept, "findings_seq")?);
        let held = sqlx::query(
            "UPDATE findings SET incident = ? WHERE seq IN (SELECT finding FROM incident_moved WHERE move = ?) \
             AND incident = ?",
        )
        .bind(ulid(id.0))
        .bind(kept)
        .bind(ulid(survivor.0))
        .execute(self.conn())
        .await
        .map_err(failed(MOVING))?;
        if back.group == rest.group {
            return Ok(held.rows_affected());
        }
        // what a later merge brought along belongs to that one
        let since = sqlx::query(
            "UPDATE findings SET incident = ?1 WHERE incident = ?2 AND seq > ?3 \
             AND coalesce(body ->> '$.entities[0].kind', 'resource') = ?4 \
             AND coalesce(body ->> '$.entities[0].value', 'rule ' || rule_id || ' on ' || source) = ?5 \
             AND NOT EXISTS (SELECT 1 FROM incident_moved d CROSS JOIN incident_moves m ON m.seq = d.move \
             WHERE d.finding = findings.seq AND m.seq > ?6 AND m.undone_at_ms IS NULL)",
        )
        .bind(ulid(id.0))
        .bind(ulid(survivor.0))
        .bind(findings_seq)
        .bind(&back.group.0)
        .bind(&back.group.1)
        .bind(kept)
        .execute(self.conn())
        .await
        .map_err(failed(MOVING))?;
        Ok(held.rows_affected() + since.rows_affected())
    }
}
