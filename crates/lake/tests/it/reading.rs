//! What a reader sees, as the conformance suite wants it.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};
use huecry_lake::Snapshot;
use model::{COLUMNS, ColumnKind};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use ports::lake::conformance::Seen;
use std::path::Path;

/// The batches of a Parquet file.
pub(crate) fn batches(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReader::try_new(bytes::Bytes::from(bytes), 1_000).unwrap();
    reader.map(Result::unwrap).collect()
}

/// All events of a snapshot; checks what it says of each file on the way.
pub(crate) fn all(read: impl Fn(&Path) -> Vec<u8>, snapshot: &Snapshot) -> Vec<Seen> {
    let mut seen = Vec::new();
    for file in &snapshot.files {
        let bytes = read(&file.path);
        assert_eq!(bytes.len() as u64, file.bytes);
        let batches = batches(bytes);
        let events: Vec<Seen> = batches.iter().flat_map(of_batch).collect();
        assert_eq!(events.len() as u64, file.rows);
        assert_eq!(events.iter().map(|event| event.time_ms).min(), Some(file.time_ms.0));
        assert_eq!(events.iter().map(|event| event.time_ms).max(), Some(file.time_ms.1));
        let places = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
        let keys = places.map(|(batch, row)| key(batch, row));
        assert!(keys.is_sorted(), "{} is not sorted", file.path.display());
        for event in &events {
            assert_eq!(file.region.as_deref(), Some(&*event.region), "regions do not mix");
            assert!(file.class_uid.is_none_or(|class| class == event.class_uid), "classes do not mix");
        }
        seen.extend(events);
    }
    seen.extend(snapshot.fresh.iter().flat_map(of_batch));
    seen
}

/// What rows are sorted by: class, day, what makes records alike, time, place on the log.
fn key(batch: &RecordBatch, row: usize) -> impl PartialOrd + use<> {
    let text = |name: &str| {
        let array = batch.column_by_name(name).unwrap().as_string::<i32>();
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let int = |name: &str| {
        let array = batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
        array.is_valid(row).then(|| array.value(row))
    };
    let class = batch.column_by_name("class_uid").unwrap().as_primitive::<Int32Type>().value(row);
    let partition = batch.column_by_name("log_partition").unwrap().as_primitive::<Int32Type>().value(row);
    let time = batch.column_by_name("time").unwrap().as_primitive::<TimestampMillisecondType>().value(row);
    let day = time.div_euclid(86_400_000).clamp(0, 2_932_896);
    let before = ["kind", "event_type", "metadata_product_name"].map(text);
    let after = ["api_operation", "process_name", "actor_user_name"].map(text);
    ((class, day, before, int("activity_id"), after), (time, partition, int("log_offset")))
}

pub(crate) fn of_batch(batch: &RecordBatch) -> Vec<Seen> {
    (0..batch.num_rows()).map(|row| of_row(batch, row)).collect()
}

fn of_row(batch: &RecordBatch, row: usize) -> Seen {
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    let text = |name: &str| {
        let array = column(name).as_string::<i32>();
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let int = |name: &str| {
        let array = column(name).as_primitive::<Int64Type>();
        array.is_valid(row).then(|| array.value(row))
    };
    let promoted = COLUMNS.iter().filter_map(|promoted| {
        let value = match promoted.kind {
            ColumnKind::Text => text(promoted.name),
            ColumnKind::Int => int(promoted.name).map(|value| value.to_string()),
        };
        value.map(|value| (promoted.name, value))
    });
    Seen {
        partition: column("log_partition").as_primitive::<Int32Type>().value(row) as u32,
        offset: int("log_offset").unwrap() as u64,
        event_id: text("event_id").unwrap().parse().unwrap(),
        time_ms: column("time").as_primitive::<TimestampMillisecondType>().value(row),
        class_uid: column("class_uid").as_primitive::<Int32Type>().value(row) as u32,
        region: text("region").unwrap(),
        source: text("source").unwrap(),
        service: text("service"),
        columns: promoted.collect(),
        raw: text("raw").unwrap(),
    }
}
