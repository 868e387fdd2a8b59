//! What people report: reports, the words about them, the files with them.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{
    Attachment, AttachmentId, AuditRecord, FindingId, Hash, IncidentId, LedgerEntry, MessageId, Position,
    PublicMessage, Report, ReportId, ReportMessage, ReportState,
};

/// Most reports that are submitted in one unit.
pub const REPORTS_SUBMITTED_MAX: usize = 256;
/// Most reports of one incident that are listed.
pub const INCIDENT_REPORTS_MAX: u32 = 100;
/// Most messages of one report; further ones are refused.
pub const REPORT_MESSAGES_MAX: u32 = 500;
/// Most messages of its reporter's on one report. The others are the team's alone: it can answer whatever comes.
pub const REPORTER_MESSAGES_MAX: u32 = 50;
/// Most files of one report that are kept at a time.
pub const REPORT_ATTACHMENTS_MAX: u32 = 5;

/// In which order reports are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportOrder {
    /// The newest first.
    #[default]
    Newest,
    /// Whose reporter must hear soonest first; those who wait for nothing last.
    Due,
}

/// Which reports; all that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportFilter {
    /// In one of these states; empty for any.
    pub states: Vec<ReportState>,
    /// Only what waits for a person: undecided, or with something from the reporter that nobody looked at, or accepted by
    /// automation and not reviewed.
    pub waiting: bool,
    /// Only what automation accepted and no person has reviewed.
    pub unreviewed: bool,
    /// Not what automation accepted and no person has reviewed.
    pub not_unreviewed: bool,
    /// Only those whose reporter must hear before this time, milliseconds since the epoch; not those whose reporter was asked
    /// something and is awaited.
    pub due_before_ms: Option<i64>,
    /// Of this form.
    pub form: Option<String>,
    /// About this service.
    pub service: Option<String>,
    /// About one of these services: what the asker may see. `None` for all reports.
    pub services: Option<Vec<String>>,
    /// Of this reporter, by [`model::Reporter::key`].
    pub reporter: Option<String>,
    /// With this text in title or text, whatever its case.
    pub text: Option<String>,
    /// Not before this time, milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// How a list of them is ordered; nothing to a count.
    pub order: ReportOrder,
}

/// Where the record of a submission stands in the sequence of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its place, counted from 0.
    pub index: u64,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
}

/// What makes a request the same as an earlier one: SHA-256 of whom it is of and its key, and of what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnceKey {
    /// Of the caller and the key that it chose.
    pub key_sha256: [u8; 32],
    /// Of the request.
    pub request_sha256: [u8; 32],
}

/// A report on its way in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReport {
    /// The report, at version 1.
    pub report: Report,
    /// The record of its submission; its id is the report's [`submit_record`](Report::submit_record).
    pub audit: AuditRecord,
    /// What makes the request the same as an earlier one.
    pub once: Option<OnceKey>,
}

/// Reads reports.
#[async_trait]
pub trait ReadReports: Send {
    /// The report.
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Corrupt`]; as all reads.
    async fn get(&mut self, id: ReportId) -> Result<Option<Report>, StoreError>;

    /// The report whose receipt's secret has this SHA-256.
    ///
    /// # Errors
    /// As all reads.
    async fn by_receipt(&mut self, sha256: &[u8; 32]) -> Result<Option<Report>, StoreError>;

    /// The report that was submitted under this key, and what was asked then.
    ///
    /// # Errors
    /// As all reads.
    async fn by_once(&mut self, key_sha256: &[u8; 32]) -> Result<Option<(Report, [u8; 32])>, StoreError>;

    /// Reports, in the filter's order. A cursor is of the order that it was given in.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(&mut self, filter: &ReportFilter, page: &PageRequest) -> Result<Page<Report>, StoreError>;

    /// How many fit, by state; states that none has are left out.
    ///
    /// # Errors
    /// As all reads.
    async fn counts(&mut self, filter: &ReportFilter) -> Result<Vec<(ReportState, u64)>, StoreError>;

    /// Reports that became findings of the incident, or were merged into it; the newest first, at most
    /// [`INCIDENT_REPORTS_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn of_incident(&mut self, id: IncidentId) -> Result<Vec<Report>, StoreError>;

    /// At most `items_max` reports that are not known to be on the log, in the order in which they came.
    ///
    /// # Errors
    /// As all reads.
    async fn unpublished(&mut self, items_max: u32) -> Result<Vec<Report>, StoreError>;

    /// At most `items_max` reports that are on the log and whose finding is not known to be, with where they stand.
    ///
    /// # Errors
    /// As all reads.
    async fn unraised(&mut self, items_max: u32) -> Result<Vec<(Report, Position)>, StoreError>;

