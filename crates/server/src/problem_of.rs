//! What each boundary's errors are at the HTTP edge.

use crate::code::Code;
use crate::problem::{FieldProblem, Problem};
use crate::rule_book::RulesError;
use access::{AdmitError, Denied, OidcError, RegistryError, SignInError, Throttled};
use ingest::signature::SignatureError;
use ingest::{DecompressError, IngestError, SplitError};
use ports::store::StoreError;
use ports::{BlobError, QueryError};

/// When to come again after the store was busy, in milliseconds.
const STORE_RETRY_AFTER_MS: u64 = 1_000;

/// When to come again after a system that is to be acted on did not answer, in milliseconds.
const REMOTE_RETRY_AFTER_MS: u64 = 5_000;

/// When to come again for the proof of a record that is not signed yet, in milliseconds.
const AUDIT_RETRY_AFTER_MS: u64 = 1_000;

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::TokenMissing => Code::TokenMissing,
            Denied::TokenMalformed(_) => Code::TokenMalformed,
            Denied::TokenUnknown => Code::TokenUnknown,
            Denied::TokenExpired => Code::TokenExpired,
            Denied::TokenRevoked => Code::TokenRevoked,
            Denied::TokenResting => Code::TokenResting,
            Denied::TokenKind => Code::TokenKind,
            Denied::TokenSource => Code::TokenSource,
            Denied::ScopeMissing(_) => Code::ScopeMissing,
            Denied::SessionMissing => Code::SessionMissing,
            Denied::SessionEnded => Code::SessionEnded,
            Denied::SessionReplayed => Code::SessionReplayed,
            Denied::SessionNeeded => Code::SessionNeeded,
            Denied::ReceiptMissing => Code::ReceiptExpired,
        };
        Self::new(code, denied.to_string())
    }
}

