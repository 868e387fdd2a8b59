//! Standing orders of the operator, checked, and what becomes of them.

use crate::config::{AutomaticConfig, Config};
use crate::exit::{Exit, Failure};
use respond::automatic::{Automated, BadOrder, Deed, Order, Outcome, Wanted};
use respond::connector::{Connector, Input};
use respond::impact::Reversibility;
use server::{ContainTelemetry, KnownPlaybook};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every order.
///
/// # Errors
/// [`Failure`] with the order and what is wrong with it.
pub(super) fn read(
    config: &Config,
    connectors: &[Arc<Connector>],
    playbooks: &[KnownPlaybook],
) -> Result<Vec<Order>, Failure> {
    let mut names = BTreeSet::new();
    let one = |said: &AutomaticConfig| {
        let wrong = |reason: &dyn std::fmt::Display| {
            Failure::new(Exit::Usage, format!("respond.automatic {:?}: {reason}", said.name))
        };
        if said.name.trim().is_empty() || !names.insert(said.name.clone()) {
            return Err(wrong(&"every order has a name of its own"));
        }
        let deed = match (&said.action, &said.playbook) {
            (Some(action), None) => by_action(config, connectors, (said, action)),
            (None, Some(playbook)) => by_playbook(playbooks, (said, playbook)),
            _ => Err("it names an action or a playbook, one of them".to_owned()),
        };
        let order = Order {
            name: said.name.clone(),
            rule: said.rule.clone(),
            sources: said.sources.iter().cloned().collect(),
            deed: deed.map_err(|reason| wrong(&reason))?,
        };
        order.check().map_err(|error| wrong(&error))?;
        Ok(order)
    };
    config.respond.automatic.iter().map(one).collect()
}

fn values(said: &AutomaticConfig) -> Result<BTreeMap<String, Wanted>, String> {
    let read = |text: &String| Wanted::read(text).map_err(|error: BadOrder| error.to_string());
    said.set.iter().map(|(name, text)| Ok((name.clone(), read(text)?))).collect()
}

fn by_action(
    config: &Config,
    connectors: &[Arc<Connector>],
    (said, action): (&AutomaticConfig, &String),
) -> Result<Deed, String> {
    let (connector, name) = action.split_once('.').unwrap_or_default();
    let known = connectors.iter().find(|known| known.connector == connector);
    let Some(spec) = known.and_then(|known| known.actions.get(name)) else {
        return Err(format!("there is no action {action:?}; `huecry connector list` lists actions"));
    };
    if !super::setup::is_connected(config, connector) {
        return Err(format!("{connector} is not connected: set respond.connections.{connector}"));
    }
    if let Some(input) = said.set.keys().find(|input| !spec.inputs.contains_key(*input)) {
        return Err(format!("{action} takes no input {input:?}"));
    }
    let target = said.target.as_ref().ok_or("an action has a target")?;
    let ttl_ms = said.ttl_minutes.map(|minutes| minutes.saturating_mul(60_000));
    if ttl_ms.is_some_and(|ttl_ms| !respond::plan::TTL_MS.contains(&ttl_ms)) {
        return Err("ttl_minutes is 1 to 43,200".to_owned());
    }
    if ttl_ms.is_some() && spec.reversibility != Reversibility::Reversible {
        return Err(format!("{action} is not taken back, so it has no ttl_minutes"));
    }
    let missing =
        |(name, input): &(&String, &Input)| input.default.is_none() && !said.set.contains_key(*name);
    if let Some((name, _)) = spec.inputs.iter().find(missing) {
        return Err(format!("{action} needs to be told {name} (set)"));
    }
    Ok(Deed::Action {
        action: action.clone(),
        target: Wanted::read(target).map_err(|error| error.to_string())?,
        inputs: values(said)?,
        ttl_ms,
    })
}

fn by_playbook(
    playbooks: &[KnownPlaybook],
    (said, name): (&AutomaticConfig, &String),
) -> Result<Deed, String> {
    let is_named =
        |known: &&KnownPlaybook| known.playbook.name == *name || known.playbook.id.as_str() == name;
    let known = playbooks.iter().find(is_named).ok_or_else(|| format!("there is no playbook {name:?}"))?;
    if said.target.is_some() || said.ttl_minutes.is_some() {
        return Err("target and ttl_minutes are of an action; a playbook has variables (set)".to_owned());
    }
    if let Some(variable) = said.set.keys().find(|name| known.playbook.variables.get(name).is_none()) {
        return Err(format!("{name:?} has no variable {variable}"));
    }
    Ok(Deed::Playbook { text: Arc::clone(&known.text), values: values(said)? })
}

/// Logs and counts what came of one.
pub(super) fn told(telemetry: &ContainTelemetry, automated: &Automated) {
    let Automated { order, incident, outcome } = automated;
    telemetry.automated(order, outcome.as_str());
    let incident = incident.map(|id| id.to_string()).unwrap_or_default();
    match outcome {
        Outcome::Asked(id) => {
            tracing::info!(order, incident, %id, "a standing order asked for a containment")
        }
        Outcome::Begun(id) => tracing::info!(order, incident, %id, "a standing order began a run"),
        Outcome::Refused(reason) => {
            tracing::warn!(order, incident, reason, "a standing order asked for nothing");
        }
        Outcome::Late => tracing::warn!(order, incident, "a finding was too old for a standing order"),
        Outcome::Already => tracing::debug!(order, incident, "a standing order was carried out before"),
    }
}
