//! One execution of a playbook.
//!
//! | part | does |
//! |---|---|
//! | [`Machine`] | where a run stands, and what comes of an outcome; pure, so that it can be stored after each step |
//! | [`rehearse`] | takes a run through as if everything went well: nothing is done |
//! | [`play`] | takes a run through as a scenario tells it |
//!
//! **Invariant:** what a machine does next is a function of its state, the playbook and the outcome. Stored and read
//! again it goes on as if it had not been.

mod limit;
mod machine;
mod rehearsal;
mod scenario;

pub use limit::{DELAY_MS_MAX, PEOPLE_MS_DEFAULT, STEP_MS_DEFAULT, STEP_MS_MAX, delay_ms, limit_ms};
pub use machine::{
    BRANCHES_MAX, End, Machine, NESTING_DEPTH_MAX, Outcome, STEPS_TAKEN_MAX, TURNS_MAX, Task, UnknownTask,
};
pub use rehearsal::{Rehearsal, Rehearsed, rehearse};
pub use scenario::{
    Mismatch, SCENARIO_BYTES_MAX, Scenario, Scenarios, Told, ToldOutcome, play, read_scenarios,
};