impl From<AdmitError> for Problem {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Denied(denied) | AdmitError::Forbidden { denied, .. } => denied.into(),
            AdmitError::Unavailable(error) => error.into(),
        }
    }
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let code = match error {
            SignatureError::Missing => Code::SignatureMissing,
            SignatureError::Malformed => Code::SignatureMalformed,
            SignatureError::Wrong => Code::SignatureWrong,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SplitError> for Problem {
    fn from(error: SplitError) -> Self {
        let code = match error {
            SplitError::Empty => Code::BodyEmpty,
            SplitError::Truncated { .. } => Code::BodyTruncated,
            SplitError::Unexpected { .. } => Code::BodyNotSplittable,
            SplitError::RecordTooLarge { .. } => Code::RecordTooLarge,
            SplitError::TooManyRecords => Code::RecordsTooMany,
        };
        Self::new(code, error.to_string())
    }
}

impl From<DecompressError> for Problem {
    fn from(error: DecompressError) -> Self {
        let code = match error {
            DecompressError::Unsupported { .. } => Code::EncodingUnsupported,
            DecompressError::Truncated { .. } => Code::CompressedTruncated,
            DecompressError::Damaged { .. } => Code::CompressedDamaged,
            DecompressError::TooLarge | DecompressError::RatioTooHigh => Code::DecompressedTooLarge,
        };
        Self::new(code, error.to_string())
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        let code = match error {
            IngestError::NoRoom | IngestError::Overloaded { .. } => Code::Overloaded,
            IngestError::DiskFull => Code::LogDiskFull,
            IngestError::TooLarge { .. } => Code::RecordTooLarge,
            IngestError::Unavailable(_) => Code::LogUnavailable,
        };
        Self::new(code, error.to_string()).retry_after(error.retry_after_ms())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (code, detail) = match &error {
            StoreError::NotFound { .. } => (Code::NotFound, error.to_string()),
            StoreError::Conflict { .. } | StoreError::TouchedByPeople { .. } => {
                (Code::Conflict, error.to_string())
            }
            StoreError::Exists { .. } => (Code::Exists, error.to_string()),
            StoreError::BadCursor => (Code::CursorInvalid, error.to_string()),
            StoreError::BadQuery { .. } => (Code::RequestInvalid, error.to_string()),
            StoreError::Busy => (Code::StoreBusy, error.to_string()),
            StoreError::DiskFull => (Code::StoreDiskFull, error.to_string()),
            // what the backend says stays in the server's own log
            _ => {
                tracing::error!(%error, "the store failed");
                (Code::StoreUnavailable, "the state cannot be read or written now".to_owned())
            }
        };
        let wait = matches!(code, Code::StoreBusy | Code::StoreDiskFull | Code::StoreUnavailable);
        Self::new(code, detail).retry_after(wait.then_some(STORE_RETRY_AFTER_MS))
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let (code, retry_after_ms) = match &error {
            QueryError::Invalid(_) => (Code::QueryInvalid, None),
            QueryError::Forbidden(_) => (Code::QueryForbidden, None),
            QueryError::TooSlow { .. } => (Code::QueryTooSlow, None),
            QueryError::TooMuchMemory { .. } => (Code::QueryTooMuchMemory, None),
            QueryError::TooMany { retry_after_ms, .. } => (Code::QueriesExhausted, Some(*retry_after_ms)),
            // what the lake says has paths in it, and stays in the server's own log
            _ => {
                tracing::error!(%error, "a query failed");
                return Self::new(Code::QueryFailed, "the lake's files could not be read");
            }
        };
        Self::new(code, error.to_string()).retry_after(retry_after_ms)
    }
}

impl From<report::Error> for Problem {
    fn from(error: report::Error) -> Self {
        match error {
            report::Error::Store(error) => error.into(),
            report::Error::Decision(error) => error.into(),
            report::Error::Blob(error) => error.into(),
            report::Error::Mask(error) => Self::new(Code::BodyTooLarge, error.to_string()),
            report::Error::Digest { .. } => Self::new(Code::RequestInvalid, error.to_string()),
            report::Error::AttachmentRefused(refusal) => refusal.into(),
            other => {
                tracing::error!(error = %other, "reports failed");
                Self::new(Code::Internal, "it could not be done with the report")
            }
        }
    }
}

impl From<report::DecisionError> for Problem {
    fn from(error: report::DecisionError) -> Self {
        use report::DecisionError as E;
        let code = match &error {
            E::Decided { .. } | E::NothingToReview => Code::ReportDecided,
            E::AppealNotPossible | E::AppealDecided => Code::AppealNotPossible,
            E::AppealExists | E::AppealOpen => Code::AppealExists,
            E::AppealSamePerson | E::OwnReport | E::Involved => Code::AppealSamePerson,
            E::NotAPerson { .. } => Code::SessionNeeded,
            _ => Code::DecisionRefused,
        };
        Self::new(code, error.to_string())
    }
}

impl From<report::IntakeError> for Problem {
    fn from(error: report::IntakeError) -> Self {
        use report::IntakeError as E;
        let detail = error.to_string();
        match error {
            E::FormUnknown { .. } => Self::new(Code::FormUnknown, detail),
            E::Invalid { errors } => {
                let field = |fault: report::form::FieldError| FieldProblem {
                    field: fault.field,
                    message: fault.message,
                };
                Self::new(Code::ReportInvalid, detail).with_errors(errors.into_iter().map(field).collect())
            }
            E::OnceReused => Self::new(Code::IdempotencyKeyReused, detail),
            E::Mask(_) => Self::new(Code::BodyTooLarge, detail),
            E::Busy { retry_after_s } => {
                Self::new(Code::StoreBusy, detail).retry_after(Some(u64::from(retry_after_s) * 1_000))
            }
            E::NotWritten { passing: true, .. } => {
                let detail = "it could not be written now; send it again under the same Idempotency-Key";
                Self::new(Code::StoreBusy, detail).retry_after(Some(STORE_RETRY_AFTER_MS))
            }
            E::Closed => Self::new(Code::NotReady, detail).retry_after(Some(STORE_RETRY_AFTER_MS)),
            // what the store said stays in the server's own log, where the intake wrote it
            _ => Self::new(Code::StoreUnavailable, "the state cannot be written now")
                .retry_after(Some(STORE_RETRY_AFTER_MS)),
        }
    }
}

impl From<respond::RespondError> for Problem {
    fn from(error: respond::RespondError) -> Self {
        use respond::RespondError as E;
        let detail = error.to_string();
        let code = match error {
            E::Store(error) => return error.into(),
            E::Act(error) => return error.into(),
            E::Vote(refused) => return refused.into(),
            E::NoConnector(_) => Code::ConnectorNotConnected,
            E::BadAction(_) => Code::ConnectorUnknown,
            E::LookRefused(_)
            | E::Already(_)
            | E::NotReversible(_)
            | E::GlassHolds
            | E::UnknownInput { .. }
            | E::NoSubject(_) => Code::ContainmentNotPossible,
            E::Later(_) => {
                return Self::new(Code::ConnectorUnavailable, detail)
                    .retry_after(Some(REMOTE_RETRY_AFTER_MS));
            }
            E::OtherPlan => Code::PlanChanged,
            E::TooMany(_) => Code::ContainmentLimit,
            // which one it is, is told by who knows whether the asker sees it
            E::UnderWay(_) => Code::ContainmentUnderWay,
            E::State { .. } => Code::ContainmentSettled,
            E::BadRequest(_) | E::BadDelegation | E::BadTime => Code::RequestInvalid,
            E::OwnKeep => Code::ContainmentSelfApproval,
            E::Nobody | E::NoPerson => Code::PersonNeeded,
            E::Reason | E::BadValue(_) | E::NoDelegate => Code::DecisionRefused,
            E::NoPlaybook(_) => Code::PlaybookUnknown,
            E::Playbook(_) | E::Barred(_) | E::Variable(_) | E::TooDeep(_) | E::TooManyCalled(_) => {
                Code::PlaybookRefused
            }
            E::NoSuchStep(_) => Code::RunSettled,
            // what was cut off names parts of the program, and stays in the server's own log
            _ => {
                tracing::error!(error = detail, "containment failed");
                return Self::new(Code::Internal, "it could not be done");
            }
        };
        Self::new(code, detail)
    }
}

impl From<respond::connector::ActError> for Problem {
    fn from(error: respond::connector::ActError) -> Self {
        use respond::connector::ActError as E;
        use respond::protect::Refusal;
        let code = match &error {
            E::UnknownAction { .. } => Code::ConnectorUnknown,
            E::Refusal(Refusal::Protected { .. }) => Code::ContainmentProtected,
            _ => Code::ContainmentNotPossible,
        };
        Self::new(code, error.to_string())
    }
}

impl From<respond::approval::VoteRefused> for Problem {
    fn from(refused: respond::approval::VoteRefused) -> Self {
        use respond::approval::VoteRefused as V;
        let code = match refused {
            V::OwnRequest => Code::ContainmentSelfApproval,
            V::Twice => Code::ContainmentVoted,
            V::OtherPlan => Code::PlanChanged,
            V::Expired => Code::ApprovalExpired,
            V::Decided => Code::ContainmentSettled,
            V::NotDelegated => Code::NotPermitted,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::TooLarge { .. } => Self::new(Code::BodyTooLarge, error.to_string()),
            BlobError::Cut(_) => Self::new(Code::BodyInterrupted, "the file did not come whole"),
            BlobError::DiskFull => Self::new(Code::StoreDiskFull, error.to_string()),
            // it names paths, and stays in the server's own log
            other => {
                tracing::error!(error = %other, "files of reports failed");
                Self::new(Code::StoreUnavailable, "the file cannot be kept or read now")
            }
        }
    }
}

impl From<triage::Error> for Problem {
    fn from(error: triage::Error) -> Self {
        match error {
            triage::Error::Store(error) => error.into(),
            triage::Error::Decision(error) => Self::new(Code::DecisionRefused, error.to_string()),
            other => {
                tracing::error!(error = %other, "triage failed");
                Self::new(Code::Internal, "the decision could not be taken")
            }
        }
    }
}

impl From<RulesError> for Problem {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Store(error) => error.into(),
            RulesError::NotFound(rule) => Self::not_found("rule", rule),
            RulesError::Refused(_) => Self::new(Code::DecisionRefused, error.to_string()),
            RulesError::RecordGone => Self::new(Code::RawRecordGone, error.to_string()),
            RulesError::Busy { .. } => {
                Self::new(Code::TuningsExhausted, error.to_string()).retry_after(Some(STORE_RETRY_AFTER_MS))
            }
            RulesError::TooManyTrials { .. } => {
                Self::new(Code::TrialsExhausted, error.to_string()).retry_after(Some(STORE_RETRY_AFTER_MS))
            }
            RulesError::UnknownKind { .. } => Self::new(Code::SourceKindUnknown, error.to_string()),
            RulesError::Log => Self::new(Code::LogUnavailable, error.to_string()),
            RulesError::Unsteady => {
                Self::new(Code::NotReady, error.to_string()).retry_after(Some(STORE_RETRY_AFTER_MS))
            }
            RulesError::Failed(_) => {
                tracing::error!(%error, "rules failed");
                Self::new(Code::Internal, "it could not be done with the rules")
            }
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => error.into(),
            RegistryError::ScopeNotHeld(_) => Self::new(Code::ScopeNotHeld, error.to_string()),
            RegistryError::UnknownKind { .. } => Self::new(Code::SourceKindUnknown, error.to_string()),
            RegistryError::LastAdmin => Self::new(Code::LastAdmin, error.to_string()),
            RegistryError::PersonExists { .. } => Self::new(Code::PersonExists, error.to_string()),
            RegistryError::TooManyTokens => Self::new(Code::TokensTooMany, error.to_string()),
            RegistryError::BadName { .. }
            | RegistryError::UnknownRole(_)
            | RegistryError::ExpiryPassed
            | RegistryError::NotByLink(_)
            | RegistryError::NoScopes
            | RegistryError::Seal(_) => Self::new(Code::RequestInvalid, error.to_string()),
        }
    }
}

