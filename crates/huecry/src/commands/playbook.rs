//! `huecry playbook` and `huecry connector`: what is wrong with them, and what they would do. Needs no server.

use crate::cli::{Connector, Playbook};
use crate::config::Config;
use crate::containment::load;
use crate::exit::{Exit, Failure};
use crate::terminal;
use respond::calls;
use respond::connector;
use respond::playbook::{self, Complaint, Gravity};
use respond::run::{End, Rehearsal, rehearse};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The endings of playbooks.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// Runs one of the verbs about playbooks.
pub(super) fn run(command: &Playbook, config: &Config, json: bool) -> Result<Exit, Failure> {
    match command {
        Playbook::Check { files } => check(files, config, json),
        Playbook::Rehearse { file, set } => tell(file, set, json),
        Playbook::List { .. } | Playbook::Show { .. } | Playbook::Run { .. } => {
            Err(Failure::new(Exit::Usage, "this is asked of a server"))
        }
    }
}

/// Runs one of the verbs about connectors.
pub(super) fn connectors(command: &Connector, config: &Config, json: bool) -> Result<Exit, Failure> {
    match command {
        Connector::List => list(config, json),
        Connector::Check { files } => check_connectors(files),
        Connector::Test { .. } => Err(Failure::new(Exit::Usage, "this needs a configuration")),
    }
}

fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Faults, format!("{}: {error}", file.display())))
}

/// The files themselves, and those of folders, one level deep.
fn listed(files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for file in files {
        if !file.is_dir() {
            all.push(file.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(file)? {
            let path = entry?.path();
            let is_playbook =
                path.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known));
            inside.extend((is_playbook && path.is_file()).then_some(path));
        }
        inside.sort();
        all.extend(inside);
    }
    if all.is_empty() {
        return Err(
            Failure::new(Exit::Usage, "there is no playbook").hint("playbooks end in .json, .yaml or .yml")
        );
    }
    Ok(all)
}

fn check(files: &[PathBuf], config: &Config, json: bool) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    let connectors = known(config)?;
    let files = listed(files)?;
    let read = files.iter().map(|file| Ok(playbook::read(&text_of(file)?)));
    let read: Vec<_> = read.collect::<Result<_, Failure>>()?;
    let together: Vec<_> = read.iter().flatten().map(|(playbook, _)| playbook.clone()).collect();
    for (file, read) in files.iter().zip(read) {
        let (holds, complaints) = match read {
            Ok((playbook, complaints)) => {
                // what it asks of connectors and they do not have would fail the run: errors, and so first
                let mut all = calls::check(&playbook, &connectors);
                all.extend(complaints);
                all.extend(calls::rounds(&playbook, &together));
                (!all.iter().any(|complaint| complaint.gravity == Gravity::Error), all)
            }
            Err(refused) => (false, refused.complaints),
        };
        if !holds {
            exit = Exit::Faults;
        }
        if json {
            let complaints: Vec<_> = complaints.iter().map(complaint_json).collect();
            terminal::line(json!({ "file": file, "holds": holds, "complaints": complaints }));
            continue;
        }
        let verdict = if holds { "can be run" } else { "cannot be run" };
        terminal::line(format_args!("{}: {verdict}", file.display()));
        complaints.iter().for_each(|complaint| terminal::line(format_args!("  {complaint}")));
    }
    Ok(exit)
}

fn complaint_json(complaint: &Complaint) -> serde_json::Value {
    let gravity = format!("{:?}", complaint.gravity).to_lowercase();
    json!({ "gravity": gravity, "pointer": complaint.pointer, "message": complaint.message })
}

