//! What comes of reports for many: notices to moderators, digests, thanks.

use super::session::Session;
use super::values::{
    failed, failed_or_exists, get, get_json, get_json_opt, get_ulid, json, named, uint, ulid,
};
use async_trait::async_trait;
use model::{
    AuditRecord, Credit, Digest, DigestId, DigestState, NoticeId, NoticeKind, PersonId, Principal, ReportId,
    ReportNotice,
};
use ports::store::{
    CREDITS_LISTED_MAX, Credits, Cursor, Digests, NOTICE_REPORTS_MAX, NOTICES_LISTED_MAX, Notices, Page,
    PageRequest, ReadCredits, ReadDigests, ReadNotices, StoreError, check_audit,
};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const NOTICES: &str = "reading notices";
const NOTICE: &str = "writing a notice";
const DIGESTS: &str = "reading digests";
const DIGEST: &str = "writing a digest";
const CREDITS: &str = "reading how people want to be thanked";
const CREDIT: &str = "writing how somebody wants to be thanked";

/// A notice with the ids of its reports as a JSON array of their hex digits.
const NOTICE_ROWS: &str = "SELECT n.*, (SELECT json_group_array(hex(m.report)) FROM report_notice_members m \
     WHERE m.notice = n.seq) AS members FROM report_notices n ";

fn notice(row: &SqliteRow) -> Result<ReportNotice, StoreError> {
    let members: Vec<String> = get_json(row, "members")?;
    let id = |hex: &String| u128::from_str_radix(hex, 16).map(|id| ReportId(model::Ulid(id)));
    let reports = members.iter().map(id).collect::<Result<_, _>>();
    Ok(ReportNotice {
        id: NoticeId(get_ulid(row, "id")?),
        kind: named(row, "kind", NoticeKind::from_name)?,
        key: get(row, "key")?,
        service: get(row, "service")?,
        score: get(row, "score")?,
        reports: reports.map_err(|e| StoreError::corrupt("members", e))?,
        features: get_json(row, "features")?,
        region: get(row, "region")?,
        at_ms: get(row, "at_ms")?,
        acknowledged_by: get_json_opt(row, "acknowledged_by")?,
        acknowledged_at_ms: get(row, "acknowledged_at_ms")?,
    })
}

fn digest(row: &SqliteRow) -> Result<Digest, StoreError> {
    Ok(Digest {
        id: DigestId(get_ulid(row, "id")?),
        from_ms: get(row, "from_ms")?,
        to_ms: get(row, "to_ms")?,
        content: get_json(row, "content")?,
        state: named(row, "state", DigestState::from_name)?,
        drafted_by: get_json(row, "drafted_by")?,
        created_at_ms: get(row, "created_at_ms")?,
        published_by: get_json_opt(row, "published_by")?,
        published_at_ms: get(row, "published_at_ms")?,
        region: get(row, "region")?,
    })
}

fn credit(row: &SqliteRow) -> Result<Credit, StoreError> {
    let person: &str = get(row, "person")?;
    Ok(Credit {
        person: person.parse().map_err(|e| StoreError::corrupt("person", e))?,
        display_name: get(row, "display_name")?,
        shown: get(row, "shown")?,
        region: get(row, "region")?,
        updated_at_ms: get(row, "updated_at_ms")?,
    })
}

#[async_trait]
impl ReadNotices for Session {
    async fn get(&mut self, id: NoticeId) -> Result<Option<ReportNotice>, StoreError> {
        let mut sql = QueryBuilder::new(NOTICE_ROWS);
        sql.push("WHERE n.id = ").push_bind(ulid(id.0));
        let row = sql.build().fetch_optional(self.conn()).await.map_err(failed(NOTICES))?;
        row.as_ref().map(notice).transpose()
    }