impl From<Throttled> for Problem {
    fn from(throttled: Throttled) -> Self {
        Self::new(Code::SignInThrottled, throttled.to_string()).retry_after(Some(throttled.retry_after_ms))
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Throttled(throttled) => throttled.into(),
            SignInError::Store(error) => error.into(),
            SignInError::Registry(error) => error.into(),
            SignInError::LinkRefused => Self::new(Code::LinkRefused, error.to_string()),
            SignInError::NameTaken => Self::new(Code::PersonExists, error.to_string()),
            SignInError::ProviderRefused(_) | SignInError::PersonDisabled | SignInError::NoRoles => {
                Self::new(Code::SignInRefused, error.to_string())
            }
        }
    }
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        let code = match &error {
            OidcError::BadReturn => Code::RequestInvalid,
            OidcError::FlowLost | OidcError::Refused(_) | OidcError::BadToken(_) => Code::SignInRefused,
            // what it says of addresses inside stays in the server's own log
            OidcError::Unavailable(_) | OidcError::Configuration { .. } => {
                tracing::error!(%error, "sign-in by an identity provider failed");
                return Self::new(Code::ProviderUnavailable, "signing in by this provider does not work now");
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<audit::Error> for Problem {
    fn from(error: audit::Error) -> Self {
        match error {
            audit::Error::Store(error) => error.into(),
            audit::Error::BadRequest { reason } => Self::new(Code::RequestInvalid, reason),
            audit::Error::Pending { .. } | audit::Error::Unsigned => {
                Self::new(Code::AuditPending, error.to_string()).retry_after(Some(AUDIT_RETRY_AFTER_MS))
            }
            other => {
                tracing::error!(error = %other, "the audit log failed");
                Self::new(Code::AuditUnavailable, "the files of the audit log cannot be used")
            }
        }
    }
}
