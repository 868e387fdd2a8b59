//! What the holder of a receipt sees.
//!
//! **Invariant:** a [`ReceiptView`] is made of a report, of messages that are public by their type, and of names that
//! the caller chose to show. No internal note, no moderator's name and no person's id can come into it: it takes none.

use crate::decision::can_appeal;
use jiff::Timestamp;
use model::{
    Appeal, AppealBy, AppealState, Attachment, AttachmentState, Incident, MessageFrom, PublicMessage, Report,
    ReportState, Status, Verdict,
};
use serde::Serialize;
use serde_json::Value;

/// What is shown beside the report itself.
#[derive(Debug, Clone, Default)]
pub struct ReceiptParts<'a> {
    /// What was said, as the reporter may see it.
    pub messages: &'a [PublicMessage],
    /// The reporter's files.
    pub attachments: &'a [Attachment],
    /// Every appeal about the report.
    pub appeals: &'a [Appeal],
    /// The incident that it belongs to, if its reporter may know of it. When it changed last is not told: the team's
    /// comings and goings are its own.
    pub incident: Option<&'a Incident>,
    /// Who answers for the service; only for people with an account.
    pub owner_team: Option<&'a str>,
    /// What the form is called.
    pub form_title: &'a str,
    /// What the decision's reason is called in the policy.
    pub reason_title: Option<&'a str>,
    /// The proof that the submission is recorded.
    pub proof: Option<Value>,
    /// Now, and how long one may appeal, in milliseconds.
    pub appeal_time: (i64, i64),
}

/// What the holder of a receipt sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiptView {
    id: String,
    form: String,
    form_title: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    state: &'static str,
    state_text: &'static str,
    submitted_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update_due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<IncidentShown>,
    messages: Vec<MessageShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appeal: Option<AppealShown>,
    can_appeal: bool,
    attachments: Vec<AttachmentShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Value>,
    claimed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct DecisionShown {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_title: Option<String>,
    policy_version: String,
    note: String,
    decided_at: String,
    by_automation: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct IncidentShown {
    status: &'static str,
    contained: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct MessageShown {
    id: String,
    from: &'static str,
    text: String,
    at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct AppealShown {
    state: &'static str,
    due_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct AttachmentShown {
    id: String,
    name: String,
    bytes: u64,
    media_type: String,
    sha256: String,
    state: &'static str,
}

impl ReceiptView {
    /// The view of a report.
    pub fn of(report: &Report, parts: &ReceiptParts<'_>) -> Self {
        // what the subject appeals is between them and those who decide, until it changes the report
        let appeal =
            parts.appeals.iter().filter(|a| a.by == AppealBy::Reporter).max_by_key(|a| a.created_at_ms);
        Self {
            id: report.id.to_string(),
            form: report.form.clone(),
            form_title: parts.form_title.to_owned(),
            title: report.title.clone(),
            service: report.service.clone(),
            state: report.state.as_str(),
            state_text: state_text(report.state),
            submitted_at: time(report.created_at_ms),
            updated_at: time(report.updated_at_ms),
            next_update_due: report.next_update_due_ms.map(time),
            owner_team: parts.owner_team.map(str::to_owned),
            decision: report.decision.as_ref().map(|decision| DecisionShown {
                kind: decision.kind.as_str(),
                reason: decision.reason.clone(),
                reason_title: parts.reason_title.map(str::to_owned),
                policy_version: decision.policy_version.clone(),
                note: decision.note.clone(),
                decided_at: time(decision.at_ms),
                by_automation: decision.automation,
            }),
            incident: parts.incident.map(incident_shown),
            messages: parts.messages.iter().map(message_shown).collect(),
            appeal: appeal.map(appeal_shown),
            can_appeal: can_appeal(report, AppealBy::Reporter, parts.appeals, parts.appeal_time).is_ok(),
            attachments: parts.attachments.iter().map(attachment_shown).collect(),
            proof: parts.proof.clone(),
            claimed: report.claimed,
        }
    }
}

/// What a state means to the reporter, in a sentence.
pub const fn state_text(state: ReportState) -> &'static str {
    match state {
        // that automation waits changes nothing for the reporter, and is no verdict on them
        ReportState::Held | ReportState::Received => "We have it. A person will look at it.",
        ReportState::NeedsInfo => "We have a question. Please answer below.",
        ReportState::Accepted => "You were right to tell us. It is being worked on as an incident.",
        ReportState::Merged => "It belongs to something that is being worked on already.",
        ReportState::Declined => "We decided not to act on it. The reason is below, and you can appeal.",
        ReportState::Withdrawn => "You took it back.",
    }
}

fn incident_shown(incident: &Incident) -> IncidentShown {
    IncidentShown {
        status: incident.status.as_str(),
        contained: incident.status == Status::Resolved && incident.verdict == Some(Verdict::TruePositive),
    }
}

fn message_shown(message: &PublicMessage) -> MessageShown {
    MessageShown {
        id: message.id.to_string(),
        from: match message.from {
            MessageFrom::Reporter => "you",
            MessageFrom::Team => "team",
        },
        text: message.text.clone(),
        at: time(message.at_ms),
    }
}

fn appeal_shown(appeal: &Appeal) -> AppealShown {
    let decided = appeal.state == AppealState::Decided;
    AppealShown {
        state: appeal.state.as_str(),
        due_at: time(appeal.due_at_ms),
        outcome: appeal.outcome.filter(|_| decided).map(|outcome| outcome.as_str()),
        explanation: appeal.explanation.clone().filter(|_| decided),
    }
}

fn attachment_shown(attachment: &Attachment) -> AttachmentShown {
    AttachmentShown {
        id: attachment.id.to_string(),
        name: attachment.name.clone(),
        bytes: attachment.bytes,
        media_type: attachment.media_type.clone(),
        sha256: hex(&attachment.sha256),
        state: match attachment.state {
            AttachmentState::Stored => "stored",
            AttachmentState::Removed => "removed",
        },
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339, in UTC; a time that no calendar has is the epoch.
pub(crate) fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string()
}
