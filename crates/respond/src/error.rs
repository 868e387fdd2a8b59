//! Why something is not done.

use crate::approval::{BadRequest, VoteRefused};
use crate::connector::ActError;
use crate::window::TooMany;
use model::{ContainmentId, ContainmentState};
use ports::store::StoreError;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such connector, or nobody has set it up.
    #[error("there is no connector {0:?}, or it is not set up")]
    NoConnector(String),
    /// The action's name is not of the form `connector.action`.
    #[error("{0:?} names no action; write connector.action, such as aws.deactivate_key")]
    BadAction(String),
    /// The action is told something that it does not take.
    #[error("{action} takes no input {input}")]
    UnknownInput {
        /// The action.
        action: String,
        /// What it is told.
        input: String,
    },
    /// The action cannot be asked for like this: unknown, of another form, or on what is protected.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The look says that there is nothing to do, or that it may not.
    #[error("nothing was done: {0}")]
    LookRefused(String),
    /// The look has found nothing to do, and the proof of the action says that it is in effect.
    #[error("nothing was done, it is in effect already: {0}")]
    Already(String),
    /// The remote side does not answer now.
    #[error("the other side does not answer now, nothing was done: {0}")]
    Later(String),
    /// The plan is another one than who asks has seen.
    #[error("things have changed since you looked; look at the plan again")]
    OtherPlan,
    /// Too many targets in a time.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The same is under way already. Which one is not in the words: who asks may not be one who sees it.
    #[error("this action on this target is under way already")]
    UnderWay(ContainmentId),
    /// The approval cannot be asked for.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// The answer does not count.
    #[error(transparent)]
    Vote(#[from] VoteRefused),
    /// It is to nobody else, or for no time.
    #[error("answers are delegated to another person, until a time that is to come, within 30 days")]
    BadDelegation,
    /// Whom it is to may not answer, or is not there.
    #[error("there is nobody of that id who could answer for you")]
    NoDelegate,
    /// Nobody knows who asks.
    #[error("who asks must be known")]
    Nobody,
    /// Only people do this.
    #[error("only a person does this")]
    NoPerson,
    /// The reason is missing or too long.
    #[error("say why, in at most {} characters", crate::contain::REASON_CHARS_MAX)]
    Reason,
    /// Not in this state.
    #[error("it is {}: {why}", .state.as_str())]
    State {
        /// Where it stands.
        state: ContainmentState,
        /// Why not.
        why: &'static str,
    },
    /// The end is too near or too far.
    #[error("it is kept for one minute to 30 days, or without an end")]
    BadTime,
    /// Who asked for it keeps it for a day at most; more is for somebody else.
    #[error("whoever asked for it keeps it for 24 hours at most; somebody else decides on more")]
    OwnKeep,
    /// It cannot be taken back.
    #[error("this cannot be taken back: {0}")]
    NotReversible(String),
    /// What is irreversible is never applied without approvals.
    #[error("what cannot be taken back is never applied without approvals")]
    GlassHolds,
    /// The playbook does not hold.
    #[error(transparent)]
    Playbook(#[from] crate::playbook::Refused),
    /// The playbook may not be executed now.
    #[error("this playbook is not executed: {0}")]
    Barred(&'static str),
    /// There is no such playbook to call.
    #[error("there is no playbook {0}")]
    NoPlaybook(String),
    /// A variable does not take the value.
    #[error(transparent)]
    Variable(#[from] crate::playbook::VariableError),
    /// A step does not give this value.
    #[error("the step gives no such value: {0}")]
    BadValue(String),
    /// A finding is about nothing that this value could be.
    #[error("the finding tells nothing that could be the {0}")]
    NoSubject(String),
    /// Runs call each other too deep.
    #[error("playbooks call each other deeper than {0}")]
    TooDeep(u32),
    /// Runs call too many others.
    #[error("a run calls at most {0} others, with all that those call; do the rest in a run of its own")]
    TooManyCalled(u64),
    /// The step does not wait for a person, or the run has ended.
    #[error("this step does not wait for anybody: {0}")]
    NoSuchStep(String),
    /// A part of the program that did the work has gone.
    #[error("the work was cut off: {0}")]
    CutOff(String),
}
