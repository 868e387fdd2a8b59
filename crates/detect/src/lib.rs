//! Rules over events to findings.
//!
//! The cast: [`Detector`] (rules compiled for both vocabularies), [`Routes`] (the rules for one kind of
//! event), [`EventLogRoutes`] (those of the Windows event log, by channel and event id), [`Scratch`]
//! (reusable buffers of one thread), [`Hit`] (a rule that matched), [`LoadReport`] (what was loaded, and
//! what was refused and why), [`RuleTestOutcome`] (a rule's own tests).
//!
//! **Invariant:** a rule's logsource chooses its names. Rules of a vendor's product see the record as the
//! source sent it; rules of `product: ocsf` see the normalized event. Neither falls back on the other.
//!
//! **Invariant:** one bad rule never stops the others and never vanishes: it is in the load report with
//! file, line and reason.
//!
//! **Invariant:** matching allocates nothing once the buffers have grown; explaining a hit may.

mod detector;
mod finding;
mod routes;
mod rule_tests;
mod view;

pub use detector::{Detector, Hit, LoadReport, Scratch, Vocabulary};
pub use finding::EventFacts;
pub use routes::{EventLogRoutes, Routes};
pub use rule_tests::{RuleTestOutcome, RuleTestResult};
