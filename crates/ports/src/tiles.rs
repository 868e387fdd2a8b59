//! Where the tiles and checkpoints of the audit log stand: small files under names, each written whole.

pub mod conformance;

use std::io;

/// Largest file that is read, in bytes: twice a busy day of checkpoints.
pub const TILE_FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Named files. A name is a relative path of plain segments, such as `tile/0/000.p/7`; see [`check_name`].
///
/// # The promise
/// - After [`write`](Self::write) returned `Ok` the file has this content, also after a power cut. If it did
///   not, the file has its old content or the new one, never a mixture.
/// - After [`append`](Self::append) returned `Ok` the bytes are there. If it did not, some or all of them may be,
///   and the rest of the file is as it was.
/// - After an error, what was to be written must be written again: a later `Ok` says nothing of it.
///
/// One process writes; any number of threads read.
pub trait TileStore: Send + Sync {
    /// The content; `None` if there is no such file.
    ///
    /// # Errors
    /// `InvalidInput` for a bad name, `InvalidData` for a file over [`TILE_FILE_BYTES_MAX`]; of the system.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes the file anew, durably and at once.
    ///
    /// # Errors
    /// `InvalidInput` for a bad name; of the system.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Adds to the end of the file, durably; makes it if it is not there.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn append(&self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Removes the file if it is there. After a power cut it may be there again.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of files and folders right below `folder`, sorted; none if there is no such folder.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// Refuses names that could lead out of the folder or that the file system might read in another way: segments
/// are of `a-z`, `0-9`, `-` and `.`, and do not begin with a dot.
///
/// # Errors
/// `InvalidInput`.
pub fn check_name(name: &str) -> io::Result<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let good = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    if name.len() <= 128 && name.split('/').all(good) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a name of a tile"))
}
