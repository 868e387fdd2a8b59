//! The state that people and machines share: one unit of work at a time, one consistent view for readers.
//!
//! # The promise
//!
//! - **All or nothing.** What one [`UnitOfWork`] wrote is there after [`commit`](UnitOfWork::commit) returned
//!   `Ok`, durably, and not at all if the unit was dropped, refused or cut off by a crash.
//! - **A unit that failed is over.** After an error of a writing method, or when its future was dropped
//!   before it resolved, the unit refuses every further write and the commit ([`StoreError::Aborted`]).
//! - **Every change has its record.** Each method that changes what people decide or configure takes the
//!   [`AuditRecord`] of that change and writes both in the same transaction. There is no other way to make
//!   the change, and a record about another object is refused ([`StoreError::AuditMismatch`]).
//! - **Machines never overwrite people.** [`Incidents::observe`] writes the machine's fields, and
//!   [`Incidents::edit`] the people's; no statement writes both.
//! - **Lost updates are refused.** An edit names the version it was made on; another version is a
//!   [`StoreError::Conflict`] that carries the current one.
//! - **Doing it again changes nothing.** Findings are inserted by their derived id, dead letters by the
//!   position of their raw record, and a consumer's position moves only from where that consumer stood.
//! - **Pages are stable.** Items that stay unchanged while the pages are read are seen exactly once,
//!   whatever is inserted meanwhile.
//!
//! Writers go one after the other: do no slow work while a unit is open. Readers never wait for writers.

mod audit;
pub mod conformance;
mod consumers;
mod containments;
mod delegations;
mod error;
mod facets;
mod findings;
mod incidents;
mod letters;
mod moderation;
mod moves;
mod page;
mod people;
mod registry;
mod reports;
mod rules;
mod runs;
mod search;
mod timeline;
mod trail;
mod views;
mod visible;

pub use audit::{Audit, AuditFilter, ERASE_ACTION, ReadAudit, StoredEntry};
pub use consumers::{
    ConsumerPosition, Counters, DeadLetterFilter, DeadLetterRow, DeadLetterStatus, DeadLetters, Positions,
    ReadDeadLetters, ReadPositions,
};
pub use containments::{ContainmentFilter, Containments, ReadContainments, TARGETS_SINCE_MAX};
pub use delegations::{DELEGATIONS_MAX, Delegations, ReadDelegations};
pub use error::StoreError;
pub use facets::{FACET_CANDIDATES_MAX, FACET_RULES_MAX, FACET_VALUES_MAX, Facet, FacetCount, Facets};
pub use findings::{FindingFilter, Findings, FindingsOutline, ReadFindings};
pub use incidents::{
    AssigneeFilter, Comments, GroupKey, IncidentEdit, IncidentFilter, IncidentOrder, Incidents,
    MachineUpdate, OpenIncident, ReadComments, ReadIncidents,
};
pub use letters::{LETTERS_LISTED_MAX, Letters, ReadLetters};
pub use moderation::{
    Appeals, CREDITS_LISTED_MAX, Credits, Digests, LEDGER_ENTRIES_MAX, NOTICE_REPORTS_MAX,
    NOTICES_LISTED_MAX, Notices, ReadAppeals, ReadCredits, ReadDigests, ReadLedger, ReadNotices,
};
pub use moves::{IncidentLink, LINKS_MAX, LinkKind, MERGED_SHOWN_MAX, Moves, ReadMoves, Regrouping};
pub use page::{CURSOR_BYTES_MAX, Cursor, PAGE_ITEMS_MAX, Page, PageRequest};
pub use people::{
    Identity, Link, Links, NAMESAKES_MAX, PERSON_SESSIONS_MAX, People, Person, PersonSession, ReadLinks,
    ReadPeople, ReadSessions, Sessions,
};
pub use registry::{ReadSources, ReadTokens, Source, Sources, Token, TokenKind, Tokens};
pub use reports::{
    Attachments, INCIDENT_REPORTS_MAX, LedgerChange, NewReport, OnceKey, REPORT_ATTACHMENTS_MAX,
    REPORT_MESSAGES_MAX, REPORTER_MESSAGES_MAX, REPORTS_SUBMITTED_MAX, ReadAttachments, ReadReportMessages,
    ReadReports, Recorded, ReportFilter, ReportMessages, ReportOrder, Reports,
};
pub use rules::{
    RULE_SAMPLES_MAX, RULE_SET_OBJECT, ReadRules, RuleBudget, RuleDay, RuleMatches, RuleRow, RuleSetChange,
    Rules, rule_object,
};
pub use runs::{ReadRuns, RunFilter, Runs};
pub use search::{SEARCH_BYTES_MAX, SEARCH_CHARS_MIN, SEARCH_NEEDLES_MAX, folded, needles, other_case};
pub use timeline::{COMMENT_ACTION, Moment, TimelineOrder};
pub use trail::{
    Change, ChangeKind, ChangeSeq, Changes, IDEMPOTENCY_KEY_BYTES_MAX, Idempotency, ReadChanges,
    ReadIdempotency, StoredResponse,
};
pub use views::{ReadViews, SavedView, VIEWS_LISTED_MAX, VIEWS_PER_OWNER_MAX, Views};
pub use visible::{VISIBLE_CASES, Visible};

