//! Many files into fewer, in the order of every file: a k-way merge that holds a batch of each.

use crate::error::disk_error;
use crate::file_lake::{Inner, locked};
use crate::flush::ROWS_AT_ONCE;
use crate::layout::{Day, Place, believed_ms};
use crate::manifest::{Change, FileRow};
use crate::options::MERGE_GROUPS_MAX;
use crate::order::{Heap, Order};
use crate::parquet_file::{FileWriter, RECEIVED_AT, times};
use crate::plan::next_merge;
use crate::properties::Level;
use crate::rows::{Rows, columns};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::Int32Type;
use arrow::row;
use ports::LakeError;
use ports::lake::Maintained;
use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Inner {
    /// One merge, if one is due.
    pub(crate) fn merge_some(&self, now_ms: i64, done: &mut Maintained) -> Result<(), LakeError> {
        let _turn = locked(&self.merge_turn);
        let files: Vec<Arc<FileRow>> = {
            let state = locked(&self.state);
            let sound = state.files.iter().filter(|(number, _)| !state.damaged.contains(number));
            sound.map(|(_, listed)| Arc::clone(&listed.row)).collect()
        };
        let Some(old) = next_merge(&files, now_ms, &self.home.options) else { return Ok(()) };
        locked(&self.manifest).repair(&self.home)?;
        let files = self.merge(&old, now_ms)?;
        let numbers = old.iter().map(|row| row.number).collect();
        self.apply(Change::Replace { old: numbers, files })?;
        done.files_merged += old.len() as u64;
        Ok(())
    }

    /// Writes the events of `old` to new files, which are durable and not listed then.
    fn merge(&self, old: &[Arc<FileRow>], now_ms: i64) -> Result<Vec<FileRow>, LakeError> {
        let Some(first) = old.first() else { return Ok(Vec::new()) };
        let cursors = old.iter().map(|row| {
            Rows::open(&self.home, row).inspect_err(|error| {
                if matches!(error, LakeError::Corrupt { .. }) {
                    // it is named once and stays as it is; the others are merged without it
                    locked(&self.state).damaged.insert(row.number);
                }
            })
        });
        let rows = cursors.collect::<Result<Vec<_>, _>>()?;
        let route = match (first.class_uid, &first.day) {
            (None, _) => Route::ByDay(self.largest_groups(old)?),
            (Some(class_uid), None) => Route::To(Place::Sparse { class_uid }),
            (Some(class_uid), Some(_)) => Route::To(Place::Day { class_uid, day: Day::of(first.time_ms.0) }),
        };
        let (open, done) = (Vec::new(), Vec::new());
        let mut outputs = Outputs { lake: self, region: &first.region, now_ms, open, done };
        let merged = Merge::begin(rows, route).and_then(|merge| merge.run(&mut outputs));
        match merged.and_then(|()| outputs.finish()) {
            Ok(()) => Ok(outputs.done),
            Err(error) => {
                outputs.remove();
                Err(error)
            }
        }
    }

    /// The days and classes that have most events: only these get files of their own.
    fn largest_groups(&self, files: &[Arc<FileRow>]) -> Result<HashSet<(u32, Day)>, LakeError> {
        let mut counts: HashMap<(u32, Day), u64> = HashMap::new();
        for row in files {
            for batch in columns(&self.home, row, &["time", "class_uid"])? {
                let batch = batch?;
                let classes = batch.column(1).as_primitive::<Int32Type>().values();
                for (time, class) in times(&batch, 0).iter().zip(classes) {
                    *counts.entry((*class as u32, Day::of(*time))).or_default() += 1;
                }
            }
        }
        let mut groups: Vec<_> = counts.into_iter().collect();
        groups.sort_unstable_by_key(|&(group, count)| (Reverse(count), group));
        Ok(groups.into_iter().take(MERGE_GROUPS_MAX).map(|(group, _)| group).collect())
    }
}

/// Where the events go.
enum Route {
    To(Place),
    ByDay(HashSet<(u32, Day)>),
}

impl Route {
    fn place(&self, class: i32, time_ms: i64, received_at_ms: i64) -> Place {
        match self {
            Self::To(place) => place.clone(),
            Self::ByDay(groups) => {
                let (class_uid, day) = (class as u32, Day::of(time_ms));
                let is_believed = believed_ms(time_ms, received_at_ms) == time_ms;
                if is_believed && groups.contains(&(class_uid, day)) {
                    Place::Day { class_uid, day }
                } else {
                    Place::Sparse { class_uid }
                }
            }
        }
    }
}

/// One input: its next row in its current batch.
struct Cursor {
    rows: Rows,
    batch: RecordBatch,
    keys: row::Rows,
    /// Where the batch is in [`Merge::pool`].
    pooled: usize,
    row: usize,
}

impl Cursor {
    fn key(&self) -> row::Row<'_> {
        self.keys.row(self.row)
    }

    fn class_uid(&self) -> i32 {
        self.batch.column(CLASS_UID).as_primitive::<Int32Type>().value(self.row)
    }

    fn time_ms(&self) -> i64 {
        times(&self.batch, 0)[self.row]
    }

    fn received_at_ms(&self) -> i64 {
        times(&self.batch, RECEIVED_AT)[self.row]
    }
}

/// The place of `class_uid` in the schema.
const CLASS_UID: usize = 1;

/// The smaller key first; of equal ones, that of the earlier file.
fn compare(cursors: &[Cursor]) -> impl Fn(usize, usize) -> Ordering {
    move |a, b| cursors[a].key().cmp(&cursors[b].key()).then(a.cmp(&b))
}

