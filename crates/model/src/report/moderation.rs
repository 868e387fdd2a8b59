//! What comes of reports beside incidents: appeals, reputation, notices, digests, thanks.

use crate::{AppealId, DigestId, NoticeId, PersonId, Principal, ReportId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

named! {
    /// Who appeals.
    AppealBy {
        /// The reporter, by the receipt.
        Reporter = "reporter",
        /// Somebody of the service or team that the report is about.
        Subject = "subject",
    }
}

named! {
    /// Where an appeal stands.
    AppealState {
        /// Waits for another person than the one who decided.
        Open = "open",
        /// It was decided.
        Decided = "decided",
    }
}

named! {
    /// What became of an appeal.
    AppealOutcome {
        /// The decision stays.
        Upheld = "upheld",
        /// The decision and its effects are taken back.
        Overturned = "overturned",
    }
}

/// Somebody asks another person to look at a decision again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// Its name.
    pub id: AppealId,
    /// About which report.
    pub report: ReportId,
    /// Whose side.
    pub by: AppealBy,
    /// Who appealed; for a receipt's holder [`Principal::Guest`].
    pub appellant: Principal,
    /// Why, in their words; masked.
    pub reason: String,
    /// When the decision was taken that it is about: one appeal each.
    pub decision_at_ms: i64,
    /// When it was made, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it must be decided.
    pub due_at_ms: i64,
    /// Where it stands.
    pub state: AppealState,
    /// What became of it.
    pub outcome: Option<AppealOutcome>,
    /// To who appealed; masked.
    pub explanation: Option<String>,
    /// Who decided it. Never shown to the reporter.
    pub decided_by: Option<Principal>,
    /// When.
    pub decided_at_ms: Option<i64>,
    /// Where its data must be kept.
    pub region: String,
}

named! {
    /// What a decision says of a report, for reputation.
    Outcome {
        /// It became a finding.
        Accepted = "accepted",
        /// It belonged to an incident.
        Merged = "merged",
        /// It was declined.
        Declined = "declined",
    }
}

/// One outcome of a reporter's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Whose: [`Reporter::key`].
    pub reporter: String,
    /// The form's type.
    pub category: String,
    /// Of which report.
    pub report: ReportId,
    /// What became of it.
    pub outcome: Outcome,
    /// The reason's id where it was declined.
    pub reason: Option<String>,
    /// +1, 0 or −1.
    pub weight: i8,
    /// Where its data must be kept.
    pub region: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

named! {
    /// What moderators are told of.
    NoticeKind {
        /// Reports that look as if they were arranged.
        Ring = "ring",
    }
}

/// Something about several reports that moderators should look at; nothing is dropped for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportNotice {
    /// Its name.
    pub id: NoticeId,
    /// What it is.
    pub kind: NoticeKind,
    /// What makes it one: the same ring in the same window has the same key.
    pub key: String,
    /// The service that the reports are about.
    pub service: Option<String>,
    /// How sure, 0 to 1.
    pub score: f64,
    /// The reports.
    pub reports: Vec<ReportId>,
    /// What was measured.
    pub features: Value,
    /// Where its data must be kept.
    pub region: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// Who looked at it.
    pub acknowledged_by: Option<Principal>,
    /// When.
    pub acknowledged_at_ms: Option<i64>,
}

named! {
    /// Where a digest stands.
    DigestState {
        /// To be read before it goes out.
        Draft = "draft",
        /// Everybody may read it.
        Published = "published",
    }
}

/// What was reported in a while and what became of it, for everybody; numbers below a bound are left out of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// Its name.
    pub id: DigestId,
    /// From when, milliseconds since the epoch.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
    /// What it says.
    pub content: Value,
    /// Where it stands.
    pub state: DigestState,
    /// Who had it drafted.
    pub drafted_by: Principal,
    /// When.
    pub created_at_ms: i64,
    /// Who published it.
    pub published_by: Option<Principal>,
    /// When.
    pub published_at_ms: Option<i64>,
    /// Where its data must be kept.
    pub region: String,
}

/// How somebody wants to be thanked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// Who.
    pub person: PersonId,
    /// Under which name.
    pub display_name: Option<String>,
    /// Whether at all.
    pub shown: bool,
    /// Where its data must be kept.
    pub region: String,
    /// When they last said so.
    pub updated_at_ms: i64,
}
