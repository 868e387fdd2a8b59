//! What is counted of loading and staging rules.

use super::generation::Generation;
use model::Stage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// By stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageLabel {
    stage: &'static str,
}

/// By outcome of a load.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabel {
    outcome: &'static str,
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    loaded: Gauge,
    refused: Gauge,
    staged: Family<StageLabel, Gauge>,
    reloads: Family<OutcomeLabel, Counter>,
    pub(super) demoted: Counter,
}

impl Telemetry {
    /// Names the metrics in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("huecry_rules_loaded", "Rules in force", self.loaded.clone());
        let help = "Documents of the rules in force that were refused";
        registry.register("huecry_rules_refused", help, self.refused.clone());
        registry.register("huecry_rules_staged", "Rules in force by stage", self.staged.clone());
        registry.register("huecry_rule_reloads", "Loads of rules by outcome", self.reloads.clone());
        let help = "Rules that went back to shadow because they exceeded their alert budget";
        registry.register("huecry_rules_demoted", help, self.demoted.clone());
    }

    /// Shows what is in force.
    pub(super) fn look(&self, generation: &Generation) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.loaded.set(number(generation.all().count()));
        self.refused.set(number(generation.report.refused.len()));
        for stage in Stage::ALL {
            let count = generation.all().filter(|rule| rule.stage == stage).count();
            self.staged.get_or_create(&StageLabel { stage: stage.as_str() }).set(number(count));
        }
    }

    pub(super) fn reloaded(&self, outcome: &'static str) {
        self.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
