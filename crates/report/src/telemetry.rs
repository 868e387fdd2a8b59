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

/// What people said of what automation accepted: `confirmed`, `overturned`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReviewLabel {
    /// The outcome.
    pub outcome: &'static str,
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
    pub(crate) by_automation: Counter,
    pub(crate) reviewed: Family<ReviewLabel, Counter>,
    pub(crate) overdue: Gauge,
    pub(crate) unreviewed: Gauge,
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
            ("huecry_reports_by_automation", "Reports that automation accepted", &self.by_automation),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let gauges = [
            ("huecry_reports_unpublished_reports", "Reports not yet on the log", &self.unpublished),
            ("huecry_reports_overdue", "Reports whose reporter should have heard by now", &self.overdue),
            (
                "huecry_reports_unreviewed",
                "Reports that automation accepted and no person has reviewed",
                &self.unreviewed,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "huecry_reports_reviewed",
            "What people said of reports that automation accepted",
            self.reviewed.clone(),
        );
        registry.register("huecry_reports_decided", "Decisions on reports", self.decided.clone());
    }
}
