//! What workers do, counted and logged.

use model::{Containment, ContainmentState};
use ports::Store;
use ports::store::{ContainmentFilter, PAGE_ITEMS_MAX, PageRequest, StoreError};
use respond::Advanced;
use respond::contain::Moved;
use server::ContainTelemetry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// How often it is counted what waits.
const COUNT_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Watch {
    pub(super) store: Arc<dyn Store>,
    pub(super) telemetry: ContainTelemetry,
    pub(super) heard: UnboundedReceiver<Advanced>,
}

impl Watch {
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        loop {
            let done = tokio::select! {
                () = shutdown.cancelled() => return,
                heard = self.heard.recv() => match heard {
                    Some(Advanced::Containment(moved)) => self.moved(&moved).await,
                    Some(Advanced::Run(run)) => {
                        tracing::debug!(run = %run.id, from = run.from.as_str(), to = run.to.as_str(), "a run went on");
                        Ok(())
                    }
                    None => return,
                },
                _ = ticks.tick() => self.count().await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "containments were not counted");
            }
        }
    }

    async fn moved(&self, moved: &Moved) -> Result<(), StoreError> {
        let (id, from, to) = (moved.id, moved.from, moved.to);
        let (action, target) = (&moved.action, &moved.target);
        match moved.said {
            Some("containment.ending") => {
                self.telemetry.told("ending");
                tracing::warn!(%id, action, target, "a containment ends soon and is taken back unless somebody keeps it");
            }
            Some("containment.remind") => {
                self.telemetry.told("unknown");
                let problem = moved.problem.as_deref().unwrap_or_default();
                tracing::error!(%id, action, target, problem, "still nobody can tell whether a containment took effect");
            }
            _ => {}
        }
        if from == to {
            return Ok(());
        }
        self.telemetry.moved(Some(from), to);
        match (to, &moved.problem) {
            (ContainmentState::Unknown, problem) => {
                self.telemetry.told("unknown");
                let problem = problem.as_deref().unwrap_or_default();
                tracing::error!(%id, action, target, problem, "nobody can tell whether a containment took effect");
            }
            (ContainmentState::Failed, problem) => {
                let problem = problem.as_deref().unwrap_or_default();
                tracing::warn!(%id, action, target, problem, "a containment failed");
            }
            _ => tracing::info!(%id, action, target, from = from.as_str(), to = to.as_str(), "containment"),
        }
        if to == ContainmentState::Verified {
            self.verified(moved).await?;
        }
        Ok(())
    }

    async fn verified(&self, moved: &Moved) -> Result<(), StoreError> {
        let mut snapshot = self.store.read().await?;
        let Some(row) = snapshot.containments().get(moved.id).await? else { return Ok(()) };
        let at_ms = verified_at_ms(&row);
        let opened_ms = match row.incident {
            Some(id) => snapshot.incidents().get(id).await?.map(|incident| incident.created_at_ms),
            None => None,
        };
        self.telemetry.verified(at_ms - row.created_at_ms, opened_ms.map(|opened_ms| at_ms - opened_ms));
        Ok(())
    }

    async fn count(&self) -> Result<(), StoreError> {
        let page = PageRequest::first(PAGE_ITEMS_MAX);
        let mut snapshot = self.store.read().await?;
        let mut counts = [0; 2];
        for (count, state) in
            counts.iter_mut().zip([ContainmentState::AwaitingApproval, ContainmentState::Unknown])
        {
            let filter = ContainmentFilter { states: vec![state], ..ContainmentFilter::default() };
            *count = snapshot.containments().list(&filter, &page).await?.items.len();
        }
        let [awaiting, unknown] = counts;
        self.telemetry.standing(awaiting, unknown);
        Ok(())
    }
}

/// When it was first seen to have taken effect.
fn verified_at_ms(row: &Containment) -> i64 {
    let step = row.history.iter().find(|step| step.state == ContainmentState::Verified);
    step.map_or(row.updated_at_ms, |step| step.at_ms)
}
