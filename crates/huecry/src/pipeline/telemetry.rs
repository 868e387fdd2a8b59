//! What the pipeline counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// By partition of the raw topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PartitionLabel {
    /// Its number.
    pub partition: u32,
}

/// By stable code of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CodeLabel {
    /// The code.
    pub code: &'static str,
}

/// Counters of all workers; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub(crate) events: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) findings: Counter,
    pub(crate) dead_letters: Family<CodeLabel, Counter>,
    pub(crate) lag: Family<PartitionLabel, Gauge>,
    pub(crate) lake_waits: Counter,
    pub(crate) failing: Family<PartitionLabel, Gauge>,
}

impl Telemetry {
    /// Names the counters in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("huecry_events", "Records that became OCSF events", self.events.clone());
        registry.register("huecry_duplicates", "Records delivered again", self.duplicates.clone());
        registry.register("huecry_findings", "Rule matches written", self.findings.clone());
        registry.register(
            "huecry_dead_letters",
            "Records that could not become events",
            self.dead_letters.clone(),
        );
        registry.register("huecry_pipeline_lag_records", "Records not yet worked on", self.lag.clone());
        registry.register("huecry_lake_waits", "Pauses until the lake had room", self.lake_waits.clone());
        registry.register(
            "huecry_pipeline_failing",
            "1 while the results of a partition cannot be written",
            self.failing.clone(),
        );
    }
}
