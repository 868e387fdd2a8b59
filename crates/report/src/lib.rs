//! Reports from people: taken in, masked, weighed, decided, answered.
//!
//! | who | does |
//! |---|---|
//! | [`Intake`] | takes a report in, and answers when it is durable: many that wait share one transaction |
//! | [`ReportDesk`] | people's decisions: decide, ask, appeal, withdraw, claim; files, digests, thanks |
//! | [`decide`], [`on_appeal`] | what may be decided, and what follows; pure |
//! | [`Backlog`] | counts what waits for people |
//! | [`Publisher`] | puts reports on the log, and accepted ones as findings |
//! | [`ReceiptView`] | what the holder of a receipt sees |
//! | [`Service`] | all of it, running |
//!
//! The rules, free of I/O but for reading forms and the policy; time and randomness are parameters:
//! - [`form`]: kinds of reports as data, judged by JSON Schema. [`policy`]: how they are decided.
//! - [`reputation`], [`provenance`]: what a reporter and a way say about a report. [`decision_table`]: what automation may do.
//! - [`rate`]: what goes the short way. [`ring`], [`similarity`]: whether reports are agreed upon.
//! - [`service_index`], [`related`]: what a form offers while somebody types.
//! - [`attachment`]: what a file is. [`link`]: "report this" from elsewhere.
//! - [`context`]: what a reporter's machine knows; [`draft`]: a report before it is sent.
//! - [`digest`], [`credit`]: what others learn, and whom to thank.
//!
//! **Invariant:** a report that was acknowledged is never lost, and is one event, however often it is put on the log.
//!
//! **Invariant:** no internal note, no moderator's name and no person's id comes into a receipt's view.
//!
//! **Invariant:** every report reaches a person.

// the rules
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

// where reports are kept and decided
mod appeals;
mod backlog;
mod bulletin;
mod corroboration;
mod decision;
mod desk;
mod error;
mod feed;
mod files;
mod finding;
mod group_commit;
mod incident;
mod intake;
mod masking;
mod publish;
mod review;
mod secret;
mod service;
mod standing;
mod telemetry;
mod view;
mod watch;

pub use appeals::{AppealDecisionRequest, AppealRequest};
pub use backlog::{Backlog, COUNT_EVERY};
pub use bulletin::{DIGEST_MS_MAX, DIGEST_REPORTS_MAX};
pub use decision::{
    ANONYMOUS_SEVERITY_MAX, By, Decided, NOTE_BYTES_MAX, OVERTURNED, Wanted, can_appeal, decide, on_appeal,
};
pub use desk::{Actor, DecisionRequest, DeskOptions, MessageRequest, ReportDesk};
pub use error::{DecisionError, Error, IntakeError};
pub use feed::{Feed, Listener, News};
pub use files::{SWEEP_EVERY, Shown};
pub use finding::{
    KIND, REPORT_ENTITIES_MAX, SOURCE, entities, event_id, finding_id, finding_of, record_body, rule_id,
};
pub use group_commit::{LINGER_MAX, QUEUE_REPORTS_MAX, RETRY_AFTER_S};
pub use incident::incident_for_reporter;
pub use intake::{CONTEXT_CHARS_MAX, Filed, Intake, IntakeOptions, MaskedHere, Submission, check_context};
pub use publish::{LOOK_EVERY, PUBLISHED_AT_ONCE_MAX, Published, Publisher, PublisherOptions};
pub use review::{MayReview, Review, ReviewRequest};
pub use secret::{ReceiptKey, ReceiptSecret, secret_sha256};
pub use service::{Options, Service};
pub use standing::{ledger_entries, reputation_of};
pub use telemetry::Telemetry;
pub use view::{ReceiptParts, ReceiptView, state_text};
pub use watch::{REMEMBERED_MS, REMEMBERED_REPORTS_MAX};

// the reporter's machine
pub mod context;
pub mod draft;
