//! Audit records: numbered, timed and hashed in the transaction of the change they tell of.

use super::session::{ROWS_PER_STATEMENT, Session};
use super::values::{bytes, failed, failed_or_exists, get, get_ulid, int, uint, ulid};
use async_trait::async_trait;
use model::{
    ACTION_BYTES_MAX, AUDIT_FIELDS, AuditEntry, AuditField, AuditId, AuditRecord, CommittedValue, Hash,
    Principal, SALT_BYTES, Salts,
};
use ports::store::{
    Audit, AuditFilter, Cursor, ERASE_ACTION, PAGE_ITEMS_MAX, Page, PageRequest, ReadAudit, Recorded,
    StoreError, StoredEntry, check_erasure,
};
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use std::ops::Range;

const READING: &str = "reading audit records";
const WRITING: &str = "writing an audit record";
/// A commitment of an erased value: the field's tag and a hash.
const ERASED_BYTES: usize = 33;
/// What the schema writes where the program has not yet computed the leaf hash.
const NO_HASH: Hash = [0; 32];

/// A row as it is.
fn stored(row: &SqliteRow) -> Result<StoredEntry, StoreError> {
    let salts: [u8; AUDIT_FIELDS * SALT_BYTES] = bytes(row, "salts")?;
    let erased: Option<&[u8]> = get(row, "erased")?;
    let mut commitments = [None; AUDIT_FIELDS];
    for one in erased.unwrap_or_default().chunks(ERASED_BYTES) {
        let (tag, hash) = one.split_first().ok_or_else(|| StoreError::corrupt("erased", "empty"))?;
        let slot = usize::from(*tag).checked_sub(1).and_then(|i| commitments.get_mut(i));
        let slot = slot.ok_or_else(|| StoreError::corrupt("erased", tag))?;
        *slot = Some(hash.try_into().map_err(|e| StoreError::corrupt("erased", e))?);
    }
    let mut values = Vec::with_capacity(AUDIT_FIELDS);
    for field in AuditField::ALL {
        let at = field as usize * SALT_BYTES;
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&salts[at..at + SALT_BYTES]);
        let text: Option<String> = get(row, field.as_str())?;
        // an erased value that is there all the same is shown, so that its commitment cannot fit
        values.push(match commitments[field as usize] {
            Some(commitment) if text.is_none() => CommittedValue::Erased { commitment },
            _ => CommittedValue::Open { salt, text },
        });
    }
    let values = values.try_into().map_err(|_| StoreError::corrupt("audit", "not seven values"))?;
    let entry = AuditEntry {
        index: uint(row, "seq")?.saturating_sub(1),
        id: AuditId(get_ulid(row, "id")?),
        at_ms: get(row, "at_ms")?,
        clock_ms: get(row, "clock_ms")?,
        action: get(row, "action")?,
        values,
    };
    Ok(StoredEntry { entry, leaf_hash: bytes(row, "leaf_hash")? })
}

fn json<T: DeserializeOwned>(entry: &AuditEntry, field: AuditField, erased: T) -> Result<T, StoreError> {
    match entry.value(field) {
        CommittedValue::Erased { .. } | CommittedValue::Withheld { .. } => Ok(erased),
        value => serde_json::from_str(value.text().unwrap_or_default())
            .map_err(|e| StoreError::corrupt(field.as_str(), e)),
    }
}

/// The record that an entry was made of, without what was erased.
fn record(entry: &AuditEntry) -> Result<AuditRecord, StoreError> {
    let text = |field| entry.value(field).text().map(str::to_owned);
    Ok(AuditRecord {
        id: entry.id,
        at_ms: entry.at_ms,
        principal: json(entry, AuditField::Principal, Principal::Erased)?,
        action: entry.action.clone(),
        object: text(AuditField::Object).unwrap_or_default(),
        before: json(entry, AuditField::Before, serde_json::Value::Null)?,
        after: json(entry, AuditField::After, serde_json::Value::Null)?,
        reason: text(AuditField::Reason),
        origin: text(AuditField::Origin),
        request_id: text(AuditField::RequestId),
        salts: Salts(AuditField::ALL.map(|field| match entry.value(field) {
            CommittedValue::Open { salt, .. } => Some(*salt),
            CommittedValue::Erased { .. } | CommittedValue::Withheld { .. } => None,
        })),
    })
}

/// The record of a row, without what was erased.
pub(super) fn record_of(row: &SqliteRow) -> Result<AuditRecord, StoreError> {
    record(&stored(row)?.entry)
}

fn salts(entry: &AuditEntry) -> Vec<u8> {
    let salt = |value: &CommittedValue| match value {
        CommittedValue::Open { salt, .. } => *salt,
        CommittedValue::Erased { .. } | CommittedValue::Withheld { .. } => [0; SALT_BYTES],
    };
    entry.values.iter().flat_map(salt).collect()
}

