//! Workflow steps and commands (sections 4 and 5).

use super::call::{ACTION_COMMAND, ActionCall};
use super::object::{Object, below};
use super::variable::Variables;
use super::{Condition, Identifier};
use serde_json::Value;
use std::collections::BTreeMap;

/// The types of commands.
pub const COMMAND_TYPES: [&str; 12] = [
    "bash",
    "caldera-cmd",
    "elastic",
    "http-api",
    "jupyter",
    "kestrel",
    "manual",
    "openc2-http",
    "powershell",
    "sigma",
    "ssh",
    "yara",
];

/// Most commands of one step.
pub const COMMANDS_MAX: usize = 50;

/// Most branches of one step.
pub const NEXT_STEPS_MAX: usize = 50;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What people call it.
    pub name: String,
    /// What it does.
    pub description: String,
    /// How long to wait before it, in milliseconds.
    pub delay_ms: u64,
    /// After what time it has failed, in milliseconds; none for the default of what it does.
    pub timeout_ms: Option<u64>,
    /// Variables of the step, over those of the playbook.
    pub variables: Variables,
    /// Who is responsible.
    pub owner: Option<Identifier>,
    /// What comes next, whatever came of it.
    pub on_completion: Option<Identifier>,
    /// What comes next if it went well.
    pub on_success: Option<Identifier>,
    /// What comes next if it failed.
    pub on_failure: Option<Identifier>,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// The beginning.
    Start,
    /// The end of the workflow, or of a branch.
    End,
    /// Commands that an agent executes on targets.
    Action {
        /// In their order.
        commands: Vec<Command>,
        /// Who executes them.
        agent: Identifier,
        /// On what; nothing where the agent is it.
        targets: Vec<Identifier>,
        /// Variables that go in.
        in_args: Vec<String>,
        /// Variables that come out.
        out_args: Vec<String>,
    },
    /// Another playbook.
    PlaybookAction {
        /// Which.
        playbook: Identifier,
        /// Which version, by when it was made; the newest if not said. Milliseconds since the epoch.
        version_ms: Option<i64>,
        /// Variables that go in.
        in_args: Vec<String>,
        /// Variables that come out.
        out_args: Vec<String>,
    },
    /// Several branches at once; it has ended when all of them have.
    Parallel {
        /// The first steps of the branches.
        branches: Vec<Identifier>,
    },
    /// One branch or the other.
    If {
        /// The question.
        condition: Condition,
        /// If so.
        on_true: Identifier,
        /// If not.
        on_false: Option<Identifier>,
    },
    /// A branch, again and again.
    While {
        /// The question before each turn.
        condition: Condition,
        /// The branch.
        on_true: Identifier,
    },
    /// One branch of several.
    Switch {
        /// The text that is compared, with references to variables.
        switch: String,
        /// Branches by value; `default` for all other values.
        cases: BTreeMap<String, Identifier>,
    },
}

impl StepKind {
    /// The name in a playbook.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Action { .. } => "action",
            Self::PlaybookAction { .. } => "playbook-action",
            Self::Parallel { .. } => "parallel",
            Self::If { .. } => "if-condition",
            Self::While { .. } => "while-condition",
            Self::Switch { .. } => "switch-condition",
        }
    }
}

/// One command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// One of [`COMMAND_TYPES`], or of an extension.
    pub kind: String,
    /// What is done, as text with references to variables.
    pub text: Option<String>,
    /// What it does.
    pub description: String,
    /// The action that it asks for, if it is of type [`ACTION_COMMAND`].
    pub call: Option<ActionCall>,
    /// Everything that its definition says.
    pub properties: Value,
}

impl Command {
    /// Whether this program knows its type.
    pub fn is_known(&self) -> bool {
        COMMAND_TYPES.contains(&self.kind.as_str()) || self.kind == ACTION_COMMAND
    }
}

/// Reads the step `id`, with everything that is wrong with it by itself.
pub(super) fn read(object: &mut Object<'_, '_>, id: &Identifier) -> Option<Step> {
    let kind = object.required_text("type")?;
    if kind != id.kind() {
        object.error("type", format!("this is {kind:?}, and {id} is the name of a {:?}", id.kind()));
        return None;
    }
    let kind = match kind {
        "start" => StepKind::Start,
        "end" => StepKind::End,
        "action" => action(object)?,
        "playbook-action" => StepKind::PlaybookAction {
            playbook: playbook(object)?,
            version_ms: object.time("playbook_version"),
            in_args: object.texts("in_args"),
            out_args: object.texts("out_args"),
        },
        "parallel" => StepKind::Parallel { branches: branches(object)? },
        "if-condition" => StepKind::If {
            condition: condition(object)?,
            on_true: object.required_identifier("on_true")?,
            on_false: object.identifier("on_false"),
        },
        "while-condition" => {
            StepKind::While { condition: condition(object)?, on_true: object.required_identifier("on_true")? }
        }
        "switch-condition" => switch(object)?,
        other => {
            object.error("type", format!("there is no step of type {other:?}"));
            return None;
        }
    };
    let step = Step {
        name: object.text("name").unwrap_or_default().to_owned(),
        description: object.text("description").unwrap_or_default().to_owned(),
        delay_ms: object.whole("delay").unwrap_or_default(),
        timeout_ms: object.whole("timeout"),
        variables: Variables::read(object, "step_variables"),
        owner: object.identifier("owner"),
        on_completion: object.identifier("on_completion"),
        on_success: object.identifier("on_success"),
        on_failure: object.identifier("on_failure"),
        kind,
    };
    check_next(object, &step);
    Some(step)
}

