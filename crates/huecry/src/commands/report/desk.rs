//! The moderators' verbs: thin over the API.

use super::receipt::moment;
use super::{items, plain};
use crate::cli::ReportDesk;
use crate::client::{Ask, Client};
use crate::commands::incident::Query;
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde_json::{Value, json};

/// Longest title in a table, in characters.
const TITLE_CHARS_MAX: usize = 60;

/// Runs one of them.
pub(super) fn run(verb: &ReportDesk, client: &Client, json: bool) -> Result<Exit, Failure> {
    match verb {
        ReportDesk::List { state, form, service, search, limit, cursor } => {
            let mut query = Query::new("/api/v1/reports");
            let limit = limit.to_string();
            for (key, value) in [
                ("state", state.as_deref()),
                ("form", form.as_deref()),
                ("service", service.as_deref()),
                ("q", search.as_deref()),
                ("limit", Some(limit.as_str())),
                ("cursor", cursor.as_deref()),
            ] {
                query.add(key, value);
            }
            let columns = ["id", "state", "form", "service", "tier", "created_at", "title"];
            list(&client.get(&query.0)?.body, &columns, json)
        }
        ReportDesk::Show { id } => show(&client.get(&format!("/api/v1/reports/{id}"))?.body, json),
        ReportDesk::Accept { id, severity, reason, note } => {
            let decision = json!({ "kind": "accept", "severity": severity, "reason": reason, "note": note });
            decide(client, id, decision, json)
        }
        ReportDesk::Decline { id, reason, note } => {
            decide(client, id, json!({ "kind": "decline", "reason": reason, "note": note }), json)
        }
        ReportDesk::Ask { id, question } => {
            decide(client, id, json!({ "kind": "ask", "note": question }), json)
        }
        ReportDesk::Merge { id, incident, note } => {
            decide(client, id, json!({ "kind": "merge", "incident": incident, "note": note }), json)
        }
        ReportDesk::Appeals { state } => {
            let mut query = Query::new("/api/v1/appeals");
            query.add("state", Some(state));
            list(&client.get(&query.0)?.body, &["id", "state", "by", "due_at", "report", "reason"], json)
        }
        ReportDesk::Overturn { id, explanation } => appeal(client, id, "overturned", explanation, json),
        ReportDesk::Uphold { id, explanation } => appeal(client, id, "upheld", explanation, json),
        ReportDesk::Policy => {
            let ask = Ask { method: "GET", path: "/api/v1/reports/policy", ..Ask::default() };
            policy(&client.ask(&ask)?.good()?.body, json)
        }
    }
}

/// Decides on the version that was read; somebody else's decision in between is a conflict, not lost.
fn decide(client: &Client, id: &str, mut decision: Value, json: bool) -> Result<Exit, Failure> {
    if let Value::Object(decision) = &mut decision {
        decision.retain(|_, value| !value.is_null());
    }
    let path = format!("/api/v1/reports/{id}");
    let version = client.get(&path)?.body["version"].as_u64().unwrap_or_default();
    let body = decision.to_string();
    let path = format!("{path}/decision");
    let headers = vec![("if-match", format!("\"{version}\""))];
    let ask = Ask { method: "POST", path: &path, headers, body: Some(body.as_bytes()) };
    let answer = client.ask(&ask)?.good()?.body;
    if json {
        terminal::line(&answer);
    } else {
        let incident = answer["incident"].as_str().map(|id| format!(", incident {id}")).unwrap_or_default();
        terminal::line(format_args!("{id}: {}{incident}", text(&answer["state"])));
    }
    Ok(Exit::Done)
}

fn appeal(client: &Client, id: &str, outcome: &str, explanation: &str, json: bool) -> Result<Exit, Failure> {
    let body = json!({ "outcome": outcome, "explanation": explanation });
    let answer = client.post(&format!("/api/v1/appeals/{id}/decision"), &body)?.body;
    if json {
        terminal::line(&answer);
    } else {
        terminal::line(format_args!("{id}: {outcome}"));
    }
    Ok(Exit::Done)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => plain(text),
        // a report inside of an appeal is told by its id
        Value::Object(object) => object.get("id").map_or_else(|| value.to_string(), text),
        other => other.to_string(),
    }
}

fn cell(column: &str, value: &Value) -> String {
    let text = text(value).replace('\n', " ");
    if column.ends_with("_at") && text != "-" {
        return moment(&text);
    }
    match text.char_indices().nth(TITLE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn list(body: &Value, columns: &[&str], json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = items(&body["items"])
        .iter()
        .map(|item| columns.iter().map(|column| cell(column, &item[*column])).collect())
        .collect();
    if rows.is_empty() {
        terminal::line("nothing");
        return Ok(Exit::Done);
    }
    terminal::line(terminal::table(columns, &rows));
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
    terminal::line(format_args!("{}\n{}", text(&body["id"]), text(&body["title"])));
    let reporter = match (body["reporter"]["name"].as_str(), body["reporter"]["kind"].as_str()) {
        (Some(name), _) => plain(name),
        (None, kind) => kind.unwrap_or("-").to_owned(),
    };
    for (label, value) in [
        ("form", text(&body["form"])),
        ("state", text(&body["state"])),
        ("held", text(&body["held_reason"])),
        ("service", text(&body["service"])),
        ("owner", text(&body["owner"])),
        ("reporter", format!("{reporter} ({})", text(&body["tier"]))),
        ("channel", text(&body["channel"])),
        ("masked", text(&body["masked_count"])),
        ("incident", text(&body["incident"])),
    ] {
        if value != "-" {
            terminal::line(format_args!("  {label:<9} {value}"));
        }
    }
    for (title, part) in [("answers", &body["fields"]), ("context", &body["context"])] {
        let known: Vec<_> =
            part.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).collect();
        if !known.is_empty() {
            terminal::line(format_args!("\n{title}"));
        }
        for (name, value) in known {
            terminal::line(format_args!("  {name}: {}", text(value).replace('\n', "\n    ")));
        }
    }
    if !items(&body["messages"]).is_empty() {
        terminal::line("\nmessages");
    }
    for message in items(&body["messages"]) {
        let internal = if message["internal"] == true { " (internal)" } else { "" };
        let at = message["at"].as_str().map(moment).unwrap_or_default();
        terminal::line(format_args!(
            "  {at}  {}{internal}: {}",
            text(&message["author"]),
            text(&message["text"])
        ));
    }
    Ok(Exit::Done)
}

fn policy(body: &Value, json: bool) -> Result<Exit, Failure> {
    if json {
        terminal::line(body);
        return Ok(Exit::Done);
    }
    terminal::line(format_args!(
        "{} ({})\n\n{}",
        text(&body["title"]),
        text(&body["version"]),
        text(&body["text"])
    ));
    list(&json!({ "items": body["reasons"] }), &["id", "title", "counts_against"], false)
}
