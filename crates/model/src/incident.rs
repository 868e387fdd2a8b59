//! The case that people work on (OCSF Incident Finding, class 2005).

use crate::{CommentId, Entity, FindingId, IncidentId, Ownership, Severity};
use serde::{Deserialize, Serialize};

/// Where the work stands; OCSF `status_id` of class 2005.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// OCSF 1.
    New,
    /// OCSF 2.
    InProgress,
    /// OCSF 3.
    OnHold,
    /// OCSF 4.
    Resolved,
    /// OCSF 5.
    Closed,
}

impl Status {
    /// In the order of work.
    pub const ALL: [Status; 5] = [Self::New, Self::InProgress, Self::OnHold, Self::Resolved, Self::Closed];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InProgress => "in_progress",
            Self::OnHold => "on_hold",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// OCSF `status_id`.
    pub const fn ocsf_id(self) -> u8 {
        self as u8 + 1
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// Whether further findings may still join the incident.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed)
    }
}

/// What it turned out to be; OCSF `verdict_id` of class 2005.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// OCSF 1.
    FalsePositive,
    /// OCSF 2.
    TruePositive,
    /// OCSF 3.
    Disregard,
    /// OCSF 4.
    Suspicious,
    /// OCSF 5.
    Benign,
    /// OCSF 6.
    Test,
    /// OCSF 7.
    InsufficientData,
    /// OCSF 8.
    SecurityRisk,
    /// OCSF 9.
    ManagedExternally,
    /// OCSF 10.
    Duplicate,
}

impl Verdict {
    /// In OCSF's order.
    pub const ALL: [Verdict; 10] = [
        Self::FalsePositive,
        Self::TruePositive,
        Self::Disregard,
        Self::Suspicious,
        Self::Benign,
        Self::Test,
        Self::InsufficientData,
        Self::SecurityRisk,
        Self::ManagedExternally,
        Self::Duplicate,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FalsePositive => "false_positive",
            Self::TruePositive => "true_positive",
            Self::Disregard => "disregard",
            Self::Suspicious => "suspicious",
            Self::Benign => "benign",
            Self::Test => "test",
            Self::InsufficientData => "insufficient_data",
            Self::SecurityRisk => "security_risk",
            Self::ManagedExternally => "managed_externally",
            Self::Duplicate => "duplicate",
        }
    }

    /// OCSF `verdict_id`.
    pub const fn ocsf_id(self) -> u8 {
        self as u8 + 1
    }

    /// The verdict of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == name)
    }
}

/// Who may see an incident, within what their roles allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Whoever may read incidents at all.
    #[default]
    Everyone,
    /// The team that it is about.
    Team,
    /// Those who have it, and the few whose roles say so; to all others it does not exist.
    Restricted,
}

impl Visibility {
    /// From the widest to the narrowest.
    pub const ALL: [Visibility; 3] = [Self::Everyone, Self::Team, Self::Restricted];

    /// The name in the API and in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Team => "team",
            Self::Restricted => "restricted",
        }
    }

    /// The visibility of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == name)
    }
}

/// Most rules, and most tactics, that an incident lists; further ones are counted as findings only.
pub const INCIDENT_RULES_MAX: usize = 64;

/// A case: findings about one entity within a window, and what people decided.
///
/// **Invariant:** machines write `title`, `machine_severity`, the times, the counts, `gravest`, `rules`,
/// `tactics`, `ownership`, `owned_by`, `related` and `merged_into`; people write `status`, `severity_override`, `assignee`,
/// `verdict`, `visibility` and `title_override`, and may merge, too. Neither writes the other's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// From the gravest finding.
    pub title: String,
    /// What a person called it instead.
    #[serde(default)]
    pub title_override: Option<String>,
    /// The gravest finding's severity.
    pub machine_severity: Severity,
    /// What a person set instead.
    pub severity_override: Option<Severity>,
    /// Where the work stands.
    pub status: Status,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Who has it.
    pub assignee: Option<String>,
    /// What it turned out to be.
    pub verdict: Option<Verdict>,
    /// The entity that its findings share.
    pub group: Entity,
    /// Where its data must be kept.
    pub region: String,
    /// The earliest finding's event time, milliseconds since the epoch.
    pub first_seen_ms: i64,
    /// The latest finding's event time.
    pub last_seen_ms: i64,
    /// When it was opened here.
    pub created_at_ms: i64,
    /// When anything about it last changed.
    pub updated_at_ms: i64,
    /// How many findings it has.
    pub findings: u64,
    /// The finding that gives the title: the gravest, of these the earliest, of these the smallest id.
    pub gravest: FindingId,
    /// The UUIDs of the rules that hit, sorted, at most [`INCIDENT_RULES_MAX`].
    pub rules: Vec<String>,
    /// The ATT&CK tactics of these rules (`attack.persistence`), sorted, at most [`INCIDENT_RULES_MAX`].
    pub tactics: Vec<String>,
    /// Whose service it is about: that of the gravest finding that knows.
    pub ownership: Ownership,
    /// That finding.
    pub owned_by: Option<FindingId>,
    /// The incident of the same group that came before this one, such as a closed one that stays closed.
    pub related: Option<IncidentId>,
    /// The incident that took this one's findings over when they turned out to be one case.
    pub merged_into: Option<IncidentId>,
    /// Grows by one with each change by a person; concurrent edits are refused by it.
    pub version: u64,
}

impl Incident {
    /// What it is called: by a person where one said so.
    pub fn shown_title(&self) -> &str {
        self.title_override.as_deref().unwrap_or(&self.title)
    }

    /// The severity that counts: a person's where there is one.
    pub fn severity(&self) -> Severity {
        self.severity_override.unwrap_or(self.machine_severity)
    }
}

/// A person's words on an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its name.
    pub id: CommentId,
    /// What it is about.
    pub incident: IncidentId,
    /// Who wrote it.
    pub author: String,
    /// Markdown.
    pub text: String,
    /// When.
    pub created_at_ms: i64,
}

/// A finding's place in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The case.
    pub incident: IncidentId,
    /// The finding.
    pub finding: FindingId,
}