use async_trait::async_trait;
use model::{AuditField, AuditId, AuditRecord};

/// Where the state is kept. Shared as `Arc<dyn Store>`.
#[async_trait]
pub trait Store: Send + Sync {
    /// Waits for its turn and opens a unit of work; nobody else writes until it is committed or dropped.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the turn does not come in time; [`StoreError::Backend`].
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Opens a consistent view of what is committed, fixed at its first read. Drop it soon: an old view keeps
    /// the store from reclaiming space.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Backend`].
    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// Sleeps until a change after `after` is committed and returns the newest number then; returns at once
    /// if there already is one. For streams to clients, together with [`ReadChanges::after`].
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    async fn wait_for_change(&self, after: ChangeSeq) -> Result<ChangeSeq, StoreError>;

    /// Answers quickly whether the store can be read and written, for `/readyz`.
    ///
    /// # Errors
    /// Whatever is in the way.
    async fn check(&self) -> Result<(), StoreError>;

    /// Closes all connections. Units that are still open are rolled back.
    async fn close(&self);
}

/// A consistent view of the committed state.
pub trait Snapshot: Send {
    /// Cases.
    fn incidents(&mut self) -> &mut dyn ReadIncidents;
    /// What rules and people say is wrong.
    fn findings(&mut self) -> &mut dyn ReadFindings;
    /// People's words on incidents.
    fn comments(&mut self) -> &mut dyn ReadComments;
    /// API and source tokens.
    fn tokens(&mut self) -> &mut dyn ReadTokens;
    /// Configured senders.
    fn sources(&mut self) -> &mut dyn ReadSources;
    /// Who may sign in.
    fn people(&mut self) -> &mut dyn ReadPeople;
    /// Who is signed in.
    fn sessions(&mut self) -> &mut dyn ReadSessions;
    /// One-time links.
    fn links(&mut self) -> &mut dyn ReadLinks;
    /// Rules that were loaded.
    fn rules(&mut self) -> &mut dyn ReadRules;
    /// Where consumers stand.
    fn positions(&mut self) -> &mut dyn ReadPositions;
    /// Raw records that could not become events.
    fn dead_letters(&mut self) -> &mut dyn ReadDeadLetters;
    /// Answers kept for repeated requests.
    fn idempotency(&mut self) -> &mut dyn ReadIdempotency;
    /// Who did what.
    fn audit(&mut self) -> &mut dyn ReadAudit;
    /// The feed of changes.
    fn changes(&mut self) -> &mut dyn ReadChanges;
    /// How incidents belong together.
    fn moves(&mut self) -> &mut dyn ReadMoves;
    /// Filters that people keep.
    fn views(&mut self) -> &mut dyn ReadViews;
    /// What people report.
    fn reports(&mut self) -> &mut dyn ReadReports;
    /// Words about reports.
    fn report_messages(&mut self) -> &mut dyn ReadReportMessages;
    /// Files with reports.
    fn attachments(&mut self) -> &mut dyn ReadAttachments;
    /// Appeals against decisions on reports.
    fn appeals(&mut self) -> &mut dyn ReadAppeals;
    /// What reporters' reports came to.
    fn ledger(&mut self) -> &mut dyn ReadLedger;
    /// What moderators should look at.
    fn notices(&mut self) -> &mut dyn ReadNotices;
    /// What was reported in a while.
    fn digests(&mut self) -> &mut dyn ReadDigests;
    /// How people want to be thanked.
    fn credits(&mut self) -> &mut dyn ReadCredits;
    /// Actions on targets.
    fn containments(&mut self) -> &mut dyn ReadContainments;
    /// Executions of playbooks.
    fn runs(&mut self) -> &mut dyn ReadRuns;
    /// Who may answer for whom.
    fn delegations(&mut self) -> &mut dyn ReadDelegations;
    /// What people are told by e-mail.
    fn letters(&mut self) -> &mut dyn ReadLetters;
}

