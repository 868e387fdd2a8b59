//! Where a run stands, and what comes next.

use crate::playbook::{Identifier, Playbook, Step, StepKind, Unresolved, VariableError, Variables};
use serde::{Deserialize, Serialize};

/// Most steps that one run takes, those of loops each time.
pub const STEPS_TAKEN_MAX: u32 = 10_000;
/// Most turns of one loop.
pub const TURNS_MAX: u32 = 1_000;
/// Deepest nesting of branches.
pub const NESTING_DEPTH_MAX: u32 = 32;
/// Most branches at once.
pub const BRANCHES_MAX: usize = 200;

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number in the run, given once.
    pub number: u32,
    /// The step; an action or another playbook.
    pub step: Identifier,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It went well, and gave these variables values.
    Success(Vec<(String, String)>),
    /// It failed, or took too long.
    Failure(String),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "snake_case")]
pub enum End {
    /// All ways came to their end.
    Completed,
    /// A step failed, or the time of the run was over, and the playbook's handler took it to its end.
    Handled {
        /// The step that failed, or that it was at.
        step: Identifier,
        /// Why.
        reason: String,
    },
    /// A step failed that nothing takes, or the time of the run was over.
    Failed {
        /// Which.
        step: Identifier,
        /// Why.
        reason: String,
    },
    /// Somebody stopped it.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// There is no task of that number to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run does not wait for task {0}")]
pub struct UnknownTask(pub u32);

/// One way through the playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Branch {
    /// About to begin a step.
    Before { step: Identifier },
    /// Waits for what comes of a task.
    Waiting { step: Identifier, task: u32 },
    /// Inside a step that has branches.
    Inside { step: Identifier, branches: Vec<Branch>, turns: u32 },
    /// At its end.
    Ended,
}

/// A run of a playbook, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    root: Branch,
    variables: Variables,
    taken: u32,
    /// The failure that the playbook's handler is about.
    handling: Option<(Identifier, String)>,
    end: Option<End>,
    /// Whether it failed, or its handler has it, for what may have happened: nobody has said what came of it.
    #[serde(default)]
    untold: bool,
    /// Steps begun since [`Machine::take_trail`].
    #[serde(skip)]
    trail: Vec<Identifier>,
    /// Branches there are, while they move.
    #[serde(skip)]
    live: usize,
}

/// What stops a branch.
struct Failed {
    step: Identifier,
    reason: String,
}

impl Machine {
    /// Begins a run with values for variables of the playbook.
    ///
    /// # Errors
    /// [`VariableError`] for a value that a variable does not take.
    pub fn begin(playbook: &Playbook, values: &[(String, String)]) -> Result<Self, VariableError> {
        let mut variables = playbook.variables.clone();
        for (name, value) in values {
            variables.set(name, value)?;
        }
        let root = Branch::Before { step: playbook.start.clone() };
        let mut machine = Self {
            root,
            variables,
            taken: 0,
            handling: None,
            end: None,
            untold: false,
            trail: Vec::new(),
            live: 0,
        };
        machine.go_on(playbook);
        Ok(machine)
    }

    /// What is to be done now, in no order. Empty only when the run has ended.
    pub fn tasks(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        if self.end.is_none() {
            self.root.tasks(&mut tasks);
        }
        tasks
    }

    /// How it ended, if it has.
    pub const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The values of the playbook's variables.
    pub const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// How many steps were begun.
    pub const fn taken(&self) -> u32 {
        self.taken
    }

    /// The steps that were begun since this was asked last, in their order.
    pub fn take_trail(&mut self) -> Vec<Identifier> {
        std::mem::take(&mut self.trail)
    }

    /// `text` of a step with the values of its variables and the playbook's put in.
    ///
    /// # Errors
    /// [`Unresolved`].
    pub fn resolve(&self, step: &Step, text: &str) -> Result<String, Unresolved> {
        step.variables.over(&self.variables).resolve(text)
    }

    /// Takes what came of a task and goes on.
    ///
    /// # Errors
    /// [`UnknownTask`]; then nothing has changed.
    pub fn settle(&mut self, playbook: &Playbook, task: u32, outcome: Outcome) -> Result<(), UnknownTask> {
        let waiting = self.tasks().into_iter().find(|waiting| waiting.number == task);
        let step = playbook.step(&waiting.ok_or(UnknownTask(task))?.step);
        let result = match outcome {
            Outcome::Success(values) => self.assign(step, &values),
            Outcome::Failure(reason) => Err(reason),
        };
        let mut root = std::mem::replace(&mut self.root, Branch::Ended);
        let left = root.leave_task(playbook, task, result);
        self.root = root;
        match left {
            Ok(()) => self.go_on(playbook),
            Err(failed) => self.fail(playbook, failed),
        }
        Ok(())
    }

