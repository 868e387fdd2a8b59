//! The catalogue: which service is it, and whose.
//!
//! Read from Backstage entities ([`backstage`]) and our own `services.yaml` ([`services`]), compiled once into
//! an [`Index`] that finds the service of a repository, resource, host, account or source without allocating.

mod backstage;
mod entity;
mod graph;
mod index;
mod services;

pub use index::ClaimKind;
pub use services::parse_time_ms;

use crate::codeowners::Codeowners;
use crate::error::{Fault, FaultCode};
use crate::limits::{ENTITIES_MAX, FAULTS_MAX};
use crate::yaml::{self, Yaml};
use entity::Draft;
use foldhash::HashMap;
use index::{Index, Lower};
use std::collections::BTreeMap;
use std::ops::Bound;

/// How much a service matters; the names are those of `severity`.
pub const CRITICALITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// One service as of some time: what events about it are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name; Backstage entities outside the default namespace are `namespace/name`.
    pub name: String,
    /// Who answers for it, as the file writes it (Backstage references in full: `group:default/payments`).
    pub owner: Option<String>,
    /// The owning team's short name.
    pub team: Option<String>,
    /// One of [`CRITICALITIES`].
    pub criticality: Option<String>,
    /// Where it runs.
    pub environment: Option<String>,
    /// The place that says so: `catalog:services.yaml:12`.
    pub source: String,
    /// From when on this is true, milliseconds since the epoch; `None`: as long as the catalogue is.
    pub valid_from_ms: Option<i64>,
    /// Until when, exclusive: when the next entry of the same name begins.
    pub valid_until_ms: Option<i64>,
}

impl Service {
    /// Whether this entry speaks of that time.
    pub fn is_valid_at(&self, time_ms: i64) -> bool {
        self.valid_from_ms.is_none_or(|from| from <= time_ms)
            && self.valid_until_ms.is_none_or(|until| time_ms < until)
    }
}

/// One text of a catalogue: its name for messages, what is in it, when it was last changed.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file's name.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Milliseconds since the epoch.
    pub modified_ms: i64,
}

/// Everything that is known of services at one time. Immutable.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(crate) services: Vec<Service>,
    pub(crate) index: Index,
    pub(crate) by_name: BTreeMap<Box<str>, Vec<u32>>,
    /// What each entry claims, in the order of [`Catalog::services`].
    pub(crate) claims: Vec<Vec<(ClaimKind, Box<str>)>>,
    pub(crate) codeowners: HashMap<Box<str>, RepositoryOwners>,
    pub(crate) valid_from_ms: i64,
}

/// The CODEOWNERS of one repository, with its answer for the repository as a whole.
#[derive(Debug)]
pub(crate) struct RepositoryOwners {
    pub(crate) codeowners: Codeowners,
    pub(crate) default: Option<DefaultOwner>,
}

#[derive(Debug)]
pub(crate) struct DefaultOwner {
    pub(crate) owner: String,
    pub(crate) team: String,
    pub(crate) source: String,
}

/// Collects documents, then compiles them.
#[derive(Debug, Default)]
pub struct CatalogBuilder {
    drafts: Vec<Draft>,
    people: entity::People,
    codeowners: HashMap<Box<str>, RepositoryOwners>,
    faults: Vec<Fault>,
    modified_ms: i64,
    valid_from_ms: Option<i64>,
}

impl CatalogBuilder {
    /// Reads one catalogue file: Backstage entities or `services.yaml`, by its content.
    pub fn document(&mut self, document: &Document) {
        self.modified_ms = self.modified_ms.max(document.modified_ms);
        let file = &document.file;
        let (documents, trouble) = yaml::read(&document.text);
        let template = is_template(&document.text);
        if let Some((line, code, reason)) = trouble {
            self.fault(match template && code == FaultCode::BadYaml {
                true => Fault::new(
                    file,
                    line,
                    FaultCode::TemplateUnrendered,
                    format!("a template's text, not YAML ({reason}); name the files it makes instead"),
                ),
                false => Fault::new(file, line, code, reason),
            });
        }
        for root in &documents {
            if self.drafts.len() >= ENTITIES_MAX {
                let reason = format!("more than {ENTITIES_MAX} entities in one catalogue");
                return self.fault(Fault::new(file, root.line, FaultCode::TooLarge, reason));
            }
            self.root(file, root);
        }
    }

    fn root(&mut self, file: &str, root: &Yaml) {
        if root.get("apiVersion").is_some() && root.get("kind").is_some() {
            backstage::read(file, root, self);
        } else if root.get("services").is_some() {
            services::read(file, root, self);
        } else if root.kind != yaml::Kind::Null {
            let reason =
                "neither a Backstage entity (apiVersion, kind) nor a services.yaml (a key `services`)";
            self.fault(Fault::new(file, root.line, FaultCode::NotACatalog, reason));
        }
    }

    /// Adds the owners of a repository's paths.
    pub fn codeowners(&mut self, repository: &str, codeowners: Codeowners, faults: Vec<Fault>) {
        faults.into_iter().for_each(|fault| self.fault(fault));
        let default = codeowners.default_claim().and_then(|claim| {
            let owner = claim.owners.first()?.clone();
            let team = entity::team_of(&owner).to_owned();
            let source = format!("codeowners:{}:{}", claim.file, claim.line);
            Some(DefaultOwner { owner, team, source })
        });
        let key = repository.to_ascii_lowercase().into_boxed_str();
        self.codeowners.insert(key, RepositoryOwners { codeowners, default });
    }

    /// Notes when a file was last changed, for the validity of the whole.
    pub fn modified(&mut self, modified_ms: i64) {
        self.modified_ms = self.modified_ms.max(modified_ms);
    }

