//! Reports from people: what they ask for, what they weigh, what may be done with them.
//!
//! The rules, free of I/O but for reading forms and the policy; time and randomness are parameters:
//! - [`form`]: kinds of reports as data, judged by JSON Schema. [`policy`]: how they are decided.
//! - [`reputation`], [`provenance`]: what a reporter and a way say about a report. [`decision_table`]: what automation may do.
//! - [`rate`]: what goes the short way. [`ring`], [`similarity`]: whether reports are agreed upon.
//! - [`service_index`], [`related`]: what a form offers while somebody types.
//! - [`attachment`]: what a file is. [`link`]: "report this" from elsewhere.
//! - [`digest`], [`credit`]: what others learn, and whom to thank.
//!
//! **Invariant:** every report reaches a person.

pub mod attachment;
pub mod beta;
pub mod credit;
pub mod decision_table;
pub mod digest;
pub mod form;
pub mod link;
pub mod policy;
pub mod provenance;
pub mod rate;
pub mod related;
pub mod reputation;
pub mod ring;
pub mod service_index;
pub mod similarity;
