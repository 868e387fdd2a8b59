//! `huecry playbook list|show|run`: those of the server.

use super::{print, show};
use crate::cli::Playbook;
use crate::client::Client;
use crate::commands::incident::Query;
use crate::commands::playbook::pairs;
use crate::exit::{Exit, Failure};
use crate::terminal;
use print::text;
use serde_json::{Value, json};

const PLAYBOOKS: &str = "/api/v1/playbooks";

/// Runs one of the verbs.
pub(crate) fn run(command: &Playbook, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Playbook::List { incident } => {
            let mut query = Query::new(PLAYBOOKS);
            query.add("incident", incident.as_deref());
            show(&client.get(&query.0)?.body, json, |body| list(body, incident.is_some()))
        }
        Playbook::Show { playbook } => {
            let id = id(client, playbook)?;
            show(&client.get(&format!("{PLAYBOOKS}/{id}"))?.body, json, shown)
        }
        Playbook::Run { playbook, set, incident, reason } => {
            let id = id(client, playbook)?;
            let ask =
                json!({ "playbook": id, "incident": incident, "values": pairs(set)?, "reason": reason });
            show(&client.post("/api/v1/runs", &ask)?.body, json, print::run)
        }
        Playbook::Check { .. } | Playbook::Rehearse { .. } => {
            Err(Failure::new(Exit::Usage, "this is asked of files"))
        }
    }
}

/// The id of a playbook that is named by it or by its whole name.
fn id(client: &Client, named: &str) -> Result<String, Failure> {
    let is_like_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if named.starts_with("playbook--") && named.chars().all(is_like_id) {
        return Ok(named.to_owned());
    }
    let all = client.get(PLAYBOOKS)?.body;
    let mut found = all["items"].as_array().into_iter().flatten().filter(|one| one["name"] == named);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(text(&one["id"])),
        (None, _) => Err(Failure::new(Exit::Faults, format!("there is no playbook {named:?}"))
            .hint("`huecry playbook list` lists them")),
        _ => Err(Failure::new(Exit::Faults, format!("there are several playbooks {named:?}: give the id"))),
    }
}

fn list(body: &Value, for_incident: bool) {
    let mut header = vec!["playbook", "name", "steps", "owner", "review by"];
    if for_incident {
        header.push("fits");
    }
    print::page(body, ("no playbooks", &header), |row| {
        let mut cells: Vec<_> =
            ["id", "name", "steps", "owner", "review_by"].iter().map(|name| text(&row[name])).collect();
        if for_incident {
            cells.push(if row["fits"] == true { "yes" } else { "-" }.to_owned());
        }
        cells
    });
}

fn shown(body: &Value) {
    terminal::line(format_args!("{}\n{}", text(&body["name"]), text(&body["description"])));
    for variable in body["variables"].as_array().into_iter().flatten() {
        let (name, kind) = (text(&variable["name"]), text(&variable["type"]));
        terminal::line(format_args!("  {name} ({kind}): {}", text(&variable["description"])));
    }
    for step in body["steps"].as_array().into_iter().flatten() {
        terminal::line(format_args!("  {:<17} {}", text(&step["kind"]), text(&step["name"])));
        for line in step["text"].as_str().unwrap_or_default().lines() {
            terminal::line(format_args!("    | {line}"));
        }
    }
}
