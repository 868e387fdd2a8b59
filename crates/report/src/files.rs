//! Files with reports, and the view that a receipt opens.

use crate::attachment::{Kind, Refusal, inspect};
use crate::incident::{Added, incident_for_reporter};
use crate::view::{ReceiptParts, ReceiptView};
use crate::{Actor, DecisionError, Error, ReportDesk};
use bytes::Bytes;
use model::{Attachment, AttachmentId, AttachmentState, Report, ReportId, ReportState, Reporter};
use ports::blobs;
use ports::store::{PAGE_ITEMS_MAX, PageRequest, StoreError, UnitOfWork};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// So often bytes are looked for that nobody has and that stayed.
pub const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// What a receipt's view needs that the desk does not know.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// What the form is called.
    pub form_title: String,
    /// What the policy's reasons are called, by id.
    pub reason_titles: BTreeMap<String, String>,
    /// Who answers for the service; only for people with an account.
    pub owner_team: Option<String>,
    /// The proof that the submission is recorded.
    pub proof: Option<Value>,
}

impl ReportDesk {
    /// The report whose receipt's secret has this SHA-256, whether or not there is one: the same work either way.
    ///
    /// # Errors
    /// As all reads.
    pub async fn by_receipt(&self, secret_sha256: &[u8; 32]) -> Result<Option<Report>, Error> {
        Ok(self.options.store.read().await?.reports().by_receipt(secret_sha256).await?)
    }

