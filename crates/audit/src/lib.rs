//! The Merkle record of who did what: sequencing, proofs, offline verification.
//!
//! Every change writes its record, its place and its leaf hash in its own transaction (`ports::store`); this
//! crate takes them from there into a tree and signs it.
//!
//! | part | does |
//! |---|---|
//! | [`tree`] | RFC 6962 hashing and proofs |
//! | [`tile`], [`checkpoint`] | the C2SP forms: tiles, signed notes, keys |
//! | [`Service`] | extends the tree, signs, tells witnesses |
//! | [`Prover`] | checkpoints, tiles and proofs for the API |
//! | [`Eraser`] | drops personal values, with a record of it |
//! | [`verify`] | judges a copy, offline, with the public key and checkpoints kept elsewhere |
//! | [`copy`], [`pack`] | make a copy, make an evidence pack |
//!
//! **Invariant:** what was signed is never signed differently: each tree extends the one signed before, and where
//! files or rows contradict it, nothing is signed any more and the metric `huecry_audit_refused` is 1.
//!
//! **Invariant:** erasing a value changes no leaf, so no proof breaks.

pub mod checkpoint;
pub mod copy;
mod edge;
mod eraser;
mod error;
mod history;
pub mod line;
pub mod pack;
mod page;
mod prover;
mod sequencer;
mod service;
mod telemetry;
pub mod tile;
pub mod tree;
pub mod verify;
mod witness;

pub use checkpoint::{Checkpoint, PublicKey, SignedCheckpoint, Signer};
pub use eraser::{Eraser, ErasureRequest};
pub use error::{CheckpointError, Error, Refusal, TileError};
pub use prover::{ConsistencyProof, InclusionProof, Prover};
pub use sequencer::CHECKPOINT_FILE;
pub use service::{Options, Service};
pub use telemetry::Telemetry;
pub use witness::Witness;
