//! What comes of reports beside incidents: appeals, reputation, notices, digests, thanks.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use model::{
    Appeal, AppealId, AppealState, AuditRecord, Credit, Digest, DigestId, DigestState, LedgerEntry, NoticeId,
    PersonId, Principal, ReportId, ReportNotice,
};

/// Most entries of a ledger that are read: the newest.
pub const LEDGER_ENTRIES_MAX: u32 = 2_000;
/// Most reports of one notice.
pub const NOTICE_REPORTS_MAX: usize = 500;
/// Most notices that are listed.
pub const NOTICES_LISTED_MAX: u32 = 200;
/// Most people that are thanked on one list.
pub const CREDITS_LISTED_MAX: u32 = 100;

/// Reads appeals.
#[async_trait]
pub trait ReadAppeals: Send {
    /// The appeal.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: AppealId) -> Result<Option<Appeal>, StoreError>;

    /// Those about a report, the newest first.
    ///
    /// # Errors
    /// As all reads.
    async fn of_report(&mut self, id: ReportId) -> Result<Vec<Appeal>, StoreError>;

    /// Those of a state, or all; what is due first comes first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(
        &mut self,
        state: Option<AppealState>,
        page: &PageRequest,
    ) -> Result<Page<Appeal>, StoreError>;
}

/// Changes appeals. Audit records are about the appeal's id.
#[async_trait]
pub trait Appeals: ReadAppeals {
    /// Adds an appeal.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when that side appealed against that decision before; [`StoreError::NotFound`] for the
    /// report; [`StoreError::AuditMismatch`].
    async fn add(&mut self, appeal: &Appeal, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Writes outcome, explanation, and who decided when, of an appeal that is open.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for one that was decided; [`StoreError::AuditMismatch`].
    async fn decide(&mut self, appeal: &Appeal, audit: &AuditRecord) -> Result<(), StoreError>;
}

/// Reads the ledger of outcomes. It is changed by [`super::Reports::replace`], with the decision that it follows from.
#[async_trait]
pub trait ReadLedger: Send {
    /// What holds of a reporter ([`model::Reporter::key`]), the newest first, at most [`LEDGER_ENTRIES_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn of_reporter(&mut self, reporter: &str) -> Result<Vec<LedgerEntry>, StoreError>;

    /// What holds of a report.
    ///
    /// # Errors
    /// As all reads.
    async fn of_report(&mut self, id: ReportId) -> Result<Vec<LedgerEntry>, StoreError>;
}

/// Reads notices.
#[async_trait]
pub trait ReadNotices: Send {
    /// The notice.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: NoticeId) -> Result<Option<ReportNotice>, StoreError>;

    /// Those that name a report, the newest first.
    ///
    /// # Errors
    /// As all reads.
    async fn of_report(&mut self, id: ReportId) -> Result<Vec<ReportNotice>, StoreError>;

    /// Those that nobody acknowledged first, then the newest first; at most [`NOTICES_LISTED_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn list(&mut self) -> Result<Vec<ReportNotice>, StoreError>;
}

/// Changes notices. Audit records are about the notice's id.
#[async_trait]
pub trait Notices: ReadNotices {
    /// Adds a notice and keeps automation from its reports; says whether it is new. One whose key is known changes
    /// nothing, and its record is not written.
    ///
    /// # Errors
    /// [`StoreError::BadQuery`] past [`NOTICE_REPORTS_MAX`]; [`StoreError::AuditMismatch`].
    async fn add(&mut self, notice: &ReportNotice, audit: &AuditRecord) -> Result<bool, StoreError>;

    /// Adds a report to the notice of that key and keeps automation from it; says whether that is new. Machines do so as
    /// reports come, and no person decided anything: there is no record.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the report.
    async fn join(&mut self, key: &str, report: ReportId) -> Result<bool, StoreError>;

    /// Notes who looked at it; the first counts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::AuditMismatch`].
    async fn acknowledge(
        &mut self,
        id: NoticeId,
        by: &Principal,
        at_ms: i64,
        audit: &AuditRecord,
    ) -> Result<(), StoreError>;
}

/// Reads digests.
#[async_trait]
pub trait ReadDigests: Send {
    /// The digest.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, id: DigestId) -> Result<Option<Digest>, StoreError>;

    /// Those of a state, the newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`].
    async fn list(&mut self, state: DigestState, page: &PageRequest) -> Result<Page<Digest>, StoreError>;
}

/// Changes digests. Audit records are about the digest's id.
#[async_trait]
pub trait Digests: ReadDigests {
    /// Adds a draft.
    ///
    /// # Errors
    /// [`StoreError::AuditMismatch`].
    async fn add(&mut self, digest: &Digest, audit: &AuditRecord) -> Result<(), StoreError>;

    /// Publishes a draft, with the content that `digest` has.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for one that was published; [`StoreError::AuditMismatch`].
    async fn publish(&mut self, digest: &Digest, audit: &AuditRecord) -> Result<(), StoreError>;
}

/// Reads how people want to be thanked.
#[async_trait]
pub trait ReadCredits: Send {
    /// What somebody said; `None` if nothing.
    ///
    /// # Errors
    /// As all reads.
    async fn get(&mut self, person: PersonId) -> Result<Option<Credit>, StoreError>;

    /// Those who want to be shown, and how many of their reports held; most first, at most [`CREDITS_LISTED_MAX`].
    ///
    /// # Errors
    /// As all reads.
    async fn shown(&mut self) -> Result<Vec<(Credit, u64)>, StoreError>;
}

/// Changes how people want to be thanked. Audit records are about the person's id.
#[async_trait]
pub trait Credits: ReadCredits {
    /// Writes what somebody says.
    ///
    /// # Errors
    /// [`StoreError::AuditMismatch`].
    async fn set(&mut self, credit: &Credit, audit: &AuditRecord) -> Result<(), StoreError>;
}
