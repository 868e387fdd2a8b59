//! What is counted of reports.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What was decided: `accept`, `merge`, `ask`, `decline`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DecisionLabel {
    /// The kind.
    pub kind: &'static str,
}

/// Counters of everything about reports; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub(crate) received: Counter,
    pub(crate) held: Counter,
    pub(crate) refused: Counter,
    pub(crate) units: Counter,
    pub(crate) failures: Counter,
    pub(crate) published: Counter,
    pub(crate) raised: Counter,
    pub(crate) publish_failures: Counter,
    pub(crate) unpublished: Gauge,
    pub(crate) decided: Family<DecisionLabel, Counter>,
    pub(crate) appeals: Counter,
    pub(crate) overturned: Counter,
    pub(crate) notices: Counter,
}

impl Telemetry {
    /// Names the counters in `registry`; the exposition adds `_total` to them.
    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            ("huecry_reports_received", "Reports taken in", &self.received),
            ("huecry_reports_held", "Reports that automation may not touch before a person has", &self.held),
            (
                "huecry_reports_refused",
                "Reports that were not as their form says, or too many at once",
                &self.refused,
            ),
            ("huecry_reports_units", "Transactions that reports came in by", &self.units),
            ("huecry_reports_failures", "Transactions of reports that failed", &self.failures),
            ("huecry_reports_published", "Reports put on the log", &self.published),
            ("huecry_reports_raised", "Findings of accepted reports put on the log", &self.raised),
            (
                "huecry_reports_publish_failures",
                "Times that the log or the store was in the way",
                &self.publish_failures,
            ),
            ("huecry_reports_appeals", "Appeals made", &self.appeals),
            ("huecry_reports_overturned", "Decisions that appeals overturned", &self.overturned),
            ("huecry_reports_notices", "Notices of rings", &self.notices),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "huecry_reports_unpublished_reports",
            "Reports not yet on the log",
            self.unpublished.clone(),
        );
        registry.register("huecry_reports_decided", "Decisions on reports", self.decided.clone());
    }
}
