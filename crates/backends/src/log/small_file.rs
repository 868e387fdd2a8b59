//! Small files that are replaced whole: what consumers committed, and up to where the log is durable.

use disk::Disk;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::Path;

/// Largest such file read; a log with more consumers than fit here was not written by this program.
const SMALL_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where a replacement failed: what follows differs.
pub(super) enum ReplaceError {
    /// Before anything was promised: the old content stands.
    Write(io::Error),
    /// In an fsync: the disk cannot be trusted any more.
    Sync(io::Error),
}

/// Writes `name` anew: temporary file, fsync, rename, fsync of the folder.
pub(super) fn replace(disk: &dyn Disk, dir: &Path, name: &str, lines: &str) -> Result<(), ReplaceError> {
    let content = format!("{lines}crc32c {:08x}\n", crc32c::crc32c(lines.as_bytes()));
    let temporary = dir.join(format!("{name}.tmp"));
    let file = disk.create(&temporary).map_err(ReplaceError::Write)?;
    file.write_at(0, &mut [IoSlice::new(content.as_bytes())]).map_err(ReplaceError::Write)?;
    file.sync_data().map_err(ReplaceError::Sync)?;
    disk.rename(&temporary, &dir.join(name)).map_err(ReplaceError::Write)?;
    disk.sync_dir(dir).map_err(ReplaceError::Sync)
}

/// Reads `name`; `Ok(None)` if there is none, `InvalidData` if its checksum does not match.
pub(super) fn read(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<Option<String>> {
    let file = match disk.open(&dir.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = file.len_bytes()?;
    if bytes > SMALL_FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    let mut content = vec![0; bytes as usize];
    file.read_at(&mut content, 0)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the content does not match its checksum");
    let content = String::from_utf8(content).map_err(|_| invalid())?;
    let (lines, crc) = content.rsplit_once("crc32c ").ok_or_else(invalid)?;
    let crc_ok = crc.trim_end() == format!("{:08x}", crc32c::crc32c(lines.as_bytes()));
    if crc_ok { Ok(Some(lines.to_owned())) } else { Err(invalid()) }
}

/// `name offset` per line.
pub(super) fn format_offsets(offsets: &BTreeMap<String, u64>) -> String {
    offsets.iter().map(|(name, offset)| format!("{name} {offset}\n")).collect()
}

/// The reverse of [`format_offsets`].
pub(super) fn parse_offsets(lines: &str) -> io::Result<BTreeMap<String, u64>> {
    let parse = |line: &str| {
        let (name, offset) = line.split_once(' ')?;
        Some((name.to_owned(), offset.parse().ok()?))
    };
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "expected a name and an offset");
    lines.lines().map(|line| parse(line).ok_or_else(invalid)).collect()
}
