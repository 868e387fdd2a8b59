//! What people are told by e-mail, until it is sent.

use super::containments::{UNREADABLE_MAX, lease};
use super::session::Session;
use super::values::{failed, failed_or_exists, get, get_ulid, get_ulid_opt, named, ulid};
use async_trait::async_trait;
use model::{IncidentId, Lease, LeaseId, Letter, LetterAbout, LetterId, LetterKind, LetterState, PersonId};
use ports::store::{LETTERS_LISTED_MAX, Letters, ReadLetters, StoreError};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading letters";
const WRITING: &str = "writing a letter";

fn letter(row: &SqliteRow) -> Result<Letter, StoreError> {
    let about: &str = get(row, "about")?;
    let tries: i64 = get(row, "tries")?;
    Ok(Letter {
        id: LetterId(get_ulid(row, "id")?),
        region: get(row, "region")?,
        kind: named(row, "kind", LetterKind::from_name)?,
        about: about.parse().map_err(|_| StoreError::corrupt("about", about))?,
        incident: get_ulid_opt(row, "incident")?.map(IncidentId),
        person: get_ulid_opt(row, "person")?.map(PersonId),
        state: named(row, "state", LetterState::from_name)?,
        tries: u32::try_from(tries).map_err(|e| StoreError::corrupt("tries", e))?,
        problem: get(row, "problem")?,
        due_at_ms: get(row, "due_at_ms")?,
        give_up_at_ms: get(row, "give_up_at_ms")?,
        lease: lease(row)?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
    })
}

fn check(letter: &Letter) -> Result<(), StoreError> {
    if (letter.state == LetterState::Waiting) == letter.due_at_ms.is_some() {
        return Ok(());
    }
    Err(StoreError::BadQuery { reason: "a letter that waits has something due, and no other one".to_owned() })
}

#[async_trait]
impl ReadLetters for Session {
    async fn get(&mut self, id: LetterId) -> Result<Option<Letter>, StoreError> {
        let row = sqlx::query("SELECT * FROM letters WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(letter).transpose()
    }

    async fn about(&mut self, about: LetterAbout) -> Result<Vec<Letter>, StoreError> {
        let rows = sqlx::query("SELECT * FROM letters WHERE about = ? ORDER BY created_at_ms, id LIMIT ?")
            .bind(about.to_string())
            .bind(i64::from(LETTERS_LISTED_MAX))
            .fetch_all(self.conn())
            .await
            .map_err(failed(READING))?;
        rows.iter().map(letter).collect()
    }

    async fn next_due(&mut self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT min(max(due_at_ms, coalesce(leased_until_ms, due_at_ms))) AS at FROM letters \
                   WHERE due_at_ms IS NOT NULL";
        let row = sqlx::query(sql).fetch_one(self.conn()).await.map_err(failed(READING))?;
        get(&row, "at")
    }
}

#[async_trait]
impl Letters for Session {
    async fn add(&mut self, letters: &[Letter]) -> Result<(), StoreError> {
        self.step()?;
        for new in letters {
            check(new)?;
            sqlx::query(
                "INSERT INTO letters (id, region, kind, about, incident, person, state, tries, problem, due_at_ms, \
                 give_up_at_ms, lease, leased_until_ms, created_at_ms, updated_at_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(ulid(new.id.0))
            .bind(&new.region)
            .bind(new.kind.as_str())
            .bind(new.about.to_string())
            .bind(new.incident.map(|incident| ulid(incident.0)))
            .bind(new.person.map(|person| ulid(person.0)))
            .bind(new.state.as_str())
            .bind(i64::from(new.tries))
            .bind(&new.problem)
            .bind(new.due_at_ms)
            .bind(new.give_up_at_ms)
            .bind(new.lease.map(|lease| ulid(lease.id.0)))
            .bind(new.lease.map(|lease| lease.until_ms))
            .bind(new.created_at_ms)
            .bind(new.updated_at_ms)
            .execute(self.conn())
            .await
            .map_err(failed_or_exists(WRITING, format!("letter {}", new.id)))?;
        }
        self.done(())
    }

    async fn take(&mut self, lease: Lease, now_ms: i64) -> Result<Option<Letter>, StoreError> {
        self.step()?;
        let due = sqlx::query(
            "SELECT * FROM letters WHERE due_at_ms <= ?1 AND (leased_until_ms IS NULL OR leased_until_ms <= ?1) \
             ORDER BY due_at_ms, id LIMIT ?2",
        )
        .bind(now_ms)
        .bind(UNREADABLE_MAX)
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        // one that a newer version wrote, or that somebody broke, keeps no other one waiting
        let readable = due.iter().find_map(|row| match letter(row) {
            Ok(letter) => Some(letter),
            Err(error) => {
                tracing::error!(%error, "a letter that is due cannot be read");
                None
            }
        });
        let Some(found) = readable else { return self.done(None) };
        sqlx::query("UPDATE letters SET lease = ?, leased_until_ms = ? WHERE id = ?")
            .bind(ulid(lease.id.0))
            .bind(lease.until_ms)
            .bind(ulid(found.id.0))
            .execute(self.conn())
            .await
            .map_err(failed(WRITING))?;
        self.done(Some(Letter { lease: Some(lease), ..found }))
    }

    async fn settle(&mut self, changed: &Letter, held: LeaseId) -> Result<bool, StoreError> {
        self.step()?;
        check(changed)?;
        let result = sqlx::query(
            "UPDATE letters SET state = ?1, tries = ?2, problem = ?3, due_at_ms = ?4, lease = ?5, leased_until_ms = ?6, \
             updated_at_ms = ?7 WHERE id = ?8 AND lease = ?9",
        )
        .bind(changed.state.as_str())
        .bind(i64::from(changed.tries))
        .bind(&changed.problem)
        .bind(changed.due_at_ms)
        .bind(changed.lease.map(|lease| ulid(lease.id.0)))
        .bind(changed.lease.map(|lease| lease.until_ms))
        .bind(changed.updated_at_ms)
        .bind(ulid(changed.id.0))
        .bind(ulid(held.0))
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        self.done(result.rows_affected() == 1)
    }

    async fn forget(&mut self, before_ms: i64, letters_max: u32) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query(
            "DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE due_at_ms IS NULL AND updated_at_ms < ? \
             ORDER BY updated_at_ms LIMIT ?)",
        )
        .bind(before_ms)
        .bind(i64::from(letters_max))
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        self.done(result.rows_affected())
    }
}
