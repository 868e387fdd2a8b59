//! Commands that are scripts (CACAO 2.0, section 5): of type `ssh`, which become actions of a connector, and of type `bash`,
//! which run in a sandbox.

use crate::connector::Values;
use crate::playbook::{ActionCall, Command, Identifier, Party, Playbook, Step, StepKind, Variables};
use crate::sandbox::{Ran, said};
use crate::shell;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;

/// The type of commands on hosts.
pub(super) const SSH: &str = "ssh";

/// The type of scripts in the sandbox.
pub(super) const BASH: &str = "bash";

/// The connector that commands on hosts go through: whoever sets it up has enabled them.
pub(super) const SSH_CONNECTOR: &str = "ssh_command";

/// Its action.
const SSH_ACTION: &str = "ssh_command.run";

/// The types of agents and targets that are hosts.
const HOSTS: [&str; 3] = ["ssh", "linux", "net-address"];

/// The script of a command, with the values of variables as words of their own.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn script(command: &Command, variables: &Variables) -> Result<String, String> {
    let encoded = || {
        let text = command.properties.get("command_b64").and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(text).map_err(|error| format!("this is no base 64: {error}"))?;
        String::from_utf8(bytes).map_err(|_| "in base 64 it has no text".to_owned())
    };
    let text = command.text.clone().map_or_else(encoded, Ok)?;
    shell::script(&text, variables).map_err(|error| error.to_string())
}

/// What a command of type `ssh` asks for. The playbook says on which host; as whom, by which key and whether at all is the
/// operator's to say, who has set up the connector with these `settings`.
///
/// # Errors
/// Why it asks for nothing that can be, in words.
pub(super) fn call(
    playbook: &Playbook,
    step: &Step,
    command: &Command,
    variables: &Variables,
    settings: &Values,
) -> Result<ActionCall, String> {
    let host = host(playbook, step)?;
    let resolved = |text: &str| variables.resolve(text).map_err(|error| error.to_string());
    let first = |kind: &&str| host.properties.pointer(&format!("/address/{kind}/0")).and_then(Value::as_str);
    let address = ["dname", "ipv4", "ipv6"].iter().find_map(first);
    let target = resolved(address.ok_or_else(|| format!("{} has no address", host.name))?)?;
    let account = |id: &Identifier| playbook.authentication.get(id)?.properties.get("username");
    for (what, setting, said) in [
        ("port", "ssh_port", host.properties.get("port")),
        ("account", "ssh_user", host.authentication.as_ref().and_then(account)),
    ] {
        let said = match said {
            Some(Value::String(text)) if !text.is_empty() => resolved(text)?,
            Some(Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        // done elsewhere than the playbook says it would be something else
        if settings.get(setting) != Some(&said) {
            return Err(format!("the playbook has {what} {said}, and the operator has enabled another one"));
        }
    }
    Ok(ActionCall {
        action: SSH_ACTION.to_owned(),
        target,
        inputs: BTreeMap::from([("command".to_owned(), script(command, variables)?)]),
        ttl_ms: None,
    })
}

/// The one host that a step is about: its target, or its agent.
fn host<'p>(playbook: &'p Playbook, step: &Step) -> Result<&'p Party, String> {
    let StepKind::Action { agent, targets, .. } = &step.kind else {
        return Err("it has no agent".to_owned());
    };
    // an agent may be what is acted on
    let id = match targets.as_slice() {
        [] => agent,
        [one] => one,
        _ => return Err("it is for several hosts at once: make it a step for each".to_owned()),
    };
    let defined = if targets.is_empty() { None } else { playbook.targets.get(id) };
    let party = defined.or_else(|| playbook.agents.get(id)).ok_or_else(|| format!("{id} is not defined"))?;
    if HOSTS.contains(&party.kind.as_str()) {
        Ok(party)
    } else {
        Err(format!("{} is of type {}, which is no host", party.name, party.kind))
    }
}

/// What a script came to: the values that it gives, by lines `__name__=value` for variables that the step gives; or why it
/// has failed. A name that comes twice is refused.
pub(super) fn values(ran: &Ran, out_args: &[String]) -> Result<Vec<(String, String)>, String> {
    if ran.code != Some(0) {
        return Err(said(ran));
    }
    let mut values: Vec<(String, String)> = Vec::new();
    let lines = ran.output.lines().filter_map(|line| line.split_once('='));
    for (name, value) in lines.filter(|(name, _)| out_args.iter().any(|given| given == name)) {
        // a value of several lines can say a line that looks like another one's
        if values.iter().any(|(given, _)| given == name) {
            return Err(format!("it gives {name} two values"));
        }
        values.push((name.to_owned(), value.to_owned()));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_values() {
        let ran = |code, output: &str| Ran {
            code,
            output: output.to_owned(),
            errors: String::new(),
            is_late: false,
        };
        let given = ["__a__".to_owned(), "__b__".to_owned()];
        let all = values(&ran(Some(0), "noise\n__a__=1=2\n__c__=3\n__b__=\n"), &given).unwrap();
        let expected = [("__a__", "1=2"), ("__b__", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(all, expected);
        assert_eq!(values(&ran(Some(2), "__a__=1"), &given), Err("exit code 2: __a__=1".to_owned()));
        assert!(values(&ran(None, ""), &given).is_err());
        let twice = values(&ran(Some(0), "__a__=1\n__a__=1\n"), &given);
        assert_eq!(twice, Err("it gives __a__ two values".to_owned()));
    }
}
