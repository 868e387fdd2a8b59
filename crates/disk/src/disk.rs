//! Files and folders, as few verbs as what must be durable needs.

use std::any::Any;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Held as long as a folder is in use.
pub type DiskLock = Box<dyn Any + Send + Sync>;

/// A file system, as what must be durable needs it. Nothing is durable before the matching sync returned `Ok`.
pub trait Disk: Send + Sync {
    /// Creates the folder; says whether it was not there before.
    ///
    /// # Errors
    /// `NotFound` if the one above is missing, or of the operating system.
    fn create_dir(&self, dir: &Path) -> io::Result<bool>;
    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// Of the operating system.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens an existing file.
    ///
    /// # Errors
    /// `NotFound`, or of the operating system.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Creates an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// Of the operating system.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames within one folder, replacing what has the new name, atomically.
    ///
    /// # Errors
    /// Of the operating system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, or of the operating system.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in this folder durable.
    ///
    /// # Errors
    /// Of the operating system. Never called again for the same change.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock that this file stands for; `None` if another holder has it.
    ///
    /// # Errors
    /// Of the operating system.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
}

/// An open file. One thread writes; any number read.
pub trait DiskFile: Send + Sync {
    /// The length in bytes.
    ///
    /// # Errors
    /// Of the operating system.
    fn len_bytes(&self) -> io::Result<u64>;
    /// Fills `buf` from byte `at` on.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file is shorter, or of the operating system.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()>;
    /// Writes all parts, one after the other, from byte `at` on.
    ///
    /// # Errors
    /// Of the operating system; some leading bytes may have been written.
    fn write_at(&self, at: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Cuts the file to `bytes`.
    ///
    /// # Errors
    /// Of the operating system.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Makes the content and the length durable (`fdatasync`).
    ///
    /// # Errors
    /// Of the operating system. After one, what was written since the last success may be lost even if
    /// a later call succeeds, so there must be none.
    fn sync_data(&self) -> io::Result<()>;
}

/// Creates the folder and those above it, and makes their names durable.
///
/// A folder that is there may have been made by a process that was killed before it synced the name, so
/// the name is synced in any case; of folders that we did not make and may not open, it is not our task.
pub fn create_dir_durably(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return if dir.has_root() { Ok(()) } else { disk.create_dir(dir).map(drop) };
    };
    create_dir_durably(disk, parent)?;
    let created = disk.create_dir(dir)?;
    match disk.sync_dir(parent) {
        Err(error) if created || error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

/// The disk of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

struct OsFile(File);

impl Disk for OsDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<bool> {
        match std::fs::create_dir(dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OsFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        Ok(Arc::new(OsFile(options.read(true).write(true).create(true).truncate(true).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for OsFile {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, at)
    }

    fn write_at(&self, at: u64, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        (&self.0).seek(SeekFrom::Start(at))?;
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match (&self.0).write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
