//! Rules over events to findings.
//!
//! The cast: [`Detector`] (rules compiled for both vocabularies), [`Routes`] (the rules for one kind of
//! event), [`EventLogRoutes`] (those of the Windows event log, by channel and event id), [`Scratch`]
//! (reusable buffers of one thread), [`Hit`] (a rule that matched), [`LoadReport`] (what was loaded, and
//! what was refused and why), [`RuleTestOutcome`] (a rule's own tests), [`RuleMutations`] (what those are
//! worth), [`Reading`] (how a rule reads an event outside the pipeline), [`Coverage`] (which
//! ATT&CK techniques are looked for where), [`RuleDiff`] (what a change of rules changes), [`stage`] (how far a rule's
//! findings go), [`delta`] (what other rules would have done), [`tune`] (a filter that keeps true positives).
//!
//! **Invariant:** a rule's logsource chooses its names. Rules of a vendor's product see the record as the
//! source sent it; rules of `product: ocsf` see the normalized event. Neither falls back on the other.
//!
//! **Invariant:** one bad rule never stops the others and never vanishes: it is in the load report with
//! file, line and reason.
//!
//! **Invariant:** matching allocates nothing once the buffers have grown; explaining a hit may.

mod attack;
mod correlation_finding;
mod correlation_mutation;
mod correlation_tests;
mod correlations;
mod coverage;
pub mod delta;
mod detector;
mod documents;
mod finding;
mod lint;
mod mutation;
mod reading;
mod routes;
mod rule_diff;
mod rule_tests;
pub mod stage;
pub mod tune;
mod view;

pub use attack::{Attack, AttackError, TACTICS, Technique};
pub use correlation_finding::{CORRELATION_CONDITION, CORRELATION_EVENT, CorrelationFacts};
pub use correlation_mutation::CorrelationMutations;
pub use correlation_tests::SeriesTestOutcome;
pub use correlations::{COMBINATIONS_MAX, Correlations, MatchGroups};
pub use coverage::{ANY_SOURCE, BlindRule, Coverage, RuleReach, Sight, TacticCoverage, TechniqueCoverage};
pub use detector::{Detector, Hit, LoadReport, Scratch, Vocabulary};
pub use documents::Documents;
pub use finding::{ENGINE_VERSION, EventFacts};
pub use lint::{lint_correlation, lint_rule};
pub use mutation::{FieldChange, MissingTest, RuleMutations, Standing, Survivor};
pub use reading::Reading;
pub use routes::{EventLogRoutes, Routes};
pub use rule_diff::{DiffSide, PartChange, RuleChange, RuleDiff, RuleNote};
pub use rule_tests::{RuleTestOutcome, RuleTestResult};
