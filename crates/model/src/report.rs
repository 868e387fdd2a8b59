//! What people report, what is decided of it, and what they are told.
//!
//! A report's texts are masked before they come here: nothing in it is the reporter's own wording of a secret or of
//! somebody's data. Who reported is an id; an anonymous report has none.

use crate::{
    AttachmentId, AuditId, FindingId, IncidentId, MessageId, PersonId, Principal, ReportId, Severity, TokenId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod moderation;

pub use moderation::{
    Appeal, AppealBy, AppealOutcome, AppealState, Credit, Digest, DigestState, LedgerEntry, NoticeKind,
    Outcome, ReportNotice,
};

named! {
    /// Where a report stands.
    ReportState {
        /// Waits for a person before any automation may touch it; nothing else differs from `received`.
        Held = "held",
        /// Waits for a decision.
        Received = "received",
        /// A question to the reporter is open.
        NeedsInfo = "needs_info",
        /// It became a finding, and so a part of an incident.
        Accepted = "accepted",
        /// It was tied to an incident that was there.
        Merged = "merged",
        /// It was declined, with a reason.
        Declined = "declined",
        /// The reporter took it back.
        Withdrawn = "withdrawn",
    }
}

impl ReportState {
    /// Whether somebody has yet to decide.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Received | Self::NeedsInfo)
    }
}

named! {
    /// By which way it came.
    Channel {
        /// The form in a browser.
        Web = "web",
        /// `huecry report`.
        Cli = "cli",
        /// A signed link.
        Link = "link",
        /// A tool call of an assistant.
        Mcp = "mcp",
        /// A program of somebody's own.
        Api = "api",
    }
}

named! {
    /// What a reporter's earlier reports of this category have earned; of [`Tier::Anonymous`] none are known.
    Tier {
        /// Nobody knows who it is.
        Anonymous = "anonymous",
        /// Too few reports to say.
        Newcomer = "newcomer",
        /// Some held, some did not.
        Regular = "regular",
        /// What they report holds.
        Trusted = "trusted",
        /// What they report does not hold.
        Watched = "watched",
    }
}

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reporter {
    /// Nobody knows; no address, browser or account is kept.
    Anonymous,
    /// A person with an account.
    Person {
        /// Their id.
        id: PersonId,
    },
    /// A program, by its token.
    Token {
        /// The token's id.
        id: TokenId,
        /// For whom it was made.
        name: String,
    },
}

impl Reporter {
    /// What their reputation is kept under: the id of the person or token; none for the anonymous.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Anonymous => None,
            Self::Person { id } => Some(id.to_string()),
            Self::Token { id, .. } => Some(id.to_string()),
        }
    }

    /// The name in the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Person { .. } => "person",
            Self::Token { .. } => "token",
        }
    }
}

/// Where in the work it was seen; each part only if the reporter's machine knew it and they let it be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportContext {
    /// The commit, as hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The repository, `owner/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// `production`, `staging`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The run of a pipeline, by number or URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci_run: Option<String>,
    /// A file, relative to its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Lines of that file: `12` or `12-20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
}

/// What speaks for the report beside its words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportProvenance {
    /// How hard the channel is to forge, 0 (anybody) to 3.
    pub channel_strength: u8,
    /// The reporter signed in by the organisation's identity provider.
    pub sso: bool,
    /// Whether the commit that it names is signed; `None` where nobody can say.
    pub signed_commit: Option<bool>,
    /// Another reporter, independent of this one, says the same.
    pub corroborated: bool,
    /// An authoritative source has telemetry about the same entity.
    pub telemetry_match: bool,
}

named! {
    /// What a moderator does with a report.
    DecisionKind {
        /// It becomes a finding.
        Accept = "accept",
        /// It belongs to an incident that is there.
        Merge = "merge",
        /// The reporter is asked something.
        Ask = "ask",
        /// It is declined.
        Decline = "decline",
    }
}

