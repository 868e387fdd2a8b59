//! What the audit log counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// By witness, as many as are configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WitnessLabel {
    /// `command` or `file`.
    pub witness: &'static str,
}

/// Counters of the audit log; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub(crate) leaves: Gauge,
    pub(crate) checkpoint_time: Gauge,
    pub(crate) checkpoints: Counter,
    pub(crate) failures: Counter,
    pub(crate) refused: Gauge,
    pub(crate) clock_set_back: Gauge,
    pub(crate) witness_failures: Family<WitnessLabel, Counter>,
}

impl Telemetry {
    /// Names the counters in `registry`; the exposition adds `_total` to counters.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("huecry_audit_leaves", "Records in the newest signed tree", self.leaves.clone());
        registry.register(
            "huecry_audit_checkpoint_time_ms",
            "When the newest tree was signed, milliseconds since the epoch",
            self.checkpoint_time.clone(),
        );
        registry.register("huecry_audit_checkpoints", "Trees signed", self.checkpoints.clone());
        registry.register(
            "huecry_audit_failures",
            "Steps that failed and are tried again",
            self.failures.clone(),
        );
        registry.register(
            "huecry_audit_refused",
            "1 while nothing is signed, because rows or files contradict what was signed",
            self.refused.clone(),
        );
        registry.register(
            "huecry_audit_clock_set_back_ms",
            "How far the clock stands before the newest signed time",
            self.clock_set_back.clone(),
        );
        registry.register(
            "huecry_audit_witness_failures",
            "Checkpoints that a witness did not take",
            self.witness_failures.clone(),
        );
    }
}
