//! Who may answer for whom.

use super::session::Session;
use super::values::{failed, failed_or_exists, get, get_ulid, ulid};
use async_trait::async_trait;
use model::{AuditRecord, Delegation, DelegationId};
use ports::store::{DELEGATIONS_MAX, Delegations, ReadDelegations, StoreError};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading delegations";
const WRITING: &str = "writing a delegation";

fn delegation(row: &SqliteRow) -> Result<Delegation, StoreError> {
    Ok(Delegation {
        id: DelegationId(get_ulid(row, "id")?),
        from: get(row, "from_person")?,
        to: get(row, "to_person")?,
        until_ms: get(row, "until_ms")?,
        reason: get(row, "reason")?,
        created_at_ms: get(row, "created_at_ms")?,
        ended_at_ms: get(row, "ended_at_ms")?,
        region: get(row, "region")?,
    })
}

#[async_trait]
impl ReadDelegations for Session {
    async fn get(&mut self, id: DelegationId) -> Result<Option<Delegation>, StoreError> {
        let row = sqlx::query("SELECT * FROM delegations WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(delegation).transpose()
    }

    async fn of_person(&mut self, person: &str, now_ms: i64) -> Result<Vec<Delegation>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM (\
             SELECT * FROM delegations WHERE from_person = ?1 AND until_ms > ?2 AND ended_at_ms IS NULL \
             UNION ALL SELECT * FROM delegations WHERE to_person = ?1 AND until_ms > ?2 AND ended_at_ms IS NULL) \
             ORDER BY until_ms DESC, id",
        )
        .bind(person)
        .bind(now_ms)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(delegation).collect()
    }
}

#[async_trait]
impl Delegations for Session {
    async fn add(&mut self, new: &Delegation, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &new.id.to_string()).await?;
        let given: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM delegations WHERE from_person = ? AND until_ms > ? AND ended_at_ms IS NULL",
        )
        .bind(&new.from)
        .bind(new.created_at_ms)
        .fetch_one(self.conn())
        .await
        .map_err(failed(READING))?;
        if given >= i64::from(DELEGATIONS_MAX) {
            let reason =
                format!("a person lets at most {DELEGATIONS_MAX} others answer; take one back first");
            return Err(StoreError::BadQuery { reason });
        }
        sqlx::query(
            "INSERT INTO delegations (id, region, from_person, to_person, until_ms, reason, created_at_ms, ended_at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(new.id.0))
        .bind(&new.region)
        .bind(&new.from)
        .bind(&new.to)
        .bind(new.until_ms)
        .bind(&new.reason)
        .bind(new.created_at_ms)
        .bind(new.ended_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("delegation {}", new.id)))?;
        self.done(())
    }

    async fn end(&mut self, id: DelegationId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let result =
            sqlx::query("UPDATE delegations SET ended_at_ms = ? WHERE id = ? AND ended_at_ms IS NULL")
                .bind(at_ms)
                .bind(ulid(id.0))
                .execute(self.conn())
                .await
                .map_err(failed(WRITING))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("delegation that counts", id));
        }
        self.done(())
    }
}
