//! The right edge of a growing tree: of each row of tiles the one that is not full, which is all that is needed
//! to add leaves and to know the root.

use crate::tile::{
    Kind, TILE_HEIGHT, TILE_WIDTH, Tile, TiledTree, entries, hash_file, push_entry, tiles_between,
};
use crate::tree::{empty_root, root_of};
use crate::{Error, TileError};
use model::{Hash, leaf_hash};
use ports::TileStore;

/// The edge of a tree of `size` leaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    size: u64,
    /// Of each level the hashes of the last, partial tile.
    rows: Vec<Vec<Hash>>,
    /// The last, partial file of leaves.
    bundle: Vec<u8>,
}

impl Edge {
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the leaves in the last, partial tile.
    pub(crate) fn last_leaves(&self) -> &[Hash] {
        self.rows.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// Adds a leaf; gives every tile that became full to `full`.
    pub(crate) fn push(&mut self, leaf: &[u8], hash: Hash, full: &mut dyn FnMut(Tile, Vec<u8>)) {
        push_entry(&mut self.bundle, leaf);
        self.size += 1;
        let (mut node, mut level) = (hash, 0);
        loop {
            if self.rows.len() <= level {
                self.rows.push(Vec::new());
            }
            self.rows[level].push(node);
            if (self.rows[level].len() as u64) < TILE_WIDTH {
                return;
            }
            let row = std::mem::take(&mut self.rows[level]);
            let height = level as u32;
            let index = (self.size >> (TILE_HEIGHT * (height + 1))) - 1;
            if level == 0 {
                let bundle = std::mem::take(&mut self.bundle);
                full(Tile { kind: Kind::Entries, index, width: TILE_WIDTH }, bundle);
            }
            full(Tile { kind: Kind::Hashes { level: height }, index, width: TILE_WIDTH }, hash_file(&row));
            node = root_of(&row);
            level += 1;
        }
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Hash {
        let mut lower: Option<Hash> = None;
        for row in &self.rows {
            let nodes: Vec<Hash> = row.iter().copied().chain(lower).collect();
            lower = if nodes.is_empty() { None } else { Some(root_of(&nodes)) };
        }
        lower.unwrap_or_else(empty_root)
    }

    /// The partial tiles that the tree of `from` leaves had not.
    pub(crate) fn partials(&self, from: u64) -> impl Iterator<Item = (Tile, Vec<u8>)> + '_ {
        let partial = tiles_between(from, self.size).filter(|tile| tile.width < TILE_WIDTH);
        partial.map(|tile| {
            let content = match tile.kind {
                Kind::Entries => self.bundle.clone(),
                Kind::Hashes { level } => {
                    self.rows.get(level as usize).map_or_else(Vec::new, |r| hash_file(r))
                }
            };
            (tile, content)
        })
    }

    /// Reads the edge of the tree of `size` leaves.
    pub(crate) fn load(tiles: &dyn TileStore, size: u64) -> Result<Self, Error> {
        let tree = TiledTree::new(tiles, size);
        let mut edge = Self { size, ..Self::default() };
        for level in 0.. {
            let row = size >> (TILE_HEIGHT * level);
            if row == 0 {
                break;
            }
            let partial = row % TILE_WIDTH;
            edge.rows.push(if partial == 0 { Vec::new() } else { tree.tile(level, row / TILE_WIDTH)? });
        }
        let width = size % TILE_WIDTH;
        if width > 0 {
            let path = Tile { kind: Kind::Entries, index: size / TILE_WIDTH, width }.path();
            let content = tiles.read(&path).map_err(|e| Error::io(&path, e))?;
            let bad = |problem| Error::Tile { path: path.clone(), problem };
            edge.bundle = content.ok_or_else(|| bad(TileError::Missing))?;
            let leaves = entries(&edge.bundle).ok_or_else(|| bad(TileError::Length))?;
            if leaves.len() as u64 != width {
                return Err(bad(TileError::Length));
            }
            let hashes: Vec<Hash> = leaves.into_iter().map(leaf_hash).collect();
            if hashes != edge.last_leaves() {
                return Err(bad(TileError::Leaves));
            }
        }
        Ok(edge)
    }
}
