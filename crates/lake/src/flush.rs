//! Waiting events into files of the first level: one for each region, sorted by class and time.

use crate::error::disk_error;
use crate::file_lake::{Inner, locked};
use crate::layout::Place;
use crate::manifest::{Change, FileRow};
use crate::parquet_file::{FileWriter, times};
use crate::properties::Level;
use crate::state::Flush;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::Int32Type;
use ports::LakeError;
use std::collections::BTreeMap;
use std::sync::MutexGuard;

/// Rows that are sorted into one batch for the writer.
pub(crate) const ROWS_AT_ONCE: usize = 1_024;

/// Where an event stands: class, time, batch, row. The last two keep events of one partition in its order.
type SortKey = (i32, i64, u32, u32);

impl Inner {
    /// Makes everything durable that was committed before the call.
    pub(crate) fn flush(&self) -> Result<(), LakeError> {
        self.flush_in(&locked(&self.flush_turn))
    }

    /// The same, for who has the turn.
    pub(crate) fn flush_in(&self, _turn: &MutexGuard<'_, ()>) -> Result<(), LakeError> {
        locked(&self.manifest).repair(&self.home)?;
        let Some(flush) = locked(&self.state).begin_flush() else { return Ok(()) };
        let written = self.write_first_level(&flush);
        let listed = written.and_then(|files| self.apply(Change::Add { feeds: flush.feeds, files }));
        if listed.is_err() {
            locked(&self.state).abort_flush();
        }
        listed
    }

    fn write_first_level(&self, flush: &Flush) -> Result<Vec<FileRow>, LakeError> {
        let mut files = Vec::new();
        for (region, keys) in by_region(&flush.batches) {
            match self.write_region(&region, keys, flush) {
                Ok(row) => files.push(row),
                Err(error) => {
                    files.iter().for_each(|row: &FileRow| self.home.remove(&row.path));
                    return Err(error);
                }
            }
        }
        Ok(files)
    }

    fn write_region(
        &self,
        region: &str,
        mut keys: Vec<SortKey>,
        flush: &Flush,
    ) -> Result<FileRow, LakeError> {
        keys.sort_unstable();
        let number = locked(&self.state).next_number();
        self.write_sorted(number, region, &flush.batches, &keys, flush.now_ms)
    }

    /// Writes the events at `keys` to a file of the first level; what is left of one that fails is removed.
    pub(crate) fn write_sorted(
        &self,
        number: u64,
        region: &str,
        batches: &[RecordBatch],
        keys: &[SortKey],
        now_ms: i64,
    ) -> Result<FileRow, LakeError> {
        let mut file = FileWriter::create(&self.home, number, region, &Place::Recent, Level::First, now_ms)?;
        let path = file.path().to_owned();
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let written = keys.chunks(ROWS_AT_ONCE).try_for_each(|part| {
            let rows: Vec<_> =
                part.iter().map(|&(_, _, batch, row)| (batch as usize, row as usize)).collect();
            let sorted = interleave_record_batch(&batches, &rows);
            file.write(&sorted.map_err(|error| disk_error("sorting events", std::io::Error::other(error)))?)
        });
        let finished = written.and_then(|()| file.finish(&self.home));
        if finished.is_err() {
            self.home.remove(&path);
        }
        finished
    }
}

/// The places of all events by their region.
pub(crate) fn by_region(batches: &[RecordBatch]) -> BTreeMap<String, Vec<SortKey>> {
    let mut regions: BTreeMap<String, Vec<SortKey>> = BTreeMap::new();
    for (at, batch) in batches.iter().enumerate() {
        let (time, class) = (times(batch, 0), batch.column(1).as_primitive::<Int32Type>().values());
        let region = batch.column(2).as_string::<i32>();
        let mut row = 0;
        while row < batch.num_rows() {
            // neighbours mostly are of one region
            let name = region.value(row);
            let end = (row + 1..batch.num_rows()).find(|&next| region.value(next) != name);
            let end = end.unwrap_or(batch.num_rows());
            let keys = (row..end).map(|row| (class[row], time[row], at as u32, row as u32));
            match regions.get_mut(name) {
                Some(known) => known.extend(keys),
                None => drop(regions.insert(name.to_owned(), keys.collect())),
            }
            row = end;
        }
    }
    regions
}
