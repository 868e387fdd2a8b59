//! A raw record that outlives what it was read from: from the log, else from the lake.

use futures_core::Stream;
use model::{EventId, Offset, Partition, Position, RawRecord, Topic};
use ports::query::{Bounds, Format, Question, Reader};
use ports::{Log, LogError, Query};
use serde_json::{Value, json};
use std::pin::pin;

/// The columns of the lake that a raw record is made of.
pub(crate) const COLUMNS: &str =
    "source, kind, event_type, delivery_id, region, received_at, log_partition, log_offset, raw";
/// Longest look for one record in the lake, in milliseconds.
const LOOK_MS_MAX: u64 = 30_000;
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
    let question = Question {
        sql: format!("SELECT {COLUMNS} FROM events WHERE event_id = $1 LIMIT 1"),
        parameters: vec![json!(event.to_string())],
        format: Format::Ndjson,
        bounds: Bounds { rows_max: 1, time_ms_max: LOOK_MS_MAX },
    };
    let reader = Reader { personal: true, regions: None, sources: None };
    let mut chunks = pin!(query.ask(&reader, question).await.ok()?);
    let mut text = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|context| chunks.as_mut().poll_next(context)).await {
        text.extend_from_slice(&chunk.ok()?);
    }
    let line = text.split(|byte| *byte == b'\n').next()?;
    OwnedRecord::of_row(&serde_json::from_slice(line).ok()?)
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
