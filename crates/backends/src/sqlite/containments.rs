//! Actions on targets.

use super::session::{NewChange, Session};
use super::values::{
    bytes, failed, failed_or_exists, get, get_json, get_ulid, get_ulid_opt, int, json, named, uint, ulid,
};
use async_trait::async_trait;
use model::{
    AuditRecord, Containment, ContainmentId, ContainmentState, IncidentId, Lease, LeaseId, RunId, RunPlace,
};
use ports::store::{
    ChangeKind, ContainmentFilter, Containments, Cursor, Page, PageRequest, ReadContainments, StoreError,
    TARGETS_SINCE_MAX,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};

const READING: &str = "reading containments";
const WRITING: &str = "writing a containment";
/// Most rows in the way that cannot be read.
pub(super) const UNREADABLE_MAX: i64 = 100;

fn containment(row: &SqliteRow) -> Result<Containment, StoreError> {
    Ok(Containment {
        id: ContainmentId(get_ulid(row, "id")?),
        region: get(row, "region")?,
        incident: get_ulid_opt(row, "incident")?.map(IncidentId),
        task: place(row, "run", "task", "command")?,
        action: get(row, "action")?,
        target_kind: get(row, "target_kind")?,
        target: get(row, "target")?,
        inputs: get_json(row, "inputs")?,
        plan: get_json(row, "plan")?,
        plan_sha256: bytes(row, "plan_sha256")?,
        requester: get_json(row, "requester")?,
        requesters: get_json(row, "requesters")?,
        reason: get(row, "reason")?,
        decision: get_json(row, "decision")?,
        votes: get_json(row, "votes")?,
        facts: get_json(row, "facts")?,
        state: named(row, "state", ContainmentState::from_name)?,
        history: get_json(row, "history")?,
        progress: get_json(row, "progress")?,
        ttl_ms: get::<Option<i64>>(row, "ttl_ms")?.map(|ttl| ttl.max(0).unsigned_abs()),
        revert_at_ms: get(row, "revert_at_ms")?,
        due_at_ms: get(row, "due_at_ms")?,
        lease: lease(row)?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        version: uint(row, "version")?,
    })
}

/// The command of a run that a row names.
pub(super) fn place(
    row: &SqliteRow,
    run: &'static str,
    task: &'static str,
    command: &'static str,
) -> Result<Option<RunPlace>, StoreError> {
    let Some(id) = get_ulid_opt(row, run)? else { return Ok(None) };
    let number = |column| u32::try_from(get::<i64>(row, column)?).map_err(|e| StoreError::corrupt(column, e));
    Ok(Some(RunPlace { run: RunId(id), task: number(task)?, command: number(command)? }))
}

/// Who works on a row.
pub(super) fn lease(row: &SqliteRow) -> Result<Option<Lease>, StoreError> {
    let Some(id) = get_ulid_opt(row, "lease")? else { return Ok(None) };
    Ok(Some(Lease { id: LeaseId(id), until_ms: get(row, "leased_until_ms")? }))
}

fn check(containment: &Containment) -> Result<(), StoreError> {
    if containment.is_at_rest() == containment.due_at_ms.is_none() {
        return Ok(());
    }
    let reason = format!(
        "a containment that is {} must{} have something due",
        containment.state.as_str(),
        if containment.is_at_rest() { " not" } else { "" }
    );
    Err(StoreError::BadQuery { reason })
}

/// What the feed of changes tells of it: what is for no incident is for nobody who follows incidents.
fn news(containment: &Containment) -> Vec<NewChange> {
    let change = |incident| NewChange {
        kind: ChangeKind::ContainmentChanged,
        object: containment.id.to_string(),
        incident,
        region: containment.region.clone(),
        at_ms: containment.updated_at_ms,
    };
    containment.incident.map(change).into_iter().collect()
}

