//! The services of the catalogue in force, for the API.

use enrich::{ClaimKind, Enricher, Listed};
use model::Clock;
use ports::store::folded;
use server::{CatalogService, ServiceCatalog, ServiceClaims};
use std::sync::Arc;

/// What the enricher knows of services.
pub(crate) struct KnownServices {
    enricher: Arc<Enricher>,
    clock: Arc<dyn Clock>,
}

impl KnownServices {
    pub(crate) fn new(enricher: Arc<Enricher>, clock: Arc<dyn Clock>) -> Self {
        Self { enricher, clock }
    }
}

impl ServiceCatalog for KnownServices {
    fn page(&self, words: &[String], after: Option<&str>, items_max: usize) -> Vec<CatalogService> {
        let words: Vec<String> = words.iter().map(|word| folded(word)).collect();
        let state = self.enricher.state();
        let Some(catalog) = state.history.newest() else { return Vec::new() };
        let found = catalog.listed(after, self.clock.now_ms()).filter(|listed| has_all(listed, &words));
        found.take(items_max).map(|listed| told(&listed, catalog.valid_from_ms())).collect()
    }

    fn get(&self, name: &str) -> Option<(CatalogService, ServiceClaims)> {
        let state = self.enricher.state();
        let catalog = state.history.newest()?;
        let listed = catalog.listing(name, self.clock.now_ms())?;
        let claims = ServiceClaims {
            resources: claims(&listed, ClaimKind::Resource),
            hosts: claims(&listed, ClaimKind::Host),
            accounts: claims(&listed, ClaimKind::Account),
            sources: claims(&listed, ClaimKind::Source),
        };
        Some((told(&listed, catalog.valid_from_ms()), claims))
    }
}

fn claims(listed: &Listed<'_>, wanted: ClaimKind) -> Vec<String> {
    let of_kind = listed.claims.iter().filter(|(kind, _)| *kind == wanted);
    of_kind.map(|(_, claim)| claim.to_string()).collect()
}

fn told(listed: &Listed<'_>, catalog_from_ms: i64) -> CatalogService {
    let service = listed.service;
    CatalogService {
        name: service.name.clone(),
        owner: service.owner.clone(),
        team: service.team.clone(),
        criticality: service.criticality.clone(),
        environment: service.environment.clone(),
        repositories: claims(listed, ClaimKind::Repository),
        source: service.source.clone(),
        since_ms: service.valid_from_ms.unwrap_or(catalog_from_ms),
    }
}

/// Whether each of the words, which are folded, stands somewhere.
fn has_all(listed: &Listed<'_>, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let service = listed.service;
    let known = [Some(&service.name), service.owner.as_ref(), service.team.as_ref()];
    let mut texts: Vec<String> = known.into_iter().flatten().map(|text| folded(text)).collect();
    let repositories = listed.claims.iter().filter(|(kind, _)| *kind == ClaimKind::Repository);
    texts.extend(repositories.map(|(_, claim)| folded(claim)));
    words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use enrich::{CatalogBuilder, Document, GeoDatabases};
    use model::ManualClock;

    const SERVICES: &str = "
services:
  - {name: checkout, owner: '@acme/payments', criticality: critical, repositories: [acme/checkout, acme/till], hosts: 'till-*'}
  - {name: Ähre, owner: ops@acme.example, team: platform, accounts: ['111122223333']}
  - {name: wiki, owner: '@acme/docs', valid_from: 2030-01-01}
  - {name: old, owner: '@acme/docs', valid_from: 2020-01-01}
";

    fn known() -> KnownServices {
        let mut builder = CatalogBuilder::default();
        builder.document(&Document { file: "services.yaml".into(), text: SERVICES.into(), modified_ms: 7 });
        let (catalog, _) = builder.build(None);
        let enricher = Enricher::of(catalog, GeoDatabases::default());
        KnownServices::new(Arc::new(enricher), Arc::new(ManualClock::at(1_700_000_000_000)))
    }

    fn names(words: &[&str], after: Option<&str>, items_max: usize) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        known().page(&words, after, items_max).into_iter().map(|service| service.name).collect()
    }

    #[test]
    fn services_of_now_are_found_by_words_in_pages() {
        assert_eq!(names(&[], None, 9), ["checkout", "old", "Ähre"]);
        assert_eq!(names(&[], None, 2), ["checkout", "old"]);
        assert_eq!(names(&[], Some("old"), 2), ["Ähre"]);
        assert_eq!(names(&["TILL"], None, 9), ["checkout"], "by a repository");
        assert_eq!(names(&["acme", "platform"], None, 9), ["Ähre"], "each word somewhere");
        assert_eq!(names(&["äHRE"], None, 9), ["Ähre"]);
        assert_eq!(names(&["till-1"], None, 9), [""; 0], "hosts are not looked at");
    }

    #[test]
    fn a_service_says_where_that_is_written_and_what_it_claims() {
        let (service, claims) = known().get("checkout").unwrap();
        assert_eq!(service.source, "catalog:services.yaml:3");
        assert_eq!((service.criticality.as_deref(), service.since_ms), (Some("critical"), 7));
        assert_eq!(service.repositories, ["acme/checkout", "acme/till"]);
        assert_eq!(claims.hosts, ["till-*"]);
        assert!(known().get("wiki").is_none(), "not yet");
    }
}
