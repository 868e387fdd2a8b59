//! Where reports come in: checked, masked, weighed, and written together with others; answered when they are durable.
//!
//! **Invariant:** no address, browser, account or request id of an anonymous reporter leaves this module.
//!
//! **Invariant:** nothing is refused for who sends it or how often; only what is no report, is too large, or cannot be
//! held at the moment is.

use crate::finding::record_body;
use crate::form::{FieldError, Form, Forms, TITLE_CHARS_MAX, TITLE_FIELD};
use crate::group_commit::{Queue, Writer, Written, queue};
use crate::masking::mask_report;
use crate::provenance::{self, Credential, Evidence, Vector};
use crate::rate::{Decision, Sender, Tiers};
use crate::reputation::Tier;
use crate::similarity::Signature;
use crate::standing::{kept, reputation_of};
use crate::view::hex;
use crate::{IntakeError, ReceiptKey, ReceiptSecret, Telemetry};
use model::{
    AuditRecord, Channel, Clock, Entropy, IncidentId, Principal, Report, ReportContext, ReportId,
    ReportProvenance, ReportState, Reporter, Similarity,
};
use ports::Mask;
use ports::store::{NewReport, OnceKey, Recorded, Store, StoreError};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Longest part of a context, in characters.
pub const CONTEXT_CHARS_MAX: usize = 512;

/// Why a report is held that is about what its form warns of: what a colleague did, somebody's health.
pub(crate) const FORBIDDEN_MATTER: &str = "forbidden_matter";

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
    /// What was verified of the request. For an anonymous report by somebody who is signed in: [`Credential::None`].
    pub credential: Credential,
    /// By which way ([`provenance::channel_of`]).
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
    /// Kinds of reports.
    pub forms: Arc<Forms>,
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
    /// Who sent how many lately; in memory only.
    rates: Mutex<Tiers>,
}

/// What is made of a submission before it is written.
struct Prepared {
    new: NewReport,
    secret: ReceiptSecret,
    masked: MaskedHere,
}

impl Intake {
    /// An intake, and what writes for it; `wake` is told of new reports.
    pub(crate) fn new(options: IntakeOptions, wake: Arc<Notify>) -> (Self, Writer) {
        let (queue, writer) = queue(Arc::clone(&options.store), wake, options.telemetry.clone());
        let rates = Mutex::new(Tiers::new(options.clock.now_ms(), &*options.entropy));
        (Self { options, queue, rates }, writer)
    }

