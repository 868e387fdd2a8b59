//! The manifest: an append-only file of rows that says which files are the lake.
//!
//! A row is one line of JSON, `{"crc32c":"…","row":{"seq":…,"op":…}}`, and stands there twice, with an empty line
//! after each: one damaged byte anywhere loses nothing. A row is written after the files it lists are durable
//! and counts once it is durable itself; the one being written when the power goes is cut at the next opening.
//!
//! **Invariant:** what a listed row removed is only deleted when that row is durable; what a row that failed
//! would have listed is only deleted when a later write proved that the row will never be read.

use crate::error::{corrupt, disk_error};
pub(crate) use crate::listing::{Change, Feed, FileRow, Listing};
use crate::parquet_file::Home;
use disk::DiskFile;
use ports::LakeError;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// The manifest's name in the lake's folder.
pub(crate) const MANIFEST: &str = "manifest.ndjson";
const TEMPORARY: &str = "manifest.ndjson.tmp";
/// Largest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Row {
    seq: u64,
    #[serde(flatten)]
    change: Change,
}

/// The open manifest.
pub(crate) struct Manifest {
    listing: Listing,
    file: Arc<dyn DiskFile>,
    end: u64,
    seq: u64,
    /// What is on the disk is not known: it must be written anew before anything else.
    broken: bool,
    /// Files of rows that may or may not have become durable.
    doubtful: Vec<String>,
}

impl Manifest {
    /// Reads the manifest, or begins one if the folder holds none, and writes it anew: what a killed process
    /// wrote and did not sync is not trusted to be durable.
    pub(crate) fn open(home: &Home) -> Result<Self, LakeError> {
        let listing = read_listing(home)?.unwrap_or_default();
        let (file, end, seq) = write_anew(home, &listing).map_err(|failed| failed.error)?;
        Ok(Self { listing, file, end, seq, broken: false, doubtful: Vec::new() })
    }

    /// Whether the folder has a manifest.
    pub(crate) fn exists(home: &Home) -> Result<bool, LakeError> {
        match home.disk.open(&home.path(MANIFEST)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(disk_error("opening the manifest", error)),
        }
    }

    pub(crate) fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Makes the manifest whole if the last write to it failed.
    pub(crate) fn repair(&mut self, home: &Home) -> Result<(), LakeError> {
        if self.broken {
            self.rewrite(home)?;
        }
        Ok(())
    }

    /// Appends a row and makes it durable. Its files must be durable before.
    pub(crate) fn append(&mut self, home: &Home, change: Change) -> Result<(), LakeError> {
        self.listing.check(&change).map_err(|reason| corrupt(MANIFEST, reason))?;
        if let Err(error) = self.try_append(home, &change) {
            self.doubtful.extend(change.files().iter().map(|row| row.path.clone()));
            return Err(error);
        }
        self.listing.apply(change);
        if self.seq > home.options.manifest_rows_spare + 4 * self.listing.files.len() as u64 {
            // the old one is as good; if the disk failed, the next row will say so
            drop(self.rewrite(home));
        }
        Ok(())
    }

    fn try_append(&mut self, home: &Home, change: &Change) -> Result<(), LakeError> {
        self.repair(home)?;
        let line = encode(self.seq + 1, change)?;
        let written = self
            .file
            .write_at(self.end, &mut [IoSlice::new(line.as_bytes())])
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.broken = true;
            return Err(disk_error("writing the manifest", error));
        }
        self.end += line.len() as u64;
        self.seq += 1;
        self.forget_doubtful(home);
        Ok(())
    }

    fn rewrite(&mut self, home: &Home) -> Result<(), LakeError> {
        match write_anew(home, &self.listing) {
            Ok((file, end, seq)) => {
                (self.file, self.end, self.seq, self.broken) = (file, end, seq, false);
                self.forget_doubtful(home);
                Ok(())
            }
            Err(failed) => {
                // before the name was touched, the one that is open is still the manifest
                self.broken |= failed.renamed;
                Err(failed.error)
            }
        }
    }

    fn forget_doubtful(&mut self, home: &Home) {
        self.doubtful.drain(..).for_each(|path| home.remove(&path));
    }
}

