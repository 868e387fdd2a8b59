//! Waiting events into files of the first level: one for each region, in the order of every file.

use crate::error::disk_error;
use crate::file_lake::{Inner, locked};
use crate::layout::Place;
use crate::manifest::{Change, FileRow};
use crate::order::Order;
use crate::parquet_file::FileWriter;
use crate::properties::Level;
use crate::state::Flush;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use ports::LakeError;
use std::collections::BTreeMap;
use std::sync::MutexGuard;

/// Rows that are sorted into one batch for the writer.
pub(crate) const ROWS_AT_ONCE: usize = 1_024;

/// Where an event waits: batch, row.
pub(crate) type Waits = (u32, u32);

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
        for (region, rows) in by_region(&flush.batches) {
            let number = locked(&self.state).next_number();
            match self.write_sorted(number, &region, &flush.batches, rows, flush.now_ms) {
                Ok(row) => files.push(row),
                Err(error) => {
                    files.iter().for_each(|row: &FileRow| self.home.remove(&row.path));
                    return Err(error);
                }
            }
        }
        Ok(files)
    }

    /// Writes the events at `rows` to a file of the first level; what is left of one that fails is removed.
    pub(crate) fn write_sorted(
        &self,
        number: u64,
        region: &str,
        batches: &[RecordBatch],
        mut rows: Vec<Waits>,
        now_ms: i64,
    ) -> Result<FileRow, LakeError> {
        let order = Order::new()?;
        let keys = batches.iter().map(|batch| order.keys(batch)).collect::<Result<Vec<_>, _>>()?;
        let key = |(batch, row): Waits| keys[batch as usize].row(row as usize);
        rows.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
        let mut file = FileWriter::create(&self.home, number, region, &Place::Recent, Level::First, now_ms)?;
        let path = file.path().to_owned();
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let written = rows.chunks(ROWS_AT_ONCE).try_for_each(|part| {
            let rows: Vec<_> = part.iter().map(|&(batch, row)| (batch as usize, row as usize)).collect();
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
pub(crate) fn by_region(batches: &[RecordBatch]) -> BTreeMap<String, Vec<Waits>> {
    let mut regions: BTreeMap<String, Vec<Waits>> = BTreeMap::new();
    for (at, batch) in batches.iter().enumerate() {
        let region = batch.column(2).as_string::<i32>();
        let mut row = 0;
        while row < batch.num_rows() {
            // neighbours mostly are of one region
            let name = region.value(row);
            let end = (row + 1..batch.num_rows()).find(|&next| region.value(next) != name);
            let end = end.unwrap_or(batch.num_rows());
            let rows = (row..end).map(|row| (at as u32, row as u32));
            match regions.get_mut(name) {
                Some(known) => known.extend(rows),
                None => drop(regions.insert(name.to_owned(), rows.collect())),
            }
            row = end;
        }
    }
    regions
}