    /// Takes a report in; resolves when it is durable, and then it is never lost.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn submit(&self, submission: Submission) -> Result<Filed, IntakeError> {
        let filed = self.take(submission).await;
        match &filed {
            Ok(filed) if filed.report.state == ReportState::Held => drop(self.options.telemetry.held.inc()),
            Ok(_) => {}
            Err(_) => drop(self.options.telemetry.refused.inc()),
        }
        filed
    }

    async fn take(&self, submission: Submission) -> Result<Filed, IntakeError> {
        let standing = self.standing(&submission).await?;
        let Prepared { new, secret, masked } = self.prepare(submission, standing)?;
        let report = new.report.clone();
        Ok(match self.queue.put(new).await? {
            Written::New(recorded) => {
                Filed { report, secret, masked, recorded: Some(recorded), repeated: false }
            }
            Written::Repeated(report) => {
                Filed { report: *report, secret, masked, recorded: None, repeated: true }
            }
        })
    }

    /// What the reporter has earned in the form's category.
    async fn standing(&self, submission: &Submission) -> Result<Tier, IntakeError> {
        let Some(reporter) = submission.reporter.key() else { return Ok(Tier::Newcomer) };
        let unread = |error: StoreError| IntakeError::NotWritten { reason: error.to_string(), passing: true };
        let mut state = self.options.store.read().await.map_err(unread)?;
        let ledger = state.ledger().of_reporter(&reporter).await.map_err(unread)?;
        Ok(reputation_of(&ledger, &submission.form, self.options.clock.now_ms()).tier)
    }

    fn prepare(&self, submission: Submission, standing: Tier) -> Result<Prepared, IntakeError> {
        let form = self.options.forms.get(&submission.form);
        let form = form.ok_or_else(|| IntakeError::FormUnknown { form: submission.form.clone() })?;
        check_context(&submission.context)?;
        let mut texts = form
            .validate(&submission.fields, submission.service.as_deref(), submission.title.as_deref())
            .map_err(|errors| IntakeError::Invalid { errors })?;
        let mut context = submission.context.clone();
        let titled = is_titled(&submission);
        let masked = mask_report(&*self.options.mask, &mut texts, &mut context, titled)?;
        if !titled {
            // of the masked text: what is cut off could no longer be told for what it is
            texts.title = title_of(form, &texts.text);
        }
        let secret = self.secret(submission.once.as_ref());
        let held_reason = self
            .held_reason(&submission, texts.service.as_deref(), standing)
            .or_else(|| warned_of(form, &texts.title, &texts.text));
        let anonymous = submission.reporter == Reporter::Anonymous;
        let similarity = Signature::of(&texts.text);
        let (clock, entropy) = (&*self.options.clock, &*self.options.entropy);
        let now_ms = clock.now_ms();
        let id = ReportId::new(clock, entropy);
        let principal = if anonymous { Principal::Guest } else { submission.principal.clone() };
        let audit = AuditRecord::new(clock, entropy, principal, "report.submit", id);
        let report = Report {
            id,
            form: form.form_type().to_owned(),
            form_version: form.version(),
            service: texts.service,
            title: texts.title,
            text: texts.text,
            fields: texts.fields,
            context,
            reporter: submission.reporter.clone(),
            claimed: false,
            channel: submission.channel,
            tier: if anonymous { model::Tier::Anonymous } else { kept(standing) },
            provenance: provenance_of(&submission),
            state: if held_reason.is_some() { ReportState::Held } else { ReportState::Received },
            held_reason,
            automation_held: false,
            unread: false,
            decision: None,
            finding: None,
            incident: None,
            related_hint: submission.related,
            masked_count: submission.client_masked.saturating_add(masked.count),
            personal_held: masked.count > 0,
            similarity: (!similarity.is_empty()).then(|| Similarity::from_bytes(&similarity.to_bytes())),
            next_update_due_ms: Some(now_ms.saturating_add(self.options.update_due_ms)),
            receipt_sha256: secret.sha256(),
            submit_record: audit.id,
            region: submission.region,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            version: 1,
        };
        let named = !anonymous;
        let audit = AuditRecord {
            at_ms: now_ms,
            after: submitted(&report),
            origin: submission.address.filter(|_| named).map(|address| address.to_string()),
            request_id: submission.request_id.filter(|_| named),
            ..audit
        };
        Ok(Prepared { new: NewReport { report, audit, once: submission.once }, secret, masked })
    }

    /// The receipt's secret; the same for the same request.
    fn secret(&self, once: Option<&OnceKey>) -> ReceiptSecret {
        once.map_or_else(
            || ReceiptSecret::new(&*self.options.entropy),
            |once| ReceiptSecret::of_once(&self.options.receipt_key, once),
        )
    }

    /// Why the report goes the long way, if it does.
    fn held_reason(&self, submission: &Submission, service: Option<&str>, standing: Tier) -> Option<String> {
        let key = submission.reporter.key();
        let sender = match &key {
            Some(id) => Sender::Named { id, tier: standing },
            None => Sender::Guest { address: submission.address },
        };
        let channel =
            provenance::Channel::from_name(submission.channel.as_str()).unwrap_or(provenance::Channel::Api);
        let now_ms = self.options.clock.now_ms();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        match rates.admit(sender, channel, service, now_ms, &*self.options.entropy) {
            Decision::Received => None,
            Decision::Held { reason, .. } => Some(reason.as_str().to_owned()),
        }
    }
}

