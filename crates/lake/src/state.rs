//! What is visible now, behind one lock that is held for moments.

use crate::manifest::{Change, Feed, FileRow, Listing};
use crate::options::Options;
use crate::parquet_file::Home;
use crate::snapshot::{DataFile, Snapshot};
use crate::waiting::{Fresh, Part};
use arrow::array::RecordBatch;
use model::Partition;
use ports::LakeError;
use ports::lake::LakeSize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A listed file and what readers hold of it.
pub(crate) struct Listed {
    pub(crate) row: Arc<FileRow>,
    file: Arc<DataFile>,
}

/// What is to be written to files now.
pub(crate) struct Flush {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) now_ms: i64,
}

pub(crate) struct State {
    parts: BTreeMap<u32, Part>,
    pub(crate) files: BTreeMap<u64, Listed>,
    /// Not listed any more, and perhaps in somebody's snapshot.
    retired: Vec<(Arc<DataFile>, String)>,
    /// Files that could not be merged because they are damaged.
    pub(crate) damaged: BTreeSet<u64>,
    next_number: u64,
    /// When the oldest event that waits was committed.
    waiting_since_ms: Option<i64>,
    /// The latest time that somebody told.
    pub(crate) now_ms: i64,
    pub(crate) closed: bool,
}

impl State {
    pub(crate) fn new(home: &Home, listing: &Listing) -> Self {
        let positions = listing.positions.iter();
        let files = listing.files.values().map(|row| (row.number, Listed::new(home, Arc::clone(row))));
        Self {
            parts: positions.map(|(&partition, &next)| (partition, Part::at(next))).collect(),
            files: files.collect(),
            retired: Vec::new(),
            damaged: BTreeSet::new(),
            next_number: listing.next_number,
            waiting_since_ms: None,
            now_ms: 0,
            closed: false,
        }
    }

    pub(crate) fn part(&mut self, partition: Partition) -> &mut Part {
        self.parts.entry(partition.0).or_default()
    }

    /// A number for a new file.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// That number is on the disk.
    pub(crate) fn use_number(&mut self, number: u64) {
        self.next_number = self.next_number.max(number + 1);
    }

    /// Bytes in memory that are in no listed file.
    pub(crate) fn fresh_bytes(&self) -> usize {
        self.fresh().map(|fresh| fresh.bytes).sum()
    }

    fn fresh(&self) -> impl Iterator<Item = &Fresh> {
        self.parts.values().flat_map(Part::fresh)
    }

    /// Takes committed events of a partition.
    pub(crate) fn add(
        &mut self,
        partition: Partition,
        batches: Vec<Fresh>,
        next: u64,
        now_ms: i64,
    ) -> Result<(), LakeError> {
        self.now_ms = self.now_ms.max(now_ms);
        self.waiting_since_ms.get_or_insert(now_ms);
        self.part(partition).add(batches, next).map_err(|error| LakeError::Io {
            doing: "joining batches of events".into(),
            source: Arc::new(std::io::Error::other(error)),
        })
    }

    pub(crate) fn flush_is_due(&self, options: &Options) -> bool {
        let old = self
            .waiting_since_ms
            .is_some_and(|since| self.now_ms.saturating_sub(since) >= options.flush_age_ms_max);
        old || self.fresh_bytes() >= options.flush_bytes
    }

    /// What waits, if anything does.
    pub(crate) fn begin_flush(&mut self) -> Option<Flush> {
        let mut flush = Flush { feeds: Vec::new(), batches: Vec::new(), now_ms: self.now_ms };
        for (&partition, part) in self.parts.iter_mut().filter(|(_, part)| part.is_ahead()) {
            let from = part.durable;
            let (batches, next) = part.begin_flush();
            flush.batches.extend(batches);
            flush.feeds.push(Feed { partition, from, next });
        }
        self.waiting_since_ms = None;
        (!flush.feeds.is_empty()).then_some(flush)
    }

    pub(crate) fn abort_flush(&mut self) {
        self.parts.values_mut().for_each(Part::abort_flush);
        self.waiting_since_ms.get_or_insert(self.now_ms);
    }

    /// Shows what the manifest says now.
    pub(crate) fn apply(&mut self, home: &Home, change: Change) {
        match change {
            Change::Begin { .. } => {}
            Change::Add { files, .. } => {
                self.parts.values_mut().for_each(Part::end_flush);
                self.list(home, files);
            }
            Change::Import { files, .. } => self.list(home, files),
            Change::Replace { old, files } => {
                self.retire(&old);
                self.list(home, files);
            }
            Change::Expire { old } => self.retire(&old),
        }
    }

    fn list(&mut self, home: &Home, files: Vec<FileRow>) {
        for row in files {
            self.files.insert(row.number, Listed::new(home, Arc::new(row)));
        }
    }

    fn retire(&mut self, numbers: &[u64]) {
        let gone = numbers.iter().filter_map(|number| self.files.remove(number));
        self.retired.extend(gone.map(|listed| (listed.file, listed.row.path.clone())));
    }

    /// The paths of retired files that are in no snapshot; no new snapshot can get them.
    pub(crate) fn take_unused(&mut self) -> Vec<String> {
        let unused = self.retired.extract_if(.., |(file, _)| Arc::strong_count(file) == 1);
        unused.map(|(_, path)| path).collect()
    }

    pub(crate) fn size(&self) -> LakeSize {
        let rows = || self.files.values().map(|listed| &listed.row);
        LakeSize {
            files: self.files.len() as u64,
            bytes: rows().map(|row| row.bytes).sum(),
            events: rows().map(|row| row.rows).sum(),
            fresh_events: self.fresh().map(|fresh| fresh.batch.num_rows() as u64).sum(),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            files: self.files.values().map(|listed| Arc::clone(&listed.file)).collect(),
            fresh: self.fresh().map(|fresh| fresh.batch.clone()).collect(),
        }
    }
}

impl Listed {
    fn new(home: &Home, row: Arc<FileRow>) -> Self {
        let file = Arc::new(DataFile {
            path: home.path(&row.path),
            bytes: row.bytes,
            rows: row.rows,
            region: Some(Arc::from(row.region.as_str())),
            class_uid: row.class_uid,
            time_ms: row.time_ms,
        });
        Self { row, file }
    }
}
