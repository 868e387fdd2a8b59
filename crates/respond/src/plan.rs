//! What an action would do, written down so that people can approve exactly that.
//!
//! **Invariant:** what is approved is a [`PlanHash`]. It covers everything that would be done, to whom, for how long and
//! who feels it, so any change of that voids the approval. What is told besides and changes by itself (when somebody signed
//! in last) is not in it: else nothing could be approved while the account is in use.

use crate::impact::{Impact, Reversibility};
use crate::protect::{Admitted, Target};
use model::Incident;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Shortest and longest time until an action is taken back by itself, in milliseconds.
pub const TTL_MS: std::ops::RangeInclusive<u64> = 60_000..=30 * 24 * 60 * 60_000;

/// One change that would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of what, in the words of the system that holds it.
    pub what: String,
    /// As it is.
    pub before: String,
    /// As it would be.
    pub after: String,
}

/// What else would feel it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// Services that use the target.
    pub services: Vec<String>,
    /// How many people would feel it; none if nobody can say.
    pub people: Option<u64>,
    /// In words.
    pub notes: Vec<String>,
}

impl BlastRadius {
    /// What would feel what is done for an incident, as far as the incident says: whose service it is about.
    pub fn of_incident(incident: &Incident) -> Self {
        Self { services: incident.ownership.service.iter().cloned().collect(), ..Self::default() }
    }
}

/// Something that people should know of the target: an identity's roles, second factors, last sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it is.
    pub title: String,
    /// As it was when it was planned; by the time it is applied it may be another.
    pub text: String,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The connector's action, such as `aws.deactivate_key`.
    pub action: String,
    /// The version of its description.
    pub action_version: String,
    /// What it is about.
    pub target: Target,
    /// Everything that would change.
    pub changes: Vec<Change>,
    /// What else would feel it.
    pub blast_radius: BlastRadius,
    /// How much it disturbs.
    pub impact: Impact,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// After what time it is taken back by itself, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// The incident that it is for.
    pub incident: String,
    /// What is known of the target besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<About>,
}

/// SHA-256 of a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanHash(pub [u8; 32]);

/// The text is no hash of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a plan has 64 hex digits")]
pub struct BadHash;

/// A plan cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The time until it is taken back is too short or too long.
    #[error("an action is taken back after {least} to {most} ms, not {0}", least = TTL_MS.start(), most = TTL_MS.end())]
    BadTtl(u64),
    /// What cannot be taken back has no such time.
    #[error("what is {} is not taken back by itself", .0.as_str())]
    NotReverted(Reversibility),
}

/// Everything of a plan but its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// See [`Plan::action`].
    pub action: String,
    /// See [`Plan::action_version`].
    pub action_version: String,
    /// See [`Plan::changes`].
    pub changes: Vec<Change>,
    /// See [`Plan::blast_radius`].
    pub blast_radius: BlastRadius,
    /// See [`Plan::impact`].
    pub impact: Impact,
    /// See [`Plan::reversibility`].
    pub reversibility: Reversibility,
    /// See [`Plan::ttl_ms`].
    pub ttl_ms: Option<u64>,
    /// See [`Plan::incident`].
    pub incident: String,
    /// See [`Plan::about`].
    pub about: Vec<About>,
}

impl Plan {
    /// A plan about a target that was let through.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn of(draft: Draft, target: &Admitted) -> Result<Self, PlanError> {
        if let Some(ttl_ms) = draft.ttl_ms {
            if draft.reversibility != Reversibility::Reversible {
                return Err(PlanError::NotReverted(draft.reversibility));
            }
            if !TTL_MS.contains(&ttl_ms) {
                return Err(PlanError::BadTtl(ttl_ms));
            }
        }
        Ok(Self {
            target: target.target().clone(),
            action: draft.action,
            action_version: draft.action_version,
            changes: draft.changes,
            blast_radius: draft.blast_radius,
            impact: draft.impact,
            reversibility: draft.reversibility,
            ttl_ms: draft.ttl_ms,
            incident: draft.incident,
            about: draft.about,
        })
    }

    /// The hash of everything that it says but notes and what is known besides.
    pub fn hash(&self) -> PlanHash {
        let blast_radius = BlastRadius { notes: Vec::new(), ..self.blast_radius.clone() };
        let plan = Self { about: Vec::new(), blast_radius, ..self.clone() };
        // the fields stand in the order of the type, and texts are escaped: two plans have one text only if they are equal
        let text = serde_json::to_vec(&plan).unwrap_or_default();
        PlanHash(Sha256::digest(&text).into())
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for PlanHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadHash);
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or(BadHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| BadHash)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanHash({self})")
    }
}
