//! Rules: stages and counts.

use super::session::Session;
use super::values::{bytes, failed, failed_or_exists, get, int, named, uint};
use async_trait::async_trait;
use model::{AuditRecord, EventId, Stage};
use ports::store::{
    RULE_SAMPLES_MAX, RULE_SET_OBJECT, ReadRules, RuleBudget, RuleDay, RuleMatches, RuleRow, RuleSetChange,
    Rules, StoreError, rule_object,
};
use sqlx::sqlite::SqliteRow;

const RULES: &str = "reading rules";
const RULE: &str = "writing rules";
const MATCHES: &str = "counting matches of rules";

fn rule(row: &SqliteRow) -> Result<RuleRow, StoreError> {
    Ok(RuleRow {
        rule_id: get(row, "rule_id")?,
        hash: get(row, "hash")?,
        is_loaded: get(row, "loaded")?,
        stage: named(row, "stage", Stage::from_name)?,
        reason: get(row, "reason")?,
        first_loaded_at_ms: get(row, "first_loaded_at_ms")?,
        staged_at_ms: get(row, "staged_at_ms")?,
        matches: uint(row, "matches")?,
        last_matched_at_ms: get(row, "last_matched_at_ms")?,
    })
}

fn day(row: &SqliteRow) -> Result<RuleDay, StoreError> {
    Ok(RuleDay {
        rule_id: get(row, "rule_id")?,
        day: get(row, "day")?,
        matches: uint(row, "matches")?,
        findings: uint(row, "findings")?,
    })
}

#[async_trait]
impl ReadRules for Session {
    async fn get(&mut self, rule_id: &str) -> Result<Option<RuleRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM rules WHERE rule_id = ?")
            .bind(rule_id)
            .fetch_optional(self.conn())
            .await
            .map_err(failed(RULES))?;
        row.as_ref().map(rule).transpose()
    }

    async fn list(&mut self) -> Result<Vec<RuleRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM rules ORDER BY rule_id").fetch_all(self.conn()).await;
        rows.map_err(failed(RULES))?.iter().map(rule).collect()
    }

    async fn days(&mut self, rule_id: &str, days_max: u32) -> Result<Vec<RuleDay>, StoreError> {
        let rows = sqlx::query("SELECT * FROM rule_days WHERE rule_id = ? ORDER BY day DESC LIMIT ?")
            .bind(rule_id)
            .bind(i64::from(days_max))
            .fetch_all(self.conn())
            .await;
        rows.map_err(failed(RULES))?.iter().map(day).collect()
    }

    async fn over_budget(
        &mut self,
        budgets: &[RuleBudget],
        rows_max: u32,
    ) -> Result<Vec<RuleDay>, StoreError> {
        let Some(least) = budgets.iter().map(|budget| budget.findings).min() else { return Ok(Vec::new()) };
        let pair = |one: &RuleBudget| serde_json::json!([one.rule_id, int(one.findings)]);
        let pairs = serde_json::Value::Array(budgets.iter().map(pair).collect()).to_string();
        // the index on findings finds the busy days; what is no rule of the list falls out before the limit
        let rows = sqlx::query(
            "WITH budgets AS MATERIALIZED (SELECT value ->> 0 AS rule_id, value ->> 1 AS findings FROM json_each(?1)) \
             SELECT d.* FROM rule_days d JOIN budgets b ON b.rule_id = d.rule_id \
             WHERE d.findings > ?2 AND d.findings > b.findings ORDER BY d.findings DESC, d.rule_id, d.day LIMIT ?3",
        )
        .bind(pairs)
        .bind(int(least))
        .bind(i64::from(rows_max))
        .fetch_all(self.conn())
        .await;
        rows.map_err(failed(RULES))?.iter().map(day).collect()
    }

    async fn samples(&mut self, rule_id: &str) -> Result<Vec<(EventId, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT event_id, time_ms FROM rule_samples WHERE rule_id = ? \
             ORDER BY time_ms DESC, event_id DESC LIMIT ?",
        )
        .bind(rule_id)
        .bind(RULE_SAMPLES_MAX as i64)
        .fetch_all(self.conn())
        .await
        .map_err(failed(RULES))?;
        rows.iter().map(|row| Ok((EventId(bytes(row, "event_id")?), get(row, "time_ms")?))).collect()
    }
}