/// The records that fit, of a range of numbers: a run of neighbouring entries of one index.
fn run(filter: &AuditFilter, range: Range<i64>, items: u32) -> QueryBuilder<Sqlite> {
    // named, since without statistics SQLite does not prefer the index of two columns
    let index = match (&filter.object, &filter.principal, &filter.action) {
        (None, None, None) => "NOT INDEXED",
        (Some(_), None, None) => "INDEXED BY audit_of_object",
        (None, Some(_), None) => "INDEXED BY audit_of_principal",
        (None, None, Some(_)) => "INDEXED BY audit_of_action",
        (None, Some(_), Some(_)) => "INDEXED BY audit_of_principal_action",
        (Some(_), Some(_), _) => "INDEXED BY audit_of_object_principal",
        (Some(_), None, Some(_)) => "INDEXED BY audit_of_object_action",
    };
    let mut sql = QueryBuilder::new("SELECT * FROM audit ");
    sql.push(index).push(" WHERE seq >= ").push_bind(range.start).push(" AND seq < ").push_bind(range.end);
    let equals =
        [("object", &filter.object), ("principal_name", &filter.principal), ("action", &filter.action)];
    for (column, value) in equals {
        if let Some(value) = value {
            sql.push(" AND ").push(column).push(" = ").push_bind(value.clone());
        }
    }
    sql.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(items) + 1);
    sql
}

/// Number of the first record at or after `at_ms`.
async fn first_from(conn: &mut SqliteConnection, at_ms: i64) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar("SELECT seq FROM audit WHERE at_ms >= ? ORDER BY at_ms, seq LIMIT 1")
        .bind(at_ms)
        .fetch_optional(conn)
        .await
        .map_err(failed(READING))
}

#[async_trait]
impl ReadAudit for Session {
    async fn get(&mut self, id: AuditId) -> Result<Option<AuditRecord>, StoreError> {
        let found = ReadAudit::entry(self, id).await?;
        found.map(|stored| record(&stored.entry)).transpose()
    }

    async fn list(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        const LIST: &str = "audit";
        let empty = Page { items: Vec::new(), next: None };
        let mut range = 0..i64::MAX;
        if let Some(since_ms) = filter.since_ms {
            let Some(first) = first_from(self.conn(), since_ms).await? else { return Ok(empty) };
            range.start = first;
        }
        if let Some(until_ms) = filter.until_ms {
            range.end = first_from(self.conn(), until_ms).await?.unwrap_or(i64::MAX);
        }
        if let Some(cursor) = &page.after {
            let ([seq], _) = cursor.parts::<1>(LIST)?;
            range.end = range.end.min(seq);
        }
        let mut sql = run(filter, range, page.items());
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        let items = rows.iter().map(|row| Ok((get(row, "seq")?, record(&stored(row)?.entry)?)));
        let items: Vec<(i64, AuditRecord)> = items.collect::<Result<_, StoreError>>()?;
        let page = Page::of(items, page.items(), |(seq, _)| Cursor::new(LIST, &[*seq], ""));
        Ok(Page { items: page.items.into_iter().map(|(_, record)| record).collect(), next: page.next })
    }

    async fn count(&mut self) -> Result<u64, StoreError> {
        let last = last(self.conn()).await?;
        Ok(last.map_or(0, |(seq, _)| seq.max(0) as u64))
    }

    async fn entries(&mut self, from: u64, items_max: u32) -> Result<Vec<StoredEntry>, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?")
            .bind(int(from))
            .bind(i64::from(items_max.clamp(1, PAGE_ITEMS_MAX)))
            .fetch_all(self.conn())
            .await
            .map_err(failed(READING))?;
        rows.iter().map(stored).collect()
    }

    async fn entry(&mut self, id: AuditId) -> Result<Option<StoredEntry>, StoreError> {
        let row = sqlx::query("SELECT * FROM audit WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(stored).transpose()
    }
}

