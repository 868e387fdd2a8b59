//! One action on one target, from the plan to its end.
//!
//! What a plan says and what the table of decisions was asked are JSON here: the words of those belong to who responds.

use crate::{ContainmentId, DelegationId, IncidentId, LeaseId, Principal, RunPlace};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

named! {
    /// Where a containment stands.
    ContainmentState {
        /// It is known what it would do.
        Planned = "planned",
        /// People are asked.
        AwaitingApproval = "awaiting_approval",
        /// It may be applied.
        Approved = "approved",
        /// It is being applied; what of it was sent stands in its [`Progress`].
        Applying = "applying",
        /// It was applied; whether it took effect is being looked at.
        Applied = "applied",
        /// It took effect.
        Verified = "verified",
        /// It is being taken back.
        Reverting = "reverting",
        /// It was taken back, and that was looked at.
        Reverted = "reverted",
        /// Somebody said no.
        Denied = "denied",
        /// Nobody said enough in time, or it was not applied in time.
        Expired = "expired",
        /// It could not be applied, or did not take effect; what was done of it is taken back where that can be.
        Failed = "failed",
        /// Nobody can tell whether it took effect: a person looks and says.
        Unknown = "unknown",
        /// Somebody called it off before anything was sent.
        Cancelled = "cancelled",
    }
}

impl ContainmentState {
    /// Whether nothing comes after it.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Reverted | Self::Denied | Self::Expired | Self::Failed | Self::Cancelled)
    }
}

/// A worker's right to take the next step, alone and until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Given once: who does not know it has lost the right.
    pub id: LeaseId,
    /// Until when, milliseconds since the epoch.
    pub until_ms: i64,
}

/// One step on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Where it came to.
    pub state: ContainmentState,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// By whom.
    pub by: Principal,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who decides whether it is applied, as it was found when it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainmentDecision {
    /// What the table of decisions was asked, by name: `impact`, `confidence`, `signal`, …
    pub asked: BTreeMap<String, String>,
    /// How many people must approve; 0 for what is applied by itself.
    pub people: u8,
    /// Functions of which each must be among those who approve.
    #[serde(default)]
    pub quorum: Vec<String>,
    /// Since when people are asked, milliseconds since the epoch.
    pub asked_at_ms: i64,
    /// Until when they can answer; what nobody decides by then is denied.
    pub expires_at_ms: i64,
}

/// Somebody let another answer for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteDelegation {
    /// Who let.
    pub from: String,
    /// What they are: roles and teams.
    pub functions: Vec<String>,
    /// Until when, milliseconds since the epoch.
    pub until_ms: i64,
}

/// Somebody lets another answer for them, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its name.
    pub id: DelegationId,
    /// Who lets, by the person's id.
    pub from: String,
    /// Whom.
    pub to: String,
    /// Until when, milliseconds since the epoch.
    pub until_ms: i64,
    /// Why, in their words.
    pub reason: String,
    /// When it was given.
    pub created_at_ms: i64,
    /// When it was taken back, if it was.
    pub ended_at_ms: Option<i64>,
    /// Where it must be kept.
    pub region: String,
}

/// An answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainmentVote {
    /// Who, by id.
    pub person: String,
    /// What they were then: roles and teams.
    pub functions: Vec<String>,
    /// SHA-256 of the plan that they saw, in hex digits.
    pub plan_sha256: String,
    /// Yes or no.
    pub approves: bool,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// For whom, if not for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<VoteDelegation>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far the step has come that it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How often it was tried.
    pub tries: u32,
    /// Whether a request that changes something may have been sent: it is looked at before another one is.
    pub sent: bool,
    /// Whether the answer came, so that only the proof is open.
    pub answered: bool,
    /// Whether it is being taken back, or was when nobody could tell any more.
    pub reverting: bool,
    /// Whether it ends as failed once it is taken back, since it did not take effect.
    pub failing: bool,
    /// What went wrong last, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who wants it taken back while it is being applied, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<(Principal, String)>,
    /// Who had it applied without the approvals, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_glass: Option<(Principal, String)>,
    /// Whether people were told that its time ends soon.
    #[serde(default)]
    pub end_told: bool,
    /// How often people were reminded that nobody can tell.
    #[serde(default)]
    pub reminders: u32,
}

/// One action on one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containment {
    /// Its name.
    pub id: ContainmentId,
    /// Where it must be kept.
    pub region: String,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// The task of a run that it is for.
    pub task: Option<RunPlace>,
    /// The connector's action: `aws.deactivate_key`.
    pub action: String,
    /// What kind of thing the target is: `credential`.
    pub target_kind: String,
    /// The target's name at the system that knows it.
    pub target: String,
    /// What else was said of it, by name.
    pub inputs: BTreeMap<String, String>,
    /// Everything that it would change.
    pub plan: Value,
    /// SHA-256 of the plan: what people approve.
    pub plan_sha256: [u8; 32],
    /// Who asked for it.
    pub requester: Principal,
    /// The ids of all who have part in that; none of them approves it.
    pub requesters: Vec<String>,
    /// Why, in the words of who asked.
    pub reason: String,
    /// Who decides.
    pub decision: ContainmentDecision,
    /// What they said.
    pub votes: Vec<ContainmentVote>,
    /// What the look found, and what answers told.
    pub facts: BTreeMap<String, String>,
    /// Where it stands.
    pub state: ContainmentState,
    /// How it came there, the first step first.
    pub history: Vec<Transition>,
    /// How far the present step has come.
    pub progress: Progress,
    /// How long after it took effect it is taken back by itself, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// When it is taken back by itself, milliseconds since the epoch.
    pub revert_at_ms: Option<i64>,
    /// When the next step is due, milliseconds since the epoch; none at rest.
    pub due_at_ms: Option<i64>,
    /// Who takes the next step now.
    pub lease: Option<Lease>,
    /// When it was asked for, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it changed last.
    pub updated_at_ms: i64,
    /// Grows with each change.
    pub version: u64,
}

impl Containment {
    /// Whether nothing is to be done about it unless a person wants it: at an end, or in effect for good.
    ///
    /// Whatever is not at rest has a time at which its next step is due; stores refuse anything else.
    pub const fn is_at_rest(&self) -> bool {
        self.state.is_end()
            || (matches!(self.state, ContainmentState::Verified) && self.revert_at_ms.is_none())
    }
}
