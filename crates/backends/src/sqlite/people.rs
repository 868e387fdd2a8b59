//! People, their sessions, one-time links.

use super::session::Session;
use super::values::{bytes, failed, failed_or_exists, get, get_json, get_ulid, int, json, uint, ulid};
use async_trait::async_trait;
use model::{AuditRecord, LinkId, PersonId, SessionId};
use ports::store::{
    Cursor, Identity, Link, Links, NAMESAKES_MAX, PERSON_SESSIONS_MAX, Page, PageRequest, People, Person,
    PersonSession, ReadLinks, ReadPeople, ReadSessions, Sessions, StoreError,
};
use sqlx::sqlite::SqliteRow;

const PEOPLE: &str = "reading people";
const PERSON: &str = "writing a person";
const SESSIONS: &str = "reading sessions";
const SESSION: &str = "writing a session";
const LINKS: &str = "reading links";
const LINK: &str = "writing a link";

fn person(row: &SqliteRow) -> Result<Person, StoreError> {
    let identity = get::<Option<String>>(row, "issuer")?.zip(get::<Option<String>>(row, "subject")?);
    Ok(Person {
        id: PersonId(get_ulid(row, "id")?),
        name: get(row, "name")?,
        email: get(row, "email")?,
        roles: get_json(row, "roles")?,
        teams: get_json(row, "teams")?,
        services: get_json(row, "services")?,
        disabled: get(row, "disabled")?,
        identity: identity.map(|(issuer, subject)| Identity { issuer, subject }),
        region: get(row, "region")?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        signed_in_at_ms: get(row, "signed_in_at_ms")?,
        left_at_ms: get(row, "left_at_ms")?,
        version: uint(row, "version")?,
    })
}

#[async_trait]
impl ReadPeople for Session {
    async fn get(&mut self, id: PersonId) -> Result<Option<Person>, StoreError> {
        let row = sqlx::query("SELECT * FROM people WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(PEOPLE))?;
        row.as_ref().map(person).transpose()
    }

    async fn by_identity(&mut self, identity: &Identity) -> Result<Option<Person>, StoreError> {
        let row = sqlx::query("SELECT * FROM people WHERE issuer = ? AND subject = ?")
            .bind(&identity.issuer)
            .bind(&identity.subject)
            .fetch_optional(self.conn())
            .await
            .map_err(failed(PEOPLE))?;
        row.as_ref().map(person).transpose()
    }

    async fn list(&mut self, page: &PageRequest) -> Result<Page<Person>, StoreError> {
        const LIST: &str = "people";
        let (at_ms, last) = match &page.after {
            None => (i64::MAX, vec![0xff; 17]),
            Some(cursor) => {
                let ([at_ms], last) = cursor.parts::<1>(LIST)?;
                let last: PersonId = last.parse().map_err(|_| StoreError::BadCursor)?;
                (at_ms, ulid(last.0))
            }
        };
        let rows = sqlx::query(
            "SELECT * FROM people WHERE (created_at_ms, id) < (?, ?) ORDER BY created_at_ms DESC, id DESC LIMIT ?",
        )
        .bind(at_ms)
        .bind(last)
        .bind(i64::from(page.items()) + 1)
        .fetch_all(self.conn())
        .await
        .map_err(failed(PEOPLE))?;
        let items = rows.iter().map(person).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |p: &Person| {
            Cursor::new(LIST, &[p.created_at_ms], &p.id.to_string())
        }))
    }

    async fn called(&mut self, name: &str) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM people WHERE disabled = 0 \
             AND (name = ?1 COLLATE NOCASE OR email = ?1 COLLATE NOCASE) ORDER BY created_at_ms, id LIMIT ?2",
        )
        .bind(name)
        .bind(i64::from(NAMESAKES_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(PEOPLE))?;
        rows.iter().map(person).collect()
    }

    async fn count_with_role(&mut self, role: &str) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS n FROM people WHERE disabled = 0 \
             AND EXISTS (SELECT 1 FROM json_each(people.roles) WHERE value = ?)",
        )
        .bind(role)
        .fetch_one(self.conn())
        .await
        .map_err(failed(PEOPLE))?;
        uint(&row, "n")
    }
}