/// What the manifest says, if there is one.
pub(crate) fn read_listing(home: &Home) -> Result<Option<Listing>, LakeError> {
    read(home)?.map(|bytes| parse(&bytes)).transpose()
}

fn read(home: &Home) -> Result<Option<Vec<u8>>, LakeError> {
    let failed = |error| disk_error("reading the manifest", error);
    let file = match home.disk.open(&home.path(MANIFEST)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let bytes = file.len_bytes().map_err(failed)?;
    if bytes > MANIFEST_BYTES_MAX {
        return Err(corrupt(MANIFEST, "it is larger than any that this program writes"));
    }
    let mut content = vec![0; bytes as usize];
    file.read_at(&mut content, 0).map_err(failed)?;
    Ok(Some(content))
}

/// A row as it is written: twice, each with an empty line after it, so that a damaged line break cannot join
/// the two.
fn encode(seq: u64, change: &Change) -> Result<String, LakeError> {
    let row = serde_json::to_string(&Row { seq, change: change.clone() })
        .map_err(|error| disk_error("writing the manifest", error.into()))?;
    let line = format!("{{\"crc32c\":\"{:08x}\",\"row\":{row}}}\n\n", crc32c::crc32c(row.as_bytes()));
    Ok(line.repeat(2))
}

/// The row in a line, if the line is whole.
fn decode(line: &[u8]) -> Option<Row> {
    let text = std::str::from_utf8(line).ok()?;
    let (crc, rest) = text.strip_prefix("{\"crc32c\":\"")?.split_once("\",\"row\":")?;
    let row = rest.strip_suffix('}')?;
    if crc != format!("{:08x}", crc32c::crc32c(row.as_bytes())) {
        return None;
    }
    serde_json::from_str(row).ok()
}

/// What the rows say. Lines that are not whole are passed over: either their copy is whole, or they are the
/// torn end; a row that is missing in the middle is damage.
fn parse(content: &[u8]) -> Result<Listing, LakeError> {
    let mut listing = Listing::default();
    let mut seq = 0;
    for row in content.split(|&byte| byte == b'\n').filter_map(decode) {
        if row.seq == seq && seq > 0 {
            continue; // the copy
        }
        if row.seq != seq + 1 || (seq == 0) != matches!(row.change, Change::Begin { .. }) {
            let reason = format!("row {} is missing or damaged, row {} is there", seq + 1, row.seq);
            return Err(corrupt(MANIFEST, reason));
        }
        listing
            .check(&row.change)
            .map_err(|reason| corrupt(MANIFEST, format!("row {}: {reason}", row.seq)))?;
        listing.apply(row.change);
        seq = row.seq;
    }
    if seq == 0 {
        return Err(corrupt(MANIFEST, "its first row is missing or damaged"));
    }
    Ok(listing)
}

struct Failed {
    error: LakeError,
    /// Whether the new file may have the manifest's name by now.
    renamed: bool,
}

/// Temporary file, fsync, rename, fsync of the folder. Gives the file, its length and its last row's number.
fn write_anew(home: &Home, listing: &Listing) -> Result<(Arc<dyn DiskFile>, u64, u64), Failed> {
    let (temporary, path) = (home.path(TEMPORARY), home.path(MANIFEST));
    let early = |error| Failed { error, renamed: false };
    let disk_early = |error| early(disk_error("writing the manifest anew", error));
    let (mut text, mut seq) = (String::new(), 0);
    for change in listing.rows() {
        seq += 1;
        text.push_str(&encode(seq, &change).map_err(early)?);
    }
    let file = home.disk.create(&temporary).map_err(disk_early)?;
    file.write_at(0, &mut [IoSlice::new(text.as_bytes())]).map_err(disk_early)?;
    file.sync_data().map_err(disk_early)?;
    home.disk
        .rename(&temporary, &path)
        .and_then(|()| home.disk.sync_dir(&home.options.dir))
        .map_err(|error| Failed { error: disk_error("writing the manifest anew", error), renamed: true })?;
    Ok((file, text.len() as u64, seq))
}
