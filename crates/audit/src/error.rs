//! What can go wrong with the audit log.

use ports::StoreError;

/// Why the tree was not extended, or a proof not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the tree cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A tile is not what the tree needs.
    #[error("{path}: {problem}")]
    Tile {
        /// Which.
        path: String,
        /// What is wrong.
        problem: TileError,
    },
    /// What stands there contradicts what was signed; nothing is signed until someone has looked.
    #[error("nothing is signed any more: {0}")]
    Refused(#[from] Refusal),
    /// The proof cannot exist.
    #[error("{reason}")]
    BadRequest {
        /// What to ask instead.
        reason: String,
    },
    /// The record is not in a signed tree yet.
    #[error(
        "record {index} is not yet in a signed tree, which has {size}; it will be within a second or two"
    )]
    Pending {
        /// The record's place.
        index: u64,
        /// Leaves of the newest signed tree.
        size: u64,
    },
    /// Nothing was signed yet.
    #[error("nothing was signed yet")]
    Unsigned,
    /// A part of the program did not end well.
    #[error("the audit log was interrupted: {0}")]
    Interrupted(String),
}

impl Error {
    pub(crate) fn io(path: &str, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// What is wrong with a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// There is no such file.
    #[error("the tile is missing")]
    Missing,
    /// It has not as many hashes or leaves as its name says.
    #[error("the tile has not the length that its name says")]
    Length,
    /// Its leaves are not those that the tile of hashes says.
    #[error("its leaves do not fit the tile of hashes")]
    Leaves,
    /// The tree does not reach so far.
    #[error("the tree does not reach so far")]
    NotInTree,
}

/// What stands in the way of signing: files and rows that do not belong to what was signed last. Nothing here
/// heals by itself; see "When the log refuses to sign" in the guide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The last checkpoint is not signed by our key.
    #[error("the last checkpoint cannot be used: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// There are tiles or a history, but no last checkpoint.
    #[error("there is a tree, but the file `checkpoint` is missing")]
    CheckpointMissing,
    /// The history does not end with the last checkpoint, nor one after it.
    #[error("the history ends with {history} records, but the last checkpoint has {checkpoint}")]
    HistoryDiffers {
        /// Records of the newest checkpoint in the history.
        history: u64,
        /// Records of the last checkpoint.
        checkpoint: u64,
    },
    /// The tiles have another root than the one that was signed.
    #[error("the tiles do not give the root that was signed for {size} records")]
    Tiles {
        /// Records of the last checkpoint.
        size: u64,
    },
    /// Rows that were signed are gone.
    #[error("{size} records were signed, the state has only {rows}")]
    RowsMissing {
        /// Records of the last checkpoint.
        size: u64,
        /// Rows of the state.
        rows: u64,
    },
    /// A row is not what was hashed when it was written or signed.
    #[error("record {index} in the state is not the one that was written")]
    RowChanged {
        /// Its place.
        index: u64,
    },
    /// The rows have a gap.
    #[error("where record {index} should be in the state there is another")]
    RowOrder {
        /// The place.
        index: u64,
    },
}

/// Why a text is no checkpoint, or a key no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not the form of a signed note.
    #[error("this is no signed note (C2SP signed-note)")]
    NotANote,
    /// A note, but its text is no checkpoint of an audit log.
    #[error("the signed text is no checkpoint of an audit log")]
    NotACheckpoint,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    BadSignature,
    /// Signed by others only.
    #[error("it is signed by {name}, not by this key")]
    OtherKey {
        /// The name beside the signature.
        name: String,
    },
    /// Not the form of a public key.
    #[error("this is no public key of an audit log: write NAME+ID+KEY, as `huecry audit key` prints it")]
    BadKey,
    /// Not a name for a key.
    #[error("{name:?} cannot name a key: 1 to 128 printable ASCII characters without space and plus sign")]
    BadOrigin {
        /// The name.
        name: String,
    },
}
