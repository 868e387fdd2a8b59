//! Contain, and undo: response procedures, and how they run.
//!
//! | part | does |
//! |---|---|
//! | [`playbook`] | reads CACAO 2.0 playbooks, says everything that is wrong with one |
//! | [`run`] | the state machine of one execution of a playbook |
//! | [`connector`] | actions as data: what is sent to look, apply, verify and revert |
//! | [`calls`] | whether connectors have what a playbook asks of them |
//! | [`protect`] | what no action may touch, in one place |
//! | [`plan`] | what an action would do, and the hash that people approve |
//! | [`decision`] | who decides, as one table |
//! | [`approval`] | people say yes or no |
//! | [`window`] | how many targets an action may have in a time |
//!
//! All of it is pure: no clock, no network, no store.
//!
//! **Invariant:** a playbook that does not hold is refused with every reason and where it is; one that holds can be run.
//!
//! **Invariant:** a run ends. Whatever the playbook and the outcomes of its steps, a [`run::Machine`] takes at most
//! [`run::STEPS_TAKEN_MAX`] steps.
//!
//! **Invariant:** nothing is planned on what is protected, and what is approved is exactly what was planned.

pub mod approval;
pub mod calls;
pub mod connector;
pub mod decision;
pub mod impact;
pub mod plan;
pub mod playbook;
pub mod protect;
pub mod run;
pub mod window;
