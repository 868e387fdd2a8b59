//! What is in force, exchanged while events run; and the pass of one worker over its events.

use crate::ancestry::{ProcessEvent, ProcessTree};
use crate::catalog::{Catalog, ClaimKind, Service};
use crate::error::{Fault, FaultCode};
use crate::geo::GeoDatabases;
use crate::history::History;
use crate::load::Sources;
use crate::telemetry::{OutcomeLabel, Telemetry};
use model::{AncestryBuffer, Enrichment, EntityKind, Provenance};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What is known at one moment. Immutable; shared by workers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// States of the catalogue.
    pub history: History,
    /// The databases of addresses.
    pub geo: Arc<GeoDatabases>,
}

/// By what the files were recognised that were read last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fingerprints {
    catalog: [u8; 32],
    databases: [u8; 32],
}

/// Catalogue and databases in force; reads its files again when they change.
#[derive(Debug, Default)]
pub struct Enricher {
    sources: Sources,
    telemetry: Telemetry,
    state: RwLock<Arc<State>>,
    /// Grows with each exchange, so that a worker sees with one load that nothing changed.
    version: AtomicU64,
    read: Mutex<Fingerprints>,
}

impl Enricher {
    /// Reads everything that is configured. What cannot be used is in the faults; the rest is in force.
    pub fn load(sources: Sources, telemetry: Telemetry) -> (Self, Vec<Fault>) {
        let read = Fingerprints {
            catalog: sources.catalog_fingerprint(),
            databases: sources.databases_fingerprint(),
        };
        let loaded = sources.load_catalog(None);
        let (geo, errors) = sources.open_databases();
        let mut faults = loaded.faults;
        faults.extend(errors.iter().map(database_fault));
        let mut history = History::default();
        history.push(loaded.catalog);
        let enricher = Self { sources, telemetry, read: Mutex::new(read), ..Self::default() };
        enricher.exchange(State { history, geo: Arc::new(geo) }, &faults);
        (enricher, faults)
    }

    /// An enricher over a catalogue and databases that came from elsewhere.
    pub fn of(catalog: Catalog, geo: GeoDatabases) -> Self {
        let mut history = History::default();
        history.push(catalog);
        let enricher = Self::default();
        enricher.exchange(State { history, geo: Arc::new(geo) }, &[]);
        enricher
    }

    /// What is in force.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts an event that went through the pass.
    pub fn count(&self, known: &Enrichment<'_>) {
        self.telemetry.enriched.inc();
        if known.owner.is_none() {
            self.telemetry.owner_unresolved.inc();
        }
    }

    /// The counters.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Puts a further state of the catalogue in force, from its own time on.
    pub fn push(&self, catalog: Catalog) {
        let mut state = State::clone(&self.state());
        state.history.push(catalog);
        self.exchange(state, &[]);
    }

