//! Reports of people: taken in many at a time, decided, published.

use super::session::{ROWS_PER_STATEMENT, Session};
use super::values::{failed, failed_or_exists, int, json, ulid};
use async_trait::async_trait;
use model::{AuditRecord, FindingId, LedgerEntry, Position, Report, ReportId};
use ports::store::{
    LedgerChange, NewReport, REPORTS_SUBMITTED_MAX, ReadReports, Recorded, Reports, StoreError, check_audit,
};
use serde_json::{Value, json};
use sqlx::QueryBuilder;

const WRITING: &str = "writing a report";
const PUBLISHING: &str = "noting where reports stand on the log";
const LEDGER: &str = "writing the ledger of reporters";

/// What of a report is JSON.
struct Texts {
    fields: String,
    context: String,
    reporter: String,
    provenance: String,
    decision: Option<String>,
}

impl Texts {
    fn of(report: &Report) -> Result<Self, StoreError> {
        Ok(Self {
            fields: json(&report.fields, WRITING)?,
            context: json(&report.context, WRITING)?,
            reporter: json(&report.reporter, WRITING)?,
            provenance: json(&report.provenance, WRITING)?,
            decision: report.decision.as_ref().map(|decision| json(decision, WRITING)).transpose()?,
        })
    }
}

impl Session {
    async fn insert_reports(&mut self, reports: &[NewReport]) -> Result<(), StoreError> {
        for chunk in reports.chunks(ROWS_PER_STATEMENT) {
            let rows = chunk.iter().map(|new| Ok((new, Texts::of(&new.report)?)));
            let rows: Vec<(&NewReport, Texts)> = rows.collect::<Result<_, StoreError>>()?;
            let mut sql = QueryBuilder::new(
                "INSERT INTO reports (id, region, form, form_version, service, title, text, fields, context, reporter, \
                 reporter_key, claimed, channel, tier, provenance, state, held_reason, automation_held, decision, \
                 finding, incident, related_hint, masked_count, personal_held, similarity, next_update_due_ms, \
                 receipt_sha256, submit_record, once_sha256, request_sha256, created_at_ms, updated_at_ms, version) ",
            );
            sql.push_values(&rows, |mut row, (new, texts)| {
                let report = &new.report;
                row.push_bind(ulid(report.id.0)).push_bind(&report.region);
                row.push_bind(&report.form)
                    .push_bind(i64::from(report.form_version))
                    .push_bind(&report.service);
                row.push_bind(&report.title).push_bind(&report.text);
                row.push_bind(&texts.fields).push_bind(&texts.context).push_bind(&texts.reporter);
                row.push_bind(report.reporter.key()).push_bind(report.claimed);
                row.push_bind(report.channel.as_str())
                    .push_bind(report.tier.as_str())
                    .push_bind(&texts.provenance);
                row.push_bind(report.state.as_str()).push_bind(&report.held_reason);
                row.push_bind(report.automation_held).push_bind(&texts.decision);
                row.push_bind(report.finding.map(|finding| finding.0.to_vec()));
                row.push_bind(report.incident.map(|incident| ulid(incident.0)));
                row.push_bind(report.related_hint.map(|incident| ulid(incident.0)));
                row.push_bind(i64::from(report.masked_count)).push_bind(report.personal_held);
                row.push_bind(report.similarity.map(|similarity| similarity.to_bytes().to_vec()));
                row.push_bind(report.next_update_due_ms);
                row.push_bind(report.receipt_sha256.to_vec()).push_bind(ulid(report.submit_record.0));
                row.push_bind(new.once.map(|once| once.key_sha256.to_vec()));
                row.push_bind(new.once.map(|once| once.request_sha256.to_vec()));
                row.push_bind(report.created_at_ms).push_bind(report.updated_at_ms).push_bind(1_i64);
            });
            let what = || format!("one of {} reports, or its receipt or key,", chunk.len());
            sql.build().execute(self.conn()).await.map_err(failed_or_exists(WRITING, what()))?;
        }
        Ok(())
    }

    async fn change_ledger(&mut self, report: ReportId, changes: &[LedgerChange]) -> Result<(), StoreError> {
        for change in changes {
            match change {
                LedgerChange::Add(entry) => self.add_to_ledger(entry).await?,
                LedgerChange::Revert { at_ms } => {
                    let sql = "UPDATE report_ledger SET reverted_at_ms = ? WHERE report = ? AND reverted_at_ms IS NULL";
                    let query = sqlx::query(sql).bind(at_ms).bind(ulid(report.0));
                    query.execute(self.conn()).await.map_err(failed(LEDGER))?;
                }
            }
        }
        Ok(())
    }

