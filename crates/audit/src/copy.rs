//! A copy of the audit log in a folder: all that an auditor needs, with no server.
//!
//! ```text
//! records.jsonl             every record of the signed tree, in order (see [`crate::line`])
//! tile/…                    the tiles of that tree
//! checkpoint                the newest signed checkpoint
//! checkpoints/YYYY-MM-DD    all of them, by day
//! key                       the public key; verify with one that you got elsewhere
//! verify.py                 a verifier that needs nothing but Python 3
//! ```

use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::tile::{Tile, tiles_between};
use crate::{CHECKPOINT_FILE, history, line};
use model::AuditEntry;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The file of records.
pub const RECORDS_FILE: &str = "records.jsonl";
/// The file of the public key.
pub const KEY_FILE: &str = "key";
/// The file of the verifier.
pub const VERIFIER_FILE: &str = "verify.py";
/// The verifier: one file of Python, standard library only.
pub const VERIFIER: &str = include_str!("verify.py");

/// Writes a copy, piece by piece, in any order.
pub struct CopyWriter {
    dir: PathBuf,
    records: BufWriter<File>,
}

impl CopyWriter {
    /// Begins a copy in `dir`, which must not have one yet.
    ///
    /// # Errors
    /// `AlreadyExists`; of the system.
    pub fn create(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let records = File::create_new(dir.join(RECORDS_FILE))?;
        Ok(Self { dir: dir.to_owned(), records: BufWriter::new(records) })
    }

    /// Adds the next record.
    ///
    /// # Errors
    /// Of the system.
    pub fn record(&mut self, entry: &AuditEntry) -> io::Result<()> {
        self.line(&line::line_of(entry))
    }

    /// Adds the next record by its line.
    ///
    /// # Errors
    /// Of the system.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        self.records.write_all(line.as_bytes())?;
        self.records.write_all(b"\n")
    }

    /// Adds a tile.
    ///
    /// # Errors
    /// Of the system.
    pub fn tile(&self, tile: Tile, content: &[u8]) -> io::Result<()> {
        self.file(&tile.path(), content)
    }

    /// Adds the checkpoints of a day.
    ///
    /// # Errors
    /// Of the system.
    pub fn day(&self, day: &str, lines: &[u8]) -> io::Result<()> {
        self.file(&format!("{}/{day}", history::FOLDER), lines)
    }

    /// Ends the copy with the checkpoint that covers it, the key, and the verifier.
    ///
    /// # Errors
    /// Of the system.
    pub fn finish(mut self, checkpoint: &SignedCheckpoint, key: &PublicKey) -> io::Result<()> {
        self.records.flush()?;
        self.file(CHECKPOINT_FILE, checkpoint.note.as_bytes())?;
        self.file(KEY_FILE, format!("{key}\n").as_bytes())?;
        self.file(VERIFIER_FILE, VERIFIER.as_bytes())
    }

    fn file(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.dir.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)
    }
}

/// The tiles that a copy of a tree of `size` leaves has.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    tiles_between(0, size)
}

/// The lines of a day's checkpoints up to `newest`, and whether it was met. A copy ends with the checkpoint that
/// covers it, though others may have been signed while it was made.
pub fn lines_up_to<'l>(lines: &'l [u8], newest: &SignedCheckpoint) -> (&'l [u8], bool) {
    let line = history::line_of(&newest.note);
    let at = lines.windows(line.len()).position(|window| window == line.as_bytes());
    at.map_or((lines, false), |at| (&lines[..at + line.len()], true))
}
