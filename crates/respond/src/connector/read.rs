//! From a file to a connector, with everything that is wrong with it.

use super::exchange::{Exchange, Expectation, Method, names_of};
use super::host::{COMMAND_SECONDS_DEFAULT, COMMAND_SECONDS_MAX, STEP_SECONDS_MAX};
use super::spec::{AboutSpec, ActionSpec, Auth, Connector, OwnerSpec, SettingKind};
use super::template::Template;
use crate::impact::Reversibility;
use crate::protect::TargetKind;
use regex::Regex;
use sha2::{Digest, Sha256};
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
    let mut connector: Connector =
        serde_saphyr::from_str(text).map_err(|error| ConnectorError::Syntax(error.to_string()))?;
    connector.sha256 = Sha256::digest(text.as_bytes()).into();
    let mut faults = Vec::new();
    check(&connector, &mut faults);
    let mut own = Vec::new();
    check_whoami(&connector, &mut own);
    faults.extend(own.into_iter().map(|message| Fault { action: None, message }));
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
    if connector.base_url.as_str().is_empty() && !matches!(connector.auth, Auth::Ssh { .. }) {
        fault("`base_url` is missing: where requests go".to_owned());
    }
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
        // the file of a key is no setting that is a secret
        Auth::Ssh { .. } | Auth::None => None,
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

/// Whether an action is on somebody, or on what somebody signs in with.
const fn is_of_somebody(action: &ActionSpec) -> bool {
    matches!(action.target, TargetKind::Account | TargetKind::Credential)
}

/// A connector that acts on accounts knows which one is its own.
fn check_whoami(connector: &Connector, faults: &mut Vec<String>) {
    let is_needed = connector.actions.values().any(is_of_somebody);
    let Some(whoami) = &connector.whoami else {
        if is_needed && connector.whoami_unknown.as_ref().is_none_or(|why| why.trim().is_empty()) {
            faults.push(
                "it acts on accounts or credentials and needs `whoami`, or `whoami_unknown`: why not"
                    .to_owned(),
            );
        }
        return;
    };
    if connector.whoami_unknown.is_some() {
        faults.push("it has `whoami` and says why it has none".to_owned());
    }
    if whoami.read.is_empty() || whoami.is.is_empty() {
        faults.push("`whoami` needs `read` and `is`".to_owned());
    }
    let mut known: BTreeSet<String> = connector.settings.keys().cloned().collect();
    known.insert("now".to_owned());
    for exchange in &whoami.read {
        if exchange.changes() {
            faults.push("whoami only looks: its method is GET, ASK, or LOOK for a command".to_owned());
        }
        check_exchange(connector, "whoami", exchange, faults);
        check_taken(&mut known, "whoami", exchange, faults);
    }
    check_owners(&whoami.is, &known, "whoami", faults);
}

/// Every value that owners take is there.
fn check_owners(owners: &[OwnerSpec], known: &BTreeSet<String>, place: &str, faults: &mut Vec<String>) {
    for owner in owners {
        let pattern = owner.except.as_deref().unwrap_or("^$");
        if !pattern.starts_with('^') || !pattern.ends_with('$') || Regex::new(pattern).is_err() {
            faults.push(format!("{place}: `except` is a pattern of the whole name: ^…$"));
        }
        // of a list, and of what is asked about each of it, names are those of its members
        let taken: Vec<&str> = match &owner.each {
            Some(each) => each.names().collect(),
            None => owner.name.names().collect(),
        };
        for name in taken.into_iter().filter(|name| !known.contains(*name)) {
            faults.push(format!("{place} takes {{{name}}}, which nobody gives"));
        }
    }
}

