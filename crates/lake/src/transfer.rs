//! Events out of the lake as one Parquet file, and back into this or another lake.

use crate::error::{corrupt, disk_error, write_error};
use crate::file_lake::{FileLake, Inner, locked};
use crate::flush::by_region;
use crate::manifest::{Change, FileRow};
use crate::options::IMPORT_ROWS_AT_ONCE;
use crate::parquet_file::{arrow_writer, hex, times};
use crate::properties::Level;
use crate::rows::{Rows, columns};
use crate::snapshot::Snapshot;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use parquet::file::reader::ChunkReader;
use ports::LakeError;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

/// Which events are exported; all by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// OCSF `time`, milliseconds since the epoch; `None` is any.
    pub time_ms: Option<Range<i64>>,
    /// OCSF classes; `None` is all.
    pub class_uids: Option<Vec<u32>>,
    /// Regions; `None` is all.
    pub regions: Option<Vec<String>>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Events that were added.
    pub events: u64,
    /// Events that the lake had already, or that were in the file twice.
    pub duplicates: u64,
}

impl Filter {
    pub(crate) fn may_hold(&self, row: &FileRow) -> bool {
        let time = self.time_ms.as_ref();
        time.is_none_or(|time| row.time_ms.0 < time.end && row.time_ms.1 >= time.start)
            && self.regions.as_ref().is_none_or(|regions| regions.contains(&row.region))
            && row.class_uid.is_none_or(|class| self.takes_class(class))
    }

    fn takes_class(&self, class_uid: u32) -> bool {
        self.class_uids.as_ref().is_none_or(|classes| classes.contains(&class_uid))
    }

    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let (times, classes) = (times(batch, 0), batch.column(1).as_primitive::<Int32Type>().values());
        let regions = batch.column(2).as_string::<i32>();
        let taken: BooleanArray = (0..batch.num_rows())
            .map(|row| {
                let in_region = |all: &Vec<String>| all.iter().any(|region| region == regions.value(row));
                let taken = self.time_ms.as_ref().is_none_or(|range| range.contains(&times[row]))
                    && self.takes_class(classes[row] as u32)
                    && self.regions.as_ref().is_none_or(in_region);
                Some(taken)
            })
            .collect();
        filter_record_batch(batch, &taken)
            .map_err(|error| disk_error("choosing events", io::Error::other(error)))
    }
}

impl FileLake {
    /// Writes the events that the filter takes as one Parquet file in the schema of the lake's own, and says how
    /// many. Events are as they are stored: who may see them is the caller's to decide. The order is that of
    /// the files.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`] if a file that is read is damaged, [`LakeError::Io`] of disk or sink.
    pub fn export<W: Write + Send>(&self, filter: &Filter, sink: W) -> Result<u64, LakeError> {
        let failed = |error| write_error("writing the export", error);
        let rows_max = self.0.home.options.row_group_rows_max;
        let mut out = arrow_writer(sink, Level::Sorted, rows_max).map_err(failed)?;
        let (rows, snapshot) = self.0.held();
        let mut events = 0;
        let mut pass_on = |batch: &RecordBatch, out: &mut ArrowWriter<W>| {
            let taken = filter.apply(batch)?;
            events += taken.num_rows() as u64;
            out.write(&taken).map_err(failed)
        };
        for row in rows.iter().filter(|row| filter.may_hold(row)) {
            let mut rows = Rows::open(&self.0.home, row)?;
            while let Some(batch) = rows.next()? {
                pass_on(&batch, &mut out)?;
            }
        }
        for batch in &snapshot.fresh {
            pass_on(batch, &mut out)?;
        }
        out.into_inner().and_then(|mut sink| Ok(sink.flush()?)).map_err(failed)?;
        Ok(events)
    }

    /// Adds the events of an export that the lake does not have: by the file's hash, so that the same file adds
    /// nothing twice, and by event id. All of them are added, or none. They belong to no partition of the log;
    /// their `log_partition` and `log_offset` stay what they were where they came from.
    ///
    /// An event that comes from the log at the same time as from a file may be added twice.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`] with the file `import` if it is not an export of a lake; [`LakeError::DiskFull`],
    /// [`LakeError::Io`].
    pub fn import<S: ChunkReader + 'static>(&self, source: S, now_ms: i64) -> Result<Imported, LakeError> {
        const NAME: &str = "import";
        let sha256 = hash_of(&source).map_err(|error| corrupt(NAME, error))?;
        let mut rows = Rows::of(source, NAME).map_err(|error| corrupt(NAME, error))?;
        if locked(&self.0.manifest).listing().imports.contains(&sha256) {
            return Ok(Imported { events: 0, duplicates: rows.count() });
        }
        let mut import = Import { lake: &self.0, now_ms, files: Vec::new(), done: Imported::default() };
        let read = import.read(&mut rows, NAME);
        let files = std::mem::take(&mut import.files);
        let done = import.done;
        if let Err(error) = read {
            files.iter().for_each(|row| self.0.home.remove(&row.path));
            return Err(error);
        }
        self.0.apply(Change::Import { sha256, files })?;
        Ok(done)
    }
}

