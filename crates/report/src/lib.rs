//! Reports from people.

pub mod context;
pub mod draft;
