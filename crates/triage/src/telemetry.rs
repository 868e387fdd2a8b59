//! What triage counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// By partition of the finding topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PartitionLabel {
    /// Its number.
    pub partition: u32,
}

/// Counters of all partitions; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub(crate) findings: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) opened: Counter,
    pub(crate) merged: Counter,
    pub(crate) failures: Counter,
    pub(crate) lag: Family<PartitionLabel, Gauge>,
}

impl Telemetry {
    /// Names the counters in `registry`; the exposition adds `_total` to them.
    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            ("huecry_triaged_findings", "Findings put into incidents", &self.findings),
            ("huecry_triaged_duplicates", "Findings delivered again", &self.duplicates),
            ("huecry_triaged_dead_letters", "Records that are no findings", &self.dead_letters),
            ("huecry_incidents_opened", "Incidents opened", &self.opened),
            ("huecry_incidents_merged", "Incidents that turned out to be another one", &self.merged),
            ("huecry_triage_failures", "Batches that failed and were tried again", &self.failures),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register("huecry_triage_lag_records", "Findings not yet in incidents", self.lag.clone());
    }
}
