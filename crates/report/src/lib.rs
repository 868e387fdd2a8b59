//! Reports from people.

pub mod context;
