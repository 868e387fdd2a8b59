//! What a form offers while somebody types: services by name, and open matters that are like it. In memory.

use crate::service_catalog::ServiceCatalog;
use model::{Incident, IncidentId, Status};
use ports::store::{ChangeSeq, IncidentFilter, IncidentOrder, PAGE_ITEMS_MAX, PageRequest, StoreError};
use ports::{Snapshot, Store};
use report::related::{OpenIncident, RelatedIndex, RelatedQuery};
use report::service_index::{IndexedService, ServiceIndex};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::report_parts::PublicServices;

/// How long an index of services counts, in milliseconds.
const SERVICES_FRESH_MS: i64 = 30_000;

/// Most services that are indexed.
const SERVICES_MAX: usize = 200_000;

/// Most open incidents that are indexed: those that changed last.
const INCIDENTS_MAX: usize = 200_000;

/// Changes that are read at once.
const CHANGES_PER_READ_MAX: u32 = 500;

/// So many changes behind, everything is read anew.
const CHANGES_BEHIND_MAX: u64 = 50_000;

const OPEN: [Status; 3] = [Status::New, Status::InProgress, Status::OnHold];

/// The catalogue's services, by name.
#[derive(Debug, Default)]
pub(crate) struct ServiceNames {
    /// The last index, and when it was made.
    kept: Mutex<Option<(i64, Arc<ServiceIndex>)>>,
    /// Held by whoever makes one.
    making: tokio::sync::Mutex<()>,
}

impl ServiceNames {
    /// The index, made anew from time to time: beside what it is asked meanwhile, by the one before.
    pub(crate) async fn index(
        self: &Arc<Self>,
        catalogue: &Arc<dyn ServiceCatalog>,
        public: &PublicServices,
        now_ms: i64,
    ) -> Arc<ServiceIndex> {
        if let Some((at_ms, index)) = self.kept() {
            if !is_fresh(at_ms, now_ms) {
                self.renew(catalogue, public, now_ms);
            }
            return index;
        }
        let _making = self.making.lock().await;
        if let Some((_, index)) = self.kept() {
            return index;
        }
        let (catalogue, public) = (Arc::clone(catalogue), public.clone());
        let made = tokio::task::spawn_blocking(move || indexed(&*catalogue, &public)).await;
        // it ends otherwise only where the runtime does
        let index = Arc::new(made.unwrap_or_default());
        self.keep(now_ms, &index);
        index
    }

    /// Begins to make another, unless somebody does.
    fn renew(self: &Arc<Self>, catalogue: &Arc<dyn ServiceCatalog>, public: &PublicServices, now_ms: i64) {
        let (names, catalogue, public) = (Arc::clone(self), Arc::clone(catalogue), public.clone());
        tokio::task::spawn_blocking(move || {
            let Ok(_making) = names.making.try_lock() else { return };
            if names.kept().is_some_and(|(at_ms, _)| is_fresh(at_ms, now_ms)) {
                return;
            }
            names.keep(now_ms, &Arc::new(indexed(&*catalogue, &public)));
        });
    }

    fn kept(&self) -> Option<(i64, Arc<ServiceIndex>)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, now_ms: i64, index: &Arc<ServiceIndex>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((now_ms, Arc::clone(index)));
    }
}

fn is_fresh(at_ms: i64, now_ms: i64) -> bool {
    (0..SERVICES_FRESH_MS).contains(&now_ms.saturating_sub(at_ms))
}

fn indexed(catalogue: &dyn ServiceCatalog, public: &PublicServices) -> ServiceIndex {
    let services = catalogue.page(&[], None, SERVICES_MAX).into_iter();
    ServiceIndex::new(services.map(|service| IndexedService {
        public: public.has(&service.name),
        name: service.name,
        owner: service.owner,
    }))
}

/// The open incidents, by what they are about.
#[derive(Debug, Default)]
pub(crate) struct Matters(tokio::sync::Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    index: RelatedIndex,
    /// The last change that is in it; `None` before the first reading.
    at: Option<ChangeSeq>,
}

