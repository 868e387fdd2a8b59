//! What comes of reports for everybody: notices to moderators, digests, thanks.

use crate::appeals::person_of;
use crate::credit;
use crate::digest::{self, DigestRow};
use crate::{Actor, DecisionError, Error, ReportDesk};
use model::{
    Credit, Digest, DigestId, DigestState, NoticeId, PersonId, Report, ReportNotice, ReportState, Severity,
};
use ports::store::{PAGE_ITEMS_MAX, PageRequest, ReportFilter, Snapshot, StoreError, UnitOfWork};
use serde_json::json;

/// Most reports of one digest.
pub const DIGEST_REPORTS_MAX: usize = 100_000;
/// Longest time that a digest is about, in milliseconds.
pub const DIGEST_MS_MAX: i64 = 366 * 86_400_000;

impl ReportDesk {
    /// Notes that somebody looked at a notice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn acknowledge_notice(&self, actor: &Actor, id: NoticeId) -> Result<ReportNotice, Error> {
        let mut unit = self.options.store.begin().await?;
        let audit = self.record(actor, "report_notice.acknowledge", id);
        unit.notices().acknowledge(id, &actor.principal, audit.at_ms, &audit).await?;
        let notice = unit.notices().get(id).await?.ok_or_else(|| StoreError::not_found("notice", id))?;
        unit.commit().await?;
        Ok(notice)
    }

    /// Makes a draft of a digest of what was decided in a while, and keeps it.
    ///
    /// # Errors
    /// [`Error::Digest`] for a time that is none, or too many reports.
    pub async fn draft_digest(&self, actor: &Actor, from_ms: i64, to_ms: i64) -> Result<Digest, Error> {
        check_time(from_ms, to_ms)?;
        let rows = self.digest_rows(from_ms, to_ms).await?;
        let mask = |text: &str| self.masked(text).unwrap_or_default();
        let content = digest::draft(&rows, from_ms, to_ms, self.options.digest_k, &mask);
        let content = serde_json::to_value(content).map_err(|e| Error::Digest { reason: e.to_string() })?;
        let digest = Digest {
            id: DigestId::new(&*self.options.clock, &*self.options.entropy),
            from_ms,
            to_ms,
            content,
            state: DigestState::Draft,
            drafted_by: actor.principal.clone(),
            created_at_ms: self.options.clock.now_ms(),
            published_by: None,
            published_at_ms: None,
            region: "default".to_owned(),
        };
        let mut audit = self.record(actor, "digest.draft", digest.id);
        audit.after = json!({ "from_ms": from_ms, "to_ms": to_ms });
        let mut unit = self.options.store.begin().await?;
        unit.digests().add(&digest, &audit).await?;
        unit.commit().await?;
        Ok(digest)
    }

    /// Reports that were decided in that time: no older than the longest digest before it.
    async fn digest_rows(&self, from_ms: i64, to_ms: i64) -> Result<Vec<DigestRow>, Error> {
        let filter = ReportFilter {
            states: vec![ReportState::Accepted, ReportState::Merged, ReportState::Declined],
            since_ms: Some(from_ms.saturating_sub(DIGEST_MS_MAX)),
            until_ms: Some(to_ms),
            ..ReportFilter::default()
        };
        let (mut rows, mut page) = (Vec::new(), PageRequest::first(PAGE_ITEMS_MAX));
        loop {
            let found = self.options.store.read().await?.reports().list(&filter, &page).await?;
            rows.extend(found.items.iter().filter_map(digest_row));
            let Some(next) = found.next else { return Ok(rows) };
            if rows.len() > DIGEST_REPORTS_MAX {
                let reason = format!("more than {DIGEST_REPORTS_MAX} reports; make digests of shorter times");
                return Err(Error::Digest { reason });
            }
            page = PageRequest::after(PAGE_ITEMS_MAX, next);
        }
    }

    /// Publishes a draft as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for one that was published.
    pub async fn publish_digest(&self, actor: &Actor, id: DigestId) -> Result<Digest, Error> {
        let mut unit = self.options.store.begin().await?;
        let draft = unit.digests().get(id).await?.filter(|digest| digest.state == DigestState::Draft);
        let draft = draft.ok_or_else(|| StoreError::not_found("draft of a digest", id))?;
        self.check_apart(&mut *unit, &draft).await?;
        let audit = self.record(actor, "digest.publish", id);
        let digest = Digest {
            state: DigestState::Published,
            published_by: Some(actor.principal.clone()),
            published_at_ms: Some(audit.at_ms),
            ..draft
        };
        unit.digests().publish(&digest, &audit).await?;
        unit.commit().await?;
        Ok(digest)
    }

    /// Refuses a digest of a time that a published one tells of: two that differ by a day tell what the day was.
    async fn check_apart(&self, unit: &mut dyn UnitOfWork, draft: &Digest) -> Result<(), Error> {
        let overlaps = |other: &&Digest| other.from_ms < draft.to_ms && draft.from_ms < other.to_ms;
        let mut page = PageRequest::first(PAGE_ITEMS_MAX);
        loop {
            let published = unit.digests().list(DigestState::Published, &page).await?;
            if let Some(other) = published.items.iter().find(overlaps) {
                let reason = format!(
                    "its time overlaps that of {}, which is published: both together would tell single reports",
                    other.id
                );
                return Err(Error::Digest { reason });
            }
            let Some(next) = published.next else { return Ok(()) };
            page = PageRequest::after(PAGE_ITEMS_MAX, next);
        }
    }

    /// Writes how a person wants to be thanked.
    ///
    /// # Errors
    /// [`DecisionError::NotAPerson`], [`DecisionError::DisplayName`].
    pub async fn set_credit(
        &self,
        actor: &Actor,
        display_name: Option<String>,
        shown: bool,
    ) -> Result<Credit, Error> {
        let person = person_of(actor, "say how to be thanked")?;
        let display_name = display_name.as_deref().map(credit::display_name).transpose();
        let display_name = display_name.map_err(DecisionError::from)?;
        let region = self.region_of(person).await?;
        let credit =
            Credit { person, display_name, shown, region, updated_at_ms: self.options.clock.now_ms() };
        let mut audit = self.record(actor, "credit.set", person);
        audit.after = json!({ "shown": shown });
        let mut unit = self.options.store.begin().await?;
        unit.credits().set(&credit, &audit).await?;
        unit.commit().await?;
        Ok(credit)
    }

    /// Those who want to be thanked, for what their reports were worth, the most first.
    ///
    /// # Errors
    /// As all reads.
    pub async fn thanked(&self) -> Result<Vec<credit::Credit>, Error> {
        let mut state = self.options.store.read().await?;
        let mut worths = Vec::new();
        for (said, _) in state.credits().shown().await? {
            let mut entries = Vec::new();
            for held in state.ledger().of_reporter(&said.person.to_string()).await? {
                let Some(report) = state.reports().get(held.report).await?.filter(|_| held.weight > 0) else {
                    continue;
                };
                entries.push(worth_of(&mut *state, &report).await?);
            }
            worths.push((said, entries));
        }
        let creditors: Vec<credit::Creditor<'_>> = worths
            .iter()
            .map(|(said, entries)| credit::Creditor {
                display_name: said.display_name.as_deref(),
                shown: said.shown,
                entries,
            })
            .collect();
        Ok(credit::thanks(&creditors, self.options.clock.now_ms()))
    }

    async fn region_of(&self, person: PersonId) -> Result<String, Error> {
        let found = self.options.store.read().await?.people().get(person).await?;
        Ok(found.map_or_else(|| "default".to_owned(), |person| person.region))
    }
}

