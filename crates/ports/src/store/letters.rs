//! What people are told by e-mail, until it is sent.

use super::StoreError;
use async_trait::async_trait;
use model::{Lease, LeaseId, Letter, LetterAbout, LetterId};

/// Most letters that are listed of one thing.
pub const LETTERS_LISTED_MAX: u32 = 1_000;

/// Reads letters.
#[async_trait]
pub trait ReadLetters: Send {
    /// The letter.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: LetterId) -> Result<Option<Letter>, StoreError>;

    /// Letters about this, the first one first; at most [`LETTERS_LISTED_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn about(&mut self, about: LetterAbout) -> Result<Vec<Letter>, StoreError>;

    /// When [`Letters::take`] next gives one, at the latest; also when a lease ends that was not given back.
    ///
    /// # Errors
    /// As all reads.
    async fn next_due(&mut self) -> Result<Option<i64>, StoreError>;
}

/// Changes letters. They have no audit records of their own: they are written with the change that they tell of, and go with
/// its record.
#[async_trait]
pub trait Letters: ReadLetters {
    /// Adds letters.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for an id; [`StoreError::BadQuery`] for one that waits and has nothing due, or the reverse.
    async fn add(&mut self, letters: &[Letter]) -> Result<(), StoreError>;

    /// Gives the lease to the letter that has been due longest and that nobody works on, and returns it with it.
    ///
    /// # Errors
    /// As all changes.
    async fn take(&mut self, lease: Lease, now_ms: i64) -> Result<Option<Letter>, StoreError>;

    /// Writes what came of a letter (state, tries, problem, what is due, lease), if it is still `held`'s; says whether it
    /// was.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    async fn settle(&mut self, letter: &Letter, held: LeaseId) -> Result<bool, StoreError>;

    /// Forgets at most `letters_max` that wait no more and last changed before `before_ms`; returns how many.
    ///
    /// # Errors
    /// As all changes.
    async fn forget(&mut self, before_ms: i64, letters_max: u32) -> Result<u64, StoreError>;
}