    async fn of_report(&mut self, id: ReportId) -> Result<Vec<ReportNotice>, StoreError> {
        let mut sql = QueryBuilder::new(NOTICE_ROWS);
        sql.push("WHERE n.seq IN (SELECT notice FROM report_notice_members WHERE report = ");
        sql.push_bind(ulid(id.0))
            .push(") ORDER BY n.seq DESC LIMIT ")
            .push_bind(i64::from(NOTICES_LISTED_MAX));
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(NOTICES))?;
        rows.iter().map(notice).collect()
    }

    async fn list(&mut self) -> Result<Vec<ReportNotice>, StoreError> {
        let mut sql = QueryBuilder::new(NOTICE_ROWS);
        sql.push("ORDER BY n.acknowledged_at_ms IS NOT NULL, n.seq DESC LIMIT ");
        sql.push_bind(i64::from(NOTICES_LISTED_MAX));
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(NOTICES))?;
        rows.iter().map(notice).collect()
    }
}

impl Session {
    /// Notes which reports a notice is about, and keeps automation from them.
    async fn hold_members(
        &mut self,
        notice: i64,
        reports: &[ReportId],
        region: &str,
    ) -> Result<(), StoreError> {
        for report in reports {
            self.known_report(*report).await?;
            sqlx::query(
                "INSERT INTO report_notice_members (notice, report, region) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(notice)
            .bind(ulid(report.0))
            .bind(region)
            .execute(self.conn())
            .await
            .map_err(failed(NOTICE))?;
            // no version grows: what people decide on a report does not wait for it
            sqlx::query("UPDATE reports SET automation_held = 1 WHERE id = ?")
                .bind(ulid(report.0))
                .execute(self.conn())
                .await
                .map_err(failed(NOTICE))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Notices for Session {
    async fn add(&mut self, notice: &ReportNotice, audit: &AuditRecord) -> Result<bool, StoreError> {
        self.step()?;
        check_audit(audit, &notice.id.to_string())?;
        if notice.reports.len() > NOTICE_REPORTS_MAX {
            let reason = format!("a notice names at most {NOTICE_REPORTS_MAX} reports");
            return Err(StoreError::BadQuery { reason });
        }
        let inserted = sqlx::query(
            "INSERT INTO report_notices (id, region, kind, key, service, score, features, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        )
        .bind(ulid(notice.id.0))
        .bind(&notice.region)
        .bind(notice.kind.as_str())
        .bind(&notice.key)
        .bind(&notice.service)
        .bind(notice.score)
        .bind(json(&notice.features, NOTICE)?)
        .bind(notice.at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(NOTICE, format!("notice {}", notice.id)))?;
        if inserted.rows_affected() == 0 {
            return self.done(false);
        }
        self.write_audit(audit).await?;
        self.hold_members(inserted.last_insert_rowid(), &notice.reports, &notice.region).await?;
        self.done(true)
    }

    async fn join(&mut self, key: &str, report: ReportId) -> Result<bool, StoreError> {
        self.step()?;
        self.known_report(report).await?;
        let joined = sqlx::query(
            "INSERT INTO report_notice_members (notice, report, region) \
             SELECT n.seq, ?1, n.region FROM report_notices n WHERE n.key = ?2 \
             AND (SELECT count(*) FROM report_notice_members m WHERE m.notice = n.seq) < ?3 \
             ON CONFLICT DO NOTHING",
        )
        .bind(ulid(report.0))
        .bind(key)
        .bind(NOTICE_REPORTS_MAX as i64)
        .execute(self.conn())
        .await
        .map_err(failed(NOTICE))?;
        sqlx::query(
            "UPDATE reports SET automation_held = 1 WHERE id = ?1 AND EXISTS (SELECT 1 FROM report_notices WHERE key = ?2)",
        )
        .bind(ulid(report.0))
        .bind(key)
        .execute(self.conn())
        .await
        .map_err(failed(NOTICE))?;
        self.done(joined.rows_affected() > 0)
    }

    async fn acknowledge(
        &mut self,
        id: NoticeId,
        by: &Principal,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &id.to_string()).await?;
        let result = sqlx::query(
            "UPDATE report_notices SET acknowledged_by = coalesce(acknowledged_by, ?), \
             acknowledged_at_ms = coalesce(acknowledged_at_ms, ?) WHERE id = ?",
        )
        .bind(json(by, NOTICE)?)
        .bind(at_ms)
        .bind(ulid(id.0))
        .execute(self.conn())
        .await
        .map_err(failed(NOTICE))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("notice", id));
        }
        self.done(())
    }
}

#[async_trait]
impl ReadDigests for Session {
    async fn get(&mut self, id: DigestId) -> Result<Option<Digest>, StoreError> {
        let row = sqlx::query("SELECT * FROM report_digests WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(DIGESTS))?;
        row.as_ref().map(digest).transpose()
    }

    async fn list(&mut self, state: DigestState, page: &PageRequest) -> Result<Page<Digest>, StoreError> {
        const LIST: &str = "digests";
        let (at_ms, last) = match &page.after {
            None => (i64::MAX, vec![0xff; 17]),
            Some(cursor) => {
                let ([at_ms], last) = cursor.parts::<1>(LIST)?;
                let last: DigestId = last.parse().map_err(|_| StoreError::BadCursor)?;
                (at_ms, ulid(last.0))
            }
        };
        let rows = sqlx::query(
            "SELECT * FROM report_digests WHERE state = ? AND (created_at_ms, id) < (?, ?) \
             ORDER BY created_at_ms DESC, id DESC LIMIT ?",
        )
        .bind(state.as_str())
        .bind(at_ms)
        .bind(last)
        .bind(i64::from(page.items()) + 1)
        .fetch_all(self.conn())
        .await
        .map_err(failed(DIGESTS))?;
        let items = rows.iter().map(digest).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |digest: &Digest| {
            Cursor::new(LIST, &[digest.created_at_ms], &digest.id.to_string())
        }))
    }
}

#[async_trait]
impl Digests for Session {
    async fn add(&mut self, digest: &Digest, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &digest.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO report_digests (id, region, from_ms, to_ms, content, state, drafted_by, created_at_ms) \
             VALUES (?, ?, ?, ?, ?, 'draft', ?, ?)",
        )
        .bind(ulid(digest.id.0))
        .bind(&digest.region)
        .bind(digest.from_ms)
        .bind(digest.to_ms)
        .bind(json(&digest.content, DIGEST)?)
        .bind(json(&digest.drafted_by, DIGEST)?)
        .bind(digest.created_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(DIGEST, format!("digest {}", digest.id)))?;
        self.done(())
    }

