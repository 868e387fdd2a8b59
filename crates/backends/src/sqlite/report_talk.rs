//! Words about reports, and what is known of their files.

use super::session::Session;
use super::values::{bytes, failed, failed_or_exists, get, get_json, get_ulid, int, json, named, uint, ulid};
use async_trait::async_trait;
use model::{
    Attachment, AttachmentId, AttachmentState, AuditRecord, MessageFrom, MessageId, PublicMessage, ReportId,
    ReportMessage,
};
use ports::store::{
    Attachments, Cursor, Page, PageRequest, REPORT_ATTACHMENTS_MAX, REPORT_MESSAGES_MAX,
    REPORTER_MESSAGES_MAX, ReadAttachments, ReadReportMessages, ReadReports, ReportMessages, StoreError,
};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading messages on reports";
const WRITING: &str = "writing a message on a report";
const FILES: &str = "reading attachments";
const FILE: &str = "writing an attachment";

fn message(row: &SqliteRow) -> Result<ReportMessage, StoreError> {
    Ok(ReportMessage {
        id: MessageId(get_ulid(row, "id")?),
        report: ReportId(get_ulid(row, "report")?),
        from: named(row, "from_side", MessageFrom::from_name)?,
        author: get_json(row, "author")?,
        text: get(row, "text")?,
        internal: get(row, "internal")?,
        region: get(row, "region")?,
        at_ms: get(row, "at_ms")?,
    })
}

fn public_message(row: &SqliteRow) -> Result<PublicMessage, StoreError> {
    Ok(PublicMessage {
        id: MessageId(get_ulid(row, "id")?),
        from: named(row, "from_side", MessageFrom::from_name)?,
        text: get(row, "text")?,
        at_ms: get(row, "at_ms")?,
    })
}

fn attachment(row: &SqliteRow) -> Result<Attachment, StoreError> {
    Ok(Attachment {
        id: AttachmentId(get_ulid(row, "id")?),
        report: ReportId(get_ulid(row, "report")?),
        name: get(row, "name")?,
        media_type: get(row, "media_type")?,
        bytes: uint(row, "bytes")?,
        sha256: bytes(row, "sha256")?,
        state: named(row, "state", AttachmentState::from_name)?,
        region: get(row, "region")?,
        at_ms: get(row, "at_ms")?,
    })
}

impl Session {
    /// Refuses what is about no report.
    pub(super) async fn known_report(&mut self, id: ReportId) -> Result<(), StoreError> {
        let found = ReadReports::get(self, id).await?;
        found.map(drop).ok_or_else(|| StoreError::not_found("report", id))
    }

    /// Refuses one more than a report may have.
    async fn room(
        &mut self,
        sql: &'static str,
        id: ReportId,
        max: u32,
        what: &str,
    ) -> Result<(), StoreError> {
        let count: i64 =
            sqlx::query_scalar(sql).bind(ulid(id.0)).fetch_one(self.conn()).await.map_err(failed(READING))?;
        if count < i64::from(max) {
            return Ok(());
        }
        Err(StoreError::BadQuery { reason: format!("a report has at most {max} {what}") })
    }
}

#[async_trait]
impl ReadReportMessages for Session {
    async fn of_report(&mut self, id: ReportId) -> Result<Vec<ReportMessage>, StoreError> {
        let rows = sqlx::query("SELECT * FROM report_messages WHERE report = ? ORDER BY at_ms, seq LIMIT ?")
            .bind(ulid(id.0))
            .bind(i64::from(REPORT_MESSAGES_MAX))
            .fetch_all(self.conn())
            .await
            .map_err(failed(READING))?;
        rows.iter().map(message).collect()
    }

    async fn public_of_report(&mut self, id: ReportId) -> Result<Vec<PublicMessage>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, from_side, text, at_ms FROM report_messages WHERE report = ? AND internal = 0 \
             ORDER BY at_ms, seq LIMIT ?",
        )
        .bind(ulid(id.0))
        .bind(i64::from(REPORT_MESSAGES_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(public_message).collect()
    }
}

#[async_trait]
impl ReportMessages for Session {
    async fn add(&mut self, message: &ReportMessage, audit: &AuditRecord) -> Result<(), StoreError> {
        const REPORTERS: &str =
            "SELECT count(*) FROM report_messages WHERE report = ? AND from_side = 'reporter'";
        const TEAMS: &str = "SELECT count(*) FROM report_messages WHERE report = ? AND from_side = 'team'";
        self.step()?;
        self.audited(audit, &message.report.to_string()).await?;
        self.known_report(message.report).await?;
        // each side's apart: nobody can write so much that they cannot be answered
        let (sql, max, what) = match message.from {
            MessageFrom::Reporter => (REPORTERS, REPORTER_MESSAGES_MAX, "messages of its reporter's"),
            MessageFrom::Team => {
                (TEAMS, REPORT_MESSAGES_MAX - REPORTER_MESSAGES_MAX, "messages of the team's")
            }
        };
        self.room(sql, message.report, max, what).await?;
        sqlx::query(
            "INSERT INTO report_messages (id, region, report, from_side, author, text, internal, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(message.id.0))
        .bind(&message.region)
        .bind(ulid(message.report.0))
        .bind(message.from.as_str())
        .bind(json(&message.author, WRITING)?)
        .bind(&message.text)
        .bind(message.internal)
        .bind(message.at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("message {}", message.id)))?;
        self.done(())
    }

