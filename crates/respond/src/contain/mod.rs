//! Containments: one action on one target, from the plan to its end, durably.
//!
//! | part | does |
//! |---|---|
//! | [`Responder`](crate::Responder) | what can be asked: preview, request, vote, break glass, undo, keep, settle, delegate, read |
//! | [`Responder::advance_containment`](crate::Responder::advance_containment) | the one next thing that is due, under a lease |
//! | [`step`] | what comes next and what comes of it; pure |
//!
//! **Invariant:** an effect is sent only after the store holds that it may be; what the store holds as sent is looked at
//! before it is sent again. Where a look cannot tell, a person is asked.
//!
//! **Invariant:** what is not at rest has something due. Tries are bounded; what has a time-to-live is taken back when
//! that is over, unless a person keeps it, or a person is asked about it until somebody says what is so.
//!
//! **Invariant:** what is applied is the plan that was approved: its hash is of the stored plan, and a look right before
//! finds things as the plan has them.
//!
//! **Invariant:** every step has its audit record in the same transaction.

mod advance;
mod approve;
mod bound;
mod delegate;
mod keep;
mod record;
mod request;
pub mod step;
mod undo;
mod watch;

pub use advance::{BUSY_MS, Moved};
pub(crate) use approve::person;
pub use approve::{BreakGlassRequest, VoteRequest};
pub use delegate::{DELEGATION_MS_MAX, DelegateRequest};
pub use keep::{KeepRequest, OWN_KEEP_MS_MAX};
pub(crate) use request::check_reason;
pub use request::{ContainRequest, Grounds, Preview, REASON_CHARS_MAX};
pub use undo::{SettleRequest, UndoRequest};
