//! Filters of the queue that people keep.

use super::session::Session;
use super::values::{failed, failed_or_exists, get, get_json, get_ulid, int, json, uint, ulid};
use async_trait::async_trait;
use model::{AuditRecord, SavedViewId};
use ports::store::{ReadViews, SavedView, StoreError, VIEWS_LISTED_MAX, VIEWS_PER_OWNER_MAX, Views};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading saved views";
const WRITING: &str = "writing a saved view";

fn view(row: &SqliteRow) -> Result<SavedView, StoreError> {
    Ok(SavedView {
        id: SavedViewId(get_ulid(row, "id")?),
        owner: get(row, "owner")?,
        owner_name: get(row, "owner_name")?,
        name: get(row, "name")?,
        query: get_json(row, "query")?,
        shared: get(row, "shared")?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        version: uint(row, "version")?,
    })
}

#[async_trait]
impl ReadViews for Session {
    async fn get(&mut self, id: SavedViewId) -> Result<Option<SavedView>, StoreError> {
        let row = sqlx::query("SELECT * FROM saved_views WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(view).transpose()
    }

    async fn list(&mut self, owner: &str) -> Result<Vec<SavedView>, StoreError> {
        let own = sqlx::query("SELECT * FROM saved_views WHERE owner = ? ORDER BY name, id LIMIT ?")
            .bind(owner)
            .bind(VIEWS_LISTED_MAX as i64)
            .fetch_all(self.conn())
            .await
            .map_err(failed(READING))?;
        let others = sqlx::query(
            "SELECT * FROM saved_views INDEXED BY saved_views_shared WHERE shared = 1 AND owner <> ? \
             ORDER BY name, id LIMIT ?",
        )
        .bind(owner)
        .bind((VIEWS_LISTED_MAX - own.len().min(VIEWS_LISTED_MAX)) as i64)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        own.iter().chain(&others).map(view).collect()
    }
}

#[async_trait]
impl Views for Session {
    async fn add(&mut self, view: &SavedView, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &view.id.to_string()).await?;
        let owned: i64 = sqlx::query_scalar("SELECT count(*) FROM saved_views WHERE owner = ?")
            .bind(&view.owner)
            .fetch_one(self.conn())
            .await
            .map_err(failed(WRITING))?;
        if owned >= VIEWS_PER_OWNER_MAX as i64 {
            let reason = format!("one keeps at most {VIEWS_PER_OWNER_MAX} views; remove one first");
            return Err(StoreError::BadQuery { reason });
        }
        sqlx::query(
            "INSERT INTO saved_views (id, owner, owner_name, name, query, shared, created_at_ms, updated_at_ms, version) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(view.id.0))
        .bind(&view.owner)
        .bind(&view.owner_name)
        .bind(&view.name)
        .bind(json(&view.query, WRITING)?)
        .bind(view.shared)
        .bind(view.created_at_ms)
        .bind(view.updated_at_ms)
        .bind(int(view.version))
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("the view {:?}", view.name)))?;
        self.done(())
    }

    async fn update(&mut self, view: &SavedView, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &view.id.to_string()).await?;
        let done = sqlx::query(
            "UPDATE saved_views SET name = ?, query = ?, shared = ?, updated_at_ms = ?, version = version + 1 \
             WHERE id = ? AND version = ?",
        )
        .bind(&view.name)
        .bind(json(&view.query, WRITING)?)
        .bind(view.shared)
        .bind(view.updated_at_ms)
        .bind(ulid(view.id.0))
        .bind(int(view.version))
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("the view {:?}", view.name)))?;
        if done.rows_affected() == 0 {
            let found = ReadViews::get(self, view.id).await?;
            let found = found.ok_or_else(|| StoreError::not_found("view", view.id))?;
            return Err(StoreError::Conflict { current: found.version });
        }
        self.done(())
    }

    async fn remove(&mut self, id: SavedViewId, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let done = sqlx::query("DELETE FROM saved_views WHERE id = ?")
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(WRITING))?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found("view", id));
        }
        self.done(())
    }
}
