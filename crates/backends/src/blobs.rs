//! Blobs in a folder: the `file:` backend of [`ports::Blobs`].
//!
//! ```text
//! <dir>/ab12…          the bytes, under their SHA-256 in hex
//! <dir>/<n>.incoming   what is being written
//! ```
//! What comes is written beside its place while it is hashed, synced, renamed, and the folder synced; so a reader, a killed
//! process and a power cut see all of it or nothing. What a killed process left half way is removed at the next start.

use async_trait::async_trait;
use bytes::Bytes;
use disk::{Disk, DiskFile, OsDisk, create_dir_durably};
use ports::blobs::{BLOB_BYTES_MAX, Blob, ByteStream};
use ports::{BlobError, Blobs};
use sha2::{Digest, Sha256};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the name of what is being written; no name of a blob ends so.
const INCOMING: &str = ".incoming";

/// A folder of blobs. One process writes it.
pub struct FileBlobs {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Names of what is being written, for this process.
    next: AtomicU64,
}

impl FileBlobs {
    /// The folder on the disk of the operating system; made if it is not there.
    ///
    /// # Errors
    /// Of the system.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, BlobError> {
        Self::open_on(Arc::new(OsDisk), dir)
    }

    /// The folder on this disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let dir = dir.into();
        create_dir_durably(&*disk, &dir).map_err(failed("making the folder of blobs"))?;
        let names = disk.list(&dir).map_err(failed("looking for what was not written whole"))?;
        for name in names.into_iter().filter(|name| name.ends_with(INCOMING)) {
            disk.remove(&dir.join(name)).map_err(failed("removing what was not written whole"))?;
        }
        Ok(Self { disk, dir, next: AtomicU64::new(0) })
    }

    fn path(&self, sha256: &[u8; 32]) -> PathBuf {
        self.dir.join(hex(sha256))
    }

    /// Writes what comes to `file`, at most `bytes_max` bytes; returns what it is.
    async fn receive(
        &self,
        mut content: ByteStream<'_>,
        file: &Arc<dyn DiskFile>,
        bytes_max: u64,
    ) -> Result<Blob, BlobError> {
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(piece) = next(&mut content).await {
            let piece = piece.map_err(BlobError::Cut)?;
            let end = bytes.saturating_add(piece.len() as u64);
            if end > bytes_max {
                return Err(BlobError::TooLarge { bytes_max });
            }
            hash.update(&piece);
            let file = Arc::clone(file);
            blocking(move || file.write_at(bytes, &mut [IoSlice::new(&piece)]), "writing a blob").await?;
            bytes = end;
        }
        Ok(Blob { sha256: hash.finalize().into(), bytes })
    }

    /// Puts a file that was written whole in its place.
    async fn settle(&self, file: Arc<dyn DiskFile>, incoming: PathBuf, blob: &Blob) -> Result<(), BlobError> {
        let (disk, path, dir) = (Arc::clone(&self.disk), self.path(&blob.sha256), self.dir.clone());
        let settle = move || {
            file.sync_data()?;
            disk.rename(&incoming, &path)?;
            disk.sync_dir(&dir)
        };
        blocking(settle, "keeping a blob").await
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, content: ByteStream<'_>, bytes_max: u64) -> Result<Blob, BlobError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let incoming = self.dir.join(format!("{number}{INCOMING}"));
        let mut left = Left { disk: &*self.disk, path: Some(incoming.clone()) };
        let (disk, path) = (Arc::clone(&self.disk), incoming.clone());
        let file = blocking(move || disk.create(&path), "making the file of a blob").await?;
        let blob = self.receive(content, &file, bytes_max.min(BLOB_BYTES_MAX)).await?;
        self.settle(file, incoming, &blob).await?;
        left.path = None;
        Ok(blob)
    }

    async fn holds(&self, sha256: &[u8; 32]) -> Result<bool, BlobError> {
        let (disk, path) = (Arc::clone(&self.disk), self.path(sha256));
        blocking(move || Ok(found(disk.open(&path))?.is_some()), "looking for a blob").await
    }

    async fn get(&self, sha256: &[u8; 32]) -> Result<Option<Bytes>, BlobError> {
        let (disk, path, wanted) = (Arc::clone(&self.disk), self.path(sha256), *sha256);
        let content = blocking(
            move || {
                let Some(file) = found(disk.open(&path))? else { return Ok(None) };
                let bytes = file.len_bytes()?;
                if bytes > BLOB_BYTES_MAX {
                    return Ok(Some(None));
                }
                let mut content = vec![0; bytes as usize];
                file.read_at(&mut content, 0)?;
                let whole = <[u8; 32]>::from(Sha256::digest(&content)) == wanted;
                Ok(Some(whole.then(|| Bytes::from(content))))
            },
            "reading a blob",
        )
        .await?;
        match content {
            None => Ok(None),
            Some(Some(content)) => Ok(Some(content)),
            Some(None) => Err(BlobError::Corrupt { name: hex(sha256) }),
        }
    }

    async fn delete(&self, sha256: &[u8; 32]) -> Result<bool, BlobError> {
        let (disk, path) = (Arc::clone(&self.disk), self.path(sha256));
        let removed = blocking(move || found(disk.remove(&path)), "removing a blob").await?;
        Ok(removed.is_some())
    }
}

