//! Findings, whole as JSON, with the columns that lists need beside it.

use super::session::{NewChange, ROWS_PER_STATEMENT, Session};
use super::values::{bytes, failed, get, get_json, get_ulid, json, uint, ulid};
use super::visible;
use async_trait::async_trait;
use model::{Finding, FindingId, INCIDENT_RULES_MAX, IncidentId, Membership};
use ports::store::{
    ChangeKind, Cursor, FindingFilter, Findings, FindingsOutline, Page, PageRequest, ReadFindings, StoreError,
};
use sqlx::QueryBuilder;
use std::collections::{BTreeSet, HashMap, HashSet};

const READING: &str = "reading findings";
const WRITING: &str = "writing findings";

#[async_trait]
impl ReadFindings for Session {
    async fn get(&mut self, id: FindingId) -> Result<Option<Finding>, StoreError> {
        let row = sqlx::query("SELECT body FROM findings WHERE id = ?")
            .bind(id.0.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(|row| get_json(row, "body")).transpose()
    }

    async fn incident_of(&mut self, id: FindingId) -> Result<Option<IncidentId>, StoreError> {
        let row = sqlx::query("SELECT incident FROM findings WHERE id = ?")
            .bind(id.0.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(|row| get_ulid(row, "incident").map(IncidentId)).transpose()
    }

    async fn known(&mut self, ids: &[FindingId]) -> Result<HashSet<FindingId>, StoreError> {
        let mut known = HashSet::new();
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let mut sql = QueryBuilder::new("SELECT id FROM findings WHERE id IN (");
            let mut list = sql.separated(", ");
            for id in chunk {
                list.push_bind(id.0.to_vec());
            }
            sql.push(")");
            let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
            for row in &rows {
                known.insert(FindingId(bytes(row, "id")?));
            }
        }
        Ok(known)
    }

    async fn of_incident(&mut self, id: IncidentId, page: &PageRequest) -> Result<Page<Finding>, StoreError> {
        const LIST: &str = "incident-findings";
        let (time_ms, last) = match &page.after {
            None => (i64::MIN, Vec::new()),
            Some(cursor) => start(cursor, LIST)?,
        };
        let rows = sqlx::query(
            "SELECT body FROM findings WHERE incident = ? AND (time_ms, id) > (?, ?) \
             ORDER BY time_ms, id LIMIT ?",
        )
        .bind(ulid(id.0))
        .bind(time_ms)
        .bind(last)
        .bind(i64::from(page.items()) + 1)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        let items = rows.iter().map(|row| get_json(row, "body")).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |f: &Finding| Cursor::new(LIST, &[f.time_ms], &f.id.to_string())))
    }

    async fn outline(&mut self, id: IncidentId) -> Result<FindingsOutline, StoreError> {
        let all = sqlx::query(
            "SELECT count(*) AS n, coalesce(min(time_ms), 0) AS first_ms, coalesce(max(time_ms), 0) AS last_ms \
             FROM findings WHERE incident = ?",
        )
        .bind(ulid(id.0))
        .fetch_one(self.conn())
        .await
        .map_err(failed(READING))?;
        // with one max(), the other columns are those of its row (SQLite, "Bare columns in an aggregate query")
        let telling = sqlx::query(
            "SELECT id, max(severity) AS gravest FROM findings WHERE incident = ? GROUP BY rule_id \
             ORDER BY gravest DESC, rule_id LIMIT ?",
        )
        .bind(ulid(id.0))
        .bind(INCIDENT_RULES_MAX as i64)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        Ok(FindingsOutline {
            findings: uint(&all, "n")?,
            first_seen_ms: get(&all, "first_ms")?,
            last_seen_ms: get(&all, "last_ms")?,
            telling: telling.iter().map(|row| bytes(row, "id").map(FindingId)).collect::<Result<_, _>>()?,
        })
    }

    async fn list(
        &mut self,
        filter: &FindingFilter,
        page: &PageRequest,
    ) -> Result<Page<Finding>, StoreError> {
        const LIST: &str = "findings";
        let mut sql = QueryBuilder::new("SELECT body FROM findings WHERE true");
        if let Some(rule) = &filter.rule_id {
            sql.push(" AND rule_id = ").push_bind(rule.clone());
        }
        if let Some(source) = &filter.source {
            sql.push(" AND source = ").push_bind(source.clone());
        }
        if let Some(least) = filter.severity_min {
            sql.push(" AND severity >= ").push_bind(i64::from(least.ocsf_id()));
        }
        if let Some(visible) = filter.visible.as_ref().filter(|visible| !visible.is_everything()) {
            sql.push(" AND EXISTS (SELECT 1 FROM incidents WHERE incidents.id = findings.incident");
            visible::push(&mut sql, Some(visible));
            sql.push(")");
        }
        if let Some(cursor) = &page.after {
            let (time_ms, last) = start(cursor, LIST)?;
            sql.push(" AND (detected_at_ms, id) < (").push_bind(time_ms).push(", ").push_bind(last).push(")");
        }
        sql.push(" ORDER BY detected_at_ms DESC, id DESC LIMIT ").push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        let items = rows.iter().map(|row| get_json(row, "body")).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |f: &Finding| {
            Cursor::new(LIST, &[f.detected_at_ms], &f.id.to_string())
        }))
    }

    async fn count(&mut self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) AS n FROM findings")
            .fetch_one(self.conn())
            .await
            .map_err(failed(READING))?;
        uint(&row, "n")
    }
}

