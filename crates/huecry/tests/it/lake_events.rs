//! Reads a lake back, as any reader of Parquet would.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use lake::{FileLake, Snapshot, Snapshots};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ports::Lake;
use std::path::Path;

/// The offsets and ids of every event of the lake, in files and waiting.
pub(crate) fn events_of(lake: &FileLake) -> Vec<(i64, String)> {
    lake.flush().unwrap();
    of_files(|path| std::fs::read(path).unwrap(), &lake.snapshot())
}

/// The offsets and ids of every event of a flushed lake whose files are `read` so.
pub(crate) fn of_files(read: impl Fn(&Path) -> Vec<u8>, snapshot: &Snapshot) -> Vec<(i64, String)> {
    assert!(snapshot.fresh.iter().all(|batch| batch.num_rows() == 0), "all is flushed");
    let mut events = Vec::new();
    for file in &snapshot.files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(read(&file.path)));
        for batch in reader.unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let offsets = batch.column_by_name("log_offset").unwrap().as_primitive::<Int64Type>().clone();
            let ids = batch.column_by_name("event_id").unwrap().as_string::<i32>().clone();
            events.extend(
                offsets.values().iter().zip(ids.iter()).map(|(at, id)| (*at, id.unwrap().to_owned())),
            );
        }
    }
    events.sort();
    events
}