/// What is for an incident, or for one that was merged into it.
pub(super) fn of_incident(sql: &mut QueryBuilder<Sqlite>, incident: IncidentId) {
    sql.push(" AND incident IN (WITH RECURSIVE merged(id) AS (SELECT ").push_bind(ulid(incident.0));
    sql.push(
        " UNION SELECT i.id FROM incidents i JOIN merged m ON i.merged_into = m.id) SELECT id FROM merged)",
    );
}

fn narrowed(sql: &mut QueryBuilder<Sqlite>, filter: &ContainmentFilter) {
    if !filter.states.is_empty() {
        let mut states = sql.push(" AND state IN (").separated(", ");
        for state in &filter.states {
            states.push_bind(state.as_str());
        }
        sql.push(")");
    }
    if let Some(incident) = filter.incident {
        of_incident(sql, incident);
    }
    for (column, value) in [("action", &filter.action), ("target", &filter.target)] {
        if let Some(value) = value {
            sql.push(" AND ").push(column).push(" = ").push_bind(value.clone());
        }
    }
}

#[async_trait]
impl ReadContainments for Session {
    async fn get(&mut self, id: ContainmentId) -> Result<Option<Containment>, StoreError> {
        let row = sqlx::query("SELECT * FROM containments WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(containment).transpose()
    }

    async fn list(
        &mut self,
        filter: &ContainmentFilter,
        page: &PageRequest,
    ) -> Result<Page<Containment>, StoreError> {
        const LIST: &str = "containments";
        let mut sql = QueryBuilder::new("SELECT * FROM containments WHERE 1");
        narrowed(&mut sql, filter);
        if let Some(cursor) = &page.after {
            let ([at_ms], last) = cursor.parts::<1>(LIST)?;
            let last: ContainmentId = last.parse().map_err(|_| StoreError::BadCursor)?;
            sql.push(" AND (created_at_ms, id) < (").push_bind(at_ms).push(", ");
            sql.push_bind(ulid(last.0)).push(")");
        }
        sql.push(" ORDER BY created_at_ms DESC, id DESC LIMIT ").push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        let all: Vec<Containment> = rows.iter().map(containment).collect::<Result<_, _>>()?;
        Ok(Page::of(all, page.items(), |last: &Containment| {
            Cursor::new(LIST, &[last.created_at_ms], &last.id.to_string())
        }))
    }

    async fn of_task(&mut self, task: RunPlace) -> Result<Option<Containment>, StoreError> {
        let row = sqlx::query("SELECT * FROM containments WHERE run = ? AND task = ? AND command = ?")
            .bind(ulid(task.run.0))
            .bind(i64::from(task.task))
            .bind(i64::from(task.command))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(containment).transpose()
    }

    async fn under_way(&mut self, action: &str, target: &str) -> Result<Option<ContainmentId>, StoreError> {
        let sql = "SELECT id FROM containments WHERE action = ? AND target = ? AND due_at_ms IS NOT NULL";
        let row = sqlx::query(sql).bind(action).bind(target).fetch_optional(self.conn()).await;
        let row = row.map_err(failed(READING))?;
        row.map(|row| Ok(ContainmentId(get_ulid(&row, "id")?))).transpose()
    }

    async fn targets_since(&mut self, action: &str, since_ms: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT created_at_ms, target FROM containments WHERE action = ? AND created_at_ms > ? \
             AND state NOT IN ('denied', 'expired', 'cancelled') ORDER BY created_at_ms DESC LIMIT ?",
        )
        .bind(action)
        .bind(since_ms)
        .bind(i64::from(TARGETS_SINCE_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(|row| Ok((get(row, "created_at_ms")?, get(row, "target")?))).collect()
    }

    async fn applied_since(&mut self, action: &str, since_ms: i64) -> Result<Vec<(i64, String)>, StoreError> {
        // what was begun since was changed since
        let rows = sqlx::query(
            "SELECT at_ms, target FROM (SELECT target, (SELECT max(value ->> 'at_ms') FROM json_each(history) \
             WHERE value ->> 'state' = ?) AS at_ms FROM containments WHERE action = ? AND updated_at_ms > ?) \
             WHERE at_ms > ? ORDER BY at_ms DESC LIMIT ?",
        )
        .bind(ContainmentState::Applying.as_str())
        .bind(action)
        .bind(since_ms)
        .bind(since_ms)
        .bind(i64::from(TARGETS_SINCE_MAX))
        .fetch_all(self.conn())
        .await
        .map_err(failed(READING))?;
        rows.iter().map(|row| Ok((get(row, "at_ms")?, get(row, "target")?))).collect()
    }

    async fn next_due(&mut self) -> Result<Option<i64>, StoreError> {
        let sql = "WITH busy AS (SELECT substr(action, 1, instr(action, '.')) AS connector, \
                   max(leased_until_ms) AS until_ms FROM containments \
                   WHERE due_at_ms IS NOT NULL AND leased_until_ms IS NOT NULL GROUP BY connector) \
                   SELECT min(max(due_at_ms, coalesce(until_ms, due_at_ms))) AS at \
                   FROM containments LEFT JOIN busy ON connector = substr(action, 1, instr(action, '.')) \
                   WHERE due_at_ms IS NOT NULL";
        let row = sqlx::query(sql).fetch_one(self.conn()).await.map_err(failed(READING))?;
        get(&row, "at")
    }
}

#[async_trait]
impl Containments for Session {
    async fn add(&mut self, new: &Containment, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        check(new)?;
        self.audited(audit, &new.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO containments (id, region, incident, run, task, command, action, target_kind, target, inputs, \
             plan, plan_sha256, requester, requesters, reason, decision, votes, facts, state, history, progress, \
             ttl_ms, revert_at_ms, due_at_ms, lease, leased_until_ms, created_at_ms, updated_at_ms, version) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        )
        .bind(ulid(new.id.0))
        .bind(&new.region)
        .bind(new.incident.map(|incident| ulid(incident.0)))
        .bind(new.task.map(|task| ulid(task.run.0)))
        .bind(new.task.map(|task| i64::from(task.task)))
        .bind(new.task.map(|task| i64::from(task.command)))
        .bind(&new.action)
        .bind(&new.target_kind)
        .bind(&new.target)
        .bind(json(&new.inputs, WRITING)?)
        .bind(json(&new.plan, WRITING)?)
        .bind(new.plan_sha256.to_vec())
        .bind(json(&new.requester, WRITING)?)
        .bind(json(&new.requesters, WRITING)?)
        .bind(&new.reason)
        .bind(json(&new.decision, WRITING)?)
        .bind(json(&new.votes, WRITING)?)
        .bind(json(&new.facts, WRITING)?)
        .bind(new.state.as_str())
        .bind(json(&new.history, WRITING)?)
        .bind(json(&new.progress, WRITING)?)
        .bind(new.ttl_ms.map(int))
        .bind(new.revert_at_ms)
        .bind(new.due_at_ms)
        .bind(new.lease.map(|lease| ulid(lease.id.0)))
        .bind(new.lease.map(|lease| lease.until_ms))
        .bind(new.created_at_ms)
        .bind(new.updated_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("{} on {}", new.action, new.target)))?;
        self.changed(&news(new)).await?;
        self.done(())
    }

    async fn replace(
        &mut self,
        changed: &Containment,
        audit: Option<&AuditRecord>,
    ) -> Result<u64, StoreError> {
        self.step()?;
        check(changed)?;
        if let Some(audit) = audit {
            self.audited(audit, &changed.id.to_string()).await?;
        }
        let result = sqlx::query(
            "UPDATE containments SET plan = ?1, plan_sha256 = ?2, decision = ?3, votes = ?4, facts = ?5, state = ?6, \
             history = ?7, progress = ?8, revert_at_ms = ?9, due_at_ms = ?10, lease = ?11, leased_until_ms = ?12, \
             updated_at_ms = ?13, version = version + 1 WHERE id = ?14 AND version = ?15",
        )
        .bind(json(&changed.plan, WRITING)?)
        .bind(changed.plan_sha256.to_vec())
        .bind(json(&changed.decision, WRITING)?)
        .bind(json(&changed.votes, WRITING)?)
        .bind(json(&changed.facts, WRITING)?)
        .bind(changed.state.as_str())
        .bind(json(&changed.history, WRITING)?)
        .bind(json(&changed.progress, WRITING)?)
        .bind(changed.revert_at_ms)
        .bind(changed.due_at_ms)
        .bind(changed.lease.map(|lease| ulid(lease.id.0)))
        .bind(changed.lease.map(|lease| lease.until_ms))
        .bind(changed.updated_at_ms)
        .bind(ulid(changed.id.0))
        .bind(int(changed.version))
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("{} on {}", changed.action, changed.target)))?;
        if result.rows_affected() == 0 {
            let current = ReadContainments::get(self, changed.id).await?;
            let current = current.ok_or_else(|| StoreError::not_found("containment", changed.id))?;
            return Err(StoreError::Conflict { current: current.version });
        }
        if audit.is_some() {
            self.changed(&news(changed)).await?;
        }
        self.done(changed.version + 1)
    }

    async fn take(
        &mut self,
        lease: Lease,
        now_ms: i64,
        busy_after_ms: i64,
    ) -> Result<Option<Containment>, StoreError> {
        self.step()?;
        let due = sqlx::query(
            "SELECT id FROM containments \
             WHERE due_at_ms <= ?1 AND (leased_until_ms IS NULL OR leased_until_ms <= ?1) \
             AND substr(action, 1, instr(action, '.')) NOT IN (SELECT substr(action, 1, instr(action, '.')) \
             FROM containments WHERE due_at_ms IS NOT NULL AND leased_until_ms > max(?1, ?3)) \
             ORDER BY state = 'reverting' OR coalesce(revert_at_ms <= ?1, 0) \
             OR coalesce(progress ->> '$.reverting', 0) OR progress ->> '$.undo' IS NOT NULL DESC, \
             due_at_ms LIMIT ?2",
        )
        .bind(now_ms)
        .bind(UNREADABLE_MAX)
        .bind(busy_after_ms)
        .fetch_all(self.conn())
        .await
        .map_err(failed(WRITING))?;
        let mut unreadable = None;
        for row in due {
            let id = ContainmentId(get_ulid(&row, "id")?);
            // one that a newer version wrote, or that somebody broke, keeps no other one waiting
            match ReadContainments::get(self, id).await {
                Ok(Some(found)) => {
                    let taken = Containment { lease: Some(lease), version: found.version + 1, ..found };
                    sqlx::query(
                        "UPDATE containments SET lease = ?, leased_until_ms = ?, version = ? WHERE id = ?",
                    )
                    .bind(ulid(lease.id.0))
                    .bind(lease.until_ms)
                    .bind(int(taken.version))
                    .bind(ulid(id.0))
                    .execute(self.conn())
                    .await
                    .map_err(failed(WRITING))?;
                    return self.done(Some(taken));
                }
                Ok(None) => {}
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(%id, %error, "what is due cannot be read");
                    unreadable = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match unreadable {
            Some(error) => Err(error),
            None => self.done(None),
        }
    }

    async fn renew(&mut self, id: ContainmentId, lease: Lease, now_ms: i64) -> Result<bool, StoreError> {
        self.step()?;
        let renewed = sqlx::query(
            "UPDATE containments SET leased_until_ms = max(leased_until_ms, ?1) \
             WHERE id = ?2 AND lease = ?3 AND leased_until_ms > ?4",
        )
        .bind(lease.until_ms)
        .bind(ulid(id.0))
        .bind(ulid(lease.id.0))
        .bind(now_ms)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        self.done(renewed.rows_affected() > 0)
    }
}