fn tell(file: &Path, set: &[String], json: bool) -> Result<Exit, Failure> {
    let (playbook, _) = playbook::read(&text_of(file)?)
        .map_err(|refused| Failure::new(Exit::Faults, format!("{}: {refused}", file.display())))?;
    let values: Vec<(String, String)> = pairs(set)?.into_iter().collect();
    let rehearsal = rehearse(&playbook, &values).map_err(|error| {
        Failure::new(Exit::Usage, error).hint("playbook_variables of the file lists what can be set")
    })?;
    if json {
        terminal::line(rehearsal_json(&rehearsal));
    } else {
        print(&playbook.name, &rehearsal);
    }
    Ok(match rehearsal.end {
        Some(End::Completed) => Exit::Done,
        _ => Exit::Faults,
    })
}

/// What was said by `--set NAME=VALUE`.
pub(super) fn pairs(set: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    for pair in set {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::new(Exit::Usage, format!("--set {pair}: there is no ="))
                .hint("write --set __name__=value")
        })?;
        values.insert(name.to_owned(), value.to_owned());
    }
    Ok(values)
}

fn print(name: &str, rehearsal: &Rehearsal) {
    terminal::line(format_args!("{name}: nothing was done; a run would do this"));
    for (number, task) in rehearsal.tasks.iter().enumerate() {
        let wait =
            if task.delay_ms > 0 { format!(", after {} s", task.delay_ms / 1_000) } else { String::new() };
        let limit_s = task.limit_ms / 1_000;
        terminal::line(format_args!("  {}. {} (at most {limit_s} s{wait})", number + 1, task.name));
        for command in &task.commands {
            match command {
                Ok(command) => terminal::line(format_args!("     {command}")),
                Err(reason) => terminal::line(format_args!("     cannot be said yet: {reason}")),
            }
        }
    }
    let end = match &rehearsal.end {
        Some(End::Completed) => "it comes to its end".to_owned(),
        Some(End::Failed { step, reason } | End::Handled { step, reason }) => {
            format!("it fails at {step}: {reason}")
        }
        Some(End::Stopped { reason }) => format!("it is stopped: {reason}"),
        None => "it waits".to_owned(),
    };
    terminal::line(format_args!("{} steps begun; {end}", rehearsal.taken));
}

fn rehearsal_json(rehearsal: &Rehearsal) -> serde_json::Value {
    let tasks = rehearsal.tasks.iter().map(|task| {
        let commands = task.commands.iter().map(|command| match command {
            Ok(command) => json!({ "command": command }),
            Err(reason) => json!({ "unresolved": reason }),
        });
        let commands: Vec<_> = commands.collect();
        json!({
            "step": task.step, "name": task.name, "commands": commands,
            "delay_ms": task.delay_ms, "limit_ms": task.limit_ms,
        })
    });
    let tasks: Vec<_> = tasks.collect();
    json!({ "tasks": tasks, "steps_taken": rehearsal.taken, "end": rehearsal.end })
}

/// The connectors that come with the program, and those of the operator's folder.
fn known(config: &Config) -> Result<Vec<connector::Connector>, Failure> {
    let known = load::connectors(config.respond.connectors_dir.as_deref())?;
    Ok(known.into_iter().map(Arc::unwrap_or_clone).collect())
}

fn list(config: &Config, json: bool) -> Result<Exit, Failure> {
    for connector in known(config)? {
        for (name, action) in &connector.actions {
            let id = format!("{}.{name}", connector.connector);
            let (impact, back) = (action.impact.as_str(), action.reversibility.as_str());
            if json {
                terminal::line(json!({
                    "action": id, "title": action.title, "target": action.target.as_str(),
                    "impact": impact, "reversibility": back, "documentation": action.documentation,
                }));
            } else {
                terminal::line(format_args!("{id:<42} {:<58} {impact:<7} {back}", action.title));
            }
        }
    }
    Ok(Exit::Done)
}

fn check_connectors(files: &[PathBuf]) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for file in files {
        match connector::read(&text_of(file)?) {
            Ok(connector) => {
                let actions = connector.actions.len();
                terminal::line(format_args!("{}: {actions} actions hold", file.display()));
            }
            Err(error) => {
                exit = Exit::Faults;
                terminal::line(format_args!("{}: {error}", file.display()));
            }
        }
    }
    Ok(exit)
}
