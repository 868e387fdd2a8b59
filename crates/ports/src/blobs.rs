//! Large things that people add, such as a file with a report: bytes under their SHA-256.

pub mod conformance;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use std::io;
use std::pin::Pin;

/// Bytes on their way in; an error of it ends the way.
pub type ByteStream<'a> = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'a>>;

/// Largest blob that is ever kept, in bytes, whatever a caller allows: blobs are read whole.
pub const BLOB_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of its bytes: its name.
    pub sha256: [u8; 32],
    /// How many bytes it has.
    pub bytes: u64,
}

/// Why blobs could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// More bytes came than are allowed. At the HTTP edge: 413.
    #[error("more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// Whoever sent the bytes stopped half way.
    #[error("the bytes did not come whole: {0}")]
    Cut(io::Error),
    /// No space; nothing is kept. At the HTTP edge: 503.
    #[error("the disk of the blobs is full; free space, then try again")]
    DiskFull,
    /// What is kept is not what was put.
    #[error("the stored bytes of {name} are damaged; restore the file from a backup")]
    Corrupt {
        /// Its SHA-256 in hex.
        name: String,
    },
    /// The system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Bytes under their SHA-256. Shared as `Arc<dyn Blobs>`.
///
/// # The promise
/// - After [`put`](Self::put) returned `Ok` the bytes are there, whole, also after a power cut. If it did not, or its
///   future was dropped, nothing new can be read.
/// - No more than the cap is ever held in memory or written for one blob.
/// - [`get`](Self::get) gives the bytes that were put, or an error: damage is never silent.
/// - Putting the same bytes twice keeps them once.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps what comes, at most `bytes_max` (and [`BLOB_BYTES_MAX`]) bytes.
    ///
    /// # Errors
    /// [`BlobError`], and then nothing is kept.
    async fn put(&self, content: ByteStream<'_>, bytes_max: u64) -> Result<Blob, BlobError>;

    /// The bytes; `None` if they are not kept.
    ///
    /// # Errors
    /// [`BlobError::Corrupt`], [`BlobError::Io`].
    async fn get(&self, sha256: &[u8; 32]) -> Result<Option<Bytes>, BlobError>;

    /// Whether the bytes are kept.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    async fn holds(&self, sha256: &[u8; 32]) -> Result<bool, BlobError>;

    /// Removes the bytes; says whether they were there. After a power cut they may be there again.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    async fn delete(&self, sha256: &[u8; 32]) -> Result<bool, BlobError>;
}

/// Bytes that are all here already, as a [`ByteStream`].
pub fn whole(bytes: Bytes) -> ByteStream<'static> {
    in_pieces(vec![Ok(bytes)])
}

/// Pieces that are all here already, as a [`ByteStream`].
pub fn in_pieces(pieces: Vec<io::Result<Bytes>>) -> ByteStream<'static> {
    Box::pin(Pieces(pieces.into_iter()))
}

struct Pieces(std::vec::IntoIter<io::Result<Bytes>>);

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
