//! `huecry source`, `huecry token`, `huecry dead-letter`: the rest of the API.

use super::incident::{Query, text};
use crate::cli::{DeadLetter, Source, Token};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use model::{Clock, SystemClock};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

const DAY_MS: i64 = 86_400_000;

/// `huecry source`
pub(super) fn source(command: Source, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Source::List => {
            let columns = ["name", "kind", "region", "enabled"];
            list(&client.get("/api/v1/sources")?.body, &columns, json)
        }
        Source::Add { name, kind, region, secret_file } => {
            let mut new = json!({ "name": name, "kind": kind, "region": region });
            if let Some(path) = secret_file {
                new["secret"] = Value::String(read_secret(&path)?);
            }
            client.post("/api/v1/sources", &new)?;
            let token = client.post("/api/v1/tokens", &json!({ "name": name, "source": name }))?;
            if !json {
                let base = client.base();
                terminal::note(format_args!("records go to {base}/api/v1/ingest/{name} with this token:"));
            }
            secret(&token.body, json)
        }
        Source::SetSecret { name, secret_file } => {
            let change = json!({ "secret": read_secret(&secret_file)? });
            client.patch(&format!("/api/v1/sources/{name}"), None, &change)?;
            done(format_args!("{name}: the new secret is in force"), json)
        }
        Source::Enable { name } => {
            client.patch(&format!("/api/v1/sources/{name}"), None, &json!({ "enabled": true }))?;
            done(format_args!("{name}: its doors are open"), json)
        }
        Source::Disable { name } => {
            client.delete(&format!("/api/v1/sources/{name}"))?;
            done(format_args!("{name}: its doors are closed"), json)
        }
    }
}

/// `huecry token`
pub(super) fn token(command: Token, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Token::List => {
            let columns = ["id", "name", "kind", "source", "revoked_at_ms", "scopes"];
            list(&client.get("/api/v1/tokens?limit=500")?.body, &columns, json)
        }
        Token::Create { name, scopes, source, expires_in_days } => {
            let mut new = json!({ "name": name });
            match source {
                Some(source) => new["source"] = Value::String(source),
                None => new["scopes"] = scopes.iter().map(ToString::to_string).collect(),
            }
            if let Some(days) = expires_in_days {
                new["expires_at_ms"] = json!(SystemClock.now_ms() + i64::from(days) * DAY_MS);
            }
            secret(&client.post("/api/v1/tokens", &new)?.body, json)
        }
        Token::Revoke { id } => {
            client.delete(&format!("/api/v1/tokens/{id}"))?;
            done(format_args!("{id}: revoked"), json)
        }
    }
}

/// `huecry dead-letter`
pub(super) fn dead_letter(command: DeadLetter, client: &Client, json: bool) -> Result<Exit, Failure> {
    const PATH: &str = "/api/v1/dead-letters";
    match command {
        DeadLetter::List { limit, cursor } => {
            let mut query = Query::new(PATH);
            query.add("limit", Some(&limit.to_string()));
            query.add("after", cursor.as_deref());
            list(&client.get(&query.0)?.body, &["position", "source", "code", "status", "reason"], json)
        }
        DeadLetter::Show { position } => {
            let answer = client.get(&one(PATH, &position))?;
            if json {
                terminal::line(&answer.body);
            } else {
                terminal::line(serde_json::to_string_pretty(&answer.body).unwrap_or_default());
            }
            Ok(Exit::Done)
        }
        DeadLetter::Retry { positions, all } => {
            let positions = if all { open_positions(client, PATH)? } else { positions };
            retry(client, PATH, &positions, json)
        }
    }
}

/// The path of one dead letter: its raw record's partition and offset.
fn one(path: &str, position: &str) -> String {
    format!("{path}/{}", position.trim_start_matches("raw/"))
}

fn open_positions(client: &Client, path: &str) -> Result<Vec<String>, Failure> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut query = Query::new(path);
        query.add("status", Some("open"));
        query.add("limit", Some("500"));
        query.add("after", after.as_deref());
        let body = client.get(&query.0)?.body;
        let items = body["items"].as_array().cloned().unwrap_or_default();
        found.extend(items.iter().map(|item| text(&item["position"])));
        after = body["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn retry(client: &Client, path: &str, positions: &[String], json: bool) -> Result<Exit, Failure> {
    let mut refused = 0;
    for position in positions {
        match client.post(&format!("{}/retry", one(path, position)), &json!({})) {
            Ok(_) => done(format_args!("{position}: on the log again"), json)?,
            // one that is gone, or was driven again already, does not stop the others
            Err(failure) if matches!(failure.exit, Exit::Faults | Exit::Conflict) => {
                refused += 1;
                terminal::note(format_args!("{position}: {failure}"));
                Exit::Faults
            }
            Err(failure) => return Err(failure),
        };
    }
    Ok(if refused == 0 { Exit::Done } else { Exit::Faults })
}

pub(super) fn list(body: &Value, columns: &[&str], json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body);
        return Ok(Exit::Done);
    }
    let items = body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<_> = items.iter().map(|i| columns.iter().map(|c| cell(c, &i[*c])).collect()).collect();
    let header: Vec<_> = columns.iter().map(|c| c.strip_suffix("_ms").map_or(*c, without_at)).collect();
    terminal::line(terminal::table(&header, &rows));
    if let Some(next) = body["next"].as_str() {
        terminal::note(format_args!("more: --cursor '{next}'"));
    }
    Ok(Exit::Done)
}

/// `created` for `created_at`.
fn without_at(column: &str) -> &str {
    column.strip_suffix("_at").unwrap_or(column)
}

/// A value as people read it: lists without brackets, moments as UTC.
fn cell(column: &str, value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Number(ms) if column.ends_with("at_ms") => {
            ms.as_i64().map_or_else(String::new, terminal::time)
        }
        other => text(other),
    }
}

fn secret(body: &Value, json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body)
    } else {
        terminal::line(text(&body["secret"]))
    }
    Ok(Exit::Done)
}

fn done(what: std::fmt::Arguments<'_>, json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(json!({ "done": what.to_string() }))
    } else {
        terminal::line(what)
    }
    Ok(Exit::Done)
}

fn read_secret(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path)
            .map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", path.display())))?;
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        let failure = Failure::new(Exit::Usage, format!("{}: there is no secret in it", path.display()));
        return Err(failure.hint("write the secret as the file's only line"));
    }
    Ok(secret.to_owned())
}
