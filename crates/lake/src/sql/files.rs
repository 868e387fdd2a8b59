//! How a question reads files: those of its snapshot, by position, and nothing else that is on the disk.

use crate::snapshot::{DataFile, Snapshot};
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::object_store::{ObjectStore, memory::InMemory};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// Footers that are kept between questions, in bytes of memory.
const FOOTERS_BYTES_MAX: usize = 64 << 20;

/// Ranges that are nearer to each other than this are read at once, in bytes.
const GAP_BYTES_MAX: u64 = 32 << 10;

/// The footers of files, which never change, so that each is read and decoded once.
#[derive(Debug, Default)]
pub(super) struct Footers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    by_file: HashMap<(PathBuf, u64), Arc<ParquetMetaData>>,
}

fn key(file: &DataFile) -> (PathBuf, u64) {
    (file.path.clone(), file.bytes)
}

impl Footers {
    fn get(&self, file: &DataFile) -> Option<Arc<ParquetMetaData>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).by_file.get(&key(file)).cloned()
    }

    fn put(&self, file: &DataFile, footer: &Arc<ParquetMetaData>) {
        let bytes = footer.memory_size();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + bytes > FOOTERS_BYTES_MAX {
            // all at once: which of them are still listed is not known here, and reading them again is cheap
            *kept = Kept::default();
        }
        if bytes <= FOOTERS_BYTES_MAX && kept.by_file.insert(key(file), Arc::clone(footer)).is_none() {
            kept.bytes += bytes;
        }
    }
}

/// Opens the files of one snapshot; a file is named by its index in it.
#[derive(Debug)]
pub(super) struct SnapshotFiles {
    snapshot: Arc<Snapshot>,
    footers: Arc<Footers>,
    bytes_read: Arc<AtomicU64>,
}

impl SnapshotFiles {
    pub(super) fn new(snapshot: Arc<Snapshot>, footers: Arc<Footers>, bytes_read: Arc<AtomicU64>) -> Self {
        Self { snapshot, footers, bytes_read }
    }

    /// The file at `index` as the plan names it.
    pub(super) fn name(&self, index: usize) -> Option<PartitionedFile> {
        let file = self.snapshot.files.get(index)?;
        Some(PartitionedFile::new(index.to_string(), file.bytes))
    }
}

impl ParquetFileReaderFactory for SnapshotFiles {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let index = file.object_meta.location.as_ref().parse::<usize>().ok();
        let listed = index.and_then(|index| self.snapshot.files.get(index));
        let listed = listed.ok_or_else(|| DataFusionError::Internal("a file that is not listed".into()))?;
        Ok(Box::new(Reader {
            file: Arc::clone(listed),
            open: None,
            footers: Arc::clone(&self.footers),
            bytes_read: Arc::clone(&self.bytes_read),
        }))
    }
}

/// Reads one file. It blocks its thread, which is one of the query runtime's own.
struct Reader {
    file: Arc<DataFile>,
    open: Option<File>,
    footers: Arc<Footers>,
    bytes_read: Arc<AtomicU64>,
}

impl Reader {
    fn read(&mut self, range: &Range<u64>) -> ParquetResult<Bytes> {
        let file = match &mut self.open {
            Some(file) => file,
            none => none.insert(File::open(&self.file.path)?),
        };
        let length = range.end.saturating_sub(range.start);
        if range.end > self.file.bytes {
            return Err(ParquetError::EOF(format!("bytes {range:?} of a file of {}", self.file.bytes)));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut bytes, range.start)?;
        self.bytes_read.fetch_add(length, Ordering::Relaxed);
        Ok(bytes.into())
    }

    fn read_ranges(&mut self, ranges: &[Range<u64>]) -> ParquetResult<Vec<Bytes>> {
        let mut out = Vec::with_capacity(ranges.len());
        let mut at = 0;
        while let Some(first) = ranges.get(at) {
            let mut span = first.clone();
            let mut next = at + 1;
            while let Some(range) = ranges.get(next) {
                if range.start < span.end || range.start - span.end > GAP_BYTES_MAX {
                    break;
                }
                span.end = span.end.max(range.end);
                next += 1;
            }
            let bytes = self.read(&span)?;
            for range in &ranges[at..next] {
                let (from, to) = (range.start - span.start, range.end - span.start);
                out.push(bytes.slice(from as usize..to as usize));
            }
            at = next;
        }
        Ok(out)
    }

    fn footer(&mut self) -> ParquetResult<Arc<ParquetMetaData>> {
        if let Some(footer) = self.footers.get(&self.file) {
            return Ok(footer);
        }
        let counted =
            Counted { file: File::open(&self.file.path)?, bytes_read: Arc::clone(&self.bytes_read) };
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        let footer = Arc::new(reader.parse_and_finish(&counted)?);
        self.footers.put(&self.file, &footer);
        Ok(footer)
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { self.read(&range) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.read_ranges(&ranges) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move { self.footer() }.boxed()
    }
}

/// A file whose reads are counted.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl parquet::file::reader::Length for Counted {
    fn len(&self) -> u64 {
        parquet::file::reader::Length::len(&self.file)
    }
}

impl parquet::file::reader::ChunkReader for Counted {
    type T = <File as parquet::file::reader::ChunkReader>::T;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
        self.file.get_bytes(start, length)
    }
}

/// Where DataFusion looks for storage by URL: there is none.
#[derive(Debug)]
pub(super) struct NoStores {
    empty: Arc<dyn ObjectStore>,
}

impl Default for NoStores {
    fn default() -> Self {
        Self { empty: Arc::new(InMemory::new()) }
    }
}

impl ObjectStoreRegistry for NoStores {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, _url: &Url) -> Result<Arc<dyn ObjectStore>> {
        Ok(Arc::clone(&self.empty))
    }
}