impl Matters {
    /// The incidents that fit best, best first; whether the asker may see them is for the caller to check.
    pub(crate) async fn rank(
        &self,
        store: &dyn Store,
        query: &RelatedQuery<'_>,
        limit: usize,
    ) -> Result<Vec<IncidentId>, StoreError> {
        let mut known = self.0.lock().await;
        known.catch_up(store).await?;
        Ok(known.index.rank(query, limit, |_| true).into_iter().map(|hit| hit.id).collect())
    }
}

impl Known {
    async fn catch_up(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut snapshot = store.read().await?;
        let (oldest, newest) = snapshot.changes().bounds().await?.unwrap_or_default();
        let follows = self.at.filter(|at| {
            at.0 + 1 >= oldest.0 && *at <= newest && newest.0.saturating_sub(at.0) <= CHANGES_BEHIND_MAX
        });
        let Some(mut at) = follows else { return self.read_anew(&mut *snapshot, newest).await };
        let mut changed = BTreeSet::new();
        while at < newest {
            let changes = snapshot.changes().after(at, CHANGES_PER_READ_MAX).await?;
            let Some(last) = changes.last() else { break };
            at = last.seq;
            changed.extend(changes.iter().map(|change| change.incident));
        }
        for id in changed {
            let incident = snapshot.incidents().get(id).await?;
            self.take(id, incident);
        }
        self.at = Some(at);
        Ok(())
    }

    async fn read_anew(&mut self, snapshot: &mut dyn Snapshot, newest: ChangeSeq) -> Result<(), StoreError> {
        let mut index = RelatedIndex::new();
        let filter = IncidentFilter { statuses: OPEN.to_vec(), ..IncidentFilter::default() };
        let mut page = PageRequest::first(PAGE_ITEMS_MAX);
        loop {
            let found = snapshot.incidents().list(&filter, IncidentOrder::Updated, &page).await?;
            found.items.iter().for_each(|incident| index.upsert(open(incident)));
            match found.next {
                Some(next) if index.len() < INCIDENTS_MAX => page = PageRequest::after(PAGE_ITEMS_MAX, next),
                _ => break,
            }
        }
        *self = Self { index, at: Some(newest) };
        Ok(())
    }

    fn take(&mut self, id: IncidentId, incident: Option<Incident>) {
        match incident.filter(is_open) {
            Some(incident) => self.index.upsert(open(&incident)),
            None => self.index.remove(id),
        }
    }
}

pub(crate) fn is_open(incident: &Incident) -> bool {
    OPEN.contains(&incident.status) && incident.merged_into.is_none()
}

fn open(incident: &Incident) -> OpenIncident {
    OpenIncident {
        id: incident.id,
        text: incident.shown_title().to_owned(),
        service: incident.ownership.service.clone(),
        entities: vec![incident.group.value.clone()],
        updated_at_ms: incident.updated_at_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_catalog::{CatalogService, ServiceClaims};
    use report::service_index::Audience;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Has one service, which is called otherwise each time that it is read.
    #[derive(Default)]
    struct Renaming(AtomicUsize);

    impl ServiceCatalog for Renaming {
        fn page(&self, _: &[String], _: Option<&str>, _: usize) -> Vec<CatalogService> {
            let name = format!("checkout-{}", self.0.fetch_add(1, Ordering::SeqCst));
            vec![CatalogService { name, ..CatalogService::default() }]
        }
        fn get(&self, _: &str) -> Option<(CatalogService, ServiceClaims)> {
            None
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_an_index_that_is_made_anew() {
        let names = Arc::new(ServiceNames::default());
        let catalogue: Arc<dyn ServiceCatalog> = Arc::new(Renaming::default());
        let at = async |now_ms| names.index(&catalogue, &PublicServices::None, now_ms).await;
        let has = |index: &ServiceIndex, name| index.get(name, Audience::Insider).is_some();
        assert!(has(&*at(0).await, "checkout-0"));
        assert!(has(&*at(SERVICES_FRESH_MS - 1).await, "checkout-0"));
        assert!(has(&*at(SERVICES_FRESH_MS).await, "checkout-0"));
        while !has(&*at(SERVICES_FRESH_MS).await, "checkout-1") {
            tokio::task::yield_now().await;
        }
        assert!(has(&*at(2 * SERVICES_FRESH_MS - 1).await, "checkout-1"));
    }
}