/// What an accepted or merged report was worth.
async fn worth_of(state: &mut dyn Snapshot, report: &Report) -> Result<credit::CreditEntry, StoreError> {
    let decision = report.decision.as_ref();
    let (mut severity, mut first) = (decision.and_then(|decision| decision.severity), true);
    if let Some(id) = report.incident {
        if severity.is_none() {
            severity = state.incidents().get(id).await?.map(|incident| incident.severity());
        }
        let of_incident = state.reports().of_incident(id).await?;
        first = of_incident.iter().all(|other| other.created_at_ms >= report.created_at_ms);
    }
    Ok(credit::CreditEntry {
        at_ms: decision.map_or(report.created_at_ms, |decision| decision.at_ms),
        severity: severity.unwrap_or(Severity::Low),
        first,
        telemetry_match: report.provenance.telemetry_match,
    })
}

fn digest_row(report: &Report) -> Option<DigestRow> {
    let decision = report.decision.as_ref()?;
    Some(DigestRow {
        form: report.form.clone(),
        service: report.service.clone(),
        reporter: report.reporter.key(),
        accepted: matches!(report.state, ReportState::Accepted | ReportState::Merged),
        at_ms: decision.at_ms,
        lesson: decision.lesson.clone(),
    })
}

/// Refuses a time that ends before it begins, or is too long.
pub(crate) fn check_time(from_ms: i64, to_ms: i64) -> Result<(), Error> {
    if from_ms < to_ms && to_ms.saturating_sub(from_ms) <= DIGEST_MS_MAX {
        return Ok(());
    }
    let reason = "a digest is about a time that ends after it begins and is at most 366 days long";
    Err(Error::Digest { reason: reason.to_owned() })
}
