//! The Merkle tree of RFC 6962 §2.1 over leaf hashes: roots, inclusion proofs, consistency proofs.
//!
//! | part | does |
//! |---|---|
//! | [`node_hash`], [`root_of`] | the hashing |
//! | [`Nodes`] | where the hashes of complete subtrees come from: memory, or tiles |
//! | [`inclusion_path`], [`consistency_path`] | make proofs |
//! | [`inclusion_root`], [`check_consistency`] | check them, from the proof alone |
//!
//! Sizes are below 2^48, so every recursion here is at most 48 deep.

use model::Hash;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Most leaves of a tree.
pub const TREE_LEAVES_MAX: u64 = 1 << 48;

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two below `n`; `n` is at least 2.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over `nodes`. They may be leaves, or equally high complete subtrees of which only the last may be
/// lower: the tree splits at the same places.
pub fn root_of(nodes: &[Hash]) -> Hash {
    match nodes {
        [] => empty_root(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Gives the hash of the complete subtree of 2^`level` leaves that begins at leaf `index` · 2^`level`.
pub trait Nodes {
    /// Why there is none.
    type Error;

    /// The hash.
    ///
    /// # Errors
    /// As the implementor says.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root over the leaves in `range`, whose start is a multiple of the power of two not below its length.
///
/// # Errors
/// Of `nodes`.
pub fn range_root<N: Nodes + ?Sized>(nodes: &N, range: Range<u64>) -> Result<Hash, N::Error> {
    let leaves = range.end.saturating_sub(range.start);
    if leaves == 0 {
        return Ok(empty_root());
    }
    if leaves.is_power_of_two() {
        let level = leaves.trailing_zeros();
        return nodes.node(level, range.start >> level);
    }
    let middle = range.start + split(leaves);
    Ok(node_hash(&range_root(nodes, range.start..middle)?, &range_root(nodes, middle..range.end)?))
}

/// The audit path of leaf `index` in the tree of `size` leaves, the lowest sibling first (RFC 6962 §2.1.1).
/// Empty for an index that is not in the tree.
///
/// # Errors
/// Of `nodes`.
pub fn inclusion_path<N: Nodes + ?Sized>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if index >= size {
        return Ok(path);
    }
    let mut range = 0..size;
    while range.end - range.start > 1 {
        let middle = range.start + split(range.end - range.start);
        let (inside, beside) = if index < middle {
            (range.start..middle, middle..range.end)
        } else {
            (middle..range.end, range.start..middle)
        };
        path.push(range_root(nodes, beside)?);
        range = inside;
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `from` leaves is a prefix of that of `to` leaves (RFC 6962 §2.1.2). Empty where
/// nothing needs a proof: `from` is 0, or equal to `to`.
///
/// # Errors
/// Of `nodes`.
pub fn consistency_path<N: Nodes + ?Sized>(nodes: &N, from: u64, to: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if from == 0 || from >= to {
        return Ok(path);
    }
    let (mut range, mut whole) = (0..to, true);
    while range.end != from {
        let middle = range.start + split(range.end - range.start);
        if from <= middle {
            path.push(range_root(nodes, middle..range.end)?);
            range = range.start..middle;
        } else {
            path.push(range_root(nodes, range.start..middle)?);
            (range, whole) = (middle..range.end, false);
        }
    }
    if !whole {
        path.push(range_root(nodes, range)?);
    }
    path.reverse();
    Ok(path)
}

/// The root that the path leads to from that leaf (RFC 9162 §2.1.3.2); `None` if the path has not the length
/// that index and size demand.
pub fn inclusion_root(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size || size > TREE_LEAVES_MAX {
        return None;
    }
    let (mut at, mut last, mut root) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node_hash(sibling, &root);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Whether the path proves that the tree of `from.0` leaves with root `from.1` is a prefix of the other
/// (RFC 9162 §2.1.4.2).
pub fn check_consistency(from: (u64, &Hash), to: (u64, &Hash), path: &[Hash]) -> bool {
    let ((from_size, from_root), (to_size, to_root)) = (from, to);
    if from_size > to_size || to_size > TREE_LEAVES_MAX {
        return false;
    }
    if from_size == to_size {
        return path.is_empty() && from_root == to_root;
    }
    if from_size == 0 {
        return path.is_empty() && *from_root == empty_root();
    }
    let mut path = path.iter();
    let (mut at, mut last) = (from_size - 1, to_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let first = if from_size.is_power_of_two() { Some(from_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut old, mut new) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == *from_root && new == *to_root
}

/// Leaves in memory.
impl Nodes for [Hash] {
    type Error = std::convert::Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let start = (index << level) as usize;
        let end = start.saturating_add(1 << level).min(self.len());
        Ok(root_of(self.get(start..end).unwrap_or_default()))
    }
}