impl Inner {
    /// The listed files, with a snapshot that holds them.
    pub(crate) fn held(&self) -> (Vec<Arc<FileRow>>, Snapshot) {
        let state = locked(&self.state);
        (state.files.values().map(|listed| Arc::clone(&listed.row)).collect(), state.snapshot())
    }
}

struct Import<'a> {
    lake: &'a Inner,
    now_ms: i64,
    /// Written by now and not listed yet.
    files: Vec<FileRow>,
    done: Imported,
}

impl Import<'_> {
    fn read(&mut self, rows: &mut Rows, name: &str) -> Result<(), LakeError> {
        let mut part = Vec::new();
        let mut count = 0;
        let refused = |error: LakeError| match error {
            LakeError::Corrupt { .. } => error,
            error => corrupt(name, error),
        };
        while let Some(batch) = rows.next().map_err(refused)? {
            count += batch.num_rows();
            part.push(batch);
            if count >= IMPORT_ROWS_AT_ONCE {
                self.add(&std::mem::take(&mut part))?;
                count = 0;
            }
        }
        self.add(&part)
    }

    fn add(&mut self, part: &[RecordBatch]) -> Result<(), LakeError> {
        let Some(first) = part.first() else { return Ok(()) };
        let failed = |error| disk_error("importing events", io::Error::other(error));
        let all = concat_batches(&first.schema(), part).map_err(failed)?;
        let mut known = self.known(&all)?;
        let ids = all.column(EVENT_ID).as_string::<i32>();
        let is_new: BooleanArray = ids.iter().map(|id| Some(known.insert(number_of(id)))).collect();
        let new = filter_record_batch(&all, &is_new).map_err(failed)?;
        self.done.events += new.num_rows() as u64;
        self.done.duplicates += (all.num_rows() - new.num_rows()) as u64;
        for (region, rows) in by_region(std::slice::from_ref(&new)) {
            let number = locked(&self.lake.state).next_number();
            let row =
                self.lake.write_sorted(number, &region, std::slice::from_ref(&new), rows, self.now_ms)?;
            self.files.push(row);
        }
        Ok(())
    }

    /// Those of the events' ids that the lake has, or that came earlier in the file.
    fn known(&self, events: &RecordBatch) -> Result<HashSet<u128>, LakeError> {
        let wanted: HashSet<u128> =
            events.column(EVENT_ID).as_string::<i32>().iter().map(number_of).collect();
        let earliest = times(events, 0).iter().min().copied().unwrap_or_default();
        let latest = times(events, 0).iter().max().copied().unwrap_or_default();
        let (rows, snapshot) = self.lake.held();
        let mut known = HashSet::new();
        let mut look = |ids: &arrow::array::StringArray| {
            known.extend(ids.iter().map(number_of).filter(|id| wanted.contains(id)));
        };
        let rows = rows.iter().map(|row| &**row).chain(&self.files);
        for row in rows.filter(|row| row.time_ms.0 <= latest && row.time_ms.1 >= earliest) {
            for batch in columns(&self.lake.home, row, &["event_id"])? {
                look(batch?.column(0).as_string::<i32>());
            }
        }
        snapshot.fresh.iter().for_each(|batch| look(batch.column(EVENT_ID).as_string::<i32>()));
        Ok(known)
    }
}

/// The place of `event_id` in the schema.
const EVENT_ID: usize = 5;

/// An id as a number; what is no id is found by a hash of its text.
fn number_of(id: Option<&str>) -> u128 {
    let id = id.unwrap_or_default();
    if id.len() == 32
        && let Ok(number) = u128::from_str_radix(id, 16)
    {
        return number;
    }
    let hash: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    let (half, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    u128::from_be_bytes(*half)
}

fn hash_of<S: ChunkReader>(source: &S) -> parquet::errors::Result<String> {
    const CHUNK_BYTES: u64 = 1024 * 1024;
    let (mut hash, mut at) = (Sha256::new(), 0);
    while at < source.len() {
        let part = CHUNK_BYTES.min(source.len() - at);
        hash.update(source.get_bytes(at, part as usize)?);
        at += part;
    }
    Ok(hex(hash))
}
