//! Tokens and sources on the real store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod directory;
mod policies;