    async fn remove(
        &mut self,
        id: MessageId,
        report: ReportId,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &report.to_string()).await?;
        let result = sqlx::query("DELETE FROM report_messages WHERE id = ? AND report = ?")
            .bind(ulid(id.0))
            .bind(ulid(report.0))
            .execute(self.conn())
            .await
            .map_err(failed(WRITING))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("message", id));
        }
        self.done(())
    }
}

#[async_trait]
impl ReadAttachments for Session {
    async fn get(&mut self, id: AttachmentId) -> Result<Option<Attachment>, StoreError> {
        let row = sqlx::query("SELECT * FROM report_attachments WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(FILES))?;
        row.as_ref().map(attachment).transpose()
    }

    async fn of_report(&mut self, id: ReportId) -> Result<Vec<Attachment>, StoreError> {
        let rows = sqlx::query("SELECT * FROM report_attachments WHERE report = ? ORDER BY seq")
            .bind(ulid(id.0))
            .fetch_all(self.conn())
            .await
            .map_err(failed(FILES))?;
        rows.iter().map(attachment).collect()
    }

    async fn holding(&mut self, sha256: &[u8; 32]) -> Result<u64, StoreError> {
        let row =
            sqlx::query("SELECT count(*) AS n FROM report_attachments WHERE sha256 = ? AND state = 'stored'")
                .bind(sha256.to_vec())
                .fetch_one(self.conn())
                .await
                .map_err(failed(FILES))?;
        uint(&row, "n")
    }

    async fn guests_bytes(&mut self) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT coalesce(sum(a.bytes), 0) AS n FROM report_attachments a JOIN reports r ON r.id = a.report \
             WHERE a.state = 'stored' AND r.reporter_key IS NULL",
        )
        .fetch_one(self.conn())
        .await
        .map_err(failed(FILES))?;
        uint(&row, "n")
    }

    async fn unheld(&mut self, page: &PageRequest) -> Result<Page<[u8; 32]>, StoreError> {
        const LIST: &str = "unheld";
        let after = match &page.after {
            Some(cursor) => cursor.parts::<1>(LIST)?.0[0],
            None => 0,
        };
        let rows = sqlx::query(
            "SELECT seq, sha256 FROM report_attachments a WHERE seq > ? AND state = 'removed' AND NOT EXISTS \
             (SELECT 1 FROM report_attachments h WHERE h.sha256 = a.sha256 AND h.state = 'stored') \
             ORDER BY seq LIMIT ?",
        )
        .bind(after)
        .bind(i64::from(page.items()) + 1)
        .fetch_all(self.conn())
        .await
        .map_err(failed(FILES))?;
        let items = rows.iter().map(|row| Ok((get(row, "seq")?, bytes(row, "sha256")?)));
        let items: Vec<(i64, [u8; 32])> = items.collect::<Result<_, StoreError>>()?;
        let page = Page::of(items, page.items(), |(seq, _)| Cursor::new(LIST, &[*seq], ""));
        Ok(Page { items: page.items.into_iter().map(|(_, sha256)| sha256).collect(), next: page.next })
    }
}

#[async_trait]
impl Attachments for Session {
    async fn add(&mut self, attachment: &Attachment, audit: &AuditRecord) -> Result<(), StoreError> {
        const COUNT: &str = "SELECT count(*) FROM report_attachments WHERE report = ? AND state = 'stored'";
        self.step()?;
        self.audited(audit, &attachment.report.to_string()).await?;
        self.known_report(attachment.report).await?;
        self.room(COUNT, attachment.report, REPORT_ATTACHMENTS_MAX, "files").await?;
        sqlx::query(
            "INSERT INTO report_attachments (id, region, report, name, media_type, bytes, sha256, state, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(attachment.id.0))
        .bind(&attachment.region)
        .bind(ulid(attachment.report.0))
        .bind(&attachment.name)
        .bind(&attachment.media_type)
        .bind(int(attachment.bytes))
        .bind(attachment.sha256.to_vec())
        .bind(attachment.state.as_str())
        .bind(attachment.at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(FILE, format!("attachment {}", attachment.id)))?;
        self.done(())
    }

    async fn remove(&mut self, id: AttachmentId, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        let found = ReadAttachments::get(self, id).await?;
        let found = found.ok_or_else(|| StoreError::not_found("attachment", id))?;
        self.audited(audit, &found.report.to_string()).await?;
        sqlx::query("UPDATE report_attachments SET state = 'removed' WHERE id = ?")
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(FILE))?;
        self.done(())
    }
}
