//! What the operator has set, as it is now.

use crate::connector::{Connector, Remote, Values};
use crate::impact::Impact;
use crate::protect::Protection;
use crate::sandbox::Sandbox;
use crate::window::Limit;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A connector and how it reaches its system.
#[derive(Clone)]
pub struct Connection {
    /// Its file.
    pub connector: Arc<Connector>,
    /// What is set for it, secrets too.
    pub settings: Arc<Values>,
    /// What its requests go through, if not through what all others do: a system with root certificates of its own, a mail
    /// server.
    pub remote: Option<Arc<dyn Remote>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (connector, own) = (&self.connector.connector, self.remote.is_some());
        write!(f, "Connection({connector}, its own way: {own})")
    }
}

impl Connection {
    /// One that is reached as all others are.
    pub const fn new(connector: Arc<Connector>, settings: Arc<Values>) -> Self {
        Self { connector, settings, remote: None }
    }

    /// What its requests go through; `shared` if it has nothing of its own.
    pub fn remote<'r>(&'r self, shared: &'r dyn Remote) -> &'r dyn Remote {
        self.remote.as_deref().unwrap_or(shared)
    }
}

/// What the operator has set. Asked anew for each step, so that a change counts at once.
pub trait Setup: Send + Sync {
    /// The connector of that name, if it is set up.
    fn connection(&self, connector: &str) -> Option<Connection>;

    /// What no action may touch.
    fn protection(&self) -> Arc<Protection>;

    /// How many targets this action (`aws.deactivate_key`) may have in a time.
    fn limit(&self, action: &str) -> Limit;

    /// Whether a playbook may send requests to this host (and port, where one is named) by itself.
    fn allows_host(&self, host: &str) -> bool;

    /// Whether people with these roles may approve now. Who let another answer must be one of them, when that one answers and
    /// when it is applied.
    fn may_approve(&self, roles: &[String]) -> bool;

    /// Functions (roles, teams) of which each must be among those who say yes to this action, beside how many people it takes.
    fn quorum(&self, _action: &str, _impact: Impact) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Where scripts of playbooks run, if the operator has enabled them.
    fn sandbox(&self) -> Option<Sandbox> {
        None
    }

    /// The text of a playbook that another one calls: this version, by when it was made, or the newest.
    fn playbook(&self, id: &str, version_ms: Option<i64>) -> Option<Arc<str>>;
}

/// A setup that does not change, in which everybody may approve.
#[derive(Debug, Clone)]
pub struct FixedSetup {
    /// Connectors by name.
    pub connections: BTreeMap<String, Connection>,
    /// What is protected.
    pub protection: Arc<Protection>,
    /// The limit of every action.
    pub limit: Limit,
    /// Hosts that playbooks may send requests to.
    pub hosts: BTreeSet<String>,
    /// Playbooks by id.
    pub playbooks: BTreeMap<String, Arc<str>>,
}

impl Setup for FixedSetup {
    fn connection(&self, connector: &str) -> Option<Connection> {
        self.connections.get(connector).cloned()
    }

    fn protection(&self) -> Arc<Protection> {
        Arc::clone(&self.protection)
    }

    fn limit(&self, _: &str) -> Limit {
        self.limit
    }

    fn allows_host(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    fn may_approve(&self, _: &[String]) -> bool {
        true
    }

    fn playbook(&self, id: &str, _: Option<i64>) -> Option<Arc<str>> {
        self.playbooks.get(id).cloned()
    }
}
