//! What stands around a report: words, files, notices, appeals, incidents beside it. Times are RFC 3339, in UTC.

use super::view::{ReportSummary, hex, time};
use model::{Appeal, Attachment, Incident, MessageFrom, Principal, ReportMessage, ReportNotice};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Words on a report, as those who decide see them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReportMessageView {
    /// `msg_…`
    id: String,
    /// `reporter` or `team`.
    from: &'static str,
    /// Who wrote it; of the reporter's own only that it is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    /// Not shown to the reporter.
    internal: bool,
    /// Masked text.
    text: String,
    /// When.
    at: String,
}

/// A message; who of the team wrote it only for those who moderate.
pub(crate) fn message_view(message: ReportMessage, inside: bool) -> ReportMessageView {
    let author = ReportMessageView::from(message.clone()).author.filter(|_| inside);
    ReportMessageView { author, ..message.into() }
}

impl From<ReportMessage> for ReportMessageView {
    fn from(message: ReportMessage) -> Self {
        let author = match (message.from, &message.author) {
            // by a receipt it may be anybody who has it
            (MessageFrom::Reporter, _) | (_, Principal::Guest) => None,
            (MessageFrom::Team, author) => Some(author.name().to_owned()),
        };
        Self {
            id: message.id.to_string(),
            from: message.from.as_str(),
            author,
            internal: message.internal,
            text: message.text,
            at: time(message.at_ms),
        }
    }
}

/// A file that came with a report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AttachmentView {
    /// `att_…`
    id: String,
    /// What the reporter called it; masked.
    name: String,
    /// How many bytes are kept.
    bytes: u64,
    /// What its bytes are.
    media_type: String,
    /// Of the bytes that are kept, 64 hex digits.
    sha256: String,
    /// `stored` or `removed`.
    state: &'static str,
}

impl From<Attachment> for AttachmentView {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: attachment.id.to_string(),
            name: attachment.name,
            bytes: attachment.bytes,
            media_type: attachment.media_type,
            sha256: hex(&attachment.sha256),
            state: attachment.state.as_str(),
        }
    }
}

/// Several reports that moderators should look at together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NoticeView {
    /// `ntc_…`
    id: String,
    /// `ring`.
    kind: &'static str,
    /// The service that they are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// How sure, 0 to 1.
    score: f64,
    /// `rep_…`
    reports: Vec<String>,
    /// What was measured.
    #[schema(value_type = Object)]
    features: Value,
    /// When.
    at: String,
    /// Who looked at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
}

impl From<ReportNotice> for NoticeView {
    fn from(notice: ReportNotice) -> Self {
        Self {
            id: notice.id.to_string(),
            kind: notice.kind.as_str(),
            service: notice.service,
            score: notice.score,
            reports: notice.reports.iter().map(ToString::to_string).collect(),
            features: notice.features,
            at: time(notice.at_ms),
            acknowledged_by: notice.acknowledged_by.map(|who| who.name().to_owned()),
        }
    }
}

/// An appeal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AppealView {
    /// `apl_…`
    id: String,
    /// About which report.
    report: ReportSummary,
    /// `reporter` or `subject`.
    by: &'static str,
    /// Why; masked.
    reason: String,
    /// When it was made.
    created_at: String,
    /// When it must be decided.
    due_at: String,
    /// `open` or `decided`.
    state: &'static str,
    /// `upheld` or `overturned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// To who appealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

impl AppealView {
    pub(crate) fn of(appeal: Appeal, report: ReportSummary) -> Self {
        Self {
            id: appeal.id.to_string(),
            report,
            by: appeal.by.as_str(),
            reason: appeal.reason,
            created_at: time(appeal.created_at_ms),
            due_at: time(appeal.due_at_ms),
            state: appeal.state.as_str(),
            outcome: appeal.outcome.map(|outcome| outcome.as_str()),
            explanation: appeal.explanation,
        }
    }
}

/// An incident beside a report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BesideIncident {
    /// `inc_…`
    id: String,
    /// Its title.
    title: String,
    /// Where the work on it stands.
    status: &'static str,
    /// How grave it is.
    severity: &'static str,
}

impl From<&Incident> for BesideIncident {
    fn from(incident: &Incident) -> Self {
        Self {
            id: incident.id.to_string(),
            title: incident.shown_title().to_owned(),
            status: incident.status.as_str(),
            severity: incident.severity().as_str(),
        }
    }
}
