//! Reading a data file, batch by batch, with bounded memory.

use crate::conform::conform;
use crate::error::{corrupt, disk_error, read_error};
use crate::manifest::FileRow;
use crate::parquet_file::{Home, Source};
use crate::schema::{RAW, file_schema};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ProjectionMask, arrow_reader::ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use ports::LakeError;

/// Rows of one batch at most.
const BATCH_ROWS_MAX: usize = 1_024;
/// Bytes of records that a batch should hold at most.
const BATCH_RAW_BYTES: u64 = 512 * 1024;

/// The rows of one file, in today's schema.
pub(crate) struct Rows {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    name: String,
    count: u64,
}

impl Rows {
    /// Of a listed file, whose content must match its hash.
    pub(crate) fn open(home: &Home, row: &FileRow) -> Result<Self, LakeError> {
        Self::of(Source::open_verified(home, row)?, &row.path).map_err(|error| read_error(&row.path, error))
    }

    /// Of any Parquet file; `name` is for messages.
    pub(crate) fn of<S: ChunkReader + 'static>(source: S, name: &str) -> Result<Self, ParquetError> {
        let builder = builder(source)?;
        let count = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let raw = builder.parquet_schema().columns().iter().position(|column| column.name() == RAW);
        let groups = builder.metadata().row_groups().iter();
        let raw_bytes = raw.map_or(0, |raw| {
            groups.map(|group| group.column(raw).uncompressed_size().max(0) as u64).sum::<u64>()
        });
        let batch_rows = (BATCH_RAW_BYTES * count.max(1) / raw_bytes.max(1)).clamp(1, BATCH_ROWS_MAX as u64);
        let reader = builder.with_batch_size(batch_rows as usize).build()?;
        Ok(Self { reader, schema: file_schema(), name: name.to_owned(), count })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Reads on; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        // the content was compared with its hash: what fails now is the disk
        let failed = |error| disk_error(format_args!("reading {}", self.name), std::io::Error::other(error));
        let batch = batch.map_err(failed)?;
        conform(&batch, &self.schema).map(Some).map_err(|reason| corrupt(&self.name, reason))
    }
}

/// The batches of a few columns of a listed file, as they are stored.
pub(crate) fn columns(
    home: &Home,
    row: &FileRow,
    names: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch, LakeError>>, LakeError> {
    let path = row.path.clone();
    let builder = builder(Source::open(home, row)?).map_err(|error| read_error(&path, error))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(8 * BATCH_ROWS_MAX).build();
    let reader = reader.map_err(|error| read_error(&path, error))?;
    let failed = move |error| disk_error(format_args!("reading {path}"), std::io::Error::other(error));
    Ok(reader.map(move |batch| batch.map_err(&failed)))
}

/// Without the Arrow schema that others may have put beside the Parquet one.
fn builder<S: ChunkReader + 'static>(source: S) -> Result<ParquetRecordBatchReaderBuilder<S>, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ParquetRecordBatchReaderBuilder::try_new_with_options(source, options)
}
