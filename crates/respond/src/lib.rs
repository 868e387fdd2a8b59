//! Contain, and undo: response procedures, and how they run.
//!
//! | part | does |
//! |---|---|
//! | [`playbook`] | reads CACAO 2.0 playbooks, says everything that is wrong with one |
//! | [`run`] | the state machine of one execution of a playbook, and what carries it out |
//! | [`automatic`] | standing orders: what is asked for by itself when a rule matches |
//! | [`contain`] | one action on one target, from the plan to its end, durably |
//! | [`Responder`] | everything that can be asked, for API, chat and command line alike; and the workers |
//! | [`letter`] | people are told by e-mail of what waits for them |
//! | [`connector`] | actions as data: what is sent to look, apply, verify and revert |
//! | [`calls`] | whether connectors have what a playbook asks of them |
//! | [`shell`] | words and scripts for shells, quoted in one place |
//! | [`sandbox`] | scripts of playbooks, where they can do nothing |
//! | [`protect`] | what no action may touch, in one place |
//! | [`plan`] | what an action would do, and the hash that people approve |
//! | [`decision`] | who decides, as one table |
//! | [`approval`] | people say yes or no |
//! | [`window`] | how many targets an action may have in a time |
//!
//! Decisions are pure: no clock, no network, no store. What carries them out takes all three as ports, in `service`,
//! `worker`, `contain`, `run` and `letter`.
//!
//! **Invariant:** a playbook that does not hold is refused with every reason and where it is; one that holds can be run.
//!
//! **Invariant:** a run ends. Whatever the playbook and the outcomes of its steps, a [`run::Machine`] takes at most
//! [`run::STEPS_TAKEN_MAX`] steps.
//!
//! **Invariant:** nothing waits for ever, and no effect is sent twice without a look between ([`contain`]).
//!
//! **Invariant:** nothing is planned on what is protected, and what is approved is exactly what was planned.

mod actor;
pub mod approval;
pub mod automatic;
pub mod calls;
pub mod connector;
pub mod contain;
pub mod decision;
mod error;
pub mod impact;
pub mod letter;
pub mod plan;
pub mod playbook;
mod process;
pub mod protect;
pub mod run;
pub mod sandbox;
mod service;
mod setup;
pub mod shell;
mod times;
pub mod window;
mod worker;

pub use actor::{Actor, key_of};
pub use error::RespondError;
pub use service::{Advanced, Responder, ResponderOptions};
pub use setup::{Connection, FixedSetup, Setup};
pub use times::Times;
pub use worker::{CONTAINMENT_WORKERS_MAX, Duty, RUN_WORKERS, crew};
