//! Tokens and sources.

use super::session::Session;
use super::values::{
    bytes, failed, failed_or_exists, get, get_json, get_ulid, get_ulid_opt, int, json, named, uint, ulid,
};
use async_trait::async_trait;
use model::{AuditRecord, PersonId, SourceName, TokenId};
use ports::store::{
    Cursor, PAGE_ITEMS_MAX, Page, PageRequest, ReadSources, ReadTokens, Source, Sources, StoreError, Token,
    TokenKind, Tokens,
};
use sqlx::sqlite::SqliteRow;

const TOKENS: &str = "reading tokens";
const TOKEN: &str = "writing a token";
const SOURCES: &str = "reading sources";
const SOURCE: &str = "writing a source";

fn source_name(name: &str, column: &'static str) -> Result<SourceName, StoreError> {
    SourceName::new(name).map_err(|e| StoreError::corrupt(column, e))
}

fn token(row: &SqliteRow) -> Result<Token, StoreError> {
    Ok(Token {
        id: TokenId(get_ulid(row, "id")?),
        name: get(row, "name")?,
        secret_sha256: bytes(row, "secret_sha256")?,
        kind: named(row, "kind", TokenKind::from_name)?,
        source: get::<Option<&str>>(row, "source")?.map(|s| source_name(s, "source")).transpose()?,
        person: get_ulid_opt(row, "person")?.map(PersonId),
        scopes: get_json(row, "scopes")?,
        region: get(row, "region")?,
        created_at_ms: get(row, "created_at_ms")?,
        expires_at_ms: get(row, "expires_at_ms")?,
        last_used_at_ms: get(row, "last_used_at_ms")?,
        revoked_at_ms: get(row, "revoked_at_ms")?,
    })
}

#[async_trait]
impl ReadTokens for Session {
    async fn get(&mut self, id: TokenId) -> Result<Option<Token>, StoreError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(TOKENS))?;
        row.as_ref().map(token).transpose()
    }

    async fn by_secret(&mut self, sha256: &[u8; 32]) -> Result<Option<Token>, StoreError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE secret_sha256 = ?")
            .bind(sha256.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(TOKENS))?;
        row.as_ref().map(token).transpose()
    }

    async fn list(&mut self, page: &PageRequest) -> Result<Page<Token>, StoreError> {
        const LIST: &str = "tokens";
        let (at_ms, last) = match &page.after {
            None => (i64::MAX, vec![0xff; 17]),
            Some(cursor) => {
                let ([at_ms], last) = cursor.parts::<1>(LIST)?;
                let last: TokenId = last.parse().map_err(|_| StoreError::BadCursor)?;
                (at_ms, ulid(last.0))
            }
        };
        let rows = sqlx::query(
            "SELECT * FROM tokens WHERE (created_at_ms, id) < (?, ?) ORDER BY created_at_ms DESC, id DESC LIMIT ?",
        )
        .bind(at_ms)
        .bind(last)
        .bind(i64::from(page.items()) + 1)
        .fetch_all(self.conn())
        .await
        .map_err(failed(TOKENS))?;
        let items = rows.iter().map(token).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |t: &Token| {
            Cursor::new(LIST, &[t.created_at_ms], &t.id.to_string())
        }))
    }

    async fn of_person(&mut self, person: PersonId) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM tokens WHERE person = ? AND revoked_at_ms IS NULL \
             ORDER BY created_at_ms DESC, id DESC LIMIT ?",
        )
        .bind(ulid(person.0))
        .bind(i64::from(PAGE_ITEMS_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(TOKENS))?;
        rows.iter().map(token).collect()
    }
}

