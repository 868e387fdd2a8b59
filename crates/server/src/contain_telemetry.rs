//! What is counted of containment.

use model::ContainmentState;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A step of a containment; a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MoveLabels {
    /// Where it stood; empty for one that was asked for.
    pub from: String,
    /// Where it stands.
    pub to: String,
}

/// What people are told of; a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ToldLabels {
    /// `ending` or `unknown`.
    pub of: String,
}

/// An order of the operator's, and what came of it; both are closed sets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OrderLabels {
    /// The order's name.
    pub order: String,
    /// `asked`, `begun`, `refused`, `late` or `already`.
    pub outcome: String,
}

/// A letter, and what came of one turn at it; both are closed sets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LetterLabels {
    /// What it tells: `broken_glass`, `approval_asked`, …
    pub kind: String,
    /// `addressed`, `sent`, `moot`, `later`, `given_up` or `unconfigured`.
    pub outcome: String,
}

/// Counters of containment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ContainTelemetry {
    moves: Family<MoveLabels, Counter>,
    request_to_verified: Histogram,
    incident_to_contained: Histogram,
    awaiting: Gauge,
    unknown: Gauge,
    glass_broken: Counter,
    told: Family<ToldLabels, Counter>,
    automated: Family<OrderLabels, Counter>,
    letters: Family<LetterLabels, Counter>,
}

impl Default for ContainTelemetry {
    fn default() -> Self {
        // 0.25 s to 9 h, and 1 s to 6 days
        Self {
            moves: Family::default(),
            request_to_verified: Histogram::new(exponential_buckets(0.25, 2.0, 18)),
            incident_to_contained: Histogram::new(exponential_buckets(1.0, 2.0, 20)),
            awaiting: Gauge::default(),
            unknown: Gauge::default(),
            glass_broken: Counter::default(),
            told: Family::default(),
            automated: Family::default(),
            letters: Family::default(),
        }
    }
}

impl ContainTelemetry {
    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "huecry_containment_moves",
            "Steps of containments, by where they stood and stand",
            self.moves.clone(),
        );
        registry.register(
            "huecry_containment_verified_seconds",
            "Time from the request for a containment until it was seen to have taken effect",
            self.request_to_verified.clone(),
        );
        registry.register(
            "huecry_incident_contained_seconds",
            "Time from an incident's opening until a containment for it was seen to have taken effect",
            self.incident_to_contained.clone(),
        );
        registry.register(
            "huecry_containments_awaiting_approval",
            "Containments that wait for people, at most 500 are counted",
            self.awaiting.clone(),
        );
        registry.register(
            "huecry_containments_unknown",
            "Containments of which nobody can tell what came, at most 500 are counted",
            self.unknown.clone(),
        );
        registry.register(
            "huecry_containment_glass_broken",
            "Containments that were applied without the approvals they waited for",
            self.glass_broken.clone(),
        );
        registry.register(
            "huecry_containment_notices",
            "What people are told of containments: that one ends soon, or that nobody can tell what came of one",
            self.told.clone(),
        );
        registry.register(
            "huecry_automatic_orders",
            "Findings that met a standing order, by what came of it",
            self.automated.clone(),
        );
        registry.register(
            "huecry_letters",
            "Turns at letters that tell people of containments by e-mail, by what came of it",
            self.letters.clone(),
        );
    }

    /// A finding met a standing order.
    pub fn automated(&self, order: &str, outcome: &'static str) {
        let labels = OrderLabels { order: order.to_owned(), outcome: outcome.to_owned() };
        self.automated.get_or_create(&labels).inc();
    }

    /// A turn was taken at a letter.
    pub fn letter(&self, kind: &'static str, outcome: &'static str) {
        let labels = LetterLabels { kind: kind.to_owned(), outcome: outcome.to_owned() };
        self.letters.get_or_create(&labels).inc();
    }

    /// One was applied without its approvals.
    pub fn glass_broken(&self) {
        self.glass_broken.inc();
    }

    /// People are told of something: `ending` or `unknown`.
    pub fn told(&self, of: &'static str) {
        self.told.get_or_create(&ToldLabels { of: of.to_owned() }).inc();
    }

    /// A containment went from one state to another; `None` for one that was asked for.
    pub fn moved(&self, from: Option<ContainmentState>, to: ContainmentState) {
        if from == Some(to) {
            return;
        }
        let from = from.map_or("", ContainmentState::as_str).to_owned();
        self.moves.get_or_create(&MoveLabels { from, to: to.as_str().to_owned() }).inc();
    }

    /// A containment was seen to have taken effect, so many milliseconds after it was asked for, and after its incident was
    /// opened.
    pub fn verified(&self, after_request_ms: i64, after_incident_ms: Option<i64>) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram is not exact")]
        let seconds = |ms: i64| ms.max(0) as f64 / 1_000.0;
        self.request_to_verified.observe(seconds(after_request_ms));
        if let Some(ms) = after_incident_ms {
            self.incident_to_contained.observe(seconds(ms));
        }
    }

    /// How many wait for people, and of how many nobody can tell.
    pub fn standing(&self, awaiting: usize, unknown: usize) {
        self.awaiting.set(i64::try_from(awaiting).unwrap_or(i64::MAX));
        self.unknown.set(i64::try_from(unknown).unwrap_or(i64::MAX));
    }
}
