//! From text to a playbook.

use super::complaint::{Complaint, Complaints};
use super::object::{Object, below};
use super::variable::Variables;
use super::{Identifier, Playbook, Step, definition, extension, graph, step};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Largest playbook, in bytes.
pub const PLAYBOOK_BYTES_MAX: usize = 1 << 20;

/// Most steps of a playbook.
pub const STEPS_MAX: usize = 1_000;

/// The version of the specification that is read.
const SPEC_VERSION: &str = "cacao-2.0";

/// A playbook that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Every reason, errors first.
    pub complaints: Vec<Complaint>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no playbook that can be run")?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

impl std::error::Error for Refused {}

/// Reads a playbook from JSON, or from YAML of the same shape; with what should be looked at in it.
///
/// # Errors
/// [`Refused`] with everything that is wrong, not the first thing only.
pub fn read(text: &str) -> Result<(Playbook, Vec<Complaint>), Refused> {
    let mut complaints = Complaints::default();
    let playbook = value(text, &mut complaints).and_then(|value| {
        let mut object = Object::of(String::new(), &value, &mut complaints)?;
        of(&mut object)
    });
    let held = playbook.filter(|playbook| {
        graph::check(playbook, &mut complaints);
        !complaints.has_errors()
    });
    let complaints = complaints.into_all();
    held.map(|playbook| (playbook, complaints.clone())).ok_or(Refused { complaints })
}

fn value(text: &str, complaints: &mut Complaints) -> Option<Value> {
    if text.len() > PLAYBOOK_BYTES_MAX {
        let message = format!("it has {} bytes, at most {PLAYBOOK_BYTES_MAX} are read", text.len());
        complaints.error("", message);
        return None;
    }
    let read = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))
    } else {
        serde_saphyr::from_str::<Value>(text).map_err(|error| format!("this is no YAML: {error}"))
    };
    read.map_err(|message| complaints.error("", message)).ok()
}

fn of(object: &mut Object<'_, '_>) -> Option<Playbook> {
    for (name, expected) in [("type", "playbook"), ("spec_version", SPEC_VERSION)] {
        if let Some(text) = object.required_text(name).filter(|text| *text != expected) {
            object.error(name, format!("this is {text:?}, not {expected:?}"));
        }
    }
    let id = object.required_identifier("id");
    if let Some(id) = id.as_ref().filter(|id| id.kind() != "playbook") {
        object.error("id", format!("{id} is no name of a playbook"));
    }
    let name = object.required_text("name").map(str::to_owned);
    object.required_identifier("created_by");
    let (created, modified) = (object.required_time("created"), object.required_time("modified"));
    if created.zip(modified).is_some_and(|(created, modified)| modified < created) {
        object.error("modified", "it was modified before it was created");
    }
    let (valid_from_ms, valid_until_ms) = (object.time("valid_from"), object.time("valid_until"));
    if valid_from_ms.zip(valid_until_ms).is_some_and(|(from, until)| until <= from) {
        object.error("valid_until", "it ends before it begins");
    }
    for name in ["priority", "severity", "impact"] {
        if object.whole(name).is_some_and(|value| value > 100) {
            object.error(name, "this is 0 to 100");
        }
    }
    let start = object.required_identifier("workflow_start");
    object.required("workflow");
    Some(Playbook {
        description: object.text("description").unwrap_or_default().to_owned(),
        revoked: object.flag("revoked"),
        types: object.texts("playbook_types"),
        labels: object.texts("labels"),
        extension: extension::read(object),
        variables: Variables::read(object, "playbook_variables"),
        exception: object.identifier("workflow_exception"),
        steps: steps(object),
        agents: definition::parties(object, "agent_definitions"),
        targets: definition::parties(object, "target_definitions"),
        authentication: definition::authentication(object, "authentication_info_definitions"),
        id: id?,
        name: name?,
        created_at_ms: created?,
        modified_at_ms: modified?,
        valid_from_ms,
        valid_until_ms,
        start: start?,
    })
}

fn steps(object: &mut Object<'_, '_>) -> BTreeMap<Identifier, Step> {
    let mut steps = BTreeMap::new();
    let entries = object.entries("workflow");
    if entries.len() > STEPS_MAX {
        object.error("workflow", format!("there are {} steps, at most {STEPS_MAX} are read", entries.len()));
        return steps;
    }
    for (key, _, value) in entries {
        let pointer = below(&object.at("workflow"), key);
        let id: Identifier = match key.parse() {
            Ok(id) => id,
            Err(error) => {
                object.complaints.error(pointer, format!("{error}"));
                continue;
            }
        };
        let Some(mut entry) = Object::of(pointer, value, object.complaints) else { continue };
        if let Some(step) = step::read(&mut entry, &id) {
            steps.insert(id, step);
        }
    }
    steps
}
