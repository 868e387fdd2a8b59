//! Positions of consumers, and dead letters.

use super::session::Session;
use super::values::{failed, get, int, named, uint};
use async_trait::async_trait;
use model::{AuditRecord, DeadLetter, Offset, Partition, Position, Topic};
use ports::store::{
    ConsumerPosition, Counters, Cursor, DeadLetterFilter, DeadLetterRow, DeadLetterStatus, DeadLetters, Page,
    PageRequest, Positions, ReadDeadLetters, ReadPositions, StoreError,
};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

const POSITIONS: &str = "reading positions";
const LETTERS: &str = "reading dead letters";
const LETTER: &str = "writing dead letters";

fn topic(row: &SqliteRow) -> Result<Topic, StoreError> {
    named(row, "topic", |name| name.parse().ok())
}

fn partition(row: &SqliteRow) -> Result<Partition, StoreError> {
    get(row, "partition").map(Partition)
}

fn consumer_position(row: &SqliteRow) -> Result<ConsumerPosition, StoreError> {
    Ok(ConsumerPosition {
        consumer: get(row, "consumer")?,
        topic: topic(row)?,
        partition: partition(row)?,
        next: Offset(uint(row, "next")?),
        counters: Counters {
            accepted: uint(row, "accepted")?,
            stored: uint(row, "stored")?,
            dead_lettered: uint(row, "dead_lettered")?,
            duplicates: uint(row, "duplicates")?,
        },
    })
}

#[async_trait]
impl ReadPositions for Session {
    async fn get(
        &mut self,
        consumer: &str,
        topic: Topic,
        partition: Partition,
    ) -> Result<Option<ConsumerPosition>, StoreError> {
        let row = sqlx::query("SELECT * FROM positions WHERE consumer = ? AND topic = ? AND partition = ?")
            .bind(consumer)
            .bind(topic.as_str())
            .bind(i64::from(partition.0))
            .fetch_optional(self.conn())
            .await
            .map_err(failed(POSITIONS))?;
        row.as_ref().map(consumer_position).transpose()
    }

    async fn list(&mut self) -> Result<Vec<ConsumerPosition>, StoreError> {
        let rows = sqlx::query("SELECT * FROM positions ORDER BY consumer, topic, partition")
            .fetch_all(self.conn())
            .await
            .map_err(failed(POSITIONS))?;
        rows.iter().map(consumer_position).collect()
    }
}

#[async_trait]
impl Positions for Session {
    async fn advance(
        &mut self,
        consumer: &str,
        topic: Topic,
        partition: Partition,
        (from, next): (Offset, Offset),
        counted: Counters,
    ) -> Result<(), StoreError> {
        self.step()?;
        let result = sqlx::query(
            "INSERT INTO positions (consumer, topic, partition, next, accepted, stored, dead_lettered, duplicates) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (consumer, topic, partition) DO UPDATE SET \
             next = excluded.next, accepted = accepted + excluded.accepted, stored = stored + excluded.stored, \
             dead_lettered = dead_lettered + excluded.dead_lettered, \
             duplicates = duplicates + excluded.duplicates WHERE next = ?",
        )
        .bind(consumer)
        .bind(topic.as_str())
        .bind(i64::from(partition.0))
        .bind(int(next.0))
        .bind(int(counted.accepted))
        .bind(int(counted.stored))
        .bind(int(counted.dead_lettered))
        .bind(int(counted.duplicates))
        .bind(int(from.0))
        .execute(self.conn())
        .await
        .map_err(failed("moving a position"))?;
        if result.rows_affected() == 0 {
            let now = ReadPositions::get(self, consumer, topic, partition).await?;
            return Err(StoreError::Conflict { current: now.map_or(0, |now| now.next.0) });
        }
        self.done(())
    }
}

fn dead_letter(row: &SqliteRow) -> Result<DeadLetterRow, StoreError> {
    let position = Position::new(topic(row)?, partition(row)?, Offset(uint(row, "offset")?));
    Ok(DeadLetterRow {
        letter: DeadLetter {
            position,
            source: get(row, "source")?,
            kind: get(row, "kind")?,
            code: get(row, "code")?,
            reason: get(row, "reason")?,
            received_at_ms: get(row, "received_at_ms")?,
            at_ms: get(row, "at_ms")?,
        },
        region: get(row, "region")?,
        status: named(row, "status", DeadLetterStatus::from_name)?,
        refused: uint(row, "refused")?,
        updated_at_ms: get(row, "updated_at_ms")?,
    })
}

