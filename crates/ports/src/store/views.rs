//! Filters of the queue that people keep under a name.

use super::StoreError;
use async_trait::async_trait;
use model::{AuditRecord, SavedViewId};
use serde_json::Value;

/// Most views of one owner.
pub const VIEWS_PER_OWNER_MAX: usize = 100;
/// Most views that are listed: one's own, then others' that are shared.
pub const VIEWS_LISTED_MAX: usize = 500;

/// A filter that somebody keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedView {
    /// Its name to machines.
    pub id: SavedViewId,
    /// Whose it is: the id of a principal.
    pub owner: String,
    /// What the owner is called.
    pub owner_name: String,
    /// Its name to people, once for each owner.
    pub name: String,
    /// The parameters of the list, as one object.
    pub query: Value,
    /// Whether others see it.
    pub shared: bool,
    /// When it was made, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// Grows by one with each change.
    pub version: u64,
}

/// Reads views.
#[async_trait]
pub trait ReadViews: Send {
    /// The view.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: SavedViewId) -> Result<Option<SavedView>, StoreError>;

    /// An owner's views by name, then those that others share, by name; at most [`VIEWS_LISTED_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn list(&mut self, owner: &str) -> Result<Vec<SavedView>, StoreError>;
}

/// Keeps views.
#[async_trait]
pub trait Views: ReadViews {
    /// Adds a view.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the owner has one of that name; [`StoreError::BadQuery`] past
    /// [`VIEWS_PER_OWNER_MAX`]; [`StoreError::AuditMismatch`].
    async fn add(&mut self, view: &SavedView, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Writes name, query and whether it is shared, if the view is at `view.version`, which grows by one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], [`StoreError::Exists`], [`StoreError::AuditMismatch`].
    async fn update(&mut self, view: &SavedView, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Removes a view.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn remove(&mut self, id: SavedViewId, audit: &AuditRecord) -> Result<(), StoreError>;
}