    /// Where the report stands on the log; `None` while it is not known to be there.
    ///
    /// # Errors
    /// As all reads.
    async fn position(&mut self, id: ReportId) -> Result<Option<Position>, StoreError>;
}

/// A change of a reporter's ledger that goes with a change of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerChange {
    /// What the report came to.
    Add(LedgerEntry),
    /// All that the report came to so far is taken back, as if it had never been.
    Revert {
        /// When, milliseconds since the epoch.
        at_ms: i64,
    },
}

/// Changes reports. Audit records are about the report's id.
#[async_trait]
pub trait Reports: ReadReports {
    /// Stores new reports, at most [`REPORTS_SUBMITTED_MAX`], with their records; says where these stand, in order.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for an id, a receipt or a key; [`StoreError::AuditMismatch`]; [`StoreError::BadQuery`]
    /// for too many.
    async fn submit(&mut self, reports: &[NewReport]) -> Result<Vec<Recorded>, StoreError>;

    /// Replaces what can change (reporter and claim, state, held, decision, finding, incident, what is due, receipt,
    /// masked text) if the stored report is at `report.version`, and changes the ledger with it; returns the new
    /// version. A new finding is one that is not on the log yet.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn replace(
        &mut self,
        report: &Report,
        ledger: &[LedgerChange],
        audit: &AuditRecord,
    ) -> Result<u64, StoreError>;

    /// Notes where reports stand on the log; the first place counts. No version grows: nobody decided anything.
    ///
    /// # Errors
    /// As all changes.
    async fn published(&mut self, reports: &[(ReportId, Position)]) -> Result<(), StoreError>;

    /// Notes that findings are on the log. One that the report no longer has changes nothing.
    ///
    /// # Errors
    /// As all changes.
    async fn raised(&mut self, reports: &[(ReportId, FindingId)], at_ms: i64) -> Result<(), StoreError>;
}

/// Reads messages.
#[async_trait]
pub trait ReadReportMessages: Send {
    /// All of a report, the earliest first.
    ///
    /// # Errors
    /// As all reads.
    async fn of_report(&mut self, id: ReportId) -> Result<Vec<ReportMessage>, StoreError>;

    /// Those that the reporter may see, as the reporter may see them, the earliest first: internal ones and authors are
    /// not read.
    ///
    /// # Errors
    /// As all reads.
    async fn public_of_report(&mut self, id: ReportId) -> Result<Vec<PublicMessage>, StoreError>;
}

/// Writes messages. Audit records are about the report's id.
#[async_trait]
pub trait ReportMessages: ReadReportMessages {
    /// Adds a message.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the report; [`StoreError::BadQuery`] past [`REPORTER_MESSAGES_MAX`] of the
    /// reporter's, and past what these leave of [`REPORT_MESSAGES_MAX`] of the team's;
    /// [`StoreError::AuditMismatch`].
    async fn add(&mut self, message: &ReportMessage, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Removes a message for good.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn remove(
        &mut self,
        id: MessageId,
        report: ReportId,
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;
}

/// Reads what is known of files; the bytes are [`crate::Blobs`]'.
#[async_trait]
pub trait ReadAttachments: Send {
    /// The file.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: AttachmentId) -> Result<Option<Attachment>, StoreError>;

    /// Those of a report, the earliest first.
    ///
    /// # Errors
    /// As all reads.
    async fn of_report(&mut self, id: ReportId) -> Result<Vec<Attachment>, StoreError>;

    /// How many files that are kept have these bytes: bytes that none has can go.
    ///
    /// # Errors
    /// As all reads.
    async fn holding(&mut self, sha256: &[u8; 32]) -> Result<u64, StoreError>;

    /// How many bytes the files of reports without a name have that are kept, all together.
    ///
    /// # Errors
    /// As all reads.
    async fn guests_bytes(&mut self) -> Result<u64, StoreError>;

    /// Bytes that files had which were removed, and no file has that is kept, by their SHA-256; some may come twice.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`]; as all reads.
    async fn unheld(&mut self, page: &PageRequest) -> Result<Page<[u8; 32]>, StoreError>;
}

/// Changes what is known of files. Audit records are about the report's id.
#[async_trait]
pub trait Attachments: ReadAttachments {
    /// Adds a file.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the report; [`StoreError::BadQuery`] past [`REPORT_ATTACHMENTS_MAX`];
    /// [`StoreError::AuditMismatch`].
    async fn add(&mut self, attachment: &Attachment, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Notes that the bytes of a file are no longer kept for it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn remove(&mut self, id: AttachmentId, audit: &AuditRecord) -> Result<(), StoreError>;
}
