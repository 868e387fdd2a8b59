//! Answers from the signed tree: checkpoints, tiles, proofs. Reads files only; safe beside the service.

use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::sequencer::read_head;
use crate::tile::{Tile, TiledTree};
use crate::tree::{consistency_path, inclusion_path};
use crate::{Error, TileError, history};
use model::Hash;
use ports::TileStore;
use std::sync::Arc;

/// How often a proof is begun anew when the tree grew under it and partial tiles went away.
const ATTEMPTS_MAX: u32 = 5;

/// A proof that a leaf is in a signed tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf's place.
    pub index: u64,
    /// Leaves of the tree that it is proved to be in.
    pub size: u64,
    /// The siblings on the way to the root, the lowest first.
    pub path: Vec<Hash>,
    /// The newest signed tree; the path leads to its root if it has `size` leaves.
    pub checkpoint: SignedCheckpoint,
}

/// A proof that one tree is a prefix of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Leaves of the smaller tree.
    pub from: u64,
    /// Leaves of the larger tree.
    pub to: u64,
    /// The hashes, in the order of RFC 6962 §2.1.2.
    pub path: Vec<Hash>,
}

/// Reads the signed tree. Cheap to clone.
#[derive(Clone)]
pub struct Prover {
    tiles: Arc<dyn TileStore>,
    key: PublicKey,
}

impl Prover {
    /// Reads from `tiles` what `key` signed.
    pub fn new(tiles: Arc<dyn TileStore>, key: PublicKey) -> Self {
        Self { tiles, key }
    }

    /// The public key.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// [`Error::Unsigned`] before the first; [`Error::Io`], [`Error::Refused`] when it cannot be used.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, Error> {
        read_head(&*self.tiles, &self.key)?.ok_or(Error::Unsigned)
    }

    /// Proves that the leaf at `index` is in the tree of `size` leaves; without `size` in the newest.
    ///
    /// # Errors
    /// [`Error::Pending`] while it is in no signed tree; [`Error::BadRequest`] for a size that does not cover it
    /// or is not reached yet; [`Error::Tile`], [`Error::Io`].
    pub fn inclusion(&self, index: u64, size: Option<u64>) -> Result<InclusionProof, Error> {
        self.on_newest(|checkpoint, tree| {
            let newest = checkpoint.checkpoint.size;
            if index >= newest {
                return Err(Error::Pending { index, size: newest });
            }
            let size = size.unwrap_or(newest);
            if index >= size || size > newest {
                let reason = format!("the tree has {newest} leaves: {index} < size <= {newest}");
                return Err(Error::BadRequest { reason });
            }
            let path = inclusion_path(tree, index, size)?;
            Ok(InclusionProof { index, size, path, checkpoint: checkpoint.clone() })
        })
    }

    /// Proves that the tree of `from` leaves is a prefix of that of `to` leaves; without `to` of the newest.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for sizes that are in the wrong order or not reached yet.
    pub fn consistency(&self, from: u64, to: Option<u64>) -> Result<ConsistencyProof, Error> {
        self.on_newest(|checkpoint, tree| {
            let size = checkpoint.checkpoint.size;
            let to = to.unwrap_or(size);
            if from > to || to > size {
                let reason = format!("the tree has {size} leaves: 0 <= from <= to <= {size}");
                return Err(Error::BadRequest { reason });
            }
            Ok(ConsistencyProof { from, to, path: consistency_path(tree, from, to)? })
        })
    }

    fn on_newest<T>(
        &self,
        mut prove: impl FnMut(&SignedCheckpoint, &TiledTree<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempt = 1;
        loop {
            let checkpoint = self.checkpoint()?;
            let tree = TiledTree::new(&*self.tiles, checkpoint.checkpoint.size);
            match prove(&checkpoint, &tree) {
                Err(Error::Tile { problem: TileError::Missing, .. }) if attempt < ATTEMPTS_MAX => {
                    attempt += 1
                }
                done => return done,
            }
        }
    }

    /// The bytes of a tile; `None` where there is none of that name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn tile(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match Tile::parse(path) {
            Some(_) => self.tiles.read(path).map_err(|e| Error::io(path, e)),
            None => Ok(None),
        }
    }

    /// The days that have checkpoints, as `YYYY-MM-DD`, the oldest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn days(&self) -> Result<Vec<String>, Error> {
        self.tiles.list(history::FOLDER).map_err(|e| Error::io(history::FOLDER, e))
    }

    /// The checkpoints of a day as JSON lines; `None` where there are none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn day(&self, day: &str) -> Result<Option<Vec<u8>>, Error> {
        let plain = day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let path = format!("{}/{day}", history::FOLDER);
        if plain { self.tiles.read(&path).map_err(|e| Error::io(&path, e)) } else { Ok(None) }
    }
}
