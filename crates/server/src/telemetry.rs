//! What the server counts of itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Directives of the log's filter: what libraries write at their most verbose levels and no log of ours may hold. The
/// tools' protocol logs whole messages, which may hold a receipt; the HTTP server logs each caller's address, which an
/// anonymous report must leave nowhere.
pub const UNLOGGED: [&str; 2] = ["rmcp=off", "axum::serve=debug"];

/// One route and how it answered; a closed set, since the route is a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// `GET`
    pub method: String,
    /// `/api/v1/incidents/{id}`, or `unmatched`.
    pub route: String,
    /// `200`
    pub status: u16,
}

/// Counters of the HTTP server.
#[derive(Debug, Clone)]
pub struct Telemetry {
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
}

impl Default for Telemetry {
    fn default() -> Self {
        // 0.5 ms to 16 s
        Self { requests: Family::default(), seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)) }
    }
}

impl Telemetry {
    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "huecry_http_requests",
            "Requests answered, by route and status",
            self.requests.clone(),
        );
        registry.register(
            "huecry_http_request_duration_seconds",
            "Time from a request's head to its answer's",
            self.seconds.clone(),
        );
    }

    pub(crate) fn answered(&self, labels: &RequestLabels, seconds: f64) {
        self.requests.get_or_create(labels).inc();
        self.seconds.observe(seconds);
    }
}
