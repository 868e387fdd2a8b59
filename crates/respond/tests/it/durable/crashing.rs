//! A store and a remote side at which a worker is cut off: at the k-th point, before or after what it does there.

use super::emulator::Emulator;
use async_trait::async_trait;
use ports::Store;
use ports::store::*;
use respond::connector::{Answer, Remote, Request, Unanswered};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Counts the points that were passed, and cuts off at one of them.
#[derive(Debug)]
pub(crate) struct Fuse {
    left: AtomicI64,
    blown: Notify,
}

impl Fuse {
    /// Cuts off at the point of this number, counted from 0.
    pub(crate) fn at(point: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(point), blown: Notify::new() })
    }

    /// Passes a point; true if it is the one.
    fn blows(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 0
    }

    /// Tells that it is cut off, and lets that come before whatever this thread returns.
    fn blow(&self) {
        self.blown.notify_one();
        std::thread::sleep(Duration::from_millis(25));
    }

    /// Whether it was cut off.
    pub(crate) fn is_blown(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// The worker goes no further.
    async fn pass(&self) {
        if self.blows() {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Does the work until it is done, or cut off: then it is dropped where it stands.
    pub(crate) async fn until_blown<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.blown.notified() => None,
            done = work => Some(done),
        }
    }
}

/// The same store, with points at the beginning of a unit and on both sides of its commit.
pub(crate) struct CrashingStore(pub(crate) Arc<dyn Store>, pub(crate) Arc<Fuse>);

#[async_trait]
impl Store for CrashingStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.1.pass().await;
        Ok(Box::new(CrashingUnit(self.0.begin().await?, Arc::clone(&self.1))))
    }

    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.0.read().await
    }

    async fn wait_for_change(&self, after: ChangeSeq) -> Result<ChangeSeq, StoreError> {
        self.0.wait_for_change(after).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.0.check().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

struct CrashingUnit(Box<dyn UnitOfWork>, Arc<Fuse>);

macro_rules! passed_on {
    ($($name:ident: $noun:ident,)+) => {
        #[async_trait]
        impl UnitOfWork for CrashingUnit {
            $(fn $name(&mut self) -> &mut dyn $noun {
                self.0.$name()
            })+

            async fn commit(self: Box<Self>) -> Result<(), StoreError> {
                self.1.pass().await;
                self.0.commit().await?;
                self.1.pass().await;
                Ok(())
            }
        }
    };
}

passed_on! {
    incidents: Incidents,
    findings: Findings,
    comments: Comments,
    tokens: Tokens,
    sources: Sources,
    people: People,
    sessions: Sessions,
    links: Links,
    rules: Rules,
    positions: Positions,
    dead_letters: DeadLetters,
    idempotency: Idempotency,
    audit: Audit,
    changes: Changes,
    moves: Moves,
    views: Views,
    reports: Reports,
    report_messages: ReportMessages,
    attachments: Attachments,
    appeals: Appeals,
    ledger: ReadLedger,
    notices: Notices,
    digests: Digests,
    credits: Credits,
    containments: Containments,
    runs: Runs,
    delegations: Delegations,
    letters: Letters,
}

/// The same remote side, with points before a request arrives and before its answer does.
pub(crate) struct CrashingRemote(pub(crate) Emulator, pub(crate) Arc<Fuse>);

impl Remote for CrashingRemote {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        if self.1.blows() {
            self.1.blow();
            return Err(Unanswered::Lost("cut off before".into()));
        }
        let answer = self.0.send(request);
        if self.1.blows() {
            self.1.blow();
            return Err(Unanswered::Lost("cut off after".into()));
        }
        answer
    }
}