    /// Nobody can tell what came of a task, and nobody has said it in time: the playbook's handler has it. What the step does
    /// on a failure is left out, for this may be none.
    ///
    /// # Errors
    /// [`UnknownTask`]; then nothing has changed.
    pub fn abandon(&mut self, playbook: &Playbook, task: u32, reason: &str) -> Result<(), UnknownTask> {
        let waiting = self.tasks().into_iter().find(|waiting| waiting.number == task);
        let step = waiting.ok_or(UnknownTask(task))?.step;
        self.untold = true;
        self.fail(playbook, Failed { step, reason: reason.to_owned() });
        Ok(())
    }

    /// Ends the run where it stands.
    pub fn stop(&mut self, reason: &str) {
        if self.end.is_none() {
            self.end = Some(End::Stopped { reason: reason.to_owned() });
        }
    }

    /// The time of the run is over: the playbook's handler has it then, once; else it ends as failed.
    /// `is_untold` where it waits for a word on what may have happened.
    pub fn run_out(&mut self, playbook: &Playbook, reason: &str, is_untold: bool) {
        if self.end.is_some() {
            return;
        }
        self.untold |= is_untold;
        let waiting = self.tasks().into_iter().min_by_key(|task| task.number);
        // one that waits for nothing ends all the same
        let step = waiting.map_or_else(|| playbook.start.clone(), |task| task.step);
        self.fail(playbook, Failed { step, reason: reason.to_owned() });
    }

    /// Whether it came to its end, or to its handler, by what nobody has said whether it happened.
    pub const fn is_untold(&self) -> bool {
        self.untold
    }

    /// The failure that the playbook's handler is about, while it is: the step, and why.
    pub fn handling(&self) -> Option<(&Identifier, &str)> {
        self.handling.as_ref().map(|(step, reason)| (step, reason.as_str()))
    }

    /// Whether the variables take what a step gives: one by one they are as [`Machine::settle`] would set them.
    pub(super) fn check_values(
        &self,
        step: Option<&Step>,
        values: &[(String, String)],
    ) -> Result<(), String> {
        self.clone().assign(step, values)
    }

    /// Gives variables values; those of the step are checked, and end with it.
    pub(super) fn assign(&mut self, step: Option<&Step>, values: &[(String, String)]) -> Result<(), String> {
        let (mut variables, mut own) = (self.variables.clone(), step.map(|step| step.variables.clone()));
        for (name, value) in values {
            let set = match own.as_mut().filter(|own| own.get(name).is_some()) {
                Some(own) => own.set(name, value),
                None => variables.set(name, value),
            };
            set.map_err(|error| error.to_string())?;
        }
        self.variables = variables;
        Ok(())
    }

    /// Moves every branch as far as it goes without anything being done.
    fn go_on(&mut self, playbook: &Playbook) {
        self.live = self.root.count();
        let mut root = std::mem::replace(&mut self.root, Branch::Ended);
        let moved = self.advance(playbook, &mut root, 0);
        self.root = root;
        match moved {
            Ok(()) if matches!(self.root, Branch::Ended) && self.end.is_none() => {
                self.end = Some(match self.handling.take() {
                    None => End::Completed,
                    Some((step, reason)) => End::Handled { step, reason },
                });
            }
            Ok(()) => {}
            Err(failed) => self.fail(playbook, failed),
        }
    }

    /// A failure that no step takes: the playbook's handler has it, once.
    fn fail(&mut self, playbook: &Playbook, failed: Failed) {
        let handler = playbook.exception.as_ref().filter(|id| playbook.steps.contains_key(*id));
        match handler {
            Some(handler) if self.handling.is_none() && self.taken < STEPS_TAKEN_MAX => {
                self.handling = Some((failed.step, failed.reason));
                self.root = Branch::Before { step: handler.clone() };
                self.go_on(playbook);
            }
            _ => self.end = Some(End::Failed { step: failed.step, reason: failed.reason }),
        }
    }

    fn advance(&mut self, playbook: &Playbook, branch: &mut Branch, depth: u32) -> Result<(), Failed> {
        loop {
            match branch {
                Branch::Ended | Branch::Waiting { .. } => return Ok(()),
                Branch::Before { step } => {
                    let step = step.clone();
                    *branch = self.enter(playbook, step, depth)?;
                }
                Branch::Inside { step, branches, turns } => {
                    for inner in branches.iter_mut() {
                        self.advance(playbook, inner, depth + 1)?;
                    }
                    let before = branches.len();
                    branches.retain(|inner| !matches!(inner, Branch::Ended));
                    self.live -= before - branches.len();
                    if !branches.is_empty() {
                        return Ok(());
                    }
                    let (step, turns) = (step.clone(), *turns);
                    *branch = self.come_out(playbook, step, turns, depth)?;
                }
            }
        }
    }

