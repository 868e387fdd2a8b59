//! What people are told by e-mail about containments and runs, until it is sent.

use crate::{ContainmentId, IncidentId, Lease, LetterId, ParseIdError, PersonId, RunId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

named! {
    /// What a letter tells.
    LetterKind {
        /// A containment is applied without the approvals that it waited for.
        BrokenGlass = "broken_glass",
        /// People are asked to approve a containment.
        ApprovalAsked = "approval_asked",
        /// The time to approve it is over soon.
        ApprovalEnding = "approval_ending",
        /// Something was contained by itself.
        Contained = "contained",
        /// What was to be contained by itself was not.
        NotContained = "not_contained",
        /// The time of a containment that is in effect is over soon.
        Ending = "ending",
        /// Nobody can tell whether a containment took effect.
        Unknown = "unknown",
        /// A run has stopped at a step of which nobody can tell what came.
        StepUnknown = "step_unknown",
    }
}

named! {
    /// Where a letter stands.
    LetterState {
        /// It is to be addressed, or to be sent.
        Waiting = "waiting",
        /// There is a letter of its own for each person.
        Addressed = "addressed",
        /// A mail server has taken it.
        Sent = "sent",
        /// There was nothing to tell any more, or nobody whom to tell.
        Moot = "moot",
        /// No mail server took it in time.
        GivenUp = "given_up",
    }
}

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LetterAbout {
    /// A containment.
    Containment(ContainmentId),
    /// A run of a playbook.
    Run(RunId),
    /// An incident for which nothing could be asked.
    Incident(IncidentId),
}

impl fmt::Display for LetterAbout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Containment(id) => id.fmt(f),
            Self::Run(id) => id.fmt(f),
            Self::Incident(id) => id.fmt(f),
        }
    }
}

impl FromStr for LetterAbout {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let containment = text.parse().map(Self::Containment);
        containment.or_else(|_| text.parse().map(Self::Run)).or_else(|_| text.parse().map(Self::Incident))
    }
}

/// A letter. It has neither address nor text: who reads it, and what it says, is found out when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its name, by which a letter that comes twice is known again.
    pub id: LetterId,
    /// Where it must be kept.
    pub region: String,
    /// What it tells.
    pub kind: LetterKind,
    /// What it is about.
    pub about: LetterAbout,
    /// The incident that this is for; whom it is hidden from is not told.
    pub incident: Option<IncidentId>,
    /// To whom; `None` as long as nobody has found out who is to be told.
    pub person: Option<PersonId>,
    /// Where it stands.
    pub state: LetterState,
    /// How often it was tried to send it.
    pub tries: u32,
    /// What was in the way, or what came of it; of a mail server's words the reply code alone.
    pub problem: Option<String>,
    /// When its next step is due, milliseconds since the epoch; `None` if and only if it waits no more.
    pub due_at_ms: Option<i64>,
    /// When it is given up.
    pub give_up_at_ms: i64,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// When it was written.
    pub created_at_ms: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ulid;

    #[test]
    fn what_it_is_about_round_trips() {
        for about in [
            LetterAbout::Containment(ContainmentId(Ulid(1))),
            LetterAbout::Run(RunId(Ulid(2))),
            LetterAbout::Incident(IncidentId(Ulid(3))),
        ] {
            assert_eq!(about.to_string().parse(), Ok(about));
        }
        assert!("per_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse::<LetterAbout>().is_err());
    }
}
