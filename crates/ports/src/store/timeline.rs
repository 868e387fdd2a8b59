//! What happened to an incident, in one stream.

use model::{AuditRecord, Comment, Finding};

/// From which end a timeline is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimelineOrder {
    /// From the first finding on.
    #[default]
    OldestFirst,
    /// From what happened last.
    NewestFirst,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// A finding, at the time of its event.
    Finding(Box<Finding>),
    /// What a person said.
    Comment(Comment),
    /// What was done to the incident; what a comment's record says, the comment says better.
    Record(Box<AuditRecord>),
}

impl Moment {
    /// When, milliseconds since the epoch.
    pub fn at_ms(&self) -> i64 {
        match self {
            Self::Finding(finding) => finding.time_ms,
            Self::Comment(comment) => comment.created_at_ms,
            Self::Record(record) => record.at_ms,
        }
    }

    /// Of moments at the same time: findings, comments, records.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Finding(_) => 0,
            Self::Comment(_) => 1,
            Self::Record(_) => 2,
        }
    }
}

/// The action of a comment's record; a timeline shows the comment instead.
pub const COMMENT_ACTION: &str = "incident.comment";
