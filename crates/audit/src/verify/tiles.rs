//! The tiles of a copy, against those that follow from its records.

use super::{FindingCode, Report, read};
use crate::tile::{HASH_BYTES, Kind, TILE_WIDTH, Tile, entries};
use model::{AUDIT_FIELDS, AuditEntry, AuditField, leaf_hash};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Tiles that do not fit, at most so many are remembered for the report.
const MISFITS_MAX: usize = 1_000;

/// The tiles of the tree of `size` leaves.
pub(super) struct CopiedTiles {
    dir: std::path::PathBuf,
    size: u64,
    /// The tile of hashes and the leaves at the place that is read now.
    leaves: Option<LeafTile>,
    records: Vec<(String, String)>,
    tiles: BTreeSet<Tile>,
    missing: BTreeSet<Tile>,
}

struct LeafTile {
    index: u64,
    hashes: Vec<u8>,
    bundle: Vec<u8>,
}

impl CopiedTiles {
    pub(super) fn new(dir: &Path, size: u64) -> Self {
        let (records, tiles, missing) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { dir: dir.to_owned(), size, leaves: None, records, tiles, missing }
    }

    /// Compares a record with the hash and the leaf at its place. Which of them was changed is known at the end.
    pub(super) fn compare_leaf(
        &mut self,
        index: u64,
        entry: Option<&AuditEntry>,
        leaf: &[u8],
    ) -> io::Result<()> {
        if index >= self.size {
            return Ok(());
        }
        let tile = index / TILE_WIDTH;
        if self.leaves.as_ref().is_none_or(|leaves| leaves.index != tile) {
            let width = (self.size - tile * TILE_WIDTH).min(TILE_WIDTH);
            let path = |kind| Tile { kind, index: tile, width }.path();
            let hashes = read(&self.dir, &path(Kind::Hashes { level: 0 }))?.unwrap_or_default();
            let bundle = read(&self.dir, &path(Kind::Entries))?.unwrap_or_default();
            self.leaves = Some(LeafTile { index: tile, hashes, bundle });
        }
        let Some(leaves) = &self.leaves else { return Ok(()) };
        let at = (index % TILE_WIDTH) as usize;
        let Some(hash) = leaves.hashes.chunks_exact(HASH_BYTES).nth(at) else { return Ok(()) };
        if hash != leaf_hash(leaf) && self.records.len() < MISFITS_MAX {
            let signed = entries(&leaves.bundle).and_then(|leaves| leaves.get(at).copied());
            let signed = signed.filter(|signed| leaf_hash(signed) == hash);
            let what = signed.map_or_else(|| "it".to_owned(), |signed| differences(signed, leaf));
            let id = entry.map_or_else(String::new, |entry| format!(" ({})", entry.id));
            let detail = format!("{what} is not what was written: the leaf in the tree is another");
            self.records.push((format!("record {index}{id}"), detail));
        }
        Ok(())
    }

    /// Compares a tile with what it should be.
    pub(super) fn compare(&mut self, tile: Tile, content: &[u8]) -> io::Result<()> {
        let wanted = expected(tile, self.size);
        if !wanted || self.tiles.len() + self.missing.len() >= MISFITS_MAX {
            return Ok(());
        }
        match read(&self.dir, &tile.path())? {
            None => drop(self.missing.insert(tile)),
            Some(found) if found != content => drop(self.tiles.insert(tile)),
            Some(_) => {}
        }
        Ok(())
    }

    /// Tells what does not fit. Where the records have the signed root, the tiles are what was changed.
    pub(super) fn finish(self, dir: &Path, records_fit: bool, report: &mut Report) -> io::Result<()> {
        if !records_fit {
            for (place, detail) in &self.records {
                report.find(FindingCode::RecordChanged, place, detail);
            }
        }
        let why = "it is not that of the records";
        for tile in self.tiles.iter().filter(|_| records_fit || self.records.is_empty()) {
            report.find(FindingCode::TileChanged, tile.path(), why);
        }
        for tile in &self.missing {
            report.find(FindingCode::TileMissing, tile.path(), "there is no such file");
        }
        let mut found = Vec::new();
        walk(dir, "tile", &mut found)?;
        for path in found {
            if !Tile::parse(&path).is_some_and(|tile| expected(tile, self.size)) {
                report.find(FindingCode::TileUnexpected, path, "the tree has no such tile");
            }
        }
        Ok(())
    }
}

/// Whether the tree of `size` leaves has this tile.
fn expected(tile: Tile, size: u64) -> bool {
    let level = match tile.kind {
        Kind::Entries => 0,
        Kind::Hashes { level } => level,
    };
    let row = size >> (crate::tile::TILE_HEIGHT * level);
    row.saturating_sub(tile.index * TILE_WIDTH).min(TILE_WIDTH) == tile.width
}

/// Which fields two leaves differ in, for people.
fn differences(signed: &[u8], found: &[u8]) -> String {
    let mut names = Vec::new();
    let commitments = |leaf: &[u8]| leaf.len().checked_sub(AUDIT_FIELDS * 32);
    let (Some(signed_at), Some(found_at)) = (commitments(signed), commitments(found)) else {
        return "it".to_owned();
    };
    if signed[..signed_at] != found[..found_at] {
        names.push("its place, id, time or action");
    }
    for field in AuditField::ALL {
        let at = field as usize * 32;
        if signed[signed_at + at..signed_at + at + 32] != found[found_at + at..found_at + at + 32] {
            names.push(field.as_str());
        }
    }
    names.join(", ")
}

/// All files below `folder`, as paths from `dir`.
pub(super) fn walk(dir: &Path, folder: &str, found: &mut Vec<String>) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(dir.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(())
}