    async fn add_to_ledger(&mut self, entry: &LedgerEntry) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO report_ledger (region, reporter, category, report, outcome, reason, weight, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&entry.region)
        .bind(&entry.reporter)
        .bind(&entry.category)
        .bind(ulid(entry.report.0))
        .bind(entry.outcome.as_str())
        .bind(&entry.reason)
        .bind(i64::from(entry.weight))
        .bind(entry.at_ms)
        .execute(self.conn())
        .await
        .map_err(failed(LEDGER))?;
        Ok(())
    }
}

#[async_trait]
impl Reports for Session {
    async fn submit(&mut self, reports: &[NewReport]) -> Result<Vec<Recorded>, StoreError> {
        self.step()?;
        if reports.len() > REPORTS_SUBMITTED_MAX {
            let reason = format!("one unit takes at most {REPORTS_SUBMITTED_MAX} reports");
            return Err(StoreError::BadQuery { reason });
        }
        for new in reports {
            check_audit(&new.audit, &new.report.id.to_string())?;
            if new.audit.id != new.report.submit_record {
                let (object, record) = (new.report.submit_record.to_string(), new.audit.id.to_string());
                return Err(StoreError::AuditMismatch { object, record });
            }
        }
        let records: Vec<&AuditRecord> = reports.iter().map(|new| &new.audit).collect();
        let recorded = self.write_audits(&records).await?;
        self.insert_reports(reports).await?;
        self.done(recorded)
    }

    async fn replace(
        &mut self,
        report: &Report,
        ledger: &[LedgerChange],
        audit: &AuditRecord,
    ) -> Result<u64, StoreError> {
        self.step()?;
        self.audited(audit, &report.id.to_string()).await?;
        let texts = Texts::of(report)?;
        let result = sqlx::query(
            "UPDATE reports SET title = ?1, text = ?2, fields = ?3, reporter = ?4, reporter_key = ?5, claimed = ?6, \
             tier = ?7, provenance = ?8, state = ?9, held_reason = ?10, automation_held = ?11, decision = ?12, \
             raised_at_ms = CASE WHEN finding IS ?13 THEN raised_at_ms END, finding = ?13, incident = ?14, \
             masked_count = ?15, personal_held = ?16, next_update_due_ms = ?17, receipt_sha256 = ?18, \
             updated_at_ms = ?19, unread = ?22, version = version + 1 WHERE id = ?20 AND version = ?21",
        )
        .bind(&report.title)
        .bind(&report.text)
        .bind(texts.fields)
        .bind(texts.reporter)
        .bind(report.reporter.key())
        .bind(report.claimed)
        .bind(report.tier.as_str())
        .bind(texts.provenance)
        .bind(report.state.as_str())
        .bind(&report.held_reason)
        .bind(report.automation_held)
        .bind(texts.decision)
        .bind(report.finding.map(|finding| finding.0.to_vec()))
        .bind(report.incident.map(|incident| ulid(incident.0)))
        .bind(i64::from(report.masked_count))
        .bind(report.personal_held)
        .bind(report.next_update_due_ms)
        .bind(report.receipt_sha256.to_vec())
        .bind(report.updated_at_ms)
        .bind(ulid(report.id.0))
        .bind(int(report.version))
        .bind(report.unread)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("the receipt of report {}", report.id)))?;
        if result.rows_affected() == 0 {
            let current = ReadReports::get(self, report.id).await?;
            let current = current.ok_or_else(|| StoreError::not_found("report", report.id))?;
            return Err(StoreError::Conflict { current: current.version });
        }
        self.change_ledger(report.id, ledger).await?;
        self.done(report.version + 1)
    }

    async fn published(&mut self, reports: &[(ReportId, Position)]) -> Result<(), StoreError> {
        self.step()?;
        let places =
            reports.iter().map(|(id, at)| json!([hex(&ulid(id.0)), at.partition.0, int(at.offset.0)]));
        sqlx::query(
            "UPDATE reports SET raw_partition = p.value ->> 1, raw_offset = p.value ->> 2 \
             FROM json_each(?) p WHERE reports.id = unhex(p.value ->> 0) AND raw_offset IS NULL",
        )
        .bind(Value::from_iter(places).to_string())
        .execute(self.conn())
        .await
        .map_err(failed(PUBLISHING))?;
        self.done(())
    }

    async fn raised(&mut self, reports: &[(ReportId, FindingId)], at_ms: i64) -> Result<(), StoreError> {
        self.step()?;
        let pairs = reports.iter().map(|(id, finding)| json!([hex(&ulid(id.0)), finding]));
        sqlx::query(
            "UPDATE reports SET raised_at_ms = ?1 FROM json_each(?2) p \
             WHERE reports.id = unhex(p.value ->> 0) AND finding = unhex(p.value ->> 1) AND raised_at_ms IS NULL",
        )
        .bind(at_ms)
        .bind(Value::from_iter(pairs).to_string())
        .execute(self.conn())
        .await
        .map_err(failed(PUBLISHING))?;
        self.done(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