    /// What the holder of the report's receipt sees.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn receipt(&self, id: ReportId, shown: &Shown) -> Result<ReceiptView, Error> {
        let mut state = self.options.store.read().await?;
        let found = state.reports().get(id).await?;
        let report = found.ok_or_else(|| StoreError::not_found("report", id))?;
        let messages = state.report_messages().public_of_report(id).await?;
        let attachments = state.attachments().of_report(id).await?;
        let appeals = state.appeals().of_report(id).await?;
        let incident = incident_for_reporter(&mut *state, &report).await?;
        let reason = report.decision.as_ref().and_then(|decision| decision.reason.as_ref());
        let parts = ReceiptParts {
            messages: &messages,
            attachments: &attachments,
            appeals: &appeals,
            incident: incident.as_ref(),
            owner_team: shown.owner_team.as_deref(),
            form_title: &shown.form_title,
            reason_title: reason.and_then(|reason| shown.reason_titles.get(reason)).map(String::as_str),
            proof: shown.proof.clone(),
            appeal_time: (self.options.clock.now_ms(), self.options.appeal_due_ms),
        };
        Ok(ReceiptView::of(&report, &parts))
    }

    /// Keeps a file with a report, without what it should not carry; text is masked. Its bytes are durable before anybody is
    /// told of it.
    ///
    /// # Errors
    /// [`Error::AttachmentRefused`], [`StoreError::NotFound`], [`StoreError::BadQuery`] for one too many, [`Error::Blob`],
    /// [`Error::Mask`], [`DecisionError::Decided`] for what was declined as spam.
    pub async fn attach(
        &self,
        actor: &Actor,
        id: ReportId,
        name: &str,
        sent: &[u8],
    ) -> Result<Attachment, Error> {
        let inspected = inspect(name, sent, self.options.attachment_bytes_max)?;
        let content = match (inspected.kind, String::from_utf8(inspected.bytes)) {
            (Kind::Text, Ok(text)) => Bytes::from(self.masked(&text)?),
            (_, Ok(text)) => Bytes::from(text),
            (_, Err(binary)) => Bytes::from(binary.into_bytes()),
        };
        let name = self.masked(&inspected.name)?;
        let blob = self.keep(content.clone()).await?;
        let kept = self.note_file(actor, id, (name, inspected.media_type.to_owned()), blob, content).await;
        if kept.is_err() {
            self.forget_unheld(&blob.sha256).await?;
        }
        self.announce(id);
        kept
    }

    async fn keep(&self, content: Bytes) -> Result<blobs::Blob, Error> {
        let bytes_max = content.len() as u64;
        Ok(self.options.blobs.put(blobs::whole(content), bytes_max).await?)
    }

    async fn note_file(
        &self,
        actor: &Actor,
        id: ReportId,
        (name, media_type): (String, String),
        blob: blobs::Blob,
        content: Bytes,
    ) -> Result<Attachment, Error> {
        let mut unit = self.options.store.begin().await?;
        let report = self.read(&mut *unit, id).await?;
        if self.is_spam(&report) {
            // the room that its files had is for others
            return Err(DecisionError::Decided { state: report.state }.into());
        }
        let region = report.region.clone();
        let is_guests = report.reporter == Reporter::Anonymous;
        if is_guests && unit.attachments().guests_bytes().await? + blob.bytes > self.options.guest_bytes_max {
            return Err(Refusal::Full.into());
        }
        // another report's twin may have been removed since the bytes were put; from here on nobody removes them
        if !self.options.blobs.holds(&blob.sha256).await? {
            self.keep(content).await?;
        }
        let attachment = Attachment {
            id: AttachmentId::new(&*self.options.clock, &*self.options.entropy),
            report: id,
            name,
            media_type,
            bytes: blob.bytes,
            sha256: blob.sha256,
            state: AttachmentState::Stored,
            region,
            at_ms: self.options.clock.now_ms(),
        };
        let mut audit = self.record(actor, "report.attach", id);
        audit.after = json!({ "attachment": attachment.id, "bytes": attachment.bytes,
            "media_type": attachment.media_type });
        unit.attachments().add(&attachment, &audit).await?;
        self.hear(&mut *unit, report, actor, &Added::File(&attachment.name)).await?;
        unit.commit().await?;
        Ok(attachment)
    }

    /// A file and its bytes; `None` if the report has no such file, or it was removed.
    ///
    /// # Errors
    /// [`Error::Blob`]; as all reads.
    pub async fn file(
        &self,
        report: ReportId,
        id: AttachmentId,
    ) -> Result<Option<(Attachment, Bytes)>, Error> {
        let found = self.options.store.read().await?.attachments().get(id).await?;
        let ours = |a: &Attachment| a.report == report && a.state == AttachmentState::Stored;
        let Some(attachment) = found.filter(ours) else { return Ok(None) };
        let content = self.options.blobs.get(&attachment.sha256).await?;
        Ok(content.map(|content| (attachment, content)))
    }

    /// Takes a file away. Its bytes go when no other report has the same.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`Error::Blob`].
    pub async fn remove_file(&self, actor: &Actor, report: ReportId, id: AttachmentId) -> Result<(), Error> {
        let mut unit = self.options.store.begin().await?;
        let found = unit.attachments().get(id).await?.filter(|attachment| attachment.report == report);
        let attachment = found.ok_or_else(|| StoreError::not_found("attachment", id))?;
        self.detach(&mut *unit, actor, &attachment).await?;
        unit.commit().await?;
        self.announce(report);
        self.forget_unheld(&attachment.sha256).await
    }

    async fn detach(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        attachment: &Attachment,
    ) -> Result<(), Error> {
        let mut audit = self.record(actor, "report.detach", attachment.report);
        audit.before = json!({ "attachment": attachment.id });
        Ok(unit.attachments().remove(attachment.id, &audit).await?)
    }

    /// Whether the report was declined for a reason that takes its files along.
    pub(crate) fn is_spam(&self, report: &Report) -> bool {
        let reason = report.decision.as_ref().and_then(|decision| decision.reason.as_deref());
        let reason = reason.and_then(|reason| self.options.policy.reason(reason));
        report.state == ReportState::Declined && reason.is_some_and(|reason| reason.drops_files)
    }

    /// Takes all files of a report away, so that others have the room.
    pub(crate) async fn drop_files(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        id: ReportId,
    ) -> Result<(), Error> {
        for attachment in unit.attachments().of_report(id).await? {
            if attachment.state == AttachmentState::Stored {
                self.detach(unit, actor, &attachment).await?;
            }
        }
        Ok(())
    }

    /// Removes the bytes of a report's files that a decision took away; after that decision is durable. What cannot be removed
    /// now counts for nobody, and goes with a later [`sweep_files`](Self::sweep_files).
    pub async fn forget_dropped(&self, report: &Report) {
        if !self.is_spam(report) {
            return;
        }
        let files = async { self.options.store.read().await?.attachments().of_report(report.id).await };
        match files.await {
            Ok(files) => {
                let removed = files.iter().filter(|file| file.state == AttachmentState::Removed);
                let removed: Vec<[u8; 32]> = removed.map(|file| file.sha256).collect();
                self.forget_each(&removed).await;
            }
            Err(error) => tracing::warn!(%error, "files of a report that was declined stay for now"),
        }
    }

    /// Removes the bytes of files that were removed where they are still there: what removed them was cut short, or could not.
    /// Returns how many went; those that cannot be removed are left for the next time.
    ///
    /// # Errors
    /// As all reads.
    pub async fn sweep_files(&self) -> Result<u64, Error> {
        let (mut gone, mut page) = (0, PageRequest::first(PAGE_ITEMS_MAX));
        loop {
            let unheld = self.options.store.read().await?.attachments().unheld(&page).await?;
            gone += self.forget_each(&unheld.items).await;
            let Some(next) = unheld.next else { return Ok(gone) };
            page = PageRequest::after(PAGE_ITEMS_MAX, next);
        }
    }

    /// Sweeps now, and each [`SWEEP_EVERY`] until `shutdown`.
    pub(crate) async fn sweep_until(&self, shutdown: CancellationToken) {
        loop {
            match self.sweep_files().await {
                Ok(0) => {}
                Ok(gone) => tracing::info!(gone, "bytes that no report has were removed"),
                Err(error) => tracing::warn!(%error, "bytes that no report has were not looked for"),
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
        }
    }

    /// Removes each of these bytes that is there and no report has; one that cannot be removed does not keep the others.
    async fn forget_each(&self, all: &[[u8; 32]]) -> u64 {
        let mut gone = 0;
        for sha256 in all {
            let forget = async {
                // most are gone; only for what is there the writer's turn is taken
                let is_there = self.options.blobs.holds(sha256).await?;
                if is_there {
                    self.forget_unheld(sha256).await?;
                }
                Ok::<bool, Error>(is_there)
            };
            match forget.await {
                Ok(is_there) => gone += u64::from(is_there),
                Err(error) => tracing::warn!(%error, "bytes that no report has stay for now"),
            }
        }
        gone
    }

    /// Removes bytes that no report has. The writer's turn is held meanwhile: nobody can come to have them.
    async fn forget_unheld(&self, sha256: &[u8; 32]) -> Result<(), Error> {
        let mut unit = self.options.store.begin().await?;
        if unit.attachments().holding(sha256).await? == 0 {
            self.options.blobs.delete(sha256).await?;
        }
        Ok(())
    }
}