#[async_trait]
impl People for Session {
    async fn add(&mut self, person: &Person, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &person.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO people (id, region, name, email, roles, teams, services, disabled, issuer, subject, \
             created_at_ms, updated_at_ms, signed_in_at_ms, left_at_ms, version) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        )
        .bind(ulid(person.id.0))
        .bind(&person.region)
        .bind(&person.name)
        .bind(&person.email)
        .bind(json(&person.roles, PERSON)?)
        .bind(json(&person.teams, PERSON)?)
        .bind(json(&person.services, PERSON)?)
        .bind(person.disabled)
        .bind(person.identity.as_ref().map(|identity| identity.issuer.as_str()))
        .bind(person.identity.as_ref().map(|identity| identity.subject.as_str()))
        .bind(person.created_at_ms)
        .bind(person.updated_at_ms)
        .bind(person.signed_in_at_ms)
        .bind(person.left_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(PERSON, format!("person {}", person.id)))?;
        self.done(())
    }

    async fn replace(&mut self, person: &Person, audit: &AuditRecord) -> Result<u64, StoreError> {
        self.step()?;
        self.audited(audit, &person.id.to_string()).await?;
        let result = sqlx::query(
            "UPDATE people SET name = ?, email = ?, roles = ?, teams = ?, services = ?, disabled = ?, \
             updated_at_ms = ?, version = version + 1 WHERE id = ? AND version = ?",
        )
        .bind(&person.name)
        .bind(&person.email)
        .bind(json(&person.roles, PERSON)?)
        .bind(json(&person.teams, PERSON)?)
        .bind(json(&person.services, PERSON)?)
        .bind(person.disabled)
        .bind(person.updated_at_ms)
        .bind(ulid(person.id.0))
        .bind(int(person.version))
        .execute(self.conn())
        .await
        .map_err(failed(PERSON))?;
        if result.rows_affected() == 0 {
            let current = ReadPeople::get(self, person.id).await?;
            let current = current.ok_or_else(|| StoreError::not_found("person", person.id))?;
            return Err(StoreError::Conflict { current: current.version });
        }
        self.done(person.version + 1)
    }

    async fn signed_in(&mut self, id: PersonId, at_ms: i64) -> Result<(), StoreError> {
        self.step()?;
        sqlx::query(
            "UPDATE people SET signed_in_at_ms = max(coalesce(signed_in_at_ms, ?1), ?1), left_at_ms = NULL \
             WHERE id = ?2",
        )
        .bind(at_ms)
        .bind(ulid(id.0))
        .execute(self.conn())
        .await
        .map_err(failed(PERSON))?;
        self.done(())
    }

    async fn left(&mut self, id: PersonId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let result = sqlx::query("UPDATE people SET left_at_ms = ? WHERE id = ?")
            .bind(at_ms)
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(PERSON))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("person", id));
        }
        self.done(())
    }
}

fn session(row: &SqliteRow) -> Result<PersonSession, StoreError> {
    let previous: Option<&[u8]> = get(row, "previous_sha256")?;
    let previous = previous.map(TryInto::try_into).transpose();
    Ok(PersonSession {
        id: SessionId(get_ulid(row, "id")?),
        person: PersonId(get_ulid(row, "person")?),
        secret_sha256: bytes(row, "secret_sha256")?,
        previous_sha256: previous.map_err(|e| StoreError::corrupt("previous_sha256", e))?,
        csrf: get(row, "csrf")?,
        provider: get(row, "provider")?,
        provider_sid: get(row, "provider_sid")?,
        origin: get(row, "origin")?,
        user_agent: get(row, "user_agent")?,
        region: get(row, "region")?,
        created_at_ms: get(row, "created_at_ms")?,
        rotated_at_ms: get(row, "rotated_at_ms")?,
        seen_at_ms: get(row, "seen_at_ms")?,
        expires_at_ms: get(row, "expires_at_ms")?,
        ended_at_ms: get(row, "ended_at_ms")?,
    })
}

