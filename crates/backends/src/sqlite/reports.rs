//! Reports of people: read, listed, found.

use super::session::Session;
use super::values::{
    bytes, bytes_opt, failed, get, get_json, get_json_opt, get_ulid, get_ulid_opt, named, uint, ulid,
};
use async_trait::async_trait;
use model::{
    AuditId, Channel, FindingId, IncidentId, Offset, Partition, Position, Report, ReportId, ReportState,
    Similarity, Tier, Topic,
};
use ports::store::{
    Cursor, INCIDENT_REPORTS_MAX, PAGE_ITEMS_MAX, Page, PageRequest, ReadReports, ReportFilter, ReportOrder,
    StoreError,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};

pub(super) const READING: &str = "reading reports";

/// Stands in an order by time for what has none.
const NOTHING_DUE_MS: i64 = i64::MAX;

pub(super) fn report(row: &SqliteRow) -> Result<Report, StoreError> {
    Ok(Report {
        id: ReportId(get_ulid(row, "id")?),
        form: get(row, "form")?,
        form_version: number(row, "form_version")?,
        service: get(row, "service")?,
        title: get(row, "title")?,
        text: get(row, "text")?,
        fields: get_json(row, "fields")?,
        context: get_json(row, "context")?,
        reporter: get_json(row, "reporter")?,
        claimed: get(row, "claimed")?,
        channel: named(row, "channel", Channel::from_name)?,
        tier: named(row, "tier", Tier::from_name)?,
        provenance: get_json(row, "provenance")?,
        state: named(row, "state", ReportState::from_name)?,
        held_reason: get(row, "held_reason")?,
        automation_held: get(row, "automation_held")?,
        unread: get(row, "unread")?,
        decision: get_json_opt(row, "decision")?,
        finding: bytes_opt(row, "finding")?.map(FindingId),
        incident: get_ulid_opt(row, "incident")?.map(IncidentId),
        related_hint: get_ulid_opt(row, "related_hint")?.map(IncidentId),
        masked_count: number(row, "masked_count")?,
        personal_held: get(row, "personal_held")?,
        similarity: bytes_opt(row, "similarity")?.map(|bytes| Similarity::from_bytes(&bytes)),
        next_update_due_ms: get(row, "next_update_due_ms")?,
        receipt_sha256: bytes(row, "receipt_sha256")?,
        submit_record: AuditId(get_ulid(row, "submit_record")?),
        region: get(row, "region")?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        version: uint(row, "version")?,
    })
}

