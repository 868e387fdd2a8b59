//! One transaction: a [`UnitOfWork`] on the writer's connection, a [`Snapshot`] on a reader's.

use super::values::{failed, ulid};
use async_trait::async_trait;
use model::{AuditRecord, IncidentId};
use ports::store::{
    Appeals, Attachments, Audit, ChangeKind, Changes, Comments, Containments, Credits, DeadLetters,
    Delegations, Digests, Findings, Idempotency, Incidents, Letters, Links, Moves, Notices, People,
    Positions, ReadAppeals, ReadAttachments, ReadAudit, ReadChanges, ReadComments, ReadContainments,
    ReadCredits, ReadDeadLetters, ReadDelegations, ReadDigests, ReadFindings, ReadIdempotency, ReadIncidents,
    ReadLedger, ReadLetters, ReadLinks, ReadMoves, ReadNotices, ReadPeople, ReadPositions,
    ReadReportMessages, ReadReports, ReadRules, ReadRuns, ReadSessions, ReadSources, ReadTokens, ReadViews,
    ReportMessages, Reports, Rules, Runs, Sessions, Snapshot, Sources, StoreError, Tokens, UnitOfWork, Views,
    check_audit,
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::watch;

/// An open transaction. Dropped, it is rolled back.
pub(super) struct Session {
    tx: Transaction<'static, Sqlite>,
    committed: watch::Sender<u64>,
    /// A writing step began and has not ended well.
    broken: bool,
    /// The last change written here.
    changed: Option<u64>,
}

/// One entry for the feed of changes.
pub(super) struct NewChange {
    pub(super) kind: ChangeKind,
    pub(super) object: String,
    pub(super) incident: IncidentId,
    pub(super) region: String,
    pub(super) at_ms: i64,
}

/// Rows per INSERT: constant, so that the prepared statement is found again.
pub(super) const ROWS_PER_STATEMENT: usize = 50;

impl Session {
    pub(super) const fn writing(tx: Transaction<'static, Sqlite>, committed: watch::Sender<u64>) -> Self {
        Self { tx, committed, broken: false, changed: None }
    }

    pub(super) const fn reading(tx: Transaction<'static, Sqlite>, committed: watch::Sender<u64>) -> Self {
        // a reader's connection refuses writes itself
        Self { tx, committed, broken: false, changed: None }
    }

    pub(super) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }

    /// Begins a writing step. Until [`done`](Self::done) the unit counts as broken, so that a step that fails
    /// or whose future is dropped can never be committed by half.
    pub(super) fn step(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Aborted);
        }
        self.broken = true;
        Ok(())
    }

    /// Ends a writing step well.
    pub(super) fn done<T>(&mut self, value: T) -> Result<T, StoreError> {
        self.broken = false;
        Ok(value)
    }

    /// Writes the audit record of a change on `object`.
    pub(super) async fn audited(&mut self, record: &AuditRecord, object: &str) -> Result<(), StoreError> {
        check_audit(record, object)?;
        self.write_audit(record).await
    }

    /// Appends to the feed of changes.
    pub(super) async fn changed(&mut self, changes: &[NewChange]) -> Result<(), StoreError> {
        for chunk in changes.chunks(ROWS_PER_STATEMENT) {
            let mut sql =
                sqlx::QueryBuilder::new("INSERT INTO changes (at_ms, kind, object, incident, region) ");
            sql.push_values(chunk, |mut row, change| {
                row.push_bind(change.at_ms)
                    .push_bind(change.kind.as_str())
                    .push_bind(&change.object)
                    .push_bind(ulid(change.incident.0))
                    .push_bind(&change.region);
            });
            let result =
                sql.build().execute(&mut *self.tx).await.map_err(failed("writing the feed of changes"))?;
            self.changed = Some(result.last_insert_rowid().max(0) as u64);
        }
        Ok(())
    }
}