#[async_trait]
impl Tokens for Session {
    async fn add(&mut self, token: &Token, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &token.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO tokens (id, region, name, secret_sha256, kind, source, scopes, created_at_ms, \
             expires_at_ms, last_used_at_ms, revoked_at_ms, person) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(token.id.0))
        .bind(&token.region)
        .bind(&token.name)
        .bind(token.secret_sha256.to_vec())
        .bind(token.kind.as_str())
        .bind(token.source.as_ref().map(SourceName::as_str))
        .bind(json(&token.scopes, TOKEN)?)
        .bind(token.created_at_ms)
        .bind(token.expires_at_ms)
        .bind(token.last_used_at_ms)
        .bind(token.revoked_at_ms)
        .bind(token.person.map(|person| ulid(person.0)))
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(TOKEN, format!("token {}", token.id)))?;
        self.done(())
    }

    async fn revoke(&mut self, id: TokenId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let result = sqlx::query("UPDATE tokens SET revoked_at_ms = coalesce(revoked_at_ms, ?) WHERE id = ?")
            .bind(at_ms)
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(TOKEN))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("token", id));
        }
        self.done(())
    }

    async fn used(&mut self, id: TokenId, at_ms: i64) -> Result<(), StoreError> {
        self.step()?;
        sqlx::query(
            "UPDATE tokens SET last_used_at_ms = max(coalesce(last_used_at_ms, ?1), ?1) WHERE id = ?2",
        )
        .bind(at_ms)
        .bind(ulid(id.0))
        .execute(self.conn())
        .await
        .map_err(failed(TOKEN))?;
        self.done(())
    }
}

fn source(row: &SqliteRow) -> Result<Source, StoreError> {
    Ok(Source {
        name: source_name(get(row, "name")?, "name")?,
        kind: get(row, "kind")?,
        region: get(row, "region")?,
        door: get_json(row, "door")?,
        hmac_secret: get(row, "hmac_secret")?,
        enabled: get(row, "enabled")?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        version: uint(row, "version")?,
    })
}

#[async_trait]
impl ReadSources for Session {
    async fn get(&mut self, name: &str) -> Result<Option<Source>, StoreError> {
        let row = sqlx::query("SELECT * FROM sources WHERE name = ?")
            .bind(name)
            .fetch_optional(self.conn())
            .await
            .map_err(failed(SOURCES))?;
        row.as_ref().map(source).transpose()
    }

    async fn list(&mut self) -> Result<Vec<Source>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sources ORDER BY name")
            .fetch_all(self.conn())
            .await
            .map_err(failed(SOURCES))?;
        rows.iter().map(source).collect()
    }
}

#[async_trait]
impl Sources for Session {
    async fn add(&mut self, source: &Source, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &format!("source:{}", source.name)).await?;
        sqlx::query(
            "INSERT INTO sources (name, region, kind, door, hmac_secret, enabled, created_at_ms, updated_at_ms, \
             version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
        )
        .bind(source.name.as_str())
        .bind(&source.region)
        .bind(&source.kind)
        .bind(json(&source.door, SOURCE)?)
        .bind(source.hmac_secret.clone())
        .bind(source.enabled)
        .bind(source.created_at_ms)
        .bind(source.updated_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(SOURCE, format!("source {}", source.name)))?;
        self.done(())
    }

    async fn replace(&mut self, source: &Source, audit: &AuditRecord) -> Result<u64, StoreError> {
        self.step()?;
        self.audited(audit, &format!("source:{}", source.name)).await?;
        let result = sqlx::query(
            "UPDATE sources SET region = ?, kind = ?, door = ?, hmac_secret = ?, enabled = ?, updated_at_ms = ?, \
             version = version + 1 WHERE name = ? AND version = ?",
        )
        .bind(&source.region)
        .bind(&source.kind)
        .bind(json(&source.door, SOURCE)?)
        .bind(source.hmac_secret.clone())
        .bind(source.enabled)
        .bind(source.updated_at_ms)
        .bind(source.name.as_str())
        .bind(int(source.version))
        .execute(self.conn())
        .await
        .map_err(failed(SOURCE))?;
        if result.rows_affected() == 0 {
            let current = ReadSources::get(self, source.name.as_str()).await?;
            let current = current.ok_or_else(|| StoreError::not_found("source", &source.name))?;
            return Err(StoreError::Conflict { current: current.version });
        }
        self.done(source.version + 1)
    }
}
