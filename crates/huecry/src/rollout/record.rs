//! A raw record that outlives what it was read from: from the log, else from the lake.

use super::series::Window;
use futures_core::Stream;
use model::{EventId, Offset, Partition, Position, RawRecord, Topic};
use ports::query::{Bounds, Format, QueryError, Question, Reader};
use ports::{Log, LogError, Query};
use serde_json::{Value, json};
use std::pin::pin;

/// The columns of the lake that a raw record is made of.
pub(crate) const COLUMNS: &str =
    "source, kind, event_type, delivery_id, region, received_at, log_partition, log_offset, raw";
/// Longest look into the lake, in milliseconds.
const LOOK_MS_MAX: u64 = 30_000;
/// Most records of one window.
const WINDOW_RECORDS_MAX: u64 = 20_000;
/// Most bytes of them.
const WINDOW_BYTES_MAX: usize = 64 << 20;
/// The key of the line that says that there was more.
const TRUNCATED: &str = "huecry_truncated";
/// Records before a position that are looked at.
const BEFORE_RECORDS: usize = 64;
/// How far before it they stand.
const BEFORE_OFFSETS: u64 = 4_096;
/// Most bytes of them.
const BEFORE_BYTES_MAX: usize = 1 << 20;

/// A raw record and where it stood on the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedRecord {
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) event_type: Option<String>,
    pub(super) delivery_id: Option<String>,
    pub(super) region: String,
    pub(super) received_at_ms: i64,
    pub(super) body: Vec<u8>,
    /// Its identity hangs on it where the source gives none.
    pub(crate) position: Position,
}

impl OwnedRecord {
    pub(crate) fn of(record: &RawRecord<'_>, position: Position) -> Self {
        Self {
            source: record.source.to_owned(),
            kind: record.kind.to_owned(),
            event_type: record.event_type.map(str::to_owned),
            delivery_id: record.delivery_id.map(str::to_owned),
            region: record.region.to_owned(),
            received_at_ms: record.received_at_ms,
            body: record.body.to_vec(),
            position,
        }
    }

    /// From a row of the lake with [`COLUMNS`], as lines of JSON have it.
    pub(crate) fn of_row(row: &Value) -> Option<Self> {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let (partition, offset) = (row["log_partition"].as_u64()?, row["log_offset"].as_u64()?);
        let received_at_ms = match &row["received_at"] {
            Value::String(text) => text.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
            other => other.as_i64()?,
        };
        Some(Self {
            source: text("source")?,
            kind: text("kind")?,
            event_type: text("event_type"),
            delivery_id: text("delivery_id"),
            region: text("region")?,
            received_at_ms,
            body: text("raw")?.into_bytes(),
            position: Position::new(Topic::Raw, Partition(u32::try_from(partition).ok()?), Offset(offset)),
        })
    }

    pub(crate) fn as_raw(&self) -> RawRecord<'_> {
        RawRecord {
            source: &self.source,
            kind: &self.kind,
            event_type: self.event_type.as_deref(),
            delivery_id: self.delivery_id.as_deref(),
            region: &self.region,
            received_at_ms: self.received_at_ms,
            body: &self.body,
        }
    }
}