/// Why a report is held that is about what its form warns of.
fn warned_of(form: &Form, title: &str, text: &str) -> Option<String> {
    let is_about = |text: &str| !form.forbidden_in(text).is_empty();
    (is_about(title) || is_about(text)).then(|| FORBIDDEN_MATTER.to_owned())
}

/// Whether the reporter gave a title, beside the form's fields or among them.
fn is_titled(submission: &Submission) -> bool {
    let of_fields = submission.fields.get(TITLE_FIELD).and_then(Value::as_str);
    [submission.title.as_deref(), of_fields].into_iter().flatten().any(|title| !title.trim().is_empty())
}

/// What a report is called whose reporter gave no title: the form's and the beginning of the text.
fn title_of(form: &Form, text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let room = TITLE_CHARS_MAX.saturating_sub(form.title().chars().count() + 3);
    let mut title = form.title().to_owned();
    if !line.is_empty() {
        title.push_str(": ");
        title.extend(line.chars().take(room));
        if line.chars().count() > room {
            title.push('…');
        }
    }
    title
}

fn provenance_of(submission: &Submission) -> ReportProvenance {
    let vector = Vector::of(&Evidence {
        credential: submission.credential,
        signed_commit: submission.signed_commit,
        // what others say and what telemetry shows is looked up where it is decided
        corroborating_reporters: 0,
        telemetry_match: false,
    });
    ReportProvenance {
        channel_strength: vector.channel_strength,
        sso: vector.sso,
        signed_commit: vector.signed_commit,
        corroborated: vector.corroborated,
        telemetry_match: vector.telemetry_match,
    }
}

/// What the record of a submission says: none of the reporter's words, and the digest of all that was kept of them, so
/// that the record proves the report.
fn submitted(report: &Report) -> Value {
    let digest: [u8; 32] = Sha256::digest(record_body(report).to_string()).into();
    json!({ "form": report.form, "form_version": report.form_version, "channel": report.channel, "state": report.state,
        "service": report.service, "body_sha256": hex(&digest) })
}

/// Refuses parts of a context that are too long or not one line, and a commit or lines that are none.
///
/// # Errors
/// [`IntakeError::Invalid`], with each part that is wrong.
pub fn check_context(context: &ReportContext) -> Result<(), IntakeError> {
    let parts = [
        ("commit", &context.commit),
        ("branch", &context.branch),
        ("repository", &context.repository),
        ("environment", &context.environment),
        ("ci_run", &context.ci_run),
        ("file", &context.file),
        ("lines", &context.lines),
    ];
    let bad = parts.into_iter().filter_map(|(name, value)| {
        let message = fault_of(name, value.as_deref()?)?;
        Some(FieldError { field: format!("context.{name}"), message })
    });
    let errors: Vec<FieldError> = bad.collect();
    if errors.is_empty() { Ok(()) } else { Err(IntakeError::Invalid { errors }) }
}

fn fault_of(name: &str, value: &str) -> Option<String> {
    // nothing but digits is rather a number of somebody than the beginning of a hash
    let is_number = || value.len() < 40 && value.bytes().all(|b| b.is_ascii_digit());
    let is_hex = || value.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = || (7..=64).contains(&value.len()) && is_hex() && !is_number();
    // at most seven digits: a number of a person or a card is longer
    let number = |part: &str| (1..=7).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let lines =
        || value.split_once('-').map_or_else(|| number(value), |(from, to)| number(from) && number(to));
    if value.is_empty() || value.chars().count() > CONTEXT_CHARS_MAX || value.contains(char::is_control) {
        return Some(format!("must be one line of 1 to {CONTEXT_CHARS_MAX} characters"));
    }
    match name {
        "commit" if !hash() => Some(
            "must be a commit's hash of 7 to 64 hexadecimal digits, and no mere number; send more of it"
                .to_owned(),
        ),
        "lines" if !lines() => Some("must be a line or a range of lines, such as 12-20".to_owned()),
        _ => None,
    }
}
