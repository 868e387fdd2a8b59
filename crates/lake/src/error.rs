//! From what the disk and the Parquet library say to [`LakeError`].

use parquet::errors::ParquetError;
use ports::LakeError;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

/// An error of the disk, met while `doing`.
pub(crate) fn disk_error(doing: impl Display, error: io::Error) -> LakeError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LakeError::DiskFull,
        _ => LakeError::Io { doing: doing.to_string(), source: Arc::new(error) },
    }
}

/// An error of the Parquet library while writing: that of the disk below it, if there is one.
pub(crate) fn write_error(doing: impl Display, error: ParquetError) -> LakeError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => disk_error(doing, *cause),
            Err(cause) => disk_error(doing, io::Error::other(cause)),
        },
        error => disk_error(doing, io::Error::other(error)),
    }
}

/// An error of the Parquet library while reading: what is not the disk's is damage.
pub(crate) fn read_error(file: &str, error: ParquetError) -> LakeError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => corrupt(file, "it is cut short"),
            Ok(cause) => disk_error(format_args!("reading {file}"), *cause),
            Err(cause) => corrupt(file, cause),
        },
        error => corrupt(file, error),
    }
}

/// What is listed does not fit what is there.
pub(crate) fn corrupt(file: &str, reason: impl Display) -> LakeError {
    LakeError::Corrupt { file: file.to_owned(), reason: reason.to_string() }
}