/// The record at `position`; `None` where retention removed it, or the log never had it.
pub(super) async fn from_log(log: &dyn Log, position: Position) -> Result<Option<OwnedRecord>, LogError> {
    let read = log.read(position.topic, position.partition, position.offset, 1).await;
    let records = match read {
        Ok(records) => records,
        Err(LogError::Trimmed { .. } | LogError::Ahead { .. } | LogError::NoSuchPartition { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let bytes = records.get_shared(0);
    Ok(bytes.and_then(|bytes| RawRecord::decode(&bytes).ok().map(|raw| OwnedRecord::of(&raw, position))))
}

/// Some records of the same source from well before a position of the log: what is next to it may be of the same doing.
pub(super) async fn before(
    log: &dyn Log,
    position: Position,
    source: &str,
) -> Result<Vec<OwnedRecord>, LogError> {
    let from = Offset(position.offset.0.saturating_sub(BEFORE_OFFSETS));
    let start = log.bounds(position.topic, position.partition).await?.start;
    let records = log.read(position.topic, position.partition, from.max(start), BEFORE_BYTES_MAX).await?;
    let others = records.iter().take(BEFORE_RECORDS).filter(|(offset, _)| *offset != position.offset);
    let others = others.filter_map(|(offset, bytes)| {
        let raw = RawRecord::decode(bytes).ok().filter(|raw| raw.source == source)?;
        Some(OwnedRecord::of(&raw, Position { offset, ..position }))
    });
    Ok(others.collect())
}

/// The record of an event, from the lake.
pub(super) async fn from_lake(query: &dyn Query, event: EventId) -> Option<OwnedRecord> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE event_id = $1 LIMIT 1");
    let parameters = vec![json!(event.to_string())];
    ask(query, sql, parameters, 1).await.ok()?.into_iter().next()
}

/// Why the records of a time are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("the records of its time are more than one replay reads")]
    TooMuch,
    #[error("the lake does not answer")]
    Failed,
}

/// Every record of a window, from the lake.
///
/// # Errors
/// [`Unread`].
pub(super) async fn of_window(query: &dyn Query, window: &Window) -> Result<Vec<OwnedRecord>, Unread> {
    let Window { from_ms, until_ms, kinds } = window;
    let moment = |ms: i64| {
        let at = jiff::Timestamp::from_millisecond(ms).map_err(|_| Unread::Failed)?;
        Ok(at.strftime("TIMESTAMP '%Y-%m-%dT%H:%M:%S%.3fZ'").to_string())
    };
    let (from, until) = (moment(*from_ms)?, moment(*until_ms)?);
    let mut sql = format!("SELECT {COLUMNS} FROM events WHERE time >= {from} AND time <= {until}");
    if !kinds.is_empty() {
        let places: Vec<String> = (1..=kinds.len()).map(|number| format!("${number}")).collect();
        sql = format!("{sql} AND kind IN ({})", places.join(", "));
    }
    let parameters = kinds.iter().map(|kind| json!(kind)).collect();
    ask(query, sql, parameters, WINDOW_RECORDS_MAX).await
}

/// The records that a question with [`COLUMNS`] finds, at most so many and [`WINDOW_BYTES_MAX`].
async fn ask(
    query: &dyn Query,
    sql: String,
    parameters: Vec<Value>,
    rows_max: u64,
) -> Result<Vec<OwnedRecord>, Unread> {
    let bounds = Bounds { rows_max, time_ms_max: LOOK_MS_MAX };
    let question = Question { sql, parameters, format: Format::Ndjson, bounds };
    let reader = Reader { personal: true, regions: None, sources: None };
    let unread = |error: QueryError| match error {
        QueryError::TooSlow { .. } | QueryError::TooMuchMemory { .. } => Unread::TooMuch,
        _ => Unread::Failed,
    };
    let mut chunks = pin!(query.ask(&reader, question).await.map_err(unread)?);
    let mut text = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|context| chunks.as_mut().poll_next(context)).await {
        text.extend_from_slice(&chunk.map_err(unread)?);
        if text.len() > WINDOW_BYTES_MAX {
            return Err(Unread::TooMuch);
        }
    }
    let mut records = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Value = serde_json::from_slice(line).map_err(|_| Unread::Failed)?;
        if row.get(TRUNCATED).is_some() {
            return Err(Unread::TooMuch);
        }
        records.push(OwnedRecord::of_row(&row).ok_or(Unread::Failed)?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_lake_is_the_record_again() {
        let row = json!({ "source": "trail", "kind": "aws_cloudtrail", "event_type": null, "delivery_id": "d",
            "region": "eu", "received_at": "2026-03-01T10:00:00.250Z", "log_partition": 1, "log_offset": 7,
            "raw": "{}" });
        let record = OwnedRecord::of_row(&row).unwrap();
        let raw = record.as_raw();
        assert_eq!(
            (raw.source, raw.kind, raw.region, raw.body),
            ("trail", "aws_cloudtrail", "eu", &b"{}"[..])
        );
        assert_eq!(
            (raw.event_type, raw.delivery_id, raw.received_at_ms),
            (None, Some("d"), 1_772_359_200_250)
        );
        assert_eq!(record.position.to_string(), "raw/1/7");
        assert_eq!(OwnedRecord::of(&raw, record.position), record);
        assert_eq!(OwnedRecord::of_row(&json!({ "raw": "{}" })), None);
    }
}
