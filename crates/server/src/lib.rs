//! The HTTP API: no business rules, no SQL
