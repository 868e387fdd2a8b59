//! What the API tells of services: who answers for what. The binary, which reads the files that say so, implements it.

use serde::Serialize;
use utoipa::ToSchema;

/// One service of the catalogue, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct CatalogService {
    /// Its name, as incidents and `service=` have it.
    pub name: String,
    /// Who answers for it, as the file writes it.
    pub owner: Option<String>,
    /// The owning team's short name.
    pub team: Option<String>,
    /// How much it matters: `low`, `medium`, `high` or `critical`.
    pub criticality: Option<String>,
    /// Where it runs.
    pub environment: Option<String>,
    /// The repositories that it claims, as the file writes them; `*` and `?` stand for any characters and one.
    pub repositories: Vec<String>,
    /// The file and line that say so: `catalog:services.yaml:12`.
    pub source: String,
    /// Since when, milliseconds since the epoch.
    pub since_ms: i64,
}

/// What else a service claims; names and patterns as the file writes them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct ServiceClaims {
    /// Cloud resources by their full names (ARNs), or buckets, roles and functions by their own.
    pub resources: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Cloud accounts, tenants, organisations.
    pub accounts: Vec<String>,
    /// Configured senders.
    pub sources: Vec<String>,
}

/// Tells about services.
pub trait ServiceCatalog: Send + Sync {
    /// The services after a name (all, if none is given), by name, at most so many; each of `words` stands in the name,
    /// the owner, the team or a repository of each. Words are compared as [`ports::store::folded`] says.
    fn page(&self, words: &[String], after: Option<&str>, items_max: usize) -> Vec<CatalogService>;

    /// The service of that name.
    fn get(&self, name: &str) -> Option<(CatalogService, ServiceClaims)>;
}