fn number(row: &SqliteRow, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(get::<i64>(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

fn position(row: &SqliteRow) -> Result<Option<Position>, StoreError> {
    if get::<Option<i64>>(row, "raw_offset")?.is_none() {
        return Ok(None);
    }
    let partition = Partition(number(row, "raw_partition")?);
    Ok(Some(Position { topic: Topic::Raw, partition, offset: Offset(uint(row, "raw_offset")?) }))
}

fn all(rows: &[SqliteRow]) -> Result<Vec<Report>, StoreError> {
    rows.iter().map(report).collect()
}

/// A text as the pattern of LIKE that finds it anywhere.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// What waits for a person, where rows are met in the order of time anyway.
const WAITING: &str = " AND (state IN ('held', 'received') OR unread = 1)";
/// The same, where they are not: by two indices, so that it costs what waits and not what there is.
const WAITING_BY_INDEX: &str = " AND id IN (SELECT id FROM reports WHERE state IN ('held', 'received') \
    UNION ALL SELECT id FROM reports WHERE unread = 1)";
/// What automation accepted and nobody reviewed; all of it is unread, which has an index.
const UNREVIEWED: &str = " AND id IN (SELECT id FROM reports WHERE unread = 1) AND +state = 'accepted' \
    AND json_extract(decision, '$.automation') = 1 AND json_extract(decision, '$.confirmed') IS NULL";

/// All but that.
const NOT_UNREVIEWED: &str = " AND NOT (state = 'accepted' AND coalesce(json_extract(decision, '$.automation') = 1 \
    AND json_extract(decision, '$.confirmed') IS NULL, 0))";

/// What the filter asks for, behind `WHERE 1`; `waiting` is how it asks for what waits.
fn narrowed(sql: &mut QueryBuilder<Sqlite>, filter: &ReportFilter, waiting: &'static str) {
    if !filter.states.is_empty() {
        let mut states = sql.push(" AND state IN (").separated(", ");
        for state in &filter.states {
            states.push_bind(state.as_str());
        }
        sql.push(")");
    }
    if filter.waiting {
        sql.push(waiting);
    }
    if filter.unreviewed {
        sql.push(UNREVIEWED);
    }
    if filter.not_unreviewed {
        sql.push(NOT_UNREVIEWED);
    }
    if let Some(due_before_ms) = filter.due_before_ms {
        // of what is decided something is due only while an appeal is open; both ways have an index. Who was asked is awaited
        sql.push(" AND next_update_due_ms < ").push_bind(due_before_ms);
        sql.push(" AND (state IN ('held', 'received')");
        sql.push(" OR id IN (SELECT report FROM report_appeals WHERE state = 'open'))");
    }
    let equals = [("form", &filter.form), ("service", &filter.service), ("reporter_key", &filter.reporter)];
    for (column, value) in equals {
        if let Some(value) = value {
            sql.push(" AND ").push(column).push(" = ").push_bind(value.clone());
        }
    }
    if let Some(services) = &filter.services {
        let services = serde_json::Value::from(services.clone()).to_string();
        sql.push(" AND service IN (SELECT value FROM json_each(").push_bind(services).push("))");
    }
    if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
        let pattern = like(text);
        sql.push(" AND (title LIKE ").push_bind(pattern.clone()).push(" ESCAPE '\\' OR text LIKE ");
        sql.push_bind(pattern).push(" ESCAPE '\\')");
    }
    if let Some(since_ms) = filter.since_ms {
        sql.push(" AND created_at_ms >= ").push_bind(since_ms);
    }
    if let Some(until_ms) = filter.until_ms {
        sql.push(" AND created_at_ms < ").push_bind(until_ms);
    }
}

impl Session {
    /// Whose reporter must hear soonest first.
    async fn list_by_due(
        &mut self,
        filter: &ReportFilter,
        page: &PageRequest,
    ) -> Result<Page<Report>, StoreError> {
        const LIST: &str = "reports_due";
        let mut sql = QueryBuilder::new("SELECT * FROM reports WHERE 1");
        narrowed(&mut sql, filter, WAITING_BY_INDEX);
        if let Some(cursor) = &page.after {
            let ([due_ms], last) = cursor.parts::<1>(LIST)?;
            let last: ReportId = last.parse().map_err(|_| StoreError::BadCursor)?;
            sql.push(" AND (coalesce(next_update_due_ms, ")
                .push_bind(NOTHING_DUE_MS)
                .push("), id) > (")
                .push_bind(due_ms)
                .push(", ")
                .push_bind(ulid(last.0))
                .push(")");
        }
        sql.push(" ORDER BY coalesce(next_update_due_ms, ").push_bind(NOTHING_DUE_MS);
        sql.push("), id LIMIT ").push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        Ok(Page::of(all(&rows)?, page.items(), |report: &Report| {
            Cursor::new(LIST, &[report.next_update_due_ms.unwrap_or(NOTHING_DUE_MS)], &report.id.to_string())
        }))
    }
}

#[async_trait]
impl ReadReports for Session {
    async fn get(&mut self, id: ReportId) -> Result<Option<Report>, StoreError> {
        let row = sqlx::query("SELECT * FROM reports WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(report).transpose()
    }

    async fn by_receipt(&mut self, sha256: &[u8; 32]) -> Result<Option<Report>, StoreError> {
        let row = sqlx::query("SELECT * FROM reports WHERE receipt_sha256 = ?")
            .bind(sha256.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(report).transpose()
    }

    async fn by_once(&mut self, key_sha256: &[u8; 32]) -> Result<Option<(Report, [u8; 32])>, StoreError> {
        let row = sqlx::query("SELECT * FROM reports WHERE once_sha256 = ?")
            .bind(key_sha256.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(|row| Ok((report(row)?, bytes(row, "request_sha256")?))).transpose()
    }

    async fn list(&mut self, filter: &ReportFilter, page: &PageRequest) -> Result<Page<Report>, StoreError> {
        const LIST: &str = "reports";
        if filter.order == ReportOrder::Due {
            return self.list_by_due(filter, page).await;
        }
        let mut sql = QueryBuilder::new("SELECT * FROM reports WHERE 1");
        narrowed(&mut sql, filter, WAITING);
        if let Some(cursor) = &page.after {
            let ([at_ms], last) = cursor.parts::<1>(LIST)?;
            let last: ReportId = last.parse().map_err(|_| StoreError::BadCursor)?;
            sql.push(" AND (created_at_ms, id) < (")
                .push_bind(at_ms)
                .push(", ")
                .push_bind(ulid(last.0))
                .push(")");
        }
        sql.push(" ORDER BY created_at_ms DESC, id DESC LIMIT ").push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        Ok(Page::of(all(&rows)?, page.items(), |report: &Report| {
            Cursor::new(LIST, &[report.created_at_ms], &report.id.to_string())
        }))
    }

    async fn counts(&mut self, filter: &ReportFilter) -> Result<Vec<(ReportState, u64)>, StoreError> {
        let mut sql = QueryBuilder::new("SELECT state, count(*) AS n FROM reports WHERE 1");
        narrowed(&mut sql, filter, WAITING_BY_INDEX);
        sql.push(" GROUP BY state ORDER BY state");
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        rows.iter().map(|row| Ok((named(row, "state", ReportState::from_name)?, uint(row, "n")?))).collect()
    }

    async fn of_incident(&mut self, id: IncidentId) -> Result<Vec<Report>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM reports WHERE id IN (\
             SELECT id FROM reports WHERE incident = ?1 \
             UNION SELECT r.id FROM findings f CROSS JOIN reports r ON r.finding = f.id \
             WHERE f.incident = ?1 AND f.source = 'reports') \
             ORDER BY created_at_ms DESC, id DESC LIMIT ?2",
        )
        .bind(ulid(id.0))
        .bind(i64::from(INCIDENT_REPORTS_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        all(&rows)
    }

    async fn unpublished(&mut self, items_max: u32) -> Result<Vec<Report>, StoreError> {
        let rows = sqlx::query("SELECT * FROM reports WHERE raw_offset IS NULL ORDER BY seq LIMIT ?")
            .bind(i64::from(items_max.clamp(1, PAGE_ITEMS_MAX)))
            .fetch_all(self.conn())
            .await
            .map_err(failed(READING))?;
        all(&rows)
    }

    async fn unraised(&mut self, items_max: u32) -> Result<Vec<(Report, Position)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM reports INDEXED BY reports_unraised \
             WHERE finding IS NOT NULL AND raised_at_ms IS NULL AND raw_offset IS NOT NULL ORDER BY seq LIMIT ?",
        )
        .bind(i64::from(items_max.clamp(1, PAGE_ITEMS_MAX)))
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        let both = |row| Ok(position(row)?.map(|position| report(row).map(|report| (report, position))));
        rows.iter().filter_map(|row| both(row).transpose()).map(|found| found?).collect()
    }

    async fn position(&mut self, id: ReportId) -> Result<Option<Position>, StoreError> {
        let row = sqlx::query("SELECT raw_partition, raw_offset FROM reports WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map_or(Ok(None), position)
    }
}
