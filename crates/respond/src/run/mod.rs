//! One execution of a playbook.
//!
//! | part | does |
//! |---|---|
//! | [`Machine`] | where a run stands, and what comes of an outcome; pure, so that it can be stored after each step |
//! | [`rehearse`] | takes a run through as if everything went well: nothing is done |
//! | [`play`] | takes a run through as a scenario tells it |
//! | [`StartRunRequest`], [`AnswerRequest`], [`StopRequest`] | what can be asked of [`Responder`](crate::Responder) |
//!
//! **Invariant:** a run goes by the text of the playbook that it began with, whatever becomes of the file.
//!
//! **Invariant:** the machine, the steps and what they began are written together; whatever was being done when a worker
//! was cut off is found in the store and taken up there. Nothing that changes something is sent twice without a look, or a
//! person's word.
//!
//! **Invariant:** of what nobody can tell, no time makes a failure: a person says what came of it, or the run's handler has it.
//!
//! **Invariant:** who says where a run goes has part in all that it asks for from then on, and what it asks for then is no word of
//! the source that it began with.
//!
//! **Invariant:** a run that goes on has something due: a step's next look or its end, or its own.
//!
//! **Invariant:** the time of every run is over at some time. Its handler has it then, once and for a bounded time.
//!
//! **Invariant:** what a machine does next is a function of its state, the playbook and the outcome. Stored and read
//! again it goes on as if it had not been.

mod advance;
mod ask;
mod http;
mod limit;
mod machine;
mod names;
mod people;
mod rehearsal;
mod scenario;
mod script;
mod start;
mod walk;

pub use advance::RunMoved;
pub use limit::{
    DELAY_MS_MAX, HANDLER_MS_MAX, PEOPLE_MS_DEFAULT, RUN_MARGIN_MS, RUN_MS_MAX, STEP_MS_DEFAULT, STEP_MS_MAX,
    delay_ms, handler_limit_ms, limit_ms, run_limit_ms,
};
pub use machine::{
    BRANCHES_MAX, End, Machine, NESTING_DEPTH_MAX, Outcome, STEPS_TAKEN_MAX, TURNS_MAX, Task, UnknownTask,
};
pub use people::{Answer, AnswerRequest, StopRequest};
pub use rehearsal::{Rehearsal, Rehearsed, rehearse};
pub use scenario::{
    Mismatch, SCENARIO_BYTES_MAX, Scenario, Scenarios, Told, ToldOutcome, play, read_scenarios,
};
pub use start::{RUNS_BELOW_MAX, RunView, StartRunRequest};
pub use walk::DEPTH_MAX;