    async fn publish(&mut self, digest: &Digest, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &digest.id.to_string()).await?;
        let result = sqlx::query(
            "UPDATE report_digests SET state = 'published', content = ?, published_by = ?, published_at_ms = ? \
             WHERE id = ? AND state = 'draft'",
        )
        .bind(json(&digest.content, DIGEST)?)
        .bind(digest.published_by.as_ref().map(|by| json(by, DIGEST)).transpose()?)
        .bind(digest.published_at_ms)
        .bind(ulid(digest.id.0))
        .execute(self.conn())
        .await
        .map_err(failed(DIGEST))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("draft of a digest", digest.id));
        }
        self.done(())
    }
}

#[async_trait]
impl ReadCredits for Session {
    async fn get(&mut self, person: PersonId) -> Result<Option<Credit>, StoreError> {
        let row = sqlx::query("SELECT * FROM report_credits WHERE person = ?")
            .bind(person.to_string())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(CREDITS))?;
        row.as_ref().map(credit).transpose()
    }

    async fn shown(&mut self) -> Result<Vec<(Credit, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.*, (SELECT count(*) FROM report_ledger l WHERE l.reporter = c.person \
             AND l.reverted_at_ms IS NULL AND l.weight > 0) AS held \
             FROM report_credits c WHERE c.shown = 1 ORDER BY held DESC, c.person LIMIT ?",
        )
        .bind(i64::from(CREDITS_LISTED_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(CREDITS))?;
        rows.iter().map(|row| Ok((credit(row)?, uint(row, "held")?))).collect()
    }
}

#[async_trait]
impl Credits for Session {
    async fn set(&mut self, credit: &Credit, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &credit.person.to_string()).await?;
        sqlx::query(
            "INSERT INTO report_credits (person, region, display_name, shown, updated_at_ms) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (person) DO UPDATE SET region = excluded.region, display_name = excluded.display_name, \
             shown = excluded.shown, updated_at_ms = excluded.updated_at_ms",
        )
        .bind(credit.person.to_string())
        .bind(&credit.region)
        .bind(&credit.display_name)
        .bind(credit.shown)
        .bind(credit.updated_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed(CREDIT))?;
        self.done(())
    }
}
