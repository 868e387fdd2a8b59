//! What the enrich pass counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OutcomeLabel {
    /// `replaced` or `refused`.
    pub(crate) outcome: &'static str,
}

/// Counters of all workers; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub(crate) enriched: Counter,
    pub(crate) owner_unresolved: Counter,
    pub(crate) geoip_errors: Counter,
    pub(crate) processes_evicted: Counter,
    pub(crate) reloads: Family<OutcomeLabel, Counter>,
    pub(crate) services: Gauge,
    pub(crate) faults: Gauge,
}

impl Telemetry {
    /// Names the counters in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            ("huecry_events_enriched", "Events that went through the enrich pass", &self.enriched),
            ("huecry_events_owner_unresolved", "Of these, events without an owner", &self.owner_unresolved),
            ("huecry_geoip_errors", "Look-ups that found an unsound record", &self.geoip_errors),
            ("huecry_processes_evicted", "Processes forgotten for want of room", &self.processes_evicted),
        ];
        for (name, about, counter) in counters {
            registry.register(name, about, counter.clone());
        }
        registry.register("huecry_enrichment_reloads", "Files read again, by outcome", self.reloads.clone());
        registry.register(
            "huecry_catalog_services",
            "Services of the catalogue in force",
            self.services.clone(),
        );
        registry.register("huecry_catalog_faults", "Faults of the files last read", self.faults.clone());
    }

    /// Events that went through the pass, and those of them without an owner.
    pub fn owners(&self) -> (u64, u64) {
        (self.enriched.get(), self.owner_unresolved.get())
    }
}