#[async_trait]
impl ReadDeadLetters for Session {
    async fn get(&mut self, raw: Position) -> Result<Option<DeadLetterRow>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM dead_letters WHERE topic = ? AND partition = ? AND \"offset\" = ?")
                .bind(raw.topic.as_str())
                .bind(i64::from(raw.partition.0))
                .bind(int(raw.offset.0))
                .fetch_optional(self.conn())
                .await
                .map_err(failed(LETTERS))?;
        row.as_ref().map(dead_letter).transpose()
    }

    async fn list(
        &mut self,
        filter: &DeadLetterFilter,
        page: &PageRequest,
    ) -> Result<Page<DeadLetterRow>, StoreError> {
        const LIST: &str = "dead-letters";
        let mut sql = QueryBuilder::new("SELECT * FROM dead_letters WHERE true");
        if let Some(status) = filter.status {
            sql.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(source) = &filter.source {
            sql.push(" AND source = ").push_bind(source.clone());
        }
        if let Some(code) = &filter.code {
            sql.push(" AND code = ").push_bind(code.clone());
        }
        if let Some(cursor) = &page.after {
            let ([at_ms], last) = cursor.parts::<1>(LIST)?;
            let last: Position = last.parse().map_err(|_| StoreError::BadCursor)?;
            sql.push(" AND (at_ms, topic, partition, \"offset\") < (").push_bind(at_ms);
            sql.push(", ").push_bind(last.topic.as_str());
            sql.push(", ").push_bind(i64::from(last.partition.0));
            sql.push(", ").push_bind(int(last.offset.0)).push(")");
        }
        sql.push(" ORDER BY at_ms DESC, topic DESC, partition DESC, \"offset\" DESC LIMIT ");
        sql.push_bind(i64::from(page.items()) + 1);
        let rows = sql.build().fetch_all(self.conn()).await.map_err(failed(LETTERS))?;
        let items = rows.iter().map(dead_letter).collect::<Result<_, _>>()?;
        Ok(Page::of(items, page.items(), |row: &DeadLetterRow| {
            Cursor::new(LIST, &[row.letter.at_ms], &row.letter.position.to_string())
        }))
    }

    async fn count_by_status(&mut self) -> Result<Vec<(DeadLetterStatus, u64)>, StoreError> {
        let rows =
            sqlx::query("SELECT status, count(*) AS n FROM dead_letters GROUP BY status ORDER BY status")
                .fetch_all(self.conn())
                .await
                .map_err(failed(LETTERS))?;
        rows.iter()
            .map(|row| Ok((named(row, "status", DeadLetterStatus::from_name)?, uint(row, "n")?)))
            .collect()
    }
}

#[async_trait]
impl DeadLetters for Session {
    async fn record(&mut self, letters: &[DeadLetter], region: &str) -> Result<(), StoreError> {
        self.step()?;
        for letter in letters {
            sqlx::query(
                "INSERT INTO dead_letters (topic, partition, \"offset\", region, source, kind, code, reason, \
                 received_at_ms, at_ms, status, refused, updated_at_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?10, 'open', 1, ?10) \
                 ON CONFLICT (topic, partition, \"offset\") DO UPDATE SET kind = excluded.kind, \
                 code = excluded.code, reason = excluded.reason, at_ms = excluded.at_ms, status = 'open', \
                 refused = refused + 1, updated_at_ms = excluded.at_ms WHERE excluded.at_ms > at_ms",
            )
            .bind(letter.position.topic.as_str())
            .bind(i64::from(letter.position.partition.0))
            .bind(int(letter.position.offset.0))
            .bind(region)
            .bind(&letter.source)
            .bind(&letter.kind)
            .bind(&letter.code)
            .bind(&letter.reason)
            .bind(letter.received_at_ms)
            .bind(letter.at_ms)
            .execute(self.conn())
            .await
            .map_err(failed(LETTER))?;
        }
        self.done(())
    }

    async fn set_status(
        &mut self,
        raw: Position,
        status: DeadLetterStatus,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        self.step()?;
        self.audited(audit, &raw.to_string()).await?;
        let result = sqlx::query(
            "UPDATE dead_letters SET status = ?, updated_at_ms = max(updated_at_ms, ?) \
             WHERE topic = ? AND partition = ? AND \"offset\" = ?",
        )
        .bind(status.as_str())
        .bind(at_ms)
        .bind(raw.topic.as_str())
        .bind(i64::from(raw.partition.0))
        .bind(int(raw.offset.0))
        .execute(self.conn())
        .await
        .map_err(failed(LETTER))?;
        if result.rows_affected() == 0 {
            return Err(StoreError::not_found("dead letter", raw));
        }
        self.done(())
    }
}
