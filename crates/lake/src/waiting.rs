//! What was committed and is in no listed file yet.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;

/// Batches up to this size, in memory, are joined with their neighbours: each batch costs some 20 KiB besides
/// its events.
const JOINED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A batch and its size in memory.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) batch: RecordBatch,
    pub(crate) bytes: usize,
}

impl Fresh {
    pub(crate) fn new(batch: RecordBatch) -> Self {
        let bytes = batch.get_array_memory_size();
        Self { batch, bytes }
    }
}

/// One partition of `[raw]`.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The offset after the last event in a listed file.
    pub(crate) durable: u64,
    /// The offset after the last committed event.
    pub(crate) next: u64,
    /// Counts the writers; only the last may write.
    pub(crate) writer: u64,
    waiting: Vec<Fresh>,
    /// Being written to a file now, up to the offset.
    flushing: Option<(Vec<Fresh>, u64)>,
}

impl Part {
    /// A partition whose events up to `durable` are in listed files.
    pub(crate) fn at(durable: u64) -> Self {
        Self { durable, next: durable, ..Self::default() }
    }

    /// Takes committed events.
    pub(crate) fn add(&mut self, batches: Vec<Fresh>, next: u64) -> Result<(), ArrowError> {
        self.next = next;
        for fresh in batches {
            self.waiting.push(fresh);
            self.join_small()?;
        }
        Ok(())
    }

    /// Joins the last batches as long as the one before is not much larger: each event is copied a few times,
    /// however small the batches are.
    fn join_small(&mut self) -> Result<(), ArrowError> {
        while let [.., before, last] = &self.waiting[..] {
            if before.bytes > 2 * last.bytes || before.bytes + last.bytes > JOINED_BYTES_MAX {
                break;
            }
            let joined = concat_batches(&last.batch.schema(), [&before.batch, &last.batch])?;
            self.waiting.truncate(self.waiting.len() - 2);
            self.waiting.push(Fresh::new(joined));
        }
        Ok(())
    }

    /// Whether something was committed that is not in a listed file.
    pub(crate) fn is_ahead(&self) -> bool {
        self.next > self.durable
    }

    /// What is to be written now: the events, and the offset after them. It stays visible.
    pub(crate) fn begin_flush(&mut self) -> (Vec<RecordBatch>, u64) {
        let taken = std::mem::take(&mut self.waiting);
        let batches = taken.iter().map(|fresh| fresh.batch.clone()).collect();
        self.flushing = Some((taken, self.next));
        (batches, self.next)
    }

    /// What was begun is in a listed file.
    pub(crate) fn end_flush(&mut self) {
        if let Some((_, next)) = self.flushing.take() {
            self.durable = next;
        }
    }

    /// What was begun is not in a file; it waits again.
    pub(crate) fn abort_flush(&mut self) {
        if let Some((mut batches, _)) = self.flushing.take() {
            batches.append(&mut self.waiting);
            self.waiting = batches;
        }
    }

    /// Forgets what is in no listed file; it is read from the log again.
    pub(crate) fn rewind(&mut self) {
        self.waiting.clear();
        self.next = self.durable;
    }

    /// All that is visible and in no listed file.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = &Fresh> {
        self.flushing.iter().flat_map(|(batches, _)| batches).chain(&self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, RecordBatch};
    use std::sync::Arc;

    fn batch(from: i64, rows: i64) -> Fresh {
        let values = Arc::new(Int64Array::from_iter_values(from..from + rows)) as _;
        Fresh::new(RecordBatch::try_from_iter([("n", values)]).unwrap())
    }

    fn rows(part: &Part) -> Vec<i64> {
        let columns = part.fresh().map(|fresh| fresh.batch.column(0).clone());
        columns.flat_map(|column| Int64Array::from(column.to_data()).values().to_vec()).collect()
    }

    #[test]
    fn small_batches_are_joined_and_keep_their_order() {
        let mut part = Part::default();
        for at in 0..1_000 {
            part.add(vec![batch(at, 1)], at as u64 + 1).unwrap();
        }
        assert_eq!(rows(&part), (0..1_000).collect::<Vec<_>>());
        assert!(part.fresh().count() < 16, "{} batches", part.fresh().count());
    }

    #[test]
    fn what_is_flushed_stays_visible_until_it_is_listed_and_comes_back_if_it_is_not() {
        let mut part = Part::at(10);
        part.add(vec![batch(10, 3)], 13).unwrap();
        assert_eq!(part.begin_flush().1, 13);
        part.add(vec![batch(13, 2)], 15).unwrap();
        assert_eq!(rows(&part), [10, 11, 12, 13, 14]);
        part.abort_flush();
        assert_eq!((rows(&part), part.durable, part.next), (vec![10, 11, 12, 13, 14], 10, 15));
        assert_eq!(part.begin_flush().1, 15);
        part.add(vec![batch(15, 1)], 16).unwrap();
        part.end_flush();
        assert_eq!((rows(&part), part.durable, part.is_ahead()), (vec![15], 15, true));
        part.rewind();
        assert_eq!((rows(&part), part.next, part.is_ahead()), (vec![], 15, false));
    }
}
