//! Contain, and undo: response procedures, and how they run.
//!
//! | part | does |
//! |---|---|
//! | [`playbook`] | reads CACAO 2.0 playbooks, says everything that is wrong with one; pure |
//! | [`run`] | the state machine of one execution of a playbook; pure |
//!
//! **Invariant:** a playbook that does not hold is refused with every reason and where it is; one that holds can be run.
//!
//! **Invariant:** a run ends. Whatever the playbook and the outcomes of its steps, a [`run::Machine`] takes at most
//! [`run::STEPS_TAKEN_MAX`] steps.

pub mod playbook;
pub mod run;
