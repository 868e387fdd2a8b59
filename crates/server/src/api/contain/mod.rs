//! Contain, and undo: actions, containments, playbooks and their runs.
//!
//! **Invariant:** what is for an incident that the asker may not see answers as if it were not there.
//!
//! **Invariant:** what people decide is decided as the person: a token that somebody made for themselves acts for them, a
//! machine's decides nothing.

pub(crate) mod actions;
pub(crate) mod answers;
mod asker;
pub(crate) mod containments;
pub(crate) mod delegations;
mod may;
pub(crate) mod playbooks;
mod run_view;
pub(crate) mod runs;
pub(crate) mod sight;
mod view;

/// All of them.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ContainItems<T> {
    /// In the list's order.
    pub(crate) items: Vec<T>,
}

/// A page of them.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ContainPage<T> {
    /// The newest first.
    pub(crate) items: Vec<T>,
    /// Ask for the next page with `cursor=` this; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// Milliseconds as whole minutes.
fn minutes(ms: u64) -> u64 {
    ms / 60_000
}
