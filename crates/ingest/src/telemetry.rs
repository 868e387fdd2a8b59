//! What the doors count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// By whom; as many as there are configured sources.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// The source's name.
    pub source: String,
}

/// Why not; codes are a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusedLabels {
    /// `ingest`, `hec`, `github`, `okta`.
    pub door: &'static str,
    /// The stable code of the answer.
    pub code: &'static str,
}

/// Counters of the doors.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    accepted_records: Family<SourceLabels, Counter>,
    accepted_bytes: Family<SourceLabels, Counter>,
    refused_requests: Family<RefusedLabels, Counter>,
    in_flight_bytes: Gauge,
}

impl Telemetry {
    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "huecry_ingest_accepted_records",
            "Records acknowledged to senders, all of them durable",
            self.accepted_records.clone(),
        );
        registry.register(
            "huecry_ingest_accepted_bytes",
            "Bytes of the records acknowledged, unpacked",
            self.accepted_bytes.clone(),
        );
        registry.register(
            "huecry_ingest_refused_requests",
            "Requests that were refused, by the code of the answer",
            self.refused_requests.clone(),
        );
        registry.register(
            "huecry_ingest_in_flight_bytes",
            "Memory that requests in work hold",
            self.in_flight_bytes.clone(),
        );
    }

    /// Notes an acknowledged batch.
    pub fn accepted(&self, source: &str, records: u64, bytes: u64) {
        let labels = SourceLabels { source: source.to_owned() };
        self.accepted_records.get_or_create(&labels).inc_by(records);
        self.accepted_bytes.get_or_create(&labels).inc_by(bytes);
    }

    /// Notes a refused request.
    pub fn refused(&self, door: &'static str, code: &'static str) {
        self.refused_requests.get_or_create(&RefusedLabels { door, code }).inc();
    }

    pub(crate) fn in_flight(&self, bytes: i64) {
        self.in_flight_bytes.inc_by(bytes);
    }

    /// Records acknowledged to `source` so far.
    pub fn accepted_records_of(&self, source: &str) -> u64 {
        self.accepted_records.get_or_create(&SourceLabels { source: source.to_owned() }).get()
    }
}
