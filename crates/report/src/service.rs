//! Everything about reports that runs by itself, and what others call.

use crate::desk::DeskOptions;
use crate::group_commit::Writer;
use crate::intake::IntakeOptions;
use crate::publish::PublisherOptions;
use crate::watch::{BATCHES_MAX, Watch};
use crate::{Backlog, Intake, Publisher, ReportDesk};
use model::Report;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// What the service works with.
#[derive(Clone)]
pub struct Options {
    /// Where reports come in.
    pub intake: IntakeOptions,
    /// Where they are decided.
    pub desk: DeskOptions,
    /// Where they go on.
    pub publisher: PublisherOptions,
}

/// Takes reports in, keeps them, and puts them on the log.
pub struct Service {
    intake: Arc<Intake>,
    desk: ReportDesk,
    writer: Writer,
    publisher: Publisher,
    watch: Watch,
    backlog: Backlog,
    published: mpsc::Receiver<Vec<Report>>,
}

impl Service {
    /// A service that has not begun.
    pub fn new(options: Options) -> Self {
        let wake = Arc::new(Notify::new());
        let (intake, writer) = Intake::new(options.intake, Arc::clone(&wake));
        let desk = ReportDesk::new(options.desk, Arc::clone(&wake));
        let (sender, published) = mpsc::channel(BATCHES_MAX);
        let watch = Watch::new(desk.clone(), options.publisher.telemetry.clone());
        let PublisherOptions { store, clock, telemetry, .. } = &options.publisher;
        let backlog = Backlog::new(Arc::clone(store), Arc::clone(clock), telemetry.clone());
        let publisher = Publisher::new(options.publisher, wake).watched_by(sender);
        Self { intake: Arc::new(intake), desk, writer, publisher, watch, backlog, published }
    }

    /// Where reports come in.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// Where they are decided.
    pub fn desk(&self) -> ReportDesk {
        self.desk.clone()
    }

    /// Takes reports in until `shutdown`, and publishes nothing: somebody else on the same store does.
    pub async fn run_intake(self, shutdown: CancellationToken) {
        self.writer.run(shutdown).await;
    }

    /// Works until `shutdown`; what was put in the queue by then is written.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { desk, writer, publisher, watch, backlog, published, .. } = self;
        let publishing = publisher.run(shutdown.clone());
        let counting = backlog.run(shutdown.clone());
        let sweeping = desk.sweep_until(shutdown.clone());
        let watching = watch.run(published, shutdown.clone());
        tokio::join!(writer.run(shutdown), publishing, counting, sweeping, watching);
    }
}