    /// Notes a fault; past [`FAULTS_MAX`] they are dropped.
    pub fn fault(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// Compiles what was read; the faults are in the order of files and lines.
    ///
    /// The whole is valid from the latest `valid_from` that a file names for itself, else from
    /// `valid_from_ms`, else from when a file was last changed.
    pub fn build(mut self, valid_from_ms: Option<i64>) -> (Catalog, Vec<Fault>) {
        let drafts = graph::resolve(std::mem::take(&mut self.drafts), &self.people, &mut self.faults);
        let mut services = Vec::with_capacity(drafts.len());
        let mut claims = Vec::with_capacity(drafts.len());
        for draft in drafts {
            services.push(draft.service);
            claims.push((draft.file, draft.line, draft.claims));
        }
        let by_name = by_name(&mut services, &claims, &mut self.faults);
        let index = Index::build(&services, &claims, &mut self.faults);
        self.faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        self.faults.truncate(FAULTS_MAX);
        let valid_from_ms = self.valid_from_ms.or(valid_from_ms).unwrap_or(self.modified_ms);
        let kept = |(_, _, claims): index::Claimed| {
            claims.into_iter().map(|(kind, claim, _)| (kind, claim.into_boxed_str())).collect()
        };
        let claims = claims.into_iter().map(kept).collect();
        let catalog =
            Catalog { services, index, by_name, claims, codeowners: self.codeowners, valid_from_ms };
        (catalog, self.faults)
    }
}

/// Groups entries by name and ends each where the next of the same name begins.
fn by_name(
    services: &mut [Service],
    claims: &[index::Claimed],
    faults: &mut Vec<Fault>,
) -> BTreeMap<Box<str>, Vec<u32>> {
    let mut by_name: BTreeMap<Box<str>, Vec<u32>> = BTreeMap::new();
    for (at, service) in services.iter().enumerate() {
        by_name.entry(service.name.as_str().into()).or_default().push(at as u32);
    }
    for entries in by_name.values_mut() {
        entries.sort_by_key(|at| services[*at as usize].valid_from_ms);
        for pair in entries.windows(2) {
            let next_from = services[pair[1] as usize].valid_from_ms;
            if services[pair[0] as usize].valid_from_ms == next_from {
                let (file, line, _) = &claims[pair[1] as usize];
                let (name, first) = (&services[pair[1] as usize].name, &services[pair[0] as usize].source);
                let reason = format!("`{name}` is also at {first}; give the later entry a `valid_from`");
                faults.push(Fault::new(file, *line, FaultCode::Duplicate, reason));
            } else {
                services[pair[0] as usize].valid_until_ms = next_from;
            }
        }
    }
    by_name
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// A thing's service, and the claim by which it was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The service.
    pub service: &'a Service,
    /// Its claim: the name or pattern in the file.
    pub claim: &'a str,
}

/// A service with what it claims.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// The service.
    pub service: &'a Service,
    /// Names and patterns as the file writes them, in its order.
    pub claims: &'a [(ClaimKind, Box<str>)],
}

impl Catalog {
    /// From when on this state of the catalogue holds, milliseconds since the epoch.
    pub fn valid_from_ms(&self) -> i64 {
        self.valid_from_ms
    }

    /// Every entry, in the order of files.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Whether nothing is known of anything.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.codeowners.is_empty()
    }

    /// The repositories whose CODEOWNERS are known.
    pub fn repositories(&self) -> impl Iterator<Item = (&str, &Codeowners)> {
        self.codeowners.iter().map(|(name, owners)| (&**name, &owners.codeowners))
    }

    /// The service that claims a thing at a time.
    pub fn find(&self, kind: ClaimKind, value: &str, time_ms: i64) -> Option<Found<'_>> {
        let mut lower = Lower::default();
        let value = kind.folded(value, &mut lower)?;
        let (claim, at) = self.index.find(kind, value, |at| {
            self.services.get(at as usize).is_some_and(|service| service.is_valid_at(time_ms))
        })?;
        Some(Found { service: self.services.get(at as usize)?, claim })
    }

    /// The entry of that name at a time.
    pub fn service(&self, name: &str, time_ms: i64) -> Option<&Service> {
        let mut entries = self.by_name.get(name)?.iter().filter_map(|at| self.services.get(*at as usize));
        entries.rfind(|service| service.is_valid_at(time_ms))
    }

    /// The services at a time by name, one entry each, with what they claim; after a name, if one is given.
    pub fn listed<'c>(&'c self, after: Option<&str>, time_ms: i64) -> impl Iterator<Item = Listed<'c>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.by_name.range::<str, _>((from, Bound::Unbounded));
        names.filter_map(move |(_, entries)| self.entry_at(entries, time_ms))
    }

    /// The service of that name at a time, with what it claims.
    pub fn listing(&self, name: &str, time_ms: i64) -> Option<Listed<'_>> {
        self.entry_at(self.by_name.get(name)?, time_ms)
    }

    fn entry_at(&self, entries: &[u32], time_ms: i64) -> Option<Listed<'_>> {
        entries.iter().rev().find_map(|at| {
            let service = self.services.get(*at as usize).filter(|service| service.is_valid_at(time_ms))?;
            Some(Listed { service, claims: self.claims.get(*at as usize).map_or(&[], Vec::as_slice) })
        })
    }

    /// The CODEOWNERS of a repository.
    pub fn codeowners(&self, repository: &str) -> Option<&Codeowners> {
        self.codeowners.get(repository.to_ascii_lowercase().as_str()).map(|owners| &owners.codeowners)
    }

    pub(crate) fn default_owner(&self, repository: &str) -> Option<&DefaultOwner> {
        let mut lower = Lower::default();
        let key = ClaimKind::Repository.folded(repository, &mut lower)?;
        self.codeowners.get(key)?.default.as_ref()
    }
}