    fn enter(&mut self, playbook: &Playbook, id: Identifier, depth: u32) -> Result<Branch, Failed> {
        let failed = |reason: String| Failed { step: id.clone(), reason };
        if self.taken >= STEPS_TAKEN_MAX {
            return Err(failed(format!(
                "the run has taken {STEPS_TAKEN_MAX} steps, the most that one takes"
            )));
        }
        self.taken += 1;
        self.trail.push(id.clone());
        let step = playbook.step(&id).ok_or_else(|| failed("there is no such step".to_owned()))?;
        let begun = |id: &Identifier| Branch::Before { step: id.clone() };
        let inside = match &step.kind {
            StepKind::Start => return Ok(step.on_completion.as_ref().map_or(Branch::Ended, begun)),
            StepKind::End => return Ok(Branch::Ended),
            StepKind::Action { .. } | StepKind::PlaybookAction { .. } => {
                return Ok(Branch::Waiting { step: id, task: self.taken });
            }
            StepKind::Parallel { branches } => branches.iter().map(begun).collect(),
            StepKind::If { .. } | StepKind::While { .. } | StepKind::Switch { .. } => {
                self.chosen(step).map_err(failed)?.map(begun).into_iter().collect::<Vec<_>>()
            }
        };
        if depth >= NESTING_DEPTH_MAX {
            return Err(failed(format!("branches nest deeper than {NESTING_DEPTH_MAX}")));
        }
        self.live += inside.len();
        if self.live > BRANCHES_MAX {
            return Err(failed(format!("there are more than {BRANCHES_MAX} branches at once")));
        }
        Ok(Branch::Inside { step: id, branches: inside, turns: 0 })
    }

    /// The branch that a question chooses now.
    fn chosen<'p>(&self, step: &'p Step) -> Result<Option<&'p Identifier>, String> {
        let variables = step.variables.over(&self.variables);
        match &step.kind {
            StepKind::If { condition, on_true, on_false } => {
                let holds = condition.holds(&variables).map_err(|error| error.to_string())?;
                Ok(if holds { Some(on_true) } else { on_false.as_ref() })
            }
            StepKind::While { condition, on_true } => {
                let holds = condition.holds(&variables).map_err(|error| error.to_string())?;
                Ok(holds.then_some(on_true))
            }
            StepKind::Switch { switch, cases } => {
                let value = variables.resolve(switch).map_err(|error| error.to_string())?;
                Ok(cases.get(&value).or_else(|| cases.get("default")))
            }
            _ => Ok(None),
        }
    }

    /// All branches of a step have ended: another turn of a loop, or what comes next.
    fn come_out(
        &mut self,
        playbook: &Playbook,
        id: Identifier,
        turns: u32,
        depth: u32,
    ) -> Result<Branch, Failed> {
        let failed = |reason: String| Failed { step: id.clone(), reason };
        let step = playbook.step(&id).ok_or_else(|| failed("there is no such step".to_owned()))?;
        // an `if` without its branch comes here too; a loop that was not entered has asked already
        if matches!(step.kind, StepKind::While { .. })
            && let Some(again) = self.chosen(step).map_err(&failed)?
        {
            if turns + 1 >= TURNS_MAX || depth >= NESTING_DEPTH_MAX {
                return Err(failed(format!("the loop has turned {TURNS_MAX} times, the most that one does")));
            }
            if self.taken >= STEPS_TAKEN_MAX {
                return Err(failed(format!(
                    "the run has taken {STEPS_TAKEN_MAX} steps, the most that one takes"
                )));
            }
            self.live += 1;
            let branches = vec![Branch::Before { step: again.clone() }];
            return Ok(Branch::Inside { step: id, branches, turns: turns + 1 });
        }
        Ok(after(step, true).map_or(Branch::Ended, |next| Branch::Before { step: next.clone() }))
    }
}

/// What comes after a step.
fn after(step: &Step, well: bool) -> Option<&Identifier> {
    let by_outcome = if well { &step.on_success } else { &step.on_failure };
    by_outcome.as_ref().or(if well { step.on_completion.as_ref() } else { None })
}

impl Branch {
    fn tasks(&self, tasks: &mut Vec<Task>) {
        match self {
            Self::Waiting { step, task } => tasks.push(Task { number: *task, step: step.clone() }),
            Self::Inside { branches, .. } => branches.iter().for_each(|branch| branch.tasks(tasks)),
            Self::Before { .. } | Self::Ended => {}
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Inside { branches, .. } => 1 + branches.iter().map(Self::count).sum::<usize>(),
            _ => 1,
        }
    }

    /// Goes on from the task `number`, wherever in this branch it is.
    fn leave_task(
        &mut self,
        playbook: &Playbook,
        number: u32,
        result: Result<(), String>,
    ) -> Result<(), Failed> {
        match self {
            Self::Waiting { step, task } if *task == number => {
                let id = step.clone();
                let step = playbook.step(&id);
                let next = step.and_then(|step| after(step, result.is_ok()));
                *self = match (next, result) {
                    (Some(next), _) => Self::Before { step: next.clone() },
                    (None, Ok(())) => Self::Ended,
                    (None, Err(reason)) => return Err(Failed { step: id, reason }),
                };
                Ok(())
            }
            Self::Inside { branches, .. } => {
                branches.iter_mut().try_for_each(|branch| branch.leave_task(playbook, number, result.clone()))
            }
            _ => Ok(()),
        }
    }
}