    fn exchange(&self, state: State, faults: &[Fault]) {
        let services = state.history.newest().map_or(0, |catalog| catalog.services().len());
        self.telemetry.services.set(i64::try_from(services).unwrap_or(i64::MAX));
        self.telemetry.faults.set(i64::try_from(faults.len()).unwrap_or(i64::MAX));
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Reads files that have changed; with `force`, all. A catalogue or database with errors is refused as a
    /// whole, and what was known before stays; the answer says why. `now_ms` is when the new state begins.
    ///
    /// # Errors
    /// The faults of what was refused.
    pub fn reload(&self, now_ms: i64, force: bool) -> Result<bool, Vec<Fault>> {
        let seen = Fingerprints {
            catalog: self.sources.catalog_fingerprint(),
            databases: self.sources.databases_fingerprint(),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (catalog_changed, databases_changed) =
            (force || read.catalog != seen.catalog, force || read.databases != seen.databases);
        if !catalog_changed && !databases_changed {
            return Ok(false);
        }
        // noted even if refused: the same bad file is not read again every few seconds
        *read = seen;
        drop(read);
        let mut state = State::clone(&self.state());
        let (mut errors, mut remarks) = (Vec::new(), Vec::new());
        if catalog_changed {
            let loaded = self.sources.load_catalog(Some(now_ms));
            if loaded.has_errors() {
                errors.extend(loaded.faults);
            } else {
                remarks.extend(loaded.faults);
                state.history.push(loaded.catalog);
            }
        }
        if databases_changed {
            let (geo, unusable) = self.sources.open_databases();
            match unusable.is_empty() {
                true => state.geo = Arc::new(geo),
                false => errors.extend(unusable.iter().map(database_fault)),
            }
        }
        let outcome = if errors.is_empty() { "replaced" } else { "refused" };
        self.telemetry.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
        remarks.extend(errors.iter().cloned());
        self.exchange(state, &remarks);
        if errors.is_empty() { Ok(true) } else { Err(errors) }
    }
}

fn database_fault(error: &crate::GeoError) -> Fault {
    use crate::GeoError::{Invalid, TooLarge, Unreadable, Useless};
    let (file, code) = match error {
        Unreadable { file, .. } => (file, FaultCode::Unreadable),
        TooLarge { file, .. } => (file, FaultCode::TooLarge),
        Invalid { file, .. } | Useless { file, .. } => (file, FaultCode::BadValue),
    };
    let text = error.to_string();
    Fault::new(file, 1, code, text.strip_prefix(&format!("{file}: ")).unwrap_or(&text))
}

/// What the pass needs to know of an event.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a, E> {
    /// When it happened, milliseconds since the epoch.
    pub time_ms: i64,
    /// The source's name.
    pub source: &'a str,
    /// What it is about, most telling first.
    pub entities: E,
}

/// By which of an event's entities a service is looked for, the most telling first.
const LOOKED_FOR: [(EntityKind, ClaimKind); 5] = [
    (EntityKind::Resource, ClaimKind::Resource),
    (EntityKind::Repository, ClaimKind::Repository),
    (EntityKind::Host, ClaimKind::Host),
    (EntityKind::Actor, ClaimKind::Resource),
    (EntityKind::Account, ClaimKind::Account),
];

/// One worker's buffers: the state it works with and the processes it knows.
#[derive(Debug, Default)]
pub struct Pass {
    state: Arc<State>,
    version: u64,
    chain: AncestryBuffer,
    pid: Option<u64>,
    tree: ProcessTree,
    evicted: u64,
}

impl Pass {
    /// Takes in an event: what it says of processes, and whatever is in force now. Doing it again changes
    /// nothing.
    pub fn note(&mut self, enricher: &Enricher, process: Option<&ProcessEvent<'_>>, time_ms: i64) {
        let version = enricher.version.load(Ordering::Acquire);
        if version != self.version {
            self.state = enricher.state();
            self.version = version;
        }
        self.chain.clear();
        self.pid = process.map(|event| event.process.pid);
        let Some(process) = process else { return };
        self.tree.note(process, time_ms);
        self.tree.ancestors(process, time_ms, &mut self.chain);
        let more = self.tree.evicted() - self.evicted;
        if more > 0 {
            enricher.telemetry.processes_evicted.inc_by(more);
            self.evicted += more;
        }
    }

