//! One execution of a playbook, and its steps.

use crate::{ContainmentId, IncidentId, Lease, Principal, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

named! {
    /// Where a run stands.
    RunState {
        /// It goes on.
        Running = "running",
        /// All ways came to their end.
        Completed = "completed",
        /// A step failed or the run's time was over, and the playbook's handler took it to its end.
        Handled = "handled",
        /// A step failed that nothing takes, or the run's time was over.
        Failed = "failed",
        /// Somebody stopped it.
        Stopped = "stopped",
    }
}

named! {
    /// Where a step of a run stands.
    StepState {
        /// Its delay is not over.
        Delayed = "delayed",
        /// It is being done.
        Running = "running",
        /// A person must do something, and say so.
        AwaitingPerson = "awaiting_person",
        /// Nobody can tell whether its request had its effect: a person says.
        Unknown = "unknown",
        /// It went well.
        Succeeded = "succeeded",
        /// A person left it out; the run went on as if it had gone well.
        Skipped = "skipped",
        /// It failed, or took too long.
        Failed = "failed",
        /// The run ended before it did.
        Stopped = "stopped",
    }
}

impl StepState {
    /// Whether nothing comes after it.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped | Self::Failed | Self::Stopped)
    }
}

/// A command of a task of a run: what something is done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunPlace {
    /// The run.
    pub run: RunId,
    /// The number of the task in it.
    pub task: u32,
    /// Which of the task's commands, from 0.
    pub command: u32,
}

/// One execution of a playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// Where it must be kept.
    pub region: String,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// What of another run called it.
    pub parent: Option<RunPlace>,
    /// How many runs are above it.
    pub depth: u32,
    /// The playbook's id: `playbook--…`.
    pub playbook: String,
    /// What people call it.
    pub name: String,
    /// Which version, by when it was made, milliseconds since the epoch.
    pub modified_at_ms: i64,
    /// SHA-256 of the playbook's text; the text is kept, so that no edit changes a run under way.
    pub playbook_sha256: [u8; 32],
    /// Who began it.
    pub requester: Principal,
    /// The ids of all who have part in it; none of them approves its actions.
    pub requesters: Vec<String>,
    /// Why, in their words.
    pub reason: String,
    /// What its actions are decided by, by name: `confidence`, `signal`, `reporter`.
    pub grounds: Value,
    /// Where it stands.
    pub state: RunState,
    /// The machine after the last step that was settled.
    pub machine: Value,
    /// Why it ended as it did, in words.
    pub problem: Option<String>,
    /// When something is due, milliseconds since the epoch; none at its end.
    pub due_at_ms: Option<i64>,
    /// When its time is over. The playbook's handler has it then, once and for a time of its own.
    pub deadline_at_ms: i64,
    /// Who takes the next step now.
    pub lease: Option<Lease>,
    /// When it began, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it changed last.
    pub updated_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// Grows with each change.
    pub version: u64,
}

/// One task of a run: a step that was begun, each turn of a loop anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStep {
    /// The run.
    pub run: RunId,
    /// The number of the task in it.
    pub task: u32,
    /// The playbook's step.
    pub step: String,
    /// What people call it.
    pub name: String,
    /// What is done now: the type of the command, or `playbook`.
    pub kind: String,
    /// What is to be done, with the values of variables put in.
    pub text: String,
    /// Where it stands.
    pub state: StepState,
    /// Which of its commands it is at, from 0.
    pub command: u32,
    /// How often the command was tried.
    pub tries: u32,
    /// Whether a request that changes something may have been sent.
    pub sent: bool,
    /// The containment that the command made; or one of the same action and target that others had asked for, whose
    /// own `task` is another one.
    pub containment: Option<ContainmentId>,
    /// The run that it called.
    pub child: Option<RunId>,
    /// When the run came to it, milliseconds since the epoch.
    pub begun_at_ms: i64,
    /// When its delay is over.
    pub starts_at_ms: i64,
    /// When to look at it next.
    pub due_at_ms: i64,
    /// When it has failed unless it ended.
    pub deadline_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// By whom it was settled.
    pub by: Option<Principal>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Where it must be kept.
    pub region: String,
}
