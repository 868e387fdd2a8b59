//! Commands on hosts, against a real `sshd` on loopback.

mod commands;
mod isolation;
pub(crate) mod kit;
mod playbooks;

pub(crate) use kit::lacks;
