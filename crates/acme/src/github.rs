//! GitHub: entries of the organisation's audit log, and webhook deliveries.

pub(crate) mod audit;
pub(crate) mod parts;
pub(crate) mod webhook;
