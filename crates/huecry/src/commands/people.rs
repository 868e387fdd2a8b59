//! `huecry people`: who may sign in.

use super::administration;
use super::incident::Query;
use crate::cli::People;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use access::Role;
use model::PersonId;
use serde_json::{Map, Value, json};

const PATH: &str = "/api/v1/people";

/// Runs one of them.
pub(super) fn run(command: People, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        People::List { limit, cursor } => {
            let mut query = Query::new(PATH);
            query.add("limit", Some(&limit.to_string()));
            query.add("after", cursor.as_deref());
            let columns = ["id", "name", "email", "roles", "teams", "disabled", "signed_in_at_ms"];
            administration::list(&client.get(&query.0)?.body, &columns, json)
        }
        People::Link { roles, name, person } => {
            let new = match person {
                Some(person) => json!({ "person": person }),
                None => json!({ "roles": names(&roles), "name": name }),
            };
            let made = client.post(&format!("{PATH}/links"), &new)?.body;
            if json {
                terminal::line(&made);
            } else {
                terminal::line(made["link"].as_str().unwrap_or_default());
                terminal::note("it opens once, within a day");
            }
            Ok(Exit::Done)
        }
        People::Set { id, roles, teams, services, email } => {
            let mut change = Map::new();
            for (key, names) in [("roles", names(&roles)), ("teams", teams), ("services", services)] {
                if !names.is_empty() {
                    change.insert(key.to_owned(), json!(names));
                }
            }
            if let Some(email) = email {
                change.insert("email".to_owned(), json!(email));
            }
            if change.is_empty() {
                return Err(Failure::new(Exit::Usage, "there is nothing to set")
                    .hint("give --role, --team, --service or --email"));
            }
            set(client, id, &Value::Object(change), json)
        }
        People::Disable { id } => set(client, id, &json!({ "disabled": true }), json),
        People::Enable { id } => set(client, id, &json!({ "disabled": false }), json),
    }
}

fn names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

fn set(client: &Client, id: PersonId, change: &Value, json: bool) -> Result<Exit, Failure> {
    let version = version(client, id)?;
    let changed = client.patch(&format!("{PATH}/{id}"), Some(version), change)?.body;
    if json {
        terminal::line(&changed);
    } else {
        let names = |key: &str| {
            let names = changed[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.collect::<Vec<_>>().join(", ")
        };
        let kept_out = if changed["disabled"] == true { "; kept out" } else { "" };
        terminal::line(format_args!("{id}: {}; teams: {}{kept_out}", names("roles"), names("teams")));
    }
    Ok(Exit::Done)
}

/// The version of a person now.
fn version(client: &Client, id: PersonId) -> Result<u64, Failure> {
    let name = id.to_string();
    let mut after = None;
    loop {
        let mut query = Query::new(PATH);
        query.add("limit", Some("500"));
        query.add("after", after.as_deref());
        let page = client.get(&query.0)?.body;
        let mut items = page["items"].as_array().into_iter().flatten();
        if let Some(version) =
            items.find(|person| person["id"] == name).and_then(|person| person["version"].as_u64())
        {
            return Ok(version);
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Err(Failure::new(Exit::Faults, format!("there is no person {id}"))
                .hint("`huecry people list` has their ids"));
        }
    }
}
