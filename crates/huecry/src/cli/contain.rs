//! `huecry contain` and `huecry run`.

use clap::{Args, Subcommand, ValueEnum};

/// An action on a target.
#[derive(Debug, Clone, Args)]
pub struct ContainWhat {
    /// The action, such as aws.deactivate_key; `huecry connector list` lists them.
    pub action: String,
    /// The target's name at the system that knows it.
    pub target: String,
    /// What else the action is told.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// After what time it is taken back, such as 30m, 4h or 2d [default: the action's].
    #[arg(long, value_name = "TIME")]
    pub ttl: Option<String>,
    /// The incident that it is for.
    #[arg(long, value_name = "ID")]
    pub incident: Option<String>,
}

/// `huecry contain`
#[derive(Debug, Clone, Subcommand)]
pub enum Contain {
    /// Look, and tell what an action would do and who would decide. Nothing is done.
    Plan(ContainWhat),
    /// Ask for an action. It is applied when those who decide have said yes.
    Request {
        /// What.
        #[command(flatten)]
        what: ContainWhat,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// List containments, the newest first.
    List {
        /// open, in_effect, ended, any, or one state.
        #[arg(long, default_value = "open")]
        state: String,
        /// For this incident.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Where the page before ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a containment: what it changes, who decides, how it came to where it stands.
    Show {
        /// `act_…`
        id: String,
    },
    /// Say yes to a containment, as a person. Shows the plan first.
    Approve {
        /// `act_…`
        id: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask. The plan is shown all the same.
        #[arg(long)]
        yes: bool,
        /// For somebody who lets you answer: `per_…`, or the whole name.
        #[arg(long = "for", value_name = "PERSON")]
        on_behalf_of: Option<String>,
    },
    /// Say no to a containment.
    Deny {
        /// `act_…`
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// For somebody who lets you answer: `per_…`, or the whole name.
        #[arg(long = "for", value_name = "PERSON")]
        on_behalf_of: Option<String>,
    },
    /// Let somebody who may approve answer for you, until a time. You have one answer together.
    Delegate {
        /// Whom: `per_…`, or the whole name.
        person: String,
        /// Until when, 30 days from now at most: `2026-12-04T18:00:00Z`, or a day, to its end (UTC).
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// List who may answer for you, and for whom you may.
    Delegations,
    /// End a delegation that you have given or been given.
    Undelegate {
        /// `dlg_…`
        id: String,
    },
    /// Take a containment back, or call it off before anything was sent.
    Undo {
        /// `act_…`
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Give what is in effect another end, or none. Who asked for it keeps it for a day at most.
    Keep {
        /// `act_…`
        id: String,
        /// For how long from now on: `30m`, `4h`, `2d`.
        #[arg(long = "for", value_name = "TIME", required_unless_present = "no_end")]
        time: Option<String>,
        /// Until somebody takes it back.
        #[arg(long, conflicts_with = "time")]
        no_end: bool,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say what came of a containment that is unknown, after a look at the other system.
    Settle {
        /// `act_…`
        id: String,
        /// Whether it happened: whether it is in effect or, if it was to be taken back, whether it is.
        #[arg(long, value_name = "yes|no")]
        happened: YesNo,
        /// What you have seen.
        #[arg(long)]
        reason: String,
    },
    /// Have a containment applied without the approvals that it waits for, on record. Never what cannot be taken back.
    BreakGlass {
        /// `act_…`
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Do not ask. The plan is shown all the same.
        #[arg(long)]
        yes: bool,
    },
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// `huecry run`
#[derive(Debug, Clone, Subcommand)]
pub enum Run {
    /// List runs of playbooks, the newest first.
    List {
        /// running, completed, handled, failed, stopped, or any.
        #[arg(long, default_value = "any")]
        state: String,
        /// For this incident.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Where the page before ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a run with its steps.
    Show {
        /// `run_…`
        id: String,
    },
    /// Say what came of a step that waits for a person.
    Answer {
        /// `run_…`
        id: String,
        /// The number of the step, as `huecry run show` has it.
        step: u32,
        /// What came of it.
        answer: StepAnswerArg,
        /// Why; must be said of what was not done.
        #[arg(long)]
        reason: Option<String>,
        /// A value for a variable that the step asks for, such as __misused__=true.
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
    /// Stop a run. What it has applied stays until its own time is over, or somebody takes it back.
    Stop {
        /// `run_…`
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StepAnswerArg {
    /// It is done.
    Done,
    /// It could not be done.
    Failed,
    /// It is left out, and the run goes on as if it had been done.
    Skipped,
}
