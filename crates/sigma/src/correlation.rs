//! Sigma correlation rules: many matches, one finding.
//!
//! The cast, in the order in which a correlation travels:
//! - [`CorrelationRule`] as written; [`crate::parse_documents`] reads it.
//! - [`CorrelationSet::link`] resolves the rules it names, chains and aliases; each [`Linked`] one knows which fields
//!   of which rule's events it needs.
//! - [`Correlator`] is the state machine: [`Entry`]s (matches of base rules) and watermarks go in, [`Firing`]s come
//!   out. It is pure: its outcome is a function of what it was given, and [`Correlator::encode`] keeps its state.
//! - [`reference`] judges a whole list of matches window by window: slow, independent, the oracle.
//!
//! # What a window is
//! Matches of a group are taken in the order of event time. At each of them the condition is asked of the window that
//! ends there: everything of the group whose time is no more than the timespan before. Where it holds, the correlation
//! *holds* at that match; it *fires* if the group did not fire within the timespan before. So windows slide, a long
//! attack gives one finding a timespan, and no match counts for two findings.
//!
//! **Invariant:** the same matches, in whatever interleaving of their streams, give the same firings, as long as none
//! is late. What is late is counted. **Invariant:** memory is bounded by [`Options::state_bytes_max`]; what is dropped
//! for it is counted.

mod bytes;
mod codec;
mod correlator;
mod lane;
mod lint;
mod logic;
mod mutate;
mod parse;
mod ranked;
mod record;
pub mod reference;
mod rule;
mod set;
mod streams;
mod threshold;
mod window;

pub use correlator::{Advance, Correlator, Counts, Options, RestoreError};
pub use lane::Lane;
pub use lint::lint;
pub use mutate::{CorrelationMutation, CorrelationOperator, mutations};
pub use record::{MatchRecord, RecordWriter};
pub use rule::{CorrelationKind, CorrelationRule, SeriesEvent, SeriesTest, Wanted};
pub use set::{BaseRule, CorrelationSet, Linked, Member, VALUE_SEPARATOR};
pub use streams::{Feeds, StreamMark};
pub use threshold::{Comparison, Micro, Threshold};
pub use window::{Entry, EntryValue, EventRef, Firing, GroupKey};

pub(crate) use parse::read as read_correlation;