/// A command has words, and a request a path; neither has what is the other's.
fn check_kind(connector: &Connector, phase: &str, exchange: &Exchange, faults: &mut Vec<String>) {
    let is_command = matches!(exchange.method, Method::Look | Method::Run);
    if is_command != matches!(connector.auth, Auth::Ssh { .. }) {
        let method = exchange.method.as_str();
        return faults.push(format!("{phase}: {method} is not what the authorization is for"));
    }
    let has_of_request = exchange.base_url.is_some()
        || !exchange.path.as_str().is_empty()
        || !exchange.query.is_empty()
        || exchange.body.is_some();
    let has_of_command = !exchange.run.is_empty() || exchange.stdin.is_some();
    if is_command && (exchange.run.is_empty() || has_of_request) {
        faults.push(format!("{phase}: a command has `run`, and no path, query or body"));
    }
    if !is_command && (exchange.path.as_str().is_empty() || has_of_command) {
        faults.push(format!("{phase}: a request has a path, and no `run` or `stdin`"));
    }
    if exchange.seconds_max.is_some_and(|seconds| !(1..=COMMAND_SECONDS_MAX).contains(&seconds)) {
        faults.push(format!("{phase}: it takes 1 to {COMMAND_SECONDS_MAX} seconds"));
    }
}

/// Everything by which hosts are reached is set, or told by what an action is about.
fn check_ssh(connector: &Connector, action: &ActionSpec, faults: &mut Vec<String>) {
    let Auth::Ssh { host, port, user, key_file, agent, known_hosts, hosts } = &connector.auth else { return };
    let set = [port, user, key_file, agent, known_hosts, hosts].into_iter().flat_map(Template::names);
    for name in set.filter(|name| !connector.settings.contains_key(*name)) {
        faults.push(format!("the authorization takes {{{name}}}, which is no setting"));
    }
    let parts = action.target_parts();
    let is_known = |name: &&str| *name == "target" || parts.iter().any(|part| part == name);
    for name in host.names().filter(|name| !is_known(name)) {
        faults.push(format!("the host takes {{{name}}}, which the target does not tell"));
    }
}

/// Whoever takes over from a worker that is gone must find nothing of it under way. Of requests it is said where one may take
/// longer than others do.
fn check_time(connector: &Connector, action: &ActionSpec, faults: &mut Vec<String>) {
    let takes_long = action.exchanges().any(|(_, exchange)| exchange.seconds_max.is_some());
    if !takes_long && !matches!(connector.auth, Auth::Ssh { .. }) {
        return;
    }
    let seconds = |exchanges: &[Exchange]| -> u64 {
        exchanges.iter().map(|exchange| exchange.seconds_max.unwrap_or(COMMAND_SECONDS_DEFAULT)).sum()
    };
    let steps = [
        ("read", seconds(&action.read)),
        ("apply and verify", seconds(&action.apply) + seconds(&action.verify)),
        ("revert and verify_revert", seconds(&action.revert) + seconds(&action.verify_revert)),
    ];
    for (step, seconds) in steps.into_iter().filter(|(_, seconds)| *seconds > STEP_SECONDS_MAX) {
        faults.push(format!(
            "all of {step} may take {seconds} seconds together, and at most {STEP_SECONDS_MAX}"
        ));
    }
}

fn check_exchange(connector: &Connector, phase: &str, exchange: &Exchange, faults: &mut Vec<String>) {
    check_kind(connector, phase, exchange, faults);
    if exchange.expect.is_empty() {
        faults.push(format!("{phase} expects no status"));
    }
    if exchange.holds.iter().any(Expectation::says_nothing) {
        faults.push(format!("{phase} has a `where` without `is`, `is_not` or `empty`"));
    }
    let is_url = |name: &str| connector.settings.get(name).is_some_and(|s| s.kind == SettingKind::Url);
    for name in exchange.base_url.iter().flat_map(Template::names).filter(|name| !is_url(name)) {
        faults.push(format!("{phase}: the base address needs a setting {name:?} that is an address"));
    }
}

/// Only a command of which nobody knows what it does has no other proof than its answer.
fn check_proof(connector: &Connector, action: &ActionSpec, faults: &mut Vec<String>) {
    let may_be = matches!(connector.auth, Auth::Ssh { .. })
        && action.reversibility == Reversibility::Irreversible
        && action.verify.is_empty()
        && !action.verify_tells_already;
    if action.answer_is_proof && !may_be {
        faults.push(
            "`answer_is_proof` is for commands on hosts that are irreversible and have no `verify`"
                .to_owned(),
        );
    }
}

