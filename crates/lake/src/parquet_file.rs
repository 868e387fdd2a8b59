//! One data file: written through [`Disk`] with its hash, read back through it.

use crate::error::{corrupt, disk_error, write_error};
use crate::layout::{Day, Place, believed_ms};
use crate::manifest::FileRow;
use crate::options::Options;
use crate::properties::{Level, properties};
use crate::schema::file_schema;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMillisecondType;
use bytes::Bytes;
use disk::{Disk, DiskFile, create_dir_durably};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use ports::LakeError;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{self, BufReader, IoSlice, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that go to the disk at a time, and that are read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// The folder that all of a lake is in.
pub(crate) struct Home {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    /// Folders that are known to be durable.
    folders: Mutex<HashSet<PathBuf>>,
}

impl Home {
    pub(crate) fn new(disk: Arc<dyn Disk>, options: Options) -> Self {
        Self { disk, options, folders: Mutex::default() }
    }

    /// A path below the lake's folder, as a whole.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.options.dir.join(below)
    }

    fn make_folder(&self, dir: &Path) -> Result<(), LakeError> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if !folders.contains(dir) {
            create_dir_durably(&*self.disk, dir)
                .map_err(|error| disk_error(format_args!("making {}", dir.display()), error))?;
            folders.insert(dir.to_owned());
        }
        Ok(())
    }

    /// Removes a file that nothing lists, as well as can be: what stays is garbage, removed at the next opening.
    pub(crate) fn remove(&self, below: &str) {
        match self.disk.remove(&self.path(below)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::debug!(file = below, %error, "a data file that is not needed could not be removed");
            }
            _ => {}
        }
    }
}

/// Writes what it gets to a file, and hashes it.
struct HashedFile {
    file: Arc<dyn DiskFile>,
    at: u64,
    hash: Sha256,
    buffer: Vec<u8>,
}

impl HashedFile {
    fn pass_on(&mut self) -> io::Result<()> {
        self.file.write_at(self.at, &mut [IoSlice::new(&self.buffer)])?;
        self.hash.update(&self.buffer);
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A data file that is being made. Not durable, and not listed, before [`finish`](Self::finish) and a row of
/// the manifest.
pub(crate) struct FileWriter {
    writer: ArrowWriter<HashedFile>,
    row: FileRow,
}

impl FileWriter {
    /// Begins the file of this number.
    pub(crate) fn create(
        home: &Home,
        number: u64,
        region: &str,
        place: &Place,
        level: Level,
        written_ms: i64,
    ) -> Result<Self, LakeError> {
        let below = place.path(region, number);
        let path = home.path(&below);
        if let Some(dir) = path.parent() {
            home.make_folder(dir)?;
        }
        let doing = format!("writing {below}");
        let file = home.disk.create(&path).map_err(|error| disk_error(&doing, error))?;
        let sink = HashedFile { file, at: 0, hash: Sha256::new(), buffer: Vec::with_capacity(CHUNK_BYTES) };
        let writer = arrow_writer(sink, level, home.options.row_group_rows_max)
            .map_err(|error| write_error(&doing, error))?;
        let row = FileRow {
            number,
            path: below,
            bytes: 0,
            rows: 0,
            sha256: String::new(),
            region: region.to_owned(),
            class_uid: place.class_uid(),
            time_ms: (i64::MAX, i64::MIN),
            latest_ms: i64::MIN,
            written_ms,
            day: if let Place::Day { day, .. } = place { Some(day.text()) } else { None },
        };
        Ok(Self { writer, row })
    }

    /// Adds events, which must be of the file's place.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let (time, received) = (times(batch, 0), times(batch, RECEIVED_AT));
        for (time, received) in time.iter().zip(received) {
            self.row.time_ms = (self.row.time_ms.0.min(*time), self.row.time_ms.1.max(*time));
            self.row.latest_ms = self.row.latest_ms.max(believed_ms(*time, *received));
        }
        self.row.rows += batch.num_rows() as u64;
        self.writer
            .write(batch)
            .map_err(|error| write_error(format_args!("writing {}", self.row.path), error))
    }

    /// About how large it is by now.
    pub(crate) fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &str {
        &self.row.path
    }

    /// Completes it and makes it and its name durable.
    pub(crate) fn finish(self, home: &Home) -> Result<FileRow, LakeError> {
        let Self { writer, mut row } = self;
        let doing = format!("writing {}", row.path);
        let mut sink = writer.into_inner().map_err(|error| write_error(&doing, error))?;
        let failed = |error| disk_error(&doing, error);
        sink.pass_on().map_err(failed)?;
        sink.file.sync_data().map_err(failed)?;
        if let Some(dir) = home.path(&row.path).parent() {
            home.disk.sync_dir(dir).map_err(failed)?;
        }
        row.bytes = sink.at;
        row.sha256 = hex(sink.hash);
        Ok(row)
    }
}

/// A Parquet writer without the Arrow schema beside the Parquet one: it would say nothing new and is large.
pub(crate) fn arrow_writer<W: Write + Send>(
    sink: W,
    level: Level,
    row_group_rows_max: usize,
) -> Result<ArrowWriter<W>, ParquetError> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties(level, row_group_rows_max))
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(sink, file_schema(), options)
}

pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place of `received_at` in the schema.
pub(crate) const RECEIVED_AT: usize = 6;

/// The values of a column of times that has no nulls; of a batch of another schema, none.
pub(crate) fn times(batch: &RecordBatch, column: usize) -> &[i64] {
    match batch.column(column).as_primitive_opt::<TimestampMillisecondType>() {
        Some(array) => array.values(),
        None => &[],
    }
}

/// The first millisecond at which nothing in the file is of a day that is not over.
pub(crate) fn over_ms(row: &FileRow) -> i64 {
    Day::of(row.latest_ms).end_ms()
}

/// A stored file as the Parquet library reads it.
#[derive(Clone)]
pub(crate) struct Source {
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

impl Source {
    /// Opens a listed file, which must have its listed length.
    pub(crate) fn open(home: &Home, row: &FileRow) -> Result<Self, LakeError> {
        let file = home.disk.open(&home.path(&row.path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => corrupt(&row.path, "it is gone"),
            _ => disk_error(format_args!("opening {}", row.path), error),
        })?;
        let bytes =
            file.len_bytes().map_err(|error| disk_error(format_args!("opening {}", row.path), error))?;
        if bytes != row.bytes {
            return Err(corrupt(&row.path, format_args!("it has {bytes} bytes, {} are listed", row.bytes)));
        }
        Ok(Self { file, bytes })
    }

    /// Opens a listed file and compares its content with the listed hash.
    pub(crate) fn open_verified(home: &Home, row: &FileRow) -> Result<Self, LakeError> {
        let source = Self::open(home, row)?;
        let (mut hash, mut at) = (Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK_BYTES];
        while at < source.bytes {
            let part = chunk.len().min((source.bytes - at) as usize);
            source
                .file
                .read_at(&mut chunk[..part], at)
                .map_err(|error| disk_error(format_args!("reading {}", row.path), error))?;
            hash.update(&chunk[..part]);
            at += part as u64;
        }
        if hex(hash) != row.sha256 {
            return Err(corrupt(&row.path, "its content does not match its listed hash"));
        }
        Ok(source)
    }
}

/// Reads on from somewhere in a file.
pub(crate) struct SourceRead {
    source: Source,
    at: u64,
}

impl Read for SourceRead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let part = out.len().min(self.source.bytes.saturating_sub(self.at) as usize);
        self.source.file.read_at(&mut out[..part], self.at)?;
        self.at += part as u64;
        Ok(part)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Source {
    type T = BufReader<SourceRead>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(SourceRead { source: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.bytes) {
            return Err(ParquetError::EOF("a part lies behind the end of the file".into()));
        }
        let mut out = vec![0; length];
        self.file.read_at(&mut out, start)?;
        Ok(out.into())
    }
}
