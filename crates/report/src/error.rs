//! What can go wrong with reports.

use crate::attachment::Refusal;
use crate::credit::DisplayNameError;
use crate::form::FieldError;
use crate::policy::ReasonError;
use model::{ReportState, Severity};
use ports::{BlobError, LogError, MaskRefused, StoreError};

/// Why a report was not taken, or a request about one did not go through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be written.
    #[error("publishing reports: {0}")]
    Log(#[from] LogError),
    /// A file cannot be kept or read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A text cannot be masked, and so is not taken. At the HTTP edge: 413.
    #[error(transparent)]
    Mask(#[from] MaskRefused),
    /// The decision is not allowed.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// A digest cannot be made of that.
    #[error("{reason}")]
    Digest {
        /// What to change.
        reason: String,
    },
    /// The file is not taken. At the HTTP edge: `attachment-refused`.
    #[error(transparent)]
    AttachmentRefused(#[from] Refusal),
}

/// Why a report was not taken in. It is never for the reporter's rate: that only sets how soon a person looks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// There is no such form. At the HTTP edge: `form-unknown`.
    #[error("there is no form {form:?}")]
    FormUnknown {
        /// What was asked for.
        form: String,
    },
    /// Fields are not as the form says. At the HTTP edge: `report-invalid`, 422.
    #[error("{} of the report's fields are not as the form says", errors.len())]
    Invalid {
        /// What is wrong, field by field.
        errors: Vec<FieldError>,
    },
    /// The key was used for another report. At the HTTP edge: 422.
    #[error("this idempotency key belongs to another report; use a fresh key for each")]
    OnceReused,
    /// A text cannot be masked, and so is not taken. At the HTTP edge: 413.
    #[error(transparent)]
    Mask(#[from] MaskRefused),
    /// More reports wait than can be held. At the HTTP edge: 503 with Retry-After.
    #[error("more reports wait than can be held; send it again in {retry_after_s} s")]
    Busy {
        /// So many seconds from now it is worth another try.
        retry_after_s: u32,
    },
    /// No more reports are taken: the product stops. At the HTTP edge: 503.
    #[error("reports are not taken at the moment; send it again shortly")]
    Closed,
    /// The report could not be written. Whether it is there after all is told by sending it again under its key.
    #[error("the report could not be written: {reason}")]
    NotWritten {
        /// What the store said.
        reason: String,
        /// Whether another try may help.
        passing: bool,
    },
}

/// Why a decision on a report is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// It was decided already, or taken back. At the HTTP edge: `report-decided`, 409.
    #[error("the report is {}; what was decided changes by an appeal only", state.as_str())]
    Decided {
        /// Where it stands.
        state: ReportState,
    },
    /// The decision does not follow the policy.
    #[error(transparent)]
    Reason(#[from] ReasonError),
    /// A merge names the incident.
    #[error("name the incident that the report belongs to")]
    IncidentMissing,
    /// An anonymous report that no telemetry bears out does not wake people at night.
    #[error("an anonymous report that no telemetry bears out is at most {}", max.as_str())]
    SeverityTooHigh {
        /// The limit.
        max: Severity,
    },
    /// A text is empty, too long, or has control characters.
    #[error("{what} has 1 to {bytes_max} bytes of text, without control characters")]
    Text {
        /// Which text.
        what: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// Automation did not accept it, or somebody looked at that before. At the HTTP edge: `report-decided`, 409.
    #[error("automation did not accept it, or somebody has looked at that already")]
    NothingToReview,
    /// An appeal of its subject waits, which says all that a review could. At the HTTP edge: `appeal-exists`, 409.
    #[error("its subject's appeal is open: decide that appeal; a review can only let it stand")]
    AppealOpen,
    /// Who answers for its service or appealed does not review it. At the HTTP edge: `appeal-same-person`, 403.
    #[error(
        "what automation accepted is reviewed by somebody who neither answers for its service nor appealed"
    )]
    Involved,
    /// Nothing was decided that this side could appeal against. At the HTTP edge: `appeal-not-possible`.
    #[error("there is no decision that this side can appeal against")]
    AppealNotPossible,
    /// That side appealed against that decision. At the HTTP edge: `appeal-exists`.
    #[error("an appeal against this decision was made before")]
    AppealExists,
    /// The appeal was decided.
    #[error("the appeal was decided already")]
    AppealDecided,
    /// Who decided or confirmed that, who appeals, or who reported does not decide the appeal. At the HTTP edge:
    /// `appeal-same-person`, 403.
    #[error("an appeal is decided by somebody else than who took the decision, who appeals or who reported")]
    AppealSamePerson,
    /// Who reported it does not decide it. At the HTTP edge: `appeal-same-person`, 403.
    #[error("a report is decided by somebody else than who made it")]
    OwnReport,
    /// The name cannot be shown.
    #[error(transparent)]
    DisplayName(#[from] DisplayNameError),
    /// Only an anonymous report can be claimed.
    #[error("the report is somebody's already")]
    ClaimNotPossible,
    /// Only a person can do that.
    #[error("only a person who is signed in can {what}")]
    NotAPerson {
        /// What.
        what: &'static str,
    },
}
