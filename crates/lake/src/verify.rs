//! Whether what is listed is there, byte for byte.

use crate::file_lake::FileLake;
use crate::manifest;
use crate::manifest::FileRow;
use crate::options::Options;
use crate::parquet_file::{Home, Source};
use disk::Disk;
use ports::LakeError;
use std::sync::Arc;

/// One file that is not as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Below the lake's folder.
    pub file: String,
    /// What does not fit.
    pub reason: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events in them, as listed.
    pub events: u64,
    /// Those that are not as listed.
    pub damaged: Vec<Damage>,
}

impl Verified {
    fn add(&mut self, home: &Home, row: &FileRow) -> Result<(), LakeError> {
        match Source::open_verified(home, row) {
            Ok(_) => {}
            Err(LakeError::Corrupt { file, reason }) => self.damaged.push(Damage { file, reason }),
            Err(error) => return Err(error),
        }
        self.files += 1;
        self.bytes += row.bytes;
        self.events += row.rows;
        Ok(())
    }
}

impl FileLake {
    /// Compares every listed file with its listed hash; reads all of the lake.
    ///
    /// # Errors
    /// [`LakeError::Io`]: a file could not be read. Damage is no error but in the answer.
    pub fn verify(&self) -> Result<Verified, LakeError> {
        // holds the files: what is merged meanwhile stays readable
        let (rows, _held) = self.0.held();
        let mut found = Verified::default();
        rows.iter().try_for_each(|row| found.add(&self.0.home, row))?;
        Ok(found)
    }
}

/// The same for a lake that another process may have open: takes no lock and changes nothing.
///
/// # Errors
/// [`LakeError::Corrupt`] if the manifest itself is damaged, [`LakeError::Io`].
pub fn verify(disk: Arc<dyn Disk>, options: &Options) -> Result<Verified, LakeError> {
    let home = Home::new(disk, options.clone());
    let Some(listing) = manifest::read_listing(&home)? else { return Ok(Verified::default()) };
    let mut found = Verified::default();
    listing.files.values().try_for_each(|row| found.add(&home, row))?;
    if !found.damaged.is_empty() {
        // what was merged away while it was read is no damage
        let now = manifest::read_listing(&home)?.unwrap_or_default();
        let listed: Vec<&str> = now.files.values().map(|row| row.path.as_str()).collect();
        found.damaged.retain(|damage| listed.contains(&damage.file.as_str()));
    }
    Ok(found)
}