    /// What is known of the event that was noted last, as of its time. Nothing is allocated.
    pub fn known<'a, E>(&'a self, enricher: &Enricher, facts: &Facts<'a, E>) -> Enrichment<'a>
    where
        E: Iterator<Item = (EntityKind, &'a str)> + Clone,
    {
        let mut enrichment =
            Enrichment { ancestors: self.chain.get(), pid: self.pid, ..Enrichment::default() };
        if let Some((catalog, before_known)) = self.state.history.at(facts.time_ms)
            && !catalog.is_empty()
        {
            own(&mut enrichment, catalog, before_known, facts);
        }
        let errors = locate(&mut enrichment, &self.state.geo, facts);
        if errors > 0 {
            enricher.telemetry.geoip_errors.inc_by(u64::from(errors));
        }
        enrichment
    }

    /// [`Pass::note`], then [`Pass::known`], counted.
    pub fn enrich<'a, E>(
        &'a mut self,
        enricher: &Enricher,
        process: Option<&ProcessEvent<'_>>,
        facts: &Facts<'a, E>,
    ) -> Enrichment<'a>
    where
        E: Iterator<Item = (EntityKind, &'a str)> + Clone,
    {
        self.note(enricher, process, facts.time_ms);
        let known = self.known(enricher, facts);
        enricher.count(&known);
        known
    }
}

fn own<'a, E>(enrichment: &mut Enrichment<'a>, catalog: &'a Catalog, before_known: bool, facts: &Facts<'a, E>)
where
    E: Iterator<Item = (EntityKind, &'a str)> + Clone,
{
    // before all that is known, entries are taken as they stood at the beginning
    let time_ms = if before_known { catalog.valid_from_ms() } else { facts.time_ms };
    let found = LOOKED_FOR.into_iter().find_map(|(entity, claim)| {
        let mut of_kind = facts.entities.clone().filter(|(kind, _)| *kind == entity);
        of_kind.find_map(|(kind, value)| {
            Some((catalog.find(claim, value, time_ms)?.service, Some((kind, value))))
        })
    });
    let found = found.or_else(|| {
        let found = catalog.find(ClaimKind::Source, facts.source, time_ms)?;
        Some((found.service, None))
    });
    if let Some((service, about)) = found {
        tell(enrichment, service, catalog.valid_from_ms(), before_known);
        enrichment.about = about;
    }
    if enrichment.owner.is_none() {
        let mut repositories = facts.entities.clone().filter(|(kind, _)| *kind == EntityKind::Repository);
        let owner = repositories.find_map(|about| Some((catalog.default_owner(about.1)?, about)));
        if let Some((default, about)) = owner {
            enrichment.owner = Some(&default.owner);
            enrichment.team = Some(&default.team);
            enrichment.about = Some(about);
            enrichment.catalog =
                Some(Provenance { source: &default.source, as_of_ms: catalog.valid_from_ms(), before_known });
        }
    }
}

fn tell<'a>(enrichment: &mut Enrichment<'a>, service: &'a Service, catalog_from_ms: i64, before_known: bool) {
    enrichment.service = Some(&service.name);
    enrichment.owner = service.owner.as_deref();
    enrichment.team = service.team.as_deref();
    enrichment.criticality = service.criticality.as_deref();
    enrichment.environment = service.environment.as_deref();
    let as_of_ms = service.valid_from_ms.unwrap_or(catalog_from_ms);
    enrichment.catalog = Some(Provenance { source: &service.source, as_of_ms, before_known });
}

/// Tells where the source address is; the answer is how many records were unsound.
fn locate<'a, E>(enrichment: &mut Enrichment<'a>, geo: &'a GeoDatabases, facts: &Facts<'a, E>) -> u32
where
    E: Iterator<Item = (EntityKind, &'a str)> + Clone,
{
    if geo.is_empty() {
        return 0;
    }
    let mut addresses = facts.entities.clone().filter(|(kind, _)| *kind == EntityKind::Address);
    let Some((text, ip)) = addresses.find_map(|(_, text)| Some((text, text.parse::<IpAddr>().ok()?))) else {
        return 0;
    };
    let located = geo.locate(ip, facts.time_ms);
    enrichment.src_address = Some(text);
    enrichment.src_country = located.address.country;
    enrichment.country_source = located.country_source;
    enrichment.src_asn = located.address.asn;
    enrichment.src_as_org = located.address.as_org;
    enrichment.asn_source = located.asn_source;
    located.errors
}
