//! Who owns it, and why; and what is wrong with the files that say so.

use crate::catalog::{Catalog, CatalogBuilder, ClaimKind, Service};
use crate::codeowners::{Claim, Codeowners, Dialect};
use crate::error::Fault;
use crate::load::{is_codeowners, read_document};
use serde::Serialize;
use std::path::PathBuf;

/// An answer to "who owns this?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was asked for.
    pub asked: String,
    /// The service, where one claims it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Everyone who is named, most telling first; empty: a line says that nobody owns it.
    pub owners: Vec<String>,
    /// The owning team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// How much it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<String>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The place that says so, as file and line.
    pub source: String,
    /// The name, claim or pattern by which it was found there.
    pub by: String,
    /// Since when, milliseconds since the epoch.
    pub since_ms: i64,
}

impl Answer {
    fn service(asked: &str, service: &Service, by: String, catalog: &Catalog) -> Self {
        Self {
            asked: asked.to_owned(),
            service: Some(service.name.clone()),
            owners: service.owner.iter().cloned().collect(),
            team: service.team.clone(),
            criticality: service.criticality.clone(),
            environment: service.environment.clone(),
            source: service.source.clone(),
            by,
            since_ms: service.valid_from_ms.unwrap_or_else(|| catalog.valid_from_ms()),
        }
    }

    fn path(asked: &str, claim: &Claim<'_>, catalog: &Catalog) -> Self {
        let by = match claim.section {
            Some(section) if claim.optional => format!("{} of ^[{section}]", claim.pattern),
            Some(section) => format!("{} of [{section}]", claim.pattern),
            None => claim.pattern.to_owned(),
        };
        Self {
            asked: asked.to_owned(),
            service: None,
            owners: claim.owners.to_vec(),
            team: None,
            criticality: None,
            environment: None,
            source: format!("codeowners:{}:{}", claim.file, claim.line),
            by,
            since_ms: catalog.valid_from_ms(),
        }
    }
}

/// Who owns `asked` at a time: a path of `repository`; else a service, a resource, repository, host, account
/// or source; else a path of any repository whose CODEOWNERS are known.
pub fn who(catalog: &Catalog, asked: &str, repository: Option<&str>, at_ms: i64) -> Vec<Answer> {
    if let Some(repository) = repository {
        let claims = catalog.codeowners(repository).map(|owners| owners.claims(asked)).unwrap_or_default();
        let mut answers: Vec<_> = claims.iter().map(|claim| Answer::path(asked, claim, catalog)).collect();
        answers.extend(claimed(catalog, asked, repository, &[ClaimKind::Repository], at_ms));
        return answers;
    }
    if let Some(service) = named(catalog, asked, at_ms) {
        return vec![Answer::service(asked, service, format!("name {}", service.name), catalog)];
    }
    let found: Vec<_> = claimed(catalog, asked, asked, &ClaimKind::ALL, at_ms).into_iter().collect();
    if !found.is_empty() {
        return found;
    }
    if let Some(default) = catalog.codeowners(asked).and_then(Codeowners::default_claim) {
        return vec![Answer::path(asked, &default, catalog)];
    }
    let mut repositories: Vec<_> = catalog.repositories().collect();
    repositories.sort_unstable_by_key(|(name, _)| *name);
    let claims = repositories.iter().flat_map(|(_, owners)| owners.claims(asked));
    claims.map(|claim| Answer::path(asked, &claim, catalog)).collect()
}

/// A service by its name; one of another kind than Component by its short name too.
fn named<'c>(catalog: &'c Catalog, asked: &str, at_ms: i64) -> Option<&'c Service> {
    let kinds = ["system", "resource", "api", "domain"];
    let short = || kinds.iter().find_map(|kind| catalog.service(&format!("{kind}:{asked}"), at_ms));
    catalog.service(asked, at_ms).or_else(short)
}

fn claimed(catalog: &Catalog, asked: &str, thing: &str, kinds: &[ClaimKind], at_ms: i64) -> Option<Answer> {
    kinds.iter().find_map(|kind| {
        let found = catalog.find(*kind, thing, at_ms)?;
        let by = format!("{} {}", kind.key(), found.claim);
        Some(Answer::service(asked, found.service, by, catalog))
    })
}

/// Every fault of files: `CODEOWNERS` by name, all others as one catalogue. The second answer is how many
/// services and lines of owners were read.
pub fn lint(files: &[PathBuf]) -> (Vec<Fault>, usize) {
    let mut builder = CatalogBuilder::default();
    let (mut faults, mut lines) = (Vec::new(), 0);
    for path in &crate::load::files_under(files, &mut faults) {
        let document = match read_document(path) {
            Ok(document) => document,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        if is_codeowners(path) {
            let (owners, found) = Codeowners::parse(&document.file, &document.text, Dialect::Auto);
            lines += owners.rules();
            faults.extend(found);
        } else {
            builder.document(&document);
        }
    }
    let (catalog, found) = builder.build(None);
    faults.extend(found);
    faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    (faults, lines + catalog.services().len())
}