struct Merge {
    cursors: Vec<Cursor>,
    heap: Heap,
    order: Order,
    route: Route,
    /// Batches that chosen rows are in.
    pool: Vec<RecordBatch>,
    /// Chosen rows of one place, in order: (batch in the pool, row).
    chosen: Vec<(Place, Vec<(usize, usize)>)>,
    rows_chosen: usize,
}

impl Merge {
    fn begin(inputs: Vec<Rows>, route: Route) -> Result<Self, LakeError> {
        let order = Order::new()?;
        let (mut cursors, mut pool) = (Vec::with_capacity(inputs.len()), Vec::new());
        for mut rows in inputs {
            if let Some(batch) = next_batch(&mut rows)? {
                let (keys, pooled) = (order.keys(&batch)?, pool.len());
                pool.push(batch.clone());
                cursors.push(Cursor { rows, batch, keys, pooled, row: 0 });
            }
        }
        let heap = Heap::new(cursors.len(), compare(&cursors));
        Ok(Self { cursors, heap, order, route, pool, chosen: Vec::new(), rows_chosen: 0 })
    }

    fn run(mut self, outputs: &mut Outputs<'_>) -> Result<(), LakeError> {
        while let Some(at) = self.heap.first() {
            let cursor = &mut self.cursors[at];
            let place = self.route.place(cursor.class_uid(), cursor.time_ms(), cursor.received_at_ms());
            let row = (cursor.pooled, cursor.row);
            match self.chosen.iter_mut().find(|(known, _)| *known == place) {
                Some((_, rows)) => rows.push(row),
                None => self.chosen.push((place, vec![row])),
            }
            self.rows_chosen += 1;
            cursor.row += 1;
            if cursor.row < cursor.batch.num_rows() || self.refill(at)? {
                self.heap.first_grew(compare(&self.cursors));
            } else {
                self.heap.drop_first(compare(&self.cursors));
            }
            let pool_is_large = self.pool.len() > 2 * self.cursors.len() + 2;
            if self.rows_chosen >= ROWS_AT_ONCE || pool_is_large {
                self.pass_on(outputs)?;
            }
        }
        self.pass_on(outputs)
    }

    /// The next batch of an input; says whether there is one.
    fn refill(&mut self, at: usize) -> Result<bool, LakeError> {
        let cursor = &mut self.cursors[at];
        let Some(batch) = next_batch(&mut cursor.rows)? else { return Ok(false) };
        cursor.keys = self.order.keys(&batch)?;
        (cursor.batch, cursor.pooled, cursor.row) = (batch.clone(), self.pool.len(), 0);
        self.pool.push(batch);
        Ok(true)
    }

    /// Writes the chosen rows and drops all batches but the current ones.
    fn pass_on(&mut self, outputs: &mut Outputs<'_>) -> Result<(), LakeError> {
        let pool: Vec<&RecordBatch> = self.pool.iter().collect();
        for (place, rows) in self.chosen.drain(..) {
            let batch = interleave_record_batch(&pool, &rows)
                .map_err(|error| disk_error("merging events", std::io::Error::other(error)))?;
            outputs.write(&place, &batch)?;
        }
        self.rows_chosen = 0;
        self.pool.clear();
        for cursor in &mut self.cursors {
            cursor.pooled = self.pool.len();
            self.pool.push(cursor.batch.clone());
        }
        Ok(())
    }
}

/// The next batch with rows.
fn next_batch(rows: &mut Rows) -> Result<Option<RecordBatch>, LakeError> {
    loop {
        match rows.next()? {
            Some(batch) if batch.num_rows() == 0 => {}
            other => return Ok(other),
        }
    }
}

/// The files that a merge writes: as the events are sorted, one day's and one sparse one are open at a time.
struct Outputs<'a> {
    lake: &'a Inner,
    region: &'a str,
    now_ms: i64,
    open: Vec<(Place, FileWriter)>,
    done: Vec<FileRow>,
}

impl Outputs<'_> {
    fn write(&mut self, place: &Place, batch: &RecordBatch) -> Result<(), LakeError> {
        let at = match self.open.iter().position(|(known, _)| known == place) {
            Some(at) => at,
            None => self.begin(place)?,
        };
        let (_, file) = &mut self.open[at];
        file.write(batch)?;
        if file.bytes() >= self.lake.home.options.file_bytes_target {
            self.end(at)?;
        }
        Ok(())
    }

    /// Opens a file; the one of the same kind is complete.
    fn begin(&mut self, place: &Place) -> Result<usize, LakeError> {
        let is_sparse = |place: &Place| matches!(place, Place::Sparse { .. });
        if let Some(at) = self.open.iter().position(|(known, _)| is_sparse(known) == is_sparse(place)) {
            self.end(at)?;
        }
        let number = locked(&self.lake.state).next_number();
        let file =
            FileWriter::create(&self.lake.home, number, self.region, place, Level::Sorted, self.now_ms)?;
        self.open.push((place.clone(), file));
        Ok(self.open.len() - 1)
    }

    fn end(&mut self, at: usize) -> Result<(), LakeError> {
        let (_, file) = self.open.remove(at);
        let path = file.path().to_owned();
        let row = file.finish(&self.lake.home).inspect_err(|_| self.lake.home.remove(&path))?;
        self.done.push(row);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), LakeError> {
        while !self.open.is_empty() {
            self.end(0)?;
        }
        Ok(())
    }

    /// Removes what was written.
    fn remove(&mut self) {
        let open = self.open.drain(..).map(|(_, file)| file.path().to_owned());
        let paths: Vec<String> = open.chain(self.done.drain(..).map(|row| row.path)).collect();
        paths.iter().for_each(|path| self.lake.home.remove(path));
    }
}