impl Snapshot for Session {
    fn incidents(&mut self) -> &mut dyn ReadIncidents {
        self
    }
    fn findings(&mut self) -> &mut dyn ReadFindings {
        self
    }
    fn comments(&mut self) -> &mut dyn ReadComments {
        self
    }
    fn tokens(&mut self) -> &mut dyn ReadTokens {
        self
    }
    fn sources(&mut self) -> &mut dyn ReadSources {
        self
    }
    fn people(&mut self) -> &mut dyn ReadPeople {
        self
    }
    fn sessions(&mut self) -> &mut dyn ReadSessions {
        self
    }
    fn links(&mut self) -> &mut dyn ReadLinks {
        self
    }
    fn rules(&mut self) -> &mut dyn ReadRules {
        self
    }
    fn positions(&mut self) -> &mut dyn ReadPositions {
        self
    }
    fn dead_letters(&mut self) -> &mut dyn ReadDeadLetters {
        self
    }
    fn idempotency(&mut self) -> &mut dyn ReadIdempotency {
        self
    }
    fn audit(&mut self) -> &mut dyn ReadAudit {
        self
    }
    fn changes(&mut self) -> &mut dyn ReadChanges {
        self
    }
    fn moves(&mut self) -> &mut dyn ReadMoves {
        self
    }
    fn views(&mut self) -> &mut dyn ReadViews {
        self
    }
    fn reports(&mut self) -> &mut dyn ReadReports {
        self
    }
    fn report_messages(&mut self) -> &mut dyn ReadReportMessages {
        self
    }
    fn attachments(&mut self) -> &mut dyn ReadAttachments {
        self
    }
    fn appeals(&mut self) -> &mut dyn ReadAppeals {
        self
    }
    fn ledger(&mut self) -> &mut dyn ReadLedger {
        self
    }
    fn notices(&mut self) -> &mut dyn ReadNotices {
        self
    }
    fn digests(&mut self) -> &mut dyn ReadDigests {
        self
    }
    fn credits(&mut self) -> &mut dyn ReadCredits {
        self
    }
    fn containments(&mut self) -> &mut dyn ReadContainments {
        self
    }
    fn runs(&mut self) -> &mut dyn ReadRuns {
        self
    }
    fn delegations(&mut self) -> &mut dyn ReadDelegations {
        self
    }
    fn letters(&mut self) -> &mut dyn ReadLetters {
        self
    }
}

#[async_trait]
impl UnitOfWork for Session {
    fn incidents(&mut self) -> &mut dyn Incidents {
        self
    }
    fn findings(&mut self) -> &mut dyn Findings {
        self
    }
    fn comments(&mut self) -> &mut dyn Comments {
        self
    }
    fn tokens(&mut self) -> &mut dyn Tokens {
        self
    }
    fn sources(&mut self) -> &mut dyn Sources {
        self
    }
    fn people(&mut self) -> &mut dyn People {
        self
    }
    fn sessions(&mut self) -> &mut dyn Sessions {
        self
    }
    fn links(&mut self) -> &mut dyn Links {
        self
    }
    fn rules(&mut self) -> &mut dyn Rules {
        self
    }
    fn positions(&mut self) -> &mut dyn Positions {
        self
    }
    fn dead_letters(&mut self) -> &mut dyn DeadLetters {
        self
    }
    fn idempotency(&mut self) -> &mut dyn Idempotency {
        self
    }
    fn audit(&mut self) -> &mut dyn Audit {
        self
    }
    fn changes(&mut self) -> &mut dyn Changes {
        self
    }
    fn moves(&mut self) -> &mut dyn Moves {
        self
    }
    fn views(&mut self) -> &mut dyn Views {
        self
    }
    fn reports(&mut self) -> &mut dyn Reports {
        self
    }
    fn report_messages(&mut self) -> &mut dyn ReportMessages {
        self
    }
    fn attachments(&mut self) -> &mut dyn Attachments {
        self
    }
    fn appeals(&mut self) -> &mut dyn Appeals {
        self
    }
    fn ledger(&mut self) -> &mut dyn ReadLedger {
        self
    }
    fn notices(&mut self) -> &mut dyn Notices {
        self
    }
    fn digests(&mut self) -> &mut dyn Digests {
        self
    }
    fn credits(&mut self) -> &mut dyn Credits {
        self
    }
    fn containments(&mut self) -> &mut dyn Containments {
        self
    }
    fn runs(&mut self) -> &mut dyn Runs {
        self
    }
    fn delegations(&mut self) -> &mut dyn Delegations {
        self
    }
    fn letters(&mut self) -> &mut dyn Letters {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let this = *self;
        if this.broken {
            return Err(StoreError::Aborted);
        }
        // a task of its own: once begun, a commit is seen through and announced, also when nobody waits for it
        let committing = tokio::spawn(async move {
            this.tx.commit().await.map_err(failed("committing a unit of work"))?;
            if let Some(newest) = this.changed {
                this.committed.send_if_modified(|known| {
                    let grown = newest > *known;
                    *known = newest.max(*known);
                    grown
                });
            }
            Ok(())
        });
        let lost = |e: tokio::task::JoinError| StoreError::Backend { doing: "committing", source: e.into() };
        committing.await.map_err(lost)?
    }
}
