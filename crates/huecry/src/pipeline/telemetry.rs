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
    pub(crate) correlator: CorrelatorTelemetry,
}

/// Counters of all correlators; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct CorrelatorTelemetry {
    pub(crate) matches: Counter,
    pub(crate) late: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) findings: Counter,
    pub(crate) evicted: Counter,
    pub(crate) forced: Counter,
    pub(crate) snapshot_failures: Counter,
    pub(crate) retries: Counter,
    pub(crate) records_gone: Counter,
    pub(crate) lost: Counter,
    pub(crate) state_bytes: Family<PartitionLabel, Gauge>,
    pub(crate) lag: Family<PartitionLabel, Gauge>,
}

impl CorrelatorTelemetry {
    fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("huecry_correlation_matches", "Matches that correlations took", &self.matches),
            ("huecry_correlation_late_matches", "Matches whose time had passed already", &self.late),
            ("huecry_correlation_duplicates", "Matches that were there already", &self.duplicates),
            ("huecry_correlation_findings", "Findings of correlations", &self.findings),
            ("huecry_correlation_evicted_groups", "Groups forgotten for the limit of memory", &self.evicted),
            (
                "huecry_correlation_forced_releases",
                "Times that matches were judged early for the limit of memory",
                &self.forced,
            ),
            (
                "huecry_correlation_snapshot_failures",
                "Times that the state of correlations could not be kept",
                &self.snapshot_failures,
            ),
            (
                "huecry_correlation_retries",
                "Times that correlations tried again to read or write",
                &self.retries,
            ),
            (
                "huecry_correlation_records_gone",
                "Findings of correlations whose record retention had taken",
                &self.records_gone,
            ),
            (
                "huecry_correlation_lost_matches",
                "Records of matches that retention took before correlations read them",
                &self.lost,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "huecry_correlation_state_bytes",
            "Memory of the state of correlations",
            self.state_bytes.clone(),
        );
        registry.register(
            "huecry_correlation_lag_records",
            "Batches of matches not yet read",
            self.lag.clone(),
        );
    }
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
        self.correlator.register(registry);
    }
}