/// Removes what was not written whole, also when nobody waits for it any more.
struct Left<'d> {
    disk: &'d dyn Disk,
    path: Option<PathBuf>,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = found(self.disk.remove(&path))
        {
            tracing::warn!(%error, "what was not written whole stays until the next start");
        }
    }
}

async fn next(content: &mut ByteStream<'_>) -> Option<io::Result<Bytes>> {
    poll_fn(|context| Pin::as_mut(content).poll_next(context)).await
}

/// Work that waits for the disk, off the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
    doing: &'static str,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other);
    done.and_then(|result| result).map_err(failed(doing))
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> BlobError {
    move |source| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BlobError::DiskFull,
        _ => BlobError::Io { doing, source },
    }
}

/// What is not there is `None`.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use disk::simulated::SimDisk;
    use ports::blobs::{conformance, in_pieces, whole};

    fn simulated(seed: u64) -> (SimDisk, FileBlobs) {
        let disk = SimDisk::new(seed);
        let blobs = FileBlobs::open_on(Arc::new(disk.clone()), "/var/blobs").unwrap();
        (disk, blobs)
    }

    #[tokio::test]
    async fn a_folder_of_the_operating_system_keeps_the_promise() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(dir.path().join("blobs")).unwrap();
        conformance::keeps_its_promise(&blobs).await;
        conformance::keeps_nothing_by_half(&blobs).await;
        let left = std::fs::read_dir(dir.path().join("blobs")).unwrap().count();
        assert_eq!(left, 1, "the empty blob is there; what was not written whole is gone");
    }

    #[tokio::test]
    async fn a_folder_of_the_simulated_disk_keeps_it_too() {
        conformance::keeps_its_promise(&simulated(1).1).await;
        conformance::keeps_nothing_by_half(&simulated(2).1).await;
    }

    #[tokio::test]
    async fn what_was_put_outlives_a_power_cut_and_halves_do_not() {
        for seed in 0..100 {
            let (disk, blobs) = simulated(seed);
            let pieces = (0..seed % 7).map(|n| Ok(Bytes::from(vec![n as u8; 1000]))).collect();
            let blob = blobs.put(in_pieces(pieces), 10_000).await.unwrap();
            let before = blobs.get(&blob.sha256).await.unwrap();
            disk.power_cut();
            let again = FileBlobs::open_on(Arc::new(disk.clone()), "/var/blobs").unwrap();
            assert_eq!(again.get(&blob.sha256).await.unwrap(), before, "seed {seed}");
            assert_eq!(disk.list("/var/blobs".as_ref()).unwrap().len(), 1, "seed {seed}");
        }
    }

    #[tokio::test]
    async fn damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(dir.path()).unwrap();
        let blob = blobs.put(whole(Bytes::from_static(b"a picture")), 100).await.unwrap();
        std::fs::write(blobs.path(&blob.sha256), b"a pictura").unwrap();
        let refused = blobs.get(&blob.sha256).await.unwrap_err();
        assert!(matches!(refused, BlobError::Corrupt { .. }), "{refused}");
        let again = blobs.put(whole(Bytes::from_static(b"a picture")), 100).await.unwrap();
        assert!(blobs.get(&again.sha256).await.unwrap().is_some(), "putting it again mends it");
    }
}
