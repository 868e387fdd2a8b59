//! The moderation policy: how reports are decided, for which reasons, in which words.
//!
//! It is data, `content/policies/moderation.yaml`, and public. A decision keeps the policy's version and the reason's id, so
//! that what was said then can be read later.
//!
//! **Invariant:** only a reason to decline can count against a reporter.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// Longest policy file, in bytes.
pub const POLICY_BYTES_MAX: usize = 256 * 1024;
/// Most reasons, and most templates.
pub const POLICY_ITEMS_MAX: usize = 100;

const SHIPPED: &str = include_str!("../../../content/policies/moderation.yaml");

/// What a moderator does with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// It becomes a finding.
    Accept,
    /// It joins an incident that is known.
    Merge,
    /// The reporter is asked something.
    Ask,
    /// It ends here.
    Decline,
}

impl DecisionKind {
    /// All.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Merge, Self::Ask, Self::Decline];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Merge => "merge",
            Self::Ask => "ask",
            Self::Decline => "decline",
        }
    }
}

/// Why a report was decided so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Its name in decisions and audit records; never given to another reason.
    pub id: String,
    /// The decisions that it goes with.
    pub kinds: Vec<DecisionKind>,
    /// In a few words.
    pub title: String,
    /// What the reporter reads.
    pub text: String,
    /// Whether it lowers the reporter's reputation.
    pub counts_against: bool,
    /// Whether the report's files are removed at once, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drops_files: bool,
}

/// The beginning of an answer, which a moderator goes on writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name.
    pub id: String,
    /// The decision that it goes with.
    pub kind: DecisionKind,
    /// In a few words.
    pub title: String,
    /// What the reporter reads.
    pub text: String,
}

/// How reports are decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Changes with every change of the rest.
    pub version: String,
    /// What the page is called.
    pub title: String,
    /// The page: paragraphs, with an empty line between.
    pub text: String,
    /// Why a report may be decided so.
    pub reasons: Vec<Reason>,
    /// Beginnings of answers.
    pub templates: Vec<Template>,
}

/// The policy's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("moderation policy: {0}")]
pub struct PolicyError(pub String);

/// A decision does not follow the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// Declining needs a reason.
    #[error("a report is declined for a reason; name one of: {known}")]
    Missing {
        /// What may be named.
        known: String,
    },
    /// It is not a reason for this decision.
    #[error("`{reason}` is no reason to {kind}; name one of: {known}")]
    Wrong {
        /// What was named.
        reason: String,
        /// The decision.
        kind: &'static str,
        /// What may be named.
        known: String,
    },
}

impl Policy {
    /// The policy that the product comes with.
    ///
    /// # Errors
    /// None in a product that passed its tests.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(SHIPPED)
    }

    /// The policy of a file, or the shipped one.
    ///
    /// # Errors
    /// The file cannot be read or used.
    pub fn load(file: Option<&Path>) -> Result<Self, PolicyError> {
        let Some(file) = file else { return Self::shipped() };
        let yaml = std::fs::read_to_string(file)
            .map_err(|error| PolicyError(format!("`{}` cannot be read: {error}", file.display())))?;
        Self::parse(&yaml)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(yaml: &str) -> Result<Self, PolicyError> {
        if yaml.len() > POLICY_BYTES_MAX {
            return Err(PolicyError(format!("it has {} bytes, {POLICY_BYTES_MAX} at most", yaml.len())));
        }
        let policy: Self = serde_saphyr::from_str(yaml).map_err(|error| PolicyError(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// The reason of that id.
    pub fn reason(&self, id: &str) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.id == id)
    }

    /// The reason that a decision is made for.
    ///
    /// # Errors
    /// It is none for this decision, or is missing where it is needed.
    pub fn reason_for(&self, kind: DecisionKind, id: Option<&str>) -> Result<Option<&Reason>, ReasonError> {
        let fits = || self.reasons.iter().filter(|reason| reason.kinds.contains(&kind));
        let known = || fits().map(|reason| reason.id.as_str()).collect::<Vec<_>>().join(", ");
        match id {
            None if kind == DecisionKind::Decline => Err(ReasonError::Missing { known: known() }),
            None => Ok(None),
            Some(id) => fits().find(|reason| reason.id == id).map(Some).ok_or_else(|| ReasonError::Wrong {
                reason: id.to_owned(),
                kind: kind.as_str(),
                known: known(),
            }),
        }
    }

    fn check(&self) -> Result<(), PolicyError> {
        let wrong = |text: String| Err(PolicyError(text));
        let is_id = |id: &str| {
            !id.is_empty()
                && id.len() <= 64
                && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !is_id(&self.version) || self.title.trim().is_empty() || self.text.trim().is_empty() {
            return wrong(
                "it needs a `version` of lower-case letters, digits and `-`, a `title` and a `text`"
                    .to_owned(),
            );
        }
        if self.reasons.len() > POLICY_ITEMS_MAX || self.templates.len() > POLICY_ITEMS_MAX {
            return wrong(format!("{POLICY_ITEMS_MAX} reasons and {POLICY_ITEMS_MAX} templates at most"));
        }
        let mut ids: Vec<&str> = self.reasons.iter().map(|reason| reason.id.as_str()).collect();
        ids.sort_unstable();
        let mut template_ids: Vec<&str> =
            self.templates.iter().map(|template| template.id.as_str()).collect();
        template_ids.sort_unstable();
        let twice = |ids: &[&str]| ids.windows(2).any(|pair| pair[0] == pair[1]);
        if twice(&ids) || twice(&template_ids) || !ids.iter().chain(&template_ids).all(|id| is_id(id)) {
            return wrong(
                "each reason and each template has an id of its own: lower-case letters, digits, `-`"
                    .to_owned(),
            );
        }
        for reason in &self.reasons {
            if reason.kinds.is_empty() || reason.title.trim().is_empty() || reason.text.trim().is_empty() {
                return wrong(format!("reason `{}` needs `kinds`, a `title` and a `text`", reason.id));
            }
            let declines_only = reason.kinds == [DecisionKind::Decline];
            if (reason.counts_against || reason.drops_files) && !declines_only {
                return wrong(format!(
                    "reason `{}` counts against reporters or takes their files, so it can only decline",
                    reason.id
                ));
            }
        }
        let fits = |kind| self.reasons.iter().any(|reason| reason.kinds.contains(&kind));
        if !fits(DecisionKind::Decline) {
            return wrong("there is no reason to decline, and declining needs one".to_owned());
        }
        let empty = self.templates.iter().find(|template| template.text.trim().is_empty());
        empty.map_or(Ok(()), |template| wrong(format!("template `{}` has no text", template.id)))
    }
}
