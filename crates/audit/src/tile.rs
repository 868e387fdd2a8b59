//! Tiles: the hashes of the tree and the leaves themselves in files of 256, as C2SP tlog-tiles has them
//! (<https://c2sp.org/tlog-tiles>).
//!
//! ```text
//! tile/<L>/<N>            256 hashes of complete subtrees of 256^L leaves, the N-th such row
//! tile/<L>/<N>.p/<W>      the first W of them, where the tree ends there
//! tile/entries/<N>[.p/<W>] 256 leaves (or W), each with its length as u16 in front
//! ```
//! `<N>` is written in groups of three digits, all but the last with an `x`: 1234067 is `x001/x234/067`.

use crate::tree::{Nodes, TREE_LEAVES_MAX, root_of};
use crate::{Error, TileError};
use model::Hash;
use ports::TileStore;
use std::ops::Range;

/// Hashes or leaves of a full tile.
pub const TILE_WIDTH: u64 = 256;
/// log2 of [`TILE_WIDTH`].
pub const TILE_HEIGHT: u32 = 8;
/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// Which kind of tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Hashes of subtrees of 256^level leaves.
    Hashes {
        /// 0 for the leaves' own hashes.
        level: u32,
    },
    /// Leaves.
    Entries,
}

/// The name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Which kind.
    pub kind: Kind,
    /// Its number.
    pub index: u64,
    /// How many hashes or leaves are in it, 1 to 256.
    pub width: u64,
}

impl Tile {
    /// Its file.
    pub fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        let folder = match self.kind {
            Kind::Hashes { level } => format!("tile/{level}"),
            Kind::Entries => "tile/entries".to_owned(),
        };
        let partial = if self.width < TILE_WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("{folder}/{}{partial}", groups.join("/"))
    }

    /// The tile that this file is.
    pub fn parse(path: &str) -> Option<Self> {
        let (folder, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match folder {
            "entries" => Kind::Entries,
            level => Kind::Hashes { level: level.parse().ok().filter(|level| *level < 6)? },
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| (1..TILE_WIDTH).contains(w))?),
            None => (rest, TILE_WIDTH),
        };
        let digits = number.replace(['/', 'x'], "");
        let index = digits.parse().ok().filter(|index| *index < TREE_LEAVES_MAX)?;
        let tile = Self { kind, index, width };
        (tile.path() == path).then_some(tile)
    }
}

/// Every tile of a tree of `size` leaves that is not also one of the tree of `from` leaves, the leaves first.
pub fn tiles_between(from: u64, size: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..6).map(|level| (Kind::Hashes { level }, TILE_HEIGHT * level));
    std::iter::once((Kind::Entries, 0)).chain(levels).flat_map(move |(kind, shift)| {
        let (old, new) = (from >> shift, size >> shift);
        let first = if old == new { new.div_ceil(TILE_WIDTH) } else { old / TILE_WIDTH };
        let numbers: Range<u64> = first..new.div_ceil(TILE_WIDTH);
        numbers.map(move |index| Tile { kind, index, width: (new - index * TILE_WIDTH).min(TILE_WIDTH) })
    })
}

/// The hashes in a tile's file.
pub fn hashes(content: &[u8]) -> Option<Vec<Hash>> {
    let (chunks, rest) = content.as_chunks::<HASH_BYTES>();
    rest.is_empty().then(|| chunks.to_vec())
}

/// The file of these hashes.
pub fn hash_file(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// Adds a leaf to a file of entries.
pub fn push_entry(file: &mut Vec<u8>, leaf: &[u8]) {
    // leaves are some 300 bytes: the action, their only variable part, is bounded by the store
    file.extend_from_slice(&(leaf.len().min(usize::from(u16::MAX)) as u16).to_be_bytes());
    file.extend_from_slice(leaf);
}

/// The leaves in a file of entries; `None` if it ends inside one.
pub fn entries(mut content: &[u8]) -> Option<Vec<&[u8]>> {
    let mut leaves = Vec::new();
    while let Some((bytes, rest)) = content.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*bytes)))?;
        leaves.push(leaf);
        content = rest;
    }
    content.is_empty().then_some(leaves)
}