/// What was decided of a report, by whom and under which policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What.
    pub kind: DecisionKind,
    /// The reason's id in the moderation policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version of the policy that it was decided under.
    pub policy_version: String,
    /// To the reporter; masked.
    pub note: String,
    /// What others may learn, for a digest; masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<String>,
    /// How grave an accepted report is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Who decided. Never shown to the reporter.
    pub by: Principal,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// Whether the product decided by itself.
    #[serde(default)]
    pub automation: bool,
    /// Who looked at what the product decided by itself, and let it stand; `None` while nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// While nobody has: whether the reporter said or sent something that nobody of the team has answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub news: bool,
}

/// That a person let a decision of automation stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Who.
    pub by: Principal,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

/// Hashes of a [`Similarity`].
pub const SIMILARITY_HASHES: usize = 64;
/// Bytes of a [`Similarity`].
pub const SIMILARITY_BYTES: usize = SIMILARITY_HASHES * 4;

/// The MinHash signature of a report's text (Broder 1997): the share of equal places estimates the Jaccard similarity
/// of two texts, and the text cannot be had back from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Similarity(pub [u32; SIMILARITY_HASHES]);

impl Similarity {
    /// Little endian, in order.
    pub fn to_bytes(&self) -> [u8; SIMILARITY_BYTES] {
        let mut bytes = [0; SIMILARITY_BYTES];
        for (place, hash) in bytes.chunks_exact_mut(4).zip(self.0) {
            place.copy_from_slice(&hash.to_le_bytes());
        }
        bytes
    }

    /// From [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: &[u8; SIMILARITY_BYTES]) -> Self {
        let mut hashes = [0; SIMILARITY_HASHES];
        for (hash, place) in hashes.iter_mut().zip(bytes.chunks_exact(4)) {
            *hash = place.iter().rev().fold(0, |hash, &byte| hash << 8 | u32::from(byte));
        }
        Self(hashes)
    }
}

impl std::fmt::Debug for Similarity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Similarity")
    }
}

/// Something that a person, or a person's program, says is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its name.
    pub id: ReportId,
    /// The form's type; also the category of reputation.
    pub form: String,
    /// The form's version then.
    pub form_version: u32,
    /// The service that it is about, as the catalogue names it.
    pub service: Option<String>,
    /// One line.
    pub title: String,
    /// The form's main text; masked.
    pub text: String,
    /// The form's other fields; masked and valid by the form's schema.
    pub fields: Map<String, Value>,
    /// Where in the work it was seen.
    pub context: ReportContext,
    /// Who reports.
    pub reporter: Reporter,
    /// Whether an anonymous reporter made it theirs by its receipt.
    pub claimed: bool,
    /// By which way.
    pub channel: Channel,
    /// What the reporter had earned then.
    pub tier: Tier,
    /// What speaks for it.
    pub provenance: ReportProvenance,
    /// Where it stands.
    pub state: ReportState,
    /// Why it waits for a person, in a stable word (`rate`, `watched`, `ring`).
    pub held_reason: Option<String>,
    /// No automation may act on it, since it is a part of a ring.
    pub automation_held: bool,
    /// Somebody should look: the reporter said or sent something since the team last did anything, or automation accepted it
    /// and no person has looked yet.
    pub unread: bool,
    /// What was decided.
    pub decision: Option<Decision>,
    /// The finding that it became.
    pub finding: Option<FindingId>,
    /// The incident that it was merged into. That of an accepted report is found by its finding.
    pub incident: Option<IncidentId>,
    /// The open incident that the reporter said it adds to.
    pub related_hint: Option<IncidentId>,
    /// How many places were masked, on the reporter's machine and here.
    pub masked_count: u32,
    /// Something was masked here that the reporter's machine had let through.
    pub personal_held: bool,
    /// For finding texts alike; `None` where the text is too short.
    pub similarity: Option<Similarity>,
    /// When the reporter hears again, milliseconds since the epoch; `None` when nothing is due.
    pub next_update_due_ms: Option<i64>,
    /// SHA-256 of the receipt's secret; unique.
    pub receipt_sha256: [u8; 32],
    /// The audit record of its submission: what the receipt proves.
    pub submit_record: AuditId,
    /// Where its data must be kept.
    pub region: String,
    /// When it came, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When anything about it last changed.
    pub updated_at_ms: i64,
    /// Grows by one with each change; concurrent edits are refused by it.
    pub version: u64,
}