impl Session {
    async fn add_rule(
        &mut self,
        (rule_id, hash, stage, reason): &(String, String, Stage, String),
        at_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO rules (rule_id, hash, loaded, stage, reason, first_loaded_at_ms, staged_at_ms) \
             VALUES (?, ?, true, ?, ?, ?5, ?5)",
        )
        .bind(rule_id)
        .bind(hash)
        .bind(stage.as_str())
        .bind(reason)
        .bind(at_ms)
        .execute(self.conn())
        .await
        .map_err(failed_or_exists(RULE, rule_object(rule_id)))?;
        Ok(())
    }

    async fn count_matches(&mut self, matches: &RuleMatches) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE rules SET matches = matches + ?1, \
             last_matched_at_ms = max(coalesce(last_matched_at_ms, ?2), ?2) WHERE rule_id = ?3",
        )
        .bind(int(matches.matches))
        .bind(matches.last_matched_at_ms)
        .bind(&matches.rule_id)
        .execute(self.conn())
        .await
        .map_err(failed(MATCHES))?;
        sqlx::query(
            "INSERT INTO rule_days (rule_id, day, matches, findings) VALUES (?, ?, ?, ?) \
             ON CONFLICT (rule_id, day) DO UPDATE SET matches = matches + excluded.matches, \
             findings = findings + excluded.findings",
        )
        .bind(&matches.rule_id)
        .bind(matches.day)
        .bind(int(matches.matches))
        .bind(int(matches.findings))
        .execute(self.conn())
        .await
        .map_err(failed(MATCHES))?;
        self.add_samples(matches).await
    }

    async fn add_samples(&mut self, matches: &RuleMatches) -> Result<(), StoreError> {
        if matches.samples.is_empty() {
            return Ok(());
        }
        for (event_id, time_ms) in &matches.samples {
            sqlx::query(
                "INSERT INTO rule_samples (rule_id, time_ms, event_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(&matches.rule_id)
            .bind(time_ms)
            .bind(event_id.0.to_vec())
            .execute(self.conn())
            .await
            .map_err(failed(MATCHES))?;
        }
        sqlx::query(
            "DELETE FROM rule_samples WHERE rule_id = ?1 AND (time_ms, event_id) NOT IN (SELECT time_ms, \
             event_id FROM rule_samples WHERE rule_id = ?1 ORDER BY time_ms DESC, event_id DESC LIMIT ?2)",
        )
        .bind(&matches.rule_id)
        .bind(RULE_SAMPLES_MAX as i64)
        .execute(self.conn())
        .await
        .map_err(failed(MATCHES))?;
        Ok(())
    }
}

#[async_trait]
impl Rules for Session {
    async fn loaded(
        &mut self,
        change: &RuleSetChange,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, RULE_SET_OBJECT).await?;
        for rule in &change.added {
            self.add_rule(rule, at_ms).await?;
        }
        for (rule_id, hash) in &change.changed {
            let result = sqlx::query("UPDATE rules SET hash = ?, loaded = true WHERE rule_id = ?")
                .bind(hash)
                .bind(rule_id)
                .execute(self.conn())
                .await
                .map_err(failed(RULE))?;
            if result.rows_affected() == 0 {
                return Err(StoreError::not_found("rule", rule_id));
            }
        }
        for rule_id in &change.removed {
            let result = sqlx::query("UPDATE rules SET loaded = false WHERE rule_id = ?")
                .bind(rule_id)
                .execute(self.conn())
                .await
                .map_err(failed(RULE))?;
            if result.rows_affected() == 0 {
                return Err(StoreError::not_found("rule", rule_id));
            }
        }
        self.done(())
    }

    async fn stage(
        &mut self,
        rule_id: &str,
        stage: Stage,
        reason: &str,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &rule_object(rule_id)).await?;
        let result =
            sqlx::query("UPDATE rules SET stage = ?, reason = ?, staged_at_ms = ? WHERE rule_id = ?")
                .bind(stage.as_str())
                .bind(reason)
                .bind(at_ms)
                .bind(rule_id)
                .execute(self.conn())
                .await
                .map_err(failed(RULE))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("rule", rule_id));
        }
        sqlx::query("UPDATE rule_days SET findings = 0 WHERE rule_id = ?")
            .bind(rule_id)
            .execute(self.conn())
            .await
            .map_err(failed(RULE))?;
        self.done(())
    }

    async fn matched(&mut self, matches: &[RuleMatches]) -> Result<(), StoreError> {
        self.step()?;
        for one in matches {
            self.count_matches(one).await?;
        }
        self.done(())
    }

    async fn forget_days(&mut self, day: i64, rows_max: u32) -> Result<u64, StoreError> {
        self.step()?;
        let result = sqlx::query(
            "DELETE FROM rule_days WHERE (rule_id, day) IN \
             (SELECT rule_id, day FROM rule_days WHERE day < ? LIMIT ?)",
        )
        .bind(day)
        .bind(i64::from(rows_max))
        .execute(self.conn())
        .await
        .map_err(failed(RULE))?;
        self.done(result.rows_affected())
    }
}
