//! Comments on incidents.

use super::session::{NewChange, Session};
use super::values::{failed, failed_or_exists, get, get_ulid, ulid};
use async_trait::async_trait;
use model::{AuditRecord, Comment, CommentId, IncidentId};
use ports::store::{
    ChangeKind, Comments, Cursor, Page, PageRequest, ReadComments, ReadIncidents, StoreError,
};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading comments";
const WRITING: &str = "writing a comment";

pub(super) fn comment(row: &SqliteRow) -> Result<Comment, StoreError> {
    Ok(Comment {
        id: CommentId(get_ulid(row, "id")?),
        incident: IncidentId(get_ulid(row, "incident")?),
        author: get(row, "author")?,
        text: get(row, "text")?,
        created_at_ms: get(row, "created_at_ms")?,
    })
}

#[async_trait]
impl ReadComments for Session {
    async fn get(&mut self, id: CommentId) -> Result<Option<Comment>, StoreError> {
        let row = sqlx::query("SELECT * FROM comments WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(comment).transpose()
    }

    async fn of_incident(&mut self, id: IncidentId, page: &PageRequest) -> Result<Page<Comment>, StoreError> {
        const LIST: &str = "comments";
        let (time_ms, last) = match &page.after {
            None => (i64::MIN, Vec::new()),
            Some(cursor) => {
                let ([time_ms], last) = cursor.parts::<1>(LIST)?;
                let last: CommentId = last.parse().map_err(|_| StoreError::BadCursor)?;
                (time_ms, ulid(last.0))
            }
        };
        let rows = sqlx::query(
            "SELECT * FROM comments WHERE incident = ? AND (created_at_ms, id) > (?, ?) \
             ORDER BY created_at_ms, id LIMIT ?",
        )
        .bind(ulid(id.0))
        .bind(time_ms)
        .bind(last)
        .bind(i64::from(page.items()) + 1)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        let items = rows.iter().map(comment).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |c: &Comment| {
            Cursor::new(LIST, &[c.created_at_ms], &c.id.to_string())
        }))
    }
}

#[async_trait]
impl Comments for Session {
    async fn add(&mut self, comment: &Comment, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &comment.incident.to_string()).await?;
        let incident = ReadIncidents::get(self, comment.incident).await?;
        let region = incident.ok_or_else(|| StoreError::not_found("incident", comment.incident))?.region;
        sqlx::query(
            "INSERT INTO comments (id, region, incident, author, text, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(comment.id.0))
        .bind(&region)
        .bind(ulid(comment.incident.0))
        .bind(&comment.author)
        .bind(&comment.text)
        .bind(comment.created_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("comment {}", comment.id)))?;
        sqlx::query("UPDATE incidents SET updated_at_ms = max(updated_at_ms, ?) WHERE id = ?")
            .bind(comment.created_at_ms)
            .bind(ulid(comment.incident.0))
            .execute(self.conn())
            .await
            .map_err(failed(WRITING))?;
        let change = NewChange {
            kind: ChangeKind::CommentAdded,
            object: comment.id.to_string(),
            incident: comment.incident,
            region,
            at_ms: comment.created_at_ms,
        };
        self.changed(&[change]).await?;
        self.done(())
    }
}