#[async_trait]
impl ReadSessions for Session {
    async fn get(&mut self, id: SessionId) -> Result<Option<PersonSession>, StoreError> {
        let row = sqlx::query("SELECT * FROM sessions WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(SESSIONS))?;
        row.as_ref().map(session).transpose()
    }

    async fn by_secret(&mut self, sha256: &[u8; 32]) -> Result<Option<PersonSession>, StoreError> {
        // two searches of an index each; an OR could scan
        let row = sqlx::query(
            "SELECT * FROM sessions WHERE secret_sha256 = ?1 \
             UNION ALL SELECT * FROM sessions WHERE previous_sha256 = ?1 LIMIT 1",
        )
        .bind(sha256.to_vec())
        .fetch_optional(self.conn())
        .await
        .map_err(failed(SESSIONS))?;
        row.as_ref().map(session).transpose()
    }

    async fn of_person(&mut self, person: PersonId) -> Result<Vec<PersonSession>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM sessions WHERE person = ? AND ended_at_ms IS NULL \
             ORDER BY created_at_ms DESC, id DESC LIMIT ?",
        )
        .bind(ulid(person.0))
        .bind(i64::from(PERSON_SESSIONS_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(SESSIONS))?;
        rows.iter().map(session).collect()
    }

    async fn people_by_provider_sid(
        &mut self,
        provider: &str,
        sid: &str,
    ) -> Result<Vec<PersonId>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT person FROM sessions WHERE provider_sid = ? AND provider = ? AND ended_at_ms IS NULL \
             ORDER BY person LIMIT ?",
        )
        .bind(sid)
        .bind(provider)
        .bind(i64::from(PERSON_SESSIONS_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(SESSIONS))?;
        rows.iter().map(|row| get_ulid(row, "person").map(PersonId)).collect()
    }
}

#[async_trait]
impl Sessions for Session {
    async fn add(&mut self, session: &PersonSession, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &session.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO sessions (id, region, person, secret_sha256, previous_sha256, csrf, provider, provider_sid, \
             origin, user_agent, created_at_ms, rotated_at_ms, seen_at_ms, expires_at_ms, ended_at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(session.id.0))
        .bind(&session.region)
        .bind(ulid(session.person.0))
        .bind(session.secret_sha256.to_vec())
        .bind(session.previous_sha256.map(|sha256| sha256.to_vec()))
        .bind(&session.csrf)
        .bind(&session.provider)
        .bind(&session.provider_sid)
        .bind(&session.origin)
        .bind(&session.user_agent)
        .bind(session.created_at_ms)
        .bind(session.rotated_at_ms)
        .bind(session.seen_at_ms)
        .bind(session.expires_at_ms)
        .bind(session.ended_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(SESSION, format!("session {}", session.id)))?;
        self.done(())
    }

    async fn rotate(
        &mut self,
        id: SessionId,
        from_sha256: &[u8; 32],
        to_sha256: &[u8; 32],
        at_ms: i64,
    ) -> Result<bool, StoreError> {
        self.step()?;
        let result = sqlx::query(
            "UPDATE sessions SET previous_sha256 = secret_sha256, secret_sha256 = ?, rotated_at_ms = ? \
             WHERE id = ? AND secret_sha256 = ? AND ended_at_ms IS NULL",
        )
        .bind(to_sha256.to_vec())
        .bind(at_ms)
        .bind(ulid(id.0))
        .bind(from_sha256.to_vec())
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(SESSION, format!("session {id}")))?;
        self.done(result.rows_affected() == 1)
    }

    async fn seen(&mut self, id: SessionId, at_ms: i64) -> Result<(), StoreError> {
        self.step()?;
        sqlx::query("UPDATE sessions SET seen_at_ms = max(seen_at_ms, ?) WHERE id = ?")
            .bind(at_ms)
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(SESSION))?;
        self.done(())
    }

    async fn end(&mut self, id: SessionId, at_ms: i64, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let result = sqlx::query("UPDATE sessions SET ended_at_ms = coalesce(ended_at_ms, ?) WHERE id = ?")
            .bind(at_ms)
            .bind(ulid(id.0))
            .execute(self.conn())
            .await
            .map_err(failed(SESSION))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("session", id));
        }
        self.done(())
    }

    async fn forget(&mut self, before_ms: i64, sessions_max: u32) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at_ms < ? LIMIT ?)",
        )
        .bind(before_ms)
        .bind(i64::from(sessions_max))
        .execute(self.conn())
        .await
        .map_err(failed(SESSION))?;
        self.done(result.rows_affected())
    }
}

