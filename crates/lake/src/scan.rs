//! Records as they came, read back file by file: for whoever runs other rules or mappings over what happened.

use crate::error::disk_error;
use crate::file_lake::FileLake;
use crate::rows::Rows;
use crate::schema::RAW;
use crate::transfer::Filter;
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Int32Type, Int64Type, TimestampMillisecondType};
use model::{Offset, Partition, Position, RawRecord, Topic};
use ports::LakeError;
use std::io;

/// A record that the lake keeps.
#[derive(Debug, Clone, Copy)]
pub struct StoredRecord<'a> {
    /// As it came.
    pub record: RawRecord<'a>,
    /// Where it stood on the log.
    pub position: Position,
    /// OCSF `time` of its event, milliseconds since the epoch.
    pub time_ms: i64,
    /// Whose service the event was about, as known when it came.
    pub service: Option<&'a str>,
}

impl FileLake {
    /// Hands every record whose event the filter takes to `each`, and says how many; files in the order of their
    /// earliest event. Holds a batch of one file in memory.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`] if a file that is read is damaged, [`LakeError::Io`].
    pub fn records(
        &self,
        filter: &Filter,
        mut each: impl FnMut(&StoredRecord<'_>),
    ) -> Result<u64, LakeError> {
        let (mut rows, snapshot) = self.0.held();
        rows.retain(|row| filter.may_hold(row));
        rows.sort_by_key(|row| row.time_ms);
        let mut count = 0;
        for row in &rows {
            let mut rows = Rows::open(&self.0.home, row)?;
            while let Some(batch) = rows.next()? {
                count += hand_over(&filter.apply(&batch)?, &mut each)?;
            }
        }
        for batch in &snapshot.fresh {
            count += hand_over(&filter.apply(batch)?, &mut each)?;
        }
        Ok(count)
    }
}

fn missing(name: &str) -> LakeError {
    disk_error("reading records", io::Error::other(format!("a batch has no column {name}")))
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, LakeError> {
    batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or_else(|| missing(name))
}

fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native], LakeError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    Ok(column.ok_or_else(|| missing(name))?.values())
}

fn hand_over(batch: &RecordBatch, each: &mut impl FnMut(&StoredRecord<'_>)) -> Result<u64, LakeError> {
    let [source, kind, region, event_type, delivery_id, service, raw] =
        ["source", "kind", "region", "event_type", "delivery_id", "service", RAW]
            .map(|name| text(batch, name));
    let (source, kind, region, raw) = (source?, kind?, region?, raw?);
    let (event_type, delivery_id, service) = (event_type?, delivery_id?, service?);
    let time = numbers::<TimestampMillisecondType>(batch, "time")?;
    let received_at = numbers::<TimestampMillisecondType>(batch, "received_at")?;
    let partition = numbers::<Int32Type>(batch, "log_partition")?;
    let offset = numbers::<Int64Type>(batch, "log_offset")?;
    let known = |column: &'_ StringArray, row: usize| column.is_valid(row);
    for row in 0..batch.num_rows() {
        each(&StoredRecord {
            record: RawRecord {
                source: source.value(row),
                kind: kind.value(row),
                event_type: known(event_type, row).then(|| event_type.value(row)),
                delivery_id: known(delivery_id, row).then(|| delivery_id.value(row)),
                region: region.value(row),
                received_at_ms: received_at[row],
                body: raw.value(row).as_bytes(),
            },
            position: Position::new(Topic::Raw, Partition(partition[row] as u32), Offset(offset[row] as u64)),
            time_ms: time[row],
            service: known(service, row).then(|| service.value(row)),
        });
    }
    Ok(batch.num_rows() as u64)
}
