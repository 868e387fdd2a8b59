//! Appeals against decisions on reports, and what reporters' reports came to.

use super::session::Session;
use super::values::{
    failed, failed_or_exists, get, get_json, get_json_opt, get_ulid, json, named, named_opt, ulid,
};
use async_trait::async_trait;
use model::{
    Appeal, AppealBy, AppealId, AppealOutcome, AppealState, AuditRecord, LedgerEntry, Outcome, ReportId,
};
use ports::store::{
    Appeals, Cursor, LEDGER_ENTRIES_MAX, Page, PageRequest, ReadAppeals, ReadLedger, StoreError,
};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading appeals";
const WRITING: &str = "writing an appeal";
const LEDGER: &str = "reading the ledger of reporters";

fn appeal(row: &SqliteRow) -> Result<Appeal, StoreError> {
    Ok(Appeal {
        id: AppealId(get_ulid(row, "id")?),
        report: ReportId(get_ulid(row, "report")?),
        by: named(row, "by_side", AppealBy::from_name)?,
        appellant: get_json(row, "appellant")?,
        reason: get(row, "reason")?,
        decision_at_ms: get(row, "decision_at_ms")?,
        created_at_ms: get(row, "created_at_ms")?,
        due_at_ms: get(row, "due_at_ms")?,
        state: named(row, "state", AppealState::from_name)?,
        outcome: named_opt(row, "outcome", AppealOutcome::from_name)?,
        explanation: get(row, "explanation")?,
        decided_by: get_json_opt(row, "decided_by")?,
        decided_at_ms: get(row, "decided_at_ms")?,
        region: get(row, "region")?,
    })
}

fn entry(row: &SqliteRow) -> Result<LedgerEntry, StoreError> {
    Ok(LedgerEntry {
        reporter: get(row, "reporter")?,
        category: get(row, "category")?,
        report: ReportId(get_ulid(row, "report")?),
        outcome: named(row, "outcome", Outcome::from_name)?,
        reason: get(row, "reason")?,
        weight: i8::try_from(get::<i64>(row, "weight")?).map_err(|e| StoreError::corrupt("weight", e))?,
        region: get(row, "region")?,
        at_ms: get(row, "at_ms")?,
    })
}

#[async_trait]
impl ReadAppeals for Session {
    async fn get(&mut self, id: AppealId) -> Result<Option<Appeal>, StoreError> {
        let row = sqlx::query("SELECT * FROM report_appeals WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(appeal).transpose()
    }

    async fn of_report(&mut self, id: ReportId) -> Result<Vec<Appeal>, StoreError> {
        let rows = sqlx::query("SELECT * FROM report_appeals WHERE report = ? ORDER BY seq DESC")
            .bind(ulid(id.0))
            .fetch_all(self.conn())
            .await
            .map_err(failed(READING))?;
        rows.iter().map(appeal).collect()
    }

    async fn list(
        &mut self,
        state: Option<AppealState>,
        page: &PageRequest,
    ) -> Result<Page<Appeal>, StoreError> {
        const LIST: &str = "appeals";
        let mut sql = QueryBuilder::new("SELECT * FROM report_appeals WHERE 1");
        if let Some(state) = state {
            sql.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(cursor) = &page.after {
            let ([due_ms], last) = cursor.parts::<1>(LIST)?;
            let last: AppealId = last.parse().map_err(|_| StoreError::BadCursor)?;
            sql.push(" AND (due_at_ms, id) > (")
                .push_bind(due_ms)
                .push(", ")
                .push_bind(ulid(last.0))
                .push(")");
        }
        sql.push(" ORDER BY due_at_ms, id LIMIT ").push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        let items = rows.iter().map(appeal).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |appeal: &Appeal| {
            Cursor::new(LIST, &[appeal.due_at_ms], &appeal.id.to_string())
        }))
    }
}

#[async_trait]
impl Appeals for Session {
    async fn add(&mut self, appeal: &Appeal, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &appeal.id.to_string()).await?;
        self.known_report(appeal.report).await?;
        sqlx::query(
            "INSERT INTO report_appeals (id, region, report, by_side, appellant, reason, decision_at_ms, \
             created_at_ms, due_at_ms, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')",
        )
        .bind(ulid(appeal.id.0))
        .bind(&appeal.region)
        .bind(ulid(appeal.report.0))
        .bind(appeal.by.as_str())
        .bind(json(&appeal.appellant, WRITING)?)
        .bind(&appeal.reason)
        .bind(appeal.decision_at_ms)
        .bind(appeal.created_at_ms)
        .bind(appeal.due_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(
            WRITING,
            format!("an appeal against that decision on {}", appeal.report),
        ))?;
        self.done(())
    }

    async fn decide(&mut self, appeal: &Appeal, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &appeal.id.to_string()).await?;
        let result = sqlx::query(
            "UPDATE report_appeals SET state = 'decided', outcome = ?, explanation = ?, decided_by = ?, \
             decided_at_ms = ? WHERE id = ? AND state = 'open'",
        )
        .bind(appeal.outcome.map(AppealOutcome::as_str))
        .bind(&appeal.explanation)
        .bind(appeal.decided_by.as_ref().map(|by| json(by, WRITING)).transpose()?)
        .bind(appeal.decided_at_ms)
        .bind(ulid(appeal.id.0))
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("open appeal", appeal.id));
        }
        self.done(())
    }
}

#[async_trait]
impl ReadLedger for Session {
    async fn of_reporter(&mut self, reporter: &str) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM report_ledger WHERE reporter = ? AND reverted_at_ms IS NULL \
             ORDER BY at_ms DESC, seq DESC LIMIT ?",
        )
        .bind(reporter)
        .bind(i64::from(LEDGER_ENTRIES_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(LEDGER))?;
        rows.iter().map(entry).collect()
    }

    async fn of_report(&mut self, id: ReportId) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM report_ledger WHERE report = ? AND reverted_at_ms IS NULL ORDER BY seq",
        )
        .bind(ulid(id.0))
        .fetch_all(self.conn())
        .await
        .map_err(failed(LEDGER))?;
        rows.iter().map(entry).collect()
    }
}