fn link(row: &SqliteRow) -> Result<Link, StoreError> {
    Ok(Link {
        id: LinkId(get_ulid(row, "id")?),
        secret_sha256: bytes(row, "secret_sha256")?,
        roles: get_json(row, "roles")?,
        name: get(row, "name")?,
        person: get::<Option<&[u8]>>(row, "person")?
            .map(|_| get_ulid(row, "person"))
            .transpose()?
            .map(PersonId),
        region: get(row, "region")?,
        created_at_ms: get(row, "created_at_ms")?,
        expires_at_ms: get(row, "expires_at_ms")?,
        used_at_ms: get(row, "used_at_ms")?,
    })
}

#[async_trait]
impl ReadLinks for Session {
    async fn by_secret(&mut self, sha256: &[u8; 32]) -> Result<Option<Link>, StoreError> {
        let row = sqlx::query("SELECT * FROM links WHERE secret_sha256 = ?")
            .bind(sha256.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(LINKS))?;
        row.as_ref().map(link).transpose()
    }

    async fn opens_for(&mut self, person: PersonId, at_ms: i64) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 FROM links WHERE person = ? AND used_at_ms IS NULL AND expires_at_ms > ? LIMIT 1",
        )
        .bind(ulid(person.0))
        .bind(at_ms)
        .fetch_optional(self.conn())
        .await
        .map_err(failed(LINKS))?;
        Ok(row.is_some())
    }
}

#[async_trait]
impl Links for Session {
    async fn add(&mut self, link: &Link, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &link.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO links (id, region, secret_sha256, roles, name, person, created_at_ms, expires_at_ms, \
             used_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(ulid(link.id.0))
        .bind(&link.region)
        .bind(link.secret_sha256.to_vec())
        .bind(json(&link.roles, LINK)?)
        .bind(&link.name)
        .bind(link.person.map(|person| ulid(person.0)))
        .bind(link.created_at_ms)
        .bind(link.expires_at_ms)
        .bind(link.used_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(LINK, format!("link {}", link.id)))?;
        self.done(())
    }

    async fn use_up(&mut self, id: LinkId, at_ms: i64) -> Result<bool, StoreError> {
        self.step()?;
        let result = sqlx::query(
            "UPDATE links SET used_at_ms = ?1 WHERE id = ?2 AND used_at_ms IS NULL AND expires_at_ms > ?1",
        )
        .bind(at_ms)
        .bind(ulid(id.0))
        .execute(self.conn())
        .await
        .map_err(failed(LINK))?;
        self.done(result.rows_affected() == 1)
    }

    async fn withdraw(&mut self, name: &str, at_ms: i64) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query("UPDATE links SET used_at_ms = ? WHERE name = ? AND used_at_ms IS NULL")
            .bind(at_ms)
            .bind(name)
            .execute(self.conn())
            .await
            .map_err(failed(LINK))?;
        self.done(result.rows_affected())
    }

    async fn withdraw_of(&mut self, person: PersonId, at_ms: i64) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query("UPDATE links SET used_at_ms = ? WHERE person = ? AND used_at_ms IS NULL")
            .bind(at_ms)
            .bind(ulid(person.0))
            .execute(self.conn())
            .await
            .map_err(failed(LINK))?;
        self.done(result.rows_affected())
    }
}
