//! What the engine counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// `answered`, `dropped`, or what it failed of: `invalid`, `forbidden`, `too_slow`, `too_much_memory`,
    /// `too_many`, `failed`.
    pub outcome: &'static str,
}

/// The engine's metrics.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Questions by outcome.
    pub queries: Family<OutcomeLabels, Counter>,
    /// Questions that run.
    pub running: Gauge,
    /// Bytes read from files of the lake.
    pub read_bytes: Counter,
    /// From the question to the end of its answer.
    pub duration_seconds: Histogram,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            queries: Family::default(),
            running: Gauge::default(),
            read_bytes: Counter::default(),
            duration_seconds: Histogram::new(exponential_buckets(0.005, 4.0, 8)),
        }
    }
}

impl Telemetry {
    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("huecry_queries", "Queries by outcome", self.queries.clone());
        registry.register("huecry_queries_running", "Queries that run", self.running.clone());
        registry.register_with_unit(
            "huecry_query_read",
            "Read from files of the lake by queries",
            Unit::Bytes,
            self.read_bytes.clone(),
        );
        registry.register_with_unit(
            "huecry_query_duration",
            "From the query to the end of its answer",
            Unit::Seconds,
            self.duration_seconds.clone(),
        );
    }
}