/// A tree of `size` leaves, read from its tiles.
pub struct TiledTree<'t> {
    tiles: &'t dyn TileStore,
    size: u64,
}

impl<'t> TiledTree<'t> {
    /// The tree of `size` leaves whose tiles stand in `tiles`.
    pub fn new(tiles: &'t dyn TileStore, size: u64) -> Self {
        Self { tiles, size }
    }

    /// The hashes of one tile of this tree.
    ///
    /// # Errors
    /// [`Error::Tile`] when it is missing or has not its length; [`Error::Io`].
    pub fn tile(&self, level: u32, index: u64) -> Result<Vec<Hash>, Error> {
        let row = self.size >> (TILE_HEIGHT * level);
        let width = row.saturating_sub(index * TILE_WIDTH).min(TILE_WIDTH);
        let path = Tile { kind: Kind::Hashes { level }, index, width }.path();
        let bad = |problem| Error::Tile { path: path.clone(), problem };
        if width == 0 {
            return Err(bad(TileError::NotInTree));
        }
        let content = self.tiles.read(&path).map_err(|e| Error::io(&path, e))?;
        let content = content.ok_or_else(|| bad(TileError::Missing))?;
        hashes(&content).filter(|found| found.len() as u64 == width).ok_or_else(|| bad(TileError::Length))
    }
}

impl Nodes for TiledTree<'_> {
    type Error = Error;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Error> {
        let (tile_level, above) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let first = index << above;
        let row = self.tile(tile_level, first / TILE_WIDTH)?;
        let at = (first % TILE_WIDTH) as usize;
        let nodes = row.get(at..at + (1 << above));
        let problem = TileError::NotInTree;
        let path = Tile {
            kind: Kind::Hashes { level: tile_level },
            index: first / TILE_WIDTH,
            width: row.len() as u64,
        };
        nodes.map(root_of).ok_or_else(|| Error::Tile { path: path.path(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        for (kind, index, width, path) in [
            (Kind::Hashes { level: 0 }, 0, 256, "tile/0/000"),
            (Kind::Hashes { level: 3 }, 1_234_067, 256, "tile/3/x001/x234/067"),
            (Kind::Hashes { level: 1 }, 1_000, 1, "tile/1/x001/000.p/1"),
            (Kind::Entries, 999, 255, "tile/entries/999.p/255"),
        ] {
            let tile = Tile { kind, index, width };
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for bad in [
            "tile/0/0",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/6/000",
            "tile/00/000",
            "tile/0/x000/001",
            "tile/0/1000",
            "tile/0/x001/x000",
            "checkpoint",
            "tile/entries/",
            "tile/-1/000",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tree_has_the_tiles_that_it_ends_in() {
        let paths = |from, size| tiles_between(from, size).map(|t| t.path()).collect::<Vec<_>>();
        assert_eq!(paths(0, 0), Vec::<String>::new());
        assert_eq!(paths(0, 3), ["tile/entries/000.p/3", "tile/0/000.p/3"]);
        assert_eq!(paths(3, 3), Vec::<String>::new());
        assert_eq!(paths(3, 4), ["tile/entries/000.p/4", "tile/0/000.p/4"]);
        assert_eq!(paths(0, 256), ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(
            paths(255, 257),
            ["tile/entries/000", "tile/entries/001.p/1", "tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]
        );
        assert_eq!(paths(256, 300), ["tile/entries/001.p/44", "tile/0/001.p/44"]);
        let sparse = paths(0, 65_536);
        assert_eq!(sparse.len(), 256 + 256 + 1 + 1);
        assert_eq!(sparse.last().unwrap(), "tile/2/000.p/1");
    }
}
