//! Everything about reports that runs by itself, and what others call.

use crate::desk::DeskOptions;
use crate::group_commit::Writer;
use crate::intake::IntakeOptions;
use crate::publish::PublisherOptions;
use crate::{Intake, Publisher, ReportDesk};
use std::sync::Arc;
use tokio::sync::Notify;
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
}

impl Service {
    /// A service that has not begun.
    pub fn new(options: Options) -> Self {
        let wake = Arc::new(Notify::new());
        let (intake, writer) = Intake::new(options.intake, Arc::clone(&wake));
        let desk = ReportDesk::new(options.desk, Arc::clone(&wake));
        let publisher = Publisher::new(options.publisher, wake);
        Self { intake: Arc::new(intake), desk, writer, publisher }
    }

    /// Where reports come in.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// Where they are decided.
    pub fn desk(&self) -> ReportDesk {
        self.desk.clone()
    }

    /// Works until `shutdown`; what was put in the queue by then is written.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { intake, desk, writer, publisher } = self;
        drop((intake, desk));
        tokio::join!(writer.run(shutdown.clone()), publisher.run(shutdown));
    }
}
