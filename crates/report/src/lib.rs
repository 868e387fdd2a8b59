//! Reports from people.
