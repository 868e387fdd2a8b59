//! Reports from people: taken in, masked, weighed, decided, answered.
//!
//! | who | does |
//! |---|---|
//! | [`Intake`] | takes a report in, and answers when it is durable: many that wait share one transaction |
//! | [`ReportDesk`] | people's decisions: decide, ask, appeal, withdraw, claim; files, digests, thanks |
//! | [`decide`], [`on_appeal`] | what may be decided, and what follows; pure |
//! | [`Publisher`] | puts reports on the log, and accepted ones as findings |
//! | [`ReceiptView`] | what the holder of a receipt sees |
//! | [`Service`] | all of it, running |
//!
//! **Invariant:** a report that was acknowledged is never lost, and is one event, however often it is put on the log.
//!
//! **Invariant:** no internal note, no moderator's name and no person's id comes into a receipt's view.

// what reports ask for, weigh and may lead to: rules without I/O
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
mod bulletin;
mod decision;
mod desk;
mod error;
mod feed;
mod files;
mod finding;
mod group_commit;
mod intake;
mod publish;
mod secret;
mod service;
mod telemetry;
mod view;

pub use appeals::{AppealDecisionRequest, AppealRequest};
pub use bulletin::{DIGEST_MS_MAX, DISPLAY_NAME_CHARS_MAX};
pub use decision::{
    ANONYMOUS_SEVERITY_MAX, By, Decided, NOTE_BYTES_MAX, OVERTURNED, Reasons, Wanted, can_appeal, decide,
    on_appeal,
};
pub use desk::{Actor, DecisionRequest, DeskOptions, MessageRequest, ReportDesk};
pub use error::{DecisionError, Error, FieldFault, IntakeError};
pub use feed::{Feed, Listener, News};
pub use files::{CleanFile, FILE_NAME_CHARS_MAX, Shown};
pub use finding::{KIND, SOURCE, entities, event_id, finding_id, finding_of, form_rule_id, record_body};
pub use group_commit::{LINGER_MAX, QUEUE_REPORTS_MAX, RETRY_AFTER_S};
pub use intake::{Filed, Intake, IntakeOptions, MaskedHere, Submission, TITLE_CHARS_MAX};
pub use publish::{LOOK_EVERY, PUBLISHED_AT_ONCE_MAX, Published, Publisher, PublisherOptions};
pub use secret::{ReceiptKey, ReceiptSecret, secret_sha256};
pub use service::{Options, Service};
pub use telemetry::Telemetry;
pub use view::{ReceiptParts, ReceiptView, state_text};
