//! What can go wrong in triage.

use model::{IncidentId, Offset, Partition, Status};
use ports::{LogError, StoreError};

/// Why triage, or a person's request to it, did not go through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Findings cannot be read.
    #[error("reading findings: {0}")]
    Log(#[from] LogError),
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The decision is not allowed.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The store has seen findings that the log does not have: they do not belong together.
    #[error(
        "the store has used findings up to offset {} of partition {}, but the log ends at {}; \
         restore both from the same backup",
        stored.0, partition.0, end.0
    )]
    LogBehindStore {
        /// Of the finding topic.
        partition: Partition,
        /// What the store says.
        stored: Offset,
        /// What the log has.
        end: Offset,
    },
}

impl Error {
    /// Whether waiting may help: another writer, a full disk, another copy of triage that went ahead.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Busy | StoreError::DiskFull | StoreError::Conflict { .. })
                | Self::Store(StoreError::Backend { .. })
                | Self::Log(LogError::Io { .. } | LogError::DiskFull | LogError::Overloaded { .. })
        )
    }
}

/// Why a person's decision is not allowed. At the HTTP edge: 422.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// The work does not go that way.
    #[error("an incident does not go from {} to {}; from there it goes to {next}", from.as_str(), to.as_str())]
    Transition {
        /// Where it stands.
        from: Status,
        /// Where it was to go.
        to: Status,
        /// Where it may go.
        next: String,
    },
    /// Closing says what it turned out to be.
    #[error("a closed incident has a verdict; give one when closing")]
    VerdictMissing,
    /// Some decisions are explained.
    #[error("{what} needs a reason")]
    ReasonMissing {
        /// Which decision.
        what: &'static str,
    },
    /// The incident was merged; the other one is the case now.
    #[error("this incident was merged into {into}; decide there")]
    Merged {
        /// The case now.
        into: IncidentId,
    },
    /// Two different incidents are needed.
    #[error("an incident cannot be merged into or linked to itself")]
    SameIncident,
    /// Data of two regions never meets in one case.
    #[error("the two incidents are kept in different regions; link them instead")]
    OtherRegion,
    /// A merge would show findings to people who could not see them.
    #[error(
        "different people may see the two incidents; give both the same visibility, or link them instead"
    )]
    OtherVisibility,
    /// There is nothing to take back.
    #[error("this incident is not merged into another")]
    NotMerged,
    /// A split leaves something on both sides.
    #[error("a split takes out 1 to {findings_max} findings of the incident and leaves at least one")]
    SplitSize {
        /// The limit.
        findings_max: usize,
    },
    /// One transaction moves them all.
    #[error(
        "the incident has more than {findings_max} findings, too many to move at once; merge the other one into it, \
         or link them"
    )]
    TooManyFindings {
        /// The limit.
        findings_max: u64,
    },
    /// A text is empty, too long, or has control characters.
    #[error("{what} has 1 to {bytes_max} bytes of text, without control characters")]
    Text {
        /// Which text.
        what: &'static str,
        /// The limit.
        bytes_max: usize,
    },
}
