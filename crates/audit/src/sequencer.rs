//! Extends the tree, and signs it. Synchronous, over a [`TileStore`] alone.
//!
//! The order in one step: full tiles, partial tiles, the line in the history, `checkpoint`; each durable before the
//! next is begun.
//!
//! **Invariant:** a tree that is signed is an extension of the one that was signed before: it is made from that
//! one's own edge, whose root was compared with the signature when it was read.
//!
//! **Invariant:** what a checkpoint covers is durable before the checkpoint is seen by anyone.

use crate::checkpoint::{PublicKey, SignedCheckpoint, Signer};
use crate::edge::Edge;
use crate::tile::{TILE_WIDTH, tiles_between};
use crate::{Error, Refusal, history};
use model::Hash;
use ports::TileStore;
use ports::store::StoredEntry;
use std::sync::Arc;

/// The file of the newest checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";

/// The tree as it was signed last, ready to grow.
pub(crate) struct Sequencer {
    tiles: Arc<dyn TileStore>,
    signer: Arc<Signer>,
    head: Option<SignedCheckpoint>,
    edge: Edge,
}

/// Reads the newest checkpoint.
pub(crate) fn read_head(tiles: &dyn TileStore, key: &PublicKey) -> Result<Option<SignedCheckpoint>, Error> {
    let content = tiles.read(CHECKPOINT_FILE).map_err(|e| Error::io(CHECKPOINT_FILE, e))?;
    let Some(content) = content else { return Ok(None) };
    let note = String::from_utf8_lossy(&content);
    Ok(Some(key.open_own(&note).map_err(Refusal::Checkpoint)?))
}

fn write_head(tiles: &dyn TileStore, head: &SignedCheckpoint) -> Result<(), Error> {
    tiles.write(CHECKPOINT_FILE, head.note.as_bytes()).map_err(|e| Error::io(CHECKPOINT_FILE, e))
}

impl Sequencer {
    /// Reads what was signed last and looks whether the files still say the same.
    pub(crate) fn open(tiles: Arc<dyn TileStore>, signer: Arc<Signer>) -> Result<Self, Error> {
        let written = read_head(&*tiles, signer.public())?;
        let head = history::settle(&*tiles, signer.public(), written.clone())?;
        let mut edge = Edge::default();
        if let Some(head) = &head {
            let size = head.checkpoint.size;
            edge = Edge::load(&*tiles, size)?;
            if edge.root() != head.checkpoint.root {
                return Err(Refusal::Tiles { size }.into());
            }
            if written.as_ref() != Some(head) {
                write_head(&*tiles, head)?;
            }
        }
        Ok(Self { tiles, signer, head, edge })
    }

    /// Leaves of the tree.
    pub(crate) const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// What was signed last.
    pub(crate) const fn head(&self) -> Option<&SignedCheckpoint> {
        self.head.as_ref()
    }

    /// Hashes of the last leaves, those in the partial tile.
    pub(crate) fn last_leaves(&self) -> &[Hash] {
        self.edge.last_leaves()
    }

    /// Adds these entries, which follow the tree without a gap, and signs. After an error the sequencer is to be
    /// opened anew: what is on the disk is then not known.
    pub(crate) fn step(&mut self, entries: &[StoredEntry], now_ms: i64) -> Result<&SignedCheckpoint, Error> {
        let (tiles, old) = (&*self.tiles, self.size());
        let mut edge = self.edge.clone();
        let mut full = Vec::new();
        for stored in entries {
            let index = edge.size();
            if stored.entry.index != index {
                return Err(Refusal::RowOrder { index }.into());
            }
            let leaf = stored.entry.leaf();
            let hash = model::leaf_hash(&leaf);
            if hash != stored.leaf_hash {
                return Err(Refusal::RowChanged { index }.into());
            }
            edge.push(&leaf, hash, &mut |tile, content| full.push((tile, content)));
        }
        for (tile, content) in full.into_iter().chain(edge.partials(old)) {
            let path = tile.path();
            tiles.write(&path, &content).map_err(|e| Error::io(&path, e))?;
        }
        let (time_ms, previous) = match &self.head {
            Some(head) => (now_ms.max(head.checkpoint.time_ms), head.hash()),
            None => (now_ms, [0; 32]),
        };
        let head = self.signer.sign(edge.size(), edge.root(), time_ms, previous);
        history::add(tiles, &head)?;
        write_head(tiles, &head)?;
        self.edge = edge;
        forget_partials(tiles, old, self.size());
        Ok(self.head.insert(head))
    }
}

/// Removes the partial forms of tiles that are full now. That one stays is no fault.
fn forget_partials(tiles: &dyn TileStore, from: u64, size: u64) {
    for tile in tiles_between(from, size).filter(|tile| tile.width == TILE_WIDTH) {
        let folder = format!("{}.p", tile.path());
        for name in tiles.list(&folder).unwrap_or_default() {
            if let Err(error) = tiles.remove(&format!("{folder}/{name}")) {
                tracing::warn!(%error, folder, name, "partial tile not removed");
            }
        }
    }
}