fn start(cursor: &Cursor, list: &str) -> Result<(i64, Vec<u8>), StoreError> {
    let ([time_ms], last) = cursor.parts::<1>(list)?;
    let last: FindingId = last.parse().map_err(|_| StoreError::BadCursor)?;
    Ok((time_ms, last.0.to_vec()))
}

#[async_trait]
impl Findings for Session {
    async fn insert(&mut self, findings: &[(&Finding, IncidentId)]) -> Result<Vec<Membership>, StoreError> {
        self.step()?;
        let mut stored = Vec::with_capacity(findings.len());
        for chunk in findings.chunks(ROWS_PER_STATEMENT) {
            stored.extend(self.insert_chunk(chunk).await?);
        }
        self.done(stored)
    }
}

impl Session {
    async fn insert_chunk(
        &mut self,
        chunk: &[(&Finding, IncidentId)],
    ) -> Result<Vec<Membership>, StoreError> {
        let mut rows = Vec::with_capacity(chunk.len());
        for (finding, incident) in chunk {
            rows.push((*finding, ulid(incident.0), json(*finding, WRITING)?));
        }
        let mut sql = QueryBuilder::new(
            "INSERT INTO findings (id, region, incident, first_incident, rule_id, source, severity, time_ms, \
             detected_at_ms, body) ",
        );
        sql.push_values(rows, |mut row, (finding, incident, body)| {
            row.push_bind(finding.id.0.to_vec())
                .push_bind(&finding.region)
                .push_bind(incident.clone())
                .push_bind(incident)
                .push_bind(&finding.rule_id)
                .push_bind(&finding.source)
                .push_bind(i64::from(finding.severity.ocsf_id()))
                .push_bind(finding.time_ms)
                .push_bind(finding.detected_at_ms)
                .push_bind(body);
        });
        sql.push(" ON CONFLICT (id) DO NOTHING RETURNING id");
        let inserted = sql.build().fetch_all(self.conn()).await.map_err(|error| {
            let missing = error.as_database_error().is_some_and(|e| e.is_foreign_key_violation());
            if missing { StoreError::not_found("incident", "of a finding") } else { failed(WRITING)(error) }
        })?;
        let by_id: HashMap<_, _> = chunk.iter().rev().map(|(f, incident)| (f.id, (*f, *incident))).collect();
        let (mut stored, mut changes) =
            (Vec::with_capacity(inserted.len()), Vec::with_capacity(inserted.len()));
        for row in &inserted {
            let id = FindingId(bytes(row, "id")?);
            let Some(&(finding, incident)) = by_id.get(&id) else { continue };
            stored.push(Membership { incident, finding: id });
            changes.push(NewChange {
                kind: ChangeKind::FindingAdded,
                object: id.to_string(),
                incident,
                region: finding.region.clone(),
                at_ms: finding.detected_at_ms,
            });
        }
        self.changed(&changes).await?;
        let rows = stored.iter().filter_map(|row| by_id.get(&row.finding).map(|(f, _)| (*f, row.incident)));
        self.index_terms(&rows.collect::<Vec<_>>()).await?;
        Ok(stored)
    }

    /// Makes incidents findable by the rules and sources of findings, and rules by their titles.
    async fn index_terms(&mut self, rows: &[(&Finding, IncidentId)]) -> Result<(), StoreError> {
        let terms: BTreeSet<_> = rows
            .iter()
            .flat_map(|(finding, incident)| {
                [("rule", finding.rule_id.as_str()), ("source", finding.source.as_str())]
                    .map(|(facet, value)| (*incident, facet, value))
            })
            .collect();
        let terms: Vec<_> = terms.into_iter().map(|(id, facet, value)| (hex(&id), facet, value)).collect();
        sqlx::query(
            "INSERT INTO incident_terms (facet, value, incident, region) \
             SELECT g.value ->> 1, CASE g.value ->> 1 WHEN 'source' \
             THEN coalesce((SELECT s.kind FROM sources s WHERE s.name = g.value ->> 2), g.value ->> 2) \
             ELSE g.value ->> 2 END, i.seq, i.region \
             FROM json_each(?) g CROSS JOIN incidents i ON i.id = unhex(g.value ->> 0) WHERE true \
             ON CONFLICT DO NOTHING",
        )
        .bind(json(&terms, WRITING)?)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        let titles: BTreeSet<_> =
            rows.iter().map(|(finding, _)| (finding.rule_id.as_str(), finding.rule_title.as_str())).collect();
        sqlx::query(
            "INSERT INTO rule_titles (rule, title) SELECT g.value ->> 0, g.value ->> 1 FROM json_each(?) g WHERE true \
             ON CONFLICT DO NOTHING",
        )
        .bind(json(&titles, WRITING)?)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        Ok(())
    }
}

/// A ULID's bytes for `unhex`, since JSON has no bytes.
fn hex(id: &IncidentId) -> String {
    format!("{:032x}", id.0.0)
}
