//! The feed of changes, answers kept for repeated requests.

use super::session::Session;
use super::values::{bytes, failed, failed_or_exists, get, get_ulid, int, named, uint};
use async_trait::async_trait;
use model::IncidentId;
use ports::store::{
    Change, ChangeKind, ChangeSeq, Changes, IDEMPOTENCY_KEY_BYTES_MAX, Idempotency, PAGE_ITEMS_MAX,
    ReadChanges, ReadIdempotency, StoreError, StoredResponse,
};

const CHANGES: &str = "reading the feed of changes";
const ANSWERS: &str = "reading stored answers";
const ANSWER: &str = "writing a stored answer";

#[async_trait]
impl ReadChanges for Session {
    async fn after(&mut self, after: ChangeSeq, items_max: u32) -> Result<Vec<Change>, StoreError> {
        let rows = sqlx::query("SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?")
            .bind(int(after.0))
            .bind(i64::from(items_max.clamp(1, PAGE_ITEMS_MAX)))
            .fetch_all(self.conn())
            .await
            .map_err(failed(CHANGES))?;
        rows.iter()
            .map(|row| {
                Ok(Change {
                    seq: ChangeSeq(uint(row, "seq")?),
                    kind: named(row, "kind", ChangeKind::from_name)?,
                    object: get(row, "object")?,
                    incident: IncidentId(get_ulid(row, "incident")?),
                    region: get(row, "region")?,
                    at_ms: get(row, "at_ms")?,
                })
            })
            .collect()
    }

    async fn bounds(&mut self) -> Result<Option<(ChangeSeq, ChangeSeq)>, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT seq FROM changes ORDER BY seq LIMIT 1) AS oldest, \
             (SELECT seq FROM changes ORDER BY seq DESC LIMIT 1) AS newest",
        )
        .fetch_one(self.conn())
        .await
        .map_err(failed(CHANGES))?;
        if get::<Option<i64>>(&row, "oldest")?.is_none() {
            return Ok(None);
        }
        Ok(Some((ChangeSeq(uint(&row, "oldest")?), ChangeSeq(uint(&row, "newest")?))))
    }
}

#[async_trait]
impl Changes for Session {
    async fn prune(&mut self, keep: u64) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query("DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - ?")
            .bind(int(keep))
            .execute(self.conn())
            .await
            .map_err(failed("cutting the feed of changes"))?;
        self.done(result.rows_affected())
    }
}

#[async_trait]
impl ReadIdempotency for Session {
    async fn get(
        &mut self,
        principal: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM idempotency WHERE principal = ? AND key = ? AND expires_at_ms > ?")
                .bind(principal)
                .bind(key)
                .bind(now_ms)
                .fetch_optional(self.conn())
                .await
                .map_err(failed(ANSWERS))?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredResponse {
            request_sha256: bytes(&row, "request_sha256")?,
            status: get(&row, "status")?,
            content_type: get(&row, "content_type")?,
            body: get(&row, "body")?,
            expires_at_ms: get(&row, "expires_at_ms")?,
        }))
    }
}

#[async_trait]
impl Idempotency for Session {
    async fn put(
        &mut self,
        principal: &str,
        key: &str,
        response: &StoredResponse,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.step()?;
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
            let reason = format!("an idempotency key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
            return Err(StoreError::BadQuery { reason });
        }
        sqlx::query("DELETE FROM idempotency WHERE principal = ? AND key = ? AND expires_at_ms <= ?")
            .bind(principal)
            .bind(key)
            .bind(now_ms)
            .execute(self.conn())
            .await
            .map_err(failed(ANSWER))?;
        sqlx::query(
            "INSERT INTO idempotency (principal, key, request_sha256, status, content_type, body, expires_at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(principal)
        .bind(key)
        .bind(response.request_sha256.to_vec())
        .bind(response.status)
        .bind(&response.content_type)
        .bind(response.body.clone())
        .bind(response.expires_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(ANSWER, format!("an answer for idempotency key {key}")))?;
        self.done(())
    }

    async fn expire(&mut self, now_ms: i64, items_max: u32) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query(
            "DELETE FROM idempotency WHERE (principal, key) IN \
             (SELECT principal, key FROM idempotency WHERE expires_at_ms <= ? LIMIT ?)",
        )
        .bind(now_ms)
        .bind(i64::from(items_max))
        .execute(self.conn())
        .await
        .map_err(failed("forgetting stored answers"))?;
        self.done(result.rows_affected())
    }
}
