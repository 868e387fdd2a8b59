//! Tiles and checkpoints of the audit log in a folder: the `file:` backend of [`ports::TileStore`].
//!
//! A file is written beside its place, synced, renamed, and the folder synced; so a reader, a killed process and
//! a power cut see the old content or the new. It stands on the same [`Disk`] as the log, so that tests put the
//! simulated one under it.

use disk::{Disk, OsDisk, create_dir_durably};
use ports::TileStore;
use ports::tiles::{TILE_FILE_BYTES_MAX, check_name};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Ends the name of a file that is being written; no name of a tile ends so.
const TEMPORARY: &str = "_";

/// A folder of tiles.
pub struct FileTiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Folders, and files that are appended to, whose names are known to be durable.
    named: Mutex<BTreeSet<PathBuf>>,
}

impl FileTiles {
    /// The folder on the disk of the operating system; made at the first write.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::on(Arc::new(OsDisk), dir)
    }

    /// The folder on this disk.
    pub fn on(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>) -> Self {
        Self { disk, dir: dir.into(), named: Mutex::new(BTreeSet::new()) }
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        check_name(name)?;
        Ok(self.dir.join(name))
    }

    fn make_folder_of<'p>(&self, path: &'p Path) -> io::Result<&'p Path> {
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.name_durably(folder, || create_dir_durably(&*self.disk, folder))?;
        Ok(folder)
    }

    fn name_durably(&self, path: &Path, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if !named.contains(path) {
            sync()?;
            named.insert(path.to_owned());
        }
        Ok(())
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

impl TileStore for FileTiles {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = found(self.disk.open(&self.path(name)?))? else { return Ok(None) };
        let bytes = file.len_bytes()?;
        if bytes > TILE_FILE_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the file is too large"));
        }
        let mut content = vec![0; bytes as usize];
        file.read_at(&mut content, 0)?;
        Ok(Some(content))
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path(name)?;
        let folder = self.make_folder_of(&path)?;
        let temporary = self.dir.join(format!("{name}{TEMPORARY}"));
        let file = self.disk.create(&temporary)?;
        file.write_at(0, &mut [IoSlice::new(content)])?;
        file.sync_data()?;
        self.disk.rename(&temporary, &path)?;
        self.disk.sync_dir(folder)
    }

    fn append(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path(name)?;
        let folder = self.make_folder_of(&path)?;
        let file = match found(self.disk.open(&path))? {
            Some(file) => file,
            None => self.disk.create(&path)?,
        };
        file.write_at(file.len_bytes()?, &mut [IoSlice::new(content)])?;
        file.sync_data()?;
        // a file that is there may have been made by a process that was killed before it synced the name
        self.name_durably(&path, || self.disk.sync_dir(folder))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        found(self.disk.remove(&self.path(name)?)).map(drop)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let names = found(self.disk.list(&self.path(folder)?))?.unwrap_or_default();
        Ok(names.into_iter().filter(|name| !name.ends_with(TEMPORARY)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disk::simulated::SimDisk;

    #[test]
    fn a_folder_of_the_operating_system_keeps_the_promise() {
        let dir = tempfile::tempdir().unwrap();
        ports::tiles::conformance::keeps_its_promise(&FileTiles::new(dir.path().join("audit")));
    }

    #[test]
    fn a_folder_of_the_simulated_disk_keeps_it_too() {
        ports::tiles::conformance::keeps_its_promise(&FileTiles::on(Arc::new(SimDisk::new(1)), "/audit"));
    }

    #[test]
    fn what_was_written_outlives_a_power_cut() {
        for seed in 0..200 {
            let disk = SimDisk::new(seed);
            let tiles = FileTiles::on(Arc::new(disk.clone()), "/var/audit");
            tiles.write("tile/0/000.p/1", b"one").unwrap();
            tiles.append("checkpoints/day", b"a\n").unwrap();
            disk.power_cut();
            let tiles = FileTiles::on(Arc::new(disk.clone()), "/var/audit");
            assert_eq!(tiles.read("tile/0/000.p/1").unwrap().as_deref(), Some(&b"one"[..]), "seed {seed}");
            assert_eq!(tiles.read("checkpoints/day").unwrap().as_deref(), Some(&b"a\n"[..]), "seed {seed}");
        }
    }
}