/// What comes next, by section 4.1 and the sections of the types.
fn check_next(object: &mut Object<'_, '_>, step: &Step) {
    let by_outcome = step.on_success.is_some() || step.on_failure.is_some();
    if step.on_completion.is_some() && by_outcome {
        object.error("on_completion", "with it there is neither `on_success` nor `on_failure`");
    }
    match step.kind {
        StepKind::Start if by_outcome => {
            object.error("type", "a start has `on_completion` and nothing else");
        }
        StepKind::Start if step.on_completion.is_none() => {
            let pointer = object.pointer.clone();
            object.complaints.error(pointer, "`on_completion` is missing: nothing would be done");
        }
        StepKind::End if by_outcome || step.on_completion.is_some() => {
            object.error("type", "nothing comes after an end");
        }
        _ => {}
    }
}

fn playbook(object: &mut Object<'_, '_>) -> Option<Identifier> {
    let id = object.required_identifier("playbook_id")?;
    if id.kind() != "playbook" {
        object.error("playbook_id", format!("{id} is no playbook"));
        return None;
    }
    Some(id)
}

fn condition(object: &mut Object<'_, '_>) -> Option<Condition> {
    let text = object.required_text("condition")?;
    match Condition::parse(text) {
        Ok(condition) => Some(condition),
        Err(error) => {
            object.error("condition", format!("this is no condition: {error}"));
            None
        }
    }
}

fn branches(object: &mut Object<'_, '_>) -> Option<Vec<Identifier>> {
    object.required("next_steps")?;
    let branches = object.identifiers("next_steps");
    if branches.is_empty() || branches.len() > NEXT_STEPS_MAX {
        object.error(
            "next_steps",
            format!("there are {}, which must be 1 to {NEXT_STEPS_MAX}", branches.len()),
        );
        return None;
    }
    Some(branches)
}

fn switch(object: &mut Object<'_, '_>) -> Option<StepKind> {
    let switch = object.required_text("switch")?.to_owned();
    object.required("cases")?;
    let mut cases = BTreeMap::new();
    for (value, pointer, step) in object.entries("cases") {
        // a case is the name of a step; version 1.1 had a list of one
        let text = match step {
            Value::Array(list) if list.len() == 1 => list.first().and_then(Value::as_str),
            step => step.as_str(),
        };
        match text.map(str::parse) {
            Some(Ok(id)) => {
                cases.insert(value.to_owned(), id);
            }
            Some(Err(error)) => object.complaints.error(pointer, format!("{error}")),
            None => object.complaints.error(pointer, "a case is the name of a step"),
        }
    }
    if cases.is_empty() || cases.len() > NEXT_STEPS_MAX {
        object.error("cases", format!("there are {}, which must be 1 to {NEXT_STEPS_MAX}", cases.len()));
        return None;
    }
    Some(StepKind::Switch { switch, cases })
}

fn action(object: &mut Object<'_, '_>) -> Option<StepKind> {
    let commands = commands(object);
    let agent = object.required_identifier("agent");
    Some(StepKind::Action {
        commands: commands?,
        agent: agent?,
        targets: object.identifiers("targets"),
        in_args: object.texts("in_args"),
        out_args: object.texts("out_args"),
    })
}

fn commands(object: &mut Object<'_, '_>) -> Option<Vec<Command>> {
    object.required("commands")?;
    let (list, pointer) = (object.list("commands"), object.at("commands"));
    if list.is_empty() || list.len() > COMMANDS_MAX {
        object.error("commands", format!("there are {}, which must be 1 to {COMMANDS_MAX}", list.len()));
        return None;
    }
    let mut commands = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let entry = Object::of(below(&pointer, &at.to_string()), value, object.complaints);
        commands.extend(entry.and_then(|mut entry| command(&mut entry, value)));
    }
    (commands.len() == list.len()).then_some(commands)
}

fn command(entry: &mut Object<'_, '_>, value: &Value) -> Option<Command> {
    let kind = entry.required_text("type")?.to_owned();
    if !COMMAND_TYPES.contains(&kind.as_str()) && kind != ACTION_COMMAND {
        entry.warn("type", format!("{kind:?} is no type of the specification: somebody must do it by hand"));
    }
    let text = entry.text("command").map(str::to_owned);
    let encoded = entry.text("command_b64").is_some();
    if text.is_none()
        && !encoded
        && matches!(kind.as_str(), "bash" | "powershell" | "manual" | "ssh" | "http-api" | ACTION_COMMAND)
    {
        let pointer = entry.pointer.clone();
        entry.complaints.error(pointer, format!("a command of type {kind:?} has `command` or `command_b64`"));
        return None;
    }
    if kind == "http-api"
        && let Some(text) = &text
        && !is_request(text)
    {
        entry.error("command", format!("{text:?} is no request line, such as \"GET /path\""));
        return None;
    }
    let call = match &text {
        Some(text) if kind == ACTION_COMMAND => match ActionCall::parse(text) {
            Ok(call) => Some(call),
            Err(error) => {
                entry.error("command", format!("this asks for no action: {error}"));
                return None;
            }
        },
        None if kind == ACTION_COMMAND => {
            entry.error("command_b64", "an action is asked for in plain text, by `command`");
            return None;
        }
        _ => None,
    };
    let description = entry.text("description").unwrap_or_default().to_owned();
    Some(Command { kind, text, description, call, properties: value.clone() })
}

/// A method and an address, and perhaps a version (section 5.5).
fn is_request(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let method = words.next().unwrap_or_default();
    !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase()) && words.next().is_some()
}
