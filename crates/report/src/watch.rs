//! Watches reports as they come: rings, and what automation may accept.
//!
//! **Invariant:** it holds back automation and nothing else: a report that it could not look at goes its way to a person.

use crate::corroboration::case_of;
use crate::decision_table::ReporterKind;
use crate::finding::SOURCE;
use crate::ring::{Detector, Notice, Observation, Verdict};
use crate::similarity::Signature;
use crate::{Error, ReportDesk, Telemetry};
use model::{
    AuditRecord, Clock, Entropy, NoticeId, NoticeKind, Principal, Report, ReportId, ReportNotice, Reporter,
};
use ports::store::{
    NOTICE_REPORTS_MAX, PAGE_ITEMS_MAX, PageRequest, ReportFilter, Snapshot, Store, StoreError,
};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// So much of the past is looked at when it begins: 28 days.
pub const REMEMBERED_MS: i64 = 28 * 86_400_000;
/// Most reports of the past that are looked at, the latest.
pub const REMEMBERED_REPORTS_MAX: usize = 20_000;
/// Batches that wait to be looked at.
pub(crate) const BATCHES_MAX: usize = 16;

/// Looks at reports in the order in which they were published.
pub(crate) struct Watch {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    desk: ReportDesk,
    telemetry: Telemetry,
    detector: Detector,
    /// Those of the past that were taken in; one that is published meanwhile counts once.
    remembered: HashSet<ReportId>,
}

/// What of a report is kept until it is its turn.
struct Seen {
    id: ReportId,
    service: Option<String>,
    region: String,
    automation_held: bool,
    subject: String,
    observation: Observation,
}

impl Watch {
    /// Nothing looked at yet.
    pub(crate) fn new(desk: ReportDesk, telemetry: Telemetry) -> Self {
        let options = &desk.options;
        Self {
            store: Arc::clone(&options.store),
            clock: Arc::clone(&options.clock),
            entropy: Arc::clone(&options.entropy),
            telemetry,
            detector: Detector::new(),
            remembered: HashSet::new(),
            desk,
        }
    }

    /// Looks at what comes until `shutdown`, or nothing can come any more.
    pub(crate) async fn run(
        mut self,
        mut published: mpsc::Receiver<Vec<Report>>,
        shutdown: CancellationToken,
    ) {
        if let Err(error) = self.remember().await {
            tracing::warn!(%error, "reports of the past were not looked at: rings show later");
        }
        loop {
            let reports = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                reports = published.recv() => reports,
            };
            let Some(reports) = reports else { return };
            for report in reports {
                if let Err(error) = self.look(&report).await {
                    tracing::warn!(%error, report = %report.id, "a report was not looked at; people see it all the same");
                }
            }
        }
    }

    /// Takes in the past, so that rates and rings are known after a restart, and tells what was not told before it.
    async fn remember(&mut self) -> Result<(), Error> {
        let since_ms = self.clock.now_ms().saturating_sub(REMEMBERED_MS);
        let filter = ReportFilter { since_ms: Some(since_ms), ..ReportFilter::default() };
        let (mut past, mut page) = (Vec::new(), PageRequest::first(PAGE_ITEMS_MAX));
        while past.len() < REMEMBERED_REPORTS_MAX {
            let mut state = self.store.read().await?;
            let found = state.reports().list(&filter, &page).await?;
            for report in &found.items {
                // what is not on the log yet comes by itself
                if state.reports().position(report.id).await?.is_some() {
                    past.push(seen(&mut *state, report).await?);
                }
            }
            let Some(next) = found.next else { break };
            page = PageRequest::after(PAGE_ITEMS_MAX, next);
        }
        for seen in past.into_iter().rev() {
            self.remembered.insert(seen.id);
            self.observe(seen).await?;
        }
        Ok(())
    }

    /// Looks at one report that was published.
    async fn look(&mut self, report: &Report) -> Result<(), Error> {
        if self.remembered.contains(&report.id) {
            return Ok(());
        }
        let mut state = self.store.read().await?;
        let seen = seen(&mut *state, report).await?;
        drop(state);
        let hold_automation = self.observe(seen).await?;
        let case = case_of(report);
        // of what could be accepted at all, the desk looks for telemetry
        if !hold_automation && case.reporter != ReporterKind::Anonymous && report.state.is_open() {
            self.desk.accept_by_automation(report.id).await?;
        }
        Ok(())
    }

    /// Shows the detector a report, tells moderators of a ring and keeps automation from its reports; says whether it rests.
    async fn observe(&mut self, seen: Seen) -> Result<bool, Error> {
        let Seen { id, service, region, automation_held, subject, observation } = seen;
        let Verdict { ring, hold_automation, notice, .. } = self.detector.observe(&subject, observation);
        if let Some(notice) = notice {
            self.tell(service, region, notice).await?;
        }
        if let Some(ring) = ring.filter(|_| !automation_held) {
            let mut unit = self.store.begin().await?;
            unit.notices().join(&ring, id).await?;
            unit.commit().await?;
        }
        Ok(hold_automation)
    }

    /// Tells moderators of a ring.
    async fn tell(&self, service: Option<String>, region: String, notice: Notice) -> Result<(), Error> {
        let reports: Vec<ReportId> = notice.reports.iter().filter_map(|id| id.parse().ok()).collect();
        let skipped = reports.len().saturating_sub(NOTICE_REPORTS_MAX);
        let told = ReportNotice {
            id: NoticeId::new(&*self.clock, &*self.entropy),
            kind: NoticeKind::Ring,
            key: notice.key,
            service,
            score: notice.score,
            reports: reports.into_iter().skip(skipped).collect(),
            features: serde_json::to_value(notice.features).unwrap_or_default(),
            region,
            at_ms: notice.at_ms,
            acknowledged_by: None,
            acknowledged_at_ms: None,
        };
        let principal = Principal::System { part: SOURCE.to_owned() };
        let audit = AuditRecord::new(&*self.clock, &*self.entropy, principal, "report_notice.raise", told.id);
        let after = json!({ "service": told.service, "score": told.score, "reports": told.reports.len() });
        let mut unit = self.store.begin().await?;
        let new = unit.notices().add(&told, &AuditRecord { after, ..audit }).await?;
        unit.commit().await?;
        if new {
            self.telemetry.notices.inc();
            tracing::info!(service = ?told.service, score = told.score, "reports look arranged; automation rests");
        }
        Ok(())
    }
}

/// The report as the detector sees it.
async fn seen(state: &mut dyn Snapshot, report: &Report) -> Result<Seen, StoreError> {
    let since_ms = match &report.reporter {
        Reporter::Anonymous => None,
        Reporter::Person { id } => state.people().get(*id).await?.map(|person| person.created_at_ms),
        Reporter::Token { id, .. } => state.tokens().get(*id).await?.map(|token| token.created_at_ms),
    };
    let signature = report.similarity.and_then(|similarity| Signature::from_bytes(&similarity.to_bytes()));
    let observation = Observation {
        report: report.id.to_string(),
        reporter: report.reporter.key(),
        account_age_ms: since_ms.map(|since_ms| report.created_at_ms.saturating_sub(since_ms)),
        at_ms: report.created_at_ms,
        signature: signature.unwrap_or_else(|| Signature::of("")),
    };
    Ok(Seen {
        id: report.id,
        service: report.service.clone(),
        region: report.region.clone(),
        automation_held: report.automation_held,
        subject: report.service.clone().unwrap_or_else(|| format!("form:{}", report.form)),
        observation,
    })
}
