//! Standing orders: what is asked for by itself when a rule matches.
//!
//! The operator names rule and sources, and so says that the rule is sure and that the sources are authoritative. Everything
//! else is as if a person had asked: what is protected stays so, windows count, and the table of decisions says what is
//! applied at once (what disturbs little and ends by itself) and what waits for people.
//!
//! **Invariant:** a finding is acted on at most once by each order, however often it stands on the log; and not at all when
//! it is older than [`AGE_MS_MAX`], or what it tells of older than [`EVENT_AGE_MS_MAX`]: what was missed for so long is for
//! people.
//!
//! **Invariant:** nothing is asked for without the incident: who may see it and who reported it are known by that.
//!
//! **Invariant:** a report alone starts nothing: orders do not name the source of reports.

mod carry;
mod order;
mod service;

pub use order::{BadOrder, Deed, Order, Wanted};
pub use service::{
    AGE_MS_MAX, Automated, Automation, AutomationOptions, CONSUMER, EVENT_AGE_MS_MAX, Orders, Outcome,
};