/// One transaction. Dropping it rolls everything back; [`commit`](UnitOfWork::commit) consumes it.
#[async_trait]
pub trait UnitOfWork: Send {
    /// Cases.
    fn incidents(&mut self) -> &mut dyn Incidents;
    /// What rules and people say is wrong.
    fn findings(&mut self) -> &mut dyn Findings;
    /// People's words on incidents.
    fn comments(&mut self) -> &mut dyn Comments;
    /// API and source tokens.
    fn tokens(&mut self) -> &mut dyn Tokens;
    /// Configured senders.
    fn sources(&mut self) -> &mut dyn Sources;
    /// Who may sign in.
    fn people(&mut self) -> &mut dyn People;
    /// Who is signed in.
    fn sessions(&mut self) -> &mut dyn Sessions;
    /// One-time links.
    fn links(&mut self) -> &mut dyn Links;
    /// Rules that were loaded.
    fn rules(&mut self) -> &mut dyn Rules;
    /// Where consumers stand.
    fn positions(&mut self) -> &mut dyn Positions;
    /// Raw records that could not become events.
    fn dead_letters(&mut self) -> &mut dyn DeadLetters;
    /// Answers kept for repeated requests.
    fn idempotency(&mut self) -> &mut dyn Idempotency;
    /// Who did what.
    fn audit(&mut self) -> &mut dyn Audit;
    /// The feed of changes.
    fn changes(&mut self) -> &mut dyn Changes;
    /// How incidents belong together.
    fn moves(&mut self) -> &mut dyn Moves;
    /// Filters that people keep.
    fn views(&mut self) -> &mut dyn Views;
    /// What people report.
    fn reports(&mut self) -> &mut dyn Reports;
    /// Words about reports.
    fn report_messages(&mut self) -> &mut dyn ReportMessages;
    /// Files with reports.
    fn attachments(&mut self) -> &mut dyn Attachments;
    /// Appeals against decisions on reports.
    fn appeals(&mut self) -> &mut dyn Appeals;
    /// What reporters' reports came to; it changes with the reports.
    fn ledger(&mut self) -> &mut dyn ReadLedger;
    /// What moderators should look at.
    fn notices(&mut self) -> &mut dyn Notices;
    /// What was reported in a while.
    fn digests(&mut self) -> &mut dyn Digests;
    /// How people want to be thanked.
    fn credits(&mut self) -> &mut dyn Credits;
    /// Actions on targets.
    fn containments(&mut self) -> &mut dyn Containments;
    /// Executions of playbooks.
    fn runs(&mut self) -> &mut dyn Runs;
    /// Who may answer for whom.
    fn delegations(&mut self) -> &mut dyn Delegations;
    /// What people are told by e-mail.
    fn letters(&mut self) -> &mut dyn Letters;

    /// Makes everything that this unit wrote durable and visible, at once. If the future is dropped before it
    /// resolves, all of it may be there or nothing: look, do not guess.
    ///
    /// # Errors
    /// [`StoreError::Aborted`], [`StoreError::DiskFull`], [`StoreError::Backend`]; then nothing was written.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Refuses a change whose audit record speaks of something else; every backend calls this before it writes.
///
/// # Errors
/// [`StoreError::AuditMismatch`].
pub fn check_audit(record: &AuditRecord, object: &str) -> Result<(), StoreError> {
    if record.object == object {
        return Ok(());
    }
    Err(StoreError::AuditMismatch { object: object.to_owned(), record: record.object.clone() })
}

/// Refuses an erasure whose record does not say what is erased; every backend calls this before it erases.
///
/// # Errors
/// [`StoreError::AuditMismatch`].
pub fn check_erasure(record: &AuditRecord, id: AuditId, fields: &[AuditField]) -> Result<(), StoreError> {
    check_audit(record, &id.to_string())?;
    let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
    if record.action == ERASE_ACTION && record.after == serde_json::json!({ "fields": names }) {
        return Ok(());
    }
    let record = format!("{} of {}", record.action, record.after);
    Err(StoreError::AuditMismatch { object: format!("{id}: {}", names.join(", ")), record })
}
