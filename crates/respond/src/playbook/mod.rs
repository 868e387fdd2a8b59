//! CACAO Security Playbooks 2.0 (OASIS, Committee Specification 01): the model, and what must hold of it.
//!
//! | part | does |
//! |---|---|
//! | [`read`] | JSON or YAML to a [`Playbook`], or every reason why not |
//! | [`Step`], [`StepKind`] | section 4, workflow steps |
//! | [`Command`] | section 5, commands |
//! | [`ActionCall`] | commands of our own, which apply actions of connectors |
//! | [`Extension`] | what a playbook is for, under `playbook_extensions` |
//! | [`Party`] | sections 6 and 7, agents and targets |
//! | [`Variables`] | section 10.18, variables and references to them |
//! | [`Condition`] | conditions, as comparison expressions of STIX 2.1 patterning (section 9) over variables |
//!
//! What the specification leaves to implementations is bounded here by name: sizes, numbers of steps, lengths.

mod call;
mod complaint;
mod condition;
mod definition;
mod extension;
mod graph;
mod identifier;
mod object;
mod read;
mod step;
mod variable;

pub use call::{ACTION_COMMAND, ActionCall, CallError};
pub use complaint::{Complaint, Gravity};
pub use condition::{CONDITION_BYTES_MAX, Condition, ConditionError};
pub use definition::{AUTHENTICATION_TYPES, Authentication, PARTY_TYPES, Party};
pub use extension::{Attach, EXTENSION, Extension, SEVERITIES, Subject};
pub use identifier::{Identifier, IdentifierError};
pub use read::{PLAYBOOK_BYTES_MAX, Refused, STEPS_MAX, read};
pub use step::{COMMAND_TYPES, COMMANDS_MAX, Command, NEXT_STEPS_MAX, Step, StepKind};
pub(crate) use variable::reference;
pub use variable::{Unresolved, VARIABLE_TYPES, Variable, VariableError, Variables};

use std::collections::BTreeMap;

/// A playbook that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// `playbook--…`; all versions of one have the same.
    pub id: Identifier,
    /// What people call it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// When it was made, milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When this version was made, milliseconds since the epoch; names the version.
    pub modified_at_ms: i64,
    /// From when on it may be executed.
    pub valid_from_ms: Option<i64>,
    /// Until when.
    pub valid_until_ms: Option<i64>,
    /// Whether its author has taken it back.
    pub revoked: bool,
    /// What it is for, such as `mitigation`; section 3.1.1.
    pub types: Vec<String>,
    /// Words to find it by.
    pub labels: Vec<String>,
    /// What it is for, where it says so.
    pub extension: Option<Extension>,
    /// Variables of the whole playbook.
    pub variables: Variables,
    /// Where it begins.
    pub start: Identifier,
    /// Where a failure goes that no step takes.
    pub exception: Option<Identifier>,
    /// The steps.
    pub steps: BTreeMap<Identifier, Step>,
    /// Who executes commands.
    pub agents: BTreeMap<Identifier, Party>,
    /// On what.
    pub targets: BTreeMap<Identifier, Party>,
    /// How agents and targets are signed in to. Secrets in it are never shown.
    pub authentication: BTreeMap<Identifier, Authentication>,
}

impl Playbook {
    /// The step of that name; every name in a playbook that holds is one.
    pub fn step(&self, id: &Identifier) -> Option<&Step> {
        self.steps.get(id)
    }

    /// Why it may not be executed at `now_ms`, if so.
    pub fn barred(&self, now_ms: i64) -> Option<&'static str> {
        if self.revoked {
            return Some("its author has revoked it");
        }
        if self.valid_from_ms.is_some_and(|from_ms| now_ms < from_ms) {
            return Some("it is not valid yet");
        }
        (self.valid_until_ms.is_some_and(|until_ms| now_ms >= until_ms)).then_some("it is not valid any more")
    }
}
