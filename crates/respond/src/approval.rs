//! People say yes or no to a plan.
//!
//! **Invariant:** a yes counts for one plan, by its hash, until a time, once a person, and never of who asked for it. What
//! nobody decides in time is denied.

use crate::plan::PlanHash;
use std::collections::BTreeSet;

/// Longest time that a request waits, in milliseconds.
pub const WAIT_MS_MAX: i64 = 7 * 24 * 60 * 60_000;

/// Most people that a request asks for.
pub const PEOPLE_MAX: u8 = 5;

/// Somebody who may be asked, as they are when they vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// The person's id.
    pub person: String,
    /// What they are: roles and teams by name.
    pub functions: BTreeSet<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Of which plan.
    pub plan: PlanHash,
    /// Who asked for it, and whoever shares in that: the author of the playbook's run, the reporter.
    pub requesters: BTreeSet<String>,
    /// How many people it takes.
    pub people: u8,
    /// Functions of which each must be among those who say yes.
    pub quorum: BTreeSet<String>,
    /// When it was asked, milliseconds since the epoch.
    pub asked_at_ms: i64,
    /// Until when it can be answered.
    pub expires_at_ms: i64,
}

/// Somebody lets another vote for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Who lets.
    pub from: Voter,
    /// Whom.
    pub to: String,
    /// Until when.
    pub until_ms: i64,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub voter: Voter,
    /// The plan that they saw.
    pub plan: PlanHash,
    /// Yes or no.
    pub approves: bool,
    /// When.
    pub at_ms: i64,
    /// For whom, if not for themselves.
    pub delegation: Option<Delegation>,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It waits.
    Waiting {
        /// For how many more people.
        people: u8,
        /// And of which functions.
        functions: BTreeSet<String>,
    },
    /// It may be applied.
    Approved,
    /// It may not: somebody said no, or nobody said enough in time.
    Denied,
}

/// A request cannot be made so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Nobody, or more people than can be found.
    #[error("an approval takes 1 to {PEOPLE_MAX} people")]
    People,
    /// It would wait for nothing, or for ever.
    #[error("an approval waits up to {WAIT_MS_MAX} ms")]
    Wait,
    /// Nobody asks.
    #[error("an approval names who asks for it")]
    Requester,
}

/// An answer does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoteRefused {
    /// Who asked for something does not approve it, nor lets another do so.
    #[error("who asked for an action does not decide on it")]
    OwnRequest,
    /// They have answered, by themselves or through another.
    #[error("this person has answered already")]
    Twice,
    /// The plan has changed since they saw it.
    #[error("the plan is not the one that you saw; look at it again")]
    OtherPlan,
    /// Too late, or too early.
    #[error("the time to answer is over")]
    Expired,
    /// It is decided.
    #[error("it is decided already")]
    Decided,
    /// The delegation is another's, or over.
    #[error("nobody has let you answer for them")]
    NotDelegated,
}

impl Request {
    /// Checks a request.
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn check(&self) -> Result<(), BadRequest> {
        if !(1..=PEOPLE_MAX).contains(&self.people) {
            return Err(BadRequest::People);
        }
        let wait_ms = self.expires_at_ms.saturating_sub(self.asked_at_ms);
        if !(1..=WAIT_MS_MAX).contains(&wait_ms) {
            return Err(BadRequest::Wait);
        }
        if self.requesters.iter().all(|who| who.trim().is_empty()) {
            Err(BadRequest::Requester)
        } else {
            Ok(())
        }
    }

    /// Where it stands at `now_ms`, with the votes that were let in.
    pub fn standing(&self, votes: &[Vote], now_ms: i64) -> Standing {
        let yes = votes.iter().filter(|vote| vote.approves);
        let functions: BTreeSet<&String> =
            yes.clone().flat_map(|vote| &vote.answers_for().functions).collect();
        let missing: BTreeSet<String> =
            self.quorum.iter().filter(|function| !functions.contains(function)).cloned().collect();
        let people = self.people.saturating_sub(u8::try_from(yes.count()).unwrap_or(u8::MAX));
        if votes.iter().any(|vote| !vote.approves) {
            Standing::Denied
        } else if people == 0 && missing.is_empty() {
            Standing::Approved
        } else if now_ms >= self.expires_at_ms {
            Standing::Denied
        } else {
            Standing::Waiting { people, functions: missing }
        }
    }

    /// Whether a vote counts; the caller adds it to `votes` then.
    ///
    /// # Errors
    /// [`VoteRefused`].
    pub fn admit(&self, votes: &[Vote], vote: &Vote) -> Result<(), VoteRefused> {
        if !matches!(self.standing(votes, vote.at_ms), Standing::Waiting { .. }) {
            let over = vote.at_ms >= self.expires_at_ms && votes.iter().all(|vote| vote.approves);
            return Err(if over { VoteRefused::Expired } else { VoteRefused::Decided });
        }
        if vote.at_ms < self.asked_at_ms {
            return Err(VoteRefused::Expired);
        }
        if vote.plan != self.plan {
            return Err(VoteRefused::OtherPlan);
        }
        if let Some(delegation) = &vote.delegation
            && (delegation.to != vote.voter.person || vote.at_ms >= delegation.until_ms)
        {
            return Err(VoteRefused::NotDelegated);
        }
        if vote.people().any(|person| self.requesters.contains(person)) {
            return Err(VoteRefused::OwnRequest);
        }
        let answered: BTreeSet<&str> = votes.iter().flat_map(Vote::people).collect();
        if vote.people().any(|person| answered.contains(person)) { Err(VoteRefused::Twice) } else { Ok(()) }
    }
}

impl Vote {
    /// Whose functions count.
    fn answers_for(&self) -> &Voter {
        self.delegation.as_ref().map_or(&self.voter, |delegation| &delegation.from)
    }

    /// Everybody who has part in it: each has one vote.
    fn people(&self) -> impl Iterator<Item = &str> {
        let from = self.delegation.as_ref().map(|delegation| delegation.from.person.as_str());
        std::iter::once(self.voter.person.as_str()).chain(from)
    }
}
