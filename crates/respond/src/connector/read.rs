//! From a file to a connector, with everything that is wrong with it.

use super::exchange::{Expectation, names_of};
use super::spec::{ActionSpec, Auth, Connector, SettingKind};
use super::template::Template;
use crate::impact::Reversibility;
use regex::Regex;
use std::collections::BTreeSet;

/// Largest file, in bytes.
pub const CONNECTOR_BYTES_MAX: usize = 1 << 20;

/// One thing that is wrong with a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The action, if it is about one.
    pub action: Option<String>,
    /// What.
    pub message: String,
}

/// A file that is no connector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It cannot be read as one.
    #[error("this is no connector: {0}")]
    Syntax(String),
    /// It does not hold.
    #[error("this connector does not hold: {}", .0.iter().map(|fault| match &fault.action {
        Some(action) => format!("{action}: {}", fault.message),
        None => fault.message.clone(),
    }).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
}

/// Reads a connector.
///
/// # Errors
/// [`ConnectorError`] with everything that is wrong.
pub fn read(text: &str) -> Result<Connector, ConnectorError> {
    if text.len() > CONNECTOR_BYTES_MAX {
        return Err(ConnectorError::Syntax(format!("it has more than {CONNECTOR_BYTES_MAX} bytes")));
    }
    let connector: Connector =
        serde_saphyr::from_str(text).map_err(|error| ConnectorError::Syntax(error.to_string()))?;
    let mut faults = Vec::new();
    check(&connector, &mut faults);
    for (name, action) in &connector.actions {
        let mut own = Vec::new();
        check_action(&connector, action, &mut own);
        faults.extend(own.into_iter().map(|message| Fault { action: Some(name.clone()), message }));
    }
    if faults.is_empty() { Ok(connector) } else { Err(ConnectorError::Faults(faults)) }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn check(connector: &Connector, faults: &mut Vec<Fault>) {
    let mut fault = |message: String| faults.push(Fault { action: None, message });
    if !is_name(&connector.connector) {
        fault(format!("{:?} is no name: a-z, 0-9 and _", connector.connector));
    }
    for name in connector.settings.keys().chain(connector.actions.keys()).filter(|name| !is_name(name)) {
        fault(format!("{name:?} is no name: a-z, 0-9 and _"));
    }
    let is_secret = |name: &str| connector.settings.get(name).is_some_and(|s| s.kind == SettingKind::Secret);
    for name in connector.base_url.names() {
        // the whole address, or a part of its host that was checked when it was set
        if !connector.settings.get(name).is_some_and(|s| s.kind != SettingKind::Secret) {
            fault(format!("the base address needs a setting {name:?} that is no secret"));
        }
    }
    let signed_by: Option<Vec<&Template>> = match &connector.auth {
        Auth::Header { value } => Some(vec![value]),
        Auth::AwsSigv4 { secret_key, .. } => Some(vec![secret_key]),
        Auth::Token { form, basic, .. } => {
            Some(form.values().chain(basic.iter().map(|basic| &basic.password)).collect())
        }
        Auth::None => None,
    };
    if let Auth::Token { url, form, basic, .. } = &connector.auth {
        for name in url.names().filter(|name| is_secret(name)) {
            fault(format!("the address of tokens has the secret {name:?}"));
        }
        let basic = basic.iter().flat_map(|basic| [&basic.user, &basic.password]);
        let names = form.values().chain(basic).chain([url]).flat_map(Template::names);
        for name in names.filter(|name| !connector.settings.contains_key(*name)) {
            fault(format!("the authorization takes {{{name}}}, which is no setting"));
        }
    }
    if signed_by.is_some_and(|all| !all.into_iter().flat_map(Template::names).any(is_secret)) {
        fault("the authorization names no setting that is a secret".to_owned());
    }
    if connector.actions.is_empty() {
        fault("there are no actions".to_owned());
    }
}

fn check_action(connector: &Connector, action: &ActionSpec, faults: &mut Vec<String>) {
    for (what, pattern) in std::iter::once(("the target", &action.target_pattern))
        .chain(action.inputs.iter().map(|(name, input)| (name.as_str(), &input.pattern)))
    {
        match Regex::new(pattern) {
            Ok(_) if pattern.starts_with('^') && pattern.ends_with('$') => {}
            Ok(_) => faults.push(format!("the pattern of {what} must be of the whole value: ^…$")),
            Err(error) => faults.push(format!("the pattern of {what} is none: {error}")),
        }
    }
    if action.apply.is_empty() || action.verify.is_empty() || action.changes.is_empty() {
        faults.push("it needs `changes`, `apply` and `verify`".to_owned());
    }
    match action.reversibility {
        Reversibility::Reversible if action.revert.is_empty() || action.verify_revert.is_empty() => {
            faults.push("it is reversible and needs `revert` and `verify_revert`".to_owned());
        }
        Reversibility::Compensable if action.compensation.is_none() => {
            faults.push("it is compensable and needs `compensation`: what happens by itself".to_owned());
        }
        Reversibility::Compensable | Reversibility::Irreversible if !action.revert.is_empty() => {
            faults.push("it has `revert` and is not reversible".to_owned());
        }
        _ => {}
    }
    if action.ttl_minutes_default.is_some() && action.reversibility != Reversibility::Reversible {
        faults.push("only what is reversible is taken back after a time".to_owned());
    }
    if !action.documentation.starts_with("https://") {
        faults.push("`documentation` is the address of the vendor's page".to_owned());
    }
    for (phase, exchange) in action.exchanges() {
        if exchange.changes() && matches!(phase, "read" | "verify" | "verify_revert") {
            faults.push(format!("{phase} only looks: its method is GET"));
        }
        if exchange.expect.is_empty() {
            faults.push(format!("{phase} expects no status"));
        }
        if exchange.holds.iter().any(Expectation::says_nothing) {
            faults.push(format!("{phase} has a `where` without `is`, `is_not` or `empty`"));
        }
    }
    check_names(connector, action, faults);
}

/// Every value that a request takes is there when it is made.
fn check_names(connector: &Connector, action: &ActionSpec, faults: &mut Vec<String>) {
    let mut known: BTreeSet<String> = connector.settings.keys().cloned().collect();
    known.extend(["target", "now"].map(str::to_owned));
    known.extend(action.target_parts());
    known.extend(action.inputs.keys().cloned());
    let mut missing = |known: &BTreeSet<String>, name: &str, place: &str| {
        if !known.contains(name) {
            faults.push(format!("{place} takes {{{name}}}, which nobody gives"));
        }
    };
    let mut read = known.clone();
    read.extend(action.read.iter().flat_map(|exchange| exchange.facts.keys().cloned()));
    action
        .belongs_to
        .iter()
        .flat_map(|owner| owner.name.names())
        .for_each(|name| missing(&read, name, "belongs_to"));
    for (phase, exchange) in action.exchanges() {
        exchange.names().into_iter().for_each(|name| missing(&known, name, phase));
        match exchange.body.as_ref().map(names_of) {
            Some(Ok(names)) => names.iter().for_each(|name| missing(&known, name, phase)),
            Some(Err(error)) => return faults.push(format!("{phase}: {error}")),
            None => {}
        }
        // what was read is known from then on; what an answer to a change told is known to what follows it
        known.extend(exchange.facts.keys().cloned());
    }
    for change in &action.changes {
        let names = change.what.names().chain(change.before.names()).chain(change.after.names());
        names.for_each(|name| missing(&known, name, "changes"));
    }
}