/// Number and time of the newest record.
async fn last(conn: &mut SqliteConnection) -> Result<Option<(i64, i64)>, StoreError> {
    sqlx::query_as("SELECT seq, at_ms FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(conn)
        .await
        .map_err(failed(READING))
}

impl Session {
    /// Gives the record its place and its leaf, and writes it.
    pub(super) async fn write_audit(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        self.write_audits(&[record]).await.map(drop)
    }

    /// Gives records their places and leaves, in order, and writes them; says where they stand.
    pub(super) async fn write_audits(
        &mut self,
        records: &[&AuditRecord],
    ) -> Result<Vec<Recorded>, StoreError> {
        if records.iter().any(|record| !(1..=ACTION_BYTES_MAX).contains(&record.action.len())) {
            let reason = format!("an action has 1 to {ACTION_BYTES_MAX} bytes");
            return Err(StoreError::BadQuery { reason });
        }
        let (seq, mut at_ms_min) = last(self.conn()).await?.unwrap_or((0, i64::MIN));
        let mut rows = Vec::with_capacity(records.len());
        for (index, record) in (seq.max(0) as u64..).zip(records) {
            let entry = AuditEntry::of(record, index, at_ms_min)
                .map_err(|e| StoreError::Backend { doing: WRITING, source: e.into() })?;
            at_ms_min = entry.at_ms;
            let leaf_hash = entry.leaf_hash();
            rows.push((entry, leaf_hash));
        }
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            let mut sql = QueryBuilder::new(
                "INSERT INTO audit (seq, id, at_ms, clock_ms, action, principal, object, before, after, reason, \
                 origin, request_id, salts, leaf_hash) ",
            );
            sql.push_values(chunk, |mut row, (entry, leaf_hash)| {
                row.push_bind(int(entry.index) + 1).push_bind(ulid(entry.id.0));
                row.push_bind(entry.at_ms).push_bind(entry.clock_ms).push_bind(&entry.action);
                for value in &entry.values {
                    row.push_bind(value.text());
                }
                row.push_bind(salts(entry)).push_bind(leaf_hash.to_vec());
            });
            let ids = chunk.iter().map(|(entry, _)| entry.id.to_string()).collect::<Vec<_>>().join(", ");
            sql.build()
                .execute(self.conn())
                .await
                .map_err(failed_or_exists(WRITING, format!("audit record {ids}")))?;
        }
        Ok(rows.into_iter().map(|(entry, leaf_hash)| Recorded { index: entry.index, leaf_hash }).collect())
    }

    async fn erase_values(&mut self, id: AuditId, fields: &[AuditField]) -> Result<u32, StoreError> {
        const ERASING: &str = "erasing values of an audit record";
        let found = ReadAudit::entry(self, id).await?;
        let mut entry = found.ok_or_else(|| StoreError::not_found("audit record", id))?.entry;
        let named = [AuditField::Object, AuditField::After];
        if entry.action == ERASE_ACTION && fields.iter().any(|field| named.contains(field)) {
            let reason = "what the record of an erasure names stays: it tells an erasure from a theft";
            return Err(StoreError::BadQuery { reason: reason.to_owned() });
        }
        let mut dropped = 0;
        for field in fields {
            let value = &mut entry.values[*field as usize];
            if !value.is_erased() {
                *value = CommittedValue::Erased { commitment: value.commitment(*field) };
                dropped += 1;
            }
        }
        if dropped == 0 {
            return Ok(0);
        }
        let mut erased = Vec::new();
        for field in AuditField::ALL.into_iter().filter(|field| entry.value(*field).is_erased()) {
            erased.push(field.tag());
            erased.extend_from_slice(&entry.value(field).commitment(field));
        }
        // what is freed here is overwritten, not only forgotten
        sqlx::query("PRAGMA secure_delete = ON").execute(self.conn()).await.map_err(failed(ERASING))?;
        let mut sql = QueryBuilder::new("UPDATE audit SET salts = ");
        sql.push_bind(salts(&entry)).push(", erased = ").push_bind(erased);
        for field in AuditField::ALL.into_iter().filter(|field| entry.value(*field).is_erased()) {
            sql.push(", ").push(field.as_str()).push(" = NULL");
        }
        sql.push(" WHERE id = ").push_bind(ulid(id.0));
        sql.build().execute(self.conn()).await.map_err(failed(ERASING))?;
        sqlx::query("PRAGMA secure_delete = OFF").execute(self.conn()).await.map_err(failed(ERASING))?;
        Ok(dropped)
    }
}

#[async_trait]
impl Audit for Session {
    async fn add(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.write_audit(record).await?;
        self.done(())
    }

    async fn erase(
        &mut self,
        id: AuditId,
        fields: &[AuditField],
        audit: &AuditRecord,
    ) -> Result<u32, StoreError> {
        self.step()?;
        check_erasure(audit, id, fields)?;
        let dropped = self.erase_values(id, fields).await?;
        self.write_audit(audit).await?;
        self.done(dropped)
    }
}

