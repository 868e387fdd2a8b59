//! The state of a correlator as a file that is replaced whole.

use disk::Disk;
use model::{Offset, Partition};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Begins the file; changes with its form.
const MAGIC: &[u8; 8] = b"hccorr1\n";
/// Magic, checksum, offset.
const HEAD_BYTES: usize = 8 + 4 + 8;
/// Largest such file read.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;

/// Where the state of one partition is kept.
pub(crate) struct SnapshotFile {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    name: String,
}

/// A state, and the first record of the topic that it has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) next: Offset,
    pub(crate) state: Vec<u8>,
}

impl SnapshotFile {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, partition: Partition) -> Self {
        Self { disk, dir: dir.to_owned(), name: format!("match-{}.state", partition.0) }
    }

    /// Writes it anew: temporary file, fsync, rename, fsync of the folder. Whatever fails, the old one stands or the new
    /// one does.
    pub(crate) fn write(&self, snapshot: &Snapshot) -> io::Result<()> {
        disk::create_dir_durably(&*self.disk, &self.dir)?;
        let offset = snapshot.next.0.to_le_bytes();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&offset), &snapshot.state);
        let temporary = self.dir.join(format!("{}.tmp", self.name));
        let file = self.disk.create(&temporary)?;
        let (sum, state) = (sum.to_le_bytes(), &snapshot.state[..]);
        let mut parts = [&MAGIC[..], &sum, &offset, state].map(IoSlice::new);
        file.write_at(0, &mut parts)?;
        file.sync_data()?;
        self.disk.rename(&temporary, &self.dir.join(&self.name))?;
        self.disk.sync_dir(&self.dir)
    }

    /// Reads it; `Ok(None)` if there is none, `InvalidData` if it is damaged.
    pub(crate) fn read(&self) -> io::Result<Option<Snapshot>> {
        let file = match self.disk.open(&self.dir.join(&self.name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        let bytes = file.len_bytes()?;
        if bytes > SNAPSHOT_BYTES_MAX {
            return Err(invalid());
        }
        let mut content = vec![0; bytes as usize];
        file.read_at(&mut content, 0)?;
        let (head, state) = content.split_at_checked(HEAD_BYTES).ok_or_else(invalid)?;
        let (magic, rest) = head.split_first_chunk::<8>().ok_or_else(invalid)?;
        let (sum, offset) = rest.split_first_chunk::<4>().ok_or_else(invalid)?;
        let expected = crc32c::crc32c_append(crc32c::crc32c(offset), state);
        let offset = offset.try_into().map_err(|_| invalid())?;
        if magic != MAGIC || u32::from_le_bytes(*sum) != expected {
            return Err(invalid());
        }
        Ok(Some(Snapshot { next: Offset(u64::from_le_bytes(offset)), state: state.to_vec() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disk::simulated::{Faults, SimDisk};

    fn snapshot(number: u64) -> Snapshot {
        Snapshot { next: Offset(number), state: vec![number as u8; 3_000] }
    }

    #[test]
    fn a_power_cut_leaves_the_last_acknowledged_one_or_the_one_at_hand() {
        for seed in 0..500 {
            let disk = SimDisk::new(seed);
            let file = SnapshotFile::new(Arc::new(disk.clone()), Path::new("/states"), Partition(1));
            assert_eq!(file.read().unwrap(), None);
            let mut acknowledged = None;
            for number in 1..6 {
                disk.set_faults(Faults {
                    power_cut_after_ops: (number % 2 == 0).then_some((seed / 5 + number) % 9),
                    sync_failures_per_1000: if seed % 3 == 0 { 200 } else { 0 },
                    ..Faults::default()
                });
                let written = file.write(&snapshot(number)).is_ok();
                disk.power_cut();
                disk.set_faults(Faults::default());
                if written {
                    acknowledged = Some(number);
                }
                let kept = file.read().unwrap().map(|kept| kept.next.0);
                assert!(kept == acknowledged || kept == Some(number), "seed {seed}: {kept:?} of {number}");
                assert_eq!(file.read().unwrap(), kept.map(snapshot));
                acknowledged = kept;
            }
        }
    }

    #[test]
    fn damage_is_told() {
        let disk = SimDisk::new(1);
        let file = SnapshotFile::new(Arc::new(disk.clone()), Path::new("/states"), Partition(0));
        file.write(&snapshot(9)).unwrap();
        let path = Path::new("/states/match-0.state");
        let content = disk.content(path).unwrap();
        for at in (0..content.len()).step_by(37) {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            disk.install(path, &damaged);
            assert_eq!(file.read().unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
        }
    }
}