/// Whose the target is, is told, or why nobody knows.
fn check_owner(action: &ActionSpec, faults: &mut Vec<String>) {
    let says_why = action.owner_unknown.as_ref().is_some_and(|why| !why.trim().is_empty());
    if action.owner_unknown.is_some() && !action.belongs_to.is_empty() {
        faults.push("it has `belongs_to` and says that nobody knows whose it is".to_owned());
    }
    if is_of_somebody(action) && action.belongs_to.is_empty() && !says_why {
        faults.push(
            "it is about an account or a credential and needs `belongs_to`, or `owner_unknown`: why not"
                .to_owned(),
        );
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
    if action.apply.is_empty()
        || (action.verify.is_empty() && !action.answer_is_proof)
        || action.changes.is_empty()
    {
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
    if action.destroys_target && action.reversibility != Reversibility::Irreversible {
        faults.push("it destroys its target and is not irreversible".to_owned());
    }
    if action.ttl_minutes_default.is_some() && action.reversibility != Reversibility::Reversible {
        faults.push("only what is reversible is taken back after a time".to_owned());
    }
    if !action.documentation.starts_with("https://") {
        faults.push("`documentation` is the address of the vendor's page".to_owned());
    }
    check_owner(action, faults);
    check_proof(connector, action, faults);
    check_ssh(connector, action, faults);
    check_time(connector, action, faults);
    for (phase, exchange) in action.exchanges() {
        if exchange.changes() && matches!(phase, "read" | "verify" | "verify_revert" | "about") {
            faults.push(format!("{phase} only looks: its method is GET, ASK for a question that is posted, or LOOK for a command"));
        }
        check_exchange(connector, phase, exchange, faults);
    }
    check_names(connector, action, faults);
}

/// Every value that a request takes is there when it is made; what it tells is known from then on.
fn check_taken(known: &mut BTreeSet<String>, phase: &str, exchange: &Exchange, faults: &mut Vec<String>) {
    let of_body = match exchange.body.as_ref().map(names_of) {
        Some(Ok(names)) => names,
        Some(Err(error)) => return faults.push(format!("{phase}: {error}")),
        None => Vec::new(),
    };
    let taken = exchange.names().into_iter().chain(of_body.iter().map(String::as_str));
    for name in taken.filter(|name| !known.contains(*name)) {
        faults.push(format!("{phase} takes {{{name}}}, which nobody gives"));
    }
    known.extend(exchange.facts.keys().cloned());
}

/// What people are told is read: by the look, or by a request of its own.
fn check_about(about: &[AboutSpec], read: &BTreeSet<String>, faults: &mut Vec<String>) {
    for about in about {
        let mut known = read.clone();
        check_taken(&mut known, "about", &about.read, faults);
        // of a list, names are those of its members
        for name in about.each.as_ref().unwrap_or(&about.say).names().filter(|name| !known.contains(*name)) {
            faults.push(format!("about takes {{{name}}}, which nobody gives"));
        }
    }
}

/// Every value that is taken is there.
fn check_names(connector: &Connector, action: &ActionSpec, faults: &mut Vec<String>) {
    let mut known: BTreeSet<String> = connector.settings.keys().cloned().collect();
    known.extend(["target", "now"].map(str::to_owned));
    known.extend(action.target_parts());
    known.extend(action.inputs.keys().cloned());
    let mut read = known.clone();
    read.extend(action.read.iter().flat_map(|exchange| exchange.facts.keys().cloned()));
    check_owners(&action.belongs_to, &read, "belongs_to", faults);
    for (phase, exchange) in action.exchanges().filter(|(phase, _)| *phase != "about") {
        check_taken(&mut known, phase, exchange, faults);
    }
    check_about(&action.about, &read, faults);
    let told = action.changes.iter().flat_map(|change| [&change.what, &change.before, &change.after]);
    for name in told.clone().chain(&action.notes).flat_map(Template::names) {
        if !read.contains(name) {
            faults.push(format!("changes takes {{{name}}}, which no look tells"));
        }
    }
    if told.flat_map(Template::names).any(|name| name == "now") {
        // right before it is applied it is another time, and nothing would be as it was approved
        faults.push("changes takes {now}, which is another at each look".to_owned());
    }
}
