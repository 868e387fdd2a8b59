//! The control plane over HTTP: one file for each group of endpoints.

pub(crate) mod audit;
pub(crate) mod audit_log;
pub(crate) mod dead_letters;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod idempotency;
pub(crate) mod incidents;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod reference;
pub(crate) mod rules;
pub(crate) mod sources;
pub(crate) mod stream;
pub(crate) mod tokens;
