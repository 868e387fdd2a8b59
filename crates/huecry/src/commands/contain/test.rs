//! `huecry connector test`: whether a connector's system answers.

use crate::config::Config;
use crate::containment::load;
use crate::containment::setup::OperatorSetup;
use crate::exit::{Exit, Failure};
use crate::terminal;
use model::{Clock, SystemClock};
use respond::connector::{
    Act, ActError, Auth, HttpRemote, Identity, Method, Outcome, Place, Request, Values, whoami,
};
use respond::{Connection, Setup};

/// Looks, and says what answers and what does not.
pub(crate) fn run(config: &Config, name: &str, looks: &[String]) -> Result<Exit, Failure> {
    let connectors = load::connectors(config.respond.connectors_dir.as_deref())?;
    let playbooks = load::playbooks(config.respond.playbooks_dir.as_deref(), &connectors)?;
    let setup = OperatorSetup::of(config, &connectors, &playbooks)?;
    let connection = setup.connection(name).ok_or_else(|| {
        let known = connectors.iter().find(|known| known.connector == name);
        let settings: Vec<_> =
            known.iter().flat_map(|known| known.settings.keys()).map(String::as_str).collect();
        let hint = match known {
            Some(_) => format!("[respond.connections.{name}] takes {}", settings.join(", ")),
            None => "`huecry connector list` lists connectors with their actions".to_owned(),
        };
        Failure::new(Exit::Usage, format!("{name} is not connected")).hint(hint)
    })?;
    terminal::line(format_args!("{name}: all settings are there"));
    let mut exit = reach(&connection)?;
    if exit == Exit::Done && !identity(&connection)? {
        exit = Exit::Faults;
    }
    for look in looks {
        let (action, target) = look.split_once('=').ok_or_else(|| {
            Failure::new(Exit::Usage, format!("--look {look}: there is no ="))
                .hint("write --look ACTION=TARGET")
        })?;
        if !looked(&setup, &connection, action, target)? {
            exit = Exit::Faults;
        }
    }
    Ok(exit)
}

/// Whether anything answers at the address, without signing in.
fn reach(connection: &Connection) -> Result<Exit, Failure> {
    let connector = &connection.connector;
    if matches!(connector.auth, Auth::Ssh { .. }) {
        terminal::line(format_args!("each host is reached by itself: look with --look ACTION=HOST"));
        return Ok(Exit::Done);
    }
    let values = connector.values(&connection.settings);
    let url = connector.base_url.fill(&values, Place::Json).map_err(|e| Failure::new(Exit::Faults, e))?;
    let request =
        Request { method: Method::Get, url: url.clone(), headers: Vec::new(), body: None, seconds_max: None };
    Ok(match connection.remote(&HttpRemote::default()).send(&request) {
        Ok(answer) => {
            terminal::line(format_args!(
                "{url}: answers (status {} to one who is not signed in)",
                answer.status
            ));
            Exit::Done
        }
        Err(error) => {
            terminal::line(format_args!("{url}: {error}"));
            Exit::Faults
        }
    })
}

/// As whom it is signed in: what no action of it is for.
fn identity(connection: &Connection) -> Result<bool, Failure> {
    let connector = &connection.connector;
    if connector.whoami.is_none() {
        let why = connector.whoami_unknown.as_deref().unwrap_or("no action is about accounts");
        terminal::line(format_args!("as whom it is signed in is not asked: {why}"));
        return Ok(true);
    }
    let shared = HttpRemote::default();
    let remote = connection.remote(&shared);
    let told = whoami(connector, &connection.settings, remote, SystemClock.now_ms())
        .map_err(|error: ActError| Failure::new(Exit::Faults, format!("whoami: {error}")))?;
    let (good, said) = match told {
        Identity::Known(own) => {
            let own: Vec<_> = own.iter().map(|one| format!("{} {}", one.kind.as_str(), one.name)).collect();
            (true, format!("signed in as {}; none of these is a target of it", own.join(", ")))
        }
        Identity::Later(reason) | Identity::Refused(reason) => (false, reason),
    };
    terminal::line(format_args!("{said}"));
    Ok(good)
}

/// The look of an action, signed in.
fn looked(
    setup: &OperatorSetup,
    connection: &Connection,
    action: &str,
    target: &str,
) -> Result<bool, Failure> {
    let wrong = |error: ActError| Failure::new(Exit::Faults, format!("{action}: {error}"));
    let shared = HttpRemote::default();
    let remote = connection.remote(&shared);
    let act = Act::bind(
        &connection.connector,
        action,
        (target, Vec::new()),
        (&connection.settings, &Values::new()),
        &setup.protection(),
    )
    .map_err(wrong)?;
    let (good, said) = match act.look(remote, SystemClock.now_ms()).map_err(wrong)? {
        Outcome::Done(facts) => {
            let facts: Vec<_> = facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
            (true, format!("there is something to do: {}", facts.join(" ")))
        }
        // the other side has answered, and there is nothing to do
        Outcome::Refused(reason) | Outcome::Partly(reason) => (false, reason),
        Outcome::Later(reason) | Outcome::Unknown(reason) => (false, format!("no answer: {reason}")),
    };
    terminal::line(format_args!("{action} {target}: {said}"));
    Ok(good)
}