/// Computes the leaf hashes of records from before the tree, all at once or not at all.
pub(super) async fn fill_leaf_hashes(writer: &SqlitePool) -> Result<(), StoreError> {
    const FILLING: &str = "hashing audit records of an earlier version";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed(FILLING))?;
    let first: Option<Vec<u8>> = sqlx::query_scalar("SELECT leaf_hash FROM audit ORDER BY seq LIMIT 1")
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed(FILLING))?;
    if first.is_none_or(|hash| hash != NO_HASH) {
        return tx.rollback().await.map_err(failed(FILLING));
    }
    let mut from = 0;
    loop {
        let rows = sqlx::query("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?")
            .bind(from)
            .bind(i64::from(PAGE_ITEMS_MAX))
            .fetch_all(&mut *tx)
            .await
            .map_err(failed(FILLING))?;
        let Some(newest) = rows.last() else { break };
        from = get::<i64>(newest, "seq")?;
        for row in &rows {
            sqlx::query("UPDATE audit SET leaf_hash = ? WHERE seq = ?")
                .bind(stored(row)?.entry.leaf_hash().to_vec())
                .bind(get::<i64>(row, "seq")?)
                .execute(&mut *tx)
                .await
                .map_err(failed(FILLING))?;
        }
    }
    tx.commit().await.map_err(failed(FILLING))
}

#[cfg(test)]
mod tests {
    use super::super::{SqliteStore, migrator};
    use super::*;
    use model::{Ulid, leaf_hash};
    use ports::Store;
    use sqlx::migrate::Migrator;
    use sqlx::{Execute, Row};

    #[tokio::test]
    async fn every_list_is_a_run_of_one_index() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_path(&dir.path().join("s.db")).await.unwrap();
        let mut conn = store.readers().acquire().await.unwrap();
        let given = |yes: bool| yes.then(|| "x".to_owned());
        for (object, principal, action, expected) in [
            (false, false, false, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            (true, false, false, "INDEX audit_of_object (object=? AND rowid>? AND rowid<?)"),
            (false, true, false, "INDEX audit_of_principal (principal_name=? AND rowid>? AND rowid<?)"),
            (false, false, true, "INDEX audit_of_action (action=? AND rowid>? AND rowid<?)"),
            (false, true, true, "INDEX audit_of_principal_action (principal_name=? AND action=? AND rowid>?"),
            (true, true, false, "INDEX audit_of_object_principal (object=? AND principal_name=? AND rowid>?"),
            (true, false, true, "INDEX audit_of_object_action (object=? AND action=? AND rowid>?"),
            (true, true, true, "INDEX audit_of_object_principal (object=? AND principal_name=? AND rowid>?"),
        ] {
            let filter = AuditFilter {
                object: given(object),
                principal: given(principal),
                action: given(action),
                ..AuditFilter::default()
            };
            let mut sql = run(&filter, 3..9, 50);
            let text = format!("EXPLAIN QUERY PLAN {}", sql.build().sql().as_str());
            let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&mut *conn).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(plan.len() == 1 && plan[0].contains(expected), "{expected}: {plan:?}");
        }
    }

    #[tokio::test]
    async fn records_of_an_earlier_version_get_their_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let url = format!("sqlite:{}?mode=rwc", path.display());
        let old = SqlitePool::connect(&url).await.unwrap();
        let first = migrator().iter().take(1).cloned().collect();
        Migrator::with_migrations(first).run(&old).await.unwrap();
        for (seq, at_ms) in [(3_i64, 50_i64), (7, 20), (9, 70)] {
            let (id, principal) = (ulid(Ulid(seq as u128)), r#"{"kind":"local","account":"ana"}"#);
            sqlx::query(
                "INSERT INTO audit (seq, id, at_ms, principal_name, principal, action, object, before, after) \
                 VALUES (?, ?, ?, 'ana', ?, 'token.issue', 'tok_1', 'null', '{\"b\": 1}')",
            )
            .bind(seq)
            .bind(id)
            .bind(at_ms)
            .bind(principal)
            .execute(&old)
            .await
            .unwrap();
        }
        old.close().await;
        let store = SqliteStore::open_path(&path).await.unwrap();
        let entries = store.read().await.unwrap().audit().entries(0, 10).await.unwrap();
        let places: Vec<_> = entries
            .iter()
            .map(|e| (e.entry.index, e.entry.at_ms, e.entry.clock_ms, e.entry.id.0.0))
            .collect();
        assert_eq!(places, [(0, 50, 50, 3), (1, 50, 20, 7), (2, 70, 70, 9)]);
        for stored in &entries {
            assert_eq!(stored.leaf_hash, leaf_hash(&stored.entry.leaf()));
            assert_eq!(stored.entry.value(AuditField::After).text(), Some("{\"b\": 1}"), "byte for byte");
        }
        store.close().await;
        let again = SqliteStore::open_path(&path).await.unwrap();
        assert_eq!(again.read().await.unwrap().audit().entries(0, 10).await.unwrap(), entries);
        let by_ana = AuditFilter { principal: Some("ana".into()), ..AuditFilter::default() };
        let found = again.read().await.unwrap().audit().list(&by_ana, &PageRequest::default()).await.unwrap();
        assert_eq!(found.items.len(), 3);
    }
}