impl Report {
    /// Whether automation accepted it and no person has said yet whether that was right.
    pub fn awaits_review(&self) -> bool {
        let unreviewed = |decision: &Decision| decision.automation && decision.confirmed.is_none();
        self.state == ReportState::Accepted && self.decision.as_ref().is_some_and(unreviewed)
    }

    /// Whether the reporter said or sent something since the team last did anything.
    pub fn has_news(&self) -> bool {
        let announced = |decision: &Decision| decision.news;
        // what awaits a review is unread whether or not its reporter said anything
        self.unread && (!self.awaits_review() || self.decision.as_ref().is_some_and(announced))
    }

    /// Whether its reporter should have heard by `now_ms`. Whoever was asked is awaited, and waits for nothing.
    pub fn is_overdue(&self, now_ms: i64) -> bool {
        self.state != ReportState::NeedsInfo && self.next_update_due_ms.is_some_and(|due_ms| due_ms < now_ms)
    }
}

named! {
    /// Who writes a message.
    MessageFrom {
        /// The reporter.
        Reporter = "reporter",
        /// Those who moderate.
        Team = "team",
    }
}

/// Words between the reporter and those who moderate, or among these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMessage {
    /// Its name.
    pub id: MessageId,
    /// On which report.
    pub report: ReportId,
    /// Which side.
    pub from: MessageFrom,
    /// Who wrote it. Never shown to the reporter.
    pub author: Principal,
    /// Masked text.
    pub text: String,
    /// Among those who moderate only.
    pub internal: bool,
    /// Where its data must be kept.
    pub region: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

/// A message as the reporter may see it: there is no author in it, and no internal one becomes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicMessage {
    /// Its name.
    pub id: MessageId,
    /// Which side.
    pub from: MessageFrom,
    /// Masked text.
    pub text: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
}

impl PublicMessage {
    /// The message without its author; `None` if it is internal.
    pub fn of(message: ReportMessage) -> Option<Self> {
        let ReportMessage { id, from, text, internal, at_ms, .. } = message;
        (!internal).then_some(Self { id, from, text, at_ms })
    }
}

named! {
    /// What became of a file.
    AttachmentState {
        /// It is kept.
        Stored = "stored",
        /// It was taken away; its name and size remain.
        Removed = "removed",
    }
}

/// A file that the reporter added. Its bytes are among the blobs, by their SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub id: AttachmentId,
    /// Of which report.
    pub report: ReportId,
    /// What the reporter called it; masked.
    pub name: String,
    /// What its bytes are, not what was claimed.
    pub media_type: String,
    /// How many bytes, as they are kept.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Whether it is kept.
    pub state: AttachmentState,
    /// Where its data must be kept.
    pub region: String,
    /// When it came, milliseconds since the epoch.
    pub at_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_are_those_of_json() {
        for state in ReportState::ALL {
            assert_eq!(ReportState::from_name(state.as_str()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for kind in DecisionKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(Tier::from_name("loved"), None);
    }

    #[test]
    fn a_signature_is_its_bytes() {
        let mut hashes = [0; SIMILARITY_HASHES];
        hashes.iter_mut().enumerate().for_each(|(i, hash)| *hash = 0x0102_0304 << (i % 8));
        let similarity = Similarity(hashes);
        assert_eq!(Similarity::from_bytes(&similarity.to_bytes()), similarity);
        assert_eq!(similarity.to_bytes()[..4], [4, 3, 2, 1]);
    }

    #[test]
    fn an_internal_message_is_never_public() {
        let message = ReportMessage {
            id: MessageId(crate::Ulid(1)),
            report: ReportId(crate::Ulid(2)),
            from: MessageFrom::Team,
            author: Principal::Person { id: "per_1".into(), name: "Ana".into() },
            text: "t".into(),
            internal: true,
            region: "default".into(),
            at_ms: 1,
        };
        assert_eq!(PublicMessage::of(message.clone()), None);
        assert!(PublicMessage::of(ReportMessage { internal: false, ..message }).is_some());
    }
}
