//! The nouns of Hue & Cry, their typed ids and the clock. No I/O.
//!
//! | on the log | of people | to read records |
//! |---|---|---|
//! | [`RawRecord`], [`Finding`], [`DeadLetter`], [`Position`] | [`Incident`], [`Comment`], [`Report`], [`Containment`], [`Run`], [`Letter`], [`AuditRecord`] | [`FieldTable`], [`Vocabulary`], [`Tape`], [`EventView`], [`Enrichment`] |

#[macro_use]
mod named;

mod audit;
mod audit_leaf;
mod clock;
mod column;
mod containment;
mod dead_letter;
mod enrichment;
mod field;
mod finding;
mod ids;
mod incident;
mod letter;
mod position;
mod raw;
mod report;
mod run;
mod stage;
mod tape;
mod view;
mod vocabulary;

pub use audit::{AuditRecord, Principal};
pub use audit_leaf::{
    ACTION_BYTES_MAX, AUDIT_FIELDS, AuditEntry, AuditField, CommittedValue, Hash, LEAF_MAGIC, SALT_BYTES,
    Salt, Salts, leaf_hash,
};
pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock};
pub use column::{COLUMNS, Column, ColumnId, ColumnKind, ColumnValue, ColumnValues, Sensitivity, column_of};
pub use containment::{
    Containment, ContainmentDecision, ContainmentState, ContainmentVote, Delegation, Lease, Progress,
    Transition, VoteDelegation,
};
pub use dead_letter::DeadLetter;
pub use enrichment::{
    Ancestor, Ancestry, AncestryBuffer, EnrichField, EnrichFields, Enrichment, Ownership, Provenance,
};
pub use field::{FieldId, FieldTable};
pub use finding::{
    ENTITY_VALUE_BYTES_MAX, Entity, EntityKind, EventRef, FURTHER_EVENTS_MAX, Finding, MatchedField,
    Severity, push_entity_value,
};
pub use ids::{
    AppealId, AttachmentId, AuditId, CommentId, ContainmentId, DelegationId, DigestId, EventId, FindingId,
    IncidentId, LeaseId, LetterId, LinkId, MessageId, NoticeId, ParseIdError, PersonId, ReportId, RunId,
    SavedViewId, SessionId, TokenId, Ulid,
};
pub use incident::{Comment, INCIDENT_RULES_MAX, Incident, Membership, Status, Verdict, Visibility};
pub use letter::{Letter, LetterAbout, LetterKind, LetterState};
pub use position::{Offset, ParsePositionError, Partition, Position, Topic};
pub use raw::{RawRecord, RawRecordError, SOURCE_NAME_BYTES_MAX, SourceName, SourceNameError};
pub use report::{
    Appeal, AppealBy, AppealOutcome, AppealState, Attachment, AttachmentState, Channel, Confirmed, Credit,
    Decision, DecisionKind, Digest, DigestState, LedgerEntry, MessageFrom, NoticeKind, Outcome,
    PublicMessage, Report, ReportContext, ReportMessage, ReportNotice, ReportProvenance, ReportState,
    Reporter, SIMILARITY_BYTES, SIMILARITY_HASHES, Similarity, Tier,
};
pub use run::{Run, RunPlace, RunState, RunStep, StepState};
pub use stage::Stage;
pub use tape::{Kind, NESTING_DEPTH_MAX, RECORD_VALUES_MAX, Scalar, Tape, TapeError};
pub use view::{EventView, Node, Values};
pub use vocabulary::Vocabulary;
