//! Executions of playbooks.

use super::containments::{UNREADABLE_MAX, lease, place};
use super::session::{NewChange, ROWS_PER_STATEMENT, Session};
use super::values::{
    bytes, failed, failed_or_exists, get, get_json, get_json_opt, get_ulid, get_ulid_opt, int, json, named,
    uint, ulid,
};
use async_trait::async_trait;
use model::{
    AuditRecord, ContainmentId, IncidentId, Lease, Run, RunId, RunPlace, RunState, RunStep, StepState,
};
use ports::store::{ChangeKind, Cursor, Page, PageRequest, ReadRuns, RunFilter, Runs, StoreError};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading runs";
const WRITING: &str = "writing a run";

fn number(row: &SqliteRow, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(get::<i64>(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

fn run(row: &SqliteRow) -> Result<Run, StoreError> {
    Ok(Run {
        id: RunId(get_ulid(row, "id")?),
        region: get(row, "region")?,
        incident: get_ulid_opt(row, "incident")?.map(IncidentId),
        parent: place(row, "parent", "parent_task", "parent_command")?,
        depth: number(row, "depth")?,
        playbook: get(row, "playbook")?,
        name: get(row, "name")?,
        modified_at_ms: get(row, "modified_at_ms")?,
        playbook_sha256: bytes(row, "playbook_sha256")?,
        requester: get_json(row, "requester")?,
        requesters: get_json(row, "requesters")?,
        reason: get(row, "reason")?,
        grounds: get_json(row, "grounds")?,
        state: named(row, "state", RunState::from_name)?,
        machine: get_json(row, "machine")?,
        problem: get(row, "problem")?,
        due_at_ms: get(row, "due_at_ms")?,
        deadline_at_ms: get(row, "deadline_at_ms")?,
        lease: lease(row)?,
        created_at_ms: get(row, "created_at_ms")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        ended_at_ms: get(row, "ended_at_ms")?,
        version: uint(row, "version")?,
    })
}

fn step(row: &SqliteRow) -> Result<RunStep, StoreError> {
    Ok(RunStep {
        run: RunId(get_ulid(row, "run")?),
        task: number(row, "task")?,
        step: get(row, "step")?,
        name: get(row, "name")?,
        kind: get(row, "kind")?,
        text: get(row, "text")?,
        state: named(row, "state", StepState::from_name)?,
        command: number(row, "command")?,
        tries: number(row, "tries")?,
        sent: get(row, "sent")?,
        containment: get_ulid_opt(row, "containment")?.map(ContainmentId),
        child: get_ulid_opt(row, "child")?.map(RunId),
        begun_at_ms: get(row, "begun_at_ms")?,
        starts_at_ms: get(row, "starts_at_ms")?,
        due_at_ms: get(row, "due_at_ms")?,
        deadline_at_ms: get(row, "deadline_at_ms")?,
        ended_at_ms: get(row, "ended_at_ms")?,
        by: get_json_opt(row, "by")?,
        reason: get(row, "reason")?,
        region: get(row, "region")?,
    })
}

fn check(run: &Run) -> Result<(), StoreError> {
    if (run.state == RunState::Running) == run.due_at_ms.is_some() {
        return Ok(());
    }
    let reason =
        format!("a run that is {} has something due if it goes on, and only then", run.state.as_str());
    Err(StoreError::BadQuery { reason })
}

impl Session {
    async fn write_steps(&mut self, steps: &[RunStep]) -> Result<(), StoreError> {
        for chunk in steps.chunks(ROWS_PER_STATEMENT) {
            let by = chunk.iter().map(|step| step.by.as_ref().map(|by| json(by, WRITING)).transpose());
            let by: Vec<Option<String>> = by.collect::<Result<_, StoreError>>()?;
            let mut sql = QueryBuilder::new(
                "INSERT INTO run_steps (run, task, region, step, name, kind, text, state, command, tries, sent, \
                 containment, child, begun_at_ms, starts_at_ms, due_at_ms, deadline_at_ms, ended_at_ms, by, reason) ",
            );
            sql.push_values(chunk.iter().zip(by), |mut row, (step, by)| {
                row.push_bind(ulid(step.run.0)).push_bind(i64::from(step.task)).push_bind(&step.region);
                row.push_bind(&step.step).push_bind(&step.name).push_bind(&step.kind).push_bind(&step.text);
                row.push_bind(step.state.as_str());
                row.push_bind(i64::from(step.command)).push_bind(i64::from(step.tries)).push_bind(step.sent);
                row.push_bind(step.containment.map(|id| ulid(id.0)));
                row.push_bind(step.child.map(|id| ulid(id.0)));
                row.push_bind(step.begun_at_ms).push_bind(step.starts_at_ms).push_bind(step.due_at_ms);
                row.push_bind(step.deadline_at_ms).push_bind(step.ended_at_ms);
                row.push_bind(by).push_bind(&step.reason);
            });
            sql.push(
                " ON CONFLICT (run, task) DO UPDATE SET kind = excluded.kind, text = excluded.text, \
                 state = excluded.state, command = excluded.command, tries = excluded.tries, sent = excluded.sent, \
                 containment = excluded.containment, child = excluded.child, starts_at_ms = excluded.starts_at_ms, \
                 due_at_ms = excluded.due_at_ms, deadline_at_ms = excluded.deadline_at_ms, \
                 ended_at_ms = excluded.ended_at_ms, by = excluded.by, reason = excluded.reason",
            );
            sql.build().execute(self.conn()).await.map_err(failed("writing steps of a run"))?;
        }
        Ok(())
    }
}

/// What the feed of changes tells of it: what is for no incident is for nobody who follows incidents.
fn news(run: &Run) -> Vec<NewChange> {
    let change = |incident| NewChange {
        kind: ChangeKind::RunChanged,
        object: run.id.to_string(),
        incident,
        region: run.region.clone(),
        at_ms: run.updated_at_ms,
    };
    run.incident.map(change).into_iter().collect()
}

#[async_trait]
impl ReadRuns for Session {
    async fn get(&mut self, id: RunId) -> Result<Option<Run>, StoreError> {
        let row = sqlx::query("SELECT * FROM runs WHERE id = ?")
            .bind(ulid(id.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.as_ref().map(run).transpose()
    }

    async fn list(&mut self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, StoreError> {
        const LIST: &str = "runs";
        let mut sql = QueryBuilder::new("SELECT * FROM runs WHERE 1");
        if !filter.states.is_empty() {
            let mut states = sql.push(" AND state IN (").separated(", ");
            for state in &filter.states {
                states.push_bind(state.as_str());
            }
            sql.push(")");
        }
        if let Some(incident) = filter.incident {
            super::containments::of_incident(&mut sql, incident);
        }
        if let Some(playbook) = &filter.playbook {
            sql.push(" AND playbook = ").push_bind(playbook.clone());
        }
        if let Some(cursor) = &page.after {
            let ([at_ms], last) = cursor.parts::<1>(LIST)?;
            let last: RunId = last.parse().map_err(|_| StoreError::BadCursor)?;
            sql.push(" AND (created_at_ms, id) < (").push_bind(at_ms).push(", ");
            sql.push_bind(ulid(last.0)).push(")");
        }
        sql.push(" ORDER BY created_at_ms DESC, id DESC LIMIT ").push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(READING))?;
        let all: Vec<Run> = rows.iter().map(run).collect::<Result<_, _>>()?;
        Ok(Page::of(all, page.items(), |last: &Run| {
            Cursor::new(LIST, &[last.created_at_ms], &last.id.to_string())
        }))
    }

    async fn of_task(&mut self, task: RunPlace) -> Result<Option<Run>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM runs WHERE parent = ? AND parent_task = ? AND parent_command = ?")
                .bind(ulid(task.run.0))
                .bind(i64::from(task.task))
                .bind(i64::from(task.command))
                .fetch_optional(self.conn())
                .await
                .map_err(failed(READING))?;
        row.as_ref().map(run).transpose()
    }

    async fn steps(&mut self, id: RunId, open: bool) -> Result<Vec<RunStep>, StoreError> {
        let sql = if open {
            "SELECT * FROM run_steps WHERE run = ? AND ended_at_ms IS NULL ORDER BY task"
        } else {
            "SELECT * FROM run_steps WHERE run = ? ORDER BY task"
        };
        let rows = sqlx::query(sql).bind(ulid(id.0)).fetch_all(self.conn()).await.map_err(failed(READING))?;
        rows.iter().map(step).collect()
    }

    async fn playbook(&mut self, sha256: &[u8; 32]) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT text FROM run_playbooks WHERE sha256 = ?")
            .bind(sha256.to_vec())
            .fetch_optional(self.conn())
            .await
            .map_err(failed(READING))?;
        row.map(|row| get(&row, "text")).transpose()
    }

    async fn below(&mut self, id: RunId) -> Result<u64, StoreError> {
        let sql = "WITH RECURSIVE below (id) AS (SELECT id FROM runs WHERE parent = ?1 \
                   UNION SELECT runs.id FROM runs JOIN below ON runs.parent = below.id) \
                   SELECT count(*) AS n FROM below";
        let row = sqlx::query(sql).bind(ulid(id.0)).fetch_one(self.conn()).await.map_err(failed(READING))?;
        uint(&row, "n")
    }

    async fn next_due(&mut self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT min(max(due_at_ms, coalesce(leased_until_ms, due_at_ms))) AS at \
                   FROM runs WHERE due_at_ms IS NOT NULL";
        let row = sqlx::query(sql).fetch_one(self.conn()).await.map_err(failed(READING))?;
        get(&row, "at")
    }
}

#[async_trait]
impl Runs for Session {
    async fn begin(&mut self, new: &Run, playbook: &str, audit: &AuditRecord) -> Result<(), StoreError> {
        self.step()?;
        check(new)?;
        self.audited(audit, &new.id.to_string()).await?;
        sqlx::query(
            "INSERT INTO run_playbooks (sha256, region, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(new.playbook_sha256.to_vec())
        .bind(&new.region)
        .bind(playbook)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        sqlx::query(
            "INSERT INTO runs (id, region, incident, parent, parent_task, parent_command, depth, playbook, name, \
             modified_at_ms, playbook_sha256, requester, requesters, reason, grounds, state, machine, problem, \
             due_at_ms, deadline_at_ms, lease, leased_until_ms, created_at_ms, updated_at_ms, ended_at_ms, version) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, 1)",
        )
        .bind(ulid(new.id.0))
        .bind(&new.region)
        .bind(new.incident.map(|incident| ulid(incident.0)))
        .bind(new.parent.map(|parent| ulid(parent.run.0)))
        .bind(new.parent.map(|parent| i64::from(parent.task)))
        .bind(new.parent.map(|parent| i64::from(parent.command)))
        .bind(i64::from(new.depth))
        .bind(&new.playbook)
        .bind(&new.name)
        .bind(new.modified_at_ms)
        .bind(new.playbook_sha256.to_vec())
        .bind(json(&new.requester, WRITING)?)
        .bind(json(&new.requesters, WRITING)?)
        .bind(&new.reason)
        .bind(json(&new.grounds, WRITING)?)
        .bind(new.state.as_str())
        .bind(json(&new.machine, WRITING)?)
        .bind(&new.problem)
        .bind(new.due_at_ms)
        .bind(new.deadline_at_ms)
        .bind(new.created_at_ms)
        .bind(new.updated_at_ms)
        .bind(new.ended_at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(WRITING, format!("run {}", new.id)))?;
        self.changed(&news(new)).await?;
        self.done(())
    }

    async fn replace(
        &mut self,
        changed: &Run,
        steps: &[RunStep],
        audit: Option<&AuditRecord>,
    ) -> Result<u64, StoreError> {
        self.step()?;
        check(changed)?;
        if let Some(audit) = audit {
            self.audited(audit, &changed.id.to_string()).await?;
        }
        let result = sqlx::query(
            "UPDATE runs SET state = ?1, machine = ?2, problem = ?3, due_at_ms = ?4, lease = ?5, leased_until_ms = ?6, \
             updated_at_ms = ?7, ended_at_ms = ?8, deadline_at_ms = ?11, requesters = ?12, grounds = ?13, \
             version = version + 1 \
             WHERE id = ?9 AND version = ?10",
        )
        .bind(changed.state.as_str())
        .bind(json(&changed.machine, WRITING)?)
        .bind(&changed.problem)
        .bind(changed.due_at_ms)
        .bind(changed.lease.map(|lease| ulid(lease.id.0)))
        .bind(changed.lease.map(|lease| lease.until_ms))
        .bind(changed.updated_at_ms)
        .bind(changed.ended_at_ms)
        .bind(ulid(changed.id.0))
        .bind(int(changed.version))
        .bind(changed.deadline_at_ms)
        .bind(json(&changed.requesters, WRITING)?)
        .bind(json(&changed.grounds, WRITING)?)
        .execute(self.conn())
        .await
        .map_err(failed(WRITING))?;
        if result.rows_affected() == 0 {
            let current = ReadRuns::get(self, changed.id).await?;
            let current = current.ok_or_else(|| StoreError::not_found("run", changed.id))?;
            return Err(StoreError::Conflict { current: current.version });
        }
        self.write_steps(steps).await?;
        if audit.is_some() {
            self.changed(&news(changed)).await?;
        }
        self.done(changed.version + 1)
    }

    async fn take(&mut self, lease: Lease, now_ms: i64) -> Result<Option<Run>, StoreError> {
        self.step()?;
        let due = sqlx::query(
            "SELECT id FROM runs WHERE due_at_ms <= ?1 AND (leased_until_ms IS NULL OR leased_until_ms <= ?1) \
             ORDER BY due_at_ms LIMIT ?2",
        )
        .bind(now_ms)
        .bind(UNREADABLE_MAX)
        .fetch_all(self.conn())
        .await
        .map_err(failed(WRITING))?;
        let mut unreadable = None;
        for row in due {
            let id = RunId(get_ulid(&row, "id")?);
            // one that a newer version wrote, or that somebody broke, keeps no other one waiting
            match ReadRuns::get(self, id).await {
                Ok(Some(found)) => {
                    let taken = Run { lease: Some(lease), version: found.version + 1, ..found };
                    sqlx::query("UPDATE runs SET lease = ?, leased_until_ms = ?, version = ? WHERE id = ?")
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

    async fn wake(&mut self, task: RunPlace, at_ms: i64) -> Result<(), StoreError> {
        self.step()?;
        for sql in [
            "UPDATE run_steps SET due_at_ms = ?3 WHERE run = ?1 AND task = ?2 AND ended_at_ms IS NULL AND due_at_ms > ?3",
            "UPDATE runs SET due_at_ms = ?3, version = version + 1 \
             WHERE id = ?1 AND state = 'running' AND due_at_ms > ?3 AND ?2 IS NOT NULL",
        ] {
            sqlx::query(sql)
                .bind(ulid(task.run.0))
                .bind(i64::from(task.task))
                .bind(at_ms)
                .execute(self.conn())
                .await
                .map_err(failed(WRITING))?;
        }
        self.done(())
    }

    async fn wake_waiting(&mut self, containment: ContainmentId, at_ms: i64) -> Result<(), StoreError> {
        self.step()?;
        // the runs first: their steps are found by when they are due
        for sql in [
            "UPDATE runs SET due_at_ms = ?2, version = version + 1 \
             WHERE state = 'running' AND due_at_ms > ?2 AND id IN (SELECT run FROM run_steps \
             WHERE containment = ?1 AND ended_at_ms IS NULL AND due_at_ms > ?2)",
            "UPDATE run_steps SET due_at_ms = ?2 \
             WHERE containment = ?1 AND ended_at_ms IS NULL AND due_at_ms > ?2",
        ] {
            sqlx::query(sql)
                .bind(ulid(containment.0))
                .bind(at_ms)
                .execute(self.conn())
                .await
                .map_err(failed(WRITING))?;
        }
        self.done(())
    }
}
