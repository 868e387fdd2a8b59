//! `huecry incident`: the queue from a terminal.

use crate::cli::{Incident, StatusArg};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use clap::ValueEnum;
use serde_json::{Value, json};

/// Runs one of the verbs.
pub(super) fn run(command: Incident, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Incident::List { status, severity, assignee, search, limit, cursor } => {
            let statuses = if status.is_empty() {
                "new,in_progress,on_hold".to_owned()
            } else {
                status.iter().map(|s| name(*s)).collect::<Vec<_>>().join(",")
            };
            let mut query = Query::new("/api/v1/incidents");
            query.add("status", Some(&statuses));
            query.add("severity_min", severity.as_deref());
            query.add("assignee", assignee.as_deref());
            query.add("q", search.as_deref());
            query.add("limit", Some(&limit.to_string()));
            query.add("after", cursor.as_deref());
            list(&client.get(&query.0)?.body, json)
        }
        Incident::Show { id } => show(&client.get(&format!("/api/v1/incidents/{id}"))?.body, json),
        Incident::Assign { id, to } => {
            let assignee = if to.is_empty() { Value::Null } else { Value::String(to) };
            change(client, &id, &json!({ "assignee": assignee }), json)
        }
        Incident::Comment { id, text } => {
            let path = format!("/api/v1/incidents/{id}/comments");
            let answer = client.post(&path, &json!({ "text": text }))?;
            done(&answer.body, "commented", json)
        }
        Incident::Status { id, status } => change(client, &id, &json!({ "status": name(status) }), json),
        Incident::Close { id, verdict, reason } => {
            let mut edit = json!({ "status": "closed", "verdict": verdict });
            if let Some(reason) = reason {
                edit["reason"] = Value::String(reason);
            }
            change(client, &id, &edit, json)
        }
    }
}

/// A path with its query, percent-encoded (RFC 3986).
pub(super) struct Query(pub(super) String);

impl Query {
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn add(&mut self, key: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(key);
        self.0.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                self.0.push_str(&format!("%{byte:02X}"));
            }
        }
    }
}

fn name(status: StatusArg) -> String {
    status.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
}

/// Reads the version and changes it; somebody else's change in between is a conflict, not lost.
fn change(client: &Client, id: &str, edit: &Value, json: bool) -> Result<Exit, Failure> {
    let path = format!("/api/v1/incidents/{id}");
    let version = incident(&client.get(&path)?.body)["version"].as_u64();
    let answer = client.patch(&path, version, edit)?;
    if json {
        terminal::line(&answer.body);
    } else {
        let now = incident(&answer.body);
        terminal::line(format_args!(
            "{id}: {}, assignee {}, verdict {}",
            text(&now["status"]),
            text(&now["assignee"]),
            text(&now["verdict"])
        ));
    }
    Ok(Exit::Done)
}

/// The incident in an answer, whether it stands alone or beside its findings.
fn incident(body: &Value) -> &Value {
    body.get("incident").unwrap_or(body)
}

fn done(body: &Value, what: &str, json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body)
    } else {
        terminal::line(what)
    }
    Ok(Exit::Done)
}

/// A value for people: `-` for nothing.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Longest title in a table, in characters: ARNs are long, and `incident show` has the whole.
const TITLE_CHARS_MAX: usize = 72;

fn short(title: &str) -> String {
    match title.char_indices().nth(TITLE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}

/// The incidents of a list as a table.
pub(super) fn table(items: &[Value]) -> String {
    let row = |i: &Value| {
        let time = i["last_seen_ms"].as_i64().map_or_else(String::new, terminal::time);
        vec![
            text(&i["id"]),
            text(&i["severity"]),
            text(&i["status"]),
            text(&i["findings"]),
            time,
            text(&i["assignee"]),
            text(&i["owner"]),
            short(&text(&i["title"])),
        ]
    };
    let rows: Vec<_> = items.iter().map(row).collect();
    terminal::table(
        &["incident", "severity", "status", "findings", "last seen (UTC)", "assignee", "owner", "title"],
        &rows,
    )
}

fn list(body: &Value, json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body);
        return Ok(Exit::Done);
    }
    let items = body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        terminal::line("no incidents");
        return Ok(Exit::Done);
    }
    terminal::line(table(items));
    if let Some(next) = body["next"].as_str() {
        terminal::note(format_args!("more: --cursor '{next}'"));
    }
    Ok(Exit::Done)
}

fn show(body: &Value, json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body);
        return Ok(Exit::Done);
    }
    let i = incident(body);
    terminal::line(format_args!("{}\n{}", text(&i["id"]), text(&i["title"])));
    let group = format!("{} {}", text(&i["group"]["kind"]), text(&i["group"]["value"]));
    for (label, value) in [
        ("severity", text(&i["severity"])),
        ("status", text(&i["status"])),
        ("assignee", text(&i["assignee"])),
        ("verdict", text(&i["verdict"])),
        ("about", group),
        ("service", service(i)),
        ("owner", owner(i)),
    ] {
        terminal::line(format_args!("  {label:<9} {value}"));
    }
    let items = |value: &Value| -> Vec<Value> {
        value.as_array().or_else(|| value["items"].as_array()).cloned().unwrap_or_default()
    };
    terminal::line("\nfindings");
    for finding in items(&body["findings"]) {
        let time = finding["time_ms"].as_i64().map_or_else(String::new, terminal::time);
        let title = text(&finding["rule_title"]);
        terminal::line(format_args!("  {time}  {:<13} {title}", text(&finding["severity"])));
        for matched in items(&finding["matched"]) {
            let field = text(&matched["field"]);
            terminal::line(format_args!("      {field} = {}", text(&matched["value"])));
        }
    }
    let comments = items(&body["comments"]);
    if !comments.is_empty() {
        terminal::line("\ncomments");
    }
    for comment in comments {
        let time = comment["created_at_ms"].as_i64().map_or_else(String::new, terminal::time);
        terminal::line(format_args!("  {time}  {}: {}", text(&comment["author"]), text(&comment["text"])));
    }
    Ok(Exit::Done)
}

/// `checkout-api (critical, production)`
fn service(incident: &Value) -> String {
    let about: Vec<_> =
        ["criticality", "environment"].iter().filter_map(|key| incident[key].as_str()).collect();
    match about.is_empty() {
        true => text(&incident["service"]),
        false => format!("{} ({})", text(&incident["service"]), about.join(", ")),
    }
}

/// `@acme/payments (payments)`
fn owner(incident: &Value) -> String {
    match (incident["owner"].as_str(), incident["team"].as_str()) {
        (Some(owner), Some(team)) if owner != team => format!("{owner} ({team})"),
        _ => text(&incident["owner"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_percent_encoded() {
        let mut query = Query::new("/p");
        query.add("a", Some("x y&z"));
        query.add("b", None);
        query.add("c", Some("é"));
        assert_eq!(query.0, "/p?a=x%20y%26z&c=%C3%A9");
    }
}
