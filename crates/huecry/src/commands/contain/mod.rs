//! `huecry contain`: plan, ask, approve, undo.

mod delegations;
pub(super) mod playbooks;
mod print;
pub(super) mod runs;
pub(super) mod test;

use super::incident::Query;
use super::playbook::pairs;
use crate::cli::{Contain, ContainWhat, YesNo};
use crate::client::{Ask, Client};
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};

const CONTAINMENTS: &str = "/api/v1/containments";

/// Runs one of the verbs.
pub(super) fn run(command: &Contain, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Contain::Plan(what) => plan(what, client, json),
        Contain::Request { what, reason } => request(what, reason, client, json),
        Contain::List { state, incident, limit, cursor } => {
            let mut query = Query::new(CONTAINMENTS);
            query.add("state", Some(state));
            query.add("incident", incident.as_deref());
            query.add("limit", Some(&limit.to_string()));
            query.add("cursor", cursor.as_deref());
            let body = client.get(&query.0)?.body;
            show(&body, json, print::containments)
        }
        Contain::Show { id } => show(&read(client, id)?, json, print::containment),
        Contain::Approve { id, reason, yes, on_behalf_of } => {
            let seen = read(client, id)?;
            let whose = delegations::whose(client, on_behalf_of.as_deref())?;
            confirm(&seen, "approve exactly this?", *yes, json)?;
            let body = json!({
                "approves": true, "plan_sha256": seen["plan_sha256"], "reason": reason, "on_behalf_of": whose,
            });
            decide(client, &seen, ("votes", &body), json)
        }
        Contain::Deny { id, reason, on_behalf_of } => {
            let seen = read(client, id)?;
            let whose = delegations::whose(client, on_behalf_of.as_deref())?;
            let body = json!({
                "approves": false, "plan_sha256": seen["plan_sha256"], "reason": reason, "on_behalf_of": whose,
            });
            decide(client, &seen, ("votes", &body), json)
        }
        Contain::Delegate { person, until, reason } => {
            delegations::give(client, (person, until, reason), json)
        }
        Contain::Delegations => show(&delegations::read(client)?, json, delegations::print),
        Contain::Undelegate { id } => delegations::end(client, id, json),
        Contain::Undo { id, reason } => say(client, id, ("undo", &json!({ "reason": reason })), json),
        Contain::Keep { id, time, no_end: _, reason } => {
            let minutes = time.as_deref().map(|time| minutes("--for", time)).transpose()?;
            let body = json!({ "minutes": minutes, "reason": reason });
            say(client, id, ("keep", &body), json)
        }
        Contain::Settle { id, happened, reason } => {
            let body = json!({ "happened": *happened == YesNo::Yes, "reason": reason });
            decide(client, &read(client, id)?, ("settle", &body), json)
        }
        Contain::BreakGlass { id, reason, yes } => {
            let seen = read(client, id)?;
            confirm(&seen, "have it applied without the approvals?", *yes, json)?;
            decide(client, &seen, ("break-glass", &json!({ "reason": reason })), json)
        }
    }
}

/// Prints an answer, for programs or for people.
fn show(body: &Value, json: bool, print: impl Fn(&Value)) -> Result<Exit, Failure> {
    if json {
        terminal::line(body)
    } else {
        print(body)
    }
    Ok(Exit::Done)
}

fn read(client: &Client, id: &str) -> Result<Value, Failure> {
    Ok(client.get(&format!("{CONTAINMENTS}/{id}"))?.body)
}

/// What is asked, as the API takes it.
fn asked(what: &ContainWhat) -> Result<Value, Failure> {
    let ttl = what.ttl.as_deref().map(|ttl| minutes("--ttl", ttl)).transpose()?;
    Ok(json!({
        "action": what.action, "target": what.target, "inputs": pairs(&what.set)?,
        "ttl_minutes": ttl, "incident": what.incident,
    }))
}

/// `30m`, `4h`, `2d` as minutes.
fn minutes(option: &str, text: &str) -> Result<u64, Failure> {
    let wrong = || {
        Failure::new(Exit::Usage, format!("{option} {text}: this is no time"))
            .hint("write it as 30m, 4h or 2d")
    };
    let number = text.strip_suffix(['m', 'h', 'd']).ok_or_else(wrong)?;
    let unit = match text.as_bytes().last() {
        Some(b'm') => 1,
        Some(b'h') => 60,
        _ => 24 * 60,
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

fn plan(what: &ContainWhat, client: &Client, json: bool) -> Result<Exit, Failure> {
    let body = client.post(&format!("{CONTAINMENTS}/preview"), &asked(what)?)?.body;
    show(&body, json, print::preview)
}

fn request(what: &ContainWhat, reason: &str, client: &Client, json: bool) -> Result<Exit, Failure> {
    let mut ask = asked(what)?;
    ask["reason"] = reason.into();
    let body = client.post(CONTAINMENTS, &ask)?.body;
    show(&body, json, print::containment)
}

/// Shows what would be decided, and asks; with `--yes` it only shows.
fn confirm(seen: &Value, question: &str, yes: bool, json: bool) -> Result<(), Failure> {
    if !json {
        print::plan(&seen["plan"]);
        terminal::line(format_args!("plan {}", print::text(&seen["plan_sha256"])));
    }
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, "nothing was decided: there is nobody to ask")
            .hint("--yes decides without asking"));
    }
    terminal::note(format_args!("{question} [y/N]"));
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if matches!(line.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Faults, "nothing was decided"))
}

/// POST of a decision on the version that was seen.
fn post_seen(client: &Client, path: &str, version: &Value, body: &Value) -> Result<Value, Failure> {
    let body = body.to_string();
    let ask = Ask {
        method: "POST",
        path,
        headers: vec![("if-match", format!("\"{version}\""))],
        body: Some(body.as_bytes()),
    };
    Ok(client.ask(&ask)?.good()?.body)
}

/// Of exactly what was seen.
fn decide(client: &Client, seen: &Value, (verb, body): (&str, &Value), json: bool) -> Result<Exit, Failure> {
    let path = format!("{CONTAINMENTS}/{}/{verb}", print::text(&seen["id"]));
    told(&post_seen(client, &path, &seen["version"], body)?, json)
}

/// However it stands by now.
fn say(client: &Client, id: &str, (verb, body): (&str, &Value), json: bool) -> Result<Exit, Failure> {
    told(&client.post(&format!("{CONTAINMENTS}/{id}/{verb}"), body)?.body, json)
}

fn told(body: &Value, json: bool) -> Result<Exit, Failure> {
    show(body, json, |body| {
        let missing = body["approvals_missing"].as_u64().unwrap_or_default();
        let more = if missing > 0 { format!(", {missing} more to approve it") } else { String::new() };
        terminal::line(format_args!("{}: {}{more}", print::text(&body["id"]), print::text(&body["state"])));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_minutes() {
        for (text, expected) in [("30m", 30), ("4h", 240), ("2d", 2_880)] {
            assert_eq!(minutes("--ttl", text), Ok(expected), "{text}");
        }
        for text in ["", "4", "h", "4s", "-1h", "4.5h", "99999999999999999999d", "ä"] {
            assert!(minutes("--ttl", text).is_err(), "{text}");
        }
    }
}
